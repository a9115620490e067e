"""Whatever a client sends, it gets a clear answer and a closed connection, and the server goes on serving others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimauth.server import Limits, Server
from nimauth.server.protocol import Kick, Login, Logout, Refused, parse
from tests.server.helpers import TOKEN, login_message, raw, run, running

DEEP = "[" * 16_000
HUGE = '{"op":"kick","id":' + "9" * 5000 + "}"

MALFORMED: dict[str, Any] = {
    "no JSON": "hello",
    "empty": "",
    "binary": b"{}",
    "no object": [],
    "null": "null",
    "NaN": '{"op":"kick","id":NaN,"client_id":"x"}',
    "infinity": '{"op":"kick","id":-Infinity,"client_id":"x"}',
    "too deep": DEEP,
    "a number too long": HUGE,
    "no op": {},
    "op is no string": {"op": ["login"]},
    "unknown op": {"op": "shutdown"},
    "out of order": {"op": "logout"},
    "kick out of order": {"op": "kick", "id": 1, "client_id": "x"},
    "version missing": {"op": "login"},
    "version is no number": login_message(version="1"),
    "version is true": login_message(version=True),
    "account is no string": login_message() | {"account": 1},
    "account empty": login_message(account=""),
    "account too long": login_message(account="a" * 257),
    "account has a lone surrogate": login_message(account="\ud800"),
    "account has a control character": login_message(account="a\n"),
    "token missing": {k: v for k, v in login_message().items() if k != "token"},
    "token too long": login_message(token="t" * 4097),
    "token has a lone surrogate": login_message(token="t\udfff"),
    "app_key missing": {k: v for k, v in login_message().items() if k != "app_key"},
    "app_key has a lone surrogate": login_message(app_key="\ud800"),
    "device_id empty": login_message(device_id=""),
    "device_id too long": login_message(device_id="d" * 257),
    "os too long": login_message(os="o" * 65),
    "custom_tag has a lone surrogate": login_message(custom_tag="\ud800"),
    "client_type is no string": login_message(client_type=None),
    "attempt unknown": login_message(attempt="again"),
    "attempt is no string": login_message(attempt={}),
    "auth_type unknown": login_message(auth_type=3),
    "auth_type is a float": login_message(auth_type=0.0),
    "forced is a number": login_message(forced=1),
    "custom_client_type too big": login_message(custom_client_type=2**31),
    "login_ext too long": login_message(login_ext="x" * 1025),
    "login_ext missing": login_message(auth_type=2),
}


@pytest.mark.parametrize("message", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_message_is_answered_with_414_and_a_close(message: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await client.hear("hello")
            await client.send(message)
            refused = await client.hear()
            assert (refused["op"], refused["code"], refused["reason"]) == ("refused", 414, "invalid")
            assert refused["text"]
            assert len(refused["text"]) < 200
            assert TOKEN not in json.dumps(refused)
            assert await client.closed() == 1008
            await still_serves(server)

    run(test())
    assert_no_traceback(caplog)


@pytest.mark.parametrize("message", ["{", login_message(), {"op": "kick", "id": "1", "client_id": "x"}, {"op": "kick"}])
def test_a_malformed_message_ends_a_session_with_414(message: Any) -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            assert (await client.login())["op"] == "accepted"
            await client.send(message)
            ended = await client.hear("ended")
            assert (ended["code"], ended["reason"]) == (414, "invalid")
            assert await client.closed() == 1008
            assert not server.clients()
            await still_serves(server)

    run(test())


def test_a_message_too_big_is_closed_with_1009() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await client.send(" " * (Limits().max_message + 1))
            assert await client.closed() == 1009
            await still_serves(server)

    run(test())


def test_an_account_far_too_long_is_refused_before_it_is_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    def normalize(form: str, text: str) -> str:
        raise AssertionError("NFC takes time with the square of the length")

    for account in ("a" + "\u0301" * 30_000 + "\u0323" * 30_000, "e\u0301" * 512 + "x"):
        message = json.dumps(login_message(account), ensure_ascii=False)
        with monkeypatch.context() as patched:  # pytest's own output needs it again
            patched.setattr("unicodedata.normalize", normalize)
            with pytest.raises(Refused, match="at most 256 are allowed") as refused:
                parse(message)
        assert refused.value.code == 414
        assert len(refused.value.text) < 200


def test_text_that_is_no_utf8_is_closed_with_1007() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as client:
            await client.ws.send(b"\xff", text=True)
            assert await client.closed() == 1007
            await still_serves(server)

    run(test())


def test_the_longest_login_fits() -> None:
    async def test() -> None:
        async with running(limits=Limits()) as server, raw(server) as client:
            token = "\U0001f600" * 4096
            server.add_account("a", token)
            accepted = await client.login(token=token, login_ext="\u4e2d" * 1024, device_id="\u4e2d" * 256)
            assert accepted["op"] == "accepted"

    run(test())


def test_a_flood_is_ended_with_416() -> None:
    async def test() -> None:
        async with running(limits=Limits(message_burst=5), monotonic=lambda: 0.0) as server, raw(server) as client:
            assert (await client.login())["op"] == "accepted"
            for number in range(5):
                await client.send({"op": "kick", "id": number, "client_id": "x"})
            ended = await client.hear("ended")
            assert (ended["code"], ended["reason"]) == (416, "busy")
            assert await client.closed() == 1000
            await still_serves(server)

    run(test())


def test_the_rate_of_messages_is_what_is_limited_and_not_their_number() -> None:
    now = 0.0

    async def test() -> None:
        nonlocal now
        limits = Limits(message_burst=2, messages_per_second=1)
        async with running(limits=limits, monotonic=lambda: now) as server, raw(server) as client:
            assert (await client.login())["op"] == "accepted"
            for number in range(10):
                now += 1
                await client.send({"op": "kick", "id": number, "client_id": "x"})
                assert (await client.hear("kicked"))["id"] == number

    run(test())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"A" * 70_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    ],
    ids=["no upgrade", "TLS", "no HTTP", "too many headers", "POST"],
)
def test_what_is_no_websocket_is_answered_in_http_or_dropped(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(limits=Limits(login_timeout=0.2)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            writer.write(data)
            try:
                answer = await reader.read()
                assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
            except ConnectionResetError:
                pass
            writer.close()
            await still_serves(server)

    run(test())
    assert_no_traceback(caplog)


# -- anything at all ---------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([*login_message(), "auth_type", "login_ext", "forced", "os", "custom_tag", "id", "client_id"])
ops = st.sampled_from(["login", "kick", "logout"])
messages = (
    st.text(max_size=50)
    | st.binary(max_size=50)
    | values.map(json.dumps)
    | st.builds(lambda op, more: json.dumps(more | {"op": op}), ops, st.dictionaries(fields, values, max_size=6))
    | st.builds(lambda more: json.dumps(login_message() | more), st.dictionaries(fields, values, max_size=2))
)


@given(messages)
def test_parse_gives_a_message_or_a_refusal_and_nothing_else(message: str | bytes) -> None:
    with contextlib.suppress(Refused):
        assert isinstance(parse(message), Login | Kick | Logout)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(messages, min_size=1, max_size=5), st.booleans())
def test_whatever_is_said_the_server_goes_on(
    caplog: pytest.LogCaptureFixture, said: list[str | bytes], logged_in: bool
) -> None:
    async def test() -> None:
        async with running(limits=Limits(close_timeout=0.2)) as server, raw(server) as client:
            if logged_in:
                await client.login()
            for message in said:
                try:
                    # Lone surrogates go out as a client without care would send them.
                    await client.ws.send(
                        message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message,
                        text=isinstance(message, str),
                    )
                except Exception:  # closed already, as it should be
                    break
            await client.ws.close()
            await still_serves(server)

    run(test())
    assert_no_traceback(caplog)


async def still_serves(server: Server) -> None:
    server.add_account("well-behaved", TOKEN)
    async with raw(server) as client:
        assert (await client.login("well-behaved"))["op"] == "accepted"


def assert_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    assert [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info] == []
