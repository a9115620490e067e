"""What a session can do between two lines of a trace: the lifecycle itself, one step at a time, and remembered.

A *node* is a session in which nothing is left that no trace can tell. Of accounts one question counts, whether the
account at hand is the one that may log in by itself; and a session never holds two of them, since a manual login voids
what was saved and an auto login needs it. So here every account is called the same. Whose local data is open shows
nowhere, and is left out.
"""

from __future__ import annotations

import copy
from typing import Final

from attrs import define, evolve, field, frozen

from ...engine import Program
from ...errors import IllegalState
from ...lifecycle import Lifecycle
from ...vocabulary import effects, inputs
from ...vocabulary.inputs import Event, Input
from ...vocabulary.reasons import Cause, Reason
from ...vocabulary.rules import Rule
from ...vocabulary.states import STATUS, Attempt, State

HIDDEN: Final[tuple[Input, ...]] = (
    inputs.CANCEL,
    inputs.NETWORK_FOUND,
    inputs.NETWORK_LOST,
    inputs.FOREGROUND,
    inputs.LINK_OPENED,
    inputs.ACCEPTED,
    inputs.SYNC_STARTED,
    inputs.SYNC_FINISHED,
    inputs.RECONNECTING,
    inputs.RETRY_DUE,
    inputs.TIMED_OUT,
    inputs.link_lost(),
    *(inputs.refused(0, reason) for reason in Reason),
)
"""Everything that no trace tells of: one input for each way in which the lifecycle can take it."""

_WHO, _ANOTHER = "who", "another"


@frozen
class Step:
    """What one input does, as far as a trace can show it."""

    target: int
    shows: bool
    """Whether the status of the target is shown."""
    result: bool | None
    """The login result that is told."""
    rows: int
    """The rows of the program that take it, a bit for each."""
    note: Rule | None
    """For un_login: the rule by which nothing goes on from here without a call."""


@frozen
class Node:
    """A session, as a search looks at it."""

    state: State
    is_manual: bool
    known: bool
    """Whether it holds an account."""
    void: Cause | None


