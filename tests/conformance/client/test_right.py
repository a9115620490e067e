"""A client that is right passes, whoever wrote it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from nimauth.conformance.client.conform import STAGES, Conformance
from nimauth.conformance.client.subject import Process

from .subjects import Answer, handwritten, nimauths, result_of

EXAMPLES = Path(__file__).parents[3] / "examples"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None and "CI" not in os.environ, reason="there is no node; install Node.js 18 or newer to run this"
)


def test_the_lifecycle_holds_and_everything_is_covered() -> None:
    result = result_of(handwritten, examples=20)
    assert result.holds
    assert result.complete
    assert [stage.name for stage in result.stages] == [*STAGES]
    for name, (seen, of) in result.coverage.counts().items():
        assert seen == of > 0, name


@pytest.mark.parametrize("seed", range(20))
def test_no_seed_makes_a_right_client_wrong(seed: int) -> None:
    result = result_of(handwritten, seed=seed, examples=15, stages=["walks"])
    assert result.holds
    assert result.stages[-1].steps > 900


def test_the_same_seed_gives_the_same_walks() -> None:
    told: list[bytes] = []

    def listening() -> Answer:
        answer = nimauths()

        def listen(line: bytes) -> dict[str, object]:
            told.append(line)
            return answer(line)

        return listen

    result_of(listening, seed=7, examples=5, stages=["walks"])
    first, told = told, []
    result_of(listening, seed=7, examples=5, stages=["walks"])
    assert told == first
    told = []
    result_of(listening, seed=8, examples=5, stages=["walks"])
    assert told != first


@pytest.mark.parametrize(
    "command",
    [
        pytest.param([sys.executable, "-m", "nimauth", "adapter"], id="nimauth adapter"),
        pytest.param([str(NODE), str(EXAMPLES / "client.mjs")], id="client.mjs", marks=needs_node),
    ],
)
def test_a_program_that_is_right_passes(command: list[str]) -> None:
    with Process(command) as subject:
        result = Conformance(subject, command=command, examples=20).run()
    assert result.holds, result.findings
    assert all(seen == of for seen, of in result.coverage.counts().values())
