"""A Sphinx extension: the directive `nimauth-diagram` draws a machine, or writes its table, into a page.

.. nimauth-diagram:: mypackage.mymodule:machine
   :view: overview

Without a machine it is the login machine. The options are those of `document`; without `:lang:` the language is that of
the documents. What goes wrong is told with the file and the line.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import only
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

from ..errors import NimAuthError
from .answers import COLUMNS, Line, Section, sections
from .document import IMAGES, OPTIONS, TABLE, Image, Inset, figure
from .measure import clean
from .model import Chart

_WIDTHS: Final = (15, 20, 18, 24, 15, 8)
"""Of the columns of a table, in percent."""
_FORMAT: Final = 1
"""Of what the environment keeps of a page."""


class Picture(nodes.General, nodes.Element):  # type: ignore[misc]
    """The images of a picture, and what it shows."""


class Directive(SphinxDirective):
    """`.. nimauth-diagram:: package.module:name`."""

    optional_arguments = 1
    option_spec = dict.fromkeys(OPTIONS, directives.unchanged_required)

    def run(self) -> list[nodes.Node]:
        """What stands in the directive's place."""
        machine = self.arguments[0] if self.arguments else None
        lang = "zh" if (self.config.language or "").startswith("zh") else "en"
        try:
            inset = Inset.of(machine, self.options, lang)
            self._depend_on(machine)
            return list(self._made(inset))
        except NimAuthError as error:
            raise self.error(f"nimauth-diagram: {error}") from error

    def _made(self, inset: Inset) -> Iterable[nodes.Node]:
        if inset.form in IMAGES:
            yield only("", Picture(images=inset.images(), alt=inset.alt), expr="html")
            yield only("", nodes.paragraph(text=f"[{inset.alt}]"), expr="not html")
        elif inset.form == TABLE:
            for part in _table(inset.drawing.chart, inset.lang, f"nimauth-{self.env.new_serialno('nimauth')}"):
                for element in part.findall(nodes.Element):
                    element["support_smartquotes"] = False  # a name stays as it is
                yield part
        else:
            source = inset.source()
            yield nodes.literal_block(source, source, language="none")

    def _depend_on(self, machine: str | None) -> None:
        """Read the page again when the machine's module has changed."""
        module = machine.partition(":")[0] if machine else "nimauth.table"
        if file := sys.modules[module].__file__:
            self.env.note_dependency(file)


def _table(chart: Chart, lang: str, prefix: str) -> Iterable[nodes.Node]:
    rules = {rule.id: f"{prefix}-rule-{number}" for number, rule in enumerate(chart.rules, 1)}
    for section in sections(chart, lang):
        if section.title:
            yield nodes.rubric(text=clean(section.title))
        yield _states(section, lang)
        if section.lines:
            rows = [_cells(line, rules) for line in section.lines]
            yield nodes.raw("", '<div style="overflow-x: auto">', format="html")  # it may be wider than a page
            yield _rows([[nodes.Text(column.in_(lang))] for column in COLUMNS], rows)
            yield nodes.raw("", "</div>", format="html")
    if chart.rules:
        listed = nodes.bullet_list()
        for rule in chart.rules:
            listed += _item(rule.id, rule.text.in_(lang), ids=[rules[rule.id]])
        yield listed


def _states(section: Section, lang: str) -> nodes.Node:
    listed = nodes.bullet_list()
    for state in section.states:
        listed += _item(state.id, state.note.in_(lang) if state.note else "")
    return listed


def _item(name: str, text: str, **attributes: list[str]) -> nodes.Node:
    words = nodes.paragraph("", "", nodes.strong(text=clean(name)), nodes.Text(f" {clean(text)}"))
    return nodes.list_item("", words, **attributes)


def _cells(line: Line, rules: Mapping[str, str]) -> list[list[nodes.Node]]:
    def listed(names: Iterable[str]) -> list[nodes.Node]:
        return [nodes.Text(", ".join(map(clean, names)))]

    cited: list[nodes.Node] = []
    for rule in line.rules:
        name = clean(rule)
        known = rule in rules
        cited += [nodes.reference("", name, internal=True, refid=rules[rule]) if known else nodes.Text(name)]
        cited += [nodes.Text(" ")]
    events: list[nodes.Node] = [nodes.strong(text=", ".join(map(clean, line.events)))]
    return [listed(line.states), events, listed(line.conditions), listed(line.effects), listed([line.target]), cited]


def _rows(head: list[list[nodes.Node]], body: list[list[list[nodes.Node]]]) -> nodes.Node:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in _WIDTHS), cols=len(_WIDTHS))
    group += nodes.thead("", _row(head))
    group += nodes.tbody("", *map(_row, body))
    return nodes.table("", group, classes=["nimauth-diagram", "colwidths-given"])


def _row(cells: list[list[nodes.Node]]) -> nodes.Node:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells))


def _visit(self: HTML5Translator, node: Picture) -> None:
    images: Mapping[str, Image] = node["images"]
    for image in images.values():
        file = Path(self.builder.outdir, self.builder.imagedir, image.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image.content)
    urls = {theme: posixpath.join(self.builder.imgpath, image.name) for theme, image in images.items()}
    self.body.append(f"{figure(node['alt'], urls)}\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Called by Sphinx."""
    app.add_node(Picture, html=(_visit, None))
    app.add_directive("nimauth-diagram", Directive)
    return {
        "env_version": _FORMAT,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
