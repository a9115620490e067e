"""The link over the bridge, with the fake SDK behind it."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nimauth.transports.base import (
    Accepted,
    Ended,
    KickRefused,
    LinkFailed,
    LoginRefused,
    OnlineClients,
    SyncFinished,
    SyncStarted,
)
from nimauth.transports.nim import NimTransport, launch
from nimauth.transports.nim.child import FLOOD, MAX_LINE, MAX_LINES, Child, SdkError
from nimauth.transports.nim.launch import BRIDGE
from nimauth.transports.nim.link import MAX_UNREAD, NimLink
from nimauth.transports.nim.session import Session
from nimauth.transports.nim.setup import entry, is_shortage
from nimauth.vocabulary.logins import AuthType, OnlineClient
from nimauth.vocabulary.reasons import Reason

from ...aio import run, run_virtual
from .fake import TOKENS, FakeServer, alive, children, fake_nim, install, request
from .tools import needs_node

pytestmark = pytest.mark.usefixtures("node")


@pytest.fixture
def node() -> None:
    needs_node()


@asynccontextmanager
async def online(nim: FakeServer, **options: Any) -> AsyncIterator[NimLink]:
    link = await nim.transport(**options).open()
    try:
        await link.login(request())
        assert await listed(link) == nim.others
        yield link
    finally:
        await link.close()


async def listed(link: NimLink) -> list[str]:
    """The other clients, as the signal that is next has them."""
    signal = await anext(link.signals())
    assert isinstance(signal, OnlineClients)
    return [client.client_id for client in signal.clients]


async def gone(pid: int) -> None:
    """Wait until the process is dead and reaped."""
    async with asyncio.timeout(5):
        while alive(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


# -- a session ---------------------------------------------------------------------------------------------------------


def test_a_session_from_login_to_logout(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport().open()
            assert await link.login(request()) == Accepted("me")
            assert await listed(link) == []
            nim.say("sync", state=1)
            nim.say("sync", state=2)
            nim.say("sync", state=3)
            nim.others = ["phone"]
            nim.say("clients", clients=nim.others)
            signals = link.signals()
            assert [await anext(signals) for _ in range(2)] == [SyncStarted(), SyncFinished()]
            told = await anext(signals)
            assert isinstance(told, OnlineClients)
            (phone,) = told.clients
            assert phone == OnlineClient("phone", os="iOS", client_type="ios", login_time=5.0)
            kicking = asyncio.ensure_future(link.kick(phone))
            assert await listed(link) == []
            listening = asyncio.ensure_future(anext(signals))
            await kicking
            listening.cancel()
            await link.logout()
            await link.close()
            assert nim.ops == ["login", "kick", "logout"]
            assert children(tmp_path) == []

    run(test())


def test_the_sdk_is_told_what_the_login_and_the_transport_say(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport(custom_tag="desk", login_timeout=9).open()
            await link.login(request(forced=True, custom_client_type=7))
            told = await nim.until("login")
            assert told["option"] == {"retryCount": 0, "timeout": 9000, "forceMode": True, "authType": 0}
            assert told["config"] == {
                "linkSSL": False,
                "lbsUrls": ["http://127.0.0.1:9/lbs"],
                "linkUrl": f"127.0.0.1:{nim.port}",
                "customTag": "desk",
                "customClientType": 7,
            }
            await link.close()

    run(test())


def test_what_the_sdk_reports_by_default_is_off_unless_it_is_asked_for() -> None:
    for wanted in (False, True):
        transport = NimTransport("app", sdk=Path("."), reporting=wanted, experiments=wanted)
        services = transport.sdk_options(request().login)["services"]
        assert services["reporterConfig"] == {"enableCompass": wanted}
        assert services["abtestConfig"] == {"isAbtestEnable": wanted}


def test_a_dynamic_token_is_asked_for_by_the_sdk_and_given_by_each_login_request(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport(grace=0.05).open()
            await link.login(request(auth_type=AuthType.DYNAMIC))
            first = await nim.until("login")
            assert (first["token"], first["option"]["authType"]) == (TOKENS["a"], 1)
            nim.cut()
            assert [type(signal) async for signal in link.signals()] == [OnlineClients, Ended]
            again = link.successor()
            assert again is not None
            await link.close()
            await again.begun()
            await again.opened()
            assert nim.ops == ["login"], "the SDK waits for the token of this attempt"
            await again.login(request(auth_type=AuthType.DYNAMIC))
            assert (await nim.until("login", 2))["again"]
            await again.close()

    run(test())


def test_a_third_partys_login_carries_its_extension(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport().open()
            await link.login(request(auth_type=AuthType.THIRD_PARTY, login_ext="to-be-checked"))
            told = await nim.until("login")
            assert (told["extension"], told["token"]) == ("to-be-checked", TOKENS["a"])
            assert told["option"]["authType"] == 2
            await link.close()

    run(test())


@pytest.mark.parametrize("others", [[], ["phone", "tablet"]])
def test_who_is_online_already_is_told_at_once_and_after_each_reconnect_of_the_sdks_own(
    tmp_path: Path, others: list[str]
) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.others = others
            async with online(nim, grace=0.05) as link:
                nim.say("sync", state=3)
                assert await anext(link.signals()) == SyncFinished(), "the list is told once"
                nim.others = [*others, "desk"]
                nim.cut()
                assert [type(signal) async for signal in link.signals()] == [Ended]
                again = link.successor()
                assert again is not None
                await again.begun()
                await again.opened()
                await again.login(request())
                assert await listed(again) == [*others, "desk"]
                await again.close()

    run(test())


# -- refusals and ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        (302, LoginRefused, Reason.CREDENTIALS),
        (102302, LoginRefused, Reason.CREDENTIALS),
        (102404, LoginRefused, Reason.CREDENTIALS),
        (403, LoginRefused, Reason.FORBIDDEN),
        (102422, LoginRefused, Reason.FORBIDDEN),
        (417, LoginRefused, Reason.ALREADY_ONLINE),
        (201, LoginRefused, Reason.VERSION),
        (416, LoginRefused, Reason.BUSY),
        (101403, LoginRefused, Reason.INVALID),
        (31337, LoginRefused, Reason.UNKNOWN),
        (191003, LinkFailed, Reason.UNKNOWN),
        (192004, LinkFailed, Reason.NET),
    ],
)
def test_a_refused_login_is_classified_by_its_code(
    tmp_path: Path, code: int, kind: type[LoginRefused], reason: Reason
) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.refusals = [{"code": code, "text": f"no, not with {TOKENS['a']}"}]
            link = await nim.transport().open()
            with pytest.raises(kind) as refused:
                await link.login(request())
            assert (refused.value.reason, refused.value.code) == (reason, code)
            assert refused.value.text == "no, not with ***"
            assert link.successor() is None
            await link.close()
            assert nim.ops == ["login"], "it is tried once (R7)"

    run(test())


@pytest.mark.parametrize("order", ["status", "kick"])
@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (1, Reason.DISPLACED),
        (2, Reason.KICKED_BY_SERVER),
        (3, Reason.KICKED_BY_CLIENT),
        (4, Reason.DISPLACED),
    ],
)
def test_a_kick_ends_the_session_in_either_order(tmp_path: Path, number: int, reason: Reason, order: str) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            nim.say("end", reason=number, text="bye", order=order, wait=50)
            (ended,) = [signal async for signal in link.signals()]
            assert ended == Ended(reason, 0, f"bye (kickedOffline, reason {number})")
            assert link.successor() is None

    run(test())


@pytest.mark.parametrize(
    ("number", "reason"), [(1, Reason.DISPLACED), (2, Reason.KICKED_BY_SERVER), (3, Reason.KICKED_BY_CLIENT)]
)
def test_a_kick_ends_a_login_that_is_under_way_at_once(tmp_path: Path, number: int, reason: Reason) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.silent = True
            link = await nim.transport().open()
            waiting = asyncio.ensure_future(link.login(request()))
            await nim.until("login")
            nim.emit("onKickedOffline", {"reason": number, "reasonDesc": "bye"})
            async with asyncio.timeout(2):
                with pytest.raises(LoginRefused) as refused:
                    await waiting
            assert (refused.value.reason, refused.value.code) == (reason, 0)
            assert refused.value.text == f"bye (kickedOffline, reason {number})"
            await link.close()

    run(test())


def test_a_kick_before_the_login_is_its_end(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport().open()
            link._child.pipe_data_received(1, b'{"event":"kickedOffline","value":{"reason":1,"text":""}}\n')
            with pytest.raises(LoginRefused) as refused:
                await link.login(request())
            assert refused.value.reason is Reason.DISPLACED
            await link.close()
            assert nim.ops == []

    run(test())


def test_a_kick_is_not_waited_for_longer_than_a_moment(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim, grace=0.05) as link:
            nim.say("end", reason=1, text="bye", wait=5_000)
            (ended,) = [signal async for signal in link.signals()]
            assert isinstance(ended, Ended)
            assert (ended.reason, ended.code) == (Reason.NET, 192003)
            assert link.successor() is None, "the SDK has logged out: it does not go on"

    run(test())


def test_a_refused_relogin_ends_the_session_and_a_busy_server_is_not_stormed(tmp_path: Path) -> None:
    async def test(code: int, reason: Reason) -> None:
        async with fake_nim(tmp_path) as nim, online(nim, grace=0.05) as link:
            nim.refusals = [{"code": code, "text": "no"}]
            nim.cut()
            assert [type(signal) async for signal in link.signals()] == [Ended]
            again = link.successor()
            assert again is not None
            await link.close()
            await again.begun()
            await again.opened()
            with pytest.raises(LoginRefused) as refused:
                await again.login(request())
            assert (refused.value.reason, refused.value.code) == (reason, code)
            assert again.successor() is None
            await again.close()

    run(test(302, Reason.CREDENTIALS))
    run(test(416, Reason.BUSY))


def test_attempts_of_the_sdk_that_nobody_followed_are_forgotten(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim, grace=0.01) as link:
            nim.delay = 50
            nim.refuse_connections()
            nim.cut()
            await anext(link.signals())
            again = link.next
            await asyncio.sleep(0.5)  # several attempts fail
            assert link.next is again, "they do not pile up"
            await nim.listen()
            await nim.until("login", 2)
            assert link.successor() is again
            assert again is not None
            await link.close()
            await again.begun()
            await again.opened()
            assert await again.login(request()) == Accepted()
            await again.close()

    run(test())


def test_one_child_logs_in_once(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            with pytest.raises(SdkError, match="logs in once"):
                await link._child.call("login", **link._details(request()))
            assert nim.ops == ["login"]

    run(test())


# -- calls -------------------------------------------------------------------------------------------------------------


def test_a_second_login_is_refused_and_does_not_disturb_the_first(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport().open()
            first = asyncio.ensure_future(link.login(request()))
            await asyncio.sleep(0)
            with pytest.raises(LinkFailed, match="called twice"):
                await link.login(request("b"))
            assert await first == Accepted("me")
            await link.close()
            assert nim.ops == ["login"]

    run(test())


def test_overlapping_kicks_get_each_its_own_answer(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            nim.others = ["phone", "tablet"]
            nim.say("clients", clients=[*nim.others, "ghost"])
            await anext(link.signals())
            clients = [OnlineClient(name) for name in ("phone", "ghost", "stranger", "tablet", "x" * 1000)]
            kicks = asyncio.gather(*map(link.kick, clients), return_exceptions=True)
            async for signal in link.signals():
                if signal == OnlineClients(()):
                    break
            listening = asyncio.ensure_future(anext(link.signals()))
            told = await kicks
            listening.cancel()
            assert [type(one) for one in told] == [type(None), KickRefused, KickRefused, type(None), KickRefused]
            codes = [one.code for one in told if isinstance(one, KickRefused)]
            assert codes == [192006, 191006, 414]

    run(test())


def test_a_kick_is_done_when_the_list_says_so_and_was_read(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.others, nim.lingers = ["phone", "desk"], True
            async with online(nim) as link:
                kicking = asyncio.ensure_future(link.kick(OnlineClient("phone")))
                await nim.until("kick")
                nim.say("clients", clients=["phone", "desk", "tablet"])
                assert await listed(link) == ["phone", "desk", "tablet"]
                nim.say("clients", clients=["desk", "tablet"])
                assert await listed(link) == ["desk", "tablet"]
                await asyncio.sleep(0.05)
                assert not kicking.done(), "whoever reads has not dealt with the list yet"
                listening = asyncio.ensure_future(anext(link.signals()))
                await kicking
                listening.cancel()

    run(test())


def test_a_client_that_does_not_leave_is_waited_for_no_longer_than_a_kick_may_take(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.others, nim.lingers = ["phone"], True
            async with online(nim, timeout=0.3) as link:
                with pytest.raises(LinkFailed, match="that client did not leave; try again") as failed:
                    await link.kick(OnlineClient("phone"))
                assert (failed.value.reason, failed.value.code) == (Reason.NET, 408)
            async with online(nim) as link:
                kicking = asyncio.ensure_future(link.kick(OnlineClient("phone")))
                await nim.until("kick", 2)
                nim.say("end", reason=2, text="bye")
                async with asyncio.timeout(2):
                    with pytest.raises(LinkFailed) as ended:
                        await kicking
                assert ended.value.reason is Reason.KICKED_BY_SERVER

    run(test())


def test_a_call_that_nobody_answers_ends_in_time(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim, timeout=0.1) as link:
            nim.others = ["phone"]
            nim.say("clients", clients=nim.others)
            await anext(link.signals())
            nim.silent = True
            with pytest.raises(LinkFailed, match="did not answer the kick"):
                await link.kick(OnlineClient("phone"))
            silent = await nim.transport(login_timeout=0.2).open()
            with pytest.raises(LinkFailed, match="did not log in in time"):
                await silent.login(request())
            await silent.close()

    run(test())


# -- a child that goes wrong -------------------------------------------------------------------------------------------


def test_a_killed_child_fails_every_pending_call_at_once_and_is_reaped(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.silent = True
            link = await nim.transport().open()
            (pid,) = children(tmp_path)
            waiting = asyncio.ensure_future(link.login(request()))
            await nim.until("login")
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(2):
                with pytest.raises(LinkFailed, match="ended by itself") as failed:
                    await waiting
            assert failed.value.reason is Reason.NET
            await gone(pid)
            await link.close()

            nim.silent = False
            async with online(nim) as link:
                nim.others = ["phone"]
                nim.say("clients", clients=nim.others)
                await anext(link.signals())
                nim.silent = True
                (pid,) = children(tmp_path)
                calls = [asyncio.ensure_future(link.kick(OnlineClient("phone"))) for _ in range(3)]
                await nim.until("kick", 3)
                os.kill(pid, signal.SIGKILL)
                async with asyncio.timeout(2):
                    told = await asyncio.gather(*calls, return_exceptions=True)
                    assert [type(one) for one in told] == [LinkFailed] * 3
                    assert [type(signal) async for signal in link.signals()] == [Ended]
                await gone(pid)
                assert link.successor() is None
                with pytest.raises(LinkFailed):
                    await link.logout()

    run(test())


def test_a_child_that_hangs_is_noticed_and_killed(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim, heartbeat=0.1) as link:
            await asyncio.sleep(0.5)  # it answers each ping
            (pid,) = children(tmp_path)
            os.kill(pid, signal.SIGSTOP)
            (ended,) = [signal async for signal in link.signals()]
            assert isinstance(ended, Ended)
            assert (ended.reason, ended.code) == (Reason.NET, 408)
            assert "hangs" in ended.text
            await gone(pid)

    run(test())


def test_a_child_that_hangs_while_it_logs_in_is_noticed_as_soon(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            nim.silent = True
            link = await nim.transport(heartbeat=0.2, login_timeout=20).open()
            (pid,) = children(tmp_path)
            waiting = asyncio.ensure_future(link.login(request()))
            await nim.until("login")
            await asyncio.sleep(1)  # it answers each ping
            assert not waiting.done()
            os.kill(pid, signal.SIGSTOP)
            async with asyncio.timeout(5):
                with pytest.raises(LinkFailed, match="hangs") as failed:
                    await waiting
            assert (failed.value.reason, failed.value.code) == (Reason.NET, 408)
            await gone(pid)
            await link.close()

    run(test())


@pytest.mark.parametrize(
    ("rubbish", "said"),
    [
        (b"hello\n", "rubbish"),
        (b"[]\n", "rubbish"),
        (b'{"event":"loginStatus"}\n', "rubbish"),
        (b'{"event":"loginStatus","value":{}}\n', "rubbish"),
        (b'{"event":"loginClientChanged","value":[7]}\n', "rubbish"),
        (b'{"id":"1","value":1}\n', "rubbish"),
        (b"\xff\xfe\n", "rubbish"),
        (b"[" * 100_000 + b"\n", "rubbish"),
        (b"9" * 5000 + b"\n", "rubbish"),
        (b'{"event":"loginClientChanged","value":[{"clientId":"x","customClientType":1e999}]}\n', "rubbish"),
        (b'{"event":"loginClientChanged","value":[{"clientId":"x","timestamp":1%s}]}\n' % (b"0" * 400), "rubbish"),
        (b'{"id":1,"error":{"code":1%s,"text":""}}\n' % (b"0" * 400), "rubbish"),
        (b"x" * (MAX_LINE + 2), "too much in one line"),
    ],
)
def test_a_child_that_talks_rubbish_is_given_up(tmp_path: Path, rubbish: bytes, said: str) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            (pid,) = children(tmp_path)
            nim.raw(rubbish)
            (ended,) = [signal async for signal in link.signals()]
            assert isinstance(ended, Ended)
            assert ended.reason is Reason.NET
            assert said in ended.text
            await gone(pid)

    run(test())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**3), 10**3)
    | st.sampled_from([10**400, -(10**400), 2**63, 191005, 302])
    | st.floats()
    | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)
"""Infinity, NaN and numbers that nothing holds, too."""

CLIENT = {"clientId": "c", "type": 2, "os": "iOS", "timestamp": 5000, "customTag": "", "customClientType": 0}
SAYINGS: list[dict[str, Any]] = [
    {"ready": 1, "node": "v20.1.0"},
    {"id": 1, "value": CLIENT},
    {"id": 1, "error": {"code": 302, "text": "no"}},
    {"ask": 7},
    {"fatal": "broken"},
    *({"event": event, "value": 1} for event in ("loginStatus", "connectStatus")),
    *({"event": event, "value": {"code": 302, "text": "no"}} for event in ("loginFailed", "disconnected")),
    {"event": "kickedOffline", "value": {"reason": 1, "text": "bye"}},
    {"event": "dataSync", "value": {"type": 1, "state": 2}},
    {"event": "loginClientChanged", "value": [CLIENT]},
]
"""Every kind of message that the bridge has."""


def places(message: Any) -> list[tuple[Any, ...]]:
    """The way to each value in it."""
    inner = message.items() if isinstance(message, dict) else enumerate(message) if isinstance(message, list) else ()
    return [(), *((key, *rest) for key, value in inner for rest in places(value))]


def put(message: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The message with another value at this place."""
    if not place:
        return value
    changed = message.copy()
    changed[place[0]] = put(message[place[0]], place[1:], value)
    return changed


