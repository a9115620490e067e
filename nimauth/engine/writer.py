"""The generated source: one function per event, and the constants that it names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from enum import Enum
from types import FunctionType
from typing import Any

from attrs import frozen
from transitions import Machine, State

from .checks import check_name, is_async
from .errors import Unsupported
from .outline import Callback, Cases, Row, name_of

Collector = Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]

_Parameter = inspect.Parameter
_FORWARDED: dict[Any, str] = {
    _Parameter.VAR_POSITIONAL: "*{0}",
    _Parameter.VAR_KEYWORD: "**{0}",
    _Parameter.KEYWORD_ONLY: "{0}={0}",
}


@frozen
class Face:
    """How a generated function takes its arguments and passes them on."""

    header: str
    """The parameter list in source; None stands for every default."""
    arguments: str
    defaults: tuple[object, ...]
    named_defaults: dict[str, object]

    def dress(self, function: Any) -> Any:
        """Give a function that was written with this header the defaults themselves."""
        function.__defaults__, function.__kwdefaults__ = self.defaults, self.named_defaults
        return function

    def collector(self) -> Collector:
        """A function that takes what the trigger takes, and answers what a callback of it would be given."""
        scope: dict[str, Any] = {"_collect": lambda *args, **kwargs: (args, kwargs)}
        exec(f"def arguments{self.header}: return _collect({self.arguments})", scope)  # noqa: S102  (see Writer)
        collector: Collector = self.dress(scope["arguments"])
        return collector

    @classmethod
    def of(cls, stub: Any) -> Face:
        parameters = list(inspect.signature(stub).parameters.values())
        if not parameters or parameters[0].kind not in (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD):
            raise Unsupported(f"{stub.__qualname__} does not take the session; give it self as its first parameter")
        given = parameters[1:]
        for name in [p.name for p in given]:
            if name == "self" or name.startswith("_"):
                raise Unsupported(
                    f"the parameter {name} of {stub.__qualname__} may hide a name of the generated code; rename it"
                )
        bare = [p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else None) for p in given]
        session = parameters[0].replace(name="self", annotation=_Parameter.empty, default=_Parameter.empty)
        named = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
        return cls(
            header=str(inspect.Signature([session, *bare])),
            arguments=", ".join(_FORWARDED.get(p.kind, "{0}").format(p.name) for p in given),
            defaults=tuple(p.default for p in given if p.default is not p.empty and p.name not in named),
            named_defaults=named,
        )


class Writer:
    """Writes the source of all triggers of one machine, and collects the constants that it names."""

    def __init__(self, machine: Machine, session: type, members: Mapping[str, object]) -> None:
        self.constants: dict[str, object] = {}
        """What the generated source names."""
        self._machine = machine
        self._session = session
        self._members = members
        self._states = {state.value: state for state in machine.states.values()}
        self._attribute = f"self.{machine.model_attribute}"
        self._names: dict[Hashable, str] = {}
        self._calls_known: dict[Hashable, str] = {}

    def function(self, event: str, cases: Cases, face: Face) -> str:
        """The source of one trigger."""
        branches: dict[str, list[Any]] = {}  # sources that do the same share one branch
        for state in self._states:
            rows = cases.get((state, event))
            if rows is not None:
                branches.setdefault(self._body(rows, face.arguments), []).append(state)
        tests = "".join(f"    if {self._test(states)}:\n{body}" for body, states in branches.items())
        return (
            f"def {event}{face.header}:\n    _state = {self._attribute}\n{tests}    return _no_row(self, {event!r})\n"
        )

    def _test(self, states: list[Any]) -> str:
        # By value, however many there are. Members of an Enum that are nothing else (no string, no number) equal only
        # themselves, so `is` asks the same, faster. A string's hash is at hand; that of such a member is slow.
        if len(states) > 4 and all(isinstance(state, str) for state in states):
            return f"_state in {self._name(frozenset(states), 'states')}"
        return " or ".join(f"_state {'is' if _only_itself(s) else '=='} {self._literal(s)}" for s in states)

    def _literal(self, state: Any) -> str:
        return self._name(state, f"state_{state.name.lower()}") if isinstance(state, Enum) else repr(state)

    def _body(self, rows: tuple[Row, ...], arguments: str) -> str:
        lines = self._calls(self._machine.prepare_event, arguments)
        reached = True
        for row in rows:
            written = self._row(row, arguments)  # a row behind an unguarded one, too: what it names is checked here
            if reached:
                lines += written
            reached = reached and bool(row.guards)
        if reached:
            lines.append("return False")
        return "".join([f"        {line}\n" for line in lines])

    def _row(self, row: Row, arguments: str) -> list[str]:
        machine = self._machine
        steps = self._calls([*machine.before_state_change, *row.before], arguments)
        if row.target is not None:
            source, target = self._states[row.source], self._states[row.target]
            steps += self._calls([*source.on_exit, *self.implied("on_exit", source)], arguments)
            steps.append(f"{self._attribute} = {self._literal(row.target)}")
            steps += self._calls([*target.on_enter, *self.implied("on_enter", target)], arguments)
            if target.final:
                steps += self._calls(machine.on_final, arguments)
        steps += self._calls([*row.after, *machine.after_state_change], arguments)
        steps.append("return True")
        head = self._calls(row.prepare, arguments)
        if not row.guards:
            return head + steps
        # `transitions` compares a guard's answer with True or False, so that None neither agrees nor denies.
        tests = " and ".join([f"{self._call(guard, arguments)} == {wanted}" for guard, wanted in row.guards])
        return [*head, f"if {tests}:", *[f"    {step}" for step in steps]]

    def implied(self, kind: str, state: State) -> list[str]:
        """`transitions` finds methods called on_enter_<state> and on_exit_<state> by themselves."""
        name = f"{kind}_{state.name}"
        if name not in self._members or name in getattr(state, kind):
            return []
        if not isinstance(self._members[name], FunctionType | classmethod):
            raise Unsupported(
                f"{self._session.__name__}.{name} has the name of a callback and is no method, so that transitions may "
                "or may not call it; make it a method, or rename it"
            )
        return [name]

    def _calls(self, callbacks: Iterable[Callback], arguments: str) -> list[str]:
        return [self._call(callback, arguments) for callback in callbacks]

    def _call(self, callback: Callback, arguments: str) -> str:
        key = callback if type(callback) is str else id(callback), arguments
        if key not in self._calls_known:
            self._calls_known[key] = self._new_call(callback, arguments)
        return self._calls_known[key]

    def _new_call(self, callback: Callback, arguments: str) -> str:
        if not isinstance(callback, str):
            if not callable(callback):
                raise Unsupported(f"the callback {callback!r} can be neither called nor looked up; give a name")
            self._check_sync(callback, callback)
            return f"{self._name(callback, 'call')}({arguments})"
        name = str.__str__(callback)
        if name not in self._members:
            raise Unsupported(
                f"the machine names {name!r}, which {self._session.__name__} does not have; add it"
                + (", or give the function itself instead of its path" if "." in name else "")
            )
        check_name(name, "callback")
        member = self._members[name]
        self._check_sync(member, name)
        if isinstance(member, FunctionType | staticmethod | classmethod):
            return f"self.{name}({arguments})"
        # A property, a slot or another descriptor: what it gives is the answer, unless that can be called.
        return f"(_value({arguments}) if _callable(_value := self.{name}) else _value)"

    def _check_sync(self, member: object, callback: Callback) -> None:
        if is_async(member):
            raise Unsupported(
                f"the callback {name_of(callback)} is a coroutine, and a machine's step is synchronous; "
                "let it note what is to be done, and await that outside"
            )

    def _name(self, value: Any, label: str) -> str:
        """The name by which the source knows this value."""
        key = label, value if isinstance(value, frozenset) else id(value)
        if key not in self._names:
            name = f"_{label}" if label.isidentifier() and label.isascii() else "_constant"
            while name in self.constants:
                name += "_"
            self._names[key] = name
            self.constants[name] = value
        return self._names[key]


def _only_itself(state: Any) -> bool:
    """Whether nothing else can be equal to this state."""
    return isinstance(state, Enum) and type(state).__eq__ is object.__eq__
