"""The link over the SDK. A child has one SDK and one login; each connection that the SDK makes is a link of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

from attrs import define, field

from ...vocabulary.logins import AuthType, LoginInfo, OnlineClient
from ...vocabulary.reasons import Code, Reason, reason_of
from ..base import Accepted, Ended, KickRefused, LinkFailed, LoginRefused, LoginRequest, OnlineClients, Signal
from ..signals import CLOSED, Signals, ended_for, until_read
from .child import Child, SdkError
from .mapping import SDK_CODES, refusal, words

MAX_UNREAD: Final = 256
"""So many signals may wait to be read; a child that says more is given up."""
MAX_LABEL: Final = 256
"""Longest client id, in characters."""

_NOT_CONNECTED: Final = frozenset({190002, 191002, 192001, 192002, 192003, 192004, 192005})
"""What a call says when there is no connection. (192006, request failed, is the server's no to a kick.)"""


class Terms(Protocol):
    """What links take from their transport."""

    @property
    def login_timeout(self) -> float: ...
    @property
    def timeout(self) -> float: ...
    @property
    def close_timeout(self) -> float: ...
    @property
    def heartbeat(self) -> float: ...
    @property
    def grace(self) -> float: ...

    def sdk_options(self, login: LoginInfo) -> dict[str, Any]:
        """What the SDK's constructor takes."""
        ...


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@define(eq=False, repr=False)
class NimLink:
    """One connection of the SDK (see `transports.base.Link`, and `Successor` for those after the first)."""

    _child: Child
    _terms: Terms
    _first: bool = field(kw_only=True, alias="first")
    taken: bool = field(default=False, init=False)
    """Somebody follows the SDK with this link."""
    was_online: bool = field(default=False, init=False)
    next: NimLink | None = field(default=None, init=False)
    """The link after this one, as the SDK goes on by itself."""
    _begun: asyncio.Future[None] = field(factory=_future, init=False)
    _opened: asyncio.Future[None] = field(factory=_future, init=False)
    _accepted: asyncio.Future[None] = field(factory=_future, init=False)
    _login: LoginInfo | None = field(default=None, init=False)
    _question: int | None = field(default=None, init=False)
    """The SDK waits for a token."""
    _answer: asyncio.Future[Any] | None = field(default=None, init=False)
    """What the first login waits for."""
    _signals: Signals = field(init=False)
    _listed: frozenset[str] = field(default=frozenset(), init=False)
    """The other clients, as they were told last."""
    _kicks: list[tuple[str, asyncio.Future[None]]] = field(factory=list, init=False)
    """Those that wait until a client is listed no more."""
    _ended: Ended | None = field(default=None, init=False)
    """As it was heard: to a login it says more than to whoever listens."""
    _handed_over: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._signals = Signals(most=MAX_UNREAD, pause=self._too_much)

    def __repr__(self) -> str:
        return f"<NimLink {'ended' if self._ended is not None else 'online' if self.was_online else 'opened'}>"

    # -- Link ----------------------------------------------------------------------------------------------------------

    async def login(self, request: LoginRequest) -> Accepted:
        if self._login is not None:
            raise LinkFailed(Reason.INVALID, Code.INVALID, "login was called twice; open a new link for another login")
        self._login = login = request.login
        child = self._child
        child.secrets = tuple(dict.fromkeys((*child.secrets[-6:], login.token, login.login_ext)))
        if self._question is not None:
            self.asked(self._question)
        try:
            async with asyncio.timeout(self._terms.login_timeout):
                if not self._first:  # the SDK logs in again by itself
                    await self._wait_for(self._accepted)
                    return Accepted()
                self._raise_end()
                child.watch(self._terms.heartbeat)
                with child.asking("login", **self._details(request)) as self._answer:
                    client = await self._answer
        except TimeoutError:
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, "the NIM SDK did not log in in time; try again") from None
        except SdkError as error:
            self._raise_end()  # a verdict that was heard meanwhile counts more than what the login was told
            raise self._refused(error.code, error.text) from None
        own = client.get("clientId") if isinstance(client, dict) else None
        return Accepted(words(own, *child.secrets))

    def signals(self) -> AsyncIterator[Signal]:
        return self._signals

    async def kick(self, client: OnlineClient) -> None:
        self._require_link()
        if len(client.client_id) > MAX_LABEL:
            raise KickRefused(Reason.INVALID, Code.INVALID, "that is no id of a client; take one of the present list")
        with self._signals.expecting() as gone:
            known, kick = client.client_id in self._listed, (client.client_id, gone)
            self._kicks.append(kick)
            what = "the NIM SDK did not answer the kick"
            try:
                async with asyncio.timeout(self._terms.timeout):
                    await self._child.call("kick", clientId=client.client_id)
                    what = "that client did not leave"
                    if known:
                        await until_read(gone)
            except TimeoutError:
                raise LinkFailed(Reason.NET, Code.TIMED_OUT, f"{what}; try again") from None
            except SdkError as error:
                if error.code in _NOT_CONNECTED:
                    raise LinkFailed(Reason.NET, error.code, error.text) from None
                raise KickRefused(reason_of(error.code), error.code, error.text) from None
            finally:
                self._kicks.remove(kick)

    async def logout(self) -> None:
        self._require_link()
        try:
            async with asyncio.timeout(self._terms.timeout):
                await self._child.call("logout")
        except TimeoutError:
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, "the NIM SDK did not log out in time") from None
        except SdkError as error:
            raise LinkFailed(Reason.NET, error.code, error.text) from None

    async def close(self) -> None:
        self.end(CLOSED)
        if not self._handed_over:
            await self._child.close(self._terms.close_timeout)

    # -- Reconnects and Successor --------------------------------------------------------------------------------------

    def successor(self) -> NimLink | None:
        """The link that the SDK makes next by itself, to be closed instead of this one; None if it makes none."""
        if self.next is None or self._handed_over or self._child.ended is not None:
            return None
        self._handed_over = self.next.taken = True
        return self.next

    async def begun(self) -> None:
        """Return when the SDK begins to reconnect, however long that takes, or when it is over."""
        await self._wait_for(self._begun)

    async def opened(self) -> None:
        """Return when it has a connection again. Raises LinkFailed or LoginRefused."""
        await self._wait_for(self._opened)
        if not self.was_online:
            self._raise_end()

    # -- for the session -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """The SDK begins to reconnect."""
        _resolve(self._begun)

    def open(self) -> None:
        """It has a connection again."""
        _resolve(self._begun, self._opened)

    def accept(self) -> None:
        """It is online."""
        _resolve(self._begun, self._opened, self._accepted)
        self.was_online = True

    def asked(self, number: int) -> None:
        """The SDK wants the token of this attempt. It is given the one of its login request (see R8)."""
        if self._login is not None:
            self._child.answer(number, self._login.token)
        else:
            self._question = number
            self.open()

    def forget(self) -> None:
        """Begin anew: this attempt failed, and nobody had followed it."""
        self._begun, self._opened, self._accepted = _future(), _future(), _future()
        self._question = None

    def why_lost(self, code: int) -> Reason:
        """Why a session was lost, or an attempt failed, when it is no verdict."""
        reason = refusal(code)
        return reason if reason is Reason.BUSY or not self.was_online else Reason.NET

    def say(self, signal: Signal) -> None:
        """Tell whoever listens."""
        gone: list[asyncio.Future[None]] = []
        if isinstance(signal, OnlineClients):
            self._listed = frozenset(client.client_id for client in signal.clients)
            gone = [answer for client, answer in self._kicks if client not in self._listed]
        self._signals.put(signal, *gone)

    def end(self, ended: Ended) -> None:
        """The connection is over."""
        if self._ended is None:
            self._ended = ended
            self._signals.end(ended_for(ended.reason, ended.code, ended.text))
        _resolve(self._begun, self._opened)
        if not self._accepted.done():
            self._accepted.cancel()
        if self._answer is not None and not self._answer.done():  # the SDK need not say more of its login
            self._answer.set_exception(self._refused(ended.code, ended.text, ended.reason))

    def _too_much(self) -> None:
        self._child.fail(Code.NET, "the NIM SDK says more than is read; try again")

    # -- helpers -------------------------------------------------------------------------------------------------------

    def _details(self, request: LoginRequest) -> dict[str, Any]:
        login, terms = request.login, self._terms
        option = {
            "retryCount": 0,  # the session owns the retries of a login (R7, R8)
            "timeout": int(terms.login_timeout * 1000),
            "forceMode": request.forced,
            "authType": int(login.auth_type),
        }
        return {
            **terms.sdk_options(login),
            "account": login.account,
            "token": "" if login.auth_type is AuthType.DYNAMIC else login.token,
            "extension": login.login_ext,
            "dynamic": login.auth_type is AuthType.DYNAMIC,
            "option": option,
        }

    async def _wait_for(self, future: asyncio.Future[None]) -> None:
        """Not awaited itself: whoever waits may be cancelled, and it must not be."""
        await asyncio.wait({future})
        if future.cancelled():
            self._raise_end()

    def _require_link(self) -> None:
        if self._ended is not None:
            raise LinkFailed(self._ended.reason, self._ended.code, self._ended.text)

    def _raise_end(self) -> None:
        """If it has ended, raise what that means for a login."""
        if self._ended is not None:
            raise self._refused(self._ended.code, self._ended.text, self._ended.reason)

    def _refused(self, code: int, text: str, reason: Reason | None = None) -> LinkFailed | LoginRefused:
        """The server's no, or a failure of the link: the SDK's own codes are of the link."""
        reason = reason or refusal(code)
        if code in SDK_CODES or reason is Reason.NET:
            return LinkFailed(reason, code, text)
        return LoginRefused(reason, code, text)


def _resolve(*futures: asyncio.Future[None]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
