"""A small MQTT 5 broker that says what it is told to. It shares no code with paho.

It knows users, sessions with wills, retained messages and filters with `+`. What brokers do at their worst is a switch:
a takeover without a word (`silent`), a refusal, an end with any code and any words, no acknowledgements, a late will.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

from attrs import define, field

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14
_REASON_STRING, _ASSIGNED, _SERVER_KEEP_ALIVE = 0x1F, 0x12, 0x13
_SIZES: Final = {0x11: 4, 0x21: 2, 0x22: 2, 0x27: 4, 0x19: 1, 0x17: 1, 0x01: 1, 0x02: 4, 0x18: 4}
"""How long the properties are that a client may send and that are no text."""


def text(words: str) -> bytes:
    data = words.encode()
    return len(data).to_bytes(2, "big") + data


def number(value: int) -> bytes:
    data = bytearray()
    while True:
        value, digit = value >> 7, value & 127
        data.append(digit | (128 if value else 0))
        if not value:
            return bytes(data)


def packet(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    return bytes([kind << 4 | flags]) + number(len(body)) + body


def properties(data: bytes) -> bytes:
    return number(len(data)) + data


def why(code: int, words: str) -> bytes:
    """A reason code, with a reason string where there are words."""
    return bytes([code]) + properties(bytes([_REASON_STRING]) + text(words) if words else b"")


def publish(topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, number: int = 0) -> bytes:
    body = text(topic) + (number.to_bytes(2, "big") if qos else b"") + b"\0" + payload
    return packet(PUBLISH, body, qos << 1 | retain)


@define
class Reader:
    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def integer(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def words(self) -> bytes:
        return self.take(self.integer(2))

    def text(self) -> str:
        return self.words().decode()

    def length(self) -> int:
        size = shift = 0
        while (digit := self.integer(1)) & 128:
            size, shift = size | (digit & 127) << shift, shift + 7
        return size | digit << shift

    def properties(self) -> dict[str, str]:
        """Those of the user's kind."""
        end, found = self.length(), {}
        end += self.at
        while self.at < end:
            kind = self.integer(1)
            if kind == 0x26:
                name = self.text()
                found[name] = self.text()
            else:
                self.take(_SIZES[kind])
        return found

    def rest(self) -> bytes:
        return self.data[self.at :]


