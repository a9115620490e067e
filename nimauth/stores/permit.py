"""What a store keeps on disk: who may be auto logged in, the id of this installation, and the claim. Never a secret.

All calls here block, and belong on a worker thread.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import field, frozen

from ..errors import StoreInUse, StoreUnavailable
from ..vocabulary.logins import Permit, Revocation, account_name
from ..vocabulary.reasons import Cause

if TYPE_CHECKING:
    from filelock import BaseFileLock

VERSION: Final = 1
"""Of the permit file. A file of another version permits nobody."""
MAX_BYTES: Final = 64 * 1024
"""A permit file beyond this is not ours."""
MAX_ENTRIES: Final = 32
"""How many accounts with a secret left to delete are remembered."""

_SEAL: Final = re.compile(r"([0-9a-f]{32})?")
_DEVICE_ID: Final = re.compile(r"[0-9a-f]{32}")
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")

# What only some systems have. A FIFO in place of the file must not hang the open, and a link is not followed.
_GUARDED: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_DIRECTORY_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP})
"""What a file system says that cannot sync a directory, as opposed to one that failed to."""


def check_name(what: str, name: str) -> str:
    """The name, if it can be a directory and part of a keyring entry everywhere. Raises ValueError otherwise."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"the {what} name {name!r} cannot be kept everywhere; use up to 64 of A-Z a-z 0-9 . _ - with a letter or "
            "digit at either end"
        )
    return name


def state_directory(app: str, profile: str = "default") -> Path:
    """Where the permit of an app's profile is kept for this user. Raises ValueError for a name `check_name` refuses."""
    from platformdirs import user_state_path

    return user_state_path(check_name("app", app), appauthor=False) / "nimauth" / check_name("profile", profile)


def peek(app: str, *, profile: str = "default", directory: Path | None = None) -> Permit:
    """Who may be auto logged in, without claiming the store; another process may change it at any moment.

    Raises StoreUnavailable for a permit file that permits nobody because it cannot be understood. Blocks, briefly.
    """
    return PermitFile(directory or state_directory(app, profile)).read().permit


@frozen
class Record:
    """What the permit file says."""

    permit: Permit = field(factory=Permit)
    seal: str = ""
    """Which secret the permit is for. A secret with another seal is a late write, or one that was never deleted."""
    entries: tuple[str, ...] = ()
    """The accounts that may have an entry in the keyring. An account stands here from before its secret is written
    until its deletion is certain, so that a crash in between leaves nothing forgotten."""

    def void(self, revocation: Revocation | None) -> Record:
        """The same with nobody permitted."""
        return attrs.evolve(self, permit=Permit(None, revocation), seal="")

    def expect(self, account: str) -> Record:
        """The same with an entry of the account that may come to be."""
        return attrs.evolve(self, entries=(*(entry for entry in self.entries if entry != account), account))


