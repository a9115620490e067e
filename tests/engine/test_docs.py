"""The code in docs/engine.md runs, block after block, as a reader would type it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[2] / "docs" / "engine.md"


def test_the_code_blocks_run() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    scope: dict[str, Any] = {"__name__": "docs.engine"}
    blocks = [*re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    for block in blocks:
        lines_before = text[: block.start(1)].count("\n")  # so that a failure names the line of the document
        exec(compile("\n" * lines_before + block[1], str(DOCUMENT), "exec"), scope)
    assert len(blocks) > 3
