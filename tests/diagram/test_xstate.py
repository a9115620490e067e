"""The XState config is run by XState, and means there what the machine does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nimauth.diagram.extract import chart_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.model import Chart
from nimauth.diagram.render import xstate
from nimauth.vocabulary.inputs import Event as Happening
from nimauth.vocabulary.states import State as Where

from .foreign.charts import of_chance, of_names, of_values, of_words, wrong
from .foreign.engines import unseen, xstate_5
from .foreign.walks import every_walk, login_journeys, meant
from .machines import HOSTILE, LIFT, NASTY, Turnstile


def parsed(chart: Chart, lang: str = "en") -> dict[str, Any]:
    config: dict[str, Any] = json.loads(xstate.render(chart, lang).encode())
    return config


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node.get("states", {}).values():
        yield from nodes(inner)


# -- XState runs it ----------------------------------------------------------------------------------------------------


def test_every_message_in_every_configuration_comes_to_what_the_login_machine_comes_to() -> None:
    chart, journeys = login_chart(), login_journeys()
    answers = xstate_5([(chart, walk) for walk, _ in journeys])
    for answer, (walk, moments) in zip(answers, journeys, strict=True):
        assert answer == moments, walk


@pytest.mark.parametrize("machine", [Turnstile, LIFT])
def test_other_machines_run_as_well(machine: object) -> None:
    chart = chart_of(machine)
    walks = every_walk(chart)
    assert xstate_5([(chart, walk) for walk in walks]) == [meant(chart, walk) for walk in walks]


def test_whatever_things_are_called_it_runs() -> None:
    questions = [*of_names(), of_words()]
    assert xstate_5(questions) == [meant(chart, walk) for chart, walk in questions]


def test_whatever_a_variable_says_is_told_from_all_else() -> None:
    chart, walk = of_values()
    assert xstate_5([(chart, walk)]) == [meant(chart, walk)]


def test_what_chance_makes_of_rows_guards_and_effects_runs() -> None:
    questions = [of_chance(seed) for seed in range(100)]
    assert xstate_5(questions) == [meant(chart, walk) for chart, walk in questions]


def test_a_row_left_out_a_guard_turned_round_and_another_target_are_seen() -> None:
    assert unseen(xstate_5, dict([*wrong(login_chart())][::3])) == []


# -- the config --------------------------------------------------------------------------------------------------------


def test_the_functions_that_run_it_are_those_that_stand_in_the_documentation() -> None:
    documented = re.findall(r"^    +(.+)$", xstate.__doc__ or "", re.MULTILINE)
    runner = (Path(__file__).parent / "foreign" / "xstate.cjs").read_text()
    ours = [line.strip() for line in runner.splitlines()]
    lines = [line.removeprefix("export ") for line in map(str.strip, documented) if not line.startswith("import")]
    start = ours.index(lines[0])
    assert [line for line in ours[start:] if line][: len(lines)] == lines


def test_the_login_machines_states_and_events_keep_their_names() -> None:
    all_nodes = list(nodes(parsed(login_chart())))
    assert {state.value for state in Where} <= {node["id"] for node in all_nodes}
    assert {event.value for event in Happening} == {event for node in all_nodes for event in node.get("on", {})}


@pytest.mark.parametrize("chart", [login_chart(), HOSTILE], ids=["login", "hostile"])
def test_each_id_is_there_once_and_each_target_is_there(chart: Chart) -> None:
    all_nodes = list(nodes(parsed(chart)))
    ids = [node["id"] for node in all_nodes]
    rows = [
        row for node in all_nodes for heard in node.get("on", {}).values() if isinstance(heard, list) for row in heard
    ]
    assert len(rows) == len(chart.transitions)
    assert len(ids) == len(set(ids))
    assert {row["target"] for row in rows if "target" in row} <= {f"#{name}" for name in ids}


def test_what_was_meant_is_kept_beside_an_identifier() -> None:
    kept = {node["meta"]["name"] for node in nodes(parsed(HOSTILE)) if "meta" in node}
    assert kept >= {name for key, name in NASTY.items() if key not in ("keywords", "number")}


def test_descriptions_speak_the_language_that_was_asked_for() -> None:
    assert parsed(login_chart(), "zh")["description"] == "登录生命周期"
    assert parsed(login_chart())["description"] == "The login lifecycle"


def test_a_guard_and_an_effect_are_called_as_in_the_machine() -> None:
    (row,) = next(node for node in nodes(parsed(chart_of(Turnstile))) if node["id"] == "open")["on"]["coin"]
    assert row == {"actions": [{"type": "give_back"}]}
    row = next(node for node in nodes(parsed(chart_of(Turnstile))) if node["id"] == "locked")["on"]["coin"][0]
    assert row == {
        "target": "#open",
        "guard": {
            "type": "is_real",
            "params": {"after": [], "all": [{"variable": "is_real", "equal": True, "value": "yes"}]},
        },
        "actions": [{"type": "keep"}],
    }
