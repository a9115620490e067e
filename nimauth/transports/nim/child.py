"""The child process: Node with our bridge script, and JSON lines to and from it.

Whatever the child does, every pending call ends at once when it ends, and it is reaped. It is hostile like any server:
its lines are bounded in length and in number, what is no message of the bridge ends it, and so does reading nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any, Final, Protocol, cast

from attrs import define, field

from ...vocabulary.reasons import Code, Reason
from ..base import Ended, LinkFailed
from . import launch
from .mapping import as_code, words
from .setup import NODE, is_shortage, outdated, short_of

MAX_LINE: Final = 2**18
"""Longest line of the child, in bytes. (A list of all online clients is a hundredth of it.)"""
MAX_LINES: Final = 4000
"""A child that says more lines in `FLOOD` seconds, besides answers to calls, is given up. (A login with its data sync
is some ten lines, and so is a reconnect. What a pipe holds, which may come all at once, is 2000 of the shortest.)"""
FLOOD: Final = 10.0
"""In seconds."""
MAX_BACKLOG: Final = 2**20
"""A child that leaves so many bytes unread is given up."""


class SdkError(Exception):
    """The SDK, or the bridge, refused a call. Its text is fit to be shown."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Listener(Protocol):
    """Who hears what the child says by itself."""

    def heard(self, event: str, value: Any) -> None:
        """An event of the SDK. Raises KeyError, TypeError or ValueError for one that cannot be."""

    def asked(self, number: int) -> None:
        """The SDK asks for a dynamic token."""

    def ended(self, ended: Ended) -> None:
        """The child is gone, or is about to be. Told once."""


