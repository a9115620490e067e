"""What the server does to its clients: devices, policies, kicks, bans, sync, lists, and its own faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import sys
from typing import Any

import pytest

from nimauth.server import AllAllowed, CustomGroups, DesktopAndMobile, Limits, OneClient, Policy, Server, Sync
from nimauth.server.protocol import MAX_CLIENTS, client_list
from nimauth.transports.websocket import WebSocketTransport
from nimauth.transports.wire import MAX_LABEL, MAX_WORD
from nimauth.vocabulary.logins import OnlineClient
from nimauth.vocabulary.reasons import Reason
from tests.server.helpers import TOKEN, Raw, login_message, raw, run, running, settle, tls


async def entered(client: Raw, **login: Any) -> str:
    """Log in and give the client's id."""
    accepted = await client.login(**login)
    assert accepted["op"] == "accepted", accepted
    client_id: str = accepted["client_id"]
    return client_id


# -- the hello and the login -------------------------------------------------------------------------------------------


def test_the_server_speaks_first_and_names_its_versions() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            assert await client.hear() == {"op": "hello", "protocol": "nimauth", "versions": [1]}

    run(test())


def test_another_version_is_refused_with_201_whatever_the_rest_says() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await client.hear("hello")
            await client.send({"op": "login", "version": 2, "token": {"new": "form"}})
            refused = await client.hear()
            assert (refused["code"], refused["reason"]) == (201, "version")
            assert await client.closed() == 1000

    run(test())


def test_a_client_that_does_not_log_in_in_time_is_told_and_closed() -> None:
    async def test() -> None:
        async with running(limits=Limits(login_timeout=0.1)) as server, raw(server) as client:
            assert (await client.hear("refused"))["code"] == 408
            assert await client.closed() == 1000

    run(test())


def test_a_client_that_leaves_while_its_login_is_checked_displaces_nobody() -> None:
    checking, checked = asyncio.Event(), asyncio.Event()

    async def verify(account: str, token: str, login_ext: str) -> bool:
        checking.set()
        await checked.wait()
        return True

    async def test() -> None:
        async with running(verify=verify) as server, raw(server) as first, raw(server) as second:
            here = await entered(first)
            await second.hear("hello")
            await second.send(login_message(device_id="d2", auth_type=2, login_ext="x"))
            await checking.wait()
            await second.ws.close()
            checked.set()
            await settle()
            assert [client.client_id for client in server.clients()] == [here]

    run(test())


# -- R12 and the policies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempt", ["auto", "resume"])
def test_r12_auto_login_is_417_from_a_device_that_is_not_the_last(attempt: str) -> None:
    async def test() -> None:
        async with running() as server:
            for device in ("d1", "d2"):
                async with raw(server) as client:
                    await entered(client, device_id=device)
            async with raw(server) as client:
                refused = await client.login(device_id="d1", attempt=attempt)
                assert (refused["code"], refused["reason"]) == (417, "displaced")
            async with raw(server) as client:
                await entered(client, device_id="d2", attempt=attempt)

    run(test())


def test_r12_a_manual_or_forced_login_is_not_checked() -> None:
    async def test() -> None:
        async with running() as server:
            for login in (
                {"device_id": "d1"},
                {"device_id": "d2"},
                {"device_id": "d1", "attempt": "auto", "forced": True},
            ):
                async with raw(server) as client:
                    await entered(client, **login)

    run(test())


def test_r12_a_device_keeps_its_place_beside_one_that_is_allowed_side_by_side() -> None:
    async def test() -> None:
        async with running(policy=DesktopAndMobile()) as server:
            for login in (
                {"device_id": "d1", "client_type": "pc"},
                {"device_id": "d2", "client_type": "ios"},
                {"device_id": "d1", "client_type": "pc", "attempt": "auto"},
            ):
                async with raw(server) as client:
                    await entered(client, **login)

    run(test())


def test_r12_a_server_that_remembers_no_login_takes_an_auto_login() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await entered(client, attempt="resume")

    run(test())


