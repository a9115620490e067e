"""Traces that cannot be: the first line that is wrong, and the rule that it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from nimauth.conformance.traces import What
from nimauth.vocabulary.rules import Rule

from .lives import STRICT, Json, check

Told = str | int | Json

ON = ("connecting", "logging", "loggedIn", "dataSyncStart", "dataSyncFinish")
OUT: Json = {"call": "logout"}
OK: Json = {"call": "login_result", "ok": True}
NOT_OK: Json = {"call": "login_result", "ok": False}
ALL: Json = {"records": ["start", "login", "login_result", "logout"]}


def start(account: str | None = None) -> Json:
    return {"call": "start", "auto_login": account}


def login(account: str = "a") -> Json:
    return {"call": "login", "account": account}


def lines_of(*told: Told) -> list[Json]:
    return [one if isinstance(one, dict) else {"status": one} for one in told]


def by_hand(account: str = "a") -> tuple[Told, ...]:
    return login(account), *ON[:3], OK, *ON[3:]


BROKEN: dict[str, tuple[tuple[Told, ...], Rule | None]] = {
    "connecting after kickOut": ((ALL, *by_hand(), "kickOut", "connecting"), Rule.R4),
    "logging after kickOutByOtherClient": ((ALL, *by_hand(), "kickOutByOtherClient", "logging"), Rule.R4),
    "netBroken after forbidden": ((ALL, *by_hand(), "forbidden", "netBroken"), Rule.R4),
    "connecting after a wrong token": ((ALL, login(), *ON[:2], "pwdError", NOT_OK, "connecting"), Rule.R4),
    "connecting after dataUpgrade": ((ALL, *by_hand(), "dataUpgrade", "connecting"), Rule.R4),
    "connecting after a kick that was shown as unLogin, too": (
        (ALL, *by_hand(), "unLogin", "kickOut", "unLogin", "connecting"),
        Rule.R4,
    ),
    "auto login after kickOut": ((*by_hand(), "kickOut", start("a"), "connecting"), Rule.R4),
    "auto login after kickOut, two processes later": (
        (*by_hand(), "kickOut", start("a"), "unLogin", start("a"), "connecting"),
        Rule.R4,
    ),
    "connecting after a kick in a process that was to log in nobody": (
        (ALL, *by_hand(), "kickOut", start(), "connecting"),
        Rule.R4,
    ),
    "connecting after a kick that was shown as unLogin, too, where logouts are not recorded": (
        (start(), *by_hand(), "kickOut", "unLogin", "connecting"),
        Rule.R4,
    ),
    "connecting after versionError": ((ALL, *by_hand(), "versionError", "connecting"), Rule.R5),
    "auto login after versionError": ((*by_hand(), "versionError", start("a"), "connecting"), Rule.R5),
    "auto login of another account": ((*by_hand(), start("b"), "connecting"), Rule.R1),
    "auto login of the account before the last": (
        (*by_hand("a"), OUT, "unLogin", *by_hand("b"), start("a"), "connecting"),
        Rule.R1,
    ),
    "auto login after a failed manual login": (
        (*by_hand(), "unLogin", login(), "connecting", "unLogin", NOT_OK, start("a"), "connecting"),
        Rule.R3,
    ),
    "auto login after a manual login that never ended": (
        (*by_hand(), "netBroken", login("b"), "connecting", start("a"), "connecting"),
        Rule.R3,
    ),
    "auto login after a logout": ((*by_hand(), OUT, "unLogin", start("a"), "connecting"), Rule.R13),
    "connecting after a logout": ((ALL, *by_hand(), OUT, "unLogin", "connecting"), Rule.R13),
    "a failed manual login is tried again": (
        (ALL, start(), login(), "connecting", "unLogin", NOT_OK, "connecting"),
        Rule.R7,
    ),
    "... and goes on logging": ((ALL, start(), login(), "connecting", "unLogin", NOT_OK, "logging"), Rule.R7),
    "connecting though nobody asked": ((ALL, start(), "unLogin", "connecting"), Rule.R7),
    "a result though nobody asked": ((ALL, start("a"), *ON[:3], OK), Rule.R7),
    "a login ends twice": ((ALL, start(), *by_hand(), OK), Rule.R7),
    "the result contradicts what is shown": ((ALL, start(), login(), *ON[:3], NOT_OK), Rule.R6),
    "success is told of a login that failed": ((ALL, start(), login(), *ON[:2], "pwdError", OK), Rule.R6),
    "success before the login is sent": ((ALL, start(), login(), "connecting", OK), Rule.R6),
    "data sync before loggedIn": (("connecting", "logging", "dataSyncStart"), Rule.R14),
    "data sync after the link was lost": ((*ON, "netBroken", "dataSyncFinish"), Rule.R14),
    "data sync though nobody is logged in": ((ALL, start(), "unLogin", "dataSyncStart"), Rule.R14),
    "loggedIn after data sync": ((*ON, "loggedIn"), Rule.R14),
    "connecting again without a word that the link is lost": ((ALL, *by_hand(), "connecting"), Rule.R8),
    "logging without connecting, after a cut": ((ALL, *by_hand(), "unLogin", "logging"), Rule.R8),
    "a verdict after a verdict": ((ALL, *by_hand(), "kickOut", "forbidden"), Rule.R4),
    "a verdict out of nowhere": ((ALL, start(), "unLogin", "kickOut"), Rule.R4),
    "versionError out of nowhere": ((ALL, start(), "unLogin", "versionError"), Rule.R5),
    "loggedIn without logging": (("connecting", "loggedIn"), None),
    "loggedIn first": (("loggedIn",), Rule.R7),
    "Android's names": ((ALL, login(), "CONNECTING", "LOGINING", "LOGINED", "KICKOUT", "CONNECTING"), Rule.R4),
    "iOS's names": ((ALL, start(), login(), "NIMLoginStepLinking", "NIMLoginStepLoginOK"), None),
    "V2's numbers": ((ALL, start(), login(), 2, 1, OK, 0, 2), Rule.R4),
    "V2's numbers, tried once too often": ((ALL, start(), login(), 2, 3, 2, 0, NOT_OK, 2), Rule.R7),
}
"""Each is possible but for its last line."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_trace_is_told_at_its_first_wrong_line_with_its_rule(name: str) -> None:
    told, rule = BROKEN[name]
    assert check(lines_of(*told[:-1])).possible or len(told) == 1
    for more in ((), ("connecting",), ("unLogin", OUT, start("b"), "dataSyncFinish")):
        report = check(lines_of(*told, *more))
        (finding,) = report.findings
        assert (finding.what, finding.line, finding.rule) == (What.IMPOSSIBLE, len(told), rule), finding
        assert not report.possible


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_said_to_be_allowed_is_possible_there_and_nothing_else_is(name: str) -> None:
    told, _ = BROKEN[name]
    before = lines_of(*told[:-1])
    (finding,) = check(lines_of(*told)).findings
    calls: dict[str, Any] = {
        "login": login("somebody new"),
        "login_result ok": OK,
        "login_result not ok": NOT_OK,
        "logout": OUT,
        "start": start(),
    }
    recorded = {one["call"] for one in lines_of(*told) if "call" in one} | {k for k in ALL["records"] if ALL in told}
    statuses = [*ON, "unLogin", "netBroken", "kickOut", "kickOutByOtherClient", "forbidden", "pwdError"]
    possible = {
        name for name in [*statuses, "versionError", "dataUpgrade"] if check([*before, {"status": name}]).possible
    }
    possible |= {
        name
        for name, one in calls.items()
        if one["call"] in recorded and check([*before, one, *([{"records": sorted(recorded)}])]).possible
    }
    assert set(finding.allowed) == possible


