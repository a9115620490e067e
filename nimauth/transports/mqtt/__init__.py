"""The MQTT 5 transport: paho-mqtt over mqtt:// and mqtts:// (docs/mqtt.md says what is mapped to what).

It needs `pip install 'nimauth[mqtt]'`; without, making an `MqttTransport` raises ModuleNotFoundError and says so.

The client id is the device, and session takeover is how a device is displaced. What MQTT has no words for, the other
clients of the account and a kick by one of them, goes over topics of the account's own, which the broker's ACL must
give to that account alone (see `topics`).
"""

from __future__ import annotations

from .link import MqttLink
from .transport import MqttTransport

__all__ = ["MqttLink", "MqttTransport", "transport_of"]


def transport_of(url: str, app_key: str) -> MqttTransport:
    """For `transports.schemes`. MQTT knows no app keys: a broker of one's own serves one app."""
    return MqttTransport(url)
