"""The drawings: how long the whole set of the login machine takes, in a fresh process and format by format."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median

from nimauth.diagram import FORMATS, Drawing

from .report import Section, Target

COMMAND = (sys.executable, "-m", "nimauth", "diagram", "--write")


def section(rounds: int) -> Section:
    """Seconds for `nimauth diagram --write`, and milliseconds for each format of the whole machine, layout included."""
    whole = median(_seconds(_write) for _ in range(min(rounds, 5)))
    rows: list[list[str | float | None]] = [["the whole set, a process of its own", whole * 1e3]]
    for form in FORMATS:
        drawing = Drawing.of()
        rows.append([form, median(_seconds(lambda: drawing.render(form)) for _ in range(rounds)) * 1e3])  # noqa: B023
    return Section("Drawings of the login machine", ("", "ms"), rows, [Target("the whole set", whole, 5, " s")])


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*COMMAND, folder], check=True, stdout=subprocess.DEVNULL)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
