"""The login lifecycle of an instant-messaging client as an explicit state machine.

    from nimauth import AuthService, KeyringStore, LoginInfo, WebSocketTransport

Names are imported when they are first used, so that a host pays only for what it embeds.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .blocking import BlockingAuthService
    from .errors import (
        IllegalState,
        LoginCancelled,
        LoginFailed,
        NimAuthError,
        StoreError,
        StoreInUse,
        StoreLocked,
        StoreUnavailable,
        ValueRefused,
    )
    from .lifecycle import Lifecycle
    from .service import AuthService, AutoLoginRefusal, SDKOptions, StatusEvent
    from .stores.base import CredentialStore
    from .stores.default import default_store
    from .stores.keyring import KeyringStore
    from .stores.memory import MemoryStore
    from .transports.base import KickRefused, Link, LinkFailed, LoginRefused, Transport
    from .transports.websocket import WebSocketTransport
    from .vocabulary.logins import AuthType, LoginInfo, OnlineClient, Permit, Revocation
    from .vocabulary.reasons import Cause, Reason
    from .vocabulary.rules import Rule
    from .vocabulary.states import Attempt, AuthStatus, State

__version__ = "0.1.0"

_HOMES: Final = {
    name: home
    for home, names in {
        "errors": "IllegalState LoginCancelled LoginFailed NimAuthError StoreError StoreInUse StoreLocked"
        " StoreUnavailable ValueRefused",
        "lifecycle": "Lifecycle",
        "blocking": "BlockingAuthService",
        "service": "AuthService AutoLoginRefusal SDKOptions StatusEvent",
        "stores.base": "CredentialStore",
        "stores.default": "default_store",
        "stores.keyring": "KeyringStore",
        "stores.memory": "MemoryStore",
        "transports.base": "KickRefused Link LinkFailed LoginRefused Transport",
        "transports.websocket": "WebSocketTransport",
        "vocabulary.logins": "AuthType LoginInfo OnlineClient Permit Revocation",
        "vocabulary.reasons": "Cause Reason",
        "vocabulary.rules": "Rule",
        "vocabulary.states": "Attempt AuthStatus State",
    }.items()
    for name in names.split()
}

__all__ = [  # noqa: RUF022  (by room)
    "IllegalState",
    "LoginCancelled",
    "LoginFailed",
    "NimAuthError",
    "StoreError",
    "StoreInUse",
    "StoreLocked",
    "StoreUnavailable",
    "ValueRefused",
    "Lifecycle",
    "BlockingAuthService",
    "AuthService",
    "AutoLoginRefusal",
    "SDKOptions",
    "StatusEvent",
    "CredentialStore",
    "default_store",
    "KeyringStore",
    "MemoryStore",
    "KickRefused",
    "Link",
    "LinkFailed",
    "LoginRefused",
    "Transport",
    "WebSocketTransport",
    "AuthType",
    "LoginInfo",
    "OnlineClient",
    "Permit",
    "Revocation",
    "Cause",
    "Reason",
    "Rule",
    "Attempt",
    "AuthStatus",
    "State",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
