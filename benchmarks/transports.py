"""A login, and a session that is online and idle, beside the bare library of each wire, against a server on loopback.

Everything goes in plain TCP: a TLS handshake costs both alike, and would hide what a transport adds. The reference
server, Prosody and Mosquitto run in processes of their own.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import logging
import os
import shutil
import ssl
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from functools import partial
from itertools import islice
from typing import Any, Final

from attrs import frozen

from nimauth.service import AuthService, SDKOptions
from nimauth.transports.base import LinkFailed, LoginRequest, Transport
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.states import Attempt

from .measure import Seconds, interleaved
from .report import Section, Target

HOST: Final = "127.0.0.1"
TOKEN: Final = "a-token-of-no-use"
DEVICE: Final = "device"
LOGINS: Final = 20
"""In one measurement, one after the other."""
REST: Final = 0.002
"""Seconds between two of them: the server is done with the last one."""
IDLE: Final = 40
"""Sessions, each of an account of its own, whose memory is measured while they are online."""
FIRST: Final = 3
"""Sessions before those: what the first ones share is not theirs."""
SETTLE: Final = 0.3
"""Seconds in which the signals that follow a login have come."""
ACCOUNTS: Final = [f"account{number}" for number in range(FIRST + IDLE)]
LOGINS_OF: Final = {account: LoginInfo(account, TOKEN) for account in ACCOUNTS}
REQUESTS: Final = {a: LoginRequest(login, Attempt.MANUAL, DEVICE) for a, login in LOGINS_OF.items()}

Login = Callable[[str], AbstractAsyncContextManager[object]]
"""Logs an account in: it is online inside the context, and gone after it."""


@frozen
class Wire:
    """A server, and who logs in to it."""

    name: str
    library: str
    most: float
    """So many times as long as with the bare library a login may take."""
    needs: Sequence[str]
    """The modules and the programs that must be installed."""
    serve: Callable[[], AbstractContextManager[tuple[dict[str, Login], Transport]]]
    """Runs the server. Gives how the bare library logs in, maybe in more ways than one, and our transport."""

    @property
    def missing(self) -> str:
        """What is not installed, if anything."""
        path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
        there = (shutil.which(name, path=path) or importlib.util.find_spec(name) for name in self.needs)
        return next((name for name, found in zip(self.needs, there, strict=True) if not found), "")


def section(rounds: int) -> Section:
    """Milliseconds of a login and bytes of an idle session, for each wire whose server is there."""
    rows: list[list[str | float | None]] = []
    targets: list[Target] = []
    for wire in WIRES:
        if wire.missing:
            rows.append([wire.name, f"{wire.missing} is not installed", None, None, None])
            continue
        with wire.serve() as (bare, transport), asyncio.Runner() as runner:
            contenders = bare | {
                f"nimauth, {wire.name}": partial(by_link, transport),
                f"nimauth, {wire.name}, with the service": partial(by_service, transport),
            }
            tasks = {name: partial(_seconds, runner, login) for name, login in contenders.items()}
            taken = interleaved(tasks, wire.library, rounds)
            memory = {name: runner.run(_bytes(login)) for name, login in contenders.items()}
        base = memory[wire.library]
        rows += [[c, taken[c].value * 1e3, taken[c].ratio, memory[c], memory[c] / base] for c in contenders]
        what = f"a login with our {wire.name} transport, to one with {wire.library} alone"
        targets.append(Target(what, taken[f"nimauth, {wire.name}"].ratio, wire.most))
    return Section(
        "A login on loopback, and a session that is online and idle",
        ("", "ms/login", "x library", "bytes/session", "x library's"),
        rows,
        targets,
    )


def _seconds(runner: asyncio.Runner, login: Login) -> Seconds:
    gc.collect()
    gc.disable()
    try:
        return runner.run(_log_in(login))
    finally:
        gc.enable()


async def _log_in(login: Login) -> Seconds:
    taken = 0.0
    for account in islice(ACCOUNTS, LOGINS):
        async with AsyncExitStack() as session:
            began = time.perf_counter()
            await session.enter_async_context(login(account))
            taken += time.perf_counter() - began
        await asyncio.sleep(REST)
    return taken / LOGINS


async def _bytes(login: Login) -> float:
    """What tracemalloc finds held for each session. (TLS, which it cannot see, is not used.)"""
    async with AsyncExitStack() as sessions:
        for account in ACCOUNTS[:FIRST]:
            await sessions.enter_async_context(login(account))
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for account in ACCOUNTS[FIRST:]:
                await sessions.enter_async_context(login(account))
            await asyncio.sleep(SETTLE)
            gc.collect()
            return (tracemalloc.get_traced_memory()[0] - before) / IDLE
        finally:
            tracemalloc.stop()


# -- ours --------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def by_link(transport: Transport, account: str) -> AsyncIterator[None]:
    """The transport alone: its link, and somebody who listens to it."""
    link = await transport.open()
    await link.login(REQUESTS[account])
    listening = asyncio.create_task(_listen(link.signals()))
    try:
        yield
    finally:
        with suppress(LinkFailed):
            await link.logout()
        await link.close()
        await listening


async def _listen(news: AsyncIterable[object]) -> None:
    async for _ in news:
        pass


@asynccontextmanager
async def by_service(transport: Transport, account: str) -> AsyncIterator[None]:
    """All of it, as a host uses it."""
    async with AuthService(transport, None, SDKOptions(device_id=DEVICE)) as auth:
        await auth.initialize(auto_login=False)
        await auth.login(LOGINS_OF[account])
        yield
        await auth.logout()


# -- WebSocket ---------------------------------------------------------------------------------------------------------


@contextmanager
def reference_server() -> Iterator[tuple[dict[str, Login], Transport]]:
    """nimauth's own: this module, run as a program."""
    from nimauth.transports.websocket import WebSocketTransport

    command = [sys.executable, "-m", __spec__.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        yield {"websockets": partial(bare_websocket, url)}, WebSocketTransport(url)
        server.communicate()


async def serve() -> None:
    """Run the reference server until the end of input."""
    from nimauth.server import Server
    from nimauth.server.command import standard_input
    from nimauth.server.protocol import Limits

    # Its guards against crowds would take the benchmark for one.
    server = Server(limits=Limits(logins_per_window=10**9, messages_per_second=1e9, message_burst=10**9))
    for account in ACCOUNTS:
        server.add_account(account, TOKEN)
    async with server:
        print(server.url, flush=True)
        await standard_input().read()


@asynccontextmanager
async def bare_websocket(url: str, account: str) -> AsyncIterator[None]:
    """With the settings that our transport has, and the least that the protocol asks for."""
    from websockets.asyncio.client import connect

    login = {"op": "login", "version": 1, "app_key": "demo", "account": account, "token": TOKEN, "attempt": "manual"}
    async with connect(url, compression=None, proxy=None, ping_interval=None) as ws:
        await ws.recv()
        await ws.send(json.dumps(login | {"device_id": DEVICE}))
        answer = json.loads(await ws.recv())
        assert answer["op"] == "accepted", answer
        listening = asyncio.create_task(_listen(ws))
        yield
    await listening


# -- XMPP --------------------------------------------------------------------------------------------------------------


@contextmanager
def prosody() -> Iterator[tuple[dict[str, Login], Transport]]:
    """Prosody, which lets clients stay in plain text."""
    from nimauth.transports.xmpp import XmppTransport
    from nimauth.transports.xmpp.transport import Tls
    from tests.transports.real.servers import DOMAIN, Prosody

    for noisy in ("slixmpp", "asyncio"):  # a slixmpp client leaves a task behind, of which asyncio complains
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    with Prosody() as server:
        for account in ACCOUNTS:
            server.add_account(account, TOKEN)
        transport = XmppTransport(f"xmpp://{HOST}:{server.port}/{DOMAIN}", tls=Tls.NONE)
        context = ssl.create_default_context()  # slixmpp would load the system's certificates for each client
        yield {"slixmpp": partial(bare_slixmpp, server.port, DOMAIN, context)}, transport


@asynccontextmanager
async def bare_slixmpp(port: int, domain: str, context: ssl.SSLContext, account: str) -> AsyncIterator[None]:
    """Up to its `session_start`; neither roster nor presence is asked for, which our transport does."""
    from slixmpp import ClientXMPP

    client: Any = ClientXMPP(f"{account}@{domain}/{DEVICE}", TOKEN, ssl_context=context)
    client.enable_starttls = client.enable_direct_tls = False
    client.enable_plaintext = client.plugin["feature_mechanisms"].unencrypted_scram = True
    online = asyncio.get_running_loop().create_future()
    client.add_event_handler("session_start", online.set_result)
    client.connect(HOST, port)
    await online
    try:
        yield
    finally:
        await client.disconnect()


# -- MQTT --------------------------------------------------------------------------------------------------------------


@contextmanager
def mosquitto() -> Iterator[tuple[dict[str, Login], Transport]]:
    """Mosquitto, which takes logins without TLS as well."""
    from nimauth.transports.mqtt import MqttTransport
    from tests.transports.real.servers import Mosquitto

    with Mosquitto() as server:
        for account in ACCOUNTS:
            server.add_account(account, TOKEN)
        bare: dict[str, Login] = {
            "paho-mqtt": partial(bare_paho, server.port),
            "paho-mqtt, blocking": partial(blocking_paho, server.port),
        }
        yield bare, MqttTransport(f"mqtt://{HOST}:{server.port}")


@asynccontextmanager
async def bare_paho(port: int, account: str) -> AsyncIterator[None]:
    """On the event loop, as paho's own example for asyncio does it; only its connecting blocks."""
    loop, client = asyncio.get_running_loop(), paho(account)
    client.on_socket_open = lambda _c, _u, sock: loop.add_reader(sock, client.loop_read)
    client.on_socket_close = lambda _c, _u, sock: loop.remove_reader(sock)
    client.on_socket_register_write = lambda _c, _u, sock: loop.add_writer(sock, client.loop_write)
    client.on_socket_unregister_write = lambda _c, _u, sock: loop.remove_writer(sock)
    online = loop.create_future()
    client.on_connect = lambda *_: online.set_result(None)
    client.connect(HOST, port)
    await online
    try:
        yield
    finally:
        hang_up(client)


@asynccontextmanager
async def blocking_paho(port: int, account: str) -> AsyncIterator[None]:
    """In a loop of its own, in which nothing else of the program runs."""
    client = paho(account)
    client.connect(HOST, port)
    while not client.is_connected():
        client.loop()
    try:
        yield
    finally:
        hang_up(client)


def paho(account: str) -> Any:
    """A client that is not connected yet."""
    from paho.mqtt import client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"{account}/{DEVICE}", protocol=mqtt.MQTTv5)
    client.username_pw_set(account, TOKEN)
    return client


def hang_up(client: Any) -> None:
    """Disconnect, and wait until the server has closed."""
    client.disconnect()
    while client.loop() == 0:
        pass


SERVERS: Final = ("pytest", "trustme")
"""What tests/transports/real/servers.py needs."""

WIRES: Final = (
    Wire("WebSocket", "websockets", 1.05, ("websockets",), reference_server),
    Wire("XMPP", "slixmpp", 1.10, ("slixmpp", "prosody", *SERVERS), prosody),
    Wire("MQTT", "paho-mqtt", 1.3, ("paho", "mosquitto", "mosquitto_ctrl", *SERVERS), mosquitto),
)


if __name__ == "__main__":
    asyncio.run(serve())
