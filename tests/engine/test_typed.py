# mypy: disable-error-code="empty-body"
"""Typed triggers: what the stub says is what the trigger takes, and a session is a plain object in every other way."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pydoc
import traceback
from enum import Enum, IntEnum, StrEnum
from typing import Any, ClassVar

import pytest
from attrs import define, field, fields
from transitions import Machine

from nimauth.engine import EngineError, NotAllowed, Program, Row, compile_machine, runs, trigger

DOOR = Machine(
    model=None,
    states=["open", "shut"],
    initial="shut",
    auto_transitions=False,
    transitions=[
        {"trigger": "push", "source": "shut", "dest": "open", "before": "hear", "conditions": "strong"},
        {"trigger": "pull", "source": "open", "dest": "shut", "before": "hear"},
    ],
)
FORCE = object()


@runs(DOOR, arguments="*args, **kwargs")
@define
class Door:
    """A door."""

    __program__: ClassVar[Program]

    state: str = "shut"
    heard: list[Any] = field(factory=list)

    @trigger
    def push(self, force: object = FORCE, /, hand: str = "left", *more: int, loudly: bool, by: str = "me") -> bool:
        """Push it open."""
        raise NotImplementedError

    def hear(self, *args: Any, **kwargs: Any) -> None:
        self.heard.append((args, kwargs))

    def strong(self, *args: Any, **kwargs: Any) -> bool:
        return bool(args[0])


class LoudDoor(Door):
    def hear(self, *args: Any, **kwargs: Any) -> None:
        super().hear("loudly")


def test_arguments_are_passed_on_as_the_stub_takes_them() -> None:
    door = Door()
    assert door.push(loudly=True)
    assert door.heard.pop() == ((FORCE, "left"), {"loudly": True, "by": "me"})
    assert door.pull(1, two=2)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    assert door.heard.pop() == ((1,), {"two": 2})
    assert door.push("force", "right", 1, 2, loudly=False, by="you")
    assert door.heard.pop() == (("force", "right", 1, 2), {"loudly": False, "by": "you"})


@pytest.mark.parametrize(
    "call", [lambda d: d.push(), lambda d: d.push(force=1, loudly=True), lambda d: d.push(1, 2, x=3)]
)
def test_other_arguments_are_a_type_error_and_change_nothing(call: Any) -> None:
    door = Door()
    with pytest.raises(TypeError, match="push"):
        call(door)
    assert door == Door()


def test_the_stub_is_what_help_and_signatures_show() -> None:
    assert "force: 'object' = <object" in pydoc.plain(pydoc.render_doc(Door))
    assert "Push it open." in pydoc.plain(pydoc.render_doc(Door.push))
    assert str(inspect.signature(Door.push)).endswith("*more: 'int', loudly: 'bool', by: 'str' = 'me') -> 'bool'")
    assert (Door.push.__name__, Door.push.__qualname__, Door.push.__module__) == ("push", "Door.push", __name__)
    pull: Any = vars(Door)["pull"]
    assert str(inspect.signature(pull)) == "(self, *args, **kwargs)"
    assert pull.__doc__ is None


def test_a_traceback_shows_the_generated_line() -> None:
    door = Door()
    door.heard = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(AttributeError) as caught:
        door.push(loudly=True)
    assert "self.hear(force, hand, *more, loudly=loudly, by=by)" in "".join(traceback.format_exception(caught.value))


def test_a_subclass_runs_the_same_machine_with_its_own_callbacks() -> None:
    door = LoudDoor()
    assert door.push(loudly=True)
    assert door.state == "open"
    assert door.heard == [(("loudly",), {})]


def test_a_subclass_can_run_another_machine() -> None:
    back = Machine(
        model=None,
        states=["open", "shut"],
        auto_transitions=False,
        initial="open",
        transitions=[["push", "open", "shut"], ["pull", "shut", "open"]],
    )

    @runs(back, arguments="now")
    class BackDoor(Door):
        pass

    door = BackDoor(state="open")
    assert door.push(loudly=True)  # the stub is inherited
    assert door.pull(1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    assert Door.__program__ is not BackDoor.__program__
    with pytest.raises(NotAllowed):
        Door(state="open").push(loudly=True)


def test_sessions_compare_copy_and_pickle() -> None:
    door = Door(heard=[1])
    for other in (pickle.loads(pickle.dumps(door)), copy.deepcopy(door)):
        assert other == door
        assert other.push(loudly=True)
        assert other != door
    assert pickle.loads(pickle.dumps(Door.push)) is Door.push
    assert not hasattr(door, "__dict__")
    assert [f.name for f in fields(Door)] == ["state", "heard"]


def test_the_decorators_may_stand_in_either_order() -> None:
    @define
    @runs(DOOR, arguments="*args")
    class Inside:
        state: str = "shut"

        def hear(self, *args: object) -> None: ...

        def strong(self, *args: object) -> bool:
            return True

    @runs(DOOR, arguments="*args")
    @dataclasses.dataclass(slots=True)
    class Outside:
        state: str = "shut"

        def hear(self, *args: object) -> None: ...

        def strong(self, *args: object) -> bool:
            return True

    for kind in (Inside, Outside):
        door: Any = kind()
        assert door.push(1)
        assert door == kind("open")
        assert not hasattr(door, "__dict__")


def test_a_class_can_be_compiled_again() -> None:
    program = compile_machine(DOOR, Door, arguments="*args, **kwargs")
    assert inspect.signature(program.triggers["push"]) == inspect.signature(Door.push)
    assert program.source == Door.__program__.source


def test_what_is_done_to_a_machine_after_it_was_compiled_has_no_effect() -> None:
    machine = Machine(model=None, states=["a", "b"], initial="a", transitions=[["go", "a", "b"]])

    @runs(machine)
    @define
    class Session:
        state: str = "a"

        @trigger
        def go(self) -> bool: ...

    machine.add_transition("go", "b", "a")
    machine.add_transition("come", "b", "a")
    machine.states["b"].on_enter.append("nowhere")
    machine.ignore_invalid_triggers = True
    session = Session()
    assert session.go()
    with pytest.raises(NotAllowed):
        session.go()
    assert not hasattr(session, "come")


def test_events_and_callbacks_may_be_named_by_members_of_a_string_enum() -> None:
    class Old(str, Enum):  # noqa: UP042  (it is formatted otherwise than a StrEnum)
        GO = "go"
        ACT = "act"

    class New(StrEnum):
        GO = "go"
        ACT = "act"

    for names in (Old, New):
        machine = Machine(model=None, states=["a", "b"], initial="a", auto_transitions=False)
        machine.add_transition(names.GO, "a", "b", before=names.ACT, conditions=names.ACT)

        @runs(machine)
        class Session:
            __program__: ClassVar[Program]
            state = "a"

            @trigger
            def go(self) -> bool: ...

            def act(self) -> bool:
                return True

        assert Session().go()
        assert [*Session.__program__.triggers] == ["go"]
        assert type(Session.__program__.rows[0].event) is str


def test_enum_members_whose_names_are_alike_are_told_apart() -> None:
    odd = Enum("odd", {"A": 1, "a": 2, "a_": 3, "a b": 4, "\ufb01": 5})
    machine = Machine(model=None, states=odd, initial=odd["A"], auto_transitions=False)
    machine.add_ordered_transitions(trigger="go")

    @runs(machine)
    class Session:
        state = odd["A"]

        @trigger
        def go(self) -> bool: ...

    session, seen = Session(), []
    for _ in odd:
        session.go()
        seen.append(session.state)
    assert seen == [*[*odd][1:], odd["A"]]


def test_the_rows_are_the_declaration_as_plain_data() -> None:
    assert Door.__program__.rows == (
        Row("push", "shut", "open", guards=(("strong", True),), before=("hear",)),
        Row("pull", "open", "shut", before=("hear",)),
    )


class Number(IntEnum):
    A, B, C, D, E, F = range(6)


class Text(StrEnum):
    A, B, C, D, E, F = "abcdef"


class Loose(Enum):
    """Its members equal their values, and hash like them."""

    A, B, C, D, E, F = range(6)

    def __eq__(self, other: object) -> bool:
        return self is other or self.value == other

    def __hash__(self) -> int:
        return hash(self.value)


class Only(Enum):
    """Its members equal nothing but themselves."""

    A, B, C, D, E, F = "abcdef"


def going(states: type[Enum], sources: int) -> Any:
    """A session that goes from each of so many states to the last."""
    first, *_, last = states
    rows: list[Any] = [["go", [*states][:sources], last]]

    @runs(Machine(model=None, states=states, initial=first, auto_transitions=False, transitions=rows))
    @define
    class Session:
        __program__: ClassVar[Program]

        state: Any

        @trigger
        def go(self) -> bool: ...

    return Session


@pytest.mark.parametrize("states", [Number, Text, Loose])
@pytest.mark.parametrize("sources", range(1, 6))
def test_a_state_is_known_by_its_value_from_however_many_sources(states: type[Enum], sources: int) -> None:
    """A session that was read from a file has 'a' where the machine has the member that equals it."""
    first, *_, last = states
    kind = going(states, sources)
    session = kind(first.value)
    assert kind.__program__.allowed(session) == ("go",)
    assert kind.__program__.explain(session, "go") is None
    assert session.go()
    assert session.state is last
    session.state = last.value
    with pytest.raises(NotAllowed, match="allowed there: nothing"):
        session.go()


@pytest.mark.parametrize("sources", range(1, 6))
def test_a_member_that_equals_only_itself_is_known_by_nothing_else(sources: int) -> None:
    kind = going(Only, sources)
    assert kind(Only.A).go()
    assert kind.__program__.allowed(kind("a")) == ()
    with pytest.raises(EngineError, match="'a' is no state of"):
        kind("a").go()
