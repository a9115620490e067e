"""The tests of a client: what is said to a program, in which order, and the shortest story of what it gets wrong.

First what can be told completely: every input in every configuration on shortest paths; then every two inputs after
every way into every configuration, because a program may remember what the table does not. Then long random walks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

from attrs import define, evolve, field, frozen

from ...adapter import Json
from ...engine import Row
from ...lifecycle import Lifecycle
from ..clauses import Clause
from ..graph import Graph
from ..paths import cover, every_input, every_pair
from ..shrink import shrink
from .examiner import FRESH, Case, Examiner, Failure, Numbers
from .judge import Verdict
from .laws import LAWS
from .login import Login, login_graph
from .messages import CORE, Message
from .subject import BATCH, Subject

NAMES: Final = (
    {"a": "李雷🙂", "b": 'say "b"\\\n\u2028'},
    {"a": "constructor", "b": "__proto__"},
    {"a": "\u00e9", "b": "e\u0301"},
    {"a": "A", "b": "a"},
    {"a": "n" * 1000, "b": "n" * 999 + "m"},
)
"""Accounts that programs trip over."""

STAGES: Final = {
    "configurations": "every input in every configuration",
    "names": "accounts that programs trip over",
    "sequences": "every two inputs after every way into every configuration",
    "walks": "long random walks",
}
"""The parts of the tests, in order."""

MAX_TRIES: Final = 400
"""How often a story is tried while it is made short."""
MAX_SECONDS: Final = 10.0
"""How long that may take, for a story from one start."""
MAX_BREAKDOWNS: Final = 2
"""A program that hangs or dies as often as this in the same way is not asked any further."""


@frozen(eq=False)
class Finding:
    """Something that the program gets wrong."""

    verdict: Verdict
    stage: str
    steps: tuple[Login, ...] = field(repr=False)
    """The shortest story that was found; in the last step it goes wrong."""
    answers: tuple[bytes, ...] = field(repr=False)
    """What the program answered; one fewer than steps where it gave none at last."""
    alike: int = 1
    """How often the like of it was seen."""
    happens_again: bool = True
    """False where a fresh process did not do it again."""

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """What it breaks, the most telling first."""
        return self.verdict.clauses


@define
class Stage:
    """A part of the tests, and how it went."""

    name: str
    what: str
    steps: int = 0
    seconds: float = 0.0
    findings: int = 0


@define(eq=False)
class Coverage:
    """How much of the machine the program was seen to do right."""

    graph: Graph[Lifecycle, Message, Json] = field(factory=login_graph, repr=False)
    edges: set[int] = field(factory=set)
    pairs: set[tuple[Row, Row]] = field(factory=set)

    def add(self, steps: Sequence[Login]) -> None:
        """These steps went right, one after the other."""
        self.edges.update(step.number for step in steps)
        self.pairs.update(_pairs(pairwise(steps)))

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many of how many."""
        graph = self.graph
        seen = [graph.edges[number] for number in self.edges]
        return {
            "states": (len({edge.after.state for edge in seen}), len({edge.after.state for edge in graph.edges})),
            "configurations": (len({edge.source for edge in seen}), len(graph.configurations)),
            "inputs in them": (len(seen), len(graph.edges)),
            "rows": (len({edge.row for edge in seen} - {None}), len(graph.rows)),
            "guards, both ways": (len(_guards(seen)), len(_guards(graph.edges))),
            "pairs of rows": (len(self.pairs), len(_all_pairs(graph))),
        }


def _guards(edges: Iterable[Login]) -> set[tuple[str, bool]]:
    return {guard for edge in edges for guard in edge.guards}


def _pairs(steps: Iterable[tuple[Login, Login]]) -> Iterator[tuple[Row, Row]]:
    return ((a.row, b.row) for a, b in steps if a.row is not None and b.row is not None)


@cache
def _all_pairs(graph: Graph[Lifecycle, Message, Json]) -> frozenset[tuple[Row, Row]]:
    return frozenset(_pairs((edge, then) for edge in graph.edges for then in graph.out(edge.target)))


@define(eq=False)
class Result:
    """What came of the tests."""

    command: tuple[str, ...]
    seed: int
    examples: int
    only: str | None = None
    stages: list[Stage] = field(factory=list)
    findings: list[Finding] = field(factory=list)
    """The shortest story first."""
    others: int = 0
    """Differences that do not break `only`."""
    coverage: Coverage = field(factory=Coverage)
    complete: bool = True
    """False where it ended early: enough was found."""

    @property
    def holds(self) -> bool:
        """Whether the program passes."""
        return not self.findings


class _Enough(Exception):
    """So much is found that more would be more of the same."""


