"""The process dies, or the power fails, at any step. What always holds: see stores/base.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nimauth.errors import StoreUnavailable
from nimauth.stores.backends import MemoryBackend
from nimauth.stores.keyring import KeyringStore
from nimauth.stores.permit import PermitFile, Record
from nimauth.vocabulary.logins import Permit
from tests.aio import run

from .helpers import PATIENT, Dead, FakeBackend, faulty_disk, kicked, kill, login

Step = Callable[[KeyringStore], Awaitable[None]]


def save(account: str, token: str) -> Step:
    return lambda store: store.save(login(account, token))


def revoke(store: KeyringStore) -> Awaitable[None]:
    return store.revoke(kicked())


A1, A2, B1 = save("a", "a1"), save("a", "a2"), save("b", "b1")
RUNS: list[tuple[str, list[Step], Step, set[str | None]]] = [
    # What ran before, what runs when the process dies, and which tokens the next start may then use.
    ("first save", [], A1, {None, "a1"}),
    ("saved again", [A1], A2, {"a1", None, "a2"}),
    ("another account", [A1], B1, {"a1", None, "b1"}),
    ("after a revocation", [A1, revoke], A2, {None, "a2"}),
    ("another account after a revocation", [A1, revoke], B1, {None, "b1"}),
    ("revoked", [A1], revoke, {"a1", None}),
    ("revoked twice", [A1, revoke], revoke, {None}),
]


@pytest.mark.parametrize("power", ["on", "cut"])
@pytest.mark.parametrize(("before", "step", "allowed"), [row[1:] for row in RUNS], ids=[row[0] for row in RUNS])
def test_at_no_step_does_a_crash_let_a_void_login_through(
    tmp_path: Path, before: list[Step], step: Step, allowed: set[str | None], power: str
) -> None:
    seen = set()
    dies_at = 0
    finished = False
    while not finished:
        dies_at += 1
        directory = tmp_path / str(dies_at)
        finished, token = run(_crash(directory, before, step, dies_at, power == "cut"))
        seen.add(token)
    assert dies_at > 5, "there are more steps than that, so they were not counted"
    # At the first step nothing has happened yet, and at the last everything: both ends were really reached.
    assert seen <= allowed
    assert None in seen
    assert len(seen) >= len(allowed) - 1


async def _crash(
    directory: Path, before: list[Step], step: Step, dies_at: int, power_cut: bool
) -> tuple[bool, str | None]:
    backend = FakeBackend()
    with faulty_disk() as disk:
        backend.before = lambda operation, _: None if operation == "get" else disk.step(operation)
        store = KeyringStore("app", backend=backend, directory=directory, deadlines=PATIENT)
        await store.open()
        for earlier in before:
            await earlier(store)
        disk.reset()
        disk.dies_at = dies_at
        try:
            await step(store)
            finished = True
        except Dead:
            finished = False
        kill(store)
        if power_cut:
            disk.cut_power()
        disk.reset()

        again = KeyringStore("app", backend=backend, directory=directory, deadlines=PATIENT)
        permit = await again.open()
        token = None
        if permit.account is not None:
            token = (await again.load(permit.account)).token
        # Whatever the crash left in the keyring is known, and goes with the next revocation.
        await again.revoke(kicked())
        assert backend.entries == {}
        await again.close()
    return finished, token


def test_a_save_that_returned_survives_the_power_cut(tmp_path: Path) -> None:
    async def saved() -> Permit:
        backend = FakeBackend()
        with faulty_disk() as disk:
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await store.open()
            await store.save(login())
            kill(store)
            disk.cut_power()
            again = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            permit = await again.open()
            await again.close()
            return permit

    assert run(saved()) == Permit("a")


def test_a_revocation_that_returned_survives_the_power_cut(tmp_path: Path) -> None:
    async def revoked() -> Permit:
        backend = FakeBackend()
        with faulty_disk() as disk:
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await store.open()
            await store.save(login())
            await store.revoke(kicked())
            kill(store)
            disk.cut_power()
            again = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            permit = await again.open()
            await again.close()
            return permit

    assert run(revoked()) == Permit(None, kicked())


def test_a_failed_disk_takes_the_secret_with_it(tmp_path: Path) -> None:
    """The file cannot be voided by any way, so the secret it permits is deleted: auto login needs both."""

    async def failed() -> None:
        backend = FakeBackend()
        with faulty_disk() as disk:
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await store.open()
            await store.save(login())
            disk.fails = frozenset({"create", "overwrite", "unlink"})
            await store.revoke(kicked())
            kill(store)
            disk.reset()
            again = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            assert await again.open() == Permit("a")
            with pytest.raises(StoreUnavailable, match="does not hold"):
                await again.load("a")
            await again.close()

    run(failed())


def test_when_no_medium_can_be_written_the_host_is_told(tmp_path: Path) -> None:
    async def told() -> None:
        backend = FakeBackend()
        with faulty_disk() as disk:
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await store.open()
            await store.save(login())
            disk.fails = frozenset({"create", "overwrite", "unlink"})
            backend.before = _refuse_to_delete
            with pytest.raises(StoreUnavailable, match="the next start may still use it"):
                await store.revoke(kicked())
            with pytest.raises(StoreUnavailable):  # in this process it is void all the same
                await store.load("a")
            disk.reset()
            await store.revoke(kicked())  # and it can be tried again
            await store.close()

    run(told())


def _refuse_to_delete(operation: str, _: str) -> None:
    if operation == "delete":
        raise OSError("the keyring is read-only")


def test_a_store_that_cannot_be_claimed_can_still_be_revoked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unclaimed() -> None:
        backend = FakeBackend()
        store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
        await store.open()
        await store.save(login())
        await store.close()

        broken = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
        with monkeypatch.context() as patched:
            patched.setattr(broken._claim, "take", _read_only)
            with pytest.raises(StoreUnavailable, match="Read-only"):
                await broken.open()
            await broken.revoke(kicked())
            with pytest.raises(StoreUnavailable, match="not open"):
                await broken.save(login())
        await broken.close()
        assert backend.entries == {}

        again = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
        assert await again.open() == Permit(None, kicked())
        await again.close()

    run(unclaimed())


def _read_only(deadline: float) -> None:
    raise OSError(30, "Read-only file system")


@pytest.mark.parametrize("cancelled", [False, True], ids=["raises", "is cancelled"])
def test_a_save_that_may_have_permitted_somebody_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, cancelled: bool
) -> None:
    """The permit is in its place, the disk then fails before that is certain, and nothing can be voided any more."""

    async def doubtful() -> None:
        backend = FakeBackend()
        with faulty_disk() as disk:
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await store.open()
            write = store._permits.write
            saving: asyncio.Task[None] | None = None
            loop = asyncio.get_running_loop()

            def permit_then_fail(record: Record) -> None:
                if record.permit.account is None:
                    return write(record)
                write(record)
                disk.fails = frozenset({"create", "overwrite", "unlink", "sync", "sync directory"})
                backend.before = _refuse_to_delete
                if cancelled:
                    assert saving is not None
                    loop.call_soon_threadsafe(saving.cancel)
                raise OSError(5, "Input/output error")

            store._permits.write = permit_then_fail  # type: ignore[method-assign]
            saving = asyncio.create_task(store.save(login()))
            said = "the next start may still use it: delete"
            if cancelled:
                with pytest.raises(asyncio.CancelledError):
                    await saving
                assert said in caplog.text
            else:
                with pytest.raises(StoreUnavailable, match=said):
                    await saving
            with pytest.raises(StoreUnavailable, match="no login of 'a'"):
                await store.load("a")  # in this process it is void
            kill(store)
        again = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
        assert await again.open() == Permit("a")
        await again.close()

    run(doubtful())


@pytest.mark.parametrize("mended", [True, False], ids=["mended", "broken"])
def test_R4_what_an_earlier_run_voided_in_the_cache_only_is_not_taken_for_void(tmp_path: Path, mended: bool) -> None:
    """What is read may never have reached the disk, and a power cut bring back the permit: so the host is told."""

    async def cut() -> None:
        backend = FakeBackend()
        with faulty_disk() as disk:
            monday = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await monday.open()
            await monday.save(login())
            disk.fails = frozenset({"sync", "sync directory"})
            backend.before = _refuse_to_delete
            with pytest.raises(StoreUnavailable, match="the next start may still use it"):
                await monday.revoke(kicked())
            kill(monday)

            tuesday = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            assert (await tuesday.open()).account is None
            with pytest.raises(StoreUnavailable, match="the next start may still use it"):
                await tuesday.revoke(kicked())
            if mended:
                disk.fails = frozenset()
                await tuesday.revoke(kicked())
            kill(tuesday)
            disk.cut_power()
            disk.reset()

            wednesday = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            assert await wednesday.open() == (Permit(None, kicked()) if mended else Permit("a"))
            await wednesday.close()

    run(cut())


def test_R4_a_void_file_that_may_not_keep_its_name_is_not_enough(tmp_path: Path) -> None:
    """The new file is on the disk, and the directory there may still name the old one."""

    async def unnamed() -> None:
        backend = FakeBackend()
        with faulty_disk() as disk:
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            await store.open()
            await store.save(login())
            disk.fails = frozenset({"sync directory"})
            backend.before = _refuse_to_delete
            with pytest.raises(StoreUnavailable, match="the next start may still use it"):
                await store.revoke(kicked())
            backend.before = lambda operation, account: None
            await store.revoke(kicked())
            kill(store)
            disk.cut_power()
            disk.reset()
            again = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            assert await again.open() == Permit("a")
            with pytest.raises(StoreUnavailable, match="does not hold"):
                await again.load("a")
            await again.close()

    run(unnamed())


def test_a_store_that_was_in_doubt_of_its_file_is_not_once_it_has_written_it(tmp_path: Path) -> None:
    async def doubted() -> None:
        backend = FakeBackend()
        with faulty_disk() as disk:
            store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
            disk.fails = frozenset({"sync directory"})
            await store.open()
            disk.reset()
            await store.save(login())
            disk.fails = frozenset({"create", "overwrite", "unlink"})
            await store.revoke(kicked())
            assert backend.entries == {}
            await store.close()

    run(doubted())


def test_R4_a_store_over_memory_says_so_when_it_cannot_void_what_an_earlier_run_kept(tmp_path: Path) -> None:
    """Nor does it delete the secret: that is in a keyring which it does not use."""

    async def cannot() -> None:
        with faulty_disk() as disk:
            monday = KeyringStore("app", backend=FakeBackend(), directory=tmp_path, deadlines=PATIENT)
            await monday.open()
            await monday.save(login())
            await monday.close()
            tuesday = KeyringStore("app", backend=MemoryBackend(), directory=tmp_path, deadlines=PATIENT)
            await tuesday.open()
            disk.fails = frozenset({"create", "overwrite", "unlink"})
            for call in (tuesday.revoke(kicked()), tuesday.save(login("b"))):
                with pytest.raises(StoreUnavailable, match="the next start may still use it"):
                    await call
            disk.fails = frozenset({"create"})
            await tuesday.save(login("b"))
            assert PermitFile(tmp_path).read().entries == ("a",), (
                "monday's is still to be deleted, and b's in no keyring"
            )
            await tuesday.close()

    run(cannot())
