"""What nimauth raises to its host. Each message says in one sentence what happened, what it means and what to do."""

from __future__ import annotations

from .vocabulary.reasons import Reason


class NimAuthError(Exception):
    """The base of every error that nimauth raises by intent."""


class IllegalState(NimAuthError):
    """The call is not allowed in the session's present state."""


class LoginFailed(NimAuthError):
    """A manual login ended without success; the saved login is already cleared (R6)."""

    def __init__(self, message: str, *, reason: Reason, code: int, text: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.code = code
        """The wire's code, or NIM's where the wire gave none."""
        self.text = text
        """The wire's own words, if any."""


class LoginCancelled(LoginFailed):
    """The login was cancelled, by `logout()` or by closing the service."""


class StoreError(NimAuthError):
    """The credential store could not do what was asked. Auto login is unavailable; logging in by hand still works."""


class StoreUnavailable(StoreError):
    """There is no usable keyring, it failed, or it did not answer in time."""


class StoreLocked(StoreError):
    """The keyring is locked and nobody unlocked it."""


class StoreInUse(StoreError):
    """Another process uses this store."""


class ValueRefused(StoreError):
    """The store cannot hold this value (too long, or not text that it keeps faithfully)."""
