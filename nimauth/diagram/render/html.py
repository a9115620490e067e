"""The explorer: a chart as one HTML file that runs it. No network, no dependency; it works from the disk.

Everything that has a name goes in as data and becomes text in the page, never markup. The drawing is the SVG of the
chart's `map` view, made by `svg`: groups with the ids box-N, frame-N and arrow-N, numbered as in the picture. Its
colours are taken over by the page, so that one drawing serves both themes; what could act in it is left out.

A page that is rendered with `live` opens that address as an EventSource. Each message is JSON:

    {"state": "connecting", "event": "login", "text": {"en": "…", "zh": "…"}, "variables": {"network": "yes"}}
    {"end": true}

`state` is one of the chart. The others may be null or left out: the event that led there, a sentence about it that is
shown in its place, and what the variables are now, which the page otherwise infers. What it does not know it passes
over. Its own policy lets it connect to where it came from and nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Hashable, Mapping
from html import escape
from importlib import resources
from typing import Any, Final
from xml.etree import ElementTree as ET

from ..model import LANGUAGES, Assign, Carried, Chart, Condition, Effect, Guard, Known, Role, Words
from ..picture import Picture, group_of_frame
from ..themes import DARK, LIGHT, THEMES, Theme

AUTO: Final = "auto"
"""The language, or the theme, of the reader's browser."""

_SCRIPTS: Final = (
    *("chart", "engine", "reading", "search", "page", "map", "trace", "live"),
    *("session", "events", "knows", "path", "link", "follow", "keys", "explorer"),
)
"""In this order they are one script."""


def render(
    chart: Chart,
    lang: str = AUTO,
    theme: str = AUTO,
    *,
    drawing: tuple[Picture, str],
    recording: Mapping[str, Any] | None = None,
    live: str | None = None,
) -> str:
    """The page. `drawing` is the chart's map view and the SVG of it. `recording` says how a trace tells of the chart
    (see `..recording`); without one the page takes none. `live` is the address that it follows.
    """
    picture, svg = drawing
    data = {
        "chart": _chart(chart),
        "words": json.loads(_part("words.json")),
        "map": _map(picture),
        "recording": recording,
        "live": live,
        "lang": lang if lang in LANGUAGES else AUTO,
        "theme": theme if theme in THEMES else AUTO,
    }
    style = _without_comments(_colours() + _part("explorer.css"))
    script = _without_comments(
        '"use strict";\n(() => {\n' + "\n".join(_part(f"{name}.js") for name in _SCRIPTS) + "\n})();\n"
    )
    parts = {
        "LANG": data["lang"] if data["lang"] != AUTO else LANGUAGES[0],
        "TITLE": escape(_plain(chart.title.in_(str(data["lang"])))),
        "POLICY": _policy(style, script, live),
        "STYLE": style,
        "MAP": _drawing(svg),
        "DATA": _json(data),
        "SCRIPT": script,
    }
    return re.sub("@([A-Z]+)@", lambda match: str(parts[match[1]]), _part("page.html"))


# -- the parts of the page ---------------------------------------------------------------------------------------------


def _part(name: str) -> str:
    return (resources.files("nimauth.diagram") / "explorer" / name).read_text("utf-8")


def _without_comments(text: str) -> str:
    """Comments that have a line to themselves, and indentation, are for whoever reads the source."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not re.match(r"//|/\*.*\*/$", line))


def _colours() -> str:
    dark = _declared(DARK)
    return (
        f":root {{ color-scheme: light dark; {_declared(LIGHT)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {dark} }} }}\n"
        f":root[data-theme=light] {{ color-scheme: light }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {dark} }}\n"
        + "".join(
            f".role-{role} {{ --fill: var(--{role}-fill); --line: var(--{role}-line); --ink: var(--{role}-text); "
            f"--pale: var(--{role}-frame) }}\n"
            for role in Role
        )
    )


def _declared(theme: Theme) -> str:
    plain = {name: getattr(theme, name) for name in ("background", "text", "faint", "arrow", "main", "guard", "effect")}
    looks = {
        f"{role}-{part}": getattr(look, part)
        for role, look in theme.roles.items()
        for part in ("fill", "line", "text", "frame")
    }
    return "; ".join(f"--{name}: {colour}" for name, colour in (plain | looks).items())


def _policy(style: str, script: str, live: str | None) -> str:
    """Nothing is loaded and nothing runs but what is written here."""
    allowed = {"style-src": _hash(style), "script-src": _hash(script), "img-src": "data:"}
    if live is not None:
        allowed["connect-src"] = "'self'"
    rest = "base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; {'; '.join(f'{name} {source}' for name, source in allowed.items())}; {rest}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(data: object) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return re.sub("[\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff\ufffe\uffff]", lambda one: f"\\u{ord(one[0]):04x}", text)


def _plain(text: str) -> str:
    """Without what a page cannot hold."""
    return re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\N{REPLACEMENT CHARACTER}", text)


# -- the chart as data -------------------------------------------------------------------------------------------------


class _Table:
    """Things that are told once and then by their number."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._numbers: dict[Hashable, int] = {}
        self.things: list[Any] = []

    def number(self, thing: Hashable) -> int:
        if thing not in self._numbers:
            made = self._make(thing)
            self._numbers[thing] = len(self.things)
            self.things.append(made)
        return self._numbers[thing]


