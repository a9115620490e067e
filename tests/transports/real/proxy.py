"""A loopback proxy between a client and a real server: it cuts after so many bytes, and can be slow.

(`nimauth.conformance.transport.proxy` is the one that an operator of a story works by hand; this one works by itself.)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field

_RESET = struct.pack("ii", 1, 0)
"""Linger for no time: closing the socket resets the connection."""


@define(eq=False)
class Proxy:
    """Forwards connections of `port` to a port of 127.0.0.1. Made by `proxy_to`."""

    server: int
    cut_after: int | None = None
    """Reset a connection once so many bytes have been forwarded on it, both directions counted together."""
    delay: float = 0.0
    """Seconds that each piece waits, ..."""
    piece: int = 2**16
    """... and its size in bytes."""
    port: int = field(default=0, init=False)
    connections: int = field(default=0, init=False)
    forwarded: int = field(default=0, init=False)
    """How many bytes went over the newest connection, both ways."""
    _tasks: set[asyncio.Task[None]] = field(factory=set, init=False)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.forwarded = 0
        upstream: asyncio.StreamWriter | None = None
        # asyncio's own callback of a handler that was cancelled raises on some versions of Python
        with contextlib.suppress(OSError, asyncio.CancelledError):
            if self.cut_after != 0:
                back, upstream = await asyncio.open_connection("127.0.0.1", self.server)
                ways = {
                    asyncio.create_task(self._pump(reader, upstream)),
                    asyncio.create_task(self._pump(back, writer)),
                }
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)
        if self.cut_after is not None and self.forwarded >= self.cut_after:
            _reset(writer)
        for one in (writer, upstream):
            if one is not None:
                one.close()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await one.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(self.piece):
            if self.delay:
                await asyncio.sleep(self.delay)
            if self.cut_after is not None:
                data = data[: self.cut_after - self.forwarded]
            self.forwarded += len(data)
            writer.write(data)
            await writer.drain()
            if self.forwarded == self.cut_after:
                return


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # it is gone already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@asynccontextmanager
async def proxy_to(
    server: int, *, cut_after: int | None = None, delay: float = 0.0, piece: int = 2**16
) -> AsyncIterator[Proxy]:
    """A proxy to this port of 127.0.0.1, for the running loop."""
    proxy = Proxy(server, cut_after, delay, piece)
    listener = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        for task in proxy._tasks:
            task.cancel()
        if proxy._tasks:
            await asyncio.wait(proxy._tasks)
