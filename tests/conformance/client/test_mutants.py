"""Every single edit of the table, behind the adapter protocol: the tests find it, or it changes nothing."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from attrs import evolve

from nimauth.adapter import Adapter
from nimauth.conformance.client.conform import Conformance
from nimauth.conformance.client.examiner import FRESH, Case, Examiner, Numbers
from nimauth.conformance.client.judge import judge
from nimauth.conformance.client.login import Login, canonical, input_of, login_graph
from nimauth.conformance.client.messages import ALPHABET
from nimauth.conformance.client.plan import STAGES
from nimauth.conformance.client.subject import InProcess
from nimauth.conformance.mutation import mutants, running
from nimauth.conformance.paths import every_input
from nimauth.lifecycle import Lifecycle
from nimauth.table import TABLE, declare
from nimauth.vocabulary.effects import Status
from nimauth.vocabulary.inputs import CALLS, HINTS, Event, Input
from nimauth.vocabulary.states import State

from ...lifecycle.tables import lifecycle_of
from .subjects import Json, result_of

GRAPH = login_graph()
Place = tuple[str, str]
"""An event in a state."""


def place_of(step: Login) -> Place | None:
    heard = input_of(step.input.content)
    return (heard.event.value, step.before.state.value) if heard is not None else None


@cache
def steps_at() -> dict[Place, list[Login]]:
    found: dict[Place, list[Login]] = defaultdict(list)
    for step in GRAPH.edges:
        if (place := place_of(step)) is not None:
            found[place].append(step)
    return found


@cache
def cases_at() -> dict[Place, list[Numbers]]:
    """The cases of the first stage that come by an event in a state. Up to there a mutant is the machine it was."""
    found: dict[Place, list[Numbers]] = defaultdict(list)
    for path in every_input(GRAPH):
        numbers = [FRESH, *(step.number % len(ALPHABET) for step in path)]
        for place in dict.fromkeys(map(place_of, path)):
            if place is not None:
                found[place].append(numbers)
    return found


def changes_nothing(lifecycle: type[Lifecycle], place: Place) -> bool:
    """In every configuration it answers rightly, and then holds what it must: no sequence can tell it from ours."""
    for step in steps_at()[place]:
        adapter = Adapter(lifecycle)
        adapter.session = lifecycle(**step.before.to_dict())
        try:
            answer = adapter.answer(step.input.line)
        except (AssertionError, KeyError, StopIteration):
            return False
        if judge(step, canonical(answer)) is not None or adapter.session.to_dict() != step.after.to_dict():
            return False
    return True


def is_found_early(lifecycle: type[Lifecycle], place: Place) -> bool:
    """At a case of the first stage: most are. It sees the past, on which it depends what a refusal may name."""
    examiner = Examiner(InProcess(lambda: Adapter(lifecycle).answer))
    return any(examiner.first_failure(Case(numbers)) is not None for numbers in cases_at()[place])


def is_found(lifecycle: type[Lifecycle]) -> bool:
    """By all the tests; by the sequences, if by any, where the first stage has not found it."""
    return any(
        not Conformance(InProcess(lambda: Adapter(lifecycle).answer), examples=0, max_findings=1, stages=stages)
        .run()
        .holds
        for stages in (["sequences"], STAGES)
    )


def edits() -> Iterator[tuple[str, type[Lifecycle], Place]]:
    machine = declare()
    for mutant in mutants(machine):
        kind = running(mutant.machine(), Lifecycle, arguments="heard")
        yield mutant.name, kind, (mutant.event, State[mutant.source].value)


def test_every_edit_of_the_table_is_found() -> None:
    survivors, same, count = [], 0, 0
    for name, kind, place in edits():
        count += 1
        refusal = place[0] == "auto_login"
        if refusal and is_found_early(kind, place):
            continue
        if changes_nothing(kind, place):  # for most it is quicker to see
            same += 1
        elif (refusal or not is_found_early(kind, place)) and not is_found(kind):
            survivors.append(name)
    print(f"{count} edits, {same} of them change nothing, {len(survivors)} of the others are not found")
    assert count > 3000
    assert not survivors


def added_rows() -> Iterator[tuple[str, type[Lifecycle], Place]]:
    """A signal or a timer taken in a state that must drop it: a stale link is believed, an old timer heeded."""
    answered = {(event, source) for row in TABLE for event in row.events for source in row.sources}
    seen = set()
    for number, row in enumerate(TABLE):
        for event in row.events:
            if event in CALLS or event in HINTS:
                continue
            for source in State:
                if (event, source) in answered or (event, source, row.target) in seen:
                    continue
                seen.add((event, source, row.target))
                table = (*TABLE, evolve(row, events=(event,), sources=frozenset({source}), when=()))
                yield f"row {number}: {event} also in {source}", lifecycle_of(table), (event.value, source.value)


def test_a_stale_link_that_is_believed_is_found() -> None:
    count = 0
    for name, kind, place in added_rows():
        count += 1
        assert is_found_early(kind, place) or is_found(kind), name
    assert count > 150


@pytest.mark.parametrize("state", State)
def test_a_wrong_status_is_found(state: State) -> None:
    def publish(self: Lifecycle, heard: Input) -> None:
        shown = State.LOGGED_IN if state is not State.LOGGED_IN else State.DATA_SYNC_FINISH
        self._out.append(Status(shown if self.state is state else self.state))

    result = result_of(lambda: Adapter(lifecycle_of(TABLE, publish=publish)).answer, max_findings=1, examples=0)
    assert [clause.name for clause in result.findings[0].clauses] == ["H8"]


@pytest.mark.parametrize("name", ["state", "local_data", "permitted", "void", "network"])
def test_what_is_kept_over_a_restart_is_found(name: str) -> None:
    """Who attempts, and for whom, is set by the next attempt before anybody looks at it."""

    def keeping() -> Callable[[bytes], Json]:
        adapter = Adapter()

        def answer(line: bytes) -> Json:
            before = copy.copy(adapter.session)
            told = adapter.answer(line)
            if b'"start"' in line and "error" not in told:
                setattr(adapter.session, name, getattr(before, name))
                told["state"] = adapter.session.state.value
            return told

        return answer

    result = result_of(keeping, max_findings=1, examples=0)
    assert not result.holds


def test_what_it_says_of_an_edit_names_its_rule() -> None:
    """The verdict of a kick is not final: the whole way, from the table to the story."""
    edited = [
        evolve(row, target=State.WAITING) if row.events == (Event.KICKED_BY_CLIENT,) and not row.when else row
        for row in TABLE
    ]
    result = result_of(lambda: Adapter(lifecycle_of(edited)).answer, max_findings=1, examples=0)
    finding = result.findings[0]
    assert "R4" in [clause.name for clause in finding.clauses] or finding.clauses[0].name == "H8"
    assert len(finding.steps) <= 5
