"""What XMPP's words for no mean. The wire has no numbers: a code is NIM's, by the reason."""

from __future__ import annotations

from typing import Final

from ...vocabulary.reasons import Code, Reason

CODE: Final[dict[Reason, int]] = {
    Reason.NET: Code.NET,
    Reason.BUSY: Code.UNAVAILABLE,
    Reason.CREDENTIALS: Code.CREDENTIALS,
    Reason.FORBIDDEN: Code.FORBIDDEN,
    Reason.VERSION: Code.VERSION,
    Reason.DISPLACED: Code.DISPLACED,
    Reason.ALREADY_ONLINE: Code.DISPLACED,
    Reason.KICKED_BY_CLIENT: Code.DISPLACED,
    Reason.KICKED_BY_SERVER: Code.DISPLACED,
    Reason.INVALID: Code.INVALID,
}

_SASL: Final = {  # RFC 6120, 6.5
    "not-authorized": Reason.CREDENTIALS,  # a wrong token and an unknown account look alike, on purpose
    "credentials-expired": Reason.CREDENTIALS,
    "account-disabled": Reason.FORBIDDEN,
    "temporary-auth-failure": Reason.BUSY,
    "aborted": Reason.NET,
    "mechanism-too-weak": Reason.VERSION,
    "encryption-required": Reason.VERSION,
    "invalid-mechanism": Reason.VERSION,
    "incorrect-encoding": Reason.INVALID,
    "invalid-authzid": Reason.INVALID,
    "malformed-request": Reason.INVALID,
}

_BIND: Final = {  # RFC 6120, 7.6 and 8.3.3
    "not-allowed": Reason.FORBIDDEN,
    "forbidden": Reason.FORBIDDEN,
    "not-authorized": Reason.FORBIDDEN,
    "policy-violation": Reason.FORBIDDEN,
    "conflict": Reason.ALREADY_ONLINE,
    "resource-constraint": Reason.BUSY,
    "internal-server-error": Reason.BUSY,
    "service-unavailable": Reason.BUSY,
    "bad-request": Reason.INVALID,
    "jid-malformed": Reason.INVALID,
}

_BEFORE: Final = {  # RFC 6120, 4.9.3, of a server that has proved who it is, and does not know yet who we are
    "unsupported-version": Reason.VERSION,
    "unsupported-feature": Reason.VERSION,
    "invalid-namespace": Reason.VERSION,
    "host-unknown": Reason.INVALID,
    "host-gone": Reason.INVALID,
    "resource-constraint": Reason.BUSY,
    "policy-violation": Reason.BUSY,  # too many connections, or too many failed logins, from this address
}

_ONLINE: Final = {  # RFC 6120, 4.9.3
    "conflict": Reason.DISPLACED,
    "policy-violation": Reason.KICKED_BY_SERVER,
    "not-authorized": Reason.FORBIDDEN,
    "unsupported-version": Reason.VERSION,
    "resource-constraint": Reason.BUSY,
}

_REPLACED: Final = ("", "Replaced by new connection")
"""What Prosody and ejabberd say of a login elsewhere. ejabberd says conflict of an operator's kick, too."""


def of_sasl(condition: str) -> Reason:
    """Why a login was refused."""
    return _SASL.get(condition, Reason.UNKNOWN)


def of_bind(condition: str) -> Reason:
    """Why this account may not be online, or not as this device."""
    return _BIND.get(condition, Reason.UNKNOWN)


def of_stream(condition: str, text: str, *, online: bool) -> Reason:
    """Why the server ended the stream. An end that it did not explain is NET: so nothing is void that may be valid."""
    if not online:
        return _BEFORE.get(condition, Reason.NET)
    if condition == "conflict" and text.strip() not in _REPLACED:
        return Reason.KICKED_BY_SERVER
    return _ONLINE.get(condition, Reason.NET)
