"""One table of spellings: nothing in it is ambiguous, and nothing that nimauth or NIM shows is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from nimauth.conformance.traces.spellings import BY_NAME, BY_NUMBER, SPELLINGS, Family, spelled
from nimauth.conformance.traces.tolerances import Tolerance
from nimauth.trace import Kind
from nimauth.vocabulary.states import STATUS, AuthStatus, State

PAGE = (Path(__file__).parents[3] / "docs" / "traces.md").read_text("utf-8")


def test_no_name_and_no_number_stands_twice() -> None:
    assert len(BY_NAME) == len(SPELLINGS)
    assert sum(map(len, BY_NUMBER.values())) == sum(spelling.number is not None for spelling in SPELLINGS)


def test_every_status_of_nimauth_stands_for_the_states_that_show_it() -> None:
    for status in AuthStatus:
        assert BY_NAME[status.value].states == {state for state in State if STATUS[state] is status}


@pytest.mark.parametrize("family", [Family.FLUTTER, Family.ANDROID, Family.IOS])
def test_a_family_that_shows_steps_shows_a_whole_login(family: Family) -> None:
    shown = frozenset[State]().union(*(spelling.states for spelling in SPELLINGS if spelling.family is family))
    assert shown == set(State) or family is Family.IOS


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("NIMAuthStatus.kickOut", "kickOut"),
        ("StatusCode.LOGINED", "LOGINED"),
        ("com.netease.nimlib.sdk.StatusCode.PWD_ERROR", "PWD_ERROR"),
    ],
)
def test_the_name_of_the_enum_may_stand_before_a_dot(name: str, same: str) -> None:
    assert spelled(name) is BY_NAME[same]


@pytest.mark.parametrize("name", ["", ".", "KICKOUT.", "Connecting", "connecting ", "kickout"])
def test_other_names_are_unknown(name: str) -> None:
    assert spelled(name) is None


def test_the_page_has_every_spelling_tolerance_kind_and_family() -> None:
    for spelling in SPELLINGS:
        assert f"`{spelling.name}`" in PAGE, spelling
    for name in (*Tolerance, *Kind, *Family):
        assert f"`{name}`" in PAGE, name
