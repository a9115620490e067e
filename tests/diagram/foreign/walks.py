"""Walks through a chart, and where a machine stands at each moment of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any, Final

from attrs import evolve, frozen

from nimauth.conformance.client.login import input_of, login_graph
from nimauth.conformance.client.messages import ALPHABET, Message
from nimauth.conformance.graph import A, Edge, Graph, I, S, explore
from nimauth.conformance.paths import every_input
from nimauth.diagram.login import login_chart, variables_of
from nimauth.diagram.model import Chart
from nimauth.diagram.run import Runner
from nimauth.engine import Row
from nimauth.engine.outline import name_of
from nimauth.lifecycle import Lifecycle

Values = Mapping[str, str]
Happening = tuple[str, Values]
"""An event, and what it carries."""


@frozen
class Walk:
    """Events from the start on, and the initial values of the variables."""

    initial: Values
    events: tuple[Happening, ...]


@frozen
class Moment:
    """Where a machine stands, what its variables say, and what it did to get there."""

    state: str
    variables: Values
    done: list[str]
    """The effects that are drawn, in order."""


Journey = tuple[Walk, list[Moment]]
"""A walk, and the moments that it leads to: after the start, and after each event."""


def with_values(chart: Chart, initial: Values) -> Chart:
    """The chart with other initial values."""
    return evolve(
        chart, variables=tuple(evolve(variable, initial=initial[variable.id]) for variable in chart.variables)
    )


def meant(chart: Chart, walk: Walk) -> list[Moment]:
    """The moments as the chart itself means them."""
    runner = Runner(chart, **walk.initial)
    moments = [Moment(runner.state, runner.variables, [])]
    for event, carried in walk.events:
        row = runner.send(event, **carried)
        done = [effect.name for effect in row.effects if not effect.hidden] if row else []
        moments.append(Moment(runner.state, runner.variables, done))
    return moments


# -- the login machine -------------------------------------------------------------------------------------------------


def one_of_each() -> tuple[Message, ...]:
    """A message for each thing that the login machine can tell apart, and all that begin anew."""
    heard: dict[object, Message] = {}
    for message in ALPHABET:
        told = input_of(message.content)
        if message.starts or told is not None:
            heard.setdefault(message if told is None else (told.event, told.account), message)
    return tuple(heard.values())


@cache
def login_journeys(messages: Sequence[Message] = ALPHABET) -> list[Journey]:
    """Every message in every configuration, and what the machine itself makes of it."""
    journeys: list[Journey] = []
    events: list[Happening] = []
    moments = [_stands(Lifecycle())]
    for edge in everywhere(login_graph(messages), lambda message: not message.starts):
        if edge.input.starts:
            journeys.append((Walk(moments[0].variables, tuple(events)), moments))
            events, moments = [], [_stands(edge.after)]
        elif heard := input_of(edge.input.content):
            events.append((heard.event.value, {} if heard.account is None else {"account": heard.account}))
            moments.append(_stands(edge.after, edge.row))
    return [*journeys, (Walk(moments[0].variables, tuple(events)), moments)]


_HIDDEN: Final = {effect.name for row in login_chart().transitions for effect in row.effects if effect.hidden}


def _stands(session: Lifecycle, row: Row | None = None) -> Moment:
    done = [name for name in map(name_of, row.before) if name not in _HIDDEN] if row else []
    return Moment(session.state.value, variables_of(session), done)


def everywhere(graph: Graph[S, I, A], wanted: Callable[[I], bool]) -> Iterator[Edge[S, I, A]]:
    """A walk on which every wanted input comes in every configuration. The others come where they lead on."""
    edges = [graph.out(number) for number in range(len(graph.configurations))]
    left = [{edge.number: edge for edge in out if wanted(edge.input)} for out in edges]
    at = 0
    while way := _way(edges, left, at):
        for edge in way:
            left[edge.source].pop(edge.number, None)
            at = edge.target
            yield edge


def _way(
    edges: Sequence[Sequence[Edge[S, I, A]]], left: Sequence[Mapping[int, Edge[S, I, A]]], at: int
) -> list[Edge[S, I, A]]:
    """The shortest way to an edge that is left, and over it; empty when none is."""
    ways: dict[int, list[Edge[S, I, A]]] = {at: []}
    queue = deque([at])
    while queue:
        here = queue.popleft()
        if left[here]:
            stay = next((edge for edge in left[here].values() if not edge.moves), None)
            return [*ways[here], stay or next(iter(left[here].values()))]
        for edge in edges[here]:
            if edge.target not in ways:
                ways[edge.target] = [*ways[here], edge]
                queue.append(edge.target)
    return []


# -- any chart ---------------------------------------------------------------------------------------------------------


def every_walk(chart: Chart) -> list[Walk]:
    """Everything that may happen, in every configuration that can be reached."""
    offered = {parameter.id: [value.id for value in parameter.values] for parameter in chart.parameters}
    happenings: list[Happening] = [
        (event.id, dict(zip(event.carries, values, strict=True)))
        for event in chart.events
        for values in product(*(offered[name] for name in event.carries))
    ]
    graph: Graph[Runner, Happening, Any] = explore(
        [Runner(chart)],
        happenings,
        lambda runner, heard: (runner.send(heard[0], **heard[1]), runner),
        key=lambda runner: (runner.state, *runner.variables.values()),
        row=None,
    )
    initial = {variable.id: variable.initial for variable in chart.variables}
    return [Walk(initial, tuple(edge.input for edge in path)) for path in every_input(graph)]
