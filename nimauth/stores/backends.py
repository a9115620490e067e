"""Which keyring backends may hold a secret, and how each is spoken to.

All calls here block, and belong on a worker thread.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from ..errors import StoreError, StoreLocked, StoreUnavailable

if TYPE_CHECKING:
    from secretstorage import Collection

T = TypeVar("T")

SECRET_SERVICE: Final = "keyring.backends.SecretService.Keyring"
ALLOWED: Final = frozenset(
    {
        SECRET_SERVICE,
        "keyring.backends.libsecret.Keyring",
        "keyring.backends.kwallet.DBusKeyring",
        "keyring.backends.kwallet.DBusKeyringKWallet4",
        "keyring.backends.macOS.Keyring",
        "keyring.backends.Windows.WinVaultKeyring",
    }
)
"""The backends that are an operating system's own keyring. Any other may keep plain text, lose what it is given, or ask
a stranger, so it is used only when the host names it."""

_CROWDED: Final = frozenset({SECRET_SERVICE, "keyring.backends.libsecret.Keyring"})
"""Several clients at once wedge or abort gnome-keyring-daemon, so these wait for each other."""
_LOCKED: Final = frozenset({"KeyringLocked", "LockedException", "PromptDismissedException"})
_CHAINER: Final = "keyring.backends.chainer.ChainerBackend"
_FAIL: Final = "keyring.backends.fail.Keyring"


class Backend(Protocol):
    """What is asked of a keyring backend: three of the methods of `keyring.backend.KeyringBackend`."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """The entry's text, or None."""
        ...

    def set_password(self, service: str, username: str, password: str, /) -> None:
        """Write the entry."""
        ...

    def delete_password(self, service: str, username: str, /) -> None:
        """Delete the entry. Raises when there is none."""
        ...


class MemoryBackend:
    """Holds entries for as long as it lives: where there is no OS keyring, and in tests."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """The entry's text, or None."""
        return self._entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write the entry."""
        self._entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Delete the entry. Raises KeyError when there is none."""
        del self._entries[service, username]


def qualified_name(backend: object) -> str:
    """The backend's class by its full name, as the allow-list has it."""
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def choose_backend() -> Backend:
    """The operating system's keyring.

    What the user or the host configured for the `keyring` library decides, as long as it is on the allow-list. Of a
    chain of backends the first allowed one is used by itself: a chain reads from all its members, and may write to
    whichever comes next. Raises StoreUnavailable naming what was refused; there is no silent second choice.
    """
    import keyring

    configured: Any = keyring.get_keyring()
    members: list[Any] = configured.backends if qualified_name(configured) == _CHAINER else [configured]
    for member in members:
        if qualified_name(member) in ALLOWED:
            return member  # type: ignore[no-any-return]
    names = ", ".join(sorted({qualified_name(member) for member in members} - {_FAIL}))
    if not names:
        raise StoreUnavailable(
            "no OS keyring was found, so no login can be saved; start one (Secret Service, KWallet) or log in each time"
        )
    raise StoreUnavailable(
        f"the configured keyring is refused ({names} is no OS keyring and may keep secrets in plain text, or none); "
        "configure an OS keyring, or hand this backend to the store yourself"
    )


class _Line:
    """A D-Bus connection that its users cannot close, because keyring's backend closes what it was given."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.cut = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        """Called by keyring's backend after each call."""

    def cut_off(self) -> None:
        """Called from another thread: the call that waits on this line fails at once."""
        self.cut = True
        with contextlib.suppress(OSError):  # closed already
            self._connection.sock.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        self._connection.close()


