"""KeyringStore: the permit in a file, the secret in the operating system's keyring."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
from attrs import field, frozen

from ..errors import StoreError, StoreLocked, StoreUnavailable, ValueRefused
from ..vocabulary.logins import LoginInfo, Permit, Revocation, account_name
from ..vocabulary.reasons import Cause
from .backends import Backend, MemoryBackend, Vault, choose_backend, store_error
from .permit import Claim, FleetingPermits, PermitFile, Record, check_name, device_id, state_directory
from .worker import Worker

T = TypeVar("T")

MAX_UNITS: Final = 1280
"""How much one entry may hold, in UTF-16 units: what Windows holds (2560 bytes), and the same everywhere, so that a
login that is kept on one system is kept on all."""

_log = logging.getLogger(__name__)


def _seconds(_: object, attribute: attrs.Attribute[float], value: float) -> None:
    if not value > 0:
        raise ValueError(f"the deadline `{attribute.name}` is {value} s; it must be more than 0")


@frozen
class Deadlines:
    """How long the store waits, in seconds."""

    answer: float = field(default=5.0, validator=_seconds)
    """For the keyring to answer by itself."""
    unlock: float = field(default=120.0, validator=_seconds)
    """For the keyring to answer where there is a display, so that somebody may be asked to unlock it."""
    disk: float = field(default=10.0, validator=_seconds)
    """For one write or read of the permit."""
    claim: float = field(default=2.0, validator=_seconds)
    """For another process to give the store up: the app's last run may just be ending."""


def somebody_can_unlock() -> bool:
    """Whether there is a display on which the keyring could ask somebody to unlock it."""
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


