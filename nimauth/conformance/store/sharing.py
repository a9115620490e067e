"""The suite's third part: several stores with one home, in one process and in several, and several calls at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, Final

from attrs import define, frozen
from hypothesis import strategies as st

from ...errors import StoreError, StoreInUse
from ...vocabulary.logins import LoginInfo
from ...vocabulary.reasons import Cause
from ..clauses import Broken, Clause, require
from . import contract as S  # noqa: N812
from .bench import StoreBench
from .life import Life
from .process import Gone, Remote
from .stage import Answer, Stage, Watched, login_of, named, revocation_of

RIVALS: Final = 3
"""So many threads, or processes, want the store at the same moment."""


@frozen
class Call:
    """One of several calls that are made at the same time."""

    name: str
    account: str = "anna"
    pause: int = 0
    """After so many turns of the loop."""


@define(eq=False)
class Did:
    """A call that has been made."""

    call: Call
    answer: Answer[Any]
    login: LoginInfo | None = None
    """What it was to save."""

    @property
    def changes(self) -> bool:
        """Whether it changes what holds. A save that raises voids what was."""
        return self.call.name == "save" or (self.call.name == "revoke" and self.answer.error is None)

    @property
    def leaves(self) -> LoginInfo | None:
        """What is permitted after it."""
        return None if self.answer.error is not None else self.login

    def before(self, other: Did) -> bool:
        """Whether it was over when the other began."""
        return self.answer.ended < other.answer.began


FIXED: Final = (
    *((Call("load"),) * n for n in (2, 10)),
    (Call("open"), Call("open"), Call("device_id"), Call("device_id"), Call("load")),
    (Call("save"), Call("save", "ben")),
    (Call("save"), Call("save"), Call("load")),
    (Call("save", "ben"), Call("revoke")),
    (Call("revoke"), Call("save", "ben")),
    (Call("revoke"), Call("revoke"), Call("revoke")),
    (Call("load"), Call("revoke"), Call("load")),
    (Call("load"), Call("save", "ben"), Call("load"), Call("load", "ben")),
)

CALLS: Final = st.builds(
    Call,
    st.sampled_from(["save", "save", "revoke", "load", "load", "open", "device_id"]),
    st.sampled_from(["anna", "ben"]),
    st.integers(0, 12),
)


class Sharing(StoreBench):
    """One store at a time, and as many calls at a time as one likes."""

    def test_a_second_open_store_is_refused_until_the_first_closes(self) -> None:
        """S14 and S15, in one process."""
        self._need("exclusive", "lasting")

        async def second(stage: Stage) -> None:
            life = await Life.begun(stage)
            await life.save("anna")
            other = stage.start()
            for _ in range(2):
                await _refused(other, "open of a second store")
            for name, args in (("save", (login_of("ben"),)), ("load", ("anna",))):
                answer = await other.call(name, *args)
                stage.require(
                    answer.error is not None, S.EXCLUSIVE, f"{name} of a store whose open was refused returned"
                )
            await life.check()
            refused = stage.start()
            await _refused(refused, "open of a third store")
            await refused.close()
            await _refused(other, "open of a second store, when a third was refused and closed,")
            await life.open()
            await life.check()
            first, life.store = life.store, other
            await first.close()
            with stage.holds(S.FREED, "open of a store that had been refused, after the first was closed,"):
                await other.open()
            await life.open()
            await life.check()
            await first.close()
            await _refused(stage.start(), "open of a third store, when the first was closed once more,")
            await life.check()

        self._play_in_new_home(second)

    def test_of_several_threads_one_gets_the_store(self) -> None:
        """S14, for threads with event loops of their own that open at the same moment."""
        self._need("exclusive")
        barrier = threading.Barrier(RIVALS)

        async def rival(stage: Stage) -> bool:
            try:
                store = stage.start()
                barrier.wait(self.within)
                answer: Answer[Any] = await store.call("open")
                barrier.wait(self.within)  # nobody closes before all have tried
            except threading.BrokenBarrierError:
                return False  # another has a finding
            except BaseException:
                barrier.abort()
                raise
            _require_in_use(stage, answer, "open in another thread at the same moment")
            return answer.error is None

        for _ in range(4):
            with self._home() as home:
                opened = sum(self._run(home, *[rival] * RIVALS))
                require(
                    opened == 1,
                    S.EXCLUSIVE,
                    f"of {RIVALS} threads that opened at the same moment, {opened} got the store",
                )
                self._run(home, Life.begun)

    def test_of_several_processes_one_gets_the_store_and_its_death_frees_it(self) -> None:
        """S14 and S15, with real processes, one of which is killed."""
        self._need("exclusive", "processes", "lasting")
        with self._home() as home:
            remotes = [self._remote(home) for _ in range(RIVALS)]
            try:
                owner, others = _race(remotes)
                _within(owner, "save", login_of("anna", 1))

                async def refused(stage: Stage) -> None:
                    await _refused(stage.start(), "open while another process has the store")

                self._run(home, refused)
                owner.end()
                others[0].tell("open")
                try:
                    permitted = others[0].hear()
                except StoreError as error:
                    raise Broken(
                        S.FREED, f"when the process that had the store was killed, open raised {named(error)}"
                    ) from None
                require(permitted == "anna", S.KEPT, f"after another process saved 'anna', open permits {permitted!a}")
                login = _within(others[0], "load", "anna")
                require(login == login_of("anna", 1), S.KEPT, "what another process saved is not what load gives")
                _within(others[0], "save", login_of("ben", 2))
                others[0].ask("close")

                async def after(stage: Stage) -> None:
                    life = Life(stage, stage.start())
                    life.model.saved(login_of("ben", 2))
                    with stage.holds(S.FREED, "open after another process closed the store"):
                        await life.store.open()
                    await life.open()
                    await life.check()

                self._run(home, after)
            except Gone:
                raise Broken(S.ERRORS, "a process with a store ended by itself") from None
            finally:
                for remote in remotes:
                    remote.end()

    def test_calls_at_the_same_time_leave_what_one_order_would(self) -> None:
        """S16, for the combinations that matter."""
        self._need("concurrent")
        for calls in FIXED:
            self._play_in_new_home(lambda stage, calls=calls: self._at_once(stage, calls))  # type: ignore[misc]

    def test_random_calls_at_the_same_time_leave_what_one_order_would(self) -> None:
        """S16."""
        self._need("concurrent")
        self._for_all(
            st.lists(CALLS, min_size=2, max_size=6),
            lambda calls: self._play_in_new_home(lambda stage: self._at_once(stage, calls)),
        )

    async def _at_once(self, stage: Stage, calls: Sequence[Call]) -> None:
        life = await Life.begun(stage)
        first = login_of("anna", 0)
        saved = Did(Call("save"), await life.store.call("save", first), first)
        stage.require(saved.answer.error is None, S.KEPT, f"save {saved.answer.outcome}")
        did = [saved, *await asyncio.gather(*(_made(life.store, call, n + 1) for n, call in enumerate(calls)))]
        stage.tell("all of these at the same time")
        for one in did:
            self._check(stage, one, did)
        ids = {one.answer.value for one in did if one.call.name == "device_id" and one.answer.error is None}
        stage.require(len(ids) <= 1, S.DEVICE, f"device_id, called several times at once, gave {len(ids)} ids")

        changes = [one for one in did if one.changes]
        may = [one.leaves for one in changes if not any(one.before(other) for other in changes)]
        now = await _holds(stage, life.store, S.AT_ONCE)
        stage.require(
            now in may,
            S.AT_ONCE,
            f"{_who(now)} is permitted then, and in one order it would be {' or '.join(map(_who, may))}",
        )
        if self.lasting:
            later = await _holds(stage, await stage.restarted(life.store), S.AT_ONCE)
            stage.require(
                now == later, S.AT_ONCE, f"{_who(now)} is permitted then, and {_who(later)} at the next start"
            )

    def _check(self, stage: Stage, one: Did, did: list[Did]) -> None:
        """What one call gave agrees with the others."""
        name, answer = one.call.name, one.answer
        quiet = not any(other.changes for other in did[1:])
        if answer.error is not None:
            calm = name in ("open", "device_id", "revoke") or (quiet and name == "load" and one.call.account == "anna")
            stage.require(
                not calm, S.AT_ONCE, f"{name}, called at the same time as others, raised {named(answer.error)}"
            )
        elif name == "load":
            source = next((other for other in did if other.login == answer.value), None)
            stage.require(source is not None, S.AT_ONCE, f"load of {one.call.account!a} gave a login that nobody saved")
            assert source is not None
            stage.require(
                answer.value.account == one.call.account,
                S.AT_ONCE,
                f"load of {one.call.account!a} gave a login of {answer.value.account!a}",
            )
            void = any(other.changes and source.before(other) and other.before(one) for other in did)
            overtaken = any(
                other.call.name == "revoke"
                and other.changes
                and source.before(other)
                and other.answer.ended < answer.ended
                for other in did
            )
            stage.require(not void, S.AT_ONCE, "load gave a login that was void before load was called")
            stage.require(not overtaken, S.AT_ONCE, "load gave a login after a revoke that voids it had returned")


async def _made(store: Watched, call: Call, number: int) -> Did:
    for _ in range(call.pause):
        await asyncio.sleep(0)
    login = login_of(call.account, number) if call.name == "save" else None
    match call.name:
        case "save":
            args: tuple[Any, ...] = (login,)
        case "revoke":
            args = (revocation_of(Cause.DISPLACED, call.account),)
        case "load":
            args = (call.account,)
        case _:
            args = ()
    return Did(call, await store.call(call.name, *args), login)


async def _holds(stage: Stage, store: Watched, clause: Clause) -> LoginInfo | None:
    """The login that is permitted, by open and by load, which agree."""
    with stage.holds(clause, "open"):
        account = (await store.open()).account
    loaded = [login for name in ("anna", "ben") if (login := await store.loaded(name)) is not None]
    stage.require(
        [login.account for login in loaded] == ([] if account is None else [account]),
        clause,
        f"open permits {account!a}, and load gives {[login.account for login in loaded]}",
    )
    return loaded[0] if loaded else None


def _who(login: LoginInfo | None) -> str:
    return "nobody" if login is None else f"{login.account!a} with save number {login.token.rpartition('-')[2]}"


async def _refused(store: Watched, what: str) -> None:
    answer: Answer[Any] = await store.call("open")
    store.stage.require(answer.error is not None, S.EXCLUSIVE, f"{what} returned")
    _require_in_use(store.stage, answer, what)


def _require_in_use(stage: Stage, answer: Answer[Any], what: str) -> None:
    if answer.error is not None:
        in_use = isinstance(answer.error, StoreInUse)
        stage.require(in_use, S.EXCLUSIVE, f"{what} raised {named(answer.error)} and not StoreInUse")


def _race(remotes: list[Remote]) -> tuple[Remote, list[Remote]]:
    """All open at the same moment: the one that got the store, and the others."""
    for remote in remotes:
        remote.tell("open")
    owners: list[Remote] = []
    others: list[Remote] = []
    for remote in remotes:
        try:
            remote.hear()
            owners.append(remote)
        except StoreInUse:
            others.append(remote)
        except StoreError as error:
            raise Broken(S.EXCLUSIVE, f"open in another process raised {named(error)} and not StoreInUse") from None
    require(
        len(owners) == 1,
        S.EXCLUSIVE,
        f"of {len(remotes)} processes that opened at the same moment, {len(owners)} got the store",
    )
    return owners[0], others


def _within(remote: Remote, name: str, arg: Any) -> Any:
    try:
        return getattr(remote, name)(arg)
    except StoreError as error:
        raise Broken(S.KEPT, f"{name} in another process raised {named(error)}") from None
