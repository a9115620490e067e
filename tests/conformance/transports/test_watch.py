"""The suites' own eyes: what they must see, they see, and whom they must not disturb, they do not."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
import os
import socket
import threading
import urllib.parse
import warnings
from collections.abc import Awaitable, Callable

import pytest

from nimauth.conformance.watch import (
    Census,
    Outcome,
    Secrets,
    Stuck,
    attempt,
    every_complaint,
    every_log_record,
    every_socket,
    hasty_loop,
    run_guarded,
)
from tests.aio import run_virtual
from tests.virtual import VirtualClockLoop

SECRET = 'tok/7c1e+9fd2ab"é'

# -- secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"login with {SECRET}!",
        repr(SECRET),
        repr([SECRET]),
        ascii(SECRET),
        json.dumps({"token": SECRET}),
        json.dumps({"token": SECRET}, ensure_ascii=False),
        repr(SECRET.encode()),
        urllib.parse.quote(SECRET),
        urllib.parse.urlencode({"token": SECRET}),
        SECRET.encode().hex(),
        *(
            base64.b64encode(b"a" * before + SECRET.encode() + b"z" * after).decode()
            for before in range(4)
            for after in range(3)
        ),
        base64.urlsafe_b64encode(b"user:" + SECRET.encode()).decode(),
        f"it begins with {SECRET[:10]}",
        f"... and ends in {SECRET[-10:]}",
    ],
)
def test_a_secret_is_known_in_every_form(text: str) -> None:
    assert Secrets.of("something else entirely", SECRET).shown(text)


@pytest.mark.parametrize(
    "text", ["", "login with ***", "tok/", SECRET[:9], base64.b64encode(b"something of no interest").decode()]
)
def test_what_is_no_secret_is_none(text: str) -> None:
    assert not Secrets.of(SECRET, "").shown(text)


def test_the_secrets_themselves_do_not_show_them() -> None:
    assert not Secrets.of(SECRET).shown_by(Secrets.of(SECRET))


def errors() -> list[BaseException]:
    noted, attributed, chained, grouped = (
        ValueError(),
        ValueError(),
        ValueError(),
        ExceptionGroup("", [KeyError(SECRET)]),
    )
    noted.add_note(SECRET)
    attributed.password = SECRET  # type: ignore[attr-defined]
    chained.__cause__ = OSError(1, SECRET)
    try:
        try:
            raise ValueError(SECRET)
        except ValueError:
            raise KeyError from None
    except KeyError as error:
        hidden = error
    return [ValueError(SECRET), noted, attributed, chained, grouped, hidden]


@pytest.mark.parametrize("error", errors(), ids=lambda error: type(error).__name__)
def test_an_exception_shows_what_any_part_of_it_shows(error: BaseException) -> None:
    assert Secrets.of(SECRET).shown_by(error)
    assert not Secrets.of(SECRET).shown_by(ValueError("nothing"))


# -- logs --------------------------------------------------------------------------------------------------------------


def test_every_record_is_heard_and_nobody_else_hears_more() -> None:
    others: list[logging.LogRecord] = []

    class Other(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            others.append(record)

    handler = Other()
    logger = logging.getLogger("tests.watch.quiet")
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    disabled = logging.getLogger("tests.watch.disabled")
    disabled.disabled = True
    try:
        with every_log_record() as records:
            logger.debug("one %s", SECRET)
            logger.error("two", extra={"more": SECRET})
            try:
                raise ValueError(SECRET)
            except ValueError:
                logging.getLogger("tests.watch.new").info("three", exc_info=True)
            logger.debug("four %d", "no number")
            disabled.error("five")
        logger.debug("six")
    finally:
        logger.removeHandler(handler)
        disabled.disabled = False
    assert [record.message for record in records][:3] == [f"one {SECRET}", "two", "three"]
    assert len(records) == 4
    assert all(Secrets.of(SECRET).shown(record.text) for record in records[:3])
    assert [record.getMessage() for record in others] == ["two"]


# -- what is left behind -----------------------------------------------------------------------------------------------


def test_a_census_tells_what_is_new() -> None:
    before = Census()
    assert before.left() == []
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="dawdler", daemon=True)
    thread.start()
    reader, writer = os.pipe()
    with socket.socket():
        left = before.left()
    assert left[0] == "an open pipe" or not os.path.isdir("/proc/self/fd")
    assert left[-2:] == ["an open socket", "the thread 'dawdler'"]
    go.set()
    thread.join()
    os.close(reader)
    os.close(writer)
    assert before.left() == []


def test_sockets_are_told_apart_by_who_makes_them() -> None:
    counts = False
    with every_socket(lambda: counts) as made, socket.socket():
        counts = True
        with socket.socket() as ours:
            assert [one() for one in made] == [ours]
    with socket.socket():
        assert len(made) == 1


def complain_of_a_resource() -> None:
    socket.socket()


def complain_of_a_coroutine() -> None:
    asyncio.sleep(0)  # type: ignore[unused-coroutine]  # noqa: RUF100  # pyright: ignore[reportUnusedCoroutine]


def complain_in_a_thread() -> None:
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()


class Angry:
    def __del__(self) -> None:
        raise ValueError("leave me alone")


def complain_in_del() -> None:
    Angry()


def complain_in_a_cycle() -> None:
    one = [socket.socket()]
    one.append(one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("complain", "words"),
    [
        (complain_of_a_resource, "unclosed"),
        (complain_of_a_coroutine, "never awaited"),
        (complain_in_a_thread, "ZeroDivisionError"),
        (complain_in_del, "leave me alone"),
        (complain_in_a_cycle, "unclosed"),
    ],
)
def test_complaints_are_heard(complain: Callable[[], None], words: str) -> None:
    frozen = gc.get_freeze_count()
    with every_complaint() as complaints:
        complain()
    assert words in "".join(complaints.heard)
    assert gc.get_freeze_count() <= frozen


def test_other_warnings_go_where_they_would_have_gone() -> None:
    with every_complaint() as complaints, pytest.raises(UserWarning, match="not yours"):
        warnings.warn("not yours", UserWarning, stacklevel=1)
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with every_complaint() as complaints:
            warnings.warn("not yours", UserWarning, stacklevel=1)
    assert [str(other.message) for other in others] == ["not yours"]
    assert complaints.heard == []


def test_a_loop_complains_of_what_nobody_asked_for() -> None:
    async def forget() -> None:
        asyncio.get_running_loop().create_future().set_exception(ValueError("forgotten"))

    with every_complaint() as complaints:
        run_guarded(forget, complaints=complaints)
    assert "forgotten" in complaints.heard[0]


# -- calls -------------------------------------------------------------------------------------------------------------


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
