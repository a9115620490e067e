"""The foreign engines. Each is given charts as we export them, goes walks, and tells the moments that they led to."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from attrs import field, frozen

from nimauth.diagram.model import Chart
from nimauth.diagram.render import scxml, xstate
from nimauth.diagram.render.names import Names

from ..tools import NODE_MODULES, node_package
from .walks import Moment, Values, Walk, login_journeys, meant, one_of_each, with_values

Question = tuple[Chart, Walk]
Engine = Callable[[Sequence[Question]], list[list[Moment]]]


def unseen(engine: Engine, charts: Mapping[str, Chart]) -> list[str]:
    """Which of these charts, none of which is the login machine's, an engine runs as if it were."""
    journeys = login_journeys(one_of_each())
    seen = {
        what: next((walk, moments) for walk, moments in journeys if meant(chart, walk) != moments)
        for what, chart in charts.items()
    }
    answers = engine([(charts[what], walk) for what, (walk, _) in seen.items()])
    return [what for answer, (what, (_, moments)) in zip(answers, seen.items(), strict=True) if answer == moments]


def python_statemachine(questions: Sequence[Question]) -> list[list[Moment]]:
    """python-statemachine, with its loader of SCXML. What it prints are its logs."""
    from statemachine.io import load

    asked = _Documents(scxml.render)
    kinds: list[Any] = []
    answers = []
    for chart, walk in questions:
        number = asked.number(chart, walk)
        if number == len(kinds):
            kinds.append(load(asked.texts[number], format="scxml"))
            kinds[number].catch_errors_as_events = False  # a condition that cannot be asked is a mistake of ours
            # Only the first machine of a class reads the document's <data>; the next are given what it read.
            kinds[number].read = {name: value for name, value in vars(kinds[number]().model).items() if name != "state"}
        names = asked.names(chart)
        model = SimpleNamespace(state=None, **kinds[number].read)
        machine = kinds[number](model)
        moments = [names.moment(machine.configuration_values, vars(model), [])]
        for event, carried in walk.events:
            with redirect_stdout(StringIO()) as printed:
                machine.send(names.events[event], **names.carried(carried))
            done = printed.getvalue().split("\n")[:-1]
            moments.append(names.moment(machine.configuration_values, vars(model), done))
        answers.append(moments)
    return answers


def scion(questions: Sequence[Question]) -> list[list[Moment]]:
    """SCION, in Node.js."""
    node_package("@scion-scxml/scxml")
    return _in_node("scion.cjs", scxml.render, questions)


def xstate_5(questions: Sequence[Question]) -> list[list[Moment]]:
    """XState, in Node.js."""
    node_package("xstate")
    return _in_node("xstate.cjs", xstate.render, questions)


def _in_node(script: str, render: Callable[[Chart, str], str], questions: Sequence[Question]) -> list[list[Moment]]:
    asked = _Documents(render)
    walks = [
        {
            "document": asked.number(chart, walk),
            "events": [
                (asked.names(chart).events[event], asked.names(chart).carried(carried))
                for event, carried in walk.events
            ],
        }
        for chart, walk in questions
    ]
    ran = subprocess.run(
        ["node", Path(__file__).with_name(script)],
        input=json.dumps({"documents": asked.texts, "walks": walks}).encode(),
        capture_output=True,
        env={**os.environ, "NODE_PATH": os.environ[NODE_MODULES]},
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, b""), ran.stderr.decode()
    return [
        [asked.names(chart).moment(**moment) for moment in moments]
        for (chart, _), moments in zip(questions, json.loads(ran.stdout), strict=True)
    ]


@frozen
class _Documents:
    """What is exported: a text for each chart and each set of initial values."""

    render: Callable[[Chart, str], str]
    texts: list[str] = field(factory=list)
    _numbers: dict[tuple[int, tuple[str, ...]], int] = field(factory=dict)
    _names: dict[int, _Names] = field(factory=dict)

    def number(self, chart: Chart, walk: Walk) -> int:
        key = id(chart), tuple(walk.initial.values())
        if key not in self._numbers:
            self._numbers[key] = len(self.texts)
            self.texts.append(self.render(with_values(chart, walk.initial), "en"))
        return self._numbers[key]

    def names(self, chart: Chart) -> _Names:
        if id(chart) not in self._names:
            self._names[id(chart)] = _Names(chart)
        return self._names[id(chart)]


class _Names(Names):
    """How the names of a chart are written in what we export, and back."""

    def moment(self, states: Iterable[str], variables: Values, done: Iterable[str]) -> Moment:
        """From all the states that an engine is in, those around the chart's own among them."""
        (state,) = (name for name, it in self.states.items() if it in states)
        return Moment(state, {name: variables[it] for name, it in self.variables.items()}, list(done))

    def carried(self, carried: Values) -> dict[str, str]:
        return {self.parameters[name]: value for name, value in carried.items()}
