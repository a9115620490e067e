"""The process of a program under test. A thread for each of its three pipes: a full one never stops the tester."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import IO, Final

from ...errors import NimAuthError
from .judge import MAX_ANSWER
from .tokens import mask, shows

LAST_WORDS: Final = 0.5
"""Seconds that a program has to end once its output has, and its output once it has."""
_MOST_CHUNKS: Final = 64
"""Pieces of output, of at most 64 KB each, that wait to be read."""
_COMPLAINTS: Final = 2000
"""Characters kept of what a program writes to standard error."""


class SubjectFailed(Exception):
    """The program stopped answering as it should. `answers` has those that came before."""

    def __init__(self, what: str, detail: str = "", answers: Sequence[bytes] = ()) -> None:
        super().__init__(what, detail, answers)
        self.what, self.detail, self.answers = what, detail, list(answers)


class Running:
    """The process. It is started at once; raises NimAuthError when it cannot be."""

    def __init__(self, command: Sequence[str], own_tokens: Collection[str] = ()) -> None:
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
        self._chunks: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self._answers: deque[bytes] = deque()
        self._complaints = bytearray()
        self._ended = threading.Event()
        self._own_tokens = own_tokens
        self.leak = threading.Event()
        """Set when the program writes a token to its standard error."""
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
            chunk = self._chunk(patience)
            if chunk is None:
                self._chunks.put(None)  # for whoever asks again
                raise SubjectFailed(*self._how_it_ended())
            self._answers.extend(chunk)
        answer = self._answers.popleft()
        if len(answer) > MAX_ANSWER:
            raise SubjectFailed(f"answers with a line of more than {MAX_ANSWER} bytes")
        return answer

    def _chunk(self, patience: float) -> list[bytes] | None:
        """What is written next; None when no more comes. Raises SubjectFailed when nothing does."""
        until, ended = time.monotonic() + patience, False
        while True:
            left = until - time.monotonic()
            try:
                return self._chunks.get(timeout=LAST_WORDS if ended else max(min(left, LAST_WORDS), 0.001))
            except queue.Empty:
                if ended:  # and left its output open: something that it started holds the other end
                    raise SubjectFailed(*self._how_it_ended()) from None
                ended = self._process.poll() is not None
                if not ended and left <= LAST_WORDS:
                    what = "does not answer in time: it hangs, or does not flush what it writes"
                    raise SubjectFailed(what, f"{patience:g} s") from None

    def has_more(self, wait: float) -> bool:
        """Whether an answer comes without being asked for."""
        if wait or not self._chunks.empty():
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
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        # A thread that is still there waits for something that the program started in a session of its own, and that
        # keeps a pipe open: it ends with that.

    def _how_it_ended(self) -> tuple[str, str]:
        try:
            status = self._process.wait(LAST_WORDS)
        except subprocess.TimeoutExpired:
            return "closes its standard output and gives no answer", ""
        self._threads[2].join(LAST_WORDS)
        how = f"ends with exit status {status}" if status >= 0 else f"is ended by signal {-status}"
        words = mask(self._complaints.decode("utf-8", "replace"), self._own_tokens).strip()
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
            while self._chunks.qsize() >= _MOST_CHUNKS and not self._ended.wait(0.01):
                pass  # a program that floods waits until somebody reads
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
            words = self._complaints.decode("utf-8", "replace")
            if shows(words, self._own_tokens):
                self._complaints = bytearray(mask(words, self._own_tokens).encode())  # it is told once
                self.leak.set()
            del self._complaints[:-_COMPLAINTS]
