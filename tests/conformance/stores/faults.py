"""The file store, broken in many ways, each with the clause that it breaks and the test that finds it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from attrs import frozen
from filelock import FileLock

from nimauth.conformance import Clause, StoreConformance
from nimauth.conformance.store import contract as S
from nimauth.conformance.store.sharing import RIVALS
from nimauth.errors import StoreError, StoreInUse, StoreUnavailable, ValueRefused
from nimauth.vocabulary.logins import AuthType, LoginInfo, Permit, Revocation
from nimauth.vocabulary.reasons import Cause

from .filestore import FileStore, Json, attempt, fields_of, login_from, pause, read

_log = logging.getLogger(__name__)

F = TypeVar("F", bound=type[FileStore])


@frozen
class Fault:
    """A faulty store, and how it is found."""

    store: type[FileStore]
    clause: Clause
    test: str

    @property
    def suite(self) -> type[StoreConformance]:
        """The suite for it. A child process can import it."""
        return globals()[f"Suite{self.store.__name__}"]  # type: ignore[no-any-return]


FAULTS: list[Fault] = []


def breaks(clause: Clause, test: str, **flags: Any) -> Callable[[F], F]:
    def register(store: F) -> F:
        FAULTS.append(Fault(store, clause, test))
        name = f"Suite{store.__name__}"
        made = {"store": lambda self, home: store(home), "__module__": __name__, **flags}
        globals()[name] = type(name, (StoreConformance,), made)
        return store

    return register


# -- who is permitted --------------------------------------------------------------------------------------------------


@breaks(S.NOBODY, "test_a_first_start_permits_nobody")
class MakesAPastUp(FileStore):
    def permit(self) -> Permit:
        permit = super().permit()
        return permit if permit != Permit() else Permit(None, Revocation(Cause.LOGGED_OUT, 0.0))


@breaks(S.NOBODY, "test_a_first_start_permits_nobody")
class HasAGuest(FileStore):
    def permit(self) -> Permit:
        return Permit("guest") if super().permit() == Permit() else super().permit()


@breaks(S.LAST, "test_R1_only_the_account_that_was_saved_last_is_permitted")
class PermitsTheOlder(FileStore):
    def allow(self, login: LoginInfo) -> None:
        first = self.get("first").get("account", login.account)
        self.put("first", lambda: {"account": first})
        self.put("permit", lambda: {"account": first, "why": None})


@breaks(S.LAST, "test_R1_only_the_account_that_was_saved_last_is_permitted")
class KeepsOnePerAccount(FileStore):
    """And gives each, whoever is permitted."""

    def put_secret(self, login: LoginInfo) -> None:
        self.put(f"secret-{login.account.encode().hex()}", lambda: {"login": fields_of(login)})

    def login_of(self, account: str) -> LoginInfo:
        login = login_from(self.get(f"secret-{account.encode().hex()}"))
        if login is None:
            raise StoreUnavailable("nothing is saved here; log in by hand")
        return login


@breaks(S.LAST, "test_R1_only_the_account_that_was_saved_last_is_permitted")
class GivesWhateverIsThere(FileStore):
    def login_of(self, account: str) -> LoginInfo:
        login = login_from(self.get("secret"))
        if login is None:
            raise StoreUnavailable("nothing is saved here; log in by hand")
        return login


@breaks(S.LAST, "test_R1_only_the_account_that_was_saved_last_is_permitted")
class KeepsTheFirstToken(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        known = login_from(self.get("secret"))
        super().put_secret(known if known is not None and known.account == login.account else login)


# -- what is kept ------------------------------------------------------------------------------------------------------


@breaks(S.KEPT, "test_R6_each_kind_of_login_is_kept")
class SavesLater(FileStore):
    async def save(self, login: LoginInfo) -> None:
        self.must_be_open()
        self.later = asyncio.create_task(self.save_later(login))

    async def save_later(self, login: LoginInfo) -> None:
        for _ in range(50):
            await pause()
        await super().save(login)


@breaks(S.LAST, "test_random_histories_agree_with_the_model")
class TiresOfSaving(FileStore):
    """After three logins in one process it has had enough."""

    saves = 0

    def put_secret(self, login: LoginInfo) -> None:
        self.saves += 1
        if self.saves < 4:
            super().put_secret(login)


@breaks(S.ERRORS, "test_R6_another_event_loop_finds_what_one_has_saved")
class StaysInItsFirstLoop(FileStore):
    loop: ClassVar[asyncio.AbstractEventLoop | None] = None

    async def open(self) -> Permit:
        if StaysInItsFirstLoop.loop is None:
            StaysInItsFirstLoop.loop = asyncio.get_running_loop()
        StaysInItsFirstLoop.loop.call_soon(len, ())
        return await super().open()


@breaks(S.KEPT, "test_R6_each_kind_of_login_is_kept")
class LosesAuthType(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        kept = AuthType.STATIC if login.token else login.auth_type
        self.put("secret", lambda: {"login": {**fields_of(login), "auth_type": kept}})


@breaks(S.KEPT, "test_R6_each_kind_of_login_is_kept")
class LosesLoginExt(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        self.put("secret", lambda: {"login": {**fields_of(login), "login_ext": login.login_ext[:1]}})


@breaks(S.KEPT, "test_R6_each_kind_of_login_is_kept")
class TranslatesNewlines(FileStore):
    """As a file that is opened as text does."""

    def put_secret(self, login: LoginInfo) -> None:
        kept = login.login_ext.replace("\r\n", "\n").replace("\r", "\n")
        self.put("secret", lambda: {"login": {**fields_of(login), "login_ext": kept}})


@breaks(S.KEPT, "test_R6_each_kind_of_login_is_kept")
class LosesTheClientType(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        kept = max(0, login.custom_client_type)
        self.put("secret", lambda: {"login": {**fields_of(login), "custom_client_type": kept}})


@breaks(S.KEPT, "test_R6_each_kind_of_login_is_kept")
class StripsTokens(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        self.put("secret", lambda: {"login": {**fields_of(login), "token": login.token.strip()}})


@breaks(S.WHOLE, "test_R6_a_login_is_kept_whole_or_refused")
class CutsTokens(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        self.put("secret", lambda: {"login": {**fields_of(login), "token": login.token[:1024]}})


@breaks(S.WHOLE, "test_R6_a_login_is_kept_whole_or_refused")
class RefusesUnasked(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        if len(login.token) > 1023:
            raise ValueRefused("the token is too long; ask for a shorter one")
        super().put_secret(login)


@breaks(S.NOT_SAVED, "test_R6_a_login_is_kept_whole_or_refused", may_refuse=lambda self, login: len(login.token) > 1023)
class RefusesAndKeepsTheOld(FileStore):
    async def save(self, login: LoginInfo) -> None:
        if len(login.token) > 1023:
            raise ValueRefused("the token is too long; ask for a shorter one")
        await super().save(login)


# -- accounts ----------------------------------------------------------------------------------------------------------


class Renames(FileStore):
    """Takes what it holds to be one account for one."""

    def name(self, account: str) -> str:
        raise NotImplementedError

    def allow(self, login: LoginInfo) -> None:
        self.put("permit", lambda: {"account": self.name(login.account), "why": None})

    def put_secret(self, login: LoginInfo) -> None:
        self.put("secret", lambda: {"login": {**fields_of(login), "account": self.name(login.account)}})

    def login_of(self, account: str) -> LoginInfo:
        return super().login_of(self.name(account))


@breaks(S.APART, "test_each_odd_account_is_kept_apart_or_refused")
class NormalizesAccounts(Renames):
    def name(self, account: str) -> str:
        return unicodedata.normalize("NFKC", account).strip() or account


@breaks(S.APART, "test_each_odd_account_is_kept_apart_or_refused")
class DecomposesAccounts(Renames):
    """NFD, as some file systems do: every account comes back written otherwise."""

    def name(self, account: str) -> str:
        return unicodedata.normalize("NFD", account)

    def permit(self) -> Permit:
        permit = super().permit()
        return permit if permit.account is None else Permit(self.name(permit.account))


@breaks(S.LAST, "test_R1_only_the_account_that_was_saved_last_is_permitted")
@breaks(S.APART, "test_each_odd_account_is_kept_apart_or_refused")
class FoldsCase(Renames):
    """In what it compares, and not in what it shows."""

    def name(self, account: str) -> str:
        return account.casefold()

    def allow(self, login: LoginInfo) -> None:
        FileStore.allow(self, login)

    def put_secret(self, login: LoginInfo) -> None:
        FileStore.put_secret(self, login)

    def login_of(self, account: str) -> LoginInfo:
        login = login_from(self.get("secret"))
        permitted = self.permit().account
        if login is None or permitted is None or self.name(permitted) != self.name(account):
            raise StoreUnavailable("nothing is saved here; log in by hand")
        return login


@breaks(S.APART, "test_each_odd_account_is_kept_apart_or_refused")
class CutsAccounts(Renames):
    def name(self, account: str) -> str:
        return account[:255]


class AccountIsAFile(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        self.put(login.account, lambda: {"login": fields_of(login)})

    def login_of(self, account: str) -> LoginInfo:
        login = login_from(self.get(account))
        if self.permit().account != account or login is None:
            raise StoreUnavailable("nothing is saved here; log in by hand")
        return login


@breaks(S.APART, "test_each_odd_account_is_kept_apart_or_refused")
class AccountIsAPath(AccountIsAFile):
    """What is no path here is refused; the rest may lead anywhere."""

    def put(self, name: str, content: Callable[[], Json]) -> None:
        try:
            super().put(name, content)
        except StoreError:
            raise ValueRefused("the account cannot be a file; use another") from None


@breaks(S.APART, "test_an_account_named_like_a_file_of_the_store_is_kept_apart")
class AccountIsAName(AccountIsAFile):
    pass


# -- what is void ------------------------------------------------------------------------------------------------------


@breaks(S.VOID, "test_R4_a_revocation_is_final_and_says_why")
class RevokesInMemory(FileStore):
    void_now = False

    def void(self, revocation: Revocation) -> None:
        self.void_now = True

    def forget(self) -> None:
        pass

    def allow(self, login: LoginInfo) -> None:
        self.void_now = False
        super().allow(login)

    def login_of(self, account: str) -> LoginInfo:
        if self.void_now:
            raise StoreUnavailable("the login was revoked; log in by hand")
        return super().login_of(account)


@breaks(S.VOID, "test_every_short_history_agrees_with_the_model")
class RevokesTheAccountThatIsNamed(FileStore):
    """A revocation is of whoever is permitted, also where it names another."""

    async def revoke(self, revocation: Revocation) -> None:
        if self.permit().account in (None, revocation.account):
            await super().revoke(revocation)


@breaks(S.ERRORS, "test_R4_a_revocation_of_an_odd_account_is_one_all_the_same")
class WritesAccountsAsText(FileStore):
    def void(self, revocation: Revocation) -> None:
        (self.home / "who").write_text(revocation.account or "", encoding="utf-8")
        super().void(revocation)


@breaks(S.VOID, "test_R4_a_cancelled_revocation_is_made_good_by_another")
class ThinksThatItHasRevoked(FileStore):
    revoked = False

    async def revoke(self, revocation: Revocation) -> None:
        if not self.revoked:
            self.revoked = True
            await super().revoke(revocation)

    def allow(self, login: LoginInfo) -> None:
        self.revoked = False
        super().allow(login)


@breaks(S.WHY, "test_R4_a_revocation_is_final_and_says_why")
class LosesTheCause(FileStore):
    def void(self, revocation: Revocation) -> None:
        super().void(Revocation(Cause.FAILED, revocation.at, revocation.account))


@breaks(S.WHY, "test_R4_a_revocation_is_final_and_says_why")
class LosesTheTime(FileStore):
    def void(self, revocation: Revocation) -> None:
        super().void(Revocation(revocation.cause, time.time(), revocation.account))


@breaks(S.WHY, "test_R4_a_revocation_is_final_and_says_why")
class LosesWhoseItWas(FileStore):
    def void(self, revocation: Revocation) -> None:
        super().void(Revocation(revocation.cause, revocation.at, revocation.account or ""))


@breaks(S.ILL, "test_R4_a_revocation_needs_no_open")
class CannotRevokeUnopened(FileStore):
    async def revoke(self, revocation: Revocation) -> None:
        self.must_be_open()
        await super().revoke(revocation)


@breaks(S.ILL, "test_R4_a_revocation_may_be_repeated")
class CannotRevokeTwice(FileStore):
    def forget(self) -> None:
        attempt((self.home / "secret").unlink)


@breaks(S.ILL, "test_R4_what_a_file_out_of_reach_kept_from_being_voided_is_told")
class RevokesWithoutALook(FileStore):
    """In whatever way the disk answers, it is content."""

    def void(self, revocation: Revocation) -> None:
        try:
            super().void(revocation)
        except StoreError:
            _log.warning("the permit could not be voided")

    def forget(self) -> None:
        pass


# -- the device --------------------------------------------------------------------------------------------------------


@breaks(S.DEVICE, "test_R12_the_device_id_is_the_same_ever_after")
class NewDeviceEachStart(FileStore):
    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.id = secrets.token_hex(16)

    def device(self) -> str:
        return self.id


@breaks(S.DEVICE, "test_R12_the_device_id_is_the_same_ever_after")
class RevokesTheDevice(FileStore):
    def forget(self) -> None:
        super().forget()
        self.remove("device")


def lost_by(cause: Cause) -> type[FileStore]:
    """A store that is another device after a revocation for this one cause."""

    class LosesTheDevice(FileStore):
        async def revoke(self, revocation: Revocation) -> None:
            await super().revoke(revocation)
            if revocation.cause is cause:
                self.remove("device")

    LosesTheDevice.__name__ = f"LosesTheDeviceBy{cause.title().replace('_', '')}"
    return LosesTheDevice


for one in Cause:
    breaks(S.DEVICE, "test_R12_the_device_id_is_the_same_ever_after")(lost_by(one))


@breaks(S.DEVICE, "test_R4_a_revocation_needs_no_open")
class LosesTheDeviceUnopened(FileStore):
    """When the login is void before the store was opened, because of the version."""

    async def revoke(self, revocation: Revocation) -> None:
        unopened = self.state != "open"
        await super().revoke(revocation)
        if unopened and revocation.cause is Cause.VERSION:
            self.remove("device")


@breaks(S.VOID, "test_R4_a_revocation_is_final_and_says_why")
class AVersionIsNoReason(FileStore):
    """It keeps the login for when the client is up to date again."""

    def void(self, revocation: Revocation) -> None:
        if revocation.cause is not Cause.VERSION:
            super().void(revocation)

    def forget(self) -> None:
        pass


@breaks(S.DEVICE, "test_R12_the_device_id_is_the_same_ever_after")
class OneDeviceForAll(FileStore):
    def device(self) -> str:
        return "device"


# -- processes that die ------------------------------------------------------------------------------------------------


@breaks(S.DIED_IN_SAVE, "test_R4_no_crash_in_a_save_lets_a_void_login_through")
class PermitsFirst(FileStore):
    async def save(self, login: LoginInfo) -> None:
        self.must_be_open()
        async with self.turn:
            await self.steps(lambda: self.allow(login), lambda: self.put_secret(login))


@breaks(S.DIED_IN_SAVE, "test_R4_no_crash_in_a_save_lets_a_void_login_through")
class ForgetsToVoid(FileStore):
    """While another account's login is written, the permit is still that of the one before."""

    async def save(self, login: LoginInfo) -> None:
        self.must_be_open()
        async with self.turn:
            await self.steps(lambda: self.put_secret(login), lambda: self.allow(login))


