"""What the compiler refuses: everything a machine can be configured with that a generated function would not do."""

from __future__ import annotations

import inspect
from enum import Enum
from functools import cached_property, partial, partialmethod
from keyword import iskeyword
from unicodedata import normalize

from transitions import Event, Machine, State

from .errors import Unsupported


def check_machine(machine: Machine) -> None:
    """Raises Unsupported; so do the other checks."""
    check_stock(machine, Machine)
    for feature, (used, instead) in {
        "queued": (machine.has_queue, "keep the queue in front of the triggers"),
        "send_event": (machine.send_event, "let the callbacks take the arguments themselves"),
        "on_exception": (machine.on_exception, "catch around the trigger"),
        "finalize_event": (machine.finalize_event, "finish around the trigger"),
        "model_override": (machine.model_override, "mark the methods that are events with @trigger"),
        "a registered model": (machine.models, "give it model=None"),
    }.items():
        if used:
            raise Unsupported(f"the machine uses {feature}, which is not compiled; declare it without, and {instead}")
    check_name(machine.model_attribute, "model attribute")
    for state in machine.states.values():
        check_stock(state, State)
        if type(state.value) is not str and not isinstance(state.value, Enum):
            raise Unsupported(
                f"the state {state.value!r} cannot be compiled; let it be a string or a member of an Enum"
            )
    try:
        distinct = len({state.value for state in machine.states.values()})
    except TypeError as error:
        raise Unsupported(f"the states cannot be told apart ({error}); use an Enum that is hashable") from error
    if distinct < len(machine.states):
        raise Unsupported("two states of the machine compare equal, so a session in one is in both; take other values")
    for event in machine.events.values():
        check_stock(event, Event)
        check_name(event.name, "event")
        if event.name.startswith("_"):
            raise Unsupported(f"the event {event.name!r} may hide a name of the generated code; rename it")


def check_stock(part: object, kind: type) -> None:
    """A subclass, or an attribute set over a method, may change what a step does."""
    if type(part) is not kind or vars(part).keys() & vars(kind).keys():
        raise Unsupported(
            f"{part!r} behaves otherwise than a plain transitions {kind.__name__}, so it cannot be compiled; use that"
        )


def check_name(name: str, what: str) -> None:
    if not name.isidentifier() or iskeyword(name) or name != normalize("NFKC", name):
        raise Unsupported(f"the {what} {name!r} cannot be written as a name in Python; rename it")


def is_async(member: object) -> bool:
    """Whether calling or reading this member of a class would give something to await."""
    while True:
        if isinstance(member, staticmethod | classmethod):
            member = member.__func__
        elif isinstance(member, partial | partialmethod | cached_property):
            member = member.func
        elif isinstance(member, property):
            member = member.fget
        else:
            break
    faces = [member, type(member).__call__] if callable(member) else [member]
    return any(inspect.iscoroutinefunction(face) or inspect.isasyncgenfunction(face) for face in faces)
