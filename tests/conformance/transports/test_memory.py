"""A transport that keeps its contract passes, whatever story hypothesis comes up with."""

from __future__ import annotations

import pytest

from .memory import MemoryConformance


class TestMemoryTransport(MemoryConformance):
    pass


@pytest.mark.parametrize("seed", range(20))
def test_it_passes_whatever_the_seed(seed: int) -> None:
    suite = MemoryConformance()
    suite.seed, suite.examples = seed, 20
    suite.test_any_story()
