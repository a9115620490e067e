"""The chart says what the machine does, and nothing else."""

from __future__ import annotations

import pytest
from attrs import define, evolve
from transitions import Machine

from nimauth.conformance.client.login import input_of, login_graph
from nimauth.diagram import Drawing, NoMachine, chart_of
from nimauth.diagram.extract import id_of
from nimauth.diagram.login import login_chart, variables_of
from nimauth.diagram.model import Chart, Condition
from nimauth.engine import runs
from nimauth.lifecycle import Lifecycle
from nimauth.table import TABLE
from nimauth.vocabulary.inputs import Event
from nimauth.vocabulary.rules import Rule
from nimauth.vocabulary.states import ENDED, State

from .machines import HOSTILE, LIFT, TURNSTILE, Turnstile

LOGIN = login_chart()


def rows_of(chart: Chart) -> set[tuple[str, str, str | None, tuple[str, ...]]]:
    return {(row.event, row.source, row.target, tuple(g.name for g in row.guards)) for row in chart.transitions}


def test_the_chart_has_every_row_that_can_be_taken_and_no_other() -> None:
    taken = {
        (row.event, id_of(row.source), row.target and id_of(row.target), tuple(str(guard) for guard, _ in row.guards))
        for row in login_graph().rows
    }
    assert rows_of(evolve(LOGIN, transitions=LOGIN.rows)) == taken
    assert rows_of(LOGIN) == rows_of(chart_of(Lifecycle))


def test_the_only_rows_that_are_not_drawn_are_auto_logins_in_ended_states() -> None:
    left = [row for row in LOGIN.transitions if not row.drawn]
    assert {(row.event, row.source) for row in left} == {("auto_login", state.value) for state in ENDED}
    assert len(left) == len(ENDED)


def test_every_state_event_guard_effect_and_rule_has_words_in_both_languages() -> None:
    words = [LOGIN.title]
    words += [group.label for group in LOGIN.groups]
    words += [state.note for state in LOGIN.states if state.note]
    words += [text for event in LOGIN.events for text in (event.note, event.origin) if text]
    words += [guard.label for row in LOGIN.transitions for guard in row.guards]
    words += [effect.label for row in LOGIN.transitions for effect in row.effects]
    words += [
        text for v in LOGIN.variables for text in (v.label, *(value.label for value in v.values if value.label.zh))
    ]
    words += [rule.text for rule in LOGIN.rules]
    words += [selection.title for selection in LOGIN.selections]
    assert [text for text in words if not (text.en and text.zh)] == []
    assert {state.id for state in LOGIN.states if state.note and state.group} == set(State)
    assert {event.id for event in LOGIN.events if event.note and event.origin} == set(Event)
    assert {rule.id for rule in LOGIN.rules} == set(Rule)


def test_each_row_cites_the_rules_of_the_table() -> None:
    rules = {(e.value, s.value, row.when): row.rules for row in TABLE for e in row.events for s in row.sources}
    for row in LOGIN.transitions:
        assert row.rules == tuple(rules[row.event, row.source, tuple(g.name for g in row.guards)])


def test_conditions_ask_only_for_what_a_variable_can_be() -> None:
    values = {variable.id: {value.id for value in variable.values} for variable in LOGIN.variables}
    conditions: list[Condition] = [guard.condition for row in LOGIN.transitions for guard in row.guards]
    sets = [a for row in LOGIN.transitions for effect in row.effects for a in effect.sets]
    sets += [a for event in LOGIN.events for a in event.sets]
    conditions += [a.when for a in sets if a.when]
    for condition in conditions:
        assert not isinstance(condition.value, str) or condition.value in values[condition.variable]
    for assign in sets:
        assert not isinstance(assign.value, str) or assign.value in values[assign.variable]


def test_what_a_session_knows_is_always_a_value_that_the_chart_has() -> None:
    values = {variable.id: {value.id for value in variable.values} for variable in LOGIN.variables}
    for session in login_graph().configurations:
        known = variables_of(session)
        assert known.keys() == values.keys()
        assert all(known[name] in values[name] for name in known)


def test_every_message_of_the_conformance_set_is_an_event_of_the_chart() -> None:
    events = {event.id for event in LOGIN.events}
    heard = [input_of(message.content) for message in login_graph().inputs]
    assert {each.event for each in heard if each} <= events


def test_a_machine_is_drawn_alike_from_its_class_a_session_its_program_and_its_declaration() -> None:
    chart = chart_of(Turnstile)
    assert chart == chart_of(Turnstile()) == chart_of(Turnstile.__program__)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    bare = chart_of(TURNSTILE)
    assert rows_of(bare) == rows_of(chart)
    assert bare.id == "turnstile"