class HeldSecretService:
    """keyring's Secret Service backend over one connection, where by itself it makes a new one for each call.

    The connection is made at first use, and made again when it broke, so the daemon may die and come back.
    """

    def __init__(self, backend: Any) -> None:
        # A copy with one method swapped. A subclass would enter keyring's registry and change what the host gets there.
        self._backend: Backend = backend.with_properties(get_preferred_collection=self._unlocked)
        self._preferred: str | None = getattr(backend, "preferred_collection", None)
        self._line: _Line | None = None
        self._collection: Collection | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """The entry's text, or None."""
        return self._reconnecting(lambda: self._backend.get_password(service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write the entry."""
        self._reconnecting(lambda: self._backend.set_password(service, username, password))

    def delete_password(self, service: str, username: str) -> None:
        """Delete the entry. Raises when there is none."""
        self._reconnecting(lambda: self._backend.delete_password(service, username))

    def interrupt(self) -> bool:
        """Called from another thread: make the call that waits for the daemon fail at once. Says whether it will."""
        line = self._line
        if line is not None:
            line.cut_off()
        return line is not None

    def close(self) -> None:
        """Close the connection."""
        line, self._line, self._collection = self._line, None, None
        if line is not None:
            line.hang_up()

    def _reconnecting(self, call: Callable[[], T]) -> T:
        """Make the call, and once more over a new connection if it failed over one that was made earlier.

        A daemon that came back knows nothing of the sessions of the one that died. All three calls may be repeated.
        """
        earlier = self._line
        try:
            return self._once(call)
        except Exception:
            # Not when it is only locked, nor when the connection was new or was cut on purpose.
            if self._line is not None or earlier is None or earlier.cut:
                raise
        return self._once(call)

    def _once(self, call: Callable[[], T]) -> T:
        from keyring.errors import KeyringLocked

        try:
            return call()
        except KeyringLocked:
            raise  # the connection is as good as before
        except Exception:
            self.close()
            raise

    def _unlocked(self) -> Collection:
        """What the backend asks for at each call: the collection, unlocked; here always over the same connection."""
        import secretstorage
        from keyring.errors import KeyringLocked

        if self._collection is None:
            self._line = _Line(secretstorage.dbus_init())
            connection: Any = self._line
            if self._preferred is None:
                self._collection = secretstorage.get_default_collection(connection)
            else:
                self._collection = secretstorage.Collection(connection, self._preferred)
        if self._collection.is_locked():
            self._collection.unlock()  # waits for a person, where there is a display to ask on
            if self._collection.is_locked():
                raise KeyringLocked("nobody unlocked the collection")
        return self._collection


class Vault:
    """One app's entries in one backend. What the backend raises goes through; `store_error` puts it in words."""

    def __init__(self, backend: Backend, service: str, patience: float, given_up: Callable[[], bool]) -> None:
        """`given_up` says whether the entries may have become another store's. Then none is changed any more."""
        name = qualified_name(backend)
        self._held = HeldSecretService(backend) if name == SECRET_SERVICE else None
        self._backend = self._held or backend
        self._crowded = name in _CROWDED
        self._service = service
        self._patience = patience
        self._given_up = given_up

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """To be held around one operation: wait at most `patience` seconds for the user's other processes and threads.

        Raises StoreUnavailable when they do not let go in time.
        """
        if not self._crowded:
            yield
            return
        from filelock import FileLock, Timeout

        path = _turns_path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(path, mode=0o600)
        try:
            lock.acquire(timeout=self._patience, poll_interval=0.01)
        except Timeout:
            raise StoreUnavailable(
                "another program is using the keyring or waits for you to unlock it, so it cannot be reached; try again"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def get(self, account: str) -> str | None:
        """The account's entry, or None."""
        return self._backend.get_password(self._service, account)

    def set(self, account: str, text: str) -> None:
        """Write the account's entry, and return only when the backend gives it back unchanged."""
        self._not_given_up()
        self._backend.set_password(self._service, account, text)
        if self.get(account) != text:
            raise StoreUnavailable(
                "the keyring did not keep what it was given, so this login is not saved; use another"
            )

    def delete(self, account: str) -> None:
        """Delete the account's entry, and return only when it is gone."""
        if self.get(account) is None:
            return
        self._not_given_up()
        self._backend.delete_password(self._service, account)
        if self.get(account) is not None:
            raise StoreUnavailable("the keyring still holds an entry that it was told to delete; delete it by hand")

    def interrupt(self) -> bool:
        """Called from another thread when a call takes too long. Says whether that call now fails soon."""
        return self._held is not None and self._held.interrupt()

    def close(self) -> None:
        """Let go of what is held open."""
        if self._held is not None:
            self._held.close()

    def _not_given_up(self) -> None:
        # Looked at as late as can be, after the keyring answered. What it is already carrying out cannot be recalled;
        # where several clients wait for each other, the next store waits for that.
        if self._given_up():
            raise StoreUnavailable(
                "the store was closed before the keyring answered, so this is left undone; the next login does it"
            )


def store_error(error: BaseException) -> StoreError:
    """A backend's error as ours, with none of its words, which may quote the secret, and none of its traceback."""
    if isinstance(error, StoreError):
        return type(error)(str(error))
    # By name: a backend that the host brought needs neither keyring nor secretstorage to be imported.
    names = {base.__name__ for base in type(error).__mro__}
    if names & _LOCKED:
        return StoreLocked(
            "the keyring is locked and nobody unlocked it, so no saved login can be used; unlock it first"
        )
    return StoreUnavailable(
        f"the keyring failed ({type(error).__name__}), so no saved login can be used; log in by hand, or mend it"
    )


def _turns_path() -> Path:
    # Beside the bus that leads to the keyring, so that one keyring has one lock whatever else differs between programs.
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):
        return Path(runtime) / "nimauth" / "keyring.lock"
    from platformdirs import user_state_path

    return user_state_path("nimauth", appauthor=False) / "keyring.lock"
