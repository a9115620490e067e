"""The tests of a client: how long the exhaustive part takes against `nimauth adapter`, a process of its own."""

from __future__ import annotations

import sys
from statistics import median

from nimauth.conformance.client.conform import Conformance
from nimauth.conformance.client.findings import Result
from nimauth.conformance.client.subject import Process

from .report import Section, Target

COMMAND = (sys.executable, "-m", "nimauth", "adapter")
MOST_RUNS = 3
"""A run takes seconds: more of them would tell no more."""


def section(rounds: int) -> Section:
    """Every input in every configuration, and every two inputs after every way into every configuration."""
    runs = [_run() for _ in range(min(rounds, MOST_RUNS))]
    names = [stage.name for stage in runs[0].stages]
    seconds = {name: median(_seconds(run, name) for run in runs) for name in names}
    lines = {stage.name: stage.steps for stage in runs[0].stages}
    total = median(sum(stage.seconds for stage in run.stages) for run in runs)
    rows: list[list[str | float | None]] = [
        [name, float(lines[name]), seconds[name], lines[name] / seconds[name]] for name in names
    ]
    rows.append(["all", float(sum(lines.values())), total, sum(lines.values()) / total])
    return Section(
        "nimauth conform, the exhaustive part, against nimauth adapter",
        ("", "lines", "s", "lines/s"),
        rows,
        [Target("the exhaustive part", total, 10, " s")],
    )


def _run() -> Result:
    with Process(COMMAND) as subject:
        result = Conformance(
            subject, command=COMMAND, examples=0, stages=("configurations", "names", "sequences")
        ).run()
    if not result.holds:
        raise AssertionError("nimauth's own adapter does not pass: what is measured is not what is meant")
    return result


def _seconds(run: Result, name: str) -> float:
    return next(stage.seconds for stage in run.stages if stage.name == name)
