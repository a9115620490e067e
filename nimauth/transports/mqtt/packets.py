"""What a broker sends, cut into packets, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

CONNACK: Final = 0x20
_PUBLISH: Final = 0x30
_KNOWN: Final = frozenset({CONNACK, _PUBLISH, 0x40, 0x90, 0xD0, 0xE0})
"""All that a server may say to a client that sends no QoS 2: also PUBACK, SUBACK, PINGRESP and DISCONNECT."""
_PUBACK: Final = b"\x40\x02"


class Garbage(Exception):
    """What came is not MQTT 5; the text says why, in words of ours."""


class Packets:
    """`add` what comes, and take whole packets out with `next`.

    `most` is the size in bytes of the longest packet that is taken in. A longer message is dropped as it comes, and
    acknowledged by `send` like any other: a broker that does not care how long a packet may be, which it was told, has
    the same message for us at every login. Any other packet that is longer is garbage.
    """

    def __init__(self, most: int, send: Callable[[bytes], object]) -> None:
        self.heard = True
        """A packet has come since somebody set this to False. Bytes do not count: a broker may dribble for ever."""
        self._most, self._send = most, send
        self._data = bytearray()
        self._answered = False
        """The login was: CONNACK is behind us."""
        self._dropping = 0
        """So many bytes of a message that is too long are still to come."""

    def __len__(self) -> int:
        """How many bytes are kept."""
        return len(self._data)

    def add(self, data: bytes) -> None:
        """Take in what has come."""
        self._data += data

    def clear(self) -> None:
        """Forget what is there."""
        self._data.clear()

    def next(self) -> bytes:
        """The next packet, or nothing if it is not all there yet. Raises Garbage."""
        self._drop()
        data = self._data
        while data:
            kind = data[0] & 0xF0
            # Looked at before the packet is all there, as rubbish never is. QoS 2 is none that we asked for.
            if kind not in _KNOWN or (kind == _PUBLISH and data[0] & 0b100):
                raise Garbage("it sends what is no packet of MQTT, or has no place here")
            if (kind == CONNACK) is self._answered:
                raise Garbage("it answers the login twice, or something else first")
            head, size = self._measure()
            if not head:
                break
            if size > self._most:
                if kind != _PUBLISH:
                    raise Garbage("a packet of its is too long")
                if not self._begin_to_drop(head, size):
                    break
                continue
            if len(data) < size:
                break
            packet = bytes(data[:size])
            del data[:size]
            self.heard = self._answered = True
            return packet
        return b""

    def _measure(self) -> tuple[int, int]:
        """The lengths of the fixed header and of the whole packet; nothing while the header is not all there."""
        size = 0
        for place in range(1, 5):
            if len(self._data) <= place:
                return 0, 0
            size |= (self._data[place] & 127) << 7 * (place - 1)
            if self._data[place] < 128:
                return place + 1, place + 1 + size
        raise Garbage("a packet of its has no length")

    def _begin_to_drop(self, head: int, size: int) -> bool:
        """Whether enough of a message is there to acknowledge it."""
        data = self._data
        if data[0] & 0b010:
            if len(data) < head + 2:
                return False
            number = head + 2 + int.from_bytes(data[head : head + 2], "big")  # after the topic
            if size < number + 2:
                raise Garbage("a packet of its is malformed")
            if len(data) < number + 2:
                return False
            self._send(_PUBACK + data[number : number + 2])
        self._dropping = size
        self._drop()
        return True

    def _drop(self) -> None:
        if not self._dropping:
            return
        before = self._dropping
        self._dropping -= min(before, len(self._data))
        del self._data[: before - self._dropping]
        # As much as the longest packet counts as one: a long message on a slow line is no silence.
        if before // self._most != self._dropping // self._most:
            self.heard = True
