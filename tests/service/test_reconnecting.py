"""A library that reconnects by itself, and cannot be told not to: the lifecycle follows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import define, field

from nimauth.errors import LoginFailed
from nimauth.stores.memory import Shelf
from nimauth.transports.base import Ended, LinkFailed, LoginRefused, LoginRequest, Reconnects, Signal, Successor
from nimauth.vocabulary.logins import AuthType, LoginInfo
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import Attempt, State

from .host import OPTIONS, A, B, Host, now, virtual
from .world import NEVER, FakeLink, Plan, World


@define(eq=False)
class LibraryLink(FakeLink):
    """A link of such a library, and what the library does after it."""

    goes_on: bool = True
    next: LibraryLink | None = None
    delay: float = 5.0
    """How long the library waits before it begins to reconnect."""
    fails: Exception | None = None
    """Why its attempt fails."""
    opening: float = 1.0
    was_begun: bool = False
    was_opened: bool = False

    def successor(self) -> Successor | None:
        assert not self.closes, "it is asked before it is closed"
        if not self.goes_on or not isinstance(self.world, Library):
            return None
        self.next = self.world.next_link()
        return self.next

    async def begun(self) -> None:
        assert not self.was_begun
        self.was_begun = True
        await asyncio.sleep(self.delay)

    async def opened(self) -> None:
        assert self.was_begun
        assert not self.was_opened
        self.was_opened = True
        await asyncio.sleep(self.opening)
        if self.fails is not None:
            raise self.fails


@define(eq=False)
class Library(World):
    """Each connection that the library makes by itself follows a plan of its own."""

    attempts: list[LibraryLink] = field(factory=list)

    async def open(self) -> FakeLink:
        plain = await super().open()
        self.links[-1] = LibraryLink(self, plain.plan)
        return self.links[-1]

    def next_link(self) -> LibraryLink:
        link = self.attempts.pop(0) if self.attempts else LibraryLink(self, Plan())
        self.links.append(link)
        return link

    def will(self, *attempts: LibraryLink) -> None:
        self.attempts.extend(attempts)


def attempt(world: World, **how: object) -> LibraryLink:
    return LibraryLink(world, Plan(), **how)  # type: ignore[arg-type]


@virtual
async def test_r8_a_library_that_reconnects_is_followed_and_no_link_is_opened_beside_it() -> None:
    world = Library()
    async with Host(world) as host:
        await host.online()
        host.events.clear()
        began = now()
        world.cut()
        waiting = await host.until(State.WAITING)
        assert waiting.retry_in is None, "nobody knows when the library tries"
        await host.until(State.DATA_SYNC_FINISH)
        assert host.states == ["waiting", "connecting", "logging", "logged_in", "data_sync_start", "data_sync_finish"]
        assert now() - began == 6.0
        assert len(world.opened_at) == 1
        assert [link.closes for link in world.links] == [1, 0]
        assert world.link.request is not None
        assert world.link.request.attempt is Attempt.RESUME


@virtual
async def test_it_is_followed_again_and_again() -> None:
    world = Library()
    world.will(*(attempt(world, fails=LinkFailed(Reason.NET, 192001)) for _ in range(20)))
    async with Host(world) as host:
        await host.online()
        host.events.clear()
        world.cut()
        await host.until(State.WAITING)
        await host.until(State.DATA_SYNC_FINISH)
        assert host.states[:40] == ["waiting", "connecting"] * 20
        assert [event.code for event in host.events[2:40:2]] == [192001] * 19
        assert len(world.opened_at) == 1
        world.cut()
        await host.until(State.WAITING)
        await host.until(State.DATA_SYNC_FINISH)
        assert len(world.links) == 23


@virtual
async def test_a_verdict_that_the_library_hears_ends_the_session() -> None:
    world = Library()
    for number, refused in enumerate([LoginRefused(Reason.CREDENTIALS, 302), LoginRefused(Reason.DISPLACED)]):
        world.will(attempt(world, fails=refused))
        async with Host(world) as host:
            await host.online()
            world.cut()
            await host.until([State.PWD_ERROR, State.KICK_OUT][number])
            await asyncio.sleep(100)
            assert host.auth.revocation is not None
            assert not world.open_links
            world.opened_at.clear()


@virtual
async def test_a_library_that_gives_up_leaves_the_reconnecting_to_the_session() -> None:
    world = Library()
    world.will(attempt(world, fails=LinkFailed(Reason.NET, 415), goes_on=False))
    async with Host(world) as host:
        await host.online()
        world.cut()
        await host.until(State.WAITING)
        assert len(world.opened_at) == 1
        await host.until(State.CONNECTING)
        assert (await host.until(State.WAITING)).retry_in is not None
        await host.until(State.DATA_SYNC_FINISH)
        assert len(world.opened_at) == 2


@virtual
async def test_an_attempt_that_hangs_is_given_up_in_time() -> None:
    world = Library()
    world.will(attempt(world, opening=NEVER, goes_on=False), attempt(world))
    async with Host(world) as host:
        await host.online()
        world.cut()
        await host.until(State.CONNECTING)
        began = now()
        await host.until(State.WAITING)
        assert now() - began == OPTIONS.open_timeout
        await host.until(State.DATA_SYNC_FINISH)


@pytest.mark.parametrize("hint", ["foreground", "network"])
@virtual
async def test_r8_a_hint_of_the_hosts_does_not_wait_for_the_library(hint: str) -> None:
    world = Library()
    world.will(attempt(world, delay=1000.0))
    async with Host(world) as host:
        await host.online()
        world.cut()
        await host.until(State.WAITING)
        if hint == "network":
            host.auth.network_changed(False)
            await host.until(State.NET_BROKEN)
            host.auth.network_changed(True)
        else:
            host.auth.foreground()
        await host.until(State.DATA_SYNC_FINISH)
        assert world.opened_at == [0.0, 0.0]
        assert [link.closes for link in world.links] == [1, 1, 0]


@virtual
async def test_r13_a_logout_ends_the_librarys_trying() -> None:
    world = Library()
    async with Host(world) as host:
        await host.online()
        world.cut()
        await host.until(State.WAITING)
        await host.auth.logout()
        assert not world.open_links
        await asyncio.sleep(100)
        assert host.state is State.UN_LOGIN
        assert "logout" not in world.said


@virtual
async def test_r7_a_login_by_hand_ends_the_librarys_trying_first() -> None:
    world = Library()
    async with Host(world) as host:
        await host.online()
        world.cut()
        await host.until(State.WAITING)
        await host.auth.login(B)
        assert world.said == ["login a manual", "login b manual"]
        assert [link.closes for link in world.links] == [1, 1, 0]


@pytest.mark.parametrize("state", [State.WAITING, State.CONNECTING, State.LOGGING, State.LOGGED_IN])
@virtual
async def test_closing_the_service_ends_the_librarys_trying(state: State) -> None:
    world = Library()
    link = attempt(world)
    link.plan = Plan(answer_after=1.0, then=())
    world.will(link)
    async with Host(world) as host:  # which asserts that nothing is left
        await host.online()
        world.cut()
        await host.until(State.WAITING)
        await host.until(state)
    assert link.closes == 1


@virtual
async def test_a_penalty_of_the_servers_is_kept_and_the_library_is_not_followed() -> None:
    world = Library()
    world.will(attempt(world, fails=LoginRefused(Reason.BUSY, 416)))
    async with Host(world) as host:
        await host.online()
        world.cut()
        await host.until(State.CONNECTING)
        told = await host.until(State.WAITING)
        assert told.retry_in is not None
        assert told.retry_in >= OPTIONS.penalty
        await host.until(State.DATA_SYNC_FINISH)
        assert len(world.opened_at) == 2


@virtual
async def test_r7_a_manual_login_that_fails_is_not_followed() -> None:
    world = Library([Plan(refuse=LinkFailed(Reason.NET, 192003))])
    async with Host(world) as host:
        await host.start()
        with pytest.raises(LoginFailed):
            await host.auth.login(A)
        await asyncio.sleep(100)
        assert len(world.links) == 1
        assert not world.open_links


@virtual
async def test_a_dynamic_token_is_asked_for_at_each_attempt_of_the_librarys() -> None:
    world = Library()
    asked: list[str] = []
    tokens: list[str] = []

    def provider(account: str) -> str:
        asked.append(account)
        return f"token {len(asked)}"

    class Login(LibraryLink):
        async def login(self, request: LoginRequest) -> object:  # type: ignore[override]  # pyright: ignore
            tokens.append(request.login.token)
            return await super().login(request)

    world.will(Login(world, Plan()), Login(world, Plan()))
    async with Host(world, dynamic_token_provider=provider) as host:
        await host.online(LoginInfo("a", auth_type=AuthType.DYNAMIC))
        for _ in range(2):
            world.cut()
            await host.until(State.WAITING)
            await host.until(State.DATA_SYNC_FINISH)
    assert tokens == ["token 2", "token 3"]


@virtual
async def test_an_auto_login_that_fails_is_followed_if_the_library_goes_on() -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        await host.online()
    world = Library([Plan(refuse=LinkFailed(Reason.NET, 192003))])
    async with Host(world, shelf) as host:
        await host.start()
        await host.until(State.DATA_SYNC_FINISH)
        assert len(world.opened_at) == 1
        assert world.said == ["login a auto", "login a auto"]


@virtual
async def test_an_end_that_comes_while_the_service_closes_is_not_followed() -> None:
    world = Library()
    async with Host(world) as host:
        await host.online()
        world.cut()
        await host.auth.aclose()
    assert len(world.links) == 1


def test_a_plain_link_has_no_successor() -> None:
    class Plain:
        async def signals(self) -> AsyncIterator[Signal]:
            yield Ended(Reason.NET)

    assert not isinstance(Plain(), Reconnects)
    assert isinstance(LibraryLink(World(), Plan()), Reconnects)
