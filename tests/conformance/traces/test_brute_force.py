"""Possible is what brute force finds possible, and where it finds nothing more the checker stops, too."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nimauth import trace
from nimauth.conformance.traces import What
from nimauth.trace import Kind
from nimauth.vocabulary.states import AuthStatus

from .brute_force import first_impossible
from .lives import STRICT, Json, check, life

ANY_LINE: list[Json] = [
    *(dict(trace.shown(status)) for status in AuthStatus),
    *({"call": "start", "auto_login": account} for account in (None, "a", "b")),
    *(dict(trace.login(account)) for account in "ab"),
    *(dict(trace.login_result(ok)) for ok in (True, False)),
    dict(trace.logout()),
]


def told_until(lines: list[Json], **options: Any) -> int | None:
    findings = check(lines, STRICT, **options).findings
    assert all(finding.what == What.IMPOSSIBLE for finding in findings)
    return findings[0].line if findings else None


def mutated(by: random.Random, lines: list[Json]) -> list[Json]:
    """One line dropped, brought in, replaced, or moved."""
    place = by.randrange(len(lines))
    match by.randrange(4):
        case 0:
            return lines[:place] + lines[place + 1 :]
        case 1:
            return [*lines[:place], by.choice(ANY_LINE), *lines[place:]]
        case 2:
            return [*lines[:place], by.choice(ANY_LINE), *lines[place + 1 :]]
        case _:
            moved = lines.copy()
            moved.insert(by.randrange(len(lines)), moved.pop(place))
            return moved


@pytest.mark.parametrize("seed", range(8))
def test_the_verdict_is_that_of_brute_force_for_lives_and_for_lives_with_one_line_wrong(seed: int) -> None:
    by = random.Random(seed)
    verdicts = []
    for _ in range(60):
        lines = list(life(by, by.randrange(2, 14), lambda: by.choice("aab")))
        for line in lines:
            line.pop("records", None)
        hidden = {kind for kind in Kind if by.random() < 0.35}
        lines = [line for line in lines if line.get("call") not in hidden]
        lines = lines[by.choice([0, 0, 1, 2]) :] or [by.choice(ANY_LINE)]  # the recording may have missed the beginning
        recorded = frozenset(kind for kind in Kind if by.random() < 0.15)
        for _ in range(by.choice([0, 1, 1, 2])):
            lines = mutated(by, lines) or [by.choice(ANY_LINE)]
        expected = first_impossible(lines, recorded)
        assert told_until(lines, recorded=recorded) == expected, lines
        verdicts.append(expected)
    assert verdicts.count(None) > 10
    assert len(verdicts) - verdicts.count(None) > 10


def test_every_two_lines_where_every_call_is_recorded_and_every_one_where_none_need_be() -> None:
    for one in ANY_LINE:
        for two in ANY_LINE:
            lines = [one, two]
            assert told_until(lines, recorded=frozenset(Kind)) == first_impossible(lines, frozenset(Kind)), lines
        for lines in ([one], [{"call": "start", "auto_login": "a"}, {"status": "connecting"}, one]):
            assert told_until(lines) == first_impossible(lines), lines
