"""Whether another session took this one's place, for brokers that do not say so (Mosquitto before 2.0.15).

Such a broker only closes the connection of the session that is displaced. Logging in again would throw the other one
out, which would log in again in its turn. So a look is taken instead, and it does nobody any harm: a session under a
name of its own, without a will and without a presence, asks whoever is online as our device to say so.

Only what is published while somebody looks counts: a successor comes online just then, or answers. So the place is
taken if another session is in it at this moment, which is the broker's own order of things. No two devices' clocks are
compared, and what is retained decides nothing: a broker that crashed may come back with a presence of last week.
Without an answer it is a broken net, which voids nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from attrs import define, field

from ...vocabulary.logins import LoginInfo
from ...vocabulary.reasons import Code, Reason
from ..base import Ended, LinkFailed
from .codes import FAILURE
from .hello import of_lookout
from .terms import Terms
from .topics import SHOW, Topics, unpack

if TYPE_CHECKING:
    from .session import Session


@define(eq=False)
class LookOut:
    """That of one session, from its login on."""

    _terms: Terms = field(alias="terms")
    _login: LoginInfo = field(alias="login", repr=False)
    _topics: Topics = field(alias="topics")
    _nonce: str = field(alias="nonce")
    _suspected: Ended | None = field(default=None, init=False)
    _looking: asyncio.Timeout | None = field(default=None, init=False, repr=False)

    def suspect(self, ended: Ended) -> None:
        """That is how the broker hangs up on a session that was taken over: without a word."""
        if self._terms.look_out > 0:
            self._suspected = ended

    async def explain(self, ended: Ended) -> Ended:
        """The end as it is or, where somebody else is in our place, displaced. Takes `look_out` seconds at most."""
        if self._suspected is not ended:
            return ended
        try:
            async with asyncio.timeout(self._terms.look_out) as self._looking:
                taken = await self._is_taken()
        except TimeoutError:
            taken = False
        finally:
            self._looking = None
        if not taken or self._suspected is None:
            return ended
        text = "a login on another device took this one's place (the server closed the session without a word)"
        return Ended(Reason.DISPLACED, Code.DISPLACED, text)

    def give_up(self) -> None:
        """Nobody wants to know any more."""
        self._suspected = None
        if self._looking is not None:
            self._looking.reschedule(asyncio.get_running_loop().time())

    async def _is_taken(self) -> bool:
        """Wait until the answer is there: a successor takes a moment to show itself."""
        try:
            session = await self._terms.connect()
        except LinkFailed:
            return False
        try:
            look = _Look(self._topics, self._nonce, session, asyncio.get_running_loop().create_future())
            session.listen(look)
            client_id = f"{self._topics.client_id}~{secrets.token_hex(3)}"
            session.connect(of_lookout(client_id, self._terms.user_name(self._login.account), self._login))
            return await look.found
        finally:
            session.leave()
            session.abort()


@define(eq=False)
class _Look:
    """What the session of the look hears."""

    topics: Topics
    nonce: str
    session: Session
    found: asyncio.Future[bool]

    def connected(self, code: int, text: str) -> None:
        if code:
            self._tell(False)
        else:
            # In this order: who has not subscribed yet when it is asked announces itself after we have.
            self.session.subscribe(self.topics.presence)
            self.session.publish(self.topics.look, SHOW, qos=0)

    def subscribed(self, code: int, text: str) -> None:
        if code >= FAILURE:
            self._tell(False)

    def published(self, number: int, code: int, text: str) -> None:
        """Nobody acknowledges the question."""

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        presence = unpack(payload) if payload and topic == self.topics.presence else None
        if presence is not None and presence.nonce == self.nonce:
            self._tell(False)  # ours still stands
        elif presence is not None and not retained:
            self._tell(True)

    def disconnected(self, code: int, text: str) -> None:
        self._tell(False)

    def lost(self, ended: Ended, cause: BaseException | None, unexplained: bool) -> None:
        self._tell(False)

    def _tell(self, taken: bool) -> None:
        if not self.found.done():
            self.found.set_result(taken)
