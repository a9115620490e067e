"""The WebSocket transport: nimauth's own JSON protocol (docs/protocol.md) over ws:// and wss://.

The `websockets` library does the framing. Its conveniences that act on their own are off: no proxy, no redirect, no
reconnect, no compression, no keepalive task (the heartbeat is part of receiving, so a connection costs no task at all).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import platform
import ssl as tls
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, cast

from attrs import Factory, define, field, frozen

try:
    from websockets.asyncio.client import ClientConnection, connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
except ModuleNotFoundError as error:
    text = "WebSocket needs the package websockets; install it with: pip install 'nimauth[websocket]'"
    raise ModuleNotFoundError(text, name=error.name) from None

from ..vocabulary.logins import OnlineClient
from ..vocabulary.reasons import Code, Reason, reason_of
from . import terms
from .base import (
    Accepted,
    KickRefused,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Signal,
    SyncFinished,
    SyncStarted,
)
from .reach import InTime, dial, verifying
from .signals import CLOSED, Signals, ended_for
from .urls import ServerUrl, Urls
from .wire import MAX_LABEL, MAX_WORD, MUTE, PROTOCOL, VERSION, check_text, receive
from .words import clean, login_time


class _Refused(InvalidHandshake):
    """The server answered the upgrade with this HTTP status."""

    def __init__(self, status: int) -> None:
        self.status = status


class _Connection(ClientConnection):
    def pause_writing(self) -> None:
        # What we send fits the buffer many times over: a full one means a peer that does not read (while it may well
        # keep us answering its pings). Waiting for it, as a plain close() would, has no end. It is not cut off in the
        # midst of a write, as asyncio logs each further write to a closed socket.
        super().pause_writing()
        self.loop.call_soon(self.transport.abort)

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super().handshake(*args, **kwargs)
        except InvalidStatus as exc:  # under this name, connect() would follow a redirect
            raise _Refused(exc.response.status_code) from None


@define(eq=False)
class WebSocketLink:
    """One WebSocket connection (see `transports.base.Link`)."""

    _ws: ClientConnection
    _transport: WebSocketTransport
    _secrets: tuple[str, ...] = field(default=(), repr=False)
    """What a server might echo, kept out of all that is shown."""
    _kicks: dict[int, asyncio.Future[None]] = field(factory=dict)
    _numbers: Iterator[int] = field(factory=itertools.count)
    _signals: Signals = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._signals = Signals(self._hear)

    async def hello(self) -> None:
        """Hear what the server speaks. Raises LinkFailed when that is not this protocol, or not this version of it."""
        message = await self._receive(bounded=True)
        versions = message.get("versions")
        if message.get("op") != "hello" or message.get("protocol") != PROTOCOL or not isinstance(versions, list):
            raise self._garbage("its first message is not this protocol's hello")
        if VERSION not in versions:
            text = f"the server does not speak version {VERSION} of the protocol; update the client or the server"
            raise LinkFailed(Reason.VERSION, Code.VERSION, text)

    async def login(self, request: LoginRequest) -> Accepted:
        login, transport = request.login, self._transport
        self._secrets = (login.token, login.login_ext)
        await self._send(
            op="login",
            version=VERSION,
            app_key=transport.app_key,
            account=login.account,
            token=login.token,
            auth_type=login.auth_type,
            login_ext=login.login_ext,
            attempt=request.attempt,
            forced=request.forced,
            device_id=request.device_id,
            os=transport.os,
            client_type=transport.client_type,
            custom_client_type=login.custom_client_type,
            custom_tag=transport.custom_tag,
        )
        while True:  # what this client does not know is skipped, so that a server may say more
            match await self._receive():
                case {"op": "accepted"} as message:
                    return Accepted(clean(message.get("client_id", ""), longest=MAX_LABEL))
                case {"op": "refused" | "ended"} as message:
                    raise LoginRefused(*self._why(message))

    def signals(self) -> AsyncIterator[Signal]:
        return self._signals

    async def kick(self, client: OnlineClient) -> None:
        number = next(self._numbers)
        with self._signals.expecting() as answer:
            self._kicks[number] = answer
            try:
                async with asyncio.timeout(self._transport.timeout):
                    await self._send(op="kick", id=number, client_id=client.client_id)
                    await answer  # signals() hears it
            except TimeoutError:
                raise LinkFailed(Reason.NET, Code.TIMED_OUT, "the server did not answer the kick; try again") from None
            finally:
                del self._kicks[number]

    async def logout(self) -> None:
        await self._send(op="logout")

    def abort(self) -> None:
        """Drop it."""
        self._ws.transport.abort()

    async def close(self) -> None:
        self._signals.end(CLOSED)
        try:
            await self._ws.close()
        finally:  # a cancelled close leaves no socket, either
            self._ws.transport.abort()

    async def _hear(self) -> None:
        match await self._receive():
            case {"op": "sync_started"}:
                self._signals.put(SyncStarted())
            case {"op": "sync_finished"}:
                self._signals.put(SyncFinished())
            case {"op": "clients", "clients": list(clients)}:
                try:
                    listed = OnlineClients(tuple(self._client(client) for client in clients))
                except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
                    raise self._garbage("its list of clients is malformed") from None
                self._signals.put(listed)
            case {"op": "ended"} as message:
                self._signals.end(ended_for(*self._why(message)))
            case {"op": "kicked", "id": int(number)} as message:
                if (answer := self._kicks.get(number)) is not None and not answer.done():
                    if "code" in message:
                        answer.set_exception(KickRefused(*self._why(message)))
                    else:
                        answer.set_result(None)

    def _why(self, message: dict[str, Any]) -> tuple[Reason, int, str]:
        """The reason by its own word if the server gives one, else by its code."""
        code = code if type(code := message.get("code")) is int and 0 < code < 1_000_000 else 0
        reason = next((reason for reason in Reason if reason == message.get("reason")), reason_of(code))
        return reason, code, clean(message.get("text", ""), *self._secrets)

    def _client(self, client: dict[str, Any]) -> OnlineClient:
        texts = {name: clean(client.get(name, ""), *self._secrets) for name in ("os", "client_type", "custom_tag")}
        name, since = clean(client["client_id"], longest=MAX_LABEL), login_time(client.get("login_time", 0))
        number = int(client.get("custom_client_type", 0))
        return OnlineClient(name, login_time=since, custom_client_type=number, **texts)

    async def _receive(self, *, bounded: bool = False) -> dict[str, Any]:
        """The next message. `bounded`: whoever calls has a deadline for it, and needs no heartbeat."""
        try:
            message = await (self._ws.recv() if bounded else receive(self._ws, self._transport.heartbeat))
        except TimeoutError:
            self._ws.transport.abort()  # nobody is there to say goodbye to
            text = f"{self._transport.where} stopped answering; the connection is given up"
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, text) from None
        except ConnectionClosed as exc:
            raise self._gone(exc) from exc.__cause__ if isinstance(exc.__cause__, OSError) else None
        try:
            parsed = json.loads(message) if isinstance(message, str) else None
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise self._garbage("a message of its is not a JSON object") from None
        return cast("dict[str, Any]", parsed)

    async def _send(self, **message: object) -> None:
        try:
            data = json.dumps(message, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            data = None  # the error has the whole message in it, and so the token: nothing is raised from here
        if data is None:
            text = "what is to be sent has broken Unicode in it; give device and client ids as plain text"
            raise LinkFailed(Reason.INVALID, Code.INVALID, text)
        try:
            await self._ws.send(data, text=True)
        except ConnectionClosed as exc:
            raise self._gone(exc) from exc.__cause__ if isinstance(exc.__cause__, OSError) else None

    def _gone(self, exc: ConnectionClosed) -> LinkFailed:
        close = exc.rcvd or exc.sent
        why = f"{close.code} {close.reason}".strip() if close else "without a close"
        text = f"{self._transport.where} ended the connection ({why}); try again"
        return LinkFailed(Reason.NET, Code.NET, clean(text, *self._secrets))

    def _garbage(self, what: str) -> LinkFailed:
        text = f"{self._transport.where} does not speak nimauth's protocol ({what}); check the server's address"
        return LinkFailed(Reason.NET, Code.NET, text)


_URLS: Final = Urls({"ws": 80, "wss": 443}, "wss://im.example.org:8443", query=True)


@frozen
class WebSocketTransport:
    """Opens links to a server that speaks docs/protocol.md.

    Making one raises ValueError for what can never work, such as a URL that is none: a slip is not a failed login,
    which would void the saved one. `open` raises LinkFailed: VERSION for a server of another protocol version; BUSY for
    one that is overloaded; NET for all else, with the OSError as its cause.
    Times are in seconds, sizes in bytes.
    """

    url: str = field(repr=False)
    """ws://HOST:PORT or wss://HOST:PORT, with a path if the server wants one, and without a user name."""
    server: ServerUrl = field(
        init=False, eq=False, default=Factory(lambda self: _URLS.parse(self.url), takes_self=True)
    )
    """What the URL says."""
    app_key: str = "demo"
    ssl: tls.SSLContext | None = field(default=None, kw_only=True, repr=False, validator=terms.context)
    """For wss:// only. By default the certificate is checked against the system's authorities."""
    heartbeat: float = field(default=30.0, kw_only=True, validator=terms.seconds)
    """A server silent for so long is pinged; one silent for twice as long is given up."""
    timeout: float = field(default=10.0, kw_only=True, validator=terms.seconds)
    """For opening a link, and for the server's answer to a kick."""
    close_timeout: float = field(default=2.0, kw_only=True, validator=terms.seconds)
    max_size: int = field(default=2**16, kw_only=True, validator=terms.size)
    """A longer message from the server ends the link."""
    os: str = field(factory=platform.system, kw_only=True)
    """With `client_type` and `custom_tag`: how the other clients of this account see this one."""
    client_type: str = field(default="pc", kw_only=True)
    """NIM's word for the kind of client (pc, mac, web, android, ios …), by which a multi-device policy goes."""
    custom_tag: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.ssl is not None and self.server.scheme != "wss":
            raise ValueError("an ssl context is for wss:// only; leave it out, or give a wss:// URL")
        check_text("app_key", self.app_key, MAX_LABEL, shortest=1)
        check_text("os", self.os, MAX_WORD)
        check_text("client_type", self.client_type, MAX_WORD)
        check_text("custom_tag", self.custom_tag, MAX_LABEL)

    @property
    def where(self) -> str:
        """The server as messages name it."""
        return self.server.where

    async def open(self) -> WebSocketLink:
        server = (self.server.host, self.server.port)
        async with InTime(self.timeout, self.where):
            return await dial([server], self._link, where=self.where, within=self.timeout, drop=WebSocketLink.abort)

    async def _link(self, host: str, port: int) -> WebSocketLink:
        """A link to this address. Raises LinkFailed, OSError."""
        ws = await self._connect(host, port)
        try:
            link = WebSocketLink(ws, self)
            await link.hello()
        except BaseException:
            ws.transport.abort()
            raise
        return link

    async def _connect(self, host: str, port: int) -> ClientConnection:
        try:
            return await connect(
                self.url,
                host=host,
                port=port,
                ssl=(self.ssl or verifying()) if self.server.scheme == "wss" else None,
                compression=None,
                proxy=None,
                open_timeout=None,
                ping_interval=None,
                close_timeout=self.close_timeout,
                max_size=self.max_size,
                logger=MUTE,
                create_connection=_Connection,
            )
        except _Refused as exc:
            busy = exc.status == 429 or exc.status >= 500
            text = f"{self.where} refused the connection (HTTP {exc.status}); " + (
                "it is busy, try again later" if busy else "check that the URL is that of a nimauth server"
            )
            raise LinkFailed(*((Reason.BUSY, Code.UNAVAILABLE) if busy else (Reason.NET, Code.NET)), text) from None
        except WebSocketException:
            raise LinkFailed(Reason.NET, Code.NET, f"{self.where} is not a WebSocket server; check the URL") from None
        except TimeoutError as exc:
            # The kernel's own carries an errno, and websockets wraps it.
            raise exc.__cause__ if isinstance(exc.__cause__, OSError) else exc from None
