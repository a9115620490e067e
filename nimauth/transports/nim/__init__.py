"""NIM itself, through its official SDK on Node.js, which its user installs (docs/nim.md)."""

from __future__ import annotations

from .transport import NimTransport, from_url

__all__ = ["NimTransport", "from_url"]
