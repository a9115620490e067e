"""Who logs in, and who else is online: the attrs classes that pass between rooms."""

from __future__ import annotations

import unicodedata
from enum import IntEnum
from typing import Final

from attrs import field, frozen

from .reasons import Cause

MAX_ACCOUNT: Final = 256
"""Longest account name, in characters."""
MAX_TOKEN: Final = 4096
"""Longest token, in characters. A store may hold less; then the login works and auto login is unavailable."""
MAX_LOGIN_EXT: Final = 1024
"""Longest `login_ext`, in characters (NIM's own limit)."""


class AuthType(IntEnum):
    """How the token is checked (NIM's numbers)."""

    STATIC = 0
    DYNAMIC = 1
    """From the dynamic token provider, asked at every attempt."""
    THIRD_PARTY = 2
    """Checked by the app's own server; needs `login_ext`."""


def account_name(name: str) -> str:
    """The account in NFC, so that one name is one account whichever way it was typed.

    Raises ValueError for an empty name, one over `MAX_ACCOUNT` characters, one with spaces at its ends, and one with
    control characters or lone surrogates, which no keyring stores faithfully.
    """
    if isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        # NFC takes time with the square of a run of combining characters, and makes one character of four at most.
        if len(name) > 4 * MAX_ACCOUNT:
            raise ValueError(f"the account has {len(name)} characters; at most {MAX_ACCOUNT} are allowed")
        name = unicodedata.normalize("NFC", name)
    _text("account", name, MAX_ACCOUNT, one_line=True)
    if not name:
        raise ValueError("the account is empty; give the account id that the server knows")
    if name != name.strip():
        raise ValueError("the account has spaces at its ends; give it without")
    return name


def _text(what: str, text: object, longest: int, *, one_line: bool) -> None:
    """Raises ValueError for what cannot be kept and sent. The message never shows it: it may be a token."""
    if not isinstance(text, str):
        raise ValueError(f"the {what} is no text; give it as a string")
    if len(text) > longest:
        raise ValueError(f"the {what} is too long; at most {longest} characters are allowed")
    if any(unicodedata.category(c) in (_NOT_IN_A_LINE if one_line else _NOT_IN_TEXT) for c in text):
        raise ValueError(f"the {what} has control characters or broken Unicode in it; give it as plain text")


_NOT_IN_TEXT: Final = ("Cs",)
_NOT_IN_A_LINE: Final = ("Cs", "Cc", "Zl", "Zp")


def _auth_type(number: int) -> AuthType:
    try:
        return AuthType(number)
    except ValueError:
        pass  # its message would show what was given, which may be a token in the wrong place
    raise ValueError("auth_type is none of 0 (static), 1 (dynamic) and 2 (third party)")


@frozen
class LoginInfo:
    """What a login needs. The token is in no repr, and neither is `login_ext`, which may carry a secret too.

    Raises ValueError for an account, token or `login_ext` that is out of bounds, for a static login without a token,
    and for a third-party login without `login_ext`.
    """

    account: str = field(converter=account_name)
    token: str = field(default="", repr=False)
    auth_type: AuthType = field(default=AuthType.STATIC, converter=_auth_type)
    login_ext: str = field(default="", repr=False)
    custom_client_type: int = 0
    """The app's own number for this kind of client; 0 or less means none."""

    def __attrs_post_init__(self) -> None:
        _text("token", self.token, MAX_TOKEN, one_line=True)
        _text("login_ext", self.login_ext, MAX_LOGIN_EXT, one_line=False)
        if not isinstance(self.custom_client_type, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError("custom_client_type is no number; give the app's own, or 0")
        if self.auth_type is AuthType.STATIC and not self.token:
            raise ValueError("the token is empty; a static login needs the account's token")
        if self.auth_type is AuthType.THIRD_PARTY and not self.login_ext:
            raise ValueError("login_ext is empty; a third-party login needs it for the app's own server to check")


@frozen
class OnlineClient:
    """Another client of the same account that is online now."""

    client_id: str
    os: str = ""
    client_type: str = ""
    login_time: float = 0.0
    """Seconds since the epoch, as the server says; 0 where it does not say."""
    custom_tag: str = ""
    custom_client_type: int = 0


@frozen
class Revocation:
    """Why and when auto login became void (R3, R4, R5, R13)."""

    cause: Cause
    at: float
    """Seconds since the epoch."""
    account: str | None = None
    """Whose login it was, where that is known."""


@frozen
class Permit:
    """Who may be auto logged in: an account, or nobody and why.

    `Permit("a")` permits a; `Permit(None, revocation)` nobody, for a reason; `Permit(None)` nobody ever logged in here.
    It is kept apart from the secret, so that it can be revoked when the keyring cannot be reached.
    """

    account: str | None = None
    revocation: Revocation | None = None
