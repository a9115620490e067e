"""What a lifecycle can be told. An Input is an event with what it carries; each has one constructor here."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from attrs import frozen

from .reasons import VERDICT_CODES, VERDICTS, Code, Reason, reason_of


class Event(StrEnum):
    """Everything that can move the state."""

    # The host calls
    AUTO_LOGIN = "auto_login"
    LOGIN = "login"
    CANCEL = "cancel"
    LOGOUT = "logout"
    # The host hints
    NETWORK_FOUND = "network_found"
    NETWORK_LOST = "network_lost"
    FOREGROUND = "foreground"
    # The link signals
    LINK_OPENED = "link_opened"
    ACCEPTED = "accepted"
    SYNC_STARTED = "sync_started"
    SYNC_FINISHED = "sync_finished"
    RECONNECTING = "reconnecting"
    # ... that it failed for now: trying again may help
    CONNECT_FAILED = "connect_failed"
    LINK_LOST = "link_lost"
    BUSY = "busy"
    UNCLASSIFIED = "unclassified"
    # ... that it failed for good, but not by a verdict on the account
    FAILED = "failed"
    # ... a verdict
    DISPLACED = "displaced"
    KICKED_BY_CLIENT = "kicked_by_client"
    KICKED_BY_SERVER = "kicked_by_server"
    FORBIDDEN = "forbidden"
    BAD_CREDENTIALS = "bad_credentials"
    VERSION_REFUSED = "version_refused"
    DATA_UPGRADE_REQUIRED = "data_upgrade_required"
    # A timer fires
    RETRY_DUE = "retry_due"
    TIMED_OUT = "timed_out"


CALLS: Final = frozenset({Event.AUTO_LOGIN, Event.LOGIN, Event.CANCEL, Event.LOGOUT})
"""Where the state has no row for one of these, the host hears an error."""
HINTS: Final = frozenset({Event.NETWORK_FOUND, Event.NETWORK_LOST, Event.FOREGROUND})
"""Where the state has no row for one of these, it means nothing. Every other event is dropped and counted there."""

EVENT_OF_REASON: Final[dict[Reason, Event]] = {
    Reason.NET: Event.CONNECT_FAILED,
    Reason.BUSY: Event.BUSY,
    Reason.UNKNOWN: Event.UNCLASSIFIED,
    Reason.INVALID: Event.FAILED,
    Reason.DISPLACED: Event.DISPLACED,
    Reason.ALREADY_ONLINE: Event.DISPLACED,
    Reason.KICKED_BY_CLIENT: Event.KICKED_BY_CLIENT,
    Reason.KICKED_BY_SERVER: Event.KICKED_BY_SERVER,
    Reason.FORBIDDEN: Event.FORBIDDEN,
    Reason.CREDENTIALS: Event.BAD_CREDENTIALS,
    Reason.VERSION: Event.VERSION_REFUSED,
    Reason.DATA_UPGRADE: Event.DATA_UPGRADE_REQUIRED,
}
"""How the lifecycle takes what a transport heard."""


@frozen
class Input:
    """One thing that happened. It never carries a token."""

    event: Event
    account: str | None = None
    reason: Reason | None = None
    code: int = 0
    text: str = ""
    """What the wire said, for the host to show."""


def auto_login(account: str) -> Input:
    """The host initializes with a saved login (R9)."""
    return Input(Event.AUTO_LOGIN, account)


def login(account: str) -> Input:
    """A person asks to log in (R7)."""
    return Input(Event.LOGIN, account)


def network(available: bool) -> Input:
    """The device has a network, or lost it."""
    if available:
        return NETWORK_FOUND
    return NETWORK_LOST


def refused(code: int, reason: Reason | None = None, text: str = "") -> Input:
    """An attempt failed, whichever step said so: what counts is the reason, or else the code.

    A reason without a code (0) gets NIM's.
    """
    if reason is None:
        reason = reason_of(code)
    elif not code:
        code = VERDICT_CODES.get(reason, Code.NET)
    return Input(EVENT_OF_REASON[reason], reason=reason, code=code, text=text)


def link_lost(code: int = Code.NET, text: str = "") -> Input:
    """The link ended and nobody said why."""
    return Input(Event.LINK_LOST, reason=Reason.NET, code=code, text=text)


def ended(reason: Reason, code: int = 0, text: str = "") -> Input:
    """The link ended, and the server said why. A reason that is no verdict is a lost link."""
    return refused(code, reason, text) if reason in VERDICTS else link_lost(code or Code.NET, text)


CANCEL: Final = Input(Event.CANCEL, code=Code.CANCELLED)
LOGOUT: Final = Input(Event.LOGOUT, code=Code.CANCELLED)
NETWORK_FOUND: Final = Input(Event.NETWORK_FOUND)
NETWORK_LOST: Final = Input(Event.NETWORK_LOST, reason=Reason.NET, code=Code.NET)
FOREGROUND: Final = Input(Event.FOREGROUND)
LINK_OPENED: Final = Input(Event.LINK_OPENED)
ACCEPTED: Final = Input(Event.ACCEPTED, code=Code.OK)
SYNC_STARTED: Final = Input(Event.SYNC_STARTED)
SYNC_FINISHED: Final = Input(Event.SYNC_FINISHED)
RECONNECTING: Final = Input(Event.RECONNECTING)
RETRY_DUE: Final = Input(Event.RETRY_DUE)
TIMED_OUT: Final = Input(Event.TIMED_OUT, reason=Reason.NET, code=Code.TIMED_OUT)