def _chart(chart: Chart) -> dict[str, Any]:
    conditions = _Table(_condition)
    guards = _Table(lambda guard: _guard(guard, conditions))
    effects = _Table(_effect)
    states = {state.id: number for number, state in reversed(list(enumerate(chart.states)))}
    events = {event.id: number for number, event in reversed(list(enumerate(chart.events)))}
    transitions = [
        (
            events[row.event],
            states[row.source],
            None if row.target is None else states[row.target],
            [guards.number(guard) for guard in row.guards],
            [effects.number(effect) for effect in row.effects],
            row.rules,
            int(row.main),
            int(row.drawn),
        )
        for row in chart.transitions
    ]
    roles = {group.id: group.role for group in chart.groups}
    return {
        "id": chart.id,
        "title": _words(chart.title),
        "initial": chart.initial,
        "states": [
            {
                "id": state.id,
                "group": state.group,
                "note": _words(state.note),
                "role": roles.get(state.group or "", Role.PLAIN),
            }
            for state in chart.states
        ],
        "events": [
            {
                "id": event.id,
                "note": _words(event.note),
                "origin": _words(event.origin),
                "carries": event.carries,
                "sets": [_assign(assign) for assign in event.sets],
            }
            for event in chart.events
        ],
        "groups": [{"id": group.id, "label": _words(group.label), "role": group.role} for group in chart.groups],
        "variables": [_choice(variable) | {"initial": variable.initial} for variable in chart.variables],
        "parameters": [_choice(parameter) for parameter in chart.parameters],
        "rules": [{"id": rule.id, "text": _words(rule.text)} for rule in chart.rules],
        "transitions": transitions,
        "guards": guards.things,
        "conditions": conditions.things,
        "effects": effects.things,
    }


def _words(words: Words | None) -> list[str] | str | None:
    if words is None:
        return None
    return [words.en, words.zh] if words.zh else words.en


def _choice(thing: Any) -> dict[str, Any]:
    values = [{"id": value.id, "label": _words(value.label)} for value in thing.values]
    return {"id": thing.id, "label": _words(thing.label), "values": values}


def _value(value: str | Carried | Known) -> str | dict[str, str]:
    match value:
        case Carried(parameter):
            return {"carried": parameter}
        case Known(variable):
            return {"known": variable}
        case _:
            return value


def _condition(condition: Condition) -> list[Any]:
    return [condition.variable, condition.equal, _value(condition.value)]


def _assign(assign: Assign) -> list[Any]:
    when = [] if assign.when is None else [_condition(assign.when)]
    return [assign.variable, _value(assign.value), *when]


def _guard(guard: Guard, conditions: _Table) -> dict[str, Any]:
    number = conditions.number(guard.condition)
    return {"name": guard.name, "label": _words(guard.label), "condition": number, "rule": guard.rule}


def _effect(effect: Effect) -> dict[str, Any]:
    sets = [_assign(assign) for assign in effect.sets]
    return {"name": effect.name, "label": _words(effect.label), "sets": sets, "hidden": effect.hidden}


# -- the drawing -------------------------------------------------------------------------------------------------------

_SHAPES: Final = {"g", "a", "path", "polygon", "polyline", "ellipse", "text", "tspan", "rect", "circle", "line"}
_ATTRIBUTES: Final = frozenset(
    [
        "id",
        "class",
        "viewBox",
        "transform",
        "d",
        "points",
        "x",
        "y",
        "x1",
        "y1",
        "x2",
        "y2",
        "cx",
        "cy",
        "r",
        "rx",
        "ry",
        "dx",
        "dy",
        "width",
        "height",
        "text-anchor",
        "font-size",
        "font-weight",
        "font-style",
        "stroke-width",
        "stroke-dasharray",
    ]
)


def _map(picture: Picture) -> dict[str, Any]:
    """What the drawing's groups stand for."""
    return {
        "lang": picture.lang,
        "boxes": [box.id for box in picture.boxes],
        "frames": [group_of_frame(frame.id) for frame in picture.frames],
        "arrows": [arrow.rows for arrow in picture.arrows],
    }


def _drawing(svg: str) -> str:
    """The shapes of the drawing without its colours, title and legend, and without what could act or load."""
    root = ET.fromstring(svg.encode("utf-8", "replace"))  # noqa: S314  (it is our own renderer's)
    for child in list(root):
        if _local(child.tag) != "g" or child.get("class") == "legend":
            root.remove(child)
    _reduce(root)
    root.tag = "svg"
    view_box = root.get("viewBox", "0 0 800 600")
    root.attrib.clear()
    root.attrib |= {"id": "drawing", "viewBox": view_box, "role": "img"}
    return ET.tostring(root, encoding="unicode")


def _reduce(element: ET.Element) -> None:
    tag = _local(element.tag)
    named = {_local(name): value for name, value in element.attrib.items()}
    element.tag = "g" if tag == "a" else tag
    element.attrib.clear()
    element.attrib |= {name: _shorter(name, value) for name, value in named.items() if name in _ATTRIBUTES}
    if named.get("fill") == "none":
        element.attrib["fill"] = "none"
    if tag not in ("text", "tspan"):
        element.text = None
    for child in list(element):
        if _local(child.tag) not in _SHAPES:
            element.remove(child)
            continue
        _reduce(child)
        if tag != "text":
            child.tail = None


def _local(name: object) -> str:
    return name.rpartition("}")[2] if isinstance(name, str) else ""


def _shorter(name: str, value: str) -> str:
    """A tenth of a pixel is enough."""
    if name not in ("d", "points"):
        return value
    return re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), value)
