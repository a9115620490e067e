"""Makes a failing sequence short. Any part of it may be left out: whether it still fails is asked again each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(
    sequence: Sequence[T],
    fails: Callable[[list[T]], list[T] | None],
    simpler: Callable[[T], Iterable[T]] = lambda _: (),
) -> list[T]:
    """The shortest failing sequence that leaving out, and replacing by something simpler, leads to.

    `fails` gives the sequence up to where it fails, or None. It may give None for everything once it has had enough.
    """
    best = list(sequence)
    while True:
        before = list(best)
        size = max(len(best) // 2, 1)
        while size:
            start = 0
            while start < len(best):
                found = fails(best[:start] + best[start + size :])
                if found is not None and len(found) < len(best):
                    best = found
                else:
                    start += size
            size //= 2
        for place in range(len(best)):
            if place >= len(best):
                break
            for other in simpler(best[place]):
                found = fails([*best[:place], other, *best[place + 1 :]])
                if found is not None and len(found) <= len(best):
                    best = found
                    break
        if best == before:
            return best
