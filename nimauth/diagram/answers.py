"""What is written about a machine in tables: who answers what, and how. In one language; nothing is escaped.

States of a group that answer an event alike share its lines, and so do events that they answer alike. Of the lines of
an event the first whose guards all agree is taken; so those after it say "else".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from .model import Chart, State, Transition, Words


@frozen
class Line:
    """One answer."""

    states: tuple[str, ...]
    """Their names; or only the word for all states of the section."""
    events: tuple[str, ...]
    conditions: tuple[str, ...]
    effects: tuple[str, ...]
    target: str
    """The name of a state; or the word for the same one."""
    rules: tuple[str, ...]


@frozen
class Section:
    """What the states of one group answer."""

    title: str
    """Empty for states without a group."""
    states: tuple[State, ...]
    lines: tuple[Line, ...]


COLUMNS: Final = (
    Words("state", "状态"),
    Words("event", "事件"),
    Words("if", "条件"),
    Words("does", "动作"),
    Words("goes to", "转到"),
    Words("rules", "规则"),
)
"""Above the parts of a line."""

_ANY: Final = Words("any of these", "以上任一")
_STAYS: Final = Words("stays", "不变")
_ELSE: Final = Words("else", "否则")


def sections(chart: Chart, lang: str) -> Iterator[Section]:
    """All that the machine answers, group by group, events in the chart's order."""
    for group in dict.fromkeys(chart.group_of(state.id) for state in chart.states):
        states = tuple(state for state in chart.states if chart.group_of(state.id) == group)
        title = group.label.in_(lang) if group else ""
        yield Section(title, states, tuple(_lines(chart, [state.id for state in states], lang)))


def _lines(chart: Chart, states: list[str], lang: str) -> Iterator[Line]:
    rows: dict[tuple[str, str], list[Transition]] = {}
    for row in chart.rows:
        rows.setdefault((row.event, row.source), []).append(row)
    shared: dict[tuple[tuple[str, ...], tuple[_Answer, ...]], list[str]] = {}
    for event in chart.events:
        alike: dict[tuple[_Answer, ...], list[str]] = {}
        for state in states:
            if answers := tuple(_answer(row, lang) for row in rows.get((event.id, state), ())):
                alike.setdefault(answers, []).append(state)
        for answers, sources in alike.items():
            shared.setdefault((tuple(sources), answers), []).append(event.id)
    for (those, answers), events in shared.items():
        who = (_ANY.in_(lang),) if len(those) == len(states) > 1 else those
        for number, (guards, effects, target, rules) in enumerate(answers):
            conditions = (_ELSE.in_(lang), *guards) if number else guards
            yield Line(who, tuple(events), conditions, effects, target, rules)


_Answer = tuple[tuple[str, ...], tuple[str, ...], str, tuple[str, ...]]
"""Guards, effects, target, rules."""


def _answer(row: Transition, lang: str) -> _Answer:
    return (
        tuple(guard.label.in_(lang) for guard in row.guards),
        tuple(effect.label.in_(lang) for effect in row.effects if not effect.hidden),
        _STAYS.in_(lang) if row.target is None else row.target,
        row.rules,
    )
