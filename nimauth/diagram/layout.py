"""Where everything in a picture stands. Graphviz decides it, in the arrangement that takes the least room.

Graphviz is given sizes and no texts, so that no font of this machine has a part in the outcome. A frame is one node to
it, furnished by us (see `interior`), and so is every label: hence no arrow runs through a label or a foreign frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import dist
from typing import Any, Final

from attrs import evolve, frozen

from ..errors import NimAuthError
from .geometry import Curve, Point, Rect, crossings
from .interior import Inner, Interior, furnish
from .picture import ANY, Arrow, Picture
from .typeset import LIMITS, Contents, label_size

_PAGE: Final = 860.0, 560.0
"""A picture that is no larger than this gains nothing by being smaller still."""
_CROSSINGS: Final = 40
"""So many crossings are as bad as twice the room."""


class MissingExtra(NimAuthError):
    """pygraphviz, which brings Graphviz along, is not installed."""


def graphviz() -> Any:
    """The module pygraphviz; it is loaded only here."""
    try:
        import pygraphviz
    except ImportError as problem:
        raise MissingExtra(
            "SVG and PNG are drawn by Graphviz, which is not here; get it with: pip install 'nimauth[diagrams]'"
        ) from problem
    return pygraphviz


@frozen
class Way:
    """How an arrow runs: to its label and on, or in one piece; the last curve ends at the arrow's tip."""

    curves: tuple[Curve, ...]
    label: Rect | None = None


@frozen
class Plan:
    """Where everything stands, from the left upper corner."""

    contents: Contents
    width: float
    height: float
    boxes: tuple[Rect, ...]
    frames: tuple[Rect, ...]
    ways: Mapping[int, Way]
    """By the arrow's number; none for what stays where it is."""
    stays: Mapping[int, Rect]
    """What a frame answers without leaving, by the arrow's number."""
    any: Rect | None
    start: tuple[Rect, Curve] | None

    @property
    def cost(self) -> float:
        """The room that it takes on a page, and how often arrows cross each other."""
        room = max(self.width, _PAGE[0]) * max(self.height, _PAGE[1])
        return room * (1 + crossings([curve for way in self.ways.values() for curve in way.curves]) / _CROSSINGS)


def plan_of(picture: Picture) -> Plan:
    """The best plan for a picture. It is the same for all themes. Raises MissingExtra, whatever was drawn before."""
    graphviz()
    return _best_plan(picture)


@lru_cache(maxsize=16)
def _best_plan(picture: Picture) -> Plan:
    sketches = (_Sketch.of(picture, rankdir, limit) for rankdir in ("LR", "TB") for limit in LIMITS)
    return min((sketch.plan() for sketch in sketches), key=lambda plan: plan.cost)


