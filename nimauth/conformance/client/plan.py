"""What is said to a program under test, in which order. Nothing here looks at what it answers.

First what can be told completely: every input in every configuration on shortest paths; then every two inputs after
every way into every configuration, because a program may remember what the table does not. Then long random walks.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import chain
from typing import Final

from attrs import evolve

from ...adapter import Json
from ...lifecycle import Lifecycle
from ...vocabulary.states import State
from ..graph import Graph
from ..paths import cover, every_input, every_pair
from .examiner import FRESH, Case, Numbers
from .login import Login, login_graph
from .messages import ALPHABET, CORE, Message, login_of
from .subject import BATCH

NAMES: Final = (
    {"a": "李雷🙂", "b": 'say "b"\\\n\u2028'},
    {"a": "constructor", "b": "__proto__"},
    {"a": "\u00e9", "b": "e\u0301"},
    {"a": "A", "b": "a"},
    {"a": "0", "b": "00"},
    {"a": " a", "b": "a "},
    {"a": "ab", "b": "a\u200bb"},
    {"a": "a\u0000b", "b": "a\u0000c"},
    {"a": "n" * 1000, "b": "n" * 999 + "m"},
)
"""Accounts that programs trip over."""

STAGES: Final = {
    "start": "the first life of a process, and the last line of one",
    "configurations": "every input in every configuration",
    "names": "accounts that programs trip over",
    "sequences": "every two inputs after every way into every configuration",
    "walks": "long random walks",
}
"""The parts of the tests, in order. The first one is always done: who fails there does not speak the protocol."""

LONG: Final = 1000
"""A line of so many bytes takes too much time to be said thousands of times."""
_FULL: Final = (State.UN_LOGIN, State.LOGGED_IN, State.WAITING)
"""So it is said in these alone, where a login is permitted and its local data is open."""


class Plan:
    """The cases of each stage."""

    def __init__(self, seed: int, examples: int) -> None:
        self._seed, self._examples = seed, examples
        self._graph = login_graph()
        self.stages: Final[dict[str, Callable[[], Iterator[Case]]]] = {
            "start": self._first_lives,
            "configurations": self._configurations,
            "names": self._names,
            "sequences": self._sequences,
            "walks": self._walks,
        }

    def _first_lives(self) -> Iterator[Case]:
        """Before the first start a program is as after one with nothing saved."""
        yield Case([FRESH], alone=True)
        yield Case([*_LIFE, FRESH, *_LIFE], alone=True)
        yield Case([_SAVED, *_LIFE], alone=True)

    def _configurations(self) -> Iterator[Case]:
        return _together(_numbers(path) for path in every_input(self._graph))

    def _names(self) -> Iterator[Case]:
        """Everything that has to do with accounts: who is meant, who is permitted, online, and has local data."""
        paths = [_numbers(path) for path in cover(self._graph, _about_accounts)]
        for names in NAMES:
            for escaped in (False, True) if not "".join(names.values()).isascii() else (False,):
                for case in _together(iter(paths)):
                    yield evolve(case, names=names, escaped=escaped)

    def _sequences(self) -> Iterator[Case]:
        """The one walk (a start leads everywhere), cut where it starts anew anyway."""
        piece: Numbers = [FRESH]
        for edge in chain.from_iterable(every_pair(self._graph, CORE, also=_of_other_inputs(self._graph))):
            number = _number(edge)
            if ALPHABET[number].starts and len(piece) >= BATCH:
                yield Case(piece)
                piece = []
            piece.append(number)
        yield Case(piece)

    def _walks(self) -> Iterator[Case]:
        if not self._examples:
            return iter(())
        from .walks import walks  # needs hypothesis

        found = walks(self._graph, self._seed, self._examples)
        return _together([FRESH, *numbers] for numbers in found)


def _numbers(path: Iterable[Login]) -> Numbers:
    return [FRESH, *map(_number, path)]


def _number(edge: Login) -> int:
    return edge.number % len(ALPHABET)


def _about_accounts(edge: Login) -> Hashable:
    content = edge.input.content or {}
    named = content.get("saved") or content.get("auto_login") or content
    before = edge.before
    who = named.get("account"), before.account, before.permitted, before.local_data
    return (edge.row, edge.guards, who) if edge.row is not None and any(who) else None


def _of_other_inputs(graph: Graph[Lifecycle, Message, Json]) -> Iterator[Login]:
    """What is not of the core may be answered rightly and leave something wrong behind: of each such input that moves
    the machine, an edge in each state and for each who attempts; of each line that is not valid, one in each state, or
    if it is long, where there is most to damage.
    """
    seen = set()
    for edge in graph.edges:
        number = edge.number % len(graph.inputs)
        if number in CORE or not (edge.moves or edge.input.content is None):
            continue
        kind = (number, edge.before.state, edge.before.attempt if edge.moves else None)
        if kind not in seen and (len(edge.input.line) <= LONG or _much_to_damage(edge.before)):
            seen.add(kind)
            yield edge


def _much_to_damage(session: Lifecycle) -> bool:
    return session.state in _FULL and session.permitted is not None and session.permitted == session.local_data


def _together(cases: Iterator[Numbers]) -> Iterator[Case]:
    """Short cases said in one go: one wait for many answers."""
    numbers: Numbers = []
    for case in cases:
        numbers += case
        if len(numbers) >= BATCH:
            yield Case(numbers)
            numbers = []
    if numbers:
        yield Case(numbers)


def _numbers_of(*contents: Json) -> Numbers:
    """The messages with this content, which may leave out tokens."""

    def says(message: Message, content: Json) -> bool:
        return message.content is not None and content.items() <= message.content.items()

    return [next(n for n, message in enumerate(ALPHABET) if says(message, content)) for content in contents]


_LIFE: Final = _numbers_of(
    {"in": "initialize", "auto_login": login_of("a")},
    {"in": "login", "account": "a"},
    {"in": "link_opened"},
    {"in": "accepted"},
    {"in": "sync_started"},
    {"in": "sync_finished"},
    {"in": "link_lost"},
    {"in": "retry_due"},
    {"in": "link_opened"},
    {"in": "refused", "code": 417},
    {"in": "initialize", "auto_login": login_of("a")},
    {"in": "logout"},
)
(_SAVED,) = _numbers_of({"in": "start", "saved": login_of("a"), "network": True})
(LOGIN,) = _numbers_of({"in": "login", "account": "a"})
