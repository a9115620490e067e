"""A view draws few arrows, and leaves nothing out of what it is about."""

from __future__ import annotations

from itertools import pairwise

import pytest
from attrs import evolve
from transitions import Machine

from nimauth.diagram import NoView, chart_of, views_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.model import Chart, Role, State, Transition
from nimauth.diagram.picture import ANY, Arrow, Picture, frame_id
from nimauth.diagram.views import view
from nimauth.vocabulary.states import ENDED

from .machines import HOSTILE, LIFT, Turnstile, in_groups

LOGIN = login_chart()
CHARTS = {"login": LOGIN, "turnstile": chart_of(Turnstile), "lift": chart_of(LIFT), "hostile": HOSTILE}


def every_view(chart: Chart) -> list[str]:
    return [*views_of(chart), *(f"around:{state.id}" for state in chart.states)]


ALL = [(name, which) for name, chart in CHARTS.items() for which in every_view(chart)]


def arrow(picture: Picture, source: str, target: str) -> Arrow:
    return next(a for a in picture.arrows if (a.source, a.target) == (source, target))


def said(arrow: Arrow) -> list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    return [(label.events, label.guards, label.effects, label.rules) for label in arrow.labels]


@pytest.mark.parametrize(("name", "which"), ALL)
def test_every_arrow_joins_what_is_drawn_and_no_two_join_the_same(name: str, which: str) -> None:
    picture = view(CHARTS[name], which)
    ends = {box.id for box in picture.boxes} | {frame.id for frame in picture.frames} | {ANY}
    joined = [(a.source, a.target) for a in picture.arrows]
    assert {end for pair in joined for end in pair} <= ends
    assert len(set(joined)) == len(joined)
    assert {box.group for box in picture.boxes if box.group} == {frame.id for frame in picture.frames}


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("which", ["whole", "map"])
def test_the_whole_has_each_row_at_just_one_arrow(name: str, which: str) -> None:
    rows = [row for a in view(CHARTS[name], which).arrows for row in a.rows]
    assert sorted(rows) == [number for number, row in enumerate(CHARTS[name].transitions) if row.drawn]


@pytest.mark.parametrize("name", CHARTS)
def test_an_arrow_starts_and_ends_where_its_rows_do(name: str) -> None:
    chart = CHARTS[name]
    members = {frame_id(group.id): {state.id for state in chart.members(group.id)} for group in chart.groups}
    for a in view(chart, "whole").arrows:
        sources = {chart.transitions[row].source for row in a.rows}
        if a.source == ANY:
            assert sources == {state.id for state in chart.states}
        else:
            assert sources == members.get(a.source, {a.source})
        for row in a.rows:
            target = chart.transitions[row].target
            stays = target is None and (a.source == a.target or a.source == ANY)
            assert stays or target in members.get(a.target, {a.target})


def test_what_all_states_of_a_group_do_alike_starts_at_the_group() -> None:
    picture = view(LOGIN, "whole")
    lost = arrow(picture, frame_id("online"), "waiting")
    assert said(lost) == [(("link_lost",), ("network there",), ("close link", "arm retry"), ("R8",))]
    assert arrow(picture, frame_id("ended"), "connecting").labels[0].events == ("login",)
    assert not [a for a in picture.arrows if a.source in set(ENDED)]


def test_arrows_to_several_states_of_a_group_that_differ_in_their_events_alone_are_one() -> None:
    ended = arrow(view(LOGIN, "whole"), frame_id("online"), frame_id("ended"))
    assert [(label.events, label.target) for label in ended.labels[:2]] == [
        (("displaced", "kicked_by_server"), "kick_out"),
        (("kicked_by_client",), "kick_out_by_other_client"),
    ]
    assert said(ended)[-1] == ((), (), ("close link", "clear (verdict)"), ("R4", "R5", "R15"))
    assert len(ended.labels) == len(ENDED) + 1
    # Two ways of doing it share the arrow, as they share their ends.
    rows = [(f"a{place}", "b", state) for place, state in enumerate("cdefgh")]
    chart = in_groups({"b": "", **dict.fromkeys("cdefgh", "x")}, rows)
    some = tuple(evolve(row, guards=()) if row.target in {"c", "d", "e"} else row for row in chart.transitions)
    (both,) = view(evolve(chart, transitions=some), "whole").arrows
    assert [label.target for label in both.labels] == ["c", "d", "e", "", "f", "g", "h", ""]
    assert [label.guards for label in both.labels if not label.target] == [(), ("some guard",)]


