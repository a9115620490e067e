"""A program under test: lines in, answers out, and every way in which that can go wrong, as an error of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Final, Protocol, Self

from ...adapter import Json
from ...errors import NimAuthError
from .judge import MAX_ANSWER
from .login import canonical
from .messages import TOKEN

PATIENCE: Final = 5.0
"""Seconds that a program has for an answer."""
STARTUP: Final = 30.0
"""Seconds that it has for its first one."""
BATCH: Final = 2048
"""Lines that are sent, about, before their answers are waited for."""
LOOK: Final = 0.05
"""Seconds to wait for an answer that nobody asked for."""
LAST_WORDS: Final = 0.5
"""Seconds that a program has to end once its output has."""
_COMPLAINTS: Final = 2000
"""Characters kept of what a program writes to standard error."""


class SubjectFailed(Exception):
    """The program stopped answering as it should. `answers` has those that came before."""

    def __init__(self, what: str, detail: str = "", answers: Sequence[bytes] = ()) -> None:
        super().__init__(what, detail, answers)
        self.what, self.detail, self.answers = what, detail, list(answers)


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
        self.told_the_token = False
        """Whether it ever wrote the token to its standard error."""
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()

    def ask(self, lines: Sequence[bytes]) -> list[bytes]:
        """One answer for each line, in order. Raises SubjectFailed, and NimAuthError when it cannot be started."""
        fresh = self._running is None
        running = self._running = self._running or _Running(self.command)
        running.say(b"".join(line + b"\n" for line in lines))
        answers: list[bytes] = []
        patience = self.startup if fresh else self.patience
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
                self.startup = min(self.startup, max(self.patience, 10 * (time.monotonic() - began)))
                patience = self.patience
        return answers

    def ask_one_by_one(self, lines: Sequence[bytes]) -> list[bytes]:
        """The same, with a look after each answer whether another one follows that nobody asked for."""
        answers: list[bytes] = []
        for line in lines:
            try:
                answers += self.ask([line])
            except SubjectFailed as failed:
                raise SubjectFailed(failed.what, failed.detail, answers) from None
            if self._running is not None and self._running.has_more(LOOK):
                self._end(at_once=True)
                raise SubjectFailed("gives more than one answer to one line", "", answers[:-1])
        return answers

    def last_line(self, line: bytes) -> bytes:
        """Say the last line of all, with no newline; the answer. Raises SubjectFailed unless the program then ends."""
        running = self._running = self._running or _Running(self.command)
        running.say(line)
        running.say(None)
        try:
            answer = running.hear(self.startup)
            running.end_of_itself(self.patience)
        finally:
            self._end(at_once=True)
        return answer

    def restart(self) -> None:
        """End it, and begin with a fresh one at the next question."""
        self._end(at_once=False)

    def _end(self, *, at_once: bool) -> None:
        if self._running is None:
            return
        try:
            self._running.end(at_once=at_once)
        finally:
            self.told_the_token |= self._running.told_the_token
            self._running = None


class _Running:
    """The process, with a thread for each of its three pipes: a full pipe never stops the tester."""

    def __init__(self, command: Sequence[str]) -> None:
        own_group: dict[str, int | bool] = {"start_new_session": True}
        if sys.platform == "win32":  # pragma: no cover
            own_group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            self._process = subprocess.Popen(  # noqa: S603  (the command is what the user asks to test)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                **own_group,  # type: ignore[call-overload]
            )
        except OSError as error:
            raise NimAuthError(f"{command[0]} cannot be started: {error.strerror}; give the program to test") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._chunks: queue.Queue[list[bytes] | None] = queue.Queue(maxsize=64)
        self._answers: deque[bytes] = deque()
        self._complaints = bytearray()
        self._ended = threading.Event()
        self.told_the_token = False
        self._threads = [
            threading.Thread(target=self._work, args=(work, pipe), daemon=True)
            for work, pipe in (
                (self._write, self._process.stdin),
                (self._read, self._process.stdout),
                (self._listen, self._process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    def say(self, data: bytes | None) -> None:
        """Write; None is the end of input."""
        self._lines.put(data)

    def hear(self, patience: float) -> bytes:
        """The next answer. Raises SubjectFailed where there is none."""
        while not self._answers:
            try:
                chunk = self._chunks.get(timeout=patience)
            except queue.Empty:
                raise SubjectFailed(
                    "does not answer in time: it hangs, or does not flush what it writes", f"{patience:g} s"
                ) from None
            if chunk is None:
                self._chunks.put(None)  # for whoever asks again
                raise SubjectFailed(*self._how_it_ended())
            self._answers.extend(chunk)
        answer = self._answers.popleft()
        if len(answer) > MAX_ANSWER:
            raise SubjectFailed(f"answers with a line of more than {MAX_ANSWER} bytes")
        return answer

    def has_more(self, wait: float) -> bool:
        """Whether an answer comes without being asked for."""
        with suppress(SubjectFailed):
            self._answers.appendleft(self.hear(wait))
        return bool(self._answers)

    def end_of_itself(self, patience: float) -> None:
        """Wait for the end. Raises SubjectFailed when there is none, or none as it should be."""
        try:
            status = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            raise SubjectFailed("does not end when its input ends", f"within {patience:g} s") from None
        if status != 0:
            raise SubjectFailed("does not end with exit status 0 when its input ends", f"exit status {status}")

    def end(self, *, at_once: bool = False) -> None:
        """End the process and whatever it started. Bounded: what does not go is killed, or left behind."""
        self._ended.set()
        self._lines.put(None)
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0 if at_once else 0.5)
        finally:
            if sys.platform == "win32":  # pragma: no cover
                self._process.kill()
            else:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        until = time.monotonic() + LAST_WORDS
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < until:
            with suppress(queue.Empty):
                self._chunks.get(timeout=0.01)  # a reader may wait for room
        # A thread that is still there waits for something that the program started in a session of its own, and that
        # keeps a pipe open: it ends with that.

    def _how_it_ended(self) -> tuple[str, str]:
        try:
            status = self._process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            return "closes its standard output and gives no answer", ""
        self._threads[2].join(LAST_WORDS)
        how = f"ends with exit status {status}" if status >= 0 else f"is ended by signal {-status}"
        words = self._complaints.decode("utf-8", "replace").replace(TOKEN, "***").strip()
        said = ascii(words.rpartition("\n")[2][-300:])[1:-1]
        return f"{how} instead of answering", f"its last words: {said}" if said else ""

    def _work(self, work: Callable[[IO[bytes]], None], pipe: IO[bytes]) -> None:
        try:
            work(pipe)
        finally:
            with suppress(OSError):
                pipe.close()

    def _write(self, pipe: IO[bytes]) -> None:
        while (data := self._lines.get()) is not None:
            view = memoryview(data)
            while view:
                try:
                    view = view[pipe.write(view) :]
                except (OSError, ValueError):
                    return  # nobody reads any more

    def _read(self, pipe: IO[bytes]) -> None:
        rest = b""
        while not self._ended.is_set():
            try:
                chunk = os.read(pipe.fileno(), 65536)
            except (OSError, ValueError):
                break
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_ANSWER:
                lines.append(rest)
            if lines:
                self._chunks.put(lines)
            if len(rest) > MAX_ANSWER:
                break
        self._chunks.put(None)

    def _listen(self, pipe: IO[bytes]) -> None:
        while True:
            try:
                chunk = os.read(pipe.fileno(), 4096)
            except (OSError, ValueError):
                return
            if not chunk:
                return
            self._complaints += chunk
            self.told_the_token |= TOKEN.encode() in self._complaints
            del self._complaints[:-_COMPLAINTS]
