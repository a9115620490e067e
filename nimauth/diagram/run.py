"""A chart, run: what it means, in a page of Python. The explorer and foreign engines must come to the same.

runner = Runner(chart_of(Turnstile))
runner.send("coin").target      # "open"
runner.state                    # "open"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import NimAuthError
from .model import Assign, Carried, Chart, Condition, Event, Known, Transition


class NotInChart(NimAuthError):
    """A chart was told something that it does not have."""


class Runner:
    """Where a chart stands, and what its variables say; a copy goes on alone.

    `variables` replace initial values.
    """

    def __init__(self, chart: Chart, /, **variables: str) -> None:
        self.chart = chart
        self.state = chart.initial
        self.variables = {variable.id: variable.initial for variable in chart.variables}
        if unknown := variables.keys() - self.variables.keys():
            raise NotInChart(
                f"the chart {chart.id!r} has no variable {min(unknown)!r}; it has {_list(self.variables) or 'none'}"
            )
        self.variables.update(variables)
        self._events = {event.id: event for event in chart.events}
        self._rows: dict[tuple[str, str], list[Transition]] = {}
        for row in chart.transitions:
            self._rows.setdefault((row.source, row.event), []).append(row)

    def send(self, name: str, /, **carried: str) -> Transition | None:
        """Let an event happen, with what it carries. Gives the transition that took it, or None where none did."""
        event = self._event(name, carried)
        self._assign(event.sets, carried)
        for row in self._rows.get((self.state, name), ()):
            if all(self._holds(guard.condition, carried) for guard in row.guards):
                for effect in row.effects:
                    self._assign(effect.sets, carried)
                self.state = self.state if row.target is None else row.target
                return row
        return None

    def _event(self, name: str, carried: Mapping[str, Any]) -> Event:
        event = self._events.get(name)
        if event is None:
            raise NotInChart(f"the chart {self.chart.id!r} has no event {name!r}; it has {_list(self._events)}")
        if set(carried) != set(event.carries):
            raise NotInChart(
                f"the event {name!r} carries {_list(event.carries) or 'nothing'}, "
                f"and was sent with {_list(carried) or 'nothing'}; give just what it carries"
            )
        return event

    def _assign(self, sets: Iterable[Assign], carried: Mapping[str, str]) -> None:
        for assign in sets:
            if assign.when is None or self._holds(assign.when, carried):
                self.variables = {**self.variables, assign.variable: self._value(assign.value, carried)}

    def _holds(self, asked: Condition, carried: Mapping[str, str]) -> bool:
        return (self.variables[asked.variable] == self._value(asked.value, carried)) is asked.equal

    def _value(self, value: str | Carried | Known, carried: Mapping[str, str]) -> str:
        match value:
            case Carried(name):
                return carried[name]
            case Known(name):
                return self.variables[name]
            case _:
                return value


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
