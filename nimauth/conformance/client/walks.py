"""Long random walks through a graph, drawn by hypothesis."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from ..graph import Graph

LONGEST = 120
"""Steps of a walk."""


def walks(graph: Graph[Any, Any, Any], seed_: int, examples: int) -> Iterator[list[int]]:
    """The inputs of each walk, by number. Two of three inputs move the machine on, so that the walks get far."""
    moving = [
        [number for number, edge in enumerate(graph.out(source)) if edge.moves]
        for source in range(len(graph.configurations))
    ]
    found: list[list[int]] = []

    @seed(seed_)
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example),
    )
    @given(st.lists(st.integers(0, 3 * 2**16 - 1), min_size=LONGEST // 2, max_size=LONGEST))
    def draw(draws: list[int]) -> None:
        at, walk = 0, []
        for drawn in draws:
            pick, any_of_all = divmod(drawn, 3)
            choices = moving[at] if any_of_all else range(len(graph.inputs))
            number = choices[pick % len(choices)] if choices else pick % len(graph.inputs)
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
