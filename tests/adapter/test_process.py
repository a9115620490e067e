"""The adapter as a process of its own, behind real pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import IO

import nimauth

COMMAND = (
    sys.executable,
    "-c",
    "import sys; from nimauth.adapter import Adapter; Adapter().serve(sys.stdin.buffer, sys.stdout)",
)
WHERE = Path(nimauth.__file__).parents[1]
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""As most processes run: what is not flushed is not seen."""

LINES = (
    b'{"in":"start","saved":null,"network":true}\n',
    b'{"in":"login","account":"\xe7\xbd\x91\xe6\x98\x93","token":"sesame-47114711"}\r\n',
    b"nonsense sesame-47114711\n",
    b'{"in":"link_opened"}',
)


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes], IO[bytes]]]:
    """The process with its three pipes, killed when it takes too long."""
    pipe = subprocess.PIPE
    with subprocess.Popen(COMMAND, cwd=WHERE, env=BUFFERED, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        watchdog = Timer(30, process.kill)
        watchdog.start()
        try:
            yield process, process.stdin, process.stdout, process.stderr
        finally:
            watchdog.cancel()
            process.kill()


def test_each_line_is_answered_and_the_end_of_input_ends_it_well() -> None:
    with running() as (process, *_):
        answers, complaints = process.communicate(b"".join(LINES))
        assert (process.returncode, complaints) == (0, b"")
    start, login, nonsense, opened = [json.loads(answer) for answer in answers.splitlines()]
    assert [start["state"], login["state"], opened["state"]] == ["un_login", "connecting", "logging"]
    assert list(nonsense) == ["error"]
    assert opened["out"][0] == {"do": "send_login", "account": "网易", "attempt": "manual"}
    assert b"sesame" not in answers


def test_no_input_at_all_is_no_error() -> None:
    with running() as (process, *_):
        assert process.communicate(b"") == (b"", b"")
        assert process.returncode == 0


def test_an_answer_comes_before_the_next_line_is_asked_for() -> None:
    with running() as (process, lines, answers, _):
        for _ in range(3):
            lines.write(LINES[0])
            lines.flush()
            assert json.loads(answers.readline()) == {"state": "un_login", "out": []}
        lines.close()
        assert process.wait() == 0


def test_a_tester_that_stops_reading_ends_it_quietly_with_its_input_still_open() -> None:
    with running() as (process, lines, answers, complaints):
        answers.close()
        lines.write(LINES[0])
        lines.flush()
        assert process.wait() == 0
        assert complaints.read() == b""
