"""DOT is what Graphviz reads, and shows the machine and nothing else."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from itertools import chain
from typing import Any, Final

import pygraphviz
import pytest

from nimauth.diagram import chart_of, views_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.picture import Picture
from nimauth.diagram.render import dot
from nimauth.diagram.themes import DARK, LIGHT, THEMES
from nimauth.diagram.views import view

from .machines import HOSTILE, LIFT, Turnstile

CHARTS: Final = {"login": login_chart(), "turnstile": chart_of(Turnstile), "lift": chart_of(LIFT), "hostile": HOSTILE}
EVERY: Final = [(name, which) for name, chart in CHARTS.items() for which in views_of(chart)]


def read(text: str) -> Any:
    return pygraphviz.AGraph(string=text)


@cache
def picture_of(name: str, which: str) -> Picture:
    return view(CHARTS[name], which)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("name", "which"), EVERY)
def test_graphviz_finds_each_box_frame_and_arrow_and_no_other(name: str, which: str, theme: str) -> None:
    picture = picture_of(name, which)
    graph = read(dot.render(picture, THEMES[theme]))
    boxes = {node.attr["id"] for node in graph.nodes() if node.attr["id"]}
    assert boxes == {f"box-{number}" for number, _ in enumerate(picture.boxes)}
    leading = {f"arrow-{number}" for number, arrow in enumerate(picture.arrows) if arrow.source != arrow.target}
    assert {edge.attr["id"] for edge in graph.edges() if edge.attr["id"]} == leading
    assert {cluster.name for cluster in graph.subgraphs() if cluster.name} == {
        f"cluster_{number}" for number, _ in enumerate(picture.frames)
    }
    own = [node for node in graph.nodes() if not node.attr["id"]]
    assert all(node.startswith("_") for node in own)


@pytest.mark.parametrize(("name", "which"), EVERY)
def test_an_arrow_leads_through_its_label_from_source_to_target(name: str, which: str) -> None:
    picture = picture_of(name, which)
    graph = read(dot.render(picture, LIGHT))
    box_of = {node.attr["id"]: node for node in graph.nodes()}
    for number, arrow in enumerate(picture.arrows):
        if arrow.source == arrow.target:
            continue
        ends = [directed(edge) for edge in graph.edges() if edge.attr["id"] == f"arrow-{number}"]
        steps = dict(ends)
        (start,) = set(steps) - set(steps.values())
        (end,) = set(steps.values()) - set(steps)
        for place, box in enumerate(picture.boxes):
            node = box_of[f"box-{place}"]
            assert (node == start) <= (arrow.source in (box.id, box.group))
            assert (node == end) <= (arrow.target in (box.id, box.group))
            if box.id in (arrow.source, arrow.target):
                assert node in (start, end)


def directed(edge: Any) -> tuple[str, str]:
    tail, head = edge
    return (head, tail) if edge.attr["dir"] == "back" else (tail, head)


def test_states_with_plain_names_keep_them() -> None:
    graph = read(dot.render(picture_of("login", "whole"), LIGHT))
    assert {state.id for state in CHARTS["login"].states} <= set(graph.nodes())


def test_events_are_bold_and_rules_are_told_in_tooltips() -> None:
    graph = read(dot.render(picture_of("login", "whole"), LIGHT))
    labels = [node for node in graph.nodes() if node.startswith("_label")]
    assert any("<B>logout</B>" in node.attr["label"] for node in labels)
    assert any("R13: logout always clears" in node.attr["tooltip"] for node in labels)


@pytest.mark.parametrize(("name", "which"), EVERY)
def test_any_graphviz_can_draw_it(name: str, which: str) -> None:
    """In a process of its own: a Graphviz that fails takes its process along."""
    program = (
        "import sys, pygraphviz\n"
        "sys.stdout.buffer.write(pygraphviz.AGraph(string=sys.stdin.read()).draw(format='svg', prog='dot'))\n"
    )
    text = dot.render(picture_of(name, which), DARK)
    drawn = subprocess.run([sys.executable, "-c", program], input=text.encode(), capture_output=True, timeout=60)
    assert drawn.returncode == 0, drawn.stderr
    assert b"</svg>" in drawn.stdout
    assert b"syntax error" not in drawn.stderr


def test_nothing_hostile_becomes_a_name() -> None:
    graph = read(dot.render(picture_of("hostile", "whole"), LIGHT))
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in chain(graph.nodes()))
