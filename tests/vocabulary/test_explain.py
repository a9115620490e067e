"""Why something is refused: the guard and the rule of an auto login, the calls that are allowed instead of another."""

from __future__ import annotations

import copy

import pytest

from nimauth.adapter import READERS
from nimauth.errors import IllegalState
from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary import inputs
from nimauth.vocabulary.inputs import CALLS, Event, Input
from nimauth.vocabulary.reasons import Cause
from nimauth.vocabulary.states import Attempt, State
from tests.lifecycle.walk import Step, walk

GUARD_OF_RULE = {
    "R1": "is_last_account",
    "R2": "manual_login_succeeded_before",
    "R3": "last_manual_login_succeeded",
    "R4": "no_verdict_since",
    "R5": "no_version_refusal_since",
    "R11": "platform_has_auto_login",
    "R13": "not_logged_out_since",
}


def heard_in(step: Step) -> Input | None:
    """The input behind a step; None for an initialize without a login, which is told to nobody."""
    message = step.message
    if message["in"] == "initialize":
        return inputs.auto_login(message["auto_login"]["account"]) if message["auto_login"] else None
    return READERS[message["in"]](message)


def is_allowed(session: Lifecycle, call: Event) -> bool:
    try:
        copy.copy(session).receive(Input(call, "a", code=191002))
    except IllegalState:
        return False
    return True


def test_a_refused_auto_login_names_the_guard_and_the_rule() -> None:
    rules = set()
    for step in walk():
        heard = heard_in(step)
        refused = next((e for e in step.answer["out"] if e["do"] == "auto_login_refused"), None)
        if refused is None or heard is None:
            continue
        refusal = step.before.explain(heard)
        assert refusal is not None
        assert (refusal.guard, refusal.rule) == (GUARD_OF_RULE[refused["rule"]], refused["rule"])
        assert refusal.state == step.before.state
        rules.add(refusal.rule)
    assert rules == set(GUARD_OF_RULE)


def test_a_refused_host_call_names_the_state_and_exactly_the_calls_that_are_allowed_there() -> None:
    refused = 0
    for step in walk():
        heard = heard_in(step)
        if heard is None or step.answer["out"] != [{"do": "refused"}]:
            continue
        refused += 1
        session = copy.copy(step.before)
        with pytest.raises(IllegalState) as caught:
            session.receive(heard)
        allowed = ", ".join(call for call in sorted(CALLS) if is_allowed(step.before, call))
        assert str(caught.value) == f"{heard.event} is not allowed in state {session.state}; allowed there: {allowed}"
        assert session == step.before
        refusal = session.explain(heard)
        assert refusal is not None
        assert (refusal.event, refusal.state) == (heard.event, session.state)
    assert refused > 100


def test_only_what_is_refused_or_dropped_is_explained() -> None:
    for step in walk():
        heard = heard_in(step)
        if heard is None:
            continue
        acts = [effect["do"] for effect in step.answer["out"]]
        explained = step.before.explain(heard) is not None
        if acts:
            assert explained == (acts in (["refused"], ["dropped"], ["auto_login_refused"])), step
        else:
            assert explained, "a hint that means nothing"


def test_cancel_is_for_manual_logins_only() -> None:
    session = Lifecycle(State.LOGGING, Attempt.AUTO, "a", local_data="a", permitted="a")
    refusal = session.explain(inputs.CANCEL)
    assert refusal is not None
    assert (refusal.guard, refusal.rule) == ("is_manual", "R7")


def test_the_first_rule_that_forbids_is_named() -> None:
    session = Lifecycle(void=Cause.FORBIDDEN, has_auto_login=False)
    refusal = session.explain(inputs.auto_login("a"))
    assert refusal is not None
    assert refusal.rule == "R11"
