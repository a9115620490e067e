"""PlantUML itself draws what we write: every arrow, every letter, and nothing else."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

from nimauth.diagram.extract import chart_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.measure import clean
from nimauth.diagram.model import LANGUAGES, Chart, Role, Rule, State, Transition, Words
from nimauth.diagram.picture import ANY, Picture
from nimauth.diagram.render import plantuml
from nimauth.diagram.themes import DARK, LIGHT
from nimauth.diagram.views import view, views_of

from .machines import HOSTILE, LIFT, Turnstile
from .tools import program

LOGIN: Final = login_chart()
HARMFUL: Final = (
    *(
        "!include /etc/passwd",
        "%getenv(HOME)",
        "%date()",
        "$x",
        "<img:/etc/passwd>",
        "<&heart>",
        "<:smile:>",
        "<b>b</b>",
    ),
    *(
        "[[https://example.com]]",
        "[[a{b}c]]",
        "**b**",
        "//i//",
        "__u__",
        "--s--",
        "~~w~~",
        '""m""',
        "~x",
        "'x",
        "/' x '/",
    ),
    *(
        "* a",
        "# a",
        "= a",
        "| a | b |",
        "----",
        "....",
        "@enduml",
        "@startuml",
        "\\n",
        "\\",
        "<U+003C>",
        "&#60;",
        "<<any>>",
    ),
    *(
        "hide stereotype",
        "end",
        "legend",
        "endlegend",
        "state x",
        "[*]",
        "a : b",
        "a -> b",
        "}",
        "{",
        "#red",
        "##[bold]red",
    ),
)
COMMANDS: Final = Chart(
    id="x",
    title=Words("!include /etc/passwd"),
    initial=HARMFUL[0],
    states=tuple(State(name) for name in HARMFUL),
    events=(),
    transitions=tuple(Transition(name, name, HARMFUL[0], (), (), (name,)) for name in HARMFUL),
    rules=tuple(Rule(name, Words(name)) for name in HARMFUL),
)
PICTURES: Final = {
    **{f"login-{name}-{lang}": view(LOGIN, name, lang) for name in views_of(LOGIN) for lang in LANGUAGES},
    "around": view(LOGIN, "around:connecting"),
    "turnstile": view(chart_of(Turnstile), "whole"),
    "lift": view(chart_of(LIFT), "whole"),
    **{f"hostile-{name}": view(HOSTILE, name) for name in ("whole", "overview")},
    "hostile-commands": view(COMMANDS, "whole"),
}

Svg = ET.Element


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Svg]:
    """All pictures in one run: to start it takes longer than to draw them."""
    command = program("plantuml", "plantuml")
    program("dot", "graphviz")  # places PlantUML's states for it
    folder = tmp_path_factory.mktemp("plantuml")
    for name, picture in PICTURES.items():
        (folder / f"{name}.puml").write_text(plantuml.render(picture, LIGHT), "utf-8")
    sources = sorted(map(str, folder.glob("*.puml")))
    done = subprocess.run([command, "-tsvg", "-charset", "UTF-8", *sources], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return {Path(source).stem: ET.parse(Path(source).with_suffix(".svg")).getroot() for source in sources}


@pytest.mark.parametrize("name", PICTURES)
def test_every_arrow_is_drawn_and_no_other(drawn: Mapping[str, Svg], name: str) -> None:
    picture = PICTURES[name]
    ids = {ANY: "any"}
    ids |= {frame.id: f"f{number}" for number, frame in enumerate(picture.frames)}
    ids |= {box.id: f"b{number}" for number, box in enumerate(picture.boxes)}
    meant = Counter(f"{ids[arrow.source]}->{ids[arrow.target]}" for arrow in picture.arrows)
    meant.update(f"*start->{ids[box.id]}" for box in picture.boxes if box.initial)

    assert Counter(path.get("id") for path in drawn[name].findall(".//{*}path") if path.get("id")) == meant


@pytest.mark.parametrize("name", PICTURES)
def test_every_letter_of_every_name_is_shown_and_no_other(drawn: Mapping[str, Svg], name: str) -> None:
    def letters(texts: Iterator[str | None]) -> Counter[str]:
        return Counter(letter for text in texts for letter in clean(text or "") if not letter.isspace())

    assert letters(text.text for text in drawn[name].findall(".//{*}text")) == letters(texts_of(PICTURES[name]))


def texts_of(picture: Picture) -> Iterator[str]:
    words = picture.words
    yield picture.title
    yield from (frame.title for frame in picture.frames)
    yield from chain.from_iterable((box.title, *box.lines) for box in picture.boxes)
    if any(ANY in (arrow.source, arrow.target) for arrow in picture.arrows):
        yield words.any
    for label in (label for arrow in picture.arrows for label in arrow.labels):
        yield ",".join(label.events)
        yield f"→{label.target}" if label.target else ""
        yield f"[{','.join(label.guards)}]" if label.guards else ""
        yield f"/{','.join(label.effects)}" if label.effects else ""
        yield f"({','.join(label.rules)})" if label.rules else ""
    yield from (words.title, words.event, *(text for _, text in words.roles))
    yield f"[{words.guard}]" if words.guard else ""
    yield f"/{words.effect}" if words.effect else ""
    yield from chain.from_iterable((rule.id, rule.text) for rule in picture.rules)


@pytest.mark.parametrize("name", [name for name in PICTURES if name.startswith("hostile")])
def test_no_name_becomes_a_link_or_an_image(drawn: Mapping[str, Svg], name: str) -> None:
    tags = {element.tag.rpartition("}")[2] for element in drawn[name].iter()}

    assert not tags & {"a", "image", "script", "foreignObject"}


def test_the_main_path_is_heavier_and_green_and_what_ends_has_its_own_colour() -> None:
    source = plantuml.render(view(LOGIN, "whole"), LIGHT)

    arrows = view(LOGIN, "whole").arrows
    assert source.count(f"-[{LIGHT.main},bold]->") == sum(arrow.main for arrow in arrows)
    ended = [arrow for arrow in arrows if arrow.role is Role.ENDED and arrow.source != arrow.target]
    assert source.count(f"-[{LIGHT.roles[Role.ENDED].line}]->") >= len(ended) > 0


def test_the_dark_theme_is_dark() -> None:
    source = plantuml.render(view(LOGIN, "overview"), DARK)

    assert f"skinparam backgroundColor {DARK.background}\n" in source
    assert LIGHT.background not in source
