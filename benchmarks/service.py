"""A hundred thousand sessions in one process: what one of them costs, online, over an in-memory link.

python -m benchmarks.service [--sessions N] [--json]; it is a section of benchmarks.run, too.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

from nimauth.service import AuthService, SDKOptions
from nimauth.transports.base import Accepted, LoginRequest, Signal, SyncFinished, SyncStarted
from nimauth.vocabulary.logins import LoginInfo, OnlineClient
from nimauth.vocabulary.states import AuthStatus

from .report import Section, Target


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
    figures: dict[str, float] = {
        "sessions": sessions,
        "bytes a session": (resident() - before) / sessions,
        "tasks a session": (len(asyncio.all_tasks()) - tasks) / sessions,
        "threads": threading.active_count() - 1,
        "microseconds to bring one online": took / sessions * 1e6,
    }
    for service in services:
        await service.aclose()
    figures["tasks left"] = len(asyncio.all_tasks()) - tasks
    return figures


def section(_: int) -> Section:
    """For `run`: measured once, in a process of its own, where no freed memory of others is used again."""
    command = [sys.executable, "-m", "benchmarks.service", "--json"]
    figures: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return as_section(figures)


def as_section(figures: dict[str, float]) -> Section:
    """The figures, and what they are held to."""
    return Section(
        "Sessions of the asyncio service, online over an in-memory link",
        ("", "figure"),
        [[name, value] for name, value in figures.items()],
        [
            Target("resident memory of a session", figures["bytes a session"], 6 * 1024, " bytes"),
            Target("tasks of a session", figures["tasks a session"], 1, ""),
            Target("threads of all sessions", figures["threads"], 0, ""),
            Target("tasks left when all are closed", figures["tasks left"], 0, ""),
        ],
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service")
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    args = parser.parse_args()
    figures = asyncio.run(measure(args.sessions))
    print(json.dumps(figures) if args.json else "\n".join(as_section(figures).lines()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
