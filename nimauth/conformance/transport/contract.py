"""The contract of a transport, in sentences to test. docs/transports.md lists the same."""

from __future__ import annotations

from typing import Final

from ..clauses import Clause

OPEN: Final = Clause("T1", "open gives a link or raises LinkFailed, and nothing else")
LOGIN: Final = Clause(
    "T2",
    "login gives Accepted, raises LoginRefused when the server said no and LinkFailed when the link ended first, "
    "and nothing else",
)
SIGNALS: Final = Clause("T3", "signals raises nothing, and ends with the link")
KICK: Final = Clause(
    "T4",
    "kick returns when the server ended that client and signals gave the list without it, raises KickRefused when it "
    "said no and LinkFailed when the link is gone, and nothing else",
)
LOGOUT: Final = Clause("T5", "logout tells the server, and raises nothing but LinkFailed")
CLOSE: Final = Clause("T6", "close raises nothing, whatever happened before, and may be called again")
REFUSAL: Final = Clause("T7", "a refused login has the reason that the server gave")
END: Final = Clause("T8", "an end while online has the reason that the server gave")
UNEXPLAINED: Final = Clause("T9", "an end that nobody explained is NET, and rubbish is never a verdict")
CARRIED: Final = Clause("T10", "the wire's own code and words travel along")
PRINTABLE: Final = Clause("T11", "words of the wire are printable and not too long when they come out")
CAUSE: Final = Clause("T12", "the OSError behind a connection that failed is chained")
ORDER: Final = Clause("T13", "signals come as the server sent them: in order, none lost, none repeated, none made up")
KEPT: Final = Clause("T14", "what the server says between its accept and the call of signals is kept")
ONCE: Final = Clause("T15", "the end comes once, and nothing comes after it")
BOUNDED: Final = Clause("T16", "open, login, kick, logout and close give up in time, whatever the server does")
SILENCE: Final = Clause("T17", "a server that has gone silent is noticed")
RELEASED: Final = Clause("T18", "close ends whatever else waits on the link")
CANCELLED: Final = Clause("T19", "a call that is cancelled ends with CancelledError, and at once")
NOTHING_LEFT: Final = Clause("T20", "after close nothing is left: no task, thread, socket, connection or complaint")
SEPARATE: Final = Clause("T21", "each open makes a connection of its own, and two links do not mix")
NOT_BY_ITSELF: Final = Clause("T22", "nothing is done unasked: no reconnect, and nothing is sent twice")
MEMORY: Final = Clause("T23", "a server that floods is held back or left: memory is bounded")
SECRECY: Final = Clause("T24", "the token is in no repr, exception, signal or log record")
RESPONSIVE: Final = Clause("T25", "nothing blocks the event loop")

CLAUSES: Final = (
    *(OPEN, LOGIN, SIGNALS, KICK, LOGOUT, CLOSE, REFUSAL, END, UNEXPLAINED, CARRIED, PRINTABLE, CAUSE, ORDER, KEPT),
    *(ONCE, BOUNDED, SILENCE, RELEASED, CANCELLED, NOTHING_LEFT, SEPARATE, NOT_BY_ITSELF, MEMORY, SECRECY, RESPONSIVE),
)
"""All of them."""
