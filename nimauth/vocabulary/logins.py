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

    Raises ValueError for an empty name, one over `MAX_ACCOUNT` characters, and one with control characters or lone
    surrogates, which no keyring stores faithfully.
    """
    name = unicodedata.normalize("NFC", name)
    if not name:
        raise ValueError("the account is empty; give the account id that the server knows")
    if len(name) > MAX_ACCOUNT:
        raise ValueError(f"the account has {len(name)} characters; at most {MAX_ACCOUNT} are allowed")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise ValueError("the account has control characters or broken Unicode in it; give it as plain text")
    return name


def _check_token(_: object, __: object, token: str) -> None:
    if len(token) > MAX_TOKEN:
        raise ValueError(f"the token has {len(token)} characters; at most {MAX_TOKEN} are allowed")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in token):
        raise ValueError("the token has control characters or broken Unicode in it; give it as one line of text")


def _check_login_ext(_: object, __: object, login_ext: str) -> None:
    if len(login_ext) > MAX_LOGIN_EXT:
        raise ValueError(f"login_ext has {len(login_ext)} characters; at most {MAX_LOGIN_EXT} are allowed")


@frozen
class LoginInfo:
    """What a login needs. The token is in no repr, and neither is `login_ext`, which may carry a secret too.

    Raises ValueError for an account, token or `login_ext` that is out of bounds, for a static login without a token,
    and for a third-party login without `login_ext`.
    """

    account: str = field(converter=account_name)
    token: str = field(default="", repr=False, validator=_check_token)
    auth_type: AuthType = field(default=AuthType.STATIC, converter=AuthType)
    login_ext: str = field(default="", repr=False, validator=_check_login_ext)
    custom_client_type: int = 0
    """The app's own number for this kind of client; 0 or less means none."""

    def __attrs_post_init__(self) -> None:
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
