"""The suite finds faults, and names the clause that they break."""

from __future__ import annotations

import pytest

from nimauth.conformance import Broken
from nimauth.conformance.secrecy import Secrets
from nimauth.conformance.standstill import TELLS
from nimauth.conformance.transport import CLAUSES

from .faults import FAULTS
from .memory import TOKENS, MemoryConformance


def first_finding(suite: MemoryConformance) -> Broken | None:
    """What the suite says first."""
    for name in [name for name in dir(suite) if name.startswith("test_")]:
        try:
            getattr(suite, name)()
        except Broken as broken:
            return broken
    return None


def test_there_is_a_fault_for_each_clause() -> None:
    assert {clause for _, clause in FAULTS.values()} == {clause.name for clause in CLAUSES}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_its_clause_named(fault: str) -> None:
    suite = MemoryConformance()
    suite.transport_class, clause = FAULTS[fault]
    suite.shrink, suite.examples = False, 15
    suite.stuck_after = 0.3 if clause == "T25" and not TELLS else 20.0
    found = first_finding(suite)
    assert found is not None, "nothing was found"
    assert found.clause.name == clause, str(found)
    assert not Secrets.of(*TOKENS.values()).shown_by(found)
