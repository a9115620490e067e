"""The tests of a client: what is said to a program, in which order, and the shortest story of what it gets wrong.

First what can be told completely: every input in every configuration on shortest paths; then every two inputs after
every way into every configuration, because a program may remember what the table does not. Then long random walks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import nullcontext
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
from ..shrink import HadEnough, shrink
from .examiner import FRESH, Case, Examiner, Failure, Numbers, Replayer
from .judge import Verdict, judge
from .laws import LAWS
from .login import Login, login_graph
from .messages import ALPHABET, CORE, Message, login_of
from .subject import BATCH, Process, Subject, SubjectFailed

NAMES: Final = (
    {"a": "李雷🙂", "b": 'say "b"\\\n\u2028'},
    {"a": "constructor", "b": "__proto__"},
    {"a": "\u00e9", "b": "e\u0301"},
    {"a": "A", "b": "a"},
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
MAX_TRIES: Final = 400
"""How often a story is tried while it is made short."""
MAX_SECONDS: Final = 10.0
"""How long that may take, for a story from one start."""
MAX_STORY: Final = 50
"""A story that is longer is not told line by line."""
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
    note: str = ""
    """What keeps it from going on."""


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
        self._subject = subject
        self._examiner = Examiner(subject)
        self._max_findings = max_findings
        self._progress = progress
        self._known: dict[tuple[Clause, str], int] = {}
        """The number of the finding that each kind of verdict belongs to."""

    def run(self) -> Result:
        """Everything, in order. Raises NimAuthError when the program cannot be started at all."""
        cases = {
            "start": self._first_lives,
            "configurations": self._configurations,
            "names": self._names,
            "sequences": self._sequences,
            "walks": self._walks,
        }
        return self._run([(name, cases[name]) for name in STAGES if name == "start" or name in self._stages])

    def replay(self, messages: Sequence[Message], stories: Iterable[Numbers]) -> Result:
        """Stories again, each in a process of its own."""
        self._examiner = Replayer(self._subject, messages)
        return self._run([("replay", lambda: (Case(numbers, alone=True) for numbers in stories))])

    # -- what is said --------------------------------------------------------------------------------------------------

    def _first_lives(self) -> Iterator[Case]:
        """Before the first start a program is as after one with nothing saved."""
        yield Case([FRESH], alone=True)
        yield Case([*_LIFE, FRESH, *_LIFE], alone=True)
        yield Case([_SAVED, *_LIFE], alone=True)

    def _configurations(self) -> Iterator[Case]:
        return _together(self._numbers(path) for path in every_input(self._examiner.graph))

    def _names(self) -> Iterator[Case]:
        """Everything that has to do with accounts: who is meant, who is permitted, online, and has local data."""
        paths = [self._numbers(path) for path in cover(self._examiner.graph, _about_accounts)]
        for names in NAMES:
            for escaped in (False, True):
                for case in _together(iter(paths)):
                    yield evolve(case, names=names, escaped=escaped)

    def _sequences(self) -> Iterator[Case]:
        """The one walk, cut where it starts anew anyway."""
        piece: Numbers = [FRESH]
        for edge in every_pair(self._examiner.graph, CORE, also=_of_other_inputs(self._examiner.graph)):
            number = self._number(edge)
            if self._examiner.starts(number) and len(piece) >= BATCH:
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

    def _run(self, stages: Sequence[tuple[str, Callable[[], Iterator[Case]]]]) -> Result:
        try:
            for name, cases in stages:
                stage = Stage(name, STAGES.get(name, "stories again"))
                self.result.stages.append(stage)
                self._stage(stage, cases)
                if name == "start":
                    self._last_line(stage)
                    if self.result.findings:
                        raise _Enough  # it does not speak the protocol
        except _Enough:
            self.result.complete = False
        finally:
            self._examiner.restart()
        if isinstance(self._subject, Process) and self._subject.told_the_token:
            self._add(self.result.stages[0], [_LOGIN], Verdict((LAWS["H6"],), "writes the token to its standard error"))
        self.result.findings.sort(key=lambda finding: len(finding.steps))
        return self.result

    def _stage(self, stage: Stage, cases: Callable[[], Iterator[Case]]) -> None:
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

    def _last_line(self, stage: Stage) -> None:
        """The last line of all needs no newline, and the end of input ends the program."""
        if not isinstance(self._subject, Process):
            return
        self._examiner.restart()
        step = self._examiner.steps(Case([FRESH]))[0]
        try:
            answer = self._subject.last_line(step.input.line)
            verdict = judge(step, answer)
        except SubjectFailed as failed:
            verdict = Verdict((LAWS["P1"],), failed.what, failed.detail)
        if verdict is not None:
            what = f"{verdict.what} (the line has no newline, and is the last one)"
            self._add(stage, [FRESH], evolve(verdict, what=what))

    def _add(self, stage: Stage, numbers: Numbers, verdict: Verdict) -> None:
        """A finding whose story is known."""
        stage.findings += 1
        self.result.findings.append(Finding(verdict, stage.name, tuple(self._examiner.steps(Case(numbers))), ()))

    def _try(self, stage: Stage, case: Case) -> None:
        """Say a case. Where the program breaks down it goes on at the next start."""
        while case.numbers:
            steps = self._examiner.steps(case)
            failures, said = self._examiner.examine(case, steps)
            self._count(steps, failures, said)
            if not failures:
                return
            history = self._examiner.said[: -len(steps)]
            for failure in failures:
                if not self._found(stage, case, failure, history):
                    break  # what came after it means nothing
            at = next((place for place in range(said, len(steps)) if steps[place].input.starts), len(steps))
            case = evolve(case, numbers=case.numbers[at:])

    def _count(self, steps: Sequence[Login], failures: Sequence[Failure], said: int) -> None:
        """What went right: from a start up to the next failure."""
        if isinstance(self._examiner, Replayer):
            return  # its steps are no part of the machine as it was walked
        begins = 0
        for ends in [*(failure.place for failure in failures), said]:
            self.result.coverage.add(steps[begins:ends])
            begins = next((place for place in range(ends + 1, said) if steps[place].input.starts), said)

    # -- what is found -------------------------------------------------------------------------------------------------

    def _found(self, stage: Stage, case: Case, failure: Failure, history: Numbers) -> bool:
        """Keep what is new. False where the program's answers are no answers to what it was told any more."""
        only, clauses = self.result.only, failure.verdict.clauses
        if only is not None and LAWS[only] not in clauses and LAWS["P1"] not in clauses:
            self.result.others += 1
            return True
        kind = failure.verdict.kind
        known = self._known.get(kind)
        if known is None:
            stage.note = "making a story short ..."
            self._progress(stage)
            finding = self._shortest(stage, case, failure, history)
            stage.note = ""
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

    def _shortest(self, stage: Stage, case: Case, failure: Failure, history: Numbers) -> Finding:
        """The story made short: from its own start if that is enough, or else from all that the process was told."""
        told = case.numbers[: failure.place + 1]
        start = max((place for place, number in enumerate(told) if self._examiner.starts(number)), default=0)
        tries = (
            [(told, True)] if case.alone else [(told[start:], False), (told[start:], True), ([*history, *told], True)]
        )
        for numbers, fresh in tries:
            shortening = _Shortening(self._examiner, case, failure.verdict, fresh=fresh)
            story = shortening.shorten(numbers)
            for candidate in filter(None, (story, numbers if fresh else None)):
                confirmed = shortening.alone(candidate)
                if confirmed is not None:
                    steps = tuple(self._examiner.steps(evolve(case, numbers=candidate[: confirmed.place + 1])))
                    return Finding(confirmed.verdict, stage.name, steps, tuple(confirmed.answers))
        steps = tuple(self._examiner.steps(evolve(case, numbers=told[start:])))
        answers = tuple(failure.answers[start:])
        return Finding(failure.verdict, stage.name, steps, answers, happens_again=False)


