"""What each result code and each reason comes to. The tables are NIM's, written down by hand."""

from __future__ import annotations

import pytest
from attrs import evolve

from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary import effects, inputs
from nimauth.vocabulary.inputs import EVENT_OF_REASON, Event
from nimauth.vocabulary.reasons import ADVICE, VERDICT_CODES, VERDICTS, Cause, Reason, cause_of, reason_of
from nimauth.vocabulary.rules import Rule
from nimauth.vocabulary.states import BETWEEN_TRIES, ENDED, ONLINE, UNDER_WAY, Attempt, State

# codes; the reason; the event; where a manual login goes; where an auto login or a resume goes, with a network
CODES: tuple[tuple[tuple[int, ...], str, str, str, str], ...] = (
    ((302, 102302, 102404), "credentials", "bad_credentials", "pwd_error", "pwd_error"),
    ((403,), "forbidden", "forbidden", "forbidden", "forbidden"),
    ((422, 102422), "forbidden", "forbidden", "forbidden", "forbidden"),
    ((417,), "displaced", "displaced", "kick_out", "kick_out"),
    ((201, 20003), "version", "version_refused", "version_error", "version_error"),
    ((404, 414), "invalid", "failed", "un_login", "un_login"),
    ((408,), "net", "connect_failed", "un_login", "waiting"),
    ((415,), "net", "connect_failed", "un_login", "waiting"),
    ((416,), "busy", "busy", "un_login", "waiting"),
    ((398, 399, 500, 503, 514), "busy", "busy", "un_login", "waiting"),
    ((1000,), "invalid", "failed", "un_login", "un_login"),
    ((191005,), "net", "connect_failed", "un_login", "waiting"),
    ((190002, 191002, 191003), "unknown", "unclassified", "un_login", "waiting"),
    ((191004,), "invalid", "failed", "un_login", "un_login"),
    ((192001, 192002, 192003, 192004, 192005, 192006), "net", "connect_failed", "un_login", "waiting"),
    ((101301, 101302, 101303, 101304, 101305, 101403), "invalid", "failed", "un_login", "un_login"),
    ((-1, 0, 1, 300, 418, 999, 192007, 10**9), "unknown", "unclassified", "un_login", "waiting"),
)
EACH_CODE = [(code, *rest) for codes, *rest in CODES for code in codes]


def attempts(attempt: Attempt) -> list[Lifecycle]:
    """The attempt under way, before and after the link is open."""
    session = Lifecycle(State.CONNECTING, attempt, "a", local_data="a", permitted="a")
    if attempt is Attempt.MANUAL:
        session.local_data, session.permitted, session.void = None, None, Cause.LOGIN_STARTED
    return [session, evolve(session, state=State.LOGGING)]


@pytest.mark.parametrize(("code", "reason", "event", "manual", "retried"), EACH_CODE)
def test_a_code_has_one_reason_one_event_and_one_outcome(
    code: int, reason: str, event: str, manual: str, retried: str
) -> None:
    assert reason_of(code) == reason
    heard = inputs.refused(code)
    assert (heard.event, heard.reason) == (event, reason)
    for attempt in Attempt:
        for session in attempts(attempt):
            out = session.receive(heard)
            assert session.state == (manual if attempt is Attempt.MANUAL else retried)
            assert (effects.ArmRetry(heard.code) in out) == (session.state in BETWEEN_TRIES)
            results = [effect for effect in out if isinstance(effect, effects.LoginResult)]
            assert results == (
                [effects.LoginResult(False, heard.code, heard.reason)] if attempt is Attempt.MANUAL else []
            )


def test_the_wire_gets_the_last_word_on_the_code_and_the_transport_on_the_reason() -> None:
    assert inputs.refused(403, Reason.CREDENTIALS, "no") == inputs.Input(
        Event.BAD_CREDENTIALS, reason=Reason.CREDENTIALS, code=403, text="no"
    )
    assert inputs.refused(0, Reason.FORBIDDEN).code == 422


# what is heard; the state it ends in; the code of a manual login that it ends; the rule that then forbids auto login
HEARD: tuple[tuple[str, str, int, str], ...] = (
    ("displaced", "kick_out", 417, "R4"),
    ("already_online", "kick_out", 417, "R4"),
    ("kicked_by_server", "kick_out", 417, "R4"),
    ("kicked_by_client", "kick_out_by_other_client", 417, "R4"),
    ("forbidden", "forbidden", 422, "R4"),
    ("credentials", "pwd_error", 302, "R4"),
    ("version", "version_error", 201, "R5"),
    ("data_upgrade", "data_upgrade", 0, "R4"),
)


@pytest.mark.parametrize(("heard", "state", "code", "rule"), HEARD)
def test_a_verdict_ends_every_attempt_and_every_session(heard: str, state: str, code: int, rule: str) -> None:
    reason = Reason(heard)
    online = [
        Lifecycle(state, Attempt.RESUME, "a", local_data="a", permitted="a")
        for state in State
        if state in ONLINE | UNDER_WAY
    ]
    for session in [*online, *attempts(Attempt.AUTO), *attempts(Attempt.MANUAL)]:
        pending = session.attempt is Attempt.MANUAL
        out = session.receive(inputs.ended(reason, text="so says the wire"))
        assert session.state == state
        status = out[-1]
        assert isinstance(status, effects.Status)
        assert (status.reason, status.text) == (reason, "so says the wire"), "the host hears why"
        assert (effects.LoginResult(False, code, reason, "so says the wire") in out) == pending
        assert session.receive(inputs.auto_login("a")) == [effects.AutoLoginRefused(Rule(rule))]


def test_the_tables_cover_every_reason() -> None:
    verdicts = {Reason(heard) for heard, *_ in HEARD}
    assert verdicts == set(VERDICTS) == set(VERDICT_CODES)
    assert set(VERDICTS.values()) == ENDED
    assert set(EVENT_OF_REASON) == set(ADVICE) == set(Reason)
    assert {reason for _, reason, *_ in CODES} | verdicts == set(Reason)


def test_an_end_that_is_no_verdict_is_a_lost_link() -> None:
    for reason in set(Reason) - set(VERDICTS):
        heard = inputs.ended(reason)
        assert (heard.event, heard.code) == (Event.LINK_LOST, 415)


def test_every_cause_says_which_rule_it_breaks_and_why() -> None:
    assert {cause.value: cause.rule.value for cause in Cause} == {
        "login_started": "R3",
        "failed": "R3",
        "logged_out": "R13",
        **{heard: rule for heard, _, _, rule in HEARD if heard != "already_online"},
    }
    assert cause_of(Reason.ALREADY_ONLINE) is Cause.DISPLACED
    for words in [*(cause.text for cause in Cause), *ADVICE.values()]:
        assert words[0].islower()
        assert not words.endswith(".")
    for reason in set(Reason) - set(VERDICTS):
        with pytest.raises(ValueError, match=reason.value):
            cause_of(reason)
