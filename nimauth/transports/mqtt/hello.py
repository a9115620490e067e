"""What a session says in CONNECT."""

from __future__ import annotations

from attrs import field, frozen

from ...vocabulary.logins import AuthType, LoginInfo
from ..base import LoginRequest
from .topics import Topics


@frozen
class Hello:
    """One CONNECT."""

    client_id: str
    user_name: str
    password: str = field(repr=False)
    properties: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Of the user's kind, for a broker whose plugin wants to know: names and values."""
    will: str = ""
    """The topic that the server clears when the session breaks; empty for no will."""


def of_device(request: LoginRequest, user_name: str, topics: Topics) -> Hello:
    """A login: the client id is the device, so that a second one takes the session over.

    Client ids belong to the whole broker. So the account is part of it: two accounts on one device are two sessions.
    Raises ValueError for a `login_ext` that MQTT cannot carry: a broker may hang up on it without a word, which would
    pass for a broken net, and be tried for ever. (A token may have any characters: a password is bytes.)
    """
    if any(map(_is_forbidden, request.login.login_ext)):
        raise ValueError(
            "login_ext has a line break, another control character or a non-character in it, which no MQTT text may "
            "have; give it without, such as JSON in one line"
        )
    properties = [("nimauth-attempt", request.attempt.value)]
    if request.forced:
        properties.append(("nimauth-forced", "1"))
    if request.login.auth_type is not AuthType.STATIC:
        properties.append(("nimauth-auth-type", str(request.login.auth_type.value)))
    if request.login.login_ext:
        properties.append(("nimauth-login-ext", request.login.login_ext))
    return Hello(topics.client_id, user_name, request.login.token, tuple(properties), topics.presence)


def _is_forbidden(char: str) -> bool:
    """What MQTT forbids in a text, or says that a receiver may hang up on (MQTT 5, 1.5.4)."""
    code = ord(char)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xFDD0 <= code < 0xFDF0 or code & 0xFFFE == 0xFFFE


def of_lookout(client_id: str, user_name: str, login: LoginInfo) -> Hello:
    """A session beside the device's own, which takes nobody's place and leaves nothing behind."""
    return Hello(client_id, user_name, login.token, (("nimauth-attempt", "look"),))