class PermitFile:
    """The permit of one profile, in a file that only its user can read.

    Whatever is wrong with the file (malformed, too long, a link, another version, another user's) permits nobody.
    """

    lasting = True
    """Whether the secrets that the file is for are in the keyring that its store uses."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "permit.json"

    def read(self) -> Record:
        """What the file says; an empty Record when there is none.

        Raises StoreUnavailable for a file that permits nobody because it cannot be read or understood.
        """
        record, problem = self.look()
        if record is None or problem:
            raise StoreUnavailable(problem)
        return record

    def look(self) -> tuple[Record | None, str]:
        """What the file says, and in one sentence what is wrong with it, if anything is.

        None stands for a file that cannot be read now, and may permit somebody when it can. One that cannot be
        understood will not: it is an empty Record.
        """
        record: Record | None = Record()
        try:
            return _parse(_read(self.path)), ""
        except FileNotFoundError:
            return record, ""
        except OSError as error:
            record, problem = None, error.strerror or type(error).__name__
        except ValueError as error:
            problem = str(error)
        except (RecursionError, OverflowError, TypeError):
            problem = "it is not what nimauth writes"
        return record, f"{self.path} permits no auto login, because it cannot be used ({problem}); log in by hand"

    def settle(self) -> None:
        """Make sure that the file as it is now is on the disk. Raises OSError when that is not certain.

        What is read may be in the system's cache only, because the last run's sync failed; a power cut would then bring
        back what it replaced.
        """
        access = os.O_RDWR if os.name == "nt" else os.O_RDONLY  # Windows syncs nothing that is open for reading
        with contextlib.suppress(FileNotFoundError), _opened(self.path, access) as descriptor:
            os.fsync(descriptor)
        _sync_directory(self.path.parent)

    def write(self, record: Record) -> None:
        """Put the record in the file's place: after a crash at any point the file is the old one or the new one.

        Raises OSError when that is not certain.
        """
        _write_atomically(self.path, _serialise(record))

    def void(self, record: Record) -> None:
        """Write a record that permits nobody, by whatever way still works.

        Disks fill up and directories become read-only, and none of that may let a void login through. So after the
        orderly way come two that only destroy: to overwrite the file in place, and to remove it. The last loses the
        reason, never the revocation. Raises OSError when the file may still permit somebody.
        """
        try:
            return self.write(record)
        except OSError as error:
            orderly = error
        for way in (self._overwrite, self._remove):
            with contextlib.suppress(OSError):
                return way(record)
        raise orderly

    def _overwrite(self, record: Record) -> None:
        with _opened(self.path, os.O_WRONLY) as descriptor:
            # Empty first: a mixture of the old record and half of the new one could still permit somebody.
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
            _sync_directory(self.path.parent)  # the orderly way may have put this file there, and not got further
            with contextlib.suppress(OSError):  # void already; the reason is what may be lost
                _write_all(descriptor, _serialise(record))
                os.fsync(descriptor)

    def _remove(self, _: Record) -> None:
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            # With its directory gone too, the file may come back together with the disk it is on.
            os.stat(self.path.parent)
        _sync_directory(self.path.parent)


class FleetingPermits(PermitFile):
    """The permits of a store over memory, which end with its process: the file is only ever voided.

    So what an earlier run kept in a keyring cannot come back to life when the keyring does. Its entries stay as they
    were read: what they name is in a keyring that this store does not use, and what this store keeps is in none.
    """

    lasting = False

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._entries: tuple[str, ...] = ()

    def look(self) -> tuple[Record | None, str]:
        """What the file says, and what is wrong with it."""
        record, problem = super().look()
        if record is not None:
            self._entries = record.entries
        return record, problem

    def write(self, record: Record) -> None:
        """Put the record in the file's place, if it permits nobody. If it does, the void one before it stays there."""
        if record.permit.account is None:
            super().write(attrs.evolve(record, entries=self._entries))

    def _overwrite(self, record: Record) -> None:
        super()._overwrite(attrs.evolve(record, entries=self._entries))


class Claim:
    """The exclusive use of a directory by one open store, held until it is released or the process dies."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock: BaseFileLock | None = None

    def take(self, deadline: float) -> None:
        """Wait at most `deadline` seconds for the claim. Idempotent: who asked first may have stopped waiting.

        Creates the directory, and makes it private. Raises StoreInUse when another store has the claim,
        StoreUnavailable when other users could write there, OSError when the claim cannot be taken.
        """
        if self._lock is not None:
            return
        from filelock import FileLock, Timeout

        _make_private(self._directory)
        lock = FileLock(self._directory / "claim.lock", mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=deadline, poll_interval=0.02)
        except Timeout:
            raise StoreInUse(
                f"{self._holder()} uses the saved login in {self._directory}; close it there, or use another profile"
            ) from None
        self._lock = lock
        # Beside the lock and not in it: Windows lets nobody read a locked file.
        with contextlib.suppress(OSError):
            _write_atomically(self._directory / "claim.pid", str(os.getpid()).encode())

    def release(self) -> None:
        """Give the claim up. Idempotent."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._directory / "claim.pid")
            self._lock.release()
            self._lock = None

    def _holder(self) -> str:
        try:
            pid = int(_read(self._directory / "claim.pid"))
        except (OSError, ValueError):
            return "another process"
        return "another store of this process" if pid == os.getpid() else f"process {pid}"


