"""`nimauth check`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from enum import StrEnum
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeVar

from ..conformance.traces import Checker, Coverage, Finding, Report, What
from ..conformance.traces.spellings import Family
from ..conformance.traces.tolerances import DEFAULT, Tolerance
from ..engine import Row
from ..trace import Kind

Choice = TypeVar("Choice", bound=StrEnum)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Traces, what is known of them, and what is tolerated."""
    parser.add_argument("trace", nargs="+", metavar="TRACE", help="a file, gzip or not; - is standard input")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to tell (default: text)")
    parser.add_argument(
        "--recorded",
        type=_several(Kind),
        default=frozenset(),
        metavar="KIND,...",
        help=f"the traces tell of every call of these kinds: {', '.join(Kind)} (default: those of which they tell any)",
    )
    parser.add_argument(
        "--numbers",
        choices=[family.value for family in Family],
        default=Family.V2.value,
        help="whose numbers they are where a status is a number (default: v2)",
    )
    parser.add_argument("--strict", action="store_true", help="tolerate nothing, but what --tolerate names")
    for option, text in {"--tolerate": "allow this", "--no-tolerate": "do not allow this"}.items():
        parser.add_argument(
            option, type=_several(Tolerance), action="append", default=[], metavar="NAME,...", help=f"{text}; see below"
        )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "tolerances, which are allowed unless the text says otherwise:\n" + "\n".join(
        f"  {name:24}{name.text}{'' if name in DEFAULT else ' (only on request)'}" for name in Tolerance
    )


def run(args: argparse.Namespace) -> int:
    """Check every trace. Gives 0 only if nothing is wrong with any of them."""
    tolerated = (frozenset() if args.strict else DEFAULT).union(*args.tolerate).difference(*args.no_tolerate)
    checker = Checker(tolerated, args.recorded, Family(args.numbers))
    reports: list[Report] = []
    for name in args.trace:
        report = _check(checker, name)
        reports.append(report)
        if args.format == "text":
            for line in _report_lines(report):
                print(line, flush=True)
    if args.format == "text":
        print(*_coverage_lines(checker.coverage()), sep="\n")
    else:
        print(_ascii(_as_json(reports, checker.coverage()), indent=2))
    return 0 if all(report.possible for report in reports) else 1


def _several(of: type[Choice]) -> Any:
    """Reads names with commas between them."""

    def read(text: str) -> frozenset[Choice]:
        try:
            return frozenset(of(name.strip()) for name in text.split(","))
        except ValueError:
            raise argparse.ArgumentTypeError(f"each must be one of {', '.join(of)}") from None

    return read


def _check(checker: Checker, name: str) -> Report:
    if name == "-":
        stream = sys.stdin.buffer
        assert isinstance(stream, BufferedReader)
        return checker.check("standard input", stream)
    try:
        with Path(name).open("rb") as file:
            return checker.check(name, file)
    except OSError as error:
        why = error.strerror or type(error).__name__
        return Report(name, 0, (Finding(What.UNREADABLE, 0, f"it cannot be read: {why}"),), ())


# -- telling: whatever a file or its name says comes out as ASCII without control characters ---------------------------


def _report_lines(report: Report) -> Iterator[str]:
    name = _ascii(report.trace)[1:-1]
    if report.possible:
        unseen = f"; not recorded: {', '.join(report.not_recorded)}" if report.not_recorded else ""
        yield f"{name}: possible, {report.lines:,} lines{unseen}"
    for finding in report.findings:
        where = f"{name}:{finding.line}" if finding.line else name
        if finding.what != What.IMPOSSIBLE:
            yield f"{where}: {finding.what}: {finding.text}"
            continue
        yield f"{where}: cannot be: {_ascii(finding.shown)}"
        yield f"    {finding.text}"
        if finding.rule is not None:
            yield f"    it breaks {finding.rule}: {finding.rule.text}"
        yield f"    allowed there: {', '.join(finding.allowed) or 'nothing'}"


def _coverage_lines(coverage: Coverage) -> Iterator[str]:
    states, rows = len(coverage.states), len(coverage.rows)
    missing = f" (not {', '.join(coverage.missing_states)})" if coverage.missing_states else ""
    yield f"covered: {states} of {states + len(coverage.missing_states)} states{missing}"
    yield f"covered: {rows} of {rows + len(coverage.missing_rows)} rows of the table"


def _ascii(value: object, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def _as_json(reports: Iterable[Report], coverage: Coverage) -> dict[str, Any]:
    def rows(which: Iterable[Row]) -> list[dict[str, Any]]:
        return [
            {
                "event": row.event,
                "source": row.source,
                "target": row.target,
                "when": [str(guard) for guard, _ in row.guards],
            }
            for row in which
        ]

    traces = [
        {
            "trace": report.trace,
            "possible": report.possible,
            "lines": report.lines,
            "not_recorded": list(report.not_recorded),
            "findings": [
                {
                    "what": finding.what,
                    "line": finding.line,
                    "text": finding.text,
                    "rule": finding.rule,
                    "rule_text": finding.rule.text if finding.rule is not None else None,
                    "shown": finding.shown,
                    "allowed": list(finding.allowed),
                }
                for finding in report.findings
            ],
        }
        for report in reports
    ]
    return {
        "possible": all(trace["possible"] for trace in traces),
        "traces": traces,
        "states": {"covered": list(coverage.states), "missing": list(coverage.missing_states)},
        "rows": {"covered": rows(coverage.rows), "missing": rows(coverage.missing_rows)},
    }
