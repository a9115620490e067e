"""The suite for stores: whoever writes a CredentialStore proves it with a class of a few lines.

    from nimauth.conformance import StoreConformance

    class TestMyStore(StoreConformance):
        def store(self, home: Path) -> CredentialStore:
            return MyStore(home)

pytest finds the tests in it. They are plain methods: any other runner can call them on an instance. What a store is not
meant to do is said in class attributes (see StoreBench), and what the suite then cannot test is skipped by name. A test
that fails raises Broken, which names the clause; contract.py and docs/stores.md list them all.
"""

from __future__ import annotations

from .damage import Damage
from .ending import Ending
from .keeping import Keeping
from .sharing import Sharing


class StoreConformance(Keeping, Ending, Sharing, Damage):
    """Every clause of the contract of a CredentialStore. Write `store(home)`, and say what your store is not."""


__all__ = ["StoreConformance"]
