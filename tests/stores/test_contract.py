"""What base.py promises, held against each store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from nimauth.errors import StoreInUse, StoreUnavailable
from nimauth.stores.backends import MemoryBackend
from nimauth.stores.base import CredentialStore
from nimauth.stores.keyring import KeyringStore
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.stores.permit import PermitFile, Record
from nimauth.vocabulary.logins import AuthType, LoginInfo, Permit
from nimauth.vocabulary.reasons import Cause
from tests.aio import run

from .helpers import PATIENT, FakeBackend, kicked, login

NewStore = Callable[[], CredentialStore]


@pytest.fixture(params=["memory", "keyring"])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> NewStore:
    """Each call is another run of the same app on the same machine."""
    if request.param == "memory":
        shelf = Shelf()
        return lambda: MemoryStore(shelf)
    backend = FakeBackend()
    return lambda: KeyringStore("app", backend=backend, directory=tmp_path / "state", deadlines=PATIENT)


def test_a_first_start_permits_nobody(new: NewStore) -> None:
    async def first() -> None:
        store = new()
        assert await store.open() == Permit()
        await store.close()

    run(first())


@pytest.mark.parametrize(
    "saved",
    [
        LoginInfo("a", "t"),
        LoginInfo("客户端", "口令 ✓ \U0001f511", custom_client_type=7),
        LoginInfo("d", "", AuthType.DYNAMIC),
        LoginInfo("e", "t", AuthType.THIRD_PARTY, login_ext='{"k":"v"}'),
    ],
    ids=lambda saved: saved.account,
)
def test_R6_what_is_saved_is_there_after_a_restart(new: NewStore, saved: LoginInfo) -> None:
    async def restart() -> None:
        store = new()
        await store.open()
        await store.save(saved)
        assert await store.load(saved.account) == saved
        await store.close()
        again = new()
        assert await again.open() == Permit(saved.account)
        assert await again.load(saved.account) == saved
        await again.close()

    run(restart())


def test_R1_only_the_last_account_is_permitted(new: NewStore) -> None:
    async def two() -> None:
        store = new()
        await store.open()
        await store.save(login("a"))
        await store.save(login("b"))
        with pytest.raises(StoreUnavailable, match="no login of 'a'"):
            await store.load("a")
        await store.close()
        again = new()
        assert await again.open() == Permit("b")
        await again.close()

    run(two())


def test_R4_a_revocation_outlives_the_process_with_its_cause(new: NewStore) -> None:
    async def revoked() -> None:
        store = new()
        await store.open()
        await store.save(login())
        await store.revoke(kicked())
        with pytest.raises(StoreUnavailable):
            await store.load("a")
        await store.close()
        again = new()
        assert await again.open() == Permit(None, kicked())
        with pytest.raises(StoreUnavailable):
            await again.load("a")
        await again.close()

    run(revoked())


def test_R4_a_login_after_a_revocation_is_permitted_again(new: NewStore) -> None:
    async def back() -> None:
        store = new()
        await store.open()
        await store.save(login(token="old"))
        await store.revoke(kicked())
        await store.save(login(token="new"))
        assert (await store.load("a")).token == "new"
        await store.close()

    run(back())


def test_R12_the_device_id_is_made_once_and_no_revocation_changes_it(new: NewStore) -> None:
    async def same() -> None:
        store = new()
        await store.open()
        made = await store.device_id()
        assert made == await store.device_id()
        await store.revoke(kicked())
        await store.close()
        again = new()
        await again.open()
        assert await again.device_id() == made
        await again.close()

    run(same())


def test_one_account_is_one_account_however_it_was_typed(new: NewStore) -> None:
    async def typed() -> None:
        store = new()
        await store.open()
        await store.save(login("caf\u00e9"))
        assert (await store.load("cafe\u0301")).account == "caf\u00e9"
        await store.close()

    run(typed())


def test_a_second_open_store_is_refused_until_the_first_closes(new: NewStore) -> None:
    async def second() -> None:
        store, other = new(), new()
        await store.open()
        with pytest.raises(StoreInUse):
            await other.open()
        with pytest.raises(StoreInUse):
            await new().open()
        await store.close()
        await other.open()
        await other.close()

    run(second())


def test_a_store_that_is_not_open_says_so(new: NewStore) -> None:
    async def early_and_late() -> None:
        store = new()
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"not open|closed"):
                await store.save(login())
            with pytest.raises(StoreUnavailable, match=r"not open|closed"):
                await store.load("a")
            with pytest.raises(StoreUnavailable, match=r"not open|closed"):
                await store.device_id()
            await store.close()
            await store.close()

    run(early_and_late())


def test_a_store_over_memory_permits_no_later_process(tmp_path: Path) -> None:
    async def memory() -> None:
        store = KeyringStore("app", backend=MemoryBackend(), directory=tmp_path, deadlines=PATIENT)
        await store.open()
        await store.save(login())
        assert (await store.load("a")) == login()
        await store.close()
        again = KeyringStore("app", backend=MemoryBackend(), directory=tmp_path, deadlines=PATIENT)
        assert (await again.open()).account is None
        await again.close()

    run(memory())


def test_R1_a_login_kept_in_memory_voids_what_an_earlier_run_kept_in_the_keyring(tmp_path: Path) -> None:
    """A machine without its keyring for a day must not, the day after, auto log in the account of the day before."""

    async def days() -> None:
        keyring = FakeBackend()
        monday = KeyringStore("app", backend=keyring, directory=tmp_path, deadlines=PATIENT)
        await monday.open()
        await monday.save(login("a"))
        await monday.close()
        tuesday = KeyringStore("app", backend=MemoryBackend(), directory=tmp_path, deadlines=PATIENT)
        assert await tuesday.open() == Permit("a")
        await tuesday.save(login("b"))
        assert await tuesday.load("b") == login("b")
        await tuesday.close()
        wednesday = KeyringStore("app", backend=keyring, directory=tmp_path, deadlines=PATIENT)
        permit = await wednesday.open()
        assert permit.account is None
        assert permit.revocation is not None, "status can say why, and since when"
        assert (permit.revocation.cause, permit.revocation.account) == (Cause.LOGIN_STARTED, "b")
        await wednesday.revoke(kicked())
        assert keyring.entries == {}
        await wednesday.close()

    run(days())


def test_an_account_that_was_only_ever_in_memory_is_on_no_list(tmp_path: Path) -> None:
    async def listed() -> None:
        store = KeyringStore("app", backend=MemoryBackend(), directory=tmp_path, deadlines=PATIENT)
        await store.open()
        await store.save(login("a"))
        await store.save(login("b"))
        assert PermitFile(tmp_path).read().entries == ()
        with pytest.raises(StoreUnavailable, match="no login of 'a'"):
            await store.load("a")
        await store.revoke(kicked("b"))
        with pytest.raises(StoreUnavailable, match="no login of 'b'"):
            await store.load("b")
        assert PermitFile(tmp_path).read() == Record(Permit(None, kicked("b")))
        await store.close()

    run(listed())


@pytest.mark.parametrize("steps", range(8))
def test_an_open_that_was_cancelled_can_be_repeated(new: NewStore, steps: int) -> None:
    async def cancelled() -> None:
        store = new()
        opening = asyncio.create_task(store.open())
        for _ in range(steps**3):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        assert await store.open() == Permit()
        await store.save(login())
        await store.close()
        again = new()
        assert await again.open() == Permit("a")
        await again.close()

    run(cancelled())


def test_R4_a_revocation_that_is_repeated_changes_nothing(new: NewStore) -> None:
    async def repeated() -> None:
        store = new()
        await store.open()
        await store.save(login())
        for _ in range(3):
            await store.revoke(kicked())
            assert await store.open() == Permit(None, kicked())
        await store.close()
        again = new()
        assert await again.open() == Permit(None, kicked())
        await again.close()

    run(repeated())


def test_concurrent_loads_all_get_their_answer(new: NewStore) -> None:
    async def many() -> None:
        store = new()
        await store.open()
        await store.save(login())
        assert await asyncio.gather(*(store.load("a") for _ in range(20))) == [login()] * 20
        await store.close()

    run(many())