@given(data=st.data(), message=st.sampled_from(SAYINGS), is_online=st.booleans())
def test_whatever_is_in_a_message_it_is_taken_or_ends_the_child_and_every_call(
    data: st.DataObject, message: dict[str, Any], is_online: bool
) -> None:
    async def test() -> None:
        child = Child("node")
        session = Session(child, NimTransport("app", sdk=Path(".")))
        if is_online:
            child.pipe_data_received(1, b'{"event":"loginStatus","value":1}\n')
        pending = child._calls[1] = asyncio.get_running_loop().create_future()
        changed = put(message, data.draw(st.sampled_from(places(message))), data.draw(json_values))
        end = {"event": "kickedOffline", "value": {"reason": 2, "text": ""}}
        child.pipe_data_received(1, b"".join(json.dumps(one).encode() + b"\n" for one in (changed, end)))
        assert session.link._ended is not None, "what came behind it was heard, or the child given up"
        if child.ended is not None:
            assert pending.done()
        child.fail(415, "over")
        pending.exception()

    run_virtual(test())


def test_answers_to_questions_that_nobody_asked_are_dropped(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            nim.raw(b'{"id":4711,"value":1}\n{"id":4712,"error":{"code":1,"text":""}}\n{"ask":99}\n')
            nim.say("sync", state=3)
            assert await anext(link.signals()) == SyncFinished()

    run(test())


def test_an_exception_in_the_sdk_ends_the_child_and_says_so_without_the_token(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            nim.say("crash", text=f"cannot read properties of {TOKENS['a']}")
            (ended,) = [signal async for signal in link.signals()]
            assert isinstance(ended, Ended)
            assert "broke down (cannot read properties of ***)" in ended.text

    run(test())


def test_a_child_that_reads_nothing_is_given_up(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            (pid,) = children(tmp_path)
            os.kill(pid, signal.SIGSTOP)
            child = link._child
            calls = [asyncio.ensure_future(child.call("ping", ballast="x" * 100_000)) for _ in range(20)]
            told = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(one) for one in told] == [LinkFailed] * 20
            assert "reads nothing" in str(told[0])
            await gone(pid)

    run(test())


SYNCED = b'{"event":"dataSync","value":{"type":1,"state":3}}\n'
CONNECTED = b'{"event":"connectStatus","value":1}\n'


def test_a_child_that_floods_is_killed(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            (pid,) = children(tmp_path)
            flood = asyncio.ensure_future(nim.flood(CONNECTED * 50_000))
            (ended,) = [signal async for signal in link.signals()]
            assert isinstance(ended, Ended)
            assert (ended.reason, ended.code) == (Reason.NET, 415)
            assert "floods" in ended.text
            await gone(pid)
            await flood

    run(test())


def test_a_child_that_says_more_than_is_read_is_killed_and_what_came_before_is_told(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            (pid,) = children(tmp_path)
            nim.raw(SYNCED * (MAX_UNREAD + 1))
            await gone(pid)
            told = [signal async for signal in link.signals()]
            assert told[:-1] == [SyncFinished()] * MAX_UNREAD
            assert "more than is read" in str(told[-1])

    run(test())


class Deaf:
    def heard(self, event: str, value: Any) -> None:
        pass

    def asked(self, number: int) -> None:
        pass

    def ended(self, ended: Ended) -> None:
        pass


def test_a_flood_is_more_lines_than_allowed_within_some_seconds() -> None:
    async def test() -> None:
        child = Child("node")
        child.listener = Deaf()
        for _ in range(3):
            child.pipe_data_received(1, CONNECTED * MAX_LINES)
            await asyncio.sleep(FLOOD)
        assert child.ended is None
        child.pipe_data_received(1, CONNECTED * MAX_LINES)
        await asyncio.sleep(FLOOD / 2)
        child.pipe_data_received(1, CONNECTED)
        assert child.ended is not None

    run_virtual(test())


def test_answers_are_no_flood_however_many_calls_there_are(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            await asyncio.gather(*(link._child.call("ping") for _ in range(2 * MAX_LINES)))

    run(test())


def test_the_page_names_what_a_flood_is() -> None:
    page = (Path(__file__).parents[3] / "docs" / "nim.md").read_text()
    assert f"more than {MAX_LINES} lines in {FLOOD:g} seconds" in page
    assert f"more than {MAX_UNREAD} signals" in page


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_the_token_is_neither_in_arguments_nor_environment_nor_logs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_OPTIONS", "--no-warnings")
    monkeypatch.setenv("SOMETHING_SECRET", "x")

    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim):
            (pid,) = children(tmp_path)
            told = json.loads((tmp_path / "children" / str(pid)).read_text())
            assert set(told["env"]) <= {"SYSTEMROOT", "TEMP", "TMP", "NODE_EXTRA_CA_CERTS"}
            assert told["argv"][1:] == [str(BRIDGE), str(os.getpid())]
            if sys.platform == "linux":
                shown = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]  # noqa: ASYNC240
                assert not any(TOKENS["a"].encode() in one for one in shown)

    with caplog.at_level(logging.DEBUG):
        run(test())
    assert TOKENS["a"] not in caplog.text


# -- what hinders a start ----------------------------------------------------------------------------------------------


def test_what_is_missing_is_said_and_what_to_do(tmp_path: Path) -> None:
    async def test() -> None:
        for node, said in (
            ("no-such-node", "no-such-node is not there; install Node.js 20 or newer"),
            ("node", f"the NIM SDK is not in {tmp_path}; install it there, nimauth nim-setup"),
        ):
            with pytest.raises(LinkFailed) as failed:
                await NimTransport("app", sdk=tmp_path, node=node).open()
            assert (failed.value.reason, failed.value.code) == (Reason.INVALID, 414)
            assert failed.value.text.startswith(said[:150])
        install(tmp_path)
        for source, said in (
            ("export default 7;", "this is not the SDK"),
            ("import 'no-such-package';", "no-such-package"),
            ("}{", "cannot be loaded"),
        ):
            entry(tmp_path).write_text(source)
            with pytest.raises(LinkFailed) as failed:
                await NimTransport("app", sdk=tmp_path).open()
            assert failed.value.reason is Reason.INVALID
            assert said in failed.value.text

    run(test())


def test_a_node_that_is_none_is_a_failed_link(tmp_path: Path) -> None:
    async def test() -> None:
        install(tmp_path)
        script = tmp_path / "node.sh"
        for source, said, reason in (
            # Where the kernel is asked to end it with us, that is what cannot start it.
            ("#!/no/such/interpreter\n", "cannot be started|ended with status 127", Reason.INVALID),
            ("#!/bin/sh\nexit 3\n", "is no Node.js 20 or newer, it ended with status 3; give the path", Reason.INVALID),
            ("#!/bin/sh\nkill -9 $$\n", "ended by itself; try again", Reason.NET),
        ):
            script.write_text(source)
            script.chmod(0o755)
            with pytest.raises(LinkFailed, match=said) as failed:
                await NimTransport("app", sdk=tmp_path, node=str(script)).open()
            assert failed.value.reason is reason
        script.write_text("#!/bin/sh\nexec sleep 60\n")
        with pytest.raises(LinkFailed, match="did not start in time"):
            await NimTransport("app", sdk=tmp_path, node=str(script), start_timeout=0.3).open()

    run(test())


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process may open nothing more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_shortage_is_no_verdict(tmp_path: Path) -> None:
    async def test() -> None:
        install(tmp_path)
        transport = NimTransport("app", sdk=tmp_path)
        launch._dies_with_us.cache_clear()
        for _ in range(2):  # before setpriv was looked for, and after
            with no_descriptors(), pytest.raises(LinkFailed) as failed:
                await transport.open()
            assert (failed.value.reason, failed.value.code) == (Reason.NET, 415)
            assert failed.value.text == (
                "node cannot be started, as the system is short of something (Too many open files); "
                "close other programs, and try again"
            )
            assert isinstance(failed.value.__cause__, OSError)
            await (await transport.open()).close()

    run(test())


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.EACCES, errno.ENOEXEC, errno.E2BIG]
)
def test_what_is_a_shortage(number: int) -> None:
    shortage = number in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
    assert is_shortage(OSError(number, "")) is shortage


@pytest.mark.parametrize(
    ("version", "said", "reason"),
    [
        ("v19.9.0", "Node.js is v19.9.0; install 20 or newer (", Reason.INVALID),
        ("v8.0.0-nightly", "Node.js is v8.0.0-nightly; install 20", Reason.INVALID),
        ("twenty", "talks rubbish", Reason.NET),
    ],
)
def test_an_old_node_is_told_of_at_the_start(tmp_path: Path, version: str, said: str, reason: Reason) -> None:
    async def test() -> None:
        install(tmp_path)
        script = tmp_path / "node.sh"
        script.write_text(f"""#!/bin/sh\necho '{{"ready":1,"node":"{version}"}}'\nexec sleep 60\n""")
        script.chmod(0o755)
        with pytest.raises(LinkFailed) as failed:
            await NimTransport("app", sdk=tmp_path, node=str(script)).open()
        assert said in failed.value.text
        assert failed.value.reason is reason

    run(test())


def test_a_child_shows_nothing_of_what_it_was_told(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim, online(nim) as link:
            shown = f"{link!r} {link._child!r} {link._child.listener!r} {nim.transport()!r}"
            assert TOKENS["a"] not in shown
            assert isinstance(link._child, Child)

    run(test())
