"""The lifecycle script over MQTT 5, and what else a login can meet, against ejabberd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import define

from nimauth.transports.base import Ended, OnlineClients, Signal, SyncFinished
from nimauth.transports.mqtt import MqttLink, MqttTransport
from nimauth.transports.mqtt.codes import FAILURE
from nimauth.vocabulary.logins import OnlineClient
from nimauth.vocabulary.reasons import Reason
from tests import aio
from tests.transports.mqtt_world import request

from .anyone import publish
from .restarts import both_come_back, one_comes_back
from .script import STEPS, TOKEN, Play, Stage, play
from .servers import DOMAIN, MQTT_ACCESS, Ejabberd


@define(eq=False)
class EjabberdStage(Stage):
    """Every step goes over TLS."""

    server: Ejabberd
    differs: ClassVar = {
        # It answers 0x87 to every login that it refuses.
        "disabled account": "connecting logging pwdError",
        # Its API ends XMPP sessions only: a ban and a kick are not told to MQTT.
        "banned while online": None,
        "kicked by the operator": None,
        "version refused": None,
    }

    @property
    def port(self) -> int:
        return self.server.mqtt_tls_port

    def transport(self, port: int | None = None) -> MqttTransport:
        url = f"mqtts://127.0.0.1:{port or self.port}"
        context = self.server.trusting()
        return MqttTransport(url, ssl=context, domain=DOMAIN, heartbeat=0.5, timeout=3.0, close_timeout=1.0)

    def disable(self, name: str) -> None:
        self.server.ban(name)


@pytest.fixture(scope="module")
def stage() -> Iterator[EjabberdStage]:
    with Ejabberd() as server:
        yield EjabberdStage(server)


async def until(link: MqttLink, there: Callable[[Signal], bool]) -> None:
    """Read until this is heard."""
    async with asyncio.timeout(10):
        async for signal in link.signals():
            if there(signal):
                return
    raise AssertionError("the link ended first")


async def ended(link: MqttLink) -> Ended:
    async with asyncio.timeout(10):
        (end,) = [signal async for signal in link.signals() if isinstance(signal, Ended)]
        return end


def synced(signal: Signal) -> bool:
    return isinstance(signal, SyncFinished)


def lists(*others: str) -> Callable[[Signal], bool]:
    return lambda signal: isinstance(signal, OnlineClients) and {c.client_id for c in signal.clients} == {*others}


@pytest.mark.parametrize("step", STEPS)
def test_the_script(stage: EjabberdStage, step: str) -> None:
    assert play(stage, step) == stage.expected(step)


@pytest.mark.parametrize("act", [one_comes_back, both_come_back])
def test_a_presence_does_not_outlive_its_device_for_long(stage: EjabberdStage, act: Any) -> None:
    aio.run(act(Play(stage, act.__name__), stage.server.stop), 60.0)


def test_a_takeover_is_told_in_a_word_of_the_wire(stage: EjabberdStage) -> None:
    async def taken_over() -> None:
        await asyncio.to_thread(stage.add_account, "taken", TOKEN)
        links = [await stage.transport().open() for _ in range(2)]
        for link in links:
            await link.login(request("phone", account="taken", token=TOKEN))
        ends = [signal async for signal in links[0].signals() if isinstance(signal, Ended)]
        assert [(ended.reason, ended.code) for ended in ends] == [(Reason.DISPLACED, 0x8E)]
        for link in links:
            await link.close()

    aio.run(taken_over())


def test_whoever_takes_a_session_over_stays_in_the_list(stage: EjabberdStage) -> None:
    """The will of the session before it may come after its presence, and clear that."""

    async def listed() -> None:
        await asyncio.to_thread(stage.add_account, "listed", TOKEN)
        desk = await stage.transport().open()
        await desk.login(request("desk", account="listed", token=TOKEN))
        phones: list[MqttLink] = []
        for _ in range(5):
            phones.append(await stage.transport().open())
            await phones[-1].login(request("phone", account="listed", token=TOKEN))
            await until(phones[-1], synced)
        for phone in phones[:-1]:
            await phone.close()
        late = await stage.transport().open()
        await late.login(request("late", account="listed", token=TOKEN))
        await until(late, lists("desk", "phone"))
        for link in (desk, late, phones[-1]):
            await link.close()

    aio.run(listed())


def test_a_message_longer_than_a_client_takes_keeps_nobody_from_logging_in(stage: EjabberdStage) -> None:
    """This server sends it, however long a packet may be."""

    async def poisoned() -> None:
        await asyncio.to_thread(stage.add_account, "poisoned", TOKEN)
        topic = "im/poisoned/devices/poison"
        await publish(stage.server.mqtt_port, f"poisoned@{DOMAIN}", TOKEN, topic, b"x" * 200_000, retain=True)
        desk, phone = [await stage.transport().open() for _ in range(2)]
        for link, device in ((desk, "desk"), (phone, "phone")):
            await link.login(request(device, account="poisoned", token=TOKEN))
            await until(link, synced)
        await until(desk, lists("phone"))
        for link in (desk, phone):
            await link.close()

    aio.run(poisoned())


def test_a_stranger_cannot_kick(stage: EjabberdStage) -> None:
    async def tried() -> None:
        for account in ("kicked", "stranger"):
            await asyncio.to_thread(stage.add_account, account, TOKEN)
        phone, desk = [await stage.transport().open() for _ in range(2)]
        for link, device in ((phone, "phone"), (desk, "desk")):
            await link.login(request(device, account="kicked", token=TOKEN))
            await until(link, synced)
        code = await publish(stage.server.mqtt_port, f"stranger@{DOMAIN}", TOKEN, "im/kicked/kick/phone", b"{}")
        assert code >= FAILURE
        desks = asyncio.ensure_future(ended(desk))
        await desk.kick(OnlineClient("phone"))
        assert "the client desk" in (await ended(phone)).text  # and not the stranger
        await phone.close()
        await desk.close()
        await desks

    aio.run(tried())


def test_the_page_shows_the_access_rules_that_were_tried() -> None:
    assert MQTT_ACCESS in (Path(__file__).parents[3] / "docs/mqtt.md").read_text(encoding="utf-8")
