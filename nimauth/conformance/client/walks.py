"""Long random walks through a graph, drawn by hypothesis."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from ...engine import Row
from ..graph import Edge, Graph

STEPS: Final = 120
"""Of a walk."""
_ONE_IN: Final = 40
"""So seldom a walk begins anew."""
_SHORTS: Final = Struct(">HHH")
"""What is drawn for each step."""


def walks(graph: Graph[Any, Any, Any], seed_: int, examples: int) -> Iterator[list[int]]:
    """The inputs of each walk, by number. Two of three inputs move the machine on, and rather to where much can happen
    than to where little can: so the walks get far. Bytes are what hypothesis draws most evenly.
    """
    starts = [number for number, message in enumerate(graph.inputs) if message.starts]
    rows = [_by_row(graph.out(source)) for source in range(len(graph.configurations))]
    moving = [_weighed(graph, source, rows) for source in range(len(graph.configurations))]
    found: list[list[int]] = []

    @seed(seed_)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
    )
    @given(st.binary(min_size=_SHORTS.size * STEPS, max_size=_SHORTS.size * STEPS))
    def draw(drawn: bytes) -> None:
        at, walk = 0, []
        for step in range(STEPS):
            what, row, which = _SHORTS.unpack_from(drawn, _SHORTS.size * step)
            if what % _ONE_IN == 0:
                choices: Sequence[int] = starts
            elif what % 3 and moving[at]:
                choices = moving[at][row % len(moving[at])]
            else:
                choices = range(len(graph.inputs))
            number = choices[which % len(choices)]
            walk.append(number)
            at = graph.edge(at, number).target
        found.append(walk)

    with tempfile.TemporaryDirectory() as home:  # or else hypothesis makes a directory where the user stands
        set_hypothesis_home_dir(home)
        try:
            draw()
        finally:
            set_hypothesis_home_dir(None)
    return iter(found)


def _weighed(graph: Graph[Any, Any, Any], source: int, rows: Sequence[Sequence[list[int]]]) -> list[list[int]]:
    """The inputs of each row that moves the machine on, as often as rows move it on from there."""
    return [its for its in rows[source] for _ in rows[graph.edge(source, its[0]).target] or [[]]]


def _by_row(edges: Sequence[Edge[Any, Any, Any]]) -> list[list[int]]:
    """What moves the machine on from here: the inputs that each row takes. (Those that begin anew have none.)"""
    rows: dict[Row, list[int]] = {}
    for number, edge in enumerate(edges):
        if edge.moves and edge.row is not None:
            rows.setdefault(edge.row, []).append(number)
    return list(rows.values())
