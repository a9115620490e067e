"""How things look: two themes, by the role that something plays. Every text has a contrast of 4.5 to 1 at least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from .model import Role
from .picture import Arrow
from .typeset import Kind


@frozen
class Look:
    """The colours of a box, its border and its text, and of the frame around such boxes."""

    fill: str
    line: str
    text: str
    frame: str


@frozen
class Theme:
    """All the colours of a drawing."""

    name: str
    background: str
    text: str
    faint: str
    """Titles of frames, the legend's border."""
    arrow: str
    main: str
    """Arrows of the main path."""
    guard: str
    effect: str
    rule: str
    roles: Mapping[Role, Look]


LIGHT: Final = Theme(
    name="light",
    background="#ffffff",
    text="#1c1f24",
    faint="#5b6470",
    arrow="#57606a",
    main="#1f7a3a",
    guard="#8a5a00",
    effect="#2a5db0",
    rule="#5b6270",
    roles={
        Role.IDLE: Look("#e8eef7", "#3b5b92", "#16264a", "#f5f8fc"),
        Role.BUSY: Look("#fff4d6", "#9a6700", "#4d3500", "#fffbf0"),
        Role.GOOD: Look("#dff3e3", "#1f7a3a", "#0f3d1d", "#f2fbf4"),
        Role.WAITING: Look("#efe7fb", "#6f42c1", "#3a1f6e", "#faf7fe"),
        Role.ENDED: Look("#fbe0de", "#b3261e", "#5f120d", "#fef5f4"),
        Role.PLAIN: Look("#ffffff", "#4a4a4a", "#1c1f24", "#f6f8fa"),
    },
)

DARK: Final = Theme(
    name="dark",
    background="#0d1117",
    text="#e6edf3",
    faint="#9aa4af",
    arrow="#9aa4af",
    main="#56d364",
    guard="#e3b341",
    effect="#79c0ff",
    rule="#9aa4af",
    roles={
        Role.IDLE: Look("#17263f", "#79a7e8", "#dbe8ff", "#111b2b"),
        Role.BUSY: Look("#3a2d0a", "#d9a521", "#ffe8ad", "#1e190c"),
        Role.GOOD: Look("#12351f", "#56d364", "#d3f8db", "#0f1f16"),
        Role.WAITING: Look("#2b1f47", "#b392f0", "#eadfff", "#191428"),
        Role.ENDED: Look("#46191a", "#ff8a80", "#ffdedb", "#231213"),
        Role.PLAIN: Look("#161b22", "#9aa4af", "#e6edf3", "#12161c"),
    },
)

THEMES: Final = {theme.name: theme for theme in (LIGHT, DARK)}


def text_color(kind: Kind, theme: Theme, text: str) -> str:
    """The colour of a text; `text` is that of its surroundings."""
    return {Kind.GUARD: theme.guard, Kind.EFFECT: theme.effect, Kind.RULE: theme.rule}.get(kind, text)


def arrow_color(arrow: Arrow, theme: Theme) -> str:
    """One for the main path, and the target's own where it is an end."""
    if arrow.main:
        return theme.main
    return theme.roles[arrow.role].line if arrow.role is Role.ENDED else theme.arrow


def classes(kind: str, role: Role, main: bool = False) -> str:
    """What style sheets know a thing by."""
    return f"{kind} role-{role}{' main' if main else ''}"
