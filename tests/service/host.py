"""A host app on a virtual clock: a service, its world, its store, and a record of what it was told."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self

from nimauth.service import AuthService, SDKOptions, StatusEvent
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.states import State

from ..aio import run_virtual
from .world import World

TOKEN = "sesame-47114711"
A = LoginInfo("a", TOKEN)
B = LoginInfo("b", TOKEN)

OPTIONS = SDKOptions(device_id="here")


class Host(AbstractAsyncContextManager["Host"]):
    """One run of an app. Two Hosts with one shelf are two runs, one after the other."""

    def __init__(
        self,
        world: World | None = None,
        shelf: Shelf | None = None,
        *,
        store: Any = None,
        options: SDKOptions = OPTIONS,
        jitter: Callable[[float, float], float] = lambda _, ceiling: ceiling,
        **more: Any,
    ) -> None:
        self.world = world or World()
        self.shelf = shelf or Shelf()
        self.store = store or MemoryStore(self.shelf)
        self.auth = AuthService(
            self.world,
            self.store,
            options,
            open_local_data=lambda account: self.local.append(f"open {account}"),
            close_local_data=lambda: self.local.append("close"),
            random=jitter,
            clock=lambda: 1000.0,
            **more,
        )
        self.local: list[str] = []
        self.events: list[StatusEvent] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.auth.aclose()
        assert not self.world.open_links, "a link outlives the service"
        assert all(link.closes == 1 for link in self.world.links), "a link is closed once"
        assert self.world.most_open <= 1, "two links were open at once"

    async def start(self, auto_login: bool | LoginInfo = True) -> Any:
        """Initialize, and record every status from the first one on."""
        refusal = await self.auth.initialize(auto_login)
        self.auth.auth_status.listen(self.events.append)
        return refusal

    async def online(self, login: LoginInfo = A) -> None:
        """Start, and log in by hand."""
        await self.start(auto_login=False)
        await self.auth.login(login)
        await self.until(State.DATA_SYNC_FINISH)

    async def until(self, state: State) -> StatusEvent:
        async for event in self.auth.auth_status:
            if event.state is state:
                await settle()
                return event
        raise AssertionError(f"closed before {state}")

    @property
    def state(self) -> State:
        return self.auth.auth_status.value.state

    @property
    def statuses(self) -> list[str]:
        return [event.status.value for event in self.events]

    @property
    def states(self) -> list[str]:
        return [event.state.value for event in self.events]


async def settle() -> None:
    """Let everything run that needs no time."""
    for _ in range(50):
        await asyncio.sleep(0)


def now() -> float:
    return asyncio.get_running_loop().time()


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine test on the virtual clock, and hold that no task outlives it."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        run_virtual(test(*args, **kwargs))

    return run