@pytest.mark.parametrize(
    ("policy", "kinds", "left"),
    [
        (OneClient(), ["pc", "ios", "web"], ["web"]),
        (DesktopAndMobile(), ["pc", "ios", "web"], ["ios", "web"]),
        (AllAllowed(), ["pc", "pc", "ios"], ["pc", "pc", "ios"]),
        (CustomGroups([["pc", "ios"]]), ["pc", "web", "ios"], ["web", "ios"]),
    ],
    ids=["one", "desktop-and-mobile", "all", "groups"],
)
def test_a_login_displaces_whom_the_policy_says(policy: Policy, kinds: list[str], left: list[str]) -> None:
    async def test() -> None:
        async with running(policy=policy) as server, raw(server) as one, raw(server) as two, raw(server) as three:
            for number, (client, kind) in enumerate(zip((one, two, three), kinds, strict=True)):
                await entered(client, device_id=f"d{number}", client_type=kind)
            assert [client.client_type for client in server.clients("a")] == left
            for client, kind in zip((one, two), kinds[:2], strict=True):
                if kind not in left:
                    ended = await client.hear("ended")
                    assert (ended["code"], ended["reason"]) == (417, "displaced")
                    assert await client.closed() == 1000

    run(test())


def test_the_same_device_takes_its_own_place_again() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed()) as server, raw(server) as old, raw(server) as new:
            await entered(old)
            here = await entered(new, attempt="resume")
            assert (await old.hear("ended"))["reason"] == "displaced"
            assert [client.client_id for client in server.clients()] == [here]

    run(test())


def test_above_the_limit_a_login_is_refused_and_a_forced_one_ends_the_oldest() -> None:
    async def test() -> None:
        limits = Limits(max_clients=2)
        async with running(policy=AllAllowed(), limits=limits) as server, raw(server) as one, raw(server) as two:
            await entered(one, device_id="d1")
            await entered(two, device_id="d2")
            async with raw(server) as three:
                refused = await three.login(device_id="d3")
                assert (refused["code"], refused["reason"]) == (417, "already_online")
            async with raw(server) as three:
                await entered(three, device_id="d3", forced=True)
                assert (await one.hear("ended"))["reason"] == "displaced"
                assert len(server.clients()) == 2

    run(test())


def test_a_change_of_policy_touches_only_new_logins() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed()) as server, raw(server) as one, raw(server) as two, raw(server) as three:
            await entered(one, device_id="d1")
            await entered(two, device_id="d2")
            server.policy = OneClient()
            assert len(server.clients()) == 2
            await entered(three, device_id="d3")
            assert len(server.clients()) == 1

    run(test())


# -- lists, kicks, bans ------------------------------------------------------------------------------------------------


def test_each_client_hears_of_the_others_at_each_change() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed(), wall=lambda: 1234.5) as server, raw(server) as one:
            here = await entered(one, os="Linux", client_type="pc", custom_tag="desk", custom_client_type=7)
            assert (await one.hear("clients"))["clients"] == []
            async with raw(server) as two:
                there = await entered(two, device_id="d2")
                assert [client["client_id"] for client in (await one.hear("clients"))["clients"]] == [there]
                assert (await two.hear("clients"))["clients"] == [
                    {
                        "client_id": here,
                        "os": "Linux",
                        "client_type": "pc",
                        "login_time": 1234.5,
                        "custom_tag": "desk",
                        "custom_client_type": 7,
                    }
                ]
            assert (await one.hear("clients"))["clients"] == []

    run(test())


def test_accounts_do_not_see_each_other() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as one, raw(server) as two:
            server.add_account("b", TOKEN)
            await entered(one)
            there = await entered(two, account="b")
            assert (await two.hear("clients"))["clients"] == []
            await one.send({"op": "kick", "id": 1, "client_id": there})
            assert (await one.hear("kicked"))["code"] == 404
            assert len(server.clients()) == 2

    run(test())


def test_a_client_can_kick_another_that_is_still_online() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed()) as server, raw(server) as one, raw(server) as two:
            here, there = await entered(one), await entered(two, device_id="d2")
            await one.send({"op": "kick", "id": 5, "client_id": there})
            assert await one.hear("kicked") == {"op": "kicked", "id": 5}
            ended = await two.hear("ended")
            assert (ended["code"], ended["reason"]) == (417, "kicked_by_client")
            assert await two.closed() == 1000
            for gone in (there, here, "nobody"):  # one that was kicked, itself, one that never was
                await one.send({"op": "kick", "id": 6, "client_id": gone})
                refused = await one.hear("kicked")
                assert (refused["id"], refused["code"], refused["reason"]) == (6, 404, "invalid")

    run(test())


def test_the_operator_can_kick_one_client_or_all() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed()) as server, raw(server) as one, raw(server) as two, raw(server) as three:
            first = await entered(one, device_id="d1")
            await entered(two, device_id="d2")
            await entered(three, device_id="d3")
            assert server.kick("a", first) == 1
            assert (await one.hear("ended"))["reason"] == "kicked_by_server"
            assert server.kick("a", first) == 0
            assert server.kick("a") == 2
            for client in (two, three):
                assert (await client.hear("ended"))["reason"] == "kicked_by_server"
                assert await client.closed() == 1000

    run(test())


