"""The SCXML is run by engines that know nothing of us, and means there what the machine does."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from nimauth.conformance.client.messages import ALPHABET
from nimauth.diagram.extract import chart_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.model import Assign, Chart, Condition, Event, Guard, State, Transition, Variable, Words
from nimauth.diagram.render.names import LONGEST
from nimauth.diagram.render.scxml import NAMESPACE, render
from nimauth.vocabulary.inputs import Event as Happening
from nimauth.vocabulary.states import State as Where

from .foreign.charts import of_chance, of_names, of_values, of_words, wrong
from .foreign.engines import Engine, python_statemachine, scion, unseen
from .foreign.walks import every_walk, login_journeys, meant, one_of_each
from .machines import HOSTILE, LIFT, NASTY, Turnstile

engines = pytest.mark.parametrize("engine", [python_statemachine, scion])


def parsed(chart: Chart, lang: str = "en") -> etree._Element:
    return etree.fromstring(render(chart, lang).encode())


def tags(root: etree._Element, name: str) -> list[etree._Element]:
    return list(root.iter(f"{{http://www.w3.org/2005/07/scxml}}{name}"))


# -- engines run it ----------------------------------------------------------------------------------------------------


@engines
def test_every_message_in_every_configuration_comes_to_what_the_login_machine_comes_to(engine: Engine) -> None:
    # Messages that the machine cannot tell apart are the same event here, and one engine is slow.
    chart, journeys = login_chart(), login_journeys(one_of_each() if engine is python_statemachine else ALPHABET)
    answers = engine([(chart, walk) for walk, _ in journeys])
    for answer, (walk, moments) in zip(answers, journeys, strict=True):
        assert answer == moments, walk


@engines
@pytest.mark.parametrize("machine", [Turnstile, LIFT])
def test_other_machines_run_as_well(engine: Engine, machine: object) -> None:
    chart = chart_of(machine)
    walks = every_walk(chart)
    assert engine([(chart, walk) for walk in walks]) == [meant(chart, walk) for walk in walks]


@engines
def test_whatever_things_are_called_it_runs(engine: Engine) -> None:
    questions = [*of_names(), of_words()]
    assert engine(questions) == [meant(chart, walk) for chart, walk in questions]


@engines
def test_whatever_a_variable_says_is_told_from_all_else(engine: Engine) -> None:
    chart, walk = of_values()
    assert engine([(chart, walk)]) == [meant(chart, walk)]


@engines
def test_what_chance_makes_of_rows_guards_and_effects_runs(engine: Engine) -> None:
    questions = [of_chance(seed) for seed in range(40)]
    assert engine(questions) == [meant(chart, walk) for chart, walk in questions]


@engines
def test_a_row_left_out_a_guard_turned_round_and_another_target_are_seen(engine: Engine) -> None:
    assert unseen(engine, dict([*wrong(login_chart())][::12])) == []


# -- the document ------------------------------------------------------------------------------------------------------


def test_the_login_machines_states_and_events_keep_their_names() -> None:
    root = parsed(login_chart())
    assert {state.value for state in Where} <= {element.get("id") for element in tags(root, "state")}
    assert {event.value for event in Happening} == {element.get("event") for element in tags(root, "transition")}


@pytest.mark.parametrize(
    "chart", [login_chart(), chart_of(Turnstile), chart_of(LIFT), HOSTILE], ids=lambda it: it.id[:9]
)
def test_ids_are_names_each_is_there_once_and_all_that_is_named_is_there(chart: Chart) -> None:
    root = parsed(chart)
    ids = [element.get("id") for element in tags(root, "state")]
    assert max(Counter(ids).values()) == 1
    assert all(re.fullmatch(rf"[A-Za-z][A-Za-z0-9_]{{,{LONGEST + 3}}}", name) for name in ids)
    assert {element.get("target", ids[0]) for element in tags(root, "transition")} <= set(ids)
    for element in tags(root, "state"):
        inner = [child.get("id") for child in element if child.get("id")]
        assert element.get("initial") in (inner or [None])


@pytest.mark.parametrize("chart", [login_chart(), HOSTILE, of_values()[0]], ids=["login", "hostile", "values"])
def test_conditions_are_the_same_in_ecmascript_and_python(chart: Chart) -> None:
    root = parsed(chart)
    text = r"'(?:[^'\\\n&|!=]|\\u[0-9a-f]{4})*'"
    comparison = rf"(?:[a-z]\w*) [=!]= (?:{text}|_event\.data\.\w+)"
    conditions = [element.get("cond") for name in ("transition", "if") for element in tags(root, name)]
    assert [cond for cond in conditions if cond and not re.fullmatch(rf"{comparison}(?: && {comparison})*", cond)] == []


def test_what_was_meant_is_kept_beside_an_identifier() -> None:
    root = parsed(HOSTILE)
    kept = {element.get(f"{{{NAMESPACE}}}name") for element in tags(root, "state")}
    assert kept >= {name for key, name in NASTY.items() if key not in ("control", "keywords", "number")}
    assert "nul\\u0000bell\\u0007escape\\u001b[31m surrogate\\ud800" in kept


def test_a_hostile_name_adds_no_element() -> None:
    counted = Counter(etree.QName(element).localname for element in parsed(HOSTILE).iter())
    rows, states = len(HOSTILE.transitions), len(HOSTILE.states)
    assert counted == {
        "scxml": 1, "datamodel": 1, "data": 1, "state": states + 2, "transition": rows, "log": rows, "assign": 2 * rows
    }  # fmt: skip


def test_notes_speak_the_language_that_was_asked_for() -> None:
    assert "登录生命周期" in render(login_chart(), "zh")
    assert "登录生命周期" not in render(login_chart(), "en")


def test_a_row_that_its_own_event_forbids_is_left_out() -> None:
    asks = Guard("was_off", Words("was off"), Condition("light", True, "off"))
    chart = Chart(
        id="lamp",
        title=Words("Lamp"),
        initial="here",
        states=(State("here"),),
        events=(Event("on", sets=(Assign("light", "on"),)),),
        transitions=(Transition("on", "here", None, (asks,)),),
        variables=(Variable("light", Words("light"), (), "off"),),
    )
    (always,) = tags(parsed(chart), "transition")
    assert [child.get("expr") for child in always] == ["'on'"]
