"""What a lifecycle answers: the acts that its shell carries out, in the order given. None of them carries a token."""

from __future__ import annotations

from attrs import frozen

from .inputs import Event
from .reasons import Cause, Reason
from .rules import Rule
from .states import STATUS, Attempt, AuthStatus, State


@frozen
class Status:
    """Tell every listener. Published on each entry to a different state."""

    state: State
    reason: Reason | None = None
    code: int = 0
    text: str = ""

    @property
    def status(self) -> AuthStatus:
        """The status that the state shows."""
        return STATUS[self.state]


@frozen
class OpenLink:
    """Open a new link; report `link_opened`, or `refused` with why not."""


@frozen
class SendLogin:
    """Log in over the open link. The shell knows the token; the lifecycle never does."""

    account: str
    attempt: Attempt


@frozen
class SendLogout:
    """Tell the server, if it can be told (R13)."""


@frozen
class CloseLink:
    """Give the link up; from now on its signals are dropped."""


@frozen
class Save:
    """Keep the login that has just succeeded (R6)."""

    account: str


@frozen
class Clear:
    """Void the saved login (R3-R6, R13)."""

    cause: Cause


@frozen
class OpenLocalData:
    """Open this account's local data (R9)."""

    account: str


@frozen
class CloseLocalData:
    """Close the local data (R13)."""


@frozen
class ArmRetry:
    """Report `retry_due` after a back-off (R8). `code` is why; after 416 the server wants a minute."""

    code: int = 0


@frozen
class DisarmRetry:
    """The armed retry is no longer wanted."""


@frozen
class LoginResult:
    """The manual login has ended: tell its caller. Sent exactly once for each login."""

    ok: bool
    code: int
    reason: Reason | None = None
    text: str = ""


@frozen
class AutoLoginRefused:
    """The auto login is not allowed, by this rule."""

    rule: Rule


@frozen
class Dropped:
    """A signal or timer that means nothing in this state. Nothing has changed."""

    event: Event


Effect = (
    Status
    | OpenLink
    | SendLogin
    | SendLogout
    | CloseLink
    | Save
    | Clear
    | OpenLocalData
    | CloseLocalData
    | ArmRetry
    | DisarmRetry
    | LoginResult
    | AutoLoginRefused
    | Dropped
)
