"""The other side of the wire, as the author of a transport plays it for the conformance suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import field, frozen, validators

from ...transports.base import LoginRequest, Transport
from ...vocabulary.logins import OnlineClient
from ...vocabulary.reasons import Reason


@frozen
class Said:
    """What the server says when it refuses or ends. What the wire does not have, or nobody can know, is left out."""

    code: int = 0
    """The wire's own code; 0 is not checked."""
    text: str = ""
    """The wire's own words; none are not checked."""


@frozen
class Within:
    """In how many seconds a call gives up when the server does nothing more. None: it has no deadline of its own, and
    whoever called it cancels it. (The service does so.)
    """

    open: float | None = 15.0
    login: float | None = None
    kick: float | None = 15.0
    logout: float | None = None
    close: float | None = field(default=5.0, validator=validators.instance_of(float | int))
    silence: float | None = None
    """How long a server may be silent while online until `signals` tells of it. None: the transport does not notice."""


ABILITIES: Final = {
    "refuse": "the server can be made to refuse a login",
    "end": "the server can be made to end the session",
    "cut": "connections can be broken",
    "stall": "the server can be made to stand still",
    "unreachable": "connections can be refused",
    "garble": "rubbish can be sent",
    "flood": "the client can be flooded with messages",
    "endless": "the client can be sent a message that never ends",
    "sync": "the server tells of data sync",
    "join": "the server tells of other clients of the account",
    "kick": "a client can end another",
    "leave": "the server tells the list without a client that was kicked",
    "another": "a second account can be online at the same time",
    "errno": "the transport gets to see the OSError of a connection that failed",
}
"""What a world and a wire can do; a suite says in `cannot` what its own cannot."""


class World:
    """A server and its network, for one story. Each story gets a new one.

    The suite calls these methods between and during calls of the transport. Write those that the wire has; name the
    others in the suite's `cannot`. None may wait for the client to do something, except `flood`. A server that greets
    its clients with signals says so in the suite's `greets`. Where transport and world call each other in memory, a
    task that the world starts in such a call counts as the transport's.
    """

    async def transport(self) -> Transport:
        """A transport to this world, with short deadlines if it has any to set."""
        raise _unwritten("transport")

    async def request(self) -> LoginRequest:
        """A login that the server accepts. Its token has 12 characters or more, and occurs nowhere else."""
        raise _unwritten("request")

    async def another(self) -> LoginRequest:
        """A login of another account. While it is online, `sync` and `end` mean this newest session."""
        raise _unwritten("another")

    async def refuse(self, reason: Reason, words: str) -> Said:
        """Have the next login refused for this reason, if possible in these words; tell what the server will say."""
        raise _unwritten("refuse")

    async def end(self, reason: Reason, words: str) -> Said:
        """End the newest session for this reason, if possible in these words; tell what the server says."""
        raise _unwritten("end")

    async def cut(self, gently: bool) -> None:
        """Break every connection without saying why: abort it or, `gently`, close it. New ones are served as before."""
        raise _unwritten("cut")

    async def stall(self) -> None:
        """From now on read nothing and answer nothing, but keep the connections, and let new ones come."""
        raise _unwritten("stall")

    async def unreachable(self) -> None:
        """From now on refuse every new connection."""
        raise _unwritten("unreachable")

    async def garble(self, rubbish: bytes) -> None:
        """Send these bytes where the client expects a message. There may be no connection any more to send them on."""
        raise _unwritten("garble")

    async def flood(self, endless: bool) -> None:
        """Send some 64 kB, many messages or a piece of an `endless` one; return when the client has taken it.

        Raises any exception when the connection has ended. It is called again and again, until one or the other, or
        until it waits. (`await writer.drain()`, and its ConnectionError, do just this.)
        """
        raise _unwritten("flood")

    async def sync(self, finished: bool) -> None:
        """Tell the newest session that data sync has started, or has finished."""
        raise _unwritten("sync")

    async def join(self) -> str:
        """Another client of the same account goes online: give its client id, or "" where nobody can know."""
        raise _unwritten("join")

    async def stranger(self) -> OnlineClient:
        """A client that the server refuses to kick."""
        return OnlineClient("nobody-has-this-id")

    async def received(self) -> Sequence[str]:
        """What came from clients so far, each as one of the words in the suite's `sees`."""
        return ()


def _unwritten(name: str) -> NotImplementedError:
    cure = f"write it, or put {name!r} in `cannot` to skip what needs it" if name in ABILITIES else "write it"
    return NotImplementedError(f"this world has no method `{name}`; {cure}")
