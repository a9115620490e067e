"""Which transport speaks a URL's scheme. Others register theirs as an entry point of the group `nimauth.transports`:

    [project.entry-points."nimauth.transports"]
    matrix = "mypackage.matrix:transport_of"

Such a callable takes the URL and the app key, and gives a Transport; it raises ValueError, in a sentence that says what
to give instead, for a URL that it cannot use. No network is asked. Whatever else it raises is a fault of its package,
which is told in one sentence, with its type and place, and chained.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final

from .base import Transport
from .words import clean

GROUP: Final = "nimauth.transports"

FromUrl = Callable[[str, str], Transport]

_OWN: Final = {
    "ws": "websocket:WebSocketTransport",
    "wss": "websocket:WebSocketTransport",
    "xmpp": "xmpp:transport_of",
    "xmpps": "xmpp:transport_of",
    "mqtt": "mqtt:transport_of",
    "mqtts": "mqtt:transport_of",
    "nim": "nim:from_url",
}
"""Our own, by scheme. Nobody else can take these over."""


def transport_for(url: str, app_key: str = "demo") -> Transport:
    """The transport that speaks this URL's scheme. Raises ValueError when there is none, or when it refuses the URL."""
    scheme = url.partition(":")[0].lower()
    if scheme in _OWN:
        module, _, name = _OWN[scheme].partition(":")
        make: FromUrl = getattr(importlib.import_module(f".{module}", __package__), name)
        return make(url, app_key)
    for entry in _others():
        if entry.name.lower() == scheme:
            return _made(entry, url, app_key)
    raise ValueError(
        "there is no transport for this server's URL; give one like wss://im.example.org:8443 "
        f"(known schemes: {', '.join(schemes())})"
    )


def schemes() -> tuple[str, ...]:
    """Every scheme that some transport speaks."""
    return (*_OWN, *sorted({entry.name.lower() for entry in _others()} - set(_OWN)))


def _others() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _made(entry: EntryPoint, url: str, app_key: str) -> Transport:
    """What somebody else's callable gives. Raises ValueError: its own, or one that tells what is wrong with it."""
    try:
        make: Any = entry.load()
    except Exception as error:
        raise _fault(entry, f"cannot be loaded from {entry.value} ({_told(entry, error)})") from error
    if not callable(make):
        raise _fault(entry, f"cannot be made by {entry.value}: that is no callable ({type(make).__name__})")
    try:
        transport: Any = make(url, app_key)
    except ValueError:
        raise
    except Exception as error:
        raise _fault(entry, f"cannot be made by {entry.value} ({_told(entry, error, url)})") from error
    if not callable(getattr(transport, "open", None)):
        raise _fault(entry, f"cannot be made by {entry.value}: it gives no transport ({type(transport).__name__})")
    made: Transport = transport
    return made


def _fault(entry: EntryPoint, what: str) -> ValueError:
    return ValueError(f"the transport for {entry.name}:// {what}; reinstall its package, or tell its author")


def _told(entry: EntryPoint, error: Exception, *secrets: str) -> str:
    """All that its author wants to know: the type of the error, its words, and where in the package it was raised."""
    told = f"{type(error).__name__}: {clean(error, *secrets)}"
    # What a traceback goes through before it comes to the package. The backport of importlib.metadata, once anybody has
    # imported it, gives the standard library's entry_points() its own entries, so the entry's own home counts too.
    homes = [str(Path(inspect.getfile(of)).parent) for of in (importlib, type(entry))]
    on_the_way = (__file__, "<frozen importlib", *homes)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(on_the_way):
            return f"{told}; {Path(frame.filename).name}, line {frame.lineno}"
    return told
