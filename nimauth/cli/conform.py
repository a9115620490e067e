"""`nimauth conform`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import IO, Final

from ..conformance.client.conform import Conformance
from ..conformance.client.examiner import message_of
from ..conformance.client.findings import Result, Stage
from ..conformance.client.laws import LAWS
from ..conformance.client.plan import STAGES
from ..conformance.client.report import FORMATS, line_of, stage_line
from ..conformance.client.subject import PATIENCE, STARTUP, Process
from ..errors import NimAuthError

MAX_REPLAY: Final = 2**24
"""Longest file, in bytes, that is read for a replay."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything after `--` is the program to test."""
    parser.usage = "nimauth conform [options] -- COMMAND [ARGUMENT ...]"
    parser.epilog = "Exit status: 0 everything holds, 1 something was found, 2 it could not be tested."
    parser.add_argument("command_line", nargs="+", metavar="COMMAND", help="a program that speaks the adapter protocol")
    parser.add_argument("--seed", type=int, default=0, help="of the random walks (default: 0)")
    parser.add_argument("--max-examples", type=_count, default=200, help="random walks; 0 for none (default: 200)")
    parser.add_argument("--max-findings", type=_some, default=5, help="end after this many different ones (default: 5)")
    parser.add_argument(
        "--stage", action="append", choices=STAGES, help="only this part of the tests; may be repeated (default: all)"
    )
    parser.add_argument(
        "--only",
        type=str.upper,
        choices=LAWS,
        metavar="RULE",
        help="tell only what breaks this rule: R1 to R15, H1 to H6, H8, H9, P1 to P5 (a breakdown, P1, is told always)",
    )
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
    try:
        stories = None if args.replay is None else _stories(args.replay)
        if args.output is not None:
            args.output.write_bytes(b"")  # better now than after minutes
        result = _test(args, stories)
    except (NimAuthError, OSError) as error:
        print(f"nimauth: {error}", file=sys.stderr)
        return 2
    report = FORMATS[args.format](result)
    if args.output is None:
        sys.stdout.write(report)
    else:
        args.output.write_text(report, encoding="utf-8")
    return 0 if result.holds else 1


def _test(args: argparse.Namespace, stories: list[list[bytes]] | None) -> Result:
    progress = _Progress(quiet=args.quiet)
    with Process(args.command_line, patience=args.timeout, startup=args.startup) as subject:
        tests = Conformance(
            subject,
            command=args.command_line,
            seed=args.seed,
            examples=args.max_examples,
            only=args.only,
            max_findings=args.max_findings,
            stages=args.stage or STAGES,
            progress=progress,
        )
        try:
            if stories is None:
                return tests.run()
            lines = list(dict.fromkeys(line for story in stories for line in story))
            numbers = {line: number for number, line in enumerate(lines)}
            return tests.replay(
                [message_of(line) for line in lines], [[numbers[line] for line in story] for story in stories]
            )
        finally:
            progress.end()


def _stories(file: Path) -> list[list[bytes]]:
    """The stories of a JSON report; or the lines of a file, as one."""
    with file.open("rb") as opened:
        data = opened.read(MAX_REPLAY + 1)
    if len(data) > MAX_REPLAY:
        raise NimAuthError(f"{file} is too long for a replay; give a report of nimauth conform, or lines of input")
    try:
        report = json.loads(data)
    except (ValueError, RecursionError):
        report = None
    if isinstance(report, dict) and "nimauth_conformance" in report:
        try:
            return [[line_of(line) for line in finding["story"]] for finding in report["findings"]]
        except (KeyError, TypeError, ValueError):
            raise NimAuthError(f"{file} is no report that nimauth conform wrote; give one, or lines of input") from None
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        raise NimAuthError(f"{file} is empty; give a report of nimauth conform, or lines of input")
    return [lines]


class _Progress:
    """One line a stage; on a terminal it grows."""

    def __init__(self, *, quiet: bool) -> None:
        terminal: IO[str] | None = sys.stderr  # it may be closed
        self._quiet = quiet or terminal is None
        self._grows = terminal is not None and terminal.isatty() and os.environ.get("TERM") not in (None, "dumb")
        self._last = ""
        self._stage = ""

    def __call__(self, stage: Stage) -> None:
        if self._quiet:
            return
        if stage.name != self._stage:
            self.end()
            self._stage = stage.name
        self._last = stage_line(stage)
        if self._grows:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{self._last[:width]}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """The line of the last stage is done."""
        if self._last:
            print("" if self._grows else self._last, file=sys.stderr, flush=True)
            self._last = ""


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number; give a whole one, 0 or more")
    return int(text)


def _some(text: str) -> int:
    if not _count(text):
        raise argparse.ArgumentTypeError("0 is too few; give 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give seconds, more than 0")
    return seconds
