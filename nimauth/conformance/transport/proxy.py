"""A loopback proxy between a transport and a real server: it cuts, stalls, floods, and says what the server never did.

async with Proxy("127.0.0.1", 1883) as proxy:
    transport = MqttTransport("127.0.0.1", proxy.port)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from attrs import define, field

from ..outcome import settle
from .world import World

_LINGER: Final = struct.pack("ii", 1, 0)
"""Linger for no time: closing the socket resets the connection."""


@define(eq=False)
class _Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: asyncio.StreamWriter | None = None


@define(eq=False)
class Proxy:
    """Forwards TCP connections of a port of its own on 127.0.0.1 to a server. For one event loop, as `async with`."""

    host: str
    """Where the server is."""
    server_port: int
    trickle: int = 0
    """If it is not 0, what the server says comes in pieces of so many bytes."""
    port: int = field(default=0, init=False)
    """Where transports connect to."""
    received: list[str] = field(factory=list, init=False)
    """`connect` and `disconnect`, as `World.received` has them."""
    _clients: list[_Client] = field(factory=list, init=False)
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)
    _going: asyncio.Event = field(factory=asyncio.Event, init=False)
    _listener: asyncio.Server = field(init=False)

    async def __aenter__(self) -> Self:
        self._going.set()
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut(gently=False)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def cut(self, *, gently: bool) -> None:
        """Break every connection: reset it or, `gently`, close it once all is sent."""
        for client in self._clients:
            if gently:
                client.writer.close()
            else:
                with contextlib.suppress(OSError):  # it is gone already
                    sock = client.writer.get_extra_info("socket")
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
                client.writer.transport.abort()
            if client.upstream is not None:
                client.upstream.close()

    def stall(self) -> None:
        """Forward nothing any more, in either direction; connections stay, and new ones are taken."""
        self._going.clear()

    def unreachable(self) -> None:
        """Refuse new connections from now on."""
        self._listener.close()

    def inject(self, data: bytes) -> None:
        """Send the newest client what its server never said. Without one, nothing happens."""
        if self._clients and not self._clients[-1].writer.is_closing():
            self._clients[-1].writer.write(data)

    async def flood(self, data: bytes) -> None:
        """The same, and wait until the client has taken it. Raises ConnectionError when the connection has ended."""
        if not self._clients or self._clients[-1].writer.is_closing():
            raise ConnectionResetError("the client is gone")
        writer = self._clients[-1].writer
        writer.write(data)
        await writer.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        client = _Client(reader, writer)
        self._clients.append(client)
        self.received.append("connect")
        # asyncio's own callback of a handler that was cancelled raises on some versions of Python
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._forward(client)
        for one in (client.writer, client.upstream):
            if one is not None and not one.is_closing():
                one.transport.abort()
        self._clients.remove(client)
        self.received.append("disconnect")

    async def _forward(self, client: _Client) -> None:
        await self._going.wait()
        reader, client.upstream = await asyncio.open_connection(self.host, self.server_port)
        back = asyncio.ensure_future(self._pump(reader, client.writer, close=True))
        try:
            await self._pump(client.reader, client.upstream, close=False)
        finally:
            back.cancel()
            await asyncio.wait({back})
            if not back.cancelled():
                back.exception()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, close: bool) -> None:
        """Forward until the source ends; the client hears the server's end as one."""
        size = self.trickle if close and self.trickle else 2**16
        while data := await reader.read(size):
            await self._going.wait()
            writer.write(data)
            await writer.drain()
            if size < 2**16:
                await settle()  # the client reads each piece by itself
        if close:
            writer.close()


class ProxyWorld(World):
    """A world whose network is a `Proxy`. What is left to write is what the server itself says."""

    proxy: Proxy
    chatter: bytes = b"x" * 1000 + b"\n"
    """A whole message of the wire that a client may hear at any time, better a long one: what floods are made of."""
    piece: bytes = b"x" * 1000
    """A piece of a message that goes on and on."""

    async def cut(self, gently: bool) -> None:
        """See World."""
        self.proxy.cut(gently=gently)

    async def stall(self) -> None:
        """See World."""
        self.proxy.stall()

    async def unreachable(self) -> None:
        """See World."""
        self.proxy.unreachable()

    async def garble(self, rubbish: bytes) -> None:
        """See World."""
        self.proxy.inject(rubbish)

    async def flood(self, endless: bool) -> None:
        """See World."""
        data = self.piece if endless else self.chatter
        await self.proxy.flood(data * (2**16 // len(data) + 1))

    async def received(self) -> Sequence[str]:
        """See World."""
        return self.proxy.received
