"""Runs `nimauth` as a person does: in a home of its own, where there is no keyring."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

DEADLINE = 30.0
"""For any one command, in seconds: it ends far sooner, unless it hangs."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """What a command sees: no desktop, no D-Bus, a new home."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "SYSTEMROOT", "VIRTUAL_ENV")}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2]), **more}


def nimauth(home: Path, *arguments: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "nimauth", *arguments],
        input=said,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@frozen
class Running:
    """A command that stays."""

    process: subprocess.Popen[str]

    def until(self, words: str) -> list[str]:
        """Its lines, up to the first that has these words."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip())
            if words in line:
                return lines
        assert self.process.stderr is not None
        raise AssertionError(f"it ended before it said {words!r}: {lines} {self.process.stderr.read()}")

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def interrupt(self, how: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Ctrl-C. Gives its status, and the rest of what it said."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, err


@contextmanager
def running(home: Path, *arguments: str, said: str = "", module: str = "nimauth", **more: str) -> Iterator[Running]:
    """Run a command beside the test; kill it if it is still there at the end."""
    command: Sequence[str] = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment(home, **more), stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        command_ = Running(process)
        if said:
            command_.say(said)
        yield command_
    finally:
        process.kill()
        process.communicate()
