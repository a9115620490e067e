"""The login machine as a client of the walk: what the adapter protocol allows a program to answer, and why."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ...adapter import READERS, Adapter, write
from ...engine import Row
from ...lifecycle import Lifecycle
from ...table import rules_of as serves
from ...vocabulary import inputs
from ...vocabulary.inputs import Input
from ...vocabulary.rules import Rule
from ..graph import Edge, Graph, ask, explore, value
from .messages import ALPHABET, Json, Message

Login = Edge[Lifecycle, Message, Json]
"""One line said to a program, and nimauth's own answer to it."""


@cache
def login_graph(messages: Sequence[Message] = ALPHABET) -> Graph[Lifecycle, Message, Json]:
    """The login machine, walked with these messages. The first configuration is that of a program just started."""
    return explore([Lifecycle()], messages, take, key=value, row=row_of)


def input_of(content: Json | None) -> Input | None:
    """What a message tells the machine; None for one that only begins anew, or tells nothing."""
    match content:
        case None | {"in": "start"} | {"in": "initialize", "auto_login": None}:
            return None
        case {"in": "initialize", "auto_login": {"account": str(account)}}:
            return inputs.auto_login(account)
        case _:
            return READERS[content["in"]](content)


def rules_of(row: Row | None) -> tuple[Rule, ...]:
    """The rules that a row of the machine serves."""
    return () if row is None else serves(row.event, row.source, [guard for guard, _ in row.guards])


class History:
    """What has happened to auto login since the process started: every rule that forbids it, where nimauth names one.
    A client may name any of them.
    """

    def __init__(self) -> None:
        self._last: str | None = None
        """Whose manual login succeeded last."""
        self._since: dict[str | None, set[str]] = {None: set()}
        """By account, the rules that anything has touched since its last success; None is for who never had one."""

    def add(self, step: Login) -> None:
        """One more step."""
        content = step.input.content
        if content is None:
            return
        if content["in"] == "start":
            self._last = content["saved"]["account"] if content["saved"] else None
            self._since = {None: set(), self._last: set()}
        for effect in step.answer.get("out", ()):
            if effect["do"] == "save":
                self._last = effect["account"]
                self._since[self._last] = set()
            elif effect["do"] == "clear" and step.after.void is not None:
                for rules in self._since.values():
                    rules.add(step.after.void.rule.value)

    def forbid(self, account: str) -> set[str]:
        """The rules that forbid an auto login of this account now."""
        rules = set(self._since[account]) if account in self._since else {*self._since[None], "R2"}
        return rules if account == self._last else rules | {"R1"}


class Past:
    """The history of a case at each of its steps, in their order. It goes on from where it was asked last."""

    def __init__(self, steps: Sequence[Login]) -> None:
        self._steps = steps
        self._place = 0
        self._history = History()

    def forbid(self, place: int, account: str) -> set[str]:
        """The rules that forbid an auto login of this account when the step at `place` comes."""
        for step in self._steps[self._place : place]:
            self._history.add(step)
        self._place = place
        return self._history.forbid(account)


def take(session: Lifecycle, message: Message) -> tuple[Json, Lifecycle]:
    """What nimauth answers, and the session as it is then."""
    adapter = Adapter()
    adapter.session = session
    return adapter.answer(message.line), adapter.session


def row_of(session: Lifecycle, message: Message) -> tuple[Row | None, tuple[tuple[str, bool], ...]]:
    """The row that takes a message, and how its guards answer."""
    heard = input_of(message.content)
    return (None, ()) if heard is None else ask(Lifecycle.__program__, session, heard.event, heard)


def canonical(answer: Json) -> bytes:
    """An answer as nimauth writes it."""
    return write(answer).encode()