class Conformance:
    """The tests of one program."""

    def __init__(
        self,
        subject: Subject,
        *,
        command: Sequence[str] = (),
        seed: int = 0,
        examples: int = 200,
        only: str | None = None,
        max_findings: int = 5,
        stages: Collection[str] = STAGES,
        progress: Callable[[Stage], None] = lambda _: None,
    ) -> None:
        if only is not None and only not in LAWS:
            raise ValueError(f"there is no rule {only!r}; give one of {', '.join(LAWS)}")
        self.result = Result(tuple(command), seed, examples, only)
        self._stages = stages
        self._examiner = Examiner(subject)
        self._max_findings = max_findings
        self._progress = progress
        self._known: dict[tuple[Clause, str], int] = {}
        """The number of the finding that each kind of verdict belongs to."""

    def run(self) -> Result:
        """Everything, in order. Raises NimAuthError when the program cannot be started at all."""
        cases = {
            "configurations": self._configurations,
            "names": self._names,
            "sequences": self._sequences,
            "walks": self._walks,
        }
        first = ("start", "a first line, and its answer", lambda: iter([Case([FRESH])]))
        return self._run([first, *((name, STAGES[name], cases[name]) for name in STAGES if name in self._stages)])

    def replay(self, examiner: Examiner, stories: Iterable[Numbers]) -> Result:
        """Stories again, that may have other messages than the tests."""
        self._examiner = examiner
        self.result.coverage = Coverage(examiner.graph)
        return self._run([("replay", "stories again", lambda: (Case([FRESH, *story]) for story in stories))])

    # -- what is said --------------------------------------------------------------------------------------------------

    def _configurations(self) -> Iterator[Case]:
        return _together(self._numbers(path) for path in every_input(self._examiner.graph))

    def _names(self) -> Iterator[Case]:
        paths = [self._numbers(path) for path in cover(self._examiner.graph, lambda edge: edge.row)]
        return (evolve(case, names=names) for names in NAMES for case in _together(iter(paths)))

    def _sequences(self) -> Iterator[Case]:
        """The one walk, cut where it starts anew anyway."""
        piece: Numbers = [FRESH]
        for edge in every_pair(self._examiner.graph, CORE):
            number = self._number(edge)
            if number in self._examiner.starts and len(piece) >= BATCH:
                yield Case(piece)
                piece = []
            piece.append(number)
        yield Case(piece)

    def _walks(self) -> Iterator[Case]:
        if not self.result.examples:
            return iter(())
        from .walks import walks  # needs hypothesis

        found = walks(self._examiner.graph, self.result.seed, self.result.examples)
        return _together([FRESH, *numbers] for numbers in found)

    def _numbers(self, path: Iterable[Login]) -> Numbers:
        return [FRESH, *map(self._number, path)]

    def _number(self, edge: Login) -> int:
        return edge.number % len(self._examiner.messages)

    # -- how it goes ---------------------------------------------------------------------------------------------------

    def _run(self, stages: Sequence[tuple[str, str, Callable[[], Iterator[Case]]]]) -> Result:
        try:
            for name, what, cases in stages:
                self._stage(Stage(name, what), cases)
                if name == "start" and self.result.findings:
                    raise _Enough  # it does not speak the protocol at all
        except _Enough:
            self.result.complete = False
        finally:
            self._examiner.restart()
        self.result.findings.sort(key=lambda finding: len(finding.steps))
        return self.result

    def _stage(self, stage: Stage, cases: Callable[[], Iterator[Case]]) -> None:
        self.result.stages.append(stage)
        began = time.monotonic()
        try:
            for case in cases():
                stage.steps += len(case.numbers)
                self._try(stage, case)
                stage.seconds = time.monotonic() - began
                self._progress(stage)
        finally:
            stage.seconds = time.monotonic() - began
            self._progress(stage)

    def _try(self, stage: Stage, case: Case) -> None:
        """Say a case. Where the program breaks down it goes on at the next start."""
        while case.numbers:
            steps = self._examiner.steps(case)
            failures, said = self._examiner.examine(case, steps)
            if not failures:
                self.result.coverage.add(steps)
                return
            history = self._examiner.said[: -len(steps)]
            places = [failure.place for failure in failures]
            for first, place in pairwise([-1, *places]):
                start = next((at for at in range(first + 1, place) if case.numbers[at] in self._examiner.starts), place)
                self.result.coverage.add(steps[start:place])
            for failure in failures:
                if not self._found(stage, case, failure, history):
                    break  # what came after it means nothing
            at = next(
                (place for place in range(said, len(steps)) if case.numbers[place] in self._examiner.starts), len(steps)
            )
            case = evolve(case, numbers=case.numbers[at:])

    # -- what is found -------------------------------------------------------------------------------------------------

    def _found(self, stage: Stage, case: Case, failure: Failure, history: Numbers) -> bool:
        """Keep what is new. False where the program's answers are no answers to what it was told any more."""
        if self.result.only is not None and LAWS[self.result.only] not in failure.verdict.clauses:
            self.result.others += 1
            return True
        kind = failure.verdict.kind
        known = self._known.get(kind)
        if known is None:
            shortest = self._first if stage.name == "start" else self._shortest
            finding = shortest(stage, case, failure, history)
            # Made short, it may turn out to be what was found before.
            known = self._known.setdefault(finding.verdict.kind, len(self.result.findings))
            self._known[kind] = known
            if known == len(self.result.findings):
                stage.findings += 1
                self.result.findings.append(finding)
                if known + 1 >= self._max_findings:
                    raise _Enough
                return LAWS["P1"] not in finding.clauses
        finding = self.result.findings[known]
        self.result.findings[known] = evolve(finding, alike=finding.alike + 1)
        if LAWS["P1"] not in finding.clauses:
            return True
        if finding.alike >= MAX_BREAKDOWNS:
            raise _Enough
        return False

    def _first(self, stage: Stage, case: Case, failure: Failure, _: Numbers) -> Finding:
        """A story of one line is as short as it gets."""
        return Finding(failure.verdict, stage.name, tuple(self._examiner.steps(case)), tuple(failure.answers))

    def _shortest(self, stage: Stage, case: Case, failure: Failure, history: Numbers) -> Finding:
        """The story made short: from its own start if that is enough, or else from all that the process was told."""
        told = case.numbers[: failure.place + 1]
        start = max(place for place, number in enumerate(told) if number in self._examiner.starts)
        for numbers, fresh in ((told[start:], False), (told[start:], True), ([*history, *told], True)):
            shortening = _Shortening(self._examiner, case, failure.verdict, fresh=fresh)
            with self._examiner.hurried():
                story = shortening.shorten(numbers)
            if story is not None and (confirmed := shortening.alone(story)) is not None:
                steps = tuple(self._examiner.steps(evolve(case, numbers=story[: confirmed.place + 1])))
                return Finding(confirmed.verdict, stage.name, steps, tuple(confirmed.answers))
        steps = tuple(self._examiner.steps(evolve(case, numbers=told[start:])))
        answers = tuple(failure.answers[start:])
        return Finding(failure.verdict, stage.name, steps, answers, happens_again=False)


