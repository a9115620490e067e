"""A call is cancelled where it is to be, and how it went is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nimauth.conformance.guard import run_guarded
from nimauth.conformance.leftovers import every_complaint
from nimauth.conformance.outcome import Outcome, attempt
from tests.aio import run_virtual
from tests.virtual import VirtualClockLoop


async def twice() -> str:
    await asyncio.sleep(1)
    await asyncio.sleep(0)
    return "done"


async def fails() -> None:
    await asyncio.sleep(0)
    raise KeyError("x")


async def stubborn() -> None:
    while True:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            continue


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (twice, "returned str"),
        (fails, "raised KeyError"),
        (lambda: asyncio.sleep(60), "was not over after 5 s"),
        (stubborn, "was not over after 6 s, nor when it was cancelled"),
    ],
)
def test_an_outcome_says_how_a_call_went(call: Callable[[], Awaitable[object]], words: str) -> None:
    async def judge() -> None:
        outcome: Outcome[object] = await attempt(call(), 5)
        assert str(outcome) == words
        assert outcome.returned == (call is twice)

    with every_complaint() as complaints:
        run_guarded(judge, complaints=complaints, loop_factory=VirtualClockLoop)
    assert ("cannot be cancelled" in "".join(complaints.heard)) == (call is stubborn)


@pytest.mark.parametrize("late", [False, True])
def test_a_call_is_cancelled_at_each_of_its_suspensions(late: bool) -> None:
    seen: list[str] = []
    began = 0.0

    async def call() -> str:
        for n in (1, 2, 3):
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                seen.append(f"{n} at {asyncio.get_running_loop().time() - began:g}")
                raise
        return "done"

    async def judge() -> None:
        nonlocal began
        for n in (1, 2, 3):
            began = asyncio.get_running_loop().time()
            outcome = await attempt(call(), 10, cancel_at=n, late=late)
            assert outcome.reached
            assert outcome.cancelled
        outcome = await attempt(call(), 10, cancel_at=4, late=late)
        assert (outcome.result, outcome.reached, outcome.suspensions) == ("done", False, 3)

    run_virtual(judge())
    assert seen == (["1 at 1", "2 at 2", "3 at 3"] if late else ["1 at 0", "2 at 1", "3 at 2"])


def test_a_swallowed_cancellation_is_no_cancellation() -> None:
    async def call() -> str:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            return "never mind"
        return "done"

    async def judge() -> None:
        outcome = await attempt(call(), 10, cancel_at=1)
        assert outcome.reached
        assert not outcome.cancelled
        assert outcome.result == "never mind"

    run_virtual(judge())
