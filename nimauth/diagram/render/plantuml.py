"""PlantUML, for wikis and documents that draw it.

PlantUML reads markup, built-in functions and commands in any text, some of which fetch files. So all signs that could
open such are written like `<U+003C>`, which becomes a character when nothing is looked for in it any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from .. import measure
from ..picture import ANY, Box, Label, Picture
from ..themes import Theme, arrow_color

_WIDTH: Final = 210
"""Of a label in pixels; PlantUML does not break its lines."""
_SIZE: Final = 13
"""Of PlantUML's letters."""

_ANY_ID: Final = "any"
_BREAK: Final = "\\n"
_MARKS: Final = re.compile(r"""[!"#$%&'*+<=>@\\^`{|}~]|([./\[\]-])(?=\1)|(?<=([./\[\]-]))\2|(?<![^\W_])_|_(?![^\W_])""")
"""Written as `<U+...>`: what may open markup or a command, some signs only where they stand twice."""


def render(picture: Picture, theme: Theme) -> str:
    """A state diagram with a legend, and with the rules that it cites in words."""
    return "".join(f"{line}\n" for line in _lines(picture, theme))


def _lines(picture: Picture, theme: Theme) -> Iterator[str]:
    ids = _Ids(picture)
    yield "@startuml"
    if picture.frames:  # many long labels side by side would be wider than any page
        yield "left to right direction"
    yield from _skin(theme)
    yield f"title {_text(picture.title)}"
    for frame in picture.frames:
        yield f'state "{_text(frame.title)}" as {ids.frames[frame.id]} {theme.roles[frame.role].frame} {{'
        yield from (f"  {_box(box, ids)}" for box in picture.boxes if box.group == frame.id)
        yield "}"
    yield from (_box(box, ids) for box in picture.boxes if box.group not in ids.frames)
    if any(ANY in (arrow.source, arrow.target) for arrow in picture.arrows):
        yield f'state "{_text(picture.words.any)}" as {_ANY_ID} <<any>>'
    yield from (f"[*] --> {ids.boxes[box.id]}" for box in picture.boxes if box.initial)
    for arrow in picture.arrows:
        line = f"-[{arrow_color(arrow, theme)}{',bold' if arrow.main else ''}]->"
        label = _BREAK.join(part for label in arrow.labels for part in _label(label, theme))
        yield f"{ids.end(arrow.source)} {line} {ids.end(arrow.target)}{label and f' : {label}'}"
    yield from _legend(picture, theme)
    yield "@enduml"


def _skin(theme: Theme) -> Iterator[str]:
    yield "hide empty description"
    yield "skinparam shadowing false"
    yield "skinparam defaultTextAlignment left"
    yield f"skinparam backgroundColor {theme.background}"
    yield f"skinparam titleFontColor {theme.text}"
    yield f"skinparam legendBackgroundColor {theme.background}"
    yield f"skinparam legendBorderColor {theme.faint}"
    yield f"skinparam legendFontColor {theme.text}"
    yield f"skinparam arrowColor {theme.arrow}"
    yield f"skinparam arrowFontColor {theme.text}"
    yield "skinparam state {"
    yield f"  StartColor {theme.text}"
    yield f"  BackgroundColor {theme.background}"
    yield f"  BorderColor {theme.faint}"
    yield f"  FontColor {theme.text}"
    for role, look in theme.roles.items():
        yield f"  BackgroundColor<<{role}>> {look.fill}"
        yield f"  BorderColor<<{role}>> {look.line}"
        yield f"  FontColor<<{role}>> {look.text}"
    yield "}"


def _box(box: Box, ids: _Ids) -> str:
    lines = [
        *_wrapped(box.title, "**{}**" if box.focus else "{}"),
        *(f"<size:11>{_text(line)}</size>" for line in box.lines),
    ]
    return f'state "{_BREAK.join(lines)}" as {ids.boxes[box.id]} <<{box.role}>>'


def _label(label: Label, theme: Theme) -> Iterator[str]:
    """In lines: the events, where they lead, the guards, the effects, the rules."""
    if label.events:
        yield from _wrapped(", ".join(label.events), "**{}**")
    for names, form, color in (
        ((label.target,) if label.target else (), "→ {}", theme.text),
        (label.guards, "[{}]", theme.guard),
        (label.effects, "/ {}", theme.effect),
        (label.rules, "({})", theme.rule),
    ):
        if names:
            yield from _wrapped(form.format(", ".join(names)), f"<color:{color}>{{}}</color>")


def _legend(picture: Picture, theme: Theme) -> Iterator[str]:
    words = picture.words
    yield "legend right"
    yield f"**{_text(words.title)}**"
    for role, text in words.roles:
        look = theme.roles[role]
        yield f"<back:{look.fill}><color:{look.line}> {_text(text)} </color></back>"
    yield f"**{_text(words.event)}**" + "".join(
        f" <color:{color}>{before}{_text(word)}{after}</color>"
        for word, color, before, after in (
            (words.guard, theme.guard, "[", "]"),
            (words.effect, theme.effect, "/ ", ""),
        )
        if word
    )
    for rule in picture.rules:
        yield f"<color:{theme.rule}>{_text(rule.id)}</color> {_text(rule.text)}"
    yield "endlegend"


def _wrapped(text: str, form: str) -> Iterator[str]:
    for line in measure.lines(measure.clean(text), _WIDTH, _SIZE):
        yield form.format(_text(line))


def _text(text: str) -> str:
    return _MARKS.sub(lambda match: f"<U+{ord(match[0]):04X}>", measure.clean(text)) or "<U+00A0>"


class _Ids:
    def __init__(self, picture: Picture) -> None:
        self.boxes = {box.id: f"b{number}" for number, box in enumerate(picture.boxes)}
        self.frames = {frame.id: f"f{number}" for number, frame in enumerate(picture.frames)}

    def end(self, name: str) -> str:
        """Where an arrow to or from this starts or ends."""
        return self.boxes.get(name) or self.frames.get(name) or _ANY_ID
