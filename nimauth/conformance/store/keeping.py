"""The suite's first part: what is saved is kept, exactly and alone, until it is revoked."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from ...vocabulary.logins import MAX_ACCOUNT, MAX_LOGIN_EXT, MAX_TOKEN, LoginInfo, Revocation
from ...vocabulary.reasons import Cause
from ..clauses import require
from . import contract as S  # noqa: N812
from .bench import StoreBench, renamed
from .life import KINDS, Life, Step, histories, live
from .stage import MARK, Stage, is_account, login_of, revocation_of

STEPS: Final[tuple[Step, ...]] = (("save", "anna"), ("save", "ben"), ("revoke", Cause.DISPLACED), ("restart",))

ODD_ACCOUNTS: Final = (
    ("",),
    ("\0", "a\0", "a\0b", "a"),
    ("\ud800", "a\udfff", "a"),
    ("caf\u00e9", "cafe\u0301", "cafe"),  # the first two are one account: LoginInfo has it in NFC
    ("\ufb01", "fi", "FI"),
    ("\u212b", "\u00c5", "A\u030a", "A"),
    ("\u2460", "1", "01", "1.0", "\uff11", "1e0"),
    ("\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f469\U0001f469\U0001f467"),
    ("\u05e9\u05dc\u05d5\u05dd", "\u202eanna", "\u200eanna", "anna", "an\u200bna"),
    ("a\nb", "a\rb", "a\u2028b", "a\tb", "a b", "a  b", "ab"),
    (" a", "a ", "a", "a.", "a\u3000"),
    ("anna", "Anna", "ANNA", "\uff41nna"),
    ("stra\u00dfe", "strasse", "STRASSE", "\u0131", "i", "I"),
    ("a" * MAX_ACCOUNT, "a" * (MAX_ACCOUNT - 1), "a" * (MAX_ACCOUNT - 1) + "b", "a" * (MAX_ACCOUNT + 1)),
    ("\u5ba2" * MAX_ACCOUNT, "\u5ba2" * (MAX_ACCOUNT - 1), "\U0001f511" * MAX_ACCOUNT),
    ("a/b", "a\\b", "a:b", "a%2Fb", "a%b", "a%%b", "a+b", "a_b", "ab"),
    ("..", ".", "../outside", "..\\outside", "/", "~", "~root", "/outside", "C:outside", "con", "nul"),
    ("null", "None", "true", "0", "-1", "*", "?", "$HOME", "%s", "{0}", "'; --", '"', "\\", "<a>", "[a]", "a=b"),
)
"""Accounts that are easily mangled, in groups that are easily taken for one another."""


class Keeping(StoreBench):
    """What is saved is kept until it is revoked."""

    def test_a_first_start_permits_nobody(self) -> None:
        """S1."""

        async def first(stage: Stage) -> None:
            life = await Life.begun(stage)
            await life.check()
            if self.lasting:
                await life.restart()
                await life.check()

        self._play_in_new_home(first)

    def test_R6_each_kind_of_login_is_kept(self) -> None:  # noqa: N802
        """S2: at once, and in the next start."""

        async def kinds(stage: Stage) -> None:
            life = await Life.begun(stage)
            for login in KINDS:
                if not self.may_refuse(login):
                    life.accounts = (login.account,)
                    await life.save_login(login)
                    await life.check()
                    await life.open()
                    if self.lasting:
                        await life.restart()
                        await life.check()

        self._play_in_new_home(kinds)

    def test_R1_only_the_account_that_was_saved_last_is_permitted(self) -> None:  # noqa: N802
        """S3."""

        async def last(stage: Stage) -> None:
            life = await Life.begun(stage)
            for account in ("anna", "ben", "Anna", "anna", "anna"):
                await life.save(account)
                await life.open()
                await life.check()
                if self.lasting:
                    await life.restart()
                    await life.check()

        self._play_in_new_home(last)

    def test_R4_a_revocation_is_final_and_says_why(self) -> None:  # noqa: N802
        """S4 and S5, for each cause."""

        async def revoked(stage: Stage) -> None:
            life = await Life.begun(stage)
            for cause in Cause:
                await life.save("anna")
                await life.revoke(cause)
                await self._still_void(life)
            for why in (Revocation(Cause.LOGGED_OUT, 0.0), Revocation(Cause.FAILED, 4e9, "a" * MAX_ACCOUNT)):
                await life.revoke_with(why)
                await self._still_void(life)
            await life.save("anna")  # after whichever cause was the last, too
            await life.check()

        self._play_in_new_home(revoked)

    def test_R4_a_revocation_of_an_odd_account_is_one_all_the_same(self) -> None:  # noqa: N802
        """S4: a host's own Revocation may name what is no account, or a time that is none."""

        async def revoked(stage: Stage) -> None:
            life = await Life.begun(stage)
            odd = [name for names in ODD_ACCOUNTS for name in names if not is_account(name)]
            for why in (
                *(revocation_of(Cause.FORBIDDEN, name) for name in (*odd, "a" * 10_000)),
                *(revocation_of(Cause.FORBIDDEN, "anna", at) for at in (math.nan, math.inf, -math.inf, -1.0, 1e300)),
            ):
                await life.save("anna")
                await life.revoke_with(why)
                life.model.permit = None  # what is told of such a one is the store's affair
                await self._still_void(life)

        self._play_in_new_home(revoked)

    async def _still_void(self, life: Life) -> None:
        await life.check()
        await life.open()
        if self.lasting:
            await life.restart()
            await life.check()

    def test_R4_a_revocation_needs_no_open(self) -> None:  # noqa: N802
        """S6 and S7, for each cause: the host may want to void a login with a store whose open it never called."""
        self._need("lasting")

        async def unopened(stage: Stage) -> None:
            life = await Life.begun(stage)
            for times, cause in ((3, Cause.LOGGED_OUT), *((1, cause) for cause in Cause)):
                await life.save("anna")
                await life.store.close()
                life.store = stage.start()
                why = revocation_of(cause)
                for _ in range(times):
                    with stage.holds(S.ILL, "revoke in a store that was never opened, with nobody in its way,"):
                        await life.store.revoke(why)
                life.model.revoked(why)
                life.model.forbids = S.ILL
                await life.restart()
                await life.check()
                await life.same_device()

        self._play_in_new_home(unopened)

    def test_R4_a_revocation_may_be_repeated(self) -> None:  # noqa: N802
        """S6: what is void stays void, and the last revocation is what is told."""

        async def again(stage: Stage) -> None:
            life = await Life.begun(stage)
            await life.save("anna")
            for cause in (Cause.DISPLACED, Cause.DISPLACED, Cause.LOGGED_OUT):
                await life.revoke(cause)
                await self._still_void(life)

        with renamed(S.ILL, S.VOID):
            self._play_in_new_home(again)

    def test_R12_the_device_id_is_the_same_ever_after(self) -> None:  # noqa: N802
        """S7, whatever the login was revoked for; and another installation has another."""

        async def same(stage: Stage) -> str:
            life = await Life.begun(stage)
            await life.same_device()
            for cause in Cause:
                await life.save("anna")
                await life.same_device()
                await life.revoke(cause)
                await life.same_device()
                if self.lasting:
                    await life.restart()
                    await life.same_device()
                await life.save("ben")
                await life.same_device()
            return life.device

        with self._home() as home:
            first = self._run(home, same)[0]
            if self.lasting:
                later = self._run(home, _device)[0]
                require(first == later, S.DEVICE, "the device id is another one after a restart")
        require(first != self._play_in_new_home(_device), S.DEVICE, "two installations have the same device id")

    def test_R6_another_event_loop_finds_what_one_has_saved(self) -> None:  # noqa: N802
        """S2: the next start runs in a loop of its own."""
        self._need("lasting")

        async def save(stage: Stage) -> Life:
            life = await Life.begun(stage)
            await life.save("anna")
            return life

        with self._home() as home:
            model = self._run(home, save)[0].model

            async def find(stage: Stage) -> None:
                life = Life(stage, stage.start(), model=model)
                await life.open()
                await life.check()

            self._run(home, find)

    def test_every_short_history_agrees_with_the_model(self) -> None:
        """S1 to S5: up to three steps, in every order, and a look at the end."""
        alphabet = STEPS if self.lasting else STEPS[:-1]
        for length in (1, 2, 3):
            for history in itertools.product(alphabet, repeat=length):
                self._play_in_new_home(partial(live, steps=history))

    def test_random_histories_agree_with_the_model(self) -> None:
        """S1 to S12: saves, revocations, restarts and cancellations, in any order."""
        self._for_all(
            histories(self.lasting),
            lambda history: self._play_in_new_home(partial(live, steps=history, each=True)),
        )

    def test_each_odd_account_is_kept_apart_or_refused(self) -> None:
        """S17."""
        for names in ODD_ACCOUNTS:
            with self._home() as home:
                self._apart(home, names)
        with self._home() as home:
            self._apart(home, (str(home.parent / "outside")[:MAX_ACCOUNT], "outside", f"{home.name}/outside"))

    def test_an_account_named_like_a_file_of_the_store_is_kept_apart(self) -> None:
        """S17: whatever is in the home, its name is an account like any other."""

        async def saved(stage: Stage) -> list[Path]:
            life = await Life.begun(stage)
            await life.same_device()
            await life.save("anna")
            return sorted(path.relative_to(home) for path in home.rglob("*"))

        with self._home() as home:
            files = self._run(home, saved)[0]
        names = dict.fromkeys(name for path in files for name in (path.name, path.stem, path.as_posix()))
        with self._home() as home:
            self._apart(home, ("anna", *[name for name in names if is_account(name)][:30]))

    def _apart(self, home: Path, names: tuple[str, ...]) -> None:
        async def told_apart(stage: Stage) -> None:
            life = await Life.begun(stage, ())
            life.accounts = tuple(dict.fromkeys(LoginInfo(name, "t").account for name in names if is_account(name)))
            for name in names:
                if is_account(name):
                    life.number += 1
                    await life.save_login(login_of(name, life.number), odd=True)
                else:
                    given = await life.store.loaded(name)
                    stage.require(given is None, S.APART, f"load of {name!a}, which is no account, gave a login")
                await life.check()
                await life.same_device()
                if self.lasting:
                    await life.restart()
                    await life.check()
            await life.revoke()
            await life.check()

        with renamed(S.APART, S.KEPT, S.LAST, S.WHOLE, S.DEVICE, S.NOT_SAVED, S.VOID):
            self._run(home, told_apart)
        strangers = [path.name for path in home.parent.iterdir() if path != home]
        require(
            not strangers, S.APART, f"with accounts like {names[0]!a} the store writes outside its home: {strangers}"
        )

    def test_R6_a_login_is_kept_whole_or_refused(self) -> None:  # noqa: N802
        """S18, up to the longest there is and around the store's own limit; S10 where it is refused."""

        async def sizes(stage: Stage) -> None:
            life = await Life.begun(stage)
            for login in _sizes(self.may_refuse):
                await life.save("anna")
                life.accounts = ("anna", login.account)
                await life.save_login(login)
                await life.check()
                await life.open()
                if self.lasting:
                    await life.restart()
                    await life.check()

        with renamed(S.WHOLE, S.KEPT):
            self._play_in_new_home(sizes)


