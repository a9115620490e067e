"""Who may log in: static, dynamic and third-party tokens, bans, and too many attempts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import Any

import pytest

from nimauth.server import Limits, Server, dynamic_token
from nimauth.server.accounts import MAX_DEVICES, MAX_NAMES, MAX_TTL, Account, Accounts, _signature
from nimauth.server.policy import CustomGroups, Device
from nimauth.server.protocol import Refused, parse
from tests.server.helpers import TOKEN, Json, login_message, raw, run, running

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


def signed(signature: str, made: int, ttl: int) -> str:
    return base64.b64encode(json.dumps({"signature": signature, "curTime": made, "ttl": ttl}).encode()).decode()


def test_no_digit_of_a_dynamic_token_can_move_between_its_time_and_its_ttl() -> None:
    token = json.loads(base64.b64decode(dynamic_token("demo", "a", SECRET, now=NOW)))
    digits = f"{token['curTime']}{token['ttl']}"
    for split in range(1, len(digits)):
        forged = signed(token["signature"], made := int(digits[:split]), int(digits[split:]))
        refused = answer({"token": forged, "auth_type": 1}, secret=SECRET, wall=lambda made=made: made / 1000 + 1)
        assert refused["op"] == ("accepted" if split == 13 else "refused"), split
    old = signed(token["signature"], int(digits[:5]), int(digits[5:]))  # good for centuries, if it were
    assert dynamic(old)["code"] == 302


def test_a_dynamic_token_of_an_account_that_ends_in_digits_is_not_one_of_the_account_without_them() -> None:
    async def test() -> None:
        now = 1_712_345_678.123
        async with running(secret=SECRET, wall=lambda: now) as server, raw(server) as client:
            server.add_account("bob")
            server.add_account("bob1712")
            token = json.loads(base64.b64decode(dynamic_token("demo", "bob1712", SECRET, now=now)))
            digits = f"1712{token['curTime']}{token['ttl']}"
            forged = signed(token["signature"], int(digits[:13]), int(digits[13:]))
            assert (await client.login("bob", forged, auth_type=1))["code"] == 302

    run(test())


def test_a_dynamic_token_lives_a_day_at_most() -> None:
    made = int(NOW * 1000)
    for ttl, good in ((MAX_TTL, True), (MAX_TTL + 1, False), (0, False), (-1, False)):
        token = signed(_signature("demo", "a", made, ttl, SECRET), made, ttl)
        assert dynamic(token)["op"] == ("accepted" if good else "refused"), ttl
    for now, ttl in ((NOW, MAX_TTL + 1), (NOW, 0), (0.0, 600), (1e10, 600)):
        with pytest.raises(ValueError, match="no server takes"):
            dynamic_token("demo", "a", SECRET, now=now, ttl=ttl)


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


def test_a_name_that_is_no_account_is_counted_like_one_that_is() -> None:
    async def codes(server: Server, account: str) -> list[int]:
        answers = []
        for _ in range(4):
            async with raw(server) as client:
                answers.append(await client.login(account, "wrong"))
        return [answer["code"] for answer in answers]

    async def test() -> None:
        async with running(limits=Limits(logins_per_window=3), monotonic=lambda: 0.0) as server:
            assert await codes(server, "a") == await codes(server, "nobody") == [302, 302, 302, 416]

    run(test())


def test_the_names_whose_attempts_are_counted_are_bounded_and_the_latest_are_kept() -> None:
    accounts = Accounts("demo", Limits(logins_per_window=1), lambda: 0.0, lambda: NOW)

    async def code(name: str) -> int:
        login: Any = parse(json.dumps(login_message(name)))
        with pytest.raises(Refused) as refused:
            await accounts.authenticate(login)
        return refused.value.code

    async def test() -> None:
        for number in range(MAX_NAMES + 1):
            assert await code(f"n{number}") == 302
        assert len(accounts._attempts) == MAX_NAMES
        assert await code("n1") == 416
        assert await code("n0") == 302  # forgotten, and counted anew
        assert len(accounts._attempts) == MAX_NAMES

    run(test())


def test_r12_a_place_whose_last_device_may_be_forgotten_takes_no_auto_login() -> None:
    account, policy = Account("a"), CustomGroups([["pc", "mac"]])
    for device in ("old", "last"):
        account.logged_in(Device(device, client_type="pc"))
    for number in range(MAX_DEVICES - 2):
        account.logged_in(Device(f"web{number}", client_type="web"))
    account.check_device(Device("last", client_type="pc"), policy)
    account.check_device(Device("new", client_type="web"), policy)  # its place is its own, and nobody was forgotten
    for number in range(2):
        account.logged_in(Device(f"tv{number}", client_type="tv"))
    for device in ("old", "last"):
        with pytest.raises(Refused) as refused:
            account.check_device(Device(device, client_type="pc"), policy)
        assert refused.value.code == 417
    account.logged_in(Device("last", client_type="pc"))
    account.check_device(Device("last", client_type="pc"), policy)


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
