"""The lifecycle script, and what else a login can meet, against Prosody."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from attrs import define

from nimauth.service import AuthService, SDKOptions
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.transports.base import KickRefused
from nimauth.transports.xmpp import XmppTransport
from nimauth.vocabulary.reasons import Code, Reason
from tests import aio

from .script import LOGIN, NEW_TOKEN, STEPS, TOKEN, Play, Stage, play, table
from .servers import DOMAIN, Prosody
from .test_ejabberd_xmpp import EjabberdStage


@define(eq=False)
class ProsodyStage(Stage):
    """Every step goes over STARTTLS."""

    server: Prosody
    differs: ClassVar = {
        # It has no bans, and lets every version of the stream pass.
        "banned while online": None,
        "version refused": None,
    }

    def transport(self, port: int | None = None) -> XmppTransport:
        url = f"xmpp://127.0.0.1:{port or self.port}/{DOMAIN}"
        return XmppTransport(url, ssl=self.server.trusting(), heartbeat=0.5, timeout=3.0, close_timeout=1.0)

    def add_account(self, name: str, token: str) -> None:
        """A token is changed as Prosody's operators do it, so that it can end the account's sessions."""
        if self.server.has_account(name):
            self.server.shell(f'user:password("{name}@{DOMAIN}", "{token}")')
        else:
            self.server.add_account(name, token)

    def disable(self, name: str) -> None:
        self.server.add_account(name, TOKEN, disabled=True)

    def kick(self, name: str, device: str) -> None:
        self.server.shell(f'c2s:close("{name}@{DOMAIN}/{device}", "come back another day", "policy-violation")')


@pytest.fixture(scope="module")
def stage() -> Iterator[ProsodyStage]:
    with Prosody() as server:
        yield ProsodyStage(server)


@pytest.mark.parametrize("step", STEPS)
def test_the_script(stage: ProsodyStage, step: str) -> None:
    assert play(stage, step) == stage.expected(step)


def test_direct_tls_is_as_good_as_starttls(stage: ProsodyStage) -> None:
    url = f"xmpps://127.0.0.1:{stage.server.tls_port}/{DOMAIN}"

    async def test() -> None:
        async with Play(stage, "direct").device("phone", XmppTransport(url, ssl=stage.server.trusting())) as phone:
            await phone.log_in()
            assert phone.shown() == LOGIN

    stage.add_account("direct", TOKEN)
    aio.run(test())


def test_a_certificate_that_is_not_trusted_leaves_the_saved_login_alone(stage: ProsodyStage) -> None:
    shelf = Shelf()
    stranger = XmppTransport(f"xmpp://127.0.0.1:{stage.port}/{DOMAIN}")

    async def test() -> None:
        async with Play(stage, "trusting").device("phone", shelf=shelf) as phone:
            await phone.log_in()
        options = SDKOptions(device_id="phone", backoff_base=0.1, backoff_cap=0.2)
        async with AuthService(stranger, MemoryStore(shelf), options) as auth:
            assert await auth.initialize() is None
            failed = await anext(event async for event in auth.auth_status if event.reason is not None)
            assert failed.will_retry
            assert "is not trusted" in failed.text
        assert shelf.login is not None

    stage.add_account("trusting", TOKEN)
    aio.run(test())


def test_whose_token_is_changed_is_told_at_once_and_logs_in_no_more(stage: ProsodyStage) -> None:
    async def test() -> None:
        async with Play(stage, "changed").device("phone") as phone:
            await phone.log_in()
            await asyncio.to_thread(stage.add_account, "changed", NEW_TOKEN)
            await phone.ended()
            (told,) = [event for event in phone.events if event.code == Code.NET]
            assert (told.reason, told.text) == (Reason.NET, "reset: Password changed")
            assert phone.events[-1].reason is Reason.CREDENTIALS

    stage.add_account("changed", TOKEN)
    aio.run(test())


def test_a_client_that_is_not_one_of_ours_is_listed_and_refuses_a_kick(stage: ProsodyStage) -> None:
    async def test() -> None:
        async with Play(stage, "mixed").device("phone") as phone:
            await phone.log_in()
            other = await asyncio.create_subprocess_exec(
                sys.executable, "-c", OTHER, str(stage.port), TOKEN, stdin=PIPE, stdout=DEVNULL
            )
            try:
                await phone.until(lambda: phone.others == {"other"}, "the other client")
                with pytest.raises(KickRefused, match="feature-not-implemented"):
                    await phone.auth.kick_out_other_online_client(phone.auth.online_clients.value[0])
                assert phone.others == {"other"}
            finally:
                other.kill()
                await other.wait()

    stage.add_account("mixed", TOKEN)
    aio.run(test())


OTHER = """
import asyncio, slixmpp, sys
client = slixmpp.ClientXMPP("mixed@localhost/other", sys.argv[2])
client.enable_starttls, client.enable_direct_tls, client.enable_plaintext = False, False, True
client["feature_mechanisms"].unencrypted_scram = True
client.add_event_handler("session_start", lambda _: client.send_presence())
client.connect("127.0.0.1", int(sys.argv[1]))
asyncio.get_event_loop().run_forever()
"""
"""slixmpp as it comes."""


def test_the_page_shows_what_is_expected_and_seen() -> None:
    page = (Path(__file__).parents[3] / "docs/xmpp.md").read_text(encoding="utf-8")
    shown = table(Prosody=ProsodyStage, ejabberd=EjabberdStage)
    assert shown in page, f"docs/xmpp.md is to have this table:\n{shown}"
