"""The asyncio shell around a lifecycle: its inbox, its timers, its effects."""

from .events import AutoLoginRefusal, StatusEvent
from .options import SDKOptions
from .service import AuthService
from .streams import Stream

__all__ = ["AuthService", "AutoLoginRefusal", "SDKOptions", "StatusEvent", "Stream"]
