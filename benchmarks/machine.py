"""The machine that every contender runs: a transfer between two devices, 12 states and 15 events.

It is written as data, so that each contender builds what its library wants from the same rows. The cycle fires every
event at least once and ends where it began; a contender that ends elsewhere, or acted otherwise, is not measured.
"""

from __future__ import annotations

from typing import Final

from attrs import define, frozen

STATES: Final = (
    "idle", "connecting", "greeting", "ready", "sending", "receiving", "paused", "waiting", "offline", "failed",
    "banned", "closed",
)  # fmt: skip
INITIAL: Final = "idle"
ONLINE: Final = ("ready", "sending", "receiving", "paused")
OPENING: Final = ("connecting", "greeting")


@frozen
class Row:
    """On this event, in these states, if the guard agrees: do the acts and go there."""

    event: str
    sources: tuple[str, ...]
    target: str
    acts: tuple[str, ...] = ()
    guard: str | None = None


ROWS: Final = (
    Row("start", ("idle", "failed", "closed"), "connecting", ("begin", "link")),
    Row("connected", ("connecting",), "greeting"),
    Row("welcomed", ("greeting",), "ready", ("settle",)),
    Row("upload", ("ready",), "sending"),
    Row("download", ("ready",), "receiving"),
    Row("finish", ("sending", "receiving"), "ready"),
    Row("pause", ("sending", "receiving"), "paused"),
    Row("resume", ("paused",), "ready"),
    Row("drop", OPENING, "failed", ("unlink",), guard="is_by_hand"),
    Row("drop", OPENING + ONLINE, "waiting", ("unlink",)),
    Row("retry", ("waiting",), "connecting", ("link",), guard="is_patient"),
    Row("net_lost", (*OPENING, *ONLINE, "waiting"), "offline"),
    Row("net_found", ("offline",), "connecting", ("link",)),
    Row("refuse", OPENING, "failed", ("unlink",)),
    Row("ban", ("greeting", *ONLINE), "banned", ("unlink",)),
    Row("close", STATES[:-1], "closed"),
)
EVENTS: Final = tuple(dict.fromkeys(row.event for row in ROWS))

CYCLE: Final = (
    "start", "drop", "start", "connected", "refuse", "start", "connected", "welcomed",
    "upload", "finish", "download", "pause", "resume", "drop", "retry", "connected", "net_lost", "net_found",
    "drop", "net_lost", "net_found", "connected", "welcomed", "ban", "close",
)  # fmt: skip
LINKS, UNLINKS = 6, 5
"""How often one cycle does these acts."""

assert len(STATES) == 12
assert len(EVENTS) == 15
assert set(CYCLE) == set(EVENTS)


@define(weakref_slot=False, eq=False)
class Acts:
    """What a session remembers, and what its guards and acts do to it. The same for every contender.

    Two are never equal: `transitions` would take the second for the first, and not register it.
    """

    by_hand: bool = False
    links: int = 0
    unlinks: int = 0

    def is_by_hand(self) -> bool:
        return self.by_hand

    def is_patient(self) -> bool:
        return self.unlinks >= 0

    def begin(self) -> None:
        self.by_hand = True

    def settle(self) -> None:
        self.by_hand = False

    def link(self) -> None:
        self.links += 1

    def unlink(self) -> None:
        self.unlinks += 1
