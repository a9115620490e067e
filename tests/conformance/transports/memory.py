"""A small transport that keeps its contract, over a wire in memory, and the world of that wire. Time is virtual."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final

from attrs import define, field

from nimauth.conformance import TransportConformance, World
from nimauth.conformance.transport import Said, Within
from nimauth.transports.base import (
    Accepted,
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
from nimauth.vocabulary.logins import LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import VERDICTS, Reason
from nimauth.vocabulary.states import Attempt
from tests.virtual import VirtualClockLoop

Message = dict[str, Any]

TOKENS: Final = {"a": "tok/A-7c1e9fd2ab", "b": "tok/B-ab7c1e9fd2"}
ROOM: Final = 16
"""So many messages a wire holds before the server has to wait."""
HEARTBEAT: Final = 30.0
DEADLINE: Final = 10.0


@define(eq=False)
class Wire:
    """One connection."""

    world: MemoryWorld
    queue: deque[object] = field(factory=deque)
    end: str = ""
    """How it ended: cut, gently, or closed by the client."""
    changed: asyncio.Event = field(factory=asyncio.Event)

    async def send(self, message: Message) -> None:
        """To the server."""
        await asyncio.sleep(0.01)
        if self.end:
            raise ConnectionResetError(104, "the wire is broken")
        self.world.hear(self, message)

    async def receive(self) -> object:
        """From the server; None at its end."""
        while not self.queue:
            if self.end == "cut":
                raise ConnectionResetError(104, "the wire is broken")
            if self.end:
                return None
            await self.change()
        self.changed.set()
        return self.queue.popleft()

    async def change(self) -> None:
        """Wait until the other side did something."""
        self.changed.clear()
        await self.changed.wait()

    def push(self, message: object) -> None:
        """To the client."""
        if not self.end:
            self.queue.append(message)
            self.changed.set()

    def close(self, how: str) -> None:
        """End it, from whichever side."""
        if not self.end:
            self.end = how
            self.world.log.append("disconnect")
            if how != "gently":
                self.queue.clear()
            self.changed.set()


class MemoryWorld(World):
    transport_class: type[MemoryTransport]

    def __init__(self, transport_class: type[MemoryTransport]) -> None:
        self.transport_class = transport_class
        self.log: list[str] = []
        self.wires: list[Wire] = []
        self.refusal: Message | None = None
        self.others: list[str] = []
        self.numbers = itertools.count()
        self.kicks: list[str] = []
        self.is_stalled = self.is_gone = False

    async def connect(self) -> Wire:
        """What a transport calls."""
        await asyncio.sleep(0.01)
        if self.is_gone:
            raise ConnectionRefusedError(111, "nobody is there")
        self.log.append("connect")
        self.wires.append(wire := Wire(self))
        if not self.is_stalled:
            asyncio.get_running_loop().call_later(0.01, wire.push, {"op": "hello"})
        return wire

    def hear(self, wire: Wire, message: Message) -> None:
        if self.is_stalled:
            return
        op = message["op"]
        self.log.append(op)
        if op == "login" and self.refusal is not None:
            wire.push(self.refusal)
            self.refusal = None
        elif op == "login":
            assert TOKENS[message["account"]] == message["token"]
            self.session = wire
            wire.push({"op": "accepted", "client": "me"})
        elif op == "kick":
            if not self.kicks:
                asyncio.get_running_loop().call_later(0.02, self.answer_kicks, wire)
            self.kicks.append(message["client"])
        elif op == "ping":
            wire.push({"op": "pong"})
        elif op == "logout":
            wire.close("gently")

    def answer_kicks(self, wire: Wire) -> None:
        """All in one breath, of those that were sent one soon after the other."""
        kicks, self.kicks = self.kicks, []
        for client in kicks if not self.is_stalled else ():
            if known := client in self.others:
                self.others.remove(client)
                wire.push({"op": "clients", "clients": list(self.others)})
            wire.push({"op": "kicked"} if known else {"op": "kicked", "code": 404, "text": "who is that?"})

    async def transport(self) -> MemoryTransport:
        return self.transport_class(self)

    async def request(self) -> LoginRequest:
        return LoginRequest(LoginInfo("a", TOKENS["a"]), Attempt.MANUAL, "device")

    async def another(self) -> LoginRequest:
        return LoginRequest(LoginInfo("b", TOKENS["b"]), Attempt.MANUAL, "device")

    async def refuse(self, reason: Reason, words: str) -> Said:
        self.refusal = {"op": "refused", "reason": reason, "code": 7, "text": words}
        return Said(7, words)

    async def end(self, reason: Reason, words: str) -> Said:
        self.session.push({"op": "ended", "reason": reason, "code": 8, "text": words})
        return Said(8, words)

    async def cut(self, gently: bool) -> None:
        for wire in self.wires:
            wire.close("gently" if gently else "cut")

    async def stall(self) -> None:
        self.is_stalled = True

    async def unreachable(self) -> None:
        self.is_gone = True

    async def garble(self, rubbish: bytes) -> None:
        self.wires[-1].push(rubbish)

    async def flood(self, endless: bool) -> None:
        for _ in range(2 * ROOM):
            wire = self.wires[-1]
            while len(wire.queue) >= ROOM and not wire.end:
                await wire.change()
            if wire.end:
                raise ConnectionResetError(104, "the client is gone")
            wire.push(b"" if endless else {"op": "sync", "done": True})

    async def sync(self, finished: bool) -> None:
        self.session.push({"op": "sync", "done": finished})

    async def join(self) -> str:
        self.others.append(f"client {next(self.numbers)}")
        self.session.push({"op": "clients", "clients": list(self.others)})
        return self.others[-1]

    async def received(self) -> Sequence[str]:
        return self.log


class MemoryLink:
    """Keeps the contract. Faults override a method of it."""

    longest = ROOM
    """So many pieces make the longest message."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.token = ""
        self.answers: deque[asyncio.Future[None]] = deque()
        """In the order of the kicks that were sent, those that were given up as well."""

    async def hello(self) -> None:
        if (await self.receive()).get("op") != "hello":
            raise LinkFailed(Reason.NET, 1, "the server does not say hello")

    async def login(self, request: LoginRequest) -> Accepted:
        self.token = request.login.token
        await self.send(op="login", account=request.login.account, token=self.token)
        message = await self.receive()
        match message.get("op"):
            case "accepted":
                return Accepted(self.words(message.get("client")))
            case "refused":
                raise LoginRefused(*self.why(message))
            case _:
                raise LinkFailed(Reason.NET, 1, "the server says what means nothing")

    async def signals(self) -> AsyncIterator[Signal]:
        try:
            while True:
                message = await self.receive()
                if message.get("op") == "kicked":
                    self.kicked(message)
                elif (signal := self.signal(message)) is not None:
                    yield signal
                    if isinstance(signal, Ended):
                        return
        except LinkFailed as failed:
            yield Ended(failed.reason, failed.code, failed.text)
        finally:
            while self.answers:
                self.answered(LinkFailed(Reason.NET, 1, "the link has ended"))

    def signal(self, message: Message) -> Signal | None:
        match message:
            case {"op": "sync", "done": bool(done)}:
                return SyncFinished() if done else SyncStarted()
            case {"op": "clients", "clients": list(names)}:
                return OnlineClients(tuple(OnlineClient(self.words(name)) for name in names))
            case {"op": "ended"}:
                return Ended(*self.why(message))
        return None

    async def kick(self, client: OnlineClient) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await self.send(op="kick", client=client.client_id)
                self.answers.append(answer := asyncio.get_running_loop().create_future())
                await answer
        except TimeoutError:
            raise LinkFailed(Reason.NET, 1, "nobody answers the kick") from None

    def kicked(self, message: Message) -> None:
        self.answered(KickRefused(*self.why(message)) if "code" in message else None)

    def answered(self, error: Exception | None) -> None:
        """The next kick that was sent."""
        if self.answers and not (answer := self.answers.popleft()).done():
            if error is None:
                answer.set_result(None)
            else:
                answer.set_exception(error)

    async def logout(self) -> None:
        await self.send(op="logout")

    async def close(self) -> None:
        self.wire.close("closed")

    async def send(self, **message: object) -> None:
        try:
            await self.wire.send(message)
        except OSError as exc:
            raise LinkFailed(Reason.NET, 1, "the connection is lost") from exc

    async def receive(self) -> Message:
        pinged, pieces = False, 0
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    message = await self.wire.receive()
            except TimeoutError:
                if pinged:
                    raise LinkFailed(Reason.NET, 1, "the server is silent") from None
                pinged = True
                await self.send(op="ping")
                continue
            except OSError as exc:
                raise LinkFailed(Reason.NET, 1, "the connection is lost") from exc
            pieces += message == b""
            if isinstance(message, dict) and not pieces:
                return message
            if message is None:
                raise LinkFailed(Reason.NET, 1, "the server has closed the connection")
            if message != b"" or pieces > self.longest:
                raise self.rubbish(message)

    def rubbish(self, message: object) -> LinkFailed:
        return LinkFailed(Reason.NET, 2, "the server talks rubbish")

    def why(self, message: Message) -> tuple[Reason, int, str]:
        return (
            Reason(message["reason"]) if "reason" in message else Reason.INVALID,
            message["code"],
            self.words(message["text"]),
        )

    def words(self, text: object) -> str:
        words = str(text).replace(self.token, "***") if self.token else str(text)
        return "".join(c if c.isprintable() else " " for c in words)[:200]


class MemoryTransport:
    """Keeps the contract, too."""

    link_class: ClassVar[type[MemoryLink]] = MemoryLink

    def __init__(self, world: MemoryWorld) -> None:
        self.world = world

    async def open(self) -> Any:
        try:
            async with asyncio.timeout(DEADLINE):
                link = self.link_class(await self.world.connect())
                try:
                    await link.hello()
                except BaseException:
                    link.wire.close("closed")
                    raise
                return link
        except OSError as exc:
            raise LinkFailed(Reason.NET, 1, "cannot connect") from exc


class MemoryConformance(TransportConformance):
    """The suite for a transport of this wire."""

    transport_class: type[MemoryTransport] = MemoryTransport
    login_reasons = tuple(Reason)
    online_reasons = (*VERDICTS, Reason.BUSY)
    sees: Collection[str] = ("connect", "disconnect", "login", "kick", "logout")
    within = Within(open=DEADLINE, login=2 * HEARTBEAT, kick=DEADLINE, logout=1, close=1, silence=2 * HEARTBEAT)
    soon = 20.0
    patience = 15.0

    def new_loop(self) -> asyncio.AbstractEventLoop:
        return VirtualClockLoop()

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        yield MemoryWorld(self.transport_class)
