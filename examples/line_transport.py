"""A transport in one module: JSON objects, one a line, over TCP. docs/transports.md explains it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from attrs import define, field, frozen

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
from nimauth.vocabulary.reasons import Reason, reason_of


@define(eq=False)
class LineLink:
    """One connection."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter = field(repr=False)
    _kicks: deque[asyncio.Future[None]] = field(factory=deque)
    """What kicks wait for. The wire is ordered: the first answer is the first kick's, even if that was given up."""
    _token: str = field(default="", repr=False)
    """A server might say it back to us."""

    async def login(self, request: LoginRequest) -> Accepted:
        login = request.login
        self._token = login.token
        await self._send(op="login", account=login.account, token=login.token, device=request.device_id)
        message = await self._receive()
        if message.get("op") != "accepted":
            raise LoginRefused(*self._why(message))
        return Accepted(self._words(message.get("client")))

    async def signals(self) -> AsyncIterator[Signal]:
        try:
            while True:
                message = await self._receive()
                match message:
                    case {"op": "sync", "done": done}:
                        yield SyncFinished() if done else SyncStarted()
                    case {"op": "clients", "clients": list(names)}:
                        yield OnlineClients(tuple(OnlineClient(self._words(name)) for name in names))
                    case {"op": "kicked"}:  # read when whoever listens has read the list before it, and wants the next
                        self._answer_kick(None)
                    case {"op": "not_kicked"}:
                        self._answer_kick(KickRefused(*self._why(message)))
                    case {"op": "ended"}:
                        yield Ended(*self._why(message))
                        return
        except LinkFailed as failed:
            yield Ended(failed.reason, failed.code, failed.text)
        finally:
            while self._kicks:
                self._answer_kick(LinkFailed(Reason.NET, 415, "the link ended before the kick was answered"))

    async def kick(self, client: OnlineClient) -> None:
        self._kicks.append(answer := asyncio.get_running_loop().create_future())
        answer.add_done_callback(lambda _: answer.cancelled() or answer.exception())  # the link may end before it waits
        try:
            async with asyncio.timeout(10):
                await self._send(op="kick", client=client.client_id)
                await answer  # signals() hears it
        except TimeoutError:
            raise LinkFailed(Reason.NET, 408, "the server did not answer the kick; try again") from None

    def _answer_kick(self, error: Exception | None) -> None:
        if not self._kicks or (answer := self._kicks.popleft()).done():
            return  # nobody waits for it any more
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    async def logout(self) -> None:
        await self._send(op="logout")

    async def close(self) -> None:
        self._writer.transport.abort()  # nothing to flush that anybody waits for, and it cannot hang

    async def _send(self, **message: str) -> None:
        try:
            self._writer.write(json.dumps(message).encode() + b"\n")
            await self._writer.drain()
        except OSError as exc:
            raise LinkFailed(Reason.NET, 415, "the connection is lost; try again") from exc

    async def _receive(self) -> dict[str, Any]:
        try:
            line = await self._reader.readline()
            if line and isinstance(message := json.loads(line), dict):
                return message
        except (
            OSError,
            ValueError,
            RecursionError,
        ):  # ValueError: no JSON, no UTF-8, or longer than the reader's limit
            pass
        raise LinkFailed(Reason.NET, 415, "the server closed the connection or sent garbage; try again") from None

    def _why(self, message: dict[str, Any]) -> tuple[Reason, int, str]:
        """The wire's own code and words, and the neutral reason that the code stands for."""
        code, text = message.get("code"), self._words(message.get("text"))
        return (reason_of(code), code, text) if type(code) is int else (Reason.NET, 415, text)

    def _words(self, text: object) -> str:
        """What the server says, fit to be shown: printable, without the token, and not too long."""
        words = text if isinstance(text, str) else ""
        if self._token:
            words = words.replace(self._token, "***")
        return "".join(c if c.isprintable() else " " for c in words)[:200]


@frozen
class LineTransport:
    """Opens links to HOST:PORT."""

    host: str
    port: int

    async def open(self) -> LineLink:
        try:
            async with asyncio.timeout(10):
                return LineLink(*await asyncio.open_connection(self.host, self.port, limit=2**16))
        except OSError as exc:  # a TimeoutError is one, too
            text = f"cannot connect to {self.host}:{self.port}; check the address and that the server runs"
            raise LinkFailed(Reason.NET, 415, text) from exc
        except (ValueError, OverflowError) as exc:  # what asyncio says of a host name or a port that is none
            text = "the server's address is not usable; give a host name, and a port of 1 to 65535"
            raise LinkFailed(Reason.INVALID, 414, text) from exc
