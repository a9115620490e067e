"""Machines that are no logins."""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from typing import Any, ClassVar

from attrs import define
from transitions import Machine

from nimauth.engine import Program, runs, trigger

DOOR = Machine(
    model=None,
    states=["open", "shut", "locked"],
    initial="shut",
    auto_transitions=False,
    transitions=[
        {"trigger": "push", "source": "shut", "dest": "open", "conditions": "strong_enough", "after": "creak"},
        {"trigger": "push", "source": "open", "dest": None},
        {"trigger": "pull", "source": "open", "dest": "shut", "before": ["squeak", "creak"]},
        {"trigger": "turn_key", "source": "shut", "dest": "locked", "unless": "jammed"},
        {"trigger": "turn_key", "source": "locked", "dest": "shut"},
        {"trigger": "jam", "source": "*", "dest": "=", "before": "get_stuck"},
    ],
)


@runs(DOOR)
@define
class Door:
    __program__: ClassVar[Program]

    state: str = "shut"
    jammed: bool = False
    noise: str = ""

    @trigger
    def push(self, force: int = 10) -> bool: ...
    @trigger
    def pull(self) -> bool: ...
    @trigger
    def turn_key(self) -> bool: ...
    @trigger
    def jam(self) -> bool: ...

    def strong_enough(self, force: int) -> bool:
        return force >= 5

    def creak(self, *_: object) -> None:
        self.noise = "creak"

    def squeak(self) -> None:
        self.noise = "squeak"

    def get_stuck(self) -> None:
        self.jammed = True


COUNTER = Machine(model=None, states=["on"], initial="on", auto_transitions=False, transitions=[["tick", "on", None]])
COUNTER.events["tick"].transitions["on"][0].before.append("count")


@runs(COUNTER)
@define
class Counter:
    """Counts without an end."""

    state: str = "on"
    ticks: int = 0

    def count(self, *_: Any) -> None:
        self.ticks += 1
