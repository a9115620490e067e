"""The suite's second part: calls that are cut short, processes that die, and stores that are closed."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import unittest
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from ...errors import StoreError, StoreInUse
from ...vocabulary.reasons import Cause
from ..clauses import Broken, Clause, require
from ..leftovers import Census, every_complaint
from ..outcome import settle
from . import contract as S  # noqa: N812
from .bench import StoreBench, renamed
from .child import Fuse
from .life import Life, Model
from .process import Gone, Remote
from .stage import Answer, Died, Stage, Watched, login_of, named, revocation_of

MANY: Final = 200
"""So many awaits no call has."""


@frozen
class Save:
    """A step of a story that ends in a crash."""

    account: str
    number: int


REVOKE: Final = None
"""The other step."""

Did = Save | None


@frozen
class Crash:
    """What ran before, what runs when the process dies, and what the next start may then permit."""

    name: str
    before: tuple[Did, ...]
    step: Did
    may: frozenset[Save]

    @property
    def clause(self) -> Clause:
        """The one that is broken where it permits anything else."""
        return S.DIED_IN_REVOKE if self.step is None else S.DIED_IN_SAVE


_A1, _A2, _B = Save("anna", 1), Save("anna", 2), Save("ben", 3)

CRASHES: Final = (
    Crash("a first save", (), _A1, frozenset({_A1})),
    Crash("a save of the same account", (_A1,), _A2, frozenset({_A1, _A2})),
    Crash("a save of another account", (_A1,), _B, frozenset({_A1, _B})),
    Crash("a save after a revocation", (_A1, REVOKE), _A2, frozenset({_A2})),
    Crash("a revocation", (_A1,), REVOKE, frozenset({_A1})),
    Crash("a second revocation", (_A1, REVOKE), REVOKE, frozenset()),
)


class Ending(StoreBench):
    """What is cut short leaves nothing half done."""

    def test_R4_no_crash_in_a_save_lets_a_void_login_through(self) -> None:  # noqa: N802
        """S8, at every write."""
        self._crash([crash for crash in CRASHES if crash.step is not None])

    def test_R4_no_crash_in_a_revocation_lets_a_void_login_through(self) -> None:  # noqa: N802
        """S9, at every write."""
        self._crash([crash for crash in CRASHES if crash.step is None])

    def _crash(self, crashes: list[Crash]) -> None:
        self._need("lasting")
        if not self._in_process:
            self._need("processes")
        seen = 0
        for crash in crashes:
            writes = self._crash_at(crash, None)
            seen += writes
            step = max(1, -(-writes // self.crashes))
            for at in range(1, writes + 1, step):
                self._crash_at(crash, at)
        if not seen:
            raise unittest.SkipTest("the suite sees no write of this store; write its interrupt(store, before_write)")

    def _crash_at(self, crash: Crash, at: int | None) -> int:
        """Die at the n-th write, and look at the next start. Tells how many writes there were."""
        with self._home() as home:
            if self._in_process:
                died, writes, device = self._run(home, lambda stage: self._die_here(stage, crash, at))[0]
            else:
                died, writes, device = self._die_there(home, crash, at)

            async def look(stage: Stage) -> None:
                stage.tell(crash.name if at is None else f"the process died in {crash.name}, at its {at}. write")
                await self._next_start(stage, crash, died, device)

            self._run(home, look)
        return writes

    async def _die_here(self, stage: Stage, crash: Crash, at: int | None) -> tuple[bool, int, str]:
        fuse = Fuse(end=_die, dies_at=at)
        store = stage.start()
        self.interrupt(store.inner, fuse.step)
        died = False
        try:
            await store.open()
            device = await store.device_id()
            for step in crash.before:
                await _do(store, step)
            fuse.armed = True
            try:
                await _do(store, crash.step)
            except (Died, StoreError):
                died = at is not None and fuse.count >= at
                if not died:
                    raise
        except StoreError as error:
            raise Broken(S.KEPT, f"before {crash.name}, {named(error)}") from None
        finally:
            self.killed(store.inner)
            stage.stores.remove(store)
        return died, fuse.count, device

    def _die_there(self, home: Path, crash: Crash, at: int | None) -> tuple[bool, int, str]:
        device = ""
        with self._remote(home) as remote:
            try:
                remote.open()
                device = remote.ask("device_id")
                for step in crash.before:
                    _order(remote, step)
                remote.ask("die", at=at)
                _order(remote, crash.step)
                return False, remote.ask("count"), device
            except Gone:
                require(at is not None, S.ERRORS, f"the process ended by itself in {crash.name}")
                return True, 0, device
            except StoreError as error:
                raise Broken(S.KEPT, f"in a process of its own, {crash.name} raised {named(error)}") from None

    async def _next_start(self, stage: Stage, crash: Crash, died: bool, device: str) -> None:
        store = await stage.opened()
        with stage.holds(S.REOPENED, "open of an open store"):
            permit = await store.open()
        due = {(save.account, login_of(save.account, save.number).token) for save in crash.may}
        if not died:
            due = {(s.account, login_of(s.account, s.number).token) for s in (crash.step,) if s is not None}
            stage.require(bool(due) == (permit.account is not None), S.KEPT, f"open permits {permit.account!a}")
        for account in ("anna", "ben"):
            answer: Answer[Any] = await store.call("load", account)
            if answer.error is None:
                login = answer.value
                stage.require(permit.account == account, crash.clause, f"load of {account!a} gave what open forbids")
                stage.require(
                    login.account == account, crash.clause, f"load of {account!a} gave a login of {login.account!a}"
                )
                stage.require(
                    (login.account, login.token) in due, crash.clause, f"load of {account!a} gave a login that is void"
                )
            else:
                stage.require(
                    permit.account != account,
                    crash.clause,
                    f"open permits {account!a}, and load of it raised {named(answer.error)}",
                )
        with stage.holds(S.DEVICE, "device_id of an open store"):
            stage.require(await store.device_id() == device, S.DEVICE, "the device id is another one after a crash")
        # And the store goes on as if nothing had happened.
        life = Life(stage, store, model=Model(permit=None))
        await life.save("Anna")
        await life.check()
        await life.revoke(Cause.FAILED)
        await life.restart()
        await life.check()

    def test_R6_a_cancelled_save_permits_nobody(self) -> None:  # noqa: N802
        """S10 and S11, at every await."""

        async def cut(stage: Stage) -> None:
            life = await Life.begun(stage)
            for account, late in itertools.product(("ben", "anna"), (False, True)):
                for at in range(1, MANY):
                    await life.save("anna")
                    reached = await life.save_cancelled(account, at, late)
                    await life.check()
                    await life.open()
                    if self.lasting:
                        await life.restart()
                        await life.check()
                    if not reached:
                        break
            await life.save("ben")
            await life.check()

        self._play_in_new_home(cut)

    def test_R4_a_cancelled_revocation_is_made_good_by_another(self) -> None:  # noqa: N802
        """S11, at every await; and in between the login is the old one or none."""

        async def cut(stage: Stage) -> None:
            life = await Life.begun(stage)
            for late, restarted in itertools.product((False, True), (False, self.lasting)):
                for at in range(1, MANY):
                    await life.save("anna")
                    reached = await life.revoke_cancelled(at, late)
                    await life.check()
                    if restarted:
                        await life.restart()
                    await life.revoke(Cause.LOGGED_OUT)
                    await life.check()
                    if self.lasting:
                        await life.restart()
                        await life.check()
                    if not reached:
                        break

        self._play_in_new_home(cut)

    def test_a_cancelled_open_can_be_repeated(self) -> None:
        """S11, at every await."""
        self._need("lasting")

        async def cut(stage: Stage) -> None:
            life = await Life.begun(stage)
            for then, late in itertools.product(("open", "close", "revoke"), (False, True)):
                for at in range(1, MANY):
                    await life.save("anna")
                    await life.store.close()
                    life.store = stage.start()
                    reached = await self._cut_short(life.store, "open", at, late)
                    if then == "close":
                        life.store = await stage.restarted(life.store)
                    if then == "revoke":
                        why = revocation_of(Cause.VERSION)
                        with stage.holds(S.ILL, "revoke after an open that was cancelled"):
                            await life.store.revoke(why)
                        life.model.revoked(why)
                    await life.open()
                    await life.check()
                    if not reached:
                        break

        with renamed(S.CANCELLED, S.REOPENED, S.FREED, S.KEPT):
            self._play_in_new_home(cut)

    def test_a_cancelled_look_can_be_repeated(self) -> None:
        """S11, for load and device_id at every await."""

        async def cut(stage: Stage) -> None:
            life = await Life.begun(stage)
            await life.save("anna")
            for name, late in itertools.product(("device_id", "load"), (False, True)):
                for at in range(1, MANY):
                    args = ("anna",) if name == "load" else ()
                    reached = await self._cut_short(life.store, name, at, late, *args)
                    await life.check()
                    await life.same_device()
                    if not reached:
                        break

        self._play_in_new_home(cut)

    def test_a_cancelled_close_gives_the_store_up(self) -> None:
        """S11, at every await: the next store opens, and finds what was saved."""
        self._need("lasting")

        async def cut(stage: Stage) -> None:
            life = await Life.begun(stage)
            for late in (False, True):
                for at in range(1, MANY):
                    await life.save("anna")
                    reached = await self._cut_short(life.store, "close", at, late)
                    old, life.store = life.store, stage.start()
                    await self._opens_soon(life.store)
                    await life.open()
                    await life.check()
                    await old.close()
                    await life.check()
                    if not reached:
                        break

        self._play_in_new_home(cut)

    async def _opens_soon(self, store: Watched) -> None:
        """Open when the store before has been given up, which may go on after its close was cancelled."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.within
        # Nobody tells when, so it asks again and again.
        while isinstance((answer := await store.call("open")).error, StoreInUse) and loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        with store.stage.holds(S.CANCELLED, f"{self.within:g} s after another store's close was cancelled, open"):
            answer.value  # noqa: B018  (raises what it raised)

    async def _cut_short(self, store: Watched, name: str, at: int, late: bool, *args: Any) -> bool:
        """Cancel the call at its n-th await. Tells whether it came to that."""
        answer = await store.call(name, *args, cancel_at=at, late=late)
        if answer.outcome.reached:
            ended = late or answer.error is not None
            store.stage.require(ended, S.CANCELLED, f"{name} was cancelled, and returned all the same")
        else:
            with store.stage.holds(S.CANCELLED, f"{name} of a store with nothing in its way"):
                answer.value  # noqa: B018  (raises what it raised)
        return answer.outcome.reached

    def test_open_may_be_repeated(self) -> None:
        """S12."""

        async def again(stage: Stage) -> None:
            life = await Life.begun(stage)
            for _ in range(2):
                await life.open()
                await life.save("anna")
                for _ in range(3):
                    await life.open()
                    await life.check()
                await life.revoke(Cause.DISPLACED)
                await life.open()

        with renamed(S.REOPENED, S.KEPT, S.LAST, S.VOID, S.WHY):
            self._play_in_new_home(again)

    def test_close_may_be_repeated_and_a_closed_store_refuses_every_call(self) -> None:
        """S13."""

        async def closed(stage: Stage) -> None:
            early = stage.start()
            await self._refuses(early, "not open", "device_id", "load", "save")
            await early.close()
            await early.close()
            life = await Life.begun(stage)
            await life.save("anna")
            for _ in range(3):
                await life.store.close()
                await self._refuses(life.store, "closed", "open", "device_id", "load", "save", "revoke")
            if self.lasting:
                life.store = stage.start()
                await life.open()
                await life.check()

        with renamed(S.CLOSED, S.KEPT, S.LAST, S.REOPENED):
            self._play_in_new_home(closed)

    async def _refuses(self, store: Watched, state: str, *names: str) -> None:
        args: dict[str, Any] = {
            "load": ("anna",),
            "save": (login_of("ben"),),
            "revoke": (revocation_of(Cause.FAILED),),
        }
        for name in names:
            answer = await store.call(name, *args.get(name, ()))
            store.stage.require(answer.error is not None, S.CLOSED, f"{name} of a store that is {state} returned")

    def test_a_closed_store_leaves_nothing_behind(self) -> None:
        """S24: no task, no thread, no open file, and nothing that Python complains of."""

        async def use(stage: Stage) -> None:
            life = await Life.begun(stage)
            before = asyncio.all_tasks()
            for _ in range(2):
                await life.same_device()
                await life.save("anna")
                await life.check()
                if self.lasting:
                    await life.restart()
                await life.revoke(Cause.LOGGED_OUT)
            await life.store.close()
            stage.stores.clear()
            await settle()
            if left := asyncio.all_tasks() - before:
                _, left = await asyncio.wait(left, timeout=self.within)
            names = sorted(getattr(task.get_coro(), "__qualname__", "a task") for task in left)
            stage.require(not left, S.NOTHING_LEFT, f"closed stores left tasks: {', '.join(names)}")

        self._play_in_new_home(use)  # what is made once for the whole process is not left behind
        gc.collect()  # what others left is not this store's
        with self._home() as home, every_complaint() as complaints:
            census = Census()
            self._run(home, use, complaints=complaints)
            for thread in set(threading.enumerate()) - census.threads:
                thread.join(self.within)
            gc.collect()
            left = census.left(("socket", "pipe", "file"))
        require(not left, S.NOTHING_LEFT, f"closed stores left {', '.join(left)}")
        require(not complaints.heard, S.NOTHING_LEFT, f"Python complains: {'; '.join(complaints.heard)[:500]}")


def _die() -> None:
    raise Died


async def _do(store: Watched, step: Did) -> None:
    if step is None:
        await store.revoke(revocation_of(Cause.DISPLACED))
    else:
        await store.save(login_of(step.account, step.number))


def _order(remote: Remote, step: Did) -> None:
    if step is None:
        remote.revoke("displaced", "anna")
    else:
        remote.save(login_of(step.account, step.number))
