"""Runs a coroutine as a test: in a fresh loop, with a deadline on the whole, leaving nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from .virtual import VirtualClockLoop

T = TypeVar("T")


def run(test: Coroutine[Any, Any, T], deadline: float = 30.0) -> T:
    """Run `test` in real time and assert that no task of its outlives it."""
    with asyncio.Runner() as runner:
        return runner.run(_alone(test, deadline))


def run_virtual(test: Coroutine[Any, Any, T], deadline: float = 1e5) -> T:
    """The same on a clock that jumps, for tests without real I/O. No timer outlives it; `deadline` is virtual, too."""
    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        result = runner.run(_alone(test, deadline))
        loop = runner.get_loop()
        assert isinstance(loop, VirtualClockLoop)
        assert not loop.timers(), f"timers outlive the test: {loop.timers()}"
        return result


async def _alone(test: Coroutine[Any, Any, T], deadline: float) -> T:
    before = asyncio.all_tasks()
    async with asyncio.timeout(deadline):
        result = await test
    for _ in range(3):  # callbacks of tasks that ended just now
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before
    assert not left, f"tasks outlive the test: {left}"
    return result
