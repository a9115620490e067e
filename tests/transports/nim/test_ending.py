"""The child ends with the program that started it, however that dies, and with all that it has started."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nimauth.transports.base import Ended, OnlineClients
from nimauth.transports.nim import launch
from nimauth.transports.nim.launch import BRIDGE
from nimauth.transports.nim.link import NimLink
from nimauth.transports.nim.setup import entry

from ...aio import run
from .fake import FakeServer, children, fake_nim, install, request
from .tools import needs_node, needs_setpriv

pytestmark = pytest.mark.usefixtures("node")


@pytest.fixture
def node() -> None:
    needs_node()


def test_the_end_of_input_ends_the_child_also_in_the_midst_of_a_login(tmp_path: Path) -> None:
    install(tmp_path)
    login: dict[str, Any] = {
        "op": "login",
        "app": {},
        "services": {"V2NIMLoginServiceConfig": {"linkUrl": "127.0.0.1:9"}},
    }
    login |= {"account": "a", "token": "t", "extension": "", "dynamic": False, "option": {"retryCount": 1_000_000}}
    load: dict[str, Any] = {"op": "load", "sdk": str(entry(tmp_path))}
    for calls in ([], [load, login]):
        child = subprocess.Popen(["node", str(BRIDGE), str(os.getpid())], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            assert json.loads(child.stdout.readline())["ready"] == 1
            for number, call in enumerate(calls):
                child.stdin.write(json.dumps({"id": number, **call}).encode() + b"\n")
                child.stdin.flush()
                child.stdout.readline()
            child.stdin.close()
            assert child.wait(5) == 0
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


def shim(directory: Path) -> Path:
    """A command that starts Node as a child of its own, as version managers have."""
    script = directory / "node.sh"
    script.write_text(f'#!/bin/sh\n{shutil.which("node")} "$@"\nexit $?\n')
    script.chmod(0o755)
    return script


def started(link: NimLink) -> int:
    """The process that was started, be it Node or a shim."""
    transport = link._child._transport
    assert transport is not None
    return transport.get_pid()


async def all_gone(nim: FakeServer) -> None:
    """Wait until the child's connection is closed. (Who is nobody's child any more may not be reaped for long.)"""
    async with asyncio.timeout(20):
        while not nim.gone:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


HOST = """
import asyncio, os, sys, time
from pathlib import Path
from nimauth.transports.nim import NimTransport, launch
from tests.transports.nim.fake import request

directory, server, node, kernel, forks = sys.argv[1:]
if kernel == "no":
    launch._dies_with_us = lambda: ()

async def main():
    transport = NimTransport(
        "app", sdk=Path(directory), node=node, lbs_urls=["http://127.0.0.1:9"], link_url=server, link_ssl=False
    )
    link = await transport.open()
    await link.login(request())
    if forks == "yes":
        if not (worker := os.fork()):
            os.close(1)
            time.sleep(600)
            os._exit(0)
        print(worker, flush=True)
    print("online", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    "trouble", ["none", "it loops", "it reads nothing", "the pipe is held", "it loops behind a shim", "it is stopped"]
)
def test_a_program_that_is_killed_leaves_no_child_behind(tmp_path: Path, trouble: str) -> None:
    if trouble == "it is stopped":
        needs_setpriv()

    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            node = str(shim(tmp_path)) if "shim" in trouble else "node"
            # The kernel's part is tried alone, and so is the child's own.
            kernel = "yes" if trouble == "it is stopped" else "no"
            forks = "yes" if trouble == "the pipe is held" else "no"
            root = str(Path(__file__).parents[3])
            arguments = (str(tmp_path), f"127.0.0.1:{nim.port}", node, kernel, forks)
            host = await asyncio.create_subprocess_exec(
                sys.executable, "-c", HOST, *arguments, cwd=root, stdout=subprocess.PIPE
            )
            worker = 0
            try:
                assert host.stdout is not None
                while (line := await host.stdout.readline()) != b"online\n":
                    worker = int(line)
                (pid,) = children(tmp_path)
                if "loops" in trouble:
                    nim.say("spin")
                    await nim.until("spinning")
                elif trouble == "it reads nothing":
                    nim.say("deafen")
                    await nim.until("deaf")
                elif trouble == "it is stopped":
                    os.kill(pid, signal.SIGSTOP)
                assert not nim.gone
                host.kill()
                await host.wait()
                await all_gone(nim)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    host.kill()
                if worker:
                    os.kill(worker, signal.SIGKILL)
                await host.wait()

    run(test(), deadline=60)


def test_what_a_shim_has_started_ends_with_the_link(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport(node=str(shim(tmp_path))).open()
            await link.login(request())
            (pid,) = children(tmp_path)
            assert pid != started(link)
            os.kill(pid, signal.SIGSTOP)  # so that nothing in it ends it
            await link.close()
            await all_gone(nim)

    run(test())


def test_a_child_whose_shim_is_killed_ends_though_nobody_can_reach_it(tmp_path: Path) -> None:
    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport(node=str(shim(tmp_path))).open()
            await link.login(request())
            nim.say("spin")
            await nim.until("spinning")
            os.kill(started(link), signal.SIGKILL)
            assert [type(heard) async for heard in link.signals()] == [OnlineClients, Ended]
            await all_gone(nim)
            await link.close()

    run(test())


def test_the_kernels_help_is_not_asked_for_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As busybox has it: a setpriv that does not know the option."""
    script = tmp_path / "setpriv"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    for path in (str(tmp_path), "/nowhere"):
        monkeypatch.setenv("PATH", path)
        launch._dies_with_us.cache_clear()
        try:
            assert launch.command("/usr/bin/node") == ("/usr/bin/node", str(BRIDGE), str(os.getpid()))
        finally:
            launch._dies_with_us.cache_clear()
