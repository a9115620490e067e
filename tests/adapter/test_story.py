"""Every input and every output of the adapter protocol, to the letter, as one story after the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nimauth.adapter import READERS, Adapter

Json = dict[str, Any]
Line = tuple[Json, str, list[Json]]

A, B = ({"account": account, "token": "sesame-47114711"} for account in "ab")

START: Json = {"in": "start", "saved": None, "network": True}
START_SAVED: Json = {**START, "saved": A}
OPENED, ACCEPTED = {"in": "link_opened"}, {"in": "accepted"}
RETRY_DUE, TIMED_OUT = {"in": "retry_due"}, {"in": "timed_out"}
LINK_LOST, RECONNECTING, FOREGROUND = {"in": "link_lost"}, {"in": "reconnecting"}, {"in": "foreground"}
SYNC_STARTED, SYNC_FINISHED = {"in": "sync_started"}, {"in": "sync_finished"}
CANCEL, LOGOUT = {"in": "cancel"}, {"in": "logout"}
FOUND, LOST = ({"in": "network", "available": available} for available in (True, False))

OPEN, CLOSE, SEND_LOGOUT = {"do": "open_link"}, {"do": "close_link"}, {"do": "send_logout"}
ARM, DISARM = {"do": "arm_retry"}, {"do": "disarm_retry"}
CLOSE_LOCAL = {"do": "close_local_data"}
OK: Json = {"do": "login_result", "ok": True, "code": 200}
DROPPED = {"do": "dropped"}
STARTED = {"do": "clear", "reason": "login_started"}
FAILED = {"do": "clear", "reason": "failed"}
LOGGED_OUT = {"do": "clear", "reason": "logged_out"}


def initialize(saved: Json | None) -> Json:
    return {"in": "initialize", "auto_login": saved}


def login(who: Json) -> Json:
    return {"in": "login", **who, "auth_type": 0}


def code(name: str, number: int) -> Json:
    return {"in": name, "code": number}


def ended(reason: str) -> Json:
    return {"in": "ended", "reason": reason}


def status(shown: str) -> Json:
    return {"do": "status", "status": shown}


def clear(reason: str) -> Json:
    return {"do": "clear", "reason": reason}


def send(account: str, attempt: str) -> Json:
    return {"do": "send_login", "account": account, "attempt": attempt}


def save(account: str) -> Json:
    return {"do": "save", "account": account}


def open_local(account: str) -> Json:
    return {"do": "open_local_data", "account": account}


def fail(number: int) -> Json:
    return {"do": "login_result", "ok": False, "code": number}


def forbids(rule: str) -> Json:
    return {"do": "auto_login_refused", "rule": rule}


def not_allowed(why: str) -> Json:
    return {"do": "refused", "why": why}


CONNECTS: Line = (login(A), "connecting", [STARTED, OPEN, status("connecting")])
LOGS_IN: list[Line] = [
    CONNECTS,
    (OPENED, "logging", [send("a", "manual"), status("logging")]),
    (ACCEPTED, "logged_in", [save("a"), open_local("a"), OK, status("loggedIn")]),
]
AUTO_LOGIN: list[Line] = [
    (START_SAVED, "un_login", []),
    (initialize(A), "connecting", [open_local("a"), OPEN, status("connecting")]),
]

STORIES: dict[str, list[Line]] = {
    "a manual login is saved, synchronised, and logged out": [
        (START, "un_login", []),
        (initialize(None), "un_login", []),
        *LOGS_IN,
        (SYNC_STARTED, "data_sync_start", [status("dataSyncStart")]),
        (SYNC_FINISHED, "data_sync_finish", [status("dataSyncFinish")]),
        (
            LOGOUT,
            "un_login",
            [SEND_LOGOUT, CLOSE, LOGGED_OUT, CLOSE_LOCAL, status("unLogin")],
        ),
        (LOGOUT, "un_login", [LOGGED_OUT, CLOSE_LOCAL]),
        (initialize(A), "un_login", [forbids("R13")]),
    ],
    "a manual login that fails is void, and not tried again": [
        (START_SAVED, "un_login", []),
        CONNECTS,
        (code("connect_failed", 415), "un_login", [CLOSE, FAILED, fail(415), status("unLogin")]),
        (RETRY_DUE, "un_login", [DROPPED]),
        (initialize(A), "un_login", [forbids("R3")]),
        CONNECTS,
        (TIMED_OUT, "un_login", [CLOSE, FAILED, fail(408), status("unLogin")]),
        CONNECTS,
        (CANCEL, "un_login", [CLOSE, FAILED, fail(191002), status("unLogin")]),
        CONNECTS,
        (LINK_LOST, "un_login", [CLOSE, FAILED, fail(415), status("unLogin")]),
        CONNECTS,
        (LOST, "un_login", [CLOSE, FAILED, fail(415), status("unLogin")]),
        CONNECTS,
        (code("refused", 0), "un_login", [CLOSE, FAILED, fail(0), status("unLogin")]),
        CONNECTS,
        (LOGOUT, "un_login", [CLOSE, LOGGED_OUT, CLOSE_LOCAL, fail(191002), status("unLogin")]),
    ],
    "an auto login opens local data at once, keeps trying, and resumes": [
        *AUTO_LOGIN,
        (code("connect_failed", 415), "waiting", [CLOSE, ARM, status("unLogin")]),
        (RETRY_DUE, "connecting", [DISARM, OPEN, status("connecting")]),
        (OPENED, "logging", [send("a", "auto"), status("logging")]),
        (code("refused", 503), "waiting", [CLOSE, ARM, status("unLogin")]),
        (LOST, "net_broken", [status("netBroken")]),
        (FOUND, "connecting", [DISARM, OPEN, status("connecting")]),
        (OPENED, "logging", [send("a", "auto"), status("logging")]),
        (ACCEPTED, "logged_in", [status("loggedIn")]),
        (SYNC_FINISHED, "data_sync_finish", [status("dataSyncFinish")]),
        (SYNC_STARTED, "data_sync_start", [status("dataSyncStart")]),
        (LINK_LOST, "waiting", [CLOSE, ARM, status("unLogin")]),
        (FOREGROUND, "connecting", [DISARM, OPEN, status("connecting")]),
        (OPENED, "logging", [send("a", "resume"), status("logging")]),
        (TIMED_OUT, "waiting", [CLOSE, ARM, status("unLogin")]),
        (RECONNECTING, "connecting", [DISARM, status("connecting")]),
        (OPENED, "logging", [send("a", "resume"), status("logging")]),
        (ACCEPTED, "logged_in", [status("loggedIn")]),
        (LOST, "net_broken", [CLOSE, ARM, status("netBroken")]),
        (LOGOUT, "un_login", [DISARM, LOGGED_OUT, CLOSE_LOCAL, status("unLogin")]),
    ],
    "an auto login that is wrong in itself stops, and is not void": [
        *AUTO_LOGIN,
        (code("refused", 414), "un_login", [CLOSE, status("unLogin")]),
        (initialize(A), "connecting", [open_local("a"), OPEN, status("connecting")]),
    ],
    "another account's local data is closed before it logs in": [
        *AUTO_LOGIN,
        (code("connect_failed", 415), "waiting", [CLOSE, ARM, status("unLogin")]),
        (login(B), "connecting", [DISARM, STARTED, CLOSE_LOCAL, OPEN, status("connecting")]),
        (OPENED, "logging", [send("b", "manual"), status("logging")]),
        (ACCEPTED, "logged_in", [save("b"), open_local("b"), OK, status("loggedIn")]),
    ],
    "auto login is for the account that logged in last": [
        (START, "un_login", []),
        (initialize(A), "un_login", [forbids("R2")]),
        (START_SAVED, "un_login", []),
        (initialize(B), "un_login", [forbids("R1")]),
    ],
    "a manual login that a verdict ends has that verdict's code": [
        (START, "un_login", []),
        CONNECTS,
        (ended("displaced"), "kick_out", [CLOSE, clear("displaced"), fail(417), status("kickOut")]),
        CONNECTS,
        (ended("kicked_by_server"), "kick_out", [CLOSE, clear("kicked_by_server"), fail(417), status("kickOut")]),
        CONNECTS,
        (
            ended("kicked_by_client"),
            "kick_out_by_other_client",
            [CLOSE, clear("kicked_by_client"), fail(417), status("kickOutByOtherClient")],
        ),
        CONNECTS,
        (ended("forbidden"), "forbidden", [CLOSE, clear("forbidden"), fail(422), status("forbidden")]),
        CONNECTS,
        (ended("credentials"), "pwd_error", [CLOSE, clear("credentials"), fail(302), status("pwdError")]),
        CONNECTS,
        (ended("version"), "version_error", [CLOSE, clear("version"), fail(201), status("versionError")]),
        (initialize(A), "version_error", [forbids("R5")]),
        CONNECTS,
        (ended("data_upgrade"), "data_upgrade", [CLOSE, clear("data_upgrade"), fail(0), status("dataUpgrade")]),
        (initialize(A), "data_upgrade", [forbids("R4")]),
        CONNECTS,
        (code("refused", 403), "forbidden", [CLOSE, clear("forbidden"), fail(403), status("forbidden")]),
        CONNECTS,
        (
            code("connect_failed", 20003),
            "version_error",
            [CLOSE, clear("version"), fail(20003), status("versionError")],
        ),
        (LOGOUT, "un_login", [LOGGED_OUT, CLOSE_LOCAL, status("unLogin")]),
    ],
    "a verdict ends a session that is online, and nothing runs after it": [
        (START, "un_login", []),
        *LOGS_IN,
        (
            ended("kicked_by_client"),
            "kick_out_by_other_client",
            [CLOSE, clear("kicked_by_client"), status("kickOutByOtherClient")],
        ),
        *[
            (late, "kick_out_by_other_client", [DROPPED])
            for late in (
                OPENED,
                ACCEPTED,
                SYNC_STARTED,
                SYNC_FINISHED,
                LINK_LOST,
                RECONNECTING,
                RETRY_DUE,
                TIMED_OUT,
                code("connect_failed", 415),
                code("refused", 302),
                ended("displaced"),
            )
        ],
        (LOST, "kick_out_by_other_client", []),
        (FOUND, "kick_out_by_other_client", []),
        (FOREGROUND, "kick_out_by_other_client", []),
    ],
    "a host call that the state does not allow is told why": [
        (START, "un_login", []),
        (
            CANCEL,
            "un_login",
            [not_allowed("cancel is not allowed in state un_login; allowed there: auto_login, login, logout")],
        ),
        CONNECTS,
        (
            login(B),
            "connecting",
            [not_allowed("login is not allowed in state connecting; allowed there: cancel, logout")],
        ),
        (OPENED, "logging", [send("a", "manual"), status("logging")]),
        (
            initialize(A),
            "logging",
            [not_allowed("auto_login is not allowed in state logging; allowed there: cancel, logout")],
        ),
        (initialize(None), "logging", []),
        (ACCEPTED, "logged_in", [save("a"), open_local("a"), OK, status("loggedIn")]),
        (CANCEL, "logged_in", [not_allowed("cancel is not allowed in state logged_in; allowed there: logout")]),
        (LINK_LOST, "waiting", [CLOSE, ARM, status("unLogin")]),
        (
            initialize(A),
            "waiting",
            [not_allowed("auto_login is not allowed in state waiting; allowed there: login, logout")],
        ),
    ],
    "a start is a fresh process, whatever went before": [
        (START, "un_login", []),
        CONNECTS,
        ({**START_SAVED, "network": False}, "un_login", []),
        (initialize(A), "connecting", [open_local("a"), OPEN, status("connecting")]),
        (code("connect_failed", 415), "net_broken", [CLOSE, ARM, status("netBroken")]),
        (START, "un_login", []),
        (initialize(A), "un_login", [forbids("R2")]),
    ],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_story(story: list[Line]) -> None:
    adapter = Adapter()
    for said, state, out in story:
        assert adapter.answer(json.dumps(said)) == {"state": state, "out": out}, said


def test_the_stories_leave_out_no_input_and_no_output() -> None:
    lines = [line for story in STORIES.values() for line in story]
    assert {said["in"] for said, _, _ in lines} == {"start", "initialize", *READERS}
    assert {effect["do"] for _, _, out in lines for effect in out} == {
        "status",
        "open_link",
        "close_link",
        "send_login",
        "send_logout",
        "save",
        "clear",
        "open_local_data",
        "close_local_data",
        "arm_retry",
        "disarm_retry",
        "login_result",
        "auto_login_refused",
        "refused",
        "dropped",
    }


def test_an_adapter_begins_as_a_process_with_nothing_saved() -> None:
    assert Adapter().answer('{"in":"initialize","auto_login":{"account":"a","token":"t"}}') == {
        "state": "un_login",
        "out": [{"do": "auto_login_refused", "rule": "R2"}],
    }
