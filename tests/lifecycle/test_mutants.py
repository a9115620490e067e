"""Every single edit of the table is noticed by the exhaustive walk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve, frozen

from nimauth.adapter import READERS, Adapter
from nimauth.lifecycle import Lifecycle
from nimauth.table import TABLE, Row
from nimauth.vocabulary.inputs import Event
from nimauth.vocabulary.states import State

from .tables import lifecycle_of
from .walk import Step, walk


@frozen
class Mutant:
    name: str
    table: tuple[Row, ...]
    row: Row
    """The row that was edited, as it was."""


def _replaced(number: int, *rows: Row) -> tuple[Row, ...]:
    return (*TABLE[:number], *rows, *TABLE[number + 1 :])


# Effects that only set data, and set it to the same value each time.
SILENT = ("begin_manual_login", "begin_auto_login", "begin_session")
IDEMPOTENT = (*SILENT, "open_local_data_if_closed", "close_local_data_of_others")


def mutants() -> Iterator[Mutant]:
    """Every single edit, less those that mean the same: a row added where another already answers or where its guard
    cannot agree, an effect doubled that does nothing the second time, an order changed that nobody can see."""
    answered = {(event, source) for row in TABLE if not row.when for event in row.events for source in row.sources}
    for number, row in enumerate(TABLE):

        def made(what: str, *rows: Row, number: int = number, row: Row = row) -> Mutant:
            return Mutant(f"row {number}: {what}", _replaced(number, *rows), row)

        yield made("dropped")
        for event in row.events if len(row.events) > 1 else ():
            yield made(f"without {event}", evolve(row, events=tuple(e for e in row.events if e is not event)))
        for source in sorted(row.sources) if len(row.sources) > 1 else ():
            yield made(f"not in {source}", evolve(row, sources=row.sources - {source}))
        for source in sorted(set(State) - row.sources):
            if "is_manual" not in row.when and not any((event, source) in answered for event in row.events):
                yield made(f"also in {source}", evolve(row, sources=row.sources | {source}))
        for target in [*State, None]:
            if target is not row.target:
                yield made(f"to {target}", evolve(row, target=target))
        for guard in row.when:
            others = tuple(g for g in row.when if g != guard)
            yield made(f"without {guard}", evolve(row, when=others))
            yield made(f"unless {guard}", evolve(row, when=(*others, f"not_{guard}")))
        for place, effect in enumerate(row.do):
            before, after = row.do[:place], row.do[place + 1 :]
            yield made(f"without {effect}", evolve(row, do=(*before, *after)))
            if effect not in IDEMPOTENT:
                yield made(f"{effect} twice", evolve(row, do=(*before, effect, effect, *after)))
            for other in range(place + 1, len(row.do)):
                swapped = list(row.do)
                swapped[place], swapped[other] = swapped[other], swapped[place]
                if [e for e in swapped if e not in SILENT] != [e for e in row.do if e not in SILENT]:
                    yield made(f"{effect} and {row.do[other]} swapped", evolve(row, do=tuple(swapped)))


def _negated(guard: str) -> Callable[..., bool]:
    def ask(self: Lifecycle, heard: Any) -> bool:
        return not getattr(self, guard)(heard)

    return ask


NEGATIONS = {f"not_{guard}": _negated(guard) for row in TABLE for guard in row.when}


def survives(mutant: Mutant, steps: list[tuple[Event | None, Step]]) -> bool:
    lifecycle = lifecycle_of(mutant.table, **NEGATIONS)
    adapter = Adapter(lifecycle)
    same = True
    # Up to the first step that it answers otherwise, a mutant is where the real table is. So it is enough to ask it
    # there, and to walk it only when it has come to hold other data without yet saying so.
    for event, step in steps:
        if event not in mutant.row.events:
            continue
        adapter.session = lifecycle(**step.before.to_dict())
        try:
            answer = adapter.answer(json.dumps(step.message))
        except (AssertionError, KeyError, StopIteration, RuntimeError):
            return False  # the machine itself stumbled over it
        for effect in answer["out"]:
            effect.pop("why", None)
        if answer != step.expected:
            return False
        same = same and adapter.session.to_dict() == step.after.to_dict()
    try:
        return same or all(step.answer == step.expected for step in walk(lifecycle))
    except (AssertionError, KeyError, StopIteration, RuntimeError):
        return False


EQUIVALENT = {
    f"row {number}: also in {State.NET_BROKEN}": "net_broken means that there is no network: has_network never agrees"
    for number, row in enumerate(TABLE)
    if row.target is State.WAITING
}


def test_every_edit_of_the_table_is_noticed() -> None:
    steps = [(_event(step.message), step) for step in walk()]
    every = list(mutants())
    survivors = [mutant.name for mutant in every if survives(mutant, steps)]
    print(f"{len(every)} mutants, {len(survivors)} survivors")
    assert len(every) > 1000
    assert set(survivors) == set(EQUIVALENT)
    assert len(EQUIVALENT) < len(every) / 100


def _event(message: dict[str, Any]) -> Event | None:
    if message["in"] == "initialize":
        return Event.AUTO_LOGIN if message["auto_login"] else None
    return READERS[message["in"]](message).event
