"""DOT, for Graphviz: groups are clusters, and every label is a node in its arrow, so that no arrow runs through it.

Boxes and labels have sizes of their own, so that any font leads to the same layout. What a box answers without leaving
stands inside of it. Only plain names become names of nodes; everything else is text, escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from attrs import frozen

from .. import measure
from ..picture import ANY, Arrow, Box, Frame, Picture
from ..themes import Theme, arrow_color, classes, text_color
from ..typeset import BOLD, SIZES, Block, Contents, Kind, Line, Run, label_size, legend_line, of_text


def render(picture: Picture, theme: Theme) -> str:
    """The picture, as DOT."""
    return "\n".join([*_Writer(picture, theme, Contents.of(picture)).lines(), ""])


_ANY: Final = "_any"
_START: Final = "_start"
_KEYWORDS: Final = frozenset({"node", "edge", "graph", "digraph", "subgraph", "strict"})
_TURNED: Final = {"ltail": "lhead", "lhead": "ltail", "arrowhead": "arrowtail"}

Attributes = Mapping[str, str]


@frozen
class _Writer:
    picture: Picture
    theme: Theme
    contents: Contents

    def lines(self) -> Iterator[str]:
        theme, picture = self.theme, self.picture
        yield "digraph picture {"
        yield f"  graph [label={self.caption()}, {_attributes(self.root())}];"
        font = f'fontname="{measure.FONT}"'
        yield f'  node [shape=box, style="rounded,filled", fixedsize=true, margin=0, penwidth=1.4, {font}];'
        yield "  edge [arrowsize=0.75, penwidth=1.2];"
        for number, frame in enumerate(picture.frames):
            yield from (f"  {line}" for line in self.frame(number, frame))
        for number, box in enumerate(picture.boxes):
            if box.group not in self.frames:
                yield f"  {self.box(number, box)}"
            if box.initial:
                yield from (f"  {line}" for line in self.start(number))
        if any(arrow.source == ANY for arrow in picture.arrows):
            content = self.contents.any()
            look = {"style": "rounded,filled,dashed", "fillcolor": theme.background, "color": theme.faint}
            yield f"  {self.node(_ANY, content.size, look, self.html(content.lines(), theme.text))}"
        for number, arrow in enumerate(picture.arrows):
            if arrow.source != arrow.target and self.inside(arrow) is None:
                yield from (f"  {line}" for line in self.arrow(number, arrow))
        yield "}"

    def root(self) -> Attributes:
        return {
            "rankdir": "LR" if self.picture.frames else "TB",
            "newrank": "true",
            "compound": "true",
            "nodesep": "0.2",
            "ranksep": "0.35",
            "pad": "0.2",
            "bgcolor": self.theme.background,
            "fontname": measure.FONT,
            "labelloc": "b",
            "labeljust": "l",
        }

    # -- boxes and frames ----------------------------------------------------------------------------------------------

    def node(self, name: str, size: tuple[float, float], look: Attributes, label: str = '""') -> str:
        attributes = {"width": f"{size[0] / 72:.4f}", "height": f"{size[1] / 72:.4f}", **look}
        return f"{name} [label={label}, {_attributes(attributes)}];"

    def box(self, number: int, box: Box) -> str:
        look, content = self.theme.roles[box.role], self.contents.box(box)
        attributes = {
            "id": f"box-{number}",
            "class": classes("box", box.role),
            "fillcolor": look.fill,
            "color": look.line,
            "penwidth": "3" if box.focus else "1.4",
            "tooltip": box.note or box.title,
        }
        return self.node(self.name(number), content.size, attributes, self.html(content.lines(), look.text))

    def start(self, number: int) -> Iterator[str]:
        look = {"shape": "circle", "fillcolor": self.theme.text, "color": self.theme.text}
        yield self.node(_START, (10, 10), look)
        yield self.edge(_START, self.name(number), False, {"color": self.theme.text, "weight": "20"})

    def frame(self, number: int, frame: Frame) -> Iterator[str]:
        look, content = self.theme.roles[frame.role], self.contents.frame(frame)
        attributes = {
            "id": f"frame-{number}",
            "class": classes("frame", frame.role),
            "style": "rounded,filled",
            "fillcolor": look.frame,
            "color": look.line,
            "labelloc": "t",
            "labeljust": "l",
            "margin": "12",
        }
        yield f"subgraph cluster_{number} {{"
        yield f"  graph [label={self.title(content.block, look.line)}, {_attributes(attributes)}];"
        yield "  { rank=same;"
        for other, block in content.stays:
            yield f"    {self.label(other, block)}"
        for other, box in enumerate(self.picture.boxes):
            if box.group == frame.id:
                yield f"    {self.box(other, box)}"
        yield "  }"
        for other, arrow in enumerate(self.picture.arrows):
            if self.inside(arrow) == frame.id:
                yield from (f"  {line}" for line in self.arrow(other, arrow))
        yield "}"

    def inside(self, arrow: Arrow) -> str | None:
        """The frame of which both ends of an arrow are boxes."""
        groups = {box.id: box.group for box in self.picture.boxes if box.group in self.frames}
        group = groups.get(arrow.source)
        return group if arrow.source != arrow.target and group == groups.get(arrow.target) else None

    # -- arrows --------------------------------------------------------------------------------------------------------

    def arrow(self, number: int, arrow: Arrow) -> Iterator[str]:
        block = self.contents.label(arrow)
        tail, head = self.end(arrow.source), self.end(arrow.target)
        back = self.place(arrow.target) < self.place(arrow.source)
        look = {
            "id": f"arrow-{number}",
            "class": classes("arrow", arrow.role, arrow.main),
            "color": arrow_color(arrow, self.theme),
            **({"penwidth": "2.6", "weight": "8"} if arrow.main else {}),
        }
        begin, end = self.at_frame("ltail", arrow.source), self.at_frame("lhead", arrow.target)
        if not block.lines:
            yield self.edge(tail, head, back, {**look, **begin, **end})
            return
        name = f"_label{number}"
        yield self.label(number, block)
        yield self.edge(tail, name, back, {**look, **begin, "arrowhead": "none"})
        yield self.edge(name, head, back, {**look, **end})

    def edge(self, tail: str, head: str, back: bool, attributes: Attributes) -> str:
        """An arrow that leads back is given to Graphviz turned round, so that it does not move the boxes."""
        if not back:
            return f"{tail} -> {head} [{_attributes(attributes)}];"
        turned = {_TURNED.get(name, name): value for name, value in attributes.items()}
        return f"{head} -> {tail} [{_attributes({**turned, 'dir': 'back'})}];"

    def label(self, number: int, block: Block) -> str:
        arrow = self.picture.arrows[number]
        look = {
            "style": "rounded,filled,dashed" if arrow.source == arrow.target else "rounded,filled",
            "fillcolor": self.theme.background,
            "color": arrow_color(arrow, self.theme),
            "penwidth": "0.7",
            "tooltip": "\n".join(self.contents.rules[rule] for rule in _cited(arrow) if rule in self.contents.rules),
        }
        words = self.html(block.lines, self.theme.text, align=True)
        return self.node(f"_label{number}", label_size(block) or (0, 0), look, words)

    # -- names and places ----------------------------------------------------------------------------------------------

    @property
    def frames(self) -> dict[str, int]:
        return {frame.id: number for number, frame in enumerate(self.picture.frames)}

    def name(self, number: int) -> str:
        """What a box is called: as its state, if that is a plain word. Names of our own begin with an underscore."""
        name = self.picture.boxes[number].id
        plain = re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) and name.lower() not in _KEYWORDS
        return name if plain else f"_box{number}"

    def place(self, name: str) -> int:
        """Where in the order of boxes an end of an arrow stands; a frame, where its middle box does."""
        if name == ANY:
            return -1
        its = [number for number, box in enumerate(self.picture.boxes) if name in (box.id, box.group)]
        return its[len(its) // 2]

    def end(self, name: str) -> str:
        return _ANY if name == ANY else self.name(self.place(name))

    def at_frame(self, side: str, end: str) -> Attributes:
        return {side: f"cluster_{self.frames[end]}"} if end in self.frames else {}

    # -- words ---------------------------------------------------------------------------------------------------------

    def caption(self) -> str:
        """The title and the legend, under the picture."""
        theme, words = self.theme, self.picture.words
        title = "".join(self.line(line, theme.text) for line in of_text(Kind.TITLE, self.picture.title).lines)
        cells = [f'<TD ALIGN="LEFT">{title}</TD>', f"<TD>{self.line(legend_line(words), theme.text)}</TD>"]
        for role, text in words.roles:
            look = theme.roles[role]
            line = self.line(Line((Run(Kind.LINE, measure.clean(text)),)), look.text)
            cells.append(f'<TD BGCOLOR="{look.fill}" COLOR="{look.line}" BORDER="1" STYLE="ROUNDED">{line}</TD>')
        return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="8" CELLPADDING="4"><TR>{"".join(cells)}</TR></TABLE>>'

    def title(self, block: Block, text: str) -> str:
        """That of a frame. It has a size of its own, which DOT knows for tables only."""
        words = "".join(self.line(line, text) for line in block.lines)
        return (
            f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" FIXEDSIZE="TRUE" '
            f'WIDTH="{block.width:.0f}" HEIGHT="{block.height:.0f}"><TR><TD>{words}</TD></TR></TABLE>>'
        )

    def html(self, lines: Sequence[Line], text: str, align: bool = False) -> str:
        cell = '<TD ALIGN="LEFT">' if align else "<TD>"
        rows = "".join(f"<TR>{cell}{self.line(line, text)}</TD></TR>" for line in lines)
        return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>>'

    def line(self, line: Line, text: str) -> str:
        indent = "&#160;&#160;&#160;" if line.indent else ""
        return "".join(self.run(run, text, " " if number else indent) for number, run in enumerate(line.runs))

    def run(self, run: Run, text: str, before: str) -> str:
        words = before + escape(run.text).replace("\\", "\\\\") or " "  # or else Graphviz puts names in for \N, \G, \E
        if run.kind in BOLD:
            words = f"<B>{words}</B>"
        return f'<FONT COLOR="{text_color(run.kind, self.theme, text)}" POINT-SIZE="{SIZES[run.kind]}">{words}</FONT>'


def _cited(arrow: Arrow) -> dict[str, None]:
    return dict.fromkeys(rule for label in arrow.labels for rule in label.rules)


def _attributes(attributes: Attributes) -> str:
    return ", ".join(f"{name}={_quoted(value)}" for name, value in attributes.items() if value)


def _quoted(text: str) -> str:
    lines = (measure.clean(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.splitlines())
    return '"' + "\\n".join(lines) + '"'
