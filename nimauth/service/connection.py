"""One link, from opening to its end, in one task."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from ..transports.base import (
    Ended,
    Link,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Signal,
    SyncFinished,
    SyncStarted,
    Transport,
)
from ..vocabulary import inputs
from ..vocabulary.inputs import Input
from ..vocabulary.reasons import VERDICTS
from .options import SDKOptions

log = logging.getLogger("nimauth")

MAX_TEXT: Final = 200
"""How much of the wire's own words is kept, in characters."""

_NO_NETWORK: Final = frozenset({errno.ENETUNREACH, errno.ENETDOWN})
_NO_NAMES: Final = frozenset({socket.EAI_AGAIN})


class Listener(Protocol):
    """Who a connection reports to: the service."""

    async def hear(self, connection: Connection, heard: Input | OnlineClients) -> None:
        """Something happened on the link. May wait, so that a server cannot fill the inbox faster than it is read."""


class Connection:
    """Opens, logs in when told to, listens, and closes whatever happens.

    It starts once `after` is closed: a session never has two links open.
    """

    __slots__ = ("_close_timeout", "_farewell", "_given_up", "_link", "_listener", "_request", "_secret", "task")

    def __init__(
        self, transport: Transport, options: SDKOptions, listener: Listener, after: Connection | None = None
    ) -> None:
        loop = asyncio.get_running_loop()
        self._listener = listener
        self._link: Link | None = None
        self._farewell = False
        self._given_up = False
        self._secret = ""
        self._close_timeout = options.close_timeout
        self._request: asyncio.Future[Callable[[], Awaitable[LoginRequest]]] | None = loop.create_future()
        self.task = loop.create_task(self._run(transport, options, after), name="nimauth-link")

    # -- for the service -----------------------------------------------------------------------------------------------

    @property
    def link(self) -> Link | None:
        """The link, while it is open."""
        return self._link

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
            self.task.cancel()

    async def closed(self) -> None:
        """Wait until the link is closed."""
        await asyncio.wait({self.task})

    # -- the one task --------------------------------------------------------------------------------------------------

    async def _run(self, transport: Transport, options: SDKOptions, after: Connection | None) -> None:
        try:
            if after is not None:
                await after.closed()
                after = None
            await self._live(transport, options)
        except asyncio.CancelledError:
            pass  # given up: only `close` cancels this task
        except (LinkFailed, LoginRefused) as failure:
            await self._report_failure(failure)
        except TimeoutError:
            await self._listener.hear(self, inputs.TIMED_OUT)
        except Exception:
            # A transport that breaks its contract must not stop the session: to the lifecycle it is a lost link.
            log.exception("the transport raised what it should not; the link counts as lost")
            await self._listener.hear(self, inputs.link_lost())
        finally:
            self._given_up = True
            if after is not None:
                await after.closed()  # given up while waiting for it: whoever waits for this one waits for both
            await self._close()

    async def _live(self, transport: Transport, options: SDKOptions) -> None:
        async with asyncio.timeout(options.open_timeout):
            self._link = link = await transport.open()
        await self._listener.hear(self, inputs.LINK_OPENED)
        assert self._request is not None
        make_request = await self._request
        self._request = None
        request = await make_request()
        del make_request
        self._secret = request.login.token
        async with asyncio.timeout(options.logging_timeout):
            await link.login(request)
        del request
        await self._listener.hear(self, inputs.ACCEPTED)
        async for signal in link.signals():
            if await self._pass_on(signal):
                return
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
        if isinstance(failure, LinkFailed) and failure.reason not in VERDICTS and lacks_network(failure):
            await self._listener.hear(self, inputs.NETWORK_LOST)
        else:
            await self._listener.hear(self, inputs.refused(failure.code, failure.reason, self._clean(failure.text)))

    def _clean(self, text: str) -> str:
        """What the wire said, fit to be shown: a server may say anything, even our own token."""
        if self._secret:
            text = text.replace(self._secret, "…")
        return "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT])

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


def lacks_network(error: BaseException) -> bool:
    """Whether a failed connect says that this device has no network at all, judged by the errno behind it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and (
            cause.errno in (_NO_NAMES if isinstance(cause, socket.gaierror) else _NO_NETWORK)
        ):
            return True
        cause = cause.__cause__
    return False
