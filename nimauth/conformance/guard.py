"""A story in an event loop of its own, which is over in time whatever the code under test does."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import selectors
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .leftovers import Complaints
from .outcome import settle
from .standstill import Standstill, frames_of, place

T = TypeVar("T")


class Stuck(Exception):
    """The event loop stands still, or stood still: something blocks it."""


def run_guarded(
    make: Callable[[], Coroutine[Any, Any, T]],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    complaints: Complaints | None = None,
    stuck_after: float = 20.0,
    blocked_after: float | None = None,
    blames: Callable[[contextvars.Context], bool] = lambda _: True,
) -> T:
    """Run a coroutine in a fresh loop in a thread of its own, and come back whatever it does.

    Unlike `asyncio.run` it waits for no task that will not be cancelled: such a one is left, and told of in
    `complaints`. Raises Stuck when the loop has not turned for `stuck_after` seconds of real time, or a thread of its
    executor has not ended so long after the coroutine; the threads are left then.

    With `blocked_after` it also raises Stuck, and says by whom, when the loop's thread slept for so many seconds of
    real time in a call, in a context that `blames` says yes to. The coroutine is cancelled when that call is over.
    """
    running: list[asyncio.Task[T]] = []
    results: list[T] = []
    errors: list[BaseException] = []
    loop = (loop_factory or asyncio.new_event_loop)()
    if complaints is not None:
        complaints.loop(loop)
    settling, over, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        try:
            running.append(loop.create_task(_alone(make, complaints, settling)))
            results.append(loop.run_until_complete(running[0]))
        except BaseException as error:
            errors.append(error)
        running.clear()
        over.set()
        try:
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
            ended.set()

    turned, asked = time.monotonic(), False

    def turn() -> None:
        nonlocal turned, asked
        turned, asked = time.monotonic(), False
        if standstill.found and not settling.is_set():
            for task in running:
                task.cancel()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="guarded", daemon=True)
    standstill = Standstill(thread, blocked_after or stuck_after, blames)
    pause = min(0.5, stuck_after / 4, blocked_after / 10 if blocked_after else 0.5)
    thread.start()
    while not ended.wait(pause):
        if blocked_after and asked and not over.is_set():
            standstill.look()
        else:
            standstill.turned()
        if time.monotonic() - turned > stuck_after:
            what = "a thread that it gave work to has not ended" if over.is_set() else "the event loop has stood still"
            where = "" if over.is_set() else place(list(frames_of(thread)))
            raise Stuck(f"{what} for {stuck_after:g} s{where}")
        if not over.is_set() and not asked:
            asked = True
            with contextlib.suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(turn)
    thread.join(stuck_after)
    if standstill.found:
        raise Stuck(standstill.found) from next(iter(errors), None)
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # no cycle through this frame
    return results[0]


def hasty_loop(speed: float) -> asyncio.AbstractEventLoop:
    """An event loop whose clock runs `speed` times as fast as real time, for code with long deadlines."""
    return _HastyLoop(speed)


class _HastySelector(selectors.DefaultSelector):
    speed = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / self.speed if timeout else timeout)


class _HastyLoop(asyncio.SelectorEventLoop):
    def __init__(self, speed: float) -> None:
        self._speed, self._began = speed, time.monotonic()
        selector = _HastySelector()
        selector.speed = speed
        super().__init__(selector)

    def time(self) -> float:
        return self._began + (time.monotonic() - self._began) * self._speed


async def _alone(
    make: Callable[[], Coroutine[Any, Any, T]], complaints: Complaints | None, settling: threading.Event
) -> T:
    try:
        return await make()
    finally:
        settling.set()
        await settle()
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        hear = loop.get_exception_handler()
        loop.set_exception_handler(lambda *_: None)  # what follows is our doing
        for _ in range(3):
            if left := {task for task in asyncio.all_tasks() if task is not me}:
                for task in left:
                    task.cancel()
                await asyncio.wait(left, timeout=0.5)
        if complaints is not None:
            stubborn = [task.get_name() for task in asyncio.all_tasks() if task is not me]
            complaints.heard += [f"the task {name!r} cannot be cancelled" for name in stubborn]
        await asyncio.wait({asyncio.ensure_future(loop.shutdown_asyncgens())}, timeout=0.5)
        await settle()  # transports that were closed just now close their sockets
        loop.set_exception_handler(hear)
