"""The WebSocket transport under the conformance suite: the real server, with a proxy between the two."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from nimauth.conformance import TransportConformance, World
from nimauth.conformance.transport import Said, Within
from nimauth.conformance.transport.proxy import Proxy, ProxyWorld
from nimauth.server import AllAllowed, Limits, Server
from nimauth.server import protocol as wire
from nimauth.server.protocol import Kick, Login, Refused
from nimauth.server.server import Session
from nimauth.transports.base import LoginRequest, OnlineClients, SyncFinished, SyncStarted, Transport
from nimauth.transports.websocket import WebSocketLink, WebSocketTransport
from nimauth.vocabulary.reasons import VERDICTS, Reason
from tests.server.helpers import request

TOKENS = {"a": "correct-horse-battery", "b": "staple-of-another-kind"}


class RecordingServer(Server):
    """Writes down what its clients want."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.received: list[str] = []

    async def _log_in(self, session: Session, login: Login) -> None:
        if login.device.device_id == "d1":
            self.received.append("login")
        await super()._log_in(session, login)

    def _kick_by_client(self, asker: Session, kick: Kick) -> None:
        self.received.append("kick")
        super()._kick_by_client(asker, kick)

    def _offline(self, session: Session) -> None:
        if session.device.device_id == "d1":
            self.received.append("logout")
        super()._offline(session)


def frame(data: bytes, *, opcode: int = 1, final: bool = True) -> bytes:
    """A frame as servers send it."""
    return bytes([final << 7 | opcode, 127]) + len(data).to_bytes(8, "big") + data


class WebSocketWorld(ProxyWorld):
    chatter = frame(json.dumps({"op": "sync_finished", "padding": "x" * 30_000}).encode())

    def __init__(self, proxy: Proxy, server: RecordingServer) -> None:
        self.proxy, self.server = proxy, server
        self.others: list[WebSocketLink] = []
        self.newest = "a"
        self.began = False

    async def transport(self) -> Transport:
        url = f"ws://127.0.0.1:{self.proxy.port}"
        return WebSocketTransport(url, heartbeat=0.3, timeout=0.6, close_timeout=0.1)

    async def request(self) -> LoginRequest:
        return request(token=TOKENS["a"])

    async def another(self) -> LoginRequest:
        self.newest = "b"
        return request("d1", account="b", token=TOKENS["b"])

    @property
    def session(self) -> Session:
        """The newest session."""
        return next(one for one in self.server._sessions_of(self.newest) if one.device.device_id == "d1")

    async def refuse(self, reason: Reason, words: str) -> Said:
        self.server._refusals.append((None, Refused(777, words, reason)))
        return Said(777, words)

    async def end(self, reason: Reason, words: str) -> Said:
        self.session.end(Refused(778, words, reason))
        return Said(778, words)

    async def garble(self, rubbish: bytes) -> None:
        self.proxy.inject(frame(rubbish) if len(rubbish) % 2 else rubbish)

    async def flood(self, endless: bool) -> None:
        if endless:
            first, self.began = not self.began, True
            await self.proxy.flood(frame(b"x" * 60_000, opcode=int(first), final=False))
        else:
            await super().flood(endless)

    async def sync(self, finished: bool) -> None:
        self.session.say(wire.write("sync_finished" if finished else "sync_started"))

    async def join(self) -> str:
        link = await WebSocketTransport(self.server.url).open()
        self.others.append(link)
        return (await link.login(request(f"other {len(self.others)}", token=TOKENS["a"]))).client_id

    async def received(self) -> Sequence[str]:
        return [*self.proxy.received, *self.server.received]


class TestWebSocketTransport(TransportConformance):
    login_reasons = tuple(Reason)
    online_reasons = (*VERDICTS, Reason.BUSY, Reason.NET)
    sees = ("connect", "disconnect", "login", "kick")
    greets = (OnlineClients, SyncStarted, SyncFinished)
    within = Within(open=0.6, login=0.6, kick=0.6, logout=0.5, close=0.1, silence=0.6)
    patience = 0.05
    soon = 2.0
    examples = 15

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        limits = Limits(close_timeout=0.1, logins_per_window=1000)
        async with RecordingServer(policy=AllAllowed(), limits=limits) as server:
            for account, token in TOKENS.items():
                server.add_account(account, token)
            host, port = server.url.removeprefix("ws://").split(":")
            async with Proxy(host, int(port), trickle=100) as proxy:
                world = WebSocketWorld(proxy, server)
                yield world
                for link in world.others:
                    await link.close()
