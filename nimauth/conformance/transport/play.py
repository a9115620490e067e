"""What the suite's author says of a transport, and how one story is played and looked at when it is over."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Any
from unittest import SkipTest

from ...transports.base import Signal
from ...vocabulary.reasons import Reason
from ..clauses import Broken, require
from ..guard import Stuck, hasty_loop, run_guarded
from ..leftovers import Census, every_complaint, every_socket
from ..secrecy import chain, every_log_record
from . import contract as T  # noqa: N812  (T.OPEN is clause T1)
from .listener import Backstage, is_inside, was_inside
from .stage import Stage, Terms
from .world import ABILITIES, Within, World


class Suite:
    """The settings of a suite, and the play."""

    login_reasons: Collection[Reason] = (
        Reason.CREDENTIALS,
        Reason.FORBIDDEN,
        Reason.VERSION,
        Reason.BUSY,
    )
    """What the wire can tell of a refused login."""
    online_reasons: Collection[Reason] = (Reason.DISPLACED, Reason.KICKED_BY_SERVER, Reason.FORBIDDEN)
    """What the wire can tell of the end of a session."""
    cannot: Collection[str] = ()
    """The `ABILITIES` that this wire or this world does not have. What needs them is skipped, and says so."""
    sees: Collection[str] = ("connect", "login", "kick", "logout", "disconnect")
    """The words that `World.received` uses: what the world gets to see of a client."""
    greets: tuple[type[Signal], ...] | None = ()
    """What the server tells each client by itself right after it accepts; None where nobody can know."""
    within: Within = Within()
    """The transport's own deadlines, in seconds."""
    soon: float = 5.0
    """In how many seconds what nothing hinders is sure to have happened, on a busy machine."""
    patience: float = 0.2
    """How many seconds the suite waits to see that something does not happen."""
    longest_text: int = 1_000
    """How many characters of the wire's words come out at most."""
    rounds: int = 1_000
    """So often `World.flood` is called: more than any bound would let through."""
    examples: int = 40
    """How many stories hypothesis tells."""
    shrink: bool = True
    """Make a story that fails as short as can be. That takes long where each failure waits for a deadline."""
    seed: int | None = None
    """Another number, other stories. By default they are the same in every run."""
    speed: float = 1.0
    """So much faster the loop's clock runs: at 20, a deadline of 10 s takes half a second. For transports that know no
    other clock than the loop's; `soon` and `patience` remain seconds of real time."""
    stuck_after: float = 20.0
    """A loop that has not turned for so many seconds of real time is blocked, whatever it does."""
    blocked_after: float = 0.5
    """And so is one whose thread slept for so many in a call of the transport's. (On a busy machine it does not sleep
    but waits for its turn.) Linux tells that; elsewhere `stuck_after` is all there is."""
    foreign_loggers: Collection[str] = ()
    """Loggers of the world, which may log the token: these and those beneath them."""

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """The loop for one story. Another one may be of virtual time, where the world is in memory."""
        return asyncio.new_event_loop() if self.speed == 1 else hasty_loop(self.speed)

    def world(self) -> AbstractAsyncContextManager[World]:
        """A new world. When it is left, everything of its own is over."""
        raise NotImplementedError("a suite needs a world; write `world`, an async context manager that gives one")

    # -- how it is played ----------------------------------------------------------------------------------------------

    def _abilities(self) -> frozenset[str]:
        if unknown := set(self.cannot) - set(ABILITIES):
            raise ValueError(f"`cannot` has {sorted(unknown)} in it; it takes {', '.join(ABILITIES)}")
        return frozenset(ABILITIES) - set(self.cannot)

    def _of(self, *abilities: str) -> list[str]:
        return [name for name in abilities if name in self._abilities()]

    def _needs(self, *abilities: str) -> None:
        for name in abilities:
            if name not in self._abilities():
                raise SkipTest(f"`cannot` has {name!r} in it ({ABILITIES[name]}), and this needs it")
        for name, reasons in (("refuse", self.login_reasons), ("end", self.online_reasons)):
            if name in abilities and not reasons:
                flag = "login_reasons" if name == "refuse" else "online_reasons"
                raise SkipTest(f"`{flag}` is empty, and this needs a reason")

    def _news(self) -> list[str]:
        return [*(["started", "finished"] if "sync" not in self.cannot else []), *self._of("join")]

    def _play(self, act: Callable[..., Awaitable[None]], *details: Any) -> None:
        """Have one story played, and look around when it is over."""
        census = Census()
        with every_log_record() as records, every_complaint() as complaints, every_socket(is_inside) as sockets:
            backstage = Backstage(sockets=sockets)
            try:
                run_guarded(
                    lambda: self._on_stage(act, details, backstage),
                    loop_factory=self.new_loop,
                    complaints=complaints,
                    stuck_after=self.stuck_after,
                    blocked_after=self.blocked_after,
                    blames=was_inside,
                )
            except BaseException as error:
                for one in chain(error):  # what its frames hold would be complained of in the next story
                    traceback.clear_frames(one.__traceback__)
                if isinstance(error, Stuck):
                    raise Broken(T.RESPONSIVE, str(error)) from None
                raise
        shown = backstage.secrets.shown
        for record in records:
            if not _beneath(record.logger, self.foreign_loggers):
                what = f"a record of the logger {record.logger!r} shows the token, or a piece of it"
                require(not shown(record.text), T.SECRECY, what)
        if complaint := "; ".join(complaints.heard):
            require(not shown(complaint), T.SECRECY, "a complaint of Python's shows the token, or a piece of it")
            raise Broken(T.NOTHING_LEFT, f"Python complains: {complaint}")
        left = census.left()
        require(not left, T.NOTHING_LEFT, f"when transport and world were over there was left {', '.join(left)}")

    async def _on_stage(
        self, act: Callable[..., Awaitable[None]], details: tuple[Any, ...], backstage: Backstage
    ) -> None:
        ready: asyncio.Future[World] = asyncio.get_running_loop().create_future()
        over = asyncio.Event()

        async def host() -> None:  # a world is left by the task that entered it
            async with self.world() as world:
                ready.set_result(world)
                await over.wait()

        hosting = asyncio.create_task(host(), name="the world")
        waited: set[asyncio.Future[Any]] = {hosting, ready}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            ready.cancel()
            await hosting
        try:
            backstage.watch(asyncio.get_running_loop())
            stage = await Stage.set(self._terms(), ready.result(), backstage)
            limit = asyncio.timeout(100 * self.soon * self.speed)
            try:
                async with limit:
                    await act(stage, *details)
                    await stage.finish()
            except TimeoutError:
                if limit.expired():  # each call of the transport has a deadline, so it is not that
                    raise TimeoutError("a story does not end: a method of its world does not return") from None
                raise
            except BaseException:
                await stage.abandon()
                raise
        finally:
            over.set()
            done, _ = await asyncio.wait({hosting}, timeout=2 * self.soon * self.speed)
        if not done:
            what = (
                "the world cannot be left: a connection of the transport is still there, or the world waits for nobody"
            )
            raise Broken(T.NOTHING_LEFT, what)
        await hosting

    def _terms(self) -> Terms:
        return Terms(
            within=self.within,
            soon=self.soon * self.speed,
            patience=self.patience * self.speed,
            longest_text=self.longest_text,
            sees=frozenset(self.sees),
            greets=self.greets,
        )


def _beneath(name: str, loggers: Collection[str]) -> bool:
    return any(name == logger or name.startswith(f"{logger}.") for logger in loggers)
