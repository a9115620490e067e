"""Configurations: the ways in which a trace can be explained, what comes of them unseen, and what a line makes of them.

A *configuration* is a node of the machine, with what it owes the trace: a status or a result that the step into it must
yet show. Between two lines anything may happen unseen; a line then shows what is owed, or is a call. What real clients
do beyond the table stands here, too, each thing behind its tolerance.

An account is a number, given by whoever looks at the whole trace. One that no line told is *unknown*: any but those
that it was seen not to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from attrs import frozen

from ...trace import Kind
from ...vocabulary.rules import Rule
from ...vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, ONLINE, UNDER_WAY, State
from .machine import Machine, Step
from .spellings import Spelling
from .tolerances import Tolerance

MAX_NAMES: Final = 8
"""So many accounts are told apart at a time. Where more are in question, one is taken for unknown: from there on the
search may find possible what is not, but not the other way round."""
MAX_OWED: Final = 3
"""So many refused calls are counted whose result has not been told; of more, any number may be."""

Who = int | tuple[int, ...] | None
"""Whose login it is: the number of a name; unknown, but none of these; nobody's."""

UNKNOWN: Final[tuple[int, ...]] = ()
NEW: Final = MAX_NAMES
"""The number of a name that the line brings, before the names are numbered anew."""
ANYBODY: Final = -1
"""The line does not tell the account."""


@frozen(eq=False)
class Call:
    """A line that tells of a call; one object for each, so that it is found fast."""

    kind: Kind
    what: int | bool | None = None
    """Of a login the number of its account, NEW or ANYBODY; of a start that, or None; of a result whether it is ok."""


CALLS: Final = {
    (kind, what): Call(kind, what)
    for kind, possible in {
        Kind.LOGIN: (*range(MAX_NAMES), NEW, ANYBODY),
        Kind.START: (*range(MAX_NAMES), NEW, ANYBODY, None),
        Kind.LOGOUT: (None,),
    }.items()
    for what in possible
}
RESULTS: Final = {ok: Call(Kind.LOGIN_RESULT, ok) for ok in (True, False)}

Symbol = Call | Spelling
"""A line as the search takes it."""


class Due(IntEnum):
    """Whether the status of the node is still to be shown."""

    NOT = 0
    MAY = 1
    """It is the first one, which whoever listens gets at once."""
    MUST = 2


class Mood(IntEnum):
    """What a client is up to that the state does not say."""

    NONE = 0
    BETWEEN_RETRIES = 1
    """A called login failed for now, and the client will try it again (login-retried)."""
    ENDING = 2
    """unLogin was shown, and the verdict comes (unlogin-before-verdict)."""
    STARTING = 3
    """A process shows the status that it begins with, and then logs in by itself."""


class Configuration(NamedTuple):
    """One way in which the lines so far can be explained."""

    node: int
    who: Who
    due: Due
    result: bool | None = None
    """The login result that is still to be told."""
    owed: int = 0
    """How many calls were refused whose result has not been told yet."""
    mood: Mood = Mood.NONE
    note: Rule | None = None
    """Why nothing may go on from un_login by itself."""


