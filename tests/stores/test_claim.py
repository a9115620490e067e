"""One process at a time uses a store, and its death frees it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nimauth.errors import StoreInUse
from nimauth.stores.keyring import KeyringStore
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


def test_a_store_in_this_process_is_named_as_such(tmp_path: Path) -> None:
    async def same() -> None:
        first, second = store(tmp_path), store(tmp_path)
        await first.open()
        with pytest.raises(StoreInUse, match="another store of this process"):
            await second.open()
        await second.close()
        await first.close()

    run(same())
