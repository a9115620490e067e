"""Multi-device policies: which clients of one account may be online side by side.

A policy gives every client a *place*. Two clients in one place exclude each other: the newcomer displaces the other. A
policy is asked at each login and at no other time, so a change of policy touches only new logins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from attrs import field, frozen

DESKTOP: Final = frozenset({"pc", "mac", "windows", "macos", "linux", "web"})
MOBILE: Final = frozenset({"android", "ios", "harmonyos", "wp"})


@frozen
class Device:
    """What a client says of itself when it logs in."""

    device_id: str
    os: str = ""
    client_type: str = ""
    custom_client_type: int = 0
    custom_tag: str = ""


class Policy(Protocol):
    """Gives each client its place."""

    def place(self, device: Device) -> str: ...


@frozen
class OneClient:
    """One client only."""

    def place(self, device: Device) -> str:
        return "the only one"


@frozen
class DesktopAndMobile:
    """One desktop (the web counts as one) and one mobile client, side by side. Any other kind is on its own."""

    def place(self, device: Device) -> str:
        kind = device.client_type.lower()
        return "desktop" if kind in DESKTOP else "mobile" if kind in MOBILE else f"kind {kind}"


@frozen
class AllAllowed:
    """Every device side by side, up to the server's `max_clients`."""

    def place(self, device: Device) -> str:
        return f"device {device.device_id}"


def _groups(groups: Iterable[Iterable[str]]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(kind.lower() for kind in group) for group in groups)


@frozen
class CustomGroups:
    """One client of each group of client types; a client of no group is side by side with all.

    A type in two groups counts for the first.
    """

    groups: tuple[frozenset[str], ...] = field(converter=_groups)

    def place(self, device: Device) -> str:
        kind = device.client_type.lower()
        for number, group in enumerate(self.groups):
            if kind in group:
                return f"group {number}"
        return f"device {device.device_id}"


def policy_of(words: str) -> Policy:
    """The policy that an operator names: `one`, `desktop-and-mobile`, `all`, or `groups:pc+mac,ios+android`.

    Raises ValueError for anything else.
    """
    match words.split(":"):
        case ["one"]:
            return OneClient()
        case ["desktop-and-mobile"]:
            return DesktopAndMobile()
        case ["all"]:
            return AllAllowed()
        case ["groups", groups] if groups:
            return CustomGroups(group.split("+") for group in groups.split(","))
    raise ValueError("the policy is one of: one, desktop-and-mobile, all, groups:KIND+KIND,KIND+KIND")
