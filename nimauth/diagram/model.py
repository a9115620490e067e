"""The plain model that everything is drawn from: a chart is a machine, with the words that people read.

It knows nothing of logins and nothing of formats. `extract` makes a chart of any machine on the engine; the login
machine adds its words in `login`. What a session knows beside its state is told as *variables*, each with a few named
values; a guard is a condition on one of them, and an effect may set some. So a chart can be run, by the explorer and by
foreign engines, and not only be looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from attrs import field, frozen

LANGUAGES: Final = ("en", "zh")


@frozen
class Words:
    """A text, in English and in Chinese where somebody wrote that."""

    en: str
    zh: str = ""

    def in_(self, lang: str) -> str:
        """The text in this language, or else in English."""
        return (self.zh if lang == "zh" else "") or self.en


class Role(StrEnum):
    """What a group of states is for; themes give each a look of its own."""

    IDLE = "idle"
    BUSY = "busy"
    GOOD = "good"
    WAITING = "waiting"
    ENDED = "ended"
    PLAIN = "plain"


@frozen
class Group:
    """States that belong together."""

    id: str
    label: Words
    role: Role = Role.PLAIN


@frozen
class State:
    """One state. Its name is the same in every language."""

    id: str
    group: str | None = None
    note: Words | None = None
    """What it means, or shows, in a few words."""


@frozen
class Value:
    """One value of a variable: how it is written in conditions, and how people read it."""

    id: str
    label: Words


@frozen
class Variable:
    """Something a session knows beside its state, as far as guards look at it. All values are plain strings."""

    id: str
    label: Words
    values: tuple[Value, ...]
    initial: str


@frozen
class Parameter:
    """Something an event carries, with the values that an explorer may offer."""

    id: str
    label: Words
    values: tuple[Value, ...]


@frozen
class Carried:
    """A value that is not fixed: what the event carries under this name."""

    parameter: str


@frozen
class Known:
    """A value that is not fixed: what another variable says."""

    variable: str


@frozen
class Condition:
    """`variable == value`, or `variable != value`: all that a guard may ask."""

    variable: str
    equal: bool
    value: str | Carried


@frozen
class Assign:
    """Set a variable, if the condition holds (None: always)."""

    variable: str
    value: str | Carried | Known
    when: Condition | None = None


@frozen
class Guard:
    """A named condition that must hold (or must not: then `condition` is negated already, and the label says so)."""

    name: str
    """`not …` for one that must not hold."""
    label: Words
    condition: Condition
    rule: str | None = None
    """The rule that it enforces; told when it refuses."""


@frozen
class Effect:
    """Something that is done when a transition is taken."""

    name: str
    label: Words
    sets: tuple[Assign, ...] = ()
    hidden: bool = False
    """Bookkeeping: it sets variables, and is not drawn."""


@frozen
class Event:
    """Something that may happen to the machine."""

    id: str
    note: Words | None = None
    """What has happened, in a few words."""
    origin: Words | None = None
    """Who tells of it; events of one origin stand together."""
    carries: tuple[str, ...] = ()
    """The parameters that it has."""
    sets: tuple[Assign, ...] = ()
    """What it means in any state, also in one that has no transition for it; set before guards are asked."""


@frozen
class Transition:
    """One row for one source. Of the rows of a source and an event, the first whose guards all agree is taken."""

    event: str
    source: str
    target: str | None
    """None: the state stays, and `enter` of no state is run."""
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()
    """In order. What entering the target sets is among them, as a hidden effect."""
    rules: tuple[str, ...] = ()
    main: bool = False
    """On the path that all is made for; drawn heavier."""
    drawn: bool = True
    """False for one that can never be taken: a drawing of it would tell a lie."""


@frozen
class Rule:
    """A rule that transitions and guards cite by its id."""

    id: str
    text: Words


@frozen
class Selection:
    """A part of a machine that is worth a drawing of its own."""

    id: str
    title: Words
    rows: frozenset[int]
    """Which transitions, by their index."""
    effects: frozenset[str] | None = None
    """The only effects that matter in it, by name; None: all of them."""
    folded: bool = True
    """Whether arrows to several states of a group, alike but for their events, are drawn as one to the group."""


@frozen
class Chart:
    """A machine."""

    id: str
    title: Words
    initial: str
    states: tuple[State, ...]
    events: tuple[Event, ...]
    transitions: tuple[Transition, ...]
    groups: tuple[Group, ...] = ()
    variables: tuple[Variable, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    rules: tuple[Rule, ...] = ()
    selections: tuple[Selection, ...] = ()
    _rule: Mapping[str, Rule] = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_rule", {rule.id: rule for rule in self.rules})

    @property
    def rows(self) -> tuple[Transition, ...]:
        """The transitions that can be taken at all."""
        return tuple(row for row in self.transitions if row.drawn)

    def rule(self, name: str) -> Rule:
        """The rule of this name; one that nobody put into words is its own text."""
        return self._rule.get(name) or Rule(name, Words(name))

    def group_of(self, state: str) -> Group | None:
        """The group that a state belongs to."""
        name = next(s.group for s in self.states if s.id == state)
        return next((group for group in self.groups if group.id == name), None)

    def members(self, group: str) -> tuple[State, ...]:
        """The states of a group."""
        return tuple(state for state in self.states if state.group == group)
