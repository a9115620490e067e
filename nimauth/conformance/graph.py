"""Every input in every reachable configuration of a machine, for any machine.

A *configuration* is all that a session holds: two sessions that are equal are one configuration. The walk is breadth
first, so that the path to a configuration is a shortest one and the first broken invariant is a shortest story.

    graph = explore([Door()], [("push", 3), ("push", 20), ("pull",)], invariants=[never_creaks_twice])

It needs a session that can be copied and told apart by `key`, and inputs that a `step` function can apply. For a
machine on nimauth's engine the defaults will do: an input is an event with its arguments.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import attrs
from attrs import field, frozen

from ..engine import NotAllowed, Program, Row

S = TypeVar("S")
I = TypeVar("I")  # noqa: E741  (an input)
A = TypeVar("A")

Step = Callable[[S, I], tuple[A, S]]
"""Applies an input to a session that it may change: the answer, and the session as it is then."""


@frozen(eq=False)
class Edge(Generic[S, I, A]):
    """One input in one configuration."""

    number: int
    """Edges are numbered by configuration, and within it in the order of the inputs."""
    source: int
    """The number of the configuration in which the input comes."""
    target: int
    before: S = field(repr=False)
    input: I
    answer: A
    after: S = field(repr=False)
    row: Row | None = None
    """The row of the machine that took it; None where it was refused, or where nobody said how to tell."""
    guards: tuple[tuple[str, bool], ...] = ()
    """The guards that were asked, and whether they agreed."""

    @property
    def moves(self) -> bool:
        """Whether the configuration is another one afterwards."""
        return self.source != self.target


Invariant = Callable[[Edge[S, I, A]], None]
"""Raises AssertionError when it does not hold of this step."""


class InvariantBroken(AssertionError):
    """An invariant does not hold. `story` has the inputs that lead there from a start, the last one breaks it."""

    def __init__(self, what: str, story: Sequence[Any]) -> None:
        lines = "\n".join(f"  {number}. {heard}" for number, heard in enumerate(story, 1))
        super().__init__(f"{what}; the shortest story is\n{lines}")
        self.what, self.story = what, tuple(story)

    def __reduce__(self) -> tuple[type[InvariantBroken], tuple[str, tuple[Any, ...]]]:
        return type(self), (self.what, self.story)


@frozen(eq=False)
class Graph(Generic[S, I, A]):
    """All the configurations that can be reached, and what each input does in each of them."""

    inputs: tuple[I, ...]
    configurations: tuple[S, ...] = field(repr=False)
    """By number; the starts come first."""
    edges: tuple[Edge[S, I, A], ...] = field(repr=False)
    _into: tuple[Edge[S, I, A] | None, ...] = field(repr=False, alias="into")
    """The last edge of a shortest path to each configuration."""

    def edge(self, configuration: int, heard: int) -> Edge[S, I, A]:
        """What the input with this number does in the configuration with this number."""
        return self.edges[configuration * len(self.inputs) + heard]

    def out(self, configuration: int) -> tuple[Edge[S, I, A], ...]:
        """What each of the inputs does there."""
        first = configuration * len(self.inputs)
        return self.edges[first : first + len(self.inputs)]

    def path(self, configuration: int) -> tuple[Edge[S, I, A], ...]:
        """A shortest path from a start."""
        path: list[Edge[S, I, A]] = []
        while (edge := self._into[configuration]) is not None:
            path.append(edge)
            configuration = edge.source
        return tuple(reversed(path))

    @property
    def rows(self) -> frozenset[Row]:
        """The rows of the machine that some edge takes."""
        return frozenset(edge.row for edge in self.edges if edge.row is not None)


def fire(session: S, heard: Any) -> tuple[Any, S]:
    """The step of a machine on the engine: the input is an event and its arguments. Gives whether a row took it, or
    the `NotAllowed` where the state has none.
    """
    event, *arguments = _input(heard)
    try:
        return _program(session).triggers[event](session, *arguments), session
    except NotAllowed as refused:
        return refused, session


def asked(session: object, heard: Any) -> tuple[Row | None, tuple[tuple[str, bool], ...]]:
    """Which row of a machine on the engine would take the input, and how its guards answer."""
    event, *arguments = _input(heard)
    return ask(_program(session), session, event, *arguments)


def ask(
    program: Program, session: object, event: str, *arguments: Any
) -> tuple[Row | None, tuple[tuple[str, bool], ...]]:
    """The same, of a program."""
    row = program.taken(session, event, *arguments)
    guards = [(str(refusal.guard), False) for refusal in program.refusals(session, event, *arguments)]
    if row is not None:
        guards += [(getattr(guard, "__name__", str(guard)), wanted) for guard, wanted in row.guards]
    return row, tuple((name.removeprefix("not "), agreed != name.startswith("not ")) for name, agreed in guards)


def value(session: object) -> Hashable:
    """What tells configurations apart by default: the fields that take part in `==`, of an attrs class; else itself.

    Raises TypeError for a session that has nothing of the kind.
    """
    kind: Any = type(session)
    if not attrs.has(kind):
        if kind.__hash__ is None or kind.__hash__ is object.__hash__:
            raise TypeError(
                f"nothing tells one {kind.__name__} from another that is alike; make it an attrs class, "
                "or give explore a key"
            )
        assert isinstance(session, Hashable)
        return session
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(kind)
    values = tuple(getattr(session, a.name) for a in fields if a.eq)
    try:
        hash(values)
    except TypeError as error:
        raise TypeError(
            f"a field of {kind.__name__} cannot tell sessions apart ({error}); leave it out of == (eq=False), "
            "or give explore a key"
        ) from None
    return values


def explore(
    starts: Iterable[S],
    inputs: Iterable[I],
    step: Step[S, I, Any] = fire,
    *,
    key: Callable[[S], Hashable] = value,
    row: Callable[[S, I], tuple[Row | None, tuple[tuple[str, bool], ...]]] | None = asked,
    invariants: Iterable[Invariant[S, I, Any]] = (),
    limit: int = 100_000,
) -> Graph[S, I, Any]:
    """Walk a machine. `row` tells which row takes an input and how the guards answer; None where nobody can tell.

    Raises InvariantBroken with the shortest story; TypeError for a session or an input that it cannot use; ValueError
    without a session, and when there are more than `limit` configurations: something in the session then counts up
    without bound, and belongs out of the `key`.
    """
    inputs, invariants = tuple(inputs), tuple(invariants)
    numbers: dict[Hashable, int] = {}
    configurations: list[S] = []
    into: list[Edge[S, I, Any] | None] = []
    edges: list[Edge[S, I, Any]] = []
    queue: deque[int] = deque()

    def number_of(session: S) -> int:
        name = key(session)
        number = numbers.get(name)
        if number is None:
            number = numbers[name] = len(configurations)
            if number >= limit:
                raise ValueError(
                    f"the machine has more than {limit} configurations; leave what counts up out of the key, "
                    "or raise the limit"
                )
            configurations.append(session)
            into.append(None)
            queue.append(number)
        return number

    for session in starts:
        number_of(session)
    if not configurations:
        raise ValueError("there is no session to start from; give explore one")
    while queue:
        source = queue.popleft()
        before = configurations[source]
        for heard in inputs:
            taken, guards = (None, ()) if row is None else row(before, heard)
            answer, after = step(copy.copy(before), heard)
            known = len(configurations)
            target = number_of(after)
            edge = Edge(len(edges), source, target, before, heard, answer, after, taken, guards)
            edges.append(edge)
            if target == known:
                into[target] = edge
            for invariant in invariants:
                try:
                    invariant(edge)
                except AssertionError as broken:
                    path = Graph(inputs, tuple(configurations), (), tuple(into)).path(source)
                    what = str(broken) or getattr(invariant, "__name__", "the invariant")
                    raise InvariantBroken(what, [*(e.input for e in path), heard]) from broken
    return Graph(inputs, tuple(configurations), tuple(edges), tuple(into))


def _input(heard: Any) -> Any:
    if isinstance(heard, tuple):
        return heard
    raise TypeError(f"an input is an event with its arguments, as a tuple; give ({heard!r},), or give explore a step")


def _program(session: object) -> Program:
    program = getattr(type(session), "__program__", None)
    if not isinstance(program, Program):
        raise TypeError(f"{type(session).__name__} has no machine; put @runs on the class, or give explore a step")
    return program
