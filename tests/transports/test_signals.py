"""What a link has heard, for whoever reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from nimauth.transports.base import Ended, LinkFailed, OnlineClients, SyncFinished, SyncStarted
from nimauth.transports.signals import CLOSED, Signals, ended_for
from nimauth.vocabulary.logins import OnlineClient
from nimauth.vocabulary.reasons import VERDICTS, Reason
from tests import aio

BROKEN = Ended(Reason.NET, 415, "the connection broke")
KICKED = Ended(Reason.KICKED_BY_SERVER, 417)


def in_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    return lambda: aio.run_virtual(test())


@in_a_loop
async def test_what_was_heard_comes_in_order_and_the_end_once() -> None:
    signals = Signals()
    reading = asyncio.ensure_future(_all(signals))
    await asyncio.sleep(1)
    signals.put(SyncStarted())
    await asyncio.sleep(1)
    signals.put(SyncFinished())
    assert signals.end(BROKEN)
    assert not signals.end(KICKED)
    signals.put(SyncStarted())
    assert await reading == [SyncStarted(), SyncFinished(), BROKEN]
    assert await _all(signals) == []
    assert signals.ended == BROKEN


@in_a_loop
async def test_reading_that_was_cancelled_goes_on_where_it_was() -> None:
    signals = Signals()
    reading = asyncio.ensure_future(anext(signals))
    await asyncio.sleep(1)
    signals.put(SyncStarted())
    reading.cancel()  # at the moment that there is something to read
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await anext(signals) == SyncStarted()


@in_a_loop
async def test_a_link_that_hears_when_it_is_asked_to_is_asked_until_there_is_something() -> None:
    asked: list[int] = []

    async def hear() -> None:
        asked.append(len(asked))
        if len(asked) == 3:
            signals.put(SyncStarted())
        if len(asked) == 4:
            raise LinkFailed(Reason.INVALID, 414, "rubbish") from OSError(5, "input/output error")

    signals = Signals(hear)
    assert await _all(signals) == [SyncStarted(), Ended(Reason.NET, 414, "rubbish")]
    assert len(asked) == 4
    assert isinstance(signals.failure().__cause__, OSError)


@in_a_loop
async def test_what_nobody_reads_is_held_back() -> None:
    held: list[bool] = []
    signals = Signals(most=4, pause=lambda: held.append(True), resume=lambda: held.append(False))
    for count in range(4):
        assert not held
        signals.put(OnlineClients((OnlineClient(str(count)),)))
    assert held == [True]
    await anext(signals)
    assert held == [True]
    await anext(signals)
    assert held == [True, False]


@in_a_loop
async def test_the_end_fails_every_call_that_waits_and_those_that_come_after() -> None:
    signals = Signals()

    async def call() -> None:
        with signals.expecting() as answer:
            await answer

    calls = [asyncio.ensure_future(call()) for _ in range(2)]
    await asyncio.sleep(1)
    calls.pop().cancel()  # nobody asks what became of this one
    with signals.expecting() as answer:  # and here nobody waits
        signals.end(CLOSED, OSError(5, "input/output error"))
    assert answer.done()
    for waiting in (*calls, call()):
        with pytest.raises(LinkFailed, match="closed from this side") as failed:
            await waiting
        assert isinstance(failed.value.__cause__, OSError)


@in_a_loop
async def test_an_answer_that_goes_with_a_signal_is_given_when_its_reader_comes_back_for_more() -> None:
    signals = Signals()
    with signals.expecting() as early, signals.expecting() as late:
        signals.put(SyncStarted(), early)
        signals.put(SyncFinished(), late)
        await anext(signals)
        assert not early.done()
        await anext(signals)
        assert early.done()
        assert not late.done()
        signals.end(BROKEN)
        with pytest.raises(LinkFailed):
            await late


@in_a_loop
async def test_an_end_may_turn_out_to_be_another_before_it_is_told() -> None:
    found: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()

    async def explain(ended: Ended) -> Ended:
        assert ended == BROKEN
        return await asyncio.shield(found)

    signals = Signals(explain=explain)
    signals.put(SyncStarted())
    signals.end(BROKEN)
    assert await anext(signals) == SyncStarted()
    reading = asyncio.ensure_future(anext(signals))
    await asyncio.sleep(1)
    reading.cancel()  # in the midst of it: the end is still to be told
    with pytest.raises(asyncio.CancelledError):
        await reading
    found.set_result(KICKED)
    assert await _all(signals) == [KICKED]
    assert signals.failure().reason is Reason.KICKED_BY_SERVER


@pytest.mark.parametrize("reason", Reason)
def test_an_end_is_told_as_what_it_is_if_it_is_a_verdict_or_busy_and_else_as_a_broken_net(reason: Reason) -> None:
    told = reason if reason in VERDICTS or reason is Reason.BUSY else Reason.NET
    assert ended_for(reason, 1, "words") == Ended(told, 1, "words")


async def _all(signals: Signals) -> list[Any]:
    return [signal async for signal in signals]
