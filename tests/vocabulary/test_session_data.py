"""A session as plain data: there and back again for whatever can be, and ValueError for everything else."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from nimauth.adapter import READERS
from nimauth.errors import IllegalState
from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary import inputs
from nimauth.vocabulary.reasons import Cause
from nimauth.vocabulary.states import Attempt, State
from tests.lifecycle.monitor import TOKEN
from tests.lifecycle.walk import INPUTS, walk

Json = dict[str, Any]

ONLINE: Json = Lifecycle(State.LOGGED_IN, Attempt.RESUME, "a", local_data="a", permitted="a").to_dict()


def test_every_configuration_that_can_be_reached_comes_back_as_it_was() -> None:
    for step in walk():
        for session in (step.before, step.after):
            data = session.to_dict()
            assert Lifecycle.from_dict(data) == session
            assert Lifecycle.from_dict(json.loads(json.dumps(data))) == session
            assert {type(value) for value in data.values()} <= {str, bool, type(None)}, "plain data"


def test_every_configuration_that_can_be_reached_pickles_and_goes_on_as_before() -> None:
    for step in walk():
        stored = pickle.dumps(step.after)
        assert TOKEN.encode() not in stored
        session = pickle.loads(stored)
        assert session == step.after
        assert session.receive(inputs.LOGOUT) == copy.copy(step.after).receive(inputs.LOGOUT)


def accepted() -> Iterator[Lifecycle]:
    """Of all combinations of values, those that from_dict takes."""
    accounts = (None, "a", "b")
    flags = (True, False)
    values = (State, (None, *Attempt), accounts, flags, accounts, accounts, (None, *Cause), flags)
    for combination in itertools.product(*values):
        try:
            yield Lifecycle.from_dict(dict(zip(ONLINE, combination, strict=True)))
        except ValueError:
            continue


def test_what_is_accepted_stays_acceptable_under_every_input() -> None:
    """So no data, however it was made up, brings a session where the table alone would not."""
    heard = [READERS[message["in"]](message) for message in INPUTS if message["in"] in READERS]
    heard += [inputs.auto_login(account) for account in "ab"]
    sessions = list(accepted())
    assert {session.state for session in sessions} == set(State)
    assert len(sessions) < 400, "of 66528"
    for before in sessions:
        for each in heard:
            session = copy.copy(before)
            try:
                session.receive(each)
            except IllegalState:
                assert session == before
            assert Lifecycle.from_dict(session.to_dict()) == session, (before, each)


RUBBISH: dict[str, Any] = {
    "nothing": {},
    "no dict": None,
    "a list of the right names": list(ONLINE),
    "something missing": {name: value for name, value in ONLINE.items() if name != "void"},
    "something more": {**ONLINE, "token": "t"},
    "names that do not compare": {**ONLINE, 5: "t"},
    "no state": {**ONLINE, "state": None},
    "an unknown state": {**ONLINE, "state": "online"},
    "a status for a state": {**ONLINE, "state": "loggedIn"},
    "a state that cannot be hashed": {**ONLINE, "state": []},
    "an unknown attempt": {**ONLINE, "attempt": "magic"},
    "an unknown cause": {**ONLINE, "void": "mood"},
    "an account that is no text": {**ONLINE, "account": 5},
    "an empty account": {**ONLINE, "account": "", "local_data": "", "permitted": ""},
    "local data that is no text": {**ONLINE, "local_data": True},
    "a permit that is no text": {**ONLINE, "permitted": ["a"]},
    "a network that is no flag": {**ONLINE, "network": 1},
    "a platform that is no flag": {**ONLINE, "has_auto_login": None},
    "online without an account": {**ONLINE, "account": None},
    "online without an attempt": {**ONLINE, "attempt": None},
    "online by a manual login": {**ONLINE, "attempt": "manual"},
    "online without local data": {**ONLINE, "local_data": None},
    "online with another account permitted": {**ONLINE, "permitted": "b"},
    "online while nobody is permitted": {**ONLINE, "permitted": None, "void": "failed"},
    "permitted and void": {**ONLINE, "void": "failed"},
    "at rest with an account": {**ONLINE, "state": "un_login"},
    "at rest with another account's local data": {
        **ONLINE,
        "state": "un_login",
        "attempt": None,
        "account": None,
        "local_data": "b",
    },
    "waiting without a network": {**ONLINE, "state": "waiting", "network": False},
    "net_broken with a network": {**ONLINE, "state": "net_broken"},
    "a manual login between tries": {
        **ONLINE,
        "state": "waiting",
        "attempt": "manual",
        "permitted": None,
        "void": "login_started",
    },
    "a manual login with what was saved before": {**ONLINE, "state": "logging", "attempt": "manual"},
    "ended and still permitted": {**ONLINE, "state": "kick_out", "attempt": None, "account": None},
    "ended for another reason than the state's": {
        **ONLINE,
        "state": "kick_out",
        "attempt": None,
        "account": None,
        "permitted": None,
        "void": "forbidden",
    },
    "an auto login where there is none": {**ONLINE, "state": "logging", "attempt": "auto", "has_auto_login": False},
}


@pytest.mark.parametrize("data", RUBBISH.values(), ids=RUBBISH)
def test_what_describes_no_session_is_refused_in_one_sentence(data: Any) -> None:
    assert Lifecycle.from_dict(ONLINE).to_dict() == ONLINE
    with pytest.raises(ValueError) as caught:
        Lifecycle.from_dict(data)
    assert "\n" not in str(caught.value)
    assert 10 < len(str(caught.value)) < 200
