"""Proving who we are: slixmpp's SASL mechanisms, with their loose ends tied up.

slixmpp draws the nonce from a generator that can be predicted, and derives the key in Python, in as many rounds as the
server likes: the loop would stand still for as long.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64decode, b64encode
from collections.abc import Collection
from typing import Any, Final

from slixmpp.util.sasl.client import saslprep
from slixmpp.util.sasl.mechanisms import PLAIN, SCRAM

from .wire import Wire

MOST_ROUNDS: Final = 200_000
"""A server that wants more of PBKDF2 than this (0.1 s) is not one to talk to. Servers ask for 4096 to 10 000."""

_HASHES: Final = {"SHA-512": "sha512", "SHA-256": "sha256", "SHA-1": "sha1"}
"""Best first."""


class Unusable(Exception):
    """The token or the account cannot be sent. There is nothing of it in this error."""


class _Scram(SCRAM):
    hash_name: str
    gs2_header: bytes

    def process_1(self, challenge: bytes) -> bytes:
        super().process_1(challenge)  # pyright: ignore[reportAttributeAccessIssue]  # behind an untyped decorator
        self.cnonce = secrets.token_urlsafe(24).encode()
        name, _, _ = self.client_first_message_bare.rpartition(b",r=")
        self.client_first_message_bare = name + b",r=" + self.cnonce
        message: bytes = self.gs2_header + self.client_first_message_bare
        return message

    def Hi(self, text: Any, salt: bytes, iterations: int) -> bytes:  # noqa: N802  (slixmpp's name)
        if not 0 < iterations <= MOST_ROUNDS:
            raise ValueError("too many rounds")
        return hashlib.pbkdf2_hmac(_HASHES[self.hash_name], text, salt, iterations)


class Proof:
    """One exchange: `start`, `answer` each challenge, and `accept` the success. ValueError means a faulty server."""

    def __init__(self, offered: Collection[str], account: str, token: str, wire: Wire) -> None:
        """Raises Unusable. That `offered` has a mechanism for us was checked by `can_prove`."""
        encrypted = wire.tls is not None
        self.name, binding = _choose(offered, wire)
        try:
            credentials = {
                "username": saslprep(account).encode(),
                "password": saslprep(token).encode(),
                "authzid": b"",
                "channel_binding": binding,
            }
        except Exception:  # what it says may show the token
            credentials = None
        if credentials is None:
            raise Unusable
        settings = {
            "encrypted": encrypted,
            "encrypted_plain": encrypted,
            "unencrypted_plain": False,
            "unencrypted_scram": True,  # it does not show the token
            "binding_proposed": any(name.endswith("-PLUS") for name in offered),
            "tls_version": wire.tls.version() if wire.tls is not None else None,
        }
        self._mechanism: Any = (PLAIN if self.name == "PLAIN" else _Scram)(self.name, credentials, settings)

    def start(self) -> str:
        """What goes into <auth/>, in base64."""
        return self._process(b"")

    def answer(self, challenge: str | None) -> str:
        """What goes into <response/>, in base64. Raises ValueError."""
        return self._process(_decoded(challenge))

    def accept(self, final: str | None) -> None:
        """The server says that it accepts. Raises ValueError when it has not proved that it knows the token, too."""
        if self.name == "PLAIN":
            return
        if final:
            self._process(_decoded(final))
        if not self._mechanism._mutual_auth:
            raise ValueError("no proof")

    def _process(self, said: bytes) -> str:
        try:
            answer: bytes | None = self._mechanism.process(said) or b""
        except Exception:  # slixmpp raises whatever its parsing stumbles over, and the token may be in a frame of it
            answer = None
        if answer is None:
            raise ValueError("the exchange failed")
        return b64encode(answer).decode() or "="


def can_prove(offered: Collection[str], wire: Wire) -> bool:
    """Whether the server offers a mechanism that is strong enough for this connection."""
    return _choose(offered, wire)[0] != ""


def _choose(offered: Collection[str], wire: Wire) -> tuple[str, bytes]:
    """The best mechanism, and its channel binding. A token is never sent in plain text, so PLAIN needs TLS."""
    binding = b""
    if wire.tls is not None and wire.tls.version() in ("TLSv1", "TLSv1.1", "TLSv1.2"):  # Python has none for TLS 1.3
        binding = wire.tls.get_channel_binding("tls-unique") or b""
    for name in _HASHES:
        if binding and f"SCRAM-{name}-PLUS" in offered:
            return f"SCRAM-{name}-PLUS", binding
    for name in _HASHES:
        if f"SCRAM-{name}" in offered:
            return f"SCRAM-{name}", b""
    return ("PLAIN" if "PLAIN" in offered and wire.tls is not None else ""), b""


def _decoded(text: str | None) -> bytes:
    text = (text or "").strip()
    return b"" if text == "=" else b64decode(text, validate=True)
