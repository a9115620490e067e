"""Any number of listeners, each with its own place: none loses, reorders or doubles a status, none delays another."""

from __future__ import annotations

import asyncio
import logging

import pytest

from nimauth.errors import LoginFailed
from nimauth.service import StatusEvent
from nimauth.service.streams import Stream
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import ONLINE, State

from .host import A, Host, settle, virtual
from .world import Plan, World, refused

LOGIN = ["un_login", "connecting", "logging", "logged_in", "data_sync_start", "data_sync_finish"]


@virtual
async def test_every_listener_hears_every_status_in_order_however_slow_it_is() -> None:
    heard: dict[float, list[str]] = {0.0: [], 1.0: [], 1000.0: []}
    async with Host() as host:
        await host.start(auto_login=False)
        for pause, states in heard.items():

            async def listener(event: StatusEvent, pause: float = pause, states: list[str] = states) -> None:
                await asyncio.sleep(pause)
                states.append(event.state.value)

            host.auth.auth_status.listen(listener)
        await host.auth.login(A)
        await asyncio.sleep(10)
        assert heard[0.0] == heard[1.0] == LOGIN
        assert heard[1000.0] == []
        await asyncio.sleep(6000)
        assert heard[1000.0] == LOGIN


@virtual
async def test_a_late_listener_gets_the_current_status_first() -> None:
    async with Host() as host:
        await host.online()
        states: list[State] = []
        host.auth.auth_status.listen(lambda event: states.append(event.state))
        host.world.cut()
        await host.until(State.WAITING)
        await settle()
        assert states == [State.DATA_SYNC_FINISH, State.WAITING]


@virtual
async def test_a_raising_listener_is_logged_and_told_the_next_status(caplog: pytest.LogCaptureFixture) -> None:
    async with Host() as host:
        await host.start(auto_login=False)
        calls: list[State] = []

        def bad(event: StatusEvent) -> None:
            calls.append(event.state)
            raise ValueError("bad listener")

        host.auth.auth_status.listen(bad)
        with caplog.at_level(logging.ERROR, "nimauth"):
            await host.auth.login(A)
            await settle()
        assert [state.value for state in calls] == LOGIN
        assert host.states == LOGIN
        assert "a listener raised" in caplog.text


@virtual
async def test_a_cancelled_listener_stops_and_leaves_no_trace() -> None:
    async with Host() as host:
        await host.start(auto_login=False)
        states: list[State] = []
        task = host.auth.auth_status.listen(lambda event: states.append(event.state))
        await settle()
        task.cancel()
        await settle()
        await host.auth.login(A)
        assert states == [State.UN_LOGIN]


@virtual
async def test_streams_end_when_the_service_is_closed() -> None:
    async with Host() as host:
        await host.online()
        read = asyncio.ensure_future(_all(host.auth.auth_status))
        await settle()
        await host.auth.aclose()
        assert [event.state for event in await read] == [State.DATA_SYNC_FINISH]
        assert [event.state for event in await _all(host.auth.auth_status)] == [State.DATA_SYNC_FINISH]


async def _all(stream: Stream[StatusEvent]) -> list[StatusEvent]:
    return [event async for event in stream]


@virtual
async def test_every_method_may_be_called_from_inside_a_listener() -> None:
    async with Host(World([refused(503), Plan(), Plan()])) as host:
        await host.start(auto_login=False)
        outcomes: list[str] = []

        async def login_page(event: StatusEvent) -> None:
            if event.must_log_in and len(outcomes) < 2:
                try:
                    await host.auth.login(A)
                    outcomes.append("ok")
                except LoginFailed as error:
                    outcomes.append(str(error.code))
            elif event.state is State.DATA_SYNC_FINISH:
                host.auth.foreground()
                host.auth.network_changed(True)
                await host.auth.logout()
                await host.auth.aclose()
                outcomes.append("closed")

        page = host.auth.auth_status.listen(login_page)
        await asyncio.wait({page})
        assert outcomes == ["503", "ok", "closed"]
        assert [event.state.value for event in host.events if event.state in ONLINE] == LOGIN[3:]


@virtual
async def test_a_plain_callback_may_close_the_service() -> None:
    async with Host(World([Plan(answer_after=1)])) as host:
        await host.start(auto_login=False)
        closed: list[asyncio.Task[None]] = []

        def on_status(event: StatusEvent) -> None:
            if event.state is State.LOGGING:
                closed.append(asyncio.ensure_future(host.auth.aclose()))

        host.auth.auth_status.listen(on_status)
        with pytest.raises(LoginFailed, match="cancelled"):
            await host.auth.login(A)
        await asyncio.wait(closed)


@virtual
async def test_the_online_clients_have_a_stream_too() -> None:
    from nimauth.transports.base import OnlineClients
    from nimauth.vocabulary.logins import OnlineClient

    async with Host() as host:
        await host.online()
        lists: list[int] = []
        host.auth.online_clients.listen(lambda clients: lists.append(len(clients)))
        one, two = OnlineClient("1"), OnlineClient("2")
        for clients in ((one,), (one, two), (one, two), (two,)):
            host.world.send(OnlineClients(clients))
            await settle()
        assert lists == [0, 1, 2, 1]
        host.world.end(Reason.DISPLACED)
        await settle()
        assert lists == [0, 1, 2, 1, 0]
