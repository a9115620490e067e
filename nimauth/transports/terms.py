"""The terms of a transport, as its host sets them: validators for attrs. Each raises ValueError, in a sentence.

What can never work is refused when the transport is made. Found out at the login, it would be a failed login, and void
the saved one.
"""

from __future__ import annotations

import ssl as tls
from collections.abc import Callable
from typing import Any, Final

_LONGEST: Final = 1e9
"""In seconds, which is thirty years."""
_LARGEST: Final = 2**28 - 1
"""In bytes: the longest packet of MQTT, and more than any other server of ours should say in one piece."""


def seconds(_: object, option: Any, given: object) -> None:
    """More than none, and not for ever."""
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 < given <= _LONGEST:
        raise ValueError(f"{option.name} is no usable time; give a number of seconds above 0")


def seconds_or_none(_: object, option: Any, given: object) -> None:
    """The same, or 0."""
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given <= _LONGEST:
        raise ValueError(f"{option.name} is no usable time; give a number of seconds, or 0")


def size(_: object, option: Any, given: object) -> None:
    """Whole bytes."""
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given <= _LARGEST:
        raise ValueError(f"{option.name} is no usable size; give a whole number of bytes, 1 to {_LARGEST}")


def context(_: object, option: Any, given: object) -> None:
    """A context for TLS, or None."""
    if given is not None and not isinstance(given, tls.SSLContext):
        raise ValueError(f"{option.name} is no ssl.SSLContext; give one, or leave it out")


def label(longest: int) -> Callable[[object, Any, object], None]:
    """Plain text in one line, as other clients show it; it may be empty."""

    def check(_: object, option: Any, given: object) -> None:
        if not isinstance(given, str) or len(given) > longest or not given.isprintable():
            raise ValueError(f"{option.name} is no plain text of at most {longest} characters; give it as such")

    return check
