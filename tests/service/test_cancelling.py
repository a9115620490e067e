"""Cancelling, closing, and everything that comes too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nimauth.errors import IllegalState, LoginCancelled, LoginFailed
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.transports.base import KickRefused, LinkFailed, OnlineClients
from nimauth.vocabulary.logins import LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import Cause, Reason
from nimauth.vocabulary.states import ENDED, State

from .host import OPTIONS, A, B, Host, now, settle, virtual
from .world import NEVER, Plan, World


class SlowStore(MemoryStore):
    """Saves in ten seconds, so that things can happen meanwhile."""

    async def save(self, login: LoginInfo) -> None:
        await asyncio.sleep(10)
        await super().save(login)


@pytest.mark.parametrize("moment", [0.0, 0.5, 1.0, 1.5, 2.5])
@virtual
async def test_cancelling_the_call_cancels_the_login_at_every_step(moment: float) -> None:
    world = World([Plan(open_after=1, answer_after=1), Plan()])
    async with Host(world, store=SlowStore(shelf := Shelf())) as host:
        await host.start(auto_login=False)
        login = asyncio.ensure_future(host.auth.login(A))
        await asyncio.sleep(moment)
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        await asyncio.sleep(20)
        assert host.state is State.UN_LOGIN
        assert not world.open_links
        assert shelf.permit.account is None
        assert shelf.login is None
        await host.auth.login(A)  # and another may begin


@virtual
async def test_a_timeout_around_the_call_is_a_cancel() -> None:
    async with Host(World([Plan(open_after=NEVER)])) as host:
        await host.start()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await host.auth.login(A)
        await settle()
        assert host.state is State.UN_LOGIN
        assert now() == 5


@virtual
async def test_a_second_login_is_an_error_that_says_what_is_allowed_and_the_first_goes_on() -> None:
    async with Host(World([Plan(open_after=1)])) as host:
        await host.start()
        first = asyncio.ensure_future(host.auth.login(A))
        await settle()
        with pytest.raises(
            IllegalState, match="login is not allowed in state connecting; allowed there: cancel, logout"
        ):
            await host.auth.login(B)
        await first
        with pytest.raises(IllegalState, match="not allowed in state"):
            await host.auth.login(B)
        assert host.shelf.permit.account == "a"


@virtual
async def test_logout_ends_a_login_that_is_under_way() -> None:
    async with Host(World([Plan(open_after=NEVER)])) as host:
        await host.start()
        login = asyncio.ensure_future(host.auth.login(A))
        await settle()
        await host.auth.logout()
        with pytest.raises(LoginCancelled):
            await login
        assert host.state is State.UN_LOGIN


@virtual
async def test_a_login_while_waiting_takes_over_from_the_retry() -> None:
    async with Host() as host:
        await host.online()
        host.world.cut()
        await host.until(State.WAITING)
        await host.auth.login(B)
        await asyncio.sleep(100)
        assert host.world.said == ["login a manual", "login b manual"]


@virtual
async def test_signals_of_a_link_that_was_given_up_are_dropped() -> None:
    async with Host() as host:
        await host.online()
        host.world.cut()  # is told last, when the next link is already being opened
        host.auth.network_changed(False)
        host.auth.network_changed(True)
        await settle()
        assert host.states[-6:] == [
            *("net_broken", "connecting", "logging", "logged_in", "data_sync_start", "data_sync_finish")
        ]
        assert host.auth.dropped == 1


@virtual
async def test_a_retry_that_was_disarmed_does_not_come() -> None:
    async with Host() as host:
        await host.online()
        host.world.cut()
        await asyncio.sleep(1)
        host.auth.foreground()
        await settle()
        host.world.cut()
        await asyncio.sleep(100)
        assert host.world.opened_at == [0, 1, 3]


@virtual
async def test_closing_waits_for_every_link_that_is_still_closing() -> None:
    async with Host(World([Plan(close_after=2)])) as host:
        await host.online()
        for available in (False, True, False):
            host.auth.network_changed(available)
            await settle()
        assert len(host.world.links) == 1
        assert host.world.open_links
        await host.auth.aclose()
        assert not host.world.open_links


@virtual
async def test_a_new_link_waits_until_the_old_one_is_closed() -> None:
    async with Host(World([Plan(close_after=2), Plan()])) as host:
        await host.online()
        host.world.cut()
        await host.until(State.WAITING)
        host.auth.foreground()
        await host.until(State.LOGGED_IN)
        assert host.world.opened_at == [0, 2]


@pytest.mark.parametrize("fails", [OSError("gone"), ValueError("odd")])
@virtual
async def test_a_link_that_cannot_be_closed_well_is_closed_all_the_same(fails: Exception) -> None:
    async with Host(World([Plan(close_fails=fails)])) as host:
        await host.online()
        await host.auth.logout()
        assert not host.world.open_links


CLOSED_AT: dict[str, Callable[[Host], Awaitable[object]]] = {
    "start": lambda host: settle(),
    "connecting": lambda host: asyncio.sleep(0.5),
    "logging": lambda host: asyncio.sleep(1.5),
    "saving": lambda host: asyncio.sleep(2.5),
    "online": lambda host: asyncio.sleep(20),
}


@pytest.mark.parametrize("moment", CLOSED_AT)
@virtual
async def test_aclose_ends_everything_in_bounded_time_and_every_login_ends(moment: str) -> None:
    stuck = Plan(open_after=1, answer_after=1, close_after=NEVER)
    async with Host(World([stuck]), store=SlowStore(Shelf())) as host:
        await host.start(auto_login=False)
        login = asyncio.ensure_future(host.auth.login(A))
        await CLOSED_AT[moment](host)
        began = now()
        await host.auth.aclose()
        assert now() - began <= 4 * OPTIONS.close_timeout
        if moment in ("saving", "online"):
            await login  # the server took it; what could not be saved in time is not kept
        else:
            with pytest.raises(LoginFailed):
                await login
        with pytest.raises(IllegalState, match="closed"):
            await host.auth.login(A)
        await host.auth.aclose()


@virtual
async def test_aclose_is_no_logout() -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        await host.online()
    assert "logout" not in host.world.said
    async with Host(shelf=shelf) as host:
        assert await host.start() is None
        await host.until(State.LOGGED_IN)


@virtual
async def test_a_verdict_that_has_come_is_kept_though_the_app_closes_at_once() -> None:
    class Slow(MemoryStore):
        async def revoke(self, revocation):  # type: ignore[no-untyped-def]
            await asyncio.sleep(1)
            await super().revoke(revocation)

    shelf = Shelf()
    async with Host(store=Slow(shelf)) as host:
        await host.online()
        host.world.end(Reason.FORBIDDEN)
        await asyncio.sleep(0.5)
        await host.auth.aclose()
    assert shelf.permit.revocation is not None
    assert shelf.permit.revocation.cause is Cause.FORBIDDEN


@virtual
async def test_a_hook_may_close_the_service() -> None:
    async with Host() as host:
        await host.start()
        host.auth.open_local_data = lambda _: host.auth.aclose()
        login = asyncio.ensure_future(host.auth.login(A))
        await asyncio.wait({login})
        assert not host.world.open_links


@virtual
async def test_hooks_that_raise_or_hang_do_not_stop_the_login() -> None:
    async def hang(_: str) -> None:
        await asyncio.sleep(NEVER)

    async with Host() as host:
        await host.start()
        host.auth.open_local_data = hang
        host.auth.close_local_data = lambda: 1 / 0  # type: ignore[assignment]
        await host.auth.login(A)
        assert now() == OPTIONS.local_data_timeout
        await host.auth.logout()
        assert host.state is State.UN_LOGIN


@virtual
async def test_a_transport_that_breaks_its_contract_is_a_lost_link() -> None:
    async with Host(World([Plan(), Plan(refuse=ZeroDivisionError("odd")), Plan()])) as host:
        await host.online()
        host.world.cut()
        await host.until(State.WAITING)
        await host.until(State.LOGGING)
        await host.until(State.WAITING)
        await host.until(State.DATA_SYNC_FINISH)


@virtual
async def test_a_server_that_floods_cannot_fill_the_inbox() -> None:
    from nimauth.service.service import MAX_INBOX
    from nimauth.transports.base import SyncFinished, SyncStarted

    flood = (SyncStarted(), SyncFinished()) * 500
    async with Host(World([Plan(then=flood)]), store=SlowStore(Shelf())) as host:
        await host.start(auto_login=False)
        login = asyncio.ensure_future(host.auth.login(A))
        await asyncio.sleep(5)  # the save takes ten seconds
        assert len(host.auth._inbox) <= MAX_INBOX + 1
        await login
        await asyncio.sleep(1)
        assert host.state is State.DATA_SYNC_FINISH


@virtual
async def test_only_a_client_of_the_present_list_can_be_kicked() -> None:
    tablet = OnlineClient("tablet", os="ios")
    async with Host() as host:
        await host.online()
        with pytest.raises(IllegalState, match="not among the online clients"):
            await host.auth.kick_out_other_online_client(tablet)
        host.world.send(OnlineClients((tablet,)))
        await settle()
        await host.auth.kick_out_other_online_client(tablet)
        assert host.world.link.kicked == [tablet]
        for error in (KickRefused(Reason.INVALID, 404), LinkFailed(Reason.NET)):
            host.world.link.kick_fails = error
            with pytest.raises(type(error)):
                await host.auth.kick_out_other_online_client(tablet)
        host.world.link.kick_fails, host.world.link.kick_after = None, NEVER
        with pytest.raises(KickRefused, match="did not answer"):
            await host.auth.kick_out_other_online_client(tablet)
        host.world.cut()
        await host.until(State.WAITING)
        with pytest.raises(IllegalState):
            await host.auth.kick_out_other_online_client(tablet)


@virtual
async def test_what_the_wire_says_is_cut_cleaned_and_without_the_token() -> None:
    async with Host() as host:
        await host.online()
        host.world.end(Reason.FORBIDDEN, text=f"\x1b[2Jno {A.token}\n" + "x" * 1000)
        event = await host.until(State.FORBIDDEN)
        assert event.state in ENDED
        assert A.token not in event.text
        assert event.text.startswith(" [2Jno *** x")
        assert len(event.text) == 200
        assert A.token not in repr(host.auth)


@virtual
async def test_initialize_is_called_once() -> None:
    async with Host() as host:
        await host.start()
        with pytest.raises(IllegalState, match="initialize was called already"):
            await host.auth.initialize()
