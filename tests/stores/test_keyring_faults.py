"""A keyring that raises, lies, hangs or is not there never makes a login impossible or a void login valid."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from nimauth.errors import StoreLocked, StoreUnavailable, ValueRefused
from nimauth.stores import backends
from nimauth.stores import keyring as keyring_store
from nimauth.stores.keyring import MAX_UNITS, Deadlines, KeyringStore
from nimauth.stores.permit import Record, peek
from nimauth.vocabulary.logins import LoginInfo, Permit
from nimauth.vocabulary.reasons import Cause
from tests.aio import run

from .helpers import HASTY, PATIENT, FakeBackend, Hang, kicked, login


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def new(backend: FakeBackend, tmp_path: Path) -> Callable[..., KeyringStore]:
    def make(deadlines: Deadlines = PATIENT, on_notice: Callable[[str], object] | None = None) -> KeyringStore:
        return KeyringStore("app", backend=backend, directory=tmp_path, deadlines=deadlines, on_notice=on_notice)

    return make


@pytest.fixture(autouse=True)
def nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_store, "somebody_can_unlock", lambda: False)


def somebody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_store, "somebody_can_unlock", lambda: True)


class KeyringLocked(Exception):
    """As keyring and its backends name it."""


def raising(error: BaseException, *operations: str) -> Callable[[str, str], None]:
    def before(operation: str, _: str) -> None:
        if operation in operations:
            raise error

    return before


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyringLocked("no"), StoreLocked),
        (RuntimeError("no"), StoreUnavailable),
        (ConnectionResetError(104, "reset"), StoreUnavailable),
        (UnicodeEncodeError("utf-8", "s3cret", 0, 1, "surrogates"), StoreUnavailable),
        (StopIteration(), StoreUnavailable),
        (AssertionError(), StoreUnavailable),
        (SystemExit("s3cret"), StoreUnavailable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_whatever_a_backend_raises_is_a_store_error_and_permits_nobody(
    new: Callable[..., KeyringStore], backend: FakeBackend, error: BaseException, expected: type[Exception]
) -> None:
    async def raises() -> None:
        store = new()
        await store.open()
        await store.save(login())
        backend.before = raising(error, "get")
        with pytest.raises(expected):
            await store.load("a")
        backend.before = raising(error, "set")
        with pytest.raises(expected):
            await store.save(login())
        await store.close()
        again = new()
        assert (await again.open()).account is None
        backend.before = raising(error, "get", "set", "delete")
        await again.revoke(kicked())  # the permit is void, so this is no error
        await again.close()

    run(raises())


@pytest.mark.parametrize(
    "distort",
    [lambda text: None, lambda text: text[:-1], lambda text: text + "\n", lambda text: "", lambda text: text.upper()],
    ids=["swallowed", "truncated", "longer", "empty", "shouted"],
)
def test_a_keyring_that_does_not_give_back_what_it_was_given_permits_nobody(
    new: Callable[..., KeyringStore], backend: FakeBackend, distort: Callable[[str], str | None]
) -> None:
    async def distorted() -> None:
        backend.distort = distort
        store = new()
        await store.open()
        with pytest.raises(StoreUnavailable, match="did not keep"):
            await store.save(login())
        await store.revoke(kicked())
        assert backend.entries == {}
        await store.close()
        again = new()
        assert (await again.open()).account is None
        await again.close()

    run(distorted())


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "null",
        "[]",
        "{",
        "[" * 9999,
        '{"account":"a","seal":"SEAL"}',
        '{"account":"b","seal":"SEAL","token":"t"}',
        '{"account":"a","seal":"other","token":"t"}',
        '{"account":"a","seal":"SEAL","token":1}',
        '{"account":"a","seal":"SEAL","token":"t","auth_type":9}',
        '{"account":"a","seal":"SEAL","token":"t","more":1}',
    ],
)
def test_an_entry_that_save_did_not_write_is_no_login(
    new: Callable[..., KeyringStore], backend: FakeBackend, entry: str
) -> None:
    async def foreign() -> None:
        store = new()
        await store.open()
        await store.save(login())
        assert store._record is not None
        (key,) = backend.entries
        backend.entries[key] = entry.replace("SEAL", store._record.seal)
        with pytest.raises(StoreUnavailable, match="does not hold"):
            await store.load("a")
        backend.entries.clear()
        with pytest.raises(StoreUnavailable, match="does not hold"):
            await store.load("a")
        await store.close()

    run(foreign())


def test_R4_a_refused_delete_never_brings_a_void_login_back(
    new: Callable[..., KeyringStore], backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused() -> None:
        store = new()
        await store.open()
        await store.save(login(token="old"))
        backend.before = raising(OSError("no"), "delete")
        await store.revoke(kicked())
        assert "still in the keyring" in caplog.text
        assert len(backend.entries) == 1
        await store.close()

        again = new()
        assert await again.open() == Permit(None, kicked())
        await again.save(login("b"))  # the next chance
        assert [account for _, account in backend.entries] == ["a", "b"]
        backend.before = raising(OSError("no"))
        await again.save(login("b"))
        assert [account for _, account in backend.entries] == ["b"]
        await again.close()

    run(refused())


def test_a_secret_that_came_back_does_not_fit_a_later_permit(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    """A keyring restored from a backup, or a write that arrives late, is not what the permit is for."""

    async def restored() -> None:
        store = new()
        await store.open()
        await store.save(login(token="old"))
        backup = dict(backend.entries)
        await store.save(login(token="new"))
        backend.entries.update(backup)
        with pytest.raises(StoreUnavailable, match="does not hold"):
            await store.load("a")
        await store.close()

    run(restored())


def test_the_longest_login_is_kept_and_one_unit_more_is_refused(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    async def sizes() -> None:
        store = new()
        await store.open()
        await store.save(login(token="t"))
        (entry,) = backend.entries.values()
        room = MAX_UNITS - len(entry) + 1
        await store.save(login(token="t" * room))
        assert len(next(iter(backend.entries.values())).encode("utf-16-le")) == 2560
        for token in ("t" * (room + 1), "\U0001f511" * (room // 2 + 1)):
            with pytest.raises(ValueRefused, match="1280"):
                await store.save(login(token=token))
            with pytest.raises(StoreUnavailable):
                await store.load("a")
        await store.close()
        again = new()
        assert (await again.open()).account is None
        await again.close()

    run(sizes())


def test_a_login_that_needs_all_its_fields_fits_or_is_refused_but_never_cut(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    async def long() -> None:
        store = new()
        await store.open()
        with pytest.raises(ValueRefused):
            await store.save(LoginInfo("a" * 256, "t" * 200, login_ext='"' * 1024))
        assert backend.entries == {}
        await store.close()

    run(long())


def test_a_keyring_that_never_answers_costs_its_deadline_and_then_nothing(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    async def hangs() -> None:
        store = new()
        await store.open()
        await store.save(login())
        backend.before = hang = Hang("get")
        store._deadlines = HASTY
        with pytest.raises(StoreUnavailable, match=r"did not answer in 0\.05 s"):
            await store.load("a")
        await asyncio.to_thread(hang.reached.wait)
        store._keyring._pulse.since = 0.0  # long ago, however late the thread began
        calls = len(backend.calls)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="has not answered an earlier request"):
                await store.load("a")
        assert len(backend.calls) == calls, "nothing is queued behind a keyring that hangs"
        await store.revoke(kicked())  # needs no answer

        store._deadlines = PATIENT
        hang.answer.set()
        backend.before = raising(OSError())
        await store._keyring.submit(lambda: None)  # it answers again
        await store.save(login())
        assert await store.load("a") == login()
        await store.close()

    run(hangs())


def test_a_late_write_never_becomes_a_valid_login(new: Callable[..., KeyringStore], backend: FakeBackend) -> None:
    async def late() -> None:
        store = new(HASTY)
        await store.open()
        backend.before = hang = Hang("set")
        with pytest.raises(StoreUnavailable, match="did not answer"):
            await store.save(login())
        hang.answer.set()
        await store._keyring.submit(lambda: None)
        assert len(backend.entries) == 1, "the write did arrive"
        with pytest.raises(StoreUnavailable, match="no login"):
            await store.load("a")
        await store.close()
        again = new()
        assert (await again.open()).account is None
        await again.revoke(kicked())
        assert backend.entries == {}, "and it was not forgotten"
        await again.close()

    run(late())


def test_a_revocation_overtakes_a_save_that_waits_for_the_keyring(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    async def overtaken() -> None:
        store = new()
        await store.open()
        backend.before = hang = Hang("set")
        saving = asyncio.create_task(store.save(login()))
        await asyncio.to_thread(hang.reached.wait)
        revoking = asyncio.create_task(store.revoke(kicked()))
        await asyncio.sleep(0)
        assert await store.open() == Permit(None, kicked())  # at once, however long the keyring takes
        hang.answer.set()
        with pytest.raises(StoreUnavailable, match="revoked"):
            await saving
        await revoking
        assert backend.entries == {}
        await store.close()
        again = new()
        assert await again.open() == Permit(None, kicked())
        await again.close()

    run(overtaken())


@pytest.mark.parametrize("steps", range(12))
def test_a_cancelled_save_permits_nobody_whenever_it_is_cancelled(
    new: Callable[..., KeyringStore], backend: FakeBackend, steps: int
) -> None:
    async def cancelled() -> None:
        store = new()
        await store.open()
        saving = asyncio.create_task(store.save(login()))
        for _ in range(steps * steps * steps):
            await asyncio.sleep(0)
        saving.cancel()
        try:
            await saving
        except asyncio.CancelledError:
            permitted = None
        else:
            permitted = "a"
        await store.close()
        again = new()
        assert (await again.open()).account == permitted
        await again.close()

    run(cancelled())


def test_where_somebody_can_unlock_the_store_waits_longer_and_says_so(
    new: Callable[..., KeyringStore], backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody_there(monkeypatch)

    async def unlocked() -> None:
        backend.before = hang = Hang("set")
        notices: list[str] = []

        def unlock(notice: str) -> None:
            notices.append(notice)
            hang.answer.set()  # somebody types the password
            raise RuntimeError("a host's own fault")

        store = new(Deadlines(answer=0.05, unlock=30, claim=0.01), unlock)
        await store.open()
        await store.save(login())
        assert await store.load("a") == login()
        assert notices == ["the keyring has not answered yet; it may be waiting for you to unlock it"]
        await store.close()

    run(unlocked())


def test_where_nobody_unlocks_it_the_long_deadline_ends_too(
    new: Callable[..., KeyringStore], backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody_there(monkeypatch)

    async def away() -> None:
        backend.before = hang = Hang("set")
        store = new(HASTY)
        await store.open()
        with pytest.raises(StoreUnavailable, match=r"did not answer in 0\.1 s"):
            await store.save(login())
        hang.answer.set()
        await store.close()

    run(away())


def test_closing_gives_a_hanging_keyring_up(new: Callable[..., KeyringStore], backend: FakeBackend) -> None:
    async def closes() -> None:
        backend.before = hang = Hang("set")
        store = new(HASTY)
        await store.open()
        with pytest.raises(StoreUnavailable):
            await store.save(login())
        await store.close()
        again = new()
        await again.open()  # the claim is free
        await again.close()
        hang.answer.set()

    run(closes())


def test_the_interpreter_ends_while_the_keyring_hangs(tmp_path: Path) -> None:
    script = """