def test_a_ban_leaves_who_is_online_alone_unless_told_to_kick_too() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await entered(client)
            server.ban("a")
            assert len(server.clients()) == 1
            server.ban("a", kick=True)
            ended = await client.hear("ended")
            assert (ended["code"], ended["reason"]) == (422, "forbidden")

    run(test())


def test_what_is_asked_of_an_unknown_account_is_an_error() -> None:
    server = Server()
    for act in (server.ban, server.unban, server.kick, server.drop, server.lock_out, server.clients):
        with pytest.raises(LookupError, match="no such account"):
            act("nobody")
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url
    assert repr(server) == "<Server not running>"


def test_after_a_logout_the_client_is_off_the_list_and_heard_no_more() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed()) as server, raw(server) as one, raw(server) as two:
            there = await entered(one)
            await entered(two, device_id="d2")
            await two.send({"op": "logout"})
            await two.send({"op": "kick", "id": 1, "client_id": there})
            assert await two.closed() == 1000
            assert [client.client_id for client in server.clients()] == [there]

    run(test())


# -- sync --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sync", "heard"),
    [
        (Sync(), ["sync_started", "sync_finished"]),
        (Sync(delay=0.01), ["sync_started", "sync_finished"]),
        (Sync(start=False), ["sync_finished"]),
    ],
    ids=["at once", "delayed", "a finish without a start"],
)
def test_r14_data_sync_follows_the_login(sync: Sync, heard: list[str]) -> None:
    async def test() -> None:
        async with running(sync=sync) as server, raw(server) as client:
            await entered(client)
            assert [(await client.hear())["op"] for _ in range(1 + len(heard))] == ["clients", *heard]

    run(test())


def test_r14_data_sync_may_never_come_to_an_end() -> None:
    async def test() -> None:
        async with running(sync=Sync(finish=False)) as server, raw(server) as client:
            await entered(client)
            server.kick("a")
            assert [(await client.hear())["op"] for _ in range(3)] == ["clients", "sync_started", "ended"]

    run(test())


def test_a_sync_that_is_under_way_ends_with_its_client() -> None:
    async def test() -> None:
        async with running(sync=Sync(delay=60)) as server, raw(server) as client:
            await entered(client)
            server.kick("a")
            assert await client.closed() == 1000

    run(test())


# -- faults on demand --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "code", "reason"),
    [
        (503, 503, "busy"),
        (403, 403, "forbidden"),
        (102404, 102404, "credentials"),
        (777, 777, "unknown"),
        (Reason.DATA_UPGRADE, 0, "data_upgrade"),
        (Reason.BUSY, 503, "busy"),
        (Reason.VERSION, 201, "version"),
        (Reason.KICKED_BY_SERVER, 417, "kicked_by_server"),
        (Reason.INVALID, 414, "invalid"),
        (Reason.NET, 415, "net"),
    ],
)
def test_the_next_login_is_refused_as_told(what: int | Reason, code: int, reason: str) -> None:
    async def test() -> None:
        async with running() as server:
            server.refuse_next(what)
            async with raw(server) as client:
                refused = await client.login()
                assert (refused["op"], refused["code"], refused["reason"]) == ("refused", code, reason)
            async with raw(server) as client:
                await entered(client)

    run(test())


def test_refusals_are_counted_and_can_be_for_one_account() -> None:
    async def test() -> None:
        async with running() as server:
            server.add_account("b", TOKEN)
            server.refuse_next(503, 2, account="a")
            codes = []
            for account in ("a", "b", "a", "a"):
                async with raw(server) as client:
                    codes.append((await client.login(account)).get("code"))
            assert codes == [503, None, 503, None]
            for what, count in ((200, 1), (503, 0), (503, 1001)):
                with pytest.raises(ValueError, match="other than 200"):
                    server.refuse_next(what, count)

    run(test())


def test_answers_can_be_delayed() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            server.delay(0.01)
            await entered(client)

    run(test())


def test_a_dropped_client_hears_no_close() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await entered(client)
            assert server.drop("a") == 1
            assert not server.clients()
            assert await client.closed() == 1006

    run(test())


def test_a_stalled_server_answers_nothing_until_it_wakes() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await client.hear("hello")
            server.stall()
            await client.send(login_message())
            pong = await client.ws.ping()
            late = asyncio.ensure_future(raw(server).__aenter__())  # not even an upgrade
            await settle()
            assert not pong.done()  # type: ignore[attr-defined]
            assert not server.clients()
            server.unstall()
            assert (await client.hear("accepted"))["op"] == "accepted"
            await pong
            await (await late).ws.close()

    run(test())