def device_id(directory: Path) -> str:
    """The id of this installation: made at first use and kept apart from the permit, so no revocation changes it (R12).

    Raises OSError when a new id cannot be kept.
    """
    path = directory / "device"
    # What cannot be read now may be readable later: only a missing or a mangled id is made anew.
    with contextlib.suppress(FileNotFoundError, ValueError):
        known = _read(path).decode("ascii").strip()
        if _DEVICE_ID.fullmatch(known):
            return known
    made = secrets.token_hex(16)
    _write_atomically(path, made.encode())
    return made


def _serialise(record: Record) -> bytes:
    revocation = record.permit.revocation
    return json.dumps(
        {
            "version": VERSION,
            "account": record.permit.account,
            "seal": record.seal,
            "revocation": revocation
            and {"cause": revocation.cause, "at": revocation.at, "account": revocation.account},
            "entries": record.entries[-MAX_ENTRIES:],
        },
        ensure_ascii=False,
    ).encode(errors="replace")  # a host's own Revocation may name an account that is no text; it is void all the same


def _parse(data: bytes) -> Record:
    """Raises ValueError, in words without the data, for anything `_serialise` does not write."""
    try:
        content: Any = json.loads(data)
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    if content.get("version") != VERSION:
        raise ValueError("another version of nimauth wrote it")
    account, seal, revocation, entries = (content.get(key) for key in ("account", "seal", "revocation", "entries"))
    if not isinstance(seal, str) or not _SEAL.fullmatch(seal) or not isinstance(entries, list):
        raise ValueError("its fields are not what nimauth writes")
    if account is not None and (revocation is not None or not seal):
        raise ValueError("it permits and revokes at once")
    record = Record(Permit(_account(account), _revocation(revocation)), seal, tuple(_some_account(e) for e in entries))
    if account is not None and record.permit.account not in record.entries:
        raise ValueError("it permits an account that has no entry")  # revoking goes by the entries
    return record


def _account(value: object) -> str | None:
    return None if value is None else _some_account(value)


def _some_account(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("an account in it is not text")
    return account_name(value)


def _revocation(value: object) -> Revocation | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("its revocation is not an object")
    cause, at = value.get("cause"), value.get("at")
    if not isinstance(at, (int, float)) or not math.isfinite(at):
        raise ValueError("the time of its revocation is not a number")
    if cause not in set(Cause):
        raise ValueError("the cause of its revocation is unknown")
    return Revocation(Cause(cause), float(at), _account(value.get("account")))


def _make_private(directory: Path) -> None:
    """Create the directory where there is none, and see to it that only this user can put a permit there.

    Raises StoreUnavailable when somebody else can, OSError when it cannot be created.
    """
    for place in (*reversed(directory.parents), directory):
        if not place.exists():
            with contextlib.suppress(FileExistsError):
                os.mkdir(place, 0o700)
    if os.name == "nt":  # what is in a user's profile is that user's
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        status = os.fstat(descriptor)
        # The sticky bit says that a directory is meant to be shared: a host that names /tmp must not take it away.
        if status.st_uid == os.geteuid() and not status.st_mode & stat.S_ISVTX:
            if status.st_mode & 0o077:
                with contextlib.suppress(OSError):  # some file systems keep no modes
                    os.fchmod(descriptor, 0o700)
                status = os.fstat(descriptor)
            if not status.st_mode & 0o077:
                return
    finally:
        os.close(descriptor)
    raise StoreUnavailable(
        f"{directory} is not this user's alone, so somebody else could permit a login there; let it be a directory "
        "that belongs to this user, with mode 0700"
    )


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Any:
    """A descriptor of a regular file that is this user's own. Raises OSError for anything else."""
    descriptor = os.open(path, flags | _GUARDED)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "another user's file")
        yield descriptor
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    with _opened(path, os.O_RDONLY) as descriptor:
        data = b""
        while len(data) <= MAX_BYTES and (more := os.read(descriptor, MAX_BYTES)):
            data += more
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES} bytes")
    return data


def _write_atomically(path: Path, data: bytes) -> None:
    new = path.with_name(path.name + ".new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)  # left by a crash
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _GUARDED, 0o600)
    try:
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(new, path)
    _sync_directory(path.parent)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # Windows has no descriptor for a directory
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_SYNC:
            raise
    finally:
        os.close(descriptor)
