"""Test paths from a graph: sequences of inputs that together do everything once. For any machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Generic, TypeVar

from .graph import A, Edge, Graph, I, S

K = TypeVar("K", bound=Hashable)
Path = tuple[Edge[S, I, A], ...]


def every_configuration(graph: Graph[S, I, A]) -> Iterator[Path[S, I, A]]:
    """A shortest path to each configuration."""
    return (graph.path(number) for number in range(len(graph.configurations)))


def every_input(graph: Graph[S, I, A]) -> Iterator[Path[S, I, A]]:
    """Every input in every configuration, each reached by a shortest path.

    What does not move a configuration is tried there one after the other, and then what moves it, each on a path of
    its own.
    """
    for number in range(len(graph.configurations)):
        path = graph.path(number)
        out = graph.out(number)
        resting = tuple(edge for edge in out if not edge.moves)
        moving = [edge for edge in out if edge.moves]
        yield (*path, *resting, *moving[:1])
        yield from ((*path, edge) for edge in moving[1:])


def cover(graph: Graph[S, I, A], what: Callable[[Edge[S, I, A]], K | None]) -> Iterator[Path[S, I, A]]:
    """Shortest paths on which each value of `what` comes up. None stands for nothing of interest."""
    seen: set[K] = set()
    # From the farthest: a long path does on its way what would take short ones of their own.
    first: dict[K, Edge[S, I, A]] = {}
    for edge in graph.edges:
        if (name := what(edge)) is not None:
            first.setdefault(name, edge)
    for name, edge in sorted(first.items(), key=lambda item: -len(graph.path(item[1].source))):
        if name in seen:
            continue
        path = (*graph.path(edge.source), edge)
        seen.update(n for n in map(what, path) if n is not None)
        yield path


def cover_pairs(graph: Graph[S, I, A], what: Callable[[Edge[S, I, A]], K | None]) -> Iterator[Path[S, I, A]]:
    """Shortest paths on which each two values of `what` that can follow one another do so."""
    seen: set[tuple[K, K]] = set()
    for source in range(len(graph.configurations)):
        for edge in graph.out(source):
            first = what(edge)
            if first is None:
                continue
            for then in graph.out(edge.target):
                second = what(then)
                if second is None or (first, second) in seen:
                    continue
                path = (*graph.path(source), edge, then)
                names = [what(step) for step in path]
                seen.update((a, b) for a, b in pairwise(names) if a is not None and b is not None)
                yield path


def every_pair(
    graph: Graph[S, I, A],
    inputs: Collection[int] | None = None,
    also: Iterable[Edge[S, I, A]] = (),
    start: int = 0,
) -> Iterator[Iterator[Edge[S, I, A]]]:
    """Long walks in which, in every configuration, after every way into it, every input comes.

    So whatever a program remembers of its last step beside its configuration, it is asked about it. `inputs` narrows
    the walks to the inputs with these numbers; `also` are edges of other inputs, after each of which they come as well.
    Each begins in the configuration `start`, and leaves out what that does not lead to. There is one walk as long as it
    can go on; from where nothing leads back to what is left, the next one begins. Take each to its end, in their order.
    Raises ValueError when there is no such configuration.
    """
    if start not in range(len(graph.configurations)):
        raise ValueError(f"there is no configuration {start}; give one of 0 to {len(graph.configurations) - 1}")
    tour = _Tour(graph, range(len(graph.inputs)) if inputs is None else inputs, also, start)
    while tour.way_to_work(start):
        yield _walk(tour, start)


def _walk(tour: _Tour[S, I, A], start: int) -> Iterator[Edge[S, I, A]]:
    at, last = start, None
    while True:
        then = tour.next_after(last)
        if then is not None:
            way = [then]
        elif not (way := tour.way_to_work(at)):
            return
        for edge in way:
            tour.done(last, edge)
            last = edge
            at = edge.target
            yield edge


class _Tour(Generic[S, I, A]):
    """What is still to be done after each edge."""

    def __init__(
        self, graph: Graph[S, I, A], inputs: Collection[int], also: Iterable[Edge[S, I, A]], start: int
    ) -> None:
        configurations = range(len(graph.configurations))
        out = [[graph.edge(number, heard) for heard in inputs] for number in configurations]
        # A dict is a set with an order. What moves is taken first (from the end), because it leads on; and last of all
        # what there is no way back from.
        back = _leading_to(start, out)
        after = [
            {edge.number: edge for edge in sorted(edges, key=lambda edge: (edge.target in back, edge.moves))}
            for edges in out
        ]
        self._left = {edge.number: dict(after[edge.target]) for edges in out for edge in edges}
        self._busy = [{edge.number: edge for edge in edges} for edges in out]
        """The edges out of each configuration after which something is to be done."""
        for edge in also:
            self._left[edge.number] = dict(after[edge.target])
            self._busy[edge.source][edge.number] = edge
        self._roads = [list({edge.target: edge for edge in edges if edge.moves}.values()) for edges in out]
        """One edge to each neighbour."""
        self._ways: dict[int, dict[int, Edge[S, I, A] | None]] = {}

    def next_after(self, last: Edge[S, I, A] | None) -> Edge[S, I, A] | None:
        """Something that is to be done right here."""
        left = self._left[last.number] if last is not None else None
        return left[next(reversed(left))] if left else None

    def done(self, last: Edge[S, I, A] | None, edge: Edge[S, I, A]) -> None:
        """`edge` came after `last`."""
        if last is None:
            return
        left = self._left[last.number]
        left.pop(edge.number, None)
        if not left:
            self._busy[last.source].pop(last.number, None)

    def way_to_work(self, at: int) -> list[Edge[S, I, A]]:
        """The shortest way to an edge, and over it, after which something is to be done; empty when all is done."""
        came = self._came_to(at)
        for here in came:
            if self._busy[here]:
                way = [next(reversed(self._busy[here].values()))]
                while (before := came[way[-1].source]) is not None:
                    way.append(before)
                return way[::-1]
        return []

    def _came_to(self, at: int) -> dict[int, Edge[S, I, A] | None]:
        """Every configuration that can be come to from here, the nearest first, with the last edge of a way there."""
        came = self._ways.get(at)
        if came is None:
            came = self._ways[at] = {at: None}
            queue = deque([at])
            while queue:
                for road in self._roads[queue.popleft()]:
                    if road.target not in came:
                        came[road.target] = road
                        queue.append(road.target)
        return came


def _leading_to(target: int, out: Sequence[Iterable[Edge[S, I, A]]]) -> set[int]:
    """The configurations from which a way leads to this one."""
    sources: dict[int, set[int]] = {}
    for source, edges in enumerate(out):
        for edge in edges:
            sources.setdefault(edge.target, set()).add(source)
    found, work = {target}, [target]
    while work:
        for source in sources.get(work.pop(), set()) - found:
            found.add(source)
            work.append(source)
    return found
