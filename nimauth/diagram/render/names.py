"""Names that every engine takes, for the names of a chart, and how its states lie in one another there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from ..model import Chart, State, Words

LONGEST: Final = 40

_PLAIN: Final = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{,{LONGEST - 1}}}")
_KEPT: Final = frozenset(
    word
    for words in (
        # ECMAScript and Python
        "abstract and arguments as assert async await boolean break byte case catch char class const continue debugger"
        " def default del delete do double elif else enum eval except export extends false final finally float for from"
        " function global goto if implements import In in Infinity instanceof int interface is lambda let long NaN new"
        " None nonlocal not null or package pass private protected public raise return self short static super switch"
        " synchronized this throw throws transient true True False try typeof undefined var void volatile while with"
        " yield",
        # what ECMAScript knows everywhere, and what each of its objects has
        "Array Boolean Date Error Function JSON Map Math Number Object Promise Proxy Reflect RegExp Set String Symbol"
        " console document escape exports globalThis isFinite isNaN module parseFloat parseInt process require"
        " setInterval setTimeout unescape window constructor hasOwnProperty isPrototypeOf propertyIsEnumerable"
        " prototype toLocaleString toString valueOf",
        # XState and SCXML
        "set type error done xstate scxml",
        # python-statemachine
        "TransitionNotAllowed activate_initial_state active_listeners add_listener allow_event_without_transition"
        " allowed_events atomic_configuration_update bind_events_to cancel_event catch_errors_as_events configuration"
        " configuration_values current_state current_state_value enable_self_transition_entries enabled_events event"
        " event_data events final_states history_values id initial_state is_terminated machine model name prepare"
        " raise_ send send_id source start_configuration_values state state_field states states_map target transition",
    )
    for word in words.split()
)
"""What some language or engine keeps for itself; nobody has to think about which."""
_CALLED: Final = re.compile(r"(after|before|cond|done|error|invoke|on|prepare|unless|validators)_")
"""python-statemachine calls what is named like this by itself."""


@frozen
class Nest:
    """A state around states."""

    id: str
    meant: str | None
    """Its name in the chart, if that is another one."""
    label: Words
    initial: str
    """The id of the state in it that is entered first."""
    states: tuple[State, ...]


class Names:
    """How the things of a chart are called by what is exported, by their names in the chart."""

    def __init__(self, chart: Chart) -> None:
        self.states = identifiers(state.id for state in chart.states)
        self.events = identifiers(event.id for event in chart.events)
        self.parameters = identifiers(parameter.id for parameter in chart.parameters)
        # In python-statemachine what an event carries stands before a variable of that name.
        self.variables = identifiers((variable.id for variable in chart.variables), self.parameters.values())
        self.guards = identifiers(guard.name for row in chart.transitions for guard in row.guards)
        self.effects = identifiers(effect.name for row in chart.transitions for effect in row.effects)
        groups = identifiers((group.id for group in chart.groups), self.states.values())
        around = chart.group_of(chart.initial)
        self.groups = tuple(
            Nest(
                groups[group.id],
                other(group.id, groups[group.id]),
                group.label,
                self.states[chart.initial if group == around else members[0].id],
                members,
            )
            for group in chart.groups
            if (members := chart.members(group.id))
        )
        """The groups that have states."""
        root = identifiers([chart.id], [*self.states.values(), *groups.values()])[chart.id]
        self.root = Nest(
            root,
            other(chart.id, root),
            chart.title,
            self.states[chart.initial] if around is None else groups[around.id],
            tuple(state for state in chart.states if chart.group_of(state.id) is None),
        )
        """The whole. Its states are those without a group."""


def other(name: str, identifier: str) -> str | None:
    """A name, if it is another one."""
    return None if name == identifier else name


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """For each name an identifier of its own, which is none of `taken`. A plain name is its own identifier."""
    names = tuple(dict.fromkeys(names))
    used = set(taken)
    given = {name: name for name in names if _is_plain(name) and name not in used}
    used.update(given)
    for name in names:
        if name not in given:
            given[name] = _free(_plain(name), used)
            used.add(given[name])
    return given


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name) is not None and name not in _KEPT and not _CALLED.match(name)


def _plain(name: str) -> str:
    """What can be kept of a name."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[: LONGEST - len("x_")].rstrip("_")
    return next(it for it in (plain, f"{plain}_", f"x_{plain}".rstrip("_")) if _is_plain(it))


def _free(name: str, used: set[str]) -> str:
    number = 1
    free = name
    while free in used:
        number += 1
        free = f"{name}_{number}"
    return free
