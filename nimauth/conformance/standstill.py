"""Whether a thread is blocked, and where: asleep in a call, and not merely without its turn on a busy machine.

That a thread does not go on says little: with six others on two processors it is slow, and that is nobody's fault. So
the operating system is asked. A thread that wants to run is runnable, however long it has to wait, and one that waits
for Python's interpreter lock wakes up every few milliseconds. Only one that sleeps, and has not woken since it was last
looked at, sits in a call that blocks. Linux tells that; elsewhere nobody is found to be blocked here.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Final

from attrs import define, field

_STATUS: Final = "/proc/self/task/{}/status"
_SLEEPS: Final = re.compile(r"^State:\s+S\b.*^voluntary_ctxt_switches:\s+(\d+)$", re.M | re.S)
_LIBRARY: Final = os.path.dirname(os.__file__) + os.sep
_RUN: Final = asyncio.Handle._run.__code__

TELLS: Final = Path(_STATUS.format(threading.get_native_id())).is_file()
"""Whether this operating system tells."""


@define(eq=False)
class Standstill:
    """Looks at the thread of an event loop, again and again, while it does not turn."""

    _thread: threading.Thread
    _after: float
    """It is blocked when it has slept for so many seconds of real time."""
    _blames: Callable[[contextvars.Context], bool]
    """Whether what runs in this context is looked at: the code under test, and not the world around it."""
    found: str = ""
    """Where it was blocked, in words, once it was."""
    _since: int | None = None
    """How often the thread had gone to sleep, when it was last seen asleep."""
    _slept: float = 0.0
    _looked: float = field(factory=time.monotonic)

    def look(self) -> None:
        """The loop has not turned since the last look."""
        now = time.monotonic()
        # Who looks may be late, too, even by a machine that stood still: what was not seen counts for little.
        gap, self._looked = min(now - self._looked, self._after / 4), now
        since, self._since = self._since, _asleep(self._thread)
        if self._since is None or self._since != since:
            self._slept = 0.0
            return
        self._slept += gap
        if self._slept >= self._after and not self.found:
            frames = list(frames_of(self._thread))
            context = _context(frames)
            if self._since == _asleep(self._thread) and context is not None and self._blames(context):
                self.found = f"the event loop is blocked for more than {self._after:g} s{place(frames)}"

    def turned(self) -> None:
        """It has turned."""
        self._looked, self._since, self._slept = time.monotonic(), None, 0.0


def frames_of(thread: threading.Thread) -> Iterator[FrameType]:
    """What the thread runs at this moment, the innermost call first."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        yield frame
        frame = frame.f_back


def place(frames: list[FrameType]) -> str:
    """Where that is: the innermost call that is not the standard library's own, and where in the library that is."""
    theirs = next((frame for frame in frames if not _is_library(frame)), None)
    if theirs is None:
        return ""
    return f" by {_named(theirs)}" + (f", in {_named(frames[0])}" if frames[0] is not theirs else "")


def _named(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_qualname} ({code.co_filename}:{frame.f_lineno})"


def _is_library(frame: FrameType) -> bool:
    path = frame.f_code.co_filename
    return path.startswith("<") or (path.startswith(_LIBRARY) and "site-packages" not in path)


def _context(frames: list[FrameType]) -> contextvars.Context | None:
    """In whose context it runs: that of the loop's innermost callback, a task's step among them."""
    handle = next((frame.f_locals.get("self") for frame in frames if frame.f_code is _RUN), None)
    context = getattr(handle, "_context", None)
    return context if isinstance(context, contextvars.Context) else None


def _asleep(thread: threading.Thread) -> int | None:
    """How often the thread has gone to sleep, if it sleeps at this moment. (Waiting for a disk is no sleep.)"""
    try:
        status = Path(_STATUS.format(thread.native_id)).read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    sleeps = _SLEEPS.search(status)
    return int(sleeps[1]) if sleeps else None