@define(eq=False)
class Session:
    writer: Any
    """An asyncio.StreamWriter."""
    client_id: str = ""
    user: str = ""
    told: dict[str, str] = field(factory=dict)
    will: tuple[str, bytes, bool] | None = None
    keepalive: int = 0
    filters: list[str] = field(factory=list)
    acked: list[int] = field(factory=list)
    """The numbers of the messages that were acknowledged."""
    ended: bool = False

    def send(self, data: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(data)

    def hang_up(self) -> None:
        self.writer.close()


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def _copied(users: Mapping[str, str]) -> dict[str, str]:
    """A test that changes a token changes it for itself."""
    return dict(users)


@define(eq=False)
class FakeBroker:
    """For one event loop, as `async with`. Topics need no ACL here: everybody may do all."""

    users: dict[str, str] = field(converter=_copied)
    silent: bool = False
    """A session that is taken over is closed without a word, as Mosquitto 2.0.11 does."""
    late_wills: bool = False
    """A will is published after the next session's presence."""
    deaf: bool = False
    """Nothing is answered any more."""
    subscribing: asyncio.Event = field(factory=_set)
    """A device's SUBSCRIBE waits for it."""
    acks: int = 0
    """The code of PUBACK; 0 lets the broker find out."""
    tells: bool = True
    """PUBACK says when nobody has subscribed to a topic."""
    suback: int = 1
    echo: bool = True
    """Publishers get what they publish, if they have subscribed to it."""
    connack: bytes = b"\0"
    """The properties of CONNACK, with their length."""
    hello: bytes = b""
    """What is said before anybody asks."""
    refusals: list[bytes] = field(factory=list)
    """CONNACKs for the next logins: a code, and properties."""
    answer: bytes = b""
    """Instead of a CONNACK."""
    received: list[tuple[str, str]] = field(factory=list)
    """login, kick, logout and disconnect, each with the client id."""
    sessions: dict[str, Session] = field(factory=dict)
    retained: dict[str, bytes] = field(factory=dict)
    topics: list[str] = field(factory=list)
    """Of all that was published, in order."""
    port: int = 0
    _wills: list[tuple[str, bytes, bool]] = field(factory=list)
    _server: Any = None
    _tasks: set[asyncio.Task[None]] = field(factory=set)
    ssl: Any = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.ssl)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def url(self) -> str:
        return f"{'mqtts' if self.ssl else 'mqtt'}://127.0.0.1:{self.port}"

    # -- what a test has it do -----------------------------------------------------------------------------------------

    def refuse(self, code: int, words: str = "") -> None:
        self.refusals.append(why(code, words))

    def end(self, client_id: str, code: int, words: str = "") -> None:
        """DISCONNECT, and read no more: closed at once, a connection that was not read empty would be reset, and what
        was said just before that might be lost on its way.
        """
        session = self.sessions.pop(client_id)
        session.send(packet(DISCONNECT, why(code, words)))
        session.ended = True
        if session.writer.can_write_eof() and not session.writer.is_closing():
            session.writer.write_eof()

    def seen(self, word: str, client_id: str = "a/d1") -> int:
        """How often."""
        return self.received.count((word, client_id))

    def published(self, topic: str) -> int:
        """How often a client has."""
        return self.topics.count(topic)

    def drop(self, client_id: str) -> None:
        """Close a connection without a word; its will is published."""
        self.sessions[client_id].hang_up()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Publish, and tell to how many."""
        if retain:
            self.retained.pop(topic, None)
            if payload:
                self.retained[topic] = payload
        count = 0
        for session in list(self.sessions.values()):
            if any(matches(one, topic) for one in session.filters):
                session.send(publish(topic, payload))
                count += 1
        return count

    # -- the connections -----------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        session = Session(writer)
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            session.send(self.hello)
            while True:
                kind, body = await self._read(reader)
                if self.deaf or session.ended:
                    continue
                if kind >> 4 == SUBSCRIBE and not looks(session.client_id):
                    await self.subscribing.wait()
                if not self._heard(session, kind >> 4, Reader(body), kind & 15):
                    break
        self._over(session)
        writer.close()
        # Waited for, or asyncio may complain of a reset that nobody asked for.
        with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(0.5):
                await writer.wait_closed()
        writer.transport.abort()
        self.received.append(("disconnect", session.client_id))

    async def _read(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        kind = (await reader.readexactly(1))[0]
        size = shift = 0
        while (digit := (await reader.readexactly(1))[0]) & 128:
            size, shift = size | (digit & 127) << shift, shift + 7
        return kind, await reader.readexactly(size | digit << shift)

    def _over(self, session: Session) -> None:
        if self.sessions.get(session.client_id) is session:
            del self.sessions[session.client_id]
        if session.will is not None:
            if self.late_wills:
                self._wills.append(session.will)
            else:
                self.publish(session.will[0], session.will[1], retain=session.will[2])
            session.will = None

    def _heard(self, session: Session, kind: int, body: Reader, flags: int) -> bool:
        """Answer a packet; tell whether the connection goes on."""
        match kind:
            case 1:
                return self._connect(session, body)
            case 3:
                self._publish(session, body, flags)
            case 4:
                session.acked.append(body.integer(2))
            case 8:
                self._subscribe(session, body)
            case 12:
                session.send(packet(PINGRESP))
            case 14:
                session.will = None
                self.received.append(("logout", session.client_id))
                return False
        return True

    def _connect(self, session: Session, body: Reader) -> bool:
        assert body.text() == "MQTT"
        assert body.integer(1) == 5
        flags = body.integer(1)
        session.keepalive = body.integer(2)
        session.told = body.properties()
        session.client_id = body.text()
        if flags & 4:
            body.properties()
            session.will = (body.text(), body.words(), bool(flags & 0x20))
        session.user, token = body.text(), body.text()
        self.received.append(("login", session.client_id))
        if self.answer:
            session.send(self.answer)
            return True
        if self.refusals or self.users.get(session.user) != token:
            session.send(packet(CONNACK, b"\0" + (self.refusals.pop(0) if self.refusals else why(0x87, ""))))
            session.will = None
            return False
        if (old := self.sessions.get(session.client_id)) is not None:
            if not self.silent:
                old.send(packet(DISCONNECT, why(0x8E, "")))
            self._over(old)
            old.hang_up()
        self.sessions[session.client_id] = session
        session.send(packet(CONNACK, b"\0\0" + self.connack))
        return True

    def _subscribe(self, session: Session, body: Reader) -> None:
        mid = body.take(2)
        body.properties()
        count = 0
        while body.rest():
            session.filters.append(body.text())
            body.take(1)
            count += 1
        session.send(packet(SUBACK, mid + b"\0" + bytes([self.suback] * count)))
        for topic, payload in self.retained.items():
            if any(matches(one, topic) for one in session.filters):
                session.send(publish(topic, payload, retain=True))

    def _publish(self, session: Session, body: Reader, flags: int) -> None:
        topic = body.text()
        mid = body.take(2) if flags & 6 else b""
        body.properties()
        payload = body.rest()
        self.topics.append(topic)
        if "/kick/" in topic:
            self.received.append(("kick", session.client_id))
        code = self.acks
        if code < 0x80 and (self.echo or topic.endswith("/kick/")):
            reached = self.publish(topic, payload, retain=bool(flags & 1))
            code = code or (0 if reached or not self.tells else 0x10)
        if mid:
            session.send(packet(PUBACK, mid + bytes([code]) + b"\0"))
        wills, self._wills = self._wills, []
        for will in wills:
            self.publish(will[0], will[1], retain=will[2])


def looks(client_id: str) -> bool:
    """Whether this client only looks whether another one has taken its place."""
    return "~" in client_id


def matches(one: str, topic: str) -> bool:
    wanted, given = one.split("/"), topic.split("/")
    return len(wanted) == len(given) and all(a in ("+", b) for a, b in zip(wanted, given, strict=True))


def presences(base: str, count: int) -> Iterator[tuple[str, bytes]]:
    """Topics and payloads of so many other devices."""
    for one in range(count):
        yield f"{base}/devices/d{one}x", b'{"nonce": "n", "since": 1, "os": "os %d"}' % one
