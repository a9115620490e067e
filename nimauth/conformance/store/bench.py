"""What the author of a store says of it, and how the suite's parts run it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
import threading
import unittest
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from ...stores.base import CredentialStore
from ...vocabulary.logins import LoginInfo
from ..clauses import Broken, Clause, require
from ..guard import Stuck, run_guarded
from ..leftovers import Complaints
from ..secrecy import every_log_record
from . import contract as S  # noqa: N812
from .process import Remote
from .stage import SECRETS, Stage

T = TypeVar("T")

Scenario = Callable[[Stage], Coroutine[Any, Any, T]]

FLAGS: Final = {
    "lasting": "what the store holds is there for the next start",
    "processes": "stores in several processes share a home",
    "exclusive": "one store at a time is open",
    "concurrent": "one call may be made while another is under way",
}

HEALTH: Final = (
    *(HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example, HealthCheck.filter_too_much),
    *(HealthCheck.differing_executors, HealthCheck.function_scoped_fixture, HealthCheck.nested_given),
)


class StoreBench:
    """What the author of a store says of it. The tests are in the classes beneath."""

    lasting: ClassVar[bool] = True
    """What the store holds is there for the next start: for the next store with the same home."""
    processes: ClassVar[bool] = True
    """Stores with the same home in several processes hold the same. Then the suite's class must be one that a child
    process can import."""
    exclusive: ClassVar[bool] = True
    """Of the stores with one home one at a time is open."""
    concurrent: ClassVar[bool] = True
    """A call may be made while another is under way."""
    within: ClassVar[float] = 10.0
    """In how many seconds every call ends, with nothing wrong or with anything wrong that the suite can do."""
    examples: ClassVar[int] = 50
    """How many random histories are tried."""
    crashes: ClassVar[int] = 40
    """At how many points of one call the process dies, at most. Where there are more, they are spread evenly."""
    seed: ClassVar[int | None] = None
    """Other random histories than those of each run."""

    def store(self, home: Path) -> CredentialStore:
        """The store that a fresh process would make, not opened. Two with the same home are two starts of one app.

        `home` is a directory that is there and belongs to this user. Its last part is unique and has nothing but
        letters and digits, for stores that keep things elsewhere as well. Called where an event loop runs.
        """
        raise NotImplementedError(f"{type(self).__name__} must say how to make the store: write its store(home)")

    def may_refuse(self, login: LoginInfo) -> bool:
        """Whether the store may refuse to save this login, with ValueRefused: it is too long for it, say."""
        return False

    def interrupt(self, store: CredentialStore, before_write: Callable[[], None]) -> None:
        """Have `before_write` called before each thing that this store does to the outside from now on.

        Write it for a store whose writes cannot be seen from outside: it keeps things in a double of a keyring, say.
        The suite then lets the process die in that call, by an exception that nothing may catch. Otherwise it makes
        child processes and ends them at their n-th write to a file, socket or database.
        """

    def killed(self, store: CredentialStore) -> None:
        """What the end of its process does to a store that nobody closed. Goes with `interrupt`."""

    # -- for the tests -------------------------------------------------------------------------------------------------

    def _need(self, *flags: str) -> None:
        """Skip the test where the store is not such a one."""
        for flag in flags:
            if not getattr(self, flag):
                raise unittest.SkipTest(f"{flag} is False: not a store of which it holds that {FLAGS[flag]}")

    @property
    def _in_process(self) -> bool:
        """Whether the author has said how to interrupt the store."""
        return type(self).interrupt is not StoreBench.interrupt

    @contextlib.contextmanager
    def _home(self) -> Iterator[Path]:
        """A new home, in a directory with nothing else in it. It is gone afterwards."""
        above = Path(tempfile.mkdtemp(prefix="nimauth-"))
        try:
            home = above / secrets.token_hex(8)
            home.mkdir(0o700)
            yield home
        finally:
            shutil.rmtree(above, ignore_errors=True)

    def _run(self, home: Path, *scenarios: Scenario[T], complaints: Complaints | None = None) -> list[T]:
        """Play each scenario in a thread and an event loop of its own, all at the same time."""
        results: list[T] = []
        errors: list[BaseException] = []

        def play(scenario: Scenario[T]) -> None:
            try:
                results.append(self._play(home, scenario, complaints))
            except BaseException as error:
                errors.append(error)

        with every_log_record() as records:
            threads = [threading.Thread(target=play, args=(scenario,), daemon=True) for scenario in scenarios[1:]]
            for thread in threads:
                thread.start()
            play(scenarios[0])
            for thread in threads:
                thread.join()
        try:
            if errors:
                raise errors[0]
        finally:
            errors.clear()  # no cycle through this frame
        for record in records:
            require(
                not SECRETS.shown(record.text),
                S.SECRECY,
                f"a log record of {record.logger} shows a token or login_ext",
            )
        return results

    def _play(self, home: Path, scenario: Scenario[T], complaints: Complaints | None) -> T:
        stage = Stage(lambda: self.store(home), self.within, self.may_refuse)

        async def play() -> T:
            try:
                result = await scenario(stage)
                await stage.finish()
            except BaseException:
                await stage.give_up()
                raise
            return result

        try:
            return run_guarded(play, complaints=complaints, stuck_after=2 * self.within)
        except Stuck as stuck:
            raise Broken(S.BOUNDED, f"{stuck} [{stage.told}]") from None

    def _play_in_new_home(self, scenario: Scenario[T]) -> T:
        with self._home() as home:
            return self._run(home, scenario)[0]

    def _remote(self, home: Path) -> Remote:
        return Remote(type(self), home, self.within)

    def _for_all(self, cases: st.SearchStrategy[T], check: Callable[[T], None]) -> None:
        """Check random cases, and raise the finding of the smallest that fails."""
        found: list[Broken] = []

        # Made here, and not a method: hypothesis wants a test to belong to one class.
        @settings(
            max_examples=self.examples,
            deadline=None,
            database=None,
            derandomize=self.seed is None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=HEALTH,
        )
        @given(cases)
        def example(case: T) -> None:
            try:
                check(case)
            except Broken as broken:
                if broken.clause is S.BOUNDED:  # each smaller case would take as long
                    raise _Enough(broken) from None
                found.append(broken)
                raise

        try:
            (example if self.seed is None else hypothesis.seed(self.seed)(example))()
        except _Enough as enough:
            raise enough.broken from None
        except Flaky:
            if not found:
                raise
            raise found[-1] from None


@contextlib.contextmanager
def renamed(clause: Clause, *others: Clause) -> Iterator[None]:
    """Within, what breaks one of the others breaks this one, which says more."""
    try:
        yield
    except Broken as broken:
        if broken.clause in others:
            raise Broken(clause, broken.what) from None
        raise


class _Enough(BaseException):
    """Ends hypothesis's search at once."""

    def __init__(self, broken: Broken) -> None:
        super().__init__(str(broken))
        self.broken = broken
