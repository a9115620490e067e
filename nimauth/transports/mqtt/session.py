"""One MQTT session: paho speaks the protocol, asyncio carries the bytes.

paho gets a pipe in memory for a socket, and gets to see whole packets only. So a packet has a bounded size before
anything of it is decoded, no call of paho's ever waits, reading can be paused, and TLS is asyncio's. paho's own
reconnect, keepalive and threads are not used; its logger is never switched on, as it would log our properties.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any, Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ...vocabulary.reasons import Code, Reason
from ..base import Ended
from .hello import Hello
from .packets import Garbage, Packets

_PINGREQ: Final = b"\xc0\x00"
_MOST_UNSENT: Final = 100
"""So many kicks may wait for the server at a time."""


class Listener(Protocol):
    """Who a session reports to. Codes and words are the server's own, and not yet fit to be shown."""

    def connected(self, code: int, text: str) -> None:
        """CONNACK."""

    def subscribed(self, code: int, text: str) -> None:
        """SUBACK, with the worst of its codes."""

    def published(self, number: int, code: int, text: str) -> None:
        """PUBACK of a message of ours."""

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        """PUBLISH."""

    def disconnected(self, code: int, text: str) -> None:
        """DISCONNECT."""

    def lost(self, ended: Ended, cause: BaseException | None, unexplained: bool) -> None:
        """The connection is gone; `unexplained` if the server closed or reset it without a word."""


