"""Dialling: the first address that can be got through to, in time, and nothing left behind of the others."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from attrs import define, field

from nimauth.transports.base import LinkFailed
from nimauth.transports.reach import MOST_ADDRESSES, PATIENCE, Address, InTime, dial
from nimauth.vocabulary.reasons import Reason
from tests import aio

A, B, C = ("192.0.2.1", 1), ("192.0.2.2", 2), ("192.0.2.3", 3)
WITHIN = 10.0

Attempt = Callable[[], Awaitable[None]]


async def ready() -> None:
    await asyncio.sleep(0.01)


async def silent() -> None:
    await asyncio.Event().wait()


def failing(failure: Exception) -> Attempt:
    async def fail() -> None:
        raise failure

    return fail


def after(seconds: float, then: Attempt = ready) -> Attempt:
    async def late() -> None:
        await asyncio.sleep(seconds)
        await then()

    return late


def refused(number: int = errno.ECONNREFUSED) -> OSError:
    return OSError(number, os.strerror(number))


@define
class Net:
    """What each address does, and what became of it."""

    does: dict[Address, Attempt]
    tried: list[Address] = field(factory=list)
    cancelled: list[Address] = field(factory=list)
    dropped: list[Address] = field(factory=list)

    async def attempt(self, host: str, port: int) -> Address:
        self.tried.append((host, port))
        try:
            await self.does[host, port]()
        except asyncio.CancelledError:
            self.cancelled.append((host, port))
            raise
        return host, port

    async def dial(self, servers: Sequence[Address]) -> Address:
        async with InTime(WITHIN, "im.example.org"):
            return await dial(servers, self.attempt, where="im.example.org", within=WITHIN, drop=self.dropped.append)


def dialled(does: dict[Address, Attempt]) -> tuple[Address | LinkFailed, float, Net]:
    """What became of it, after how many (virtual) seconds, and what it did."""

    async def test() -> tuple[Address | LinkFailed, float, Net]:
        net, clock = Net(does), asyncio.get_running_loop().time
        began = clock()
        try:
            return await net.dial(list(does)), clock() - began, net
        except LinkFailed as failed:
            return failed, clock() - began, net

    return aio.run_virtual(test())


def failed(does: dict[Address, Attempt]) -> tuple[LinkFailed, Net]:
    told, _, net = dialled(does)
    assert isinstance(told, LinkFailed)
    return told, net


def test_the_best_address_is_taken_and_no_other_is_tried() -> None:
    taken, _, net = dialled({A: after(PATIENCE / 2), B: ready})
    assert (taken, net.tried) == (A, [A])


def test_an_address_that_is_silent_costs_its_share_of_the_time_and_not_the_login() -> None:
    taken, seconds, net = dialled({A: silent, B: ready})
    assert (taken, net.cancelled) == (B, [A])
    assert seconds < 2 * PATIENCE


def test_of_many_each_has_less_and_the_last_has_its_turn() -> None:
    many: dict[Address, Attempt] = {(f"192.0.2.{n}", 1): silent for n in range(1, 30)}
    taken, seconds, net = dialled(many | {B: ready})
    assert taken == B
    assert seconds < WITHIN
    assert len(net.cancelled) == len(many)


def test_an_address_that_fails_costs_no_time() -> None:
    for failure in (
        refused(),
        LinkFailed(Reason.NET, 415, "hung up"),
        LinkFailed(Reason.BUSY, 503, "full"),
        ValueError(),
    ):
        taken, seconds, _ = dialled({A: failing(failure), B: ready})
        assert taken == B
        assert seconds < PATIENCE / 2


def test_a_slow_address_is_not_given_up_for_the_next() -> None:
    taken, _, net = dialled({A: after(3 * PATIENCE), B: silent, C: after(PATIENCE, failing(refused()))})
    assert (taken, net.tried) == (A, [A, B, C])


def test_what_a_server_says_ends_it_and_no_other_is_asked() -> None:
    told, net = failed({A: silent, B: failing(LinkFailed(Reason.VERSION, 201, "too old")), C: ready})
    assert (told.reason, told.text) == (Reason.VERSION, "too old")
    assert (net.tried, net.cancelled) == ([A, B], [A])


def test_silence_everywhere_is_a_time_out() -> None:
    told, net = failed({A: silent, B: silent})
    assert (told.reason, told.code) == (Reason.NET, 408)
    assert net.cancelled == [A, B]


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ((errno.ECONNREFUSED, errno.ENETUNREACH), errno.ECONNREFUSED),
        ((errno.ENETUNREACH, errno.ECONNREFUSED), errno.ECONNREFUSED),
        ((errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.ENETDOWN), errno.ETIMEDOUT),
        ((errno.ENETUNREACH, errno.EHOSTUNREACH), errno.EHOSTUNREACH),
        ((errno.ENETUNREACH, errno.ENETDOWN), errno.ENETUNREACH),
    ],
)
def test_no_network_is_told_only_where_no_address_got_farther(numbers: tuple[int, ...], told: int) -> None:
    failure, _ = failed({at: failing(refused(number)) for at, number in zip((A, B, C), numbers, strict=False)})
    assert isinstance(failure.__cause__, OSError)
    assert failure.__cause__.errno == told


def test_that_a_server_is_busy_counts_for_more_than_that_another_cannot_be_reached() -> None:
    told, _ = failed({A: failing(refused()), B: failing(LinkFailed(Reason.BUSY, 503, "full"))})
    assert (told.reason, told.text) == (Reason.BUSY, "full")


def test_what_comes_too_late_is_dropped() -> None:
    taken, _, net = dialled({A: after(2 * PATIENCE), B: after(PATIENCE)})  # both at once
    assert taken == A
    assert net.dropped + net.cancelled == [B]


@pytest.mark.parametrize("turns", range(8))
def test_a_dial_that_is_cancelled_leaves_nothing_behind(turns: int) -> None:
    """Also at the moment when an address is ready."""

    async def test() -> None:
        now = asyncio.Event()

        async def stubborn() -> None:
            await now.wait()

        net = Net({A: silent, B: stubborn})
        dialling = asyncio.ensure_future(net.dial([A, B]))
        await asyncio.sleep(1.5 * PATIENCE)
        now.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        dialling.cancel()
        try:
            assert await dialling == B
        except asyncio.CancelledError:
            assert B in (*net.dropped, *net.cancelled)
        assert A in net.cancelled

    aio.run_virtual(test())


# -- names -------------------------------------------------------------------------------------------------------------


def named(monkeypatch: pytest.MonkeyPatch, addresses: dict[str, Sequence[str]]) -> None:
    """Let these names be those of these addresses."""

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        if host not in addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses[host]]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


def test_every_address_of_a_name_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        named(monkeypatch, {"both.example": [A[0], A[0], B[0]]})
        net = Net({(A[0], 5): silent, (B[0], 5): ready})
        assert await net.dial([("nowhere.example", 5), ("both.example", 5)]) == (B[0], 5)
        assert net.tried == [(A[0], 5), (B[0], 5)]

    aio.run_virtual(test())


def test_of_a_name_with_very_many_addresses_some_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        many = [f"192.0.2.{n}" for n in range(100)]
        named(monkeypatch, {"many.example": many})
        net = Net({(one, 5): failing(refused()) for one in many})
        with pytest.raises(LinkFailed):
            await net.dial([("many.example", 5)])
        assert len(net.tried) == MOST_ADDRESSES

    aio.run_virtual(test())


def test_a_name_that_does_not_resolve_is_net(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        named(monkeypatch, {})
        with pytest.raises(LinkFailed, match="Name or service not known") as failure:
            await Net({}).dial([("nowhere.example", 1)])
        assert failure.value.reason is Reason.NET
        assert isinstance(failure.value.__cause__, socket.gaierror)

    aio.run_virtual(test())
