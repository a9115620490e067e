"""The running server: who is connected, who is online, and what the operator does to them.

Everything said to a client is written at once and without waiting, so each act (a login that displaces another, a kick,
a ban) is one step that nobody sees half done. A client that does not read is cut off when its backlog is full.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import math
import secrets
import ssl as tls
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self, cast

from attrs import define, field, frozen
from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import State

from ..transports.wire import MUTE, receive
from ..vocabulary.logins import LoginInfo, OnlineClient, account_name
from ..vocabulary.reasons import VERDICT_CODES, Code, Reason, reason_of
from . import protocol
from .accounts import Accounts, Verifier, check_attempt
from .policy import Device, OneClient, Policy
from .protocol import Kick, Limits, Login, Logout, Refused

_GRACE: Final = 64
"""Connections above the limits that are still told so; any more are dropped unheard."""

_CODE_OF: Final = (
    dict.fromkeys(Reason, Code.INVALID) | {Reason.NET: Code.NET, Reason.BUSY: Code.UNAVAILABLE} | VERDICT_CODES
)

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Sync:
    """How the server plays data sync after each login (R14). The web SDK can hear a finish without a start."""

    start: bool = True
    finish: bool = True
    delay: float = 0.0
    """Seconds between the login and the finish."""


class _Connection(ServerConnection):
    """A WebSocket that the server knows of from its TCP connection on, and that never waits for a client to read.

    It is told of TCP connections, and has TLS started itself: asyncio would tell it of a TLS connection only when the
    handshake is done, and until then nobody could count or close it.
    """

    def __init__(self, house: Server, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._house = house
        self.is_guest = False
        """It counts as a guest of its address."""
        self._opened = False
        self._held: list[bytes] | None = []
        """What came and is not heard yet: before the connection is opened, and in a stall."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tcp = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._house._arrived(self):
            self.abort()
        elif (ssl := self._house._ssl) is None:
            self._open(transport)
        else:
            self._house._spawn(self._secure(ssl))

    async def _secure(self, ssl: tls.SSLContext) -> None:
        limits, transport = self._house.limits, None
        try:
            transport = await self.loop.start_tls(
                self._tcp,
                self,
                ssl,
                server_side=True,
                ssl_handshake_timeout=limits.login_timeout,
                ssl_shutdown_timeout=limits.close_timeout,
            )
        except OSError:
            pass  # the client speaks no TLS that we do, is too slow, or is gone
        finally:
            if transport is None:
                self.abort()  # asyncio would wait for a client that does not read
                self._house._gone(self)
        if transport is not None:
            self._open(transport)

    def _open(self, transport: asyncio.BaseTransport) -> None:
        self._opened = True
        super().connection_made(transport)
        if self._house._stall is None:
            self.hear()
        else:
            self.transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self._held is None:
            super().data_received(data)
        else:
            self._held.append(data)
            if self._opened:
                self.transport.pause_reading()  # as soon as it has room, websockets' own flow control reads on

    def eof_received(self) -> None:
        if self._opened:
            super().eof_received()

    def hold(self) -> None:
        """Hear nothing."""
        if self._opened and self._held is None:
            self._held = []
            self.transport.pause_reading()

    def hear(self) -> None:
        """Hear again, from where it was left."""
        if self._opened and self._held is not None:
            held, self._held = self._held, None
            if not self.recv_messages.paused:  # else it is websockets that reads on when it has room
                self.transport.resume_reading()
            for data in held:
                super().data_received(data)

    def abort(self) -> None:
        """Cut the connection, whatever stage it is in."""
        self._tcp.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._house._gone(self)
        if self._opened:
            super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.loop.call_soon(self.transport.abort)  # not in the midst of a write: what followed would fill the log


class _Phase(Enum):
    GUEST = auto()
    """Connected, not logged in."""
    ONLINE = auto()
    ENDED = auto()
    """Told goodbye; only the closing is left."""


