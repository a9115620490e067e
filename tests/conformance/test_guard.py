"""A run comes back whatever happens in it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from nimauth.conformance.guard import Stuck, hasty_loop, run_guarded
from nimauth.conformance.standstill import TELLS


async def fails() -> None:
    await asyncio.sleep(0)
    raise KeyError("x")


def test_a_guarded_run_gives_what_comes_out() -> None:
    async def answer() -> int:
        return 42

    assert run_guarded(answer) == 42
    with pytest.raises(KeyError):
        run_guarded(fails)


def test_a_blocked_loop_is_told_of() -> None:
    go = threading.Event()

    async def block() -> None:
        go.wait(30)

    with pytest.raises(Stuck, match="stood still"):
        run_guarded(block, stuck_after=0.2)
    go.set()


# -- a loop that is blocked for a while --------------------------------------------------------------------------------

ON_TRIAL: ContextVar[bool] = ContextVar("on_trial", default=True)


def wait_for_a_lock() -> None:
    threading.Event().wait(0.6)


def wait_for_a_server() -> None:
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(0.6)
        with pytest.raises(TimeoutError):
            one.recv(1)


def doze() -> None:
    time.sleep(0.6)


def compute() -> None:
    until = time.monotonic() + 0.4
    while time.monotonic() < until:
        pass


def run_a_while(act: Callable[[], None], how: str) -> list[str]:
    """Run it in a loop that may not be blocked for long, and tell what came of it."""
    done: list[str] = []

    async def run() -> None:
        if how == "callback":
            asyncio.get_running_loop().call_soon(act)
        elif how == "acquitted":
            ON_TRIAL.set(False)
            act()
        else:
            act()
        for _ in range(5):
            await asyncio.sleep(0.01)
        done.append("done")

    run_guarded(run, blocked_after=0.1, blames=lambda context: context.get(ON_TRIAL, True))
    return done


@pytest.mark.skipif(not TELLS, reason="this operating system does not tell whether a thread sleeps")
@pytest.mark.parametrize("how", ["task", "callback"])
@pytest.mark.parametrize("act", [doze, wait_for_a_lock, wait_for_a_server])
def test_a_loop_that_was_blocked_is_told_of_with_the_place(act: Callable[[], None], how: str) -> None:
    with pytest.raises(Stuck, match=rf"blocked for more than 0.1 s by {act.__name__} \(.*test_guard.py:\d+\)") as told:
        run_a_while(act, how)
    assert isinstance(told.value.__cause__, asyncio.CancelledError)


def test_a_loop_that_is_busy_is_not_blocked_nor_is_one_that_waits() -> None:
    assert run_a_while(compute, "task") == ["done"]

    async def idle() -> str:
        await asyncio.sleep(0.4)
        return "done"

    assert run_guarded(idle, blocked_after=0.1) == "done"


def test_only_who_is_on_trial_is_blamed() -> None:
    assert run_a_while(doze, "acquitted") == ["done"]


def test_an_executor_that_does_not_end_is_told_of() -> None:
    go = threading.Event()

    async def hand_over() -> None:
        asyncio.get_running_loop().run_in_executor(None, go.wait, 30)

    with pytest.raises(Stuck, match="has not ended"):
        run_guarded(hand_over, stuck_after=0.2)
    go.set()


def test_a_hasty_loop_has_the_time_that_was_asked_for() -> None:
    async def hours() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - began

    assert run_guarded(hours, loop_factory=lambda: hasty_loop(100_000)) >= 3600
