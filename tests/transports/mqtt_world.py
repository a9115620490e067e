"""The fake broker as a world of the conformance suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from nimauth.conformance import TransportConformance, World
from nimauth.conformance.transport import Said, Within
from nimauth.conformance.transport.proxy import Proxy, ProxyWorld
from nimauth.transports.base import LoginRequest, Transport
from nimauth.transports.mqtt import MqttLink, MqttTransport
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import Attempt

from .fake_broker import FakeBroker, looks, publish

TOKENS: Final = {"a": "correct-horse-battery", "b": "staple-of-another-kind"}
REFUSALS: Final = {Reason.CREDENTIALS: 0x87, Reason.FORBIDDEN: 0x8A, Reason.VERSION: 0x84, Reason.BUSY: 0x89}
ENDS: Final = {
    Reason.DISPLACED: 0x8E,
    Reason.KICKED_BY_SERVER: 0x98,
    Reason.FORBIDDEN: 0x87,
    Reason.NET: 0x8B,
}


def request(device: str = "d1", account: str = "a", token: str = "", attempt: Attempt = Attempt.MANUAL) -> LoginRequest:
    return LoginRequest(LoginInfo(account, token or TOKENS[account]), attempt, device)


def expressible(words: str) -> str:
    """What a text of MQTT may hold (and paho lets through)."""
    return "".join(c for c in words if c not in "\0\ufeff" and not "\ud800" <= c <= "\udfff")


class MqttWorld(ProxyWorld):
    """Everything that is the same for every broker."""

    def __init__(self, proxy: Proxy, url: str, look_out: float) -> None:
        self.proxy, self.url, self.look_out = proxy, url, look_out
        self.links: list[MqttLink] = []
        self.began = False
        there = b'{"nonce": "n", "since": 1, "custom_tag": "%s"}' % (b"x" * 30_000)
        self.chatter = publish("im/a/devices/x", there) + publish("im/a/devices/x", b"")

    async def transport(self) -> Transport:
        url = f"mqtt://127.0.0.1:{self.proxy.port}"
        return MqttTransport(url, heartbeat=0.3, timeout=0.6, close_timeout=0.1, look_out=self.look_out)

    async def request(self) -> LoginRequest:
        return request()

    async def another(self) -> LoginRequest:
        return request(account="b")

    async def garble(self, rubbish: bytes) -> None:
        self.proxy.inject(publish("im/a/devices/x", rubbish[:60_000]) if len(rubbish) % 2 else rubbish)

    async def flood(self, endless: bool) -> None:
        if endless:
            first, self.began = not self.began, True
            await self.proxy.flood((b"\x30\xff\xff\x7f" if first else b"") + b"x" * 60_000)
        else:
            await super().flood(endless)

    async def join(self) -> str:
        link = await MqttTransport(self.url).open()
        self.links.append(link)
        return (await link.login(request(f"other {len(self.links)}"))).client_id


class FakeWorld(MqttWorld):
    def __init__(self, proxy: Proxy, broker: FakeBroker, look_out: float) -> None:
        super().__init__(proxy, broker.url, look_out)
        self.broker = broker
        self.kicked: list[str] = []
        """Who was asked by another client to leave: the farewell is no logout of the host's."""

    async def refuse(self, reason: Reason, words: str) -> Said:
        words = expressible(words)
        self.broker.refuse(REFUSALS[reason], words)
        return Said(REFUSALS[reason], words)

    async def end(self, reason: Reason, words: str) -> Said:
        newest = [one for one in self.broker.sessions if one.endswith("/d1")][-1]
        for _ in range(100):  # until it has subscribed, and so can hear of it in every way
            if f"im/{newest.replace('/', '/devices/')}" in self.broker.retained:
                break
            await asyncio.sleep(0.002)
        if reason is Reason.KICKED_BY_CLIENT:
            self.kicked.append(newest)
            self.broker.publish(f"im/{newest.replace('/', '/kick/')}", b'{"by": "me"}')
            return Said()
        words = expressible(words)
        self.broker.end(newest, ENDS[reason], words)
        return Said(ENDS[reason], words)

    async def received(self) -> Sequence[str]:
        heard = list(self.proxy.received)
        kicked = list(self.kicked)
        for word, client_id in self.broker.received:
            if word == "logout" and client_id in kicked:
                kicked.remove(client_id)
            elif not looks(client_id):
                heard += [word] if word != "disconnect" and client_id.endswith("/d1") else []
            elif word == "login":  # who looks whether it was displaced does so over a connection of its own
                heard.remove("connect")
            elif word == "disconnect":
                heard.remove("disconnect")
        return heard


class FakeConformance(TransportConformance):
    login_reasons = tuple(REFUSALS)
    online_reasons = (*ENDS, Reason.KICKED_BY_CLIENT)
    cannot = ("sync",)
    greets = None  # they take a round trip or two, so an end may come before them
    within = Within(open=0.6, login=0.6, kick=0.6, logout=0.1, close=0.1, silence=0.6)
    patience = 0.05
    soon = 2.0
    examples = 15
    look_out = 0.02

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        async with FakeBroker(TOKENS) as broker, Proxy("127.0.0.1", broker.port, trickle=100) as proxy:
            world = FakeWorld(proxy, broker, self.look_out)
            yield world
            for link in world.links:
                await link.close()
