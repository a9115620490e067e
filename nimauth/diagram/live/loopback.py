"""HTTP/1.1 on loopback for clients of which each may be hostile: one request a connection, nothing but GET and HEAD.

h11 parses and frames (extra `web`), asyncio moves the bytes. The standard library's `http.server` would hold a thread
for each viewer, and has a deadline for each read but none for a request: a byte now and then keeps its thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import h11
from attrs import define, field, frozen

HOST: Final = "127.0.0.1"

_ALWAYS: Final = (
    ("Connection", "close"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "frame-ancestors 'none'"),  # all else of it the page says itself
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),  # the address is a secret
)


@frozen(kw_only=True)
class Limits:
    """How much clients may cost, in bytes, seconds and connections."""

    head: int = 16 * 1024
    """Of a request, with its headers."""
    request_time: float = 10.0
    """For the whole request, however it is cut."""
    stall_time: float = 20.0
    """For taking what was sent; then the client is dropped."""
    connections: int = 200
    """At once; any more are dropped unheard."""
    close_time: float = 1.0
    """For all clients together to take their last words, when the server ends."""


class Refused(Exception):
    """The request is answered with this status, and nothing else."""

    def __init__(self, status: HTTPStatus, *headers: tuple[str, str]) -> None:
        super().__init__(status.phrase)
        self.status = status
        self.headers = headers


@define(eq=False)
class Exchange:
    """One connection: its request, and the answer."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    _limits: Limits
    _http: h11.Connection = field(init=False)
    path: str = field(default="", init=False)
    """Without the query."""
    headers: dict[str, str] = field(factory=dict, init=False)
    """By their names in lower case; the last of those that come twice."""
    is_head: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head)
        self._writer.transport.set_write_buffer_limits(0)  # what a client does not read is not kept for it

    async def hear(self) -> None:
        """Read the request. Raises Refused for one that nobody here answers."""
        async with asyncio.timeout(self._limits.request_time):
            while (event := self._next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(4096))
        if not isinstance(event, h11.Request):
            raise ConnectionAbortedError("the client left without a word")
        self.is_head = event.method == b"HEAD"
        self.path = event.target.decode("ascii").partition("?")[0]
        self.headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
        # A page elsewhere whose name was made to lead here (DNS rebinding) still tells its own name.
        if self.headers.get("host", "").partition(":")[0].lower() not in (HOST, "localhost"):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST)
        if event.method not in (b"GET", b"HEAD"):
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "GET, HEAD"))

    def _next_event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise Refused(HTTPStatus(error.error_status_hint)) from None

    async def answer(self, status: HTTPStatus, *headers: tuple[str, str], body: bytes = b"") -> None:
        """The whole answer."""
        await self.begin(status, ("Content-Length", str(len(body))), *headers)
        if body and not self.is_head:
            await self.write(body)
        await self.finish()

    async def begin(self, status: HTTPStatus, *headers: tuple[str, str]) -> None:
        """The head of an answer."""
        date = ("Date", formatdate(usegmt=True))
        await self._send(h11.Response(status_code=status, reason=status.phrase, headers=[date, *_ALWAYS, *headers]))

    async def write(self, data: bytes) -> None:
        """Some of the body. Returns when the client has room for it; raises TimeoutError when it does not make any."""
        await self._send(h11.Data(data=data))

    async def finish(self) -> None:
        """The end of the answer, and of the connection."""
        await self._send(h11.EndOfMessage())
        async with asyncio.timeout(self._limits.stall_time):
            self._writer.close()
            await self._writer.wait_closed()

    async def left(self) -> None:
        """Wait until the client leaves. One that goes on talking has left, too: it is owed no more than one answer."""
        with contextlib.suppress(OSError):
            await self._reader.read(1)

    def abort(self) -> None:
        """Cut the connection, if it is still there."""
        self._writer.transport.abort()

    async def _send(self, event: h11.Response | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event))
        async with asyncio.timeout(self._limits.stall_time):
            await self._writer.drain()


@define(eq=False)
class LoopbackServer:
    """Listens on a free port of 127.0.0.1, and lets `answer` answer each request that was heard."""

    _answer: Callable[[Exchange], Awaitable[None]]
    """May raise Refused; what it raises because the client is slow or gone ends the connection."""
    _limits: Limits
    _server: asyncio.Server | None = field(default=None, init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)

    async def start(self) -> int:
        """Begin to listen. Gives the port."""
        self._server = await asyncio.start_server(self._arrived, HOST, 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Hear nobody any more, and end every connection; those that are being answered get a moment to finish."""
        if self._server is None:
            return
        self._server.close()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=self._limits.close_time)
        finally:
            left = set(self._tasks)
            for task in left:
                task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._server.wait_closed()

    def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._limits.connections:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(Exchange(reader, writer, self._limits)), name="nimauth-live")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, exchange: Exchange) -> None:
        try:
            try:
                await exchange.hear()
                await self._answer(exchange)
            except Refused as refused:
                await exchange.answer(refused.status, *refused.headers)
        except (OSError, TimeoutError):  # it is gone, or as good as gone
            pass
        finally:
            exchange.abort()
