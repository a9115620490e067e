"""A table for spreadsheets (RFC 4180): a line for every transition."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable
from typing import Final

from ..measure import clean
from ..model import Chart, Words

_COLUMNS: Final = (
    Words("state", "状态"),
    Words("event", "事件"),
    Words("order", "顺序"),  # of the lines of a state and an event; the first whose guards all agree is taken
    Words("guards", "条件"),
    Words("effects", "动作"),
    Words("goes to", "转到"),
    Words("rules", "规则"),
)
_FORMULA: Final = tuple("=+-@＝＋－＠")
"""A spreadsheet computes a cell that begins like this; an apostrophe before it makes it text again."""


def render(chart: Chart, lang: str) -> str:
    """The table. A byte order mark stands before what is more than ASCII: Excel would else not read it as UTF-8."""
    seen: Counter[tuple[str, str]] = Counter()
    lines = [[column.in_(lang) for column in _COLUMNS]]
    for row in chart.rows:
        seen[row.source, row.event] += 1
        lines.append(
            [
                _cell([row.source]),
                _cell([row.event]),
                str(seen[row.source, row.event]),
                _cell(guard.label.in_(lang) for guard in row.guards),
                _cell(effect.label.in_(lang) for effect in row.effects if not effect.hidden),
                _cell([] if row.target is None else [row.target]),
                _cell(row.rules),
            ]
        )
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    table = text.getvalue()
    return table if table.isascii() else f"\ufeff{table}"


def _cell(names: Iterable[str]) -> str:
    text = "; ".join(clean(name) for name in names)
    return f"'{text}" if text.startswith(_FORMULA) else text
