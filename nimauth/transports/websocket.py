"""The WebSocket transport: nimauth's own JSON protocol (docs/protocol.md) over ws:// and wss://.

The `websockets` library does the framing. Its conveniences that act on their own are off: no proxy, no redirect, no
reconnect, no compression, no keepalive task (the heartbeat is part of receiving, so a connection costs no task at all).
"""

from __future__ import annotations

import asyncio
import errno
import functools
import itertools
import json
import os
import platform
import re
import ssl as tls
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, cast
from urllib.parse import urlsplit

from attrs import define, field, frozen, validators
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.uri import WebSocketURI, parse_uri

from ..vocabulary.logins import OnlineClient
from ..vocabulary.reasons import VERDICTS, Code, Reason, reason_of
from .base import (
    Accepted,
    Ended,
    KickRefused,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Signal,
    SyncFinished,
    SyncStarted,
)
from .wire import MAX_LABEL, MAX_WORD, MUTE, PROTOCOL, VERSION, check_text, clean, receive

_positive: Final[Any] = validators.gt(0)


@functools.cache
def _verifying() -> tls.SSLContext:
    """One context for all: loading the system's certificates blocks the loop for tens of milliseconds."""
    return tls.create_default_context()


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
    _ended: Ended | None = None

    async def hello(self) -> None:
        """Hear what the server speaks. Raises LinkFailed when that is not this protocol, or not this version of it."""
        message = await self._receive()
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
                    return Accepted(clean(message.get("client_id", "")))
                case {"op": "refused" | "ended"} as message:
                    raise LoginRefused(*self._why(message))

    def signals(self) -> AsyncIterator[Signal]:
        return self

    def __aiter__(self) -> AsyncIterator[Signal]:
        return self

    async def __anext__(self) -> Signal:
        # Not an async generator: one that is left before its end would be finished by a task of the loop's own.
        while self._ended is None:
            try:
                signal = self._signal(await self._receive())
            except LinkFailed as exc:
                signal = Ended(exc.reason, exc.code, exc.text)
            if isinstance(signal, Ended):
                self._end(signal)
            if signal is not None:
                return signal
        raise StopAsyncIteration

    async def kick(self, client: OnlineClient) -> None:
        if self._ended is not None:
            raise LinkFailed(self._ended.reason, self._ended.code, self._ended.text)
        number = next(self._numbers)
        answer = self._kicks[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._transport.timeout):
                await self._send(op="kick", id=number, client_id=client.client_id)
                await answer  # signals() hears it
        except TimeoutError:
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, "the server did not answer the kick; try again") from None
        finally:
            del self._kicks[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # asked for, as the link may have ended while the kick was still being sent

    async def logout(self) -> None:
        await self._send(op="logout")

    async def close(self) -> None:
        self._end(Ended(Reason.NET, Code.NET, "the link was closed from this side"))
        try:
            await self._ws.close()
        finally:  # a cancelled close leaves no socket, either
            self._ws.transport.abort()

    def _signal(self, message: dict[str, Any]) -> Signal | None:
        match message:
            case {"op": "sync_started"}:
                return SyncStarted()
            case {"op": "sync_finished"}:
                return SyncFinished()
            case {"op": "clients", "clients": list(clients)}:
                try:
                    return OnlineClients(tuple(self._client(client) for client in clients))
                except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
                    raise self._garbage("its list of clients is malformed") from None
            case {"op": "ended"}:
                reason, code, text = self._why(message)
                # An end that is not a verdict decides nothing: a needless reconnect does less harm than a false kick.
                return Ended(reason if reason in VERDICTS or reason is Reason.BUSY else Reason.NET, code, text)
            case {"op": "kicked", "id": int(number)}:
                if (answer := self._kicks.get(number)) is not None and not answer.done():
                    if "code" in message:
                        answer.set_exception(KickRefused(*self._why(message)))
                    else:
                        answer.set_result(None)
        return None

    def _why(self, message: dict[str, Any]) -> tuple[Reason, int, str]:
        """The reason by its own word if the server gives one, else by its code."""
        code = code if type(code := message.get("code")) is int and 0 < code < 1_000_000 else 0
        reason = next((reason for reason in Reason if reason == message.get("reason")), reason_of(code))
        return reason, code, clean(message.get("text", ""), *self._secrets)

    def _client(self, client: dict[str, Any]) -> OnlineClient:
        texts = {name: clean(client.get(name, ""), *self._secrets) for name in ("os", "client_type", "custom_tag")}
        since = max(0.0, min(float(client.get("login_time", 0)), 1e11))  # a time that any host can show; NaN gives 0
        number = int(client.get("custom_client_type", 0))
        return OnlineClient(clean(client["client_id"]), login_time=since, custom_client_type=number, **texts)

    async def _receive(self) -> dict[str, Any]:
        where = self._transport.where
        try:
            message = await receive(self._ws, self._transport.heartbeat)
        except TimeoutError:
            self._ws.transport.abort()  # nobody is there to say goodbye to
            text = f"{where} stopped answering; the connection is given up"
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

    def _end(self, ended: Ended) -> None:
        if self._ended is None:
            self._ended = ended
        for answer in self._kicks.values():
            if not answer.done():
                answer.set_exception(LinkFailed(ended.reason, ended.code, ended.text))

    def _gone(self, exc: ConnectionClosed) -> LinkFailed:
        close = exc.rcvd or exc.sent
        why = f"{close.code} {close.reason}".strip() if close else "without a close"
        text = f"{self._transport.where} ended the connection ({why}); try again"
        return LinkFailed(Reason.NET, Code.NET, clean(text, *self._secrets))

    def _garbage(self, what: str) -> LinkFailed:
        text = f"{self._transport.where} does not speak nimauth's protocol ({what}); check the server's address"
        return LinkFailed(Reason.NET, Code.NET, text)


def _parsed(url: str) -> WebSocketURI:
    """Raises ValueError for a URL that can never be connected to. It says nothing of what a URL may hold in secret."""
    wrong = "it cannot be parsed"
    try:
        if any(c.isspace() or not c.isprintable() for c in url):
            wrong = "it has spaces or control characters in it"
        elif urlsplit(url).port == 0:  # which websockets would take for none
            wrong = "a port is 1 to 65535"
        elif (uri := parse_uri(url)).username is not None:
            wrong = "a user name does not belong into it"
        else:
            uri.host.encode("idna")  # as connecting will
            return uri
    except InvalidURI as exc:
        wrong = exc.msg
    except ValueError:
        pass
    raise ValueError(f"the server's URL is not usable: {wrong}; give one like wss://im.example.org:8443")


def _where(url: str) -> str:
    """The server's address without what may be secret in a URL: user, password, path and query."""
    uri = _parsed(url)
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    return clean(f"{'wss' if uri.secure else 'ws'}://{host}:{uri.port}")


@frozen
class WebSocketTransport:
    """Opens links to a server that speaks docs/protocol.md.

    Making one raises ValueError for what can never work, such as a URL that is none: a slip is not a failed login,
    which would void the saved one. `open` raises LinkFailed: VERSION for a server of another protocol version; BUSY for
    one that is overloaded; NET for all else, with the OSError as its cause.
    Times are in seconds, sizes in bytes.
    """

    url: str = field(repr=_where)
    """ws://HOST:PORT or wss://HOST:PORT, with a path if the server wants one, and without a user name."""
    app_key: str = "demo"
    ssl: tls.SSLContext | None = field(default=None, kw_only=True, repr=False)
    """For wss:// only. By default the certificate is checked against the system's authorities."""
    heartbeat: float = field(default=30.0, kw_only=True, validator=_positive)
    """A server silent for so long is pinged; one silent for twice as long is given up."""
    timeout: float = field(default=10.0, kw_only=True, validator=_positive)
    """For opening a link, and for the server's answer to a kick."""
    close_timeout: float = field(default=2.0, kw_only=True, validator=_positive)
    max_size: int = field(default=2**16, kw_only=True, validator=_positive)
    """A longer message from the server ends the link."""
    os: str = field(factory=platform.system, kw_only=True)
    """With `client_type` and `custom_tag`: how the other clients of this account see this one."""
    client_type: str = field(default="pc", kw_only=True)
    """NIM's word for the kind of client (pc, mac, web, android, ios …), by which a multi-device policy goes."""
    custom_tag: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("the server's URL is no text; give one like wss://im.example.org:8443")
        if not _parsed(self.url).secure and self.ssl is not None:
            raise ValueError("an ssl context is for wss:// only; leave it out, or give a wss:// URL")
        check_text("app_key", self.app_key, MAX_LABEL, shortest=1)
        check_text("os", self.os, MAX_WORD)
        check_text("client_type", self.client_type, MAX_WORD)
        check_text("custom_tag", self.custom_tag, MAX_LABEL)

    @property
    def where(self) -> str:
        """The server as messages name it."""
        return _where(self.url)

    async def open(self) -> WebSocketLink:
        try:
            async with asyncio.timeout(self.timeout):
                ws = await self._connect()
                try:
                    link = WebSocketLink(ws, self)
                    await link.hello()
                except BaseException:
                    ws.transport.abort()
                    raise
                return link
        except TimeoutError as exc:
            # The kernel's own time-out carries an errno, and websockets wraps it.
            cause = exc.__cause__ if isinstance(exc.__cause__, OSError) else exc
            text = f"{self.where} did not answer within {self.timeout:g} s; check the address and the network"
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, text) from cause

    async def _connect(self) -> ClientConnection:
        where = self.where
        try:
            return await connect(
                self.url,
                ssl=(self.ssl or _verifying()) if _parsed(self.url).secure else None,
                compression=None,
                proxy=None,
                open_timeout=None,
                ping_interval=None,
                close_timeout=self.close_timeout,
                max_size=self.max_size,
                logger=MUTE,
                create_connection=_Connection,
            )
        except tls.SSLCertVerificationError as exc:
            # No verdict: nobody has proved to be the server, and a stranger (a captive portal, say) must not be able to
            # void the saved login. A manual login fails with this text, an auto login shows it at each try.
            text = f"the certificate of {where} is not trusted ({exc.verify_message}); do not log in, ask its operator"
            raise LinkFailed(Reason.NET, Code.NET, clean(text)) from exc
        except _Refused as exc:
            busy = exc.status == 429 or exc.status >= 500
            text = f"{where} refused the connection (HTTP {exc.status}); " + (
                "it is busy, try again later" if busy else "check that the URL is that of a nimauth server"
            )
            raise LinkFailed(*((Reason.BUSY, Code.UNAVAILABLE) if busy else (Reason.NET, Code.NET)), text) from None
        except WebSocketException:
            raise LinkFailed(Reason.NET, Code.NET, f"{where} is not a WebSocket server; check the URL") from None
        except TimeoutError:
            raise
        except OSError as exc:
            cause = _with_errno(exc)
            what = "TLS failed" if isinstance(exc, tls.SSLError) else cause.strerror or "the name cannot be resolved"
            text = f"cannot connect to {where}: {what}; check the address, the network and that the server runs"
            raise LinkFailed(Reason.NET, Code.NET, clean(text)) from cause


_UNREACHED: Final = {errno.EHOSTUNREACH: 1, errno.ENETUNREACH: 2, errno.ENETDOWN: 2}


def _with_errno(exc: OSError) -> OSError:
    """Give an errno to the OSError in which asyncio tells of several failed addresses: that of the one got farthest to.

    Many networks have IPv4 only. That its IPv6 address cannot be reached does not say that there is no network.
    """
    numbers = [int(number) for number in re.findall(r"\[Errno (\d+)\]", str(exc))]
    if exc.errno is not None or not numbers:
        return exc
    number = min(numbers, key=lambda number: _UNREACHED.get(number, 0))
    return OSError(number, os.strerror(number))
