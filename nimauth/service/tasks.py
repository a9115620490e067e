"""Tasks of our own, and what is told of those that fail."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

log = logging.getLogger("nimauth")


def spawn(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """A task that takes its first step later, also where the loop's task factory is eager (Python 3.12)."""
    return asyncio.Task(work, loop=asyncio.get_running_loop(), name=name)


async def end(tasks: set[asyncio.Task[Any]], grace: float, spared: set[asyncio.Task[Any]]) -> None:
    """Wait for tasks, and cancel those that need longer than `grace` seconds. Those in `spared` wait for us."""
    late = set(tasks - spared)
    if late:
        _, late = await asyncio.wait(late, timeout=grace)
    late -= spared
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=1.0)


def is_ours(error: BaseException) -> bool:
    """Whether a CancelledError means this task, and not something that it awaited and somebody else cancelled."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def report(what: str, error: BaseException) -> None:
    """Log a failure of code that is not ours: where and of which kind, but not its words, which may hold a token."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s: %s\n%s", what, type(error).__name__, where)