@frozen(eq=False)
class Steps:
    """The steps of a machine's configurations, in traces in which these kinds of call are hidden.

    Each step comes with the rows of the table that it uses, a bit for each.
    """

    machine: Machine
    tolerances: frozenset[Tolerance]
    hidden: frozenset[Kind]

    def beginnings(self) -> Iterator[tuple[Configuration, int]]:
        """Before the first line: a process has begun, and nobody knows who was saved, or was to log in by itself."""
        for node in self.machine.beginnings():
            yield from self._begun(self._first(node))
        if Tolerance.JOINED_LATE in self.tolerances:
            for node in self.machine.reachable():
                yield self._first(node), 0

    def state(self, at: Configuration) -> State:
        """Where the session stands."""
        return self.machine.node(at.node).state

    # -- what happens unseen -------------------------------------------------------------------------------------------

    def unseen(self, at: Configuration) -> Iterator[tuple[Configuration, int]]:
        """What can come of a configuration between two lines."""
        if at.mood is Mood.STARTING:
            if at.due is not Due.MUST:
                yield self._logs_in_by_itself(at, same=True)
        elif at.due is not Due.MUST:
            if at.result is None or Tolerance.LATE_RESULT in self.tolerances:
                for step in self.machine.hidden(at.node):
                    if self._fits(at, step):
                        yield self._after(at, step), step.rows
                if Kind.LOGOUT in self.hidden:
                    yield from self._logs_out(at)
            if Kind.LOGIN in self.hidden:
                yield from self._logs_in(at, UNKNOWN)
                if Kind.LOGIN_RESULT not in self.hidden:  # else nobody would know
                    yield from self._is_refused(at)
        if Kind.START in self.hidden:
            for fresh in self._fresh(at):
                yield from self._begun(fresh)

    def _fits(self, at: Configuration, step: Step) -> bool:
        """Whether a client that is up to something goes this way."""
        state = self.machine.node(step.target).state
        if at.mood is Mood.BETWEEN_RETRIES:
            return not step.shows or state not in UNDER_WAY
        if at.mood is Mood.ENDING:
            return state in ENDED
        return True

    def _after(self, at: Configuration, step: Step) -> Configuration:
        """What a step leads to."""
        then = self.machine.node(step.target)
        if not step.shows and step.result is None:
            return at._replace(node=step.target, who=at.who if then.known else None, note=step.note or at.note)
        return Configuration(
            step.target,
            at.who if then.known else None,
            Due.MUST if step.shows else at.due,
            at.result if step.result is None or Kind.LOGIN_RESULT in self.hidden else step.result,
            at.owed,
            note=step.note,
        )

    def _first(self, node: int) -> Configuration:
        return Configuration(node, UNKNOWN if self.machine.node(node).known else None, Due.MAY)

    def _fresh(self, at: Configuration) -> Iterator[Configuration]:
        """The processes that may follow."""
        for node in self.machine.processes(at.node):
            yield Configuration(node, at.who if self.machine.node(node).known else None, Due.MAY)

    def _begun(self, fresh: Configuration) -> Iterator[tuple[Configuration, int]]:
        """A fresh process of which nobody knows whom it was to log in by itself."""
        yield self._stays_out(fresh, None), 0
        if fresh.who is not None:
            yield from self._auto_login(fresh, same=True)

    def _stays_out(self, fresh: Configuration, by: Rule | None) -> Configuration:
        void = self.machine.node(fresh.node).void
        return fresh._replace(note=by or (void.rule if void is not None else Rule.R7))

    def _auto_login(self, fresh: Configuration, *, same: bool) -> Iterator[tuple[Configuration, int]]:
        """With what it begins with unseen, or shown first."""
        then, rows = self._logs_in_by_itself(fresh, same=same)
        yield then, rows
        if then.due is Due.MUST:
            yield fresh._replace(due=Due.MUST, mood=Mood.STARTING), 0

    def _logs_in_by_itself(self, fresh: Configuration, *, same: bool) -> tuple[Configuration, int]:
        step = self.machine.auto_login(fresh.node, same=same)
        if step.shows:
            return self._after(fresh, step), step.rows
        return self._stays_out(fresh, step.note), step.rows

    # -- what a line does ----------------------------------------------------------------------------------------------

    def take(self, at: Configuration, symbol: Symbol) -> Iterator[tuple[Configuration, int]]:
        """What a line makes of a configuration; nothing where it cannot be."""
        if isinstance(symbol, Spelling):
            yield from ((then, 0) for then in self._shown(at, symbol))
            return
        what = symbol.what
        match symbol.kind:
            case Kind.START:
                yield from self._started(at, what)
            case Kind.LOGIN:
                yield from self._logs_in(at, UNKNOWN if what == ANYBODY else what)
                yield from self._is_refused(at)
            case Kind.LOGOUT:
                yield from self._logs_out(at)
            case Kind.LOGIN_RESULT:
                yield from ((then, 0) for then in self._told(at, what is True))

    def _shown(self, at: Configuration, spelling: Spelling) -> Iterator[Configuration]:
        node, allowed = self.machine.node(at.node), self.tolerances
        state, meant = node.state, spelling.states
        if at.mood is Mood.BETWEEN_RETRIES:
            if State.CONNECTING in meant:
                yield at._replace(mood=Mood.NONE)
            if meant & BETWEEN_TRIES and Tolerance.SHOWN_AGAIN in allowed:
                yield at
            return
        if at.mood is Mood.ENDING:
            return
        instead = state is State.UN_LOGIN and State.NET_BROKEN in meant and Tolerance.NET_BROKEN_WHEN_OUT in allowed
        if at.due is not Due.NOT:
            if state in meant or instead:
                yield at._replace(due=Due.NOT)
            if at.due is Due.MUST:
                return
        elif state in meant:
            again = Tolerance.REPEATED_STEPS if state in _STEPS else Tolerance.SHOWN_AGAIN
            if again in allowed:
                yield at
        elif instead:
            yield at
        if node.is_manual and meant & BETWEEN_TRIES and Tolerance.LOGIN_RETRIED in allowed:
            yield at._replace(node=self.machine.connecting_again(at.node), due=Due.NOT, mood=Mood.BETWEEN_RETRIES)
        if State.UN_LOGIN in meant:
            if state in UNDER_WAY | ONLINE and Tolerance.UNLOGIN_BEFORE_VERDICT in allowed:
                yield at._replace(due=Due.NOT, mood=Mood.ENDING)
            if state in ENDED and Tolerance.UNLOGIN_AFTER_VERDICT in allowed:
                yield at

    def _told(self, at: Configuration, ok: bool) -> Iterator[Configuration]:
        if at.result is ok:
            yield at._replace(result=None)
        if not ok and at.owed:
            yield at._replace(owed=at.owed - 1)
            if at.owed == MAX_OWED:
                yield at

    def _logs_in(self, at: Configuration, who: Who) -> Iterator[tuple[Configuration, int]]:
        if at.due is not Due.MUST and at.result is None and at.mood is not Mood.STARTING:
            step = self.machine.login(at.node)
            if step is not None:
                yield self._after(at, step)._replace(who=who), step.rows

    def _is_refused(self, at: Configuration) -> Iterator[tuple[Configuration, int]]:
        node = self.machine.node(at.node)
        if Tolerance.REFUSED_CALL not in self.tolerances or at.mood in (Mood.ENDING, Mood.STARTING):
            return
        if at.due is not Due.MUST or node.is_manual:
            if node.state in IDLE | BETWEEN_TRIES:  # it could have been taken, so it failed (R3)
                at = at._replace(node=self.machine.voided(at.node), who=None, mood=Mood.NONE, note=Rule.R7)
            owed = 0 if Kind.LOGIN_RESULT in self.hidden else min(at.owed + 1, MAX_OWED)
            yield at._replace(owed=owed), 0

    def _logs_out(self, at: Configuration) -> Iterator[tuple[Configuration, int]]:
        if at.due is Due.MUST or at.mood is Mood.STARTING:
            return
        if at.result is None or Tolerance.LATE_RESULT in self.tolerances:
            step = self.machine.logout(at.node)
            if step is not None:
                yield self._after(at, step), step.rows

    def _started(self, at: Configuration, account: int | None) -> Iterator[tuple[Configuration, int]]:
        for fresh in self._fresh(at):
            if account is None:
                yield self._stays_out(fresh, None), 0
            elif account == ANYBODY:
                yield from self._begun(fresh)
                yield from self._auto_login(fresh, same=False)
            else:
                yield from self._begins_with(fresh, account)

    def _begins_with(self, fresh: Configuration, account: int) -> Iterator[tuple[Configuration, int]]:
        who = fresh.who
        if who is None or (isinstance(who, int) and who != account) or (isinstance(who, tuple) and account in who):
            yield from self._auto_login(fresh, same=False)
            return
        if isinstance(who, tuple):  # it may be this one or not
            yield from self._auto_login(fresh._replace(who=tuple(sorted((*who, account)))), same=False)
        same = fresh._replace(who=account)
        yield from self._auto_login(same, same=True)


_STEPS: Final = frozenset({State.CONNECTING, State.LOGGING, State.LOGGED_IN})