def test_a_few_arrows_or_those_that_the_view_is_about_are_drawn_each_by_itself() -> None:
    assert arrow(view(LOGIN, "whole"), frame_id("online"), "waiting").target == "waiting"
    assert {a.target for a in view(LOGIN, "ends").arrows} >= set(ENDED)


def test_what_stays_in_every_state_of_a_group_stays_at_the_group() -> None:
    stays = arrow(view(LOGIN, "whole"), frame_id("ended"), frame_id("ended"))
    assert said(stays) == [(("auto_login",), (), ("auto login refused",), ("R1", "R2", "R3", "R4", "R5", "R11", "R13"))]


def test_an_event_from_any_state_is_drawn_once_with_all_that_it_does_anywhere() -> None:
    picture = view(LOGIN, "whole")
    (logout,) = [a for a in picture.arrows if "logout" in {event for label in a.labels for event in label.events}]
    assert (logout.source, logout.target) == (ANY, "un_login")
    (label,) = logout.labels
    assert "close local data" in label.effects
    assert {"(send logout)", "(login result)"} <= set(label.effects)
    assert label.effects.index("(send logout)") < label.effects.index("(close link)")
    (alarm,) = [a for a in view(CHARTS["lift"], "whole").arrows if a.source == ANY]
    assert (alarm.target, len(alarm.rows)) == ("1", 12)


def test_an_event_that_a_guard_may_refuse_is_not_drawn_from_any_state() -> None:
    guarded = Machine(
        model=None,
        states=["a", "b", "c"],
        initial="a",
        auto_transitions=False,
        transitions=[{"trigger": "alarm", "source": "*", "dest": "a", "conditions": "is_armed"}],
    )
    arrows = view(chart_of(guarded), "whole").arrows
    assert [(a.source, a.labels[0].guards) for a in arrows] == [(state, ("is armed",)) for state in "abc"]


def test_a_state_is_never_taken_for_a_group_or_for_any_state() -> None:
    chart = evolve(
        LOGIN,
        states=(*LOGIN.states, State("*"), State("group:online"), State("group online")),
        transitions=(*LOGIN.transitions, Transition("login", "*", "group:online")),
    )
    for which in ("whole", "overview"):
        joined = {(a.source, a.target) for a in view(chart, which).arrows}
        assert ("*", "group:online") in joined
        boxes = [box.id for box in view(chart, which).boxes]
        assert len(set(boxes)) == len(boxes)


def test_events_that_are_answered_alike_share_a_label() -> None:
    label = arrow(view(LOGIN, "whole"), frame_id("under_way"), "waiting").labels[0]
    assert label.events == ("connect_failed", "link_lost", "timed_out", "busy", "unclassified")


def test_a_row_that_takes_what_others_leave_says_else() -> None:
    picture = view(LOGIN, "whole")
    assert arrow(picture, "un_login", "un_login").labels[0].guards == ("else",)
    assert view(LOGIN, "whole", "zh").arrows[picture.arrows.index(arrow(picture, "un_login", "un_login"))].labels[
        0
    ].guards == ("否则",)
    assert arrow(picture, "waiting", "net_broken").labels[0].guards == ()


def test_many_guards_that_enforce_rules_are_told_by_the_rules() -> None:
    label = arrow(view(LOGIN, "whole"), "un_login", "connecting").labels[1]
    assert (label.events, label.guards) == (("auto_login",), ("R1 R2 R3 R4 R5 R11 R13 hold",))


def test_the_main_path_leads_from_the_start_to_the_goal() -> None:
    main = [(a.source, a.target) for a in view(LOGIN, "whole").arrows if a.main]
    assert main[0][0] == LOGIN.initial
    assert main[-1][1] == "data_sync_finish"
    assert all(first[1] == then[0] for first, then in pairwise(main))


def test_the_overview_has_a_box_for_each_group_and_says_why_a_way_is_taken() -> None:
    picture = view(LOGIN, "overview")
    assert [box.title for box in picture.boxes] == [
        "un_login",
        "under way",
        "online",
        "between tries",
        "ended, auto login is void",
    ]
    assert picture.frames == ()
    assert set(picture.boxes[-1].lines) == set(ENDED)
    assert len(picture.arrows) == 10
    by_hand, by_itself = (
        arrow(picture, frame_id("under_way"), target) for target in ("un_login", frame_id("between_tries"))
    )
    assert [(label.events, label.guards) for label in by_hand.labels] == [
        (("cancel", "failed for now", "timed_out", "network_lost"), ("manual",)),
        (("failed",), ()),
    ]
    assert by_itself.labels[0].guards == ("else",)
    assert arrow(picture, frame_id("online"), frame_id("ended")).labels[0].events == ("a verdict",)


