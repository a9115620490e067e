"""What came of the tests: as text for people, as JSON for programs and for `--replay`, as JUnit XML for CI."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Final
from xml.etree import ElementTree as ET

from .findings import Finding, Result, Stage
from .story import allowed, headline, mermaid, show, story
from .tokens import mask, neutral


def stage_line(stage: Stage) -> str:
    """How far a stage is."""
    found = f"  {stage.findings} found" if stage.findings else ""
    return f"{stage.name:<15} {stage.steps:>7,} lines {stage.seconds:6.1f} s  {stage.note or stage.what}{found}"


def text(result: Result) -> str:
    """For people."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Result) -> Iterator[str]:
    for number, finding in enumerate(result.findings, 1):
        yield f"## {number}. {finding.clauses[0].name}"
        yield ""
        yield from story(finding)
        yield ""
    if result.coverage.edges:
        yield "Covered (what was seen to be right):"
        for name, (seen, of) in result.coverage.counts().items():
            yield f"  {name:<20} {seen:>6,} of {of:,}"
    if result.others:
        yield f"{result.others} differences break other rules than {result.only}; run without --only to see them."
    count = len(result.findings)
    if not result.findings:
        yield "Everything holds." if result.only is None else f"Nothing breaks {result.only}."
    elif result.complete:
        yield f"{count} {'thing' if count == 1 else 'things'} found."
    else:
        yield f"Ended after {count} finding{'s' * (count > 1)}; there may be more (--max-findings)."


def to_json(result: Result) -> str:
    """For programs, in ASCII. The `story` of a finding is what `--replay` reads."""
    return json.dumps(
        {
            "nimauth_conformance": 1,
            "command": list(result.command),
            "holds": result.holds,
            "complete": result.complete,
            "seed": result.seed,
            "max_examples": result.examples,
            "only": result.only,
            "stages": [
                {"name": s.name, "what": s.what, "lines": s.steps, "seconds": round(s.seconds, 3)}
                for s in result.stages
            ],
            "coverage": {name: {"seen": seen, "of": of} for name, (seen, of) in result.coverage.counts().items()},
            "findings": [_plain(finding) for finding in result.findings],
        },
        indent=1,
    )


def _plain(finding: Finding) -> dict[str, object]:
    return {
        "rules": [{"name": clause.name, "text": clause.text} for clause in finding.clauses],
        "what": headline(finding),
        "seen": finding.alike,
        "stage": finding.stage,
        "happens_again": finding.happens_again,
        "state": finding.steps[-1].before.state.value,
        "story": [_line(step.input.line) for step in finding.steps],
        "allowed": allowed(finding.steps[-1]),
        "answered": [show(answer, finding.own_tokens) for answer in finding.answers],
        "mermaid": "\n".join(mermaid(finding)),
    }


def _line(line: bytes) -> str | dict[str, str]:
    """A line as it was said, but for a token of somebody's own; where it is no text, in base64."""
    line = neutral(line)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": b64encode(line).decode()}


def line_of(told: object) -> bytes:
    """The line that a report tells. Raises ValueError where it tells none."""
    match told:
        case str(text) if "\n" not in text:
            return text.encode()
        case {"base64": str(data)}:
            return b64decode(data, validate=True)
    raise ValueError("a line of a story is text without a newline, or an object with base64")


def junit(result: Result) -> str:
    """For CI, in ASCII: a test case for each stage, failed by what was found in it."""
    suite = ET.Element(
        "testsuite",
        name="nimauth conform",
        tests=str(len(result.stages)),
        failures=str(sum(any(f.stage == stage.name for f in result.findings) for stage in result.stages)),
        time=f"{sum(stage.seconds for stage in result.stages):.3f}",
    )
    for stage in result.stages:
        case = ET.SubElement(
            suite, "testcase", classname="nimauth.conform", name=stage.name, time=f"{stage.seconds:.3f}"
        )
        found = [finding for finding in result.findings if finding.stage == stage.name]
        if found:
            names = ", ".join(dict.fromkeys(finding.clauses[0].name for finding in found))
            failure = ET.SubElement(case, "failure", message=_printable(headline(found[0])), type=names)
            failure.text = _printable("\n\n".join("\n".join(story(finding)) for finding in found))
    ET.indent(suite)
    return str(ET.tostring(suite, encoding="us-ascii", xml_declaration=True), "ascii") + "\n"


def _printable(words: str) -> str:
    """XML has no place for control characters."""
    return "".join(c if c.isprintable() or c == "\n" else "·" for c in mask(words))


FORMATS: Final[dict[str, Callable[[Result], str]]] = {"text": text, "json": to_json, "junit": junit}
