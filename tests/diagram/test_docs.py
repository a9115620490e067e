"""The page about drawings keeps its word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nimauth.diagram import FORMATS, Drawing, views_of

PAGE = (Path(__file__).parents[2] / "docs" / "diagrams.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_its_programs_run(program: str) -> None:
    exec(program, {})


def test_it_names_every_format_and_every_view() -> None:
    for name in (*FORMATS, *views_of(Drawing.of().chart), "around:STATE"):
        assert f"`{name}`" in PAGE


def test_every_page_it_names_exists() -> None:
    for page in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (Path(__file__).parents[2] / "docs" / page).exists(), page
