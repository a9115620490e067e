"""The suite's fourth part: a home that is damaged, full or gone, and secrets that must not be shown meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import os
import unittest
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from ...errors import StoreError
from ...vocabulary.logins import LoginInfo
from ...vocabulary.reasons import Cause
from ..clauses import Broken, Clause
from . import contract as S  # noqa: N812
from .bench import StoreBench
from .life import Life
from .process import CAN_FILL, Gone
from .stage import MARK, Answer, Stage, Watched, login_of, named, revocation_of

ANNA: Final = login_of("anna")
BEN: Final = login_of("ben")

HUGE: Final = 8 * 2**20
MOST_FILES: Final = 12
"""So many files of a home are damaged; a database may have more."""


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: Final[dict[str, Callable[[Path], object]]] = {
    "is missing": Path.unlink,
    "is empty": lambda path: path.write_bytes(b""),
    "is cut in half": lambda path: path.write_bytes((data := path.read_bytes())[: len(data) // 2]),
    "has lost its last byte": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "has lost its last ten bytes": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "is all zeros": lambda path: path.write_bytes(bytes(len(path.read_bytes()))),
    "is no UTF-8": lambda path: path.write_bytes(b"\xff\xfe\x80" + path.read_bytes()),
    "is another program's": lambda path: path.write_text("[section]\nname = value\n", encoding="utf-8"),
    "says null": lambda path: path.write_bytes(b"null"),
    "says {}": lambda path: path.write_bytes(b"{}"),
    "says [1]": lambda path: path.write_bytes(b"[1]"),
    "is nested deeply": lambda path: path.write_bytes(b"[" * 20_000),
    "is huge": lambda path: path.write_bytes(b"9" * HUGE),
    "is a directory": _directory,
}
"""What may have happened to a file since the store wrote it."""

FOREIGN: Final = "is that of another home"


def _damaged(path: Path, damage: Callable[[Path], object]) -> bool:
    """Damage the file. Tells whether that changes it."""
    before = path.read_bytes()
    damage(path)
    return not path.is_file() or path.read_bytes() != before


def _replaced(path: Path, content: bytes) -> bool:
    return _damaged(path, lambda path: path.write_bytes(content))


class Damage(StoreBench):
    """What is damaged is no login."""

    def test_R4_what_is_damaged_is_no_login(self) -> None:  # noqa: N802
        """S19, for each file in the home and each kind of damage."""
        files, foreign = self._files(ANNA), self._files(BEN)
        for path, revoked in itertools.product(files, (False, True)):
            for damage in (*DAMAGES, FOREIGN, *(f"has what {other} has" for other in files if other != path)):
                with self._home() as home:
                    self._run(home, partial(self._use, revoked=revoked))
                    contents = {f"has what {other} has": home / other for other in files}
                    with contextlib.suppress(OSError):  # this home has no such file
                        if damage in contents:
                            changed = _replaced(home / path, contents[damage].read_bytes())
                        elif damage == FOREIGN:
                            changed = path in foreign and _replaced(home / path, foreign[path])
                        else:
                            changed = _damaged(home / path, DAMAGES[damage])
                        if changed:
                            may = (*([] if revoked else [ANNA]), *([BEN] if damage == FOREIGN else []))
                            self._run(home, partial(self._look, what=f"{path} {damage}", may=may))

    def _files(self, login: LoginInfo) -> dict[Path, bytes]:
        """What a store that saved this login keeps in its home. Skips the test where that is nothing."""
        self._need("lasting")
        with self._home() as home:
            self._run(home, partial(self._use, login=login))
            paths = [path for path in sorted(home.rglob("*")) if path.is_file()][:MOST_FILES]
            if not paths:
                raise unittest.SkipTest("the store keeps no file in its home that could be damaged")
            return {path.relative_to(home): path.read_bytes() for path in paths}

    async def _use(self, stage: Stage, login: LoginInfo = ANNA, revoked: bool = False) -> None:
        store = await stage.opened()
        with stage.holds(S.KEPT, "a call in a home with nothing wrong"):
            await store.device_id()
            await store.save(login)
            if revoked:
                await store.revoke(revocation_of(Cause.DISPLACED))
        await store.close()

    async def _look(self, stage: Stage, what: str, may: tuple[LoginInfo, ...]) -> None:
        stage.tell(f"{'saved' if ANNA in may else 'revoked'}, closed, and then {what}")
        store = stage.start()
        answer: Answer[Any] = await store.call("open")
        if answer.error is None:
            account = answer.value.account
            allowed = account in {None, *(login.account for login in may)}
            stage.require(allowed, S.DAMAGED, f"where {what}, open permits {account!a}")
            await store.call("device_id")
        await self._loads(stage, store, what, *may)
        if answer.error is None:
            await self._goes_on(stage, store, what)
        revoking: Answer[Any] = await store.call("revoke", revocation_of(Cause.LOGGED_OUT))
        if revoking.error is None:
            await self._loads(stage, store, f"{what}, and revoke has returned")
            await store.close()
            again = stage.start()
            await again.call("open")
            await self._loads(stage, again, f"{what}, and revoke has returned")

    async def _loads(self, stage: Stage, store: Watched, what: str, *may: LoginInfo) -> None:
        """Nothing loads but perhaps these, just as they were saved."""
        for account in ("anna", "ben"):
            login = await store.loaded(account)
            allowed = login is None or (login in may and login.account == account)
            stage.require(allowed, S.DAMAGED, f"where {what}, load of {account!a} gave a login that is not valid")

    async def _goes_on(self, stage: Stage, store: Watched, what: str) -> None:
        """A save works, or raises and permits nobody."""
        new = login_of("ben", 9)
        saving: Answer[Any] = await store.call("save", new)
        saved = saving.error is None
        await self._loads(stage, store, f"{what}, and save of 'ben' {saving.outcome}", *([new] if saved else []))
        loaded = await store.loaded("ben")
        stage.require(not saved or loaded == new, S.DAMAGED, f"where {what}, save of 'ben' returned, and is lost")

    def test_R4_what_a_file_out_of_reach_kept_from_being_voided_is_told(self) -> None:  # noqa: N802
        """S6: where revoke returned, a file that was out of reach brings nothing back when it can be reached again."""
        for path in self._files(ANNA):
            with self._home() as home:
                self._run(home, self._use)
                with _out_of_reach(home / path, home.parent / "away") as gone:
                    what = f"{path} is out of reach"
                    returned = gone and self._run(home, partial(self._revoke, what=what))[0]
                if returned:
                    self._run(home, partial(self._void, clause=S.ILL, what=what))

    async def _revoke(self, stage: Stage, what: str) -> bool:
        """Revoke while something is wrong. Tells whether that returned."""
        stage.tell(what)
        store = stage.start()
        await store.call("open")
        revoking: Answer[Any] = await store.call("revoke", revocation_of(Cause.DISPLACED))
        if revoking.error is None:
            login = await store.loaded("anna")
            stage.require(login is None, S.ILL, f"while {what}, revoke returned, and load gives the login")
        return revoking.error is None

    async def _void(self, stage: Stage, clause: Clause, what: str) -> None:
        store = stage.start()
        await store.call("open")
        login = await store.loaded("anna")
        stage.require(login is None, clause, f"while {what}, revoke returned, and afterwards load gives the login")

    def test_R4_a_home_that_is_gone_for_a_while_brings_nothing_back(self) -> None:  # noqa: N802
        """S20: it is on a disk that was taken out, say. Every call ends, and a revoke that returned has voided."""
        self._need("lasting")
        for opened in (False, True):
            with self._home() as home:
                self._run(home, self._use)
                returned = self._run(home, partial(self._unplugged, home=home, opened=opened))[0]
                if returned and opened:  # a store that has not seen its home takes this for a first start
                    self._run(home, partial(self._void, clause=S.OUT_OF_REACH, what="the home is gone"))

    async def _unplugged(self, stage: Stage, home: Path, opened: bool) -> bool:
        store = stage.start()
        if opened:
            await store.call("open")
        away = home.with_name("away")
        if not _moved(home, away):
            raise unittest.SkipTest("the home cannot be moved while a store has it open")
        stage.tell("the home is gone")
        try:
            if not opened:
                await store.call("open")
            for name, args in (("load", ("anna",)), ("device_id", ())):
                await store.call(name, *args)
            revoking: Answer[Any] = await store.call("revoke", revocation_of(Cause.DISPLACED))
            await store.close()
        finally:
            _moved(home, home.with_name("came-instead"))  # made anew meanwhile, where the disk belongs
            _moved(away, home)
        return revoking.error is None

    def test_a_home_that_is_no_directory_is_an_error(self) -> None:
        """S20, S21: whatever the calls do, they end with a StoreError or do what they promise."""
        self._need("lasting")
        with self._home() as home:
            home.rmdir()
            home.write_text("this is a file", encoding="utf-8")

            async def no_directory(stage: Stage) -> None:
                store = stage.start()
                opening: Answer[Any] = await store.call("open")
                for name, args in (("device_id", ()), ("save", (login_of("anna"),)), ("load", ("anna",))):
                    await store.call(name, *args)
                if opening.error is None and (await store.call("save", login_of("ben"))).error is None:
                    stage.require(
                        await store.loaded("ben") is not None, S.OUT_OF_REACH, "save returned, and it is lost"
                    )
                await store.call("revoke", revocation_of(Cause.FAILED))

            self._run(home, no_directory)

    def test_R4_where_nothing_can_be_written_nothing_is_voided_in_name_only(self) -> None:  # noqa: N802
        """S20: a home that is read-only."""
        self._need("lasting")
        with self._home() as home:
            self._run(home, self._use)
            places = [home, *home.rglob("*")]
            modes = {place: place.stat().st_mode for place in places}
            try:
                for place in places:
                    place.chmod(0o500 if place.is_dir() else 0o400)
                if os.access(home, os.W_OK):
                    raise unittest.SkipTest("this user may write everywhere, so nothing can be read-only")
                returned = self._run(home, partial(self._revoke, what="the home is read-only"))[0]
            finally:
                for place, mode in modes.items():
                    with contextlib.suppress(OSError):
                        place.chmod(mode)
            if returned:
                self._run(home, partial(self._void, clause=S.OUT_OF_REACH, what="the home is read-only"))

    def test_R3_on_a_full_disk_no_login_stays_that_is_void(self) -> None:  # noqa: N802
        """S20 and S10: on a full disk files can still be emptied and removed."""
        self._need("lasting", "processes")
        if not CAN_FILL:
            raise unittest.SkipTest("this system has no limit on the size of files, so no disk can be full")
        for do in ("save", "revoke"):
            with self._home() as home:
                self._run(home, self._use)
                error = self._on_a_full_disk(home, do)
                self._run(home, partial(self._after_a_full_disk, do=do, error=error))

    async def _after_a_full_disk(self, stage: Stage, do: str, error: StoreError | None) -> None:
        stage.tell(f"{do} on a full disk {'returned' if error is None else f'raised {named(error)}'}")
        store = await stage.opened()
        anna, ben = await store.loaded("anna"), await store.loaded("ben")
        if do == "save":
            stage.require(anna is None, S.NOT_SAVED, "the login from before is still permitted")
            stage.require((ben is not None) == (error is None), S.OUT_OF_REACH, "what save said is not what it did")
        else:
            stage.require(error is not None or anna is None, S.OUT_OF_REACH, "the login is still permitted")

    def _on_a_full_disk(self, home: Path, do: str) -> StoreError | None:
        with self._remote(home) as remote:
            try:
                remote.open()
                remote.ask("fill the disk")
            except (StoreError, Gone) as error:
                raise Broken(S.KEPT, f"in a process of its own, open raised {named(error)}") from None
            try:
                if do == "save":
                    remote.save(login_of("ben"))
                else:
                    remote.revoke("displaced", "anna")
            except StoreError as error:
                return error
            except Gone:
                raise Broken(S.ERRORS, f"{do} on a full disk ended the process") from None
        return None

    def test_no_token_is_shown(self) -> None:
        """S22: in every state of a store. What is raised and logged is looked at in every other test as well."""

        async def shown(stage: Stage) -> None:
            life = await Life.begun(stage)
            for login in (login_of("anna", login_ext=MARK), login_of("anna", 2), login_of("ben")):
                life.store.shows_nothing()
                await life.save_login(login)
                await life.check()
                life.store.shows_nothing()
                if self.lasting:
                    await life.restart()
                life.store.shows_nothing()
                await life.save_cancelled("Anna", 1, late=False)
                life.store.shows_nothing()
            await life.revoke()
            await life.store.close()
            life.store.shows_nothing()
            await life.store.call("save", login_of("anna"))

        self._play_in_new_home(shown)


def _moved(path: Path, to: Path) -> bool:
    try:
        path.rename(to)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _out_of_reach(path: Path, away: Path) -> Iterator[bool]:
    """Have a directory where the file was. At the end the file is back, unless the store has put another in its place.

    Tells whether it is so.
    """
    try:
        path.rename(away)
        path.mkdir()
    except OSError:
        yield False
        return
    yield True
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        away.rename(path)
