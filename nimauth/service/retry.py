"""When a session tries again (R8): a back-off with full jitter, and the penalty of a server asked too often."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from attrs import define, field

from ..vocabulary import inputs
from ..vocabulary.inputs import Event, Input
from ..vocabulary.reasons import Code
from .options import SDKOptions


@define(eq=False)
class Retry:
    """The timer between two tries, and what is remembered from one to the next."""

    _random: Callable[[float, float], float]
    _due: Callable[[Input], None]
    """Told when it is time, with the input that this is."""
    timer: asyncio.TimerHandle | None = field(default=None, init=False)
    """None: nothing is armed."""
    _failures: int = field(default=0, init=False)
    """Tries that failed since a hint, a manual login, or a session that lasted; the back-off grows with it."""
    _online_since: float = field(default=math.inf, init=False)
    _penalty_ends: float = field(default=0.0, init=False)
    _found_in_penalty: bool = field(default=False, init=False)

    @property
    def due_in(self) -> float | None:
        """Seconds until the next try; None where none is armed."""
        return self.timer.when() - asyncio.get_running_loop().time() if self.timer is not None else None

    def went_online(self) -> None:
        """A session began; one that lasts makes the next back-off begin anew."""
        self._online_since = asyncio.get_running_loop().time()

    def begin_anew(self) -> None:
        """Forget the failures: something has changed since."""
        self._failures = 0

    def arm(self, code: int, options: SDKOptions) -> None:
        """Try again in a while, after a failure with this code."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._online_since >= options.backoff_cap:
            self._failures = 0  # a session that lasted; one that is cut off again and again must not be stormed
        self._online_since = math.inf
        ceiling = min(options.backoff_cap, options.backoff_base * 2.0 ** min(self._failures, 32))
        delay = self._random(0.0, ceiling)  # full jitter: a server that comes back is not stormed
        self._failures += 1
        self._found_in_penalty = False
        penalty = options.penalty if code == Code.TOO_FREQUENT else 0.0
        self._penalty_ends = loop.time() + penalty
        self.timer = loop.call_later(delay + penalty, self._is_due)

    def disarm(self) -> None:
        """Try no more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def holds_back(self, event: Event) -> bool:
        """Whether this event is a hint that has to wait: the server wants its minute (416), but nothing is lost."""
        if event is Event.NETWORK_LOST:
            self._found_in_penalty = False
        in_penalty = self.timer is not None and asyncio.get_running_loop().time() < self._penalty_ends
        if not in_penalty or event not in (Event.NETWORK_FOUND, Event.FOREGROUND):
            return False
        self._found_in_penalty |= event is Event.NETWORK_FOUND
        return True

    def _is_due(self) -> None:
        self._penalty_ends = 0.0
        self._due(inputs.NETWORK_FOUND if self._found_in_penalty else inputs.RETRY_DUE)
