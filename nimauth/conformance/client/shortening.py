"""Makes the story of a finding short, and tries it once more in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Final

from attrs import evolve

from ..shrink import HadEnough, shrink
from .examiner import FRESH, Case, Examiner, Failure, Numbers
from .judge import Verdict
from .laws import LAWS

MAX_TRIES: Final = 400
"""How often a story is tried while it is made short."""
MAX_SECONDS: Final = 10.0
"""How long that may take, for a story from one start."""
MAX_STARTS: Final = 30
"""Or as long as so many starts of the program take, ..."""
MAX_PATIENCE: Final = 60.0
"""... but no more seconds than these."""
MAX_STORY: Final = 50
"""A story that is longer is not told line by line."""


class Shortening:
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
        self._ends = time.monotonic() + (MAX_SECONDS / 2 if self._hurries else _budget(examiner))

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


def _budget(examiner: Examiner) -> float:
    """Seconds to make a story short. A program that starts slowly is not to be told of in a hundred thousand lines."""
    return min(max(MAX_SECONDS, MAX_STARTS * examiner.starts_in), MAX_PATIENCE)