@define(eq=False, repr=False)
class Child(asyncio.SubprocessProtocol):
    """One child. It runs from `start` until `close`, or until it fails."""

    program: str
    """What is started: Node, or what passes for it."""
    listener: Listener | None = None
    ended: Ended | None = None
    """Why it is gone, or is about to be."""
    secrets: tuple[str, ...] = ()
    """What the SDK might echo, kept out of all that is shown."""
    _transport: asyncio.SubprocessTransport | None = None
    _stdin: asyncio.WriteTransport | None = None
    _stdout: asyncio.ReadTransport | None = None
    _buffer: bytearray = field(factory=bytearray)
    _lines: int = 0
    """How many it has said."""
    _pulse: asyncio.TimerHandle | None = None
    _allowed: int = 0
    """So many lines more, until `_counted_until`."""
    _counted_until: float = 0.0
    _calls: dict[int, asyncio.Future[Any]] = field(factory=dict)
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1))
    _ready: asyncio.Future[None] = field(factory=lambda: asyncio.get_running_loop().create_future())
    _gone: asyncio.Event = field(factory=asyncio.Event)

    def __repr__(self) -> str:
        return f"<Child {'running' if self.ended is None else 'gone'}>"

    @classmethod
    async def start(cls, node: str) -> Child:
        """A child that is ready. Raises LinkFailed when there is none; cancelled, it leaves none behind."""
        child = cls(program=node)
        loop = asyncio.get_running_loop()
        try:
            await loop.subprocess_exec(
                lambda: child, *launch.command(node), stderr=asyncio.subprocess.DEVNULL, **launch.options()
            )
        except OSError as error:
            if is_shortage(error):
                raise short_of("node cannot be started", error) from error
            text = f"node cannot be started ({error.strerror}); install Node.js {NODE} or newer, or give its path"
            raise LinkFailed(Reason.INVALID, Code.INVALID, words(text)) from None
        try:
            await child._ready
        except BaseException:
            await child.close()
            raise
        return child

    # -- for the link --------------------------------------------------------------------------------------------------

    async def call(self, op: str, **details: Any) -> Any:
        """Ask the bridge, and wait for its answer. Raises SdkError for a no, and LinkFailed when the child is gone."""
        with self.asking(op, **details) as answer:
            return await answer

    @contextlib.contextmanager
    def asking(self, op: str, **details: Any) -> Iterator[asyncio.Future[Any]]:
        """The same for a call that knows more: it may give up the answer that it waits for."""
        number = next(self._numbers)
        answer = self._calls[number] = asyncio.get_running_loop().create_future()
        self._allowed += 1
        try:
            self._write({"id": number, "op": op, **details})
            yield answer
        finally:
            del self._calls[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # asked for, as whoever waits may have been cancelled at the same moment

    def answer(self, number: int, value: str) -> None:
        """Answer what the SDK asked."""
        with contextlib.suppress(LinkFailed):
            self._write({"answer": number, "value": value})

    def watch(self, heartbeat: float) -> None:
        """Notice from now on when it hangs: after a silent heartbeat it is pinged, and has as long again to answer."""
        if self._pulse is None:
            self._beat_after(heartbeat, pinged=False)

    def fail(self, code: int, text: str, reason: Reason = Reason.NET) -> None:
        """Give the child up: whoever waits for it hears so at once, and it is killed."""
        if self.ended is not None:
            return
        self.ended = Ended(reason, code, text)
        if self._pulse is not None:
            self._pulse.cancel()
        for call in [self._ready, *self._calls.values()]:
            if not call.done():
                call.set_exception(LinkFailed(reason, code, text))
                call.exception()  # nobody may be waiting
        if self.listener is not None:
            self.listener.ended(self.ended)
        if self._transport is not None:
            self._kill(self._transport)

    async def close(self, within: float = 2.0) -> None:
        """End the child, and wait until it is reaped."""
        self.fail(Code.NET, "the link was closed from this side")
        if self._transport is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._gone.wait()

    # -- what asyncio calls --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._stdin = cast("asyncio.WriteTransport", self._transport.get_pipe_transport(0))
        self._stdout = cast("asyncio.ReadTransport", self._transport.get_pipe_transport(1))
        if self.ended is not None:
            self._kill(self._transport)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        if self.ended is None:
            assert isinstance(data, bytes)
            self._buffer += data
            self._take_lines()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1 and self._ready.done():  # before that, its exit status says more
            self._ended_by_itself()

    def process_exited(self) -> None:
        assert self._transport is not None
        status = self._transport.get_returncode()
        if not self._ready.done() and status in range(128):  # it was not killed
            text = f"{self.program} is no Node.js {NODE} or newer, it ended with status {status}; give the path of one"
            self.fail(Code.INVALID, words(text), Reason.INVALID)
        self._ended_by_itself()
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()

    def _ended_by_itself(self) -> None:
        self.fail(Code.NET, "the child process of the NIM SDK ended by itself; try again")

    # -- the heartbeat -------------------------------------------------------------------------------------------------

    def _beat_after(self, heartbeat: float, *, pinged: bool) -> None:
        if self.ended is None:
            loop = asyncio.get_running_loop()
            self._pulse = loop.call_later(heartbeat, self._beat, heartbeat, self._lines, pinged)

    def _beat(self, heartbeat: float, lines: int, pinged: bool) -> None:
        silent = self._lines == lines
        if silent and pinged:
            self.fail(Code.TIMED_OUT, "the child process of the NIM SDK hangs; it is given up")
        elif silent:
            with contextlib.suppress(LinkFailed):
                self._write({"id": 0, "op": "ping"})  # nobody waits for the answer
        self._beat_after(heartbeat, pinged=silent)

    # -- the lines -----------------------------------------------------------------------------------------------------

    def _write(self, message: dict[str, Any]) -> None:
        assert self._stdin is not None
        if self.ended is None and self._stdin.get_write_buffer_size() > MAX_BACKLOG:
            self.fail(Code.TIMED_OUT, "the child process of the NIM SDK reads nothing any more; try again")
        if self.ended is not None:
            raise LinkFailed(self.ended.reason, self.ended.code, self.ended.text)
        self._stdin.write(json.dumps(message).encode() + b"\n")

    def _take_lines(self) -> None:
        while self.ended is None:
            end = self._buffer.find(b"\n")
            if (end if end >= 0 else len(self._buffer)) > MAX_LINE:
                self.fail(Code.NET, "the child process of the NIM SDK said too much in one line; try again")
            elif end < 0:
                break
            else:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        self._lines += 1
        if self._floods():
            self.fail(Code.NET, "the child process of the NIM SDK floods with messages; try again")
            return
        try:
            self._take(json.loads(line))
        except Exception:  # whatever there is that a line can do: what escapes from here would end nobody's waiting
            self.fail(Code.NET, "the child process of the NIM SDK talks rubbish; try again")

    def _floods(self) -> bool:
        """Count a line, and tell whether there are too many of them."""
        now = asyncio.get_running_loop().time()
        if now >= self._counted_until:
            self._allowed, self._counted_until = MAX_LINES, now + FLOOD
        self._allowed -= 1
        return self._allowed < 0

    def _take(self, message: Any) -> None:
        """Raises KeyError, TypeError or ValueError for what the bridge never says."""
        match message:
            case {"event": str(event), "value": value} if self.listener is not None:
                self.listener.heard(event, value)
            case {"id": int(number), "value": value}:
                if (call := self._waiting(number)) is not None:
                    call.set_result(value)
            case {"id": int(number), "error": {"code": code, "text": str(text)}}:
                refused = SdkError(as_code(code), words(text, *self.secrets))
                if (call := self._waiting(number)) is not None:
                    call.set_exception(refused)
            case {"ask": int(number)} if self.listener is not None:
                self.listener.asked(number)
            case {"ready": 1, "node": str(version)}:
                if text := outdated(version):
                    self.fail(Code.INVALID, words(f"{text} ({self.program})"), Reason.INVALID)
                elif not self._ready.done():
                    self._ready.set_result(None)
            case {"fatal": str(text)}:
                self.fail(Code.NET, f"the NIM SDK broke down ({words(text, *self.secrets)}); try again")
            case _:
                raise ValueError("this is no message of the bridge")

    def _waiting(self, number: int) -> asyncio.Future[Any] | None:
        """The call that this answers; none if nobody waits for it (any more)."""
        call = self._calls.get(number)
        return call if call is not None and not call.done() else None

    def _kill(self, transport: asyncio.SubprocessTransport) -> None:
        """At once: there is nothing to be flushed that anybody waits for. Called once."""
        if transport.get_returncode() is None:
            # Not by the transport: it looks first whether the child lives, and so might reap it behind asyncio's back.
            with contextlib.suppress(OSError):
                launch.kill(transport.get_pid())
        self._buffer.clear()
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.abort()
        if self._stdout is not None:
            self._stdout.close()
