"""The suite holds for nimauth's own stores: over a shelf, over doubles of a keyring, and for the plain file store."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nimauth.conformance import StoreConformance
from nimauth.stores import permit
from nimauth.stores.backends import MemoryBackend
from nimauth.stores.base import CredentialStore
from nimauth.stores.keyring import KeyringStore
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.vocabulary.logins import LoginInfo
from tests.stores.helpers import PATIENT, Disk, FakeBackend, kill

from .filestore import FileStore


class TestFileStore(StoreConformance):
    def store(self, home: Path) -> FileStore:
        return FileStore(home)


class TornShelf(Shelf):
    """A shelf that tells of each thing that is put on it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("permit", "login"):
            self.__dict__.get("before_write", lambda: None)()
        super().__setattr__(name, value)


class TestMemoryStore(StoreConformance):
    processes = False
    shelves: ClassVar[dict[Path, TornShelf]] = {}

    def store(self, home: Path) -> MemoryStore:
        return MemoryStore(self.shelves.setdefault(home, TornShelf()))

    def interrupt(self, store: CredentialStore, before_write: Callable[[], None]) -> None:
        assert isinstance(store, MemoryStore)
        store.shelf.__dict__["before_write"] = before_write

    def killed(self, store: CredentialStore) -> None:
        assert isinstance(store, MemoryStore)
        store.shelf.__dict__.clear()
        store.shelf.holder = None


class KeyringConformance(StoreConformance):
    within = 30.0

    def may_refuse(self, login: LoginInfo) -> bool:
        """An entry holds 1280 units, of which some 110 are not the login's own."""
        text = json.dumps([login.account, login.token, login.login_ext], ensure_ascii=False)
        return len(text.encode("utf-16-le")) // 2 > 1280 - 130


class TestKeyringStore(KeyringConformance):
    """Over a double in memory, so the end of a process is played."""

    processes = False
    backends: ClassVar[dict[Path, FakeBackend]] = {}

    @pytest.fixture(autouse=True)
    def disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.a_disk = Disk()
        monkeypatch.setattr(permit, "os", self.a_disk)

    def store(self, home: Path) -> KeyringStore:
        return KeyringStore(
            "app", backend=self.backends.setdefault(home, FakeBackend()), directory=home, deadlines=PATIENT
        )

    def interrupt(self, store: CredentialStore, before_write: Callable[[], None]) -> None:
        assert isinstance(store, KeyringStore)
        backend = store._backend
        assert isinstance(backend, FakeBackend)
        backend.before = lambda operation, _: None if operation == "get" else before_write()
        self.a_disk.step = lambda kind: before_write()  # type: ignore[method-assign]

    def killed(self, store: CredentialStore) -> None:
        assert isinstance(store, KeyringStore)
        kill(store)
        assert isinstance(store._backend, FakeBackend)
        store._backend.before = lambda operation, account: None
        del self.a_disk.step


class Drawer:
    """A keyring backend that keeps an entry in a file each, so that processes can share it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def entry(self, service: str, username: str) -> Path:
        return self.place / f"{service}/{username}".encode().hex()[-200:]

    def get_password(self, service: str, username: str) -> str | None:
        try:
            return self.entry(service, username).read_text(encoding="utf-8")
        except FileNotFoundError:
            os.stat(self.place.parent)  # where that is gone, too, nobody knows
            return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.place.mkdir(exist_ok=True)
        self.entry(service, username).write_text(password, encoding="utf-8")

    def delete_password(self, service: str, username: str) -> None:
        self.entry(service, username).unlink()


class TestKeyringStoreInProcesses(KeyringConformance):
    """Over a double in files, so that processes really end."""

    def store(self, home: Path) -> KeyringStore:
        return KeyringStore("app", backend=Drawer(home / "drawer"), directory=home / "state", deadlines=PATIENT)


class TestAloneMemoryStore(StoreConformance):
    """With a shelf of its own, so everything ends with the store."""

    lasting = processes = exclusive = False

    def store(self, home: Path) -> MemoryStore:
        return MemoryStore()


class TestFleetingKeyringStore(KeyringConformance):
    """Over memory: nothing is permitted in a later start, and still one process at a time has the claim."""

    lasting = False

    def store(self, home: Path) -> KeyringStore:
        return KeyringStore("app", backend=MemoryBackend(), directory=home, deadlines=PATIENT)
