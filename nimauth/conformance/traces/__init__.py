"""Recorded traces: are they possible under the table, and how much of the machine do they cover?

    checker = Checker()
    with open("trace.jsonl", "rb") as file:
        report = checker.check("trace.jsonl", file)
    print(report.possible, report.findings, checker.coverage())

A trace is read once, line by line, in bounded memory. docs/traces.md has its form, and what is tolerated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import islice
from typing import Any, Final

from attrs import define, field, frozen

from ...engine import Row
from ...lifecycle import Lifecycle
from ...strictjson import BadLine
from ...trace import Kind
from ...vocabulary.rules import Rule
from ...vocabulary.states import State
from .machine import Machine
from .reading import Line, Reader, Unreadable, Untold, lines_of
from .search import MAX_REMEMBERED, STATE_BITS, Move, Search, Subset, Used
from .spellings import Family, Spelling
from .steps import ANYBODY, CALLS, NEW, RESULTS, Call, Steps, Symbol
from .tolerances import DEFAULT, Tolerance
from .why import allowed, why

LOOK_AHEAD: Final = 8192
"""So many lines are read ahead, to see which kinds of call a trace tells of: they are recorded from the first line on,
one that is first told of later from there on. And so far ahead it is seen which explanations come to nothing."""
MAX_FINDINGS: Final = 100
"""After so many, a file is taken for no trace, and the rest of it is not read."""


_NONE: Final = Used(0, 0)


class What:
    """The kinds of finding."""

    IMPOSSIBLE: Final = "impossible"
    BAD_LINE: Final = "bad line"
    SECRET: Final = "secret"
    UNREADABLE: Final = "unreadable"


@frozen
class Finding:
    """Something that is wrong with a trace."""

    what: str
    line: int
    """Counted from 1; the last one that was read, where no single line is meant; 0 for none."""
    text: str
    """A sentence. It holds nothing of what the trace says."""
    rule: Rule | None = None
    """The rule that is broken, where one is."""
    shown: dict[str, Any] | None = None
    """The line's known fields."""
    allowed: tuple[str, ...] = ()
    """What would have been possible in its place."""