def test_a_stall_and_the_flow_control_of_the_connection_do_not_end_each_other() -> None:
    checked = asyncio.Event()

    async def verify(account: str, token: str, login_ext: str) -> bool:
        return await checked.wait()

    async def test() -> None:
        async with running(verify=verify) as server, raw(server) as client:
            (connection,) = server._connections
            await client.hear("hello")
            await client.send(login_message(auth_type=2, login_ext="x"))
            for number in range(30):  # more than the queue takes
                await client.send({"op": "kick", "id": number, "client_id": "x"})
            while not connection.recv_messages.paused:
                await settle()
            server.stall()
            server.unstall()
            assert not connection.transport.is_reading()
            server.stall()
            checked.set()
            while connection.recv_messages.paused:  # until it has room
                await settle()
            pong = asyncio.ensure_future(await client.ws.ping())
            await settle()
            assert not pong.done()
            server.unstall()
            await pong
            for number in range(30):
                assert (await client.hear("kicked"))["id"] == number

    run(test())


def test_a_stall_can_end_by_itself() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            server.stall(0.01)
            await entered(client)

    run(test())


# -- silence, limits, the end ------------------------------------------------------------------------------------------


def test_a_client_that_answers_no_ping_is_gone_in_two_heartbeats() -> None:
    async def test() -> None:
        async with running(policy=AllAllowed(), heartbeat=0.05) as server, raw(server) as one, raw(server) as two:
            await entered(one)
            await entered(two, device_id="d2")
            assert len((await one.hear("clients"))["clients"]) == 0
            assert len((await one.hear("clients"))["clients"]) == 1
            two.ws.transport.pause_reading()
            assert len((await one.hear("clients"))["clients"]) == 0
            two.ws.transport.abort()

    run(test())


