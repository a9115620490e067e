"""Says a case to a program, and judges what it answers."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from ...adapter import Adapter, Json
from ...lifecycle import Lifecycle
from ..graph import Edge
from .judge import Forbidding, Verdict, judge
from .laws import LAWS
from .login import Login, Past, canonical, login_graph, row_of, take
from .messages import ALPHABET, Message
from .running import SubjectFailed
from .subject import Process, Subject
from .tokens import own_tokens

FRESH: Final = 0
"""The number of the simplest start: nothing saved, and a network."""

HURRY: Final = 0.5
"""Seconds for an answer while the story of a program that hangs is made short."""

LEAK: Final = Verdict((LAWS["H6"],), "writes the token to its standard error")

Numbers = list[int]
"""Messages, by their numbers in the alphabet."""


@frozen
class Case:
    """Messages that are said one after the other. The first one is a start."""

    numbers: Numbers
    names: dict[str, str] = field(factory=dict)
    """Other names for the accounts a and b."""
    escaped: bool = False
    """Whether the names are written as escapes."""
    alone: bool = False
    """In a process of its own; then it need not begin with a start."""


@frozen
class Failure:
    """Where a case went wrong."""

    place: int
    verdict: Verdict
    _heard: Sequence[bytes] = field(alias="heard", repr=False)
    """All the answers of the case. One list for all its failures: there may be as many of these as of those."""

    @property
    def answers(self) -> Sequence[bytes]:
        """As far as they go. The program gave none to the last message where there are only `place` of them."""
        return self._heard[: self.place + 1]


class Examiner:
    """Asks one subject, and remembers what was found right: most answers come many times."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.graph = login_graph()
        self.messages: Sequence[Message] = ALPHABET
        self.said: Numbers = []
        """All that the last process was told. After a start none of it may matter; that is to be seen."""
        self.answered = False
        """Whether it ever gave an answer."""
        self.waits_for_leaks = 0.0
        """Seconds to wait for a token on standard error, which nobody else waits for."""
        self.own_tokens: frozenset[str] = frozenset()
        """Tokens that are not the tester's: somebody wrote the lines."""
        self._broke_down = False
        self._ours: dict[int, bytes] = {}
        self._right: set[tuple[int, bytes]] = set()
        self._steps: dict[tuple[object, ...], Login] = {}
        """Of accounts with other names."""

    def starts(self, number: int) -> bool:
        """Whether this message begins anew."""
        return self.messages[number].starts

    def steps(self, case: Case) -> list[Login]:
        """What each message of a case does, and how it is answered."""
        at, steps = 0, []
        for number in case.numbers:
            edge = self.graph.edge(at, number)
            at = edge.target
            steps.append(edge)
        return steps if not case.names else [self._renamed(step, case) for step in steps]

    def _renamed(self, step: Login, case: Case) -> Login:
        name = step.number, case.escaped, *case.names.values()
        if name not in self._steps:
            self._steps[name] = _renamed(step, case)
        return self._steps[name]

    def examine(self, case: Case, steps: Sequence[Login], *, one_by_one: bool = False) -> tuple[list[Failure], int]:
        """Say a case: where it goes wrong, and how many messages were said before the program broke down, if it did.

        After a failure nothing is judged up to the next start. One by one is slow, and tells apart what looks alike.
        """
        broke: SubjectFailed | None = None
        if case.alone:
            self.restart()
        if self._broke_down:
            self.said.clear()
        ask = self.subject.ask_one_by_one if one_by_one and isinstance(self.subject, Process) else self.subject.ask
        try:
            answers = ask([step.input.line for step in steps])
        except SubjectFailed as failure:
            answers, broke = failure.answers, failure
        self.said += case.numbers
        self.answered |= bool(answers)
        failures = self._judged(case, steps, answers)
        if broke is None and failures and isinstance(self.subject, Process):
            try:
                self.subject.no_surplus()
            except SubjectFailed as failure:  # from the first failure on, the answers are those to other lines
                broke, place = failure, failures[0].place
                failures, answers = [], answers[:place]
        if answers and isinstance(self.subject, Process) and self.subject.leaked(self.waits_for_leaks):
            failures = [failure for failure in failures if failure.place < len(answers) - 1]
            failures.append(Failure(len(answers) - 1, LEAK, answers))
        self._broke_down = broke is not None
        if broke is not None:
            failures.append(Failure(len(answers), Verdict((LAWS["P1"],), broke.what, broke.detail), answers))
            return failures, len(answers) + 1
        return failures, len(steps)

    def _judged(self, case: Case, steps: Sequence[Login], answers: Sequence[bytes]) -> list[Failure]:
        failures: list[Failure] = []
        past, lost = Past(steps), False
        for place, answer in enumerate(answers):
            lost = lost and not steps[place].input.starts
            if lost:
                continue
            verdict = self._judge(steps[place], answer, partial(past.forbid, place), plain=not case.names)
            if verdict is not None:
                failures.append(Failure(place, verdict, answers))
                lost = True
        return failures

    def first_failure(self, case: Case, *, one_by_one: bool = False) -> Failure | None:
        """Where a case goes wrong first."""
        failures, _ = self.examine(case, self.steps(case), one_by_one=one_by_one)
        return failures[0] if failures else None

    @property
    def starts_in(self) -> float:
        """Seconds that the program needed for its first answer, the last time that it was started."""
        return self.subject.started_in if isinstance(self.subject, Process) else 0.0

    def restart(self) -> None:
        """From here on it is a fresh process."""
        self.subject.restart()
        self.said.clear()

    def hurried(self) -> AbstractContextManager[None]:
        """With less patience for a program that hangs, while the same is tried many times."""
        return self.subject.hurried(HURRY) if isinstance(self.subject, Process) else nullcontext()

    def _judge(self, step: Login, answer: bytes, forbidding: Forbidding, *, plain: bool) -> Verdict | None:
        if not plain:
            return None if answer == canonical(step.answer) else judge(step, answer, forbidding)
        ours = self._ours.get(step.number)
        if ours is None:
            ours = self._ours[step.number] = canonical(step.answer)
        if answer == ours or (step.number, answer) in self._right:
            return None
        verdict = judge(step, answer, forbidding, self.own_tokens)
        # Which rules a refusal may name depends on what came before: that is judged each time.
        if verdict is None and b"auto_login_refused" not in answer:
            self._right.add((step.number, answer))
        return verdict


