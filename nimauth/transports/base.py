"""The Transport and Link protocols: all that the lifecycle asks of a wire.

A transport carries and classifies. It decides nothing, retries nothing and stores nothing; a library's own reconnect is
switched off. Each connection is its own Link, opened once and closed once.

The contract, which the service relies on:

* `Transport.open` gives a connected Link or raises `LinkFailed`. It may be cancelled at any await; then nothing stays
  open.
* `Link.login` is called once, after `open`. It gives `Accepted`, raises `LoginRefused` when the server said no, and
  `LinkFailed` when the link ended first.
* `Link.signals` is called once, after `login`. It yields everything heard since the login was accepted, in order, and
  ends with the link: by an `Ended` that says why, or without one, which counts as `Ended(Reason.NET)`.
* `Link.kick` and `Link.logout` are called while online. They raise `LinkFailed` when the link is gone; `kick` raises
  `KickRefused` when the server says no. Where the wire tells both, `kick` returns after `signals` has given the list
  without that client and was asked for what comes next.
* `Link.close` is called exactly once, whatever happened before; it is idempotent, ends in bounded time and does not
  raise for a link that is already gone.
* Every exception and signal carries the wire's own `code` and `text` for the host to show, and never the token.
* Over wss:// a verdict comes only from a server that has proved who it is: a certificate that is not trusted is `NET`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from attrs import frozen

from ..errors import NimAuthError
from ..vocabulary.logins import LoginInfo, OnlineClient
from ..vocabulary.reasons import Reason
from ..vocabulary.states import Attempt


@frozen
class LoginRequest:
    """One attempt to log in, as the service hands it to the link."""

    login: LoginInfo
    """With the token to send; for a dynamic login it is fresh from the provider."""
    attempt: Attempt
    """The server checks the device on AUTO and RESUME, not on MANUAL (R12)."""
    device_id: str
    """The same for every login from this installation (R12)."""
    forced: bool = False
    """Lifts R12's check."""


@frozen
class Accepted:
    """The server took the login."""

    client_id: str = ""
    """What other clients of this account see this one as."""


@frozen
class SyncStarted:
    """Data sync began (R14)."""


@frozen
class SyncFinished:
    """Data sync ended; the login is complete (R14)."""


@frozen
class OnlineClients:
    """The *other* clients of this account that are online now: the whole list, each time it changes."""

    clients: tuple[OnlineClient, ...]


@frozen
class Ended:
    """The link has ended, and why. NET and BUSY mean try again; the rest are verdicts. Nothing follows it."""

    reason: Reason
    code: int = 0
    text: str = ""


Signal = SyncStarted | SyncFinished | OnlineClients | Ended


class _Refusal(NimAuthError):
    def __init__(self, reason: Reason, code: int = 0, text: str = "") -> None:
        super().__init__(text or f"{self._what}: {reason}" + (f" (code {code})" if code else ""))
        self.reason, self.code, self.text = reason, code, text

    _what = "refused"

    def __reduce__(self) -> tuple[type[_Refusal], tuple[Reason, int, str]]:
        return type(self), (self.reason, self.code, self.text)


class LinkFailed(_Refusal):
    """No link, or it broke before its work was done. The cause, where it is an OSError, is chained."""

    _what = "the link failed"


class LoginRefused(_Refusal):
    """The server said no to the login."""

    _what = "the login was refused"


class KickRefused(_Refusal):
    """The server would not end that client."""

    _what = "the kick was refused"


class Link(Protocol):
    """One connection, from its opening to its end."""

    async def login(self, request: LoginRequest) -> Accepted: ...

    def signals(self) -> AsyncIterator[Signal]: ...

    async def kick(self, client: OnlineClient) -> None: ...

    async def logout(self) -> None: ...

    async def close(self) -> None: ...


class Successor(Link, Protocol):
    """The next link of a library that reconnects by itself, given before that has begun to.

    `begun` and `opened` are awaited once, in this order, in place of `Transport.open`; then it is a link like others.
    `login` sends nothing that the library sends by itself: it gives what the library asks for (a fresh token) and waits
    until it is online. `close` may come at any time and ends the library's trying.
    """

    async def begun(self) -> None:
        """Return when the library begins to reconnect, however long that takes, or has given up. Raises nothing."""
        ...

    async def opened(self) -> None:
        """Return when it has a connection. Raises LinkFailed, or LoginRefused when the library was refused already."""
        ...


@runtime_checkable
class Reconnects(Protocol):
    """A link whose library reconnects by itself once it was online, and cannot be told not to."""

    def successor(self) -> Successor | None:
        """Asked once, when the link has failed or ended and before `close`: the library's own next link.

        From then on the successor is what has to be closed, and closing this link closes nothing of its. None: nothing
        goes on by itself; a new link is opened as usual.
        """
        ...


class Transport(Protocol):
    """Opens links."""

    async def open(self) -> Link: ...


@runtime_checkable
class LimitsLogin(Protocol):
    """A transport that ends a login by itself when it takes too long: where connecting is part of the login, say."""

    @property
    def login_timeout(self) -> float:
        """After so many seconds `Link.login` raises LinkFailed.

        The session waits a moment longer, as the transport can say more of what hinders it; unless the session's
        options say how long to wait (`SDKOptions.logging_timeout`).
        """
        ...
