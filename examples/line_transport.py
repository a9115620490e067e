"""A transport in one module: JSON objects, one a line, over TCP. docs/transports.md explains it."""

from __future__ import annotations

import asyncio
import json
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
    _kick: asyncio.Future[None] | None = None
    """The answer that a kick waits for; this wire takes one kick at a time."""

    async def login(self, request: LoginRequest) -> Accepted:
        login = request.login
        await self._send(op="login", account=login.account, token=login.token, device=request.device_id)
        message = await self._receive()
        if message.get("op") != "accepted":
            raise LoginRefused(*_why(message))
        return Accepted(str(message.get("client", "")))

    async def signals(self) -> AsyncIterator[Signal]:
        try:
            while True:
                message = await self._receive()
                match message:
                    case {"op": "sync", "done": done}:
                        yield SyncFinished() if done else SyncStarted()
                    case {"op": "clients", "clients": list(names)}:
                        yield OnlineClients(tuple(OnlineClient(str(name)) for name in names))
                    case {"op": "kicked"} if self._kick is not None and not self._kick.done():
                        self._kick.set_result(None)
                    case {"op": "not_kicked"} if self._kick is not None and not self._kick.done():
                        self._kick.set_exception(KickRefused(*_why(message)))
                    case {"op": "ended"}:
                        yield Ended(*_why(message))
                        return
        except LinkFailed as failed:
            yield Ended(failed.reason, failed.code, failed.text)
        finally:
            if self._kick is not None and not self._kick.done():
                self._kick.set_exception(LinkFailed(Reason.NET, 415, "the link ended before the kick was answered"))

    async def kick(self, client: OnlineClient) -> None:
        self._kick = asyncio.get_running_loop().create_future()
        await self._send(op="kick", client=client.client_id)
        try:
            async with asyncio.timeout(10):
                await self._kick  # signals() hears the answer
        except TimeoutError:
            raise LinkFailed(Reason.NET, 408, "the server did not answer the kick; try again") from None

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


def _why(message: dict[str, Any]) -> tuple[Reason, int, str]:
    """The wire's own code and words, and the neutral reason that the code stands for."""
    code = message.get("code")
    text = "".join(c for c in str(message.get("text", "")) if c.isprintable())[:200]
    return (reason_of(code), code, text) if isinstance(code, int) else (Reason.NET, 415, text)


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
