"""One link, from opening to its end, in one task."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Final, Protocol

from attrs import evolve

from ..transports.base import (
    Ended,
    Link,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Reconnects,
    Signal,
    Successor,
    SyncFinished,
    SyncStarted,
    Transport,
)
from ..transports.words import clean
from ..vocabulary import inputs
from ..vocabulary.inputs import Event, Input
from .options import SDKOptions
from .tasks import is_ours, report, spawn

log = logging.getLogger("nimauth")

_NO_NETWORK: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN, -abs(socket.EAI_AGAIN)})
"""What a failed connect says when this device has no network at all; see `_errnos`."""
_SOMEBODY_ANSWERED: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET})
"""... and when it has one."""


class Listener(Protocol):
    """Who a connection reports to: the service."""

    async def hear(self, connection: Connection, heard: Input | OnlineClients) -> None:
        """Something happened on the link. May wait, so that a server cannot fill the inbox faster than it is read."""


class Connection:
    """Opens, logs in when told to, listens, and closes whatever happens.

    It starts once `after` is closed: a session never has two links open. With `successor` it opens none but follows a
    library that reconnects by itself.
    """

    __slots__ = (
        "_begun",
        "_close_timeout",
        "_farewell",
        "_given_up",
        "_link",
        "_listener",
        "_request",
        "_secret",
        "task",
    )

    def __init__(
        self,
        transport: Transport,
        options: SDKOptions,
        listener: Listener,
        after: Connection | None = None,
        successor: Successor | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._listener = listener
        self._link: Link | None = successor
        self._begun = False
        self._farewell = False
        self._given_up = False
        self._secret = ""
        self._close_timeout = options.close_timeout
        self._request: asyncio.Future[Callable[[], Awaitable[LoginRequest]]] | None = loop.create_future()
        self.task = spawn(self._run(transport, options, after, successor), "nimauth-link")

    # -- for the service -----------------------------------------------------------------------------------------------

    @property
    def link(self) -> Link | None:
        """The link, while it is open."""
        return self._link

    def take_successor(self) -> Successor | None:
        """The next link of a library that goes on by itself. Whoever takes it has to close it."""
        link: object = self._link
        return link.successor() if isinstance(link, Reconnects) else None

    def log_in(self, request: Callable[[], Awaitable[LoginRequest]]) -> None:
        """Send the login that `request` gives. (It may ask a token provider, so it is awaited here, off the inbox.)"""
        if self._request is not None and not self._request.done():
            self._request.set_result(request)

    def say_goodbye(self) -> None:
        """Tell the server when closing (R13)."""
        self._farewell = True

    def close(self) -> None:
        """Give the link up: from here on it closes by itself, in bounded time."""
        if not self._given_up:  # once the link is being closed, a cancel would cut that short
            self._given_up = True
            if self._begun:  # a task that is cancelled before its first step never waits for the link before it
                self.task.cancel()

    async def closed(self) -> None:
        """Wait until the link is closed."""
        await asyncio.wait({self.task})

    # -- the one task --------------------------------------------------------------------------------------------------

    async def _run(
        self, transport: Transport, options: SDKOptions, after: Connection | None, successor: Successor | None
    ) -> None:
        self._begun = True
        try:
            if after is not None:
                await after.closed()
                after = None
            if not self._given_up:
                await self._live(transport, options, successor)
                del successor
                if isinstance(self._link, Reconnects):
                    await asyncio.Event().wait()  # until it is given up: its successor may still be taken
        except asyncio.CancelledError:
            pass  # given up
        finally:
            self._given_up = True
            if after is not None:
                await after.closed()  # given up while waiting for it: whoever waits for this one waits for both
            await self._close()

    async def _live(self, transport: Transport, options: SDKOptions, successor: Successor | None) -> None:
        """Live until the end, whichever it is, and report it."""
        try:
            await self._go(transport, options, successor)
        except asyncio.CancelledError as error:
            if is_ours(error):
                raise
            # Something that the transport or the token provider awaited was cancelled.
            await self._listener.hear(self, inputs.link_lost())
        except (LinkFailed, LoginRefused) as failure:
            await self._report_failure(failure)
        except TimeoutError:
            await self._listener.hear(self, inputs.TIMED_OUT)
        except Exception as error:
            # A transport that breaks its contract must not stop the session: to the lifecycle it is a lost link.
            report("the transport raised what it should not; the link counts as lost", error)
            await self._listener.hear(self, inputs.link_lost())

    async def _go(self, transport: Transport, options: SDKOptions, successor: Successor | None) -> None:
        if successor is None:
            async with asyncio.timeout(options.open_timeout):
                self._link = link = await transport.open()
        else:
            link = successor
            await successor.begun()
            await self._listener.hear(self, inputs.RECONNECTING)
            async with asyncio.timeout(options.open_timeout):
                await successor.opened()
        await self._listener.hear(self, inputs.LINK_OPENED)
        assert self._request is not None
        make_request = await self._request
        self._request = None
        request = await make_request()
        del make_request
        self._secret = request.login.token
        async with asyncio.timeout(options.login_timeout(transport)):
            await link.login(request)
        del request
        await self._listener.hear(self, inputs.ACCEPTED)
        signals = link.signals()
        try:
            async for signal in signals:
                if await self._pass_on(signal):
                    return
        finally:
            if isinstance(signals, AsyncGenerator):  # one left in the midst is finished by a task of the loop's own
                await signals.aclose()
        await self._listener.hear(self, inputs.link_lost())

    async def _pass_on(self, signal: Signal) -> bool:
        """Report a signal; tell whether it was the last."""
        match signal:
            case SyncStarted():
                await self._listener.hear(self, inputs.SYNC_STARTED)
            case SyncFinished():
                await self._listener.hear(self, inputs.SYNC_FINISHED)
            case OnlineClients():
                await self._listener.hear(self, signal)
            case Ended(reason, code, text):
                await self._listener.hear(self, inputs.ended(reason, code, self._clean(text)))
                return True
        return False

    async def _report_failure(self, failure: LinkFailed | LoginRefused) -> None:
        heard = inputs.refused(failure.code, failure.reason, self._clean(failure.text))
        if isinstance(failure, LinkFailed) and heard.event is Event.CONNECT_FAILED:
            numbers = set(_errnos(failure))
            if numbers & _NO_NETWORK:
                heard = evolve(inputs.NETWORK_LOST, text=heard.text)
            elif numbers & _SOMEBODY_ANSWERED:
                await self._listener.hear(self, inputs.NETWORK_FOUND)
        await self._listener.hear(self, heard)

    def _clean(self, text: str) -> str:
        """A server may say anything, even our own token, and a transport may pass it on."""
        return clean(text, self._secret)

    async def _close(self) -> None:
        link, self._link, self._secret = self._link, None, ""
        if link is None:
            return
        for step, wanted in ((link.logout, self._farewell), (link.close, True)):
            if wanted:
                try:
                    async with asyncio.timeout(self._close_timeout):
                        await step()
                except Exception as error:
                    log.debug("closing a link: %s", type(error).__name__)


def _errnos(error: BaseException) -> Iterator[int]:
    """The numbers of the OSErrors behind a failure; those of name resolution are negative."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            yield -abs(cause.errno) if isinstance(cause, socket.gaierror) else cause.errno
        cause = cause.__cause__