def test_a_strict_check_names_the_rule_where_a_tolerance_would_have_helped() -> None:
    for told, rule in (
        ((ALL, login(), "connecting", "unLogin", "connecting"), Rule.R7),
        ((ALL, login(), "connecting", "netBroken"), Rule.R7),
        ((ALL, *by_hand(), "kickOut", "unLogin"), Rule.R15),
        ((ALL, login(), *ON[:3], "dataSyncStart"), Rule.R6),
        ((ALL, login(), "connecting", login("b")), Rule.R7),
        ((ALL, *by_hand(), login("b")), Rule.R7),
        ((ALL, start(), login(), "unLogin"), None),
        ((ALL, login(), "connecting", "connecting"), None),
    ):
        (finding,) = check(lines_of(*told), STRICT).findings
        assert (finding.line, finding.rule) == (len(told), rule), (told, finding)


def test_only_the_first_line_that_cannot_be_is_told() -> None:
    report = check(lines_of("connecting", "loggedIn", "connecting", "dataSyncFinish"))
    assert [finding.line for finding in report.findings] == [2]
    assert report.lines == 4


def test_the_shown_line_has_its_known_fields_only() -> None:
    (finding,) = check([{"status": "loggedIn", "t": 1.5, "reason": "sesame-47114711", "account": "a"}]).findings
    assert finding.shown == {"t": 1.5, "status": "loggedIn"}
    lines = [*lines_of(ALL, *ON[:1]), {"call": "login_result", "ok": True, "code": 1}]
    (finding,) = check(lines).findings
    assert finding.shown == {"call": "login_result", "ok": True}
