"""What the SDK says, and what it means. The traces are those of the real SDK, as far as loopback shows them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nimauth.transports.nim.mapping import (
    KICKED,
    Begun,
    Clients,
    KickedOfflineReason,
    Lost,
    News,
    Online,
    Opened,
    Phase,
    Sync,
    Tracker,
    Verdict,
    online_client,
    refusal,
    words,
)
from nimauth.transports.words import MAX_TEXT
from nimauth.vocabulary.inputs import EVENT_OF_REASON, Event
from nimauth.vocabulary.reasons import VERDICTS, Reason, documented_codes, reason_of

LETTERS = {
    "L": "loginStatus",
    "C": "connectStatus",
    "F": "loginFailed",
    "X": "connectFailed",
    "D": "disconnected",
    "K": "kickedOffline",
    "S": "dataSync",
    "O": "loginClientChanged",
}
"""L2 is login status 2, D192003 a `disconnected` with that code, K1 a kick for reason 1, S3 a data sync at state 3, O5
a list of one client, whose id is 5."""


def play(tracker: Tracker, trace: str) -> list[News]:
    """Feed a trace. A `|` is a moment in which nothing is heard."""
    news: list[News] = []
    for word in trace.split():
        if word == "|":
            news += tracker.due()
            continue
        event, number = LETTERS[word[0]], int(word[1:])
        value: Any = number
        if event == "kickedOffline":
            value = {"reason": number, "text": "because"}
        elif event == "dataSync":
            value = {"type": 1, "state": number}
        elif event == "loginClientChanged":
            value = [{"clientId": str(number)}]
        elif event.endswith(("ailed", "disconnected")):
            value = {"code": number, "text": "why"}
        news += tracker.feed(event, value)
    return news


def listed(number: int) -> Clients:
    return Clients([{"clientId": str(number)}])


def online() -> Tracker:
    tracker = Tracker()
    assert play(tracker, "L2 C2 C1 L1") == [Online()]
    return tracker


@pytest.mark.parametrize(
    "trace",
    [
        "L2 C2 L3 C0 X192001 L2 C2 L3 C0 X192001 L0",  # nothing listens, retryCount 1
        "L2 C2 L3 C0 X192001 L0",  # accepts and closes
        "L2 C2 C1 L3 C0 D192003 F192003 L0",  # the link accepts and closes after the upgrade
        "L2 C2 C1 L3 C0 D192004 F192004 L0",  # the link is silent
        "L2 C2 L0 C0 X191005",  # the time-out of the API
        "L2 C2 L0 C0",  # a logout while logging in
    ],
)
def test_of_a_first_login_the_answer_to_the_call_tells_and_nothing_else(trace: str) -> None:
    tracker = Tracker()
    assert play(tracker, trace + " |") == []
    assert tracker.phase is Phase.FIRST


@pytest.mark.parametrize("number", list(KickedOfflineReason))
@pytest.mark.parametrize(
    "trace", ["L0 C0 D192003 K{}", "K{} L0 C0 D192003", "L0 K{} C0", "L3 C0 D192003 K{}", "D192003 C0 L0 K{} L3 C3 L2"]
)
def test_a_kick_is_one_whatever_is_heard_before_and_after_it(number: int, trace: str) -> None:
    tracker = online()
    (verdict,) = play(tracker, trace.format(number) + " |")
    assert isinstance(verdict, Verdict)
    assert verdict.reason is KICKED[KickedOfflineReason(number)]
    assert not tracker.holding
    assert verdict.text == f"because (kickedOffline, reason {number})"


def test_each_kick_means_what_the_facts_say() -> None:
    assert {int(number): reason for number, reason in KICKED.items()} == {
        1: Reason.DISPLACED,
        2: Reason.KICKED_BY_SERVER,
        3: Reason.KICKED_BY_CLIENT,
        4: Reason.DISPLACED,
    }


def test_a_kick_whose_number_nobody_knows_is_the_servers() -> None:
    (verdict,) = play(online(), "K9")
    assert isinstance(verdict, Verdict)
    assert verdict.reason is Reason.KICKED_BY_SERVER


def test_a_loss_is_held_back_for_a_moment() -> None:
    tracker = online()
    assert play(tracker, "L3 C0 D192003 C3") == []
    assert tracker.holding
    assert play(tracker, "|") == [Lost(192003, "why", goes_on=True)]
    assert not tracker.holding
    assert play(tracker, "|") == []


def test_a_loss_after_which_the_sdk_logs_out_is_one_that_it_does_not_follow_up() -> None:
    assert play(online(), "L3 C0 D192003 | L0 C0 |") == [Lost(192003, "why", True), Lost(415, "", False)]
    assert play(online(), "L0 C0 |") == [Lost(415, "", False)]


@pytest.mark.parametrize("trace", ["L3 C0 D192003 C3 L2 C2", "L3 C0 D192003 | C3 L2 C2"])
def test_a_new_attempt_ends_the_moment(trace: str) -> None:
    assert play(online(), trace) == [Lost(192003, "why", True), Begun()]


def test_a_reconnect_is_told_step_by_step() -> None:
    tracker = online()
    trace = "L3 C0 D192003 C3 | L2 C2 L3 C0 X192001 C3 | L2 C2 C1 L1 S1 S2 S3"
    assert play(tracker, trace) == [
        Lost(192003, "why", True),
        Begun(),
        Lost(192001, "why", True),
        Begun(),
        Opened(),
        Opened(),  # a login that succeeds proves a connection
        Online(),
        Sync(finished=False),
        Sync(finished=True),
    ]


def test_a_reconnect_of_which_only_the_success_is_heard_is_one() -> None:
    assert play(online(), "L3 | L1") == [Lost(415, "", True), Begun(), Opened(), Online()]
    assert play(online(), "L3 L1") == [Lost(415, "", True), Begun(), Opened(), Online()]


def test_the_list_that_is_heard_before_the_sdk_is_online_is_told_once_it_is() -> None:
    tracker = Tracker()
    assert play(tracker, "L2 C2 C1 O4 O5 L1") == [Online(), listed(5)]
    assert play(tracker, "O6") == [listed(6)]
    assert play(tracker, "L3 C0 D192003 C3 | L2 C2 C1 O7 L1 O8") == [
        Lost(192003, "why", True),
        Begun(),
        Opened(),
        Opened(),
        Online(),
        listed(7),
        listed(8),
    ]
    assert play(tracker, "L3 O9 L1")[-2:] == [Online(), listed(9)], "it is the next session's"


def test_a_list_of_an_attempt_that_failed_is_forgotten() -> None:
    news = play(online(), "L3 | L2 C2 C1 O7 L3 C0 D192003 | L2 C2 C1 L1")
    assert Online() in news
    assert listed(7) not in news
    assert listed(7) not in play(online(), "L3 C0 D192003 | O7 K1 L1")


@pytest.mark.parametrize("listener", ["F", "X", "D"])
@pytest.mark.parametrize("code", documented_codes())
def test_an_error_is_classified_by_its_code_and_not_by_who_heard_it(code: int, listener: str) -> None:
    tracker = online()
    play(tracker, "L3 C0 | L2 C2 C1")
    news = play(tracker, f"L0 C0 {listener}{code} F{code} |")
    if refusal(code) in VERDICTS:
        assert news == [Verdict(refusal(code), code, "why")]
    else:
        assert news == [Lost(code, "why", goes_on=False)]


def test_a_refused_relogin_is_a_verdict_also_while_the_sdk_waits() -> None:
    tracker = online()
    assert play(tracker, "L3 C0 |") == [Lost(415, "", True)]
    assert play(tracker, "F302") == [Verdict(Reason.CREDENTIALS, 302, "why")]


def test_after_a_verdict_nothing_means_anything() -> None:
    tracker = online()
    play(tracker, "K2")
    assert play(tracker, "L0 C0 D192003 | L2 C2 C1 L1 S2 S3 K3 F302 |") == []


def test_only_the_main_data_sync_counts_and_only_while_online() -> None:
    tracker = Tracker()
    assert play(tracker, "S2 S3") == []
    tracker = online()
    for kind in (2, 3):
        assert tracker.feed("dataSync", {"type": kind, "state": 3}) == []
    assert play(tracker, "S1 S3") == [Sync(finished=True)]  # on the web the finish can come without a start


def test_disconnected_before_any_success_is_not_taken_for_a_loss_of_a_session() -> None:
    tracker = Tracker()
    assert play(tracker, "L2 C2 C1 L3 C0 D192003 |") == []
    assert play(tracker, "L2 C2 C1 L1") == [Online()]


def test_417_says_at_a_login_that_another_device_holds_the_place() -> None:
    assert refusal(417) is Reason.ALREADY_ONLINE
    assert EVENT_OF_REASON[refusal(417)] is Event.DISPLACED
    assert [refusal(code) for code in (302, 102302, 102404)] == [Reason.CREDENTIALS] * 3
    assert refusal(191003) is reason_of(191003) is Reason.UNKNOWN


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ("loginStatus", 7),
        ("loginStatus", "1"),
        ("connectStatus", None),
        ("disconnected", {"code": "302", "text": ""}),
        ("disconnected", {"code": -1, "text": ""}),
        ("disconnected", 302),
        ("loginFailed", {}),
        ("kickedOffline", {"text": ""}),
        ("kickedOffline", {"reason": [], "text": ""}),
        ("kickedOffline", {"reason": True, "text": ""}),
        ("kickedOffline", {"reason": "1", "text": ""}),
        ("loginStatus", True),
        ("connectStatus", 1.0),
        ("dataSync", {"type": 1, "state": 9}),
        ("dataSync", None),
        ("loginClientChanged", {}),
        ("loginClientChanged", [{}]),
        ("loginClientChanged", [{"clientId": "c"}] * 101),
        ("somethingElse", 1),
    ],
)
def test_what_the_sdk_cannot_say_is_an_error(event: str, value: object) -> None:
    for tracker in (online(), Tracker()):
        with pytest.raises((KeyError, TypeError, ValueError)):
            tracker.feed(event, value)


def test_a_client_is_shown_as_the_sdk_tells_of_it() -> None:
    client = online_client(
        {"clientId": "c1", "type": 4, "os": "Windows\n11", "timestamp": 1_700_000_000_000, "customTag": "t0ken"},
        "t0ken",
    )
    assert (client.client_id, client.client_type, client.os) == ("c1", "pc", "Windows 11")
    assert (client.login_time, client.custom_tag) == (1.7e9, "***")
    assert online_client({"clientId": "c", "type": 99}).client_type == "99"
    assert online_client({"clientId": "c", "timestamp": -5}).login_time == 0


@pytest.mark.parametrize("what", ["type", "timestamp", "customClientType"])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400, 1e300, "7", True, None, [], {}])
def test_a_number_of_a_client_that_is_none_is_an_error(what: str, value: object) -> None:
    with pytest.raises(TypeError):
        online_client({"clientId": "c", what: value})


def test_a_client_without_an_id_is_an_error() -> None:
    for bad in ({}, {"clientId": 7}):
        with pytest.raises((KeyError, TypeError)):
            online_client(bad)


def test_words_are_fit_to_be_shown() -> None:
    assert words("\x1b[31mno\n", "") == " [31mno "
    assert words("the token sesame is bad", "sesame") == "the token *** is bad"
    assert len(words("x" * 1000)) == MAX_TEXT
    assert words(7) == ""
