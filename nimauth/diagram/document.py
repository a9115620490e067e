"""What a document may ask of a drawing: the same options in Sphinx and in MkDocs, and the same HTML."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from html import escape
from typing import Final, Self

from attrs import frozen

from .drawing import FORMATS, Drawing, NoFormat, one_of
from .measure import clean
from .model import LANGUAGES
from .themes import DARK, LIGHT, THEMES
from .views import view

OPTIONS: Final = ("view", "lang", "format", "theme", "alt")

TABLE: Final = "table"
"""The format that becomes a table of the document itself."""
IMAGES: Final = ("svg", "png")
SOURCES: Final = tuple(name for name in FORMATS if name not in (*IMAGES, "html"))
"""The formats that are shown as text."""

AUTO: Final = "auto"
"""The theme of the reader's browser."""


@frozen
class Image:
    """A file beside the document."""

    name: str
    content: bytes


@frozen
class Inset:
    """A drawing in a document."""

    drawing: Drawing
    form: str
    view: str
    lang: str
    theme: str
    alt: str
    """What the picture shows, for those who cannot see it."""

    @classmethod
    def of(cls, machine: str | None, options: Mapping[str, str], lang: str = LANGUAGES[0]) -> Self:
        """What is asked for. Raises NoFormat, NoMachine, and NoView."""
        for option in options:
            one_of("option", option, OPTIONS)
        form, theme = options.get("format", IMAGES[0]), options.get("theme", AUTO)
        lang, part = options.get("lang", lang), options.get("view", "whole")
        if form == "html":
            raise NoFormat(
                "an explorer is a page of its own: write it with `nimauth diagram --format html`, and link to it"
            )
        one_of("format", form, (*IMAGES, TABLE, *SOURCES))
        one_of("language", lang, LANGUAGES)
        one_of("theme", theme, (AUTO, *THEMES))
        drawing = Drawing.of(machine)
        title = view(drawing.chart, part, lang).title
        return cls(drawing, form, part, lang, theme, clean(options.get("alt", title)))

    def images(self) -> dict[str, Image]:
        """The picture in each theme that a reader may have. Raises MissingExtra."""
        themes = (LIGHT.name, DARK.name) if self.theme == AUTO else (self.theme,)
        return {theme: self._image(theme) for theme in themes}

    def source(self) -> str:
        """The text of a format that is shown as such."""
        return self._render(LIGHT.name if self.theme == AUTO else self.theme).decode().removeprefix("\ufeff")

    def _image(self, theme: str) -> Image:
        content = self._render(theme)
        return Image(f"nimauth-{hashlib.sha256(content).hexdigest()[:16]}{FORMATS[self.form].suffix}", content)

    def _render(self, theme: str) -> bytes:
        return self.drawing.render(self.form, view=self.view, lang=self.lang, theme=theme)


def figure(alt: str, urls: Mapping[str, str]) -> str:
    """The picture as HTML in one line; with a URL for each theme, the reader's browser chooses."""
    light, dark = urls.get(LIGHT.name), urls.get(DARK.name)
    source = f'<source media="(prefers-color-scheme: dark)" srcset="{_dense(dark)}">' if light and dark else ""
    only = light or dark or ""
    image = f'<img src="{escape(only)}" srcset="{_dense(only)}" alt="{escape(alt)}">'
    return f'<figure class="nimauth-diagram"><picture>{source}{image}</picture></figure>'


def _dense(url: str) -> str:
    """A PNG has more pixels than its size on a page (see `render.png`)."""
    return escape(f"{url} 2x" if url.endswith(FORMATS["png"].suffix) else url)
