"""What a service tells its host."""

from __future__ import annotations

from attrs import field, frozen

from ..errors import StoreError
from ..lifecycle import Lifecycle
from ..vocabulary.logins import Revocation
from ..vocabulary.reasons import ADVICE, Reason
from ..vocabulary.rules import Rule
from ..vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, AuthStatus, State


@frozen
class StatusEvent:
    """One status, with why."""

    status: AuthStatus
    state: State
    """Tells apart what NIM shows alike: unLogin is WAITING while a retry is armed, and UN_LOGIN otherwise."""
    account: str | None = None
    """Whose login it is about."""
    reason: Reason | None = None
    """The neutral reason, where something went wrong."""
    code: int = 0
    """The wire's code, or NIM's where the wire gave none; 0 where there is nothing to tell."""
    text: str = ""
    """What the wire said, for people: bounded, and without the token."""
    retry_in: float | None = None
    """Seconds until the next try, while one is armed."""
    session: Lifecycle = field(kw_only=True, eq=False, repr=False)
    """What the session knew then, for diagrams: a copy of its own. It names accounts, and never a token."""

    @property
    def must_log_in(self) -> bool:
        """Nothing more will happen by itself: show the login page (R15)."""
        return self.state in IDLE or self.state in ENDED

    @property
    def will_retry(self) -> bool:
        """The client tries again by itself (R8)."""
        return self.state in BETWEEN_TRIES

    def __str__(self) -> str:
        told = str(self.status)
        if self.reason is not None:
            told += f": {ADVICE[self.reason]}" if self.must_log_in else f" ({self.reason})"
        if self.code and self.reason is not None:
            told += f" (code {self.code})"
        if self.retry_in is not None:
            told += f", next try in {self.retry_in:.1f} s"
        return told


@frozen
class AutoLoginRefusal:
    """Why no auto login was started."""

    rule: Rule | None
    """The rule that forbids it; None when the store could not give the login."""
    revocation: Revocation | None = None
    """Why and when the saved login became void, for the login page."""
    error: StoreError | None = None
    """What is wrong with the store, where that is the reason."""

    def __str__(self) -> str:
        if self.rule is None:
            return f"no auto login: {self.error}"
        because = f"; {self.revocation.cause.text}" if self.revocation is not None else ""
        return f"no auto login by {self.rule}: {self.rule.text}{because}"
