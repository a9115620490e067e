"""The topics of an account, and what stands in them.

    PREFIX/ACCOUNT/devices/DEVICE   retained: the presence of a device that is online. Its last will clears it.
    PREFIX/ACCOUNT/kick/DEVICE      not retained: whoever may publish here may throw this device out.
    PREFIX/ACCOUNT/look/DEVICE      not retained: the question who is online as this device (see `lookout`), or whether
                                    anybody is (see `rollcall`).

The broker's ACL must give PREFIX/ACCOUNT/# to that account alone. A presence has a nonce in it, new for each session:
by it a session knows its own presence from that of whoever took its place.
"""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import frozen

from ...vocabulary.logins import OnlineClient
from ..words import clean, login_time

MAX_DEVICE: Final = 256
"""Longest device id, in characters."""
SHOW: Final = b""
"""On a look topic: whoever is there is to publish its presence once more."""
LISTENING: Final = b"listening"
"""On a look topic: whoever is there need not answer, as the broker's PUBACK does."""


def check_level(what: str, text: str) -> None:
    """Raises ValueError for what cannot be one level of a topic, in a sentence that shows only what it is."""
    if not text or len(text) > MAX_DEVICE:
        raise ValueError(f"{what} has {len(text)} characters; 1 to {MAX_DEVICE} are allowed")
    if any(c in text for c in "/+#") or not text.isprintable():
        raise ValueError(f"{what} has one of / + # or a control character in it, which no MQTT topic takes; rename it")


@frozen
class Topics:
    """Those of one session."""

    prefix: str
    account: str
    device: str

    def __attrs_post_init__(self) -> None:
        check_level("the account", self.account)
        check_level("the device id", self.device)

    @property
    def client_id(self) -> str:
        """What the broker knows this device by."""
        return f"{self.account}/{self.device}"

    @property
    def presence(self) -> str:
        """Where this device says that it is online."""
        return self.presence_of(self.device)

    def presence_of(self, device: str) -> str:
        """Where a device says that it is online."""
        return f"{self.prefix}/{self.account}/devices/{device}"

    @property
    def presences(self) -> str:
        """A filter: those of all devices of the account."""
        return f"{self.prefix}/{self.account}/devices/+"

    @property
    def look(self) -> str:
        """Where whoever is online as this device hears the question who that is."""
        return self.look_at(self.device)

    def look_at(self, device: str) -> str:
        """Where whoever is online as that device hears the question who that is."""
        return f"{self.prefix}/{self.account}/look/{device}"

    def kick(self, device: str) -> str:
        """Where a device listens for a kick. Raises ValueError for a device id that none can have."""
        check_level("the client id", device)
        return f"{self.prefix}/{self.account}/kick/{device}"

    def kick_by_us(self) -> bytes:
        """The payload of a kick."""
        return json.dumps({"by": self.device}).encode()

    def parse(self, topic: str) -> tuple[str, str]:
        """What a message is about ("devices", "kick" or "look") and whom; empty words for what is none of ours."""
        mine = f"{self.prefix}/{self.account}/"
        kind, slash, device = topic.removeprefix(mine).partition("/")
        if not topic.startswith(mine) or not slash or not 0 < len(device) <= MAX_DEVICE or not device.isprintable():
            return "", ""
        return kind, device


@frozen
class Presence:
    """What a device that is online says of itself."""

    nonce: str
    since: float
    """When it went online, in seconds since the epoch, by its own clock."""
    os: str = ""
    client_type: str = ""
    custom_tag: str = ""
    custom_client_type: int = 0

    def pack(self) -> bytes:
        """The payload."""
        return json.dumps(
            {
                "nonce": self.nonce,
                "since": self.since,
                "os": self.os,
                "client_type": self.client_type,
                "custom_tag": self.custom_tag,
                "custom_client_type": self.custom_client_type,
            }
        ).encode()

    def client(self, device: str) -> OnlineClient:
        """The device as the other clients of its account see it."""
        return OnlineClient(device, self.os, self.client_type, self.since, self.custom_tag, self.custom_client_type)


def unpack(payload: bytes, *secrets: str) -> Presence | None:
    """The presence in a payload, fit to be shown; None for one that is none.

    Another client of the account wrote it, so it may hold anything.
    """
    said = _object(payload)
    if said is None:
        return None
    try:
        since, number = login_time(said.get("since", 0)), int(said.get("custom_client_type", 0))
    except (TypeError, ValueError, OverflowError):
        return None
    nonce, os, kind, tag = (clean(said.get(key, ""), *secrets) for key in ("nonce", "os", "client_type", "custom_tag"))
    return Presence(nonce, since, os, kind, tag, number)


def kicker(payload: bytes, *secrets: str) -> str:
    """The device that says it sent this kick; empty where it says nothing."""
    return clean((_object(payload) or {}).get("by", ""), *secrets)


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
