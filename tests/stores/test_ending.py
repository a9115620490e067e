"""A store that is closed gives its claim up whatever happens, and leaves alone what the next store saves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from nimauth.errors import StoreUnavailable
from nimauth.stores import keyring as keyring_store
from nimauth.stores.backends import Backend
from nimauth.stores.keyring import Deadlines, KeyringStore
from nimauth.vocabulary.logins import Permit
from tests.aio import run

from .helpers import HASTY, PATIENT, FakeBackend, Hang, kicked, login


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def new(backend: FakeBackend, tmp_path: Path) -> Callable[..., KeyringStore]:
    def make(deadlines: Deadlines = PATIENT) -> KeyringStore:
        return KeyringStore("app", backend=backend, directory=tmp_path, deadlines=deadlines)

    return make


@pytest.fixture(autouse=True)
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_store, "somebody_can_unlock", lambda: False)


async def ended(store: KeyringStore) -> None:
    """All that the store left to its keyring's thread has been done, or given up."""
    thread = store._keyring._thread
    assert thread is not None
    await asyncio.to_thread(thread.join)


def test_closing_releases_the_claim_although_it_is_cancelled(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    """A service has less patience with its store than the store has with its keyring."""

    async def cancelled() -> None:
        store = new()
        await store.open()
        await store.save(login())
        backend.before = hang = Hang("delete")
        revoking = asyncio.create_task(store.revoke(kicked()))
        await asyncio.to_thread(hang.reached.wait)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await store.close()
        again = new(Deadlines(claim=20))
        assert await again.open() == Permit(None, kicked())
        hang.answer.set()
        await revoking
        await again.close()

    run(cancelled())


@pytest.mark.parametrize("operation", ["get", "delete"])
def test_a_late_deletion_spares_what_the_next_store_saved(
    new: Callable[..., KeyringStore], backend: FakeBackend, operation: str
) -> None:
    """The keyring answers when the claim is another store's: what is still to be deleted is left to that one."""

    async def late() -> None:
        store = new(HASTY)
        await store.open()
        for account in ("a", "b"):
            await store.save(login(account))
        store._record = store._record.expect("c")  # one more to delete, once the keyring answers
        backend.before = hang = Hang(operation)
        await store.revoke(kicked())
        await store.close()

        backend.before = lambda operation, account: None
        again = new()
        await again.open()
        saved = login("b" if operation == "get" else "c", "new")
        await again.save(saved)
        hang.answer.set()
        if operation == "delete":
            backend.entries["nimauth/app/default", "b"] = "what is deleted at this moment"
        await ended(store)
        assert await again.load(saved.account) == saved
        await again.close()

    run(late())


def test_a_late_save_spares_what_the_next_store_saved(new: Callable[..., KeyringStore], backend: FakeBackend) -> None:
    async def late() -> None:
        store = new(HASTY)
        await store.open()
        await store.save(login("a"))
        backend.before = hang = Hang("get")  # of what is to be deleted first
        with pytest.raises(StoreUnavailable, match="did not answer"):
            await store.save(login("b", "old"))
        await store.close()

        backend.before = lambda operation, account: None
        again = new()
        await again.open()
        await again.save(login("b", "new"))
        hang.answer.set()
        await ended(store)
        assert await again.load("b") == login("b", "new")
        await again.close()

    run(late())


def test_a_keyring_that_is_found_too_late_is_not_touched(
    tmp_path: Path, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = Hang("choose")

    def choose() -> Backend:
        hang("choose", "")
        return backend

    monkeypatch.setattr(keyring_store, "choose_backend", choose)

    async def late() -> None:
        store = KeyringStore("app", directory=tmp_path, deadlines=HASTY)
        await store.open()
        with pytest.raises(StoreUnavailable, match="did not answer"):
            await store.save(login())
        await store.close()
        hang.answer.set()
        await ended(store)
        assert backend.entries == {}

    run(late())


def test_a_revocation_that_the_end_of_the_store_overtakes_is_made_at_the_next_chance(
    new: Callable[..., KeyringStore], backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    async def overtaken() -> None:
        store = new()
        await store.open()
        await store.save(login())
        revoking = asyncio.create_task(store.revoke(kicked()))
        await asyncio.sleep(0)
        await store.close()
        await revoking
        assert "will be deleted at the next chance: this store is closed" in caplog.text
        again = new()
        assert await again.open() == Permit(None, kicked())
        await again.revoke(kicked())
        assert backend.entries == {}
        await again.close()

    run(overtaken())


def test_a_store_that_was_closed_while_it_opened_is_not_open(
    new: Callable[..., KeyringStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closed() -> None:
        store = new()
        hang = Hang("settle")
        monkeypatch.setattr(store._permits, "settle", lambda: hang("settle", ""))
        opening = asyncio.create_task(store.open())
        await asyncio.to_thread(hang.reached.wait)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        hang.answer.set()
        with pytest.raises(StoreUnavailable, match="this store is closed; make a new one"):
            await opening
        await closing

    run(closed())


def test_R4_what_one_open_reads_late_does_not_undo_what_was_revoked_after_another(
    new: Callable[..., KeyringStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late() -> None:
        store = new()
        await store.open()
        await store.save(login())
        await store.close()

        again = new()
        hang, settle = Hang("second"), again._permits.settle
        calls = iter(["first", "second"])

        def settle_slowly() -> None:
            hang(next(calls), "")
            settle()

        monkeypatch.setattr(again._permits, "settle", settle_slowly)
        first, second = asyncio.create_task(again.open()), asyncio.create_task(again.open())
        await asyncio.to_thread(hang.reached.wait)
        assert await first == Permit("a")
        revoking = asyncio.create_task(again.revoke(kicked()))
        await asyncio.sleep(0)
        hang.answer.set()
        assert await second == Permit(None, kicked())
        await revoking
        assert await again.open() == Permit(None, kicked())
        await again.close()

    run(late())
