"""Whether those devices are there that the broker told of when we came.

A presence is retained, so it outlives its device where the two go down together: a broker that keeps its messages on
disk comes back with the presence and without the session whose will was to clear it. So each session asks once, right
after its sync, after every device that it knows from a retained message alone. One question is under way at a time.

Most brokers say in PUBACK when nobody has subscribed to a topic. Whether this one does is found out first, with a
question to nobody; it does not where somebody listens to everything, such as an operator's log. Where it does, its word
is enough, and no device need answer. Where it does not, each is asked to show itself, and has `within` seconds to do
so. Then comes a last question to nobody: behind its PUBACK no answer is on its way any more, however slow our line was.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Generator

from attrs import define, field

from .codes import FAILURE, NO_SUBSCRIBERS
from .topics import LISTENING, SHOW

_Course = Generator[tuple[str, bytes], int]
"""Gives each question, and gets the code of its PUBACK."""


@define(eq=False)
class RollCall:
    """That of one session. What it is not told of, it leaves alone."""

    _ask: Callable[[str, bytes], int] = field(alias="ask", repr=False)
    """Asks this on a device's look topic, and gives the number of the message, or 0."""
    _missing: Callable[[str], object] = field(alias="missing", repr=False)
    """Told of each device that is not there."""
    _within: float = field(alias="within")
    _doubted: dict[str, None] = field(factory=dict, init=False)
    """In the order in which they were heard of."""
    _course: _Course | None = field(default=None, init=False, repr=False)
    _number: int = field(default=0, init=False)
    """Of the question that is under way."""
    _timer: asyncio.TimerHandle | None = field(default=None, init=False, repr=False)

    def doubt(self, device: str) -> None:
        """It is known from a retained message."""
        self._doubted[device] = None

    def trust(self, device: str) -> None:
        """It has spoken for itself, or is gone anyway."""
        self._doubted.pop(device, None)

    def begin(self) -> None:
        """Ask."""
        if self._doubted:
            self._follow(self._first())

    def answered(self, number: int, code: int) -> None:
        """PUBACK of a message of this session's."""
        if self._course is None or number != self._number:
            return
        if code >= FAILURE:  # it cannot be found out here
            self.stop()
        else:
            self._follow(self._course, code)

    def stop(self) -> None:
        """Ask no more."""
        self._course = None
        self._doubted.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _first(self) -> _Course:
        tells = (yield _nobody(), LISTENING) == NO_SUBSCRIBERS
        for device in list(self._doubted):
            if device not in self._doubted:
                continue
            code = yield device, LISTENING if tells else SHOW
            if device in self._doubted and code == NO_SUBSCRIBERS:
                self._strike(device)
            elif tells:
                self.trust(device)
        if self._doubted:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._within, lambda: self._follow(self._last()))

    def _last(self) -> _Course:
        yield _nobody(), LISTENING
        for device in list(self._doubted):
            self._strike(device)

    def _strike(self, device: str) -> None:
        self.trust(device)
        self._missing(device)

    def _follow(self, course: _Course, code: int | None = None) -> None:
        """To the next question, if there is one."""
        try:
            device, question = next(course) if code is None else course.send(code)
        except StopIteration:
            self._course = None
            return
        self._course, self._number = course, self._ask(device, question)
        if not self._number:  # kicks come first
            self.stop()


def _nobody() -> str:
    """A device id that no device has."""
    return secrets.token_hex(8)