import asyncio, sys, threading
from pathlib import Path
from nimauth.errors import StoreUnavailable
from nimauth.stores import keyring
from nimauth.vocabulary.logins import LoginInfo

class Never:
    def get_password(self, service, username): threading.Event().wait()
    set_password = delete_password = lambda self, *a: threading.Event().wait()

async def main():
    deadlines = keyring.Deadlines(answer=0.05, unlock=0.1)
    store = keyring.KeyringStore("app", backend=Never(), directory=Path(sys.argv[1]), deadlines=deadlines)
    await store.open()
    try:
        await store.save(LoginInfo("a", "t"))
    except StoreUnavailable as error:
        print(error)

asyncio.run(main())
"""
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "did not answer" in ended.stdout
    assert ended.stderr == ""


def test_without_any_keyring_the_permit_can_be_read_and_revoked(
    new: Callable[..., KeyringStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise StoreUnavailable("no OS keyring was found")

    monkeypatch.setattr(keyring_store, "choose_backend", none)

    async def without() -> None:
        store = new()
        await store.open()
        await store.save(login())
        await store.close()
        bare = KeyringStore("app", directory=tmp_path, deadlines=PATIENT)
        assert await bare.open() == Permit("a")
        with pytest.raises(StoreUnavailable, match="no OS keyring"):
            await bare.load("a")
        await bare.revoke(kicked())
        assert peek("app", directory=tmp_path) == Permit(None, kicked())
        with pytest.raises(StoreUnavailable, match="no OS keyring"):
            await bare.save(login("b"))
        await bare.close()
        again = new()
        revocation = (await again.open()).revocation
        assert revocation is not None
        assert (revocation.cause, revocation.account) == (Cause.LOGIN_STARTED, "b")
        await again.close()

    run(without())


def test_a_keyring_that_keeps_what_it_was_told_to_delete_is_not_believed(
    new: Callable[..., KeyringStore], backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    async def kept() -> None:
        store = new()
        await store.open()
        await store.save(login())
        entries = dict(backend.entries)
        backend.before = lambda operation, _: backend.entries.update(entries) if operation == "get" else None
        await store.revoke(kicked())
        assert "told to delete" in caplog.text
        await store.close()
        again = new()
        assert await again.open() == Permit(None, kicked())
        backend.before = raising(OSError())
        await again.revoke(kicked())
        assert backend.entries == {}
        await again.close()

    run(kept())


def test_nothing_is_asked_of_the_keyring_for_somebody_who_left(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    async def left() -> None:
        store = new()
        await store.open()
        await store.save(login())
        backend.calls.clear()
        backend.before = hang = Hang("get")
        first = asyncio.create_task(store.load("a"))
        await asyncio.to_thread(hang.reached.wait)
        second = asyncio.create_task(store.load("a"))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        hang.answer.set()
        assert await first == login()
        await store.close()
        assert backend.calls == ["get"]

    run(left())


def test_stores_over_a_keyring_that_bears_no_crowd_wait_for_each_other_but_not_for_ever(
    new: Callable[..., KeyringStore], backend: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_CROWDED", {backends.qualified_name(backend)})
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    async def crowd() -> None:
        store = new(HASTY)
        await store.open()
        with filelock.FileLock(tmp_path / "nimauth" / "keyring.lock"):
            with pytest.raises(StoreUnavailable, match="another program is using the keyring"):
                await store.save(login())
            assert backend.calls == []
        await store.close()
        patient = new()
        await patient.open()
        await patient.save(login())
        await patient.close()

    run(crowd())


def hanging(store: KeyringStore, name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Hang, list[Record]]:
    """Make the writes of permits (`write`) or the voiding of them (`void`) hang, and list what is written."""
    hang, written = Hang(name), list[Record]()
    write, void = store._permits.write, store._permits.void

    def hanging_write(record: Record) -> None:
        if record.permit.account is not None:
            hang("write", "")
        written.append(record)
        write(record)

    def hanging_void(record: Record) -> None:
        hang("void", "")
        void(record)

    monkeypatch.setattr(store._permits, "write", hanging_write)
    monkeypatch.setattr(store._permits, "void", hanging_void)
    return hang, written


def test_a_disk_that_never_answers_costs_its_deadline_and_permits_nobody_later(
    new: Callable[..., KeyringStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs() -> None:
        store = new(Deadlines(answer=20, disk=0.05, claim=0.01))
        await store.open()
        hang, written = hanging(store, "void", monkeypatch)
        with pytest.raises(StoreUnavailable, match=r"did not answer in 0\.05 s"):
            await store.save(login())
        hang.answer.set()
        await store._disk.submit(lambda: None)  # all that is late has been written
        assert written
        assert not any(record.permit.account for record in written), "not even for a moment"
        await store.close()
        again = new()
        assert (await again.open()).account is None
        await again.close()

    run(hangs())


def test_a_save_that_is_cancelled_while_its_permit_is_written_permits_nobody(
    new: Callable[..., KeyringStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled() -> None:
        store = new()
        await store.open()
        hang, written = hanging(store, "write", monkeypatch)
        saving = asyncio.create_task(store.save(login()))
        await asyncio.to_thread(hang.reached.wait)
        saving.cancel()
        hang.answer.set()
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert [record.permit.account for record in written] == [None, "a", None]
        await store.close()
        again = new()
        assert (await again.open()).account is None
        await again.close()

    run(cancelled())


def test_a_save_that_outlives_its_store_asks_nothing_more_of_it(
    new: Callable[..., KeyringStore], backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody_there(monkeypatch)

    async def outlives() -> None:
        store = new(Deadlines(answer=0.05, unlock=20, claim=0.01))
        await store.open()
        backend.before = hang = Hang("set")
        saving = asyncio.create_task(store.save(login()))
        await asyncio.to_thread(hang.reached.wait)
        await store.close()
        hang.answer.set()
        with pytest.raises(StoreUnavailable, match="closed"):
            await saving
        assert store._disk._thread is not None
        await asyncio.to_thread(store._disk._thread.join)
        assert store._disk._jobs.empty()

    run(outlives())


def test_a_save_that_the_end_of_the_store_overtakes_permits_nobody(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    async def overtaken() -> None:
        store = new()
        await store.open()
        backend.before = hang = Hang("set")
        saving = asyncio.create_task(store.save(login()))
        await asyncio.to_thread(hang.reached.wait)
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
        hang.answer.set()
        with pytest.raises(StoreUnavailable, match="closed"):
            await saving
        await closing
        again = new()
        assert (await again.open()).account is None
        await again.close()

    run(overtaken())


@pytest.mark.parametrize("name", ["answer", "unlock", "disk", "claim"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_deadline_that_is_none_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        Deadlines(**{name: value})


class Caseless(FakeBackend):
    """As some systems' keyrings look their entries up."""

    def get_password(self, service: str, username: str) -> str | None:
        return super().get_password(service, username.lower())

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username.lower(), password)

    def delete_password(self, service: str, username: str) -> None:
        super().delete_password(service, username.lower())