class KeyringStore:
    """A CredentialStore over the OS keyring.

    `app` and `profile` name the permit's directory and the keyring entry; `directory` puts the permit elsewhere. A
    `backend` that the host names is used as given; otherwise the allow-listed OS keyring is found at first use, and a
    store without one still opens: its permit can be read and revoked, only `load` and `save` raise. `on_notice` hears
    in one sentence when somebody may have to unlock the keyring.

    With a `MemoryBackend` the secret ends with the process, and so does the permit: see `FleetingPermits`.

    Raises ValueError for a name that cannot be kept everywhere.
    """

    def __init__(
        self,
        app: str,
        *,
        profile: str = "default",
        backend: Backend | None = None,
        directory: Path | None = None,
        deadlines: Deadlines | None = None,
        on_notice: Callable[[str], object] | None = None,
    ) -> None:
        self._service = f"nimauth/{check_name('app', app)}/{check_name('profile', profile)}"
        self._backend = backend
        self._vault: Vault | None = None
        self._directory = directory or state_directory(app, profile)
        self._permits = (FleetingPermits if isinstance(backend, MemoryBackend) else PermitFile)(self._directory)
        self._claim = Claim(self._directory)
        self._deadlines = deadlines or Deadlines()
        self._on_notice = on_notice
        self._disk = Worker("nimauth-permit")
        self._keyring = Worker("nimauth-keyring")
        self._record = Record()
        """What holds now, as far as this store has learnt."""
        self._known = False
        """Whether the permit file was read, and is sure to be on the disk as it was read, or was voided since. The
        entries above then name every account that it may permit, also while a write is under way or has failed."""
        self._turn = 0
        """Counts what supersedes a save under way: its permit is written only while the count is what it was."""
        self._is_open = False
        self._closed = False
        self._given_up = False
        """Whether the claim is, or is about to be, released: the keyring's entries may then be another store's."""

    def __repr__(self) -> str:
        return f"<KeyringStore {self._service}>"

    async def open(self) -> Permit:
        """Claim the store for this process and tell who may be auto logged in. The keyring is not touched.

        Raises StoreInUse when another store has it, StoreUnavailable when it cannot be claimed, or not kept from other
        users. A permit file that cannot be understood permits nobody, and the log says why. May be repeated, also after
        it was cancelled.
        """
        self._not_closed()
        if not self._is_open:
            deadline = self._deadlines.claim
            await self._with_disk(lambda: self._claim.take(deadline), more=deadline)
            await self._look()
            self._not_closed()
            self._is_open = True
        return self._record.permit

    async def device_id(self) -> str:
        """The id of this installation (R12). Raises StoreUnavailable when it cannot be kept."""
        self._opened()
        return await self._with_disk(lambda: device_id(self._directory))

    async def load(self, account: str) -> LoginInfo:
        """The saved login of the permitted account.

        Raises StoreLocked, or StoreUnavailable when the account is not permitted, the keyring fails or does not answer
        in time, what it holds is not what `save` wrote, or a `revoke` overtook this.
        """
        record, account = self._opened(), account_name(account)
        if record.permit.account != account:
            raise StoreUnavailable(f"no login of {account!r} is saved here; log in by hand")
        login = await self._with_keyring(lambda vault: _unsealed(vault.get(account), account, record.seal))
        if self._opened().seal != record.seal:
            raise StoreUnavailable("the saved login was revoked meanwhile; log in by hand")
        if login is None:
            raise StoreUnavailable(
                f"the keyring does not hold the login that was saved for {account!r}; log in by hand"
            )
        return login

    async def save(self, login: LoginInfo) -> None:
        """Keep the login and permit its account (R6). When it raises, or is cancelled, nothing is permitted.

        Raises ValueRefused for a login beyond `MAX_UNITS` or with what is no text, StoreLocked, and StoreUnavailable,
        also when a `revoke` or another `save` overtook this one. Where neither the file nor the keyring could be
        written, so that a login may be permitted all the same, the error says so (the log, when this was cancelled).
        """
        record = self._opened()
        turn = self._next_turn()
        # What holds for the next start until the last write, and after it wherever the login is not kept.
        started = Revocation(Cause.LOGIN_STARTED, time.time(), login.account)
        before = record.void(started).expect(login.account)
        try:
            # Nobody is permitted from the first write to the last, and the entry is on record before it exists.
            await self._void(before)
            seal = secrets.token_hex(16)
            _check_size(login, seal)
            left = await self._with_keyring(lambda vault: _replace(vault, login, seal, before.entries))
            await self._write(Record(Permit(login.account), seal, left), turn)
        except BaseException as failure:
            # Also when cancelled: the permit may be written at this very moment. If something overtook this save, the
            # permit is its business.
            if self._turn == turn:
                self._next_turn()
                try:
                    await self._void(before)
                except StoreUnavailable as doubt:
                    if isinstance(failure, StoreError):
                        raise doubt from None  # it matters more than why the login is not saved
                    _log.error("%s", doubt)
            raise

    async def revoke(self, revocation: Revocation) -> None:
        """Void the permit, then delete the secret (R3-R6, R13).

        May be called on a store that could not be opened: what can be voided is voided. Returns once no auto login can
        follow, even when the secret could not be deleted; that is then tried again at the next `save` or `revoke`.
        Raises StoreUnavailable when the permit may still be valid, StoreInUse when it is another process's. Repeated
        after that, it tries everything again.
        """
        self._not_closed()
        turn = self._next_turn()
        if not self._is_open:
            await self._open_to_revoke()
        record = self._record.void(revocation)
        await self._void(record)
        left = await self._forget(record.entries)
        if left != record.entries:
            with contextlib.suppress(StoreUnavailable):  # the list is then longer than need be, which does no harm
                await self._write(attrs.evolve(record, entries=left), turn)

    async def close(self) -> None:
        """Give the store up; what is saved stays. Idempotent, and bounded by the deadlines.

        A deletion that the keyring has not carried out yet gets `Deadlines.answer` seconds more. When this is cancelled
        it gets none, and the claim is released all the same.
        """
        if self._closed:
            return
        self._closed = True
        self._is_open = False
        self._next_turn()  # a save that is under way has lost, and leaves the permit to what comes after
        hung_up = self._keyring.submit(self._hang_up)
        self._keyring.close()
        try:
            await asyncio.wait({hung_up}, timeout=self._deadlines.answer)
        finally:
            # In this order: what the next store saves must not be deleted by what this one left undone.
            self._given_up = True
            if not hung_up.done():
                self._interrupt()
            released = self._disk.submit(self._claim.release)
            self._disk.close()
        await asyncio.wait({released}, timeout=self._deadlines.disk)

    def _opened(self) -> Record:
        self._not_closed()
        if not self._is_open:
            raise StoreUnavailable("this store is not open; await its open() first")
        return self._record

    def _not_closed(self) -> None:
        if self._closed:
            raise StoreUnavailable("this store is closed; make a new one")

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn

    async def _open_to_revoke(self) -> None:
        """Claim the store, or else learn at least what the file permits: revoking must not depend on the claim."""
        try:
            await self.open()
        except StoreUnavailable as error:
            _log.warning("%s", error)
            with contextlib.suppress(StoreUnavailable):
                await self._look()

    async def _look(self) -> None:
        """Learn what the permit file says."""
        record, problem = await self._with_disk(self._permits.look)
        if problem:
            _log.warning("%s", problem)
        known = record is not None
        try:
            await self._with_disk(self._permits.settle)
        except StoreUnavailable as error:
            _log.warning("%s", error)
            known = False
        if not self._is_open:  # or else another call was first, and what holds may have changed since
            self._record, self._known = record or Record(), known

    async def _void(self, record: Record) -> None:
        """Make `record`, which permits nobody, what holds.

        Where the file cannot be voided, every secret that it may be for is deleted: auto login needs both. Raises
        StoreUnavailable when neither can be done.
        """
        self._record = record
        try:
            await self._with_disk(lambda: self._permits.void(record))
        except StoreUnavailable as error:
            problem = str(error)
        else:
            self._known = True
            return
        if self._known and self._permits.lasting and not await self._forget(record.entries):
            _log.warning("%s; its secret is gone, so nobody can be auto logged in all the same", problem)
            return
        raise StoreUnavailable(
            f"{problem}; nor could the saved login be deleted from the keyring, so the next start may still use it: "
            f"delete {self._permits.path} by hand"
        )

    async def _write(self, record: Record, turn: int) -> None:
        """Write the record unless something overtook this turn."""
        self._still(turn)

        def write() -> None:
            # Looked at here, just before the write: the thread makes its calls in order, so either the write comes
            # before the one that revokes, or it is not made.
            self._still(turn)
            self._permits.write(record)

        await self._with_disk(write)
        self._still(turn)
        self._record = record

    def _still(self, turn: int) -> None:
        self._not_closed()
        if self._turn != turn:
            raise StoreUnavailable("the login was revoked, or saved anew, before it was saved; log in again")

    async def _forget(self, accounts: tuple[str, ...]) -> tuple[str, ...]:
        """Delete the accounts' secrets, and give those for which that is not certain. Never raises a StoreError."""
        if not accounts:
            return ()
        try:
            left, problem = await self._with_keyring(lambda vault: _delete(vault, accounts), background=True)
        except StoreError as error:
            left, problem = accounts, error
        if left:
            _log.warning("a void login is still in the keyring, and will be deleted at the next chance: %s", problem)
        return left

    async def _with_disk(self, job: Callable[[], T], *, more: float = 0.0) -> T:
        """Run the job on the permit's thread. It runs even when this is cancelled or the deadline passes."""
        self._not_closed()  # nothing runs on its thread any more
        deadline = self._deadlines.disk + more
        answer = self._disk.submit(lambda: _outcome(job, self._disk_error))
        await asyncio.wait({answer}, timeout=deadline)
        if not answer.done():
            raise StoreUnavailable(f"{self._directory} did not answer in {deadline:g} s, so no saved login can be used")
        return _heard(answer.result())

    async def _with_keyring(self, job: Callable[[Vault], T], *, background: bool = False) -> T:
        """Run the job on the keyring's thread.

        A job in the background is waited for only as long as a keyring needs that asks nobody, and goes on after that.
        """
        self._not_closed()
        deadlines = self._deadlines
        allowance = max(deadlines.answer, deadlines.unlock) if somebody_can_unlock() else deadlines.answer
        if (stuck := self._keyring.busy_for) > allowance and not self._interrupt():
            raise StoreUnavailable(
                f"the keyring has not answered an earlier request for {stuck:.0f} s, so no saved login can be used; "
                "log in by hand, or restart the keyring"
            )
        patience = deadlines.answer if background else allowance
        answer = self._keyring.submit(lambda: _outcome(lambda: self._in_vault(job), store_error))
        try:
            await asyncio.wait({answer}, timeout=deadlines.answer)
            if not answer.done() and patience > deadlines.answer:
                self._tell("the keyring has not answered yet; it may be waiting for you to unlock it")
                await asyncio.wait({answer}, timeout=patience - deadlines.answer)
            if answer.done():
                return _heard(answer.result())
        finally:
            if not background:
                answer.cancel()  # if its turn has not come yet, it is not run for nobody
        if not background:
            self._interrupt()
        raise StoreUnavailable(
            f"the keyring did not answer in {patience:g} s, so no saved login can be used; unlock it, or log in by hand"
        )

    def _in_vault(self, job: Callable[[Vault], T]) -> T:
        if self._vault is None:
            # Half of what the caller waits: an answer in words is then sure to come before the deadline.
            patience = self._deadlines.answer / 2
            self._vault = Vault(self._backend or choose_backend(), self._service, patience, lambda: self._given_up)
        with self._vault.turn():
            return job(self._vault)

    def _interrupt(self) -> bool:
        return self._vault is not None and self._vault.interrupt()

    def _hang_up(self) -> None:
        if self._vault is not None:
            self._vault.close()

    def _disk_error(self, error: BaseException) -> StoreError:
        if isinstance(error, StoreError):
            return type(error)(str(error))
        if not isinstance(error, OSError):
            raise error
        return StoreUnavailable(
            f"{self._directory} cannot be used ({error.strerror or type(error).__name__}), so no login can be saved "
            "there; see to its permissions and its disk"
        )

    def _tell(self, notice: str) -> None:
        _log.warning("%s", notice)
        if self._on_notice is not None:
            try:
                self._on_notice(notice)
            except Exception:
                _log.exception("the host's on_notice raised")


