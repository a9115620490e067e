"""The generated triggers against stock transitions: random machines, random runs, equal traces."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from enum import Enum, StrEnum
from functools import partialmethod
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from transitions import Machine, MachineError

from nimauth.engine import NotAllowed, compile_machine

NAMES = "abcdef"
EVENTS = ("go", "back", "stop")
TEXTS = StrEnum("TEXTS", {"a": "the a", "b": "the b", "c": "the c", "d": "the d", "e": "the e", "f": "the f"})
MEMBERS = Enum("MEMBERS", {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6})

TRACE: list[object] = []
"""What the callbacks of the run under way have seen."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Stock transitions logs every step, and every ignored event as a warning."""
    logger = logging.getLogger("transitions")
    before, logger.level = logger.level, logging.CRITICAL
    yield
    logger.level = before


class Boom(Exception):
    pass


class Model:
    """What machines name, in every form that a callback or a guard can have. It notes whatever is asked of it."""

    __slots__ = ("attribute", "depth", "held", "held_no", "phase", "state", "ticks")

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self.ticks = self.depth = 0
        self.held: Any = lambda *args, **kwargs: self.note("held", args, kwargs)
        self.held_no = False

    def note(self, name: str, args: object = (), kwargs: object = None) -> bool:
        TRACE.append((name, getattr(self, self.attribute, None), args, kwargs))
        return True

    def tick(self) -> int:
        self.ticks += 1
        return self.ticks

    # callbacks

    def one(self, *args: Any, **kwargs: Any) -> None:
        self.note("one", args, kwargs)

    def two(self, *args: Any, **kwargs: Any) -> None:
        self.note("two", args, kwargs)

    def boom(self, *args: Any, **kwargs: Any) -> None:
        self.note("boom", args, kwargs)
        if self.tick() % 3 == 0:
            raise Boom

    def nested(self, *args: Any, **kwargs: Any) -> None:
        self.note("nested", args, kwargs)
        if self.depth < 2 and hasattr(self, "go"):
            self.depth += 1
            try:
                TRACE.append(("inner", getattr(self, "go")(*args, inner=self.depth)))  # noqa: B009
            finally:
                self.depth -= 1

    def careful(self, *args: Any, **kwargs: Any) -> None:
        try:
            self.nested(*args, **kwargs)
        except (MachineError, NotAllowed, Boom) as error:
            TRACE.append(("caught", _called(error)))

    later = partialmethod(one, "later")

    # guards, and callbacks as well

    def yes(self, *args: Any, **kwargs: Any) -> bool:
        return self.note("yes", args, kwargs)

    def no(self, *args: Any, **kwargs: Any) -> bool:
        return not self.note("no", args, kwargs)

    def none(self, *args: Any, **kwargs: Any) -> None:
        self.note("none", args, kwargs)

    def number(self, *args: Any, **kwargs: Any) -> int:
        return int(self.note("number", args, kwargs))

    def text(self, *args: Any, **kwargs: Any) -> str:
        self.note("text", args, kwargs)
        return "true, and not True"

    def toggle(self, *args: Any, **kwargs: Any) -> bool:
        self.note("toggle", args, kwargs)
        return self.tick() % 2 == 0

    @property
    def flag(self) -> bool:
        return self.note("flag")

    @property
    def method(self) -> Callable[..., bool]:
        self.note("method is read")
        return self.no

    @classmethod
    def of_class(cls, *args: Any, **kwargs: Any) -> bool:
        TRACE.append(("of_class", args, kwargs))
        return True

    @staticmethod
    def of_nobody(*args: Any, **kwargs: Any) -> bool:
        TRACE.append(("of_nobody", args, kwargs))
        return False


class Implied(Model):
    """With callbacks that a machine finds by their names."""

    __slots__ = ()

    def on_enter_a(self, *args: Any, **kwargs: Any) -> None:
        self.note("on_enter_a", args, kwargs)

    def on_enter_b(self, *args: Any, **kwargs: Any) -> None:
        self.note("on_enter_b", args, kwargs)

    @classmethod
    def on_enter_c(cls, *args: Any, **kwargs: Any) -> None:
        TRACE.append(("on_enter_c", args, kwargs))

    def on_exit_a(self, *args: Any, **kwargs: Any) -> None:
        self.note("on_exit_a", args, kwargs)

    def on_exit_d(self, *args: Any, **kwargs: Any) -> None:
        self.note("on_exit_d", args, kwargs)


def outside(*args: Any, **kwargs: Any) -> bool:
    TRACE.append(("outside", args, kwargs))
    return True


class Weigher:
    """A callable that cannot be hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weigher)

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        TRACE.append(("weigher", args, kwargs))
        return False


def _called(error: Exception) -> str:
    """Stock's MachineError is our NotAllowed, and nothing else is."""
    return "not allowed" if isinstance(error, MachineError | NotAllowed) else type(error).__name__


# -- random machines ---------------------------------------------------------------------------------------------------

GUARDS = ["yes", "no", "none", "number", "text", "toggle", "flag", "method", "held", "held_no", "of_class", "of_nobody"]
ACTS = ["one", "two", "boom", "nested", "careful", "later", "on_enter_b", *GUARDS]
Config = dict[str, Any]


def _some(names: list[Any], most: int = 2) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from([*names, outside, Weigher()]), max_size=most)