@define(eq=False)
class Session:
    """One connection, from its hello to its close."""

    _server: Server
    ws: _Connection
    _tokens: float
    """Messages that it may still send at once."""
    _counted: float
    """When `_tokens` was last right."""
    _phase: _Phase = _Phase.GUEST
    _task: asyncio.Task[None] = field(factory=lambda: cast("asyncio.Task[None]", asyncio.current_task()))
    account: str = ""
    device: Device = field(factory=lambda: Device(""))
    client: OnlineClient = field(factory=lambda: OnlineClient(""))
    _sync: asyncio.TimerHandle | None = None
    _close_code: int = CloseCode.NORMAL_CLOSURE

    async def run(self) -> None:
        """Serve the client until one of us leaves, and close. Raises nothing that a client can cause."""
        try:
            await self._log_in()
            while self._phase is _Phase.ONLINE:
                self._hear(protocol.parse(await self._receive()))
        except Refused as refused:
            if refused.code == Code.INVALID:
                self._close_code = CloseCode.POLICY_VIOLATION
            self.say(protocol.verdict("ended" if self._phase is _Phase.ONLINE else "refused", refused))
        except TimeoutError:  # silent: nobody is there to say goodbye to
            self.ws.transport.abort()
        except ConnectionClosed:
            pass
        except asyncio.CancelledError:
            if self._phase is not _Phase.ENDED or self._task.uncancel():
                raise
        finally:
            self.leave()
        await self.ws.close(self._close_code)

    async def _log_in(self) -> None:
        self.say(protocol.hello())
        try:
            async with asyncio.timeout(self._server.limits.login_timeout):
                match protocol.parse(await self._receive()):
                    case Login() as login:
                        await self._server._log_in(self, login)
                    case _:
                        raise Refused(Code.INVALID, "the message is out of order: the first one is a login")
        except TimeoutError:
            raise Refused(Code.TIMED_OUT, "the login took too long; connect and log in again") from None

    def _hear(self, message: Login | Kick | Logout) -> None:
        match message:
            case Kick():
                self._server._kick_by_client(self, message)
            case Logout():
                self.leave()
            case Login():
                raise Refused(Code.INVALID, "the message is out of order: this connection is logged in already")

    async def _receive(self) -> str | bytes:
        message = await receive(self.ws, self._server.heartbeat)
        limits, now = self._server.limits, self._server.monotonic()
        self._tokens += (now - self._counted) * limits.messages_per_second
        self._tokens = min(self._tokens, limits.message_burst) - 1
        self._counted = now
        if self._tokens < 0:
            raise Refused(Code.TOO_FREQUENT, "too many messages at once; send fewer")
        return message

    def say(self, message: str) -> None:
        """Send without waiting; on a connection that is closing, nothing happens."""
        broadcast([self.ws], message)

    def come_online(self, account: str, device: Device, now: float) -> None:
        self._phase = _Phase.ONLINE
        self.account, self.device = account, device
        self.client = OnlineClient(
            secrets.token_hex(8), device.os, device.client_type, now, device.custom_tag, device.custom_client_type
        )

    def play_sync(self, sync: Sync) -> None:
        if sync.start:
            self.say(protocol.write("sync_started"))
        if sync.finish and sync.delay > 0:
            finish = protocol.write("sync_finished")
            self._sync = asyncio.get_running_loop().call_later(sync.delay, self.say, finish)
        elif sync.finish:
            self.say(protocol.write("sync_finished"))

    def end(self, why: Refused | None = None, close_code: int = CloseCode.NORMAL_CLOSURE) -> None:
        """Take the client offline, tell it why, and have its own task close the connection. Idempotent."""
        if self._phase is _Phase.ENDED:
            return
        if why is not None:
            self.say(protocol.verdict("ended", why))
        self._close_code = close_code
        self.leave()
        self._task.cancel()

    def drop(self) -> None:
        """Cut the connection without a word."""
        self.leave()
        self.ws.transport.abort()

    def leave(self) -> None:
        """Go off the list of who is online. Idempotent."""
        was_online, self._phase = self._phase is _Phase.ONLINE, _Phase.ENDED
        if self._sync is not None:
            self._sync.cancel()
        if was_online:
            self._server._offline(self)


