"""Who logs in: what a LoginInfo takes and refuses, and that its token shows nowhere."""

from __future__ import annotations

import traceback
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given
from hypothesis import strategies as st

from nimauth.vocabulary.logins import (
    MAX_ACCOUNT,
    MAX_LOGIN_EXT,
    MAX_TOKEN,
    AuthType,
    LoginInfo,
    OnlineClient,
    Permit,
    Revocation,
    account_name,
)
from nimauth.vocabulary.reasons import Cause

TOKEN = "sesame-47114711"


def test_a_login_says_who_and_how_and_by_default_with_a_static_token() -> None:
    login = LoginInfo("a", TOKEN)
    assert (login.account, login.token, login.auth_type) == ("a", TOKEN, AuthType.STATIC)
    assert (login.login_ext, login.custom_client_type) == ("", 0)
    assert LoginInfo("a", auth_type=AuthType(1)).token == "", "a dynamic token comes from its provider"
    assert LoginInfo("a", login_ext="x", auth_type=AuthType(2)).auth_type is AuthType.THIRD_PARTY
    assert [kind.value for kind in AuthType] == [0, 1, 2]


def test_what_is_at_the_bound_is_taken() -> None:
    assert (MAX_ACCOUNT, MAX_TOKEN, MAX_LOGIN_EXT) == (256, 4096, 1024)
    login = LoginInfo("a" * MAX_ACCOUNT, "t" * MAX_TOKEN, login_ext="x" * MAX_LOGIN_EXT)
    assert (len(login.account), len(login.token), len(login.login_ext)) == (256, 4096, 1024)


REFUSED: dict[str, Callable[[], LoginInfo]] = {
    "an empty account": lambda: LoginInfo("", TOKEN),
    "a long account": lambda: LoginInfo("a" * (MAX_ACCOUNT + 1), TOKEN),
    "an account of two lines": lambda: LoginInfo("a\nb", TOKEN),
    "an account with NUL": lambda: LoginInfo("a\0", TOKEN),
    "an account with half a surrogate pair": lambda: LoginInfo("a\ud800", TOKEN),
    "no token for a static login": lambda: LoginInfo("a"),
    "a long token": lambda: LoginInfo("a", TOKEN * 1000),
    "a token of two lines": lambda: LoginInfo("a", TOKEN + "\n"),
    "a token with half a surrogate pair": lambda: LoginInfo("a", TOKEN + "\udfff"),
    "a kind that is none": lambda: LoginInfo("a", TOKEN, auth_type=3),  # pyright: ignore[reportArgumentType]
    "a third party without login_ext": lambda: LoginInfo("a", TOKEN, AuthType.THIRD_PARTY),
    "a long login_ext": lambda: LoginInfo("a", TOKEN, AuthType.THIRD_PARTY, TOKEN * 1000),
    "a long token put into a good login": lambda: evolve(LoginInfo("a", "t"), token=TOKEN * 1000),
    "a token of two lines put into a good login": lambda: evolve(LoginInfo("a", TOKEN), token=TOKEN + "\r"),
    "no account left in a good login": lambda: evolve(LoginInfo("a", TOKEN), account=""),
}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_what_is_out_of_bounds_is_refused_without_showing_a_token(make: Callable[[], LoginInfo]) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert "\n" not in str(caught.value)
    assert 10 < len(str(caught.value)) < 120
    error: BaseException | None = caught.value
    while error is not None:
        assert TOKEN not in f"{error} {error!r} {error.args} {vars(error)}"
        error = error.__cause__ or error.__context__


def test_no_token_and_no_login_ext_is_in_a_repr() -> None:
    login = LoginInfo("a", TOKEN, AuthType.THIRD_PARTY, login_ext="ext-" + TOKEN)
    for shown in (login, evolve(login, account="b"), evolve(login, token=TOKEN * 2), [login], {"login": login}):
        assert "sesame" not in f"{shown!r} {shown}"


def test_no_token_is_in_the_traceback_of_a_refusal() -> None:
    with pytest.raises(ValueError) as caught:
        LoginInfo("a", f"{TOKEN}\n")
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_one_name_is_one_account_whichever_way_it_was_typed() -> None:
    assert LoginInfo("e\u0301", TOKEN) == LoginInfo("\u00e9", TOKEN)
    assert account_name("网易") == "网易"
    assert account_name("e\u0301" * MAX_ACCOUNT) == "\u00e9" * MAX_ACCOUNT, "it is the composed name that is measured"


@given(st.text())
def test_an_account_name_is_refused_or_stands_for_itself(text: str) -> None:
    try:
        name = account_name(text)
    except ValueError:
        return
    assert account_name(name) == name
    assert name == unicodedata.normalize("NFC", text)
    assert name.encode("utf-8").decode("utf-8") == name, "every store can keep it"


FROZEN: tuple[Any, ...] = (
    LoginInfo("a", TOKEN),
    OnlineClient("1"),
    Revocation(Cause.FAILED, 1.5),
    Permit("a"),
)


@pytest.mark.parametrize("data", FROZEN, ids=lambda data: type(data).__name__)
def test_what_passes_between_rooms_is_frozen_and_compares_by_value(data: Any) -> None:
    assert data == evolve(data)
    assert hash(data) == hash(evolve(data))
    for name in type(data).__slots__:
        if not name.startswith("__"):
            with pytest.raises(FrozenInstanceError):
                setattr(data, name, None)


def test_an_online_client_is_known_by_its_id_and_may_say_no_more() -> None:
    client = OnlineClient("7")
    assert (client.os, client.client_type, client.login_time, client.custom_tag, client.custom_client_type) == (
        "",
        "",
        0.0,
        "",
        0,
    )


def test_a_permit_names_an_account_or_nobody_and_perhaps_why() -> None:
    revocation = Revocation(Cause.FORBIDDEN, at=12.0, account="a")
    assert Permit() == Permit(None, None)
    assert Permit(None, revocation).revocation == revocation
    assert Permit("a").revocation is None


@pytest.mark.parametrize(
    "given",
    [
        {"account": "a", "token": 5},
        {"account": "a", "token": ["s", "e"]},
        {"account": None, "token": TOKEN},
        {"account": "a", "token": "t", "auth_type": TOKEN},
        {"account": "a", "token": "t", "login_ext": 5},
        {"account": "a", "token": "t", "login_ext": "\ud800"},
        {"account": "a", "token": "t", "custom_client_type": TOKEN},
        {"account": " a", "token": "t"},
        {"account": "a\u2028b", "token": "t"},
    ],
)
def test_what_is_no_login_is_a_value_error_that_shows_nothing_of_it(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as refused:
        LoginInfo(**given)
    assert TOKEN not in "".join(traceback.format_exception(refused.value, chain=True))
