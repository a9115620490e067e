"""Races, foreign cancellations, and closing in the midst of everything."""

from __future__ import annotations

import asyncio
import errno
import logging
import sys

import pytest
from attrs import evolve

from nimauth.errors import IllegalState, LoginFailed, StoreUnavailable
from nimauth.service import AuthService
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.transports.base import LinkFailed
from nimauth.vocabulary.logins import AuthType, LoginInfo, Permit, Revocation
from nimauth.vocabulary.reasons import Cause, Reason
from nimauth.vocabulary.rules import Rule
from nimauth.vocabulary.states import State

from ..aio import run
from .host import OPTIONS, TOKEN, A, Host, now, settle, virtual
from .test_lifecycle import saved_login
from .world import NEVER, Plan, World, refused, unreachable


async def five_seconds(*_: str) -> None:
    await asyncio.sleep(5)


@pytest.mark.parametrize("hints", [(False, True, False, True), (False, True, False)])
@virtual
async def test_hints_in_one_breath_never_open_a_second_link(hints: tuple[bool, ...]) -> None:
    async with Host(World([Plan(close_after=2)])) as host:  # which asserts it, and that closing waits for the first
        await host.online()
        for available in hints:
            host.auth.network_changed(available)
        await settle()


@virtual
async def test_a_call_whose_effects_are_under_way_ends_when_the_service_closes() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    for call in ("initialize", "logout"):
        async with Host(shelf=shelf) as host:
            host.auth.open_local_data = host.auth.close_local_data = five_seconds
            if call == "logout":
                await host.online()
            pending = asyncio.ensure_future(host.auth.initialize() if call == "initialize" else host.auth.logout())
            await asyncio.sleep(1)
            await host.auth.aclose()
            await asyncio.wait({pending}, timeout=10)
            assert pending.done()


@virtual
async def test_a_verdict_that_waits_behind_a_slow_hook_is_kept_when_the_app_closes() -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        await host.start()
        host.auth.open_local_data = five_seconds
        login = asyncio.ensure_future(host.auth.login(A))
        await asyncio.sleep(1)
        host.world.end(Reason.FORBIDDEN)
        await asyncio.sleep(1)
        await host.auth.aclose()
        await login  # the server had taken it
    assert shelf.permit.revocation is not None
    assert shelf.permit.revocation.cause is Cause.FORBIDDEN


@virtual
async def test_r13_a_logout_that_waits_behind_a_slow_hook_is_kept_when_the_app_closes() -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        await host.start()
        host.auth.open_local_data = five_seconds
        login = asyncio.ensure_future(host.auth.login(A))
        await asyncio.sleep(1)
        logout = asyncio.ensure_future(host.auth.logout())
        await settle()
        await host.auth.aclose()
        await logout
        await login
    assert shelf.permit.revocation is not None
    assert shelf.permit.revocation.cause is Cause.LOGGED_OUT


@virtual
async def test_a_hook_that_closes_the_service_leaves_a_login_that_is_told_as_it_is() -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        await host.start()
        host.auth.open_local_data = lambda _: host.auth.aclose()
        await host.auth.login(A)
    assert shelf.permit.account == "a"


async def cancelled() -> str:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.cancel()
    return await future


@virtual
async def test_what_a_hook_awaits_may_be_cancelled_by_others() -> None:
    async with Host() as host:
        await host.start()
        host.auth.open_local_data = lambda _: cancelled()  # type: ignore[assignment,return-value]  # pyright: ignore
        await host.auth.login(A)
        await host.auth.logout()


@virtual
async def test_r8_what_a_token_provider_awaits_may_be_cancelled_by_others() -> None:
    shelf = Shelf()
    login = LoginInfo("a", auth_type=AuthType.DYNAMIC)
    async with Host(shelf=shelf, dynamic_token_provider=lambda _: "good") as host:
        await host.online(login)
    async with Host(shelf=shelf, dynamic_token_provider=lambda _: cancelled()) as host:
        await host.start()
        await asyncio.sleep(100)
        assert len(host.world.opened_at) > 3


@virtual
async def test_no_retry_is_armed_by_what_is_carried_out_while_closing() -> None:
    async with Host(World([Plan(then=(), stays=False)])) as host:
        await host.start()
        host.auth.open_local_data = five_seconds
        login = asyncio.ensure_future(host.auth.login(A))
        await asyncio.sleep(1)
        await host.auth.aclose()
        await login
        await asyncio.sleep(100)
        assert len(host.world.opened_at) == 1


@virtual
async def test_a_closed_service_stays_closed() -> None:
    shelf = Shelf()
    auth = AuthService(World(), MemoryStore(shelf))
    await auth.aclose()
    with pytest.raises(IllegalState, match="closed"):
        await auth.initialize()
    assert shelf.holder is None


@virtual
async def test_closing_while_initialize_opens_the_store_leaves_it_closed() -> None:
    class Slow(MemoryStore):
        async def open(self) -> Permit:
            await asyncio.sleep(1)
            return await super().open()

    shelf = Shelf()
    auth = AuthService(World(), Slow(shelf))
    starting = asyncio.ensure_future(auth.initialize())
    await settle()
    await auth.aclose()
    with pytest.raises(IllegalState, match="closed"):
        await starting
    assert shelf.holder is None


