"""MemoryStore: the contract of a CredentialStore with nothing that outlives its shelf."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Final

from attrs import define, field

from ..errors import StoreInUse, StoreUnavailable
from ..vocabulary.logins import LoginInfo, Permit, Revocation, account_name
from ..vocabulary.reasons import Cause

_CLAIMING: Final = threading.Lock()
"""Two threads may want one shelf at the same moment."""


@define(eq=False)
class Shelf:
    """What several MemoryStores, one after another, share: a disk for hosts and tests that model restarts."""

    permit: Permit = field(factory=Permit)
    login: LoginInfo | None = None
    device_id: str = field(factory=lambda: secrets.token_hex(16))
    holder: MemoryStore | None = None
    """The open store, until it is closed. Set it to None to model the death of its process."""


@define(eq=False)
class MemoryStore:
    """Keeps the last login on a shelf, for as long as somebody holds the shelf.

    `MemoryStore()` has a shelf of its own, so everything ends with the store. Two stores with one shelf are two runs of
    one app: `MemoryStore(shelf)`. As with any store, the second cannot open before the first has closed.
    """

    shelf: Shelf = field(factory=Shelf)
    _closed: bool = field(default=False, init=False, repr=False)

    async def open(self) -> Permit:
        """Claim the shelf. Raises StoreInUse when another open store has it."""
        self._claim()
        return self.shelf.permit

    async def device_id(self) -> str:
        """The id of this shelf (R12)."""
        self._require_open()
        return self.shelf.device_id

    async def load(self, account: str) -> LoginInfo:
        """The saved login. Raises StoreUnavailable when that account is not permitted."""
        self._require_open()
        if self.shelf.login is None or self.shelf.permit.account != account_name(account):
            raise StoreUnavailable(f"no login of {account!r} is saved here; log in by hand")
        return self.shelf.login

    async def save(self, login: LoginInfo) -> None:
        """Keep the login and permit its account (R6)."""
        self._require_open()
        # Nobody is permitted from the first write to the last: a permit must never meet another account's login.
        self.shelf.permit = Permit(None, Revocation(Cause.LOGIN_STARTED, time.time(), login.account))
        self.shelf.login = login
        self.shelf.permit = Permit(login.account)

    async def revoke(self, revocation: Revocation) -> None:
        """Void the permit and forget the login (R3-R6, R13), also where nobody has called `open`."""
        self._claim()
        self.shelf.permit = Permit(None, revocation)
        self.shelf.login = None

    async def close(self) -> None:
        """Give the shelf up. Idempotent; what is saved stays on the shelf."""
        self._closed = True
        if self.shelf.holder is self:
            self.shelf.holder = None

    def _claim(self) -> None:
        if self._closed:
            raise StoreUnavailable("this store is closed; make a new one")
        with _CLAIMING:
            if self.shelf.holder not in (None, self):
                raise StoreInUse("another open MemoryStore uses this shelf; close that one first")
            self.shelf.holder = self

    def _require_open(self) -> None:
        if self.shelf.holder is not self:
            raise StoreUnavailable("this store is not open; await its open() first")