@frozen
class _Sketch:
    """A picture as nodes and edges without words. Nodes: `f0` a frame, `b0` a box without one, `l0` a label."""

    picture: Picture
    rankdir: str
    contents: Contents
    interiors: tuple[Interior, ...]

    @classmethod
    def of(cls, picture: Picture, rankdir: str, limit: float) -> _Sketch:
        contents = Contents.of(picture, limit)
        places = {
            box.id: place
            for frame in picture.frames
            for place, box in enumerate(box for box in picture.boxes if box.group == frame.id)
        }
        groups = {box.id: box.group for box in picture.boxes if box.id in places}
        interiors = []
        for frame in picture.frames:
            content = contents.frame(frame)
            arrows = [
                Inner(number, places[arrow.source], places[arrow.target], label_size(contents.label(arrow)), arrow.main)
                for number, arrow in enumerate(picture.arrows)
                if arrow.source != arrow.target and groups.get(arrow.source) == groups.get(arrow.target) == frame.id
            ]
            interiors.append(
                furnish(
                    (content.block.width, content.block.height),
                    [contents.box(box).size for box in picture.boxes if box.group == frame.id],
                    arrows,
                    {number: size for number, block in content.stays if (size := label_size(block))},
                    column=rankdir == "LR",
                )
            )
        return cls(picture, rankdir, contents, tuple(interiors))

    # -- out ---------------------------------------------------------------------------------------------------------

    def dot(self) -> str:
        return "\n".join(["digraph {", *self.lines(), "}"])

    def lines(self) -> Iterator[str]:
        yield f"graph [rankdir={self.rankdir}, nodesep=0.2, ranksep={_SEPARATION[self.rankdir]}]"
        yield 'node [shape=box, fixedsize=true, margin=0, label=""]'
        yield "edge [dir=none]"
        for number, interior in enumerate(self.interiors):
            yield f"f{number} [shape=plain, fixedsize=false, label=<{self.table(number, interior)}>]"
        for number, box in enumerate(self.picture.boxes):
            if box.group not in self.frames:
                yield _node(f"b{number}", *self.contents.box(box).size)
            if box.initial:
                yield _node("start", 10, 10)
                yield f"start -> {self.end(box.id, False, True)} [id=start, weight=20]"
        if any(arrow.source == ANY for arrow in self.picture.arrows):
            yield _node("any", *self.contents.any().size)
        for number, arrow in self.outer():
            yield from self.arrow(number, arrow)

    def table(self, number: int, interior: Interior) -> str:
        """A frame with a cell for each box, as a port: as wide as the frame, as high as the box. A busy one has two."""
        names = [box.id for box in self.picture.boxes if box.group == self.picture.frames[number].id]
        boxes = [box if self.rankdir == "LR" else box.turned() for box in interior.boxes]
        length = interior.height if self.rankdir == "LR" else interior.width
        size = interior.width if self.rankdir == "LR" else interior.height
        cells, busy = [], self.busy
        down = 0
        for place, box in enumerate(boxes):
            top, bottom = round(box.y), round(box.bottom)
            if top > down:
                cells.append((top - down, ""))
            middle = (top + bottom) // 2 if names[place] in busy else top
            if middle > top:
                cells.append((middle - top, f' PORT="p{place}i"'))
            cells.append((bottom - middle, f' PORT="p{place}{"o" if middle > top else ""}"'))
            down = bottom
        cells.append((round(length) - down, ""))
        along, across = ("HEIGHT", "WIDTH") if self.rankdir == "LR" else ("WIDTH", "HEIGHT")
        tds = [f'<TD FIXEDSIZE="TRUE" {along}="{long}" {across}="{size:.0f}"{port}></TD>' for long, port in cells]
        rows = [f"<TR>{td}</TR>" for td in tds] if self.rankdir == "LR" else [f"<TR>{''.join(tds)}</TR>"]
        return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{"".join(rows)}</TABLE>'

    def outer(self) -> Iterator[tuple[int, Arrow]]:
        """The arrows that lead from one node to another."""
        for number, arrow in enumerate(self.picture.arrows):
            if arrow.source != arrow.target and not any(number in interior.curves for interior in self.interiors):
                yield number, arrow

    def arrow(self, number: int, arrow: Arrow) -> Iterator[str]:
        beside, back = self.beside_its_box(arrow), self.is_back(arrow)
        first, last = (arrow.target, arrow.source) if back else (arrow.source, arrow.target)
        weight = 8 if arrow.main else 1
        size = label_size(self.contents.label(arrow))
        tail, head = self.end(first, True, back), self.end(last, False, not back)
        if beside:
            tail, head = self.node(first), self.node(last)
            yield "{ rank=same"
        if size is None:
            yield f"{tail} -> {head} [id=a{number}, weight={weight}]"
        else:
            yield _node(f"l{number}", *size)
            yield f"{tail} -> l{number} [id=a{number}, weight={weight}]"
            yield f"l{number} -> {head} [id=a{number}, weight={weight}]"
        if beside:
            yield "}"

    def is_back(self, arrow: Arrow) -> bool:
        """An arrow that leads back is turned round, so that it does not move the boxes."""
        back = self.place(arrow.target) < self.place(arrow.source)
        return back != (self.beside_its_box(arrow) and self.rankdir == "LR")

    def beside_its_box(self, arrow: Arrow) -> bool:
        """The box for any state stands beside the only one that it leads to."""
        alone = sum(other.source == ANY for other in self.picture.arrows) == 1
        return arrow.source == ANY and alone and self.node(arrow.target).startswith("b")

    @property
    def frames(self) -> dict[str, int]:
        return {frame.id: number for number, frame in enumerate(self.picture.frames)}

    def place(self, name: str) -> int:
        """Where an end of an arrow stands in the order of things; what is in a frame stands where that does."""
        if name == ANY:
            return -1
        box = self.picture.boxes[self.number(name)] if name not in self.frames else None
        frame = name if box is None else box.group
        return self.number(frame if frame in self.frames else name)

    def number(self, name: str | None) -> int:
        """A box, or the first one in a frame."""
        return next(number for number, box in enumerate(self.picture.boxes) if name in (box.id, box.group))

    def node(self, name: str) -> str:
        if name == ANY:
            return "any"
        if name in self.frames:
            return f"f{self.frames[name]}"
        box = self.picture.boxes[self.number(name)]
        return f"f{self.frames[box.group]}" if box.group in self.frames else f"b{self.number(name)}"

    def end(self, name: str, tail: bool, comes: bool) -> str:
        """A node, and for a box in a frame the port at its side; `comes`: for the tip of an arrow."""
        node = self.node(name)
        if not node.startswith("f") or name in self.frames:
            return node
        place, _ = self.inside(name)
        half = ("i" if comes else "o") if name in self.busy else ""
        return f"{node}:p{place}{half}:{_SIDES[self.rankdir][tail]}"

    @property
    def busy(self) -> set[str]:
        """The boxes where arrows come and go at one side. It has a port for each, so that it is seen which do which."""
        tips: dict[tuple[str, bool], set[bool]] = {}
        for _, arrow in self.outer():
            back = self.is_back(arrow)
            tips.setdefault((arrow.source, not back), set()).add(False)
            tips.setdefault((arrow.target, back), set()).add(True)
        return {name for (name, _), both in tips.items() if len(both) > 1}

    def inside(self, name: str) -> tuple[int, Rect]:
        """Where in its frame a box stands."""
        box = self.picture.boxes[self.number(name)]
        place = sum(other.group == box.group for other in self.picture.boxes[: self.number(name)])
        return place, self.interiors[self.frames[str(box.group)]].boxes[place]

    # -- back --------------------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        answer = json.loads(graphviz().AGraph(string=self.dot()).draw(format="json0", prog="dot"))
        return _Reader.of(self, answer).read()


