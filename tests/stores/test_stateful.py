"""Long random lives of a store, with crashes, power cuts and failing media, against a model of a few lines."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nimauth.errors import StoreError
from nimauth.stores import permit
from nimauth.stores.keyring import KeyringStore
from nimauth.vocabulary.logins import LoginInfo

from .helpers import PATIENT, Dead, Disk, FakeBackend, kicked, kill

T = TypeVar("T")

ACCOUNTS = "abc"
DISK_FAULTS = st.frozensets(
    st.sampled_from(["create", "write", "sync", "sync directory", "replace", "overwrite", "unlink"])
)
KEYRING_FAULTS = st.frozensets(st.sampled_from(["get", "set", "delete", "swallow", "truncate"]))


class Lives(RuleBasedStateMachine):
    """The model is `live`: the logins (account, token) that a `load` may give, in this process or after a restart."""

    live: set[tuple[str, str]]

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.disk = Disk()
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(permit, "os", self.disk)
        self.backend = FakeBackend(before=self.operation, distort=self.kept)
        self.keyring_fails: frozenset[str] = frozenset()
        self.tokens = 0
        self.live = set()
        self.start()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.mend()
            self.do(self.store.close())
            self.patched.undo()
            self.runner.close()
            shutil.rmtree(self.directory)

    def operation(self, kind: str, _: str) -> None:
        if kind != "get":
            self.disk.step(kind)
        if kind in self.keyring_fails:
            raise OSError(f"no {kind} today")

    def kept(self, text: str) -> str | None:
        if "swallow" in self.keyring_fails:
            return None
        return text[:-1] if "truncate" in self.keyring_fails else text

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def start(self) -> None:
        self.store = KeyringStore("app", backend=self.backend, directory=self.directory, deadlines=PATIENT)
        self.in_doubt = self.syncs_fail
        try:
            self.do(self.store.open())
        except Dead:
            self.die()

    def die(self) -> None:
        kill(self.store)
        self.disk.dies_at = None
        self.start()

    @property
    def syncs_fail(self) -> bool:
        return bool(self.disk.fails & {"sync", "sync directory"})

    @property
    def a_void_may_fail(self) -> bool:
        """One medium that can still be written is enough, so both must fail.

        After a failed sync, nobody knows what is on the disk; then a store may be in doubt, and say so. One that was
        opened at such a time is in doubt until it has voided or saved something.
        """
        return (
            self.in_doubt or self.syncs_fail or (bool(self.disk.fails) and bool(self.keyring_fails & {"get", "delete"}))
        )

    @rule(account=st.sampled_from(ACCOUNTS))
    def save(self, account: str) -> None:
        self.tokens += 1
        saved = (account, f"token {self.tokens}")
        try:
            self.do(self.store.save(LoginInfo(*saved)))
        except StoreError:
            if not self.a_void_may_fail:
                self.live = set()
        except Dead:
            self.live |= {saved}
            self.die()
        else:
            self.live = {saved}
            self.in_doubt = False

    @rule()
    def revoke(self) -> None:
        try:
            self.do(self.store.revoke(kicked()))
        except StoreError:
            assert self.a_void_may_fail
        except Dead:
            self.die()
        else:
            self.live = set()
            self.in_doubt = False

    @rule()
    def restart(self) -> None:
        try:
            self.do(self.store.close())
        finally:
            kill(self.store)  # where the disk dies at the very end, only the death of the process releases the claim
        self.start()

    @rule()
    def cut_power(self) -> None:
        kill(self.store)
        self.disk.cut_power()
        self.disk.dies_at = None
        self.start()

    @rule(step=st.integers(1, 40))
    def will_die(self, step: int) -> None:
        self.disk.dies_at = self.disk.steps + step

    @rule(fails=DISK_FAULTS)
    def disk_fails(self, fails: frozenset[str]) -> None:
        self.disk.fails = fails

    @rule(fails=KEYRING_FAULTS)
    def keyring_fails_too(self, fails: frozenset[str]) -> None:
        self.keyring_fails = fails

    @rule()
    def mend(self) -> None:
        self.disk.fails, self.disk.dies_at, self.keyring_fails = frozenset(), None, frozenset()

    @precondition(lambda self: not self.disk.fails and not self.keyring_fails and self.disk.dies_at is None)
    @rule(account=st.sampled_from(ACCOUNTS))
    def a_healthy_store_keeps_what_it_saved(self, account: str) -> None:
        self.save(account)
        self.restart()
        assert self.loaded(account) in self.live
        assert len(self.live) == 1

    @invariant()
    def no_void_login_gets_through(self) -> None:
        if hasattr(self, "live"):
            assert {self.loaded(account) for account in ACCOUNTS} - {None} <= self.live

    def loaded(self, account: str) -> tuple[str, str] | None:
        try:
            login = self.do(self.store.load(account))
        except StoreError:
            return None
        return login.account, login.token


Lives.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLives = Lives.TestCase
