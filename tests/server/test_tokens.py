"""Who may log in: static, dynamic and third-party tokens, bans, and too many attempts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any

import pytest

from nimauth.server import Limits, Server, dynamic_token
from nimauth.server.accounts import Account
from tests.server.helpers import TOKEN, Json, raw, run, running

NOW = 1_700_000_000.0
SECRET = "app-secret"


def answer(login: Json, **options: Any) -> Json:
    """The server's answer to one login."""

    async def test() -> Json:
        async with running(**options) as server, raw(server) as client:
            return await client.login(**login)

    return run(test())


def test_the_right_static_token_is_accepted() -> None:
    assert answer({})["op"] == "accepted"


@pytest.mark.parametrize(
    "login",
    [{"token": "wrong"}, {"account": "nobody"}, {"app_key": "other"}],
    ids=["token", "account", "app key"],
)
def test_a_wrong_token_account_or_app_key_looks_the_same(login: Json) -> None:
    refused = answer(login)
    assert (refused["op"], refused["code"], refused["reason"]) == ("refused", 302, "credentials")
    assert refused == answer({"token": "also wrong"})


def test_an_account_without_a_token_takes_no_static_login() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            server.add_account("bare")
            assert (await client.login("bare", "x"))["code"] == 302

    run(test())


def test_a_changed_token_counts_from_the_next_login_on() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as first, raw(server) as second, raw(server) as third:
            assert (await first.login())["op"] == "accepted"
            server.add_account("a", "new")
            assert len(server.clients("a")) == 1
            assert (await second.login())["code"] == 302
            assert (await third.login(token="new"))["op"] == "accepted"

    run(test())


def test_tokens_are_kept_as_salted_hashes() -> None:
    one, other = Account("one"), Account("other")
    one.set_token(TOKEN)
    other.set_token(TOKEN)
    assert one.has_token(TOKEN)
    assert not one.has_token("")
    assert one._token != other._token
    assert TOKEN not in repr(one) + repr(one._token)


def test_account_names_are_compared_in_nfc() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            server.add_account("Zoe\u0308", TOKEN)
            assert (await client.login("Zo\u00eb"))["op"] == "accepted"
            assert len(server.clients("Zoe\u0308")) == 1

    run(test())


def dynamic(token: str, **options: Any) -> Json:
    return answer({"token": token, "auth_type": 1}, secret=SECRET, wall=lambda: NOW, **options)


def test_a_dynamic_token_in_the_documented_form_is_accepted() -> None:
    assert dynamic(dynamic_token("demo", "a", SECRET, now=NOW))["op"] == "accepted"


def test_the_documented_form_of_a_dynamic_token() -> None:
    signature = hashlib.sha1(b"demo" + b"a" + b"1700000000000" + b"600" + b"app-secret").hexdigest()
    token = json.loads(base64.b64decode(dynamic_token("demo", "a", SECRET, now=NOW, ttl=600)))
    assert token == {"signature": signature, "curTime": 1_700_000_000_000, "ttl": 600}


@pytest.mark.parametrize(("age", "good"), [(0, True), (599, True), (600, False), (-60, True), (-61, False)])
def test_a_dynamic_token_is_good_for_its_ttl_and_a_bounded_skew(age: float, good: bool) -> None:
    token = dynamic_token("demo", "a", SECRET, now=NOW - age, ttl=600)
    assert dynamic(token, limits=Limits(clock_skew=60))["op"] == ("accepted" if good else "refused")


@pytest.mark.parametrize(
    "token",
    [
        dynamic_token("demo", "b", SECRET, now=NOW),
        dynamic_token("other", "a", SECRET, now=NOW),
        dynamic_token("demo", "a", "other", now=NOW),
        "",
        "not base64!",
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b"[" * 2000).decode(),
        base64.b64encode(json.dumps({"signature": "é", "curTime": 1, "ttl": 1}).encode()).decode(),
        base64.b64encode(json.dumps({"signature": "\ud800", "curTime": 10**400, "ttl": 1}).encode()).decode(),
        base64.b64encode(json.dumps({"signature": "\ud800", "curTime": 1, "ttl": 1}).encode()).decode(),
        base64.b64encode(json.dumps({"signature": None, "curTime": "1", "ttl": 1.5}).encode()).decode(),
    ],
)
def test_any_other_dynamic_token_is_refused(token: str) -> None:
    assert dynamic(token)["code"] == 302