class Replayer(Examiner):
    """Says messages that somebody else wrote. It goes where they lead, and knows no more of the machine."""

    def __init__(self, subject: Subject, messages: Sequence[Message]) -> None:
        super().__init__(subject)
        self.messages = tuple(messages)
        self.own_tokens = frozenset(token for message in messages for token in own_tokens(message.line))
        self._count = 0
        if isinstance(subject, Process):
            subject.own_tokens = self.own_tokens

    def steps(self, case: Case) -> list[Login]:
        """What each message of a case does, and how it is answered."""
        session, steps = Lifecycle(), []
        for number in case.numbers:
            before, message = session, self.messages[number]
            answer, session = take(copy.copy(before), message)
            self._count += 1  # each step is an edge of its own
            steps.append(Edge(self._count, 0, 0, before, message, answer, session, *row_of(before, message)))
        return steps


def message_of(line: bytes) -> Message:
    """A line that somebody else wrote, as a message."""
    known = next((message for message in ALPHABET if message.line == line), None)
    if known is not None:
        return known
    if "error" in Adapter().answer(line):
        return Message(line, None, "A line comes that is not valid.")
    content: Json = json.loads(line.decode("utf-8-sig"))
    return Message(line, content, "The tester says a line of its own.")


def _renamed(step: Login, case: Case) -> Login:
    """The same step for accounts of other names."""
    content = step.input.content
    if content is None:
        return step
    content = _rename(content, case.names)
    line = json.dumps(content, ensure_ascii=case.escaped).encode()
    return evolve(step, input=evolve(step.input, line=line, content=content), answer=_rename(step.answer, case.names))


def _rename(part: Json, names: dict[str, str]) -> Json:
    def renamed(name: str, value: object) -> object:
        if isinstance(value, dict):
            return _rename(value, names)
        if isinstance(value, list):
            return [_rename(one, names) for one in value]
        return names.get(value, value) if name == "account" and isinstance(value, str) else value

    return {name: renamed(name, value) for name, value in part.items()}
