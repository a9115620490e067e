"""What the official clients do is possible: traces of the real SDK, and what its documents draw."""

from __future__ import annotations

from pathlib import Path

import pytest

from nimauth.conformance.traces import Checker
from nimauth.conformance.traces.tolerances import DEFAULT, Tolerance
from nimauth.vocabulary.states import State

DATA = Path(__file__).parent / "data"
FILES = sorted(path.name for path in DATA.glob("*.jsonl"))

# The traces of the real V2 SDK on Node, with nothing but loopback, and what each of them cannot do without.
REAL = {
    "v2_nothing_listens.jsonl": {Tolerance.LOGIN_RETRIED},
    "v2_accepts_and_closes.jsonl": {Tolerance.LOGIN_RETRIED},
    "v2_closes_after_the_handshake.jsonl": {Tolerance.LOGIN_RETRIED},
    "v2_link_silent.jsonl": {Tolerance.LOGIN_RETRIED},
    "v2_api_timeout.jsonl": set(),
    "v2_logout_while_logging.jsonl": set(),
    "v2_bad_parameter.jsonl": {Tolerance.REFUSED_CALL},
    "v2_logout_when_out.jsonl": set(),
    "v2_bad_token_from_the_provider.jsonl": set(),
}


def check(name: str, tolerances: frozenset[Tolerance] = DEFAULT) -> bool:
    with (DATA / name).open("rb") as file:
        return Checker(tolerances).check(name, file).possible


@pytest.mark.parametrize("name", FILES)
def test_what_the_official_clients_show_is_possible(name: str) -> None:
    assert check(name)


@pytest.mark.parametrize("name", REAL)
def test_the_real_sdk_needs_these_tolerances_and_no_others(name: str) -> None:
    needed = frozenset(REAL[name])
    assert check(name, needed)
    for tolerance in needed:
        assert not check(name, needed - {tolerance})


def test_together_they_visit_every_state() -> None:
    checker = Checker()
    for name in FILES:
        with (DATA / name).open("rb") as file:
            checker.check(name, file)
    assert set(checker.coverage().states) == set(State)
