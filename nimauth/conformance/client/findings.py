"""What comes of the tests of a client: what was found, how far they went, and how much of the machine they saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise

from attrs import define, field, frozen

from ...adapter import Json
from ...engine import Row
from ...lifecycle import Lifecycle
from ..clauses import Clause
from ..graph import Graph
from .judge import Verdict
from .login import Login, login_graph
from .messages import Message


@frozen(eq=False)
class Finding:
    """Something that the program gets wrong."""

    verdict: Verdict
    stage: str
    steps: tuple[Login, ...] = field(repr=False)
    """The shortest story that was found; in the last step it goes wrong."""
    answers: tuple[bytes, ...] = field(repr=False)
    """What the program answered; one fewer than steps where it gave none at last."""
    alike: int = 1
    """How often the like of it was seen."""
    happens_again: bool = True
    """False where a fresh process did not do it again."""
    own_tokens: frozenset[str] = field(default=frozenset(), repr=False)
    """Tokens in the story that are not the tester's; no report shows them."""

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """What it breaks, the most telling first."""
        return self.verdict.clauses


@define
class Stage:
    """A part of the tests, and how it went."""

    name: str
    what: str
    steps: int = 0
    seconds: float = 0.0
    findings: int = 0
    note: str = ""
    """What keeps it from going on."""


@define(eq=False)
class Coverage:
    """How much of the machine the program was seen to do right."""

    graph: Graph[Lifecycle, Message, Json] = field(factory=login_graph, repr=False)
    edges: set[int] = field(factory=set)
    pairs: set[tuple[Row, Row]] = field(factory=set)

    def add(self, steps: Sequence[Login]) -> None:
        """These steps went right, one after the other."""
        self.edges.update(step.number for step in steps)
        self.pairs.update(_pairs(pairwise(steps)))

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many of how many."""
        graph = self.graph
        seen = [graph.edges[number] for number in self.edges]
        return {
            "states": (len({edge.after.state for edge in seen}), len({edge.after.state for edge in graph.edges})),
            "configurations": (len({edge.source for edge in seen}), len(graph.configurations)),
            "inputs in them": (len(seen), len(graph.edges)),
            "rows": (len({edge.row for edge in seen} - {None}), len(graph.rows)),
            "guards, both ways": (len(_guards(seen)), len(_guards(graph.edges))),
            "pairs of rows": (len(self.pairs), len(_all_pairs(graph))),
        }


def _guards(edges: Iterable[Login]) -> set[tuple[str, bool]]:
    return {guard for edge in edges for guard in edge.guards}


def _pairs(steps: Iterable[tuple[Login, Login]]) -> Iterator[tuple[Row, Row]]:
    return ((a.row, b.row) for a, b in steps if a.row is not None and b.row is not None)


@cache
def _all_pairs(graph: Graph[Lifecycle, Message, Json]) -> frozenset[tuple[Row, Row]]:
    return frozenset(_pairs((edge, then) for edge in graph.edges for then in graph.out(edge.target)))


@define(eq=False)
class Result:
    """What came of the tests."""

    command: tuple[str, ...]
    seed: int
    examples: int
    only: str | None = None
    stages: list[Stage] = field(factory=list)
    findings: list[Finding] = field(factory=list)
    """The shortest story first."""
    others: int = 0
    """Differences that do not break `only`."""
    coverage: Coverage = field(factory=Coverage)
    complete: bool = True
    """False where it ended early: enough was found."""

    @property
    def holds(self) -> bool:
        """Whether the program passes."""
        return not self.findings
