"""SVG. Graphviz says where things stand; the drawing is our own, with names and tooltips for scripts and readers.

Every box, frame and arrow is a group with the id `box-3`, `frame-0`, `arrow-7`, its place in the picture, and has a
class that says its role. Colours are attributes, so that any style sheet may change them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from math import hypot
from typing import Final

from attrs import frozen

from .. import measure
from ..geometry import Curve, Point, Rect
from ..interior import MARGIN
from ..layout import Plan, Way, plan_of
from ..picture import ANY, Picture
from ..themes import Theme, arrow_color, classes, text_color
from ..typeset import BOLD, PAD, SIZES, Block, Content, Contents, Kind, Line, Run, legend_line, of_text

_MARGIN: Final = 14
_TIP: Final = 9.0
_THIN: Final = 1.2
_HEAVY: Final = 2.6
_ROUND: Final = 8
_ROW: Final = 24
"""Of the legend."""
_NARROWEST: Final = 420


def render(picture: Picture, theme: Theme) -> str:
    """The picture as one SVG element. Raises MissingExtra."""
    return "\n".join([*_Drawing(picture, theme, plan_of(picture)).lines(), ""])


@frozen
class _Drawing:
    picture: Picture
    theme: Theme
    plan: Plan

    @property
    def contents(self) -> Contents:
        return self.plan.contents

    def lines(self) -> Iterator[str]:
        theme, plan = self.theme, self.plan
        title = of_text(Kind.TITLE, self.picture.title, 2000)
        legend = _Legend.of(self.picture, max(plan.width, _NARROWEST))
        width = max(plan.width, legend.width, title.width) + 2 * _MARGIN
        top = _MARGIN + title.height + 8
        height = top + plan.height + 14 + legend.height + _MARGIN
        name = escape(measure.clean(self.picture.title))
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" '
            f'height="{_n(height)}" role="img" lang="{escape(self.picture.lang)}" class="theme-{theme.name}" '
            f'font-family="{escape(measure.fonts(self.picture.lang))}">'
        )
        yield f"<title>{name}</title>"
        yield f"<desc>{escape(self.description())}</desc>"
        yield f'<rect class="background" width="{_n(width)}" height="{_n(height)}" rx="6" fill="{theme.background}"/>'
        yield from self.block(title, _MARGIN, _MARGIN, theme.text)
        yield f'<g transform="translate({_n((width - plan.width) / 2)} {_n(top)})">'
        yield from self.frames()
        yield from self.arrows()
        yield from self.boxes()
        yield "</g>"
        yield f'<g class="legend" transform="translate({_MARGIN} {_n(height - _MARGIN - legend.height)})">'
        yield from legend.lines(self)
        yield "</g>"
        yield "</svg>"

    def description(self) -> str:
        """The arrows in words, for those who cannot see them."""
        titles = {box.id: box.title for box in self.picture.boxes} | {ANY: self.picture.words.any}
        titles |= {frame.id: frame.title for frame in self.picture.frames}
        return measure.clean(
            "; ".join(
                f"{titles[arrow.source]} → {titles[arrow.target]}: "
                + ", ".join(event for label in arrow.labels for event in label.events)
                for arrow in self.picture.arrows
            )
        )

    # -- things --------------------------------------------------------------------------------------------------------

    def frames(self) -> Iterator[str]:
        for number, (frame, rect) in enumerate(zip(self.picture.frames, self.plan.frames, strict=True)):
            look = self.theme.roles[frame.role]
            content = self.contents.frame(frame)
            yield f'<g id="frame-{number}" class="{classes("frame", frame.role)}">'
            yield _rect(rect, look.frame, look.line, 1.0, 10)
            yield from self.block(content.block, rect.x + MARGIN, rect.y + MARGIN / 2, look.line)
            yield "</g>"
            yield from self.loop(frame.id, rect)

    def boxes(self) -> Iterator[str]:
        for number, (box, rect) in enumerate(zip(self.picture.boxes, self.plan.boxes, strict=True)):
            look = self.theme.roles[box.role]
            yield f'<g id="box-{number}" class="{classes("box", box.role)}{" focus" if box.focus else ""}">'
            if box.note:
                yield f"<title>{escape(measure.clean(box.note))}</title>"
            yield _rect(rect, look.fill, look.line, 3 if box.focus else 1.4, _ROUND)
            yield from self.content(self.contents.box(box), rect, look.text)
            yield from self.loop(box.id, rect)
            yield "</g>"
        if self.plan.any is not None:
            yield '<g class="box any">'
            yield _rect(self.plan.any, self.theme.background, self.theme.faint, 1.4, _ROUND, dashed=True)
            yield from self.content(self.contents.any(), self.plan.any, self.theme.text)
            yield "</g>"

    def content(self, content: Content, rect: Rect, text: str) -> Iterator[str]:
        """In the middle of a box; what stays there, in a group of its own."""
        top = rect.y + (rect.height - content.height) / 2
        for number, block, down in content.blocks():
            if number is None:
                yield from self.block(block, rect.x + rect.width / 2, top + down, text, middle=True)
            else:
                yield from self.stays(number, block, rect.x + (rect.width - block.width) / 2, top + down, text)

    def stays(self, number: int, block: Block, x: float, y: float, text: str) -> Iterator[str]:
        yield f'<g id="arrow-{number}" class="{classes("arrow", self.picture.arrows[number].role)} stays">'
        yield from self.block(block, x, y, text)
        yield "</g>"

    def loop(self, name: str, rect: Rect) -> Iterator[str]:
        """A sign for what stays there, where nothing is told about it."""
        for number, arrow in enumerate(self.picture.arrows):
            if arrow.source == arrow.target == name and not arrow.labels:
                place, color = f"translate({_n(rect.right - 9)} {_n(rect.y + 9)})", arrow_color(arrow, self.theme)
                yield f'<g id="arrow-{number}" class="{classes("arrow", arrow.role)} stays" transform="{place}">'
                yield f'<path d="M3 -3A4 4 0 1 1 -1 -4" fill="none" stroke="{color}"/>'
                yield f'<path d="M-2 -7L3 -4L-2 -1.5Z" fill="{color}"/>'
                yield "</g>"

    # -- arrows --------------------------------------------------------------------------------------------------------

    def arrows(self) -> Iterator[str]:
        if self.plan.start is not None:
            rect, curve = self.plan.start
            yield '<g class="start">'
            yield _disc(rect, self.theme.text)
            yield from self.curve(curve, self.theme.text, _THIN, tip=True)
            yield "</g>"
        for number, arrow in enumerate(self.picture.arrows):
            if number in self.plan.ways:
                yield f'<g id="arrow-{number}" class="{classes("arrow", arrow.role, arrow.main)}">'
                yield from self.way(number, self.plan.ways[number])
                yield "</g>"
        for number, rect in self.plan.stays.items():
            yield from self.card(number, rect)

    def way(self, number: int, way: Way) -> Iterator[str]:
        arrow = self.picture.arrows[number]
        color, weight = arrow_color(arrow, self.theme), _HEAVY if arrow.main else _THIN
        for curve in way.curves:
            yield from self.curve(curve, color, weight, tip=curve is way.curves[-1])
        if arrow.source in {frame.id for frame in self.picture.frames}:
            x, y = way.curves[0].points[0]
            yield f'<circle cx="{_n(x)}" cy="{_n(y)}" r="2.8" fill="{color}"/>'
        if way.label is not None:
            yield _rect(way.label, self.theme.background, color, 0.7, 5)
            yield from self.block(self.contents.label(arrow), way.label.x + PAD, way.label.y + PAD, self.theme.text)

    def card(self, number: int, rect: Rect) -> Iterator[str]:
        arrow = self.picture.arrows[number]
        yield f'<g id="arrow-{number}" class="{classes("arrow", arrow.role)} stays">'
        yield _rect(rect, self.theme.background, arrow_color(arrow, self.theme), 0.7, 5, dashed=True)
        yield from self.block(self.contents.label(arrow), rect.x + PAD, rect.y + PAD, self.theme.text)
        yield "</g>"

    def curve(self, curve: Curve, color: str, weight: float, tip: bool) -> Iterator[str]:
        points = curve
        if tip:
            size = _TIP + 1.5 * (weight - _THIN)
            points, end = curve.without_end(size), curve.points[-1]
            yield f'<path d="{_head(points.points[-1], end, size)}" fill="{color}"/>'
        yield f'<path d="{_path(points)}" fill="none" stroke="{color}" stroke-width="{_n(weight)}"/>'

    # -- words ---------------------------------------------------------------------------------------------------------

    def block(self, block: Block, x: float, y: float, color: str, middle: bool = False) -> Iterator[str]:
        for line in block.lines:
            y += line.height
            yield self.line(line, x + (0 if middle else line.indent), y - round(line.size * 0.36), color, middle)

    def line(self, line: Line, x: float, y: float, color: str, middle: bool = False) -> str:
        anchor = ' text-anchor="middle"' if middle else ""
        runs = " ".join(self.run(run, line.size, color) for run in line.runs)
        return f'<text x="{_n(x)}" y="{_n(y)}" font-size="{line.size}"{anchor}>{runs}</text>'

    def run(self, run: Run, outer: int, color: str) -> str:
        bold = ' font-weight="bold"' if run.kind in BOLD else ""
        tip = f"<title>{escape(run.tip)}</title>" if run.tip else ""
        size = f' font-size="{SIZES[run.kind]}"' if SIZES[run.kind] != outer else ""
        return (
            f'<tspan class="{run.kind}"{size}{bold} '
            f'fill="{text_color(run.kind, self.theme, color)}">{tip}{escape(run.text)}</tspan>'
        )


# -- the legend --------------------------------------------------------------------------------------------------------


_SIGN: Final = 26


@frozen
class _Legend:
    picture: Picture
    items: tuple[tuple[str, Line, float, float], ...]
    """Sign, words, and where they stand."""
    width: float
    height: float

    @classmethod
    def of(cls, picture: Picture, limit: float) -> _Legend:
        items: list[tuple[str, Line, float, float]] = []
        x = y = widest = 0.0
        for sign, line in cls.entries(picture):
            width = (_SIGN if sign else 0) + line.width + 18
            if x and x + width > limit:
                x, y = 0.0, y + _ROW
            items.append((sign, line, x, y))
            x += width
            widest = max(widest, x)
        return cls(picture, tuple(items), widest, y + _ROW)

    @classmethod
    def entries(cls, picture: Picture) -> Iterator[tuple[str, Line]]:
        words = picture.words
        if words.title:
            yield "", _words(words.title, Kind.EVENT)
        if words.start and any(box.initial for box in picture.boxes):
            yield "start", _words(words.start)
        if words.main and any(arrow.main for arrow in picture.arrows):
            yield "main", _words(words.main)
        frames = {frame.id for frame in picture.frames}
        if words.frame and any(arrow.source in frames for arrow in picture.arrows):
            yield "frame", _words(words.frame)
        if words.event and any(arrow.labels for arrow in picture.arrows):
            yield "", legend_line(words)
        for role, text in words.roles:
            yield role, _words(text)

    def lines(self, drawing: _Drawing) -> Iterator[str]:
        theme = drawing.theme
        for sign, line, x, y in self.items:
            middle = y + _ROW / 2
            match sign:
                case "":
                    pass
                case "start":
                    yield _disc(Rect(x + 8, middle - 5, 10, 10), theme.text)
                case "main":
                    points = ((x, middle), (x + 7, middle), (x + 14, middle), (x + 21, middle))
                    yield from drawing.curve(Curve(points), theme.main, _HEAVY, tip=True)
                case "frame":
                    points = ((x + 1, middle), (x + 7, middle), (x + 14, middle), (x + 21, middle))
                    yield from drawing.curve(Curve(points), theme.text, _THIN, tip=False)
                    yield _disc(Rect(x - 1.8, middle - 2.8, 5.6, 5.6), theme.text)
                case role:
                    look = next(look for known, look in theme.roles.items() if known == role)
                    yield _rect(Rect(x, middle - 7, 20, 14), look.fill, look.line, 1.2, 4)
            yield drawing.line(line, x + (_SIGN if sign else 0), middle + 4, theme.text)


def _words(text: str, kind: Kind = Kind.LINE) -> Line:
    return Line((Run(kind, measure.clean(text)),))


# -- shapes ------------------------------------------------------------------------------------------------------------


def _n(number: float) -> str:
    """A number as short as it goes."""
    text = f"{number:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def _rect(rect: Rect, fill: str, stroke: str, weight: float, radius: float, dashed: bool = False) -> str:
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<rect x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}" '
        f'rx="{_n(radius)}" fill="{fill}" stroke="{stroke}" stroke-width="{_n(weight)}"{dashes}/>'
    )


def _disc(rect: Rect, fill: str) -> str:
    radius = rect.width / 2
    return f'<circle cx="{_n(rect.x + radius)}" cy="{_n(rect.y + radius)}" r="{_n(radius)}" fill="{fill}"/>'


def _path(curve: Curve) -> str:
    first, *rest = (f"{_n(x)} {_n(y)}" for x, y in curve.points)
    return f"M{first}C{' '.join(rest)}"


def _head(base: Point, tip: Point, size: float) -> str:
    """A slender triangle."""
    x, y = tip[0] - base[0], tip[1] - base[1]
    length = hypot(x, y) or 1.0
    x, y = x / length, y / length
    base = tip[0] - x * size, tip[1] - y * size
    half = size * 0.42
    corners: Iterable[Point] = (tip, (base[0] - y * half, base[1] + x * half), (base[0] + y * half, base[1] - x * half))
    return "M" + "L".join(f"{_n(a)} {_n(b)}" for a, b in corners) + "Z"
