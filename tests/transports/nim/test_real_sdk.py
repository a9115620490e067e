"""The official SDK itself, on loopback: its traces, and its numbers. And, where an account is named, a real login."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as ws_serve

from nimauth.errors import LoginFailed
from nimauth.service import AuthService
from nimauth.transports.base import Ended, LinkFailed, LoginRefused, OnlineClients, SyncFinished
from nimauth.transports.nim import NimTransport, mapping
from nimauth.transports.nim.child import SdkError
from nimauth.transports.nim.link import NimLink
from nimauth.transports.nim.session import Session
from nimauth.transports.nim.setup import VERSION, check, entry
from nimauth.vocabulary.logins import AuthType, LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import Reason, documented_codes
from nimauth.vocabulary.states import State

from ...aio import run
from .fake import install, request
from .tools import real_sdk

APP_KEY = "0123456789abcdef0123456789abcdef"
LETTERS = {
    "loginStatus": "L",
    "connectStatus": "C",
    "loginFailed": "loginFailed ",
    "connectFailed": "connectFailed ",
    "disconnected": "disconnected ",
    "kickedOffline": "kicked ",
    "loginClientChanged": "clients ",
}
PHONE = OnlineClient("the-phone", os="iOS", client_type="ios", login_time=5.0)
DESK = OnlineClient("the-desk", os="iOS", client_type="pc", login_time=5.0)
LIVE = "NIMAUTH_NIM_ACCOUNT"
"""APPKEY:ACCOUNT:TOKEN of an account that a test may log in, on NetEase's own servers."""


@pytest.fixture
def sdk() -> Path:
    return real_sdk()


@asynccontextmanager
async def server(*, closes: bool = False) -> AsyncIterator[int]:
    """A port of loopback that takes connections and closes them, or says nothing."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if closes:
            writer.close()
        else:
            writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()


@asynccontextmanager
async def link_server(*, closes: bool = False) -> AsyncIterator[int]:
    """A server that takes the SDK's WebSocket and closes it, or says nothing more."""

    async def serve(connection: ServerConnection) -> None:
        if not closes:
            await connection.wait_closed()

    async with ws_serve(serve, "127.0.0.1", 0) as listener:
        yield next(iter(listener.sockets)).getsockname()[1]


async def closed_port() -> int:
    """A port at which nobody listens."""
    async with server() as port:
        return port


def transport(sdk: Path, port: int, **options: Any) -> NimTransport:
    return NimTransport(
        APP_KEY,
        sdk=sdk,
        lbs_urls=["http://127.0.0.1:9/lbs"],
        link_url=f"127.0.0.1:{port}",
        link_ssl=False,
        **options,
    )


def stubbed(directory: Path, sdk: Path, **options: Any) -> NimTransport:
    """Over the SDK with a stub for its socket (stubbed_sdk.mjs)."""
    entry(install(directory, "stubbed_sdk.mjs")).with_name("real").write_text(str(entry(sdk).absolute()))
    return transport(directory, 9, **options)


def record(link: NimLink, answer: dict[str, Any] | None = None) -> list[str]:
    """What the SDK's listeners hear from now on. With `answer`, that is what its token provider gives."""
    heard: list[str] = []
    session = link._child.listener
    assert isinstance(session, Session)
    hear, ask = session.heard, session.asked

    class Recorder:
        def heard(self, event: str, value: Any) -> None:
            match value:
                case {"code": number} | {"reason": number}:
                    heard.append(f"{LETTERS[event]}{number}")
                case list():
                    heard.append(f"{LETTERS[event]}{[client['clientId'] for client in value]}")
                case _:
                    heard.append(f"{LETTERS[event]}{value}")
            hear(event, value)

        def asked(self, number: int) -> None:
            heard.append("asked")
            if answer is None:
                ask(number)
            else:
                link._child._write({"answer": number, **answer})

        def ended(self, ended: Ended) -> None:
            link.end(ended)

    link._child.listener = Recorder()
    return heard


