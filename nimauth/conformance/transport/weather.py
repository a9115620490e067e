"""The tests in rough weather: closing, cancelling, several links, rubbish and floods."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ...transports.base import LinkFailed
from ...vocabulary.logins import OnlineClient
from ...vocabulary.reasons import Reason
from ..clauses import require
from ..outcome import Outcome, attempt
from . import contract as T  # noqa: N812  (T.OPEN is clause T1)
from .play import Suite
from .stage import Stage, turns
from .story import (
    RUBBISH,
    Story,
    Trouble,
    announce,
    close,
    judge_login,
    login_through,
    strike,
    tell,
    unexplained,
)
from .world import Said

_MOST_AWAITS: Final = 200
"""A call with more awaits than this is cancelled at the first so many of them."""


class Weather(Suite):
    """Whatever happens, and whenever."""

    # -- close ---------------------------------------------------------------------------------------------------------

    def test_close_at_every_stage_however_often(self) -> None:
        troubles = [
            "none",
            *self._of("cut", "stall", "refuse", "end"),
            *(["gentle"] if "cut" not in self.cannot else []),
        ]

        async def closed(stage: Stage, trouble: str, online: bool, how: str) -> None:
            link = await (stage.online() if online else stage.opened())
            reasons = self.online_reasons if trouble == "end" else self.login_reasons
            await strike(stage, Trouble(trouble, next(iter(sorted(reasons)), Reason.NET)))
            if trouble == "refuse":
                await stage.login(link)
            await turns(5)
            await close(stage, link, how)
            await stage.logout(link, hinders=True)

        for trouble in troubles:
            for online in (True, False):
                if (trouble == "refuse" and online) or (trouble == "end" and not online):
                    continue
                for how in ("once", "twice", "both"):
                    self._play(closed, trouble, online, how)

    def test_close_while_another_task_waits(self) -> None:
        async def signals(stage: Stage) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            await stage.heard(listener, ())
            await stage.close(link)
            ended = await stage.over(listener, T.RELEASED, "the link is closed")
            unexplained("a link that was closed from this side", ended, exactly=True)

        async def call(stage: Stage, name: str) -> None:
            link = await (stage.opened() if name == "login" else stage.online())
            if name == "kick":
                await stage.heard(await stage.listen(link), ())
            await strike(stage, Trouble("stall"))
            made = stage.login(link) if name == "login" else stage.kick(link, OnlineClient("x"))
            waiting: asyncio.Task[Outcome[Any]] = asyncio.create_task(made)
            await turns(10)
            await stage.close(link)
            within = self.within.login if name == "login" else self.within.kick
            done, _ = await asyncio.wait({waiting}, timeout=stage.prompt(within))
            require(done, T.RELEASED, f"the link is closed, and {name} still waits")
            outcome = waiting.result()
            require(isinstance(outcome.error, LinkFailed), T.RELEASED, f"{name} {outcome} when the link was closed")

        self._play(signals)
        if "stall" not in self.cannot:
            self._play(call, "login")
            if "kick" not in self.cannot:
                self._play(call, "kick")

    def test_signals_that_are_left_in_the_midst(self) -> None:
        async def left(stage: Stage) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            await stage.heard(listener, ())
            require(await listener.stop(stage.terms.soon), T.CANCELLED, "signals was cancelled and waits on")

        self._play(left)

    def test_close_when_the_server_has_not_read_for_long(self) -> None:
        """What the client sends piles up, until it cannot send any more."""
        self._needs("kick", "stall")

        async def closed(stage: Stage, cut: bool) -> None:
            link = await stage.online()
            await stage.heard(await stage.listen(link), ())
            await strike(stage, Trouble("stall"))
            client = OnlineClient("x" * 40_000)
            for _ in range(250):
                await stage.kick(link, client, hinders=True, cancel_at=1)
            calls = [stage.kick(link, client, hinders=True), stage.logout(link, hinders=True)]
            waiting = [asyncio.create_task(call) for call in calls]
            await turns(5)
            if cut:
                await strike(stage, Trouble("cut"))
            await asyncio.gather(*waiting)
            await stage.close(link)

        self._play(closed, False)
        if self._of("cut"):
            self._play(closed, True)

    def test_every_call_at_the_moment_that_the_link_ends(self) -> None:
        """Some turns of the loop before it, and some after."""
        troubles = [Trouble(kind) for kind in ("cut", "gentle") if self._of("cut")]
        if self._of("end") and self.online_reasons:
            troubles.append(Trouble("end", sorted(self.online_reasons)[0]))
        for act in ("nothing", *(["kick a stranger"] if self._of("kick") else []), "logout", "close", "stop listening"):
            for trouble in troubles:
                for pause in range(6):
                    self._play(tell, Story(act=act, trouble=trouble, pause=pause, act_first=bool(pause % 2)))

    # -- cancellation at every await -----------------------------------------------------------------------------------

    def test_open_can_be_cancelled_at_every_await(self) -> None:
        async def cancelled(stage: Stage, silent: bool, **how: Any) -> bool:
            await self._fall_silent(stage, silent)
            return (await stage.open(hinders=silent, **how)).reached

        self._cancel_everywhere(cancelled)

    def test_login_can_be_cancelled_at_every_await(self) -> None:
        async def cancelled(stage: Stage, silent: bool, **how: Any) -> bool:
            link = await stage.opened()
            await self._fall_silent(stage, silent)
            return (await stage.login(link, hinders=silent, **how)).reached

        self._cancel_everywhere(cancelled)

    def test_signals_can_be_cancelled_at_every_await(self) -> None:
        self._needs("sync")

        async def cancelled(stage: Stage, silent: bool, **how: Any) -> bool:
            link = await stage.online()
            signals = link.signals()
            for _ in stage.terms.greets or ():
                await stage.next(signals)
            await self._fall_silent(stage, silent)
            news = asyncio.create_task(_later(stage.world.sync(True)))
            outcome = await stage.next(signals, hinders=silent, **how)
            await news
            return outcome.reached

        self._cancel_everywhere(cancelled)

    def test_kick_can_be_cancelled_at_every_await(self) -> None:
        self._needs("kick")

        async def cancelled(stage: Stage, silent: bool, **how: Any) -> bool:
            link = await stage.online()
            await stage.heard(await stage.listen(link), ())
            stranger = await stage.world.stranger()
            await self._fall_silent(stage, silent)
            return (await stage.kick(link, stranger, hinders=silent, **how)).reached

        self._cancel_everywhere(cancelled)

    def test_logout_can_be_cancelled_at_every_await(self) -> None:
        async def cancelled(stage: Stage, silent: bool, **how: Any) -> bool:
            link = await stage.online()
            await self._fall_silent(stage, silent)
            return (await stage.logout(link, hinders=silent, **how)).reached

        self._cancel_everywhere(cancelled)

    def test_close_can_be_cancelled_at_every_await(self) -> None:
        async def cancelled(stage: Stage, silent: bool, online: bool, **how: Any) -> bool:
            link = await (stage.online() if online else stage.opened())
            await self._fall_silent(stage, silent)
            return (await stage.close(link, hinders=silent, **how)).reached

        for online in (True, False):
            self._cancel_everywhere(cancelled, online=online)

    async def _fall_silent(self, stage: Stage, silent: bool) -> None:
        if silent:
            await strike(stage, Trouble("stall"))

    def _cancel_everywhere(self, cancelled: Callable[..., Awaitable[bool]], **more: Any) -> None:
        """The moment it suspends, the moment that what it waits for is there, and while the server says nothing."""

        async def once(stage: Stage, number: int, late: bool, silent: bool, reached: list[bool]) -> None:
            reached.append(await cancelled(stage, silent, cancel_at=number, late=late, **more))

        for late, silent in ((False, False), (True, False), *([(False, True)] if self._of("stall") else [])):
            for number in range(1, _MOST_AWAITS + 1):
                reached: list[bool] = []
                self._play(once, number, late, silent, reached)
                if not reached[0]:
                    break

    # -- more than one link, and nothing unasked -----------------------------------------------------------------------

    def test_two_links_do_not_mix(self) -> None:
        self._needs("another", "sync")

        async def mixed(stage: Stage) -> None:
            request = await stage.world.another()
            stage.keep_secret(request)
            one = await stage.opened()
            two = await stage.opened()
            require(one is not two, T.SEPARATE, "open gave the same link twice")
            await stage.saw("connect", 2, T.SEPARATE)
            for link, who in ((one, stage.request), (two, request)):
                login = await stage.login(link, who)
                require(login.returned, T.SEPARATE, f"login {login} on one of two links")
            first, second = await stage.listen(one), await stage.listen(two)
            await stage.heard(second, [await announce(stage, "started")], T.SEPARATE)
            await stage.heard(first, (), T.SEPARATE)
            if "end" not in self.cannot and self.online_reasons:
                await stage.world.end(sorted(self.online_reasons)[0], "")
                await stage.over(second, T.SIGNALS, "the session was ended")
            await stage.close(two)
            await asyncio.sleep(stage.terms.patience)
            require(not first.over, T.SEPARATE, "the end of one link was the end of the other")
            await stage.heard(first, (), T.SEPARATE)
            await stage.close(one)

        self._play(mixed)

    def test_after_an_end_there_is_a_new_link_and_only_when_it_is_asked_for(self) -> None:
        self._needs("cut")

        async def again(stage: Stage) -> None:
            for times in (1, 2):
                link = await stage.online()
                listener = await stage.listen(link)
                await stage.heard(listener, ())
                await stage.world.cut(False)
                await stage.over(listener, T.SIGNALS, "the connection broke")
                await asyncio.sleep(stage.terms.patience)
                await stage.close(link)
                await asyncio.sleep(stage.terms.patience)
                for what in ("connect", "login"):
                    await stage.saw(what, times, T.NOT_BY_ITSELF)

        self._play(again)

    def test_a_refused_login_is_not_tried_again(self) -> None:
        self._needs("refuse")

        async def refused(stage: Stage) -> None:
            link = await stage.opened()
            reason = Reason.BUSY if Reason.BUSY in self.login_reasons else sorted(self.login_reasons)[0]
            said = await stage.world.refuse(reason, "")
            login = await stage.login(link)
            for what in ("connect", "login"):
                await stage.saw(what, 1, T.NOT_BY_ITSELF)
            judge_login(stage, login, "refuse", reason, said)
            await asyncio.sleep(stage.terms.patience)

        self._play(refused)

    # -- rubbish and floods --------------------------------------------------------------------------------------------

    def test_rubbish_instead_of_an_answer(self) -> None:
        self._needs("garble", "cut")

        async def garbled(stage: Stage, rubbish: bytes) -> None:
            link = await stage.opened()
            login = await login_through(stage, link, rubbish)
            judge_login(stage, login, "garble", Reason.NET, Said())
            if login.returned:
                ended = await stage.over(await stage.listen(link), T.SIGNALS, "the connection broke")
                unexplained("a link that heard rubbish", ended, exactly=False)

        for rubbish in RUBBISH:
            self._play(garbled, rubbish)

    def test_rubbish_while_online(self) -> None:
        self._needs("garble", "cut")
        for rubbish in RUBBISH:
            story = Story(trouble=Trouble("garble", rubbish=rubbish))
            self._play(tell, story)

    def test_a_flood_that_nobody_reads(self) -> None:
        self._needs("flood")

        async def flooded(stage: Stage) -> None:
            link = await stage.online()
            taken = await self._flood(stage, endless=False)
            what = f"the transport took in {taken} times what a flood brings, while nobody read its signals"
            require(taken < self.rounds, T.MEMORY, what)
            await stage.close(link)

        self._play(flooded)

    def test_a_flood_that_is_read(self) -> None:
        self._needs("flood")

        async def flooded(stage: Stage) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            await stage.heard(listener, ())
            flood = asyncio.create_task(self._flood(stage, endless=False))
            before = listener.count
            there = await listener.until(lambda: listener.count > before + 10, stage.terms.soon)
            require(there or listener.over, T.SIGNALS, "the server floods, and signals gives nothing and does not end")
            await stage.close(link)  # in the midst of it
            await asyncio.wait({flood}, timeout=stage.terms.soon)
            flood.cancel()

        self._play(flooded)

    def test_a_message_that_never_ends(self) -> None:
        self._needs("flood", "endless")

        async def endless(stage: Stage, online: bool) -> None:
            link = await (stage.online() if online else stage.opened())
            logging_in: asyncio.Task[Any] | None = None
            if online:
                await stage.heard(await stage.listen(link), ())
            taken = asyncio.create_task(self._flood(stage, endless=True))
            if not online:
                logging_in = asyncio.create_task(stage.login(link, hinders=True))
            pieces = await taken
            require(
                pieces < self.rounds, T.MEMORY, f"the transport took in a message of {pieces} pieces, and wants more"
            )
            await stage.close(link)
            if logging_in is not None:
                await logging_in

        for online in (True, False):
            self._play(endless, online)

    async def _flood(self, stage: Stage, *, endless: bool) -> int:
        """Flood until the client holds it back or leaves, and tell how often it took what came."""
        stage.stalled = True  # it sends, and does not read
        for taken in range(self.rounds):
            flood = await attempt(
                stage.world.flood(endless), stage.terms.soon / 5
            )  # a slow client is not one that waits
            if not flood.returned:
                if isinstance(flood.error, NotImplementedError | AssertionError):
                    raise flood.error
                return taken
        return self.rounds


async def _later(news: Awaitable[None]) -> None:
    await turns(20)
    await news
