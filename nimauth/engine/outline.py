"""A declaration as plain data: what stands in a `transitions` Machine, whether or not it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from attrs import field, frozen
from transitions import Event, Machine, Transition
from transitions.core import Condition

from .checks import check_stock
from .errors import Unsupported

Callback = str | Callable[..., Any]
State = str | Enum


def name_of(callback: Callback) -> str:
    """How a callback is called in messages."""
    return callback if isinstance(callback, str) else getattr(callback, "__qualname__", repr(callback))


@frozen
class Row:
    """One transition of the declaration, as plain data."""

    event: str
    source: State
    target: State | None
    """None: the state stays, and no exit or enter callback runs."""
    guards: tuple[tuple[Callback, bool], ...] = ()
    """Each guard with the answer that it must give."""
    prepare: tuple[Callback, ...] = ()
    before: tuple[Callback, ...] = ()
    after: tuple[Callback, ...] = ()


Cases = Mapping[tuple[State, str], tuple[Row, ...]]


@frozen
class Outline:
    """A machine's declaration."""

    name: str
    initial: State | None
    """None where the machine names none; each session then starts where its own field says."""
    events: tuple[str, ...]
    entering: Mapping[State, tuple[Callback, ...]]
    """Every state, with what is run on entering it."""
    leaving: Mapping[State, tuple[Callback, ...]]
    """Every state, with what is run on leaving it."""
    always: tuple[tuple[Callback, ...], tuple[Callback, ...]]
    """What is run before and after every row that is taken."""
    cases: Cases = field(repr=False)
    """The rows by source and event, in the order in which they are tried."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All the rows."""
        return tuple(row for rows in self.cases.values() for row in rows)


def outline_of(machine: Machine) -> Outline:
    """Read a machine, without changing it. Raises Unsupported for what is no plain state, event or transition."""
    states = machine.states.values()
    initial = machine.initial
    return Outline(
        name=machine.name.removesuffix(": "),
        initial=machine.states[initial].value if initial is not None and initial in machine.states else None,
        events=tuple(str.__str__(event.name) for event in machine.events.values()),
        entering={state.value: (*state.on_enter, *(machine.on_final if state.final else ())) for state in states},
        leaving={state.value: tuple(state.on_exit) for state in states},
        always=((*machine.prepare_event, *machine.before_state_change), tuple(machine.after_state_change)),
        cases=_cases(machine),
    )


def _cases(machine: Machine) -> Cases:
    """The rows by source and event."""
    return {
        (_value(machine, source), str.__str__(event.name)): tuple(_row(machine, event, part) for part in transitions)
        for event in machine.events.values()
        for source, transitions in event.transitions.items()
    }


def _row(machine: Machine, event: Event, transition: Transition) -> Row:
    check_stock(transition, Transition)
    for condition in transition.conditions:
        check_stock(condition, Condition)
    if transition.dest == "":
        raise Unsupported(
            f"{event.name} has an empty dest, which transitions takes for None here and for an error there; write None"
        )
    return Row(
        event=str.__str__(event.name),  # a member of a string Enum is formatted otherwise
        source=_value(machine, transition.source),
        target=None if transition.dest is None else _value(machine, transition.dest),
        guards=tuple((guard.func, guard.target) for guard in transition.conditions),
        prepare=tuple(transition.prepare),
        before=tuple(transition.before),
        after=tuple(transition.after),
    )


def _value(machine: Machine, state: str) -> Any:
    if state not in machine.states:
        raise Unsupported(f"a transition names the state {state!r}, which the machine does not have; add it")
    return machine.states[state].value
