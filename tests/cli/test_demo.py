"""The main job: `nimauth demo` plays the whole lifecycle for real."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from .helpers import environment, nimauth, running


def test_demo_goes_as_the_rules_say(tmp_path: Path) -> None:
    done = nimauth(tmp_path, "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Logins are kept in memory" in done.stdout
    assert done.stdout.count("ok: ") == 10
    for status in ("pwdError", "dataSyncFinish", "kickOut\n", "kickOutByOtherClient", "forbidden"):
        assert status in done.stdout
    assert "All 10 steps went as the rules say" in done.stdout
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is a POSIX thing")
def test_demo_shows_a_table_on_a_terminal(tmp_path: Path) -> None:
    terminal, inside = pty.openpty()
    demo = subprocess.Popen(
        [sys.executable, "-m", "nimauth", "demo"],
        env=environment(tmp_path, TERM="xterm", COLUMNS="120", LINES="60"),
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    shown = b""
    try:
        while data := os.read(terminal, 65536):
            shown += data
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    assert demo.wait(30) == 0
    assert b"what the app shows" in shown
    assert "┃".encode() in shown
    assert b"All 10 steps went as the rules say" in shown


def test_demo_that_is_interrupted_ends_its_processes(tmp_path: Path) -> None:
    with running(tmp_path, "demo") as demo:
        demo.until("2. Log in by hand")
        status, _, err = demo.interrupt()
        assert status == 130
        assert "Traceback" not in err