_APART: Final = 12.0
"""So far from where an arrow ends another one starts, at least."""
_SEPARATION: Final = {"LR": 0.45, "TB": 0.38}
_SIDES: Final = {"LR": ("w", "e"), "TB": ("n", "s")}


def _node(name: str, width: float, height: float) -> str:
    return f"{name} [width={width / 72:.4f}, height={height / 72:.4f}]"


@frozen
class _Reader:
    """Reads what Graphviz answers, and turns it on its head: its y grows upwards."""

    sketch: _Sketch
    width: float
    height: float
    nodes: Mapping[str, Mapping[str, Any]]
    edges: Mapping[tuple[str, str, str], Mapping[str, Any]]
    """By their ids and ends."""

    @classmethod
    def of(cls, sketch: _Sketch, answer: Mapping[str, Any]) -> _Reader:
        nodes = answer.get("objects", [])
        names = {node["_gvid"]: node["name"] for node in nodes if "pos" in node}
        edges = answer.get("edges", [])
        _, _, width, height = map(float, answer["bb"].split(","))
        return cls(
            sketch,
            width,
            height,
            {node["name"]: node for node in nodes if "pos" in node},
            {(edge["id"], names[edge["tail"]], names[edge["head"]]): edge for edge in edges},
        )

    def read(self) -> Plan:
        sketch, picture = self.sketch, self.sketch.picture
        frames = tuple(self.node(f"f{number}") for number in range(len(picture.frames)))
        inner = list(zip(sketch.interiors, frames, strict=True))
        start = next((box.id for box in picture.boxes if box.initial), None)
        return Plan(
            sketch.contents,
            self.width,
            self.height,
            tuple(self.box(box.id) for box in picture.boxes),
            frames,
            self.apart({number: self.way(number, arrow) for number, arrow in sketch.outer()})
            | {
                number: Way(
                    tuple(curve.moved(frame.x, frame.y) for curve in curves),
                    interior.labels[number].moved(frame.x, frame.y) if number in interior.labels else None,
                )
                for interior, frame in inner
                for number, curves in interior.curves.items()
            },
            {
                number: rect.moved(frame.x, frame.y)
                for interior, frame in inner
                for number, rect in interior.stays.items()
            },
            self.node("any") if "any" in self.nodes else None,
            None if start is None else (self.node("start"), self.to_box(self.curve("start", "start", start), start)),
        )

    def node(self, name: str) -> Rect:
        node = self.nodes[name]
        x, y = map(float, node["pos"].split(","))
        width, height = float(node["width"]) * 72, float(node["height"]) * 72
        return Rect(x - width / 2, self.height - y - height / 2, width, height)

    def box(self, name: str) -> Rect:
        """A box, be it a node or inside of one."""
        node = self.node(self.sketch.node(name))
        if self.sketch.node(name).startswith("f"):
            return self.sketch.inside(name)[1].moved(node.x, node.y)
        return node

    def way(self, number: int, arrow: Arrow) -> Way:
        label = f"l{number}"
        if label in self.nodes:
            curves = [self.curve(f"a{number}", arrow.source, label), self.curve(f"a{number}", label, arrow.target)]
        else:
            curves = [self.curve(f"a{number}", arrow.source, arrow.target)]
        curves[0] = self.to_box(curves[0].reversed(), arrow.source).reversed()
        curves[-1] = self.to_box(curves[-1], arrow.target)
        return Way(tuple(curves), self.node(label) if label in self.nodes else None)

    def apart(self, ways: Mapping[int, Way]) -> dict[int, Way]:
        """The same, but none starts where another ends: or it looks as if that led both ways."""
        tips = [way.curves[-1].points[-1] for way in ways.values()]
        apart = {}
        for number, way in ways.items():
            first, *rest = way.curves
            near = [tip for tip in tips if dist(tip, first.points[0]) < _APART]
            if near:
                first = self.aside(first, near[0], self.sketch.node(self.sketch.picture.arrows[number].source))
            apart[number] = evolve(way, curves=(first, *rest))
        return apart

    def aside(self, curve: Curve, tip: Point, name: str) -> Curve:
        """It starts further away from the tip, on the same side of its node."""
        node, (x, y) = self.node(name), curve.points[0]
        if min(abs(y - node.y), abs(y - node.bottom)) < min(abs(x - node.x), abs(x - node.right)):
            dx, dy = (tip[0] + (_APART if x >= tip[0] else -_APART)) - x, 0.0
        else:
            dx, dy = 0.0, (tip[1] + (_APART if y >= tip[1] else -_APART)) - y
        last = len(curve.points) - 1
        return Curve(tuple((a + dx * (1 - n / last), b + dy * (1 - n / last)) for n, (a, b) in enumerate(curve.points)))

    def to_box(self, curve: Curve, name: str) -> Curve:
        """Graphviz ends at the border of a frame; a box in it is a little further on."""
        sketch = self.sketch
        if name == ANY or name in sketch.frames or not sketch.node(name).startswith("f"):
            return curve
        box, (x, y) = self.box(name), curve.points[-1]
        return curve.then((min(max(x, box.x), box.right), min(max(y, box.y), box.bottom)))

    def curve(self, name: str, source: str, target: str) -> Curve:
        """From one node to another, in whichever direction Graphviz was given it."""
        tail, head = (end if end in self.nodes else self.sketch.node(end) for end in (source, target))
        if (name, tail, head) in self.edges:
            return self.spline(self.edges[name, tail, head]["pos"])
        return self.spline(self.edges[name, head, tail]["pos"]).reversed()

    def spline(self, text: str) -> Curve:
        points: list[Point] = []
        for part in text.split():
            x, y = part.split(",")
            points.append((float(x), self.height - float(y)))
        return Curve(tuple(points))