@pytest.mark.parametrize("auth_type", [1, 2])
def test_a_way_of_logging_in_that_is_not_enabled_is_403(auth_type: int) -> None:
    refused = answer({"auth_type": auth_type, "login_ext": "x"})
    assert (refused["code"], refused["reason"]) == (403, "forbidden")


def test_a_third_party_login_is_the_apps_own_servers_to_judge() -> None:
    asked: list[tuple[str, str, str]] = []

    async def verify(account: str, token: str, login_ext: str) -> bool:
        asked.append((account, token, login_ext))
        await asyncio.sleep(0)
        return token == "ticket"

    login: Json = {"auth_type": 2, "login_ext": "ext"}
    assert answer(login | {"token": "ticket"}, verify=verify)["op"] == "accepted"
    assert answer(login | {"token": "forged"}, verify=verify)["code"] == 302
    assert asked == [("a", "ticket", "ext"), ("a", "forged", "ext")]


def test_a_verifier_that_fails_is_busy_and_its_words_stay_unsaid(caplog: pytest.LogCaptureFixture) -> None:
    async def verify(account: str, token: str, login_ext: str) -> bool:
        raise RuntimeError(f"cannot check {token}")

    refused = answer({"auth_type": 2, "login_ext": "ext", "token": "ticket"}, verify=verify)
    assert (refused["code"], refused["reason"]) == (503, "busy")
    assert "ticket" not in json.dumps(refused) + caplog.text
    assert "RuntimeError" in caplog.text


def test_a_verifier_that_never_answers_is_cut_short_by_the_login_timeout() -> None:
    async def verify(account: str, token: str, login_ext: str) -> bool:
        await asyncio.Event().wait()
        return True

    login: Json = {"auth_type": 2, "login_ext": "ext"}
    assert answer(login, verify=verify, limits=Limits(login_timeout=0.1))["code"] == 408


def test_too_many_logins_are_416_for_the_length_of_the_penalty() -> None:
    now = 0.0
    limits = Limits(logins_per_window=3, login_window=10, login_penalty=60)

    async def code(server: Server, token: str = TOKEN) -> int:
        async with raw(server) as client:
            code: int = (await client.login(token=token)).get("code", 200)
            return code

    async def test() -> None:
        nonlocal now
        async with running(limits=limits, monotonic=lambda: now) as server:
            assert [await code(server, token) for token in ("x", TOKEN, "y")] == [302, 200, 302]
            assert await code(server) == 416
            now = 59.9
            assert await code(server) == 416
            now = 60.0
            assert await code(server) == 200

    run(test())


def test_an_operator_can_lock_an_account_out() -> None:
    now = 0.0

    async def test() -> None:
        nonlocal now
        async with running(monotonic=lambda: now) as server:
            server.lock_out("a")
            async with raw(server) as client:
                refused = await client.login()
                assert (refused["code"], refused["reason"]) == (416, "busy")
            now = 60.0
            async with raw(server) as client:
                assert (await client.login())["op"] == "accepted"

    run(test())


def test_a_ban_is_422_until_it_is_lifted_and_is_told_only_to_who_has_the_token() -> None:
    async def test() -> None:
        async with running() as server:
            server.ban("a")
            async with raw(server) as client:
                refused = await client.login()
                assert (refused["code"], refused["reason"]) == (422, "forbidden")
            async with raw(server) as client:
                assert (await client.login(token="wrong"))["code"] == 302
            server.unban("a")
            async with raw(server) as client:
                assert (await client.login())["op"] == "accepted"

    run(test())
