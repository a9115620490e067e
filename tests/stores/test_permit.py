"""The permit file: whatever is wrong with it, nobody is permitted, and nothing crashes."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nimauth.errors import StoreUnavailable
from nimauth.stores.keyring import KeyringStore
from nimauth.stores.permit import MAX_BYTES, PermitFile, Record, device_id, peek, state_directory
from nimauth.vocabulary.logins import Permit
from tests.aio import run

from .helpers import PATIENT, FakeBackend, faulty_disk, kicked, login

SEAL = "0123456789abcdef" * 2
VALID: dict[str, Any] = {"version": 1, "account": "a", "seal": SEAL, "revocation": None, "entries": ["a"]}
REVOKED: dict[str, Any] = {"cause": "displaced", "at": 1234.5, "account": "a"}
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and file types")


def file(directory: Path, content: object) -> PermitFile:
    permits = PermitFile(directory)
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    permits.path.write_bytes(data)
    return permits


@pytest.mark.parametrize(
    "record",
    [
        Record(),
        Record(Permit("客户端"), SEAL, ("客户端", "b")),
        Record(Permit(None, kicked())),
        Record(Permit(None, kicked()), entries=tuple(f"account {n}" for n in range(32))),
    ],
)
def test_what_is_written_is_read(tmp_path: Path, record: Record) -> None:
    permits = PermitFile(tmp_path)
    permits.write(record)
    assert permits.read() == record


def test_the_longest_record_there_can_be_is_read(tmp_path: Path) -> None:
    entries = tuple(chr(0x1F511) * 255 + chr(0x20000 + n) for n in range(40))
    permits = PermitFile(tmp_path)
    permits.write(Record(entries=entries))
    assert permits.read().entries == entries[-32:]


def test_no_file_is_no_login_yet(tmp_path: Path) -> None:
    assert PermitFile(tmp_path / "nowhere").read() == Record()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"a"',
        b"[" * 50_000,
        b"9" * 50_000,
        b" " * (MAX_BYTES + 1),
        json.dumps(VALID).encode() + b"{}",
        {},
        VALID | {"version": 2},
        VALID | {"version": None},
        VALID | {"account": 1},
        VALID | {"account": ""},
        VALID | {"account": ["a"]},
        VALID | {"account": "a\x00b"},
        VALID | {"account": "\ud800"},
        VALID | {"account": "a" * 257},
        VALID | {"seal": ""},
        VALID | {"seal": None},
        VALID | {"seal": SEAL + "0"},
        VALID | {"entries": None},
        VALID | {"entries": [1]},
        VALID | {"entries": {"a": 1}},
        VALID | {"entries": []},
        VALID | {"entries": ["b"]},
        VALID | {"revocation": REVOKED},
        VALID | {"account": None, "revocation": 1},
        VALID | {"account": None, "revocation": {}},
        VALID | {"account": None, "revocation": REVOKED | {"cause": "weather"}},
        VALID | {"account": None, "revocation": REVOKED | {"cause": []}},
        VALID | {"account": None, "revocation": REVOKED | {"at": None}},
        VALID | {"account": None, "revocation": REVOKED | {"at": float("nan")}},
        VALID | {"account": None, "revocation": REVOKED | {"at": 10**400}},
        VALID | {"account": None, "revocation": REVOKED | {"account": {}}},
    ],
    ids=lambda content: repr(content)[:60],
)
def test_a_malformed_or_hostile_file_permits_nobody_and_says_so(tmp_path: Path, content: object) -> None:
    permits = file(tmp_path, content)
    with pytest.raises(StoreUnavailable, match="permits no auto login") as refused:
        permits.read()
    assert "\n" not in str(refused.value)

    async def opens() -> None:
        store = KeyringStore("app", backend=FakeBackend(), directory=tmp_path, deadlines=PATIENT)
        assert await store.open() == Permit()
        await store.save(login())
        await store.close()

    run(opens())
    assert peek("app", directory=tmp_path) == Permit("a")


@given(st.binary() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner)))
def test_no_content_at_all_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    permits = file(tmp_path_factory.mktemp("permit"), content)
    with pytest.raises(StoreUnavailable):
        permits.read()


@given(
    st.fixed_dictionaries(
        {},
        optional={
            key: st.just(value) | st.sampled_from([None, "", "a", [], ["a"], {}, REVOKED, 1, 1.5, True])
            for key, value in (VALID | {"revocation": REVOKED}).items()
        },
    )
)
def test_only_a_whole_record_permits_anybody(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    permits = file(tmp_path_factory.mktemp("permit"), content)
    try:
        record = permits.read()
    except StoreUnavailable:
        return
    if record.permit.account is not None:
        assert (content["account"], content["seal"], content.get("revocation")) == ("a", SEAL, None)


@posix
@pytest.mark.parametrize("what", ["link", "directory", "fifo"])
def test_what_is_no_file_permits_nobody_and_does_not_hang(tmp_path: Path, what: str) -> None:
    permits = PermitFile(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if what == "link":
        permits.path.symlink_to(file(elsewhere, VALID).path)
    elif what == "directory":
        permits.path.mkdir()
    else:
        os.mkfifo(permits.path)
    with pytest.raises(StoreUnavailable, match="permits no auto login"):
        permits.read()


@posix
def test_another_users_file_permits_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    permits = file(tmp_path, VALID)
    assert permits.read().permit == Permit("a")
    monkeypatch.setattr(os, "geteuid", lambda: permits.path.stat().st_uid + 1)
    with pytest.raises(StoreUnavailable, match="another user's file"):
        permits.read()


@posix
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755, 0o707])
def test_a_directory_that_others_can_reach_is_made_private(tmp_path: Path, mode: int) -> None:
    """Whoever can write there can put a permit of an account of their own in the file's place."""

    async def opened() -> None:
        directory = tmp_path / "state"
        directory.mkdir()
        directory.chmod(mode)
        store = KeyringStore("app", backend=FakeBackend(), directory=directory, deadlines=PATIENT)
        await store.open()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        await store.close()

    run(opened())


