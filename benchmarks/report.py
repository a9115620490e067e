"""What a section of the benchmark reports: a table, and the targets that it is held to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import asdict, frozen


@frozen
class Target:
    """A figure and the bound that it must not pass."""

    what: str
    value: float
    bound: float
    unit: str = "x"
    at_least: bool = False
    """The bound is the least that is good enough; otherwise it is the most."""

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        verdict = "holds" if self.holds else "MISSED"
        return (
            f"{verdict:6}  {self.what}: {number(self.value)}{self.unit} (target {sign} {number(self.bound)}{self.unit})"
        )


@frozen
class Section:
    """One table. The first column is a name, the others are figures or say why there is none."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    targets: Sequence[Target]
    note: str = ""

    def lines(self) -> Iterator[str]:
        cells = [list(self.columns), *([_cell(value) for value in row] for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        yield self.title
        if self.note:
            yield self.note
        for row in cells:
            name, *figures = row
            yield "  " + "  ".join(
                [name.ljust(widths[0]), *(f.rjust(w) for f, w in zip(figures, widths[1:], strict=True))]
            )
        for target in self.targets:
            yield f"  {target}"

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows],
            "targets": [asdict(target) | {"holds": target.holds} for target in self.targets],
        }


def _cell(value: str | float | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """Three figures that count, however large."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
