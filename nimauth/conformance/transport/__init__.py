"""A conformance suite for transports: subclass it, say how to make a world, and run it with pytest.

    class TestMyTransport(TransportConformance):
        cannot = {"another"}

        @asynccontextmanager
        async def world(self) -> AsyncIterator[World]:
            async with FakeServer() as server:
                yield MyWorld(server)

A *world* is the other side of the wire (see `World`). Each story runs in a fresh event loop, in a fresh world, under
deadlines: whatever a faulty transport does, no test hangs. A finding is `Broken` and names its clause, and
docs/transports.md lists them. The tests are plain methods, which any runner can call.
"""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from . import contract as T  # noqa: N812  (T.OPEN is clause T1)
from .calls import Calls
from .contract import CLAUSES
from .stage import Stage
from .story import Story, stories, tell
from .weather import Weather
from .world import ABILITIES, Said, Within, World

__all__ = ["ABILITIES", "CLAUSES", "Said", "TransportConformance", "Within", "World"]


class TransportConformance(Calls, Weather):
    """The tests. A subclass gives a world, and says what the wire can do where the defaults do not fit."""

    def test_any_story(self) -> None:
        """Whatever the server does, and whatever the client does at that time."""
        told = stories(self._abilities(), self.login_reasons, self.online_reasons)

        @settings(
            max_examples=self.examples,
            derandomize=self.seed is None,
            database=None,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
            phases=(Phase.generate, Phase.shrink) if self.shrink else (Phase.generate,),
        )
        @given(told)
        def play(story: Story) -> None:
            self._play(tell, story)

        (play if self.seed is None else seeded(self.seed)(play))()

    # -- secrets -------------------------------------------------------------------------------------------------------

    def test_the_token_is_shown_nowhere_not_even_when_asyncio_debugs(self) -> None:
        async def session(stage: Stage) -> None:
            asyncio.get_running_loop().set_debug(True)
            link = await stage.online()
            listener = await stage.listen(link)
            await stage.heard(listener, ())
            for thing in (link, stage.transport, *asyncio.all_tasks()):
                stage.silent(f"the repr of a {type(thing).__name__}", thing)
            if "cut" not in self.cannot:
                await stage.world.cut(False)
                await stage.over(listener, T.SIGNALS, "the connection broke")
                await stage.logout(link)
            await stage.close(link)

        self._play(session)