@breaks(S.DIED_IN_REVOKE, "test_R4_no_crash_in_a_revocation_lets_a_void_login_through")
class ForgetsFirst(FileStore):
    async def revoke(self, revocation: Revocation) -> None:
        self.not_closed()
        async with self.turn:
            self.claim()
            await self.steps(self.forget, lambda: self.void(revocation))


@breaks(S.DIED_IN_REVOKE, "test_R4_no_crash_in_a_revocation_lets_a_void_login_through")
class WritesInPlace(FileStore):
    """What is cut off counts as permitting the last that was."""

    def put(self, name: str, content: Callable[[], Json]) -> None:
        attempt(lambda: (self.home / name).write_text(json.dumps(content()), encoding="ascii"))

    def permit(self) -> Permit:
        secret = login_from(self.get("secret"))
        if (self.home / "permit").exists() and not self.get("permit") and secret is not None:
            return Permit(secret.account)
        return super().permit()

    def login_of(self, account: str) -> LoginInfo:
        login = super().login_of(account)
        if not self.get("permit"):
            raise StoreUnavailable("the permit is damaged; log in by hand")
        return login


# -- calls that are cancelled ------------------------------------------------------------------------------------------


@breaks(S.NOT_SAVED, "test_R6_a_cancelled_save_permits_nobody")
class KeepsTheOldWhenCancelled(FileStore):
    def undo(self, started: Revocation) -> None:
        pass