def _outcome(job: Callable[[], T], explain: Callable[[BaseException], StoreError]) -> T | StoreError:
    """The job's value, or the error as a new object: the old one's traceback and context may hold the secret."""
    try:
        return job()
    except (Exception, SystemExit) as error:  # a keyring's plug-in that exits is one that failed
        return explain(error)


def _heard(outcome: T | StoreError) -> T:
    if isinstance(outcome, StoreError):
        raise outcome
    return outcome


def _replace(vault: Vault, login: LoginInfo, seal: str, entries: tuple[str, ...]) -> tuple[str, ...]:
    """Delete the other entries and write the login's. Gives the accounts that then may have an entry."""
    # In this order: to a keyring that does not tell upper from lower case, another may be the same.
    left, problem = _delete(vault, tuple(entry for entry in entries if entry != login.account))
    if isinstance(problem, StoreLocked):
        raise problem  # writing would ask somebody once more to unlock it
    vault.set(login.account, _sealed(login, seal))
    return (*left, login.account)


def _delete(vault: Vault, accounts: tuple[str, ...]) -> tuple[tuple[str, ...], StoreError | None]:
    """Delete entries until one fails: each may ask somebody to unlock the keyring. Gives those left, and why."""
    for done, account in enumerate(accounts):
        try:
            vault.delete(account)
        except Exception as error:
            return accounts[done:], store_error(error)
    return (), None