def test_a_keyring_that_ignores_case_keeps_the_login_that_was_saved_last(tmp_path: Path) -> None:
    """Two accounts are then one entry, and deleting the other must not delete what was just written."""

    async def saved() -> None:
        backend = Caseless()
        store = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
        await store.open()
        await store.save(login("Anna", "old"))
        await store.save(login("anna", "new"))
        assert await store.load("anna") == login("anna", "new")
        await store.close()
        again = KeyringStore("app", backend=backend, directory=tmp_path, deadlines=PATIENT)
        assert await again.open() == Permit("anna")
        assert await again.load("anna") == login("anna", "new")
        await again.revoke(kicked("anna"))
        assert backend.entries == {}
        await again.close()

    run(saved())


def test_a_locked_keyring_is_asked_once_although_there_is_more_to_do(
    new: Callable[..., KeyringStore], backend: FakeBackend
) -> None:
    """Each time it is asked, it may ask somebody for a password."""

    async def asked() -> None:
        store = new()
        await store.open()
        await store.save(login("a"))
        backend.calls.clear()
        backend.before = raising(KeyringLocked("no"), "get", "set")
        with pytest.raises(StoreLocked):
            await store.save(login("b"))
        assert backend.calls == ["get"]
        await store.close()

    run(asked())


@pytest.mark.parametrize("found", [True, False], ids=["found", "not found"])
def test_a_revocation_overtakes_a_load_that_waits_for_the_keyring(
    new: Callable[..., KeyringStore], backend: FakeBackend, found: bool
) -> None:
    async def overtaken() -> None:
        store = new()
        await store.open()
        await store.save(login())
        backend.before = hang = Hang("get")
        loading = asyncio.create_task(store.load("a"))
        await asyncio.to_thread(hang.reached.wait)
        revoking = asyncio.create_task(store.revoke(kicked()))
        await asyncio.sleep(0)
        if not found:
            backend.entries.clear()
        hang.answer.set()
        with pytest.raises(StoreUnavailable, match="the saved login was revoked meanwhile; log in by hand"):
            await loading
        await revoking
        await store.close()

    run(overtaken())


