"""A folder of drawings, kept beside the machine it shows: written by one command, and checked by another."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from html import escape
from itertools import islice
from pathlib import Path
from typing import Final

from .drawing import Drawing
from .measure import clean
from .model import LANGUAGES, Words
from .render.markdown import in_markdown
from .themes import THEMES
from .views import views_of

INDEX: Final = "README.md"
DIFF_LINES: Final = 20
"""Of each stale file that people read, so many lines of difference are told, ..."""
DIFF_GLANCE: Final = 6
"""... and of each other one, which is mostly coordinates."""
_READ: Final = frozenset({".md", ".csv", ".mmd", ".puml"})

_INTRODUCTION: Final = Words(
    "Generated from the machine itself; do not edit. Open `explorer.html` in a browser to walk through it.",
    "由状态机自动生成，请勿手工修改。用浏览器打开 `explorer.html` 可逐步查看。",
)


def gallery(drawing: Drawing) -> Iterator[tuple[str, bytes]]:
    """The files, by name: each view as a picture in both themes and as Mermaid; the tables, exports and explorer.

    With a chart that has words in Chinese, all of that is there in Chinese too, except what has no words.
    """
    views = [name for name in views_of(drawing.chart) if name != "map"]
    for lang in _languages(drawing):
        tail = "" if lang == "en" else f".{lang}"
        for name in views:
            for theme in THEMES:
                dark = "" if theme == "light" else f".{theme}"
                yield f"{_file(name)}{tail}{dark}.svg", drawing.render("svg", view=name, lang=lang, theme=theme)
            yield f"{_file(name)}{tail}.mmd", drawing.render("mermaid", view=name, lang=lang)
        yield f"table{tail}.md", drawing.render("markdown", lang=lang)
        yield f"table{tail}.csv", drawing.render("csv", lang=lang)
    yield "whole.puml", drawing.render("plantuml")
    yield "machine.scxml", drawing.render("scxml")
    yield "machine.xstate.json", drawing.render("xstate")
    yield "explorer.html", drawing.render("html")
    yield INDEX, _index(drawing, views).encode()


def write(drawing: Drawing, folder: Path) -> list[str]:
    """Write the files into a folder, and give their names. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, content in gallery(drawing):
        (folder / name).write_bytes(content)
        names.append(name)
    return names


def stale(drawing: Drawing, folder: Path) -> Iterator[str]:
    """What is wrong with a folder of drawings, each as a few lines of text; nothing when it is up to date."""
    files = dict(gallery(drawing))
    for name, content in sorted(files.items(), key=lambda file: not _is_read(file[0])):
        try:
            there = (folder / name).read_bytes()
        except FileNotFoundError:
            yield f"{name} is missing"
            continue
        if there != content:
            yield _difference(name, there, content)
    for name in _strangers(folder, files):
        yield f"{name} is not one of the drawings; delete it"


def _strangers(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """A drawing that is made no longer must not stay behind."""
    suffixes = {Path(name).suffix for name in files}
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path.name for path in there if path.suffix in suffixes and path.name not in files]


def _difference(name: str, there: bytes, wanted: bytes) -> str:
    before, after = (text.decode("utf-8", "replace").splitlines() for text in (there, wanted))
    if before == after:
        return f"{name} is stale: its lines end otherwise; keep git from changing them (in .gitattributes: * -text)"
    most, around = (DIFF_LINES, 1) if _is_read(name) else (DIFF_GLANCE, 0)
    lines = unified_diff(before, after, f"{name} (in the folder)", f"{name} (as the machine is)", lineterm="", n=around)
    told = [line if len(line) <= 160 else f"{line[:160]}…" for line in islice(lines, most)]
    return "\n".join([f"{name} is stale:", *told])


def _is_read(name: str) -> bool:
    return Path(name).suffix in _READ


def _languages(drawing: Drawing) -> tuple[str, ...]:
    return LANGUAGES if drawing.chart.title.zh else LANGUAGES[:1]


def _index(drawing: Drawing, views: list[str]) -> str:
    """A page that shows them all, for whoever looks at the folder on a website."""
    title = drawing.chart.title.en
    lines = [f"# {in_markdown(title[:1].upper() + title[1:])}", "", _INTRODUCTION.en, ""]
    for lang in _languages(drawing):
        tail = "" if lang == "en" else f".{lang}"
        if tail:
            lines += [f"# {in_markdown(drawing.chart.title.in_(lang))}", "", _INTRODUCTION.in_(lang), ""]
        for name in views:
            file = f"{_file(name)}{tail}"
            lines += [
                f"## {in_markdown(name)}",
                "",
                "<picture>",
                f'  <source media="(prefers-color-scheme: dark)" srcset="{file}.dark.svg">',
                f'  <img alt="{escape(clean(name))}" src="{file}.svg">',
                "</picture>",
                "",
                f"[Mermaid]({file}.mmd)",
                "",
            ]
        lines += [f"[table{tail}.md](table{tail}.md) · [table{tail}.csv](table{tail}.csv)", ""]
    return "\n".join(lines)


def _file(view: str) -> str:
    """What the files of a view are called; a view may be called anything."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", view)
