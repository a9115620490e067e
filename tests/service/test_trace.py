"""What a service records is in the order in which it happens, holds no token, disturbs nothing, and is possible."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimauth.conformance.traces import Checker
from nimauth.errors import LoginFailed
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.trace import Kind, Record, TraceFile, login, login_result, logout, shown, started
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.states import AuthStatus, State

from ..aio import run_virtual
from .host import OPTIONS, TOKEN, A, B, Host, settle, virtual
from .test_random import PLANS, STEPS, Story
from .world import Plan, World, refused, unreachable

STRICT = Checker(frozenset(), frozenset(Kind))


def check(lines: list[Record]) -> None:
    report = STRICT.check_lines("trace", [json.dumps(line).encode() for line in lines])
    assert report.possible, (report.findings, lines)
    assert TOKEN not in json.dumps(lines)


def brief(lines: list[Record]) -> list[str]:
    """Each line in a word or two."""
    return [
        line["status"] if "status" in line else f"{line['call']} {line.get('account', line.get('ok', ''))}".strip()
        for line in lines
    ]


@virtual
async def test_calls_results_and_statuses_stand_in_the_order_in_which_they_happen() -> None:
    lines: list[Record] = []
    async with Host(World([refused(302)]), trace=lines.append) as host:
        await host.start(auto_login=False)
        with pytest.raises(LoginFailed):
            await host.auth.login(A)
        await host.auth.login(B)
        await host.until(State.DATA_SYNC_FINISH)
        host.world.cut()
        await host.until(State.WAITING)
        await host.auth.logout()
    assert brief(lines) == [
        "start", "login a", "connecting", "logging", "login_result False", "pwdError",
        "login b", "connecting", "logging", "login_result True", "loggedIn", "dataSyncStart", "dataSyncFinish",
        "unLogin", "logout", "unLogin",
    ]  # fmt: skip
    assert lines[0] == {"t": 1000.0, "call": "start", "auto_login": None, "records": list(Kind)}
    assert lines[1] == {"t": 1000.0, "call": "login", "account": "a"}
    assert lines[4] == {"t": 1000.0, "call": "login_result", "ok": False}
    check(lines)


@virtual
async def test_a_start_tells_whom_it_was_to_log_in_by_itself() -> None:
    lines: list[Record] = []
    shelf = Shelf()
    async with Host(shelf=shelf, trace=lines.append) as host:
        await host.start()
        await host.auth.login(A)
    for given_login in (True, False, A, B):
        async with Host(shelf=shelf, trace=lines.append) as host:
            await host.start(given_login)
            await settle()
    starts = [line["auto_login"] for line in lines if line.get("call") == "start"]
    assert starts == [None, "a", None, "a", "b"]
    check(lines)


@virtual
async def test_a_login_that_is_cancelled_and_one_that_a_logout_ends_are_recorded_as_that() -> None:
    lines: list[Record] = []
    async with Host(World([Plan(answer_after=5), Plan(answer_after=5)]), trace=lines.append) as host:
        await host.start(auto_login=False)
        for end in ("cancel", "logout"):
            called = asyncio.ensure_future(host.auth.login(A))
            await asyncio.sleep(1)
            called.cancel() if end == "cancel" else await host.auth.logout()
            await asyncio.wait({called})
            await asyncio.sleep(4)
    told = ["login a", "connecting", "logging"]
    by_cancel = [*told, "login_result False", "unLogin"]
    by_logout = [*told, "logout", "login_result False", "unLogin"]
    assert brief(lines) == ["start", *by_cancel, *by_logout]
    check(lines)


@virtual
async def test_a_call_is_recorded_once_it_has_voided_what_was_saved() -> None:
    """So whatever a crash leaves behind, the trace says no more than was done."""
    lines: list[Record] = []
    shelf = Shelf()

    class Slow(MemoryStore):
        async def revoke(self, revocation: Any) -> None:
            seen.append(brief(lines)[-1])
            await super().revoke(revocation)

    seen: list[str] = []
    async with Host(shelf=shelf, store=Slow(shelf), trace=lines.append) as host:
        await host.start(auto_login=False)
        await host.auth.login(A)
        await host.auth.logout()
    assert len(seen) == 2
    assert seen[0] == "start"
    assert seen[1] in ("loggedIn", "dataSyncStart", "dataSyncFinish")
    check(lines)


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError(TOKEN), RuntimeError("odd")])
@virtual
async def test_a_trace_that_cannot_be_written_is_given_up_with_one_record_and_disturbs_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    written: list[Record] = []

    def record(line: Record) -> None:
        if len(written) == 3:
            raise error
        written.append(line)

    with caplog.at_level(logging.DEBUG, "nimauth"):
        async with Host(trace=record) as host:
            await host.online()
            await host.auth.logout()
            assert host.auth.trace is None
    assert len(written) == 3
    assert len([one for one in caplog.records if "trace" in one.getMessage()]) == 1
    assert TOKEN not in caplog.text
    check(written)


class Traced(Story):
    """A random story, recorded; what a process still does after it has crashed is not."""

    def __init__(self, plans: list[Plan]) -> None:
        super().__init__(plans)
        self.lines: list[Record] = []
        self.is_dead = False

    def record(self, line: Record) -> None:
        if not self.is_dead:
            self.lines.append(line)

    async def begin(self, auto_login: bool) -> None:
        self.is_dead = False

        def host(*args: Any, **more: Any) -> Host:
            return Host(*args, trace=self.record, **more)

        with mock.patch("tests.service.test_random.Host", host):
            await super().begin(auto_login)

    async def do_crash(self, auto_login: bool) -> None:
        self.is_dead = True
        await super().do_crash(auto_login)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PLANS, max_size=6), st.lists(STEPS, min_size=5, max_size=30))
def test_the_traces_of_random_stories_are_possible_without_any_tolerance(
    plans: list[Plan], steps: list[tuple[Any, ...]]
) -> None:
    story = Traced(plans)
    run_virtual(story.run(steps))
    check(story.lines)


@virtual
async def test_what_a_listener_of_the_status_stream_hears_is_possible_too() -> None:
    """It hears the present status first, which is no event."""
    async with Host(World([unreachable(), Plan()])) as host:
        await host.start(auto_login=False)
        with pytest.raises(LoginFailed):
            await host.auth.login(A)
        await host.auth.login(LoginInfo("b", TOKEN))
        await host.until(State.DATA_SYNC_FINISH)
        heard = host.statuses
    assert heard[0] == "unLogin"
    lines = [json.dumps({"status": status}).encode() for status in heard]
    assert Checker(frozenset()).check_lines("heard", lines).possible


# -- the file ----------------------------------------------------------------------------------------------------------


@virtual
async def test_a_trace_file_has_whole_lines_of_ascii_that_are_flushed_at_once() -> None:
    file = mock.Mock(wraps=io.StringIO())
    async with Host(trace=TraceFile(file)) as host:
        await host.start(auto_login=False)
        await host.auth.login(LoginInfo("安娜", TOKEN))
    written = [call.args[0] for call in file.write.call_args_list]
    assert all(text.endswith("\n") and text.isascii() and text.count("\n") == 1 for text in written)
    assert file.flush.call_count == len(written)
    lines = [json.loads(text) for text in written]
    assert lines[1]["account"] == "安娜"
    check(lines)


def test_a_trace_file_ends_at_its_limit_with_a_whole_line_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    file = io.StringIO()
    trace = TraceFile(file, limit=100)
    with caplog.at_level(logging.WARNING, "nimauth"):
        for _ in range(50):
            trace(shown(AuthStatus.CONNECTING))
            trace(login_result(True))
    assert 60 < len(file.getvalue()) <= 100
    assert all(json.loads(line) for line in file.getvalue().splitlines())
    assert len(caplog.records) == 1


def test_the_records_are_the_documented_ones() -> None:
    assert [started("a"), started(None), login("a"), login_result(False), logout(), shown(AuthStatus.KICK_OUT)] == [
        {"call": "start", "auto_login": "a", "records": ["start", "login", "login_result", "logout"]},
        {"call": "start", "auto_login": None, "records": ["start", "login", "login_result", "logout"]},
        {"call": "login", "account": "a"},
        {"call": "login_result", "ok": False},
        {"call": "logout"},
        {"status": "kickOut"},
    ]


def test_the_options_are_as_they_were() -> None:
    assert not hasattr(OPTIONS, "trace"), "a trace belongs to one service, options to any number"
