"""Text and times of the wire, made fit to be shown. Every transport, and the service behind them all, uses these."""

from __future__ import annotations

from typing import Any, Final

MAX_TEXT: Final = 200
"""Longest text of the wire that reaches a host, in characters."""


def clean(text: object, *secrets: str, longest: int = MAX_TEXT) -> str:
    """Printable, without `secrets`, and not too long. What is no text may be given: it is shown as Python would.

    An id that the server is to hear again needs a `longest` of its own, which its wire says: cut short, it is nobody's.
    """
    shown = str(text)
    for secret in filter(None, secrets):  # as it was sent: it may have characters in it that are not printable
        shown = shown.replace(secret, "***")
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else " " for c in shown)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def login_time(said: Any) -> float:
    """Seconds since the epoch, made such as any host can show; what is no number at all raises as `float` does."""
    return max(0.0, min(float(said), 1e11))  # NaN gives 0
