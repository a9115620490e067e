"""Stores in processes of their own: that they die where they are told, and what is said where they cannot be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

import pytest

import nimauth
from nimauth.conformance import Broken, StoreConformance
from nimauth.conformance.store import process as store_process
from nimauth.conformance.store.process import Gone, NoChild, Remote
from nimauth.conformance.store.stage import login_of
from nimauth.errors import StoreUnavailable

from . import test_stores
from .faults import FAULTS, LeavesTheTokenInALocal, RaisesKeyError
from .filestore import FileStore

SUITE = test_stores.TestFileStore
SUITE_OF = {fault.store: fault.suite for fault in FAULTS}


def remote(home: Path, suite: type = SUITE) -> Remote:
    return Remote(suite, home, 10.0)


def test_a_process_dies_before_each_of_its_writes_and_within_a_file_that_it_writes(tmp_path: Path) -> None:
    seen: list[dict[str, int]] = []
    with remote(tmp_path / "whole") as child:
        (tmp_path / "whole").mkdir()
        child.open()
        child.ask("die", at=None)
        child.save(login_of("anna"))
        writes = child.ask("count")
    for at in range(1, writes + 1):
        home = tmp_path / str(at)
        home.mkdir()
        with remote(home) as child:
            child.open()
            child.ask("die", at=at)
            with pytest.raises(Gone):
                child.save(login_of("anna"))
        seen.append({path.name: path.stat().st_size for path in home.iterdir() if path.name != "lock"})
    assert seen[0] == {}, "the first is before anything was written"
    assert {"permit.new": 0} in seen, "a file was made, and nothing is in it yet"
    assert any(set(files) == {"permit", "secret.new"} and files["secret.new"] for files in seen), "not yet renamed"
    assert all("permit.new" in files or "permit" in files for files in seen[1:])


def test_the_end_of_a_process_is_the_end_of_its_claim(tmp_path: Path) -> None:
    with remote(tmp_path) as first:
        first.open()
        first.end()
        with remote(tmp_path) as second:
            assert second.open() is None


def test_what_a_store_raises_in_its_process_is_raised_here(tmp_path: Path) -> None:
    with remote(tmp_path) as child:
        child.open()
        with pytest.raises(StoreUnavailable, match="no login of 'anna' is saved here; log in by hand"):
            child.load("anna")
    with remote(tmp_path, SUITE_OF[RaisesKeyError]) as child:
        child.open()
        with pytest.raises(Broken, match=r"S21 is broken: load raised KeyError, which is no StoreError"):
            child.load("anna")
    with remote(tmp_path, SUITE_OF[LeavesTheTokenInALocal]) as child:
        child.open()
        child.save(login_of("ben"))
        with pytest.raises(Broken, match=r"S22 is broken"):
            child.load("anna")


def test_a_class_that_no_other_process_can_import_is_told_what_to_do(tmp_path: Path) -> None:
    class Hidden(StoreConformance):
        def store(self, home: Path) -> FileStore:
            return FileStore(home)

    with pytest.raises(
        NoChild, match="define it at the top of a module that can be imported, or set processes = False"
    ):
        remote(tmp_path, Hidden)
    Hidden.processes = False
    with pytest.raises(SkipTest, match="processes is False"):
        Hidden().test_of_several_processes_one_gets_the_store_and_its_death_frees_it()


def test_where_nothing_can_be_forked_processes_are_spawned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(store_process, "CAN_FORK", False)
    SUITE().test_of_several_processes_one_gets_the_store_and_its_death_frees_it()
    with pytest.raises(NoChild, match="NoSuch"):
        remote(tmp_path, type("NoSuch", (SUITE,), {"__module__": SUITE.__module__}))


SCRIPT = """
from nimauth.conformance import StoreConformance
from tests.conformance.stores.filestore import FileStore

class Suite(StoreConformance):
    crashes = 2

    def store(self, home):
        return FileStore(home)

if __name__ == "__main__":
    Suite().test_R4_no_crash_in_a_revocation_lets_a_void_login_through()
    print("passed")
"""


def test_a_suite_in_a_script_needs_no_runner(tmp_path: Path) -> None:
    script = tmp_path / "suite.py"
    script.write_text(SCRIPT, encoding="utf-8")
    root = Path(nimauth.__file__).parent.parent
    command = [sys.executable, "-c", f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "passed\n", done.stderr
