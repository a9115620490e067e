"""From a `transitions` Machine to one plain function per event.

What is generated for an event is what `transitions` 0.9 would do, unrolled: pick the rows of the present state; for
each, run `prepare`, ask the guards, and on the first row whose guards agree run `before`, leave, set the state, enter,
run `after`. All that a machine can be configured to do beyond that (queues, event objects, nested states, handlers for
exceptions) is refused here, so that a program never means something else than its declaration.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from transitions import Event, Machine, State, Transition
from transitions.core import Condition

from .errors import NotAllowed, Unsupported
from .program import Callback, Program, Row, name_of

Stub = TypeVar("Stub", bound=Callable[..., bool])
Session = TypeVar("Session")


def trigger(stub: Stub) -> Stub:
    """Mark a method as the typed face of an event: its signature and docstring are kept, its body is generated."""
    stub.__trigger__ = True  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]
    return stub


def runs(
    machine: Machine, *, arguments: str = "", rules: Mapping[str, str] | None = None
) -> Callable[[type[Session]], type[Session]]:
    """Class decorator: compile `machine` for the class and install a method for each event.

    `arguments` is the parameter list of the events that have no `@trigger` stub. The program itself is left on the
    class as `__program__`. Raises Unsupported.
    """

    def install(session: type[Session]) -> type[Session]:
        program = compile_machine(machine, session, arguments=arguments, rules=rules)
        for event, function in program.triggers.items():
            setattr(session, event, function)
        session.__program__ = program  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        return session

    return install


def compile_machine(
    machine: Machine, session: type, *, arguments: str = "", rules: Mapping[str, str] | None = None
) -> Program:
    """Compile `machine` for sessions of one class, without changing either.

    `arguments` is the parameter list, as source text, of the events for which the class has no `@trigger` stub;
    `rules` says what each guard enforces, for `Program.explain`. Raises Unsupported when the machine uses a feature
    that the compiler does not know, or names something that the class does not have.
    """
    _check_machine(machine)
    rows = _rows(machine)
    stubs = {event: _stub(session, event, arguments) for event in machine.events}
    for name in dir(session):
        if hasattr(getattr(session, name, None), "__trigger__") and name not in stubs:
            raise Unsupported(f"{session.__name__}.{name} is marked as a trigger, but the machine has no such event")
    writer = _Writer(machine, session)
    source = "\n\n".join(writer.function(event, rows, stub) for event, stub in stubs.items())
    path = f"<triggers of {session.__qualname__}>"
    linecache.cache[path] = len(source), None, source.splitlines(keepends=True), path  # for tracebacks

    def not_allowed(model: object, event: str) -> NotAllowed:
        return NotAllowed(event, str(getattr(model, machine.model_attribute)), program.allowed(model))

    scope: dict[str, Any] = {**writer.constants(), "_not_allowed": not_allowed}
    exec(compile(source, path, "exec"), scope)  # noqa: S102  (written above, from the declaration)
    for event, stub in stubs.items():
        function = scope[event]
        function.__defaults__, function.__kwdefaults__ = stub.__defaults__, stub.__kwdefaults__
        function.__doc__, function.__module__ = stub.__doc__, session.__module__
        function.__qualname__ = f"{session.__qualname__}.{event}"
    program = Program(
        name=session.__qualname__,
        triggers={event: scope[event] for event in stubs},
        rows=tuple(row for cases in rows.values() for row in cases),
        rules=dict(rules or {}),
        source=source,
        attribute=machine.model_attribute,
        cases=rows,
    )
    return program


# -- what is refused ---------------------------------------------------------------------------------------------------


def _check_machine(machine: Machine) -> None:
    _plain(machine, Machine)
    for feature, used in {
        "queued": machine.has_queue,
        "send_event": machine.send_event,
        "on_exception": machine.on_exception,
        "finalize_event": machine.finalize_event,
        "a registered model": machine.models,
    }.items():
        if used:
            raise Unsupported(f"the machine uses {feature}, which the compiler does not know; declare it without")
    for state in machine.states.values():
        _plain(state, State)
    for event in machine.events.values():
        _plain(event, Event)
        if not event.name.isidentifier():
            raise Unsupported(f"the event {event.name!r} cannot be a method; name it as an identifier")


def _plain(part: object, kind: type) -> None:
    """A subclass may override what a step does, so only the stock class is known."""
    if type(part) is not kind:
        raise Unsupported(f"{part!r} is not a plain transitions {kind.__name__}, so its behaviour cannot be compiled")


def _rows(machine: Machine) -> dict[tuple[Any, str], tuple[Row, ...]]:
    """The declaration as plain data, by source and event."""

    def value(state: str) -> Any:
        return machine.states[state].value

    rows = {}
    for event in machine.events.values():
        for source, transitions in event.transitions.items():
            for transition in transitions:
                _plain(transition, Transition)
                for condition in transition.conditions:
                    _plain(condition, Condition)
            rows[value(source), event.name] = tuple(
                Row(
                    event=event.name,
                    source=value(source),
                    target=value(transition.dest) if transition.dest else None,
                    guards=tuple((c.func, c.target) for c in transition.conditions),
                    prepare=tuple(transition.prepare),
                    before=tuple(transition.before),
                    after=tuple(transition.after),
                )
                for transition in transitions
            )
    return rows


# -- signatures --------------------------------------------------------------------------------------------------------


def _stub(session: type, event: str, arguments: str) -> Any:
    """The function whose parameters the generated one takes over."""
    stub: Any = getattr(session, event, None)
    if stub is None:
        scope: dict[str, Any] = {}
        exec(f"def {event}({', '.join(filter(None, ['self', arguments]))}): ...", scope)  # noqa: S102  (the author's own)
        stub = scope[event]
    elif not hasattr(stub, "__trigger__"):
        raise Unsupported(
            f"{session.__name__}.{event} exists and would be replaced by the event of that name; "
            "mark it with @trigger, or rename one of the two"
        )
    for parameter in list(inspect.signature(stub).parameters)[1:]:
        if parameter == "self" or parameter.startswith("_"):
            raise Unsupported(f"the parameter {parameter} of {event} may hide a name of the generated code; rename it")
    return stub


_FORWARDED: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*{0}",
    inspect.Parameter.VAR_KEYWORD: "**{0}",
    inspect.Parameter.KEYWORD_ONLY: "{0}={0}",
}


def _header_and_call(stub: Any) -> tuple[str, str]:
    """The parameter list as the generated function spells it, and the argument list by which it passes them on."""
    session, *parameters = inspect.signature(stub).parameters.values()
    bare = [p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else None) for p in parameters]
    header = inspect.Signature([session.replace(name="self", annotation=session.empty), *bare])
    return str(header), ", ".join(_FORWARDED.get(p.kind, "{0}").format(p.name) for p in parameters)


# -- the source --------------------------------------------------------------------------------------------------------


class _Writer:
    """Writes the source of all triggers of one machine, and the constants that it names."""

    def __init__(self, machine: Machine, session: type) -> None:
        self._machine = machine
        self._session = session
        self._members = _members(session)
        self._states = {state.value: state for state in machine.states.values()}
        self._attribute = f"self.{machine.model_attribute}"
        self._names: dict[str, object] = {}

    def function(self, event: str, rows: Mapping[tuple[Any, str], tuple[Row, ...]], stub: Any) -> str:
        """The source of one trigger."""
        header, arguments = _header_and_call(stub)
        branches: dict[str, list[Any]] = {}  # sources that do the same share one branch
        for state in self._states:
            if cases := rows.get((state, event)):
                body = self._body(cases, arguments)
            elif self._ignores(state):
                body = "        return False\n"
            else:
                continue
            branches.setdefault(body, []).append(state)
        tests = "".join(f"    if {self._test(states)}:\n{body}" for body, states in branches.items())
        return f"def {event}{header}:\n    _state = {self._attribute}\n{tests}    raise _not_allowed(self, {event!r})\n"

    def constants(self) -> dict[str, object]:
        """What the generated source names."""
        return self._names

    def _ignores(self, state: Any) -> bool:
        own: bool | None = self._states[state].ignore_invalid_triggers
        return bool(self._machine.ignore_invalid_triggers if own is None else own)

    def _test(self, states: list[Any]) -> str:
        if len(states) > 4:
            return f"_state in {self._name(frozenset(states), 'states')}"
        # An enum member is one object; a string is compared by value.
        return " or ".join(f"_state {'is' if isinstance(s, Enum) else '=='} {self._value(s)}" for s in states)

    def _value(self, state: Any) -> str:
        return self._name(state, "state") if isinstance(state, Enum) else repr(state)

    def _body(self, rows: tuple[Row, ...], arguments: str) -> str:
        lines = self._calls(self._machine.prepare_event, arguments)
        for row in rows:
            lines += self._row(row, arguments)
            if not row.guards:
                break  # the rows behind an unguarded one are never reached
        else:
            lines.append("return False")
        return "".join(f"        {line}\n" for line in lines)

    def _row(self, row: Row, arguments: str) -> list[str]:
        machine = self._machine
        steps = self._calls([*machine.before_state_change, *row.before], arguments)
        if row.target is not None:
            source, target = self._states[row.source], self._states[row.target]
            steps += self._calls([*source.on_exit, *self._implied("on_exit", source)], arguments)
            steps.append(f"{self._attribute} = {self._value(row.target)}")
            steps += self._calls([*target.on_enter, *self._implied("on_enter", target)], arguments)
            if target.final:
                steps += self._calls(machine.on_final, arguments)
        steps += self._calls([*row.after, *machine.after_state_change], arguments)
        steps.append("return True")
        head = self._calls(row.prepare, arguments)
        if not row.guards:
            return head + steps
        # `transitions` compares a guard's answer with True or False, so that None neither agrees nor denies.
        tests = " and ".join(f"{self._call(guard, arguments)} == {wanted}" for guard, wanted in row.guards)
        return [*head, f"if {tests}:", *(f"    {step}" for step in steps)]

    def _implied(self, kind: str, state: State) -> list[str]:
        """`transitions` finds methods called on_enter_<state> and on_exit_<state> by themselves."""
        name = f"{kind}_{state.name}"
        return [name] if callable(self._members.get(name)) and name not in getattr(state, kind) else []

    def _calls(self, callbacks: list[Any] | tuple[Any, ...], arguments: str) -> list[str]:
        return [self._call(callback, arguments) for callback in callbacks]

    def _call(self, callback: Callback, arguments: str) -> str:
        if isinstance(callback, str) and callback not in self._members:
            raise Unsupported(f"the machine names {callback!r}, which {self._session.__name__} does not have; add it")
        member = self._members[callback] if isinstance(callback, str) else callback
        if inspect.iscoroutinefunction(member):
            raise Unsupported(f"the callback {name_of(callback)} is a coroutine; a machine's step is synchronous")
        if not isinstance(callback, str):
            return f"{self._name(callback, 'call')}({arguments})"
        called = callable(member) or isinstance(member, classmethod)
        return f"self.{callback}({arguments})" if called else f"self.{callback}"  # a property or a slot is read

    def _name(self, value: object, kind: str) -> str:
        for name, known in self._names.items():
            if known is value or (isinstance(value, frozenset) and known == value):
                return name
        name = f"_{kind}_{value.name.lower()}" if isinstance(value, Enum) else f"_{kind}_{len(self._names)}"
        self._names[name] = value
        return name


def _members(session: type) -> dict[str, object]:
    """Everything a session answers to: methods, properties, slots, and fields that are only annotated."""
    fields = {name: None for kind in reversed(session.__mro__) for name in getattr(kind, "__annotations__", ())}
    return {**fields, **{name: inspect.getattr_static(session, name) for name in dir(session)}}
