"""The same question once more, without any of the checker's ideas: try everything, with lifecycles and real accounts.

No numbering of accounts, no unknown ones, no nodes, no remembered subsets, no reading ahead: the kinds of call that may
be hidden are all tried, one combination after the other. It knows no tolerances, and is for short traces.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain, combinations
from typing import Any, NamedTuple

from nimauth.errors import IllegalState
from nimauth.lifecycle import Lifecycle
from nimauth.trace import Kind
from nimauth.vocabulary import effects, inputs
from nimauth.vocabulary.inputs import Input
from nimauth.vocabulary.reasons import Cause, Reason

Json = dict[str, Any]

ACCOUNTS = ("a", "b", "somebody else")
"""The traces name the first two at most, so that one is left for whoever they do not name."""

UNSEEN = (
    inputs.CANCEL,
    inputs.network(True),
    inputs.network(False),
    inputs.FOREGROUND,
    inputs.LINK_OPENED,
    inputs.ACCEPTED,
    inputs.SYNC_STARTED,
    inputs.SYNC_FINISHED,
    inputs.RECONNECTING,
    inputs.RETRY_DUE,
    inputs.TIMED_OUT,
    inputs.link_lost(),
    *(inputs.refused(code) for code in (302, 403, 417, 201, 404, 415, 503, 987654)),
    *(inputs.ended(reason) for reason in Reason),
)


class World(NamedTuple):
    """One way in which things may stand."""

    session: tuple[Any, ...]
    owed: frozenset[tuple[str, Any]] = frozenset()
    """What must be shown before anything else happens."""
    fresh: bool = False
    """Nothing has happened to this process: it may show the status it begins with."""


@cache
def step(session: tuple[Any, ...], heard: Input) -> tuple[tuple[Any, ...], frozenset[tuple[str, Any]]] | None:
    """The session after an input, and what it shows."""
    life = copy.copy(_LIVES[session])
    try:
        out = life.receive(heard)
    except IllegalState:
        return None
    shown: set[tuple[str, Any]] = set()
    for effect in out:
        if isinstance(effect, effects.Status):
            shown.add(("status", effect.status.value))
        elif isinstance(effect, effects.LoginResult):
            shown.add(("login_result", effect.ok))
    return _key(life), frozenset(shown)


_LIVES: dict[tuple[Any, ...], Lifecycle] = {}


def _key(life: Lifecycle) -> tuple[Any, ...]:
    key = tuple(life.to_dict().values())
    _LIVES.setdefault(key, life)
    return key


def _apply(world: World, heard: Input, hidden: frozenset[Kind]) -> Iterator[World]:
    done = step(world.session, heard)
    if done is not None:
        session, shown = done
        owed = frozenset(one for one in shown if one[0] not in hidden)
        yield World(session, owed, world.fresh and not shown)


def _begin(permitted: str | None, void: Cause | None, account: str | None) -> Iterator[World]:
    for network in (True, False):
        life = Lifecycle(permitted=permitted, void=void, network=network)
        world = World(_key(life), fresh=True)
        if account is None:
            yield world
        else:
            for then in _apply(world, inputs.auto_login(account), frozenset()):
                yield then._replace(fresh=True)


def _anew(world: World, accounts: Iterable[str | None]) -> Iterator[World]:
    life = _LIVES[world.session]
    for account in accounts:
        yield from _begin(life.permitted, life.void, account)


@cache
def _unseen(world: World, hidden: frozenset[Kind]) -> frozenset[World]:
    found: set[World] = set()
    if Kind.START in hidden:
        found.update(_anew(world, (None, *ACCOUNTS)))
    if not world.owed:
        heard = list(UNSEEN)
        if Kind.LOGOUT in hidden:
            heard.append(inputs.LOGOUT)
        if Kind.LOGIN in hidden:
            heard += map(inputs.login, ACCOUNTS)
        for one in heard:
            found.update(_apply(world, one, hidden))
    return frozenset(found)


def _takes(world: World, line: Json, hidden: frozenset[Kind]) -> Iterator[World]:
    kind = line.get("call", "status")
    if kind == "start":
        yield from _anew(world, (line["auto_login"],))
    elif kind in ("status", "login_result"):
        told = kind, line["status"] if kind == "status" else line["ok"]
        if told in world.owed:
            yield world._replace(owed=world.owed - {told})
        elif world.fresh and told == ("status", "unLogin"):
            yield world._replace(fresh=False)
    elif not world.owed:
        yield from _apply(world, inputs.LOGOUT if kind == "logout" else inputs.login(line["account"]), hidden)


def _closed(worlds: Iterable[World], hidden: frozenset[Kind]) -> set[World]:
    found = list(worlds)
    seen = set(found)
    for world in found:
        for then in _unseen(world, hidden):
            if then not in seen:
                seen.add(then)
                found.append(then)
    return seen


def _goes(lines: list[Json], hidden: frozenset[Kind]) -> int:
    """How many lines are possible."""
    saved = [(who, None) for who in (*ACCOUNTS, None)] + [(None, cause) for cause in Cause]
    worlds: set[World] = {
        world
        for permitted, void in saved
        for account in (None, *ACCOUNTS)
        for world in _begin(permitted, void, account)
    }
    for number, line in enumerate(lines):
        worlds = {then for world in _closed(worlds, hidden) for then in _takes(world, line, hidden)}
        if not worlds:
            return number
    return len(lines)


def first_impossible(lines: list[Json], recorded: frozenset[Kind] = frozenset()) -> int | None:
    """The number, from 1, of the first line that cannot be; None where the trace is possible."""
    told = recorded | {Kind(line["call"]) for line in lines if "call" in line}
    rest = [kind for kind in Kind if kind not in told]
    choices = chain.from_iterable(combinations(rest, count) for count in range(len(rest) + 1))
    furthest = max(_goes(lines, frozenset(hidden)) for hidden in choices)
    return furthest + 1 if furthest < len(lines) else None
