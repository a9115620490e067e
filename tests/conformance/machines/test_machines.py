"""Any machine is walked completely, and what is wrong with it is told by the shortest story."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Hashable
from itertools import pairwise
from typing import Any, cast

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from transitions import Machine

from nimauth.conformance.graph import Edge, Graph, InvariantBroken, explore
from nimauth.conformance.mutation import mutants, running
from nimauth.conformance.paths import cover, cover_pairs, every_configuration, every_input, every_pair
from nimauth.engine import EngineError, NotAllowed

from .machines import DOOR, Counter, Door

INPUTS = [("push", 1), ("push", 20), ("pull",), ("turn_key",), ("jam",)]


def test_every_configuration_is_reached_by_a_shortest_path() -> None:
    graph = explore([Door()], INPUTS)
    # shut, open and locked, each jammed or not; and in each the last noise, as far as it can be
    assert Door() in graph.configurations
    assert len(graph.configurations) == len(set(map(_key, graph.configurations)))
    for number, path in enumerate(every_configuration(graph)):
        session = Door()
        for edge in path:
            _fire(session, edge.input)
        assert session == graph.configurations[number]
        assert len(path) == _distance(session)


def test_every_input_is_tried_in_every_configuration() -> None:
    graph = explore([Door()], INPUTS)
    assert len(graph.edges) == len(graph.configurations) * len(INPUTS)
    for edge in graph.edges:
        session = copy.copy(edge.before)
        answer = _fire(session, edge.input)
        assert session == edge.after
        assert str(answer) == str(edge.answer)
    assert isinstance(graph.edge(0, 2).answer, NotAllowed)
    assert graph.rows == set(Door.__program__.rows)


def test_the_row_and_the_guards_of_an_edge_are_known() -> None:
    graph = explore([Door()], INPUTS)
    weak, strong = graph.edge(0, 0), graph.edge(0, 1)
    assert (weak.row, weak.guards) == (None, (("strong_enough", False),))
    assert strong.row is not None
    assert (strong.row.target, strong.guards) == ("open", (("strong_enough", True),))
    stuck = next(e for e in graph.edges if e.before == Door("shut", jammed=True) and e.input == ("turn_key",))
    assert (stuck.row, stuck.guards) == (None, (("jammed", True),))


def test_a_broken_invariant_is_told_by_the_shortest_story() -> None:
    def never_shut_while_jammed(edge: Edge[Door, Any, Any]) -> None:
        if edge.after.jammed and edge.after.state == "locked":
            raise AssertionError("a jammed door is locked")

    with pytest.raises(InvariantBroken) as broken:
        explore([Door()], INPUTS, invariants=[never_shut_while_jammed])
    assert broken.value.story == (("turn_key",), ("jam",))
    assert str(broken.value).startswith("a jammed door is locked; the shortest story is\n  1. ('turn_key',)")
    assert str(pickle.loads(pickle.dumps(broken.value))) == str(broken.value)


def test_a_machine_without_end_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="more than 100 configurations; leave what counts up out of the key"):
        explore([Counter()], [("tick",)], limit=100)
    assert len(explore([Counter()], [("tick",)], key=lambda session: session.state).configurations) == 1


def test_a_machine_of_any_kind_needs_a_step_of_its_own() -> None:
    graph = explore([0], [1, 2], lambda at, by: (None, (at + by) % 5), row=None)
    assert graph.configurations == (0, 1, 2, 3, 4)
    with pytest.raises(TypeError, match="has no machine; put @runs on the class, or give explore a step"):
        explore([0], [("push",)])


# -- paths -------------------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw: st.DrawFn) -> Graph[int, int, None]:
    """Any machine of a few configurations."""
    size, width = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    targets = draw(st.lists(st.integers(0, size - 1), min_size=size * width, max_size=size * width))
    return explore([0], range(width), lambda at, heard: (None, targets[at * width + heard]), row=None)


def _connected(path: tuple[Edge[Any, Any, Any], ...]) -> bool:
    return path[0].source == 0 and all(a.target == b.source for a, b in pairwise(path))


@settings(derandomize=True, database=None, max_examples=200)
@given(graphs())
def test_a_tour_has_every_input_after_every_way_into_every_configuration(graph: Graph[int, int, None]) -> None:
    """Once it has left where it began, it may not come back: then there is more than one walk."""
    walks = [tuple(walk) for walk in every_pair(graph)]
    assert all(map(_connected, walks))
    done = {(a.number, b.number) for walk in walks for a, b in pairwise(walk)}
    assert done >= {(edge.number, then.number) for edge in graph.edges for then in graph.out(edge.target)}


def test_one_walk_is_enough_where_a_way_always_leads_on() -> None:
    door = Door(noise="creak")
    assert len([tuple(walk) for walk in every_pair(explore([door], INPUTS[:-1]))]) == 1
    assert len([tuple(walk) for walk in every_pair(explore([door], INPUTS))]) > 1, "what is jammed stays so"


@settings(derandomize=True, database=None, max_examples=100)
@given(graphs())
def test_the_paths_cover_what_they_say(graph: Graph[int, int, None]) -> None:
    every = list(every_input(graph))
    assert {edge.number for path in every for edge in path} == set(range(len(graph.edges)))

    def kind(edge: Edge[int, int, None]) -> Hashable:
        return edge.input if edge.moves else None

    some = list(cover(graph, kind))
    assert {kind(e) for path in some for e in path} - {None} == {kind(e) for e in graph.edges} - {None}
    pairs = list(cover_pairs(graph, kind))
    wanted = {(kind(a), kind(b)) for a in graph.edges for b in graph.out(a.target) if kind(a) is not None}
    got = {(kind(a), kind(b)) for path in pairs for a, b in pairwise(path)}
    assert {(a, b) for a, b in wanted if b is not None} <= got
    assert all(_connected(path) for path in [*filter(None, every), *some, *pairs])


# -- mutants -----------------------------------------------------------------------------------------------------------


def test_every_edit_of_a_machine_is_made_once_and_leaves_the_machine_alone() -> None:
    before = pickle.dumps(Door.__program__.rows)
    made = list(mutants(DOOR))
    assert len({mutant.name for mutant in made}) == len(made) == 45
    assert {"push in shut: dropped", "push in shut: to locked", "push in shut: strong_enough negated"} <= {
        mutant.name for mutant in made
    }
    for mutant in made:
        running(mutant.machine(), Door)
    assert pickle.dumps(Door.__program__.rows) == before


def test_a_suite_that_looks_at_everything_notices_every_edit() -> None:
    """What a graph says of each edge is all that can be seen of a machine."""
    ours = [(e.input, str(e.answer), e.after) for e in explore([Door()], INPUTS).edges]
    unnoticed = []
    for mutant in mutants(DOOR):
        kind = running(mutant.machine(), Door)
        try:
            theirs = explore([kind()], INPUTS).edges
        except KeyError:
            continue
        if [(e.input, str(e.answer), Door(e.after.state, e.after.jammed, e.after.noise)) for e in theirs] == ours:
            unnoticed.append(mutant.name)
    # Twice is no more than once here, and the creak covers the squeak.
    assert unnoticed == [
        "push in shut: creak twice",
        "pull in open: without squeak",
        "pull in open: squeak twice",
        "pull in open: creak twice",
        *(f"jam in {state}: get_stuck twice" for state in ("open", "shut", "locked")),
    ]


def _key(door: Door) -> tuple[str, bool, str]:
    return door.state, door.jammed, door.noise


def _fire(session: Door, heard: Any) -> object:
    event, *arguments = heard
    try:
        return getattr(session, event)(*arguments)
    except NotAllowed as refused:
        return refused


def _distance(wanted: Door) -> int:
    steps, here = 0, {_key(Door())}
    while _key(wanted) not in here:
        steps += 1
        for state, jammed, noise in sorted(here):
            for heard in INPUTS:
                session = Door(state, jammed, noise)
                _fire(session, heard)
                here.add(_key(session))
    return steps


class Plain:
    """A session as transitions has them: equal to itself alone."""

    def __init__(self) -> None:
        self.state = "shut"


def plain(session: Plain, heard: str) -> tuple[None, Plain]:
    after = Plain()
    after.state = heard
    return None, after


@define
class Listed:
    seen: list[str] = field(factory=list)


MISUSES: dict[str, tuple[Callable[[], object], str]] = {
    "a session without a value": (
        lambda: explore([Plain()], ["open"], plain, row=None),
        "nothing tells one Plain from another that is alike; make it an attrs class, or give explore a key",
    ),
    "a session with a list": (
        lambda: explore([Listed()], ["open"], lambda session, _: (None, session), row=None),
        "a field of Listed cannot tell sessions apart .*list.*; leave it out of ==",
    ),
    "a session that is a list": (
        lambda: explore([[0]], [1], lambda s, _: (None, s), row=None),
        "nothing tells one list",
    ),
    "an input that is no tuple": (lambda: explore([Door()], ["push"]), r"as a tuple; give \('push',\)"),
    "no session": (lambda: explore([], INPUTS), "no session to start from"),
    "no such start": (lambda: list(every_pair(explore([Door()], INPUTS), start=99)), "there is no configuration 99"),
    "mutants of a class": (lambda: list(mutants(cast("Any", Door))), "is no machine to edit"),
    "mutants of a machine that is none of ours": (
        lambda: list(mutants(Machine(model=None, states=["a"], initial="a", queued=True))),
        "queued",
    ),
    "running a class without a machine": (lambda: running(DOOR, Plain), "put @runs on it"),
}


@pytest.mark.parametrize(("misuse", "words"), MISUSES.values(), ids=MISUSES)
def test_a_misuse_is_told_in_a_sentence_that_says_what_to_do(misuse: Callable[[], object], words: str) -> None:
    with pytest.raises((TypeError, ValueError, EngineError), match=words):
        misuse()


def test_a_session_may_be_told_apart_by_a_key() -> None:
    graph = explore([Plain()], ["open", "shut"], plain, key=lambda session: session.state, row=None)
    assert [session.state for session in graph.configurations] == ["shut", "open"]
