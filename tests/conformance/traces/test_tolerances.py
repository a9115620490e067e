"""Each tolerance allows one thing, and that thing is allowed by no other."""

from __future__ import annotations

import random

import pytest

from nimauth.conformance.traces.tolerances import DEFAULT, TEXT, Tolerance

from .lives import STRICT, check, life
from .test_broken import ALL, NOT_OK, OK, ON, OUT, Told, by_hand, lines_of, login, start

NEEDS: dict[Tolerance, list[tuple[Told, ...]]] = {
    Tolerance.REPEATED_STEPS: [
        (ALL, start(), login(), "connecting", "connecting"),
        (ALL, start(), login(), *ON[:2], "logging"),
        (ALL, start("a"), *ON[:3], "loggedIn"),
    ],
    Tolerance.SHOWN_AGAIN: [
        (ALL, *by_hand(), "kickOut", "kickOut"),
        (*ON, "dataSyncFinish"),  # the web's second sync
        (ALL, *by_hand(), "netBroken", "netBroken", "connecting"),
        (ALL, start(), "unLogin", "unLogin"),
    ],
    Tolerance.NOT_SHOWN_AGAIN: [(ALL, *by_hand(), "unLogin", OUT, login("b"), "connecting", "logging")],
    Tolerance.UNLOGIN_BEFORE_VERDICT: [
        (ALL, *by_hand(), "unLogin", "kickOut"),
        (ALL, start("a"), *ON[:2], "unLogin", "pwdError"),
    ],
    Tolerance.UNLOGIN_AFTER_VERDICT: [(ALL, *by_hand(), "kickOutByOtherClient", "unLogin", login(), "connecting")],
    Tolerance.LOGIN_RETRIED: [
        (ALL, start(), login(), "connecting", "unLogin", *ON[:3], OK),
        (ALL, start(), login(), "connecting", "netBroken", "connecting", "logging", "unLogin", NOT_OK),
        (ALL, start(), login(), 2, 3, 2, 3, 0, NOT_OK),
    ],
    Tolerance.LATE_RESULT: [
        (ALL, start(), login(), *ON, OK),
        (ALL, start(), login(), *ON[:3], "unLogin", "connecting", OK),
    ],
    Tolerance.REFUSED_CALL: [
        (ALL, start(), login(), NOT_OK),
        (ALL, start(), login(), login(), "connecting", NOT_OK, "logging", "loggedIn", OK),
        (ALL, *by_hand(), login("b"), NOT_OK, "netBroken"),
        (ALL, *by_hand(), login("b"), start("a"), "connecting"),
        (ALL, start(), *[login()] * 6, "connecting", *[NOT_OK] * 6),
    ],
    Tolerance.NET_BROKEN_WHEN_OUT: [
        (ALL, start(), login(), "connecting", "netBroken", NOT_OK, login(), "connecting"),
        (ALL, start(), "netBroken", login(), "connecting"),
    ],
    Tolerance.JOINED_LATE: [("loggedIn", "dataSyncStart"), ("forbidden",), (ALL, "dataSyncFinish", OUT, "unLogin")],
}


@pytest.mark.parametrize("tolerance", Tolerance)
def test_a_tolerance_by_itself_allows_what_it_says_and_all_the_others_do_not(tolerance: Tolerance) -> None:
    for told in NEEDS[tolerance]:
        lines = lines_of(*told)
        assert check(lines, frozenset({tolerance})).possible, told
        assert not check(lines, frozenset(Tolerance) - {tolerance}).possible, told
        assert check(lines, frozenset(Tolerance)).possible, told


def test_all_are_allowed_unless_asked_for_but_the_one_that_allows_any_first_line() -> None:
    assert frozenset(Tolerance) - DEFAULT == {Tolerance.JOINED_LATE}
    assert set(TEXT) == set(Tolerance)


def test_no_tolerance_makes_impossible_what_is_possible_without() -> None:
    by = random.Random(11)
    for _ in range(60):
        lines = list(life(by, 40, lambda: by.choice("abc")))
        for tolerance in Tolerance:
            assert check(lines, frozenset({tolerance})).possible
        assert check(lines, frozenset(Tolerance)).possible


@pytest.mark.parametrize(
    "told",
    [
        # What a tolerance allows goes no further than it says.
        (ALL, *by_hand(), "unLogin", "kickOut", "connecting"),
        (ALL, *by_hand(), "kickOut", "unLogin", "connecting"),
        (ALL, *by_hand(), "unLogin", "kickOut", "unLogin", "unLogin", "logging"),
        (ALL, start(), login(), "connecting", "unLogin", NOT_OK, "connecting"),
        (ALL, start(), login(), "connecting", "netBroken", NOT_OK, "connecting"),
        (ALL, start(), login(), "connecting", "unLogin", "logging"),
        (ALL, start(), login(), *ON, start("a"), OK),
        (ALL, start(), login(), OK),
        (ALL, start(), login(), NOT_OK, NOT_OK),
        (ALL, start(), login(), login(), "connecting", "logging", "loggedIn", OK, NOT_OK, NOT_OK),
        (*by_hand(), start(), login("b"), NOT_OK, start("a"), "connecting"),
        (*by_hand(), "unLogin", login("b"), NOT_OK, start("a"), "connecting"),
        (*by_hand(), "unLogin", login("b"), NOT_OK, "connecting"),
        (ALL, start(), "netBroken", "connecting"),
        (ALL, start(), "unLogin", "pwdError"),
    ],
)
def test_with_every_tolerance_the_rules_still_hold(told: tuple[Told, ...]) -> None:
    assert check(lines_of(*told[:-1])).possible or told[-1] == NOT_OK
    report = check(lines_of(*told))
    assert [finding.line for finding in report.findings] == [len(told)]


def test_a_sync_that_finishes_without_a_start_is_in_the_table_and_needs_no_tolerance() -> None:
    assert check(lines_of(*ON[:3], "dataSyncFinish"), STRICT).possible
