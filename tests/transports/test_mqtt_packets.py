"""What a broker sends, cut into packets, and a broker that sends and says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from attrs import define

from nimauth.transports.base import Ended
from nimauth.transports.mqtt.hello import Hello
from nimauth.transports.mqtt.packets import Garbage, Packets
from nimauth.transports.mqtt.session import Session
from nimauth.vocabulary.reasons import Code, Reason
from tests import aio

from .fake_broker import CONNACK, PINGRESP, PUBACK, SUBACK, packet, publish

WELCOME = packet(CONNACK, b"\0\0\0")
MOST = 1000


def cut(packets: Packets, data: bytes) -> list[bytes]:
    """All the packets that are there after this."""
    packets.add(data)
    return list(iter(packets.next, b""))


def answered(sent: list[bytes] | None = None) -> Packets:
    """With the login behind it."""
    packets = Packets(MOST, (sent if sent is not None else []).append)
    assert cut(packets, WELCOME) == [WELCOME]
    return packets


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_packets_come_whole_however_the_bytes_come(size: int) -> None:
    wanted = [WELCOME, publish("t", b"x" * 500), packet(PINGRESP), publish("t", b"", qos=1, number=3)]
    packets, data = Packets(MOST, print), b"".join(wanted)
    assert [one for at in range(0, len(data), size) for one in cut(packets, data[at : at + size])] == wanted


@pytest.mark.parametrize("size", [1, 3, 900, 5000])
@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_that_is_too_long_is_dropped_in_bounded_memory_and_acknowledged_once(size: int, qos: int) -> None:
    sent: list[bytes] = []
    packets = answered(sent)
    after = packet(PINGRESP)
    data = publish("t" * 300, b"x" * 20_000, qos=qos, number=258) + after
    heard = []
    for at in range(0, len(data), size):
        heard += cut(packets, data[at : at + size])
        assert len(packets) < MOST
    assert heard == [after]
    assert sent == ([packet(PUBACK, b"\1\2")] if qos else [])


@pytest.mark.parametrize(
    "rubbish",
    [
        WELCOME,
        packet(SUBACK, b"x" * 2 * MOST),
        publish("t", b"", qos=2, number=1),
        b"\x32\xff\x7f\xff\xff",  # the topic is longer than the message
        b"\x30\xff\xff\xff\xff\x01",
        b"rubbish",
    ],
)
def test_what_is_no_packet_is_seen_before_it_is_all_there(rubbish: bytes) -> None:
    with pytest.raises(Garbage):
        cut(answered(), rubbish)


def test_nothing_comes_before_the_answer_to_the_login() -> None:
    with pytest.raises(Garbage):
        cut(Packets(MOST, print), packet(PINGRESP)[:1])


# -- what counts as a sign of life -------------------------------------------------------------------------------------

HEARTBEAT = 30.0


class Silent(asyncio.Transport):
    """A connection that takes everything."""

    def write(self, data: Any) -> None:
        pass

    def abort(self) -> None:
        pass


@define
class Losses:
    """Hears of the end, and of nothing else."""

    ended: Ended | None = None

    def lost(self, ended: Ended, cause: BaseException | None, unexplained: bool) -> None:
        self.ended = ended

    def nothing(self, *_: Any, **__: Any) -> None:
        pass

    connected = subscribed = published = message = disconnected = nothing


def outcome(pieces: Iterable[bytes], pause: float) -> Ended | None:
    """How a session ends to which a broker sends these, with such a pause before each; None if it is still there."""

    async def test() -> Ended | None:
        losses = Losses()
        session = Session("mqtt://im.example.org:1883", HEARTBEAT, MOST)
        session.connection_made(Silent())
        session.listen(losses)
        session.connect(Hello("a/phone", "a", "token"))
        session.data_received(WELCOME)
        session.beat()
        for piece in pieces:
            await asyncio.sleep(pause)
            session.data_received(piece)
        session.abort()
        return losses.ended

    return aio.run_virtual(test())


def test_a_broker_that_dribbles_is_noticed() -> None:
    begun = publish("im/a/devices/d2", b"x" * 900)
    ended = outcome((bytes([one]) for one in begun), HEARTBEAT / 75)
    assert ended is not None
    assert (ended.reason, ended.code) == (Reason.NET, Code.TIMED_OUT)


def test_a_broker_that_dribbles_what_is_too_long_is_noticed() -> None:
    ended = outcome((bytes([one]) for one in publish("im/a/devices/d2", b"x" * 2 * MOST)), HEARTBEAT / 75)
    assert ended is not None
    assert (ended.reason, ended.code) == (Reason.NET, Code.TIMED_OUT)


def test_a_message_that_is_too_long_may_take_long() -> None:
    long = publish("im/a/devices/d2", b"x" * 100 * MOST)
    assert outcome((long[at : at + MOST // 2] for at in range(0, len(long), MOST // 2)), HEARTBEAT / 3) is None


def test_a_broker_that_answers_pings_is_kept() -> None:
    assert outcome([packet(PINGRESP)] * 10, HEARTBEAT) is None
