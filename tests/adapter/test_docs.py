"""The session in docs/adapter.md is what the adapter really says."""

from __future__ import annotations

import json
from pathlib import Path

from nimauth.adapter import MAX_LINE, READERS, Adapter
from nimauth.strictjson import MAX_DIGITS

PAGE = (Path(__file__).parents[2] / "docs" / "adapter.md").read_text("utf-8")
SESSION = PAGE.partition("```text\n")[2].partition("```")[0].splitlines()


def test_the_worked_session_is_answered_as_written() -> None:
    adapter = Adapter()
    assert len(SESSION) > 30
    for said, answered in zip(SESSION[::2], SESSION[1::2], strict=True):
        answer = adapter.answer(said.removeprefix("> "))
        for told in (answer, *answer.get("out", ())):
            told.update(dict.fromkeys(told.keys() & {"why", "error"}, "…"))
        assert "< " + json.dumps(answer, separators=(",", ":"), ensure_ascii=False) == answered, said


def test_every_input_and_every_bound_stands_in_the_page() -> None:
    for name in ("start", "initialize", *READERS):
        assert f"`{name}`" in PAGE, name
    assert f"at most {MAX_LINE} bytes" in PAGE
    assert f"at most {MAX_DIGITS} digits" in PAGE
