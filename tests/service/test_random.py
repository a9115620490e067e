"""Random host calls, server acts, faults, delays, restarts and crashes: what always holds, on a whole service."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from nimauth.errors import IllegalState, LoginFailed
from nimauth.service import StatusEvent
from nimauth.stores.memory import Shelf
from nimauth.transports.base import LinkFailed, LoginRefused, OnlineClients, SyncFinished, SyncStarted
from nimauth.vocabulary.logins import LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import Reason, reason_of
from nimauth.vocabulary.states import ENDED

from ..aio import run_virtual
from .host import OPTIONS, TOKEN, Host, now, settle
from .world import NEVER, Plan, World

DELAYS = st.sampled_from([0.0] * 8 + [0.5, 2.0, 20.0, NEVER])
CODES = st.sampled_from([302, 403, 417, 201, 404, 408, 416, 503, 987654])
FAILURES = st.builds(LinkFailed, st.sampled_from([Reason.NET, Reason.BUSY, Reason.VERSION, Reason.UNKNOWN]))
REFUSALS = st.builds(lambda code: LoginRefused(reason_of(code), code, f"no, {TOKEN}"), CODES)
SIGNALS = st.sampled_from(
    [SyncStarted(), SyncFinished(), OnlineClients((OnlineClient("1"),)), OnlineClients(()), 0.5, 3.0]
)
PLANS = st.builds(
    Plan,
    open_after=DELAYS,
    open_fails=st.none() | st.none() | st.none() | FAILURES | st.just(ValueError("odd")),
    answer_after=DELAYS,
    refuse=st.none() | st.none() | st.none() | REFUSALS,
    then=st.lists(SIGNALS, max_size=4).map(tuple),
    stays=st.sampled_from([True, True, False]),
    close_after=DELAYS,
    close_fails=st.none() | st.just(OSError("gone")),
    logout_after=DELAYS,
)
ENDS = st.sampled_from([reason for reason in Reason if reason is not Reason.UNKNOWN])
STEPS = st.one_of(
    st.tuples(st.just("login"), st.sampled_from("ab")),
    st.tuples(st.just("login"), st.sampled_from("ab")),
    st.tuples(st.sampled_from(["cancel", "logout", "foreground", "cut"])),
    st.tuples(st.just("network"), st.booleans()),
    st.tuples(st.just("burst"), st.lists(st.booleans(), min_size=2, max_size=5)),
    st.tuples(st.just("end"), ENDS),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 5.0, 50.0, 500.0])),
    st.tuples(st.sampled_from(["restart", "crash"]), st.sampled_from([True, True, False])),
)


class Story:
    """Plays the steps, and holds after each what must hold."""

    def __init__(self, plans: list[Plan]) -> None:
        self.world = World(list(plans))
        self.shelf = Shelf()
        self.called: asyncio.Task[None] | None = None
        self.account = ""
        self.began = 0.0
        self.last: str | None = None
        """Who may be auto logged in, by all that this process and the ones before it were told."""

    async def run(self, steps: list[tuple[Any, ...]]) -> None:
        await self.begin(auto_login=True)
        for step, *arguments in steps:
            await getattr(self, f"do_{step}")(*arguments)
            await settle()
            self.hold()
        await self.host.__aexit__(None, None, None)
        await self.end_of_process()

    async def begin(self, auto_login: bool) -> None:
        self.host = Host(self.world, self.shelf, options=OPTIONS)
        self.twin: list[StatusEvent] = []
        before = len(self.world.said), len(self.world.opened_at)
        refusal = await self.host.auth.initialize(auto_login)
        self.host.auth.auth_status.listen(self.host.events.append)
        self.host.auth.auth_status.listen(self.twin.append)
        if auto_login:
            assert (refusal is None) == (self.last is not None), "1: auto login by the rules, and only by them"
        if refusal is not None or not auto_login:
            await settle()
            assert (len(self.world.said), len(self.world.opened_at)) == before, "2: nothing is opened or sent"

    def hold(self) -> None:
        events, auth = self.host.events, self.host.auth
        assert self.world.most_open <= 1, "4: two links"
        assert self.twin == events, "8: every listener hears the same"
        assert all(one.state is not two.state for one, two in itertools.pairwise(events)), "8: repeated"
        assert TOKEN not in repr(events), "6: the token is told"
        if self.called is not None and self.called.done() and not self.called.cancelled():
            if self.called.exception() is None:
                self.last = self.account
            self.called = None
        elif self.called is not None:
            assert now() - self.began <= 45 + 1, "3: a login takes too long"
        if auth.auth_status.value.state in ENDED:
            self.last = None
            assert not self.world.open_links or all(link.plan.close_after for link in self.world.open_links)
        assert self.shelf.permit.account in (None, self.last or self.account), "1: a void login is permitted"
        if self.called is None:
            assert self.shelf.permit.account == self.last, "R6: what is saved is what last succeeded"

    async def end_of_process(self) -> None:
        if self.called is not None:
            await asyncio.wait({self.called})  # 3: every login ends, also by the end of the service
            ok = not self.called.cancelled() and self.called.exception() is None
            self.last = self.account if ok else None
            self.called = None

    # -- what can happen -----------------------------------------------------------------------------------------------

    async def do_login(self, account: str) -> None:
        if self.called is not None:
            with pytest.raises(IllegalState):
                await self.host.auth.login(LoginInfo(account, TOKEN))
            return
        called = asyncio.ensure_future(self.host.auth.login(LoginInfo(account, TOKEN)))
        await settle()
        if called.done() and isinstance(called.exception(), IllegalState):
            return
        self.called, self.account, self.began, self.last = called, account, now(), None

    async def do_cancel(self) -> None:
        if self.called is not None:
            self.called.cancel()
            await asyncio.wait({self.called})
            self.called = self.last = None
            await asyncio.sleep(0.01)

    async def do_logout(self) -> None:
        self.last = None
        began = now()
        await self.host.auth.logout()
        assert now() - began <= 4 * OPTIONS.close_timeout
        self.last = None
        if self.called is not None:
            await asyncio.wait({self.called})
            assert isinstance(self.called.exception(), LoginFailed)
            self.called = None

    async def do_foreground(self) -> None:
        self.host.auth.foreground()

    async def do_network(self, available: bool) -> None:
        self.host.auth.network_changed(available)

    async def do_burst(self, hints: list[bool]) -> None:
        for available in hints:
            self.host.auth.network_changed(available)

    async def do_wait(self, seconds: float) -> None:
        while seconds > 0:  # in small steps, so that what must hold is looked at in between
            await asyncio.sleep(min(seconds, 10.0))
            seconds -= 10.0
            await settle()
            self.hold()

    async def do_end(self, reason: Reason) -> None:
        if self.world.open_links:
            self.world.end(reason, text=f"because {TOKEN}")

    async def do_cut(self) -> None:
        if self.world.open_links:
            self.world.cut()

    async def do_restart(self, auto_login: bool) -> None:
        event("restart")
        await self.host.__aexit__(None, None, None)
        await self.end_of_process()
        await self.begin(auto_login)

    async def do_crash(self, auto_login: bool) -> None:
        """The next process gets what is on the shelf at this moment; the old one is swept up beside it."""
        event("crash")
        permit, login = self.shelf.permit, self.shelf.login
        old = self.host
        await old.auth.aclose()
        if self.called is not None:
            await asyncio.wait({self.called})
            self.called = self.last = None
        self.last = permit.account
        self.shelf = Shelf(permit, login, self.shelf.device_id)
        self.world = evolve(self.world, links=[], opened_at=[], said=[], most_open=0)
        await self.begin(auto_login)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PLANS, max_size=6), st.lists(STEPS, min_size=5, max_size=30))
def test_what_always_holds(plans: list[Plan], steps: list[tuple[Any, ...]]) -> None:
    told: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(self.format(record))

    ear = Ear(logging.DEBUG)
    log = logging.getLogger("nimauth")
    log.addHandler(ear)
    log.setLevel(logging.DEBUG)
    try:
        run_virtual(Story(plans).run(steps))
    finally:
        log.removeHandler(ear)
        log.setLevel(logging.NOTSET)
    assert not any(TOKEN in line for line in told), "6: the token is in a log"
