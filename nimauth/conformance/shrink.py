"""Makes a failing sequence short. Any part of it may be left out: whether it still fails is asked again each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


class HadEnough(Exception):
    """Raised by `fails` when it will not try any more."""


def shrink(
    sequence: Sequence[T],
    fails: Callable[[list[T]], list[T] | None],
    simpler: Callable[[T], Iterable[T]] = lambda _: (),
) -> list[T]:
    """The shortest failing sequence that leaving out, and replacing by something simpler, leads to.

    `fails` gives the sequence up to where it fails, or None, or raises HadEnough.
    """
    best = list(sequence)
    try:
        while True:
            before = best
            size = max(len(best) // 2, 1)
            while size:  # halves, then quarters, and at last one at a time
                start = 0
                while start < len(best):
                    found = fails(best[:start] + best[start + size :])
                    if found is not None and len(found) < len(best):
                        best = found
                    else:
                        start += size
                size //= 2
            for place in range(len(best)):
                for other in simpler(best[place]) if place < len(best) else ():
                    found = fails([*best[:place], other, *best[place + 1 :]])
                    if found is not None and len(found) <= len(best):
                        best = found
                        break
            if best == before:
                return best
    except HadEnough:
        return best
