"""Mermaid's own parser reads in what we write exactly what the picture says, and nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from html import unescape
from typing import Any, Final

import pytest
from mermaidx.engines._common import mermaid_config
from mermaidx.engines.quickjs_engine import Engine

from nimauth.diagram.extract import chart_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.measure import clean
from nimauth.diagram.model import LANGUAGES, Chart, State, Transition, Words
from nimauth.diagram.picture import ANY, Label, Picture
from nimauth.diagram.render import mermaid
from nimauth.diagram.themes import DARK, LIGHT, THEMES
from nimauth.diagram.views import view, views_of

from .machines import HOSTILE, LIFT, Turnstile

CHARTS: Final = {"login": login_chart(), "turnstile": chart_of(Turnstile), "lift": chart_of(LIFT), "hostile": HOSTILE}

Place = tuple[str, str]
"""What a box says, and what the frame around it says."""


class Mermaid:
    """The real mermaid.js, asked what it has understood."""

    def __init__(self) -> None:
        self._engine: Any = Engine()
        self._engine.start()

    def close(self) -> None:
        self._engine.close()

    def draw(self, source: str) -> str:
        return str(self._engine.render_svg(source, "default", None, None))

    def parse(self, source: str) -> dict[str, list[dict[str, Any]]]:
        """The nodes and the edges that it would draw."""
        found: dict[str, list[dict[str, Any]]] = self._engine._executor.submit(self._parse, source).result()
        return found

    def _parse(self, source: str) -> Any:
        ctx = self._engine._ctx
        ctx.eval(
            f"mermaid.initialize({json.dumps(mermaid_config(None, None))}); var found = null, wrong = null;"
            f"mermaid.mermaidAPI.getDiagramFromText({json.dumps(source)})"
            ".then(diagram => { found = JSON.stringify(diagram.db.getData()) }, error => { wrong = String(error) })"
        )
        while not ctx.eval("!!found || !!wrong") and self._engine._run_job():
            pass
        if wrong := ctx.eval("__flat(wrong)"):
            raise SyntaxError(wrong)
        return json.loads(ctx.eval("__flat(found)"))


@pytest.fixture(scope="module")
def engine() -> Iterator[Mermaid]:
    engine = Mermaid()
    yield engine
    engine.close()


def shown(text: Any) -> str:
    """What Mermaid shows: its entities are turned back at the very end."""
    return unescape(text.replace("ﬂ°°", "&#").replace("ﬂ°", "&").replace("¶ß", ";")).replace("\xa0", "")


def understood(found: dict[str, list[dict[str, Any]]]) -> tuple[Counter[Any], Counter[Any], set[str]]:
    """Boxes, arrows and frames, by what they say."""
    frames = {node["id"]: shown(node["label"]) for node in found["nodes"] if node["isGroup"]}
    places: dict[str, Place] = {}
    boxes: Counter[Any] = Counter()
    for node in found["nodes"]:
        if not node["isGroup"]:
            title = "(start)" if node["shape"] == "stateStart" else shown(node["label"])
            places[node["id"]] = (title, frames.get(node.get("parentId"), ""))
            boxes[places[node["id"]], tuple(map(shown, node.get("description", ())))] += 1
    arrows = Counter((places[e["start"]], places[e["end"]], shown(e["label"])) for e in found["edges"])
    return boxes, arrows, set(frames.values())


def meant(picture: Picture) -> tuple[Counter[Any], Counter[Any], set[str]]:
    """The same, from the picture."""
    frames = {frame.id: clean(frame.title) for frame in picture.frames}
    places = {box.id: (clean(box.title), frames.get(box.group or "", "")) for box in picture.boxes}
    boxes: Counter[Any] = Counter((places[box.id], tuple(map(clean, box.lines))) for box in picture.boxes)
    boxes[("(start)", ""), ()] = 1
    some = dict.fromkeys(end for arrow in picture.arrows for end in (arrow.source, arrow.target) if end not in places)
    for end in some:
        places[end] = (picture.words.any, "") if end == ANY else (picture.words.any_of, frames[end])
        boxes[places[end], ()] += 1
    arrows = Counter(
        (places[arrow.source], places[arrow.target], "<br/>".join(map(said, arrow.labels))) for arrow in picture.arrows
    )
    arrows.update((("(start)", ""), places[box.id], "") for box in picture.boxes if box.initial)
    return boxes, arrows, set(frames.values())


def said(label: Label) -> str:
    def listed(names: tuple[str, ...], form: str) -> str:
        return form.format(", ".join(map(clean, names))) if names else ""

    events = listed(label.events, " {}") + (f" → {label.target}" if label.target else "")
    does = listed(label.guards, " [{}]") + listed(label.effects, " / {}") + listed(label.rules, " ({})")
    return (events + does)[1:]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", CHARTS)
def test_every_view_is_understood_as_it_is_meant(engine: Mermaid, name: str, lang: str) -> None:
    chart = CHARTS[name]
    around = f"around:{chart.states[-1].id}"
    for each in (*views_of(chart), around):
        picture = view(chart, each, lang)
        assert understood(engine.parse(mermaid.render(picture, LIGHT))) == meant(picture), each


HARMFUL: Final = (
    *(
        "state",
        "note",
        "end",
        "direction LR",
        "DIRECTION  tb",
        "class",
        "classDef a b",
        "style",
        "style a:#b;",
        "click",
    ),
    *("default", "hide empty description", "scale 1 width", "accTitle: x", "accDescr {", "as", "root", "root_start"),
    *(
        "[*]",
        "<<fork>>",
        "[[join]]",
        "--",
        "-->",
        "---",
        ":::",
        "%%{init: {}}%%",
        "constructor",
        "__proto__",
        "s0",
        "s1",
    ),
    *("1. one", "2) two", "- three", "+ four", "www.example.com", "https://example.com", "__five__", "*six*", "$$7$$"),
    *("\\n", "#quot;", "#35;", "ends with;", "any_x", "toString", "<br>", "`", "fa:fa-car"),
)


WORDS_OF_MERMAID: Final = Chart(
    id="x",
    title=Words("accTitle: x"),
    initial=HARMFUL[0],
    states=tuple(State(name) for name in HARMFUL),
    events=(),
    transitions=tuple(Transition(name, name, HARMFUL[0]) for name in HARMFUL),
)


def test_no_name_is_taken_for_a_word_of_mermaid(engine: Mermaid) -> None:
    picture = view(WORDS_OF_MERMAID, "whole")

    assert understood(engine.parse(mermaid.render(picture, LIGHT))) == meant(picture)


def test_a_plain_name_is_its_own_id() -> None:
    source = mermaid.render(view(CHARTS["login"], "whole"), LIGHT)

    assert "    connecting --> logging : link_opened / send login\n" in source


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_every_box_brings_the_colours_of_its_role_also_for_its_text(engine: Mermaid, theme: Any) -> None:
    picture = view(CHARTS["login"], "whole")
    found = engine.parse(mermaid.render(picture, theme))

    styles = {shown(node["label"]): set(node["cssCompiledStyles"]) for node in found["nodes"]}
    for box in picture.boxes:
        look = theme.roles[box.role]
        assert styles[box.title] == {f"fill:{look.fill}", f"stroke:{look.line}", f"color:{look.text}"}


def test_the_state_that_a_view_is_about_has_a_heavier_border(engine: Mermaid) -> None:
    found = engine.parse(mermaid.render(view(CHARTS["login"], "around:logging"), LIGHT))

    assert [n["label"] for n in found["nodes"] if "stroke-width:3px" in n["cssCompiledStyles"]] == ["logging"]


def test_the_main_path_comes_first_because_mermaid_lays_that_out_straight() -> None:
    source = mermaid.render(view(CHARTS["login"], "whole"), DARK)

    arrows = re.findall(r"^    (\w+) --> (\w+)", source, re.MULTILINE)
    assert arrows[:3] == [("un_login", "connecting"), ("connecting", "logging"), ("logging", "logged_in")]


@pytest.mark.parametrize("chart", [CHARTS["login"], HOSTILE, WORDS_OF_MERMAID], ids=["login", "hostile", "words"])
def test_mermaid_draws_it_and_nothing_in_the_drawing_acts(engine: Mermaid, chart: Chart) -> None:
    drawn = engine.draw(mermaid.render(view(chart, "whole"), LIGHT))

    elements = list(ET.fromstring(drawn).iter())
    assert not [element for element in elements if element.tag.rpartition("}")[2] == "script"]
    assert not [name for element in elements for name in element.attrib if name.startswith("on")]
    texts = {clean(text).replace(" ", "") for text in ("".join(each.itertext()) for each in elements)}
    assert {clean(state.id).replace(" ", "") for state in chart.states} <= texts


def test_lists_and_links_are_escaped_because_some_versions_of_mermaid_give_up_at_them() -> None:
    source = mermaid.render(view(WORDS_OF_MERMAID, "whole"), LIGHT)

    assert not [text for text in ("1. one", "2) two", "- three", "www.", "https:") if text in source]
