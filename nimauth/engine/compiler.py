"""From a `transitions` Machine to one plain function per event.

What is generated for an event is what `transitions` 0.9 would do, unrolled: pick the rows of the present state; for
each, run `prepare`, ask the guards, and on the first row whose guards agree run `before`, leave, set the state, enter,
run `after`. All that a machine can be configured to do beyond that (queues, event objects, nested states, handlers for
exceptions) is refused, so that a program never means something else than its declaration. What is refused stands in
`checks`, how the source looks in `writer`.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from functools import lru_cache, update_wrapper, wraps
from types import CodeType, FunctionType
from typing import Any, TypeVar

from attrs import evolve
from transitions import Machine, State

from .checks import check_machine, is_async
from .errors import EngineError, NotAllowed, Unsupported
from .outline import Callback, outline_of
from .program import Program
from .writer import Face, Writer

Stub = TypeVar("Stub", bound=Callable[..., bool])
Session = TypeVar("Session")


def trigger(stub: Stub) -> Stub:
    """Mark a method as the typed face of an event: its signature and docstring are kept, its body is generated."""
    if not isinstance(stub, FunctionType) or is_async(stub):
        raise Unsupported(f"{stub!r} cannot be the face of an event; put @trigger on a plain method (def, with self)")

    @wraps(stub)
    def uncompiled(*_: object, **__: object) -> bool:
        raise EngineError(f"{stub.__qualname__} has no body, because its class is not compiled; decorate it with @runs")

    uncompiled.__trigger__ = True  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return uncompiled  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


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
    check_machine(machine)
    outline = outline_of(machine)
    cases = outline.cases
    members = _members(session)
    stubs = _stubs(machine, session, members, arguments)
    faces = {stub: Face.of(stub) for stub in dict.fromkeys(stubs.values())}
    collectors = {stub: face.collector() for stub, face in faces.items()}
    writer = Writer(machine, session, members)
    sources = {event: writer.function(event, cases, faces[stub]) for event, stub in stubs.items()}

    attribute = machine.model_attribute
    states = [state.value for state in machine.states.values()]
    ignoring = {state.value for state in machine.states.values() if _ignores(machine, state)}

    def no_row(model: object, event: str) -> bool:
        state = getattr(model, attribute)
        if state in ignoring:
            return False
        if state in states:
            raise NotAllowed(event, str(state), program.allowed(model))
        raise EngineError(f"{state!r} is no state of {program.name}'s machine; set {attribute} to one that it declares")

    scope: dict[str, Any] = {**writer.constants, "_callable": callable, "_no_row": no_row}
    for event, stub in stubs.items():
        path = f"<{event} of {session.__module__}.{session.__qualname__}>"
        linecache.cache[path] = len(sources[event]), None, sources[event].splitlines(keepends=True), path
        exec(_compiled(sources[event], path), scope)  # noqa: S102  (written above, from the declaration)
        function: Any = update_wrapper(faces[stub].dress(scope[event]), stub, assigned=("__doc__",))
        function.__module__, function.__qualname__ = session.__module__, f"{session.__qualname__}.{event}"
    program = Program(
        name=session.__qualname__,
        triggers={event: scope[event] for event in stubs},
        outline=evolve(
            outline,
            entering=_with_implied(machine, writer, "on_enter", outline.entering),
            leaving=_with_implied(machine, writer, "on_exit", outline.leaving),
        ),
        rules=dict(rules or {}),
        source="\n\n".join(sources.values()),
        attribute=attribute,
        collectors={event: collectors[stub] for event, stub in stubs.items()},
    )
    return program


@lru_cache(maxsize=512)
def _compiled(source: str, path: str) -> CodeType:
    """Kept, as machines that are compiled by the thousand differ in a single event: see `conformance.mutation`."""
    return compile(source, path, "exec")


def _with_implied(
    machine: Machine, writer: Writer, kind: str, callbacks: Mapping[Any, tuple[Callback, ...]]
) -> Mapping[Any, tuple[Callback, ...]]:
    """Together with the methods of the class that `transitions` finds by their names."""
    states = machine.states.values()
    return {state.value: (*callbacks[state.value], *writer.implied(kind, state)) for state in states}


def _ignores(machine: Machine, state: State) -> bool:
    own: bool | None = state.ignore_invalid_triggers
    return bool(machine.ignore_invalid_triggers if own is None else own)


def _members(session: type) -> dict[str, object]:
    """Everything a session answers to: methods, properties, slots, and fields that are only annotated."""
    fields = {name: None for kind in session.__mro__ for name in getattr(kind, "__annotations__", ())}
    return {**fields, **{name: member for kind in reversed(session.__mro__) for name, member in vars(kind).items()}}


# -- signatures --------------------------------------------------------------------------------------------------------


def _stubs(machine: Machine, session: type, members: Mapping[str, object], arguments: str) -> dict[str, Any]:
    """By event, the function whose parameters the generated one takes over."""
    for name, member in members.items():
        if _is_trigger(member) and name not in machine.events:
            raise Unsupported(
                f"{session.__name__}.{name} is marked as a trigger, but the machine has no such event; add it"
            )
    scope: dict[str, Any] = {}
    try:
        exec(f"def trigger(self, {arguments}): ...", scope)  # noqa: S102  (the author's own text)
    except (SyntaxError, NameError) as error:
        raise Unsupported(
            f"the arguments {arguments!r} are no parameter list; write what stands after self in a def"
        ) from error
    untyped = scope["trigger"]
    untyped.__trigger__ = False  # what it generates is a trigger too, but its parameters bind no subclass
    stubs = {}
    for event in machine.events:
        member = members.get(event)
        if member is not None and not _is_trigger(member):
            raise Unsupported(
                f"{session.__name__}.{event} exists and would be replaced by the event of that name; "
                "make it a plain method with @trigger, or rename one of the two"
            )
        stubs[str.__str__(event)] = member if getattr(member, "__trigger__", False) else untyped
    return stubs


def _is_trigger(member: object) -> bool:
    return isinstance(member, FunctionType) and hasattr(member, "__trigger__")
