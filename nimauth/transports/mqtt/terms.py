"""What an MQTT link takes from its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .session import Session


class Terms(Protocol):
    """An `MqttTransport`, as its links and the look-out see it. Times are in seconds."""

    @property
    def where(self) -> str: ...
    @property
    def prefix(self) -> str: ...
    @property
    def timeout(self) -> float: ...
    @property
    def close_timeout(self) -> float: ...
    @property
    def look_out(self) -> float: ...
    @property
    def os(self) -> str: ...
    @property
    def client_type(self) -> str: ...
    @property
    def custom_tag(self) -> str: ...

    def user_name(self, account: str) -> str:
        """What the broker calls an account."""
        ...

    async def connect(self) -> Session:
        """A session that has sent nothing yet. Raises LinkFailed."""
        ...
