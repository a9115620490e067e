"""The stage for one story: every call of the transport goes through here, under a deadline and under watch."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from typing import Any, TypeVar, get_args

from attrs import Factory, define, field, frozen

from ...transports.base import (
    Accepted,
    Ended,
    KickRefused,
    Link,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Signal,
    SyncFinished,
    SyncStarted,
    Transport,
)
from ...vocabulary.logins import OnlineClient
from ...vocabulary.reasons import Reason
from ..clauses import Broken, Clause, require
from ..outcome import Outcome, attempt, settle
from ..secrecy import Secrets
from . import contract as T  # noqa: N812  (T.OPEN is clause T1)
from .listener import Backstage, Listener, inside
from .world import Said, Within, World

V = TypeVar("V")

Failure = LinkFailed | LoginRefused | KickRefused


@frozen
class Terms:
    """What a suite's author promises of the transport and its world."""

    within: Within
    soon: float
    patience: float
    longest_text: int
    sees: frozenset[str]
    greets: tuple[type[Signal], ...] | None


# -- the stage ---------------------------------------------------------------------------------------------------------


@define(eq=False)
class Stage:
    """A world, its transport, and the links that were opened. Each call is checked for what holds of every call."""

    terms: Terms
    world: World
    transport: Transport
    request: LoginRequest
    backstage: Backstage
    listeners: list[Listener] = field(factory=list)
    iterators: list[AsyncIterator[Signal]] = field(factory=list)
    """What `signals` gave, to be left at the end."""
    asked: Counter[str] = Factory(Counter)
    """How often the transport was asked to do what a world can see."""
    stalled: bool = False
    """The world does not read any more, so it does not see a connection close."""
    _open: list[Link] = field(factory=list)
    _before: Counter[str] = Factory(Counter)

    @classmethod
    async def set(cls, terms: Terms, world: World, backstage: Backstage) -> Stage:
        """The stage of a world that is ready."""
        stage = cls(terms, world, await world.transport(), await world.request(), backstage)
        stage.keep_secret(stage.request)
        stage._before = Counter(await world.received())
        return stage

    def keep_secret(self, *more: LoginRequest) -> None:
        """These are the tokens of the story."""
        requests = self.request, *more
        if any(len(request.login.token) < 12 for request in requests):
            raise ValueError(
                "the token of a world's request is too short; give 12 or more characters found nowhere else"
            )
        logins = [request.login for request in requests]
        self.backstage.secrets = Secrets.of(*(secret for one in logins for secret in (one.token, one.login_ext)))

    @property
    def secrets(self) -> Secrets:
        """What must not be shown."""
        return self.backstage.secrets

    # -- the calls -----------------------------------------------------------------------------------------------------

    async def open(self, **how: Any) -> Outcome[Link]:
        """Open a link, and have it closed at the end."""
        self.asked["connect"] += 1
        outcome = await self._call("open", self.transport.open(), self.terms.within.open, T.OPEN, LinkFailed, **how)
        if outcome.returned and outcome.result is not None:
            self._open.append(outcome.result)
        return outcome

    async def login(self, link: Link, request: LoginRequest | None = None, **how: Any) -> Outcome[Accepted]:
        """Log in."""
        self.asked["login"] += 1
        call = link.login(request or self.request)
        outcome = await self._call(
            "login", call, self.terms.within.login, T.LOGIN, LinkFailed | LoginRefused, Accepted, **how
        )
        if isinstance(outcome.result, Accepted):
            self._presentable("the client id of Accepted", outcome.result.client_id)
        return outcome

    async def kick(self, link: Link, client: OnlineClient, **how: Any) -> Outcome[None]:
        """Kick another client."""
        self.asked["kick"] += 1
        call = link.kick(client)
        return await self._call("kick", call, self.terms.within.kick, T.KICK, LinkFailed | KickRefused, None, **how)

    async def logout(self, link: Link, **how: Any) -> Outcome[None]:
        """Say goodbye."""
        self.asked["logout"] += 1
        return await self._call("logout", link.logout(), self.terms.within.logout, T.LOGOUT, LinkFailed, None, **how)

    async def close(self, link: Link, **how: Any) -> Outcome[None]:
        """Close a link."""
        if link in self._open:
            self._open.remove(link)
        return await self._call("close", link.close(), self.terms.within.close, T.CLOSE, (), None, **how)

    async def opened(self) -> Link:
        """A link of a world that is well."""
        outcome = await self.open()
        require(outcome.returned and outcome.result is not None, T.OPEN, f"open {outcome} of a server that was ready")
        assert outcome.result is not None
        return outcome.result

    async def online(self, request: LoginRequest | None = None) -> Link:
        """A link that is logged in."""
        link = await self.opened()
        outcome = await self.login(link, request)
        require(outcome.returned, T.LOGIN, f"login {outcome} though the server accepts this one")
        return link

    async def listen(self, link: Link, *, lingers: int = 0) -> Listener:
        """Read the link's signals from now on; one that lingers takes so many turns of the loop over each."""
        listener = Listener(link, self.iterators, lingers)
        self.listeners.append(listener)
        await turns(2)  # it listens now
        return listener

    async def next(self, signals: AsyncIterator[Signal], **how: Any) -> Outcome[Signal]:
        """The next signal, for a story that has no listener."""
        if signals not in self.iterators:
            self.iterators.append(signals)
        return await self._call("signals", anext(signals), None, T.SIGNALS, StopAsyncIteration, **how)

    async def _call(
        self,
        name: str,
        call: Awaitable[Any],
        within: float | None,
        clause: Clause,
        may_raise: Any,
        gives: type[Any] | None = object,
        *,
        hinders: bool = False,
        **how: Any,
    ) -> Outcome[Any]:
        """Await one call of the transport. `hinders`: what the server does may keep it from ending by itself."""
        soon = self.terms.soon
        if within is None or ("cancel_at" in how and not hinders):
            bound = self.terms.patience if hinders else soon
        else:
            bound = within + soon
        outcome = await attempt(inside(call), bound, grace=soon, **how)
        require(not outcome.deaf, T.CANCELLED, f"{name} {outcome}")
        if outcome.hung and outcome.reached:
            raise Broken(T.CANCELLED, f"{name} was cancelled at await {how['cancel_at']}, and {outcome}")
        if outcome.hung:
            require(
                within is None or bound == soon,
                T.BOUNDED,
                f"{name} {outcome}; it promises to give up within {within} s",
            )
            require(hinders, clause, f"{name} {outcome}, though nothing hinders it")
            require(outcome.cancelled, T.CANCELLED, f"{name} was cancelled and took that for something else")
        error = outcome.error
        if error is not None and not (outcome.cancelled and (outcome.hung or outcome.reached)):
            self.silent(f"{name} raised {type(error).__name__}, which", error)
            require(isinstance(error, may_raise), clause, f"{name} raised {_named(error)}")
            if isinstance(error, Failure):
                self._well_formed(name, error)
        if outcome.reached:
            require(
                outcome.cancelled, T.CANCELLED, f"{name} was cancelled at await {outcome.suspensions} and {outcome}"
            )
        if outcome.returned and gives is not object:
            right = outcome.result is None if gives is None else isinstance(outcome.result, gives)
            require(right, clause, f"{name} gave a {type(outcome.result).__name__}")
        return outcome

    # -- what is true of every word ------------------------------------------------------------------------------------

    def silent(self, what: str, thing: object) -> None:
        """It does not show the token."""
        require(not self.secrets.shown_by(thing), T.SECRECY, f"{what} shows the token, or a piece of it")

    def _well_formed(self, name: str, error: Failure) -> None:
        what = f"the {type(error).__name__} of {name}"
        require(
            isinstance(error.reason, Reason), T.CARRIED, f"{what} has no Reason but a {type(error.reason).__name__}"
        )
        require(type(error.code) is int, T.CARRIED, f"{what} has a code that is no whole number")
        self._presentable(f"the text of {what}", error.text)
        self._presentable(what, str(error))

    def _presentable(self, what: str, text: object) -> None:
        require(isinstance(text, str), T.PRINTABLE, f"{what} is no str but a {type(text).__name__}")
        assert isinstance(text, str)
        odd = next((c for c in text if not c.isprintable()), None)
        require(odd is None, T.PRINTABLE, f"{what} has a {odd!a} in it")
        longest = self.terms.longest_text
        require(len(text) <= longest, T.PRINTABLE, f"{what} has {len(text)} characters, more than {longest}")

    def carried(self, what: str, told: Failure | Ended, said: Said) -> None:
        """The server's own code and words are there."""
        require(said.code in (0, told.code), T.CARRIED, f"{what} has the code {told.code}, the server gave {said.code}")
        words = " ".join(said.text.split())
        if words.isprintable() and len(words) <= 100 and not self.secrets.shown(words):
            has = words in " ".join(told.text.split())
            require(has, T.CARRIED, f"{what} has the text {told.text[:100]!r}, the server said {words!r}")

    def check(self, listener: Listener) -> None:
        """What holds of the signals of every link, whatever the story was."""
        if listener.error is not None:
            self.silent("what signals raised", listener.error)
            raise Broken(T.SIGNALS, f"signals raised {_named(listener.error)}")
        ended = False
        for signal in listener.heard:
            self.silent(f"the signal {type(signal).__name__}", signal)
            require(isinstance(signal, get_args(Signal)), T.ORDER, f"signals gave a {type(signal).__name__}")
            require(not ended, T.ONCE, f"after Ended came another signal, {type(signal).__name__}")
            if isinstance(signal, Ended):
                ended = True
                require(isinstance(signal.reason, Reason), T.CARRIED, "Ended has no Reason")
                require(type(signal.code) is int, T.CARRIED, "Ended has a code that is no whole number")
                self._presentable("the text of Ended", signal.text)
            elif isinstance(signal, OnlineClients):
                for client in signal.clients:
                    for name in ("client_id", "os", "client_type", "custom_tag"):
                        self._presentable(f"the {name} of an online client", getattr(client, name))

    async def over(self, listener: Listener, clause: Clause, what: str, within: float = 0.0) -> Ended:
        """Wait for the end of the signals, check them, and give the end: NET where none was told."""
        if listener.ended is None:
            done = await listener.until_over(within + self.terms.soon)
        else:
            done = await listener.until_over(self.terms.soon)
        self.check(listener)
        require(done or listener.ended is None, T.SIGNALS, "signals told of an Ended, and did not end then")
        require(done, clause, f"{what}, and signals neither told of an end nor ended")
        return listener.ended or Ended(Reason.NET)

    def as_sent(
        self,
        listener: Listener,
        sent: Iterable[type[Signal]],
        clause: Clause = T.ORDER,
        *,
        whole: bool = True,
        unread: int = 0,
    ) -> None:
        """The signals are those that the server sent: all of them or, where the link broke, the first ones.

        A list of online clients may come at other times as well: that it came is no event, only what it says.
        Nobody listened yet when the first `unread` came.
        """
        heard, sent = listener.kinds, [*(self.terms.greets or ()), *sent]
        missing = len(sent) - len(heard)
        begun = 0 < missing <= unread and heard == sent[missing:]
        what = f"the server sent {_kinds(sent)}, signals gave {_kinds(heard)}"
        require(self.fits(listener, sent, whole=whole), T.KEPT if begun else clause, what)

    def fits(self, listener: Listener, sent: list[type[Signal]], *, whole: bool = True) -> bool:
        """Whether it is so."""
        heard = listener.kinds
        plain, plain_sent = _without_lists(heard), _without_lists(sent)
        if not whole:
            return self.terms.greets is None or plain == plain_sent[: len(plain)]
        if self.terms.greets is None:  # what came first is the server's greeting
            plain = plain[len(plain) - len(plain_sent) :]
        rest = iter(heard)
        return plain == plain_sent and all(kind in rest for kind in sent)

    async def heard(
        self, listener: Listener, sent: Iterable[type[Signal]], clause: Clause = T.ORDER, *, unread: int = 0
    ) -> None:
        """All that was sent comes out, in order, while the link is there."""
        sent = list(sent)
        every = [*(self.terms.greets or ()), *sent]
        await listener.until(lambda: self.fits(listener, every), self.terms.soon)
        self.check(listener)
        self.as_sent(listener, sent, clause, unread=unread + len(every) - len(sent) if unread else 0)

    # -- the end of the story ------------------------------------------------------------------------------------------

    def prompt(self, within: float | None) -> float:
        """Soon, and sooner than by its own deadline."""
        return min(self.terms.soon / 2, within * 0.75 if within else self.terms.soon)

    async def saw(self, what: str, times: int, clause: Clause) -> None:
        """The world receives it so many times, by and by."""
        if what not in self.terms.sees:
            return
        try:
            async with asyncio.timeout(self.terms.soon):
                while (seen := await self.seen(what)) < times:  # noqa: ASYNC110  (a world has no way to tell)
                    await asyncio.sleep(min(0.01, self.terms.soon / 10))
        except TimeoutError:
            raise Broken(clause, f"the server never received the {what}") from None
        require(
            seen == times, T.NOT_BY_ITSELF, f"the server received {seen} times a {what}, and {times} were asked for"
        )

    async def seen(self, what: str) -> int:
        """How often the world received it in this story."""
        return Counter(await self.world.received())[what] - self._before[what]

    async def finish(self) -> None:
        """Close what is open, and look at what is left. Whatever the story was, this holds at its end."""
        for link in list(self._open):
            self.silent("the repr of the link", link)
            await self.close(link)
        for listener in self.listeners:
            done = await listener.until_over(self.terms.soon)
            self.check(listener)
            require(done, T.RELEASED, "the link is closed, and signals still waits")
        for signals in self.iterators:
            self.silent("the repr of what signals gives", signals)
            if isinstance(signals, AsyncGenerator):
                # The service does the same: one that is left in the midst is finished by a task of the loop's own.
                left = await attempt(inside(signals.aclose()), self.terms.soon)
                require(left.returned, T.SIGNALS, f"leaving signals in the midst {left}")
        self.silent("the repr of the transport", self.transport)
        await self._nothing_left()
        for name in self.backstage.names:
            require(not self.secrets.shown(name), T.SECRECY, "the name of a task shows the token, or a piece of it")
        for what in ("connect", "login", "kick", "logout"):
            if what in self.terms.sees:
                seen, asked = await self.seen(what), self.asked[what]
                require(
                    seen <= asked, T.NOT_BY_ITSELF, f"the server received {seen} times a {what}, {asked} were asked for"
                )
        if {"connect", "disconnect"} <= self.terms.sees and not self.stalled:
            await self.saw("disconnect", await self.seen("connect"), T.NOTHING_LEFT)

    async def abandon(self) -> None:
        """Close what is open, as far as it can be: something is broken already."""
        for link in self._open:
            with contextlib.suppress(Exception):
                await attempt(link.close(), self.terms.soon, grace=0)

    async def _nothing_left(self) -> None:
        try:
            async with asyncio.timeout(self.terms.soon):
                for turn in range(1_000_000):
                    if not self.backstage.left:
                        return
                    await asyncio.sleep(0 if turn < 50 else self.terms.soon / 100)
        except TimeoutError:
            pass
        left = ", ".join(self.backstage.left)
        require(not self.secrets.shown(left), T.SECRECY, "the name of a task shows the token, or a piece of it")
        raise Broken(T.NOTHING_LEFT, f"the link is closed, and there is left {left}")


def sync_signal(finished: bool) -> type[Signal]:
    """What `World.sync` has signals give."""
    return SyncFinished if finished else SyncStarted


async def turns(count: int) -> None:
    """Let the loop turn so often."""
    await settle(count)


def _named(error: BaseException) -> str:
    """The exception in words, short, and without what it says: that may be the token."""
    kinds = [type(error).__name__]
    while (error := error.__cause__) is not None and len(kinds) < 5:  # type: ignore[assignment]
        kinds.append(type(error).__name__)
    return " from ".join(kinds)


def _without_lists(signals: list[type[Signal]]) -> list[type[Signal]]:
    return [kind for kind in signals if kind is not OnlineClients]


def _kinds(signals: Iterable[type[Signal]]) -> str:
    return "[" + ", ".join(kind.__name__ for kind in signals) + "]"
