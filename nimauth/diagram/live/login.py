"""What a login service tells, shown on a live page of the login chart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from attrs import define, evolve, field

from ...errors import IllegalState
from ...lifecycle import Lifecycle
from ...vocabulary.inputs import EVENT_OF_REASON, Event, Input
from ...vocabulary.reasons import ADVICE, VERDICTS, Reason
from ..login import variables_of
from ..model import Words
from .page import LivePage

_ACCOUNTS: Final = ("a", "b")
"""What the chart calls accounts. A session knows two at most."""
_VERDICTS: Final = frozenset(EVENT_OF_REASON[reason] for reason in VERDICTS)


class Told(Protocol):
    """What is read of a status event: not the wire's own words."""

    @property
    def session(self) -> Lifecycle: ...

    @property
    def reason(self) -> Reason | None: ...


@define(eq=False)
class LoginReporter:
    """Shows each status of one service: `auth.auth_status.listen(LoginReporter(live))`.

    The page is told no account's name: they are called a and b there.
    """

    live: LivePage
    _last: Lifecycle | None = field(default=None, init=False)
    _names: dict[str, str] = field(factory=dict, init=False)
    """What the accounts that the session knows are called on the page."""

    def __call__(self, told: Told, text: Words | None = None) -> None:
        """Show a status, with words where the host has some."""
        if told.session == self._last and text is None:
            return  # a listener begins with the present status
        event = self._event(told)
        if event is None and text is None and told.reason is not None:
            text = Words(ADVICE[told.reason])
        self._show(told.session, event, text)

    def restarted(self, text: Words | None = None) -> None:
        """The process is a fresh one, which knows what the last one saved."""
        last = self._last or Lifecycle()
        self._show(Lifecycle(permitted=last.permitted, void=last.void, has_auto_login=last.has_auto_login), None, text)

    def say(self, text: Words) -> None:
        """Show words about where it stands."""
        self._show(self._last or Lifecycle(), None, text)

    def _show(self, session: Lifecycle, event: Event | None, text: Words | None) -> None:
        self.live.show(session.state, event, text, variables_of(self._anonymous(session)))
        self._last = session

    def _event(self, told: Told) -> Event | None:
        """What happened, as far as that is certain: the reason of a verdict, or all else that leads just there."""
        if told.reason is not None and told.reason in VERDICTS:
            return EVENT_OF_REASON[told.reason]
        events = list(self._events(told))
        return events[0] if len(events) == 1 else None

    def _events(self, told: Told) -> Iterator[Event]:
        """Every event, no verdict, that leads from the last session to this one."""
        now = told.session
        if self._last is None or self._last.state is now.state:
            return
        for event in Event:
            session = evolve(self._last)
            try:
                if event not in _VERDICTS:
                    session.receive(Input(event, now.account, told.reason))
            except IllegalState:
                continue
            if session == now:
                yield event

    def _anonymous(self, session: Lifecycle) -> Lifecycle:
        """The same, with the page's names for accounts, which stay with them as long as the session knows them."""
        known = dict.fromkeys(name for name in (session.permitted, session.account, session.local_data) if name)
        kept = {name: called for name, called in self._names.items() if name in known}
        free = [called for called in _ACCOUNTS if called not in kept.values()]
        self._names = {name: kept.get(name) or free.pop(0) for name in known}
        return evolve(
            session,
            permitted=session.permitted and self._names[session.permitted],
            account=session.account and self._names[session.account],
            local_data=session.local_data and self._names[session.local_data],
        )