class _Pipe:
    """What paho takes for its socket."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._packet = b""
        self._read = 0

    def load(self, packet: bytes) -> None:
        self._packet, self._read = packet, 0

    def recv(self, size: int) -> bytes:
        data = self._packet[self._read : self._read + size]
        if not data:
            raise BlockingIOError
        self._read += len(data)
        return data

    def send(self, data: bytes) -> int:
        self._transport.write(data)
        return len(data)

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        """The connection is closed by whoever opened it."""


class _Properties:
    """Those of CONNECT. All that paho does with them is to pack them; its own class takes longer than all the rest."""

    def __init__(self, max_size: int, named: tuple[tuple[str, str], ...]) -> None:
        self._data = b"\x27" + max_size.to_bytes(4, "big")  # Maximum Packet Size
        for pair in named:
            self._data += b"\x26" + b"".join(len(text).to_bytes(2, "big") + text for text in map(str.encode, pair))

    def pack(self) -> bytes:
        size, length = len(self._data), bytearray()
        while size > 127:
            length.append(size & 127 | 128)
            size >>= 7
        return bytes([*length, size]) + self._data


class _Client(mqtt.Client):
    """paho on a pipe: it has no public way to be given a connection that is there already."""

    def __init__(self, client_id: str, pipe: _Pipe) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        self._pipe = pipe

    def _create_socket(self) -> Any:
        return self._pipe


class Session(asyncio.Protocol):
    """One connection, from its opening to its end; asyncio's `create_connection` opens it.

    Whoever takes it on says with `listen` who is to hear of it, before anything else.
    """

    def __init__(self, where: str, heartbeat: float, max_size: int) -> None:
        self._listener: Listener
        self._listening = False
        self._lost: tuple[Ended, BaseException | None, bool] | None = None
        """How the connection has ended."""
        self._where, self._heartbeat, self._max_size = where, heartbeat, max_size
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._client: _Client | None = None
        self._pipe: _Pipe
        self._packets = Packets(max_size, self._send)
        self._paused = False
        self._over = False
        self._closed = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    # -- what we say ---------------------------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """From now on tell this one; of a connection that has ended meanwhile, too."""
        self._listener, self._listening = listener, True
        if self._lost is not None:
            listener.lost(*self._lost)

    def connect(self, hello: Hello) -> None:
        """Send CONNECT."""
        assert self._transport is not None
        self._pipe = _Pipe(self._transport)
        client = self._client = _Client(hello.client_id, self._pipe)
        client.username_pw_set(hello.user_name, hello.password)
        if hello.will:
            client.will_set(hello.will, b"", qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.max_queued_messages_set(_MOST_UNSENT)
        properties: Any = _Properties(self._max_size, hello.properties)
        keepalive = min(math.ceil(self._heartbeat), 0xFFFF)
        client.connect_async("pipe", 1, keepalive, clean_start=True, properties=properties)
        client.reconnect()  # the connection is there: all it does is to write

    def subscribe(self, *filters: str) -> None:
        """Ask for what is published there from now on, and for what is retained."""
        assert self._client is not None
        options = SubscribeOptions(qos=1)
        self._client.subscribe([(one, options) for one in filters])

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> int:
        """Publish, and give the number that `published` will tell; 0 where too much waits to be sent already."""
        if self._over:
            return 0
        assert self._client is not None
        told = self._client.publish(topic, payload, qos, retain)
        return 0 if told.rc == mqtt.MQTT_ERR_QUEUE_SIZE else told.mid

    def leave(self) -> None:
        """Send DISCONNECT: the server forgets the will."""
        if self._client is not None and not self._over:
            self._client.disconnect()

    def beat(self) -> None:
        """From now on ping the server, and leave one that does not answer."""
        self._timer = self._loop.call_later(self._heartbeat, self._tick)

    async def closed(self) -> None:
        """Wait until the connection is closed."""
        await asyncio.shield(self._closed)

    def abort(self) -> None:
        """Drop the connection."""
        self._stop()
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Read no more, as nobody listens."""
        if self._transport is not None and not self._paused and not self._over:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on."""
        if self._paused:
            self._paused = False
            self._packets.heard = True  # nobody could have heard it
            self._feed()
            if self._transport is not None and not self._paused and not self._transport.is_closing():
                self._transport.resume_reading()

    # -- what the connection says --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if not self._over:
            self._packets.add(data)
            self._feed()

    def pause_writing(self) -> None:
        """See asyncio. What we send fits the buffer many times over: a full one means a server that does not read."""
        self._loop.call_soon(self._fail, f"{self._where} takes nothing any more; the connection is given up")

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        if not self._closed.done():
            self._closed.set_result(None)
        what = "broke" if exc else "was closed by the server without a word"
        text = f"the connection to {self._where} {what}; try again"
        self._lose(Ended(Reason.NET, Code.NET, text), exc, unexplained=True)

    # -- the packets ---------------------------------------------------------------------------------------------------

    def _feed(self) -> None:
        try:
            while not self._over and not self._paused and (packet := self._packets.next()):
                self._handle(packet)
        except Garbage as garbage:
            self._garbage(str(garbage))

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _handle(self, packet: bytes) -> None:
        client = self._client
        if client is None:
            raise Garbage("it speaks before it is spoken to")
        self._pipe.load(packet)
        try:
            told = client.loop_read()
        except Exception:
            # Malformed in a way that paho did not think of. What paho says of it might quote us: it is not chained.
            told = mqtt.MQTT_ERR_PROTOCOL
        if self._over:
            return
        # After a DISCONNECT of ours, paho takes nothing any more, and has no connection.
        if told not in (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_NO_CONN):
            raise Garbage("a packet of its is malformed")
        if client.want_write():  # what callbacks sent waits until here: there paho would wait for itself, for ever
            client.loop_write()

    def _on_connect(self, _c: Any, _u: Any, _flags: Any, code: ReasonCode, properties: Properties | None) -> None:
        asked = getattr(properties, "ServerKeepAlive", 0)
        if asked:
            self._heartbeat = min(self._heartbeat, asked)
        self._listener.connected(code.value, _words(code, properties))

    def _on_subscribe(
        self, _c: Any, _u: Any, _mid: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        if codes:
            worst = max(codes, key=lambda code: code.value)
            self._listener.subscribed(worst.value, _words(worst, properties))

    def _on_publish(self, _c: Any, _u: Any, mid: int, code: ReasonCode, properties: Properties | None) -> None:
        self._listener.published(mid, code.value, _words(code, properties))

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        self._listener.message(message.topic, bytes(message.payload), message.retain)

    def _on_disconnect(self, _c: Any, _u: Any, flags: Any, code: ReasonCode, properties: Properties | None) -> None:
        if flags.is_disconnect_packet_from_server and not self._over:
            self._listener.disconnected(code.value, _words(code, properties))

    # -- the end -------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        if not self._packets.heard and not self._paused:
            self._fail(f"{self._where} stopped answering; the connection is given up")
            return
        self._packets.heard = False
        self._send(_PINGREQ)
        self.beat()

    def _garbage(self, what: str) -> None:
        text = f"{self._where} does not speak MQTT 5 as it should ({what}); check the server's address"
        self._lose(Ended(Reason.NET, Code.NET, text), None)
        self.abort()

    def _fail(self, text: str) -> None:
        self._lose(Ended(Reason.NET, Code.TIMED_OUT, text), None)
        self.abort()  # nobody is there to say goodbye to

    def _lose(self, ended: Ended, cause: BaseException | None, *, unexplained: bool = False) -> None:
        if self._over:
            return
        self._stop()
        self._lost = ended, cause, unexplained
        if self._listening:
            self._listener.lost(ended, cause, unexplained)

    def _stop(self) -> None:
        self._over = True
        self._packets.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._client is not None:  # paho's callbacks hold us, and it holds the token
            client, self._client = self._client, None
            client.on_connect = client.on_subscribe = client.on_publish = None
            client.on_message = client.on_disconnect = None


def _words(code: ReasonCode, properties: Properties | None) -> str:
    """The server's own, or else what the book calls this code."""
    return getattr(properties, "ReasonString", "") or code.getName()
