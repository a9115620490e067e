"""One daemon thread for calls that may block for ever."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import weakref
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from attrs import define, field

T = TypeVar("T")


@define(eq=False)
class _Job(Generic[T]):
    call: Callable[[], T] = field(repr=False)
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[T] = field(repr=False)

    def run(self) -> None:
        if self.answer.cancelled():  # nobody waited for its turn to come
            return
        try:
            value = self.call()
        except BaseException as error:
            # Whatever it is, it belongs to the caller, and the thread lives on.
            self._deliver(self._refuse, error)
        else:
            self._deliver(self._accept, value)

    def _deliver(self, how: Callable[[Any], None], what: object) -> None:
        # A late answer may find the loop closed; then nobody is left to hear it.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(how, what)

    def _accept(self, value: T) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def _refuse(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@define(eq=False)
class _Pulse:
    """Since when the call that runs now is running, on the monotonic clock; None between calls."""

    since: float | None = None


class Worker:
    """Runs blocking calls one at a time, in order, on one daemon thread that starts with the first of them.

    A thread of an executor is joined when the interpreter exits, so a keyring that waits for a person would keep the
    process alive; a daemon thread does not.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._pulse = _Pulse()
        self._thread: threading.Thread | None = None
        # The thread knows the queue and not the worker, so a worker that nobody closed ends its thread when it is
        # collected.
        self._end = weakref.finalize(self, self._jobs.put, None)
        self._end.atexit = False

    @property
    def busy_for(self) -> float:
        """For how many seconds the call that runs now has been running; 0 when none is."""
        since = self._pulse.since
        return 0.0 if since is None else time.monotonic() - since

    @property
    def is_current(self) -> bool:
        """Whether this runs on its thread."""
        return threading.current_thread() is self._thread

    def submit(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Queue `call`. Cancelling the future keeps a queued call from being made; it does not stop a running one."""
        if self._thread is None:
            self._thread = threading.Thread(target=_work, args=(self._jobs, self._pulse), name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        job = _Job(call, loop, loop.create_future())
        self._jobs.put(job)
        return job.answer

    def close(self) -> None:
        """End the thread once the calls that are queued have run. Does not wait for it."""
        self._end()


def _work(jobs: SimpleQueue[_Job[Any] | None], pulse: _Pulse) -> None:
    while (job := jobs.get()) is not None:
        pulse.since = time.monotonic()
        job.run()
        pulse.since = None
        del job  # its answer may be a login
