"""What a link has heard and nobody has read yet: in order, and the end once. Every link of ours has one `Signals`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import define, field

from ..vocabulary.reasons import VERDICTS, Code, Reason
from .base import Ended, LinkFailed, Signal

CLOSED: Final = Ended(Reason.NET, Code.NET, "the link was closed from this side")


def ended_for(reason: Reason, code: int, text: str) -> Ended:
    """The end of a session for this reason.

    An end that is not a verdict decides nothing, so it is NET: a needless reconnect does less harm than a false kick.
    """
    return Ended(reason if reason in VERDICTS or reason is Reason.BUSY else Reason.NET, code, text)


def give(answers: Iterable[asyncio.Future[None]]) -> None:
    """To those who still wait."""
    for answer in answers:
        if not answer.done():
            answer.set_result(None)


async def until_read(answer: asyncio.Future[None]) -> None:
    """Wait for an answer that `Signals.put` was given, until whoever reads has dealt with the signal, too.

    The answer may be there already, when it is waited for after another one: that turn of the loop is theirs.
    """
    await answer
    await asyncio.sleep(0)


@define(eq=False)
class Signals(AsyncIterator[Signal]):
    """The iterator that `Link.signals` gives, and what the calls of the link have to know of its end.

    A link that hears by itself, in callbacks, calls `put` and `end` from there. One that hears when it is asked to
    gives `hear`, which waits for the next thing from the wire and calls them; a LinkFailed that it raises is the end.
    """

    _hear: Callable[[], Awaitable[object]] | None = field(default=None, alias="hear")
    _explain: Callable[[Ended], Awaitable[Ended]] | None = field(default=None, kw_only=True, alias="explain")
    """Given the end before it is told: what is found out by then may make another of it."""
    _most: int = field(default=0, kw_only=True, alias="most")
    """With so many signals unread, `pause` is called, and `resume` when half of them are read; 0: never."""
    _pause: Callable[[], object] | None = field(default=None, kw_only=True, alias="pause")
    _resume: Callable[[], object] | None = field(default=None, kw_only=True, alias="resume")
    ended: Ended | None = field(default=None, init=False)
    """How the link has ended, if it has, whether that was read or not."""
    _cause: OSError | None = field(default=None, init=False, repr=False)
    _unread: list[tuple[Signal, tuple[asyncio.Future[None], ...]]] = field(factory=list, init=False, repr=False)
    _answers: tuple[asyncio.Future[None], ...] = field(default=(), init=False, repr=False)
    """Those that wait for the signal that was read last."""
    _news: asyncio.Future[None] | None = field(default=None, init=False, repr=False)
    """What the reader waits for."""
    _expected: list[asyncio.Future[Any]] = field(factory=list, init=False, repr=False)

    # -- for the link --------------------------------------------------------------------------------------------------

    def put(self, signal: Signal, *answers: asyncio.Future[None]) -> None:
        """Tell this; after the end, nothing. `answers` are given once whoever reads has read it and wants the next.

        So a kick returns when a list without that client was told, and a host that then asks for the list gets that.
        """
        if self.ended is None:
            self._append(signal, answers)
            if len(self._unread) == self._most and self._pause is not None:
                self._pause()

    def end(self, ended: Ended, cause: BaseException | None = None) -> bool:
        """Tell this as the last, and fail all that is expected; whether it was the first end. An OSError is chained."""
        if self.ended is not None:
            return False
        self.ended = ended
        self._cause = cause if isinstance(cause, OSError) else None
        self._append(ended)
        for answer in self._expected:
            if not answer.done():
                answer.set_exception(self.failure())
        self._hear = self._pause = self._resume = None  # they hold the link, and it us
        return True

    def failure(self) -> LinkFailed:
        """What a call says of a link that has ended."""
        assert self.ended is not None
        failure = LinkFailed(self.ended.reason, self.ended.code, self.ended.text)
        failure.__cause__ = self._cause
        return failure

    @contextmanager
    def expecting(self) -> Iterator[asyncio.Future[Any]]:
        """For a call: an answer of the server's, which fails with the link. Raises LinkFailed when that has ended."""
        if self.ended is not None:
            raise self.failure()
        answer = asyncio.get_running_loop().create_future()
        self._expected.append(answer)
        try:
            yield answer
        finally:
            self._expected.remove(answer)
            if answer.done() and not answer.cancelled():
                answer.exception()  # asked for, as the link may have ended before anybody waited for the answer

    # -- for whoever reads ---------------------------------------------------------------------------------------------

    # Not an async generator: one that is left before its end would be finished by a task of the loop's own.

    async def __anext__(self) -> Signal:
        answers, self._answers = self._answers, ()
        give(answers)
        while not self._unread:
            if self.ended is not None:
                raise StopAsyncIteration
            if self._hear is None:
                self._news = asyncio.get_running_loop().create_future()
                await self._news
            else:
                try:
                    await self._hear()
                except LinkFailed as failed:
                    self.end(ended_for(failed.reason, failed.code, failed.text), failed.__cause__)
        signal, _ = self._unread[0]
        if self._explain is not None and isinstance(signal, Ended):
            signal = self.ended = await self._explain(signal)
        _, self._answers = self._unread.pop(0)
        if len(self._unread) == self._most // 2 and self._resume is not None:
            self._resume()
        return signal

    def _append(self, signal: Signal, answers: tuple[asyncio.Future[None], ...] = ()) -> None:
        self._unread.append((signal, answers))
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
