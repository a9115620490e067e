# mypy: disable-error-code="empty-body"
"""Every feature that a generated function would not reproduce is refused when the class is built, in one sentence."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from enum import Enum, IntEnum
from typing import Any

import pytest
from transitions import Event, Machine, State, Transition
from transitions.core import Condition
from transitions.extensions import AsyncMachine, HierarchicalMachine, LockedMachine
from transitions.extensions.states import Tags, add_state_features

from nimauth.engine import EngineError, Unsupported, compile_machine, runs, trigger


class Session:
    """Has whatever the machines below name, and nothing that could be an event."""

    state = "a"
    __slots__ = ()

    def act(self) -> None: ...

    async def later(self) -> None: ...

    async def stream(self) -> AsyncIterator[int]:
        yield 1

    @classmethod
    async def later_of_class(cls) -> None: ...

    @staticmethod
    async def later_of_nobody() -> None: ...

    @property
    async def awaited(self) -> bool:
        return True

    later_in_part = functools.partialmethod(later)


def machine(kind: type[Machine] = Machine, **options: Any) -> Machine:
    given = {"states": ["a", "b"], "transitions": [["go", "a", "b"]], "initial": "a", "auto_transitions": False}
    return kind(**{"model": None, **given, **options})


def row(**options: Any) -> dict[str, Any]:
    return {"transitions": [{"trigger": "go", "source": "a", "dest": "b", **options}]}


def refused(declared: Machine, session: type = Session, **options: Any) -> str:
    with pytest.raises(Unsupported) as caught:
        compile_machine(declared, session, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 250
    return message


# -- the machine -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "feature"),
    [
        ({"queued": True}, "queued"),
        ({"send_event": True}, "send_event"),
        ({"on_exception": "act"}, "on_exception"),
        ({"finalize_event": "act"}, "finalize_event"),
        ({"model_override": True}, "model_override"),
        ({"model": Machine.self_literal}, "a registered model"),
    ],
)
def test_an_option_that_changes_how_a_step_runs(options: dict[str, Any], feature: str) -> None:
    message = refused(machine(**options))
    assert message.startswith(f"the machine uses {feature}, which is not compiled; declare it without, and ")


@pytest.mark.parametrize("kind", [HierarchicalMachine, AsyncMachine, LockedMachine, type("Mine", (Machine,), {})])
def test_a_subclass_of_machine(kind: type[Machine]) -> None:
    assert f"behaves otherwise than a plain transitions {Machine.__name__}" in refused(machine(kind))


@pytest.mark.parametrize("part", [State, Event, Transition])
def test_a_subclass_of_a_part(part: type) -> None:
    mine = type("Mine", (part,), {})
    names = {State: "state_cls", Event: "event_cls", Transition: "transition_cls"}
    declared = machine(type("Machine", (Machine,), {names[part]: mine}))
    declared.__class__ = Machine  # only the part is of another kind
    assert f"plain transitions {part.__name__}" in refused(declared)


def test_a_subclass_of_condition() -> None:
    declared = machine(**row(conditions="act"))
    declared.events["go"].transitions["a"][0].conditions[0].__class__ = type("Mine", (Condition,), {})
    assert "plain transitions Condition" in refused(declared)


def test_state_features() -> None:
    tagged = add_state_features(Tags)(type("Tagged", (Machine,), {}))
    assert "plain transitions Machine" in refused(machine(tagged, states=["a", {"name": "b", "tags": "x"}]))


@pytest.mark.parametrize("part", ["machine", "state", "event", "transition"])
def test_a_method_replaced_on_one_instance(part: str) -> None:
    declared = machine()
    event = declared.events["go"]
    parts: dict[str, tuple[Any, str]] = {
        "machine": (declared, "callbacks"),
        "state": (declared.states["b"], "enter"),
        "event": (event, "_process"),
        "transition": (event.transitions["a"][0], "execute"),
    }
    owner, method = parts[part]
    setattr(owner, method, lambda *_: None)
    assert "behaves otherwise than a plain transitions" in refused(declared)


# -- states ------------------------------------------------------------------------------------------------------------


def test_a_state_that_is_neither_a_string_nor_a_member_of_an_enum() -> None:
    assert refused(machine(states=["a", "b", State(5)])) == (  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        "the state 5 cannot be compiled; let it be a string or a member of an Enum"
    )


def test_a_string_of_the_authors_own_kind() -> None:
    assert "cannot be compiled" in refused(machine(states=["a", type("Name", (str,), {})("b")]))


def test_an_enum_that_cannot_be_hashed() -> None:
    class Unhashable(Enum):
        A = 1
        B = 2

        def __eq__(self, other: object) -> bool:
            return self is other

    assert "cannot be told apart" in refused(machine(states=Unhashable, initial=Unhashable.A, transitions=[]))


def test_states_of_two_enums_that_compare_equal() -> None:
    class One(IntEnum):
        a = 1

    class Two(IntEnum):
        b = 1

    assert "two states of the machine compare equal" in refused(machine(states=[One.a, Two.b]))


@pytest.mark.parametrize("places", [{"source": "c", "dest": "b"}, {"source": "a", "dest": "c"}])
def test_a_state_that_was_never_declared(places: dict[str, str]) -> None:
    assert refused(machine(**row(**places))) == (
        "a transition names the state 'c', which the machine does not have; add it"
    )


def test_an_empty_dest() -> None:
    """A trigger of transitions 0.9.3 takes it for None, its may_trigger does not, and the next release may differ."""
    assert refused(machine(**row(dest=""))).endswith("; write None")


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a b", "2go", "class", "go-on", "a.b", "go\n", "\ufb01n"])
def test_an_event_that_is_no_name(name: str) -> None:
    assert refused(machine(transitions=[[name, "a", "b"]])) == (
        f"the event {name!r} cannot be written as a name in Python; rename it"
    )


def test_an_event_that_the_generated_code_could_mean_otherwise() -> None:
    assert "may hide a name of the generated code" in refused(machine(transitions=[["_no_row", "a", "b"]]))


def test_a_model_attribute_that_is_no_name() -> None:
    assert "the model attribute 'my state' cannot" in refused(machine(model_attribute="my state"))


@pytest.mark.parametrize("name", ["a b", "class", "x; import os", "\ufb01n"])
def test_a_callback_that_is_no_name(name: str) -> None:
    session = type("Odd", (Session,), {name: Session.act})
    assert f"the callback {name!r} cannot" in refused(machine(**row(before=name)), session)


def test_an_event_over_something_that_the_class_has() -> None:
    for taken in (Session.act, property(lambda _: 1), 5, classmethod(lambda _: True)):
        message = refused(machine(), type("Taken", (Session,), {"go": taken}))
        assert message.startswith("Taken.go exists and would be replaced by the event of that name; ")


# -- callbacks ---------------------------------------------------------------------------------------------------------

ROW_PLACES = ("conditions", "unless", "prepare", "before", "after")
MACHINE_PLACES = ("prepare_event", "before_state_change", "after_state_change", "on_final")
PLACES = (*ROW_PLACES, *MACHINE_PLACES, "on_enter", "on_exit")


def with_callback(place: str, callback: object) -> Machine:
    """A machine that has the callback in this place only, and would run it on `go`."""
    options: dict[str, Any] = {"states": [{"name": "a"}, {"name": "b", "final": True}]}
    if place in ROW_PLACES:
        options |= row(**{place: callback})
    elif place in MACHINE_PLACES:
        options[place] = callback
    else:
        options["states"][place == "on_enter"][place] = callback
    return machine(**options)


@pytest.mark.parametrize("place", PLACES)
def test_a_callback_that_the_class_does_not_have(place: str) -> None:
    assert refused(with_callback(place, "nowhere")) == (
        "the machine names 'nowhere', which Session does not have; add it"
    )


@pytest.mark.parametrize("place", ROW_PLACES)
@pytest.mark.parametrize(("callback", "why"), [("nowhere", "does not have"), ("later", "is a coroutine")])
def test_a_row_that_is_never_reached_is_checked_too(place: str, callback: str, why: str) -> None:
    """Stock takes such rows (a catch-all behind a particular one leaves some), so they may stand, but not misspelt."""
    first, never = {"trigger": "go", "source": "a", "dest": "b"}, {"trigger": "go", "source": "*", "dest": "a"}
    assert why in refused(machine(transitions=[first, {**never, place: callback}]))
    program = compile_machine(machine(transitions=[first, {**never, place: "act"}]), Session)
    assert program.source.split("== 'b'")[0].count("self.act()") == 0


@pytest.mark.parametrize("place", PLACES)
def test_a_callback_by_path(place: str) -> None:
    """Stock imports it at the first step."""
    assert refused(with_callback(place, "os.path.join")) == (
        "the machine names 'os.path.join', which Session does not have; "
        "add it, or give the function itself instead of its path"
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_callback_that_cannot_be_called(place: str) -> None:
    assert "the callback 5 can be neither called nor looked up" in refused(with_callback(place, 5))


class Caller:
    async def __call__(self) -> None: ...


COROUTINES = [
    "later",
    "stream",
    "later_of_class",
    "later_of_nobody",
    "later_in_part",
    "awaited",
    Session.later,
    functools.partial(Session().later),
    functools.partial(functools.partial(Caller())),
    Caller(),
    Session().later,
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("callback", COROUTINES)
def test_a_coroutine(place: str, callback: object) -> None:
    """Stock calls it, drops what it gave, and Python warns that it was never awaited; as a guard it is never True."""
    assert refused(with_callback(place, callback)).endswith(
        "is a coroutine, and a machine's step is synchronous; let it note what is to be done, and await that outside"
    )


def test_a_coroutine_that_a_machine_would_find_by_its_name() -> None:
    assert "is a coroutine" in refused(machine(), type("Implied", (Session,), {"on_enter_b": Session.later}))


@pytest.mark.parametrize("member", [staticmethod(Session.act), property(lambda _: 1), functools.partial(int), None])
def test_an_implied_callback_that_is_no_method(member: object) -> None:
    """Stock calls what is a bound method on the day that the model is registered, and silently nothing else."""
    message = refused(machine(), type("Implied", (Session,), {"on_exit_a": member}))
    assert message.startswith("Implied.on_exit_a has the name of a callback and is no method")


# -- stubs -------------------------------------------------------------------------------------------------------------


def test_a_stub_without_an_event() -> None:
    class Lonely(Session):
        @trigger
        def come(self) -> bool: ...

    assert refused(machine(), Lonely) == (
        "Lonely.come is marked as a trigger, but the machine has no such event; add it"
    )


def test_another_machine_for_a_subclass_must_have_the_events_that_it_inherits() -> None:
    @runs(machine())
    class Base(Session):
        pass

    assert "Derived.go is marked" in refused(machine(transitions=[["come", "a", "b"]]), type("Derived", (Base,), {}))


@pytest.mark.parametrize("parameter", ["_state", "_callable", "_call"])
def test_a_parameter_that_the_generated_code_could_mean_otherwise(parameter: str) -> None:
    assert f"the parameter {parameter} of " in refused(machine(), arguments=parameter)


def test_a_second_self() -> None:
    class This(Session):
        @trigger
        def go(this, self: int) -> bool: ...  # pyright: ignore[reportSelfClsParameterName]

    assert "the parameter self of " in refused(machine(), This)


def test_a_stub_without_self() -> None:
    def go() -> bool: ...

    def go_any(*args: object) -> bool: ...

    for stub in (go, go_any):
        message = refused(machine(), type("Selfless", (Session,), {"go": trigger(stub)}))
        assert message.endswith("does not take the session; give it self as its first parameter")


async def _coroutine(self: object) -> bool: ...


@pytest.mark.parametrize("stub", [_coroutine, classmethod(lambda _: True), property(lambda _: True), int])
def test_a_stub_that_is_no_plain_method(stub: Callable[..., Any]) -> None:
    with pytest.raises(Unsupported, match="cannot be the face of an event; put @trigger on a plain method"):
        trigger(stub)


@pytest.mark.parametrize("arguments", ["1", "force,,", "force=1, heavy", "*", "force=UNKNOWN"])
def test_arguments_that_are_no_parameter_list(arguments: str) -> None:
    assert refused(machine(), arguments=arguments) == (
        f"the arguments {arguments!r} are no parameter list; write what stands after self in a def"
    )


# -- what is refused later, because only a session can show it ---------------------------------------------------------


def test_a_stub_whose_class_was_never_compiled() -> None:
    class Door:
        @trigger
        def go(self) -> bool: ...

    with pytest.raises(EngineError, match=r"Door\.go has no body, because its class is not compiled"):
        Door().go()


@pytest.mark.parametrize("ignore", [True, False])
def test_a_session_in_a_state_that_the_machine_does_not_have(ignore: bool) -> None:
    """Stock raises a ValueError here, and not the error of an event that is not allowed."""

    @runs(machine(ignore_invalid_triggers=ignore))
    class Lost:
        state = "nowhere"

        @trigger
        def go(self) -> bool: ...

    with pytest.raises(EngineError) as caught:
        Lost().go()
    assert type(caught.value) is EngineError
    assert str(caught.value).endswith(
        "'nowhere' is no state of " + Lost.__qualname__ + "'s machine; set state to one that it declares"
    )


def test_nothing_is_installed_on_a_class_that_is_refused() -> None:
    before = dict(vars(Session))
    with pytest.raises(Unsupported):
        runs(machine(queued=True))(Session)
    assert dict(vars(Session)) == before