def test_R4_a_revocation_that_failed_is_repeated_and_voids_what_it_could_not(
    new: Callable[..., KeyringStore], backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def repeated() -> None:
        store = new()
        await store.open()
        await store.save(login())
        with monkeypatch.context() as patched:
            patched.setattr(store._permits, "void", _broken)
            backend.before = raising(OSError(), "delete")
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="the next start may still use it"):
                    await store.revoke(kicked())
            backend.before = raising(OSError())
            await store.revoke(kicked())  # the keyring is mended first: with its secret gone the permit is powerless
            assert backend.entries == {}
        await store.revoke(kicked())
        await store.close()
        again = new()
        assert await again.open() == Permit(None, kicked())
        await again.close()

    run(repeated())


def test_R4_a_revocation_that_failed_before_the_store_was_open_is_repeated(
    new: Callable[..., KeyringStore], backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def repeated() -> None:
        store = new()
        await store.open()
        await store.save(login())
        await store.close()
        late = new()
        backend.before = raising(OSError(), "delete")
        with monkeypatch.context() as patched:
            patched.setattr(late._claim, "take", _broken)
            patched.setattr(late._permits, "void", _broken)
            with pytest.raises(StoreUnavailable, match="the next start may still use it"):
                await late.revoke(kicked())
        await late.revoke(kicked())
        await late.close()
        again = new()
        assert await again.open() == Permit(None, kicked())
        await again.close()

    run(repeated())


def _broken(_: object) -> None:
    raise OSError(5, "Input/output error")
