"""The store over a real gnome-keyring, in a session of its own: see desktop.py."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nimauth.errors import StoreLocked, StoreUnavailable
from nimauth.stores.backends import Backend
from nimauth.stores.keyring import Deadlines, KeyringStore
from nimauth.vocabulary.logins import AuthType, LoginInfo, Permit
from tests.aio import run

from .desktop import Desktop, missing_programs
from .helpers import TOKEN, kicked, login

pytestmark = pytest.mark.keyring

SHORT = Deadlines(answer=0.3, unlock=0.6)
"""Where the keyring never answers, however long one waits."""


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """A private session without a Secret Service. Where it must be (CI), a missing program is a failure."""
    if missing := missing_programs():
        reason = f"{' and '.join(missing)} not found; apt-get install dbus gnome-keyring"
        if os.environ.get("CI") == "true" or os.environ.get("NIMAUTH_REQUIRE_KEYRING") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    home = tmp_path / "home"
    home.mkdir()
    desktop = Desktop(home)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, desktop.environment[name])
    yield desktop
    desktop.end()


@pytest.fixture
def desktop(session: Desktop) -> Desktop:
    """A private session with an unlocked gnome-keyring."""
    session.start_keyring()
    return session


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def store(directory: Path, profile: str = "default", deadlines: Deadlines | None = None) -> KeyringStore:
    return KeyringStore(
        "nimauth-tests", profile=profile, backend=secret_service(), directory=directory, deadlines=deadlines
    )


def secret_service() -> Backend:
    """keyring remembers its own choice for the process, so each test names the backend."""
    from keyring.backends import SecretService

    return SecretService.Keyring()  # type: ignore[no-untyped-call]


SCRIPT = """
import asyncio, sys
from pathlib import Path
from nimauth.errors import StoreError
from nimauth.stores.default import default_store
from nimauth.vocabulary.logins import LoginInfo, Revocation
from nimauth.vocabulary.reasons import Cause

async def main(directory, profile, *steps):
    store, notice = await default_store("nimauth-tests", profile=profile, directory=Path(directory))
    print(notice)
    permit = await store.open()
    print(permit.account)
    for step in steps:
        for _ in range(int(step[1:] or 1)):
            if step[0] == "s":
                await store.save(LoginInfo("a", "from another process"))
            elif step[0] == "l":
                assert (await store.load("a")).token
            else:
                await store.revoke(Revocation(Cause.DISPLACED, 1.0, "a"))
    await store.close()
    print("done")

