"""Reaching a server over TCP and TLS: what every transport's connection has in common, and what its failure means."""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import ssl as tls
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, TypeVar

from ..vocabulary.reasons import Code, Reason
from .base import LinkFailed
from .words import clean

T = TypeVar("T")
Address = tuple[str, int]
"""A name, or an IP address in numbers, and a port."""

PATIENCE: Final = 1.0
"""So many seconds an address has to itself before the next one is tried beside it; less where there are many."""
MOST_ADDRESSES: Final = 8
"""So many of the addresses of a name are tried."""


class InTime:
    """For opening a link: what takes longer than so many seconds fails as a LinkFailed."""

    def __init__(self, within: float, where: str) -> None:
        self._within, self._where = within, where
        self._timeout = asyncio.timeout(within)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, at)
        except TimeoutError as exc:
            text = f"{self._where} did not answer within {self._within:g} s; check the address and the network"
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, text) from exc


async def dial(
    servers: Sequence[Address],
    attempt: Callable[[str, int], Awaitable[T]],
    *,
    where: str,
    within: float,
    drop: Callable[[T], object],
) -> T:
    """What `attempt` gives for the first of these servers, best first, that it gets through to.

    It gets an address in numbers, and opens a connection there up to the point where a login could be sent. An address
    that is silent does not cost the login: after a while the next one is tried beside it, and whichever is ready first
    is taken; what another one gives is dropped. The caller bounds the whole by `within` seconds (`InTime`).
    Raises LinkFailed, with the OSError as its cause: at once what a server has said, unless that is NET or BUSY, which
    are told when every address has failed.
    """

    async def server(host: str, port: int) -> T:
        found = await _resolved(host, port, where)
        return await _first([functools.partial(address, one, port) for one in found], within, drop)

    async def address(host: str, port: int) -> T:
        try:
            return await attempt(host, port)
        except OSError as exc:
            raise unreached(exc, where) from exc
        except (ValueError, OverflowError) as exc:  # what asyncio says of a host name that DNS gave and that is none
            raise unreached(exc, where) from None

    if len(servers) == 1 and _in_numbers(servers[0][0]):  # nothing to choose from
        return await address(*servers[0])
    return await _first([functools.partial(server, *one) for one in servers], within, drop)


async def _resolved(host: str, port: int, where: str) -> list[str]:
    """The addresses of a host, in numbers."""
    if _in_numbers(host):
        return [host]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise unreached(exc, where) from exc
    except ValueError as exc:  # a name that cannot be one
        raise unreached(exc, where) from None
    numbers = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV  # with the zone of one that needs it
    return list(dict.fromkeys(socket.getnameinfo(one[4], numbers)[0] for one in found))[:MOST_ADDRESSES]


def _in_numbers(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True


async def _first(tries: Sequence[Callable[[], Awaitable[T]]], within: float, drop: Callable[[T], object]) -> T:
    """The first that succeeds. Each begins when the one before has failed or has had its time, and has its time on."""
    if len(tries) == 1:
        return await tries[0]()
    pause = min(PATIENCE, within / (len(tries) + 1))
    waiting, failures = list(tries), list[LinkFailed]()
    running: list[asyncio.Task[T]] = []
    won: asyncio.Task[T] | None = None
    try:
        while won is None and (waiting or running):
            if waiting:
                running.append(asyncio.ensure_future(waiting.pop(0)()))
            await asyncio.wait(running, timeout=pause if waiting else None, return_when=asyncio.FIRST_COMPLETED)
            won = _winner(running, failures)
    finally:
        for one in running:
            one.add_done_callback(functools.partial(_drop, drop))
            one.cancel()
        try:
            if running:
                await asyncio.wait(running)
        except asyncio.CancelledError:
            if won is not None:
                drop(won.result())
            raise
    if won is None:
        raise min(failures, key=_farthest)
    return won.result()


def _winner(running: list[asyncio.Task[T]], failures: list[LinkFailed]) -> asyncio.Task[T] | None:
    """The best of those that have succeeded. Those that have failed are over; what a server has said is raised."""
    for one in [one for one in running if one.done()]:
        running.remove(one)
        failure = one.exception()
        if failure is None:
            return one
        if not isinstance(failure, LinkFailed) or failure.reason not in (Reason.NET, Reason.BUSY):
            raise failure
        failures.append(failure)
    return None


def _drop(drop: Callable[[T], object], late: asyncio.Task[T]) -> None:
    if not late.cancelled() and late.exception() is None:
        drop(late.result())


_UNREACHED: Final = {errno.EHOSTUNREACH: 1, errno.ENETUNREACH: 2, errno.ENETDOWN: 2}


def _farthest(failure: LinkFailed) -> int:
    """Least for the address that was got farthest with.

    Many networks have IPv4 only. That its IPv6 address cannot be reached does not say that there is no network.
    """
    cause = failure.__cause__
    if failure.reason is Reason.BUSY:
        return -1
    if isinstance(cause, socket.gaierror):
        return 1
    return _UNREACHED.get(cause.errno or 0, 0) if isinstance(cause, OSError) else 0


# -- TLS, and failures -------------------------------------------------------------------------------------------------


@functools.cache
def verifying(protocol: str = "") -> tls.SSLContext:
    """One context for all: loading the system's certificates blocks the loop for tens of milliseconds.

    `protocol` is what is asked for by ALPN.
    """
    context = tls.create_default_context()
    if protocol:
        context.set_alpn_protocols([protocol])
    return context


def unreached(exc: Exception, where: str) -> LinkFailed:
    """What a connection that could not be made, or not be secured, means."""
    code = Code.TIMED_OUT if isinstance(exc, TimeoutError) else Code.NET
    if isinstance(exc, tls.SSLCertVerificationError):
        # No verdict: nobody has proved to be the server, and a stranger (a captive portal, say) must not be able to
        # void the saved login. A manual login fails with this text, an auto login shows it at each try.
        text = f"the certificate of {where} is not trusted ({exc.verify_message}); do not log in, ask its operator"
    elif isinstance(exc, OSError):
        what = "TLS failed" if isinstance(exc, tls.SSLError) else exc.strerror
        what = what or "the name cannot be resolved"
        text = f"cannot connect to {where}: {what}; check the address, the network and that the server runs"
    else:
        text = f"cannot connect to {where}: it is no usable address; check the address"
    return LinkFailed(Reason.NET, code, clean(text))
