"""The same machine, once for each contender. What a library does not have (guards, mostly) its contender adds by hand.

A contender makes sessions, and says how one event is fired as a line of Python; the cycle is compiled from such lines,
so that nothing but the contender's own dispatch is measured.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from attrs import define, field, frozen

from nimauth.engine import NotAllowed, runs

from .machine import CYCLE, EVENTS, INITIAL, ROWS, STATES, Acts


@frozen
class Contender:
    """One way to run the machine."""

    name: str
    make: Callable[[], Any]
    """A new session, in its initial state."""
    module: str | None = None
    """What a program imports to use it."""
    prepare: str = ""
    """What a program does once, to have at hand what it fires events on."""
    fire: str = "session.{event}()"
    fire_drop: str | None = None
    state: Callable[[Any], str] = field(default=lambda session: str(session.state))
    acts: Callable[[Any], Acts] = field(default=lambda session: session)
    is_async: bool = False
    is_quiet: bool = False
    """Measured with logging disabled."""

    def cycle(self, laps: int) -> Callable[[Any], Any]:
        """A function that takes a session through the cycle so many times."""
        lines = [(self.fire_drop if event == "drop" else None) or self.fire.format(event=event) for event in CYCLE]
        wait, asynchronous = ("await ", "async ") if self.is_async else ("", "")
        body = "".join(f"        {wait}{line}\n" for line in lines)
        scope: dict[str, Any] = {}
        exec(f"{asynchronous}def cycle(session):\n    {self.prepare}\n    for _ in range({laps}):\n{body}", scope)
        made: Callable[[Any], Any] = scope["cycle"]
        return made


# -- the engine, and by hand -------------------------------------------------------------------------------------------


def _declared() -> list[dict[str, Any]]:
    return [
        {
            "trigger": row.event,
            "source": list(row.sources),
            "dest": row.target,
            "conditions": row.guard,
            "before": list(row.acts),
        }
        for row in ROWS
    ]


def engine() -> Contender:
    from transitions import Machine

    machine = Machine(model=None, states=list(STATES), initial=INITIAL, auto_transitions=False, transitions=_declared())

    @runs(machine)
    @define(weakref_slot=False, eq=False)
    class Session(Acts):
        state: str = INITIAL

    return Contender("nimauth.engine", Session, module="nimauth.engine")


Case = tuple[Callable[[Any], bool] | None, str, tuple[Callable[[Any], None], ...]]


def by_dict() -> Contender:
    """As most people write it: a table of cases, and one method that walks them."""
    table: dict[str, dict[str, list[Case]]] = {event: {} for event in EVENTS}
    for row in ROWS:
        for source in row.sources:
            guard = getattr(Acts, row.guard) if row.guard else None
            case = (guard, row.target, tuple(getattr(Acts, act) for act in row.acts))
            table[row.event].setdefault(source, []).append(case)

    @define(weakref_slot=False, eq=False)
    class Session(Acts):
        state: str = INITIAL

        def fire(self, event: str) -> bool:
            cases = table[event].get(self.state)
            if cases is None:
                raise NotAllowed(event, self.state, ())
            for guard, target, acts in cases:
                if guard is None or guard(self):
                    for act in acts:
                        act(self)
                    self.state = target
                    return True
            return False

    return Contender("hand-written: dict", Session, fire="session.fire('{event}')")


def by_methods() -> Contender:
    from .transfer import Transfer

    return Contender("hand-written: methods", Transfer)


# -- the peers ---------------------------------------------------------------------------------------------------------


def _transitions(
    name: str, *, auto_transitions: bool = True, is_quiet: bool = False, is_async: bool = False
) -> Contender:
    from transitions import Machine
    from transitions.extensions import AsyncMachine

    machine = (AsyncMachine if is_async else Machine)(
        model=None,
        states=list(STATES),
        initial=INITIAL,
        auto_transitions=auto_transitions,
        transitions=_declared(),
    )

    @define(slots=False, eq=False)  # stock puts its own attributes on a model
    class Session(Acts):
        state: str = INITIAL

    def make() -> Any:
        session = Session()
        machine.add_model(session)
        return session

    return Contender(name, make, "transitions", is_quiet=is_quiet, is_async=is_async)


def automat() -> Contender:
    """No guards: `drop` is two inputs, and the choice is made outside."""
    from automat import TypeMachineBuilder  # type: ignore[import-not-found, unused-ignore]

    base: Any = Protocol
    inputs = type("Inputs", (base,), {event: _input(event) for event in (*EVENTS, "drop_by_hand")})
    builder: Any = TypeMachineBuilder(inputs, Acts)
    states = {state: builder.state(state) for state in STATES}
    for event, source, target, acts in _without_guards():
        states[source].upon(getattr(inputs, event)).to(states[target])(_automat_output(acts))
    factory = builder.build()

    @frozen
    class Session:
        acts: Acts
        machine: Any

        def drop(self) -> None:
            (self.machine.drop_by_hand if self.acts.is_by_hand() else self.machine.drop)()

    def make() -> Session:
        acts = Acts()
        return Session(acts, factory(acts))

    return Contender(
        "automat", make, "automat", prepare="machine = session.machine", fire="machine.{event}()",
        fire_drop="session.drop()",
        state=lambda session: session.machine.__automat_transitioner__._state.name, acts=lambda session: session.acts,
    )  # fmt: skip


def _input(event: str) -> Callable[[Any], None]:
    def method(self: Any) -> None: ...

    method.__name__ = method.__qualname__ = event
    return method


def _automat_output(acts: tuple[str, ...]) -> Callable[[Any, Acts], None]:
    calls = [getattr(Acts, act) for act in acts]

    def output(inputs: Any, core: Acts) -> None:
        for call in calls:
            call(core)

    return output


def automaton() -> Contender:
    """No guards, and its callbacks know no session: both are done outside."""
    from automaton.machines import FiniteMachine  # type: ignore[import-not-found, unused-ignore]

    template = FiniteMachine()
    for state in STATES:
        template.add_state(state)
    for event, source, target, _ in _without_guards():
        template.add_transition(source, target, event)
    template.default_start_state = INITIAL
    template.freeze()
    acts_of = {row.event: tuple(getattr(Acts, act) for act in row.acts) for row in ROWS}

    @define(eq=False)
    class Session(Acts):
        machine: Any = None

        def fire(self, event: str) -> None:
            if event == "drop" and self.is_by_hand():
                self.machine.process_event("drop_by_hand")
            else:
                self.machine.process_event(event)
            for act in acts_of[event]:
                act(self)

    def make() -> Session:
        machine = template.copy(shallow=True)
        machine.initialize()
        return Session(machine=machine)

    return Contender(
        "automaton", make, "automaton.machines", fire="session.fire('{event}')",
        state=lambda session: session.machine.current_state,
    )  # fmt: skip


def finite_state_machine() -> Contender:
    """A guard can refuse but not choose, so that `drop` is two methods."""
    from finite_state_machine import StateMachine, transition  # type: ignore[import-not-found, unused-ignore]

    def method(event: str, sources: tuple[str, ...], target: str, acts: tuple[str, ...], guard: str | None) -> Any:
        calls = [getattr(Acts, act) for act in acts]

        def run(self: Acts) -> None:
            for call in calls:
                call(self)

        run.__name__ = event
        conditions = [getattr(Acts, guard)] if guard else None
        return transition(source=list(sources), target=target, conditions=conditions)(run)

    def drop(self: Any) -> None:
        (self.drop_by_hand if self.is_by_hand() else self.drop_by_itself)()

    names = {("drop", "is_by_hand"): "drop_by_hand", ("drop", None): "drop_by_itself"}
    methods = {
        name: method(name, row.sources, row.target, row.acts, row.guard)
        for row in ROWS
        for name in [names.get((row.event, row.guard), row.event)]
    }

    def init(self: Any) -> None:
        Acts.__init__(self)
        self.state = INITIAL
        StateMachine.__init__(self)

    session = type("Session", (Acts, StateMachine), {**methods, "drop": drop, "__init__": init})
    return Contender("finite-state-machine", session, "finite_state_machine")


def python_statemachine() -> Contender:
    from statemachine import State, StateMachine  # type: ignore[import-not-found, unused-ignore]

    states: dict[str, Any] = {state: State(initial=state == INITIAL) for state in STATES}
    events: dict[str, Any] = {}
    for row in ROWS:
        for source in row.sources:
            made = states[source].to(states[row.target], cond=row.guard, on=list(row.acts))
            events[row.event] = events[row.event] | made if row.event in events else made
    machine: Any = types.new_class("Transfer", (StateMachine,), {}, lambda body: body.update(states | events))

    @define
    class Session:
        acts: Acts
        machine: Any

    @define(slots=False, eq=False)
    class Model(Acts):
        pass

    def make() -> Session:
        acts = Model()
        return Session(acts, machine(acts))

    return Contender(
        "python-statemachine", make, "statemachine", prepare="machine = session.machine", fire="machine.{event}()",
        state=lambda session: session.acts.state, acts=lambda session: session.acts,
    )  # fmt: skip


def _without_guards() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """The rows for a library that cannot choose: what the guard of `drop` allows becomes an event of its own."""
    for row in ROWS:
        event = "drop_by_hand" if row.guard == "is_by_hand" else row.event
        for source in row.sources:
            yield event, source, row.target, row.acts


CONTENDERS: dict[str, Callable[[], Contender]] = {
    "nimauth.engine": engine,
    "hand-written: dict": by_dict,
    "hand-written: methods": by_methods,
    "transitions": lambda: _transitions("transitions"),
    "transitions, lean": lambda: _transitions("transitions, lean", auto_transitions=False, is_quiet=True),
    "transitions, async": lambda: _transitions("transitions, async", is_async=True),
    "automat": automat,
    "automaton": automaton,
    "finite-state-machine": finite_state_machine,
    "python-statemachine": python_statemachine,
}
"""By name. Building one raises ModuleNotFoundError where its library is not installed."""
