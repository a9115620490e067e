"""Every input in every reachable configuration of the lifecycle, against the rules written a second time by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import evolve

from nimauth.lifecycle import Lifecycle
from nimauth.table import TABLE
from nimauth.vocabulary.inputs import Event
from nimauth.vocabulary.states import State

from .tables import lifecycle_of
from .walk import INPUTS, walk


def test_every_input_in_every_configuration_is_answered_as_the_rules_say() -> None:
    """The walk itself holds the eight statements on each step (see `monitor`)."""
    states, inputs, configurations = Counter[State](), Counter[str](), set[object]()
    for step in walk():
        assert step.answer == step.expected, step
        states[step.before.state] += 1
        inputs[str(step.message)] += 1
        configurations.add(tuple(step.before.to_dict().values()))
    assert set(states) == set(State)
    assert len(inputs) == len(INPUTS)
    assert len(configurations) > 100


def test_a_rejected_input_changes_nothing() -> None:
    for step in walk():
        if step.answer["out"] in ([{"do": "dropped"}], [{"do": "refused"}]):
            assert step.after == step.before, step


def test_every_row_is_taken_and_every_guard_both_agrees_and_refuses() -> None:
    taken: set[tuple[int, Event, State]] = set()
    asked: set[tuple[str, bool]] = set()

    def marker(number: int) -> Callable[..., None]:
        def mark(self: Lifecycle, heard: Any) -> None:
            taken.add((number, heard.event, self.state))

        return mark

    def watched(guard: str) -> Callable[..., bool]:
        def ask(self: Lifecycle, heard: Any) -> bool:
            verdict: bool = getattr(Lifecycle, guard)(self, heard)
            asked.add((guard, verdict))
            return verdict

        return ask

    guards = {guard for row in TABLE for guard in row.when}
    marked = [evolve(row, do=(f"mark_{number}", *row.do)) for number, row in enumerate(TABLE)]
    markers = {f"mark_{number}": marker(number) for number in range(len(TABLE))}
    for _ in walk(lifecycle_of(marked, **markers, **{guard: watched(guard) for guard in guards})):
        pass
    wanted = {(n, event, source) for n, row in enumerate(TABLE) for event in row.events for source in row.sources}
    # Auto login is void in every ended state, so the row that allows it is only ever taken from un_login. It lists them
    # so that the guards, and not the absence of a row, give the reason.
    void = {(n, e, s) for n, e, s in wanted - taken if e is Event.AUTO_LOGIN and s is not State.UN_LOGIN}
    assert wanted - taken == void
    assert len(void) == 6
    assert asked == {(guard, verdict) for guard in guards for verdict in (True, False)}