@frozen
class Report:
    """What a check says of one trace."""

    trace: str
    lines: int
    findings: tuple[Finding, ...]
    not_recorded: tuple[Kind, ...]
    """The kinds of call that the trace does not tell of, so that any could have been made unseen."""

    @property
    def possible(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.findings


@frozen
class Coverage:
    """The part of the machine that some explanation of the traces uses."""

    states: tuple[State, ...]
    rows: tuple[Row, ...]
    missing_states: tuple[State, ...]
    missing_rows: tuple[Row, ...]


@define(eq=False)
class Checker:
    """Checks traces, one after the other, and keeps what it learns of the machine on the way."""

    tolerances: frozenset[Tolerance] = DEFAULT
    recorded: frozenset[Kind] = frozenset()
    """The kinds of call of which it is known that the traces tell each one."""
    numbers: Family = Family.V2
    """Whose numbers a number for a status is, where a trace does not say so itself."""
    lifecycle: type[Lifecycle] = Lifecycle
    _machine: Machine = field(init=False)
    _searches: dict[frozenset[Kind], Search] = field(factory=dict, init=False)
    _used: Used = field(default=_NONE, init=False)

    def __attrs_post_init__(self) -> None:
        self._machine = Machine(self.lifecycle)

    def check(self, name: str, stream: BufferedReader) -> Report:
        """Read a trace to its end, and say what is wrong with it. Never raises for what it says."""
        return self._report(name, _Source(lines_of(stream), self.numbers))

    def check_lines(self, name: str, lines: Iterable[bytes]) -> Report:
        """The same, of lines that are at hand."""
        return self._report(name, _Source(iter(lines), self.numbers))

    def coverage(self) -> Coverage:
        """Of all the traces so far, up to the first line of each that cannot be."""
        rows = self._machine.program.rows
        took = [bool(self._used.rows >> number & 1) for number in range(len(rows))]
        visited = [bool(self._used.states & STATE_BITS[state]) for state in State]
        return Coverage(
            tuple(state for state, there in zip(State, visited, strict=True) if there),
            tuple(row for row, there in zip(rows, took, strict=True) if there),
            tuple(state for state, there in zip(State, visited, strict=True) if not there),
            tuple(row for row, there in zip(rows, took, strict=True) if not there),
        )

    def search(self, hidden: frozenset[Kind]) -> Search:
        """The search for traces in which these kinds of call are hidden."""
        search = self._searches.get(hidden)
        if search is None:
            search = self._searches[hidden] = Search(Steps(self._machine, self.tolerances, hidden))
        return search

    def _report(self, name: str, source: _Source) -> Report:
        run = _Run(self, source)
        impossible = run.to_the_end()
        if not run.is_beginning:
            self._used = self._used.and_also(run.used)
        findings = source.findings + ([impossible] if impossible is not None else [])
        if run.is_beginning and not findings:
            findings.append(Finding(What.UNREADABLE, 0, "it tells no call and no status; nothing was checked"))
        findings.sort(key=lambda finding: finding.line)
        hidden = tuple(kind for kind in Kind if kind in run.hidden)
        return Report(name, source.lines, tuple(findings), hidden)


@define(eq=False)
class _Source:
    """The lines of one trace; it keeps what is wrong with those that are none."""

    _raw: Iterator[bytes | None]
    _numbers: Family
    lines: int = 0
    findings: list[Finding] = field(factory=list)

    def __iter__(self) -> Iterator[Line]:
        reader = Reader(self._numbers)
        try:
            for number, raw in enumerate(self._raw, 1):
                self.lines = number
                try:
                    line = reader.read(number, raw)
                except BadLine as bad:
                    self._find(What.BAD_LINE, str(bad))
                else:
                    if line is not None:
                        yield line
                if reader.secret is not None:
                    self._find(
                        What.SECRET,
                        f"a field is called like a {reader.secret}; take it out of the trace, and change it",
                    )
        except Unreadable as unreadable:
            self.findings.append(Finding(What.UNREADABLE, self.lines, str(unreadable)))

    def _find(self, what: str, text: str) -> None:
        self.findings.append(Finding(what, self.lines, text))
        if len(self.findings) >= MAX_FINDINGS:
            raise Unreadable(f"there are {MAX_FINDINGS} lines that are wrong; the rest is not read")


@define(eq=False)
class _Run:
    """One trace on its way through the subsets."""

    _checker: Checker
    _source: _Source
    hidden: frozenset[Kind] = frozenset(Kind)
    used: Used = _NONE
    _recorded: set[Kind] = field(factory=set)
    _search: Search | None = None
    _subset: Subset | None = None
    _names: list[str] = field(factory=list)
    """The accounts behind the subset's numbers."""
    _history: list[Move] = field(factory=list)
    """The moves of which it is not settled yet what they used."""
    is_beginning: bool = True
    """No line has counted yet."""

    def to_the_end(self) -> Finding | None:
        """Take every line. Gives the first that cannot be."""
        lines = iter(self._source)
        self._recorded.update(self._checker.recorded)
        impossible = None
        while block := list(islice(lines, LOOK_AHEAD)):
            if impossible is None:
                self._turn_to(block)
                impossible = self._take(block)
                if impossible is None and len(self._history) > LOOK_AHEAD:
                    self._settle(len(self._history) - LOOK_AHEAD)
        self._turn_to([])
        assert self._subset is not None
        self._settle(len(self._history), self._subset.entries)
        return impossible

    def _turn_to(self, block: list[Line]) -> None:
        """Hide the kinds of call that no line has told of."""
        for line in block:
            if line.kind is not None:
                self._recorded.add(line.kind)
            if line.records:
                self._recorded |= line.records
        hidden = frozenset(Kind) - self._recorded
        if self._search is None:
            self._search = self._checker.search(hidden)
            first = self._search.begin()
            self._history.append(first)
            self._subset = first.target
        elif hidden != self.hidden:
            self._settle(len(self._history))
            assert self._subset is not None
            search = self._checker.search(hidden)
            self._subset, self._search = search.adopt(self._subset, self._search), search
        self.hidden = hidden

    def _take(self, block: list[Line]) -> Finding | None:
        search, subset, history = self._search, self._subset, self._history
        assert search is not None
        assert subset is not None
        for line in block:
            value = line.value
            if line.kind is not None:
                symbol: Symbol = self._call(line)
            elif isinstance(value, Spelling) and value.states:
                symbol = value
            else:
                continue  # it says nothing of the login
            try:
                move = subset.next[symbol]
            except KeyError:
                if search.remembered > MAX_REMEMBERED:
                    self._subset = subset
                    self._settle(len(history))
                    subset = search.forget(subset)
                move = search.follow(subset, symbol)
            if move is None:
                self._subset = subset
                return self._impossible(symbol, line)
            if move.keep is not None:
                self._rename(move.keep, line)
            history.append(move)
            subset = move.target
            self.is_beginning = False
        self._subset = subset
        return None

    def _call(self, line: Line) -> Call:
        kind, value = line.kind, line.value
        assert kind is not None
        if kind is Kind.LOGIN_RESULT:
            return RESULTS[value is True]
        if isinstance(value, str):
            return CALLS[kind, self._names.index(value) if value in self._names else NEW]
        return CALLS[kind, ANYBODY if isinstance(value, Untold) else None]

    def _rename(self, keep: tuple[int, ...], line: Line) -> None:
        value = line.value
        new = value if isinstance(value, str) else ""
        self._names = [new if number == NEW else self._names[number] for number in keep]

    def _settle(self, count: int, survivors: frozenset[int] | None = None) -> None:
        """Note what the first `count` moves used, as far as it can have led to where the trace is now."""
        search, subset, history = self._search, self._subset, self._history
        assert search is not None
        assert subset is not None
        rows = states = 0
        alive = subset.closed if survivors is None else survivors
        for number in range(len(history) - 1, -1, -1):
            move = history[number]
            known = move.backwards.get(alive)
            alive, used = known if known is not None else search.backwards(move, alive)
            if number < count:
                rows |= used.rows
                states |= used.states
        self.used = self.used.and_also(Used(rows, states))
        del history[:count]

    def _impossible(self, symbol: Symbol, line: Line) -> Finding:
        search, subset = self._search, self._subset
        assert search is not None
        assert subset is not None
        reason = why(search, subset, symbol)
        text = reason.text
        if self.is_beginning and Tolerance.JOINED_LATE not in search.steps.tolerances:
            text += f"; if the recording begins in the midst of a session, allow {Tolerance.JOINED_LATE}"
        return Finding(What.IMPOSSIBLE, line.number, text, reason.rule, line.known, tuple(allowed(search, subset)))
