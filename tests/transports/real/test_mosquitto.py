"""The lifecycle script over MQTT 5, the conformance suite, and what else a login can meet, against Mosquitto."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Final

import pytest
from attrs import define, evolve

from nimauth.conformance import TransportConformance, World
from nimauth.conformance.transport import Said, Within
from nimauth.conformance.transport.proxy import Proxy
from nimauth.transports.base import Ended, LinkFailed, LoginRequest, Signal, SyncFinished
from nimauth.transports.mqtt import MqttLink, MqttTransport
from nimauth.transports.mqtt.codes import FAILURE
from nimauth.vocabulary.logins import OnlineClient
from nimauth.vocabulary.reasons import Reason
from tests import aio
from tests.transports.mqtt_world import TOKENS, MqttWorld, request

from .anyone import publish
from .restarts import both_come_back, one_comes_back
from .script import STEPS, Play, Stage, play, table
from .servers import ACL_FILE, ADMIN, Mosquitto, MosquittoWithFiles
from .test_ejabberd_mqtt import EjabberdStage
from .tools import SEARCHED

PAGE: Final = Path(__file__).parents[3] / "docs/mqtt.md"


@define(eq=False)
class MosquittoStage(Stage):
    """Every step goes over TLS."""

    server: Mosquitto
    differs: ClassVar = {
        # It answers 0x87 to every login that it refuses, and ends every session with 0x98, whatever the operator did.
        "disabled account": "connecting logging pwdError",
        "banned while online": "kickOut",
        "token changed while online": "kickOut",
        "version refused": None,
    }

    @property
    def port(self) -> int:
        return self.server.tls_port

    def transport(self, port: int | None = None) -> MqttTransport:
        url = f"mqtts://127.0.0.1:{port or self.port}"
        return MqttTransport(url, ssl=self.server.trusting(), heartbeat=0.5, timeout=3.0, close_timeout=1.0)

    def disable(self, name: str) -> None:
        self.server.control("disableClient", name)

    def ban(self, name: str) -> None:
        self.server.control("disableClient", name)

    def kick(self, name: str, device: str) -> None:
        self.server.control("removeClientRole", name, name)  # it has no plain kick: it ends whoever it changes


@pytest.fixture(scope="module")
def stage() -> Iterator[MosquittoStage]:
    with Mosquitto() as server:
        for account, token in TOKENS.items():
            server.add_account(account, token)
        server.add_account("c", TOKENS["a"])
        TestMosquitto.server = server
        yield MosquittoStage(server)


@pytest.mark.parametrize("step", STEPS)
def test_the_script(stage: MosquittoStage, step: str) -> None:
    assert play(stage, step) == stage.expected(step)


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("act", [one_comes_back, both_come_back])
def test_a_presence_does_not_outlive_its_device_for_long(stage: MosquittoStage, act: Any, end: str) -> None:
    aio.run(act(Play(stage, f"{act.__name__}_{end}"), getattr(stage.server, end)), 60.0)


# -- the suite ---------------------------------------------------------------------------------------------------------


class MosquittoWorld(MqttWorld):
    """Each has devices of its own, as the wills of the last one may come late."""

    numbers = itertools.count()

    def __init__(self, proxy: Proxy, server: Mosquitto) -> None:
        super().__init__(proxy, f"mqtt://127.0.0.1:{server.port}", look_out=0)
        self.server = server
        self.device = f"d{next(self.numbers)}"
        self.refused = False

    async def request(self) -> LoginRequest:
        return request(self.device)

    async def another(self) -> LoginRequest:
        return request(self.device, account="b")

    async def refuse(self, reason: Reason, words: str) -> Said:
        self.refused = True
        await self._control("setClientPassword", "a", "another-token")
        return Said(0x87)

    async def join(self) -> str:
        link, _ = await online(MqttTransport(self.url), name := f"other {next(self.numbers)}")
        self.links.append(link)
        return name

    async def _control(self, *command: str) -> None:
        """In this loop, which must go on: the proxy is to forward what the server says before it closes."""
        process = begin_control(self.server.port, *command)
        while process.poll() is None:  # noqa: ASYNC110  (a thread or a watcher of asyncio's would count as left behind)
            await asyncio.sleep(0.002)

    def mend(self) -> None:
        if self.refused:
            self.server.control("setClientPassword", "a", TOKENS["a"])


def begin_control(port: int, *command: str) -> subprocess.Popen[bytes]:
    user, token = ADMIN
    where = ("-h", "127.0.0.1", "-p", str(port), "-u", user, "-P", token)
    return subprocess.Popen(("mosquitto_ctrl", *where, "dynsec", *command), env={"PATH": SEARCHED})


@pytest.mark.usefixtures("stage")
class TestMosquitto(TransportConformance):
    server: ClassVar[Mosquitto]
    login_reasons = (Reason.CREDENTIALS,)
    # Mosquitto closes without reading on, so its connection is reset whenever something is on its way to it, and the
    # proxy does not forward what was said before a reset. The script has these ends, without a proxy.
    cannot = ("sync", "end")
    sees = ("connect", "disconnect")
    greets = None  # they take a round trip or two, so an end may come before them
    within = Within(open=0.6, login=0.6, kick=0.6, logout=0.1, close=0.1, silence=0.6)
    patience = 0.05
    soon = 2.0
    examples = 10

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        async with Proxy("127.0.0.1", self.server.port) as proxy:
            world = MosquittoWorld(proxy, self.server)
            try:
                yield world
                for link in world.links:
                    await link.close()
            finally:
                world.mend()


# -- what else there is ------------------------------------------------------------------------------------------------


async def online(transport: MqttTransport, device: str, account: str = "a") -> tuple[MqttLink, list[Signal]]:
    """A link that has synced, and what it heard."""
    link = await transport.open()
    await link.login(request(device, account, TOKENS["a"]))
    heard: list[Signal] = []
    async for signal in link.signals():
        heard.append(signal)
        if isinstance(signal, SyncFinished):
            return link, heard
    raise AssertionError(f"it never synced: {heard}")


async def end(link: MqttLink) -> Ended:
    async with asyncio.timeout(10):
        (ended,) = [signal async for signal in link.signals() if isinstance(signal, Ended)]
        return ended


def test_a_takeover_without_a_word_is_found_out_and_the_successor_is_left_in_peace(stage: MosquittoStage) -> None:
    async def taken_over() -> None:
        phone, _ = await online(stage.transport(), "phone", "c")
        twin, _ = await online(stage.transport(), "phone", "c")
        ended = await end(phone)
        assert ended.reason is Reason.DISPLACED
        await phone.close()
        desk, heard = await online(stage.transport(), "desk", "c")  # the twin is there, and whoever looked is not
        assert [client.client_id for client in heard[1].clients] == ["phone"]  # type: ignore[union-attr]
        for link in (twin, desk):
            await link.logout()
            await link.close()

    aio.run(taken_over())


@pytest.mark.parametrize("skew", [-120, 120])
def test_whoever_came_last_stays_whatever_the_clocks_say(
    stage: MosquittoStage, skew: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def skewed() -> None:
        phone, _ = await online(stage.transport(), "phone", "c")
        monkeypatch.setattr("nimauth.transports.mqtt.link.time", SimpleNamespace(time=lambda: time.time() + skew))
        twin, _ = await online(stage.transport(), "phone", "c")
        assert (await end(phone)).reason is Reason.DISPLACED
        await phone.close()
        await twin.logout()  # which it could not, if it had been thrown out in its turn
        await twin.close()

    aio.run(skewed())


def test_without_the_look_it_is_a_broken_net(stage: MosquittoStage) -> None:
    async def cut_off() -> None:
        phone, _ = await online(evolve(stage.transport(), look_out=0), "phone", "c")
        twin, _ = await online(stage.transport(), "phone", "c")
        assert (await end(phone)).reason in (Reason.NET, Reason.DISPLACED)  # a newer Mosquitto says what it does
        await phone.close()
        await twin.close()

    aio.run(cut_off())


def test_a_broken_net_is_no_takeover(stage: MosquittoStage) -> None:
    async def broken() -> None:
        async with Proxy("127.0.0.1", stage.port) as proxy:
            phone, _ = await online(evolve(stage.transport(), url=f"mqtts://127.0.0.1:{proxy.port}"), "phone", "c")
            proxy.cut(gently=True)
            assert (await end(phone)).reason is Reason.NET
            await phone.close()

    aio.run(broken())


def test_an_account_without_rights_on_its_own_topics_is_forbidden(stage: MosquittoStage) -> None:
    async def forbidden() -> None:
        stage.server.control("createClient", "bare", "-p", TOKENS["a"])
        link = await stage.transport().open()
        await link.login(request(account="bare", token=TOKENS["a"]))
        ended = await end(link)
        assert (ended.reason, ended.code) == (Reason.FORBIDDEN, 0x87)
        await link.close()

    aio.run(forbidden())


def test_a_server_that_is_not_trusted_is_a_broken_net_and_no_verdict(stage: MosquittoStage) -> None:
    async def untrusted() -> None:
        with pytest.raises(LinkFailed) as failed:
            await MqttTransport(f"mqtts://127.0.0.1:{stage.port}").open()
        assert failed.value.reason is Reason.NET
        assert "is not trusted" in failed.value.text

    aio.run(untrusted())


def test_with_the_acl_of_the_page_a_stranger_cannot_kick() -> None:
    async def tried(server: Mosquitto) -> None:
        transport = MqttTransport(f"mqtt://127.0.0.1:{server.port}")
        (phone, _), (desk, _) = [await online(transport, device) for device in ("phone", "desk")]
        code = await publish(server.port, "b", TOKENS["b"], "im/a/kick/phone", b"{}")
        assert code >= FAILURE
        desks = asyncio.ensure_future(end(desk))
        await desk.kick(OnlineClient("phone"))
        assert "the client desk" in (await end(phone)).text  # and not the stranger
        await phone.close()
        await desk.close()
        await desks

    with MosquittoWithFiles() as server:
        for account, token in TOKENS.items():
            server.add_account(account, token)
        server.stop()
        server.start()
        aio.run(tried(server))


def test_the_page_shows_the_acl_that_was_tried() -> None:
    assert ACL_FILE in PAGE.read_text(encoding="utf-8")


def test_the_page_shows_what_is_expected_and_seen() -> None:
    shown = table(Mosquitto=MosquittoStage, ejabberd=EjabberdStage)
    assert shown in PAGE.read_text(encoding="utf-8"), f"docs/mqtt.md is to have this table:\n{shown}"
