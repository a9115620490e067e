"""The NIM transport under the conformance suite. Its wire is the child's standard input and output.

What happens to a wire happens to the child here: it is killed, stopped, made to talk rubbish. Behind it stands the fake
SDK. What no child can show: a connection that is refused belongs to the login (`unreachable`), and the SDK hides the
operating system's error (`errno`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from nimauth.conformance import TransportConformance, World
from nimauth.conformance.transport import Said, Within
from nimauth.transports.base import LoginRequest, OnlineClients, Transport
from nimauth.vocabulary.reasons import Reason

from .fake import FakeServer, children, fake_nim, request
from .tools import needs_node

REFUSED = {
    Reason.CREDENTIALS: 102302,
    Reason.FORBIDDEN: 422,
    Reason.VERSION: 201,
    Reason.BUSY: 503,
    Reason.INVALID: 414,
    Reason.ALREADY_ONLINE: 417,
}
KICKED = {Reason.DISPLACED: 1, Reason.KICKED_BY_SERVER: 2, Reason.KICKED_BY_CLIENT: 3}
LOST = {Reason.FORBIDDEN: 422, Reason.CREDENTIALS: 302, Reason.BUSY: 503}

SYNC = b'{"event":"dataSync","value":{"type":1,"state":3}}\n'


class NimWorld(World):
    def __init__(self, nim: FakeServer) -> None:
        self.nim = nim
        self.stalled = False

    async def transport(self) -> Transport:
        return self.nim.transport(
            start_timeout=2, login_timeout=1, timeout=0.6, close_timeout=1, heartbeat=0.3, grace=0.05
        )

    async def request(self) -> LoginRequest:
        return request()

    async def another(self) -> LoginRequest:
        return request("b")

    async def refuse(self, reason: Reason, words: str) -> Said:
        self.nim.refusals.append({"code": REFUSED[reason], "text": words})
        return Said(REFUSED[reason], words)

    async def end(self, reason: Reason, words: str) -> Said:
        if reason in KICKED:
            self.nim.say("end", reason=KICKED[reason], text=words, order="kick" if len(words) % 2 else "status")
            return Said(text=words)
        self.nim.say("lose", code=LOST[reason], text=words)
        return Said(LOST[reason], words)

    async def cut(self, gently: bool) -> None:
        if gently and self.nim.sessions and not self.stalled:
            self.nim.cut()
        else:
            self._signal(signal.SIGKILL)

    async def stall(self) -> None:
        self.stalled = True
        (self.nim.directory / "stalled").touch()
        self._signal(signal.SIGSTOP)

    async def garble(self, rubbish: bytes) -> None:
        if self.nim.sessions:
            self.nim.raw(rubbish)
        else:
            self.nim.rubbish = rubbish

    async def flood(self, endless: bool) -> None:
        await self.nim.flood(b"x" * 65_000 if endless else SYNC * (65_000 // len(SYNC)))

    async def sync(self, finished: bool) -> None:
        self.nim.say("sync", state=3 if finished else 2)

    async def join(self) -> str:
        self.nim.others.append(f"client {len(self.nim.others)}")
        self.nim.say("clients", clients=self.nim.others)
        return self.nim.others[-1]

    async def received(self) -> Sequence[str]:
        return self.nim.ops

    def _signal(self, number: int) -> None:
        for pid in children(self.nim.directory):
            os.kill(pid, number)


class NimConformance(TransportConformance):
    login_reasons = tuple(REFUSED)
    online_reasons = (*KICKED, *LOST)
    # Whether and when NIM's servers tell of a client that was kicked cannot be tried without an account.
    cannot = ("leave", "unreachable", "errno")
    sees = ("login", "kick", "logout")
    greets = (OnlineClients,)
    within = Within(open=3, login=1, kick=0.6, logout=0.6, close=1, silence=0.6)
    patience = 0.05
    soon = 3.0
    examples = 15

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        needs_node()
        with tempfile.TemporaryDirectory() as directory:
            async with fake_nim(Path(directory)) as nim:
                nim.delay = 60_000  # what the SDK does by itself is looked at in test_reconnecting
                yield NimWorld(nim)
                # A close that is cancelled has killed its child, which is reaped a moment later.
                async with asyncio.timeout(5):
                    while children(nim.directory):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
            # Python 3.11 reaps each child in a thread, which ends a moment after it has told of it.
            for thread in threading.enumerate():
                if thread.name.startswith("asyncio-waitpid"):
                    thread.join(1)


class TestNimTransport(NimConformance):
    pass
