"""A server and a wire that do what a test tells them, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from attrs import define, field

from nimauth.transports.base import (
    Accepted,
    Ended,
    KickRefused,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    Signal,
    SyncFinished,
    SyncStarted,
)
from nimauth.vocabulary.logins import OnlineClient
from nimauth.vocabulary.reasons import Reason, reason_of

NEVER = 1e6
"""Longer than any test waits, in seconds."""


@define
class Plan:
    """How one attempt goes."""

    open_after: float = 0.0
    open_fails: Exception | None = None
    answer_after: float = 0.0
    refuse: Exception | None = None
    then: tuple[Signal | float, ...] = (SyncStarted(), SyncFinished())
    """What follows the login: signals, and pauses in seconds between them."""
    stays: bool = True
    """Whether the link lives on after that."""
    close_after: float = 0.0
    close_fails: Exception | None = None
    logout_after: float = 0.0


def refused(code: int, text: str = "") -> Plan:
    return Plan(refuse=LoginRefused(reason_of(code), code, text))


def unreachable(reason: Reason = Reason.NET, code: int = 415) -> Plan:
    return Plan(open_fails=LinkFailed(reason, code))


@define(eq=False)
class World:
    """The transport of a test. Attempts follow `plans`, then `default`."""

    plans: list[Plan] = field(factory=list)
    default: Callable[[], Plan] = Plan
    links: list[FakeLink] = field(factory=list)
    opened_at: list[float] = field(factory=list)
    """When each open was asked for, on the loop's clock."""
    said: list[str] = field(factory=list)
    most_open: int = 0

    async def open(self) -> FakeLink:
        plan = self.plans.pop(0) if self.plans else self.default()
        self.opened_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(plan.open_after)
        if plan.open_fails is not None:
            raise plan.open_fails
        link = FakeLink(self, plan)
        self.links.append(link)
        self.most_open = max(self.most_open, len(self.open_links))
        return link

    @property
    def open_links(self) -> list[FakeLink]:
        return [link for link in self.links if not link.closed]

    @property
    def link(self) -> FakeLink:
        return self.links[-1]

    def send(self, *signals: Signal) -> None:
        """The server says something on the newest link."""
        for signal in signals:
            self.link.queue.put_nowait(signal)

    def cut(self) -> None:
        """The wire is cut: the link ends and nobody says why."""
        self.link.queue.put_nowait(None)

    def end(self, reason: Reason, code: int = 0, text: str = "") -> None:
        self.send(Ended(reason, code, text))


@define(eq=False)
class FakeLink:
    world: World
    plan: Plan
    queue: asyncio.Queue[Signal | None] = field(factory=asyncio.Queue)
    closed: bool = False
    closes: int = 0
    request: LoginRequest | None = None
    kicked: list[OnlineClient] = field(factory=list)
    kick_fails: Exception | None = None
    kick_after: float = 0.0

    async def login(self, request: LoginRequest) -> Accepted:
        assert self.request is None, "login is called once"
        self.request = request
        self.world.said.append(f"login {request.login.account} {request.attempt}")
        await asyncio.sleep(self.plan.answer_after)
        if self.plan.refuse is not None:
            raise self.plan.refuse
        return Accepted("me")

    async def signals(self) -> AsyncIterator[Signal]:
        for item in self.plan.then:
            if isinstance(item, float | int):
                await asyncio.sleep(item)
            else:
                yield item
        while self.plan.stays:
            signal = await self.queue.get()
            if signal is None:
                return
            yield signal

    async def kick(self, client: OnlineClient) -> None:
        await asyncio.sleep(self.kick_after)
        if self.kick_fails is not None:
            raise self.kick_fails
        self.kicked.append(client)

    async def logout(self) -> None:
        await asyncio.sleep(self.plan.logout_after)
        self.world.said.append("logout")

    async def close(self) -> None:
        self.closes += 1
        try:
            await asyncio.sleep(self.plan.close_after)
            if self.plan.close_fails is not None:
                raise self.plan.close_fails
        finally:
            self.closed = True


def never(*_: Any) -> None:
    raise AssertionError("this must not be called")


__all__ = ["NEVER", "FakeLink", "KickRefused", "Plan", "World", "never", "refused", "unreachable"]