@define(eq=False)
class Machine:
    """The nodes of a lifecycle, found as they are needed, and what leads from one to the next."""

    lifecycle: type[Lifecycle] = Lifecycle
    _sessions: list[Lifecycle] = field(factory=list, init=False)
    _nodes: list[Node] = field(factory=list, init=False)
    _numbers: dict[tuple[object, ...], int] = field(factory=dict, init=False)
    _bits: dict[int, int] = field(factory=dict, init=False)
    _hidden: dict[int, tuple[Step, ...]] = field(factory=dict, init=False)
    _calls: dict[tuple[int, Input], Step | None] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._bits = {id(row): 1 << number for number, row in enumerate(self.program.rows)}

    @property
    def program(self) -> Program:
        """The compiled table."""
        return self.lifecycle.__program__

    def node(self, number: int) -> Node:
        """What a number stands for."""
        return self._nodes[number]

    # -- steps ---------------------------------------------------------------------------------------------------------

    def hidden(self, number: int) -> tuple[Step, ...]:
        """All that can happen there unseen. What cannot be told apart is one step with the rows of all."""
        steps = self._hidden.get(number)
        if steps is None:
            found: dict[tuple[int, bool, bool | None], Step] = {}
            for heard in HIDDEN:
                step = self._step(number, heard)
                if step is not None:
                    alike = step.target, step.shows, step.result
                    found[alike] = evolve(step, rows=step.rows | found[alike].rows) if alike in found else step
            steps = self._hidden[number] = tuple(found.values())
        return steps

    def login(self, number: int) -> Step | None:
        """A person calls for a login, of whichever account. None where the state does not allow it."""
        return self._call(number, _LOGIN)

    def logout(self, number: int) -> Step | None:
        """The person logs out."""
        return self._call(number, inputs.LOGOUT)

    def auto_login(self, number: int, *, same: bool) -> Step:
        """The host initializes with the account that the node holds, or with another."""
        step = self._call(number, _AUTO_LOGIN if same else _AUTO_LOGIN_OF_ANOTHER)
        assert step is not None, "an auto login is asked of a process that has just begun"
        return step

    def refuses(self, number: int, *, same: bool) -> Rule | None:
        """The rule by which that auto login is refused."""
        refusal = self._sessions[number].explain(_AUTO_LOGIN if same else _AUTO_LOGIN_OF_ANOTHER)
        return Rule(refusal.rule) if refusal is not None and refusal.rule is not None else None

    def allowed_calls(self, number: int) -> tuple[Event, ...]:
        """The calls of a trace that the node allows."""
        return tuple(heard.event for heard in (_LOGIN, inputs.LOGOUT) if self._call(number, heard) is not None)

    # -- nodes that are reached otherwise ------------------------------------------------------------------------------

    def processes(self, number: int) -> tuple[int, ...]:
        """How a fresh process begins that finds what this one saved."""
        session = self._sessions[number]
        return tuple(self._begin(session.permitted, session.void, network) for network in (True, False))

    def beginnings(self) -> tuple[int, ...]:
        """How a process can begin of which nothing is known."""
        saved = [(_WHO, None), (None, None), *((None, cause) for cause in Cause)]
        return tuple(self._begin(who, void, network) for who, void in saved for network in (True, False))

    def reachable(self) -> tuple[int, ...]:
        """Every node."""
        found = list(self.beginnings())
        seen = set(found)
        for number in found:
            steps = [*self.hidden(number), self.login(number), self.logout(number)]
            if self.node(number).state is State.UN_LOGIN:
                steps.append(self.auto_login(number, same=True))
            for step in steps:
                if step is not None and step.target not in seen:
                    seen.add(step.target)
                    found.append(step.target)
        return tuple(found)

    def connecting_again(self, number: int) -> int:
        """The same attempt, before its link is open."""
        return self._number(self._with(number, state=State.CONNECTING))

    def voided(self, number: int) -> int:
        """The node after a login that failed without anything being shown (R3)."""
        session = copy.copy(self._sessions[number])
        session.receive(_LOGIN)
        session.receive(inputs.CANCEL)
        return self._number(session)

    # -- the parts it needs --------------------------------------------------------------------------------------------

    def _begin(self, permitted: str | None, void: Cause | None, network: bool) -> int:
        return self._number(self.lifecycle(permitted=permitted, void=void, network=network))

    def _with(self, number: int, **changes: object) -> Lifecycle:
        session = copy.copy(self._sessions[number])
        for name, value in changes.items():
            setattr(session, name, value)
        return session

    def _call(self, number: int, heard: Input) -> Step | None:
        key = number, heard
        if key not in self._calls:
            self._calls[key] = self._step(number, heard)
        return self._calls[key]

    def _step(self, number: int, heard: Input) -> Step | None:
        session = copy.copy(self._sessions[number])
        was_manual = session.attempt is Attempt.MANUAL
        try:
            out = session.receive(heard)
        except IllegalState:
            return None
        # The guards see the network as the input tells it.
        row = self.program.taken(self._with(number, network=session.network), heard.event, heard)
        shown = [effect for effect in out if isinstance(effect, effects.Status)]
        results = [effect.ok for effect in out if isinstance(effect, effects.LoginResult)]
        assert len(shown) <= 1, "a step shows one status"
        assert len(results) <= 1, "a step tells one result"
        note = None
        if heard.event is Event.LOGOUT:
            note = Rule.R13
        elif shown and session.state is State.UN_LOGIN:
            note = Rule.R7 if was_manual else Rule.R15
        elif out and isinstance(out[0], effects.AutoLoginRefused):
            note = out[0].rule
        target = self._number(session)
        if row is None and target == number:
            return None
        return Step(target, bool(shown), results[0] if results else None, self._bits[id(row)] if row else 0, note)

    def _number(self, session: Lifecycle) -> int:
        held = {session.account, session.permitted} - {None}
        assert len(held) <= 1, "a session holds one account"
        # What no trace can tell, and what guards do not look at.
        session.local_data = None
        session.account = _WHO if session.account is not None else None
        session.permitted = _WHO if session.permitted is not None else None
        key = tuple(session.to_dict().values())
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._sessions)
            self._sessions.append(session)
            self._nodes.append(Node(session.state, session.attempt is Attempt.MANUAL, bool(held), session.void))
        return number


_LOGIN: Final = inputs.login(_ANOTHER)
_AUTO_LOGIN: Final = inputs.auto_login(_WHO)
_AUTO_LOGIN_OF_ANOTHER: Final = inputs.auto_login(_ANOTHER)


def status_of(node: Node) -> str:
    """The name of the status that a node shows."""
    return STATUS[node.state].value
