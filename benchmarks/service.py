"""A hundred thousand sessions in one process: what one of them costs, online, over an in-memory link.

python -m benchmarks.service [--sessions N] [--check]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

from nimauth.service import AuthService, SDKOptions
from nimauth.transports.base import Accepted, LoginRequest, Signal, SyncFinished, SyncStarted
from nimauth.vocabulary.logins import LoginInfo, OnlineClient
from nimauth.vocabulary.states import AuthStatus

TARGET = 6 * 1024


class Link:
    """Accepts, syncs, and then has nothing to say: the lightest link there can be, so that the service is measured."""

    __slots__ = ("_ended",)

    async def login(self, request: LoginRequest) -> Accepted:
        return Accepted()

    async def signals(self) -> AsyncIterator[Signal]:
        yield SyncStarted()
        yield SyncFinished()
        self._ended = asyncio.get_running_loop().create_future()
        await self._ended

    async def kick(self, client: OnlineClient) -> None:
        """Nobody else is online."""

    async def logout(self) -> None:
        """Nobody need be told."""

    async def close(self) -> None:
        """Nothing is held."""


class Transport:
    async def open(self) -> Link:
        return Link()


def resident() -> int:
    """This process's memory, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


async def measure(sessions: int) -> dict[str, float]:
    """Bring all of them online; give what one costs."""
    transport, options = Transport(), SDKOptions(device_id="here")
    logins = [LoginInfo(f"account {number}", "a token") for number in range(sessions)]
    gc.collect()
    tasks, before, began = len(asyncio.all_tasks()), resident(), time.perf_counter()
    services = [AuthService(transport, None, options) for _ in range(sessions)]
    for service, login in zip(services, logins, strict=True):
        await service.initialize(auto_login=False)
        await service.login(login)
    for service in services:
        async for event in service.auth_status:
            if event.status is AuthStatus.DATA_SYNC_FINISH:
                break
    took = time.perf_counter() - began
    gc.collect()
    figures = {
        "bytes a session": (resident() - before) / sessions,
        "tasks a session": (len(asyncio.all_tasks()) - tasks) / sessions,
        "threads": float(threading.active_count() - 1),
        "microseconds from nothing to online": took / sessions * 1e6,
    }
    for service in services:
        await service.aclose()
    figures["tasks left after aclose"] = float(len(asyncio.all_tasks()) - tasks)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    args = parser.parse_args()
    figures = asyncio.run(measure(args.sessions))
    print(f"{args.sessions} sessions online over an in-memory link, {platform.python_implementation()}", end=" ")
    print(f"{platform.python_version()}, resident memory:")
    for name, value in figures.items():
        print(f"  {name:40} {value:12.1f}")
    held = figures["bytes a session"] <= TARGET and figures["tasks a session"] <= 1 and figures["threads"] == 0
    print(f"  at most {TARGET} bytes, one task and no thread a session: {'held' if held else 'MISSED'}")
    return 1 if args.check and not held else 0


if __name__ == "__main__":
    raise SystemExit(main())
