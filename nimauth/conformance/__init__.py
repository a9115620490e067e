"""Property-based conformance: of clients in any language, traces, transports, stores, and machines of your own.

    from nimauth.conformance import StoreConformance, TransportConformance

docs/conformance.md says which of them is for whom.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .clauses import Broken, Clause
    from .store import StoreConformance
    from .transport import TransportConformance, World

_HOMES: Final = {
    "Broken": "clauses",
    "Clause": "clauses",
    "StoreConformance": "store",
    "TransportConformance": "transport",
    "World": "transport",
}

__all__ = ["Broken", "Clause", "StoreConformance", "TransportConformance", "World"]


def __getattr__(name: str) -> Any:
    """Suites need hypothesis, the rest does not: each is imported when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
