"""Whose task is whose, and a listener that reads a link's signals as the service does."""

from __future__ import annotations

import asyncio
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context, ContextVar
from typing import Any, Final, TypeVar

from attrs import define, field

from ...transports.base import Ended, Link, OnlineClients, Signal
from ...vocabulary.logins import OnlineClient
from ..outcome import settle
from ..secrecy import Secrets

V = TypeVar("V")

_KEEP: Final = 1_000
"""So many signals of a link are kept to be looked at; of a flood the rest is counted."""

# -- whose task it is --------------------------------------------------------------------------------------------------

_INSIDE: Final = ContextVar("nimauth_inside_the_transport", default=False)


@define(eq=False)
class Backstage:
    """What is looked at when a story is over: the tasks and sockets that the transport made, and the secrets.

    They are told from the world's by the context that they were made in.
    """

    secrets: Secrets = field(factory=Secrets.of)
    names: set[str] = field(factory=set)
    """Of its tasks."""
    sockets: list[weakref.ref[socket.socket]] = field(factory=list)
    """Those that it made."""
    _made: list[asyncio.Task[Any]] = field(factory=list)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear of each task that is made in this loop."""

        def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
            task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
            if _INSIDE.get():
                self._made.append(task)
            return task

        loop.set_task_factory(factory)

    @property
    def left(self) -> list[str]:
        """What is not over, in words."""
        self.names.update(task.get_name() for task in self._made)
        self._made = [task for task in self._made if not task.done()]
        found = [f"the task {task.get_name()!r} ({_coroutine(task)})" for task in self._made]
        found += ["an open socket" for made in self.sockets if (one := made()) is not None and one.fileno() >= 0]
        return found


def _coroutine(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "?")


def is_inside() -> bool:
    """Whether it is the transport that runs now."""
    return _INSIDE.get()


def was_inside(context: Context) -> bool:
    """Whether it is the transport that runs in this context."""
    return context.get(_INSIDE, False)


async def inside(call: Awaitable[V]) -> V:
    """Await a call of the transport's."""
    _INSIDE.set(True)  # in this task's own context, and in those that it makes
    return await call


# -- listening ---------------------------------------------------------------------------------------------------------


@define(eq=False)
class Listener:
    """Reads the signals of one link in a task of its own, as the service does."""

    link: Link
    _iterators: list[AsyncIterator[Signal]] = field(repr=False)
    _lingers: int = 0
    """So many turns of the loop it takes over each signal."""
    heard: list[Signal] = field(factory=list)
    count: int = 0
    error: BaseException | None = None
    stopped: bool = False
    _news: asyncio.Event = field(factory=asyncio.Event)
    _task: asyncio.Task[None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="the suite's listener")

    async def _listen(self) -> None:
        _INSIDE.set(True)
        try:
            signals = self.link.signals()
            self._iterators.append(signals)
            async for signal in signals:
                await settle(self._lingers)
                self.count += 1
                if len(self.heard) < _KEEP or isinstance(signal, Ended):
                    self.heard.append(signal)
                self._news.set()
        except asyncio.CancelledError as error:
            if not self.stopped:
                self.error = error
            raise
        except BaseException as error:
            self.error = error
        finally:
            self._news.set()

    @property
    def over(self) -> bool:
        """Whether the signals have come to their end."""
        return self._task.done()

    @property
    def ended(self) -> Ended | None:
        """The end that was told, if one was."""
        return next((signal for signal in self.heard if isinstance(signal, Ended)), None)

    @property
    def kinds(self) -> list[type[Signal]]:
        """What was heard before the end, without what it says."""
        return [type(signal) for signal in self.heard if not isinstance(signal, Ended)]

    @property
    def others(self) -> list[OnlineClient]:
        """The other clients, by the last list that was heard."""
        lists = [signal.clients for signal in self.heard if isinstance(signal, OnlineClients)]
        return list(lists[-1]) if lists else []

    async def until(self, there: Callable[[], bool], soon: float) -> bool:
        """Wait until it is there or the signals are over; tell whether it is."""
        try:
            async with asyncio.timeout(soon):
                while not there() and not self.over:
                    self._news.clear()
                    await self._news.wait()
                    await asyncio.sleep(0)  # the listener's task has just heard its last, and ends now
        except TimeoutError:
            pass
        return there()

    async def until_over(self, soon: float) -> bool:
        """Wait for the end; tell whether it came in time."""
        await asyncio.wait({self._task}, timeout=soon)
        return self.over

    async def stop(self, soon: float) -> bool:
        """Stop listening in the midst; tell whether the signals let go in time."""
        self.stopped = True
        self._task.cancel()
        return await self.until_over(soon)