def test_a_client_that_answers_pings_stays() -> None:
    async def test() -> None:
        async with running(heartbeat=0.01) as server, raw(server) as client:
            await entered(client)
            receive_data, pings, enough = client.ws.protocol.receive_data, list[object](), asyncio.Event()

            def count(data: Any) -> None:
                pings.append(data)
                if len(pings) == 5:
                    enough.set()
                receive_data(data)

            client.ws.protocol.receive_data = count  # type: ignore[method-assign]
            await enough.wait()
            assert len(server.clients()) == 1

    run(test())


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_a_client_that_reads_nothing_is_cut_off_when_its_backlog_is_full(
    secure: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        ours, theirs = tls("127.0.0.1") if secure else (None, None)
        limits = Limits(max_backlog=2**14)
        async with (
            running(policy=AllAllowed(), limits=limits, ssl=ours) as server,
            raw(server, theirs) as one,
            raw(server, theirs) as two,
        ):
            await entered(one)
            await entered(two, device_id="d2")
            await one.hear("clients")
            assert len((await one.hear("clients"))["clients"]) == 1
            two.ws.transport.pause_reading()
            ping = b"\x89\xfd" + bytes(4) + bytes(125)  # each is answered with a pong that nobody reads
            two.ws.transport.write(ping * 150_000)
            assert len((await one.hear("clients"))["clients"]) == 0
            two.ws.transport.abort()

    run(test())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_above_the_limit_connections_are_refused_with_http_503() -> None:
    async def test() -> None:
        limits = Limits(max_guests_per_peer=2)
        async with running(limits=limits) as server, raw(server) as one, raw(server):
            with pytest.raises(Exception, match="HTTP 503"):
                await raw(server).__aenter__()
            await entered(one)  # no guest any more
            async with raw(server):
                pass
        async with running(limits=Limits(max_connections=1)) as server, raw(server) as one:
            with pytest.raises(Exception, match="HTTP 503"):
                await raw(server).__aenter__()
            await entered(one)

    run(test())


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_silent_connections_of_one_address_take_no_place_from_another(secure: bool) -> None:
    async def test() -> None:
        ours, theirs = tls("127.0.0.1") if secure else (None, None)
        limits = Limits(max_connections=20, max_guests_per_peer=3)
        async with running(limits=limits, ssl=ours) as server:
            silent = [
                await asyncio.open_connection("127.0.0.1", port_of(server), local_addr=("127.0.0.2", 0))
                for _ in range(100)
            ]
            async with raw(server, theirs) as client:
                await entered(client)
            for _, writer in silent:
                writer.transport.abort()

    run(test())


def test_a_guest_that_leaves_makes_room_for_another() -> None:
    async def test() -> None:
        async with running(limits=Limits(max_guests_per_peer=1)) as server:
            for _ in range(3):
                async with raw(server) as client:
                    await client.hear("hello")
                    with pytest.raises(Exception, match="HTTP 503"):
                        await raw(server).__aenter__()
                while server._connections:
                    await settle()
            assert not server._guests
            assert not server._turned_away

    run(test())


def test_a_tls_handshake_counts_from_its_first_moment_on() -> None:
    async def test() -> None:
        ours, theirs = tls("127.0.0.1")
        async with running(ssl=ours, limits=Limits(max_guests_per_peer=1)) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            with pytest.raises(Exception, match="HTTP 503"):
                await raw(server, theirs).__aenter__()
            writer.transport.abort()

    run(test())


def test_a_tls_handshake_that_does_not_end_is_cut_off() -> None:
    async def test() -> None:
        async with running(ssl=tls("127.0.0.1")[0], limits=Limits(login_timeout=0.05)) as server:
            for said in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
                writer.write(said)
                with contextlib.suppress(ConnectionResetError):
                    await reader.read()
                writer.close()
            while server._connections:
                await settle()

    run(test())


def test_closing_the_server_ends_tls_handshakes_too() -> None:
    async def test() -> None:
        async with running(ssl=tls("127.0.0.1")[0], limits=Limits(login_timeout=3600)) as server:
            streams = [await asyncio.open_connection("127.0.0.1", port_of(server)) for _ in range(5)]
            while len(server._connections) < 5:
                await settle()
            await server.close()
            assert not server._connections
            for reader, writer in streams:
                assert await reader.read() == b""
                writer.close()

    run(test())


def test_a_request_that_comes_with_the_end_of_the_tls_handshake_is_heard() -> None:
    async def test() -> None:
        ours, theirs = tls("127.0.0.1")
        async with running(ssl=ours) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = theirs.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    incoming.write(await reader.read(2**16))
            client.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            writer.write(outgoing.read())  # in one piece
            while True:
                try:
                    assert client.read(2**16).startswith(b"HTTP/1.1 ")
                    break
                except ssl.SSLWantReadError:
                    incoming.write(await reader.read(2**16))
            writer.close()

    run(test())


def test_the_list_of_the_most_clients_is_not_too_long_for_a_client() -> None:
    longest = OnlineClient(
        "0" * 16,
        os="\U0001f600" * MAX_WORD,
        client_type="\U0001f600" * MAX_WORD,
        login_time=1_700_000_000.123456,
        custom_tag="\U0001f600" * MAX_LABEL,
        custom_client_type=-(2**31) + 1,
    )
    message = client_list([longest] * MAX_CLIENTS)
    assert len(message.encode()) <= WebSocketTransport("ws://h").max_size
    with pytest.raises(ValueError, match="max_clients"):
        Limits(max_clients=MAX_CLIENTS + 1)


def test_connections_far_above_the_limit_are_dropped_unheard() -> None:
    async def test() -> None:
        async with running(limits=Limits(max_connections=1)) as server:
            port = int(server.url.rpartition(":")[2])
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(65)]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            for _, other in [*idle, (reader, writer)]:
                other.close()

    run(test())


def test_closing_the_server_ends_everything_at_any_stage() -> None:
    async def verify(account: str, token: str, login_ext: str) -> bool:
        checking.set()
        await asyncio.Event().wait()
        return True

    checking = asyncio.Event()

    async def test() -> None:
        async with running(verify=verify) as server, raw(server) as guest, raw(server) as here, raw(server) as waiting:
            port = int(server.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)  # says nothing
            await guest.hear("hello")
            await entered(here)
            await waiting.hear("hello")
            await waiting.send(login_message(auth_type=2, login_ext="x"))
            await checking.wait()
            await server.close()
            await server.close()
            for client in (guest, here, waiting):
                assert await client.closed() == 1001
            assert await reader.read() == b""
            writer.close()

    run(test())


def test_closing_the_server_waits_for_no_client_that_is_hung() -> None:
    async def test() -> None:
        async with running(limits=Limits(close_timeout=0.1)) as server, raw(server) as client:
            await entered(client)
            client.ws.transport.pause_reading()
            server.stall()
            await server.close()
            client.ws.transport.abort()

    run(test())


def test_a_server_can_be_cancelled_at_any_time() -> None:
    async def test() -> None:
        async def serve() -> None:
            async with running() as server, raw(server) as client:
                await entered(client)
                started.set()
                await asyncio.Event().wait()

        started = asyncio.Event()
        task = asyncio.create_task(serve())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(test())
