"""The options of a service. One object serves any number of services."""

from __future__ import annotations

import sys
from typing import Any, Final

from attrs import Attribute, field, frozen, validators

from ..transports.base import LimitsLogin

ANSWER_TIMEOUT: Final = 10.0
"""What a server's answer may take, in seconds, where nobody says."""
MOMENT: Final = 1.0
"""So much longer, in seconds, is a transport waited for that has a time-out of its own."""


def _positive(_: object, attribute: Attribute[Any], value: float) -> None:
    if not value > 0:
        raise ValueError(f"{attribute.name} is {value}; give a number of seconds above 0")


def _seconds(default: float) -> Any:
    return field(default=default, validator=_positive)


@frozen
class SDKOptions:
    """How long things may take, in seconds, and which profile to keep.

    Raises ValueError for a time that is not above 0.
    """

    manual_login_timeout: float = _seconds(45.0)
    """The whole of a manual login (NIM: 45 s)."""
    open_timeout: float = _seconds(15.0)
    """Opening a link; a transport with a time-out of its own, which can say more, comes first."""
    logging_timeout: float | None = field(default=None, validator=validators.optional(_positive))
    """The server's answer to a login, or to a kick. None: 10 s; for a login as long as its transport needs, where that
    says so (`transports.base.LimitsLogin`)."""
    close_timeout: float = _seconds(3.0)
    """Telling the server goodbye and closing a link; each of the two."""
    backoff_base: float = _seconds(2.0)
    """The first retry comes within this time; the range doubles with each failure (full jitter), until a session has
    stayed online for as long as `backoff_cap`, or a hint of the host's."""
    backoff_cap: float = _seconds(60.0)
    """No retry waits longer than this, but for the server's own penalty."""
    penalty: float = _seconds(60.0)
    """How long a 416 (too frequent) forbids another try."""
    token_timeout: float = _seconds(10.0)
    """The dynamic token provider."""
    local_data_timeout: float = _seconds(10.0)
    """Opening or closing local data."""
    forced: bool = False
    """Lifts the server's device check on auto login (R12)."""
    strict_nim: bool = False
    """Keep R11: no auto login on Windows and macOS."""
    device_id: str | None = None
    """This installation's id (R12); None takes the one that the store keeps."""

    @property
    def answer_timeout(self) -> float:
        """What the server's answer to a kick may take, in seconds."""
        return self.logging_timeout or ANSWER_TIMEOUT

    def login_timeout(self, transport: object) -> float:
        """What the answer to a login may take through this transport, in seconds."""
        if self.logging_timeout is None and isinstance(transport, LimitsLogin):
            return transport.login_timeout + MOMENT
        return self.answer_timeout

    @property
    def has_auto_login(self) -> bool:
        """Whether auto login exists on this platform, under this profile (R11)."""
        return not (self.strict_nim and sys.platform in ("win32", "cygwin", "darwin"))
