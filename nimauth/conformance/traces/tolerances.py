"""What real clients do that the table does not: switches with names. docs/traces.md tells where each comes from."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Tolerance(StrEnum):
    """One deviation that may be allowed; `TEXT` says it in words."""

    REPEATED_STEPS = "repeated-steps"
    SHOWN_AGAIN = "shown-again"
    NOT_SHOWN_AGAIN = "not-shown-again"
    UNLOGIN_BEFORE_VERDICT = "unlogin-before-verdict"
    UNLOGIN_AFTER_VERDICT = "unlogin-after-verdict"
    LOGIN_RETRIED = "login-retried"
    LATE_RESULT = "late-result"
    REFUSED_CALL = "refused-call"
    NET_BROKEN_WHEN_OUT = "net-broken-when-out"
    JOINED_LATE = "joined-late"

    @property
    def text(self) -> str:
        """The tolerance in one sentence."""
        return TEXT[self]


TEXT: Final[dict[Tolerance, str]] = {
    Tolerance.REPEATED_STEPS: "connecting, logging and loggedIn may be shown again while they last",
    Tolerance.SHOWN_AGAIN: "any other status may be shown again while it lasts",
    Tolerance.NOT_SHOWN_AGAIN: "a state need not be shown where the state before it showed the same (unLogin, unLogin)",
    Tolerance.UNLOGIN_BEFORE_VERDICT: "unLogin may be shown just before the status of a verdict",
    Tolerance.UNLOGIN_AFTER_VERDICT: "unLogin may be shown after the status of a verdict, which still holds",
    Tolerance.LOGIN_RETRIED: "a login that was called may be tried again by the client, until its result is told",
    Tolerance.LATE_RESULT: "the result of a login may be told after statuses that follow it, but before the next login",
    Tolerance.REFUSED_CALL: "a login call may be refused outright: nothing is shown, and its result is a failure",
    Tolerance.NET_BROKEN_WHEN_OUT: "while nobody is logged in, netBroken may be shown in the place of unLogin",
    Tolerance.JOINED_LATE: "the recording may begin in the midst of a session",
}

DEFAULT: Final = frozenset(Tolerance) - {Tolerance.JOINED_LATE}
"""What is allowed unless one asks for something else. A trace begins with a process, or else it could show anything."""