async def failing_login(link: NimLink, **how: Any) -> LinkFailed:
    with pytest.raises(LinkFailed) as failed:
        await link.login(request(**how))
    await link.close()
    return failed.value


@pytest.mark.parametrize("closes", [False, True])
def test_nobody_listens_or_somebody_hangs_up(sdk: Path, closes: bool) -> None:
    async def test() -> None:
        async with server(closes=True) as port:
            link = await transport(sdk, port if closes else await closed_port()).open()
            heard = record(link)
            failed = await failing_login(link)
            assert (failed.reason, failed.code) == (Reason.NET, 192001)
            assert heard == ["L2", "C2", "L3", "C0", "connectFailed 192001", "L0"]

    run(test())


@pytest.mark.parametrize(("closes", "code"), [(True, 192003), (False, 192004)])
def test_a_server_that_takes_the_connection_and_hangs_up_or_says_nothing(sdk: Path, closes: bool, code: int) -> None:
    async def test() -> None:
        async with link_server(closes=closes) as port:
            link = await transport(sdk, port).open()
            heard = record(link)
            failed = await failing_login(link)  # the silent one takes 8 seconds
            assert (failed.reason, failed.code) == (Reason.NET, code)
            assert heard == ["L2", "C2", "C1", "L3", "C0", f"disconnected {code}", f"loginFailed {code}", "L0"]

    run(test())


@pytest.mark.parametrize("answer", [{"value": 7}, {"error": "the app's server is down"}])
def test_the_token_provider_is_asked_once_there_is_a_connection(sdk: Path, answer: dict[str, Any]) -> None:
    async def test() -> None:
        async with link_server() as port:
            link = await transport(sdk, port).open()
            heard = record(link, answer)
            failed = await failing_login(link, auth_type=AuthType.DYNAMIC)
            assert failed.code == 191003
            assert heard[:4] == ["L2", "C2", "C1", "asked"]

    run(test())


def test_a_silent_peer_and_the_time_out_of_a_login(sdk: Path) -> None:
    async def test() -> None:
        async with server() as port:
            link = await transport(sdk, port, login_timeout=1).open()
            heard = record(link)
            failed = await failing_login(link)
            assert failed.reason is Reason.NET
            assert failed.code in (191005, 408), "the SDK's own time-out, or ours of the same length"
            assert heard[:2] == ["L2", "C2"]

    run(test())


def test_the_sdks_own_time_out_has_its_code(sdk: Path) -> None:
    async def test() -> None:
        async with server() as port:
            link = await transport(sdk, port, login_timeout=5).open()
            heard = record(link)
            details = link._details(request())
            details["option"]["timeout"] = 500
            with pytest.raises(SdkError) as failed:
                await link._child.call("login", **details)
            assert failed.value.code == 191005
            assert heard == ["L2", "C2", "L0", "C0", "connectFailed 191005"]
            await link.close()

    run(test())