def _sealed(login: LoginInfo, seal: str) -> str:
    # The account is inside too: some keyrings do not tell upper from lower case.
    content: dict[str, Any] = {"seal": seal, "account": login.account, "token": login.token}
    content |= {
        key: value
        for key, value in (
            ("auth_type", int(login.auth_type)),
            ("login_ext", login.login_ext),
            ("custom_client_type", login.custom_client_type),
        )
        if value
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _unsealed(text: str | None, account: str, seal: str) -> LoginInfo | None:
    """The login, or None when there is no entry or it is not the one that was sealed with `seal`."""
    try:
        content = json.loads(text or "null")
        if (content.pop("account"), content.pop("seal")) != (account, seal):
            return None
        return LoginInfo(account, **content)
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None


def _units(login: LoginInfo, seal: str) -> int | None:
    """How long the login's entry would be; None for what cannot be one."""
    try:
        return len(_sealed(login, seal).encode("utf-16-le")) // 2
    except Exception:  # whatever it is, it may quote the login
        return None


def _check_size(login: LoginInfo, seal: str) -> None:
    # Counted elsewhere, so that the text is in no frame of the error's traceback.
    units = _units(login, seal)
    if units is None:
        raise ValueRefused(
            "the login holds what is no text, so it cannot be saved and auto login is unavailable; give plain text"
        )
    if units > MAX_UNITS:
        raise ValueRefused(
            f"the login is too long to be saved ({units} UTF-16 units with its account; keyrings hold {MAX_UNITS}), so "
            "auto login is unavailable; ask the server for a shorter token"
        )
