"""Boxes and labels as lines of known size: what all drawings of a picture have in common.

Sizes are in points, or in pixels of a picture that is not scaled; no font is asked (see `measure`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final

from attrs import frozen

from . import measure
from .picture import ANY, Arrow, Box, Frame, Label, Legend, Picture


class Kind(StrEnum):
    """What a text is; it decides about size and colour."""

    TITLE = "title"
    LINE = "line"
    EVENT = "event"
    GUARD = "guard"
    EFFECT = "effect"
    RULE = "rule"


SIZES: Final[Mapping[Kind, int]] = {
    Kind.TITLE: 13,
    Kind.LINE: 11,
    Kind.EVENT: 11,
    Kind.GUARD: 11,
    Kind.EFFECT: 11,
    Kind.RULE: 9,
}
BOLD: Final = frozenset({Kind.TITLE, Kind.EVENT})
LIMITS: Final = (190, 150, 130)
"""Labels are broken at one of these widths, whichever leads to the better picture."""
_LONGEST: Final = 240
"""Titles are broken at this width."""
_GAP: Final = 5
"""Between labels that share an arrow."""
_INDENT: Final = 9
PAD: Final = 6
"""Inside of a label's border."""
_SIDE: Final = 14
_TOP: Final = 8
"""Inside of a box's border."""
_APART: Final = 6
"""Between a box's own lines and what it answers without leaving."""


@frozen
class Run:
    """A piece of a line."""

    kind: Kind
    text: str
    tip: str = ""
    """A tooltip."""

    @property
    def width(self) -> float:
        return measure.width(self.text, SIZES[self.kind], self.kind in BOLD)


@frozen
class Line:
    """Runs with a space between them."""

    runs: tuple[Run, ...]
    indent: float = 0
    gap: float = 0
    """Above it."""

    @property
    def width(self) -> float:
        spaces = sum(measure.width(" ", SIZES[run.kind]) for run in self.runs[1:])
        return self.indent + sum(run.width for run in self.runs) + spaces

    @property
    def size(self) -> int:
        return max(SIZES[run.kind] for run in self.runs)

    @property
    def height(self) -> float:
        return self.gap + round(self.size * 1.36)


@frozen
class Block:
    """Lines, one under another."""

    lines: tuple[Line, ...]

    @property
    def width(self) -> float:
        return max((line.width for line in self.lines), default=0.0)

    @property
    def height(self) -> float:
        return sum(line.height for line in self.lines)


def of_box(box: Box) -> Block:
    """The title, and the lines under it."""
    return Block((*_plain(Kind.TITLE, box.title), *(line for text in box.lines for line in _plain(Kind.LINE, text))))


def of_text(kind: Kind, text: str, limit: float = _LONGEST) -> Block:
    """A text by itself."""
    return Block(tuple(_plain(kind, text, limit)))


def _plain(kind: Kind, text: str, limit: float = _LONGEST) -> Iterator[Line]:
    for line in measure.lines(measure.clean(text), limit, SIZES[kind], kind in BOLD):
        yield Line((Run(kind, line),))


def of_labels(labels: Iterable[Label], rules: Mapping[str, str], limit: float) -> Block:
    """**events** [guards] / effects, and the numbers of the rules, with their texts as tooltips."""
    lines: list[Line] = []
    before: Label | None = None
    for label in labels:
        known = before is not None and label.events == before.events and bool(label.guards)
        listed = before is not None and bool(label.target and before.target)
        gap = _GAP if lines and not (known or listed) else 0
        lines += _flow(_tokens(label, rules, limit, with_events=not known), limit, gap)
        before = label
    return Block(tuple(lines))


def legend_line(words: Legend) -> Line:
    """How a label is to be read."""
    parts = (
        Run(Kind.EVENT, measure.clean(words.event)),
        Run(Kind.GUARD, f"[{measure.clean(words.guard)}]" if words.guard else ""),
        Run(Kind.EFFECT, f"/ {measure.clean(words.effect)}" if words.effect else ""),
    )
    return Line(tuple(run for run in parts if run.text))


@frozen
class _Token:
    run: Run
    breaks: bool = False
    """Whether it starts a line."""


