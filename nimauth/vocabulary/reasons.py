"""Why things happen: neutral reasons, the wire's codes, and what made a saved login void. One place maps each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from .rules import Rule
from .states import State


class Reason(StrEnum):
    """What a transport heard, in words no server owns. The wire's own code and text travel beside it."""

    NET = "net"
    """Nothing was decided: connect failed, time-out, end of stream. Trying again is right."""
    BUSY = "busy"
    """The server said "later"."""
    CREDENTIALS = "credentials"
    """App key, account and token do not match, or there is no such account."""
    FORBIDDEN = "forbidden"
    """Banned, or this way of logging in is refused."""
    VERSION = "version"
    """The server does not speak to this version."""
    DISPLACED = "displaced"
    """A login elsewhere took this client's place."""
    ALREADY_ONLINE = "already_online"
    """Another device holds the place, and this login was not forced."""
    KICKED_BY_CLIENT = "kicked_by_client"
    """Another online client of this account threw this one out by hand."""
    KICKED_BY_SERVER = "kicked_by_server"
    """The server or an operator ended the session."""
    DATA_UPGRADE = "data_upgrade"
    """The local database must be migrated first."""
    INVALID = "invalid"
    """The request itself is wrong: it would fail again in the same way."""
    UNKNOWN = "unknown"
    """A code nobody documented."""


VERDICTS: Final[dict[Reason, State]] = {
    Reason.DISPLACED: State.KICK_OUT,
    Reason.ALREADY_ONLINE: State.KICK_OUT,
    Reason.KICKED_BY_SERVER: State.KICK_OUT,
    Reason.KICKED_BY_CLIENT: State.KICK_OUT_BY_OTHER_CLIENT,
    Reason.FORBIDDEN: State.FORBIDDEN,
    Reason.CREDENTIALS: State.PWD_ERROR,
    Reason.VERSION: State.VERSION_ERROR,
    Reason.DATA_UPGRADE: State.DATA_UPGRADE,
}
"""The one place that says which reason becomes which status. The official adapters disagree with each other from
version to version, so the reason itself stays with the event for the host to read."""


class Code:
    """The result codes that nimauth itself gives, in NIM's numbers."""

    OK: Final = 200
    VERSION: Final = 201
    CREDENTIALS: Final = 302
    TIMED_OUT: Final = 408
    INVALID: Final = 414
    NET: Final = 415
    TOO_FREQUENT: Final = 416
    DISPLACED: Final = 417
    FORBIDDEN: Final = 422
    UNAVAILABLE: Final = 503
    CANCELLED: Final = 191002
    TOKEN_PROVIDER: Final = 191003


VERDICT_CODES: Final[dict[Reason, int]] = {
    Reason.DISPLACED: Code.DISPLACED,
    Reason.ALREADY_ONLINE: Code.DISPLACED,
    Reason.KICKED_BY_SERVER: Code.DISPLACED,
    Reason.KICKED_BY_CLIENT: Code.DISPLACED,
    Reason.FORBIDDEN: Code.FORBIDDEN,
    Reason.CREDENTIALS: Code.CREDENTIALS,
    Reason.VERSION: Code.VERSION,
    Reason.DATA_UPGRADE: 0,
}
"""The code of a login that a verdict ended, where the wire gave none."""

_REASON_OF_CODE: Final[dict[int, Reason]] = {
    code: reason
    for reason, codes in {
        Reason.CREDENTIALS: (302, 102302, 102404),
        Reason.FORBIDDEN: (403, 422, 102422),
        Reason.DISPLACED: (417,),
        Reason.VERSION: (201, 20003),
        # The app's own refusals (1013xx) stop like a bad parameter: no verdict, and no point in trying again.
        Reason.INVALID: (404, 414, 1000, 101301, 101302, 101303, 101304, 101305, 101403, 191004),
        Reason.NET: (408, 415, 191005, 192001, 192002, 192003, 192004, 192005, 192006),
        Reason.BUSY: (398, 399, 416, 500, 503, 514),
    }.items()
    for code in codes
}


def reason_of(code: int) -> Reason:
    """The reason behind a result code of NIM, V1 or V2; UNKNOWN for a code nobody documented."""
    return _REASON_OF_CODE.get(code, Reason.UNKNOWN)


def documented_codes() -> tuple[int, ...]:
    """Every result code that NIM documents and that is no success."""
    return tuple(sorted(_REASON_OF_CODE))


class Cause(StrEnum):
    """What made the saved login void. It is kept with the revocation, for the login page."""

    LOGIN_STARTED = "login_started"
    FAILED = "failed"
    LOGGED_OUT = "logged_out"
    DISPLACED = "displaced"
    KICKED_BY_CLIENT = "kicked_by_client"
    KICKED_BY_SERVER = "kicked_by_server"
    FORBIDDEN = "forbidden"
    CREDENTIALS = "credentials"
    VERSION = "version"
    DATA_UPGRADE = "data_upgrade"

    @property
    def rule(self) -> Rule:
        """The rule by which this cause forbids auto login."""
        return _RULE_OF_CAUSE.get(self, Rule.R4)

    @property
    def text(self) -> str:
        """The cause in words, to stand after "because"."""
        return _CAUSE_TEXT[self]


_RULE_OF_CAUSE: Final = {
    Cause.LOGIN_STARTED: Rule.R3,  # the process died in between, or the store could not keep it
    Cause.FAILED: Rule.R3,
    Cause.LOGGED_OUT: Rule.R13,
    Cause.VERSION: Rule.R5,
}

_CAUSE_TEXT: Final = {
    Cause.LOGIN_STARTED: "a manual login was started, and no success of it was saved",
    Cause.FAILED: "the last manual login failed",
    Cause.LOGGED_OUT: "the user logged out",
    Cause.DISPLACED: "a login on another device took this one's place",
    Cause.KICKED_BY_CLIENT: "another client of this account threw this one out",
    Cause.KICKED_BY_SERVER: "the server ended the session",
    Cause.FORBIDDEN: "the account is banned or this login is forbidden",
    Cause.CREDENTIALS: "the account or the token is wrong",
    Cause.VERSION: "the server refuses this version",
    Cause.DATA_UPGRADE: "the local database must be upgraded first",
}


def cause_of(reason: Reason) -> Cause:
    """The cause that a verdict leaves behind. Raises ValueError for a reason that is no verdict."""
    return Cause.DISPLACED if reason is Reason.ALREADY_ONLINE else Cause(reason.value)


ADVICE: Final[dict[Reason, str]] = {
    Reason.NET: "the server could not be reached or did not answer; check the network and try again",
    Reason.BUSY: "the server takes no login for now; try again in a minute",
    Reason.CREDENTIALS: "the account or the token is wrong; ask the person for them again",
    Reason.FORBIDDEN: "the account is banned, or may not log in this way; ask the app's operator",
    Reason.VERSION: "the server refuses this version of the client; update it",
    Reason.DISPLACED: "a login on another device took this one's place; log in again to take it back",
    Reason.ALREADY_ONLINE: "another device holds the place; log out there, or force the login",
    Reason.KICKED_BY_CLIENT: "another client of this account threw this one out; log in again if that was not meant",
    Reason.KICKED_BY_SERVER: "the server ended the session; log in again, or ask the app's operator",
    Reason.DATA_UPGRADE: "the local database must be upgraded first; upgrade it and log in again",
    Reason.INVALID: "the request is wrong and would fail again; check the account, the token and the options",
    Reason.UNKNOWN: "it failed for a reason that nobody documented; try again, and report the code",
}
"""What each reason means to a person, and what to do next."""