class _Shortening:
    """Makes one story short. It is the same story as long as it breaks the same rule."""

    def __init__(self, examiner: Examiner, case: Case, verdict: Verdict, *, fresh: bool) -> None:
        self._examiner = examiner
        self._case = case
        self._verdict = verdict
        self._fresh = fresh
        """A fresh process for each try: where a start leaves something of what was before."""
        self._tries = 0
        self._ends = time.monotonic() + (MAX_SECONDS / 2 if verdict.clauses[0] is LAWS["P1"] else MAX_SECONDS)

    def shorten(self, numbers: Numbers) -> Numbers | None:
        """The short story; None if it does not go wrong at all."""
        story = self._fails(numbers)
        if story is None:
            return None
        last = self._examiner.steps(evolve(self._case, numbers=story))[-1]
        width = len(self._examiner.messages)
        direct = [FRESH, *(e.number % width for e in self._examiner.graph.path(last.source)), story[-1]]
        if len(direct) < len(story):
            story = self._fails(direct) or story
        story = shrink(story, self._fails, self._simpler)
        if len(story) > 1 and story[1] in self._examiner.starts:
            story = self._fails(story[1:]) or story
        return story

    def alone(self, numbers: Numbers) -> Failure | None:
        """How it goes in a process of its own, one line at a time."""
        self._examiner.restart()
        failure = self._examiner.first_failure(evolve(self._case, numbers=numbers), one_by_one=True)
        self._examiner.restart()
        return failure

    def _fails(self, numbers: Numbers) -> Numbers | None:
        self._tries += 1
        if not numbers or self._tries > MAX_TRIES or time.monotonic() > self._ends:
            return None
        if numbers[0] not in self._examiner.starts:
            numbers = [FRESH, *numbers]
        if self._fresh:
            self._examiner.restart()
        failure = self._examiner.first_failure(evolve(self._case, numbers=numbers))
        if failure is None or failure.verdict.clauses[0] != self._verdict.clauses[0]:
            return None
        return numbers[: failure.place + 1]

    def _simpler(self, number: int) -> Iterator[int]:
        """Earlier messages of the same kind."""
        content = self._examiner.messages[number].content
        for other in range(number):
            message = self._examiner.messages[other]
            if message.content is not None and content is not None and message.content["in"] == content["in"]:
                yield other


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
