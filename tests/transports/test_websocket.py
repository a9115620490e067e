"""The WebSocket transport against the real server: everything that a link can hear."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from attrs import evolve

from nimauth.server import (
    AllAllowed,
    CustomGroups,
    DesktopAndMobile,
    Limits,
    OneClient,
    Policy,
    Server,
    Sync,
    dynamic_token,
)
from nimauth.transports.base import (
    Ended,
    KickRefused,
    Link,
    LinkFailed,
    LoginRefused,
    OnlineClients,
    SyncFinished,
    SyncStarted,
    Transport,
)
from nimauth.transports.websocket import WebSocketTransport
from nimauth.vocabulary.logins import AuthType, OnlineClient
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import Attempt
from tests.server.helpers import TOKEN, Online, online, request, run, running, settle


def to(server: Server, **options: Any) -> WebSocketTransport:
    return evolve(WebSocketTransport(server.url, heartbeat=5.0, close_timeout=0.5), **options)


def test_it_satisfies_the_protocols() -> None:
    async def test() -> None:
        async with running() as server:
            transport: Transport = to(server)
            link: Link = await transport.open()
            await link.close()

    run(test())


def test_a_login_is_accepted_and_synced() -> None:
    async def test() -> None:
        async with running() as server, online(to(server)) as client:
            assert client.accepted.client_id == server.clients("a")[0].client_id
            heard = [await anext(client.signals) for _ in range(3)]
            assert heard == [OnlineClients(()), SyncStarted(), SyncFinished()]

    run(test())


def test_what_is_heard_before_signals_is_asked_for_is_not_lost() -> None:
    async def test() -> None:
        async with running() as server:
            link = await to(server).open()
            await link.login(request())
            server.kick("a")
            await settle()
            ops = [type(signal) async for signal in link.signals()]
            assert ops == [OnlineClients, SyncStarted, SyncFinished, Ended]
            await link.close()

    run(test())


@pytest.mark.parametrize("sync", [Sync(start=False), Sync(delay=0.01)])
def test_a_finish_can_come_without_a_start_or_late(sync: Sync) -> None:
    async def test() -> None:
        async with running(sync=sync) as server, online(to(server)) as client:
            await client.hear(SyncFinished)

    run(test())


@pytest.mark.parametrize(
    ("what", "code", "reason"),
    [
        (302, 302, Reason.CREDENTIALS),
        (102404, 102404, Reason.CREDENTIALS),
        (403, 403, Reason.FORBIDDEN),
        (422, 422, Reason.FORBIDDEN),
        (417, 417, Reason.DISPLACED),
        (201, 201, Reason.VERSION),
        (404, 404, Reason.INVALID),
        (101302, 101302, Reason.INVALID),
        (416, 416, Reason.BUSY),
        (503, 503, Reason.BUSY),
        (408, 408, Reason.NET),
        (777, 777, Reason.UNKNOWN),
        (Reason.DATA_UPGRADE, 0, Reason.DATA_UPGRADE),
        (Reason.ALREADY_ONLINE, 417, Reason.ALREADY_ONLINE),
    ],
)
def test_each_refusal_has_its_reason_code_and_words(what: int | Reason, code: int, reason: Reason) -> None:
    async def test() -> None:
        async with running() as server:
            server.refuse_next(what)
            with pytest.raises(LoginRefused, match="the operator has this login refused") as refused:
                async with online(to(server)):
                    pass
            assert (refused.value.reason, refused.value.code) == (reason, code)

    run(test())


def test_a_wrong_token_and_a_ban_and_a_device_check_are_told_apart() -> None:
    async def reason(server: Server, **asked: Any) -> Reason:
        with pytest.raises(LoginRefused) as refused:
            async with online(to(server), request(**asked)):
                pass
        return refused.value.reason

    async def test() -> None:
        async with running() as server:
            async with online(to(server), request("d2")):
                pass
            assert await reason(server, token="wrong") is Reason.CREDENTIALS
            assert await reason(server, attempt=Attempt.AUTO) is Reason.DISPLACED
            async with online(to(server), request(attempt=Attempt.RESUME, forced=True)):
                pass
            server.ban("a")
            assert await reason(server) is Reason.FORBIDDEN

    run(test())


def test_dynamic_and_third_party_logins() -> None:
    async def verify(account: str, token: str, login_ext: str) -> bool:
        return (account, token, login_ext) == ("a", "ticket", "ext")

    async def test() -> None:
        async with running(secret="s", verify=verify, wall=lambda: 1.7e9) as server:
            token = dynamic_token("demo", "a", "s", now=1.7e9)
            async with online(to(server), request(token=token, auth_type=AuthType.DYNAMIC)):
                pass
            async with online(to(server), request(token="ticket", auth_type=AuthType.THIRD_PARTY, login_ext="ext")):
                pass

    run(test())


@pytest.mark.parametrize(
    ("policy", "kinds"),
    [
        (OneClient(), ("pc", "ios")),
        (DesktopAndMobile(), ("pc", "mac")),
        (CustomGroups([["tv", "pc"]]), ("tv", "pc")),
    ],
    ids=["one", "desktop-and-mobile", "groups"],
)
def test_displaced_under_each_policy_that_excludes(policy: Policy, kinds: tuple[str, str]) -> None:
    async def test() -> None:
        async with running(policy=policy) as server:
            first, second = (to(server, client_type=kind) for kind in kinds)
            async with online(first) as old, online(second, request("d2")) as new:
                ended = await old.hear(Ended)
                assert (ended.reason, ended.code) == (Reason.DISPLACED, 417)
                await new.hear(SyncFinished)

    run(test())


def test_side_by_side_each_sees_the_other_and_the_list_follows() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed(), wall=lambda: 5.0) as server:
            desk = to(server, os="Linux", client_type="pc", custom_tag="desk")
            async with online(desk) as one, online(to(server), request("d2", custom_client_type=3)) as two:
                assert (await one.hear(OnlineClients)).clients == ()
                (seen,) = (await two.hear(OnlineClients)).clients
                assert seen == OnlineClient(one.accepted.client_id, "Linux", "pc", 5.0, "desk")
                (seen,) = (await one.hear(OnlineClients)).clients
                assert (seen.client_id, seen.custom_client_type) == (two.accepted.client_id, 3)
                await two.link.close()
                assert (await one.hear(OnlineClients)).clients == ()

    run(test())


async def listening(client: Online) -> asyncio.Task[list[Any]]:
    async def listen() -> list[Any]:
        return [signal async for signal in client.signals]

    return asyncio.create_task(listen())


def test_a_client_kicks_another_by_hand() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed()) as server:
            transport = to(server)
            async with online(transport) as one, online(transport, request("d2")) as two:
                await one.hear(OnlineClients)
                (other,) = (await one.hear(OnlineClients)).clients
                heard = await listening(one)
                await one.link.kick(other)
                ended = await two.hear(Ended)
                assert (ended.reason, ended.code) == (Reason.KICKED_BY_CLIENT, 417)
                with pytest.raises(KickRefused, match="not online any more") as refused:
                    await one.link.kick(other)
                assert (refused.value.reason, refused.value.code) == (Reason.INVALID, 404)
                with pytest.raises(LinkFailed):
                    await two.link.kick(other)
                await one.link.logout()
                await heard

    run(test())


def test_a_kick_whose_link_ends_fails_with_the_links_end() -> None:
    async def test() -> None:
        async with running() as server, online(to(server)) as client:
            heard = await listening(client)
            await settle()
            server.stall()
            kick = asyncio.create_task(client.link.kick(OnlineClient("x")))
            await settle()
            server.unstall()
            server.ban("a", kick=True)
            with pytest.raises(LinkFailed, match="banned") as failed:
                await kick
            assert failed.value.reason is Reason.FORBIDDEN
            assert (await heard)[-1] == Ended(Reason.FORBIDDEN, 422, "this account was banned; ask its operator")

    run(test())


def test_a_kick_that_nobody_answers_fails_in_bounded_time() -> None:
    async def test() -> None:
        async with running() as server, online(to(server, timeout=0.1)) as client:
            with pytest.raises(LinkFailed, match="did not answer the kick") as failed:  # signals() is not read
                await client.link.kick(OnlineClient("x"))
            assert (failed.value.reason, failed.value.code) == (Reason.NET, 408)

    run(test())


def test_closing_a_link_ends_its_kicks() -> None:
    async def test() -> None:
        async with running() as server, online(to(server)) as client:
            kick = asyncio.create_task(client.link.kick(OnlineClient("x")))
            await settle()
            await client.link.close()
            with pytest.raises(LinkFailed, match="closed from this side"):
                await kick
            with pytest.raises(LinkFailed):
                await client.link.logout()
            await client.link.close()

    run(test())


def test_kicked_by_the_server() -> None:
    async def test() -> None:
        async with running() as server, online(to(server)) as client:
            server.kick("a")
            ended = await client.hear(Ended)
            assert (ended.reason, ended.code) == (Reason.KICKED_BY_SERVER, 417)
            assert [signal async for signal in client.signals] == []

    run(test())


def test_banned_while_online() -> None:
    async def test() -> None:
        async with running() as server, online(to(server)) as client:
            server.ban("a", kick=True)
            ended = await client.hear(Ended)
            assert (ended.reason, ended.code) == (Reason.FORBIDDEN, 422)

    run(test())


def test_a_dropped_link_and_a_server_that_closes_are_net() -> None:
    async def test() -> None:
        async with running() as server:
            async with online(to(server)) as client:
                server.drop("a")
                ended = await client.hear(Ended)
                assert (ended.reason, ended.code) == (Reason.NET, 415)
                assert "without a close" in ended.text
            async with online(to(server)) as client:
                await server.close()
                ended = await client.hear(Ended)
                assert ended.reason is Reason.NET
                assert "1001" in ended.text

    run(test())


def test_logout_takes_the_client_off_the_list_before_its_link_closes() -> None:
    async def test() -> None:
        async with running() as server, online(to(server)) as client:
            await client.link.logout()
            assert (await client.hear(Ended)).reason is Reason.NET
            assert not server.clients()

    run(test())


# -- silence -----------------------------------------------------------------------------------------------------------


def test_a_silent_server_is_noticed_in_two_heartbeats() -> None:
    async def test() -> None:
        async with running() as server, online(to(server, heartbeat=0.05)) as client:
            await client.hear(SyncFinished)
            server.stall()
            ended = await client.hear(Ended)
            assert (ended.reason, ended.code) == (Reason.NET, 408)
            assert "stopped answering" in ended.text

    run(test())


def test_a_silent_server_is_noticed_while_logging_in() -> None:
    async def test() -> None:
        async with running() as server:
            link = await to(server, heartbeat=0.05).open()
            server.stall()
            with pytest.raises(LinkFailed, match="stopped answering") as failed:
                await link.login(request())
            assert (failed.value.reason, failed.value.code) == (Reason.NET, 408)
            await link.close()

    run(test())


def test_a_server_with_nothing_to_say_is_not_silent() -> None:
    async def test() -> None:
        async with running() as server, online(to(server, heartbeat=0.01)) as client:
            await client.hear(SyncFinished)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.hear(Ended)
            server.kick("a")
            assert (await client.hear(Ended)).reason is Reason.KICKED_BY_SERVER

    run(test())


def test_closing_a_link_waits_for_no_server_that_is_hung() -> None:
    async def test() -> None:
        async with running(limits=Limits(close_timeout=0.1)) as server, online(to(server, close_timeout=0.1)):
            server.stall()

    run(test())


# -- cancellation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", range(0, 40, 3))
def test_open_can_be_cancelled_at_any_await(after: int) -> None:
    async def test() -> None:
        async with running() as server:
            opening = asyncio.create_task(to(server).open())
            for _ in range(after):
                await asyncio.sleep(0)
            opening.cancel()
            try:
                link = await opening
            except asyncio.CancelledError:
                await settle()
            else:
                await link.close()

    run(test())


def test_open_can_be_cancelled_while_a_hung_server_says_nothing() -> None:
    async def test() -> None:
        async with running() as server:
            server.stall()
            opening = asyncio.create_task(to(server).open())
            await asyncio.sleep(0.05)  # it waits for the upgrade now, whichever loop turn that was
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

    run(test())


@pytest.mark.parametrize("what", ["login", "signals", "kick", "close"])
def test_a_link_can_be_cancelled_at_any_await(what: str) -> None:
    async def test() -> None:
        async with running(limits=Limits(close_timeout=0.1)) as server:
            link = await to(server, close_timeout=0.2).open()
            if what != "login":
                await link.login(request())
                for _ in range(3):
                    await anext(link.signals())
            server.stall()
            act = {
                "login": lambda: link.login(request()),
                "signals": lambda: anext(link.signals()),
                "kick": lambda: link.kick(OnlineClient("x")),
                "close": link.close,
            }[what]
            task = asyncio.ensure_future(act())
            await settle()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await link.close()

    run(test())


def test_a_cancelled_login_leaves_the_link_fit_to_be_closed_only() -> None:
    async def test() -> None:
        async with running() as server:
            server.delay(5)
            link = await to(server).open()
            login = asyncio.create_task(link.login(request()))
            await settle()
            login.cancel()
            with pytest.raises(asyncio.CancelledError):
                await login
            await link.close()
            assert not server.clients()

    run(test())


def test_a_link_costs_no_task_and_a_session_one() -> None:
    async def test() -> None:
        async with running() as server:
            before = len(asyncio.all_tasks())
            async with online(to(server)):
                assert len(asyncio.all_tasks()) - before == 1  # the server's own, in this same loop

    run(test())


def test_nothing_of_a_login_is_in_a_repr() -> None:
    async def test() -> None:
        async with running() as server:
            transport = to(server)
            async with online(transport, request(login_ext="extra-secret")) as client:
                shown = repr((transport, client.link, client.accepted, request(), server))
                assert TOKEN not in shown
                assert "extra-secret" not in shown

    run(test())
