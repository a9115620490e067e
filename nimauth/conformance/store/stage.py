"""The stage for one run of a program: every call of its stores goes through here, under a deadline and under watch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

from attrs import define, field, frozen

from ...errors import StoreError, StoreUnavailable
from ...stores.base import CredentialStore
from ...vocabulary.logins import AuthType, LoginInfo, Permit, Revocation, account_name
from ...vocabulary.reasons import Cause
from ..clauses import Broken, Clause, require
from ..outcome import Outcome, attempt
from ..secrecy import Secrets, chain, said
from . import contract as S  # noqa: N812  (S.NOBODY is clause S1)

T = TypeVar("T")

MARK: Final = "s3cret-T0ken-nobody-may-see"
"""Stands in every token and `login_ext` of the suite, so that it is known wherever it appears."""
SECRETS: Final = Secrets.of(MARK)

LONGEST_MESSAGE: Final = 600
"""In characters. What is longer is no sentence."""

_HERE: Final = Path(__file__).parents[1]
_SENTENCES: Final = re.compile(r"[.!?] +[A-Z]\w* ")
_STORY: Final = 14
"""So many of the last steps are told with a finding."""


def login_of(account: str, number: int = 0, **more: Any) -> LoginInfo:
    """A login whose token tells it from every other of the account."""
    return LoginInfo(account, f"{MARK}-{number}", **more)


def revocation_of(cause: Cause, account: str | None = "anna", at: float = 1_700_000_000.25) -> Revocation:
    """A revocation, of a time that no store can have made up."""
    return Revocation(cause, at, account)


def same_time(one: float, other: float) -> bool:
    """To the millisecond, which is what some stores keep."""
    return abs(one - other) <= 0.001


def short(thing: object) -> str:
    """A thing in a story, as ASCII, so that no odd account upsets a terminal."""
    text = ascii(thing)
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


@frozen
class Answer(Generic[T]):
    """How a call went, and when, by a clock that ticks with each beginning and each end of a call."""

    outcome: Outcome[T]
    began: int
    ended: int

    @property
    def error(self) -> BaseException | None:
        """What it raised."""
        return self.outcome.error

    @property
    def value(self) -> T:
        """What it gave. Raises what it raised, which is a StoreError, or CancelledError where it was cancelled."""
        if self.outcome.error is not None:
            raise self.outcome.error
        return self.outcome.result  # type: ignore[return-value]


@define(eq=False)
class Stage:
    """One run of a program whose stores have one home."""

    make: Callable[[], CredentialStore]
    within: float
    may_refuse: Callable[[LoginInfo], bool]
    story: list[str] = field(factory=list)
    stores: list[Watched] = field(factory=list)
    clock: Iterator[int] = field(factory=itertools.count)

    def start(self) -> Watched:
        """The store of a fresh start. It is closed at the end of the run."""
        self.stores.append(store := Watched(self, self.make(), f"store {len(self.stores) + 1}"))
        return store

    async def opened(self) -> Watched:
        """A store that is open."""
        store = self.start()
        with self.holds(S.FREED, "open of a store with nobody in its way"):
            await store.open()
        return store

    async def restarted(self, store: Watched) -> Watched:
        """The store of the next start, when the one of this has closed."""
        await store.close()
        return await self.opened()

    def tell(self, what: str) -> None:
        """One more step of the story."""
        self.story.append(what)

    def require(self, holds: object, clause: Clause, what: str) -> None:
        """Raise Broken, with the story so far, unless it holds."""
        require(holds, clause, f"{what} [{self.told}]" if not holds else "")

    def holds(self, clause: Clause, what: str) -> _Holds:
        """A context in which a StoreError breaks the clause."""
        return _Holds(self, clause, what)

    @property
    def told(self) -> str:
        """The story so far."""
        steps = self.story[-_STORY:]
        return ", ".join([*(["..."] if len(self.story) > _STORY else []), *steps])

    async def finish(self) -> None:
        """Close what is open, so that the next run can begin."""
        for store in self.stores:
            await store.close()

    async def give_up(self) -> None:
        """Close what is open after a finding, as far as that goes."""
        for store in self.stores:
            await attempt(_closed(store.inner), min(self.within, 1.0))


async def _closed(store: CredentialStore) -> None:
    await store.close()


@frozen
class _Holds:
    stage: Stage
    clause: Clause
    what: str

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, StoreError):
            self.stage.require(False, self.clause, f"{self.what} raised {named(error)}")


@frozen(eq=False)
class Watched:
    """A store under watch. Each call is bounded, and what it gives or raises is looked at.

    The calls are those of a CredentialStore; `call` gives the outcome instead of raising it.
    """

    stage: Stage = field(repr=False)
    inner: CredentialStore = field(repr=False)
    name: str

    async def open(self) -> Permit:
        """As in the contract."""
        return (await self.call("open")).value  # type: ignore[no-any-return]

    async def device_id(self) -> str:
        """As in the contract."""
        return (await self.call("device_id")).value  # type: ignore[no-any-return]

    async def load(self, account: str) -> LoginInfo:
        """As in the contract."""
        return (await self.call("load", account)).value  # type: ignore[no-any-return]

    async def save(self, login: LoginInfo) -> None:
        """As in the contract."""
        (await self.call("save", login)).value  # noqa: B018  (raises what it raised)

    async def revoke(self, revocation: Revocation) -> None:
        """As in the contract."""
        (await self.call("revoke", revocation)).value  # noqa: B018

    async def close(self) -> None:
        """As in the contract, where closing raises nothing."""
        answer = await self.call("close")
        self.stage.require(answer.error is None, S.CLOSED, f"close {answer.outcome}")

    async def loaded(self, account: str) -> LoginInfo | None:
        """What load gives, or None where it raises StoreError."""
        answer: Answer[LoginInfo] = await self.call("load", account)
        return None if answer.error is not None else answer.value

    async def call(
        self, name: str, *args: Any, cancel_at: int | None = None, late: bool = False, told: bool = True
    ) -> Answer[Any]:
        """Make a call, perhaps one that is cancelled at its n-th suspension, or that is not `told` in the story."""
        stage = self.stage
        what = f"{name}({', '.join(_shown(arg) for arg in args)})"
        cancelled = "" if cancel_at is None else f" cancelled at await {cancel_at}{', late' if late else ''}"
        if told:
            stage.tell(f"{self.name}: {what}{cancelled}")
        times: list[int] = []

        async def timed() -> Any:
            times.append(next(stage.clock))
            try:
                awaited: Awaitable[Any] = getattr(self.inner, name)(*args)
                return await awaited
            finally:
                times.append(next(stage.clock))

        outcome = await attempt(timed(), stage.within, cancel_at=cancel_at, late=late)
        stage.require(
            not outcome.hung,
            S.BOUNDED,
            f"{name} was not over after {stage.within:g} s"
            + (", nor when it was cancelled then" if outcome.deaf else ""),
        )
        error = outcome.error
        if error is None:
            self._look_at_value(name, outcome.result)
        elif outcome.cancelled:
            stage.require(outcome.reached, S.ERRORS, f"{name} raised CancelledError, and nobody had cancelled it")
        else:
            outcome = Outcome(outcome.took, None, self._look_at(name, args, error), reached=outcome.reached)
        return Answer(outcome, times[0], times[-1])

    def shows_nothing(self) -> None:
        """Neither the store's repr nor its str shows a secret."""
        shown = SECRETS.shown_by(self.inner)
        self.stage.require(not shown, S.SECRECY, "the repr or str of the store shows a token or login_ext")

    def _look_at_value(self, name: str, value: object) -> None:
        kind = {"open": Permit, "load": LoginInfo, "device_id": str}.get(name)
        if kind is not None:
            right = isinstance(value, kind)
            self.stage.require(right, S.ERRORS, f"{name} gave {type(value).__name__} where a {kind.__name__} is due")
        if name == "device_id":
            self.stage.require(value, S.DEVICE, "the device id is empty")

    def _look_at(self, name: str, args: tuple[Any, ...], error: BaseException) -> BaseException:
        """The error to go on with, if it is one that the contract allows."""
        if isinstance(error, Broken | Died):
            raise error
        self.stage.require(
            not SECRETS.shown_by(error), S.SECRECY, f"the {type(error).__name__} of {name} shows a token or login_ext"
        )
        where = shown_in_locals(error)
        self.stage.require(
            not where,
            S.SECRECY,
            f"the traceback of {name}'s {type(error).__name__} has a token in it ({where})",
        )
        if name == "load" and isinstance(error, ValueError) and not is_account(args[0]):
            return StoreUnavailable("what is no account is not saved either")
        if not isinstance(error, StoreError):
            what = f"{name} raised {type(error).__name__}, which is no StoreError: {error}"
            raise Broken(S.ERRORS, f"{what} [{self.stage.told}]") from error
        flaw = flaw_of(str(error))
        self.stage.require(not flaw, S.ERRORS, f"the message of {name}'s {named(error)} {flaw}")
        return error