def _tokens(label: Label, rules: Mapping[str, str], limit: float, with_events: bool) -> Iterator[_Token]:
    if with_events:
        yield from _listed(Kind.EVENT, label.events, "", "", limit, breaks=True)
    if label.target:
        yield from _listed(Kind.LINE, (label.target,), "→ ", "", limit, breaks=False)
    yield from _listed(Kind.GUARD, label.guards, "[", "]", limit, breaks=not with_events)
    yield from _listed(Kind.EFFECT, label.effects, "/ ", "", limit, breaks=with_events)
    for rule in label.rules:
        yield _Token(Run(Kind.RULE, measure.clean(rule), rules.get(rule, "")))


def _listed(
    kind: Kind, names: Sequence[str], opening: str, closing: str, limit: float, breaks: bool
) -> Iterator[_Token]:
    for number, name in enumerate(names):
        first, last = number == 0, number == len(names) - 1
        text = (opening if first else "") + measure.clean(name) + (closing if last else ",")
        for part, line in enumerate(measure.lines(text, limit, SIZES[kind], kind in BOLD)):
            yield _Token(Run(kind, line), breaks and first and not part)


def _flow(tokens: Iterable[_Token], limit: float, gap: float) -> Iterator[Line]:
    """Lines as full as they go. What continues a list of effects is set back."""
    line: list[Run] = []
    indent = 0.0
    for token in tokens:
        if line and (token.breaks or Line((*line, token.run), indent).width > limit):
            yield Line(_joined(line), indent, gap)
            continues = line[-1].kind == token.run.kind == Kind.EFFECT
            gap, line, indent = 0, [], _INDENT if continues else 0
        line.append(token.run)
    if line:
        yield Line(_joined(line), indent, gap)


def _joined(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Runs that look alike are one; what has a tooltip stays alone."""
    return tuple(
        Run(kind, " ".join(run.text for run in alike), tip)
        for (kind, tip), alike in groupby(runs, lambda run: (run.kind, run.tip))
    )


@frozen
class Content:
    """What stands inside a box or a frame's title: its own lines, and what it answers without leaving."""

    block: Block
    stays: tuple[tuple[int, Block], ...] = ()
    """By the arrow's number."""

    @property
    def width(self) -> float:
        return max(self.block.width, *(block.width for _, block in self.stays), 0.0)

    @property
    def height(self) -> float:
        return self.block.height + sum(_APART + block.height for _, block in self.stays)

    @property
    def size(self) -> tuple[float, float]:
        """Of a box with this in it."""
        return max(round(self.width) + 2 * _SIDE, 72.0), round(self.height) + 2 * _TOP

    def lines(self) -> list[Line]:
        """All of them."""
        return [line for _, block, _ in self.blocks() for line in block.lines]

    def blocks(self) -> Iterator[tuple[int | None, Block, float]]:
        """Each with its arrow's number, and how far down it stands."""
        yield None, self.block, 0.0
        down = self.block.height
        for number, block in self.stays:
            yield number, block, down + _APART
            down += _APART + block.height


@frozen
class Contents:
    """All the texts of a picture, set."""

    picture: Picture
    limit: float
    """The width at which labels are broken."""
    rules: dict[str, str]
    """The tooltips of their numbers."""

    @classmethod
    def of(cls, picture: Picture, limit: float = LIMITS[0]) -> Contents:
        """The texts of this picture."""
        return cls(picture, limit, {rule.id: f"{rule.id}: {measure.clean(rule.text)}" for rule in picture.rules})

    def box(self, box: Box) -> Content:
        return Content(of_box(box), self._stays(box.id))

    def any(self) -> Content:
        return Content(of_text(Kind.TITLE, self.picture.words.any), self._stays(ANY))

    def frame(self, frame: Frame) -> Content:
        return Content(of_text(Kind.TITLE, frame.title, 1000), self._stays(frame.id))

    def label(self, arrow: Arrow) -> Block:
        return of_labels(arrow.labels, self.rules, self.limit)

    def _stays(self, name: str) -> tuple[tuple[int, Block], ...]:
        return tuple(
            (number, self.label(arrow))
            for number, arrow in enumerate(self.picture.arrows)
            if arrow.source == arrow.target == name and arrow.labels
        )


def label_size(block: Block) -> tuple[float, float] | None:
    """How large a label is, with what it keeps clear around it; None, if there is nothing to say."""
    return (round(block.width) + 2 * PAD, round(block.height) + 2 * PAD) if block.lines else None
