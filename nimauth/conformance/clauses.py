"""What a finding names: a clause of a contract, by number, and in words."""

from __future__ import annotations

from attrs import frozen


@frozen
class Clause:
    """One sentence that must hold, with the name by which findings and documents cite it."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name} ({self.text})"


class Broken(AssertionError):
    """A clause does not hold. pytest shows it as a failed test, hypothesis shrinks to the smallest example of it."""

    def __init__(self, clause: Clause, what: str) -> None:
        super().__init__(f"{clause.name} is broken: {what}. It says: {clause.text}")
        self.clause, self.what = clause, what

    def __reduce__(self) -> tuple[type[Broken], tuple[Clause, str]]:
        return type(self), (self.clause, self.what)


def require(holds: object, clause: Clause, what: str) -> None:
    """Raise Broken unless it holds. `what` says what was seen, in words, without a secret."""
    if not holds:
        raise Broken(clause, what)
