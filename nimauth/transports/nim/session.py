"""From what the child says to what its links hear."""

from __future__ import annotations

import asyncio
from typing import Any

from attrs import define, field

from ...vocabulary.reasons import Reason
from ..base import Ended, OnlineClients, SyncFinished, SyncStarted
from .child import Child
from .link import NimLink, Terms
from .mapping import Begun, Clients, Lost, News, Online, Opened, Sync, Tracker, Verdict, online_client, words


@define(eq=False, repr=False)
class Session:
    """Hears the child of a link and its successors, and tells the newest of them what it means for it."""

    child: Child
    terms: Terms
    link: NimLink = field(init=False)
    """The newest one."""
    _tracker: Tracker = field(factory=Tracker)
    _hold: asyncio.TimerHandle | None = None

    def __attrs_post_init__(self) -> None:
        self.link = NimLink(self.child, self.terms, first=True)
        self.child.listener = self

    def heard(self, event: str, value: Any) -> None:
        """See `child.Listener`."""
        for news in self._tracker.feed(event, value):
            self._tell(news)
        self._arm()

    def asked(self, number: int) -> None:
        """See `child.Listener`."""
        self.link.asked(number)

    def ended(self, ended: Ended) -> None:
        """See `child.Listener`."""
        if self._hold is not None:
            self._hold.cancel()
        self.link.end(ended)

    def _arm(self) -> None:
        """A loss is held back for a moment, in which a verdict may explain it."""
        if not self._tracker.holding:
            if self._hold is not None:
                self._hold.cancel()
            self._hold = None
        elif self._hold is None and self.child.ended is None:
            self._hold = asyncio.get_running_loop().call_later(self.terms.grace, self._hold_is_over)

    def _hold_is_over(self) -> None:
        self._hold = None
        for news in self._tracker.due():
            self._tell(news)

    def _tell(self, news: News) -> None:
        match news:
            case Begun():
                self.link.begin()
            case Opened():
                self.link.open()
            case Online():
                self.link.accept()
            case Sync(finished):
                self.link.say(SyncFinished() if finished else SyncStarted())
            case Clients(clients):
                self.link.say(OnlineClients(tuple(online_client(one, *self.child.secrets) for one in clients)))
            case Verdict(reason, code, text):
                self.link.end(Ended(reason, code, words(text, *self.child.secrets)))
            case Lost():
                self._lost(news)

    def _lost(self, lost: Lost) -> None:
        link = self.link
        text = words(lost.text, *self.child.secrets) or "the connection of the NIM SDK is lost"
        ended = Ended(link.why_lost(lost.code), lost.code, text)
        # After "later" the SDK would try again at once; the session waits as long as the server wants (416).
        if not lost.goes_on or ended.reason is not Reason.NET:
            link.end(ended)
        elif link.was_online or link.taken:
            link.next = self.link = NimLink(self.child, self.terms, first=False)
            link.end(ended)
        else:
            link.forget()  # an attempt that nobody followed
