"""How a call went: one that is cancelled midway, one that hangs, and one that nobody can end.

Nothing here raises what the call raises: `attempt` gives what it saw, and the suite says which clause that breaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from attrs import frozen

T = TypeVar("T")


@frozen
class Outcome(Generic[T]):
    """How a call went."""

    took: float
    """In seconds of the loop's clock."""
    result: T | None = None
    error: BaseException | None = None
    """What it raised; CancelledError where it was cancelled."""
    hung: bool = False
    """It was given up at its deadline, and cancelled then."""
    deaf: bool = False
    """It was not even over when it had been cancelled: it runs on, and nobody can end it."""
    suspensions: int = 0
    """How often it suspended."""
    reached: bool = False
    """Whether it came to the suspension at which it was to be cancelled."""

    @property
    def returned(self) -> bool:
        """Whether it came to a result."""
        return self.error is None and not self.hung

    @property
    def cancelled(self) -> bool:
        """Whether CancelledError came out of it."""
        return isinstance(self.error, asyncio.CancelledError)

    def __str__(self) -> str:
        if self.hung:
            return f"was not over after {self.took:g} s" + (", nor when it was cancelled" if self.deaf else "")
        if self.error is not None:
            return f"raised {type(self.error).__name__}"
        return f"returned {type(self.result).__name__}"


class _Counted(Generic[T]):
    """Awaits a coroutine, counts how often it suspends, and cancels its task at the n-th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], at: int | None, late: bool) -> None:
        self._coroutine, self._at, self._late = coroutine, at, late
        self.suspensions = 0

    @property
    def reached(self) -> bool:
        return self._at is not None and self.suspensions >= self._at

    def __await__(self) -> Generator[Any, Any, T]:
        task = asyncio.current_task()
        assert task is not None
        steps = self._coroutine.__await__()
        error: BaseException | None = None
        try:
            while True:
                try:
                    waited_for = next(steps) if error is None else steps.throw(error)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
                self.suspensions += 1
                if self.suspensions == self._at:
                    if self._late and waited_for is not None:
                        # It runs before the task's own wake-up: the result is there, and the cancellation as well.
                        waited_for.add_done_callback(lambda _: task.cancel())
                    else:
                        task.cancel()
                try:
                    yield waited_for
                    error = None
                except BaseException as thrown:
                    error = thrown
        finally:
            error = None  # no cycle through this frame
            self._coroutine.close()


async def attempt(
    call: Awaitable[T], within: float | None, *, grace: float = 1.0, cancel_at: int | None = None, late: bool = False
) -> Outcome[T]:
    """Await a call for `within` seconds at most, and say how it went. It never raises what the call raises.

    With `cancel_at=n` the call is cancelled at its n-th suspension: the moment it suspends, or, if `late`, the moment
    that what it waits for is done. Ask for n = 1, 2, 3 ... until `reached` is false, and every await had its turn.
    A call that is not over in time is cancelled; one that is not over `grace` seconds later is left alone, as `deaf`.
    """
    counted = _Counted(_as_coroutine(call), cancel_at, late)
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = loop.create_task(_await(counted))
    deaf = hung = False
    try:
        await asyncio.wait({task}, timeout=within)
        if not task.done():
            hung = True
            task.cancel()
            await asyncio.wait({task}, timeout=grace)
            deaf = not task.done()
    finally:
        if not task.done():
            task.cancel()
    took = loop.time() - began
    result: T | None = None
    error: BaseException | None = None
    if task.done():
        if task.cancelled():
            error = asyncio.CancelledError()
        elif (error := task.exception()) is None:
            result = task.result()
    return Outcome(took, result, error, hung, deaf, counted.suspensions, counted.reached)


async def _await(call: Awaitable[T]) -> T:
    return await call


async def _as_awaited(call: Awaitable[T]) -> T:
    return await call


def _as_coroutine(call: Awaitable[T]) -> Coroutine[Any, Any, T]:
    return call if isinstance(call, Coroutine) else _as_awaited(call)


async def settle(turns: int = 5) -> None:
    """Let callbacks that are due run."""
    for _ in range(turns):
        await asyncio.sleep(0)
