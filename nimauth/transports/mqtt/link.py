"""One MQTT session as a Link: the account's topics, who else is online, kicks, and why it ended."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from ...vocabulary.logins import LoginInfo, OnlineClient
from ...vocabulary.reasons import Code, Reason
from ..base import (
    Accepted,
    Ended,
    KickRefused,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Signal,
    SyncFinished,
    SyncStarted,
)
from ..signals import CLOSED, Signals, give, until_read
from ..words import clean
from .codes import FAILURE, NO_SUBSCRIBERS, ended_for, kick_refused_for, refused_for
from .hello import Hello, of_device
from .lookout import LookOut
from .rollcall import RollCall
from .terms import Terms
from .topics import SHOW, Presence, Topics, kicker, unpack

if TYPE_CHECKING:  # it imports paho
    from .session import Session

MAX_CLIENTS: Final = 100
"""So many other clients are listed at most: a server that tells of more is not to fill the memory."""
_MOST_SIGNALS: Final = 50
"""With so many unread, reading stops until half of them are read."""
_MOST_ANNOUNCEMENTS: Final = 3
"""So often a session puts its presence back that somebody else cleared."""


@frozen(eq=False)
class _Kick:
    """One that is under way."""

    device: str
    acked: asyncio.Future[tuple[int, str]]
    """PUBACK, with its words."""
    gone: asyncio.Future[None]
    """The device has left."""


@define(eq=False)
class MqttLink:
    """One MQTT session (see `transports.base.Link`)."""

    _terms: Terms
    _session: Session = field(repr=False)
    _signals: Signals = field(init=False, repr=False)
    _login: LoginInfo | None = field(default=None, repr=False)
    _accepted: asyncio.Future[None] = field(init=False, repr=False)
    """What the login waits for."""
    _topics: Topics = field(init=False, repr=False)
    _presence: Presence = field(init=False, repr=False)
    _announced: int = 0
    """So often the presence was published."""
    _announcement: int = 0
    """The number of the first such message."""
    _synced: bool = False
    _others: dict[str, OnlineClient] = field(factory=dict, repr=False)
    _kicks: dict[int, _Kick] = field(factory=dict, repr=False)
    """By the number of the message."""
    _sync: asyncio.TimerHandle | None = field(default=None, repr=False)
    _lookout: LookOut | None = field(default=None, repr=False)
    _rollcall: RollCall = field(init=False, repr=False)
    _leaving: bool = False

    def __attrs_post_init__(self) -> None:
        pause, resume = self._session.pause, self._session.resume
        self._signals = Signals(explain=self._explain, most=_MOST_SIGNALS, pause=pause, resume=resume)
        self._rollcall = RollCall(ask=self._ask, missing=self._clear, within=self._terms.timeout)
        self._session.listen(self)

    # -- the calls -----------------------------------------------------------------------------------------------------

    async def login(self, request: LoginRequest) -> Accepted:
        terms, login = self._terms, request.login
        with self._signals.expecting() as self._accepted:
            hello = self._hello(request)
            self._login = login
            self._presence = Presence(
                secrets.token_hex(8),
                time.time(),
                terms.os,
                terms.client_type,
                terms.custom_tag,
                login.custom_client_type,
            )
            self._lookout = LookOut(terms, login, self._topics, self._presence.nonce)
            self._session.connect(hello)
            try:
                async with asyncio.timeout(terms.timeout):
                    await self._accepted
            except TimeoutError:
                text = f"{terms.where} did not answer the login within {terms.timeout:g} s; try again"
                self._end(Ended(Reason.NET, Code.TIMED_OUT, text))
                raise self._signals.failure() from None
        return Accepted(self._topics.device)

    def _hello(self, request: LoginRequest) -> Hello:
        """What to send. Raises LinkFailed(INVALID)."""
        terms, login = self._terms, request.login
        try:
            self._topics = Topics(terms.prefix, login.account, request.device_id)
            return of_device(request, terms.user_name(login.account), self._topics)
        except ValueError as error:
            wrong = str(error)
        raise LinkFailed(Reason.INVALID, Code.INVALID, clean(wrong, login.token, login.login_ext))

    def signals(self) -> AsyncIterator[Signal]:
        return self._signals

    async def kick(self, client: OnlineClient) -> None:
        device, expecting = client.client_id, self._signals.expecting
        with expecting() as acked, expecting() as gone:
            try:
                topic = self._topics.kick(device)
            except ValueError:
                topic = ""
            if not topic or device == self._topics.device:
                raise KickRefused(Reason.INVALID, Code.INVALID, "no other client has this id; take one from the list")
            known, told = device in self._others, False
            number = self._session.publish(topic, self._topics.kick_by_us())
            if not number:
                raise KickRefused(Reason.BUSY, Code.UNAVAILABLE, "too many kicks wait for the server; try again later")
            self._kicks[number] = _Kick(device, acked, gone)
            try:
                async with asyncio.timeout(self._terms.timeout):
                    code, text = await acked
                    if code >= FAILURE:
                        raise KickRefused(kick_refused_for(code), code, text)
                    if code == NO_SUBSCRIBERS and not known:
                        raise KickRefused(Reason.INVALID, code, text)
                    if code == NO_SUBSCRIBERS and device in self._others:
                        self._clear(device)
                    told = True
                    if known:
                        await until_read(gone)
            except TimeoutError:
                if told:
                    text = "that client has been told and does not leave; try again, or log in with its device id"
                    raise KickRefused(Reason.BUSY, Code.UNAVAILABLE, text) from None
                text = "the server did not answer the kick; try again"
                raise LinkFailed(Reason.NET, Code.TIMED_OUT, text) from None
            finally:
                del self._kicks[number]

    async def logout(self) -> None:
        if self._signals.ended is not None:
            raise self._signals.failure()
        self._leave()
        try:
            async with asyncio.timeout(self._terms.close_timeout):
                await self._session.closed()  # that is how the server says that it has heard us
        except TimeoutError:
            text = f"{self._terms.where} did not close the session; it will notice by itself"
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, text) from None

    async def close(self) -> None:
        self._end(CLOSED)
        if self._lookout is not None:
            self._lookout.give_up()
        self._login = self._lookout = None
        self._session.abort()
        await asyncio.sleep(0)  # asyncio closes the socket in its next turn

    # -- what the session hears ----------------------------------------------------------------------------------------

    def connected(self, code: int, text: str) -> None:
        waiting = not self._accepted.done()
        if code:
            if waiting:
                self._accepted.set_exception(LoginRefused(refused_for(code), code, clean(text, *self._secrets)))
            self._end(Ended(Reason.NET, Code.NET, "the login was refused"))
            return
        if waiting:
            self._accepted.set_result(None)
        self._put(SyncStarted())
        self._session.beat()
        loop = asyncio.get_running_loop()
        self._sync = loop.call_later(self._terms.timeout, self._never_synced)
        loop.call_soon(self._subscribe)  # once the login has returned, which need not wait for it

    def _subscribe(self) -> None:
        if self._signals.ended is None and not self._leaving:
            topics = self._topics
            self._session.subscribe(topics.presences, topics.kick(topics.device), topics.look)

    def subscribed(self, code: int, text: str) -> None:
        if code >= FAILURE:
            self._refused("to subscribe to this account's own topics", code, text)
        elif not self._announced:
            # After SUBACK: it comes back to us after every presence that is retained, and so ends the sync.
            self._announcement = self._announce()

    def published(self, number: int, code: int, text: str) -> None:
        if (kick := self._kicks.get(number)) is not None and not kick.acked.done():
            kick.acked.set_result((code, clean(text, *self._secrets)))
        elif number == self._announcement and code >= FAILURE:
            self._refused("to publish this device's own presence", code, text)
        else:
            self._rollcall.answered(number, code)

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        kind, device = self._topics.parse(topic)
        mine = device == self._topics.device
        if kind == "kick" and mine and not retained:  # one that is retained was meant for somebody before us
            self._kicked(kicker(payload, *self._secrets))
        elif kind == "look" and mine and payload == SHOW:
            self._show()
        elif kind == "devices" and mine:
            self._own(payload)
        elif kind == "devices":
            self._other(device, payload)
            if retained and device in self._others and not self._synced:
                self._rollcall.doubt(device)
            else:
                self._rollcall.trust(device)

    def disconnected(self, code: int, text: str) -> None:
        self._end(Ended(ended_for(code), code, clean(text, *self._secrets)))

    def lost(self, ended: Ended, cause: BaseException | None, unexplained: bool) -> None:
        if unexplained and self._synced and not self._leaving and self._lookout is not None:
            self._lookout.suspect(ended)
        self._end(ended, cause)

    # -- presence ------------------------------------------------------------------------------------------------------

    def _announce(self) -> int:
        self._announced += 1
        return self._session.publish(self._topics.presence, self._presence.pack(), retain=True, qos=1)

    def _show(self) -> None:
        """Answer whoever looks; before we have announced ourselves it hears that."""
        if self._announced and not self._leaving:
            self._session.publish(self._topics.presence, self._presence.pack(), retain=True, qos=0)

    def _own(self, payload: bytes) -> None:
        if not payload:
            # The will of this device's last session may come late, and clear what we have just said.
            if self._synced and not self._leaving and self._announced < _MOST_ANNOUNCEMENTS:
                self._announce()
            return
        echo = unpack(payload)
        if not self._synced and echo is not None and echo.nonce == self._presence.nonce:
            self._synced = True
            if self._sync is not None:
                self._sync.cancel()
            self._put(OnlineClients(tuple(self._others.values())))
            self._put(SyncFinished())
            self._rollcall.begin()

    def _other(self, device: str, payload: bytes) -> None:
        presence = unpack(payload, *self._secrets) if payload else None
        now = presence.client(device) if presence is not None else None
        if now == self._others.get(device) or (
            now is not None and device not in self._others and len(self._others) >= MAX_CLIENTS
        ):
            return
        gone: list[asyncio.Future[None]] = []
        if now is not None:
            self._others[device] = now
        elif payload:
            return  # no presence, and no goodbye either
        else:
            del self._others[device]
            gone = [kick.gone for kick in self._kicks.values() if kick.device == device]
        if self._synced:
            self._put(OnlineClients(tuple(self._others.values())), *gone)
        else:
            give(gone)

    def _ask(self, device: str, question: bytes) -> int:
        return self._session.publish(self._topics.look_at(device), question)

    def _clear(self, device: str) -> None:
        """It is not there: take its presence away for all. If it has come this very moment, it puts that back."""
        self._session.publish(self._topics.presence_of(device), b"", retain=True, qos=0)
        self._other(device, b"")

    # -- the end -------------------------------------------------------------------------------------------------------

    def _kicked(self, by: str) -> None:
        who = f"the client {by}" if by else "a client"
        self._leave()
        self._end(Ended(Reason.KICKED_BY_CLIENT, 0, clean(f"{who} of this account threw this one out")), abort=False)

    def _refused(self, what: str, code: int, text: str) -> None:
        reason = ended_for(code)
        text = f"{text}: the server does not allow this account {what}; ask its operator"
        self._end(Ended(reason, code, clean(text, *self._secrets)))

    def _never_synced(self) -> None:
        text = (
            f"{self._terms.where} does not send this account its own presence back; "
            f"its operator must give {self._topics.presences} to the account"
        )
        self._end(Ended(Reason.NET, Code.TIMED_OUT, clean(text, *self._secrets)))

    def _leave(self) -> None:
        """Say goodbye: clear the presence, and have the server forget the will that would."""
        if not self._leaving:
            self._leaving = True
            self._rollcall.stop()
            self._session.resume()  # to hear that the server closes
            if self._announced:
                self._session.publish(self._topics.presence, b"", retain=True, qos=0)
            self._session.leave()

    def _end(self, ended: Ended, cause: BaseException | None = None, *, abort: bool = True) -> None:
        if self._signals.end(ended, cause):
            self._rollcall.stop()
            if self._sync is not None:
                self._sync.cancel()
            if abort:
                self._session.abort()

    def _put(self, signal: Signal, *answers: asyncio.Future[None]) -> None:
        if not self._leaving:
            self._signals.put(signal, *answers)

    async def _explain(self, ended: Ended) -> Ended:
        return await self._lookout.explain(ended) if self._lookout is not None else ended

    @property
    def _secrets(self) -> tuple[str, ...]:
        """What a server might echo, kept out of all that is shown."""
        return (self._login.token, self._login.login_ext) if self._login is not None else ()
