"""The transport of docs/transports.md under the suite, by the world that the page shows."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nimauth.conformance.transport import ABILITIES, CLAUSES, TransportConformance

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/transports.md").read_text(encoding="utf-8")
PROOF = PAGE.split("\n## Prove it\n")[1]


def shown() -> Any:
    """The suite that the page shows, run as it stands there."""
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        importlib.import_module("line_transport")
        names: dict[str, Any] = {"__name__": "docs_transports"}
        exec(compile(PROOF.split("```python\n")[1].split("```\n")[0], "docs/transports.md", "exec"), names)
    finally:
        sys.path.remove(str(ROOT / "examples"))
    return names["TestLineTransport"]


TestLineTransport = type("TestLineTransport", (shown(),), {"soon": 2.0, "patience": 0.05, "examples": 20})


def rows(table: str) -> Iterator[list[str]]:
    """The cells of a table of the page, by its head."""
    for line in PROOF.split(table)[1].splitlines()[2:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_lists_the_clauses() -> None:
    assert [tuple(row) for row in rows("| clause | |")] == [(clause.name, clause.text) for clause in CLAUSES]
    assert len({clause.name for clause in CLAUSES}) == len(CLAUSES)


def test_the_page_names_settings_and_abilities_that_there_are() -> None:
    settings = {name.strip("` ") for row in rows("| setting | says | default |") for name in row[0].split(",")}
    assert settings <= set(dir(TransportConformance))
    for ability in ABILITIES:
        assert f"`{ability}`" in PROOF
