"""A private D-Bus session with a real gnome-keyring in it, which tests can lock, stop, kill and start again.

`python -m tests.stores.desktop COMMAND ...` runs a command in such a session, with a home that is gone afterwards.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
PASSWORD = b"a password of the tests"

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
"""


def missing_programs() -> list[str]:
    return [program for program in PROGRAMS if shutil.which(program) is None]


class Desktop:
    """The session of one test. `environment` leads to it; nothing in the session outlives `end()`.

    The bus starts no service by itself, so which Secret Service is there is up to the test.
    """

    def __init__(self, home: Path) -> None:
        home.chmod(0o700)
        socket, config = home / "bus", home / "bus.conf"
        config.write_text(_BUS.format(socket=socket))
        kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.environment: Mapping[str, str] = kept | {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={socket}",
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        self.keyring: subprocess.Popen[bytes] | None = None
        bus = self._start("dbus-daemon", f"--config-file={config}", "--nofork", "--print-address")
        assert bus.stdout is not None
        assert bus.stdout.readline(), "dbus-daemon did not start"

    def start_keyring(self) -> None:
        """Start gnome-keyring, unlocked, and return when it owns its name on the bus."""
        with self.connected() as connection:
            from jeepney import MatchRule  # type: ignore[import-untyped]
            from jeepney.bus_messages import message_bus  # type: ignore[import-untyped]

            rule = MatchRule(type="signal", sender=message_bus.bus_name, member="NameOwnerChanged")
            rule.add_arg_condition(0, "org.freedesktop.secrets")
            connection.send_and_get_reply(message_bus.AddMatch(rule))
            with connection.filter(rule) as changes:
                self.keyring = self._start(
                    "gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets", feed=PASSWORD
                )
                connection.recv_until_filtered(changes, timeout=20)

    def kill_keyring(self) -> None:
        assert self.keyring is not None
        self._end(self.keyring)

    def stop_keyring(self) -> None:
        """It is there, and answers nobody."""
        assert self.keyring is not None
        self.keyring.send_signal(signal.SIGSTOP)

    def continue_keyring(self) -> None:
        assert self.keyring is not None
        self.keyring.send_signal(signal.SIGCONT)

    def lock(self) -> None:
        import secretstorage

        with self.connected() as connection:
            secretstorage.get_default_collection(connection).lock()

    def items(self) -> int:
        """How many entries of nimauth the keyring holds."""
        import secretstorage

        with self.connected() as connection:
            collection = secretstorage.get_default_collection(connection)
            return sum("nimauth" in item.get_attributes().get("service", "") for item in collection.get_all_items())

    def start_mute_service(self) -> None:
        mute = self._start(sys.executable, str(Path(__file__).with_name("mute_service.py")), keep_open=True)
        assert mute.stdout is not None
        assert mute.stdout.readline() == b"mute\n"

    def connected(self) -> Any:
        from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

        return open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])

    def end(self) -> None:
        for process in reversed(self._processes):
            self._end(process)

    def _start(self, *command: str, feed: bytes = b"", keep_open: bool = False) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._processes.append(process)
        assert process.stdin is not None
        process.stdin.write(feed)
        process.stdin.flush()
        if not keep_open:
            process.stdin.close()
        return process

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as home:
        desktop = Desktop(Path(home))
        try:
            desktop.start_keyring()
            return subprocess.run(command, env=desktop.environment, check=False).returncode
        finally:
            desktop.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
