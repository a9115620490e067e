"""Charts to ask engines about: of chance, of nasty values, and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from attrs import evolve

from nimauth.diagram.model import (
    Assign,
    Carried,
    Chart,
    Condition,
    Effect,
    Event,
    Group,
    Guard,
    Known,
    Parameter,
    State,
    Transition,
    Variable,
    Words,
)

from ..machines import HOSTILE, NASTY
from .walks import Happening, Walk, every_walk

VALUES: Final = (
    *NASTY.values(),
    *("true", "false", "null", "not true", "None", "undefined", "1", "0", "a && b", "a || b", "!a", "x === y", "&lt;"),
    *("\u2028", "\u00a0", "\ufeff", "\ufffe", "\U0001f600", "\U000e0001", "\\u0041", "\\", "'", '"', "v", "_event"),
)
"""What a variable may say that a condition could take for something else."""


WORDS: Final = (
    *("class", "void", "None", "true", "not", "lambda", "await", "in", "if", "NaN", "undefined", "arguments", "eval"),
    *("constructor", "toString", "valueOf", "hasOwnProperty", "__proto__", "prototype", "Object", "escape", "process"),
    *("send", "state", "states", "model", "name", "id", "event", "event_data", "source", "target", "history_values"),
    *("configuration", "current_state", "initial_state", "start_configuration_values", "raise_", "prepare", "machine"),
    *("on_send", "before_send", "after_transition", "on_enter_send", "done_state_send", "error_execution", "send_id"),
    *("set", "type", "guard", "actions", "params", "xstate", "scxml", "done", "error", "x", "x_1", "1", "a.b", "*"),
    *("a", "a_b", "a b", "A", "_a", "__class__", "_event", "In", "self", "this", "kwargs", "args", "session", "_name"),
    *("1" * 60, "on_" + "x" * 60, "y" * 40, "y" * 41),
)
"""What a language, an engine or our own renaming could take for something else."""


def of_words() -> tuple[Chart, Walk]:
    """A ring of states, in which each of the words is a state, an event, a variable, a parameter and a guard."""

    def row(word: str, then: str) -> Transition:
        guard = Guard(word, Words(word), Condition(word, False, Carried(word)))
        sets = (Assign(word, Carried(word)),)
        return Transition(word, word, then, (guard,), (Effect(word, Words(word), sets, hidden=True),))

    chart = Chart(
        id="words",
        title=Words("Words"),
        initial=WORDS[0],
        states=tuple(State(word, word if number % 2 else None) for number, word in enumerate(WORDS)),
        events=tuple(Event(word, carries=(word,)) for word in WORDS),
        transitions=tuple(row(word, then) for word, then in zip(WORDS, (*WORDS[1:], WORDS[0]), strict=True)),
        groups=tuple(Group(word, Words(word)) for word in WORDS),
        variables=tuple(Variable(word, Words(word), (), word) for word in WORDS),
        parameters=tuple(Parameter(word, Words(word), ()) for word in WORDS),
    )
    events = [(word, {word: value}) for word in WORDS for value in (word, "else", "else")]
    return chart, Walk({word: word for word in WORDS}, tuple(events))


def of_names() -> list[tuple[Chart, Walk]]:
    """The chart in which everything has a name that could do harm, from each of its states."""
    # What the effect is called cannot be printed, and read back.
    rows = tuple(
        evolve(row, effects=tuple(evolve(effect, hidden=True) for effect in row.effects)) for row in HOSTILE.transitions
    )
    charts = [evolve(HOSTILE, initial=state.id, transitions=rows) for state in HOSTILE.states]
    return [(chart, walk) for chart in charts for walk in every_walk(chart)]


def of_values() -> tuple[Chart, Walk]:
    """A variable takes each of the values, written or carried, and is compared with each, written or carried."""
    events = [Event("carry", carries=("p",)), Event("ask", carries=("p",))]
    rows = [_stay("carry", None, "carried", Assign("v", Carried("p"))), *_asked("ask", Carried("p"))]
    happens: list[Happening] = []
    for number, value in enumerate(VALUES):
        events += [Event(f"set_{number}"), Event(f"is_{number}")]
        rows += [_stay(f"set_{number}", None, "written", Assign("v", value)), *_asked(f"is_{number}", value)]
        questions: list[Happening] = [
            question for other, text in enumerate(VALUES) for question in ((f"is_{other}", {}), ("ask", {"p": text}))
        ]
        happens += [(f"set_{number}", {}), *questions, ("carry", {"p": value}), *questions]
    chart = Chart(
        id="values",
        title=Words("Values"),
        initial="here",
        states=(State("here"),),
        events=tuple(events),
        transitions=tuple(rows),
        variables=(Variable("v", Words("v"), (), VALUES[-1]),),
        parameters=(Parameter("p", Words("p"), ()),),
    )
    return chart, Walk({"v": VALUES[-1]}, tuple(happens))


def _asked(event: str, value: str | Carried) -> Iterator[Transition]:
    yield _stay(event, Condition("v", True, value), "same")
    yield _stay(event, Condition("v", False, value), "other")


def _stay(event: str, asked: Condition | None, effect: str, *sets: Assign) -> Transition:
    guards = () if asked is None else (Guard("asked", Words("asked"), asked),)
    return Transition(event, "here", None, guards, (Effect(effect, Words(effect), sets),))


def of_chance(seed: int) -> tuple[Chart, Walk]:
    """Rows, guards, effects, and what events mean in any state, as chance has it; and a walk."""
    chance = Random(seed)
    states = [f"s{number}" for number in range(chance.randint(2, 5))]
    groups = ["g1", "g2", "s1"]
    values = ["x", "y", ""]
    variables = ["v", "w", "u"]
    events = {f"e{number}": chance.choice([(), ("p",), ("p", "q")]) for number in range(chance.randint(2, 5))}

    def value(event: str) -> str | Carried:
        return (
            Carried(chance.choice(events[event])) if events[event] and chance.random() < 0.4 else chance.choice(values)
        )

    def condition(event: str) -> Condition:
        return Condition(chance.choice(variables), chance.random() < 0.6, value(event))

    def assign(event: str) -> Assign:
        what = Known(chance.choice(variables)) if chance.random() < 0.3 else value(event)
        return Assign(chance.choice(variables), what, condition(event) if chance.random() < 0.6 else None)

    def some(most: int) -> range:
        return range(chance.randint(0, most))

    def row(event: str) -> Transition:
        return Transition(
            event,
            chance.choice(states),
            chance.choice([*states, None]),
            tuple(Guard(f"guard{number}", Words("guard"), condition(event)) for number in some(3)),
            tuple(
                Effect(f"effect{number}", Words("effect"), tuple(assign(event) for _ in some(2)), chance.random() < 0.2)
                for number in some(2)
            ),
        )

    chart = Chart(
        id="chance",
        title=Words("Chance"),
        initial=chance.choice(states),
        states=tuple(State(state, chance.choice([*groups, None])) for state in states),
        events=tuple(
            Event(event, carries=carries, sets=tuple(assign(event) for _ in some(3)))
            for event, carries in events.items()
        ),
        transitions=tuple(row(chance.choice(list(events))) for _ in range(chance.randint(4, 20))),
        groups=tuple(Group(group, Words(group)) for group in groups),
        variables=tuple(Variable(name, Words(name), (), chance.choice(values)) for name in variables),
        parameters=(Parameter("p", Words("p"), ()), Parameter("q", Words("q"), ())),
    )
    walk = Walk(
        {variable.id: variable.initial for variable in chart.variables},
        tuple(
            (event, {name: chance.choice(values) for name in events[event]})
            for event in chance.choices(list(events), k=100)
        ),
    )
    return chart, walk


def wrong(chart: Chart) -> Iterator[tuple[str, Chart]]:
    """Each row left out, each guard turned round, each target another: all are wrong, and what is wrong with them."""
    for number, row in enumerate(chart.transitions):
        if not row.drawn:
            continue  # what is never taken cannot be missed
        rest = chart.transitions[:number], chart.transitions[number + 1 :]
        where = f"{row.event} in {row.source}, row {number}"
        yield f"{where}: left out", evolve(chart, transitions=(*rest[0], *rest[1]))
        for place, guard in enumerate(row.guards):
            turned = evolve(guard, condition=evolve(guard.condition, equal=not guard.condition.equal))
            guards = (*row.guards[:place], turned, *row.guards[place + 1 :])
            yield (
                f"{where}: {guard.name} turned round",
                evolve(chart, transitions=(*rest[0], evolve(row, guards=guards), *rest[1])),
            )
        names = [state.id for state in chart.states]
        stays = row.source if row.target is None else row.target
        other = names[(names.index(stays) + 1) % len(names)]
        yield f"{where}: to {other}", evolve(chart, transitions=(*rest[0], evolve(row, target=other), *rest[1]))