class Died(BaseException):
    """The process ends here: nothing of the store runs any more, so nothing may catch this."""


def named(error: BaseException) -> str:
    """An error in words. It has been looked at, and shows no secret."""
    return f"{type(error).__name__} ({short(str(error))})"


def is_account(name: str) -> bool:
    """Whether it can be an account at all."""
    try:
        account_name(name)
    except ValueError:
        return False
    return True


def flaw_of(message: str) -> str:
    """What keeps a message from being one sentence, to stand after it; empty where nothing does."""
    if not message.strip():
        return "is empty"
    if len(message) > LONGEST_MESSAGE:
        return f"has {len(message)} characters"
    if "\n" in message:
        return "has more than one line"
    return "is more than one sentence" if _SENTENCES.search(message) else ""


def shown_in_locals(error: BaseException) -> str:
    """Where a local variable of a traceback shows a secret; empty where none does. The suite's own do not count."""
    for one in chain(error):
        trace = one.__traceback__
        while trace is not None:
            frame, trace = trace.tb_frame, trace.tb_next
            if _HERE not in Path(frame.f_code.co_filename).parents:
                for name, value in frame.f_locals.items():
                    if SECRETS.shown(said(value)):
                        return f"the local {name} in {frame.f_code.co_name}"
    return ""


def _shown(arg: object) -> str:
    if isinstance(arg, LoginInfo):
        return short(arg.account)
    if isinstance(arg, Revocation):
        return str(arg.cause)
    return short(arg)


# -- logins as JSON, for stores in other processes ---------------------------------------------------------------------


def to_json(login: LoginInfo) -> dict[str, Any]:
    """A login, for a child process."""
    return {
        "account": login.account,
        "token": login.token,
        "auth_type": int(login.auth_type),
        "login_ext": login.login_ext,
        "custom_client_type": login.custom_client_type,
    }


def from_json(content: Mapping[str, Any]) -> LoginInfo:
    """The login that `to_json` gave."""
    return LoginInfo(**{**content, "auth_type": AuthType(content["auth_type"])})
