"""Property-based conformance: of clients in any language, traces, transports, stores, and machines of your own.

    from nimauth.conformance import StoreConformance, TransportConformance, explore, mutants

docs/conformance.md says which of them is for whom.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .clauses import Broken, Clause
    from .graph import Edge, Graph, InvariantBroken, explore
    from .mutation import Mutant, mutants, running
    from .paths import cover, cover_pairs, every_configuration, every_input, every_pair
    from .store import StoreConformance
    from .transport import TransportConformance, World

_HOMES: Final = {
    name: home
    for home, names in {
        "clauses": "Broken Clause",
        "graph": "Edge Graph InvariantBroken explore",
        "mutation": "Mutant mutants running",
        "paths": "cover cover_pairs every_configuration every_input every_pair",
        "store": "StoreConformance",
        "transport": "TransportConformance World",
    }.items()
    for name in names.split()
}

__all__ = [  # noqa: RUF022  (by room)
    "Broken",
    "Clause",
    "Edge",
    "Graph",
    "InvariantBroken",
    "explore",
    "Mutant",
    "mutants",
    "running",
    "cover",
    "cover_pairs",
    "every_configuration",
    "every_input",
    "every_pair",
    "StoreConformance",
    "TransportConformance",
    "World",
]


def __getattr__(name: str) -> Any:
    """The suites need hypothesis, the rest does not: each is imported when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value
