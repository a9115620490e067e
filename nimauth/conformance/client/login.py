"""The login machine as a client of the walk: what the adapter protocol allows a program to answer, and why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from ...adapter import READERS, Adapter
from ...engine import Row
from ...lifecycle import Lifecycle
from ...table import TABLE
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
    return explore([Lifecycle()], messages, _step, key=value, row=_row)


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
    return _RULES.get((row.event, row.source, row.target, row.guards), ()) if row is not None else ()


class History:
    """What has happened to auto login since the process started: which rules forbid it, beside the one that nimauth
    names. A client may name any of them.
    """

    def __init__(self) -> None:
        self.last: str | None = None
        """The account whose manual login succeeded last."""
        self.since: set[str] = set()
        """The rules that have made it void since."""

    def add(self, step: Login) -> None:
        """One more step."""
        content = step.input.content
        if content is None:
            return
        if content["in"] == "start":
            self.last = content["saved"]["account"] if content["saved"] else None
            self.since.clear()
        for effect in step.answer.get("out", ()):
            if effect["do"] == "save":
                self.last = effect["account"]
                self.since.clear()
            elif effect["do"] == "clear" and step.after.void is not None:
                self.since.add(step.after.void.rule.value)

    def forbid(self, account: str) -> set[str]:
        """The rules that forbid an auto login of this account now."""
        if self.last is None:
            return self.since | {"R2"}
        if self.last == account:
            return set(self.since)
        return self.since | {"R1", "R2"}


def _step(session: Lifecycle, message: Message) -> tuple[Json, Lifecycle]:
    adapter = Adapter()
    adapter.session = session
    return adapter.answer(message.line), adapter.session


def _row(session: Lifecycle, message: Message) -> tuple[Row | None, tuple[tuple[str, bool], ...]]:
    heard = input_of(message.content)
    return (None, ()) if heard is None else ask(Lifecycle.__program__, session, heard.event, heard)


def _key(event: str, source: Any, target: Any, when: Sequence[str]) -> tuple[Any, ...]:
    return event, source, target, tuple((guard, True) for guard in when)


_RULES: Final = {
    _key(event.value, source, row.target, row.when): row.rules
    for row in TABLE
    for event in row.events
    for source in row.sources
}


def canonical(answer: Json) -> bytes:
    """An answer as nimauth writes it."""
    return json.dumps(answer, separators=(",", ":")).encode()
