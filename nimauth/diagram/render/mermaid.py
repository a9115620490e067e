"""Mermaid, for pages whose site draws it: a README on GitHub or GitLab.

Mermaid cannot escape a quote, and a `;`, a `#` or the words `direction LR` in a label end it: so all but plain letters
is written as one of Mermaid's entities (`#59;`), which are turned back after parsing.

An arrow from a frame into itself ends Mermaid in an error, and one out of a frame gets its label in the wrong place.
So what starts at a frame starts here at a small box inside it that says "any state", as does what starts at `ANY`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..measure import clean
from ..picture import ANY, Box, Label, Picture
from ..themes import Theme

_ESCAPED: Final = re.compile(
    r'["#$%&*+:;<=>@[\\\]^`{|}~]'
    r"|(?<![^\W_])[_-]|[_-](?![^\W_])"  # inside of a word they mean nothing, else they may begin emphasis or lists
    r"|(?<=\d)[.)](?=\s)|(?<=www)\."  # lists and links in Markdown, at which Mermaid gives up
    r"|(?<=direction) ",
    re.IGNORECASE,
)
"""What is written as an entity."""

_WORDS: Final = r"class|click|default|direction|end|hide|href|note|root\w*|scale|state|style"
_OBJECTS: Final = "constructor|hasOwnProperty|isPrototypeOf|propertyIsEnumerable|toLocaleString|toString|valueOf"
_PLAIN: Final = re.compile(rf"(?!(?:{_WORDS}|{_OBJECTS}|s\d+)$)[a-z]\w*", re.ASCII | re.IGNORECASE)
"""A name that can be its own id: no word of Mermaid's, nothing that every object of JavaScript has (in such the layout
keeps what it lays out), and none that `_Ids` makes."""


def render(picture: Picture, theme: Theme) -> str:
    """A state diagram. Boxes bring their own colours; frames and arrows are left to the page, be it light or dark.

    How heavy an arrow is cannot be said in Mermaid.
    """
    return "".join(f"{line}\n" for line in _lines(picture, theme))


def _lines(picture: Picture, theme: Theme) -> Iterator[str]:
    ids = _Ids(picture)
    yield "stateDiagram-v2"
    yield f"    accTitle: {_text(picture.title)}"
    if picture.frames:  # many long labels side by side would be wider than any page
        yield "    direction LR"
    for frame in picture.frames:
        yield f'    state "{_text(frame.title)}" as {ids.frames[frame.id]} {{'
        yield from (f"        {line}" for box in picture.boxes if box.group == frame.id for line in _box(box, ids))
        if frame.id in ids.any_of:
            yield f'        state "{_text(picture.words.any_of)}" as {ids.any_of[frame.id]}'
        yield "    }"
    yield from (f"    {line}" for box in picture.boxes if box.group not in ids.frames for line in _box(box, ids))
    if ANY in ids.any_of:
        yield f'    state "{_text(picture.words.any)}" as {ids.any_of[ANY]}'
    yield from (f"    [*] --> {ids.boxes[box.id]}" for box in picture.boxes if box.initial)
    for arrow in sorted(picture.arrows, key=lambda arrow: not arrow.main):  # what comes first is laid out straight
        label = "<br/>".join(_label(label) for label in arrow.labels)
        yield f"    {ids.end(arrow.source)} --> {ids.end(arrow.target)}{label and f' : {label}'}"
    yield from _looks(picture, theme, ids)


def _looks(picture: Picture, theme: Theme, ids: _Ids) -> Iterator[str]:
    for role, look in theme.roles.items():
        if members := [ids.boxes[box.id] for box in picture.boxes if box.role is role]:
            yield f"    classDef {role} fill:{look.fill},stroke:{look.line},color:{look.text}"
            yield f"    class {','.join(members)} {role}"
    if ids.any_of:
        yield f"    classDef any fill:{theme.background},stroke:{theme.faint},color:{theme.text},stroke-dasharray:4 3"
        yield f"    class {','.join(ids.any_of.values())} any"
    if focus := [ids.boxes[box.id] for box in picture.boxes if box.focus]:
        yield "    classDef focus stroke-width:3px"
        yield f"    class {','.join(focus)} focus"


def _box(box: Box, ids: _Ids) -> Iterator[str]:
    yield f'state "{_text(box.title)}" as {ids.boxes[box.id]}'
    yield from (f"{ids.boxes[box.id]} : {_text(line)}" for line in box.lines)


def _label(label: Label) -> str:
    def listed(names: tuple[str, ...]) -> str:
        return ", ".join(_text(name) for name in names)

    return " ".join(
        (
            *([listed(label.events)] if label.events else ()),
            *([f"→ {_text(label.target)}"] if label.target else ()),
            *([f"[{listed(label.guards)}]"] if label.guards else ()),
            *([f"/ {listed(label.effects)}"] if label.effects else ()),
            *([f"({listed(label.rules)})"] if label.rules else ()),
        )
    )


def _text(text: str) -> str:
    """Never empty: Mermaid knows no empty title."""
    return _ESCAPED.sub(lambda match: f"#{ord(match[0])};", clean(text)) or "#160;"


class _Ids:
    """What everything is called in Mermaid: by its own name, where that can be an id."""

    def __init__(self, picture: Picture) -> None:
        self._taken: set[str] = set()
        self.boxes = {box.id: self._new(box.id) for box in picture.boxes}
        self.frames = {frame.id: self._new(frame.id) for frame in picture.frames}
        ends = dict.fromkeys(end for arrow in picture.arrows for end in (arrow.source, arrow.target))
        self.any_of = {end: self._new(f"any_{end}") for end in ends if end == ANY or end in self.frames}
        """The small boxes, by their frame, or `ANY`."""

    def end(self, name: str) -> str:
        """Where an arrow to or from this starts or ends."""
        return self.boxes.get(name) or self.any_of[name]

    def _new(self, name: str) -> str:
        new = name if _PLAIN.fullmatch(name) and name not in self._taken else f"s{len(self._taken)}"
        self._taken.add(new)
        return new
