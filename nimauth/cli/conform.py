"""`nimauth conform`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..conformance.client.conform import STAGES, Conformance, Result, Stage
from ..conformance.client.examiner import Examiner, message_of
from ..conformance.client.messages import ALPHABET
from ..conformance.client.report import FORMATS, stage_line
from ..conformance.client.subject import PATIENCE, STARTUP, Process
from ..errors import NimAuthError

MAX_REPLAY = 2**24
"""Longest file, in bytes, that is read for a replay."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything after `--` is the program to test."""
    parser.usage = "nimauth conform [options] -- COMMAND [ARGUMENT ...]"
    parser.epilog = "Exit status: 0 everything holds, 1 something was found, 2 wrong usage. See docs/conformance.md."
    parser.add_argument("command_line", nargs="+", metavar="COMMAND", help="a program that speaks the adapter protocol")
    parser.add_argument("--seed", type=int, default=0, help="of the random walks (default: 0)")
    parser.add_argument("--max-examples", type=_count, default=200, help="random walks; 0 for none (default: 200)")
    parser.add_argument(
        "--max-findings", type=_count, default=5, help="end after this many different ones (default: 5)"
    )
    parser.add_argument(
        "--stage", action="append", choices=STAGES, help="only this part of the tests; may be repeated (default: all)"
    )
    parser.add_argument("--only", metavar="RULE", help="tell only what breaks this rule: R1 ... R15, H1 ..., P1 ...")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="only the stories of a JSON report, or lines of input"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="of the report (default: text)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the report there")
    parser.add_argument(
        "--timeout", type=_seconds, default=PATIENCE, help=f"seconds for an answer (default: {PATIENCE:g})"
    )
    parser.add_argument(
        "--startup", type=_seconds, default=STARTUP, help=f"seconds for the first one (default: {STARTUP:g})"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Test the program, and tell."""
    progress = _Progress(quiet=args.quiet)
    with Process(args.command_line, patience=args.timeout, startup=args.startup) as subject:
        tests = Conformance(
            subject,
            command=args.command_line,
            seed=args.seed,
            examples=args.max_examples,
            only=args.only,
            max_findings=args.max_findings or 1,
            stages=args.stage or STAGES,
            progress=progress,
        )
        try:
            result = tests.run() if args.replay is None else _replay(tests, subject, args.replay)
        finally:
            progress.end()
    report = FORMATS[args.format](result)
    if args.output is None:
        sys.stdout.write(report)
    else:
        args.output.write_text(report, encoding="utf-8")
    return 0 if result.holds else 1


def _replay(tests: Conformance, subject: Process, file: Path) -> Result:
    stories = [[message_of(line) for line in story] for story in _stories(file)]
    messages = [*ALPHABET, *(message for story in stories for message in story)]
    distinct = tuple({message.line: message for message in messages}.values())
    numbers = {message.line: number for number, message in enumerate(distinct)}
    examiner = Examiner(subject, distinct)
    return tests.replay(examiner, [[numbers[message.line] for message in story] for story in stories])


def _stories(file: Path) -> list[list[str]]:
    """The stories of a JSON report; or the lines of a file, as one."""
    with file.open("rb") as opened:
        data = opened.read(MAX_REPLAY + 1)
    if len(data) > MAX_REPLAY:
        raise NimAuthError(f"{file} is too long for a replay; give a report of nimauth conform, or lines of input")
    written = data.decode("utf-8", "surrogateescape")
    try:
        report = json.loads(written)
    except (ValueError, RecursionError):
        report = None
    if isinstance(report, dict) and "nimauth_conformance" in report:
        try:
            return [[str(line) for line in finding["story"]] for finding in report["findings"]]
        except (KeyError, TypeError):
            raise NimAuthError(f"{file} is no report that nimauth conform wrote; give one, or lines of input") from None
    return [[line for line in written.splitlines() if line.strip()]]


class _Progress:
    """One line a stage; on a terminal it grows."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._tty = sys.stderr.isatty()
        self._last = ""
        self._stage = ""

    def __call__(self, stage: Stage) -> None:
        if self._quiet:
            return
        if stage.name != self._stage:
            self.end()
            self._stage = stage.name
        self._last = stage_line(stage)
        if self._tty:
            print(f"\r\x1b[K{self._last}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """The line of the last stage is done."""
        if self._last:
            print("" if self._tty else self._last, file=sys.stderr, flush=True)
            self._last = ""


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise ValueError
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise ValueError
    return seconds
