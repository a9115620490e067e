"""Whatever the lifecycle can do is possible, however little of it a trace tells and however it is spelled."""

from __future__ import annotations

import random
from itertools import chain, combinations
from typing import Final

import pytest

from nimauth.conformance.traces import Checker
from nimauth.conformance.traces.machine import HIDDEN
from nimauth.conformance.traces.spellings import SPELLINGS, Family, Spelling
from nimauth.conformance.traces.tolerances import DEFAULT, Tolerance
from nimauth.trace import Kind
from nimauth.vocabulary.inputs import Event
from nimauth.vocabulary.states import STATUS, State

from .lives import STRICT, Json, as_bytes, check, life

SETS = [frozenset(kinds) for count in range(5) for kinds in combinations(Kind, count)]


def lives(seed: int, count: int, length: int) -> list[list[Json]]:
    by = random.Random(seed)
    return [list(life(by, length, lambda: by.choice("abcd"))) for _ in range(count)]


def without(lines: list[Json], kinds: frozenset[Kind]) -> list[Json]:
    left = [{name: value for name, value in line.items() if name != "records"} for line in lines]
    return [line for line in left if line.get("call") not in kinds]


@pytest.mark.parametrize("missing", SETS, ids=lambda kinds: "-".join(sorted(kinds)) or "nothing")
def test_a_life_is_possible_without_any_tolerance_whichever_calls_the_trace_lacks(missing: frozenset[Kind]) -> None:
    for lines in lives(len(missing), 12, 150):
        told = without(lines, missing)
        report = check(told, STRICT)
        assert report.possible, report
        assert frozenset(report.not_recorded) >= missing
        assert check(told, STRICT, recorded=frozenset(Kind) - missing).possible


def spellings_of(state: State, family: Family) -> list[Spelling]:
    return [spelling for spelling in SPELLINGS if spelling.family is family and state in spelling.states]


@pytest.mark.parametrize("by_number", [True, False])
@pytest.mark.parametrize("family", Family)
def test_a_life_is_possible_in_every_spelling(family: Family, by_number: bool) -> None:
    by = random.Random(5)
    checked = 0
    for lines in lives(7, 12, 120):
        told: list[Json] = [{"numbers": family.value}]
        last: Spelling | None = None
        for line in lines:
            if "status" not in line:
                told.append(line)
                last = None if line["call"] == "start" else last
                continue
            possible = spellings_of(State(line["state"]), family)
            if not possible:
                continue  # the family does not show this
            if last in possible and last.shows_several:
                continue  # it shows the same, and not again
            last = by.choice(possible)
            told.append({"status": last.number if by_number and last.number is not None else last.name})
        report = check(told)
        assert report.possible, (report, told)
        checked += len(told)
    assert checked > 500


def test_a_v2_client_needs_no_tolerance_for_showing_several_states_alike() -> None:
    told = [{"status": number} for number in (2, 1, 3, 2, 1, 0)]
    assert check(told, STRICT).possible
    call = {"call": "login", "account": "a", "records": list(Kind)}
    assert check([call, *told[:2]], STRICT).possible
    assert not check([call, {"status": 2}, {"status": 2}, {"status": 2}], STRICT).possible


def test_a_life_of_every_account_leaves_no_more_to_remember_than_one_of_two() -> None:
    by = random.Random(3)
    numbers = iter(range(100_000))
    few, many = Checker(STRICT), Checker(STRICT)
    assert few.check_lines("few", as_bytes(life(by, 20_000, lambda: by.choice("ab")))).possible
    assert many.check_lines("many", as_bytes(life(by, 20_000, lambda: f"account {next(numbers)}"))).possible
    assert next(numbers) > 2000
    all_recorded: frozenset[Kind] = frozenset()
    assert many.search(all_recorded).remembered < 2 * few.search(all_recorded).remembered


def test_coverage_has_what_a_life_did_and_nothing_that_it_cannot_have_done() -> None:
    checker = Checker(STRICT)
    lines: list[Json] = [
        {"call": "start", "auto_login": None, "records": list(Kind)},
        {"call": "login", "account": "a"},
        *({"status": status} for status in ("connecting", "logging")),
        {"call": "login_result", "ok": True},
        {"status": "loggedIn"},
    ]
    assert checker.check_lines("trace", as_bytes(lines)).possible
    covered = checker.coverage()
    assert set(covered.states) == {State.UN_LOGIN, State.CONNECTING, State.LOGGING, State.LOGGED_IN}
    assert [(row.event, row.source) for row in covered.rows] == [
        ("login", State.UN_LOGIN),
        ("link_opened", State.CONNECTING),
        ("accepted", State.LOGGING),
    ]
    assert len(covered.rows) + len(covered.missing_rows) == len(checker.lifecycle.__program__.rows)


def test_coverage_has_every_way_in_which_a_line_can_have_come_about() -> None:
    checker = Checker(STRICT)
    lines: list[Json] = [
        {"call": "start", "auto_login": "a", "records": list(Kind)},
        *({"status": status} for status in ("connecting", "unLogin", "connecting")),
    ]
    assert checker.check_lines("trace", as_bytes(lines)).possible
    rows = checker.coverage().rows
    assert {row.event for row in rows if row.target is State.WAITING} == {
        "connect_failed", "link_lost", "timed_out", "busy", "unclassified"
    }  # fmt: skip
    assert {row.event for row in rows if row.source is State.WAITING} == {
        "retry_due", "network_found", "foreground", "reconnecting"
    }  # fmt: skip


