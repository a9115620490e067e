"""The inside of a frame: its boxes in a row, and between them and beside them the labels of arrows among them.

Everything is reckoned as a column, from above; a frame that stands as a row is the same with its axes exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, evolve, frozen

from .geometry import Curve, Point, Rect

Size = tuple[float, float]

MARGIN: Final = 12.0
_APART: Final = 16.0
"""Between two boxes that no arrow joins."""
_ARROW: Final = 18.0
"""A short arrow, from a box to a label or from there to the next box."""
_RADIUS: Final = 24.0
"""Of the corner where an arrow turns that leads past boxes."""
_BESIDE: Final = 10.0
"""Between labels that stand side by side."""


@frozen
class Inner:
    """An arrow from one box of the frame to another, by their places; with the size of its label, if it has one."""

    number: int
    source: int
    target: int
    label: Size | None
    main: bool

    @property
    def low(self) -> int:
        """The upper one of the two boxes."""
        return min(self.source, self.target)

    @property
    def high(self) -> int:
        """The lower one."""
        return max(self.source, self.target)

    @property
    def size(self) -> Size:
        """The room that it takes."""
        return self.label or (_BESIDE, 0.0)


@frozen
class Interior:
    """Where things stand in a frame, from its left upper corner."""

    width: float
    height: float
    boxes: tuple[Rect, ...]
    stays: Mapping[int, Rect]
    labels: Mapping[int, Rect]
    curves: Mapping[int, tuple[Curve, ...]]

    def turned(self) -> Interior:
        """With its axes exchanged."""
        return Interior(
            self.height,
            self.width,
            tuple(box.turned() for box in self.boxes),
            {number: rect.turned() for number, rect in self.stays.items()},
            {number: rect.turned() for number, rect in self.labels.items()},
            {
                number: tuple(Curve(tuple((y, x) for x, y in curve.points)) for curve in curves)
                for number, curves in self.curves.items()
            },
        )


def furnish(
    title: Size, boxes: Sequence[Size], arrows: Sequence[Inner], stays: Mapping[int, Size], column: bool
) -> Interior:
    """Sizes in, places out; the boxes of a column are all of one width, those of a row of one height."""
    if column:
        return _Column(title, boxes, arrows, stays).interior()
    # The title of a row stands before it, and needs to be kept apart.
    turned = _Column(
        (title[1], title[0] + MARGIN),
        [_turned(size) for size in boxes],
        [evolve(arrow, label=arrow.label and _turned(arrow.label)) for arrow in arrows],
        {number: _turned(size) for number, size in stays.items()},
    )
    return turned.interior().turned()


def _turned(size: Size) -> Size:
    return size[1], size[0]


@define
class _Lane:
    """Room beside the boxes for arrows that lead past some of them, or that found no room between two."""

    arrows: list[Inner]

    def is_free(self, arrow: Inner) -> bool:
        return all(arrow.low >= other.high or arrow.high <= other.low for other in self.arrows)

    @property
    def width(self) -> float:
        return max(arrow.size[0] for arrow in self.arrows)


@frozen
class _Column:
    title: Size
    boxes: Sequence[Size]
    arrows: Sequence[Inner]
    stays: Mapping[int, Size]

    def between(self, place: int) -> list[Inner]:
        """The arrows between a box and the next, that of the main path first."""
        its = [arrow for arrow in self.arrows if (arrow.low, arrow.high) == (place, place + 1)]
        return sorted(its, key=lambda arrow: not arrow.main)

    def lanes(self) -> list[_Lane]:
        """As few as it takes."""
        lanes: list[_Lane] = []
        for arrow in sorted(self.arrows, key=lambda arrow: arrow.high - arrow.low):
            if arrow.high - arrow.low > 1:
                free = next((lane for lane in lanes if lane.is_free(arrow)), None)
                if free is None:
                    lanes.append(_Lane([arrow]))
                else:
                    free.arrows.append(arrow)
        return lanes

    def interior(self) -> Interior:
        lanes = self.lanes()
        wide = max(width for width, _ in self.boxes)
        wide = max(wide, *(_row_width(self.between(place)) for place in range(len(self.boxes))))
        beside = sum(_APART + lane.width for lane in lanes)
        inner = max(wide + beside, self.title[0], *(width for width, _ in self.stays.values()))
        wide = inner - beside

        down = MARGIN / 2 + self.title[1] + MARGIN / 2
        boxes: list[Rect] = []
        gaps: list[tuple[float, float]] = []
        for place, (_, height) in enumerate(self.boxes):
            boxes.append(Rect(MARGIN, down, wide, height))
            down += height
            if place < len(self.boxes) - 1:
                gap = self.gap(place, lanes)
                gaps.append((down, gap))
                down += gap
        labels: dict[int, Rect] = {}
        curves: dict[int, tuple[Curve, ...]] = {}
        for place, (top, gap) in enumerate(gaps):
            self.cross(place, boxes, top + gap / 2, labels, curves)
        left = MARGIN + wide
        for lane in lanes:
            left += _APART
            for arrow in lane.arrows:
                top, gap = gaps[_gap_of(arrow)]
                self.pass_by(arrow, boxes, (left + lane.width / 2, top + gap / 2), labels, curves)
            left += lane.width
        places: dict[int, Rect] = {}
        for number, (width, height) in self.stays.items():
            down += _BESIDE
            places[number] = Rect(MARGIN + (inner - width) / 2, down, width, height)
            down += height
        return Interior(inner + 2 * MARGIN, down + MARGIN, tuple(boxes), places, labels, curves)

    def gap(self, place: int, lanes: Sequence[_Lane]) -> float:
        """How far the next box stands from this one."""
        joining = self.between(place)
        passing = [arrow for lane in lanes for arrow in lane.arrows if _gap_of(arrow) == place]
        needed = [_APART, *(arrow.size[1] + _BESIDE for arrow in passing)]
        needed += [arrow.size[1] + (2 if arrow.label else 1) * _ARROW for arrow in joining]
        return max(needed)

    def cross(
        self,
        place: int,
        boxes: Sequence[Rect],
        middle: float,
        labels: dict[int, Rect],
        curves: dict[int, tuple[Curve, ...]],
    ) -> None:
        """Straight from one box to the next, through the labels side by side."""
        arrows = self.between(place)
        x = boxes[place].middle[0] - _row_width(arrows) / 2
        for arrow in arrows:
            width, height = arrow.size
            at = x + width / 2
            x += width + _BESIDE
            ends = (at, boxes[place].bottom), (at, boxes[place + 1].y)
            begin, end = ends if arrow.source < arrow.target else ends[::-1]
            if arrow.label is None:
                curves[arrow.number] = (Curve.straight(begin, end),)
                continue
            rect = labels[arrow.number] = Rect(at - width / 2, middle - height / 2, width, height)
            sides = (at, rect.y), (at, rect.bottom)
            near, far = sides if arrow.source < arrow.target else sides[::-1]
            curves[arrow.number] = Curve.straight(begin, near), Curve.straight(far, end)

    def pass_by(
        self,
        arrow: Inner,
        boxes: Sequence[Rect],
        at: Point,
        labels: dict[int, Rect],
        curves: dict[int, tuple[Curve, ...]],
    ) -> None:
        """Out at a box's side, through the label, and back to the side of the other box."""
        x, y = at
        source, target = boxes[arrow.source], boxes[arrow.target]
        width, height = arrow.size
        rect = Rect(x - width / 2, y - height / 2, width, height)
        near, far = (rect.y, rect.bottom) if arrow.source < arrow.target else (rect.bottom, rect.y)
        # A little below or above the middle, so that it keeps apart from what comes from outside.
        step = 6 if arrow.source < arrow.target else -6
        begin, end = (source.right, source.middle[1] + step), (target.right, target.middle[1] - step)
        out, back = _round_corner(begin, (x, near)), _round_corner(end, (x, far)).reversed()
        if arrow.label is not None:
            labels[arrow.number] = rect
            curves[arrow.number] = out, back
        else:
            curves[arrow.number] = (Curve((*out.points, *back.points[1:])),)


def _round_corner(begin: Point, end: Point) -> Curve:
    """Across at the height of the one, where no label stands, and then along at the place of the other."""
    corner = end[0], begin[1]
    radius = min(_RADIUS, abs(end[0] - begin[0]), abs(end[1] - begin[1]))
    before = corner[0] - radius, corner[1]
    after = corner[0], corner[1] + (radius if end[1] > corner[1] else -radius)
    turn = Curve((*Curve.straight(begin, before).points, corner, corner, after))
    return turn.then(end)


def _row_width(arrows: Sequence[Inner]) -> float:
    return sum(arrow.size[0] for arrow in arrows) + _BESIDE * max(len(arrows) - 1, 0)


def _gap_of(arrow: Inner) -> int:
    """The gap in which the label of an arrow stands that passes boxes by."""
    return (arrow.low + arrow.high - 1) // 2
