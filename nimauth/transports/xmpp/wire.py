"""One TCP connection that can start TLS in the midst, and that keeps no more than it must."""

from __future__ import annotations

import asyncio
from ssl import SSLContext, SSLObject
from typing import Final, cast

MOST_UNREAD: Final = 2**16
"""A peer that has sent this much more than was read is not listened to, in bytes."""


class Intruded(Exception):
    """Something came in plain text that belongs to nobody."""


class Wire(asyncio.Protocol):
    """The bytes of one connection, for one reader.

    Not asyncio's streams: those cannot tell whether bytes came in plain text before TLS began, which somebody between
    the two may have put there.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._over = False
        self._deaf = False
        self._paused = False
        self._error: Exception | None = None
        self._lost = asyncio.get_running_loop().create_future()

    # -- for its one user ----------------------------------------------------------------------------------------------

    @property
    def tls(self) -> SSLObject | None:
        """What TLS has agreed on; None in plain text."""
        found = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return cast("SSLObject | None", found)

    @property
    def over(self) -> bool:
        """Nothing more will be heard."""
        return self._over

    async def read(self) -> bytes:
        """What has come, or what comes next; nothing at the end. Raises the OSError that ended the connection."""
        while not self._unread and not self._over:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        data = bytes(self._unread)
        self._unread.clear()
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        if not data and isinstance(self._error, OSError):
            raise self._error
        return data

    def write(self, data: bytes) -> None:
        """Send, in the background. When the connection is gone, nothing happens: reading tells."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    async def start_tls(self, context: SSLContext, name: str) -> None:
        """Go on in TLS. Raises OSError (an SSLError is one), and Intruded."""
        assert self._transport is not None
        if self._unread or self._over:
            raise Intruded
        plain = self._transport
        try:
            loop = asyncio.get_running_loop()
            secured = await loop.start_tls(plain, self, context, server_hostname=name)
        except BaseException:
            plain.abort()
            raise
        if secured is None:
            raise ConnectionResetError("the connection ended while TLS began")
        self._transport = secured

    async def ended(self) -> None:
        """Wait until the peer has ended the connection, and hear nothing of what it says until then."""
        self._deaf = True
        self._unread.clear()
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        if not self._lost.done():
            await asyncio.wait({self._lost})

    def abort(self) -> None:
        """End the connection at once."""
        self._end()
        if self._transport is not None:
            self._transport.abort()

    # -- for asyncio ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._over or self._deaf:
            return
        self._unread += data
        if len(self._unread) > MOST_UNREAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._error = exc
        self._end()
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        # What we send fits the buffer many times over: a full one means a peer that does not read (while it may well
        # keep us answering). It is not cut off in the midst of a write, as asyncio logs each further write to it.
        asyncio.get_running_loop().call_soon(self.abort)

    def _end(self) -> None:
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
