"""The states and their statuses, the groups of states, and the rules."""

from __future__ import annotations

from nimauth.vocabulary.rules import TEXT, Rule
from nimauth.vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, ONLINE, STATUS, UNDER_WAY, AuthStatus, State

SHOWN = {
    "un_login": "unLogin",
    "connecting": "connecting",
    "logging": "logging",
    "logged_in": "loggedIn",
    "data_sync_start": "dataSyncStart",
    "data_sync_finish": "dataSyncFinish",
    "waiting": "unLogin",
    "net_broken": "netBroken",
    "kick_out": "kickOut",
    "kick_out_by_other_client": "kickOutByOtherClient",
    "forbidden": "forbidden",
    "pwd_error": "pwdError",
    "version_error": "versionError",
    "data_upgrade": "dataUpgrade",
}


def test_each_of_the_fourteen_states_shows_the_documented_status() -> None:
    assert {state.value: status.value for state, status in STATUS.items()} == SHOWN
    assert set(STATUS.values()) == set(AuthStatus)


def test_each_state_belongs_to_one_group() -> None:
    groups = (IDLE, UNDER_WAY, ONLINE, BETWEEN_TRIES, ENDED)
    assert sorted(state for group in groups for state in group) == sorted(State)
    assert set(ENDED) == {
        State.KICK_OUT,
        State.KICK_OUT_BY_OTHER_CLIENT,
        State.FORBIDDEN,
        State.PWD_ERROR,
        State.VERSION_ERROR,
        State.DATA_UPGRADE,
    }


def test_each_of_the_fifteen_rules_is_one_clause_to_stand_in_a_sentence() -> None:
    assert [rule.value for rule in Rule] == [f"R{number}" for number in range(1, 16)]
    assert set(TEXT) == set(Rule)
    for rule in Rule:
        assert 20 < len(rule.text) < 120, rule
        assert not rule.text.endswith("."), rule
        assert "\n" not in rule.text, rule
    assert len({rule.text for rule in Rule}) == len(Rule)
