"""What is drawn: boxes, boxes around boxes, and arrows, with their labels. Made from a chart by a view (see `views`).

A picture has no more arrows than it needs: rows with the same source and target share one arrow with stacked labels,
what every state of a group does alike starts at the group, and what every state does alike starts at `ANY`. Arrows to
several boxes of a frame that differ in their events alone may be one, to the frame, whose label says which leads where.
Everything is text in one language; nothing is escaped, that is each renderer's own affair.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from .model import Role

ANY: Final = "\n*"
"""The source of an arrow that starts at every state."""

_GROUP: Final = "\ngroup "
"""No state's name begins with a line break, so none is taken for a group or for `ANY`."""


def frame_id(group: str) -> str:
    """What a group's frame is called, or its box in an overview."""
    return f"{_GROUP}{group}"


def group_of_frame(frame: str) -> str:
    """The group that a frame is drawn around."""
    return frame.removeprefix(_GROUP)


@frozen
class Label:
    """What stands at an arrow for one or more events: **events** [guards] / effects."""

    events: tuple[str, ...]
    guards: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    """The ids of the rules it serves."""
    target: str = ""
    """Where the events lead, at an arrow to a frame that stands for arrows to several of its boxes."""


@frozen
class Arrow:
    """From a box, a group or ANY to a box or a group."""

    source: str
    target: str
    """The source itself, for what stays."""
    labels: tuple[Label, ...]
    role: Role = Role.PLAIN
    """That of the target's group."""
    main: bool = False
    """On the path that all is made for; drawn heavier."""
    rows: tuple[int, ...] = ()
    """The transitions it stands for, by their index in the chart."""


@frozen
class Box:
    """A state; or, in an overview, a group with its states as lines."""

    id: str
    title: str
    lines: tuple[str, ...] = ()
    """Smaller, under the title."""
    note: str = ""
    """A tooltip."""
    group: str | None = None
    role: Role = Role.PLAIN
    initial: bool = False
    focus: bool = False
    """The one that the view is about."""


@frozen
class Frame:
    """A group, drawn around its boxes."""

    id: str
    title: str
    role: Role = Role.PLAIN


@frozen
class Sentence:
    """A rule in words, by its id."""

    id: str
    text: str


@frozen
class Legend:
    """The words of the legend, in the picture's language. An empty one is left out."""

    title: str
    event: str
    guard: str
    effect: str
    main: str
    start: str
    any: str
    """What ANY's box says: any state."""
    any_of: str
    """What stands for any state of a group, where a group itself cannot be where an arrow starts."""
    frame: str
    """What the dot says where an arrow starts at a frame."""
    roles: tuple[tuple[Role, str], ...] = ()
    """The roles that occur, in words."""


@frozen
class Picture:
    """Everything that a drawing shows."""

    id: str
    title: str
    boxes: tuple[Box, ...]
    frames: tuple[Frame, ...]
    """Only those that have boxes."""
    arrows: tuple[Arrow, ...]
    rules: tuple[Sentence, ...]
    """Those that the labels cite, in order."""
    words: Legend
    lang: str = "en"
