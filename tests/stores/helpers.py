"""Keyrings, disks and processes that fail on demand."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from nimauth.stores import permit
from nimauth.stores.keyring import Deadlines, KeyringStore
from nimauth.vocabulary.logins import LoginInfo, Revocation
from nimauth.vocabulary.reasons import Cause

TOKEN = "s3cret-T0ken-nobody-may-see"
PATIENT = Deadlines(answer=20, unlock=40, disk=20, claim=0.01)
"""For tests in which nothing hangs: they never wait for any of it."""
HASTY = Deadlines(answer=0.05, unlock=0.1, disk=20, claim=0.01)
"""For tests in which the keyring never answers, however long one waits."""


def login(account: str = "a", token: str = TOKEN) -> LoginInfo:
    return LoginInfo(account, token)


def kicked(account: str = "a") -> Revocation:
    return Revocation(Cause.DISPLACED, 1234.5, account)


class Dead(BaseException):
    """The process died here. Nothing of it runs any more, so nothing may catch this."""


@define(eq=False)
class FakeBackend:
    """A keyring that outlives the stores. `before(operation, account)` and `distort` make it misbehave."""

    entries: dict[tuple[str, str], str] = field(factory=dict)
    before: Callable[[str, str], None] = field(default=lambda operation, account: None)
    distort: Callable[[str], str | None] = field(default=lambda text: text)
    calls: list[str] = field(factory=list)

    def get_password(self, service: str, username: str) -> str | None:
        self._begin("get", username)
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._begin("set", username)
        if (kept := self.distort(password)) is not None:
            self.entries[service, username] = kept

    def delete_password(self, service: str, username: str) -> None:
        self._begin("delete", username)
        del self.entries[service, username]

    def _begin(self, operation: str, account: str) -> None:
        self.calls.append(operation)
        self.before(operation, account)


class Hang:
    """Called by a backend, it does not return until `answer` is set; `reached` says that somebody waits."""

    def __init__(self, *operations: str) -> None:
        self.operations = operations
        self.reached = threading.Event()
        self.answer = threading.Event()

    def __call__(self, operation: str, _: str) -> None:
        if operation in self.operations:
            self.reached.set()
            self.answer.wait()


class Disk:
    """Stands in for the `os` of nimauth.stores.permit: counts steps, dies at one of them, and fails at others.

    It also knows what a power cut undoes: a change of a directory that was not synced, and data that were not.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.dies_at: int | None = None
        self.fails: frozenset[str] = frozenset()
        self._undo: list[tuple[str, bytes | None, bool]] = []
        """Paths, what they had, and whether it is their directory that was changed and not what is in them."""
        self._paths: dict[int, str] = {}
        self._unsynced: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        path = os.fspath(path)
        if flags & (os.O_WRONLY | os.O_RDWR):
            self.step("create" if flags & os.O_CREAT else "overwrite")
        descriptor = os.open(path, flags, mode)
        self._paths[descriptor] = path
        return descriptor

    def close(self, descriptor: int) -> None:
        self._paths.pop(descriptor)
        os.close(descriptor)

    def write(self, descriptor: int, data: bytes) -> int:
        self._changes(self._paths[descriptor])
        try:
            self.step("write")
        except BaseException:
            os.write(descriptor, data[:12])  # torn where every record still begins alike
            raise
        return os.write(descriptor, data)

    def ftruncate(self, descriptor: int, length: int) -> None:
        self.step("overwrite")
        self._changes(self._paths[descriptor])
        os.ftruncate(descriptor, length)

    def fsync(self, descriptor: int) -> None:
        path = self._paths[descriptor]
        directory = os.path.isdir(path)
        self.step("sync directory" if directory else "sync")
        self._unsynced.discard(path)
        # A directory keeps its names with what they stand for, a file what is in the one that has the name now.
        undo = enumerate(self._undo)
        if directory:
            self._undo = [one for number, one in undo if not self._renamed_since(number)]
        else:
            self._undo = [one for number, one in undo if one[0] != path or self._renamed_since(number)]
        os.fsync(descriptor)

    def replace(self, source: Any, target: Any) -> None:
        assert os.fspath(source) not in self._unsynced, "after a power cut the new file would be empty"
        self.step("replace")
        self._undo.append((os.fspath(target), _content(target), True))
        os.replace(source, target)

    def unlink(self, path: Any) -> None:
        if os.path.exists(path):
            self.step("unlink")
            self._undo.append((os.fspath(path), _content(path), True))
        os.unlink(path)

    def step(self, kind: str) -> None:
        """One thing that may be the last the process does, or that may fail."""
        self.steps += 1
        if self.dies_at is not None and self.steps >= self.dies_at:
            raise Dead
        if kind in self.fails:
            raise OSError(errno.ENOSPC, f"no {kind} today")

    def cut_power(self) -> None:
        """What was not synced is as it was before."""
        for path, old, _ in reversed(self._undo):
            if old is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            else:
                Path(path).write_bytes(old)
        self._undo.clear()

    def reset(self) -> None:
        self.steps, self.dies_at, self.fails = 0, None, frozenset()
        self._undo.clear()
        self._unsynced.clear()

    def _renamed_since(self, number: int) -> bool:
        path = self._undo[number][0]
        return any(changed == path and name for changed, _, name in self._undo[number:])

    def _changes(self, path: str) -> None:
        self._unsynced.add(path)
        self._undo.append((path, _content(path), False))


def _content(path: Any) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def faulty_disk() -> Iterator[Disk]:
    disk = Disk()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(permit, "os", disk)
        yield disk


def kill(store: KeyringStore) -> None:
    """What the end of the process does to a store that nobody closed."""
    lock = store._claim._lock
    if lock is not None:
        lock.release(force=True)
    store._keyring.close()
    store._disk.close()
