"""The CredentialStore protocol.

A *permit* and a *secret* are two things. The permit says who may be auto logged in, or why nobody; the secret is the
saved LoginInfo. Auto login needs both, so either can be taken away alone: what is void stays void when the keyring
refuses to delete (R4, R6), when it is locked, and when the process dies between any two writes. Hence the order:

* `save` writes the secret, reads it back, and only then writes the permit;
* `revoke` writes the permit first and deletes the secret after. It returns normally once the permit is void, even when
  the secret could not be deleted (it says so in the log and deletes it at the next chance).

A store is opened once and by one process at a time. Every call has a deadline of the store's own, and raises a
StoreError of one sentence without a secret in it; the service goes on without auto login.
"""

from __future__ import annotations

from typing import Protocol

from ..vocabulary.logins import LoginInfo, Permit, Revocation


class CredentialStore(Protocol):
    """Keeps the last login for the next start."""

    async def open(self) -> Permit:
        """Claim the store for this process and tell who may be auto logged in. May be repeated, also once cancelled.

        Raises StoreInUse when another process has it, StoreUnavailable when it cannot be read.
        """
        ...

    async def device_id(self) -> str:
        """The id of this installation, made at first use and the same ever after (R12)."""
        ...

    async def load(self, account: str) -> LoginInfo:
        """The saved login of the permitted account.

        Raises StoreError; StoreUnavailable also when there is none, or what is there is not what `save` wrote.
        """
        ...

    async def save(self, login: LoginInfo) -> None:
        """Keep the login and permit its account (R6). When it raises, or is cancelled, nothing is permitted.

        The one exception is when nothing could be written any more, not even to void what was; then the error says so.
        Raises StoreError: ValueRefused for a login that is too long to keep, StoreLocked, StoreUnavailable.
        """
        ...

    async def revoke(self, revocation: Revocation) -> None:
        """Void the permit, then delete the secret (R3-R6, R13). Raises StoreError if the permit may still be valid.

        Also called when `open` failed: whatever can be voided is. And called again after it raised: it then voids what
        it could not before.
        """
        ...

    async def close(self) -> None:
        """Give the store up, also when this is cancelled. Idempotent, in bounded time; what is saved stays."""
        ...
