"""A chart means what its machine does: run by the reference interpreter, it comes to the same."""

from __future__ import annotations

import copy
from itertools import product

import pytest
from transitions import Machine, MachineError

from nimauth.conformance.client.login import input_of, login_graph, row_of, take
from nimauth.conformance.client.messages import INPUTS
from nimauth.conformance.graph import explore, value
from nimauth.diagram.extract import chart_of
from nimauth.diagram.login import login_chart, variables_of
from nimauth.diagram.model import Assign, Carried, Chart, Condition, Event, Guard, State, Transition, Variable, Words
from nimauth.diagram.run import NotInChart, Runner
from nimauth.lifecycle import Lifecycle

from .foreign.charts import wrong
from .foreign.walks import everywhere, login_journeys, meant, one_of_each
from .machines import LIFT, Turnstile

# -- the login machine -------------------------------------------------------------------------------------------------


def test_every_message_in_every_configuration_comes_to_what_the_machine_comes_to() -> None:
    chart = login_chart()
    for walk, moments in login_journeys():
        assert meant(chart, walk) == moments


def test_the_walks_have_every_message_in_every_configuration() -> None:
    graph = login_graph()
    walked = {edge.number for edge in everywhere(graph, lambda message: not message.starts)}
    assert walked >= {edge.number for edge in graph.edges if not edge.input.starts}
    assert sum(len(walk.events) for walk, _ in login_journeys()) > len(graph.configurations) * len(INPUTS)


def test_a_platform_without_auto_login_has_it_in_no_configuration() -> None:
    chart = login_chart()
    graph = explore([Lifecycle(has_auto_login=False)], INPUTS, take, key=value, row=row_of)
    for edge in graph.edges:
        if heard := input_of(edge.input.content):
            runner = Runner(chart, **variables_of(edge.before))
            runner.state = edge.before.state.value
            runner.send(heard.event, **({} if heard.account is None else {"account": heard.account}))
            assert (runner.state, runner.variables) == (edge.after.state, variables_of(edge.after)), edge


def test_the_row_that_takes_an_event_is_the_machines_own() -> None:
    chart = login_chart()
    for edge in login_graph(one_of_each()).edges:
        if heard := input_of(edge.input.content):
            runner = Runner(chart, **variables_of(edge.before))
            runner.state = edge.before.state.value
            row = runner.send(heard.event, **({} if heard.account is None else {"account": heard.account}))
            assert (row is None) == (edge.row is None), edge
            if row and edge.row:
                assert (row.event, row.source, row.target) == (edge.row.event, edge.row.source, edge.row.target)
                assert [guard.name for guard in row.guards] == [name for name, _ in edge.row.guards]


def test_whatever_is_wrong_with_a_row_is_seen_on_these_walks() -> None:
    journeys = login_journeys(one_of_each())
    unseen = [
        what for what, chart in wrong(login_chart()) if all(meant(chart, walk) == moments for walk, moments in journeys)
    ]
    assert unseen == []


# -- other machines ----------------------------------------------------------------------------------------------------


def test_the_turnstile_does_what_its_class_does() -> None:
    chart = chart_of(Turnstile)
    for state, real, event in product(("locked", "open"), (True, False), ("coin", "push")):
        turnstile = Turnstile(state, real)
        runner = Runner(chart, is_real="yes" if real else "no")
        runner.state = state
        if Turnstile.__program__.taken(turnstile, event) is None:  # type: ignore[attr-defined]
            assert runner.send(event) is None
        else:
            getattr(turnstile, event)()
            assert runner.send(event)
        assert runner.state == turnstile.state


def test_the_lift_does_what_transitions_does() -> None:
    class Cabin:
        state: str

    chart = chart_of(LIFT)
    cabin = Cabin()
    machine: Machine = copy.deepcopy(LIFT)
    machine.add_model(cabin)
    for floor, event in product(range(1, 13), ("up", "down", "alarm")):
        runner = Runner(chart)
        runner.state = str(floor)
        machine.set_state(str(floor))
        try:
            moved = cabin.trigger(event)  # type: ignore[attr-defined]
        except MachineError:
            moved = False
        assert (runner.send(event) is not None, runner.state) == (moved, cabin.state)


# -- the interpreter itself --------------------------------------------------------------------------------------------


def _door(*sets: Assign, asks: Condition) -> Chart:
    """An event `pull` that opens the door if `asks` agrees, and means `sets` in any state."""
    return Chart(
        id="door",
        title=Words("Door"),
        initial="shut",
        states=(State("shut"), State("open")),
        events=(Event("pull", carries=("hand",), sets=sets),),
        transitions=(Transition("pull", "shut", "open", (Guard("asks", Words("asks"), asks),)),),
        variables=(Variable("last", Words("last"), (), "left"),),
    )


def test_what_an_event_means_in_any_state_is_set_before_guards_are_asked() -> None:
    runner = Runner(_door(Assign("last", Carried("hand")), asks=Condition("last", True, "right")))
    assert runner.send("pull", hand="right")
    assert (runner.state, runner.variables) == ("open", {"last": "right"})


def test_it_is_set_also_where_no_row_takes_the_event() -> None:
    runner = Runner(_door(Assign("last", Carried("hand")), asks=Condition("last", False, Carried("hand"))))
    assert runner.send("pull", hand="both") is None
    assert (runner.state, runner.variables) == ("shut", {"last": "both"})


def test_a_copy_goes_on_alone() -> None:
    runner = Runner(_door(Assign("last", Carried("hand")), asks=Condition("last", True, "right")))
    other = copy.copy(runner)
    other.send("pull", hand="right")
    assert (runner.state, runner.variables) == ("shut", {"last": "left"})


def test_what_a_chart_does_not_have_is_refused_with_what_it_has() -> None:
    chart = _door(asks=Condition("last", True, "right"))
    with pytest.raises(NotInChart, match="the chart 'door' has no variable 'first'; it has 'last'"):
        Runner(chart, first="left")
    runner = Runner(chart)
    with pytest.raises(NotInChart, match="the chart 'door' has no event 'push'; it has 'pull'"):
        runner.send("push")
    with pytest.raises(NotInChart, match="carries 'hand', and was sent with nothing; give just what it carries"):
        runner.send("pull")
    with pytest.raises(NotInChart, match="carries 'hand', and was sent with 'hand', 'foot'"):
        runner.send("pull", hand="left", foot="left")
