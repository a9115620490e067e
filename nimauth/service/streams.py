"""A value that changes, told to any number of listeners."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, Self, TypeVar

from .tasks import is_ours, report, spawn

T = TypeVar("T")


class _Node(Generic[T]):
    """One value in the order of things, and what came after it."""

    __slots__ = ("next", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self.next: _Node[T] | None = None


class Stream(Generic[T]):
    """Each listener has its own place: none loses, reorders or doubles a value, and none waits for another.

    `async for value in stream` begins with the current value. What a slow listener has not yet read is kept for it, and
    for it alone. The iteration ends when the service is closed.
    """

    __slots__ = ("_closed", "_last", "_tasks", "_waiting")

    def __init__(self, first: T) -> None:
        self._last = _Node(first)
        self._closed = False
        self._waiting: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] | None = None

    @property
    def value(self) -> T:
        """The current value."""
        return self._last.value

    def __aiter__(self) -> AsyncIterator[T]:
        return _Listener(self)

    def listen(self, callback: Callable[[T], Awaitable[None] | None]) -> asyncio.Task[None]:
        """Call `callback` with every value from the current one on, in a task of its own; cancel that to stop.

        An exception of the callback is logged, and the next value is told all the same.
        """
        task = spawn(self._tell(callback), "nimauth-listener")
        if self._tasks is None:
            self._tasks = set()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _tell(self, callback: Callable[[T], Awaitable[None] | None]) -> None:
        async for value in self:
            try:
                told = callback(value)
                if inspect.isawaitable(told):
                    await told
            except (Exception, asyncio.CancelledError) as error:
                if is_ours(error):
                    raise
                report("a listener raised; the others and the next value are not affected", error)

    # -- for the service -----------------------------------------------------------------------------------------------

    def publish(self, value: T) -> None:
        """Append a value."""
        node = _Node(value)
        self._last.next = node
        self._last = node
        self._wake()

    def close(self) -> set[asyncio.Task[None]]:
        """Nothing follows. Gives the tasks of the listeners that are still running."""
        self._closed = True
        self._wake()
        return set(self._tasks or ())

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class _Listener(AsyncIterator[T]):
    """One place in a stream."""

    __slots__ = ("_before", "_stream")

    def __init__(self, stream: Stream[T]) -> None:
        self._stream = stream
        self._before: _Node[T] = _Node(stream.value)
        self._before.next = stream._last

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while self._before.next is None:
            if self._stream._closed:
                raise StopAsyncIteration
            future = asyncio.get_running_loop().create_future()
            self._stream._waiting.append(future)
            try:
                await future
            finally:
                if future in self._stream._waiting:
                    self._stream._waiting.remove(future)
        self._before = self._before.next
        return self._before.value
