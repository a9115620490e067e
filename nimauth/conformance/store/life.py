"""The life of a store through saves, revocations and restarts, beside a small model that says what must hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field
from hypothesis import strategies as st

from ...errors import ValueRefused
from ...vocabulary.logins import AuthType, LoginInfo, Permit, Revocation
from ...vocabulary.reasons import Cause
from ..clauses import Clause
from . import contract as S  # noqa: N812
from .stage import MARK, Answer, Stage, Watched, login_of, named, revocation_of, same_time

ACCOUNTS: Final = ("anna", "Anna", "ben")
"""Two that some stores take for one, and another."""


@define
class Model:
    """What must hold."""

    login: LoginInfo | None = None
    """The one login that may be permitted."""
    doubtful: bool = False
    """A revoke was cancelled: the login may be permitted, or nobody."""
    forbids: Clause = S.NOBODY
    """By which clause no other login loads."""
    permit: Permit | None = field(factory=Permit)
    """What open tells where nobody is permitted; None where the store may say why in its own words."""
    earlier: set[str] = field(factory=set, repr=False)
    """The tokens that were saved before the last."""

    def saved(self, login: LoginInfo) -> None:
        """Save returned."""
        if self.login is not None:
            self.earlier.add(self.login.token)
        self.login, self.doubtful, self.forbids, self.permit = login, False, S.LAST, None

    def not_saved(self) -> None:
        """Save raised, or was cancelled."""
        self.login, self.doubtful, self.forbids, self.permit = None, False, S.NOT_SAVED, None

    def revoked(self, revocation: Revocation) -> None:
        """Revoke returned."""
        self.login, self.doubtful, self.forbids = None, False, S.VOID
        self.permit = Permit(None, revocation)

    def perhaps_revoked(self) -> None:
        """Revoke was cancelled."""
        self.doubtful, self.permit = True, None

    def check_permit(self, stage: Stage, permit: Permit) -> None:
        """What open gave agrees."""
        if self.login is not None and not (self.doubtful and permit.account is None):
            account = self.login.account
            clause = S.KEPT if permit.account is None else S.APART if _alike(permit.account, account) else S.LAST
            stage.require(
                permit.account == account, clause, f"open permits {permit.account!a}, and {account!a} was saved"
            )
        else:
            stage.require(
                permit.account is None, self.forbids, f"open permits {permit.account!a}, and nobody may be permitted"
            )
            if self.permit is not None and self.login is None:
                self._check_why(stage, permit.revocation, self.permit.revocation)

    def _check_why(self, stage: Stage, told: Revocation | None, due: Revocation | None) -> None:
        if due is None:
            stage.require(told is None, S.NOBODY, f"open tells of a revocation ({told}), and there was none")
            return
        stage.require(told is not None, S.WHY, f"open tells of no revocation, and there was one ({due.cause})")
        assert told is not None
        stage.require(told.cause == due.cause, S.WHY, f"the revocation's cause was {due.cause} and is {told.cause}")
        stage.require(same_time(told.at, due.at), S.WHY, f"the revocation's time was {due.at} and is {told.at}")
        stage.require(
            told.account == due.account, S.WHY, f"the revocation's account was {due.account!a} and is {told.account!a}"
        )

    def check_load(self, stage: Stage, account: str, answer: Answer[LoginInfo]) -> None:
        """What load gave agrees."""
        if self.login is None or self.login.account != account:
            stage.require(
                answer.error is not None, self.forbids, f"load of {account!a} gave a login, and none of it is valid"
            )
        elif answer.error is not None:
            stage.require(self.doubtful, S.KEPT, f"load of {account!a}, saved last, raised {named(answer.error)}")
        else:
            given, due = answer.value, self.login
            stage.require(
                given.account == due.account, S.APART, f"load of {account!a} gave a login of {given.account!a}"
            )
            other = [name for name in FIELDS if getattr(given, name) != getattr(due, name)]
            clause = S.LAST if "token" in other and given.token in self.earlier else S.KEPT
            stage.require(not other, clause, f"load of {account!a} gave another {' and '.join(other)} than was saved")


FIELDS: Final = ("account", "token", "auth_type", "login_ext", "custom_client_type")


def _alike(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


@define(eq=False)
class Life:
    """A store with its model. After each step the two are compared."""

    stage: Stage
    store: Watched
    accounts: tuple[str, ...] = ACCOUNTS
    model: Model = field(factory=Model)
    device: str = ""
    number: int = 0

    @classmethod
    async def begun(cls, stage: Stage, accounts: tuple[str, ...] = ACCOUNTS) -> Life:
        """The life of a store in a new home."""
        life = cls(stage, stage.start(), accounts)
        await life.open()
        return life

    async def rest(self) -> None:
        """Do nothing."""

    async def open(self) -> None:
        """Open, or open again."""
        answer: Answer[Permit] = await self.store.call("open")
        if answer.error is not None:
            self.stage.require(False, S.REOPENED, f"open of a store in nobody's way raised {named(answer.error)}")
        self.model.check_permit(self.stage, answer.value)

    async def restart(self) -> None:
        """End, and start again."""
        self.store = await self.stage.restarted(self.store)
        await self.open()

    async def save(self, account: str, **more: Any) -> None:
        """Save a new login of the account."""
        self.number += 1
        await self.save_login(login_of(account, self.number, **more))

    async def save_login(self, login: LoginInfo, *, odd: bool = False) -> None:
        """Save this login. An `odd` one may be refused."""
        answer: Answer[None] = await self.store.call("save", login)
        if answer.error is None:
            self.model.saved(login)
            return
        self.model.not_saved()
        refused = isinstance(answer.error, ValueRefused)
        self.stage.require(
            refused and (odd or self.stage.may_refuse(login)),
            S.WHOLE if refused else S.KEPT,
            f"save of {'an odd' if odd else 'an ordinary'} login raised {named(answer.error)}",
        )

    async def save_cancelled(self, account: str, at: int, late: bool) -> bool:
        """Save, cancelled at its n-th await. Tells whether it came to that."""
        self.number += 1
        login = login_of(account, self.number)
        answer: Answer[None] = await self.store.call("save", login, cancel_at=at, late=late)
        if self._cut(answer, "save", late):
            self.model.not_saved()
        else:
            self.model.saved(login)
        return answer.outcome.reached

    def _cut(self, answer: Answer[None], name: str, late: bool) -> bool:
        """Whether a call that was to be cancelled was. One that had its result already may give it."""
        if not answer.outcome.reached:
            with self.stage.holds(S.KEPT if name == "save" else S.VOID, f"{name} in an open store"):
                answer.value  # noqa: B018  (raises what it raised)
            return False
        self.stage.require(
            late or answer.error is not None, S.CANCELLED, f"{name} was cancelled, and returned all the same"
        )
        return answer.error is not None

    async def revoke(self, cause: Cause = Cause.DISPLACED) -> None:
        """Revoke."""
        self.number += 1
        await self.revoke_with(
            revocation_of(cause, ACCOUNTS[self.number % len(ACCOUNTS)], 1_700_000_000 + self.number / 8)
        )

    async def revoke_with(self, revocation: Revocation) -> None:
        """Revoke for this."""
        with self.stage.holds(S.VOID, "revoke in an open store"):
            await self.store.revoke(revocation)
        self.model.revoked(revocation)

    async def revoke_cancelled(self, at: int, late: bool) -> bool:
        """Revoke, cancelled at its n-th await. Tells whether it came to that."""
        revocation = revocation_of(Cause.FAILED)
        answer: Answer[None] = await self.store.call("revoke", revocation, cancel_at=at, late=late)
        if self._cut(answer, "revoke", late):
            self.model.perhaps_revoked()
        else:
            self.model.revoked(revocation)
        return answer.outcome.reached

    async def same_device(self) -> None:
        """The device id is what it was."""
        with self.stage.holds(S.DEVICE, "device_id of an open store"):
            known, self.device = self.device, await self.store.device_id()
        self.stage.require(known in ("", self.device), S.DEVICE, "the device id is another one than before")

    async def check(self) -> None:
        """Every account loads or does not, as it must."""
        for account in self.accounts:
            self.model.check_load(self.stage, account, await self.store.call("load", account, told=False))


LENGTH: Final = 10
"""Of a random history, in steps."""

Step = tuple[Any, ...]
"""The name of a method of Life, and its arguments."""


def histories(lasting: bool) -> st.SearchStrategy[list[Step]]:
    """Lives of some length. The smallest step is a rest, so that a history shrinks without getting shorter."""
    accounts, causes = st.sampled_from(ACCOUNTS), st.sampled_from(list(Cause))
    cut = st.integers(1, 6), st.booleans()
    step: st.SearchStrategy[Step] = st.one_of(
        st.just(("rest",)),
        st.tuples(st.just("save"), accounts),
        st.tuples(st.just("revoke"), causes),
        *([st.just(("restart",))] if lasting else []),
        st.just(("open",)),
        st.just(("same_device",)),
        st.tuples(st.just("save_cancelled"), accounts, *cut),
        st.tuples(st.just("revoke_cancelled"), *cut),
    )
    return st.lists(step, min_size=LENGTH, max_size=LENGTH)


async def live(stage: Stage, steps: Sequence[Step], each: bool = False) -> None:
    """Live through these steps, and compare at the end, or after each."""
    life = await Life.begun(stage)
    for number, (name, *args) in enumerate(steps, 1):
        await getattr(life, name)(*args)
        if each or number == len(steps):
            await life.check()


KINDS: Final = (
    LoginInfo("a", "t"),
    login_of("anna"),
    login_of("客户端", custom_client_type=7),
    LoginInfo("quotes", f"{MARK} \"'\\ %s {{0}} $HOME null"),
    LoginInfo("blanks", f"  {MARK}  "),
    LoginInfo("beyond", f"{MARK} \U0001f511 ✓ e\u0301 é \u202e \ufeff"),
    LoginInfo("dynamic", "", AuthType.DYNAMIC),
    LoginInfo("dynamic", MARK, AuthType.DYNAMIC),
    LoginInfo("third", MARK, AuthType.THIRD_PARTY, login_ext='{"k": "v"}' + MARK),
    LoginInfo("third", "", AuthType.THIRD_PARTY, login_ext=f"{MARK}\r\nline\rline\nline\t\0\x1b\u2028 "),
    login_of("ext", login_ext=f"{MARK} of a static login"),
    login_of("client", custom_client_type=-1),
    login_of("client", custom_client_type=2**31),
)
"""One login of each kind, and such as are easily mangled."""