def test_a_guard_without_words_is_a_question_to_the_reader() -> None:
    chart = chart_of(Turnstile)
    (variable,) = chart.variables
    assert (variable.id, variable.initial, [value.id for value in variable.values]) == ("is_real", "yes", ["yes", "no"])
    real, fake = (row.guards[0] for row in chart.transitions if row.guards)
    assert real.condition == Condition("is_real", True, "yes")
    assert fake.condition == Condition("is_real", False, "yes")
    assert fake.name == "not is_real"
    assert real.rule == "only real coins open"


def test_what_is_run_on_the_way_is_an_effect_in_the_order_in_which_it_is_run() -> None:
    machine = Machine(
        model=None,
        states=[{"name": "a", "on_exit": "leave_a"}, {"name": "b", "on_enter": "enter_b"}],
        initial="a",
        auto_transitions=False,
        transitions=[
            {"trigger": "go", "source": "a", "dest": "b", "prepare": "p", "before": "q", "after": "r"},
            {"trigger": "go", "source": "b", "dest": None, "before": "q"},
        ],
    )
    go, stay = chart_of(machine).transitions
    assert [effect.name for effect in go.effects] == ["p", "q", "leave_a", "enter_b", "r"]
    assert [effect.name for effect in stay.effects] == ["q"]


def test_a_drawing_takes_a_chart_as_it_is_and_a_name_as_what_it_names() -> None:
    assert Drawing.of(HOSTILE).chart is HOSTILE
    assert Drawing.of("tests.diagram.machines:LIFT").chart == chart_of(LIFT)
    assert Drawing.of("nimauth:Lifecycle").chart == Drawing.of().chart == LOGIN
    assert Drawing.of(Drawing.of(LIFT)) == Drawing.of(LIFT)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("nimauth", "'nimauth' names no machine; name one as package.module:name"),
        (".x:y", "'.x:y' names no machine"),
        ("no.such:thing", "'no.such' cannot be imported"),
        ("nimauth:nothing", "'nimauth' has no 'nothing'"),
        ("nimauth:LoginInfo", "type is no machine"),
        (3, "int is no machine"),
    ],
)
def test_what_is_no_machine_is_refused_in_a_sentence(target: object, why: str) -> None:
    with pytest.raises(NoMachine, match=why):
        Drawing.of(target)


def test_a_machine_that_is_more_than_plain_is_refused() -> None:
    from transitions.extensions import HierarchicalMachine

    nested = HierarchicalMachine(model=None, states=["a", "b"], initial="a", transitions=[["go", "a", "b"]])
    with pytest.raises(NoMachine, match="only a machine of plain states and transitions can be drawn"):
        chart_of(nested)


def test_a_machine_without_states_is_refused() -> None:
    with pytest.raises(NoMachine, match="has no states"):
        chart_of(Machine(model=None, states=[], initial=None))


def test_two_guards_of_one_name_are_two_questions() -> None:
    machine = Machine(
        model=None,
        states=["a", "b"],
        initial="a",
        auto_transitions=False,
        transitions=[
            {"trigger": "go", "source": "a", "dest": "b", "conditions": lambda: True},
            {"trigger": "go", "source": "a", "dest": None, "conditions": lambda: False},
        ],
    )
    first, then = chart_of(machine).variables
    assert first.id != then.id


def test_what_is_run_with_every_row_is_not_left_out() -> None:
    machine = Machine(
        model=None,
        states=["a", {"name": "b", "final": True}],
        initial="a",
        auto_transitions=False,
        prepare_event="prepare",
        before_state_change="before",
        after_state_change="after",
        on_final="final",
        transitions=[{"trigger": "go", "source": "a", "dest": "b", "before": "x", "after": "y"}],
    )
    (go,) = chart_of(machine).transitions
    assert [effect.name for effect in go.effects] == ["prepare", "before", "x", "final", "y", "after"]


def test_a_method_that_transitions_finds_by_its_name_is_an_effect() -> None:
    @runs(Machine(model=None, states=["a", "b"], initial="a", transitions=[["go", "a", "b"]], auto_transitions=False))
    @define
    class Door:
        state: str = "a"

        def on_exit_a(self) -> None: ...

        def on_enter_b(self) -> None: ...

    (go,) = chart_of(Door).transitions
    assert [effect.name for effect in go.effects] == ["on_exit_a", "on_enter_b"]


def test_a_rule_that_nobody_put_into_words_is_its_own_text() -> None:
    assert chart_of(Turnstile).rule("only real coins open").text.en == "only real coins open"
    assert evolve(LOGIN, rules=()).rule("R9").text.en == "R9"