class _Shortening:
    """Makes one story short. It is the same story as long as the verdict is of the same kind."""

    def __init__(self, examiner: Examiner, case: Case, verdict: Verdict, *, fresh: bool) -> None:
        self._examiner = examiner
        self._case = case
        self._verdict = verdict
        self._fresh = fresh
        """A fresh process for each try: where a start leaves something of what was before."""
        self._head = (
            case.numbers[0] if case.alone and examiner.starts(case.numbers[0]) else None if case.alone else FRESH
        )
        """The start that a story gets when its own was left out."""
        self._tries = 0
        self._hurries = verdict.clauses[0] is LAWS["P1"]
        self._ends = time.monotonic() + (MAX_SECONDS / 2 if self._hurries else MAX_SECONDS)

    def shorten(self, numbers: Numbers) -> Numbers | None:
        """The short story; None if it does not go wrong at all."""
        with self._examiner.hurried() if self._hurries else nullcontext():
            story = self._fails(numbers)
            if story is None:
                return None
            if not self._case.alone:
                last = self._examiner.steps(evolve(self._case, numbers=story))[-1]
                width = len(self._examiner.messages)
                direct = [FRESH, *(e.number % width for e in self._examiner.graph.path(last.source)), story[-1]]
                if len(direct) < len(story):
                    story = self._tried(direct) or story
            story = shrink(story, self._fails, self._simpler)
            if len(story) > 1 and self._examiner.starts(story[1]):
                story = self._tried(story[1:]) or story
            return story

    def alone(self, numbers: Numbers) -> Failure | None:
        """How it goes in a process of its own: one line at a time, or if it then goes right, all at once."""
        case = evolve(self._case, numbers=numbers)
        if len(numbers) <= MAX_STORY:
            self._examiner.restart()
            failure = self._examiner.first_failure(case, one_by_one=True)
            if failure is not None:
                self._examiner.restart()
                return failure
        self._examiner.restart()
        failure = self._examiner.first_failure(case)
        self._examiner.restart()
        if failure is not None and len(numbers) <= MAX_STORY:
            what = "answers otherwise when several lines come in one piece: it must read up to each newline, no further"
            failure = evolve(failure, verdict=Verdict((LAWS["P1"],), what, failure.verdict.what))
        return failure

    def _fails(self, numbers: Numbers) -> Numbers | None:
        self._tries += 1
        if self._tries > MAX_TRIES or (self._tries > 1 and time.monotonic() > self._ends):
            raise HadEnough
        if not numbers:
            return None
        if self._head is not None and not self._examiner.starts(numbers[0]):
            numbers = [self._head, *numbers]
        if self._fresh:
            self._examiner.restart()
        failure = self._examiner.first_failure(evolve(self._case, numbers=numbers))
        if failure is None or not self._same(failure.verdict):
            return None
        return numbers[: failure.place + 1]

    def _tried(self, numbers: Numbers) -> Numbers | None:
        try:
            return self._fails(numbers)
        except HadEnough:
            return None

    def _same(self, verdict: Verdict) -> bool:
        return verdict.kind == self._verdict.kind

    def _simpler(self, number: int) -> Iterator[int]:
        """Earlier messages of the same kind."""
        content = self._examiner.messages[number].content
        for other in range(number):
            message = self._examiner.messages[other]
            if message.content is not None and content is not None and message.content["in"] == content["in"]:
                yield other


def _about_accounts(edge: Login) -> Hashable:
    content = edge.input.content or {}
    named = content.get("saved") or content.get("auto_login") or content
    before = edge.before
    who = named.get("account"), before.account, before.permitted, before.local_data
    return (edge.row, edge.guards, who) if edge.row is not None and any(who) else None


def _of_other_inputs(graph: Graph[Lifecycle, Message, Json]) -> Iterator[Login]:
    """What is not of the core may be answered rightly and leave something wrong behind: of each such input that moves
    the machine, an edge in each state and for each who attempts; of each line that is not valid, one in each state.
    """
    seen = set()
    for edge in graph.edges:
        number = edge.number % len(graph.inputs)
        if number in CORE or len(edge.input.line) > LONG or not (edge.moves or edge.input.content is None):
            continue
        kind = (number, edge.before.state, edge.before.attempt if edge.moves else None)
        if kind not in seen:
            seen.add(kind)
            yield edge


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
(_LOGIN,) = _numbers_of({"in": "login", "account": "a"})
