"""What the explorer must know to follow a recorded login through the chart (see docs/traces.md), as plain data.

The chart tells what every event does. Here stands the rest: how statuses are spelled, which events no trace tells of,
what survives a process, and which tolerances are on. The search itself is in explorer/search.js; it does what
`conformance.traces` does, and the tests hold one against the other.
"""

from __future__ import annotations

from typing import Any, Final

from ..conformance.traces.spellings import SPELLINGS, Family
from ..conformance.traces.tolerances import DEFAULT
from ..trace import Kind
from ..vocabulary.inputs import Event
from ..vocabulary.reasons import Cause
from ..vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, ONLINE, UNDER_WAY, Attempt, AuthStatus, State
from .extract import NO, YES

MAX_BYTES: Final = 8 * 1024 * 1024
"""A longer trace is for `nimauth check`, which needs no memory for it."""

_WHO, _ANOTHER = "a", "b"
_NOBODY: Final = ""

_LIKELY: Final = (
    Event.LINK_OPENED,
    Event.ACCEPTED,
    Event.SYNC_STARTED,
    Event.SYNC_FINISHED,
    Event.RETRY_DUE,
    Event.LINK_LOST,
    Event.CONNECT_FAILED,
    Event.NETWORK_LOST,
    Event.NETWORK_FOUND,
)
"""Of events that explain a line alike, these are told first, in this order."""
_TOLD: Final = frozenset({Event.AUTO_LOGIN, Event.LOGIN, Event.LOGOUT})


def login_recording() -> dict[str, Any]:
    """How a trace tells of the login machine's chart."""
    unseen = [*_LIKELY, *(event for event in Event if event not in {*_LIKELY, *_TOLD})]
    networks = [{"network": value.id} for value in (YES, NO)]
    saved = [(_WHO, ""), (_NOBODY, ""), *((_NOBODY, rule) for rule in dict.fromkeys(cause.rule for cause in Cause))]
    return {
        "limit": MAX_BYTES,
        "kinds": [kind.value for kind in Kind],
        "families": [family.value for family in Family],
        "family": Family.V2.value,
        "spellings": [
            {
                "family": spelling.family.value,
                "name": spelling.name,
                "number": spelling.number,
                "states": [state.value for state in State if state in spelling.states],
                "several": spelling.shows_several,
            }
            for spelling in SPELLINGS
        ],
        "statuses": [status.value for status in AuthStatus],
        "events": {"autoLogin": "auto_login", "login": "login", "logout": "logout", "cancel": "cancel"},
        "hidden": [event.value for event in unseen],
        "parameter": "account",
        "who": _WHO,
        "another": _ANOTHER,
        "nobody": _NOBODY,
        "accounts": ["permitted", "account"],
        "forget": ["local_data"],
        "saved": ["permitted", "void"],
        "anew": networks,
        "beginnings": [
            {"permitted": permitted, "void": str(void), **network} for permitted, void in saved for network in networks
        ],
        "manual": ["attempt", Attempt.MANUAL.value],
        "result": {"effect": "login_result", "ok": [Event.ACCEPTED.value]},
        "states": {
            "out": State.UN_LOGIN.value,
            "broken": State.NET_BROKEN.value,
            "connecting": State.CONNECTING.value,
        },
        "groups": {
            "idle": _names(IDLE),
            "underWay": _names(UNDER_WAY),
            "online": _names(ONLINE),
            "between": _names(BETWEEN_TRIES),
            "ended": _names(ENDED),
            "steps": _names({*UNDER_WAY, State.LOGGED_IN}),
        },
        "tolerances": sorted(tolerance.value for tolerance in DEFAULT),
    }


def _names(states: frozenset[State] | set[State]) -> list[str]:
    return [state.value for state in State if state in states]
