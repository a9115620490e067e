"""Every input in every reachable configuration."""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from nimauth.adapter import Adapter
from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary.reasons import Cause

from .handwritten import HandWritten
from .monitor import TOKEN, Monitor

Json = dict[str, Any]

_A, _B = ({"account": account, "token": TOKEN} for account in "ab")

INPUTS: tuple[Json, ...] = (
    {"in": "initialize", "auto_login": None},
    {"in": "initialize", "auto_login": _A},
    {"in": "initialize", "auto_login": _B},
    {"in": "login", **_A, "auth_type": 0},
    {"in": "login", **_B, "auth_type": 1},
    {"in": "cancel"},
    {"in": "logout"},
    {"in": "network", "available": True},
    {"in": "network", "available": False},
    {"in": "foreground"},
    {"in": "link_opened"},
    {"in": "connect_failed", "code": 415},
    {"in": "accepted"},
    *({"in": "refused", "code": code} for code in (302, 403, 422, 417, 201, 404, 408, 416, 503, 987654)),
    {"in": "sync_started"},
    {"in": "sync_finished"},
    {"in": "link_lost"},
    {"in": "reconnecting"},
    *(
        {"in": "ended", "reason": reason}
        for reason in (
            "displaced",
            "kicked_by_client",
            "kicked_by_server",
            "forbidden",
            "credentials",
            "version",
            "data_upgrade",
        )
    ),
    {"in": "retry_due"},
    {"in": "timed_out"},
)


def starts(lifecycle: type[Lifecycle]) -> Iterator[tuple[Lifecycle, HandWritten]]:
    """Every way in which a process can begin: what the store holds, the network, the platform."""
    for network in (True, False):
        yield lifecycle(network=network), HandWritten(None, network)
        yield lifecycle(network=network, permitted="a"), HandWritten("a", network)
    for cause in Cause:
        yield lifecycle(void=cause), HandWritten(None, forbids=cause.rule.value)
    yield lifecycle(permitted="a", has_auto_login=False), HandWritten("a", has_auto_login=False)


@frozen
class Step:
    """One input in one configuration: what was there before, and what was answered."""

    before: Lifecycle
    message: Json
    answer: Json
    expected: Json
    after: Lifecycle


def walk(lifecycle: type[Lifecycle] = Lifecycle) -> Iterator[Step]:
    """Breadth first, so that the first failure is the shortest story. Raises AssertionError from the monitor."""
    adapter = Adapter(lifecycle)
    seen: set[object] = set()
    queue: deque[tuple[Lifecycle, HandWritten, Monitor]] = deque()

    def reach(session: Lifecycle, oracle: HandWritten, monitor: Monitor) -> None:
        key = (*session.to_dict().values(), *oracle.key(), *monitor.key())
        if key not in seen:
            seen.add(key)
            queue.append((session, oracle, monitor))

    for session, oracle in starts(lifecycle):
        reach(session, oracle, Monitor(oracle.saved, oracle.has_auto_login))
    while queue:
        session, oracle, monitor = queue.popleft()
        for message in INPUTS:
            adapter.session = copy.copy(session)
            then, watch = copy.copy(oracle), copy.copy(monitor)
            out = then.receive(message)
            answer = adapter.answer(_LINES[id(message)])
            watch.step(message, answer)
            for effect in answer["out"]:
                effect.pop("why", None)
            yield Step(session, message, answer, {"state": then.state, "out": out}, adapter.session)
            reach(adapter.session, then, watch)


_LINES = {id(message): json.dumps(message) for message in INPUTS}
