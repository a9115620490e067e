"""Draw a machine: what every way in (the command, f-strings, Sphinx, MkDocs) goes through.

machine = Drawing.of("mypackage.mymodule:machine")
machine.render("svg", view="overview", lang="zh", theme="dark")
f"{machine:mermaid view=overview}"
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

from attrs import frozen

from ..errors import NimAuthError
from ..lifecycle import Lifecycle
from . import views
from .extract import NoMachine, chart_of
from .login import login_chart
from .model import LANGUAGES, Chart
from .themes import LIGHT, THEMES

WHOLE: Final = "whole"
OPTIONS: Final = ("view", "lang", "theme")


class NoFormat(NimAuthError):
    """A drawing was asked for in a way that there is not."""


@frozen
class Format:
    """One format: `render` of its module makes it."""

    suffix: str
    """Of a file that holds it."""
    what: str
    """For the command's help."""
    picture: bool = False
    """Whether it draws a picture, so that view and theme matter; else it tells the whole machine."""


FORMATS: Final = {
    "svg": Format(".svg", "a picture", picture=True),
    "png": Format(".png", "a picture in pixels", picture=True),
    "mermaid": Format(".mmd", "a state diagram for READMEs", picture=True),
    "dot": Format(".dot", "Graphviz' own language", picture=True),
    "plantuml": Format(".puml", "PlantUML's language", picture=True),
    "markdown": Format(".md", "a table of states and events"),
    "csv": Format(".csv", "the same for spreadsheets"),
    "scxml": Format(".scxml", "W3C SCXML, to be run by other engines"),
    "xstate": Format(".json", "a machine for XState 5"),
    "html": Format(".html", "an explorer in a single page"),
}
"""Every format is the module of its name in `render`."""
SUFFIXES: Final = {kind.suffix: name for name, kind in FORMATS.items()}
"""Which format a file is written in, if nobody says."""


@frozen(repr=False)
class Drawing:
    """A machine that can be drawn."""

    chart: Chart
    recording: Callable[[], Mapping[str, Any]] | None = None
    """How a recorded trace tells of the machine, for the explorer; None: nothing is recorded of it."""

    @classmethod
    def of(cls, thing: Any = None) -> Self:
        """A drawing of a machine: of a class under `@runs`, its program, a `transitions` Machine, or a chart.

        A string names one as "package.module:name", which imports that module. None is the login machine. Raises
        NoMachine.
        """
        if thing is None:
            thing = Lifecycle
        elif isinstance(thing, str):
            thing = _named(thing)
        if isinstance(thing, Drawing):
            return cls(thing.chart, thing.recording)
        if isinstance(thing, type) and issubclass(thing, Lifecycle):
            return cls(login_chart(thing), _login_recording)
        return cls(chart_of(thing))

    def render(self, form: str, *, view: str = WHOLE, lang: str | None = None, theme: str | None = None) -> bytes:
        """The machine in this format. Text is UTF-8. Raises NoFormat, NoView, and MissingExtra for SVG and PNG.

        Without a language it is English, without a theme it is light; an explorer follows its reader's browser.
        """
        one_of("format", form, FORMATS)
        if not FORMATS[form].picture and view != WHOLE:
            raise NoFormat(f"{form} tells the whole machine and has no views; leave the view out")
        if form == "html":
            return self.explorer(lang=lang, theme=theme).encode()
        lang, theme = lang or LANGUAGES[0], theme or LIGHT.name
        one_of("language", lang, LANGUAGES)
        one_of("theme", theme, THEMES)
        renderer = importlib.import_module(f".render.{form}", __package__).render
        if FORMATS[form].picture:
            made = renderer(views.view(self.chart, view, lang), THEMES[theme])
        else:
            made = renderer(self.chart, lang)
        return made if isinstance(made, bytes) else made.encode("utf-8", "replace")

    def explorer(self, *, lang: str | None = None, theme: str | None = None, live: str | None = None) -> str:
        """The machine as a page to walk through; with `live`, one that follows the events told at that address."""
        from .render import html, svg  # Graphviz is an extra

        picture = views.view(self.chart, "map")
        return html.render(
            self.chart,
            lang or html.AUTO,
            theme or html.AUTO,
            drawing=(picture, svg.render(picture, LIGHT)),
            recording=None if self.recording is None else self.recording(),
            live=live,
        )

    def __repr__(self) -> str:
        return f"<Drawing of {self.chart.id}>"

    def __format__(self, spec: str) -> str:
        """`{machine:FORMAT}`, or with options: `{machine:mermaid view=overview lang=zh theme=dark}`."""
        if not spec:
            return str(self)
        form, *options = spec.split()
        given = {name: value for name, _, value in (option.partition("=") for option in options)}
        if unknown := given.keys() - set(OPTIONS):
            raise NoFormat(f"a drawing has no option {unknown.pop()!r}; there are {', '.join(OPTIONS)}")
        if form == "png":
            raise NoFormat("a PNG is no text; use render('png'), or svg")
        return self.render(form, **given).decode()


def _login_recording() -> Mapping[str, Any]:
    from .recording import login_recording  # only an explorer needs to know

    return login_recording()


def _named(target: str) -> Any:
    module, colon, name = target.partition(":")
    if not (module and colon and name) or module.startswith("."):
        raise NoMachine(f"{target!r} names no machine; name one as package.module:name")
    try:
        thing = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise NoMachine(f"{module!r} cannot be imported ({error}); run this where it can be") from error
    except (Exception, SystemExit) as error:  # it is somebody's module that is imported here
        raise NoMachine(f"importing {target!r} failed: {error!r}; mend that, or name another machine") from error
    for part in name.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError as error:
            raise NoMachine(f"{module!r} has no {name!r}; name what holds the machine") from error
    return thing


def one_of(what: str, given: str, known: Iterable[str]) -> None:
    """Raises NoFormat for what is not known, in a sentence that says what is."""
    if given not in known:
        raise NoFormat(f"there is no {what} {given!r}; there are {', '.join(known)}")
