"""Transports with one fault each: a small edit of the one in memory, and the clause that it breaks."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Final, cast

from attrs import evolve

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
from nimauth.vocabulary.logins import OnlineClient
from nimauth.vocabulary.reasons import Reason

from .memory import DEADLINE, MemoryLink, MemoryTransport, Message, Wire

log = logging.getLogger("a.faulty.transport")

FAULTS: Final[dict[str, tuple[type[MemoryTransport], str]]] = {}
"""By name: the transport, and the clause."""


def breaks(clause: str) -> Callable[[type[Any]], type[Any]]:
    """Register a faulty link or transport."""

    def register(faulty: type[Any]) -> type[Any]:
        if issubclass(faulty, MemoryLink):
            transport: type[MemoryTransport] = type(faulty.__name__, (MemoryTransport,), {"link_class": faulty})
        else:
            transport = faulty
        FAULTS[faulty.__name__] = transport, clause
        return faulty

    return register


# -- open --------------------------------------------------------------------------------------------------------------


@breaks("T1")
class OpenLetsTheOSErrorOut(MemoryTransport):
    async def open(self) -> Any:
        link = self.link_class(await self.world.connect())
        await link.hello()
        return link


@breaks("T1")
class OpenLetsTheTimeoutOut(MemoryTransport):
    async def open(self) -> Any:
        async with asyncio.timeout(5):
            return await super().open()


@breaks("T1")
class OpenGivesNothing(MemoryTransport):
    async def open(self) -> Any:
        with contextlib.suppress(LinkFailed):
            return await super().open()


@breaks("T9")
class ARefusedConnectionIsAVerdict(MemoryTransport):
    async def open(self) -> Any:
        try:
            return await super().open()
        except LinkFailed as failed:
            raise LinkFailed(Reason.FORBIDDEN, failed.code, failed.text) from failed.__cause__


@breaks("T12")
class OpenHidesTheOSError(MemoryTransport):
    async def open(self) -> Any:
        try:
            return await super().open()
        except LinkFailed as failed:
            raise LinkFailed(failed.reason, failed.code, failed.text) from None


@breaks("T16")
class OpenHasNoDeadline(MemoryTransport):
    async def open(self) -> Any:
        try:
            wire = await self.world.connect()
        except OSError as exc:
            raise LinkFailed(Reason.NET) from exc
        try:
            await wire.receive()
        except BaseException:
            wire.close("closed")
            raise
        return self.link_class(wire)


@breaks("T19")
class OpenSwallowsItsCancellation(MemoryTransport):
    async def open(self) -> Any:
        try:
            return await super().open()
        except asyncio.CancelledError:
            raise LinkFailed(Reason.NET, 1, "it took too long") from None


@breaks("T19")
class OpenTriesAgainWhenItIsCancelled(MemoryTransport):
    async def open(self) -> Any:
        while True:
            try:
                return await super().open()
            except asyncio.CancelledError:
                continue


@breaks("T20")
class OpenThatIsCancelledStaysConnected(MemoryTransport):
    async def open(self) -> Any:
        try:
            link = self.link_class(await self.world.connect())
        except OSError as exc:
            raise LinkFailed(Reason.NET) from exc
        try:
            async with asyncio.timeout(5):
                await link.hello()
        except (OSError, LinkFailed) as exc:
            link.wire.close("closed")
            raise LinkFailed(Reason.NET) from exc
        return link


@breaks("T21")
class OpenGivesTheSameLinkAgain(MemoryTransport):
    link: Any = None

    async def open(self) -> Any:
        if self.link is None or self.link.wire.end:
            self.link = await super().open()
        return self.link


@breaks("T21")
class LinksShareTheirWire(MemoryTransport):
    wire: Wire | None = None

    async def open(self) -> Any:
        link = await super().open()
        if self.wire is not None and not self.wire.end:
            link.wire.close("closed")
            link.wire = self.wire
        self.wire = link.wire
        return link


@breaks("T25")
class OpenBlocksTheLoop(MemoryTransport):
    async def open(self) -> Any:
        time.sleep(1)  # noqa: ASYNC251
        return await super().open()


@breaks("T25")
class OpenConnectsWithoutTheLoop(MemoryTransport):
    """And waits for a word of a server that says none."""

    async def open(self) -> Any:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=1) as client,
            contextlib.suppress(TimeoutError),
        ):
            client.recv(1)
        return await super().open()


@breaks("T25")
class LoginWaitsForAThread(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        thread = threading.Thread(target=time.sleep, args=(1,))
        thread.start()
        thread.join()
        return await super().login(request)


@breaks("T25")
class LoginSetsACallbackThatBlocks(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        asyncio.get_running_loop().call_soon(self.block)
        return await super().login(request)

    def block(self) -> None:
        time.sleep(1)


@breaks("T25")
class KickWaitsForALock(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        threading.Event().wait(1)
        await super().kick(client)


@breaks("T25")
class SignalsBlocksTheLoop(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        blocks = True  # once: in a flood nothing comes between
        async for signal in super().signals():
            if blocks and isinstance(signal, SyncFinished):
                time.sleep(1)  # noqa: ASYNC251
                blocks = False
            yield signal


@breaks("T25")
class CloseBlocksTheLoop(MemoryLink):
    async def close(self) -> None:
        time.sleep(1)  # noqa: ASYNC251
        await super().close()


# -- login -------------------------------------------------------------------------------------------------------------


@breaks("T2")
class ARefusalIsALinkFailed(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except LoginRefused as refused:
            raise LinkFailed(refused.reason, refused.code, refused.text) from None


@breaks("T2")
class ABrokenConnectionIsARefusal(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except LinkFailed as failed:
            raise LoginRefused(failed.reason, failed.code, failed.text) from None


@breaks("T2")
class LoginLetsTheOSErrorOut(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except LinkFailed as failed:
            raise failed.__cause__ or failed from None


@breaks("T2")
class LoginGivesTheClientId(MemoryLink):
    async def login(self, request: LoginRequest) -> Any:
        return (await super().login(request)).client_id


@breaks("T2")
class LoginDoesNotWaitForTheAnswer(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        self.token = request.login.token
        await self.send(op="login", account=request.login.account, token=self.token)
        return Accepted()


@breaks("T2")
class LoginStumblesOverRubbish(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except LinkFailed as failed:
            raise RecursionError("too deep") if failed.code == 2 else failed from None


@breaks("T7")
class EveryRefusalIsForTheCredentials(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except LoginRefused as refused:
            raise LoginRefused(Reason.CREDENTIALS, refused.code, refused.text) from None


@breaks("T9")
class ABrokenLoginIsForTheCredentials(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except LinkFailed as failed:
            raise LinkFailed(Reason.CREDENTIALS, failed.code, failed.text) from None


@breaks("T10")
class TheWordsAreDropped(MemoryLink):
    def why(self, message: Message) -> tuple[Reason, int, str]:
        return *super().why(message)[:2], ""


@breaks("T10")
class TheCodeIsDropped(MemoryLink):
    def why(self, message: Message) -> tuple[Reason, int, str]:
        reason, _, words = super().why(message)
        return reason, 0, words


@breaks("T11")
class TheWordsHaveControlCharacters(MemoryLink):
    def words(self, text: object) -> str:
        return str(text).replace(self.token or "\n", "***")[:200]


@breaks("T11")
class TheWordsAreLong(MemoryLink):
    def words(self, text: object) -> str:
        return "".join(c for c in str(text).replace(self.token or "\n", "***") if c.isprintable())


@breaks("T16")
class LoginNoticesNoSilence(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        self.token = request.login.token
        await self.send(op="login", account=request.login.account, token=self.token)
        try:
            message = cast(Message, await self.wire.receive())
        except OSError as exc:
            raise LinkFailed(Reason.NET) from exc
        if not isinstance(message, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise LinkFailed(Reason.NET)
        if message["op"] != "accepted":
            raise LoginRefused(*self.why(message))
        return Accepted()


@breaks("T19")
class LoginTakesItsCancellationForAFailure(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except asyncio.CancelledError:
            raise LinkFailed(Reason.NET, 1, "cancelled") from None


@breaks("T22")
class ABusyServerIsAskedAgain(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        try:
            return await super().login(request)
        except LoginRefused as refused:
            if refused.reason is not Reason.BUSY:
                raise
            await asyncio.sleep(1)
            return await super().login(request)


# -- signals -----------------------------------------------------------------------------------------------------------


class Edited(MemoryLink):
    """A link that edits what signals gives."""

    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            for edited in self.edit(signal):
                yield edited

    def edit(self, signal: Signal) -> list[Any]:
        raise NotImplementedError


@breaks("T3")
class SignalsRaises(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            yield signal
            if isinstance(signal, Ended) and signal.code == 1:
                raise LinkFailed(signal.reason, signal.code, signal.text)


@breaks("T3")
class SignalsStaysWhenTheConnectionBreaks(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            if isinstance(signal, Ended) and signal.code == 1 and self.wire.end != "closed":
                while self.wire.end != "closed":
                    await self.wire.change()
            yield signal


@breaks("T3")
class SignalsStaysAfterEnded(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            yield signal
        while self.wire.end != "closed":
            await self.wire.change()


@breaks("T3")
class SignalsStumblesOverRubbish(MemoryLink):
    listening = False

    async def signals(self) -> AsyncIterator[Signal]:
        self.listening = True
        async for signal in super().signals():
            yield signal

    def rubbish(self, message: object) -> LinkFailed:
        if self.listening:
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "that is no text")
        return super().rubbish(message)


@breaks("T3")
class RubbishKillsTheReader(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            if isinstance(signal, Ended) and signal.code == 2:
                while self.wire.end != "closed":
                    await self.wire.change()
            yield signal


@breaks("T8")
class AKickIsALostConnection(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        if isinstance(signal, Ended) and signal.reason is Reason.KICKED_BY_SERVER:
            return [evolve(signal, reason=Reason.NET)]
        return [signal]


@breaks("T8")
class TheEndIsNotTold(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        return [] if isinstance(signal, Ended) else [signal]


@breaks("T9")
class ABrokenConnectionIsAVerdict(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        return [evolve(signal, reason=Reason.DISPLACED)] if isinstance(signal, Ended) and signal.code == 1 else [signal]


@breaks("T9")
class RubbishIsAVerdict(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        if isinstance(signal, Ended) and signal.code == 2:
            return [evolve(signal, reason=Reason.VERSION)]
        return [signal]


@breaks("T13")
class SignalsAreReordered(Edited):
    held: ClassVar[list[Any]] = []

    def edit(self, signal: Signal) -> list[Any]:
        if isinstance(signal, SyncStarted) and not self.held:
            self.held.append(signal)
            return []
        held = [*self.held]
        self.held.clear()
        return [signal, *held] if not isinstance(signal, Ended) else [*held, signal]


@breaks("T13")
class SignalsAreRepeated(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        return [signal, signal] if isinstance(signal, SyncFinished) else [signal]


@breaks("T13")
class SignalsAreLost(Edited):
    last: Any = None

    def edit(self, signal: Signal) -> list[Any]:
        last, self.last = self.last, type(signal)
        return [] if last is SyncStarted and isinstance(signal, SyncFinished) else [signal]


@breaks("T13")
class SignalsAreMadeUp(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        return [signal, SyncFinished()] if isinstance(signal, OnlineClients) else [signal]


@breaks("T13")
class SignalsAreNone(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        return [None, signal]


@breaks("T14")
class WhatCameBeforeIsLost(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        self.wire.queue.clear()
        async for signal in super().signals():
            yield signal


@breaks("T15")
class TwoEnds(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        return [signal, Ended(Reason.NET)] if isinstance(signal, Ended) and signal.code != 1 else [signal]


@breaks("T15")
class ASignalAfterTheEnd(Edited):
    def edit(self, signal: Signal) -> list[Any]:
        return [signal, OnlineClients(())] if isinstance(signal, Ended) else [signal]


@breaks("T17")
class SilenceIsNotNoticed(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            if isinstance(signal, Ended) and "silent" in signal.text:
                while not self.wire.end:
                    await self.wire.change()
            yield signal


@breaks("T19")
class SignalsSwallowsItsCancellation(MemoryLink):
    async def receive(self) -> Message:
        while True:
            try:
                return await super().receive()
            except asyncio.CancelledError:
                if not self.token:
                    raise


@breaks("T23")
class AnUnboundedQueue(MemoryLink):
    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self.fill())

    async def fill(self) -> None:
        try:
            while (message := await self.wire.receive()) is not None:
                self.queue.put_nowait(message)
        except OSError as exc:
            self.queue.put_nowait(exc)
        self.queue.put_nowait(None)

    async def receive(self) -> Message:
        async with asyncio.timeout(None):
            message = await self.queue.get()
        if not isinstance(message, dict):
            self.queue.put_nowait(message)
            raise LinkFailed(Reason.NET, 1, "the connection is lost")
        return cast(Message, message)

    async def close(self) -> None:
        self.task.cancel()
        await super().close()
        self.queue.put_nowait(None)


@breaks("T23")
class AMessageOfAnyLength(MemoryLink):
    longest = 1_000_000


# -- kick and logout ---------------------------------------------------------------------------------------------------


@breaks("T4")
class KickReturnsThoughItWasRefused(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        with contextlib.suppress(KickRefused):
            await super().kick(client)


@breaks("T4")
class KickIsRefusedWhenTheLinkIsGone(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        try:
            await super().kick(client)
        except LinkFailed as failed:
            raise KickRefused(failed.reason, failed.code, failed.text) from None


@breaks("T4")
class KickRaisesAValueError(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        if not client.client_id.startswith("client"):
            raise ValueError("no such client")
        await super().kick(client)


@breaks("T16")
class KickWaitsForEver(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        await self.send(op="kick", client=client.client_id)
        self.answers.append(answer := asyncio.get_running_loop().create_future())
        await answer


@breaks("T4")
class KickIsDoneBeforeTheListIsRead(MemoryLink):
    """It takes the list for its answer, before that has got to whoever reads."""

    def signal(self, message: Message) -> Signal | None:
        signal = super().signal(message)
        if isinstance(signal, OnlineClients) and self.answers and not self.answers[0].done():
            self.answers[0].set_result(None)
        return signal


@breaks("T4")
class KickIsDoneWithoutAList(MemoryLink):
    def signal(self, message: Message) -> Signal | None:
        signal = super().signal(message)
        return None if isinstance(signal, OnlineClients) and self.answers else signal


class OneKick(MemoryLink):
    """It thinks of one kick at a time, so an answer is that of whichever kick waits."""

    answer: asyncio.Future[None] | None = None

    async def kick(self, client: OnlineClient) -> None:
        answer = self.answer = asyncio.get_running_loop().create_future()
        answer.add_done_callback(lambda _: answer.cancelled() or answer.exception())
        try:
            async with asyncio.timeout(DEADLINE):
                await self.send(op="kick", client=client.client_id)
                await answer
        except TimeoutError:
            raise LinkFailed(Reason.NET, 1, "nobody answers the kick") from None
        finally:
            self.answer = None

    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            if isinstance(signal, Ended):
                self.answered(LinkFailed(Reason.NET, 1, "the link has ended"))
            yield signal

    def answered(self, error: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answers.append(self.answer)
            super().answered(error)


@breaks("T4")
class ALateAnswerIsTheNextKicks(OneKick):
    pass


@breaks("T3")
class ASecondAnswerBreaksTheSignals(OneKick):
    """Two answers come in one breath: that of a kick that was given up, and that of the kick that waits."""

    def kicked(self, message: Message) -> None:
        if self.answer is not None and "code" in message:
            self.answer.set_exception(KickRefused(*self.why(message)))
        elif self.answer is not None:
            self.answer.set_result(None)


@breaks("T3")
class ALateAnswerBreaksTheSignals(MemoryLink):
    """It knows whose answer it is, and not that a kick that was given up has one already."""

    def kicked(self, message: Message) -> None:
        if "code" in message:
            self.answers.popleft().set_exception(KickRefused(*self.why(message)))
        else:
            self.answers.popleft().set_result(None)


@breaks("T19")
class KickSwallowsItsCancellation(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await super().kick(client)


@breaks("T22")
class KickIsSentTwice(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        await super().kick(client)
        await self.send(op="kick", client=client.client_id)
        self.answers.append(asyncio.get_running_loop().create_future())


@breaks("T5")
class LogoutTellsNobody(MemoryLink):
    async def logout(self) -> None:
        await asyncio.sleep(0)


@breaks("T5")
class LogoutLetsTheOSErrorOut(MemoryLink):
    async def logout(self) -> None:
        await self.wire.send({"op": "logout"})


@breaks("T16")
class LogoutWaitsForTheServer(MemoryLink):
    async def logout(self) -> None:
        await super().logout()
        while not self.wire.end:
            await self.wire.change()


# -- close -------------------------------------------------------------------------------------------------------------


@breaks("T6")
class CloseRaisesTheSecondTime(MemoryLink):
    async def close(self) -> None:
        if self.wire.end == "closed":
            raise RuntimeError("closed already")
        await super().close()


@breaks("T6")
class CloseRaisesWhenTheLinkIsGone(MemoryLink):
    async def close(self) -> None:
        if self.wire.end == "cut":
            raise LinkFailed(Reason.NET, 1, "the connection is lost")
        await super().close()


@breaks("T6")
class CloseSaysGoodbye(MemoryLink):
    async def close(self) -> None:
        try:
            await self.send(op="bye")
        finally:
            await super().close()


@breaks("T16")
class CloseWaitsForTheServer(MemoryLink):
    async def close(self) -> None:
        if self.wire.end != "closed":
            try:
                with contextlib.suppress(LinkFailed):
                    await self.send(op="ping")
                    while self.wire.world.is_stalled and not self.wire.end:
                        await self.wire.change()
            finally:
                await super().close()


@breaks("T18")
class CloseLeavesSignalsWaiting(MemoryLink):
    async def close(self) -> None:
        await super().close()
        self.wire.changed = asyncio.Event()

    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            if isinstance(signal, Ended) and self.wire.end == "closed":
                await asyncio.Event().wait()
            yield signal


@breaks("T18")
class CloseLeavesTheKickWaiting(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        try:
            await super().kick(client)
        except LinkFailed:
            if self.wire.end == "closed":
                await asyncio.sleep(1e4)
            raise


@breaks("T19")
class CloseSwallowsItsCancellation(MemoryLink):
    async def close(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.1)
        await super().close()


@breaks("T20")
class CloseThatIsCancelledStaysConnected(MemoryLink):
    async def close(self) -> None:
        await asyncio.sleep(0.1)
        await super().close()


@breaks("T20")
class CloseDoesNothing(MemoryLink):
    async def close(self) -> None:
        self.wire.changed.set()
        self.wire.end = self.wire.end or "forgotten"


@breaks("T20")
class CloseLeavesATask(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        self.task = asyncio.create_task(asyncio.sleep(1e9))
        return await super().login(request)


@breaks("T20")
class CloseLeavesAThread(MemoryLink):
    async def hello(self) -> None:
        threading.Thread(target=threading.Event().wait, args=(20,), daemon=True).start()
        await super().hello()


@breaks("T20")
class CloseLeavesASocket(MemoryLink):
    sockets: ClassVar[list[socket.socket]] = []

    async def hello(self) -> None:
        self.sockets.append(socket.socket())
        await super().hello()


@breaks("T20")
class ASocketIsLeftToTheGarbage(MemoryLink):
    async def hello(self) -> None:
        self.me, self.socket = self, socket.socket()
        await super().hello()


@breaks("T20")
class AnExceptionIsNeverRetrieved(MemoryLink):
    async def close(self) -> None:
        if not self.wire.end:
            asyncio.get_running_loop().create_future().set_exception(LinkFailed(Reason.NET))
        await super().close()


@breaks("T22")
class ItReconnectsByItself(MemoryLink):
    async def signals(self) -> AsyncIterator[Signal]:
        async for signal in super().signals():
            if isinstance(signal, Ended) and self.wire.end == "cut":
                self.task = asyncio.get_running_loop().create_task(self.reconnect())
            yield signal

    async def reconnect(self) -> None:
        await asyncio.sleep(10)
        self.wire = await self.wire.world.connect()
        await self.send(op="login", account="a", token=self.token)


# -- secrets -----------------------------------------------------------------------------------------------------------


@breaks("T24")
class TheReprHasTheToken(MemoryLink):
    def __repr__(self) -> str:
        return f"<link {vars(self)}>"


@breaks("T24")
class TheLogHasTheToken(MemoryLink):
    async def send(self, **message: object) -> None:
        log.debug("sending %s", message)
        await super().send(**message)


@breaks("T24")
class TheLogHasTheTokenInBase64(MemoryLink):
    async def send(self, **message: object) -> None:
        log.debug("AUTH PLAIN %s", base64.b64encode(f"\0a\0{message.get('token')}".encode()).decode())
        await super().send(**message)


@breaks("T24")
class TheErrorHasTheToken(MemoryLink):
    async def send(self, **message: object) -> None:
        try:
            await super().send(**message)
        except LinkFailed as failed:
            raise LinkFailed(failed.reason, failed.code, f"cannot send {message}") from None


@breaks("T24")
class TheCauseHasTheToken(MemoryLink):
    async def send(self, **message: object) -> None:
        try:
            await super().send(**message)
        except LinkFailed as failed:
            raise failed from ValueError(message)


@breaks("T24")
class TheServersEchoComesOut(MemoryLink):
    def words(self, text: object) -> str:
        return "".join(c if c.isprintable() else " " for c in str(text))[:200]


@breaks("T24")
class TheTasksNameHasTheToken(MemoryLink):
    async def login(self, request: LoginRequest) -> Accepted:
        task = asyncio.create_task(super().login(request), name=f"login {request.login.token}")
        try:
            return await task
        finally:
            task.cancel()
