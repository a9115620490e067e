# mypy: disable-error-code="empty-body"
"""Why an event is refused: the guard, its rule, and what is allowed instead."""

from __future__ import annotations

import pickle
from enum import Enum
from typing import Any, ClassVar

import pytest
from attrs import define
from transitions import Machine

from nimauth.engine import EngineError, NotAllowed, Program, Refusal, runs, trigger


class Light(Enum):
    RED = 1
    GREEN = 2


def is_daytime(speed: int) -> bool:
    return True


ROWS: list[Any] = [
    {"trigger": "drive", "source": Light.GREEN, "dest": "=", "conditions": "slow", "unless": ["broken", is_daytime]},
    {"trigger": "drive", "source": Light.GREEN, "dest": None, "conditions": "police"},
    ["change", Light.RED, Light.GREEN],
]
LIGHTS = Machine(model=None, states=Light, initial=Light.RED, auto_transitions=False, transitions=ROWS)


@runs(LIGHTS, rules={"slow": "speed limit", "is_daytime": "a lamp is not seen by day"})
@define
class Lights:
    __program__: ClassVar[Program]

    state: Light = Light.GREEN
    broken: bool = False
    police: bool = False

    @trigger
    def drive(self, speed: int = 30) -> bool: ...

    @trigger
    def change(self) -> bool: ...

    def slow(self, speed: int) -> bool:
        return speed <= 30


explain = Lights.__program__.explain
refusals = Lights.__program__.refusals


def test_the_first_guard_that_refuses_is_named_with_its_rule() -> None:
    refusal = explain(Lights(), "drive", 50)
    assert refusal == Refusal("drive", Light.GREEN, "slow", "speed limit", ("drive",))
    assert str(refusal) == "drive is refused in state Light.GREEN by the guard slow (speed limit)"


def test_a_guard_of_unless_is_named_with_not() -> None:
    assert str(explain(Lights(broken=True), "drive")) == "drive is refused in state Light.GREEN by the guard not broken"


def test_a_function_is_a_guard_by_its_name() -> None:
    refusal = explain(Lights(), "drive", speed=5)
    assert refusal is not None
    assert (refusal.guard, refusal.rule) == ("not is_daytime", "a lamp is not seen by day")


def test_nothing_is_explained_where_a_row_agrees() -> None:
    lights = Lights(police=True)
    assert explain(lights, "drive", 200) is None
    assert lights.drive(200)
    assert [refusal.guard for refusal in refusals(lights, "drive", 200)] == ["slow"]


def test_every_row_that_refuses_is_named_in_order() -> None:
    assert [refusal.guard for refusal in refusals(Lights(), "drive", 50)] == ["slow", "police"]


def test_the_defaults_of_the_trigger_are_those_of_the_guards() -> None:
    assert explain(Lights(), "drive") == explain(Lights(), "drive", 30)
    with pytest.raises(TypeError):
        explain(Lights(), "drive", 30, "fast")


def test_a_state_without_a_row() -> None:
    lights = Lights(Light.RED)
    refusal = explain(lights, "drive")
    assert refusal == Refusal("drive", Light.RED, allowed=("change",))
    with pytest.raises(NotAllowed) as caught:
        lights.drive()
    assert str(caught.value) == str(refusal) == "drive is not allowed in state Light.RED; allowed there: change"
    assert (caught.value.event, caught.value.state, caught.value.allowed) == ("drive", "Light.RED", ("change",))
    assert [*refusals(lights, "drive")] == []
    assert lights == Lights(Light.RED)


def test_an_event_that_the_machine_does_not_have() -> None:
    for ask in (explain, lambda *asked: next(refusals(*asked))):
        with pytest.raises(EngineError, match=r"^Lights has no event 'fly'; its events are drive, change$"):
            ask(Lights(), "fly")


def test_what_is_allowed() -> None:
    assert Lights.__program__.allowed(Lights()) == ("drive",)
    assert Lights.__program__.allowed(Lights(Light.RED)) == ("change",)


def test_a_refusal_survives_a_pickle() -> None:
    error = NotAllowed("drive", "RED", ("change",))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert pickle.loads(pickle.dumps(explain(Lights(), "drive", 50))) == explain(Lights(), "drive", 50)


def test_nothing_allowed() -> None:
    assert str(NotAllowed("go", "end", ())) == "go is not allowed in state end; allowed there: nothing"
