"""MQTT 5's reason codes in neutral words: of a refused login (CONNACK), and of an end (DISCONNECT, SUBACK).

One table for each packet, as the same code means different things: 0x87 at login is a wrong password (no broker says
more, lest it tells strangers which accounts there are), while online it is a ban.
"""

from __future__ import annotations

from typing import Final

from ...vocabulary.reasons import Reason

FAILURE: Final = 0x80
"""Codes from here on are failures (MQTT 5, 2.4)."""
NO_SUBSCRIBERS: Final = 0x10
"""PUBACK: nobody has subscribed to that topic."""

_CONNACK: Final = {
    0x81: Reason.VERSION,  # malformed packet: it does not understand us
    0x82: Reason.VERSION,  # protocol error
    0x84: Reason.VERSION,  # unsupported protocol version
    0x8C: Reason.VERSION,  # bad authentication method
    0x8A: Reason.FORBIDDEN,  # banned
    0x86: Reason.CREDENTIALS,  # bad user name or password
    0x87: Reason.CREDENTIALS,  # not authorised
    0x88: Reason.BUSY,  # server unavailable
    0x89: Reason.BUSY,  # server busy
    0x97: Reason.BUSY,  # quota exceeded
    0x9F: Reason.BUSY,  # connection rate exceeded
    0x85: Reason.INVALID,  # client identifier not valid: the account or the device id has characters it does not take
    0x90: Reason.INVALID,  # topic name invalid: that of the will
    0x95: Reason.INVALID,  # packet too large
    0x99: Reason.INVALID,  # payload format invalid
    0x9A: Reason.INVALID,  # retain not supported
    0x9B: Reason.INVALID,  # QoS not supported
    0x9C: Reason.NET,  # use another server, for now: no redirect is followed
    0x9D: Reason.NET,  # server moved
}

_END: Final = {
    0x8E: Reason.DISPLACED,  # session taken over
    0x98: Reason.KICKED_BY_SERVER,  # administrative action
    0x87: Reason.FORBIDDEN,  # not authorised
    0x89: Reason.BUSY,  # server busy
    0x96: Reason.BUSY,  # message rate too high
    0x97: Reason.BUSY,  # quota exceeded
    0x9F: Reason.BUSY,  # connection rate exceeded
}

_KICK: Final = {0x87: Reason.FORBIDDEN, 0x97: Reason.BUSY}


def refused_for(code: int) -> Reason:
    """Why a login was refused with this code of CONNACK. UNKNOWN: unspecified, implementation specific, or no code."""
    return _CONNACK.get(code, Reason.UNKNOWN)


def ended_for(code: int) -> Reason:
    """Why a session ended with this code of DISCONNECT or SUBACK.

    All that is no verdict is NET: a needless reconnect does less harm than a false kick. So is a protocol error while
    online, for the server understood us well enough to let us in.
    """
    return _END.get(code, Reason.NET)


def kick_refused_for(code: int) -> Reason:
    """Why a kick was refused with this code of PUBACK."""
    return _KICK.get(code, Reason.INVALID)
