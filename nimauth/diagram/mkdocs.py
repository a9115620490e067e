"""A MkDocs plugin: a fence draws a machine, or writes its table, into a page.

```nimauth-diagram
machine: mypackage.mymodule:machine
view: overview
```

Without a machine it is the login machine. The options are those of `document`. What goes wrong ends the build and is
told with the file and the line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Final

from attrs import frozen
from mkdocs.config.base import Config
from mkdocs.config.config_options import Choice, ListOfItems, Type
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import BasePlugin
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from ..errors import NimAuthError
from .document import IMAGES, OPTIONS, TABLE, Inset, figure
from .drawing import NoFormat
from .model import LANGUAGES

_FENCE: Final = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>.*)")
_NAME: Final = "nimauth-diagram"
_FOLDER: Final = "assets"


class Options(Config):  # type: ignore[no-untyped-call]
    """Of the plugin, in mkdocs.yml."""

    lang = Choice(LANGUAGES, default=LANGUAGES[0])
    """That of fences which name none."""
    paths = ListOfItems(Type(str), default=["."])
    """Where machines are imported from, beside what is installed; seen from mkdocs.yml."""


class Plugin(BasePlugin[Options]):  # type: ignore[no-untyped-call]
    """`nimauth` among the plugins of mkdocs.yml."""

    def on_page_markdown(self, markdown: str, /, *, page: Page, config: MkDocsConfig, files: Files) -> str:
        """The page with drawings in the place of fences."""
        lines = markdown.splitlines(keepends=True)
        above = len((page.file.content_string or markdown).splitlines()) - len(lines)  # what stands there of the page
        made: list[str] = []
        end = 0
        for fence in _fences(lines):
            made += lines[end : fence.start]
            end = fence.end
            try:
                with _importing(config, self.config.paths):
                    text = self._text(fence, page, config, files)
            except NimAuthError as error:
                where = f"{page.file.src_uri}:{above + fence.start + 1}"
                raise PluginError(f"{where}: {_NAME}: {error}") from error
            made.append(indent(f"{text}\n", fence.indent))
        return "".join([*made, *lines[end:]])

    def _text(self, fence: _Fence, page: Page, config: MkDocsConfig, files: Files) -> str:
        options = dict(fence.options())
        inset = Inset.of(options.pop("machine", None), options, self.config.lang)
        if inset.form == TABLE:
            _, _, table = (
                inset.drawing.render("markdown", lang=inset.lang).decode().partition("\n")
            )  # without its title
            return table
        if inset.form not in IMAGES:
            return f"{fence.ticks}{inset.form}\n{inset.source()}{fence.ticks}"
        urls = {}
        for theme, image in inset.images().items():
            file = File.generated(config, f"{_FOLDER}/{image.name}", content=image.content)
            if files.get_file_from_path(file.src_uri) is None:
                files.append(file)
            urls[theme] = file.url_relative_to(page.file)
        return figure(inset.alt, urls)


@frozen
class _Fence:
    """A fence of ours: its lines are those from `start` up to `end`."""

    start: int
    end: int
    indent: str
    ticks: str
    lines: list[str]

    def options(self) -> Iterator[tuple[str, str]]:
        """What stands in it. Raises NoFormat."""
        for line in filter(str.strip, self.lines):
            name, colon, value = line.partition(":")
            if not colon:
                raise NoFormat(f"{line.strip()!r} is no option; write name: value, where name is one of {_listed()}")
            yield name.strip(), value.strip()


def _listed() -> str:
    return ", ".join(("machine", *OPTIONS))


def _fences(lines: list[str]) -> Iterator[_Fence]:
    """Our fences. One inside of another fence is an example of one."""
    start = 0
    while start < len(lines):
        opening = _FENCE.fullmatch(lines[start].rstrip("\r\n"))
        if not opening:
            start += 1
            continue
        ticks = opening["fence"]
        closing = re.compile(rf"[ \t]*{ticks[0]}{{{len(ticks)},}}\s*")
        last = next((n for n in range(start + 1, len(lines)) if closing.fullmatch(lines[n])), len(lines))
        if opening["info"].strip() == _NAME:
            yield _Fence(start, last + 1, opening["indent"], ticks, lines[start + 1 : last])
        start = last + 1


@contextmanager
def _importing(config: MkDocsConfig, paths: list[str]) -> Iterator[None]:
    root = Path(config.config_file_path).parent if config.config_file_path else Path.cwd()
    before = sys.path[:]
    sys.path[:0] = [str((root / path).resolve()) for path in paths]
    try:
        yield
    finally:
        sys.path[:] = before
