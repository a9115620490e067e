"""A program under test: lines in, answers out, and every way in which that can go wrong, as an error of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, Self

from ...adapter import Json
from .login import canonical
from .running import Running, SubjectFailed

PATIENCE: Final = 5.0
"""Seconds that a program has for an answer."""
STARTUP: Final = 30.0
"""Seconds that it has for its first one."""
BATCH: Final = 2048
"""Lines that are sent, about, before their answers are waited for."""
LOOK: Final = 0.05
"""Seconds to wait for an answer that nobody asked for."""


class Subject(Protocol):
    """Whatever answers lines."""

    def ask(self, lines: Sequence[bytes]) -> list[bytes]:
        """One answer for each line, in order. Raises SubjectFailed."""
        ...

    def restart(self) -> None:
        """End it, and begin with a fresh one at the next question."""
        ...


class InProcess:
    """A subject in this process: a factory of something that answers one line."""

    def __init__(self, factory: Callable[[], Callable[[bytes], Json]]) -> None:
        self._factory = factory
        self._answer: Callable[[bytes], Json] | None = None

    def ask(self, lines: Sequence[bytes]) -> list[bytes]:
        """One answer for each line."""
        if self._answer is None:
            self._answer = self._factory()
        answers: list[bytes] = []
        for line in lines:
            try:
                answers.append(canonical(self._answer(line)))
            except Exception as error:
                raise SubjectFailed("raises an exception", type(error).__name__, answers) from error
        return answers

    def restart(self) -> None:
        """Make a new one."""
        self._answer = None


class Process:
    """A program in a process of its own. Nothing it does or leaves undone makes the tester wait without end."""

    def __init__(self, command: Sequence[str], *, patience: float = PATIENCE, startup: float = STARTUP) -> None:
        self.command = tuple(command)
        self.patience = patience
        self.startup = max(startup, patience)
        self.own_tokens: Collection[str] = ()
        """Tokens that are not the tester's, in the lines that it is told."""
        self.started_in = 0.0
        """Seconds that it needed for its first answer, the last time that it was started."""
        self._hurry = patience
        self._leaked = False
        self._running: Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()

    def ask(self, lines: Sequence[bytes]) -> list[bytes]:
        """One answer for each line, in order. Raises SubjectFailed, and NimAuthError when it cannot be started."""
        fresh = self._running is None
        running = self._running = self._running or Running(self.command, self.own_tokens)
        if not fresh:
            self.no_surplus(0)
        running.say(b"".join(line + b"\n" for line in lines))
        answers: list[bytes] = []
        patience = self.startup if fresh else self._hurry
        began = time.monotonic()
        for _ in lines:
            try:
                answers.append(running.hear(patience))
            except SubjectFailed as failed:
                self._end(at_once=True)
                raise SubjectFailed(failed.what, failed.detail, answers) from None
            if fresh:
                fresh = False
                # From now on it is known what a start takes.
                self.started_in = time.monotonic() - began
                self.startup = min(self.startup, max(self.patience, 10 * self.started_in))
                patience = self._hurry
        return answers

    @contextmanager
    def hurried(self, patience: float) -> Iterator[None]:
        """With no more than so many seconds for an answer, while the same is tried many times. A start has its time."""
        self._hurry = min(self.patience, patience)
        try:
            yield
        finally:
            self._hurry = self.patience

    def ask_one_by_one(self, lines: Sequence[bytes]) -> list[bytes]:
        """The same, with a look after each answer whether another one follows that nobody asked for."""
        answers: list[bytes] = []
        for line in lines:
            try:
                answers += self.ask([line])
            except SubjectFailed as failed:
                raise SubjectFailed(failed.what, failed.detail, answers) from None
            self.no_surplus(LOOK, answers[:-1])
        return answers

    def no_surplus(self, wait: float = LOOK, answers: Sequence[bytes] = ()) -> None:
        """Raises SubjectFailed when an answer comes that nobody asked for: then the last ones belong to other lines."""
        if self._running is not None and self._running.has_more(wait):
            self._end(at_once=True)
            raise SubjectFailed("gives more than one answer to one line", "", answers)

    def last_line(self, line: bytes) -> bytes:
        """Say the last line of all, with no newline; the answer. Raises SubjectFailed unless the program then ends."""
        running = self._running = self._running or Running(self.command, self.own_tokens)
        running.say(line)
        running.say(None)
        try:
            answer = running.hear(self.startup)
            running.end_of_itself(self.patience)
        finally:
            self._end(at_once=True)
        return answer

    def leaked(self, wait: float) -> bool:
        """Whether it has written a token to its standard error since this was asked last; `wait` seconds for it."""
        leaked, self._leaked = self._leaked, False
        if self._running is not None and self._running.leak.wait(wait):
            self._running.leak.clear()
            leaked = True
        return leaked

    def restart(self) -> None:
        """End it, and begin with a fresh one at the next question."""
        self._end(at_once=False)

    def _end(self, *, at_once: bool) -> None:
        if self._running is None:
            return
        try:
            self._running.end(at_once=at_once)
        finally:
            self._leaked |= self._running.leak.is_set()
            self._running = None
