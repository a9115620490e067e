"""Who watches the demo in a browser: nobody, unless `--web` is given. The story need not know which."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from ..diagram.model import Words
from ..lifecycle import Lifecycle
from ..vocabulary.reasons import Reason

if TYPE_CHECKING:
    from ..diagram.live import LivePage, LoginReporter

FIRST_VIEWER: Final = 15.0
"""How long the story waits for somebody to watch, in seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whether, and how, the demo is shown in a browser."""
    group = parser.add_argument_group("in a browser")
    group.add_argument("--web", action="store_true", help="show on a page how the app moves through the state diagram")
    group.add_argument(
        "--pace", type=_pace, default=0.8, metavar="SECONDS", help="how long the page shows each status (default: 0.8)"
    )
    group.add_argument("--no-open", action="store_true", help="print the page's address, and open no browser")
    group.add_argument("--no-wait", action="store_true", help="wait for no viewer, neither to come nor to leave")


def _pace(word: str) -> float:
    pace = float(word)
    if not 0 <= pace <= 60:
        raise argparse.ArgumentTypeError("the pace is a number of seconds, up to 60")
    return pace


class Audience:
    """Nobody: the story waits for no one."""

    pace = 0.0
    """The seconds that each status takes longer because somebody watches."""

    async def step(self, title: Words) -> None:
        """A step begins."""

    async def restarted(self) -> None:
        """The app begins anew."""

    async def status(self, session: Lifecycle, reason: Reason | None) -> None:
        """The app shows a status; what its session knows, and why."""

    async def over(self, words: Words) -> None:
        """The story is over. Returns when whoever watched has seen enough."""


@contextlib.asynccontextmanager
async def gathered(args: argparse.Namespace, note: Callable[[str], None]) -> AsyncIterator[Audience]:
    """The audience that the arguments ask for; `note` tells a person at the terminal where the page is."""
    if not args.web:
        yield Audience()
        return
    from ..diagram.drawing import Drawing
    from ..diagram.live import LivePage, LoginReporter

    async with LivePage(Drawing.of()) as live:
        note(f"Watch it in a browser: {live.url}")
        if not args.no_open:
            _open(live.ticket())
        if not args.no_wait:
            note(f"It begins when the page is open, or else in {FIRST_VIEWER:.0f} seconds.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_VIEWER):
                    await live.until_watched()
        yield _Viewers(live, LoginReporter(live), args.pace, note, stay=not args.no_wait)


def _open(url: str) -> None:
    """Open a browser, if there is one and a display to open it on. Nothing waits for it, and it may fail."""
    on_a_desktop = sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )

    def open_() -> None:
        with contextlib.suppress(Exception):
            webbrowser.open(url)

    if on_a_desktop:
        threading.Thread(target=open_, name="nimauth-browser", daemon=True).start()


@frozen
class _Status:
    session: Lifecycle
    reason: Reason | None


@define(eq=False)
class _Viewers(Audience):
    """Whoever has the page open."""

    _live: LivePage
    _report: LoginReporter
    pace: float
    _note: Callable[[str], None]
    _stay: bool = field(kw_only=True, alias="stay")
    _words: Words | None = field(default=None, init=False)
    """The step's title, until it has been shown: what follows speaks for itself."""

    async def step(self, title: Words) -> None:
        self._words = title

    async def restarted(self) -> None:
        self._report.restarted(self._take_words())
        await asyncio.sleep(self.pace)

    async def status(self, session: Lifecycle, reason: Reason | None) -> None:
        self._report(_Status(session, reason), self._take_words())
        await asyncio.sleep(self.pace)

    async def over(self, words: Words) -> None:
        self._report.say(words)
        if self._stay:
            if self._live.viewers:
                self._note("The page stays as long as it is open in the browser, or until Ctrl-C.")
            with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C: the usual end
                await self._live.until_left()

    def _take_words(self) -> Words | None:
        words, self._words = self._words, None
        return words
