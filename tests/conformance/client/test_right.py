"""A client that is right passes, whoever wrote it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from nimauth.conformance.client.conform import Conformance
from nimauth.conformance.client.login import login_graph
from nimauth.conformance.client.messages import ALPHABET
from nimauth.conformance.client.plan import STAGES
from nimauth.conformance.client.subject import Process
from nimauth.conformance.client.walks import walks

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


def test_the_walks_get_far() -> None:
    graph = login_graph()
    for seed in range(3):
        edges, sessions = set(), [0]
        for walk in walks(graph, seed, 200):
            at = 0
            for number in walk:
                edge = graph.edge(at, number)
                edges.add(edge.number)
                at = edge.target
                sessions = [*sessions, 0] if ALPHABET[number].starts else [*sessions[:-1], sessions[-1] + 1]
        seen = [graph.edges[number] for number in edges]
        assert len({edge.row for edge in seen} - {None}) > 0.9 * len(graph.rows)
        assert len({edge.source for edge in seen}) > 0.8 * len(graph.configurations)
        assert max(sessions) > 60


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
