"""The MQTT transport under the conformance suite, with a fake broker, and all that a broker can say to it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from nimauth.transports.base import (
    Ended,
    KickRefused,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Signal,
    SyncFinished,
    SyncStarted,
)
from nimauth.transports.mqtt import MqttLink, MqttTransport
from nimauth.transports.mqtt.codes import NO_SUBSCRIBERS
from nimauth.transports.mqtt.link import MAX_CLIENTS
from nimauth.transports.mqtt.rollcall import RollCall
from nimauth.transports.mqtt.topics import MAX_DEVICE
from nimauth.vocabulary.logins import AuthType, LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import Code, Reason
from nimauth.vocabulary.states import Attempt
from tests import aio

from .fake_broker import SUBACK, FakeBroker, Session, looks, packet, presences, publish
from .mqtt_world import TOKENS, FakeConformance, request


class TestMqttTransport(FakeConformance):
    """As hosts use it: when a broker hangs up without a word, it is looked whether the session was taken over."""


class TestMqttTransportThatDoesNotLook(FakeConformance):
    look_out = 0
    examples = 5


# -- what a broker says ------------------------------------------------------------------------------------------------


def transport(broker: FakeBroker, **options: Any) -> MqttTransport:
    defaults: dict[str, Any] = {"timeout": 1.0, "close_timeout": 0.5, "look_out": 0.2}
    return MqttTransport(broker.url, **defaults | options)


async def online(broker: FakeBroker, device: str = "d1", **options: Any) -> tuple[MqttLink, list[Signal]]:
    """A link that has synced, and what it heard by then."""
    link = await transport(broker, **options).open()
    await link.login(request(device))
    heard: list[Signal] = []
    async for signal in link.signals():
        heard.append(signal)
        if isinstance(signal, SyncFinished):
            break
    return link, heard


async def ended(link: MqttLink) -> Ended:
    async with asyncio.timeout(5):
        (end,) = [signal async for signal in link.signals() if isinstance(signal, Ended)]
    await link.close()
    return end


def with_broker(test: Callable[[FakeBroker], Awaitable[None]], **options: Any) -> None:
    async def played() -> None:
        async with FakeBroker(TOKENS, **options) as broker:
            await test(broker)

    aio.run(played())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0x80, Reason.UNKNOWN),
        (0x81, Reason.VERSION),
        (0x82, Reason.VERSION),
        (0x84, Reason.VERSION),
        (0x85, Reason.INVALID),
        (0x86, Reason.CREDENTIALS),
        (0x87, Reason.CREDENTIALS),
        (0x88, Reason.BUSY),
        (0x89, Reason.BUSY),
        (0x8A, Reason.FORBIDDEN),
        (0x97, Reason.BUSY),
        (0x9A, Reason.INVALID),
        (0x9D, Reason.NET),
        (0x9F, Reason.BUSY),
    ],
)
def test_a_refused_login_has_the_reason_of_its_code(code: int, reason: Reason) -> None:
    async def refused(broker: FakeBroker) -> None:
        broker.refuse(code)
        link = await transport(broker).open()
        with pytest.raises(LoginRefused) as failed:
            await link.login(request())
        assert (failed.value.reason, failed.value.code) == (reason, code)
        assert failed.value.text  # what the book calls it
        await link.close()

    with_broker(refused)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0x00, Reason.NET),
        (0x81, Reason.NET),
        (0x82, Reason.NET),
        (0x87, Reason.FORBIDDEN),
        (0x89, Reason.BUSY),
        (0x8B, Reason.NET),
        (0x8D, Reason.NET),
        (0x8E, Reason.DISPLACED),
        (0x98, Reason.KICKED_BY_SERVER),
        (0x9D, Reason.NET),
    ],
)
def test_an_end_has_the_reason_of_its_code(code: int, reason: Reason) -> None:
    async def end(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        broker.end("a/d1", code, "so it is")
        assert await ended(link) == Ended(reason, code, "so it is")

    with_broker(end)


def test_a_broker_that_knows_only_mqtt_3_refuses_the_version() -> None:
    async def old(broker: FakeBroker) -> None:
        broker.answer = b"\x20\x02\x00\x01"
        link = await transport(broker).open()
        with pytest.raises(LoginRefused) as failed:
            await link.login(request())
        assert failed.value.reason is Reason.VERSION
        await link.close()

    with_broker(old)


@pytest.mark.parametrize("how", [{"suback": 0x87}, {"acks": 0x87}])
def test_an_account_that_may_not_use_its_own_topics_is_forbidden(how: dict[str, int]) -> None:
    async def forbidden(broker: FakeBroker) -> None:
        link = await transport(broker).open()
        await link.login(request())
        end = await ended(link)
        assert (end.reason, end.code) == (Reason.FORBIDDEN, 0x87)
        assert "ask its operator" in end.text

    with_broker(forbidden, **how)


def test_a_broker_that_does_not_send_our_presence_back_is_left_in_time() -> None:
    async def mute(broker: FakeBroker) -> None:
        link = await transport(broker, timeout=0.2).open()
        await link.login(request())
        end = await ended(link)
        assert (end.reason, end.code) == (Reason.NET, Code.TIMED_OUT)
        assert "im/a/devices/+" in end.text

    with_broker(mute, echo=False)


def test_the_sync_ends_after_every_client_that_is_online_was_told_of() -> None:
    async def synced(broker: FakeBroker) -> None:
        broker.retained |= dict(presences("im/a", 150))
        broker.retained["im/a/devices/rubbish"] = b"[" * 10_000
        link, heard = await online(broker)
        assert [type(signal) for signal in heard] == [SyncStarted, OnlineClients, SyncFinished]
        clients = heard[1].clients  # type: ignore[union-attr]
        assert len(clients) == MAX_CLIENTS
        assert clients[1] == OnlineClient("d1x", "os 1", login_time=1.0)
        await link.close()

    with_broker(synced)


def test_a_device_with_the_longest_id_comes_online_is_listed_whole_and_can_be_kicked() -> None:
    async def long(broker: FakeBroker) -> None:
        name = "x" * MAX_DEVICE
        phone, _ = await online(broker, name)
        desk, heard = await online(broker)
        (client,) = heard[1].clients  # type: ignore[union-attr]
        assert client.client_id == name
        phones, desks = asyncio.ensure_future(ended(phone)), asyncio.ensure_future(ended(desk))
        await desk.kick(client)
        assert (await phones).reason is Reason.KICKED_BY_CLIENT
        await desk.close()
        await desks

    with_broker(long)


# -- presences that outlive their devices ------------------------------------------------------------------------------


async def listed(link: MqttLink, *others: str) -> None:
    """Read until these are online, in any order."""
    async with asyncio.timeout(5):
        async for signal in link.signals():
            if isinstance(signal, OnlineClients) and {client.client_id for client in signal.clients} == {*others}:
                return
    raise AssertionError("the link ended first")


async def keeps(broker: FakeBroker, *devices: str) -> None:
    """Wait until the presences of these are retained, and no others."""
    async with asyncio.timeout(5):
        while broker.retained.keys() != {f"im/a/devices/{device}" for device in devices}:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def test_a_presence_that_outlived_its_device_is_cleared_for_all() -> None:
    async def outlived(broker: FakeBroker) -> None:
        broker.retained |= dict(presences("im/a", 2))
        desk, heard = await online(broker, "desk")
        assert len(heard[1].clients) == 2  # type: ignore[union-attr]
        await listed(desk)
        await keeps(broker, "desk")
        phone, heard = await online(broker, "phone")
        assert [client.client_id for client in heard[1].clients] == ["desk"]  # type: ignore[union-attr]
        await listed(desk, "phone")
        await drained(phone)
        assert broker.published("im/a/devices/desk") == 1, "it answered, although nobody needed it"
        for link in (desk, phone):
            await link.close()

    with_broker(outlived)


def test_where_the_broker_does_not_say_who_is_there_each_device_has_its_time_to_answer() -> None:
    async def mute(broker: FakeBroker) -> None:
        broker.retained |= dict(presences("im/a", 1))
        desk, _ = await online(broker, "desk", timeout=0.2)
        phone, heard = await online(broker, "phone", timeout=0.2)
        assert {client.client_id for client in heard[1].clients} == {"d0x", "desk"}  # type: ignore[union-attr]
        await listed(phone, "desk")
        await keeps(broker, "desk", "phone")
        await phone.logout()
        await listed(desk)  # and never was it without the phone before
        for link in (desk, phone):
            await link.close()

    with_broker(mute, tells=False)


def test_a_device_whose_presence_is_cleared_while_it_lives_puts_it_back() -> None:
    async def cleared(broker: FakeBroker) -> None:
        desk, _ = await online(broker, "desk")
        broker.sessions["a/desk"].filters.remove("im/a/look/desk")  # the broker mistakes it for gone
        phone, _ = await online(broker, "phone")
        await listed(phone)
        await listed(phone, "desk")
        for link in (desk, phone):
            await link.close()

    with_broker(cleared)


def test_a_kick_of_a_client_that_is_not_there_any_more_is_done() -> None:
    async def lost(broker: FakeBroker) -> None:
        desk, _ = await online(broker, "desk")
        phone, heard = await online(broker, "phone")
        await drained(phone)
        broker.sessions["a/desk"].will = None
        broker.drop("a/desk")
        while "a/desk" in broker.sessions:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        reading = asyncio.ensure_future(ended(phone))
        await phone.kick(heard[1].clients[0])  # type: ignore[union-attr]
        await keeps(broker, "phone")
        await phone.close()
        await reading
        await desk.close()

    with_broker(lost)


def test_a_broker_that_refuses_the_question_leaves_the_list_as_it_is() -> None:
    asked: list[str] = []
    missing: list[str] = []

    def ask(device: str, question: bytes) -> int:
        asked.append(device)
        return len(asked)

    call = RollCall(ask=ask, missing=missing.append, within=1.0)
    call.begin()  # nobody is in doubt
    call.doubt("d1")
    call.begin()
    for number, code in ((7, NO_SUBSCRIBERS), (1, NO_SUBSCRIBERS), (1, NO_SUBSCRIBERS), (2, 0x87), (2, NO_SUBSCRIBERS)):
        call.answered(number, code)
    assert asked[1:] == ["d1"]
    assert not missing


def test_a_takeover_without_a_word_is_told_from_a_broken_net() -> None:
    async def taken(broker: FakeBroker) -> None:
        first, _ = await online(broker, look_out=5.0)
        second, _ = await online(broker)
        assert (await ended(first)).reason is Reason.DISPLACED
        assert [one for one in broker.sessions if not looks(one)] == ["a/d1"], "whoever looked threw the other one out"
        broker.drop("a/d1")
        assert (await ended(second)).reason is Reason.NET
        assert not broker.retained

    with_broker(taken, silent=True)


@pytest.mark.parametrize("skew", [-1e6, 1e6])
def test_whoever_is_in_our_place_is_there_whatever_its_clock_says(skew: float, monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(broker: FakeBroker) -> None:
        first, _ = await online(broker, look_out=5.0)
        monkeypatch.setattr("nimauth.transports.mqtt.link.time", SimpleNamespace(time=lambda: time.time() + skew))
        second, _ = await online(broker)
        assert (await ended(first)).reason is Reason.DISPLACED
        assert broker.seen("login") == 2
        await second.logout()
        await second.close()

    with_broker(taken, silent=True)


def test_a_successor_is_heard_that_only_just_comes_online() -> None:
    """It has not subscribed when it is asked, and announces itself thereafter."""

    async def taken(broker: FakeBroker) -> None:
        first, _ = await online(broker, look_out=5.0, timeout=5.0)
        broker.subscribing.clear()
        second = await transport(broker, timeout=5.0).open()
        await second.login(request())
        listening = asyncio.ensure_future(ended(first))
        while not any(one.filters for name, one in broker.sessions.items() if looks(name)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        broker.subscribing.set()
        assert (await listening).reason is Reason.DISPLACED
        await second.close()

    with_broker(taken, silent=True)


@pytest.mark.parametrize("since", [0, 10**11])
def test_a_presence_that_nobody_stands_behind_is_no_takeover(since: int) -> None:
    """A broker that crashed may come back with retained messages of last week, or of a device with another clock."""

    async def restored(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        broker.sessions["a/d1"].will = None
        broker.retained["im/a/devices/d1"] = b'{"nonce": "another", "since": %d}' % since
        broker.drop("a/d1")
        assert (await ended(link)).reason is Reason.NET

    with_broker(restored)


def test_a_look_that_is_refused_decides_nothing() -> None:
    async def refused(broker: FakeBroker) -> None:
        first, _ = await online(broker)
        second, _ = await online(broker)
        broker.refuse(0x87)
        assert (await ended(first)).reason is Reason.NET
        await second.close()

    with_broker(refused, silent=True)


def test_a_takeover_is_not_looked_for_where_the_broker_gave_a_reason() -> None:
    async def told(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        broker.end("a/d1", 0x8B)
        await ended(link)
        assert [word for word, _ in broker.received].count("login") == 1

    with_broker(told)


def test_a_presence_that_a_late_will_clears_is_put_back_and_not_for_ever() -> None:
    async def cleared(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        for left in (True, True, False):
            broker.publish("im/a/devices/d1", b"", retain=True)
            await drained(link)
            assert bool(broker.retained) is left
        await link.close()

    with_broker(cleared)


async def drained(link: MqttLink) -> None:
    """All that was sent has been heard, and answered: a kick of nobody is refused after it."""
    listening = asyncio.ensure_future(anext(link.signals()))
    with pytest.raises(KickRefused):
        await link.kick(OnlineClient("nobody"))
    listening.cancel()


def test_a_kick_that_is_retained_was_meant_for_somebody_before_us() -> None:
    async def stale(broker: FakeBroker) -> None:
        broker.retained["im/a/kick/d1"] = b"{}"
        link, heard = await online(broker)
        assert [type(signal) for signal in heard] == [SyncStarted, OnlineClients, SyncFinished]
        await link.close()

    with_broker(stale)


def test_a_client_that_does_not_leave_when_it_is_kicked() -> None:
    async def stubborn(broker: FakeBroker) -> None:
        broker.retained |= dict(presences("im/a", 1))
        stranger = broker.sessions["a/d0x"] = Session(Nowhere())
        stranger.filters += ["im/a/kick/d0x", "im/a/look/d0x"]
        link, heard = await online(broker, timeout=0.2)
        with pytest.raises(KickRefused) as failed:  # the link is as good as before
            await link.kick(heard[1].clients[0])  # type: ignore[union-attr]
        assert (failed.value.reason, failed.value.code) == (Reason.BUSY, Code.UNAVAILABLE)
        await drained(link)
        broker.deaf = True
        with pytest.raises(LinkFailed) as silent:
            await link.kick(heard[1].clients[0])  # type: ignore[union-attr]
        assert (silent.value.reason, silent.value.code) == (Reason.NET, Code.TIMED_OUT)
        await link.close()

    with_broker(stubborn)


class Nowhere:
    """What a client reads that does nothing."""

    def is_closing(self) -> bool:
        return True


@pytest.mark.parametrize("client_id", ["", "d1", "a/b", "+", "#", "x" * 70_000, "\0"])
def test_a_kick_of_what_no_other_client_can_be_is_refused_and_not_sent(client_id: str) -> None:
    async def refused(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        with pytest.raises(KickRefused):
            await link.kick(OnlineClient(client_id))
        assert not broker.seen("kick")
        await link.close()

    with_broker(refused)


@pytest.mark.parametrize(("device", "account"), [("d/1", "a"), ("+", "a"), ("", "a"), ("d1", "a/b"), ("d1", "#")])
def test_a_name_that_no_topic_takes_is_not_sent(device: str, account: str) -> None:
    async def invalid(broker: FakeBroker) -> None:
        link = await transport(broker).open()
        with pytest.raises(LinkFailed) as failed:
            await link.login(request(device, account, TOKENS["a"]))
        assert failed.value.reason is Reason.INVALID
        assert not broker.received
        await link.close()

    with_broker(invalid)


@pytest.mark.parametrize(
    "ext", ["a\0b", "{\n}", "a\tb", "\x1f", "\x7f", "\x80", "\x9f", "\ufdd0", "\ufdef", "\ufffe", "\U0001ffff"]
)
def test_a_login_ext_that_mqtt_cannot_carry_is_not_sent(ext: str) -> None:
    async def invalid(broker: FakeBroker) -> None:
        link = await transport(broker).open()
        with pytest.raises(LinkFailed, match="no MQTT text may have") as failed:
            await link.login(LoginRequest(LoginInfo("a", "", AuthType.THIRD_PARTY, ext), Attempt.AUTO, "d1"))
        assert (failed.value.reason, failed.value.code) == (Reason.INVALID, Code.INVALID)
        assert not broker.received
        await link.close()

    with_broker(invalid)


def test_what_mqtt_can_carry_is_sent_as_it_is() -> None:
    async def carried(broker: FakeBroker) -> None:
        broker.users["a"] = token = "a\ufffe token\ufdd0"
        login = LoginInfo("a", token, AuthType.THIRD_PARTY, ext := '{"é": "\u200b\ufdcf\ufdf0\xa0\U0001f600"}' * 20)
        link = await transport(broker).open()
        await link.login(LoginRequest(login, Attempt.AUTO, "d1"))
        assert broker.sessions["a/d1"].told["nimauth-login-ext"] == ext
        await link.close()

    with_broker(carried)


def test_a_broker_that_acknowledges_more_than_was_asked_is_told_nothing_more() -> None:
    async def eager(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        for number in range(20):
            broker.sessions["a/d1"].send(packet(SUBACK, number.to_bytes(2, "big") + b"\0\1\1\1"))
        await drained(link)
        assert broker.published("im/a/devices/d1") == 1
        await link.close()

    with_broker(eager)


def test_the_login_says_who_and_how_and_leaves_a_will() -> None:
    async def said(broker: FakeBroker) -> None:
        login = LoginInfo("a", TOKENS["a"], AuthType.THIRD_PARTY, "ext", 7)
        link = await transport(broker, heartbeat=9.5, custom_tag="tag").open()
        await link.login(LoginRequest(login, Attempt.AUTO, "d1", forced=True))
        session = broker.sessions["a/d1"]
        assert session.told == {
            "nimauth-attempt": "auto",
            "nimauth-forced": "1",
            "nimauth-auth-type": "2",
            "nimauth-login-ext": "ext",
        }
        assert session.will == ("im/a/devices/d1", b"", True)
        assert session.keepalive == 10
        async for signal in link.signals():
            if isinstance(signal, SyncFinished):
                break
        assert b'"custom_tag": "tag", "custom_client_type": 7' in broker.retained["im/a/devices/d1"]
        await link.logout()
        assert not broker.retained
        await link.close()

    with_broker(said)


def test_a_broker_that_wants_to_hear_of_us_more_often_does() -> None:
    async def asked(broker: FakeBroker) -> None:
        broker.connack = b"\x03\x13\x00\x01"
        link, _ = await online(broker, heartbeat=100.0)
        broker.deaf = True
        assert (await ended(link)).code == Code.TIMED_OUT

    with_broker(asked)


def test_a_broker_that_speaks_before_it_is_spoken_to_is_none() -> None:
    async def hasty(broker: FakeBroker) -> None:
        link = await transport(broker).open()
        assert "does not speak MQTT 5" in (await ended(link)).text

    with_broker(hasty, hello=b"220 mail.example.org ESMTP\r\n")


@pytest.mark.parametrize(
    ("said", "why"),
    [(packet(SUBACK, b"x" * 70_000), "too long"), (publish("im/a/x", b"", qos=2, number=1), "no place")],
)
def test_what_no_broker_may_send_ends_the_link(said: bytes, why: str) -> None:
    async def wild(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        broker.sessions["a/d1"].send(said)
        end = await ended(link)
        assert end.reason is Reason.NET
        assert why in end.text

    with_broker(wild)


def test_a_message_that_is_too_long_is_skipped_and_acknowledged_and_the_session_goes_on() -> None:
    async def poisoned(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        session = broker.sessions["a/d1"]
        session.send(publish("im/a/devices/poison", b"x" * 200_000, retain=True, qos=1, number=7))
        session.send(publish("im/a/devices/poison", b"x" * 200_000, retain=True))
        broker.publish("im/a/devices/d2", b"{}")
        async with asyncio.timeout(5):
            assert await anext(link.signals()) == OnlineClients((OnlineClient("d2"),))
        await drained(link)
        assert session.acked == [7]
        await link.close()

    with_broker(poisoned)


def test_what_nobody_reads_is_held_back_and_not_lost() -> None:
    async def unread(broker: FakeBroker) -> None:
        link, _ = await online(broker)
        writer = broker.sessions["a/d1"].writer
        there = b'{"nonce": "n", "since": 1, "os": "%s"}' % (b"x" * 60_000)
        count = 0

        async def until_full() -> None:
            nonlocal count
            while count < 2000:  # 120 MB: more than the kernel's buffers hold, whatever they grow to
                for _ in range(50):
                    broker.publish("im/a/devices/d2", there)
                    broker.publish("im/a/devices/d2", b"")
                    count += 1
                    await asyncio.sleep(0)
                async with asyncio.timeout(0.2):
                    await writer.drain()

        with pytest.raises(TimeoutError):
            await until_full()
        heard = [len(signal.clients) async for signal in first(link, 2 * count) if isinstance(signal, OnlineClients)]
        assert heard == [1, 0] * count
        await link.close()

    with_broker(unread)


async def first(link: MqttLink, count: int) -> AsyncIterator[Signal]:
    signals = link.signals()
    for _ in range(count):
        yield await anext(signals)


def test_a_look_ends_when_the_link_is_closed() -> None:
    async def closed(broker: FakeBroker) -> None:
        link, _ = await online(broker, look_out=60.0, timeout=60.0)
        listening = asyncio.ensure_future(ended(link))
        broker.answer = b"\x20"  # and no more of a CONNACK
        broker.drop("a/d1")
        while not any(looks(who) for _, who in broker.received):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await link.close()
        async with asyncio.timeout(1):
            assert (await listening).reason is Reason.NET

    with_broker(closed)


# -- opening -----------------------------------------------------------------------------------------------------------


def test_a_certificate_that_is_not_trusted_is_a_broken_net_and_no_verdict() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def untrusted(broker: FakeBroker) -> None:
        with pytest.raises(LinkFailed) as failed:
            await transport(broker).open()
        assert failed.value.reason is Reason.NET
        assert "is not trusted" in failed.value.text
        link, _ = await online(broker, ssl=trusting)
        await link.logout()
        await link.close()

    with_broker(untrusted, ssl=context)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "im.example.org",
        "ws://im.example.org",
        "mqtts://",
        "mqtts://im.example.org:0",
        "mqtts://im.example.org:99999",
        "mqtts://me:secret@im.example.org",
        "mqtts://im.example.org?token=secret",
        "mqtts://im.example.org/a/+/b",
        "mqtts://im.example.org/a b",
        "mqtts://[::1",
    ],
)
def test_a_url_that_can_never_work_is_an_error_that_shows_no_secret(url: str) -> None:
    with pytest.raises(ValueError, match="give one like mqtts://") as error:
        MqttTransport(url)
    assert "secret" not in str(error.value)


def test_a_url_says_where_and_how() -> None:
    assert (MqttTransport("mqtts://h").where, MqttTransport("mqtt://[::1]").where) == (
        "mqtts://h:8883",
        "mqtt://[::1]:1883",
    )
    assert (MqttTransport("mqtt://h").prefix, MqttTransport("mqtt://h/my/im/").prefix) == ("im", "my/im")
    with pytest.raises(ValueError, match="mqtts:// only"):
        MqttTransport("mqtt://h", ssl=ssl.create_default_context())


def test_without_paho_one_sentence_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['paho'] = None\n"
        "from nimauth.transports.mqtt import MqttTransport\n"
        "try: MqttTransport('mqtt://h')\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "MQTT needs the package paho-mqtt; install it with: pip install 'nimauth[mqtt]'\n"
