"""The lifecycle script, and what else a login can meet, against ejabberd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from attrs import define, evolve

from nimauth.transports.xmpp import XmppTransport
from nimauth.vocabulary.reasons import Reason
from tests import aio

from .script import LOGIN, STEPS, TOKEN, Play, Stage, play
from .servers import DOMAIN, Ejabberd


@define(eq=False)
class EjabberdStage(Stage):
    """Every step goes over direct TLS."""

    server: Ejabberd
    differs: ClassVar = {
        # ban_account gives the account another token, and ends its sessions as any operator's kick.
        "banned while online": "kickOut",
    }

    @property
    def port(self) -> int:
        return self.server.tls_port

    def transport(self, port: int | None = None) -> XmppTransport:
        url = f"xmpps://127.0.0.1:{port or self.port}/{DOMAIN}"
        return XmppTransport(url, ssl=self.server.trusting(), heartbeat=0.5, timeout=3.0, close_timeout=1.0)

    def old_transport(self) -> XmppTransport:
        return evolve(self.transport(), stream_version="2.0")

    def disable(self, name: str) -> None:
        self.server.block(name)

    def ban(self, name: str) -> None:
        self.server.ban(name)

    def kick(self, name: str, device: str) -> None:
        self.server.api("kick_session", user=name, host=DOMAIN, resource=device, reason="come back another day")


@pytest.fixture(scope="module")
def stage() -> Iterator[EjabberdStage]:
    with Ejabberd() as server:
        yield EjabberdStage(server)


@pytest.mark.parametrize("step", STEPS)
def test_the_script(stage: EjabberdStage, step: str) -> None:
    assert play(stage, step) == stage.expected(step)


def test_starttls_is_as_good_as_direct_tls(stage: EjabberdStage) -> None:
    url = f"xmpp://127.0.0.1:{stage.server.port}/{DOMAIN}"

    async def test() -> None:
        async with Play(stage, "starttls").device("phone", XmppTransport(url, ssl=stage.server.trusting())) as phone:
            await phone.log_in()
            assert phone.shown() == LOGIN

    stage.add_account("starttls", TOKEN)
    aio.run(test())


def test_an_account_that_was_banned_has_another_token(stage: EjabberdStage) -> None:
    async def test() -> None:
        async with Play(stage, "banned").device("phone") as phone:
            assert (await phone.refused()).reason is Reason.CREDENTIALS

    stage.add_account("banned", TOKEN)
    stage.ban("banned")
    aio.run(test())