@virtual
async def test_streams_that_are_first_asked_for_after_closing_end_at_once() -> None:
    async with Host() as host:
        await host.online()
        await host.auth.aclose()
        assert [clients async for clients in host.auth.online_clients] == [()]


@virtual
async def test_initialize_with_nothing_saved_by_the_host_starts_nothing() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    async with Host(shelf=shelf) as host:
        assert await host.auth.initialize(None) is None
        await asyncio.sleep(100)
        assert host.world.opened_at == []


@virtual
async def test_a_revocation_that_failed_is_tried_again_when_the_service_closes() -> None:
    class FailsOnce(MemoryStore):
        calls = 0

        async def revoke(self, revocation: Revocation) -> None:
            type(self).calls += 1
            if type(self).calls == 2:  # the first voids what was saved before the login
                raise StoreUnavailable("the disk is full; make room")
            await super().revoke(revocation)

    shelf = Shelf()
    async with Host(store=FailsOnce(shelf)) as host:
        await host.online()
        host.world.end(Reason.FORBIDDEN)
        await host.until(State.FORBIDDEN)
        assert shelf.permit.account == "a"
    async with Host(shelf=shelf) as host:
        assert (await host.start()).rule is Rule.R4


@virtual
async def test_a_penalty_ends_with_the_success_of_another_login() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([refused(416)]), shelf) as host:
        await host.start()
        await host.until(State.WAITING)
        await host.auth.login(A)
        host.world.cut()
        await host.until(State.WAITING)
        host.auth.foreground()
        await host.until(State.DATA_SYNC_FINISH)
        assert now() < OPTIONS.penalty


@virtual
async def test_a_login_ends_within_its_45_seconds_though_store_and_hook_hang() -> None:
    class Hanging(MemoryStore):
        async def save(self, login: LoginInfo) -> None:
            await asyncio.sleep(NEVER)

    async def hang(_: str) -> None:
        await asyncio.sleep(NEVER)

    patient = evolve(OPTIONS, local_data_timeout=1000.0)
    async with Host(store=Hanging(), options=patient) as host:
        await host.start()
        host.auth.open_local_data = hang
        await host.auth.login(A)
        assert now() == 45


@virtual
async def test_a_server_that_accepts_and_drops_is_not_stormed() -> None:
    world = World(default=lambda: Plan(stays=False))
    async with Host(world) as host:
        await host.start()
        await host.auth.login(A)
        await asyncio.sleep(100)
        assert world.opened_at == [0, 2, 6, 14, 30, 62]


@virtual
async def test_a_refused_connect_proves_that_there_is_a_network() -> None:
    def failed(number: int) -> Plan:
        failure = LinkFailed(Reason.NET, 415)
        failure.__cause__ = OSError(number, "")
        return Plan(open_fails=failure)

    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([failed(errno.ENETUNREACH), failed(errno.ECONNREFUSED)]), shelf) as host:
        await host.start()
        await host.until(State.NET_BROKEN)
        await host.until(State.WAITING)


@virtual
async def test_a_hook_is_told_that_it_cannot_wait_for_what_waits_for_it() -> None:
    async with Host() as host:
        await host.start()
        told: list[str] = []

        async def hook(_: str) -> None:
            with pytest.raises(IllegalState) as refused:
                await host.auth.logout()
            told.append(str(refused.value))

        host.auth.open_local_data = hook
        await host.auth.login(A)
        assert "start a task" in told[0]


@virtual
async def test_a_store_that_cannot_be_closed_keeps_nothing_else_open() -> None:
    class Bad(MemoryStore):
        async def close(self) -> None:
            raise OSError("odd")

    async with Host(store=Bad()) as host:
        await host.online()


@virtual
async def test_two_listeners_may_both_close_the_service() -> None:
    async with Host() as host:
        await host.online()
        closed: list[int] = []

        async def on_status(number: int) -> None:
            async for event in host.auth.auth_status:
                if event.must_log_in:
                    await host.auth.aclose()
                    closed.append(number)

        both = [asyncio.ensure_future(on_status(number)) for number in (1, 2)]
        host.world.end(Reason.DISPLACED)
        await asyncio.wait(both)
        assert sorted(closed) == [1, 2]


@virtual
async def test_the_words_of_a_failing_transport_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with Host(World([Plan(refuse=ValueError(f"cannot encode {TOKEN}"))])) as host:
        await host.start()
        with caplog.at_level(logging.DEBUG, "nimauth"), pytest.raises(LoginFailed):
            await host.auth.login(A)
        assert "ValueError" in caplog.text
        assert TOKEN not in caplog.text


@virtual
async def test_a_failed_login_says_what_the_link_said() -> None:
    plan = unreachable()
    plan.open_fails = LinkFailed(Reason.NET, 415, "cannot connect to ws://x; is it running?")
    async with Host(World([plan])) as host:
        await host.start()
        with pytest.raises(LoginFailed, match=r"\(code 415\): cannot connect to ws://x; is it running\?$"):
            await host.auth.login(A)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_a_loop_whose_tasks_start_eagerly_does_as_well() -> None:
    async def story() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]  # pyright: ignore
        async with AuthService(World()) as auth:
            await auth.initialize()
            await auth.login(A)
            await auth.logout()

    run(story())
