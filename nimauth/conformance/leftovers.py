"""What a program leaves behind: threads, open files, sockets, and what Python complains of behind everybody's back."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import Factory, define, field, frozen

_FDS: Final = Path("/proc/self/fd")


def open_files() -> dict[str, str]:
    """What this process has open: each with its kind (socket, pipe, file, or another word of the kernel).

    Where there is no /proc, only Python's own sockets are known.
    """
    if not _FDS.is_dir():
        return {f"socket:[{one.fileno()}]": "socket" for one in _sockets()}
    found: dict[str, str] = {}
    for entry in os.listdir(_FDS):
        try:
            target = os.readlink(f"{_FDS}/{entry}")
        except OSError:  # the listing's own descriptor
            continue
        kind, colon, _ = target.partition(":")
        # A file or an anonymous inode has no number that tells it from another of its name.
        found[target if kind in ("socket", "pipe") else f"{target} ({entry})"] = kind if colon else "file"
    return found


def _sockets() -> Iterable[socket.socket]:
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket) and thing.fileno() >= 0:
            yield thing


@frozen
class Census:
    """The threads and the open files of this process, at one moment."""

    threads: frozenset[threading.Thread] = Factory(lambda: frozenset(threading.enumerate()))
    files: dict[str, str] = Factory(open_files)

    def left(self, kinds: Sequence[str] = ("socket", "pipe")) -> list[str]:
        """What is there now and was not then, in words; empty if nothing is.

        The threads of a loop's default executor are the loop's: count before it is made and after it is closed.
        """
        now = Census()
        found = [f"the thread {thread.name!r}" for thread in now.threads - self.threads if thread.is_alive()]
        found += [f"an open {kind}" for name, kind in now.files.items() if kind in kinds and name not in self.files]
        return sorted(found)


@contextmanager
def every_socket(counts: Callable[[], bool]) -> Iterator[list[weakref.ref[socket.socket]]]:
    """Know each of Python's sockets that is made while `counts()` is true."""
    made: list[weakref.ref[socket.socket]] = []
    make = socket.socket.__init__

    def hear(self: socket.socket, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        if counts():
            made.append(weakref.ref(self))

    socket.socket.__init__ = hear  # type: ignore[method-assign]
    try:
        yield made
    finally:
        socket.socket.__init__ = make  # type: ignore[method-assign]


@define
class Complaints:
    """What Python complained of behind everybody's back, in words."""

    heard: list[str] = field(factory=list)

    def loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear this loop's complaints: exceptions never retrieved, tasks destroyed while pending, failed callbacks."""
        loop.set_exception_handler(self._of_loop)

    def _of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.heard.append(f"asyncio: {context['message']}" + (f" ({type(error).__name__}: {error})" if error else ""))


@contextmanager
def every_complaint() -> Iterator[Complaints]:
    """Hear ResourceWarnings, coroutines never awaited, exceptions in `__del__`, and threads that died of an exception.

    For a loop's complaints give it to `Complaints.loop`. Other warnings go where they would have gone. Garbage is
    collected at the end, as some complaints come only then: that which was made meanwhile, which is quick.
    """
    complaints = Complaints()
    unraisable, in_thread = sys.unraisablehook, threading.excepthook

    def hear_unraisable(args: Any) -> None:
        complaints.heard.append(f"ignored in {args.object!r}: {type(args.exc_value).__name__}: {args.exc_value}")

    def hear_thread(args: Any) -> None:
        if args.exc_type is not SystemExit:
            name = args.thread.name if args.thread else "?"
            complaints.heard.append(f"the thread {name!r} died of {args.exc_type.__name__}: {args.exc_value}")

    with warnings.catch_warnings():
        show = warnings.showwarning

        def hear_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, ResourceWarning) or "was never awaited" in str(message):
                complaints.heard.append(f"{category.__name__}: {message}")
            else:
                show(message, category, *place, **more)

        warnings.simplefilter("always", ResourceWarning)
        warnings.filterwarnings("always", message=".*was never awaited", category=RuntimeWarning)
        warnings.showwarning = hear_warning
        sys.unraisablehook, threading.excepthook = hear_unraisable, hear_thread
        try:
            with _older_garbage_aside():
                yield complaints
        finally:
            sys.unraisablehook, threading.excepthook = unraisable, in_thread


_aside = False


@contextmanager
def _older_garbage_aside() -> Iterator[None]:
    """Collect at the end what became garbage meanwhile, and nothing else: a whole collection takes long."""
    global _aside
    outermost, _aside = not _aside, True
    if outermost:
        gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        if outermost:
            gc.unfreeze()
            _aside = False
