"""The XMPP transport under the conformance suite: Prosody, and a proxy before it that says what Prosody never did.

In plain text, so that what is put in is rubbish to XMPP. (test_prosody_conformance_tls does it over TLS.)
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import Any, ClassVar

import pytest

from nimauth.conformance import TransportConformance, World
from nimauth.conformance.transport import Said, Within
from nimauth.conformance.transport.proxy import Proxy, ProxyWorld
from nimauth.transports.base import Link, LoginRequest, SyncFinished, SyncStarted, Transport
from nimauth.transports.xmpp import Tls, XmppTransport
from nimauth.transports.xmpp.words import quoted
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import Attempt

from .servers import DOMAIN, Prosody

TOKEN = "correct-horse-battery"

SASL = {
    Reason.CREDENTIALS: "not-authorized",
    Reason.FORBIDDEN: "account-disabled",
    Reason.BUSY: "temporary-auth-failure",
    Reason.VERSION: "mechanism-too-weak",
    Reason.INVALID: "malformed-request",
    Reason.UNKNOWN: "something-that-nobody-documented",
}
STREAM = {
    Reason.DISPLACED: "conflict",
    Reason.KICKED_BY_SERVER: "policy-violation",
    Reason.FORBIDDEN: "not-authorized",
    Reason.VERSION: "unsupported-version",
    Reason.BUSY: "resource-constraint",
    Reason.NET: "system-shutdown",
}


class HearingProxy(Proxy):
    """Knows what it has passed on to the client."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.told = bytearray()

    async def _pump(self, reader: Any, writer: asyncio.StreamWriter, *, close: bool) -> None:
        hearing: Any = Hearing(reader, self.told) if close else reader
        await super()._pump(hearing, writer, close=close)


class Hearing:
    """A reader that knows that what it gave is passed on when it is asked for more."""

    def __init__(self, reader: asyncio.StreamReader, told: bytearray) -> None:
        self.reader, self.told, self.last = reader, told, b""

    async def read(self, size: int) -> bytes:
        self.told += self.last
        self.last = await self.reader.read(size)
        return self.last


class ProsodyWorld(ProxyWorld):
    piece = b"x" * 1_000

    def __init__(self, server: Prosody, proxy: HearingProxy, account: str, tls: Tls, trust: SSLContext) -> None:
        self.server, self.proxy, self.account = server, proxy, account
        self.told = proxy.told
        self.tls, self.trust = tls, trust
        self.newest = account
        self.began = False
        self.devices: list[str] = []
        address = f"{account}@{DOMAIN}/one of many"
        self.chatter = f"<presence from='{address}'><status>{'x' * 10_000}</status></presence>".encode()
        self.links: list[Link] = []
        self.listeners: list[asyncio.Task[None]] = []

    async def transport(self) -> Transport:
        return self._to(self.proxy.port)

    def _to(self, port: int) -> XmppTransport:
        url = f"xmpp://127.0.0.1:{port}/{DOMAIN}"
        return XmppTransport(url, tls=self.tls, ssl=self.trust, heartbeat=0.3, timeout=0.6, close_timeout=0.3)

    async def request(self) -> LoginRequest:
        return self._request(self.account, "phone")

    def _request(self, account: str, device: str) -> LoginRequest:
        self.server.add_account(account, TOKEN)
        return LoginRequest(LoginInfo(account, TOKEN), Attempt.MANUAL, device)

    async def another(self) -> LoginRequest:
        self.newest = f"{self.account}-another"
        return self._request(self.newest, "phone")

    async def refuse(self, reason: Reason, words: str) -> Said:
        text = f"<text>{quoted(words)}</text>" if words else ""
        failure = f"<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{SASL[reason]}/>{text}</failure>"
        self.proxy.inject(failure.encode())
        return Said(text=words)

    async def end(self, reason: Reason, words: str) -> Said:
        await self._has_told_everything()
        words = "" if reason is Reason.DISPLACED else words  # other words with it mean something else
        text = f"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{quoted(words)}</text>" if words else ""
        condition = f"<{STREAM[reason]} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
        self.proxy.inject(f"<stream:error>{condition}{text}</stream:error></stream:stream>".encode())
        return Said(text=words)

    async def flood(self, endless: bool) -> None:
        if endless and not self.began:
            self.began = True
            await self.proxy.flood(b"<message from='x@localhost'><body>")
        await super().flood(endless)

    async def _has_told_everything(self) -> None:
        """What Prosody says by itself is not to be overtaken by what is put in."""
        devices = [f"{self.newest}@{DOMAIN}/phone", *(f"{self.account}@{DOMAIN}/{device}" for device in self.devices)]
        with contextlib.suppress(TimeoutError):  # the connection may be gone
            async with asyncio.timeout(1.0):
                while not all(f"from='{device}'".encode() in self.told for device in devices):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

    async def join(self) -> str:
        device = f"desk {len(self.links)}"
        self.devices.append(device)
        link = await self._to(self.server.port).open()
        self.links.append(link)
        await link.login(self._request(self.account, device))
        self.listeners.append(asyncio.create_task(self._listen(link)))
        return device

    async def _listen(self, link: Link) -> None:
        async for _ in link.signals():
            pass
        await link.close()  # as a client does that was kicked

    async def leave(self) -> None:
        for link in self.links:
            await link.close()
        if self.listeners:
            await asyncio.wait(self.listeners)


accounts = itertools.count()


class TestXmppTransport(TransportConformance):
    login_reasons = tuple(SASL)
    online_reasons = tuple(STREAM)
    # Prosody cannot be made to repeat its roster.
    cannot: Collection[str] = ("sync",)
    sees = ("connect", "disconnect")
    greets = (SyncStarted, SyncFinished)
    within = Within(open=0.6, kick=0.6, logout=0.3, close=0.1, silence=0.6)
    patience = 0.05
    soon = 2.0
    examples = 15
    tls = Tls.NONE
    server: ClassVar[Prosody]
    trust: ClassVar[SSLContext]

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        async with HearingProxy(self.server.port) as proxy:
            world = ProsodyWorld(self.server, proxy, f"a{next(accounts)}", self.tls, self.trust)
            yield world
            await world.leave()


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """One for all stories: each has an account of its own."""
    with Prosody() as server:
        TestXmppTransport.server = server
        TestXmppTransport.trust = server.trusting()
        yield
