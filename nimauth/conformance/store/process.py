"""Stores in processes of their own: started, told what to do, and killed. child.py is the other side."""

from __future__ import annotations

import atexit
import contextlib
import inspect
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, BinaryIO, Final, Self

from attrs import define, field, frozen

from ... import errors
from ...vocabulary.logins import LoginInfo
from ..clauses import Broken
from . import contract as S  # noqa: N812
from .stage import flaw_of, from_json, short, to_json

Json = dict[str, Any]

CAN_FORK: Final = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"
"""On macOS a process that has only been forked cannot use the system's frameworks, and the keyring is one."""
CAN_FILL: Final = hasattr(os, "fork")
"""Whether a process can be kept from writing: where there are limits on resources."""

_COMMAND: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from nimauth.conformance.store.child import main; main(sys.argv[2])"
)
_START: Final = 60.0
"""How long a child may take to be there, in seconds."""


class NoChild(RuntimeError):
    """The suite cannot be had in another process."""


class Gone(Exception):
    """The process has ended."""


@frozen
class Child:
    """A process, and how to end it."""

    reader: IO[bytes]
    writer: IO[bytes]
    end: Callable[[], None]
    """Kill it, and return when it is dead."""


class Remote:
    """A store of the suite in a process of its own. Errors that the store raised there are raised here."""

    def __init__(self, suite: type, home: Path, within: float) -> None:
        self._within = within
        self._child = _start(_location(suite))
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._told: list[str] = []
        threading.Thread(target=self._listen, name="remote store", daemon=True).start()
        self._write({"environment": dict(os.environ), "directory": os.getcwd(), "home": str(home)})

    def _listen(self) -> None:
        with self._child.reader as reader:
            for line in reader:
                self._answers.put(line)
        self._answers.put(b"")

    def _write(self, content: Json) -> None:
        with contextlib.suppress(OSError):  # it has ended, which is noticed when its answer does not come
            self._child.writer.write(json.dumps(content).encode() + b"\n")
            self._child.writer.flush()

    def tell(self, do: str, **what: Any) -> None:
        """Give an order, and do not wait."""
        self._told.append(do)
        self._write({"do": do, **what})

    def hear(self) -> Any:
        """What came of the oldest order that was not heard of yet. Raises what the store raised, and Gone."""
        do = self._told.pop(0)
        try:
            line = self._answers.get(timeout=self._within + 5)
        except Empty:
            raise Broken(S.BOUNDED, f"{do}, in a process of its own, was not over after {self._within:g} s") from None
        if not line:
            raise Gone
        answer = json.loads(line)
        if "error" in answer:
            raise _raised(do, answer)
        return answer["value"]

    def ask(self, do: str, **what: Any) -> Any:
        """Give an order and wait for what comes of it. Raises what the store raised, and Gone."""
        self.tell(do, **what)
        return self.hear()

    def open(self) -> str | None:
        """Who is permitted."""
        return self.ask("open")  # type: ignore[no-any-return]

    def save(self, login: LoginInfo) -> None:
        """As in the contract."""
        self.ask("save", login=to_json(login))

    def load(self, account: str) -> LoginInfo:
        """As in the contract."""
        return from_json(self.ask("load", account=account))

    def revoke(self, cause: str, account: str) -> None:
        """As in the contract."""
        self.ask("revoke", cause=cause, account=account)

    def end(self) -> None:
        """Kill the process. Idempotent; returns when it is dead."""
        self._child.end()
        with contextlib.suppress(OSError):
            self._child.writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def _raised(do: str, answer: Json) -> Exception:
    name = answer["error"]
    if answer["shown"]:
        return Broken(S.SECRECY, f"the {name} of {do} shows a token or login_ext ({answer['shown']})")
    if not answer["ours"]:
        return Broken(S.ERRORS, f"{do} raised {name}, which is no StoreError: {short(answer['text'])}")
    if flaw := flaw_of(answer["text"]):
        return Broken(S.ERRORS, f"the message of {do}'s {name} {flaw}")
    # The nearest of ours: a store may have classes of its own.
    kind = next(kind for kind in answer["kinds"] if issubclass(getattr(errors, kind, Exception), errors.StoreError))
    return getattr(errors, kind)(answer["text"])  # type: ignore[no-any-return]


# -- starting ----------------------------------------------------------------------------------------------------------


def _location(suite: type) -> Json:
    try:
        file = inspect.getfile(suite)
    except (TypeError, OSError):
        file = ""
    return {"module": suite.__module__, "name": suite.__qualname__, "file": file, "path": sys.path}


def _start(location: Json) -> Child:
    return _forks().start(location) if CAN_FORK else _spawn(location)


def _child_command(how: str) -> list[str]:
    return [sys.executable, "-c", _COMMAND, json.dumps(sys.path), how]


def _spawn(location: Json) -> Child:
    process = subprocess.Popen(  # noqa: S603
        _child_command("one"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        process.kill()
        process.wait()

    process.stdin.write(json.dumps(location).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if b'"pid"' not in line:
        end()
        process.stdout.close()
        process.stdin.close()
        raise _no_child(location, line)
    return Child(process.stdout, process.stdin, end)


def _no_child(location: Json, line: bytes) -> NoChild:
    why = json.loads(line).get("error", "?") if line else "the process ended"
    return NoChild(
        f"{location['name']} cannot be had in a process of its own ({why}); define it at the top of a module that can "
        "be imported, or set processes = False"
    )


@define(eq=False)
class _Forks:
    """A process that forks a child for each request."""

    process: subprocess.Popen[bytes]
    requests: socket.socket
    answers: BinaryIO
    owner: int = field(factory=os.getpid)
    turn: threading.Lock = field(factory=threading.Lock)

    @classmethod
    def begun(cls) -> _Forks:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(  # noqa: S603
                _child_command(str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        ours.settimeout(_START)
        return cls(process, ours, ours.makefile("rb"))

    def start(self, location: Json) -> Child:
        orders, answers = os.pipe(), os.pipe()
        try:
            reply = self._ask(location, [orders[0], answers[1]])
        finally:
            os.close(orders[0])
            os.close(answers[1])
        reader, writer = os.fdopen(answers[0], "rb"), os.fdopen(orders[1], "wb")
        if b'"pid"' not in reply:
            reader.close()
            writer.close()
            raise _no_child(location, reply)
        pid = json.loads(reply)["pid"]
        ended = threading.Event()

        def end() -> None:
            if not ended.is_set():
                ended.set()
                self._ask({"end": pid}, [])

        return Child(reader, writer, end)

    def _ask(self, request: Json, descriptors: list[int]) -> bytes:
        with self.turn:
            socket.send_fds(self.requests, [json.dumps(request).encode()], descriptors)
            return self.answers.readline()

    def close(self) -> None:
        if self.owner == os.getpid():
            self.answers.close()
            self.requests.close()
            self.process.wait()


_the_forks: list[_Forks] = []


def _forks() -> _Forks:
    """The one of this process. It is started when it is first needed, and ends with the process."""
    if not _the_forks or _the_forks[0].process.poll() is not None or _the_forks[0].owner != os.getpid():
        for old in _the_forks:
            old.close()
        _the_forks[:] = [_Forks.begun()]
        atexit.register(_the_forks[0].close)
    return _the_forks[0]
