"""Every single edit of a machine. A test suite that does not notice one of them does not hold that part of the machine.

for mutant in mutants(DOOR):
    session = running(mutant.machine(), Door)     # the class Door, run by the edited machine
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from attrs import field, frozen
from transitions import Machine, Transition

from ..engine import Program, compile_machine
from ..engine.checks import check_machine

Session = TypeVar("Session")
Edit = Callable[[Machine, Transition], None]


@frozen
class Mutant:
    """A machine with one edit."""

    name: str
    """The row and what was done to it, in words."""
    _machine: Machine = field(repr=False, alias="of")
    event: str
    source: str
    """The row is one of this event in the state of this name, ..."""
    number: int
    """... and of these it has this number."""
    _edit: Edit = field(repr=False, alias="edit")

    def machine(self) -> Machine:
        """The edited machine; the one it comes from is left as it is."""
        machine = copy.copy(self._machine)
        machine.events = machine.events.copy()
        # Its events know their machine: a deep copy of one, in which the machine stands for itself, is enough.
        machine.events[self.event] = copy.deepcopy(machine.events[self.event], {id(self._machine): machine})
        self._edit(machine, machine.events[self.event].transitions[self.source][self.number])
        return machine


def mutants(machine: Machine) -> Iterator[Mutant]:
    """For each row: dropped; led to every other state, or to none; each guard dropped, and negated; each effect
    (`prepare`, `before`, `after`) dropped, doubled, and swapped with each later one. Raises TypeError for what is none,
    and Unsupported for a machine that the engine does not run.
    """
    if not isinstance(machine, Machine):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{machine!r} is no machine to edit; give the transitions Machine that the class runs")
    check_machine(machine)
    for event in machine.events.values():
        for source, rows in event.transitions.items():
            for number, row in enumerate(rows):
                place = (str.__str__(event.name), source, number)
                name = f"{place[0]} in {source}" + (f", row {number + 1}" if len(rows) > 1 else "")
                for what, edit in _edits(machine, row, place):
                    yield Mutant(f"{name}: {what}", machine, *place, edit)


def running(
    machine: Machine, session: type[Session], *, arguments: str = "", **methods: Callable[..., Any]
) -> type[Session]:
    """A class like `session` that runs another machine. `arguments` as for `runs`; `methods` stand beside or instead
    of its own. Raises TypeError for a class without a machine.
    """
    program = getattr(session, "__program__", None)
    if not isinstance(program, Program):
        raise TypeError(f"{session.__name__} has no machine to run another in place of; put @runs on it")
    # A trigger of the old machine must not be inherited where the new one has no such event.
    gone = dict.fromkeys(set(program.triggers) - set(machine.events))
    kind: Any = type(session.__name__, (session,), {"__slots__": (), **methods, **gone})
    compiled = compile_machine(machine, kind, arguments=arguments, rules=program.rules)
    for event, function in compiled.triggers.items():
        setattr(kind, event, function)
    kind.__program__ = compiled
    mutated: type[Session] = kind
    return mutated


def _edits(machine: Machine, row: Transition, place: tuple[str, str, int]) -> Iterator[tuple[str, Edit]]:
    event, source, number = place

    def dropped(edited: Machine, _: Transition) -> None:
        del edited.events[event].transitions[source][number]

    yield "dropped", dropped
    state = machine.states[source]
    same = () if state.on_enter or state.on_exit else (source, None)  # to stay and to come back are then one thing
    for target in [*machine.states, None]:
        if target != row.dest and not (target in same and row.dest in same):
            yield f"to {target}", _set("dest", target)
    for place_of, guard in enumerate(row.conditions):
        yield f"without {_called(guard.func)}", _without("conditions", place_of)
        yield f"{_called(guard.func)} negated", _negated(place_of)
    for kind in ("prepare", "before", "after"):
        effects: list[Any] = getattr(row, kind)
        for first, effect in enumerate(effects):
            yield f"without {_called(effect)}", _without(kind, first)
            yield f"{_called(effect)} twice", _twice(kind, first)
            for second in range(first + 1, len(effects)):
                if effects[second] != effect:
                    yield f"{_called(effect)} and {_called(effects[second])} swapped", _swapped(kind, first, second)


def _set(name: str, value: object) -> Edit:
    return lambda _, row: setattr(row, name, value)


def _without(kind: str, place: int) -> Edit:
    return lambda _, row: getattr(row, kind).pop(place)


def _negated(place: int) -> Edit:
    def edit(_: Machine, row: Transition) -> None:
        row.conditions[place].target = not row.conditions[place].target

    return edit


def _twice(kind: str, place: int) -> Edit:
    def edit(_: Machine, row: Transition) -> None:
        effects = getattr(row, kind)
        effects.insert(place, effects[place])

    return edit


def _swapped(kind: str, first: int, second: int) -> Edit:
    def edit(_: Machine, row: Transition) -> None:
        effects = getattr(row, kind)
        effects[first], effects[second] = effects[second], effects[first]

    return edit


def _called(callback: Any) -> str:
    return callback if isinstance(callback, str) else getattr(callback, "__qualname__", repr(callback))
