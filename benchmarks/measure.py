"""How things are measured: interleaved, so that a machine that slows down slows every contender alike."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from attrs import frozen

Seconds = float


@frozen
class Measured:
    """The median of all rounds, and the median of the ratios to the reference, each taken within one round."""

    value: float
    ratio: float


def interleaved(
    tasks: Mapping[str, Callable[[], Seconds]], reference: str, rounds: int, warm_up: int = 1
) -> dict[str, Measured]:
    """Run every task once a round, starting each round at another one; a task tells how long it took."""
    names = list(tasks)
    taken: dict[str, list[Seconds]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            seconds = tasks[name]()
            if number >= 0:
                taken[name].append(seconds)
    return {
        name: Measured(median(times), median(t / base for t, base in zip(times, taken[reference], strict=True)))
        for name, times in taken.items()
    }


def timed(run: Callable[[Any], Any], session: Any, *, is_async: bool = False, is_quiet: bool = False) -> Seconds:
    """How long `run(session)` takes, without the garbage collector."""
    if is_quiet:
        logging.disable(logging.CRITICAL)
    gc.collect()
    gc.disable()
    try:
        if is_async:
            return asyncio.run(_timed(run, session))
        start = time.perf_counter()
        run(session)
        return time.perf_counter() - start
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


async def _timed(run: Callable[[Any], Any], session: Any) -> Seconds:
    start = time.perf_counter()
    await run(session)
    return time.perf_counter() - start


def bytes_per_session(make: Callable[[], Any], count: int = 300) -> float:
    """What tracemalloc finds held for each further session, less its place in the list."""
    sessions: list[Any] = [make() for _ in range(3)]  # what the first ones share is not theirs
    sessions += [None] * count
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(3, 3 + count):
            sessions[number] = make()
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()


def imports(statements: Sequence[str], reference: str, rounds: int) -> dict[str, Measured]:
    """The whole of a fresh process that runs one statement and ends, with a warm bytecode cache."""
    root = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as cache:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPYCACHEPREFIX": cache, "PYTHONPATH": str(root)}

        def task(statement: str) -> Callable[[], Seconds]:
            def run() -> Seconds:
                start = time.perf_counter()
                subprocess.run([sys.executable, "-c", statement], env=environment, cwd=cache, check=True)
                return time.perf_counter() - start

            return run

        return interleaved({statement: task(statement) for statement in statements}, reference, rounds, warm_up=2)
