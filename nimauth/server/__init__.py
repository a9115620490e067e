"""The reference server: a real WebSocket login server for demos and tests (docs/protocol.md)."""

from .accounts import Verifier, dynamic_token
from .policy import AllAllowed, CustomGroups, DesktopAndMobile, Device, OneClient, Policy
from .protocol import Limits
from .server import Server, Sync

__all__ = [
    "AllAllowed",
    "CustomGroups",
    "DesktopAndMobile",
    "Device",
    "Limits",
    "OneClient",
    "Policy",
    "Server",
    "Sync",
    "Verifier",
    "dynamic_token",
]