def _configs(kind: type[Model]) -> st.SearchStrategy[Config]:
    acts = _some([name for name in ACTS if hasattr(kind, name) or name == "held"])
    ignore = st.sampled_from([None, True, False])
    state = {"on_enter": acts, "on_exit": acts, "final": st.booleans(), "ignore_invalid_triggers": ignore}
    names = st.sampled_from(NAMES)
    row = {
        "trigger": st.sampled_from(EVENTS),
        "source": st.just("*") | st.lists(names, min_size=1, max_size=5, unique=True),
        "dest": names | st.sampled_from(["=", None]),
        "conditions": _some(GUARDS),
        "unless": _some(GUARDS),
        "prepare": acts,
        "before": acts,
        "after": acts,
    }
    return st.fixed_dictionaries(
        {
            "states": st.tuples(*[st.fixed_dictionaries({"name": st.just(name), **state}) for name in NAMES]).map(list),
            "transitions": st.lists(st.fixed_dictionaries(row), min_size=1, max_size=9),
            "initial": names,
            "model_attribute": st.sampled_from(["state", "phase"]),
            "ignore_invalid_triggers": ignore,
            "auto_transitions": st.booleans(),
            "ordered_transitions": st.booleans(),
            "prepare_event": acts,
            "before_state_change": acts,
            "after_state_change": acts,
            "on_final": acts,
        }
    )


def _machine(config: Config, values: dict[str, Any]) -> Machine:
    """Built from a copy each time, because stock adds what it finds on a model to the very lists that it was given."""
    config = copy.deepcopy(config)
    states = [{**state, "name": values[state["name"]]} for state in config["states"]]
    rows = [
        {
            **row,
            "source": row["source"] if row["source"] == "*" else [values[name] for name in row["source"]],
            "dest": values.get(row["dest"], row["dest"]),
        }
        for row in config["transitions"]
    ]
    return Machine(
        model=None,
        **{**config, "states": states, "transitions": rows, "initial": values[config["initial"]]},
    )


VALUES = [
    {name: name for name in NAMES},
    {name: TEXTS[name] for name in NAMES},
    {name: MEMBERS[name] for name in NAMES},
    {name: TEXTS[name] if name in "abc" else MEMBERS[name] for name in NAMES},
]
Call = tuple[str, tuple[Any, ...], dict[str, Any]]
RUNS = st.lists(
    st.tuples(
        st.sampled_from([*EVENTS, *EVENTS, "to_b", "next_state"]),
        st.sampled_from([(), (1,), (1, "two")]),
        st.sampled_from([{}, {"force": 3}]),
    ),
    min_size=1,
    max_size=12,
)


# -- running them ------------------------------------------------------------------------------------------------------


def _stock(config: Config, values: dict[str, Any], kind: type[Model]) -> Model:
    model: Model = type("Stock", (kind,), {})(config["model_attribute"])  # with a __dict__, which stock needs
    _machine(config, values).add_model(model)
    return model


def _compiled(config: Config, values: dict[str, Any], kind: type[Model]) -> Model:
    session = type("Compiled", (kind,), {"__slots__": ()})
    program = compile_machine(_machine(config, values), session, arguments="*args, **kwargs")
    for name, function in program.triggers.items():
        setattr(session, name, function)
    session.program = program  # type: ignore[attr-defined]
    model: Model = session(config["model_attribute"])
    setattr(model, config["model_attribute"], values[config["initial"]])
    return model


def _traced(model: Model, calls: list[Call]) -> list[object]:
    TRACE.clear()
    for name, args, kwargs in calls:
        if not hasattr(model, name):
            continue
        try:
            outcome = getattr(model, name)(*args, **kwargs)
        except (MachineError, NotAllowed, Boom, RecursionError) as error:
            outcome = _called(error)
        TRACE.append(("->", name, outcome, getattr(model, model.attribute)))
    return TRACE.copy()


KINDS = st.sampled_from([Model, Implied])
RANDOM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(RANDOM, max_examples=400)
@given(data=st.data(), kind=KINDS, values=st.sampled_from(VALUES), calls=RUNS)
def test_a_run_leaves_the_same_trace(
    data: st.DataObject, kind: type[Model], values: dict[str, Any], calls: list[Call]
) -> None:
    config = data.draw(_configs(kind))
    expected = _traced(_stock(config, values, kind), calls)
    event("something was refused" if "not allowed" in str(expected) else "nothing was refused")
    assert _traced(_compiled(config, values, kind), calls) == expected


@settings(RANDOM, max_examples=100)
@given(data=st.data(), kind=KINDS, values=st.sampled_from(VALUES), calls=RUNS)
def test_explain_gives_no_reason_exactly_where_stock_says_may(
    data: st.DataObject, kind: type[Model], values: dict[str, Any], calls: list[Call]
) -> None:
    """Explain asks the guards and leaves `prepare` alone; stock runs both, so here there is none."""
    config = data.draw(_configs(kind)) | {"prepare_event": []}
    config["transitions"] = [{**row, "prepare": []} for row in config["transitions"]]
    stock, compiled = _stock(config, values, kind), _compiled(config, values, kind)
    program: Any = type(compiled).program  # type: ignore[attr-defined]
    for name, args, kwargs in calls:
        if name not in program.triggers:
            continue
        TRACE.clear()
        may = getattr(stock, f"may_{name}")(*args, **kwargs)
        asked = TRACE.copy()
        TRACE.clear()
        refusal = program.explain(compiled, name, *args, **kwargs)
        assert (refusal is None) is may
        assert asked == TRACE
        assert _traced(compiled, [(name, args, kwargs)]) == _traced(stock, [(name, args, kwargs)])
