"""A Secret Service that owns the name and never answers. Prints "mute" once it does; ends with its standard input."""

from __future__ import annotations

import sys

from jeepney.bus_messages import message_bus  # type: ignore[import-untyped]
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

if __name__ == "__main__":
    connection = open_dbus_connection("SESSION")
    connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.secrets"))
    print("mute", flush=True)
    sys.stdin.read()