asyncio.run(main(*sys.argv[1:]))
"""


def start(desktop: Desktop, directory: Path, profile: str, *steps: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(directory), profile, *steps],
        env=desktop.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> list[str]:
    out, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors
    assert process.returncode == 0
    return out.splitlines()


@pytest.mark.parametrize(
    "saved",
    [
        LoginInfo("a", TOKEN),
        LoginInfo("客户端 e\u0301", "口令 ✓ \U0001f511", AuthType.THIRD_PARTY, '{"a":"\\"b"}', 3),
        LoginInfo("long", "t" * 1180),
    ],
    ids=lambda saved: saved.account,
)
def test_a_login_comes_back_as_it_was(desktop: Desktop, state: Path, saved: LoginInfo) -> None:
    async def round_trip() -> None:
        one = store(state)
        await one.open()
        await one.save(saved)
        assert desktop.items() == 1
        await one.close()
        two = store(state)
        assert await two.open() == Permit(saved.account)
        assert await two.load(saved.account) == saved
        await two.revoke(kicked())
        assert desktop.items() == 0
        await two.close()

    run(round_trip())


def test_a_new_process_finds_it_by_itself(desktop: Desktop, state: Path) -> None:
    assert ended(start(desktop, state, "default", "s")) == ["None", "None", "done"]
    assert ended(start(desktop, state, "default", "l", "r")) == ["None", "a", "done"]
    assert ended(start(desktop, state, "default")) == ["None", "None", "done"]
    assert desktop.items() == 0


def test_the_entry_is_one_that_keyring_reads_too(desktop: Desktop, state: Path) -> None:
    async def saved() -> None:
        one = store(state)
        await one.open()
        await one.save(login())
        await one.close()

    run(saved())
    assert TOKEN in (secret_service().get_password("nimauth/nimauth-tests/default", "a") or "")


def test_a_locked_keyring_is_said_to_be_locked_and_the_permit_can_be_voided(desktop: Desktop, state: Path) -> None:
    async def locked() -> None:
        one = store(state)
        await one.open()
        await one.save(login())
        desktop.lock()
        with pytest.raises(StoreLocked, match="unlock it"):
            await one.load("a")
        with pytest.raises(StoreLocked):
            await one.save(login("b"))
        await one.revoke(kicked())
        await one.close()
        two = store(state)
        assert await two.open() == Permit(None, kicked())
        await two.close()

    run(locked())


def test_a_daemon_that_died_is_an_error_and_one_that_came_back_is_used_again(desktop: Desktop, state: Path) -> None:
    async def dies() -> None:
        one = store(state)
        await one.open()
        await one.save(login())
        for _ in range(2):
            desktop.kill_keyring()
            with pytest.raises(StoreUnavailable, match="the keyring failed"):
                await one.load("a")
            desktop.start_keyring()
            assert await one.load("a") == login()
            desktop.kill_keyring()
            desktop.start_keyring()
            assert await one.load("a") == login()  # without having noticed
        await one.save(login("b"))
        await one.close()

    run(dies())


def test_the_bus_itself_may_go(desktop: Desktop, state: Path) -> None:
    async def goes() -> None:
        one = store(state)
        await one.open()
        await one.save(login())
        desktop.end()
        with pytest.raises(StoreUnavailable):
            await one.load("a")
        await one.revoke(kicked())
        await one.close()

    run(goes())


def test_a_daemon_that_stops_answering_costs_its_deadline_and_is_used_again(desktop: Desktop, state: Path) -> None:
    async def stops() -> None:
        one = store(state)
        await one.open()
        await one.save(login())
        await one.close()
        two = store(state, deadlines=SHORT)
        await two.open()
        desktop.stop_keyring()
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"did not answer in 0\.3 s"):
                await two.load("a")
        await two.revoke(kicked())
        await two.close()
        desktop.continue_keyring()
        three = store(state)
        assert await three.open() == Permit(None, kicked())
        await three.save(login("b"))
        assert desktop.items() == 1
        await three.close()

    run(stops())


def test_a_service_that_never_answers_is_given_up(
    session: Desktop, state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "nimauth")
    session.start_mute_service()

    async def mute() -> None:
        one = store(state, deadlines=SHORT)
        await one.open()
        with pytest.raises(StoreUnavailable, match=r"did not answer in 0\.3 s"):
            await one.save(login())
        monkeypatch.setenv("DISPLAY", ":0")
        with pytest.raises(StoreUnavailable, match=r"did not answer in 0\.6 s"):
            await one.save(login())
        assert "waiting for you to unlock it" in caplog.text
        await one.revoke(kicked())
        await one.close()
        two = store(state)
        assert await two.open() == Permit(None, kicked())
        await two.close()

    run(mute())


def test_without_a_service_the_default_is_memory(session: Desktop, state: Path) -> None:
    (notice, account, done) = ended(start(session, state, "default", "s", "l"))
    assert notice.startswith("logins are kept in memory only, until the program ends: no OS keyring was found")
    assert (account, done) == ("None", "done")


def test_many_operations_leave_the_daemon_well(desktop: Desktop, state: Path) -> None:
    async def many() -> None:
        one = store(state)
        await one.open()
        for number in range(60):
            saved = login(f"account {number % 3}", f"token {number}")
            await one.save(saved)
            assert await one.load(saved.account) == saved
        assert desktop.items() == 1
        await one.revoke(kicked())
        assert desktop.items() == 0
        await one.close()

    run(many())


def test_many_stores_in_one_process_take_turns(desktop: Desktop, state: Path) -> None:
    async def one(number: int) -> None:
        mine = store(state / str(number), f"profile{number}")
        await mine.open()
        for _ in range(5):
            await mine.save(login())
            assert await mine.load("a") == login()
        await mine.revoke(kicked())
        await mine.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(one(number) for number in range(8)))

    run(all_of_them())
    assert desktop.items() == 0


def test_many_processes_at_once_take_turns(desktop: Desktop, state: Path) -> None:
    processes = [start(desktop, state / str(number), f"p{number}", "s10", "l10", "r") for number in range(4)]
    assert [ended(process) for process in processes] == [["None", "None", "done"]] * 4
    assert desktop.items() == 0
    assert desktop.keyring is not None
    assert desktop.keyring.poll() is None
