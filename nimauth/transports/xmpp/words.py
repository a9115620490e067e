"""Text of ours, fit to be sent."""

from __future__ import annotations

from xml.sax.saxutils import escape as _escape


def quoted(text: str) -> str:
    """Text for an attribute between apostrophes. What XML cannot carry at all becomes a question mark."""
    plain = "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else "?" for c in text)
    return _escape(plain, {"'": "&apos;", '"': "&quot;"})
