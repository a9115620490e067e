"""`python -m nimauth.server`: the server as a process of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from nimauth.transports.websocket import WebSocketTransport
from tests.server.helpers import online, request, run

SERVER = [sys.executable, "-m", "nimauth.server"]


@contextmanager
def serving(*options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*SERVER, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout
    answer: dict[str, str] = json.loads(process.stdout.readline())
    return answer


def test_it_prints_its_url_and_tokens_serves_and_obeys_its_operator() -> None:
    with serving("--account", "a", "--app-key", "k") as process:
        first, second = read(process), read(process)
        assert second["account"] == "a"

        async def test() -> None:
            transport = WebSocketTransport(first["url"], first["app_key"])
            async with online(transport, request(token=second["token"])):
                assert process.stdin
                assert process.stdout
                print("kick a", file=process.stdin, flush=True)
                assert await asyncio.to_thread(process.stdout.readline) == "ok 1\n"

        run(test())
        out, errors = process.communicate()
        assert (process.returncode, out, errors) == (0, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [[], ["--no-console"]], ids=["console", "no console"])
def test_a_signal_ends_it_with_0(number: signal.Signals, options: list[str]) -> None:
    with serving(*options) as process:
        read(process)
        process.send_signal(number)
        assert process.wait() == 0
        assert process.stderr
        assert process.stderr.read() == ""


def test_without_any_input_it_ends_with_0() -> None:
    done = subprocess.run(SERVER, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--port", "70000"], 1),
        (["--account", ""], 1),
        (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], 1),
        (["--tls-cert", "/nowhere"], 1),
        (["--policy", "none"], 2),
        (["--heartbeat", "0"], 2),
    ],
)
def test_bad_options_are_one_clear_sentence(options: list[str], status: int) -> None:
    done = subprocess.run([*SERVER, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == status
    assert "error: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
