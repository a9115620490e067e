"""What the tests of the server and of its transport share: clean runs, a raw client, a server that is not ours."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, create_default_context
from typing import Any, TypeVar

import trustme
from attrs import define
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from nimauth.server import Server
from nimauth.transports.base import Accepted, LoginRequest, Signal
from nimauth.transports.websocket import WebSocketLink, WebSocketTransport
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.states import Attempt
from tests import aio

T = TypeVar("T")
Json = dict[str, Any]

TOKEN = "correct-horse-battery"


def run(test: Coroutine[Any, Any, T], deadline: float = 30.0) -> T:
    """`aio.run`, and no socket outlives it, either."""
    before = sockets()
    result = aio.run(test, deadline)
    if sockets() > before:
        gc.collect()  # where only a cycle holds them; collecting each time would cost more than the tests
    assert sockets() <= before, "sockets outlive the test"
    return result


def sockets() -> int:
    """How many sockets this process has open; 0 where there is no /proc to tell."""
    count = 0
    for entry in Path("/proc/self/fd").glob("*"):
        try:
            count += os.readlink(entry).startswith("socket:")
        except OSError:  # the glob's own descriptor
            continue
    return count


def login_message(account: str = "a", token: str = TOKEN, **values: object) -> Json:
    message: Json = {
        "op": "login",
        "version": 1,
        "app_key": "demo",
        "account": account,
        "token": token,
        "attempt": "manual",
        "device_id": "d1",
    }
    return message | values


@define
class Raw:
    """A client that says what it is told to, well formed or not."""

    ws: ClientConnection

    async def send(self, message: object) -> None:
        await self.ws.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def hear(self, op: str | None = None) -> Json:
        """The next message, or the next with this op."""
        while True:
            message: Json = json.loads(await self.ws.recv())
            if op in (None, message["op"]):
                return message

    async def closed(self) -> int:
        """Wait for the end of the connection, and give its close code (1006 when there was no close)."""
        while True:
            try:
                await self.ws.recv()
            except ConnectionClosed as exc:
                return exc.rcvd.code if exc.rcvd else 1006

    async def login(self, account: str = "a", token: str = TOKEN, **values: object) -> Json:
        """Log in and give the answer: `accepted` or `refused`."""
        await self.hear("hello")
        await self.send(login_message(account, token, **values))
        return await self.hear()


@asynccontextmanager
async def raw(server: Server, ssl: SSLContext | None = None) -> AsyncIterator[Raw]:
    options: Json = {"compression": None, "ping_interval": None, "proxy": None, "close_timeout": 1}
    ws = await connect(server.url, ssl=ssl, max_queue=None, **options)  # it takes pongs before it hears what came first
    try:
        yield Raw(ws)
    finally:
        await ws.close()


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Server]:
    """A server that knows the account `a`."""
    async with Server(**options) as server:
        server.add_account("a", TOKEN)
        yield server


@asynccontextmanager
async def stranger(speak: Callable[[ServerConnection], Awaitable[None]], **options: Any) -> AsyncIterator[str]:
    """The URL of a WebSocket server that is not ours and says what `speak` has it say."""

    async def handler(ws: ServerConnection) -> None:
        try:
            await speak(ws)
            await ws.wait_closed()
        except ConnectionClosed:
            pass

    async with serve(handler, "127.0.0.1", 0, compression=None, close_timeout=0.2, **options) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}"


def request(
    device: str = "d1",
    *,
    account: str = "a",
    token: str = TOKEN,
    attempt: Attempt = Attempt.MANUAL,
    forced: bool = False,
    **login: Any,
) -> LoginRequest:
    return LoginRequest(LoginInfo(account, token, **login), attempt, device, forced)


@define
class Online:
    """A logged-in link of the real transport, and its signals."""

    link: WebSocketLink
    accepted: Accepted
    signals: AsyncIterator[Signal]

    async def hear(self, kind: type[T]) -> T:
        """The next signal of this kind."""
        async for signal in self.signals:
            if isinstance(signal, kind):
                return signal
        raise AssertionError(f"the link ended without {kind.__name__}")


@asynccontextmanager
async def online(transport: WebSocketTransport, asked: LoginRequest | None = None) -> AsyncIterator[Online]:
    link = await transport.open()
    try:
        accepted = await link.login(asked or request())
        yield Online(link, accepted, link.signals())
    finally:
        await link.close()


async def settle() -> None:
    """Let callbacks that are due run."""
    for _ in range(5):
        await asyncio.sleep(0)


def tls(*names: str) -> tuple[SSLContext, SSLContext]:
    """A context for a server of these names, and one for clients that trust it."""
    authority, server, client = trustme.CA(), SSLContext(PROTOCOL_TLS_SERVER), create_default_context()
    authority.issue_cert(*names).configure_cert(server)
    authority.configure_trust(client)
    return server, client
