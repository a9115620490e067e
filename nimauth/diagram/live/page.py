"""LivePage: the explorer on loopback, told by a running machine where it stands."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

from attrs import define, field, frozen

from ..drawing import Drawing
from ..model import Chart, Words
from ..run import NotInChart
from .loopback import HOST, Exchange, Limits, LoopbackServer, Refused

_PAGE: Final = ("Content-Type", "text/html; charset=utf-8")
_NEWS: Final = ("Content-Type", "text/event-stream; charset=utf-8")
_RETRY: Final = b"retry: 1000\n\n"
_STILL_HERE: Final = b": still here\n\n"
_END: Final = b'data: {"end":true}\n\n'


@frozen(kw_only=True)
class LiveLimits(Limits):
    """What viewers may cost."""

    history: int = 256
    """How many messages are kept for whoever comes late. Who falls behind further is dropped, and may begin anew."""
    heartbeat: float = 15.0
    """Seconds of silence after which viewers get a sign of life."""


@define(eq=False, repr=False)
class LivePage:
    """A page on 127.0.0.1 that shows where a machine stands, and how it came there, to any number of viewers.

        async with LivePage(Drawing.of()) as live:
            print(live.url)
            auth.auth_status.listen(LoginReporter(live))

    The address holds a secret: whoever knows it sees what is shown, and nobody else does, be it another user of this
    machine or a page from elsewhere in the same browser. Shown is what `show` is given: names from the chart, and words
    of the host's own; an account name among them may be personal, and a token never belongs there.

    A page belongs to the event loop that it is used in. A viewer that does not read is dropped, and never waited for.
    """

    drawing: Drawing
    render: Callable[[str], str] | None = field(default=None, kw_only=True)
    """Makes the page, told where its news come from; None: the explorer."""
    limits: LiveLimits = field(factory=LiveLimits, kw_only=True)

    _secret: str = field(factory=lambda: secrets.token_urlsafe(16), init=False)
    _tickets: set[str] = field(factory=set, init=False)
    _port: int | None = field(default=None, init=False)
    _page: bytes = field(default=b"", init=False)
    _server: LoopbackServer = field(init=False)
    _messages: deque[bytes] = field(init=False)
    """The last ones. Each viewer has a place in them and nothing of its own, so a slow one costs no memory."""
    _shown: int = field(default=0, init=False)
    """How many there have been."""
    _ended: bool = field(default=False, init=False)
    _viewers: set[asyncio.Event] = field(factory=set, init=False)
    """For each viewer, what wakes it."""
    _moved: asyncio.Event = field(factory=asyncio.Event, init=False)
    """Set, and replaced, when a viewer comes or leaves."""

    def __attrs_post_init__(self) -> None:
        self._server = LoopbackServer(self._answer, self.limits)
        self._messages = deque(maxlen=self.limits.history)

    # -- for the host --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to serve."""
        news = f"/{self._secret}/events"
        self._page = (self.render or self._explorer)(news).encode()
        self._port = await self._server.start()

    async def aclose(self) -> None:
        """Tell every viewer that this is the end, and stop serving, in bounded time. Idempotent."""
        self._ended = True
        self._wake()
        await self._server.aclose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def chart(self) -> Chart:
        """What is shown."""
        return self.drawing.chart

    @property
    def url(self) -> str:
        """The page's address, for those who may watch."""
        return self._at(f"{self._secret}/")

    def ticket(self) -> str:
        """An address that leads to the page once, for where others may read it too: a browser's command line."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return self._at(ticket)

    def show(
        self,
        state: str,
        event: str | None = None,
        text: Words | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """The machine is in this state; where known, the event that led there, words, and what else the machine knows.

        Raises NotInChart for a name that the chart does not have. After `aclose`, nobody hears of it.
        """
        self._check("state", state, {known.id for known in self.chart.states})
        if event is not None:
            self._check("event", event, {known.id for known in self.chart.events})
        for name in variables or ():
            self._check("variable", name, {known.id for known in self.chart.variables})
        self._shown += 1
        message = {
            "state": state,
            "event": event,
            "text": {"en": text.in_("en"), "zh": text.in_("zh")} if text is not None else None,
            "variables": dict(variables) if variables is not None else None,
        }
        # JSON in ASCII is one line, whatever the words are.
        self._messages.append(b"id: %d\ndata: %s\n\n" % (self._shown, json.dumps(message).encode("ascii")))
        self._wake()

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return len(self._viewers)

    async def until_watched(self) -> None:
        """Wait for the first viewer."""
        while not self._viewers:
            await self._moved.wait()

    async def until_left(self, grace: float = 2.0) -> None:
        """Wait until nobody watches, for `grace` seconds on end: who reloads the page comes back."""
        while True:
            while self._viewers:
                await self._moved.wait()
            try:
                async with asyncio.timeout(grace):
                    await self.until_watched()
            except TimeoutError:
                return

    def _explorer(self, news: str) -> str:
        return self.drawing.explorer(live=news)

    def _at(self, path: str) -> str:
        if self._port is None:
            raise RuntimeError("the page is not served yet; await start() first")
        return f"http://{HOST}:{self._port}/{path}"

    def _check(self, kind: str, name: str, known: set[str]) -> None:
        if name not in known:
            has = ", ".join(map(repr, sorted(known))) or "none"
            raise NotInChart(f"the chart {self.chart.id!r} has no {kind} {name!r}; it has {has}")

    # -- for viewers ---------------------------------------------------------------------------------------------------

    async def _answer(self, exchange: Exchange) -> None:
        room, _, name = exchange.path.removeprefix("/").partition("/")
        if room in self._tickets and not name:
            if not exchange.is_head:
                self._tickets.remove(room)
            await exchange.answer(HTTPStatus.SEE_OTHER, ("Location", f"/{self._secret}/"))
        elif not secrets.compare_digest(room, self._secret) or name not in ("", "events"):
            raise Refused(HTTPStatus.NOT_FOUND)
        elif name == "events":
            await self._tell(exchange)
        else:
            await exchange.answer(HTTPStatus.OK, _PAGE, body=self._page)

    async def _tell(self, exchange: Exchange) -> None:
        await exchange.begin(HTTPStatus.OK, _NEWS)
        if not exchange.is_head:
            woken = asyncio.Event()
            left = asyncio.create_task(exchange.left(), name="nimauth-live-left")
            left.add_done_callback(lambda _: woken.set())
            self._come(woken)
            try:
                await exchange.write(_RETRY)
                await self._tell_all(exchange, woken, left)
            finally:
                left.cancel()
                self._go(woken)
        await exchange.finish()

    async def _tell_all(self, exchange: Exchange, woken: asyncio.Event, left: asyncio.Task[None]) -> None:
        told = self._told(exchange.headers.get("last-event-id", ""))
        while not left.done():
            woken.clear()
            while told < self._shown:
                first = self._shown - len(self._messages)
                if told < first:
                    return  # overtaken
                await exchange.write(self._messages[told - first])
                told += 1
            if self._ended:
                await exchange.write(_END)
                return
            try:
                async with asyncio.timeout(self.limits.heartbeat):
                    await woken.wait()
            except TimeoutError:
                await exchange.write(_STILL_HERE)

    def _told(self, last: str) -> int:
        """How many messages need not be told any more to somebody who says that this was the last it heard."""
        first = self._shown - len(self._messages)
        if last.isdecimal() and len(last) < 16 and first <= int(last) <= self._shown:
            return int(last)
        return first

    def _come(self, viewer: asyncio.Event) -> None:
        self._viewers.add(viewer)
        self._stir()

    def _go(self, viewer: asyncio.Event) -> None:
        self._viewers.remove(viewer)
        self._stir()

    def _stir(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _wake(self) -> None:
        for viewer in self._viewers:
            viewer.set()
