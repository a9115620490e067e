"""Rectangles, and curves as Graphviz draws them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from math import dist
from typing import Final

from attrs import frozen

Point = tuple[float, float]

_STEPS: Final = 16
"""How many parts of a curve are looked at one by one."""


@frozen
class Rect:
    """A rectangle, from its left upper corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> Point:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    def moved(self, x: float, y: float) -> Rect:
        """The same elsewhere."""
        return Rect(self.x + x, self.y + y, self.width, self.height)

    def turned(self) -> Rect:
        """With its axes exchanged."""
        return Rect(self.y, self.x, self.height, self.width)


@frozen
class Curve:
    """Cubic Bézier curves, one after another: a point, then three for each."""

    points: tuple[Point, ...]

    @classmethod
    def straight(cls, a: Point, b: Point) -> Curve:
        """A line."""
        return cls((a, between(a, b, 1 / 3), between(a, b, 2 / 3), b))

    def then(self, point: Point) -> Curve:
        """Straight on to a point."""
        return Curve((*self.points, *Curve.straight(self.points[-1], point).points[1:]))

    def moved(self, x: float, y: float) -> Curve:
        """The same elsewhere."""
        return Curve(tuple((a + x, b + y) for a, b in self.points))

    def pieces(self) -> Iterator[tuple[Point, Point, Point, Point]]:
        """Each with its four points."""
        for start in range(0, len(self.points) - 1, 3):
            yield self.points[start], self.points[start + 1], self.points[start + 2], self.points[start + 3]

    def reversed(self) -> Curve:
        """The same way back."""
        return Curve(self.points[::-1])

    def samples(self, steps: int = _STEPS) -> list[Point]:
        """Points on it, close together."""
        return [self.points[0], *(_at(piece, step / steps) for piece in self.pieces() for step in range(1, steps + 1))]

    def after(self, number: int, share: float) -> Curve:
        """What is left from within this piece on."""
        first = _split(self.points[3 * number : 3 * number + 4], share)[1]
        return Curve((*first, *self.points[3 * number + 4 :]))

    def without_end(self, length: float) -> Curve:
        """As far as a tip of this length begins."""
        tip = self.points[-1]
        return self.reversed().after_first(lambda point: dist(point, tip) >= length).reversed()

    def after_first(self, wanted: Callable[[Point], bool]) -> Curve:
        """From the first point on that is as wanted; all of it, if none is."""
        for number, piece in enumerate(self.pieces()):
            for step in range(_STEPS):
                if wanted(_at(piece, (step + 1) / _STEPS)):
                    before, after = step / _STEPS, (step + 1) / _STEPS
                    for _ in range(12):
                        middle = (before + after) / 2
                        before, after = (before, middle) if wanted(_at(piece, middle)) else (middle, after)
                    return self.after(number, after)
        return self


def between(a: Point, b: Point, share: float) -> Point:
    """The point at this share of the way."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _split(points: Sequence[Point], share: float) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """De Casteljau's way to cut a curve in two."""
    left, right, rest = [points[0]], [points[-1]], list(points)
    while len(rest) > 1:
        rest = [between(a, b, share) for a, b in pairwise(rest)]
        left.append(rest[0])
        right.append(rest[-1])
    return tuple(left), tuple(right[::-1])


def _at(piece: Sequence[Point], share: float) -> Point:
    return _split(piece, share)[0][-1]


def crossings(curves: Sequence[Curve]) -> int:
    """How often curves cross each other."""
    lines = [(_bounds(points), list(pairwise(points))) for points in (curve.samples(4) for curve in curves)]
    return sum(
        sum(_cross(a, b) for a in one for b in other)
        for (bounds, one), (others, other) in combinations(lines, 2)
        if _meet(bounds, others)
    )


_Bounds = tuple[float, float, float, float]


def _bounds(points: Sequence[Point]) -> _Bounds:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _meet(a: _Bounds, b: _Bounds) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _cross(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    return _side(a, b[0]) * _side(a, b[1]) < 0 and _side(b, a[0]) * _side(b, a[1]) < 0


def _side(line: tuple[Point, Point], point: Point) -> float:
    """On which side of a line a point lies: positive or negative."""
    (a, b), (c, d), (x, y) = *line, point
    return (c - a) * (y - b) - (d - b) * (x - a)
