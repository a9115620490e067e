"""The token is in the keyring's entry and nowhere else: no repr, error, traceback, log record or file."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from nimauth.errors import StoreError, ValueRefused
from nimauth.stores import keyring as keyring_store
from nimauth.stores.backends import MemoryBackend
from nimauth.stores.keyring import KeyringStore
from nimauth.stores.memory import MemoryStore, Shelf
from tests.aio import run

from .helpers import HASTY, PATIENT, TOKEN, FakeBackend, Hang, kicked, login

STORES = Path(keyring_store.__file__).parent


def chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        if (one := todo.pop()) is not None and one not in seen:
            seen.append(one)
            todo += [one.__cause__, one.__context__]
    return iter(seen)


def frames(trace: TracebackType | None) -> Iterator[tuple[str, dict[str, object]]]:
    while trace is not None:
        yield trace.tb_frame.f_code.co_filename, trace.tb_frame.f_locals
        trace = trace.tb_next


def assert_silent(error: BaseException) -> None:
    for one in chain(error):
        assert TOKEN not in repr(one)
        assert TOKEN not in str(one.args)
        assert TOKEN not in "".join(traceback.format_exception(one))
        ours = [variables for filename, variables in frames(one.__traceback__) if Path(filename).parent == STORES]
        assert TOKEN not in repr(ours)
        assert not any(isinstance(value, str) and TOKEN in value for variables in ours for value in variables.values())


class Blabbermouth(FakeBackend):
    """Puts the secret in whatever it raises, and raises it from another that has it too."""

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls.append("set")
        try:
            raise ValueError(password)
        except ValueError as error:
            raise RuntimeError(f"could not store {password}") from error


@pytest.mark.parametrize("fault", ["raises", "truncates", "too long", "locked", "hangs", "damaged"])
def test_no_error_and_no_log_record_has_the_token(
    tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(keyring_store, "somebody_can_unlock", lambda: True)

    async def fails() -> None:
        asyncio.get_running_loop().set_debug(True)
        hang = Hang("set")
        backend = Blabbermouth() if fault == "raises" else FakeBackend()
        if fault == "truncates":
            backend.distort = lambda text: text[:-2]
        if fault == "hangs":
            backend.before = hang
        store = KeyringStore(
            "app", backend=backend, directory=tmp_path, deadlines=HASTY if fault == "hangs" else PATIENT
        )
        await store.open()
        if fault == "damaged":
            await store.save(login())
            for key, entry in backend.entries.items():
                backend.entries[key] = entry[:-1]
            with pytest.raises(StoreError) as raised:
                await store.load("a")
        else:
            if fault == "locked":
                backend.before = _locked
            with pytest.raises(StoreError) as raised:
                await store.save(login(token=TOKEN * (100 if fault == "too long" else 1)))
        assert_silent(raised.value)
        assert TOKEN not in repr(store)
        backend.before = _locked
        await store.revoke(kicked())
        hang.answer.set()
        await store.close()

    run(fails())
    for record in caplog.records:
        assert TOKEN not in record.getMessage()
        assert TOKEN not in repr(record.__dict__)


@pytest.mark.parametrize("forged", [f"{TOKEN}\ud800", TOKEN.encode(), {TOKEN: {1}}, [TOKEN, 5j]], ids=repr)
@pytest.mark.parametrize("name", ["token", "login_ext"])
def test_a_login_that_is_no_text_is_refused_without_a_word_of_it(tmp_path: Path, name: str, forged: object) -> None:
    """LoginInfo refuses all of this; a store does not rely on it."""

    async def refused() -> None:
        store = KeyringStore("app", backend=FakeBackend(), directory=tmp_path, deadlines=PATIENT)
        await store.open()
        odd = login()
        object.__setattr__(odd, name, forged)
        with pytest.raises(ValueRefused, match="no text") as raised:
            await store.save(odd)
        assert_silent(raised.value)
        await store.close()

    run(refused())


def _locked(operation: str, _: str) -> None:
    raise KeyringLocked("no")


class KeyringLocked(Exception):
    pass


def assert_no_file_in(directory: Path) -> None:
    for path in directory.iterdir():
        assert TOKEN.encode() not in path.read_bytes()


def test_no_file_has_the_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def saved() -> None:
        asyncio.get_running_loop().set_debug(True)
        for backend in (FakeBackend(), MemoryBackend()):
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await store.open()
            await store.save(login())
            await store.load("a")
            assert_no_file_in(tmp_path)
            await store.close()

    run(saved())
    assert TOKEN not in caplog.text


def test_no_repr_of_a_memory_store_has_the_token() -> None:
    async def saved() -> None:
        shelf = Shelf()
        store = MemoryStore(shelf)
        await store.open()
        await store.save(login())
        assert TOKEN not in repr(store)
        assert TOKEN not in repr(shelf)
        await store.close()

    run(saved())