def test_coverage_is_of_whole_explanations_also_where_only_a_later_line_decides() -> None:
    """Whether a person logged in shows only at the end, when the client does not try again."""
    lines = [{"status": status} for status in ("connecting", "logging", "unLogin")]
    by_hand = {"call": "login_result", "ok": False}
    checker = Checker(STRICT, recorded=frozenset({Kind.START, Kind.LOGIN_RESULT, Kind.LOGOUT}))
    assert checker.check_lines("trace", as_bytes([*lines, by_hand])).possible
    manual = {row for row in checker.coverage().rows if row.event not in ("login", "auto_login", "network_found")}
    assert manual
    assert not any(row.target in (State.WAITING, State.NET_BROKEN) for row in manual)
    assert not any(row.event == "auto_login" for row in checker.coverage().rows)


@pytest.mark.parametrize("ahead", [3, 4, 100])
def test_coverage_of_a_long_trace_waits_for_the_lines_ahead(ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result tells that a person had logged in, so that nobody was logged in by itself."""
    monkeypatch.setattr("nimauth.conformance.traces.LOOK_AHEAD", ahead)
    starts = [{"call": "start", "auto_login": account} for account in (None, None, None, "a")]
    shown = [{"status": "connecting"}, {"status": "unLogin"}]
    checker = Checker(STRICT, recorded=frozenset({Kind.START, Kind.LOGIN_RESULT, Kind.LOGOUT}))
    assert checker.check_lines("trace", as_bytes([*starts, *shown, {"call": "login_result", "ok": False}])).possible
    assert not any(row.event == "auto_login" and row.target is not None for row in checker.coverage().rows)
    assert any(row.event == "login" for row in checker.coverage().rows)


@pytest.mark.parametrize("ahead", [1, 2, 3, 7])
def test_a_kind_that_is_first_told_of_beyond_what_is_read_ahead_counts_from_there_on(
    ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nimauth.conformance.traces.LOOK_AHEAD", ahead)
    for lines in lives(9, 60, 40):
        told = without(lines, frozenset())
        report = check(told, STRICT)
        assert report.possible, (report, told)
        assert set(report.not_recorded) == set(Kind) - {Kind(line["call"]) for line in told if "call" in line}
    kicked = [{"status": status} for status in ("connecting", "logging", "loggedIn", "kickOut")]
    call = {"call": "login", "account": "a"}
    broken = [*kicked, call, *kicked, {"status": "connecting"}]
    assert [finding.line for finding in check(broken, STRICT).findings] == [10]


def test_however_little_is_remembered_the_verdict_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nimauth.conformance.traces.LOOK_AHEAD", 5)
    monkeypatch.setattr("nimauth.conformance.traces.MAX_REMEMBERED", 300)
    checker = Checker(STRICT)
    whole = chain.from_iterable(lives(4, 8, 100))
    told = without(list(whole), frozenset())
    assert checker.check_lines("trace", as_bytes(told)).possible
    assert len(checker.coverage().states) == len(State)
    wrong = [*told, {"call": "start", "auto_login": None}, {"status": "dataSyncStart"}]
    assert [finding.line for finding in checker.check_lines("trace", as_bytes(wrong)).findings] == [len(wrong)]
    assert checker.search(frozenset()).remembered < 1000


def test_more_accounts_at_a_time_than_are_told_apart_make_nothing_impossible() -> None:
    """Forty processes, none of which shows for whom it was started: only then it is seen that one of them was right."""
    starts = [{"call": "start", "auto_login": f"account {number}"} for number in range(40)]
    shown = [{"status": "connecting"}, {"status": "logging"}]
    for number in range(40):
        again = {"call": "start", "auto_login": f"account {number}"}
        assert check([*starts, again, *shown], STRICT).possible
    few = [{"call": "start", "auto_login": name} for name in "abc"]
    assert check([*few, {"call": "start", "auto_login": "a"}, shown[0]], STRICT).possible
    out: list[Json] = [{"status": "unLogin"}, {"call": "login", "account": "a"}]
    assert check([*few, *out], STRICT, recorded=frozenset(Kind)).possible, "it may be saved for anybody"


def test_everything_that_can_happen_can_happen_unseen_or_has_a_line() -> None:
    assert {heard.event for heard in HIDDEN} == set(Event) - {Event.AUTO_LOGIN, Event.LOGIN, Event.LOGOUT}


def test_every_state_is_shown_by_its_own_name() -> None:
    for state in State:
        assert state in spellings_of(state, Family.FLUTTER)[0].states
        assert [s.name for s in spellings_of(state, Family.FLUTTER)] == [STATUS[state].value]


SAVED: Final[tuple[Json, ...]] = (
    {"call": "login", "account": "a"},
    {"status": "connecting"},
    {"status": "logging"},
    {"status": "loggedIn"},
    {"call": "login_result", "ok": True},
    {"call": "start", "auto_login": "a"},
)


@pytest.mark.parametrize("tolerances", [STRICT, DEFAULT])
def test_a_process_may_show_what_it_begins_with_before_it_logs_in_by_itself(tolerances: frozenset[Tolerance]) -> None:
    """The status diagram begins with unLogin, and so do clients whose listener is told at once."""
    out: Json = {"status": "unLogin"}
    connecting: Json = {"status": "connecting"}
    assert check([*SAVED, connecting], tolerances, recorded=frozenset(Kind)).possible
    assert check([*SAVED, out, connecting], tolerances, recorded=frozenset(Kind)).possible
    assert not check([*SAVED, out, {"status": "logging"}], tolerances, recorded=frozenset(Kind)).possible
    gone = [*SAVED, {"call": "logout"}, {"call": "start", "auto_login": "a"}, out, connecting]
    assert not check(gone, tolerances, recorded=frozenset(Kind)).possible, "R13"
