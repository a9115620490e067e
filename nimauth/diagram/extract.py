"""From a machine to its chart. A `Lexicon` adds the words and the meaning that a declaration does not have.

Without one, a machine draws itself: names become words, and each guard becomes a variable of its own that says yes or
no, so that the explorer can ask the reader what the code would have decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any

from attrs import define, field, frozen
from transitions import Machine

from ..engine import Outline, Program, Unsupported, outline_of
from ..engine.outline import Callback, Row, name_of
from ..errors import NimAuthError
from .model import (
    Assign,
    Chart,
    Condition,
    Effect,
    Event,
    Group,
    Guard,
    Parameter,
    Rule,
    Selection,
    State,
    Transition,
    Value,
    Variable,
    Words,
)

YES, NO = Value("yes", Words("yes", "是")), Value("no", Words("no", "否"))
"""The values of a variable that stands for a guard."""


class NoMachine(NimAuthError):
    """What was given is no machine that could be drawn."""


@frozen
class Meaning:
    """What a guard asks, or what an effect does to the variables, with the words for it."""

    label: Words
    asks: Condition | None = None
    sets: tuple[Assign, ...] = ()
    hidden: bool = False


@define
class Lexicon:
    """What people and engines need to know of a machine beside its declaration. Everything may be left out."""

    title: Words | None = None
    groups: tuple[Group, ...] = ()
    group_of: Mapping[str, str] = field(factory=dict)
    """The group of a state, by the state's name."""
    notes: Mapping[str, Words] = field(factory=dict)
    """What a state means."""
    events: Mapping[str, Event] = field(factory=dict)
    guards: Mapping[str, Meaning] = field(factory=dict)
    effects: Callable[[str, str], Meaning | None] = lambda effect, event: None
    """The meaning of an effect at an event."""
    variables: tuple[Variable, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    rules: tuple[Rule, ...] = ()
    rules_of: Callable[[Row], Iterable[str]] = lambda row: ()
    is_main: Callable[[Row], bool] = lambda row: False
    is_drawn: Callable[[Row], bool] = lambda row: True
    """False for a row that can never be taken."""
    selections: Callable[[tuple[Transition, ...]], Iterable[Selection]] = lambda transitions: ()


def chart_of(thing: Any, lexicon: Lexicon | None = None) -> Chart:
    """The chart of a class under `@runs`, one of its sessions, its program, or a `transitions` Machine.

    A chart is its own chart. Raises NoMachine for anything else, and for a Machine that is more than plain states and
    transitions (nested, say).
    """
    if isinstance(thing, Chart):
        return thing
    program = thing if isinstance(thing, Program) else getattr(thing, "__program__", None)
    lexicon = lexicon or Lexicon()
    if isinstance(program, Program):
        return _Extraction(program.outline, program.rules, lexicon).chart(program.name)
    if isinstance(thing, Machine):
        try:
            outline = outline_of(thing)
        except Unsupported as error:
            raise NoMachine(f"only a machine of plain states and transitions can be drawn: {error}") from error
        return _Extraction(outline, {}, lexicon).chart(outline.name or "machine")
    raise NoMachine(
        f"{type(thing).__name__} is no machine; name a class under @runs, its program, or a transitions Machine"
    )


def words_of(name: str) -> Words:
    """A name in code, as a person would read it."""
    return Words(name.strip("_").replace("_", " ") or name)


@frozen
class _Extraction:
    outline: Outline
    enforces: Mapping[str, str]
    """What each guard enforces, by the guard's name."""
    lexicon: Lexicon

    @property
    def names(self) -> Mapping[Callback, str]:
        """What each guard is called; two functions of one name (two lambdas, say) are told apart by a number."""
        names: dict[Callback, str] = {}
        for guard in dict.fromkeys(guard for row in self.outline.rows for guard, _ in row.guards):
            same = sum(name_of(other) == name_of(guard) for other in names)
            names[guard] = f"{name_of(guard)} {same + 1}" if same else name_of(guard)
        return names

    def chart(self, name: str) -> Chart:
        told = self.lexicon
        if not self.outline.entering:
            raise NoMachine(f"{name} has no states, so there is nothing to draw; give it some")
        names = self.names
        transitions = tuple(self.transition(row, names) for row in self.outline.rows)
        states = tuple(self.state(state) for state in self.outline.entering)
        known = {rule.id for rule in told.rules}
        cited = dict.fromkeys(rule for t in transitions for rule in (*t.rules, *(g.rule for g in t.guards)) if rule)
        return Chart(
            id=name,
            title=told.title or words_of(name),
            initial=states[0].id if self.outline.initial is None else id_of(self.outline.initial),
            states=states,
            events=tuple(told.events.get(event) or Event(event) for event in self.outline.events),
            transitions=transitions,
            groups=told.groups,
            variables=told.variables + self.own_variables(),
            parameters=told.parameters,
            rules=told.rules + tuple(Rule(rule, Words(rule)) for rule in cited if rule not in known),
            selections=tuple(told.selections(transitions)),
        )

    def state(self, state: Any) -> State:
        name = id_of(state)
        return State(name, self.lexicon.group_of.get(name), self.lexicon.notes.get(name))

    def transition(self, row: Row, names: Mapping[Callback, str]) -> Transition:
        always_before, always_after = self.outline.always
        before = [*always_before, *row.prepare, *row.before]
        passing: list[Callback] = []
        if row.target is not None:
            passing = [*self.outline.leaving[row.source], *self.outline.entering[row.target]]
        effects = [*before, *passing, *row.after, *always_after]
        return Transition(
            event=row.event,
            source=id_of(row.source),
            target=None if row.target is None else id_of(row.target),
            guards=tuple(self.guard(names[guard], wanted) for guard, wanted in row.guards),
            effects=tuple(self.effect(name_of(effect), row.event) for effect in effects),
            rules=tuple(self.lexicon.rules_of(row)),
            main=self.lexicon.is_main(row),
            drawn=self.lexicon.is_drawn(row),
        )

    def guard(self, name: str, wanted: bool) -> Guard:
        meaning = self.lexicon.guards.get(name) or Meaning(words_of(name))
        asks = meaning.asks or Condition(name, True, YES.id)
        label = meaning.label
        if not wanted:
            asks = Condition(asks.variable, not asks.equal, asks.value)
            label = Words(f"not {label.en}", f"非{label.zh}" if label.zh else "")
        return Guard(name if wanted else f"not {name}", label, asks, self.enforces.get(name))

    def effect(self, name: str, event: str) -> Effect:
        meaning = self.lexicon.effects(name, event) or Meaning(words_of(name))
        return Effect(name, meaning.label, meaning.sets, meaning.hidden)

    def own_variables(self) -> tuple[Variable, ...]:
        """One for each guard of which nobody said what it asks."""
        asked = {name for name, meaning in self.lexicon.guards.items() if meaning.asks}
        asked |= {variable.id for variable in self.lexicon.variables}
        names = (name for name in self.names.values() if name not in asked)
        return tuple(Variable(name, words_of(name), (YES, NO), YES.id) for name in dict.fromkeys(names))


def id_of(state: Any) -> str:
    """The name of a state: what a string says, or the name of a member of an Enum."""
    if isinstance(state, Enum):
        return str(state.value) if isinstance(state, str) else state.name
    return str(state)
