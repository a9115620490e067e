"""Checking traces: lines a second, and the memory that does not grow with them.

python -m benchmarks.check [--lines N] [--statuses] [--gzip] [--no-starts] [--json]; a section of benchmarks.run, too.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from nimauth import trace
from nimauth.conformance.traces import Checker
from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary import effects, inputs
from nimauth.vocabulary.inputs import Input
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import ENDED, IDLE, ONLINE, UNDER_WAY

from .report import Section, Target

FEW = 10_000
MANY = 300_000
SAMPLE = 10_000
"""So many of its lines are parsed for comparison."""
ACCOUNTS = 5_000

FAILURES = [inputs.refused(0, reason) for reason in Reason]
UNDER_WAY_HEARS = [inputs.LINK_OPENED, inputs.ACCEPTED] * 6 + [inputs.NETWORK_LOST, *FAILURES]
ONLINE_HEARS = [inputs.SYNC_STARTED, inputs.SYNC_FINISHED, inputs.link_lost()] * 6 + [inputs.NETWORK_LOST, *FAILURES]
BETWEEN_HEARS = [inputs.RETRY_DUE, inputs.NETWORK_FOUND, inputs.FOREGROUND]


def life(lines: int) -> Iterator[trace.Record]:
    """What a busy client leaves: logins and auto logins of many accounts, cuts, refusals, kicks, logouts, restarts."""
    by = random.Random(47)
    session, t, count = Lifecycle(), 0.0, 0

    def hear(heard: Input) -> Iterator[trace.Record]:
        for effect in session.receive(heard):
            if isinstance(effect, effects.Status):
                yield trace.shown(effect.status)
            elif isinstance(effect, effects.LoginResult):
                yield trace.login_result(effect.ok)

    told: list[trace.Record] = [trace.started(None)]
    while True:
        for record in told:
            yield {"t": round(t, 3), **record}
            t, count = t + by.random(), count + 1
            if count == lines:
                return
        state, chance = session.state, by.random()
        if chance < 0.02:
            session = Lifecycle(permitted=session.permitted, void=session.void)
            told = [trace.started(session.permitted)]
            if session.permitted is not None:
                told += hear(inputs.auto_login(session.permitted))
        elif state in IDLE or state in ENDED:
            account = f"account {by.randrange(ACCOUNTS)}"
            told = [trace.login(account), *hear(inputs.login(account))]
        elif chance < 0.04:
            told = [trace.logout(), *hear(inputs.LOGOUT)]
        else:
            heard = UNDER_WAY_HEARS if state in UNDER_WAY else ONLINE_HEARS if state in ONLINE else BETWEEN_HEARS
            told = list(hear(by.choice(heard)))
            if not session.network:
                told += hear(inputs.NETWORK_FOUND)


def measure(lines: int, *, statuses: bool = False, packed: bool = False, starts: bool = True) -> dict[str, float]:
    """Check a trace of about so many lines, and parse the same JSON for comparison."""
    sample: list[bytes] = []
    with tempfile.TemporaryFile() as file:
        with gzip.open(file, "wb") if packed else nullcontext(file) as writer:
            for record in life(lines):
                if ("status" in record or not statuses) and (starts or record.get("call") != "start"):
                    line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
                    writer.write(line)
                    if len(sample) < SAMPLE:
                        sample.append(line)
        file.seek(0)
        checker = Checker()
        began = time.perf_counter()
        report = checker.check("trace", io.BufferedReader(file.raw))
        took = (time.perf_counter() - began) / report.lines
    if not report.possible:
        raise AssertionError(f"the benchmark's own trace is not possible: {report}")
    began = time.perf_counter()
    for line in sample:
        json.loads(line)
    parsing = (time.perf_counter() - began) / len(sample)
    return {
        "lines": report.lines,
        "lines a second": 1 / took,
        "x json.loads": took / parsing,
        "peak MB": _peak(),
        "rows covered": len(checker.coverage().rows),
    }


def _peak() -> float:
    """The most memory that this program had. (What getrusage tells begins with what had started it.)"""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[0]) / 1024


def section(_: int) -> Section:
    """For `run`: each measured once, in a process of its own, so that its memory can be told."""
    figures = {name: [_alone(lines, *options) for lines in (FEW, MANY)] for name, options in KINDS.items()}
    return as_section(figures)


NO_STARTS = "starts not recorded"
"""Then a process may have begun unseen before every line: much more is possible, and to be kept in mind."""
KINDS: dict[str, list[str]] = {
    "all calls recorded": [],
    "statuses only": ["--statuses"],
    "all calls, gzip": ["--gzip"],
    NO_STARTS: ["--no-starts"],
}


def _alone(lines: int, *options: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.check", "--json", "--lines", str(lines), *options]
    figures: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return figures


def as_section(figures: dict[str, list[dict[str, float]]]) -> Section:
    """The figures of each kind of trace, a short and a long one, and what they are held to."""
    columns = ("lines", "lines a second", "x json.loads", "peak MB", "rows covered")
    return Section(
        "Checking a trace of a busy client with thousands of accounts",
        ("", *columns),
        [[name, *(taken[column] for column in columns)] for name, both in figures.items() for taken in both],
        [
            Target(
                "lines a second of a long trace, the slowest",
                min(long["lines a second"] for _, long in figures.values()),
                100_000,
                "",
                at_least=True,
            ),
            Target(
                "memory of a long trace beyond that of a short one, the most",
                max(_growth(*both) for name, both in figures.items() if name != NO_STARTS),
                5,
                " MB",
            ),
            Target("the same where starts are not recorded", _growth(*figures[NO_STARTS]), 40, " MB"),
        ],
    )


def _growth(short: dict[str, float], long: dict[str, float]) -> float:
    return long["peak MB"] - short["peak MB"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check")
    parser.add_argument("--lines", type=int, default=MANY)
    parser.add_argument("--statuses", action="store_true", help="a trace that tells no calls")
    parser.add_argument("--gzip", action="store_true", help="a packed trace")
    parser.add_argument("--no-starts", action="store_true", help="a trace that does not tell where a process starts")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    args = parser.parse_args()
    figures = measure(args.lines, statuses=args.statuses, packed=args.gzip, starts=not args.no_starts)
    print(
        json.dumps(figures) if args.json else "\n".join(f"{name:16}{value:>14,.1f}" for name, value in figures.items())
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
