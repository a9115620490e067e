"""The suite finds every fault, by the clause that it breaks, and nothing in a store that has none."""

from __future__ import annotations

import pytest

from nimauth.conformance import Broken, StoreConformance
from nimauth.conformance.store.contract import CLAUSES
from nimauth.conformance.store.stage import MARK

from . import test_stores
from .faults import FAULTS, BlocksTheLoop, Fault, let_go


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.store.__name__}-{fault.clause.name}")
def test_each_fault_is_found_by_the_clause_that_it_breaks(fault: Fault) -> None:
    try:
        with pytest.raises(Broken) as found:
            getattr(fault.suite(), fault.test)()
    finally:
        BlocksTheLoop.go_on()
        let_go()
    assert found.value.clause is fault.clause, str(found.value)
    assert str(found.value).startswith(f"{fault.clause.name} is broken: ")
    assert MARK not in str(found.value)


def test_each_clause_has_a_fault_that_breaks_it() -> None:
    assert {fault.clause for fault in FAULTS} == set(CLAUSES)


def test_each_test_finds_a_fault() -> None:
    assert {fault.test for fault in FAULTS} == {name for name in dir(StoreConformance) if name.startswith("test_")}


@pytest.mark.parametrize("seed", range(20))
def test_a_store_without_a_fault_passes_with_whatever_seed(seed: int) -> None:
    class Seeded(test_stores.TestFileStore):
        examples = 5

    Seeded.seed = seed
    Seeded().test_random_histories_agree_with_the_model()
    Seeded().test_random_calls_at_the_same_time_leave_what_one_order_would()
