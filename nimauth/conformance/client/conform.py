"""The tests of a client: a program is told the plan, what it answers is judged, and what is wrong is found and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final

from attrs import evolve

from ..clauses import Clause
from .examiner import FRESH, LEAK, Case, Examiner, Failure, Numbers, Replayer
from .findings import Finding, Result, Stage
from .judge import Verdict, judge
from .laws import LAWS
from .login import Login
from .messages import Message
from .plan import LOGIN, STAGES, Plan
from .running import SubjectFailed
from .shortening import MAX_SECONDS, Shortening
from .subject import LOOK, Process, Subject

MAX_BREAKDOWNS: Final = 2
"""A program that hangs or dies as often as this in the same way is not asked any further."""
MAX_SUFFIX: Final = 20_000
"""Of so many lines a story is looked for in the last ones, before it is looked for in all."""


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
        plan = Plan(self.result.seed, self.result.examples).stages
        return self._run([(name, plan[name]) for name in STAGES if name == "start" or name in self._stages])

    def replay(self, messages: Sequence[Message], stories: Iterable[Numbers]) -> Result:
        """Stories again, each in a process of its own."""
        self._examiner = Replayer(self._subject, messages)
        return self._run([("replay", lambda: (Case(numbers, alone=True) for numbers in stories))])

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
        if isinstance(self._subject, Process) and self._subject.leaked(0):  # at its very end, after all answers
            self._add(self.result.stages[-1], LEAK, LOGIN)
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
            self._add(stage, evolve(verdict, what=what), FRESH)

    def _add(self, stage: Stage, verdict: Verdict, number: int) -> None:
        """A finding whose story is one line."""
        if not self._asked_for(verdict):
            self.result.others += 1
            return
        stage.findings += 1
        steps = Examiner(self._subject).steps(Case([number]))
        self.result.findings.append(Finding(verdict, stage.name, tuple(steps), ()))

    def _asked_for(self, verdict: Verdict) -> bool:
        """A breakdown always is: the program says nothing about the rule any more."""
        only = self.result.only
        return only is None or not {LAWS[only], LAWS["P1"]}.isdisjoint(verdict.clauses)

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
        if not self._asked_for(failure.verdict):
            self.result.others += 1
            return True
        if not self._examiner.answered:  # to ask it again takes a whole start-up each time, and tells nothing new
            self.result.findings.append(self._finding(stage, case, case.numbers, failure))
            stage.findings += 1
            raise _Enough
        kind = failure.verdict.kind
        known = self._known.get(kind)
        if known is None:
            stage.note = "making a story short ..."
            self._progress(stage)
            self._examiner.waits_for_leaks = LOOK / 2 if failure.verdict is LEAK else 0.0
            finding = self._shortest(stage, case, failure, history)
            self._examiner.waits_for_leaks = 0.0
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
        for numbers, fresh, anyway in self._tries(stage, case, told[start:], [*history, *told]):
            shortening = Shortening(self._examiner, case, failure.verdict, fresh=fresh)
            story = shortening.shorten(numbers)
            for candidate in filter(None, (story, numbers if anyway else None)):
                confirmed = shortening.alone(candidate)
                if confirmed is not None:
                    return self._finding(stage, case, candidate, confirmed)
        return evolve(self._finding(stage, case, told, failure, start), happens_again=False)

    def _tries(
        self, stage: Stage, case: Case, told: Numbers, all_told: Numbers
    ) -> Iterator[tuple[Numbers, bool, bool]]:
        """What may be the story, whether it needs a fresh process, and whether it is one in whatever way it fails.

        Of the case, or of more and more of what came before it: what goes wrong rarely began long ago.
        """
        if case.alone:
            yield all_told, True, True
            return
        yield told, False, False
        yield told, True, True
        starts = [place for place, number in enumerate(all_told) if self._examiner.starts(number)]
        back = 2
        while back < len(starts) and len(all_told) - starts[-back] <= MAX_SUFFIX:
            yield all_told[starts[-back] :], True, False
            back *= 2
        if len(all_told) * stage.seconds <= max(stage.steps, 1) * MAX_SECONDS:  # or a slow program would take hours
            yield all_told, True, True

    def _finding(self, stage: Stage, case: Case, numbers: Numbers, failure: Failure, start: int = 0) -> Finding:
        steps = self._examiner.steps(evolve(case, numbers=numbers[: failure.place + 1]))[start:]
        answers = tuple(failure.answers[start:])
        return Finding(failure.verdict, stage.name, tuple(steps), answers, own_tokens=self._examiner.own_tokens)
