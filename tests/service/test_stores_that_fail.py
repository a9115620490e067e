"""A store that fails makes auto login unavailable, never login impossible and never a void login valid."""

from __future__ import annotations

import asyncio

import pytest

from nimauth.errors import LoginFailed, StoreError, StoreInUse, StoreLocked, StoreUnavailable
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.vocabulary.logins import LoginInfo, Permit, Revocation
from nimauth.vocabulary.reasons import Cause
from nimauth.vocabulary.rules import Rule
from nimauth.vocabulary.states import ONLINE, State

from .host import A, Host, now, virtual
from .world import NEVER, World, refused


class Failing(MemoryStore):
    """A memory store whose calls fail by name."""

    fails: frozenset[str] = frozenset()
    hangs: frozenset[str] = frozenset()

    async def _do(self, name: str) -> None:
        if name in self.hangs:
            await asyncio.sleep(NEVER)
        if name in self.fails:
            raise StoreLocked("the keyring is locked; unlock it and start again")

    async def open(self) -> Permit:
        await self._do("open")
        return await super().open()

    async def load(self, account: str) -> LoginInfo:
        await self._do("load")
        return await super().load(account)

    async def save(self, login: LoginInfo) -> None:
        await self._do("save")
        await super().save(login)

    async def revoke(self, revocation: Revocation) -> None:
        await self._do("revoke")
        await super().revoke(revocation)

    async def close(self) -> None:
        await self._do("close")
        await super().close()


def failing(*names: str, hang: bool = False, shelf: Shelf | None = None) -> MemoryStore:
    kind = type("Now", (Failing,), {"hangs" if hang else "fails": frozenset(names)})
    store: MemoryStore = kind(shelf or Shelf())
    return store


@pytest.mark.parametrize("names", [("open",), ("save",), ("revoke",), ("close",), ("open", "save", "revoke", "close")])
@virtual
async def test_login_and_logout_work_with_a_store_that_fails(names: tuple[str, ...]) -> None:
    async with Host(store=failing(*names)) as host:
        refusal = await host.start()
        assert ("open" in names) == (refusal.error is not None)
        await host.auth.login(A)
        assert host.state in ONLINE
        if "save" in names:
            assert isinstance(host.auth.store_error, StoreError)
        await host.auth.logout()
        assert host.state is State.UN_LOGIN


@virtual
async def test_a_locked_keyring_makes_auto_login_unavailable_and_says_so() -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        await host.online()
    async with Host(store=failing("load", shelf=shelf)) as host:
        refusal = await host.start()
        assert refusal.rule is None
        assert str(refusal) == "no auto login: the keyring is locked; unlock it and start again"
        assert host.world.opened_at == []
    async with Host(shelf=shelf) as host:  # nothing was voided: the next start may find it unlocked
        assert await host.start() is None


@virtual
async def test_a_save_that_hangs_does_not_hold_the_login_beyond_its_45_seconds() -> None:
    async with Host(store=failing("save", hang=True)) as host:
        await host.start()
        await host.auth.login(A)
        assert now() == 45 / 2  # the other half would be for local data
        assert host.state in ONLINE
        assert isinstance(host.auth.store_error, StoreUnavailable)
        assert host.shelf.permit.account is None


@virtual
async def test_a_store_in_use_is_an_error_of_initialize_which_may_be_called_again() -> None:
    shelf = Shelf()
    other = MemoryStore(shelf)
    await other.open()
    async with Host(shelf=shelf) as host:
        with pytest.raises(StoreInUse):
            await host.auth.initialize()
        await other.close()
        await host.start()
        await host.auth.login(A)


@virtual
async def test_without_a_store_logins_work_and_nothing_is_kept() -> None:
    from nimauth.service import AuthService

    auth = AuthService(World(), random=lambda low, high: high)
    async with auth:
        refusal = await auth.initialize()
        assert refusal is not None
        assert refusal.rule is Rule.R2
        await auth.login(A)
        await auth.logout()


@virtual
async def test_a_revocation_that_fails_is_noted_and_the_login_goes_on() -> None:
    shelf = Shelf()
    async with Host(World([refused(302)]), store=failing("revoke", shelf=shelf)) as host:
        await host.start()
        with pytest.raises(LoginFailed):
            await host.auth.login(A)
        assert host.auth.store_error is not None
        assert host.auth.revocation is not None
        assert host.auth.revocation.cause is Cause.CREDENTIALS
