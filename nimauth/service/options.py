"""The options of a service. One object serves any number of services."""

from __future__ import annotations

import sys
from typing import Any

from attrs import Attribute, field, frozen


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
    logging_timeout: float = _seconds(10.0)
    """The server's answer to a login."""
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
    def has_auto_login(self) -> bool:
        """Whether auto login exists on this platform, under this profile (R11)."""
        return not (self.strict_nim and sys.platform in ("win32", "cygwin", "darwin"))
