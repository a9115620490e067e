"""The fake SDK, and the server behind it: the test says what happens, and hears what the SDK was told."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from nimauth.transports.base import LoginRequest
from nimauth.transports.nim import NimTransport
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.states import Attempt

TOKENS = {"a": "sesame-of-a-7731", "b": "parsley-of-b-9904"}
HERE = Path(__file__).parent


def install(directory: Path, sdk: str = "fake_sdk.mjs") -> Path:
    """Put the fake SDK where npm would put the real one."""
    package = directory / "node_modules" / "nim-web-sdk-ng"
    (package / "dist" / "nodejs").mkdir(parents=True)
    (directory / "children").mkdir()
    shutil.copy(HERE / sdk, package / "dist" / "nodejs" / "nim.js")
    (package / "package.json").write_text('{"name": "nim-web-sdk-ng", "version": "10.9.77-alpha.4", "type": "module"}')
    ws = directory / "node_modules" / "ws"
    ws.mkdir()
    (ws / "package.json").write_text('{"name": "ws", "version": "8.18.0"}')
    return directory


def children(directory: Path) -> list[int]:
    """The children that have loaded the fake SDK and are still there."""
    found = [int(name) for name in os.listdir(directory / "children")]
    return [pid for pid in found if alive(pid)]


def alive(pid: int) -> bool:
    """Whether there is such a process; one that nobody has reaped counts."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def request(account: str = "a", token: str | None = None, **more: Any) -> LoginRequest:
    forced = more.pop("forced", False)
    token = TOKENS[account] if token is None else token
    return LoginRequest(LoginInfo(account, token, **more), Attempt.MANUAL, "device", forced)


@define(eq=False)
class FakeServer:
    """What the fake SDK connects to."""

    directory: Path
    """Where it is installed."""
    port: int = 0
    heard: list[dict[str, Any]] = field(factory=list)
    """What came, in order."""
    sessions: list[asyncio.StreamWriter] = field(factory=list)
    """Who is online; the newest is the last."""
    refusals: list[dict[str, Any]] = field(factory=list)
    """How the next logins are refused."""
    others: list[str] = field(factory=list)
    delay: int = 20
    """How many milliseconds the SDK waits before it reconnects."""
    rubbish: bytes = b""
    """What the child says on its standard output in place of the answer to the next login."""
    silent: bool = False
    """It answers no login and no kick."""
    lingers: bool = False
    """A client that is kicked goes on being listed."""
    flooded: asyncio.Event = field(factory=asyncio.Event)
    gone: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(factory=set)
    _news: asyncio.Event = field(factory=asyncio.Event)

    async def listen(self) -> None:
        """Take connections (again)."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse_connections(self) -> None:
        """Take none any more."""
        assert self._server is not None
        self._server.close()

    def transport(self, **options: Any) -> NimTransport:
        url = f"127.0.0.1:{self.port}"
        return NimTransport(
            "0123456789abcdef",
            sdk=self.directory,
            lbs_urls=["http://127.0.0.1:9/lbs"],
            link_url=url,
            link_ssl=False,
            **options,
        )

    @property
    def ops(self) -> list[str]:
        """What came, without details."""
        return [message["op"] for message in self.heard]

    async def until(self, op: str, times: int = 1) -> dict[str, Any]:
        """Wait until this came so often; give the last."""
        async with asyncio.timeout(10):
            while Counter(self.ops)[op] < times:
                self._news.clear()
                await self._news.wait()
        return [message for message in self.heard if message["op"] == op][-1]

    def say(self, op: str, **details: Any) -> None:
        """To the newest session."""
        self._say(self.sessions[-1], op, **details)

    def emit(self, name: str, *heard: Any) -> None:
        """Have the SDK of every connection, logged in or not, tell its listeners this."""
        for writer in self._writers:
            self._say(writer, "emit", name=name, heard=heard)

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def raw(self, data: bytes) -> None:
        """Have the child say this on its standard output."""
        self.say("raw", data=base64.b64encode(data).decode())

    async def flood(self, data: bytes) -> None:
        """The same, and wait until it was taken."""
        if not self.sessions:
            raise ConnectionResetError("the client is gone")
        self.flooded.clear()
        self.say("flood", data=base64.b64encode(data).decode())
        await self.flooded.wait()

    def _say(self, writer: asyncio.StreamWriter, op: str, **details: Any) -> None:
        if not writer.is_closing():
            writer.write(json.dumps({"op": op, **details}).encode() + b"\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            async for line in reader:
                message = json.loads(line)
                self.heard.append(message)
                self._news.set()
                self._answer(writer, message)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            if writer in self.sessions:
                self.sessions.remove(writer)
            writer.close()
            self.gone += 1
            self.flooded.set()

    def _answer(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        if message["op"] == "flooded":
            self.flooded.set()
        if self.silent:
            return
        match message:
            case {"op": "login"} if self.rubbish:
                self._say(writer, "raw", data=base64.b64encode(self.rubbish).decode())
                self.rubbish = b""
            case {"op": "login"} if self.refusals:
                self._say(writer, "refused", **self.refusals.pop(0))
            case {"op": "login", "account": account, "token": token} if TOKENS.get(account) != token:
                self._say(writer, "refused", code=102302, text="bad token")
            case {"op": "login"}:
                self.sessions.append(writer)
                self._say(writer, "accepted", client="me", delay=self.delay, others=self.others)
            case {"op": "kick", "client": client} if client in self.others:
                self._say(writer, "kicked")
                if not self.lingers:
                    self.others.remove(client)
                    self._say(writer, "clients", clients=self.others)
            case {"op": "kick"}:
                self._say(writer, "not_kicked", code=192006, text="request failed")
            case _:
                pass

    async def close(self) -> None:
        """End it, and whatever child is left."""
        if self._server is not None:
            self._server.close()
        for pid in children(self.directory):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.cut()
        async with asyncio.timeout(5):
            while self._writers:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@asynccontextmanager
async def fake_nim(directory: Path) -> AsyncIterator[FakeServer]:
    """The fake SDK in this directory, and its server."""
    if not (directory / "children").is_dir():
        install(directory)
    server = FakeServer(directory)
    await server.listen()
    try:
        yield server
    finally:
        await server.close()
