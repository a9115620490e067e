"""What an author says of a wire and a world is taken at its word, and what is said wrongly is told clearly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest import SkipTest

import pytest
from attrs import evolve

from nimauth.conformance import Broken, TransportConformance, World
from nimauth.conformance.transport import ABILITIES
from nimauth.transports.base import LoginRequest, SyncFinished, SyncStarted
from nimauth.vocabulary.logins import LoginInfo, OnlineClient

from .memory import MemoryConformance, MemoryLink, MemoryTransport, MemoryWorld, Message, Wire

TESTS = [name for name in dir(TransportConformance) if name.startswith("test_")]


class NoKick(MemoryLink):
    async def kick(self, client: OnlineClient) -> None:
        raise AssertionError("this wire has no kick")


class NoKickTransport(MemoryTransport):
    link_class = NoKick


class Suite(MemoryConformance):
    """With a world of any class."""

    world_class: type[MemoryWorld] = MemoryWorld
    examples = 8

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        yield self.world_class(self.transport_class)


def run_all(suite: TransportConformance) -> dict[str, str]:
    """Run each test; tell which were skipped, and why."""
    skipped = {}
    for name in TESTS:
        try:
            getattr(suite, name)()
        except SkipTest as skip:
            skipped[name] = str(skip)
    return skipped


def without(ability: str) -> Suite:
    """A suite that says that it lacks this, and does."""
    suite = Suite()
    suite.cannot = {ability}
    if ability == "kick":
        suite.transport_class = NoKickTransport
    elif ability == "endless":

        async def flood(self: MemoryWorld, endless: bool) -> None:
            assert not endless
            await MemoryWorld.flood(self, endless)

        suite.world_class = type("Lacking", (MemoryWorld,), {"flood": flood})
    elif ability not in ("errno", "leave"):
        suite.world_class = type("Lacking", (MemoryWorld,), {ability: getattr(World, ability)})
    return suite


@pytest.mark.parametrize("ability", ABILITIES)
def test_what_cannot_be_done_is_skipped_and_the_flag_named(ability: str) -> None:
    skipped = run_all(without(ability))
    assert bool(skipped) == (ability != "errno")
    assert all(f"`cannot` has '{ability}' in it" in why for why in skipped.values())


class SmallestWorld(World):
    """A transport and a login: less is none."""

    def __init__(self, world: MemoryWorld) -> None:
        self._world = world

    async def transport(self) -> MemoryTransport:
        return await self._world.transport()

    async def request(self) -> LoginRequest:
        return await self._world.request()


class Smallest(MemoryConformance):
    cannot = tuple(ABILITIES)
    sees = ()
    greets = None

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        yield SmallestWorld(MemoryWorld(self.transport_class))


def test_a_world_that_can_do_nothing_is_a_world() -> None:
    assert len(run_all(Smallest())) < len(TESTS)


@pytest.mark.parametrize("flag", ["login_reasons", "online_reasons"])
def test_without_a_reason_there_is_nothing_to_tell(flag: str) -> None:
    suite = Suite()
    setattr(suite, flag, ())
    skipped = run_all(suite)
    assert skipped
    assert all(f"`{flag}` is empty" in why for why in skipped.values())


# -- what the server says by itself ------------------------------------------------------------------------------------


class Greeting(MemoryWorld):
    """Tells of data sync right after each login, in one breath with the accept."""

    def hear(self, wire: Wire, message: Message) -> None:
        accepts = message["op"] == "login" and self.refusal is None and not self.is_stalled
        super().hear(wire, message)
        if accepts:
            wire.push({"op": "sync", "done": False})
            wire.push({"op": "sync", "done": True})


@pytest.mark.parametrize("greets", [(SyncStarted, SyncFinished), None])
def test_a_server_that_greets(greets: Any) -> None:
    suite = Suite()
    suite.world_class, suite.greets = Greeting, greets
    assert run_all(suite) == {}


class LosesTheGreeting(MemoryLink):
    async def login(self, request: LoginRequest) -> Any:
        accepted = await super().login(request)
        self.wire.queue.clear()
        return accepted


def test_a_greeting_that_is_lost_is_found() -> None:
    suite = Suite()
    suite.world_class, suite.greets = Greeting, (SyncStarted, SyncFinished)
    suite.transport_class = type("Faulty", (MemoryTransport,), {"link_class": LosesTheGreeting})
    with pytest.raises(Broken, match=r"T1[34]"):
        suite.test_a_session_from_open_to_close()


# -- what is said wrongly ----------------------------------------------------------------------------------------------


def test_an_ability_that_there_is_not_is_an_error() -> None:
    suite = Suite()
    suite.cannot = {"walk"}
    with pytest.raises(ValueError, match=r"`cannot` has .*walk.* in it; it takes refuse, end, "):
        suite.test_kicks()


def test_a_method_that_is_not_written_is_named_with_the_flag() -> None:
    suite = Suite()
    suite.world_class = type("Unwritten", (MemoryWorld,), {"cut": World.cut})
    with pytest.raises(NotImplementedError, match="no method `cut`; write it, or put 'cut' in `cannot`"):
        suite.test_a_session_whose_connection_breaks()
    with pytest.raises(NotImplementedError, match="write `world`"):
        TransportConformance().test_kicks()


def test_a_short_token_is_refused_and_not_shown() -> None:
    class Short(MemoryWorld):
        async def request(self) -> LoginRequest:
            return evolve(await super().request(), login=LoginInfo("a", "hunter2"))

    suite = Suite()
    suite.world_class = Short
    with pytest.raises(ValueError, match="too short") as raised:
        suite.test_kicks()
    assert "hunter2" not in str(raised.value)


def test_a_world_that_cannot_be_had_skips() -> None:
    class Elsewhere(MemoryConformance):
        @asynccontextmanager
        async def world(self) -> AsyncIterator[World]:
            raise SkipTest("no server is installed here")
            yield

    suite = Elsewhere()
    assert set(run_all(suite).values()) == {"no server is installed here"}


def test_a_world_that_fails_fails_as_itself() -> None:
    class Failing(MemoryWorld):
        async def sync(self, finished: bool) -> None:
            raise LookupError("the server has gone mad")

    suite = Suite()
    suite.world_class = Failing
    with pytest.raises(LookupError, match="gone mad"):
        suite.test_signals_come_in_order()


def test_a_world_that_is_never_over_is_told_of() -> None:
    class Endless(MemoryConformance):
        @asynccontextmanager
        async def world(self) -> AsyncIterator[World]:
            yield MemoryWorld(self.transport_class)
            await asyncio.sleep(1e9)

    with pytest.raises(Broken, match="the world cannot be left"):
        Endless().test_a_session_from_open_to_close()


def test_a_world_that_never_answers_is_told_of() -> None:
    class Deaf(MemoryWorld):
        async def sync(self, finished: bool) -> None:
            await asyncio.sleep(1e9)

    suite = Suite()
    suite.world_class = Deaf
    with pytest.raises(TimeoutError, match="a method of its world does not return"):
        suite.test_signals_come_in_order()


# -- the world's own logs ----------------------------------------------------------------------------------------------


class Chatty(MemoryWorld):
    def hear(self, wire: Wire, message: Message) -> None:
        logging.getLogger("a.server.wire").debug("heard %s", message)
        super().hear(wire, message)


@pytest.mark.parametrize("loggers", [("a.server",), ("a.server.wire",)])
def test_what_the_world_logs_is_its_own_affair_if_it_says_so(loggers: tuple[str, ...]) -> None:
    suite = Suite()
    suite.world_class = Chatty
    with pytest.raises(Broken, match="T24"):
        suite.test_a_session_from_open_to_close()
    suite.foreign_loggers = loggers
    suite.test_a_session_from_open_to_close()
    suite.foreign_loggers = ("a.serve",)
    with pytest.raises(Broken, match="T24"):
        suite.test_a_session_from_open_to_close()


@pytest.mark.parametrize("call", [Suite.test_any_story, Suite.test_kicks])
def test_the_same_test_can_run_on_several_classes(call: Callable[[Suite], None]) -> None:
    class Another(Suite):
        pass

    for suite in (Suite(), Another(), Suite()):
        call(suite)