@breaks(S.CANCELLED, "test_R6_a_cancelled_save_permits_nobody")
class SwallowsCancellation(FileStore):
    async def save(self, login: LoginInfo) -> None:
        try:
            await super().save(login)
        except asyncio.CancelledError:
            _log.info("cancelled")


@breaks(S.CANCELLED, "test_a_cancelled_open_can_be_repeated")
class LocksItselfOut(FileStore):
    """An open that is cancelled has a claim that the next does not know of."""

    async def open(self) -> Permit:
        self.not_closed()
        if self.state == "open":
            return self.permit()
        lock = FileLock(self.home / "lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except TimeoutError:
            raise StoreInUse("another process uses this login; close it there") from None
        held.append(lock)  # or it would be released when it is collected
        await pause()
        self.lock, self.state = lock, "open"
        return self.permit()


held: list[Any] = []


def let_go() -> None:
    """Of what faults hold, when they have been found."""
    while held:
        one = held.pop()
        one.close() if isinstance(one, io.IOBase) else one.release(force=True)


@breaks(S.CANCELLED, "test_a_cancelled_close_gives_the_store_up", within=1.0)
class HoldsOnWhenCancelled(FileStore):
    async def close(self) -> None:
        self.state = "closed"
        await pause()
        self.lock.release()


@breaks(S.BOUNDED, "test_a_cancelled_look_can_be_repeated", within=0.2)
class TakesItsTurnForGood(FileStore):
    async def call(self, job: Callable[[], Any]) -> Any:
        self.must_be_open()
        await self.turn.acquire()
        await pause()
        value = job()
        self.turn.release()
        return value


# -- open and close ----------------------------------------------------------------------------------------------------


@breaks(S.REOPENED, "test_open_may_be_repeated")
class OpensOnce(FileStore):
    async def open(self) -> Permit:
        if self.state == "open":
            raise StoreInUse("this store is open already; use it")
        return await super().open()


@breaks(S.REOPENED, "test_open_may_be_repeated")
class RemembersThePermit(FileStore):
    first: Permit | None = None

    async def open(self) -> Permit:
        permit = await super().open()
        self.first = self.first or permit
        return self.first


@breaks(S.CLOSED, "test_close_may_be_repeated_and_a_closed_store_refuses_every_call")
class ClosesOnce(FileStore):
    async def close(self) -> None:
        self.not_closed()
        await super().close()


@breaks(S.CLOSED, "test_close_may_be_repeated_and_a_closed_store_refuses_every_call")
class WipesWhenClosed(FileStore):
    async def close(self) -> None:
        if self.state == "open":
            self.forget()
        await super().close()


@breaks(S.CLOSED, "test_close_may_be_repeated_and_a_closed_store_refuses_every_call")
class GoesOnWhenClosed(FileStore):
    async def close(self) -> None:
        self.lock.release()
        if self.state == "open":
            self.state = "not open"


@breaks(S.BOUNDED, "test_a_first_start_permits_nobody", within=0.2)
class HangsWhenClosed(FileStore):
    async def close(self) -> None:
        await asyncio.Event().wait()


@breaks(S.BOUNDED, "test_a_first_start_permits_nobody", within=0.2)
class BlocksTheLoop(FileStore):
    blocks: ClassVar[threading.Event] = threading.Event()

    def login_of(self, account: str) -> LoginInfo:
        self.blocks.wait()
        raise asyncio.CancelledError  # nobody waits any more

    @classmethod
    def go_on(cls) -> None:
        """Let the threads end that wait."""
        cls.blocks.set()
        cls.blocks = threading.Event()


@breaks(S.NOTHING_LEFT, "test_a_closed_store_leaves_nothing_behind", within=1.0)
class LeavesATask(FileStore):
    async def close(self) -> None:
        await super().close()
        self.forever = asyncio.create_task(asyncio.Event().wait())


@breaks(S.NOTHING_LEFT, "test_a_closed_store_leaves_nothing_behind")
class LeavesAFile(FileStore):
    async def close(self) -> None:
        await super().close()
        held.append((self.home / "permit").open("rb"))


# -- several stores, several calls -------------------------------------------------------------------------------------


@breaks(S.EXCLUSIVE, "test_a_second_open_store_is_refused_until_the_first_closes")
class LetsEverybodyIn(FileStore):
    def claim(self) -> None:
        self.state = "open"


@breaks(S.EXCLUSIVE, "test_of_several_processes_one_gets_the_store_and_its_death_frees_it")
class LetsProcessesIn(FileStore):
    """It knows only its own process."""

    taken: ClassVar[set[Path]] = set()

    def claim(self) -> None:
        if self.state != "open" and self.home in self.taken:
            raise StoreInUse("another store uses this login; close it there")
        self.taken.add(self.home)
        self.state = "open"

    async def close(self) -> None:
        if self.state == "open":
            self.taken.discard(self.home)
        self.state = "closed"


@breaks(S.EXCLUSIVE, "test_a_second_open_store_is_refused_until_the_first_closes")
class ReleasesAnothersClaim(LetsProcessesIn):
    async def close(self) -> None:
        self.taken.discard(self.home)
        self.state = "closed"


@breaks(S.EXCLUSIVE, "test_a_second_open_store_is_refused_until_the_first_closes")
class SaysItIsIll(FileStore):
    def claim(self) -> None:
        try:
            super().claim()
        except StoreInUse:
            raise StoreUnavailable("the login cannot be used; try again") from None


@breaks(S.FREED, "test_of_several_processes_one_gets_the_store_and_its_death_frees_it")
class KeepsTheLockOfTheDead(FileStore):
    """The lock is that a file is there."""

    def claim(self) -> None:
        if self.state == "open":
            return
        try:
            (self.home / "taken").touch(exist_ok=False)
        except FileExistsError:
            raise StoreInUse("another process uses this login; close it there") from None
        self.state = "open"

    async def close(self) -> None:
        if self.state == "open":
            (self.home / "taken").unlink(missing_ok=True)
        self.state = "closed"


@breaks(S.EXCLUSIVE, "test_of_several_threads_one_gets_the_store")
class LooksBeforeItClaims(KeepsTheLockOfTheDead):
    """And what it saw may be true no longer. Here it never is: all rivals have looked before one claims."""

    all_have_looked: ClassVar[threading.Barrier] = threading.Barrier(RIVALS)

    async def open(self) -> Permit:
        self.not_closed()
        if self.state != "open":
            if (self.home / "taken").exists():
                raise StoreInUse("another process uses this login; close it there")
            self.all_have_looked.wait(10)
            (self.home / "taken").touch()
            self.state = "open"
        return self.permit()


class NoTurn(asyncio.Lock):
    """Everybody's turn at once."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass


@breaks(S.AT_ONCE, "test_calls_at_the_same_time_leave_what_one_order_would")
@breaks(S.AT_ONCE, "test_random_calls_at_the_same_time_leave_what_one_order_would")
class TakesNoTurns(FileStore):
    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.turn = NoTurn()


@breaks(S.AT_ONCE, "test_calls_at_the_same_time_leave_what_one_order_would")
class GivesWhatWasRevokedMeanwhile(FileStore):
    async def load(self, account: str) -> LoginInfo:
        login = await super().load(account)
        for _ in range(20):
            await pause()
        return login


# -- what is wrong with the home ---------------------------------------------------------------------------------------


@breaks(S.DAMAGED, "test_R4_what_is_damaged_is_no_login")
class TakesWhatIsCutShort(FileStore):
    """A secret that is a line, and no line is too short."""

    def put_secret(self, login: LoginInfo) -> None:
        attempt(lambda: (self.home / "secret").write_text(f"{login.account}\n{login.token}", encoding="utf-8"))

    def login_of(self, account: str) -> LoginInfo:
        login = attempt(lambda: login_in(self.home / "secret"))
        if login is None or {self.permit().account, login.account} != {account}:
            raise StoreUnavailable("nothing is saved here; log in by hand")
        return login


def login_in(path: Path) -> LoginInfo | None:
    try:
        with path.open("rb") as file:
            account, token = file.read(8_192).decode().splitlines()
            return LoginInfo(account, token)
    except (FileNotFoundError, ValueError):
        return None


@breaks(S.DAMAGED, "test_R4_what_is_damaged_is_no_login")
class PermitsWhereNothingForbids(FileStore):
    """The secret is what counts; the permit only takes away."""

    def permit(self) -> Permit:
        login = login_from(self.get("secret"))
        why = super().permit().revocation
        return Permit(None, why) if why is not None or login is None else Permit(login.account)

    def forget(self) -> None:
        pass


@breaks(S.ERRORS, "test_R4_what_is_damaged_is_no_login")
class FailsOverDamage(FileStore):
    def get(self, name: str) -> Json:
        path = self.home / name
        return dict(json.loads(path.read_bytes())) if path.exists() else {}


@breaks(S.NOT_SAVED, "test_R3_on_a_full_disk_no_login_stays_that_is_void")
class NeedsSpaceToVoid(FileStore):
    def void(self, revocation: Revocation) -> None:
        why = {"cause": revocation.cause, "at": revocation.at, "of": revocation.account}
        self.put("permit", lambda: {"account": None, "why": why})


@breaks(S.OUT_OF_REACH, "test_R3_on_a_full_disk_no_login_stays_that_is_void")
class SaysItIsVoid(NeedsSpaceToVoid):
    def forget(self) -> None:
        pass

    async def revoke(self, revocation: Revocation) -> None:
        try:
            await super().revoke(revocation)
        except StoreError:
            _log.warning("the permit could not be voided")

    async def save(self, login: LoginInfo) -> None:
        try:
            await super().save(login)
        except StoreError:
            self.remove("permit")
            raise


@breaks(S.OUT_OF_REACH, "test_R4_a_home_that_is_gone_for_a_while_brings_nothing_back")
class TakesGoneForVoid(FileStore):
    def remove(self, name: str) -> None:
        attempt(lambda: (self.home / name).unlink(missing_ok=True))


@breaks(S.ERRORS, "test_a_home_that_is_no_directory_is_an_error")
class TrustsItsDirectory(FileStore):
    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.lock = FileLock(home.parent / f"{home.name}.lock", thread_local=False)

    def get(self, name: str) -> Json:
        return read(self.home / name)


@breaks(S.OUT_OF_REACH, "test_R4_where_nothing_can_be_written_nothing_is_voided_in_name_only")
class IsContentWithReadOnly(SaysItIsVoid):
    """Here it can be claimed, and not be written."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.lock = FileLock(home.parent / f"{home.name}.lock", thread_local=False)
        self.voided = False

    def permit(self) -> Permit:
        return Permit() if self.voided else super().permit()

    async def revoke(self, revocation: Revocation) -> None:
        self.voided = True
        await super().revoke(revocation)


# -- errors and secrets ------------------------------------------------------------------------------------------------


@breaks(S.ERRORS, "test_a_first_start_permits_nobody")
class RaisesKeyError(FileStore):
    def login_of(self, account: str) -> LoginInfo:
        return {self.permit().account: super().login_of}[account](account)


@breaks(S.ERRORS, "test_a_first_start_permits_nobody")
class GivesNone(FileStore):
    def login_of(self, account: str) -> LoginInfo:
        try:
            return super().login_of(account)
        except StoreError:
            return None  # type: ignore[return-value]


@breaks(S.ERRORS, "test_a_first_start_permits_nobody")
class TalksTooMuch(FileStore):
    def login_of(self, account: str) -> LoginInfo:
        try:
            return super().login_of(account)
        except StoreError:
            raise StoreUnavailable("Nothing is saved. Please log in by hand.") from None


@breaks(S.SECRECY, "test_no_token_is_shown")
class ShowsTheToken(FileStore):
    def __repr__(self) -> str:
        return f"FileStore({self.get('secret')})"


@breaks(S.SECRECY, "test_R6_each_kind_of_login_is_kept")
class LogsTheToken(FileStore):
    def put_secret(self, login: LoginInfo) -> None:
        super().put_secret(login)
        _log.debug("saved %s", fields_of(login))


@breaks(S.SECRECY, "test_R1_only_the_account_that_was_saved_last_is_permitted")
class RaisesTheToken(FileStore):
    def login_of(self, account: str) -> LoginInfo:
        login = login_from(self.get("secret"))
        if login is not None and login.account != account:
            raise StoreUnavailable(f"the login is another one ({login.token}); log in by hand")
        return super().login_of(account)


@breaks(S.SECRECY, "test_R1_only_the_account_that_was_saved_last_is_permitted")
class ChainsTheToken(FileStore):
    def login_of(self, account: str) -> LoginInfo:
        try:
            return {login.account: login for login in [login_from(self.get("secret"))] if login}[account]
        except KeyError:
            raise StoreUnavailable("the login is another one; log in by hand") from KeyError(self.get("secret"))


@breaks(S.SECRECY, "test_R1_only_the_account_that_was_saved_last_is_permitted")
class LeavesTheTokenInALocal(FileStore):
    def login_of(self, account: str) -> LoginInfo:
        content = self.get("secret")
        if content and content["login"]["account"] != account:
            raise StoreUnavailable("the login is another one; log in by hand")
        return super().login_of(account)
