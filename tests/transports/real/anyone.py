"""A client of another make, for what ours would not do: paho-mqtt, blocking."""

from __future__ import annotations

import asyncio

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


async def publish(port: int, user: str, token: str, topic: str, payload: bytes, *, retain: bool = False) -> int:
    """Log in and publish, in a thread; give the reason code of the server's answer."""
    return await asyncio.to_thread(_publish, port, user, token, topic, payload, retain)


def _publish(port: int, user: str, token: str, topic: str, payload: bytes, retain: bool) -> int:
    codes: list[int] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="anyone", protocol=mqtt.MQTTv5)
    client.username_pw_set(user, token)
    client.on_publish = lambda _client, _data, _number, code, _properties: codes.append(code.value)
    client.connect("127.0.0.1", port)
    client.publish(topic, payload, qos=1, retain=retain)
    while not codes and client.loop() == mqtt.MQTT_ERR_SUCCESS:
        pass
    client.disconnect()
    while client.loop() == mqtt.MQTT_ERR_SUCCESS:
        pass
    (code,) = codes
    return code
