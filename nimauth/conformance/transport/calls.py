"""The tests of each call: what it gives and raises, and what signals tells."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final
from unittest import SkipTest

from ...transports.base import LinkFailed, Signal
from ...vocabulary.logins import OnlineClient
from ...vocabulary.reasons import Reason
from ..clauses import require
from . import contract as T  # noqa: N812  (T.OPEN is clause T1)
from .listener import Listener
from .play import Suite
from .stage import Stage, turns
from .story import (
    Story,
    Trouble,
    announce,
    close,
    ended_for,
    judge_gone,
    judge_kick,
    judge_login,
    not_opened,
    strike,
    tell,
    unexplained,
)
from .world import Said

_PLAIN: Final = "the house is full, come back tomorrow"

_LONG: Final = 20
"""So many turns of the loop are longer than a transport needs to tell two tasks of one message."""

_MOST_AWAITS: Final = 20
"""No kick has more awaits than this."""


class Calls(Suite):
    """open, login, signals, kick and logout, one after the other."""

    # -- the plain story -----------------------------------------------------------------------------------------------

    def test_a_session_from_open_to_close(self) -> None:
        async def session(stage: Stage) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            sent = [await announce(stage, news) for news in self._news()]
            await stage.heard(listener, sent)
            stage.silent("the repr of the link", link)
            said = await stage.logout(link)
            require(said.returned, T.LOGOUT, f"logout {said} though the link is there")
            for what in ("connect", "login", "logout"):
                await stage.saw(what, 1, T.LOGOUT if what == "logout" else T.NOT_BY_ITSELF)
            await stage.close(link)

        self._play(session)

    def test_a_link_that_is_only_opened_and_closed(self) -> None:
        async def closed(stage: Stage) -> None:
            await close(stage, await stage.opened(), "twice")

        self._play(closed)

    # -- open ----------------------------------------------------------------------------------------------------------

    def test_a_connection_that_is_refused(self) -> None:
        self._needs("unreachable")

        async def refused(stage: Stage) -> None:
            await stage.world.unreachable()
            opened = await stage.open()
            require(not opened.returned, T.OPEN, "open gave a link though the connection was refused")
            not_opened(stage, opened, "unreachable")
            if "errno" not in self.cannot:
                has = any(isinstance(error, OSError) for error in _causes(opened.error))
                require(has, T.CAUSE, "the LinkFailed of a connection that was refused has no OSError as its __cause__")
            await asyncio.sleep(stage.terms.patience)

        self._play(refused)

    def test_a_server_that_stands_still_before_the_connection(self) -> None:
        self._needs("stall")
        self._play(tell, Story(before="stall"))

    # -- login ---------------------------------------------------------------------------------------------------------

    def test_each_refusal_has_its_reason_code_and_words(self) -> None:
        self._needs("refuse")
        for reason in sorted(self.login_reasons):
            for words in (_PLAIN, ""):
                trouble = Trouble("refuse", reason, words)
                self._play(tell, Story(answer=trouble))

    def test_a_refusal_in_words_that_nobody_should_see(self) -> None:
        self._needs("refuse")

        async def refused(stage: Stage) -> None:
            link = await stage.opened()
            reason = sorted(self.login_reasons)[0]
            said = await stage.world.refuse(reason, _nasty(stage))
            judge_login(stage, await stage.login(link), "refuse", reason, said)

        self._play(refused)

    def test_a_login_whose_connection_breaks(self) -> None:
        self._needs("cut")

        async def before(stage: Stage, kind: str) -> None:
            await tell(stage, Story(answer=Trouble(kind)))

        async def meanwhile(stage: Stage, kind: str) -> None:
            link = await stage.opened()
            await strike(stage, Trouble("stall"))
            login = asyncio.create_task(stage.login(link))
            await turns(10)
            await strike(stage, Trouble(kind))
            judge_login(stage, await login, kind, Reason.NET, Said())

        for kind in ("cut", "gentle"):
            self._play(before, kind)
            if "stall" not in self.cannot:
                self._play(meanwhile, kind)

    def test_a_login_that_is_never_answered(self) -> None:
        self._needs("stall")
        self._play(tell, Story(answer=Trouble("stall")))

    # -- signals -------------------------------------------------------------------------------------------------------

    def test_signals_come_in_order(self) -> None:
        self._needs("sync")

        async def ordered(stage: Stage) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            sent: list[type[Signal]] = []
            for news in ("started", "finished", "started", "started", "finished", "finished", *self._news()):
                sent.append(await announce(stage, news))
                await turns(len(sent) % 3)
            await stage.heard(listener, sent)

        self._play(ordered)

    def test_what_comes_before_anybody_listens_is_kept(self) -> None:
        if not self._news():
            self._needs("sync")

        async def kept(stage: Stage, ended: bool) -> None:
            link = await stage.online()
            sent = [await announce(stage, news) for news in self._news() * 3]
            if ended:
                await stage.world.end(sorted(self.online_reasons)[0], _PLAIN)
            await asyncio.sleep(stage.terms.patience)
            listener = await stage.listen(link)
            if ended:
                await listener.until_over(stage.terms.soon)
            await stage.heard(listener, sent, unread=len(sent))
            if ended:
                end = await stage.over(listener, T.SIGNALS, "the session was ended")
                require(end.reason is sorted(self.online_reasons)[0], T.KEPT, "the end that was told had been lost")

        self._play(kept, False)
        if "end" not in self.cannot and self.online_reasons:
            self._play(kept, True)

    def test_each_end_has_its_reason_code_and_words(self) -> None:
        self._needs("end")

        async def ended(stage: Stage, reason: Reason, words: str) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            await stage.heard(listener, ())
            said = await stage.world.end(reason, words)
            end = await stage.over(listener, T.SIGNALS, f"the session was ended for {reason}")
            ended_for(stage, end, reason, said)

        for reason in sorted(self.online_reasons):
            for words in (_PLAIN, ""):
                self._play(ended, reason, words)

    def test_an_end_in_words_that_nobody_should_see(self) -> None:
        self._needs("end")

        async def ended(stage: Stage) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            reason = sorted(self.online_reasons)[0]
            said = await stage.world.end(reason, _nasty(stage))
            ended_for(stage, await stage.over(listener, T.SIGNALS, "the session was ended"), reason, said)

        self._play(ended)

    def test_a_session_whose_connection_breaks(self) -> None:
        self._needs("cut")

        async def broken(stage: Stage, kind: str, listening: bool) -> None:
            link = await stage.online()
            listener = await stage.listen(link) if listening else None
            await strike(stage, Trouble(kind))
            await turns(10)
            listener = listener or await stage.listen(link)
            ended = await stage.over(listener, T.SIGNALS, "the connection broke")
            unexplained("a link whose connection broke", ended, exactly=True)
            await asyncio.sleep(stage.terms.patience)  # time enough to do something unasked
            if "kick" not in self.cannot:
                kick = await stage.kick(link, OnlineClient("x"))
                require(isinstance(kick.error, LinkFailed), T.KICK, f"kick {kick} though the link is gone")
            await stage.logout(link)

        for kind in ("cut", "gentle"):
            for listening in (True, False):
                self._play(broken, kind, listening)

    def test_a_server_that_falls_silent(self) -> None:
        self._needs("stall")
        if self.within.silence is None:
            raise SkipTest("`within.silence` is None: this transport does not notice a silent server")
        self._play(tell, Story(trouble=Trouble("stall")))

    def test_other_clients_come_as_a_list(self) -> None:
        self._needs("join")

        async def joined(stage: Stage) -> None:
            listener = await stage.listen(await stage.online())
            one = await self._joined(stage, listener)
            two = await self._joined(stage, listener)
            both = one in listener.others and two in listener.others
            require(both and one != two, T.ORDER, "two other clients are online, and signals gave no list of both")

        self._play(joined)

    # -- kick and logout -----------------------------------------------------------------------------------------------

    def test_kicks(self) -> None:
        self._needs("kick")

        async def kicked(stage: Stage) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            if "join" not in self.cannot:
                judge_kick(await stage.kick(link, await self._joined(stage, listener)), refused=False, troubled=False)
                await stage.saw("kick", 1, T.KICK)
            refused = await stage.kick(link, await stage.world.stranger())
            judge_kick(refused, refused=True, troubled=False)
            if "join" not in self.cannot:  # one that was refused leaves the next one alone
                judge_kick(await stage.kick(link, await self._joined(stage, listener)), refused=False, troubled=False)
            stage.check(listener)
            require(not listener.over, T.KICK, "the link ended with a kick of another client")

        self._play(kicked)

    def test_a_kick_is_done_when_the_list_says_so(self) -> None:
        self._needs("kick", "join", "leave")

        async def kicked(stage: Stage, lingers: int) -> None:
            link = await stage.online()
            listener = await stage.listen(link, lingers=lingers)
            for _ in range(2):
                client = await self._joined(stage, listener)
                judge_kick(await stage.kick(link, client), refused=False, troubled=False)
                await judge_gone(stage, listener, client)

        for lingers in (0, _LONG):
            self._play(kicked, lingers)

    def test_the_answer_to_a_kick_that_was_given_up_is_no_other_kicks(self) -> None:
        """At every await; the answer comes while the next kick waits, or before there is one."""
        self._needs("kick")

        async def given_up(stage: Stage, strangers: tuple[bool, bool], late: bool, pause: bool) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            await stage.heard(listener, ())

            async def client(strange: bool) -> OnlineClient:
                return await (stage.world.stranger() if strange else self._joined(stage, listener))

            for number in range(1, _MOST_AWAITS):
                first, second = await client(strangers[0]), await client(strangers[1])
                reached = (await stage.kick(link, first, cancel_at=number, late=late)).reached
                if pause:
                    await asyncio.sleep(stage.terms.patience)
                kick = await stage.kick(link, second)
                stage.check(listener)
                require(not listener.over, T.SIGNALS, "signals ended when a kick was answered that had been given up")
                judge_kick(kick, refused=strangers[1], troubled=False)
                if not reached:
                    break

        for strangers in [(True, False), (False, True)] if self._of("join") else [(True, True)]:
            for late in (False, True):
                for pause in (False, True):
                    self._play(given_up, strangers, late, pause)

    def test_a_kick_that_is_never_answered(self) -> None:
        self._needs("kick", "stall")

        async def unanswered(stage: Stage, cut: bool) -> None:
            link = await stage.online()
            listener = await stage.listen(link)
            await stage.heard(listener, ())
            await strike(stage, Trouble("stall"))
            kicking = asyncio.create_task(stage.kick(link, OnlineClient("x"), hinders=not cut))
            await turns(10)
            if cut:
                await strike(stage, Trouble("cut"))
                done, _ = await asyncio.wait({kicking}, timeout=stage.prompt(self.within.kick))
                require(done, T.KICK, "the connection broke, and kick goes on waiting")
            kick = await kicking
            require(isinstance(kick.error, LinkFailed), T.KICK, f"kick {kick} though nobody answered it")
            if cut:
                await stage.over(listener, T.SIGNALS, "the connection broke")

        self._play(unanswered, False)
        if "cut" not in self.cannot:
            self._play(unanswered, True)

    def test_a_logout_that_the_server_does_not_read(self) -> None:
        self._needs("stall")

        async def unread(stage: Stage) -> None:
            link = await stage.online()
            await strike(stage, Trouble("stall"))
            await stage.logout(link, hinders=True)

        self._play(unread)

    async def _joined(self, stage: Stage, listener: Listener) -> OnlineClient:
        known = [client.client_id for client in listener.others]
        name = await stage.world.join()

        def new() -> list[OnlineClient]:
            return [c for c in listener.others if c.client_id == name or (not name and c.client_id not in known)]

        there = await listener.until(lambda: bool(new()), stage.terms.soon)
        stage.check(listener)
        require(there, T.ORDER, "another client went online, and signals did not tell of it")
        return new()[0]


def _nasty(stage: Stage) -> str:
    return f"\x1b[31mno\x1b[0m\r\n\t\u202e{stage.request.login.token} is wrong \u2028" + "x" * 3_000


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
