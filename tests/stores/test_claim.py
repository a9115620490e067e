"""One process at a time uses a store, and its death frees it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nimauth.errors import StoreInUse, StoreUnavailable
from nimauth.stores.keyring import Deadlines, KeyringStore
from nimauth.stores.permit import peek
from nimauth.vocabulary.logins import Permit
from tests.aio import run

from .helpers import PATIENT, FakeBackend, kicked, login

HOLDER = """
import asyncio, sys
from pathlib import Path
from nimauth.stores.backends import MemoryBackend
from nimauth.stores.keyring import Deadlines, KeyringStore

async def main():
    store = KeyringStore("app", backend=MemoryBackend(), directory=Path(sys.argv[1]), deadlines=Deadlines(claim=0.05))
    try:
        await store.open()
    except Exception as error:
        print(error, flush=True)
        return
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


def start(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(tmp_path)
    assert said(process) == "open"
    yield process
    end(process)


def store(directory: Path) -> KeyringStore:
    return KeyringStore("app", backend=FakeBackend(), directory=directory, deadlines=PATIENT)


def test_a_second_process_is_told_who_has_the_store(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    async def second() -> None:
        other = store(tmp_path)
        with pytest.raises(
            StoreInUse, match=rf"^process {holder.pid} uses .*; close it there, or use another profile$"
        ):
            await other.open()
        with pytest.raises(StoreInUse):  # its permit is the other process's business
            await other.revoke(kicked())
        await other.close()

    run(second())


def test_a_holder_that_left_no_name_is_another_process(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    async def nameless() -> None:
        (tmp_path / "claim.pid").write_text("?")
        other = store(tmp_path)
        with pytest.raises(StoreInUse, match=r"^another process uses"):
            await other.open()
        await other.close()

    run(nameless())


def test_a_killed_process_frees_the_store(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    async def after() -> None:
        end(holder)
        other = store(tmp_path)
        await other.open()
        await other.save(login())
        await other.close()

    run(after())


def test_the_permit_can_be_looked_at_without_the_claim(tmp_path: Path) -> None:
    async def looked() -> None:
        open_store = store(tmp_path)
        await open_store.open()
        assert peek("app", directory=tmp_path) == Permit()
        await open_store.save(login())
        assert peek("app", directory=tmp_path) == Permit("a")
        await open_store.revoke(kicked())
        assert peek("app", directory=tmp_path) == Permit(None, kicked())
        await open_store.close()

    run(looked())


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    assert peek("app", directory=tmp_path / "nowhere") == Permit()
    assert os.listdir(tmp_path) == []


def test_of_many_processes_that_start_at_once_one_gets_the_store(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(6)]
    try:
        answers = [said(process) for process in processes]
    finally:
        for process in processes:
            end(process)
    assert answers.count("open") == 1
    assert all("uses the saved login" in answer for answer in answers if answer != "open")


def test_a_holder_that_ends_in_time_is_waited_for_although_the_first_wait_was_cancelled(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    async def waits() -> None:
        other = KeyringStore("app", backend=FakeBackend(), directory=tmp_path, deadlines=Deadlines(claim=20))
        asked = watched(other)
        opening = asyncio.create_task(other.open())
        await asyncio.to_thread(asked.wait)
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        end(holder)
        assert await other.open() == Permit()
        await other.close()
        third = store(tmp_path)
        await third.open()
        await third.close()

    run(waits())


def watched(other: KeyringStore) -> threading.Event:
    """Set once the claim is asked for."""
    asked, take = threading.Event(), other._claim.take

    def noted(deadline: float) -> None:
        asked.set()
        take(deadline)

    other._claim.take = noted  # type: ignore[method-assign]
    return asked


@pytest.mark.parametrize("steps", range(10))
def test_an_open_that_the_end_of_the_store_overtakes_keeps_no_claim_and_waits_for_nothing(
    tmp_path: Path, steps: int
) -> None:
    async def overtaken() -> None:
        first = store(tmp_path)
        opening = asyncio.create_task(first.open())
        for _ in range(steps**3):
            await asyncio.sleep(0)
        await first.close()
        (outcome,) = await asyncio.gather(opening, return_exceptions=True)
        assert outcome == Permit() or "this store is closed; make a new one" in str(outcome)
        second = store(tmp_path)
        await second.open()
        await second.close()

    run(overtaken())


def test_a_closed_store_answers_at_once(tmp_path: Path) -> None:
    async def closed() -> None:
        first = store(tmp_path)
        await first.open()
        await first.close()
        for call in (first.open(), first.revoke(kicked()), first.save(login()), first.load("a"), first.device_id()):
            with pytest.raises(StoreUnavailable, match="this store is closed; make a new one"):
                await call

    run(closed())


def test_a_store_in_this_process_is_named_as_such(tmp_path: Path) -> None:
    async def same() -> None:
        first, second = store(tmp_path), store(tmp_path)
        await first.open()
        with pytest.raises(StoreInUse, match="another store of this process"):
            await second.open()
        await second.close()
        await first.close()

    run(same())