@posix
@pytest.mark.parametrize("whose", ["another's", "everybody's", "a file system without modes"])
def test_a_directory_that_cannot_be_made_private_is_refused_and_can_be_voided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    async def refused() -> None:
        directory = tmp_path / "state"
        directory.mkdir()
        permits = file(directory, VALID)
        directory.chmod(0o1777 if whose == "everybody's" else 0o777)
        store = KeyringStore("app", backend=FakeBackend(), directory=directory, deadlines=PATIENT)
        with monkeypatch.context() as patched:
            if whose == "another's":
                patched.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)
            if whose == "a file system without modes":
                patched.setattr(os, "fchmod", lambda *_: None)
            mode = directory.stat().st_mode
            with pytest.raises(StoreUnavailable, match="somebody else could permit a login there"):
                await store.open()
            assert directory.stat().st_mode == mode
            if whose != "another's":
                await store.revoke(kicked())
                assert permits.read().permit == Permit(None, kicked())
        await store.close()

    run(refused())


@posix
def test_every_directory_that_is_made_is_private(tmp_path: Path) -> None:
    async def made() -> None:
        store = KeyringStore("app", backend=FakeBackend(), directory=tmp_path / "x" / "y" / "z", deadlines=PATIENT)
        before = os.umask(0)
        try:
            await store.open()
        finally:
            os.umask(before)
        for place in ("x", "x/y", "x/y/z"):
            assert stat.S_IMODE((tmp_path / place).stat().st_mode) == 0o700
        await store.close()

    run(made())


@posix
def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    async def saved() -> None:
        store = KeyringStore("app", backend=FakeBackend(), directory=tmp_path / "x" / "y", deadlines=PATIENT)
        await store.open()
        await store.device_id()
        await store.save(login())
        for path in (tmp_path / "x" / "y").iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
        await store.close()

    run(saved())
    assert (tmp_path / "x" / "y").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("fails", "reason_survives"),
    [
        ({"create"}, True),
        ({"write"}, False),
        ({"replace"}, True),
        ({"create", "write"}, False),
        ({"create", "overwrite"}, False),
        ({"replace", "overwrite"}, False),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_R4_a_permit_is_voided_by_whatever_way_is_left(tmp_path: Path, fails: set[str], reason_survives: bool) -> None:
    permits = file(tmp_path, VALID)
    with faulty_disk() as disk:
        disk.fails = frozenset(fails)
        permits.void(Record(Permit(None, kicked())))
    try:
        assert permits.read().permit == Permit(None, kicked() if reason_survives else None)
    except StoreUnavailable:  # an emptied file permits nobody, too
        assert not reason_survives


def test_R4_a_revocation_of_an_account_that_is_no_text_voids_all_the_same(tmp_path: Path) -> None:
    permits = file(tmp_path, VALID)
    permits.void(Record(Permit(None, kicked("\ud800"))))
    assert permits.read().permit == Permit(None, kicked("?"))


def test_a_permit_that_nothing_can_void_is_an_error(tmp_path: Path) -> None:
    permits = file(tmp_path, VALID)
    with faulty_disk() as disk:
        disk.fails = frozenset({"create", "overwrite", "unlink"})
        with pytest.raises(OSError, match="no create today"):
            permits.void(Record(Permit(None, kicked())))
    assert permits.read().permit == Permit("a")


def test_a_directory_that_is_gone_may_come_back_with_its_permit(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PermitFile(tmp_path / "unmounted").void(Record())


def test_what_a_crash_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    permits = PermitFile(tmp_path)
    permits.path.with_name("permit.json.new").write_text("half")
    permits.write(Record(Permit("a"), SEAL, ("a",)))
    assert permits.read().permit == Permit("a")


def test_R12_a_mangled_device_id_is_made_anew_and_an_unreadable_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "device").write_text("not an id")
    made = device_id(tmp_path)
    assert made == device_id(tmp_path)
    (tmp_path / "device").unlink()
    (tmp_path / "device").mkdir()
    with pytest.raises(OSError, match=r"regular file|denied|directory"):
        device_id(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "-a", "a.", "a b", "é", "a" * 65, "a\n", "nul\x00"])
def test_a_name_that_cannot_be_a_directory_everywhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be kept everywhere"):
        state_directory(name)
    with pytest.raises(ValueError, match="cannot be kept everywhere"):
        KeyringStore("app", profile=name)


def test_apps_and_profiles_are_kept_apart() -> None:
    assert len({state_directory(app, profile) for app in ("a", "b") for profile in ("default", "work")}) == 4