def test_a_machine_without_groups_is_its_own_overview() -> None:
    chart = CHARTS["lift"]
    picture = view(chart, "overview")
    assert [box.title for box in picture.boxes] == [state.id for state in chart.states]
    assert [box.role for box in picture.boxes[:2]] == [Role.IDLE, Role.PLAIN]


def test_the_auto_login_view_has_all_that_saves_clears_or_asks() -> None:
    picture = view(LOGIN, "auto-login")
    effects = {effect for a in picture.arrows for label in a.labels for effect in label.effects}
    assert effects == {
        "save",
        "auto login refused",
        "clear (login started)",
        "clear (failed)",
        "clear (verdict)",
        "clear (logged out)",
    }
    drawn = {row for a in picture.arrows for row in a.rows}
    decide = {"save", "clear_login_started", "clear_failed", "clear_verdict", "clear_logged_out"}
    for number, row in enumerate(LOGIN.transitions):
        if decide & {effect.name for effect in row.effects}:
            assert number in drawn


def test_the_ends_view_has_all_that_leads_to_rest_and_nothing_else() -> None:
    drawn = {row for a in view(LOGIN, "ends").arrows for row in a.rows}
    rest = {"un_login", *ENDED}
    leading = {
        number
        for number, row in enumerate(LOGIN.transitions)
        if row.source not in rest and (row.target or row.source) in rest
    }
    assert drawn == leading


def test_around_a_state_is_what_leads_there_and_away() -> None:
    picture = view(LOGIN, "around:waiting")
    assert [box.id for box in picture.boxes if box.focus] == ["waiting"]
    assert "kick_out" not in {box.id for box in picture.boxes}
    rows = {row for a in picture.arrows for row in a.rows}
    assert rows == {number for number, row in enumerate(LOGIN.transitions) if "waiting" in (row.source, row.target)}


def test_around_a_state_nothing_is_drawn_that_no_arrow_leads_to() -> None:
    """Any state is not each of them."""
    picture = view(LOGIN, "around:un_login")
    assert any(a.source == ANY for a in picture.arrows)
    assert {box.id for box in picture.boxes} == {"un_login", "connecting", "logging"}


def test_a_guard_that_is_asked_second_says_so() -> None:
    """A failed manual login is not tried again, network or not (R7)."""
    for which in ("whole", "around:waiting"):
        (label,) = [
            label
            for a in view(LOGIN, which).arrows
            for label in a.labels
            if a.target == "waiting" and "connect_failed" in label.events
        ]
        assert label.guards == ("else", "network there")


def test_the_legend_tells_of_what_there_is() -> None:
    words = view(LOGIN, "overview").words
    assert (words.guard, words.effect) == ("guard", "")
    assert view(LOGIN, "whole").words.effect == "effects"
    assert view(LOGIN, "map").words.event == "event"


def test_the_map_has_arrows_without_words() -> None:
    assert all(a.labels == () for a in view(LOGIN, "map").arrows)


def test_a_view_speaks_one_language_and_states_keep_their_names() -> None:
    picture = view(LOGIN, "whole", "zh")
    assert picture.title == "登录生命周期"
    assert {box.title for box in picture.boxes} == {state.id for state in LOGIN.states}
    words = [word for a in picture.arrows for label in a.labels for word in (*label.guards, *label.effects)]
    assert words
    assert all(any(ord(char) > 0x2E80 for char in word) for word in words)


def test_the_rules_of_a_picture_are_those_that_its_labels_cite() -> None:
    for which in every_view(LOGIN):
        picture = view(LOGIN, which)
        cited = {rule for a in picture.arrows for label in a.labels for rule in label.rules}
        assert {rule.id for rule in picture.rules} == cited


@pytest.mark.parametrize(
    ("which", "why"), [("wide", "there is no view 'wide'; there are whole"), ("around:x", "there is no state 'x'")]
)
def test_a_view_that_there_is_not_is_refused_in_a_sentence(which: str, why: str) -> None:
    with pytest.raises(NoView, match=why):
        view(LOGIN, which)
