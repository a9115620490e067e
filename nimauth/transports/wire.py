"""What both ends of docs/protocol.md share: its name and version, its limits, and hearing a message."""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from typing import Final

from websockets.asyncio.connection import Connection

PROTOCOL: Final = "nimauth"
VERSION: Final = 1
"""The version of docs/protocol.md that is spoken here."""
MAX_WORD: Final = 64
"""Longest `os` and `client_type`, in characters."""
MAX_LABEL: Final = 256
"""Longest `device_id`, `client_id`, `custom_tag` and `app_key`, in characters."""

# websockets logs every frame at DEBUG, the login's token included, so it gets a logger that nobody can turn on: it is
# not in logging's registry, and a disabled logger is enabled for no level.
MUTE: Final = logging.Logger("nimauth.websockets")
MUTE.disabled = True


async def receive(ws: Connection, heartbeat: float) -> str | bytes:
    """The next message. A peer silent for `heartbeat` seconds is pinged, and has as long again to show it is alive.

    Raises TimeoutError when it does not, ConnectionClosed when the connection has ended.
    """
    pong = None
    while True:
        try:
            async with asyncio.timeout(heartbeat):
                return await ws.recv()
        except TimeoutError:
            if pong is not None and not pong.done():
                raise
            pong = asyncio.ensure_future(await ws.ping())  # ping() gives a Future: nothing is scheduled here


def check_text(name: str, text: object, longest: int, *, shortest: int = 0) -> None:
    """Raises ValueError for what does not fit the field of this name, in a sentence that does not show it."""
    if not isinstance(text, str):
        raise ValueError(f"{name} is no text; give it as a string")
    if not shortest <= len(text) <= longest:
        raise ValueError(f"{name} has {len(text)} characters; {shortest} to {longest} are allowed")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
        raise ValueError(f"{name} has control characters or broken Unicode in it; give it as plain text")
