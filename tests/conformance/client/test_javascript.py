"""A client in another language, and the bugs that people plant in theirs: each is found, by its own rule."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nimauth.conformance.client.conform import Conformance
from nimauth.conformance.client.subject import Process

from ..js_bugs import BUGS, Bug, with_bug

CLIENT = (Path(__file__).parents[3] / "examples" / "client.mjs").read_text("utf-8")
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None and "CI" not in os.environ, reason="there is no node; install Node.js 18 or newer to run this"
)


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_bug_is_found_and_named_after_the_rule_it_breaks(bug: Bug, tmp_path: Path) -> None:
    program = tmp_path / "client.mjs"
    program.write_text(with_bug(CLIENT, bug), "utf-8")
    with Process([str(NODE), str(program)]) as subject:
        result = Conformance(subject, max_findings=1, examples=0).run()
    (finding,) = result.findings
    assert bug.rule in [clause.name for clause in finding.clauses]
    assert finding.happens_again
    assert len(finding.steps) <= 10


def test_there_are_enough_of_them() -> None:
    assert len(BUGS) >= 10
