"""Traces recorded live, against the reference server: by the service itself, by its command, and from outside."""

from __future__ import annotations

import asyncio
import json
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nimauth.conformance.traces import Checker
from nimauth.errors import LoginFailed
from nimauth.server import Server, Sync
from nimauth.service import AuthService, SDKOptions
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.trace import Kind, Record
from nimauth.transports.websocket import WebSocketTransport
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.states import State

from ...cli.helpers import nimauth, running
from ...server.helpers import TOKEN, run
from ...server.helpers import running as serving
from .lives import as_bytes

SOON = SDKOptions(backoff_base=0.01, backoff_cap=0.02)


def test_a_service_against_the_reference_server_is_possible_without_any_tolerance() -> None:
    lines: list[Record] = []
    shelf = Shelf()

    @asynccontextmanager
    async def process(server: Server, auto_login: bool) -> AsyncIterator[AuthService]:
        transport = WebSocketTransport(server.url)
        async with AuthService(transport, MemoryStore(shelf), SOON, trace=lines.append) as auth:
            await auth.initialize(auto_login)
            yield auth

    async def until(auth: AuthService, state: State) -> None:
        async for event in auth.auth_status:
            if event.state is state:
                return

    async def story() -> None:
        async with serving(sync=Sync(delay=0.01)) as server:
            async with process(server, False) as auth:
                with pytest.raises(LoginFailed):
                    await auth.login(LoginInfo("a", "wrong"))
                await auth.login(LoginInfo("a", TOKEN))
                await until(auth, State.DATA_SYNC_FINISH)
                server.drop("a")
                await until(auth, State.WAITING)
                await until(auth, State.DATA_SYNC_FINISH)
            async with process(server, True) as auth:
                await until(auth, State.DATA_SYNC_FINISH)
                server.kick("a")
                await until(auth, State.KICK_OUT)
            async with process(server, True) as auth:
                assert auth.auth_status.value.state is State.UN_LOGIN
                await auth.login(LoginInfo("a", TOKEN))
                await auth.logout()

    run(story())
    checker = Checker(frozenset())
    report = checker.check_lines("live", as_bytes(map(dict, lines)))
    assert report.possible, report
    assert report.not_recorded == ()
    assert {State.WAITING, State.KICK_OUT, State.PWD_ERROR, State.DATA_SYNC_FINISH} <= set(checker.coverage().states)
    assert TOKEN not in json.dumps(lines)
    assert "wrong" not in json.dumps(lines)


def checked(home: Path, *arguments: str) -> dict[str, Any]:
    done = nimauth(home, "check", "--format", "json", *arguments)
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if told["possible"] else 1)
    return told


def test_the_demo_recorded_from_outside_is_possible(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    done = nimauth(tmp_path, "demo", "--plain", "--memory", "--trace", str(trace))
    assert done.returncode == 0, done.stdout + done.stderr
    told = checked(tmp_path, str(trace))
    assert told["possible"], told
    assert told["traces"][0]["lines"] > 50
    assert told["traces"][0]["not_recorded"] == []
    calls = [json.loads(line).get("call") for line in trace.read_text().splitlines()]
    assert {kind: calls.count(kind) for kind in Kind} == {"start": 3, "login": 6, "login_result": 6, "logout": 1}
    assert {"kick_out", "kick_out_by_other_client", "forbidden", "pwd_error", "waiting"} <= set(
        told["states"]["covered"]
    )


def test_login_and_run_record_into_a_file_of_their_owner_and_go_on_where_another_was_cut_off(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    with running(tmp_path, "serve") as server:
        url = json.loads(server.until("url")[-1])["url"]
        server.say("token a sesame-47114711")
        server.until("ok")
        arguments = ("login", "--server", url, "--account", "a", "--trace", str(trace))
        with running(tmp_path, *arguments, said="sesame-47114711") as login:
            login.until("dataSyncFinish")
            login.interrupt(signal.SIGTERM)  # SIGINT may be ignored where the tests run in the background
        assert stat.S_IMODE(trace.stat().st_mode) == 0o600
        assert checked(tmp_path, "--strict", str(trace))["possible"]
        with trace.open("a") as file:
            file.write('{"t":1,"sta')
        done = nimauth(tmp_path, "run", "--server", url, "--trace", str(trace))
        assert done.returncode == 1  # there is no keyring here, so nothing was kept
    told = checked(tmp_path, str(trace))
    assert [(finding["what"], finding["line"]) for finding in told["traces"][0]["findings"]] == [
        ("bad line", told["traces"][0]["lines"] - 1)
    ]
    assert "sesame" not in trace.read_text()


def test_a_trace_file_that_cannot_be_opened_is_told_before_anything_is_done(tmp_path: Path) -> None:
    done = nimauth(tmp_path, "demo", "--plain", "--memory", "--trace", str(tmp_path / "nowhere" / "trace"))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("nimauth: ")
    assert "Traceback" not in done.stderr


def test_recording_belongs_to_every_kind_of_call() -> None:
    """What a service claims to record is all that there is."""
    lines: list[Record] = []

    async def story() -> None:
        async with AuthService(WebSocketTransport("ws://127.0.0.1:1"), trace=lines.append) as auth:
            await auth.initialize(False)
            await asyncio.sleep(0)

    run(story())
    assert lines[0]["records"] == list(Kind)
