"""docs/stores.md keeps its word: its clauses are the suite's, its settings exist, and its program runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import nimauth
from nimauth.conformance import StoreConformance
from nimauth.conformance.store.contract import CLAUSES
from nimauth.conformance.store.keeping import Keeping

from .filestore import FileStore

PAGE = (Path(nimauth.__file__).parent.parent / "docs" / "stores.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Prove a store of your own")[2]


def test_the_page_lists_the_clauses_of_the_suite() -> None:
    assert re.findall(r"^\| (S\d+) \| (.*) \|$", SECTION, re.MULTILINE) == [(one.name, one.text) for one in CLAUSES]


def test_clauses_are_numbered_in_order() -> None:
    assert [one.name for one in CLAUSES] == [f"S{number}" for number in range(1, len(CLAUSES) + 1)]


def test_the_settings_on_the_page_are_the_suites() -> None:
    settings = dict(re.findall(r"^\| `(\w+) = ([\w.]+)` \|", SECTION, re.MULTILINE))
    assert set(settings) == {name for name in StoreConformance.__mro__[-2].__annotations__ if not name.startswith("_")}
    for name in ("lasting", "processes", "exclusive", "concurrent"):
        assert (settings.pop(name), getattr(StoreConformance, name)) == ("False", True)
    for name in ("within", "examples", "crashes"):
        assert settings[name] == str(getattr(StoreConformance, name))
    for name in re.findall(r"def (\w+)\(", SECTION):
        assert hasattr(StoreConformance, name)


def test_the_program_on_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModuleType("my_app.store")
    store.__dict__["MyStore"] = FileStore
    monkeypatch.setitem(sys.modules, "my_app", ModuleType("my_app"))
    monkeypatch.setitem(sys.modules, "my_app.store", store)
    names: dict[str, Any] = {"__name__": "test_my_store"}
    exec(re.findall(r"```python\n(from .*?)```", SECTION, re.DOTALL)[0], names)
    suite = names["TestMyStore"]
    assert issubclass(suite, Keeping)
    suite().test_R6_each_kind_of_login_is_kept()