async def _device(stage: Stage) -> str:
    store = await stage.opened()
    with stage.holds(S.DEVICE, "device_id of an open store"):
        return await store.device_id()


def _sizes(may_refuse: Callable[[LoginInfo], bool]) -> Iterator[LoginInfo]:
    """Logins of many lengths, the longest there are, and those at the store's limit and just beyond it."""

    def of(length: int, letter: str) -> LoginInfo:
        return LoginInfo("ben", (f"{MARK}-{length}" + letter * length)[:length])

    for letter in ("x", "\u00e9", "\u5ba2", "\U0001f511"):
        lengths = {1, 255, 256, 1023, 1024, 1025, MAX_TOKEN - 1, MAX_TOKEN}
        # The shortest that may be refused, if longer ones may be, too.
        limit = bisect.bisect_left(range(MAX_TOKEN), True, key=lambda n: may_refuse(of(n + 1, letter))) + 1
        lengths |= {limit - 1, limit, limit + 1} & set(range(1, MAX_TOKEN + 1))
        for length in sorted(lengths):
            yield of(length, letter)
    ext = (MARK + "\u5ba2" * MAX_LOGIN_EXT)[:MAX_LOGIN_EXT]
    yield LoginInfo("\u5ba2" * MAX_ACCOUNT, "\U0001f511" * MAX_TOKEN, login_ext=ext, custom_client_type=2**31)
