"""What a session keeps for the next start. A store that fails makes auto login unavailable and nothing worse."""

from __future__ import annotations

import asyncio
import logging
import uuid

from attrs import define, field

from ..errors import StoreError, StoreInUse, StoreUnavailable
from ..stores.base import CredentialStore
from ..vocabulary.logins import LoginInfo, Permit, Revocation
from .tasks import report

log = logging.getLogger("nimauth")


@define(eq=False)
class Keeping:
    """The store of one session, and what is known of it. Nothing here raises a StoreError unless it says so."""

    store: CredentialStore | None
    """None: nothing is kept."""
    error: StoreError | None = field(default=None, init=False)
    """What is wrong with the store, if anything."""
    permit: Permit = field(factory=Permit, init=False)
    """Who may be auto logged in at the next start, as far as we know, or why and since when nobody may."""
    device_id: str = field(default="", init=False)
    _unrevoked: Revocation | None = field(default=None, init=False)
    """What the store could not void; it is tried again at the end."""

    async def open(self, device_id: str | None) -> None:
        """Open the store, and learn whom it permits. Raises StoreInUse."""
        self.device_id = device_id or uuid.uuid4().hex
        if self.store is None:
            return
        try:
            self.permit = await self.store.open()
            self.device_id = device_id or await self.store.device_id()
        except StoreInUse:
            raise
        except StoreError as error:
            self.note(error)

    async def load(self) -> LoginInfo | None:
        """The login of the permitted account; None where there is none, or where the store fails (see `error`)."""
        if self.store is None or self.permit.account is None:
            return None
        try:
            return await self.store.load(self.permit.account)
        except StoreError as error:
            self.note(error)
            return None

    async def save(self, login: LoginInfo) -> None:
        """Keep a login that succeeded (R6)."""
        if self.store is None:
            return
        try:
            await self.store.save(login)
            self.permit, self.error, self._unrevoked = Permit(login.account), None, None
        except StoreError as error:
            self.note(error)

    async def revoke(self, revocation: Revocation) -> None:
        """Void what is kept (R3-R6, R13)."""
        self.permit = Permit(None, revocation)
        if self.store is None:
            return
        self._unrevoked = revocation
        try:
            await self.store.revoke(revocation)
            self._unrevoked = None
        except StoreError as error:
            self.note(error)

    def note(self, error: StoreError) -> None:
        """Auto login may be unavailable at the next start, and this is why."""
        self.error = error
        log.warning("%s", error)

    def note_silence(self) -> None:
        """The store did not answer in time."""
        self.note(StoreUnavailable("the store did not answer in time; auto login is unavailable at the next start"))

    async def close(self, within: float) -> None:
        """Void what could not be voided, and give the store up; each in so many seconds. Raises nothing."""
        if self.store is None:
            return
        try:
            async with asyncio.timeout(within):
                if self._unrevoked is not None:
                    await self.revoke(self._unrevoked)
        except Exception as error:
            report("a login that is void could not be revoked", error)
        try:
            async with asyncio.timeout(within):
                await self.store.close()
        except Exception as error:
            report("the store could not be closed", error)
