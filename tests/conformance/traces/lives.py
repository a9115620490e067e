"""Random lives of the lifecycle, and the traces that they leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Protocol, TypeVar

from nimauth import trace
from nimauth.conformance.traces import Checker, Report
from nimauth.conformance.traces.tolerances import DEFAULT, Tolerance
from nimauth.errors import IllegalState
from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary import effects, inputs
from nimauth.vocabulary.effects import Effect
from nimauth.vocabulary.inputs import Input
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import BETWEEN_TRIES, ONLINE, UNDER_WAY

Json = dict[str, Any]
T = TypeVar("T")


class Choice(Protocol):
    """`random.Random`, or hypothesis' own."""

    def choice(self, seq: list[T], /) -> T: ...

    def random(self) -> float: ...


ANYTHING: list[Input] = [
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
]


def line_of(effect: Effect) -> Json | None:
    if isinstance(effect, effects.Status):
        return {**trace.shown(effect.status), "state": effect.state.value}  # a checker does not know this field
    return dict(trace.login_result(effect.ok)) if isinstance(effect, effects.LoginResult) else None


def _likely(session: Lifecycle) -> list[Input]:
    if session.state in UNDER_WAY:
        return [inputs.LINK_OPENED, inputs.ACCEPTED] * 4
    if session.state in ONLINE:
        return [inputs.SYNC_STARTED, inputs.SYNC_FINISHED, inputs.link_lost()]
    return [inputs.RETRY_DUE] * 8 if session.state in BETWEEN_TRIES else []


def life(by: Choice, length: int, accounts: Callable[[], str]) -> Iterator[Json]:
    """A trace of about so many lines, with every call."""
    session = Lifecycle()
    count = 0

    def begin() -> list[Json]:
        nonlocal session
        session = Lifecycle(permitted=session.permitted, void=session.void, network=by.random() < 0.8)
        account = by.choice([None, session.permitted, session.permitted, accounts()])
        lines = [dict(trace.started(account))]
        if account is not None:
            lines += heard(inputs.auto_login(account))
        return lines

    def heard(what: Input, *before: trace.Record) -> list[Json]:
        try:
            out = [line for line in map(line_of, session.receive(what)) if line is not None]
        except IllegalState:
            return []
        if len(out) == 2 and by.random() < 0.5:  # a result and a status of one step come in either order
            out.reverse()
        return [*map(dict, before), *out]

    lines = begin()
    while True:
        for line in lines:
            yield line
            count += 1
            if count == length:
                return
        what = by.random()
        if what < 0.06:
            lines = begin()
        elif what < 0.12:
            lines = heard(inputs.LOGOUT, trace.logout())
        elif what < 0.35:
            account = accounts()
            lines = heard(inputs.login(account), trace.login(account))
        else:
            lines = heard(by.choice(ANYTHING + _likely(session)))


def as_bytes(lines: Iterable[Json]) -> list[bytes]:
    return [json.dumps(line).encode() for line in lines]


def check(lines: Iterable[Json], tolerances: frozenset[Tolerance] = DEFAULT, **options: Any) -> Report:
    return checker(tolerances, **options).check_lines("trace", as_bytes(lines))


@cache
def checker(tolerances: frozenset[Tolerance] = DEFAULT, **options: Any) -> Checker:
    """One that has learnt the machine already."""
    return Checker(tolerances, **options)


STRICT: frozenset[Tolerance] = frozenset()
