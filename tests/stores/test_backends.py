"""Which keyring is used: an operating system's own, or the one the host names; never another instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import chainer, fail, null

from nimauth.errors import StoreUnavailable
from nimauth.stores import backends, default
from nimauth.stores.backends import ALLOWED, MemoryBackend, choose_backend, qualified_name
from nimauth.stores.default import default_store
from nimauth.stores.keyring import Deadlines
from tests.aio import run

from .helpers import PATIENT, FakeBackend, Hang, login


def allowed(name: str) -> Any:
    """An object whose class goes by an allowed name."""
    module, _, qualname = name.rpartition(".")
    return type(qualname, (FakeBackend,), {"__module__": module, "__qualname__": qualname})()


# keyring's own are not typed.
FAIL: Any = fail.Keyring()  # type: ignore[no-untyped-call]
NULL: Any = null.Keyring()  # type: ignore[no-untyped-call]
CHAINER: Any = chainer.ChainerBackend()  # type: ignore[no-untyped-call]


def chain(*members: object) -> Any:
    """keyring's chainer with these members."""
    return type(
        "ChainerBackend",
        (),
        {"__module__": "keyring.backends.chainer", "__qualname__": "ChainerBackend", "backends": list(members)},
    )()


class PlaintextKeyring(FakeBackend):
    __module__ = "keyrings.alt.file"


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the keyring library would use; a test puts it here."""
    chosen: list[Any] = []
    monkeypatch.setattr(keyring, "get_keyring", lambda: chosen[0])
    return chosen


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_an_operating_systems_own_keyring_is_used(configured: list[Any], name: str) -> None:
    configured.append(allowed(name))
    assert choose_backend() is configured[0]


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        (NULL, "keyring.backends.null.Keyring"),
        (PlaintextKeyring(), "keyrings.alt.file.PlaintextKeyring"),
        (FakeBackend(), "tests.stores.helpers.FakeBackend"),
        (chain(PlaintextKeyring(), FAIL), "keyrings.alt.file.PlaintextKeyring"),
        (allowed("keyring.backends.macOS.Keyring2"), "keyring.backends.macOS.Keyring2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_other_is_refused_by_name(configured: list[Any], backend: Any, name: str) -> None:
    configured.append(backend)
    with pytest.raises(StoreUnavailable, match=f"refused.*{name}"):
        choose_backend()


@pytest.mark.parametrize("backend", [FAIL, chain(), chain(FAIL)])
def test_no_keyring_at_all_is_said_as_such(configured: list[Any], backend: Any) -> None:
    configured.append(backend)
    with pytest.raises(StoreUnavailable, match="no OS keyring was found"):
        choose_backend()


def test_a_subclass_of_an_allowed_backend_is_not_it(configured: list[Any]) -> None:
    configured.append(type("Mine", (type(allowed("keyring.backends.macOS.Keyring")),), {"__module__": "mine"})())
    with pytest.raises(StoreUnavailable, match=r"mine\.Mine"):
        choose_backend()


def test_of_a_chain_only_the_allowed_member_is_used(configured: list[Any]) -> None:
    """A chain reads from all its members: what a plain-text file holds would then count as saved here."""
    secret_service = allowed("keyring.backends.SecretService.Keyring")
    configured.append(chain(PlaintextKeyring(), secret_service, allowed("keyring.backends.kwallet.DBusKeyring")))
    assert choose_backend() is secret_service


def test_the_allow_list_names_classes_that_exist() -> None:
    for name in ALLOWED:
        module, _, qualname = name.rpartition(".")
        assert hasattr(__import__(module, fromlist=[qualname]), qualname), name
    assert qualified_name(CHAINER) == backends._CHAINER
    assert qualified_name(FAIL) == backends._FAIL


def test_the_default_store_uses_the_os_keyring_without_a_word(configured: list[Any], tmp_path: Path) -> None:
    configured.append(allowed("keyring.backends.macOS.Keyring"))

    async def chosen() -> None:
        store, notice = await default_store("app", directory=tmp_path, deadlines=PATIENT)
        assert notice is None
        await store.open()
        await store.save(login())
        assert [account for _, account in configured[0].entries] == ["a"]
        await store.close()

    run(chosen())


def test_the_default_store_falls_back_to_memory_and_says_so(
    configured: list[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configured.append(PlaintextKeyring())

    async def memory() -> None:
        store, notice = await default_store("app", directory=tmp_path, deadlines=PATIENT)
        assert notice is not None
        assert notice.startswith("logins are kept in memory only")
        assert "PlaintextKeyring" in notice
        assert [record.getMessage() for record in caplog.records if record.name == default.__name__] == [notice]
        await store.open()
        await store.save(login())
        assert await store.load("a") == login()
        assert configured[0].calls == []
        await store.close()
        again, _ = await default_store("app", directory=tmp_path, deadlines=PATIENT)
        assert (await again.open()).account is None
        await again.close()

    run(memory())


def test_a_search_for_a_keyring_that_hangs_ends_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hang = Hang("get_keyring")
    monkeypatch.setattr(keyring, "get_keyring", lambda: hang("get_keyring", ""))

    async def hung() -> None:
        _, notice = await default_store("app", directory=tmp_path, deadlines=Deadlines(answer=0.05))
        assert notice is not None
        assert "no OS keyring answered in 0.05 s" in notice
        hang.answer.set()

    run(hung())


def test_a_memory_backend_forgets_what_it_is_told_to() -> None:
    backend = MemoryBackend()
    backend.set_password("s", "a", "t")
    assert backend.get_password("s", "a") == "t"
    backend.delete_password("s", "a")
    assert backend.get_password("s", "a") is None


def test_nothing_heavy_is_imported_before_a_store_is_opened() -> None:
    script = """
import sys
from pathlib import Path
import nimauth.stores.default, nimauth.stores.memory
from nimauth.stores.keyring import KeyringStore
KeyringStore("app", directory=Path("x"))
print({"keyring", "filelock", "platformdirs", "secretstorage"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
