"""Reads one of our SVGs as a reader sees it: where its boxes, labels, lines and texts are, and in which colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

from attrs import define, field, frozen
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from nimauth.diagram.measure import width

Point = tuple[float, float]
NAMESPACE: Final = "{http://www.w3.org/2000/svg}"
STEPS: Final = 40
"""So many points of each piece of a line are looked at."""


@frozen
class Rect:
    name: str
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, point: Point, inside: float = 0) -> bool:
        x, y = point
        return self.left + inside <= x <= self.right - inside and self.top + inside <= y <= self.bottom - inside

    def overlaps(self, other: Rect) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, other: Rect) -> bool:
        return (
            other.left <= self.left
            and self.right <= other.right
            and other.top <= self.top
            and self.bottom <= other.bottom
        )


@frozen
class Text:
    """A line of text, with the colours of its parts and of what it stands on."""

    rect: Rect
    colors: tuple[str, ...]
    ground: str
    inside: Rect | None
    """The box or label that it stands in."""


@define
class Sight:
    """What there is to be seen."""

    view: Rect
    boxes: list[Rect] = field(factory=list)
    frames: list[Rect] = field(factory=list)
    labels: list[Rect] = field(factory=list)
    titles: list[Rect] = field(factory=list)
    """Of frames."""
    lines: list[tuple[str, list[Point]]] = field(factory=list)
    texts: list[Text] = field(factory=list)

    def faults(self) -> Iterator[str]:
        """Everything that stands where it should not."""
        for one, other in combinations([*self.labels, *self.boxes], 2):
            if one.overlaps(other):
                yield f"{one.name} overlaps {other.name}"
        for frame in self.frames:
            for thing in [*self.labels, *self.boxes]:
                if thing.overlaps(frame) and not thing.within(frame):
                    yield f"{thing.name} sticks out of {frame.name}"
        for name, points in self.lines:
            for thing in [*self.labels, *self.boxes]:
                if any(thing.holds(point, inside=1.2) for point in points):
                    yield f"{name} runs through {thing.name}"
            for title in self.titles:
                if any(title.holds(point) for point in points):
                    yield f"{name} runs through the title of {title.name}"
            if not all(self.view.holds(point) for point in points):
                yield f"{name} leaves the picture"
        for text in self.texts:
            if not text.rect.within(text.inside or self.view):
                yield f"{text.rect.name!r} is cut"
        for one, other in combinations([text.rect for text in self.texts], 2):
            if one.overlaps(other):
                yield f"{one.name!r} overlaps {other.name!r}"
        for thing in [*self.labels, *self.boxes, *self.frames]:
            if not thing.within(self.view):
                yield f"{thing.name} leaves the picture"

    def faint(self, least: float = 4.5) -> Iterator[str]:
        """Texts that are hard to read."""
        for text in self.texts:
            for color in text.colors:
                if (found := contrast(color, text.ground)) < least:
                    yield f"{text.rect.name!r}: {color} on {text.ground} has {found:.2f}"


def see(svg: str) -> Sight:
    """What an SVG of ours shows."""
    root = etree.fromstring(svg.encode())
    _, _, right, bottom = map(float, root.get("viewBox").split())
    sight = Sight(Rect("the picture", 0, 0, right, bottom))
    background = root.find(f"{NAMESPACE}rect").get("fill")
    _look(root, (0.0, 0.0), "", background, None, sight)
    return sight


def _look(element: Any, at: Point, name: str, ground: str, inside: Rect | None, sight: Sight) -> None:
    for child in element:
        tag = etree.QName(child).localname
        if tag == "g":
            moved = re.match(r"translate\((\S+) (\S+)\)", child.get("transform", ""))
            x, y = (at[0] + float(moved[1]), at[1] + float(moved[2])) if moved else at
            # What stays in a box stands on that box.
            around = inside if _kind(child) == "stays" else None
            _look(child, (x, y), child.get("id") or child.get("class") or name, ground, around, sight)
        elif tag == "rect" and child.get("class") != "background":
            ground, inside = child.get("fill"), _rect(child, at, name)
            kind = _kind(element)
            if kind in ("box", "any"):
                sight.boxes.append(inside)
            elif kind == "frame":
                sight.frames.append(inside)
            elif kind in ("arrow", "stays"):
                sight.labels.append(inside)
            elif kind == "legend":
                ground, inside = _background(element), None
        elif tag == "path" and child.get("fill") == "none" and _kind(element) in ("arrow", "start"):
            sight.lines.append((name, [(x + at[0], y + at[1]) for x, y in _points(child.get("d"))]))
        elif tag == "text":
            text = _text(child, at, ground, inside)
            sight.texts.append(text)
            if _kind(element) == "frame":
                sight.titles.append(Rect(name, text.rect.left, text.rect.top, text.rect.right, text.rect.bottom))


def _background(element: Any) -> str:
    return str(element.getroottree().getroot().find(f"{NAMESPACE}rect").get("fill"))


def _kind(element: Any) -> str:
    classes = (element.get("class") or "").split()
    return next((kind for kind in ("stays", "any", "box", "frame", "arrow", "start", "legend") if kind in classes), "")


def _rect(element: Any, at: Point, name: str) -> Rect:
    x, y, wide, high = (float(element.get(key, 0)) for key in ("x", "y", "width", "height"))
    return Rect(name, x + at[0], y + at[1], x + at[0] + wide, y + at[1] + high)


def _text(element: Any, at: Point, ground: str, inside: Rect | None) -> Text:
    size = float(element.get("font-size"))
    wide = 0.0
    for part in element:
        its = float(part.get("font-size", size))
        words = "".join(part.xpath("text()"))
        wide += width(words + (part.tail or ""), its, part.get("font-weight") == "bold")
    x, y = float(element.get("x")) + at[0], float(element.get("y")) + at[1]
    left = x - wide / 2 if element.get("text-anchor") == "middle" else x
    words = "".join("".join(part.xpath("text()")) + (part.tail or "") for part in element)
    rect = Rect(words, left, y - 0.78 * size, left + wide, y + 0.22 * size)
    return Text(rect, tuple(part.get("fill") for part in element), ground, inside)


def _points(path: str) -> list[Point]:
    """Points on a path of cubic curves."""
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    points = [corners[0]]
    for start in range(0, len(corners) - 1, 3):
        a, b, c, d = corners[start : start + 4]
        for step in range(1, STEPS + 1):
            t = step / STEPS
            u = 1 - t
            weights = u**3, 3 * u * u * t, 3 * u * t * t, t**3
            points.append(
                (
                    sum(weight * point[0] for weight, point in zip(weights, (a, b, c, d), strict=True)),
                    sum(weight * point[1] for weight, point in zip(weights, (a, b, c, d), strict=True)),
                )
            )
    return points


def contrast(one: str, other: str) -> float:
    """By the rules of WCAG."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