def test_a_logout_while_logging_in_cancels_the_login(sdk: Path) -> None:
    async def test() -> None:
        async with server() as port:
            link = await transport(sdk, port).open()
            heard = record(link)
            logging_in = asyncio.ensure_future(failing_login(link))
            async with asyncio.timeout(5):
                while heard != ["L2", "C2"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await link.logout()
            assert (await logging_in).code == 191002
            assert heard == ["L2", "C2", "L0", "C0"]

    run(test())


def test_bad_parameters_and_calls_out_of_place(sdk: Path) -> None:
    async def test() -> None:
        link = await transport(sdk, await closed_port()).open()
        details = link._details(request()) | {"account": " "}
        with pytest.raises(SdkError, match="Account") as failed:
            await link._child.call("login", **details)
        assert failed.value.code == 191004
        with pytest.raises(LinkFailed) as refused:
            await link.logout()
        assert refused.value.code == 190002
        with pytest.raises(SdkError, match="not online") as unknown:
            await link._child.call("kick", clientId="x")
        assert unknown.value.code == 191006
        await link.close()

    run(test())


def test_a_login_that_is_cancelled_leaves_nothing(sdk: Path) -> None:
    async def test() -> None:
        async with server() as port:
            link = await transport(sdk, port).open()
            logging_in = asyncio.ensure_future(link.login(request()))
            await asyncio.sleep(0.1)
            logging_in.cancel()
            await asyncio.wait({logging_in})
            assert logging_in.cancelled()
            await link.close()

    run(test())


# -- with a stub for its socket: what comes after a login that succeeds ------------------------------------------------


def test_the_list_of_clients_comes_before_the_status_that_says_logged_in(sdk: Path, tmp_path: Path) -> None:
    async def test() -> None:
        link = await stubbed(tmp_path, sdk).open()
        heard = record(link)
        assert (await link.login(request())).client_id == "me"
        assert heard == ["L2", "C2", "C1", "clients ['the-phone']", "L1"]
        assert await anext(link.signals()) == OnlineClients((PHONE,))
        await link.close()

    run(test())


def test_it_comes_again_with_each_reconnect_of_the_sdks_own(sdk: Path, tmp_path: Path) -> None:
    async def test() -> None:
        link = await stubbed(tmp_path, sdk, grace=0.02).open()
        heard = record(link)
        await link.login(request("broken", "sesame"))
        del heard[:]
        assert [type(signal) async for signal in link.signals()] == [OnlineClients, Ended]
        again = link.successor()
        assert again is not None
        await again.begun()
        await again.opened()
        await again.login(request("broken", "sesame"))
        assert heard == [
            *["L3", "C0", "disconnected 192003", "C3"],
            *["L2", "C2", "C1", "clients ['the-phone']", "L1"],
        ]
        assert await anext(again.signals()) == OnlineClients((PHONE,))
        await again.close()

    run(test())


def test_of_a_client_that_comes_it_tells_that_one_and_the_link_all(sdk: Path, tmp_path: Path) -> None:
    async def test() -> None:
        link = await stubbed(tmp_path, sdk).open()
        await link.login(request("joined", "sesame"))
        lists = [await anext(link.signals()) for _ in range(2)]
        assert lists == [OnlineClients((PHONE,)), OnlineClients((PHONE, DESK))]
        await link.close()

    run(test())


def test_a_client_that_is_kicked_is_gone_from_the_list_a_moment_after_the_answer(sdk: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with AuthService(stubbed(tmp_path, sdk)) as auth:
            await auth.initialize()
            await auth.login(LoginInfo("a", "sesame"))
            async with asyncio.timeout(5):
                while auth.online_clients.value != (PHONE,):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await auth.kick_out_other_online_client(PHONE)
            assert not auth.online_clients.value

    run(test())


def test_a_kick_in_the_midst_of_a_login_ends_it(sdk: Path, tmp_path: Path) -> None:
    async def test() -> None:
        link = await stubbed(tmp_path, sdk).open()
        heard = record(link)
        async with asyncio.timeout(5):
            with pytest.raises(LoginRefused) as refused:
                await link.login(request("kicked", "sesame"))
        assert refused.value.reason is Reason.KICKED_BY_SERVER
        assert heard == ["L2", "C2", "C1", "L0", "C0", "disconnected 192003", "kicked 2"]
        await link.close()

    run(test())


def test_a_kick_is_told_after_the_connection_is_gone(sdk: Path, tmp_path: Path) -> None:
    async def test() -> None:
        link = await stubbed(tmp_path, sdk).open()
        heard = record(link)
        await link.login(request("displaced", "sesame"))
        del heard[:]
        _, ended = [signal async for signal in link.signals()]
        assert isinstance(ended, Ended)
        assert ended.reason is Reason.DISPLACED
        assert heard == ["L0", "C0", "disconnected 192003", "kicked 1"]
        await link.close()

    run(test())


def test_the_lifecycle_fails_a_manual_login_once_and_says_why(sdk: Path) -> None:
    async def test() -> None:
        async with server(closes=True) as port, AuthService(transport(sdk, port)) as auth:
            await auth.initialize()
            seen: list[str] = []
            auth.auth_status.listen(lambda event: seen.append(event.state.value))
            with pytest.raises(LoginFailed, match="192001"):
                await auth.login(LoginInfo("a", "sesame-of-a-7731"))
            assert seen == ["un_login", "connecting", "logging", "un_login"]

    run(test())


def test_setup_finds_the_version_that_the_tests_know(sdk: Path) -> None:
    assert all(finding.good for finding in check(sdk))
    assert any(VERSION in finding.text for finding in check(sdk))


def test_the_sdks_numbers_are_ours(sdk: Path) -> None:
    script = (
        "import(process.argv[1]).then((sdk) => { const all = sdk.V2NIMConst; console.log(JSON.stringify(all)); })"
        ".then(() => process.exit(0))"
    )
    done = subprocess.run(["node", "-e", script, str(entry(sdk))], capture_output=True, check=True, timeout=20)
    exported = json.loads(done.stdout)

    ours: dict[str, type[IntEnum]] = {
        "V2NIMLoginStatus": mapping.LoginStatus,
        "V2NIMConnectStatus": mapping.ConnectStatus,
        "V2NIMKickedOfflineReason": mapping.KickedOfflineReason,
        "V2NIMDataSyncState": mapping.DataSyncState,
        "V2NIMDataSyncType": mapping.DataSyncType,
        "V2NIMLoginClientType": mapping.LoginClientType,
        "V2NIMLoginAuthType": AuthType,
    }
    for name, numbers in ours.items():
        theirs = {number for key, number in exported[name].items() if not key.isdecimal()}
        assert theirs == {int(number) for number in numbers}, name
        for number in numbers:
            ending = {"DYNAMIC": "DYNAMIC_TOKEN", "STATIC": "DEFAULT"}.get(number.name, number.name)
            assert exported[name][str(int(number))].endswith(ending), (name, number)
    codes = set(exported["V2NIMErrorCode"].values())
    of_logins = {code for code in documented_codes() if code >= 1000} - {1000, 20003, 101305}
    assert of_logins <= codes, "a code that the SDK does not have any more"
    v1_only = {302, 408, 415, 422, 1000, 20003, 101305}
    assert set(documented_codes()) - v1_only <= codes


def test_a_live_login(sdk: Path) -> None:
    account = os.environ.get(LIVE)
    if not account:
        pytest.skip(f"{LIVE} names no account (APPKEY:ACCOUNT:TOKEN), so nothing is asked of NetEase's servers")
    app_key, name, token = account.split(":", 2)

    async def test() -> None:
        link = await NimTransport(app_key, sdk=sdk).open()
        accepted = await link.login(request(name, token, forced=True))
        assert accepted.client_id
        async with asyncio.timeout(20):
            async for signal in link.signals():
                assert not isinstance(signal, Ended)
                if isinstance(signal, SyncFinished):
                    break
        await link.logout()
        await link.close()
        await asyncio.sleep(3)  # which the SDK wants between a logout and the next login of the same account
        wrong = await NimTransport(app_key, sdk=sdk).open()
        with pytest.raises(LoginRefused) as refused:
            await wrong.login(request(name, "not-" + token))
        assert refused.value.reason is Reason.CREDENTIALS
        await wrong.close()
        await asyncio.sleep(3)
        async with AuthService(NimTransport(app_key, sdk=sdk)) as auth:
            await auth.initialize()
            await auth.login(LoginInfo(name, token))
            async with asyncio.timeout(20):
                async for event in auth.auth_status:
                    if event.state is State.DATA_SYNC_FINISH:
                        break
            await auth.logout()

    run(test(), deadline=120)
