"""The SDK reconnects by itself, and the lifecycle follows it: the real service, and the fake SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nimauth.service import AuthService, SDKOptions, StatusEvent
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.transports.nim import NimTransport
from nimauth.vocabulary.logins import AuthType, LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import State

from ...aio import run
from .fake import TOKENS, FakeServer, children, fake_nim
from .tools import needs_node

LOGIN = LoginInfo("a", TOKENS["a"])
OPTIONS = SDKOptions(backoff_base=0.1, backoff_cap=0.1, penalty=30.0)


@pytest.fixture(autouse=True)
def node() -> None:
    needs_node()


class Host:
    """A host app, and what it was told."""

    def __init__(self, transport: NimTransport, **more: Any) -> None:
        self.shelf = Shelf()
        self.auth = AuthService(transport, MemoryStore(self.shelf), OPTIONS, **more)
        self.events: list[StatusEvent] = []
        self._news = asyncio.Event()

    def told(self, event: StatusEvent) -> None:
        self.events.append(event)
        self._news.set()

    @property
    def states(self) -> list[str]:
        return [event.state.value for event in self.events]

    async def until(self, state: State) -> StatusEvent:
        """Wait until this is told."""
        async with asyncio.timeout(10):
            while state not in [event.state for event in self.events]:
                self._news.clear()
                await self._news.wait()
        return next(event for event in self.events if event.state is state)


@asynccontextmanager
async def online(nim: FakeServer, login: LoginInfo = LOGIN, delay: int = 20, **more: Any) -> AsyncIterator[Host]:
    """A host that is online; what it is told from then on is kept."""
    nim.delay = delay
    host = Host(nim.transport(grace=0.1), **more)
    async with host.auth as auth:
        await auth.initialize()
        await auth.login(login)
        nim.say("sync", state=2)
        nim.say("sync", state=3)
        async with asyncio.timeout(10):
            async for event in auth.auth_status:
                if event.state is State.DATA_SYNC_FINISH:
                    break
        auth.auth_status.listen(host.told)
        await asyncio.sleep(0)
        yield host


def test_a_lost_connection_is_followed_to_the_next_one_in_the_same_child(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as host:
            before = children(tmp_path)
            nim.others = ["phone"]
            nim.cut()
            await host.until(State.LOGGED_IN)
            host.events.clear()
            nim.say("sync", state=3)
            await host.until(State.DATA_SYNC_FINISH)
            assert children(tmp_path) == before
            assert nim.ops == ["login", "login"]
            assert nim.heard[1]["again"]
            (phone,) = host.auth.online_clients.value
            await host.auth.kick_out_other_online_client(phone)
            assert host.auth.online_clients.value == ()
            await host.auth.logout()
            assert nim.ops == ["login", "login", "kick", "logout"]
            assert children(tmp_path) == []

    run(test())


def test_after_a_kick_the_host_finds_the_new_list_also_when_list_and_answer_come_at_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.others = ["phone"]
            async with online(nim) as host:
                (phone,) = host.auth.online_clients.value

                async def kick() -> tuple[OnlineClient, ...]:
                    await host.auth.kick_out_other_online_client(phone)
                    return host.auth.online_clients.value  # in this very turn of the loop

                nim.silent = True
                kicking = asyncio.ensure_future(kick())
                await nim.until("kick")
                # It is the third call, after those that load and log in.
                nim.raw(b'{"event":"loginClientChanged","value":[]}\n{"id":3,"value":null}\n')
                assert await kicking == ()

    run(test())


def test_every_step_of_it_is_shown(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim, delay=300) as host:
            nim.refuse_connections()
            host.events.clear()
            nim.cut()
            async with asyncio.timeout(10):
                while len(host.events) < 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert host.states[:5] == ["waiting", "connecting", "waiting", "connecting", "waiting"]
            assert [event.code for event in host.events[:5:2]] == [192003, 192001, 192001]
            assert all(event.retry_in is None for event in host.events)
            await nim.listen()
            await host.until(State.LOGGED_IN)
            assert host.states[-3:] == ["connecting", "logging", "logged_in"]
            assert len(children(tmp_path)) == 1

    run(test())


def test_a_password_that_was_changed_meanwhile_ends_the_session(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as host:
            nim.refusals = [{"code": 302, "text": "the token is wrong"}]
            nim.cut()
            ended = await host.until(State.PWD_ERROR)
            assert (ended.reason, ended.code) == (Reason.CREDENTIALS, 302)
            assert host.shelf.permit.account is None
            # The connection and the refusal may be heard in one breath: then there is no logging to be shown.
            assert [state for state in host.states if state != "logging"][-3:] == ["waiting", "connecting", "pwd_error"]

    run(test())


def test_a_kick_while_online_is_no_loss_in_either_order(tmp_path: Path) -> None:
    async def test(number: int, order: str, state: State) -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as host:
            host.events.clear()
            nim.say("end", reason=number, text="bye", order=order, wait=20)
            await host.until(state)
            assert host.states == [state.value]
            await host.auth.logout()
            assert children(tmp_path) == []

    for order in ("status", "kick"):
        run(test(1, order, State.KICK_OUT))
        run(test(2, order, State.KICK_OUT))
        run(test(3, order, State.KICK_OUT_BY_OTHER_CLIENT))


def test_a_dynamic_token_is_fresh_at_each_attempt_of_the_sdks_own(tmp_path: Path) -> None:
    asked: list[str] = []

    def provider(account: str) -> str:
        asked.append(account)
        return TOKENS[account]

    async def test() -> None:
        login = LoginInfo("a", auth_type=AuthType.DYNAMIC)
        async with fake_nim(tmp_path) as nim, online(nim, login, dynamic_token_provider=provider) as host:
            assert asked == ["a"]
            nim.cut()
            await host.until(State.LOGGED_IN)
            assert asked == ["a", "a"]
            assert nim.heard[1]["token"] == TOKENS["a"]

    run(test())


def test_a_child_that_dies_is_replaced_by_another(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as host:
            before = children(tmp_path)
            nim.raw(b"rubbish\n")
            assert (await host.until(State.WAITING)).retry_in is not None
            await host.until(State.LOGGED_IN)
            assert len(children(tmp_path)) == 1
            assert children(tmp_path) != before
            assert not nim.heard[1]["again"]

    run(test())


def test_a_penalty_of_the_servers_is_waited_for_though_the_sdk_would_not(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim, delay=300) as host:
            nim.refusals = [{"code": 416, "text": "too frequent"}]
            host.events.clear()
            nim.cut()
            async with asyncio.timeout(10):
                while not host.events or host.events[-1].code != 416:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert host.events[-1].state is State.WAITING
            assert (host.events[-1].retry_in or 0) > 29
            await asyncio.sleep(0.5)
            assert nim.ops == ["login", "login"]
            assert children(tmp_path) == []

    run(test())


def test_closing_while_the_sdk_waits_ends_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as host:
            nim.refuse_connections()
            nim.cut()
            await host.until(State.WAITING)
            await host.auth.aclose()
            assert children(tmp_path) == []

    run(test())