class Server:
    """The reference login server: docs/protocol.md over real WebSockets, for demos and tests.

    Use it as `async with Server() as server:`, connect to `server.url`, and drive it by its methods, all from the event
    loop that it runs in. What it knows lives as long as the object. Nothing here is for the open internet: accounts are
    in memory and there is one operator.

    `policy`, `sync` and `heartbeat` (seconds) may be set at any time and apply from the next login or message on.
    `monotonic` and `wall` are the clocks for limits and for token expiry; time-outs of the connections themselves are
    the event loop's.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: tls.SSLContext | None = None,
        app_key: str = "demo",
        secret: str | None = None,
        verify: Verifier | None = None,
        policy: Policy | None = None,
        sync: Sync | None = None,
        heartbeat: float = 30.0,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.policy: Policy = policy or OneClient()
        self.sync = sync or Sync()
        self.heartbeat = heartbeat
        self.limits = limits or Limits()
        self.monotonic = monotonic
        self.wall = wall
        self.app_key = app_key
        self._host, self._port, self._ssl = host, port, ssl
        self._accounts = Accounts(app_key, self.limits, monotonic, wall, secret=secret, verify=verify)
        self._listener: WebSocketServer | None = None
        self._connections: set[_Connection] = set()
        self._turned_away: set[_Connection] = set()
        """Those of them that came above the limits, and are there only to be told so."""
        self._guests: Counter[str] = Counter()
        """How many of each address have not logged in, without those turned away."""
        self._handshakes: set[asyncio.Task[None]] = set()
        self._closing = False
        self._sessions: set[Session] = set()
        self._online: dict[str, list[Session]] = {}
        self._refusals: list[tuple[str | None, Refused]] = []
        self._delay = 0.0
        self._stall: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Server {self.url if self._listener else 'not running'}>"

    # -- running ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be had."""
        self._closing = False
        self._listener = await serve(
            self._handle,
            self._host,
            self._port,
            compression=None,
            process_request=self._admit,
            server_header=None,
            open_timeout=self.limits.login_timeout,
            ping_interval=None,  # the heartbeat is part of receiving
            close_timeout=self.limits.close_timeout,
            max_size=self.limits.max_message,
            write_limit=self.limits.max_backlog,
            logger=MUTE,
            create_connection=cast(Any, functools.partial(_Connection, self)),
        )

    async def close(self) -> None:
        """Stop: every client hears a close (1001), every task and socket ends within `limits.close_timeout`."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._closing = True  # who is accepted before the listener is closed has come too late
        self.unstall()
        for session in list(self._sessions):
            session.end(close_code=CloseCode.GOING_AWAY)
        for connection in self._connections:
            if connection.state is not State.OPEN:
                connection.abort()
        listener.close()
        await listener.wait_closed()
        if self._handshakes:
            await asyncio.wait(self._handshakes)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Where clients connect to. Raises RuntimeError while the server is not running."""
        if self._listener is None:
            raise RuntimeError("the server is not running; start it first")
        host, port = self._listener.sockets[0].getsockname()[:2]
        return f"{'wss' if self._ssl else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}"

    # -- what the operator does ---------------------------------------------------------------------------------------

    def add_account(self, name: str, token: str | None = None) -> None:
        """Make an account, or give it another static token. Without one it can use dynamic and third-party logins.

        Who is online stays so. Raises ValueError for a name or a token that no client could send.
        """
        account = self._accounts.add(name)
        if token is not None:
            account.set_token(LoginInfo(name, token).token)

    def ban(self, name: str, *, kick: bool = False) -> None:
        """Refuse the account's logins (422). Its clients stay online unless `kick`. Raises LookupError."""
        self._accounts.get(name).banned = True
        if kick:
            for session in self._sessions_of(name):
                session.end(Refused(Code.FORBIDDEN, "this account was banned; ask its operator", Reason.FORBIDDEN))

    def unban(self, name: str) -> None:
        """Raises LookupError when there is no such account."""
        self._accounts.get(name).banned = False

    def lock_out(self, name: str) -> None:
        """Refuse the account's logins for `limits.login_penalty` (416), as if there had been too many."""
        self._accounts.lock_out(name)

    def kick(self, name: str, client_id: str | None = None) -> int:
        """End one client of the account, or all, and say so (kicked_by_server). Gives their number."""
        why = Refused(VERDICT_CODES[Reason.KICKED_BY_SERVER], "the server ended this session", Reason.KICKED_BY_SERVER)
        sessions = self._sessions_of(name, client_id)
        for session in sessions:
            session.end(why)
        return len(sessions)

    def drop(self, name: str, client_id: str | None = None) -> int:
        """Cut the connection of one client of the account, or of all, without a close. Gives their number."""
        sessions = self._sessions_of(name, client_id)
        for session in sessions:
            session.drop()
        return len(sessions)

    def refuse_next(self, what: int | Reason, count: int = 1, *, account: str | None = None) -> None:
        """Refuse the next `count` logins (of `account`, if given) with this code of NIM's, or for this reason.

        A code that means success to NIM, or a count over 1000, is a ValueError.
        """
        if what == Code.OK or not 1 <= count <= 1000:
            raise ValueError("a login is refused with a code other than 200, and 1 to 1000 times")
        code, reason = (what, reason_of(what)) if not isinstance(what, Reason) else (_CODE_OF[what], what)
        refused = Refused(code, f"the operator has this login refused ({reason})", reason)
        self._refusals += [(account and account_name(account), refused)] * count

    def delay(self, seconds: float) -> None:
        """Answer each login so much later from now on; 0 ends it. Over `limits.login_timeout`, logins time out."""
        self._delay = seconds

    def stall(self, seconds: float = math.inf) -> None:
        """Hear nothing for so long, and so answer nothing, pings included: to clients the server is hung."""
        self.unstall()
        self._stall = asyncio.get_running_loop().call_later(seconds, self.unstall)
        for connection in self._connections:
            connection.hold()

    def unstall(self) -> None:
        """Hear again, from where it was left."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
            for connection in self._connections:
                connection.hear()

    def clients(self, name: str | None = None) -> tuple[OnlineClient, ...]:
        """Who is online now, of one account or of all, in the order of their logins."""
        sessions = itertools.chain(*self._online.values()) if name is None else self._sessions_of(name)
        return tuple(session.client for session in sessions)

    def _sessions_of(self, name: str, client_id: str | None = None) -> list[Session]:
        sessions = self._online.get(self._accounts.get(name).name, [])
        return [session for session in sessions if client_id in (None, session.client.client_id)]

    # -- what the clients do ------------------------------------------------------------------------------------------

    def _arrived(self, connection: _Connection) -> bool:
        """Count a new connection. False: there is no place for it, not even to be told so.

        It is counted before it has said anything, since silence is the cheapest way to hold a place; and one above the
        limits is counted apart, so that it takes no place from anybody else.
        """
        if self._closing:
            return False
        taken = len(self._connections) - len(self._turned_away)
        if taken < self.limits.max_connections and self._guests[connection.peer] < self.limits.max_guests_per_peer:
            connection.is_guest = True
            self._guests[connection.peer] += 1
        elif len(self._turned_away) < _GRACE:
            self._turned_away.add(connection)
        else:
            return False
        self._connections.add(connection)
        return True

    def _gone(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        self._turned_away.discard(connection)
        self._no_guest(connection)

    def _no_guest(self, connection: _Connection) -> None:
        if connection.is_guest:
            connection.is_guest = False
            self._guests[connection.peer] -= 1
            if not self._guests[connection.peer]:
                del self._guests[connection.peer]

    def _spawn(self, handshake: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(handshake)
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if connection in self._turned_away:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again later\n")
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection)
        session = Session(self, connection, self.limits.message_burst, self.monotonic())
        self._sessions.add(session)
        try:
            await session.run()
        except Exception:
            _log.exception("a session failed by a fault of the server; it is closed, and the others go on")
            raise
        finally:
            self._sessions.discard(session)

    async def _log_in(self, session: Session, login: Login) -> None:
        """Accept the login or raise Refused. After the last await it is one step: nobody sees it half done."""
        if self._delay:
            await asyncio.sleep(self._delay)
        self._refuse_if_told(login.login.account)
        account = await self._accounts.authenticate(login)
        if session.ws.state is not State.OPEN:
            raise Refused(Code.NET, "the client left before its login was checked")  # so it displaces nobody
        check_attempt(login, account, self.policy)
        for loser in self._losers(account.name, login):
            text = "a login elsewhere took this client's place"
            loser.end(Refused(VERDICT_CODES[Reason.DISPLACED], text, Reason.DISPLACED))
        account.logged_in(login.device)
        session.come_online(account.name, login.device, self.wall())
        self._no_guest(session.ws)
        self._online.setdefault(account.name, []).append(session)
        session.say(protocol.write("accepted", client_id=session.client.client_id))
        self._push_clients(account.name)
        session.play_sync(self.sync)
        _log.info("account %r: client %s logged in (%s)", account.name, session.client.client_id, login.attempt)

    def _refuse_if_told(self, account: str) -> None:
        for number, (name, refused) in enumerate(self._refusals):
            if name in (None, account):
                del self._refusals[number]
                raise refused

    def _losers(self, account: str, login: Login) -> list[Session]:
        """Who must go for this login: whoever is in its place and, if it is forced, the oldest above the limit."""
        place = self.policy.place(login.device)
        online = self._online.get(account, [])
        losers = [session for session in online if self.policy.place(session.device) == place]
        others = [session for session in online if session not in losers]
        excess = len(others) + 1 - self.limits.max_clients
        if excess > 0 and not login.forced:
            text = (
                f"{len(others)} clients of this account are online, and no more are allowed; end one or force the login"
            )
            raise Refused(VERDICT_CODES[Reason.ALREADY_ONLINE], text, Reason.ALREADY_ONLINE)
        return losers + others[: max(excess, 0)]

    def _kick_by_client(self, asker: Session, kick: Kick) -> None:
        """Another client of the same account that is still online may be ended by hand."""
        for session in self._sessions_of(asker.account, kick.client_id):
            if session is not asker:
                text = "another client of this account ended this session"
                session.end(Refused(VERDICT_CODES[Reason.KICKED_BY_CLIENT], text, Reason.KICKED_BY_CLIENT))
                asker.say(protocol.write("kicked", id=kick.number))
                return
        refused = Refused(404, "that client is not online any more; look at the list of clients again")
        asker.say(protocol.verdict("kicked", refused, id=kick.number))

    def _offline(self, session: Session) -> None:
        self._online[session.account].remove(session)
        if not self._online[session.account]:
            del self._online[session.account]
        self._push_clients(session.account)
        _log.info("account %r: client %s is offline", session.account, session.client.client_id)

    def _push_clients(self, account: str) -> None:
        sessions = self._online.get(account, [])
        for session in sessions:
            session.say(protocol.client_list([other.client for other in sessions if other is not session]))
