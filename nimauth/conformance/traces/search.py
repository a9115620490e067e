"""Is a trace possible? A search over all the sessions that could have shown it, as a subset construction.

A `Subset` holds all the configurations that the lines so far leave possible, and what leads from one subset to the next
is remembered: a long trace meets the same few hundred subsets again and again.

Accounts are numbered within a subset, by the part that they play in it, so that a trace of thousands of accounts meets
no more subsets than one of two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from attrs import define, field

from ...trace import Kind
from ...vocabulary.states import State
from .spellings import Spelling
from .steps import MAX_NAMES, NEW, UNKNOWN, Call, Configuration, Due, Steps, Symbol, Who
from .tolerances import Tolerance

MAX_REMEMBERED: Final = 400_000
"""About so many configurations are held in all the subsets that are remembered; then it begins anew."""


class Used(NamedTuple):
    """The rows and the states of the machine, a bit for each."""

    rows: int
    states: int

    def and_also(self, other: Used) -> Used:
        """Both together."""
        return Used(self.rows | other.rows, self.states | other.states)


Edges = tuple[tuple[int, int], ...]
"""Configurations by number, and the rows that lead to each."""

STATE_BITS: Final = {state: 1 << number for number, state in enumerate(State)}


@define(eq=False)
class Subset:
    """What is possible after some lines."""

    entries: frozenset[int]
    """The configurations just after the last line, before anything else happens."""
    closed: frozenset[int]
    """These, and all that can come of them unseen."""
    last: Spelling | None
    """What was shown last."""
    names: int
    next: dict[Symbol, Move | None] = field(factory=dict)


@define(eq=False)
class Move:
    """One line, from one subset to the next."""

    target: Subset
    taken: tuple[tuple[int, int, int], ...]
    """Which configuration takes the line, what becomes of it, and the rows."""
    keep: tuple[int, ...] | None
    """The accounts by their old numbers, in the new order; None where they stay as they are."""
    is_start: bool = False
    backwards: dict[frozenset[int], tuple[frozenset[int], Used]] = field(factory=dict)


@define(eq=False)
class Search:
    """The subsets of one machine, for traces in which the same kinds of call are hidden."""

    steps: Steps
    _configurations: list[Configuration] = field(factory=list, init=False)
    _numbers: dict[Configuration, int] = field(factory=dict, init=False)
    _unseen: dict[int, Edges] = field(factory=dict, init=False)
    _sources: dict[Spelling | None, tuple[dict[int, list[tuple[int, int]]], set[int]]] = field(factory=dict, init=False)
    """By what was shown last: what leads to each configuration unseen, and by which rows; and from where that is known.
    For all subsets together, or it would take most of the memory."""
    _takes: dict[Symbol, dict[int, Edges]] = field(factory=dict, init=False)
    _subsets: dict[tuple[frozenset[int], Spelling | None], Subset] = field(factory=dict, init=False)
    _sets: dict[frozenset[int], frozenset[int]] = field(factory=dict, init=False)
    """One object for equal sets: it is found faster."""
    _remembered: int = field(default=0, init=False)

    # -- from subset to subset -----------------------------------------------------------------------------------------

    def begin(self) -> Move:
        """Before the first line."""
        found: dict[int, int] = {}
        for one, rows in self.steps.beginnings():
            number = self._number(one)
            found[number] = found.get(number, 0) | rows
        return Move(self._subset(frozenset(found), None), tuple((-1, *edge) for edge in found.items()), None)

    def follow(self, subset: Subset, symbol: Symbol) -> Move | None:
        """The move that a line makes; None where it cannot be."""
        try:
            return subset.next[symbol]
        except KeyError:
            move = subset.next[symbol] = self._move(subset, symbol)
            return move

    def adopt(self, subset: Subset, of: Search) -> Subset:
        """The same configurations, in this search: from here on fewer kinds of call are hidden."""
        held = [of.configuration(number) for number in subset.closed]
        if (
            Kind.LOGIN_RESULT in of.steps.hidden - self.steps.hidden
        ):  # nobody kept what a login that is over has yet to tell
            over = [one for one in held if not self.steps.machine.node(one.node).is_manual]
            held += [one._replace(result=ok) for one in over for ok in (True, False)]
        return self._subset(frozenset(map(self._number, held)), subset.last)

    def configuration(self, number: int) -> Configuration:
        """What a number stands for."""
        return self._configurations[number]

    @property
    def remembered(self) -> int:
        """About how many configurations are held. Beyond MAX_REMEMBERED it is time to `forget`."""
        return self._remembered

    def forget(self, subset: Subset) -> Subset:
        """Begin anew, with this subset alone. Moves and subsets from before are of no use any more."""
        kept = [self._configurations[number] for number in subset.entries]
        held: tuple[list[Configuration] | dict[Any, Any], ...] = (self._configurations, self._numbers, self._unseen)
        for each in (*held, self._sources, self._takes, self._subsets, self._sets):
            each.clear()
        self._remembered = 0
        return self._subset(frozenset(map(self._number, kept)), subset.last)

    def backwards(self, move: Move, survivors: frozenset[int]) -> tuple[frozenset[int], Used]:
        """Of the source's configurations those that can become one of these, and what they use on their way."""
        known = move.backwards.get(survivors)
        if known is None:
            known = move.backwards[survivors] = self._backwards(move, survivors)
            self._remembered += len(known[0])
        return known

    # -- how subsets are found -----------------------------------------------------------------------------------------

    def _move(self, subset: Subset, symbol: Symbol) -> Move | None:
        is_start = isinstance(symbol, Call) and symbol.kind is Kind.START
        takes = self._takes.setdefault(symbol, {})
        taken: list[tuple[int, int, int]] = []
        for number in subset.closed:
            edges = takes.get(number)
            if edges is None:
                then = self.steps.take(self._configurations[number], symbol)
                edges = takes[number] = tuple((self._number(one), rows) for one, rows in then)
            if not is_start and isinstance(symbol, Call):
                edges = self._with_silent(number, edges, subset.last)
            taken += [(number, entry, rows) for entry, rows in edges]
        if not taken:
            return None
        self._remembered += len(taken)
        taken, keep = self._renamed(taken)
        last = symbol if isinstance(symbol, Spelling) else subset.last
        target = self._subset(frozenset(entry for _, entry, _ in taken), last)
        return Move(target, tuple(taken), None if keep == tuple(range(subset.names)) else keep, is_start)

    def _subset(self, entries: frozenset[int], last: Spelling | None) -> Subset:
        subset = self._subsets.get((entries, last))
        if subset is None:
            closed = self._closure(entries, last)
            names = len(_names(self._configurations[number].who for number in entries))
            subset = self._subsets[entries, last] = Subset(entries, closed, last, names)
            self._remembered += len(entries) + len(closed)
        return subset

    def _closure(self, entries: Iterable[int], last: Spelling | None) -> frozenset[int]:
        found = list(entries)
        seen = set(found)
        for number in found:
            for then, _ in self._edges(number, last):
                if then not in seen:
                    seen.add(then)
                    found.append(then)
        return frozenset(seen)

    def _edges(self, number: int, last: Spelling | None) -> Edges:
        """What can come of a configuration unseen."""
        edges = self._unseen.get(number)
        if edges is None:
            found = self.steps.unseen(self._configurations[number])
            edges = self._unseen[number] = tuple((self._number(one), rows) for one, rows in found)
        return self._with_silent(number, edges, last)

    def _with_silent(self, number: int, edges: Edges, last: Spelling | None) -> Edges:
        """The edges, and again those that lead on within what was shown last: they need not show that again."""
        if last is None or self._state(number) not in last.states:
            return edges
        if Tolerance.NOT_SHOWN_AGAIN not in self.steps.tolerances and not last.shows_several:
            return edges
        again = [(self._configurations[then], rows) for then, rows in edges if self._state(then) in last.states]
        return *edges, *((self._number(one._replace(due=Due.NOT)), rows) for one, rows in again if one.due is Due.MUST)

    def _backwards(self, move: Move, survivors: frozenset[int]) -> tuple[frozenset[int], Used]:
        closed, last = move.target.closed, move.target.last
        sources = self._sources_of(closed, last)
        found = list(survivors)
        seen = set(found)
        rows = states = 0
        for number in found:
            states |= STATE_BITS[self._state(number)]
            for source, by in sources.get(number, ()):
                if source not in closed:
                    continue
                rows |= by
                if source not in seen:
                    seen.add(source)
                    found.append(source)
        taken = [edge for edge in move.taken if edge[1] in seen]
        if move.is_start:
            # A process may end before it shows what it owes. That explains the next one only where nothing else does.
            shown = [edge for edge in taken if self._configurations[edge[0]].due is not Due.MUST]
            explained = {entry for _, entry, _ in shown}
            taken = shown + [edge for edge in taken if edge[1] not in explained]
        survived = frozenset(source for source, _, _ in taken)
        for _, _, by in taken:
            rows |= by
        return self._sets.setdefault(survived, survived), Used(rows, states)

    def _sources_of(self, numbers: frozenset[int], last: Spelling | None) -> dict[int, list[tuple[int, int]]]:
        sources, known = self._sources.setdefault(last, ({}, set()))
        for number in numbers - known:
            known.add(number)
            for then, rows in self._edges(number, last):
                sources.setdefault(then, []).append((number, rows))
        return sources

    def _renamed(self, taken: list[tuple[int, int, int]]) -> tuple[list[tuple[int, int, int]], tuple[int, ...]]:
        """Number the accounts anew, and forget those that no configuration holds."""
        entries = {entry for _, entry, _ in taken}
        live = _names(self._configurations[entry].who for entry in entries)
        keep = self._in_order(live, entries)[:MAX_NAMES]
        numbers = {name: number for number, name in enumerate(keep)}
        if all(name == number for name, number in numbers.items()) and len(live) == len(keep):
            return taken, keep
        then = {}
        for entry in entries:
            configuration = self._configurations[entry]
            then[entry] = self._number(configuration._replace(who=_renumbered(configuration.who, numbers)))
        return [(source, then[entry], rows) for source, entry, rows in taken], keep

    def _in_order(self, live: set[int], entries: set[int]) -> tuple[int, ...]:
        """Accounts that play the same part stand together, so that it is all the same which of them came first."""
        parts: dict[int, list[int]] = {name: [] for name in live}
        for entry in entries:
            configuration = self._configurations[entry]
            if isinstance(configuration.who, int):
                parts[configuration.who].append(self._number(configuration._replace(who=None)))
        return tuple(sorted(live, key=lambda name: (not parts[name], sorted(parts[name]), name != NEW, name)))

    def _number(self, configuration: Configuration) -> int:
        number = self._numbers.get(configuration)
        if number is None:
            number = self._numbers[configuration] = len(self._configurations)
            self._configurations.append(configuration)
        return number

    def _state(self, number: int) -> State:
        return self.steps.state(self._configurations[number])


def _names(holders: Iterable[Who]) -> set[int]:
    names: set[int] = set()
    for who in holders:
        if isinstance(who, int):
            names.add(who)
        elif who is not None:
            names.update(who)
    return names


def _renumbered(who: Who, numbers: dict[int, int]) -> Who:
    if isinstance(who, int):
        return numbers.get(who, UNKNOWN)
    return None if who is None else tuple(sorted(numbers[name] for name in who if name in numbers))
