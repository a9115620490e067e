"""Opening a link: every way in which it fails is one clear sentence with a neutral reason."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from nimauth.transports.base import Ended, LinkFailed, LoginRefused, OnlineClients, Signal, SyncFinished, SyncStarted
from nimauth.transports.websocket import WebSocketTransport
from nimauth.transports.words import MAX_TEXT
from nimauth.vocabulary.reasons import Reason
from tests.server.helpers import TOKEN, Online, online, request, run, running, stranger, tls

Contexts = tuple[ssl.SSLContext, ssl.SSLContext]
Speak = Callable[[ServerConnection], Awaitable[None]]

HELLO = {"op": "hello", "protocol": "nimauth", "versions": [1]}
ACCEPTED = {"op": "accepted", "client_id": "c"}


async def failure(url: str, **options: Any) -> LinkFailed:
    with pytest.raises(LinkFailed) as failed:
        await WebSocketTransport(url, **options).open()
    text = str(failed.value)
    assert text == failed.value.text
    assert text.isprintable()
    assert len(text) <= MAX_TEXT
    assert text.count(";") >= 1, f"{text!r} does not say what to do"
    return failed.value


def says(*messages: Any) -> Speak:
    async def speak(ws: ServerConnection) -> None:
        for message in messages:
            await ws.send(message if isinstance(message, str | bytes) else json.dumps(message))

    return speak


def after_login(*messages: Any) -> Speak:
    """A server that is as it should be up to the login, and then says this."""

    async def speak(ws: ServerConnection) -> None:
        await says(HELLO)(ws)
        await ws.recv()
        await says(*messages)(ws)

    return speak


@asynccontextmanager
async def online_at(*messages: Any) -> AsyncIterator[Online]:
    """A link to a server that answers the login with these messages."""
    async with stranger(after_login(*messages)) as url, online(WebSocketTransport(url, close_timeout=0.2)) as client:
        yield client


# -- the address -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "im.example.org",
        "http://im.example.org",
        "ws://",
        "ws://host:99999",
        "ws://host:port",
        "ws://[::1",
        "ws://h#f",
        "ws://user:hunter2@host",
        "ws://user@host:hunter2",
        "ws://" + "a" * 70 + ".example",
        "ws://a..b",
        "ws://a\0b",
        "ws://\ud800",
        "ws://host:0",
        "ws://ho\nst",
        "ws://host/a b?token=hunter2",
        "ws://hunter2@host",
        None,
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_once_and_not_repeated(url: Any) -> None:
    with pytest.raises(ValueError, match=r"^the server's URL is .*; give one like wss://") as refused:
        WebSocketTransport(url)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None  # which could say more
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("url", ["ws://h", "WSS://[::1]:1", "wss://b\u00fccher.example/\u4e2d?x=\u4e2d", "ws://h."])
def test_a_url_that_can_be_used_is_taken(url: str) -> None:
    assert WebSocketTransport(url).where.startswith("ws")


def test_an_ssl_context_for_ws_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="for wss:// only"):
        WebSocketTransport("ws://127.0.0.1:1", ssl=ssl.create_default_context())


@pytest.mark.parametrize(
    ("option", "longest"), [("app_key", 256), ("os", 64), ("client_type", 64), ("custom_tag", 256)]
)
def test_words_that_no_server_takes_are_refused_at_once(option: str, longest: int) -> None:
    for word in ("x" * (longest + 1), "\ud800", "a\nb", None, *([""] if option == "app_key" else [])):
        with pytest.raises(ValueError, match=f"^{option} .*(give it as|are allowed)"):
            WebSocketTransport("ws://h", **{option: word})  # type: ignore[arg-type]
    WebSocketTransport("ws://h", **{option: "\u4e2d" * longest})  # type: ignore[arg-type]


def test_a_device_id_that_cannot_be_sent_is_invalid_and_the_token_is_in_no_error() -> None:
    async def test() -> None:
        async with running() as server:
            link = await WebSocketTransport(server.url).open()
            with pytest.raises(LinkFailed, match="broken Unicode") as failed:
                await link.login(request("\ud800"))
            assert failed.value.reason is Reason.INVALID
            assert failed.value.__context__ is None
            await link.close()

    run(test())


@pytest.mark.parametrize("option", ["heartbeat", "timeout", "close_timeout", "max_size"])
def test_numbers_are_positive(option: str) -> None:
    with pytest.raises(ValueError, match=option):
        WebSocketTransport("ws://h", **{option: 0})  # type: ignore[arg-type]


def test_a_closed_port_is_net_and_keeps_its_errno() -> None:
    async def test() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            failed = await failure(f"ws://127.0.0.1:{unused.getsockname()[1]}/path?token=x")
        assert (failed.reason, failed.code) == (Reason.NET, 415)
        assert isinstance(failed.__cause__, OSError)
        assert failed.__cause__.errno == errno.ECONNREFUSED
        assert "token" not in str(failed)

    run(test())


def test_several_addresses_that_fail_still_have_an_errno(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere(*_: Any, **__: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 1)),
        ]

    async def test() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nowhere)
        failed = await failure("ws://both.example:1")
        assert isinstance(failed.__cause__, OSError)
        assert failed.__cause__.errno == errno.ECONNREFUSED

    run(test())


def test_a_name_that_does_not_resolve_is_net(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unresolved(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def test() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unresolved)
        failed = await failure("ws://nowhere.example:1")
        assert failed.reason is Reason.NET
        assert "Name or service not known" in str(failed)

    run(test())


def test_the_kernels_own_time_out_is_net_and_keeps_its_errno(monkeypatch: pytest.MonkeyPatch) -> None:
    async def timed_out(*_: Any, **__: Any) -> Any:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    async def test() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", timed_out)
        failed = await failure("ws://127.0.0.1:1")
        assert (failed.reason, failed.code) == (Reason.NET, 408)
        assert isinstance(failed.__cause__, OSError)
        assert failed.__cause__.errno == errno.ETIMEDOUT

    run(test())


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    async def test() -> None:
        async with running() as server:
            server.stall()
            failed = await failure(server.url, timeout=0.1)
            assert (failed.reason, failed.code) == (Reason.NET, 408)
        async with stranger(says()) as url:
            failed = await failure(url, timeout=0.1)
            assert (failed.reason, failed.code) == (Reason.NET, 408)

    run(test())


# -- a server that is not ours -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"\x16\x03\x01" * 50 + b"\r\n"],
    ids=["closes", "ssh", "http", "noise"],
)
def test_a_server_that_speaks_no_websocket_is_net(answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def test() -> None:
        async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
            failed = await failure(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            assert (failed.reason, failed.code) == (Reason.NET, 415)

    run(test())


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (401, Reason.NET, 415),
        (404, Reason.NET, 415),
        (429, Reason.BUSY, 503),
        (502, Reason.BUSY, 503),
        (503, Reason.BUSY, 503),
    ],
)
def test_a_refused_upgrade_is_busy_if_it_may_pass(status: int, reason: Reason, code: int) -> None:
    def refuse(ws: ServerConnection, request: Request) -> Response:
        return ws.respond(status, "no\n")

    async def test() -> None:
        async with stranger(says(), process_request=refuse) as url:
            failed = await failure(url)
            assert (failed.reason, failed.code) == (reason, code)
            assert f"HTTP {status}" in str(failed)

    run(test())


def test_a_redirect_is_not_followed() -> None:
    asked: list[str] = []

    def redirect(ws: ServerConnection, request: Request) -> Response:
        asked.append(request.path)
        response = ws.respond(302, "elsewhere\n")
        response.headers["Location"] = "/elsewhere"
        return response

    async def test() -> None:
        async with stranger(says(HELLO), process_request=redirect) as url:
            assert (await failure(url)).reason is Reason.NET
        assert asked == ["/"]

    run(test())


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "socks_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")

    async def test() -> None:
        async with running() as server, online(WebSocketTransport(server.url)):
            pass

    run(test())


GARBAGE = [
    "hello",
    b"{}",
    "[]",
    "{}",
    "[" * 5000,
    {"op": "hello"},
    HELLO | {"protocol": "other"},
    HELLO | {"versions": 1},
    {"op": "accepted"},
]


@pytest.mark.parametrize("message", GARBAGE)
def test_a_websocket_server_without_our_hello_is_net(message: Any) -> None:
    async def test() -> None:
        async with stranger(says(message)) as url:
            failed = await failure(url)
            assert (failed.reason, failed.code) == (Reason.NET, 415)
            assert "does not speak nimauth's protocol" in str(failed)

    run(test())


@pytest.mark.parametrize("versions", [[2], [], ["1"], list(range(2, 500)), ["\x1b[31m"]])
def test_a_server_of_another_version_is_version(versions: list[Any]) -> None:
    async def test() -> None:
        async with stranger(says(HELLO | {"versions": versions})) as url:
            failed = await failure(url)
            assert (failed.reason, failed.code) == (Reason.VERSION, 201)

    run(test())


def test_a_server_that_closes_at_once_is_net() -> None:
    async def close(ws: ServerConnection) -> None:
        await ws.close(1013, "later\x1b[31m")

    async def test() -> None:
        async with stranger(close) as url:
            failed = await failure(url)
            assert failed.reason is Reason.NET
            assert "1013 later" in str(failed)

    run(test())


# -- a server that goes wrong later ------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", ["garbage", b"\0", "[]", "[" * 5000, "x" * 70_000])
def test_garbage_instead_of_an_answer_is_net(message: Any) -> None:
    async def test() -> None:
        async with stranger(after_login(message)) as url:
            with pytest.raises(LinkFailed) as failed:
                async with online(WebSocketTransport(url, close_timeout=0.2)):
                    pass
            assert failed.value.reason is Reason.NET

    run(test())


@pytest.mark.parametrize(
    "message",
    [
        "garbage",
        b"\0",
        "x" * 70_000,
        {"op": "clients", "clients": [1]},
        {"op": "clients", "clients": [{}]},
        {"op": "clients", "clients": [{"client_id": "x", "login_time": "soon"}]},
        {"op": "clients", "clients": [{"client_id": "x", "login_time": 10**400}]},
        {"op": "clients", "clients": [{"client_id": "x", "custom_client_type": []}]},
        '{"op":"clients","clients":[{"client_id":"x","custom_client_type":1e999}]}',
    ],
)
def test_garbage_while_online_ends_the_link_with_net(message: Any) -> None:
    async def test() -> None:
        async with (
            stranger(after_login(ACCEPTED, message)) as url,
            online(WebSocketTransport(url, close_timeout=0.2)) as client,
        ):
            assert (await client.hear(Ended)).reason is Reason.NET
            assert [signal async for signal in client.signals] == []

    run(test())


def test_what_this_client_does_not_know_is_skipped() -> None:
    async def test() -> None:
        unknown = [{"op": "news"}, {"op": ["x"]}, {}, {"op": "kicked", "id": 99}, {"op": "clients", "clients": 1}]
        async with (
            stranger(after_login(*unknown, ACCEPTED, *unknown, {"op": "sync_finished"})) as url,
            online(WebSocketTransport(url)) as client,
        ):
            assert await anext(client.signals) == SyncFinished()

    run(test())


@pytest.mark.parametrize(
    ("ended", "reason", "code"),
    [
        ({"reason": "kicked_by_client", "code": 417}, Reason.KICKED_BY_CLIENT, 417),
        ({"code": 422}, Reason.FORBIDDEN, 422),
        ({"reason": "data_upgrade"}, Reason.DATA_UPGRADE, 0),
        ({"code": 503}, Reason.BUSY, 503),
        ({"reason": "invalid", "code": 414}, Reason.NET, 414),
        ({"reason": "banana", "code": 12345}, Reason.NET, 12345),
        ({"reason": [], "code": "x", "text": 5}, Reason.NET, 0),
        ({"code": True}, Reason.NET, 0),
        ({"code": 10**30}, Reason.NET, 0),
        ({}, Reason.NET, 0),
    ],
)
def test_an_end_is_a_verdict_only_where_it_is_one(ended: dict[str, Any], reason: Reason, code: int) -> None:
    async def test() -> None:
        async with (
            stranger(after_login(ACCEPTED, {"op": "ended"} | ended)) as url,
            online(WebSocketTransport(url)) as client,
        ):
            heard = await client.hear(Ended)
            assert (heard.reason, heard.code) == (reason, code)

    run(test())


def test_words_of_the_wire_are_short_printable_and_without_the_token() -> None:
    nasty = f"\x1b[2J\u202e{TOKEN} and \x00{TOKEN}\n" + "x" * 1000

    def fit(text: str) -> bool:
        return text.isprintable() and len(text) <= MAX_TEXT and TOKEN not in text

    async def test() -> None:
        async with stranger(after_login({"op": "refused", "code": 302, "text": nasty})) as url:
            with pytest.raises(LoginRefused) as refused:
                async with online(WebSocketTransport(url)):
                    pass
            assert fit(str(refused.value))
        client = {"client_id": nasty, "os": nasty, "login_time": 1e999, "custom_tag": nasty}
        lists = json.dumps({"op": "clients", "clients": [client]})
        async with (
            stranger(after_login(ACCEPTED, lists, {"op": "ended", "text": nasty})) as url,
            online(WebSocketTransport(url)) as client_,
        ):
            (seen,) = (await client_.hear(OnlineClients)).clients
            assert fit(seen.os)
            assert fit(seen.custom_tag)
            assert seen.login_time == 1e11
            assert fit((await client_.hear(Ended)).text)

    run(test())


def test_long_ids_of_clients_come_whole_so_that_they_can_be_kicked() -> None:
    ids = ["x" * 255 + end for end in "ab"]
    lists = {"op": "clients", "clients": [{"client_id": name} for name in ids]}

    async def test() -> None:
        async with online_at(ACCEPTED | {"client_id": ids[0]}, lists) as client:
            assert client.accepted.client_id == ids[0]
            assert [seen.client_id for seen in (await client.hear(OnlineClients)).clients] == ids

    run(test())


def test_a_token_that_is_not_printable_is_kept_out_of_the_words_of_the_wire() -> None:
    token = "SECRET\u00a0TOKEN"

    async def test() -> None:
        async with stranger(after_login({"op": "refused", "code": 302, "text": f"not {token}"})) as url:
            with pytest.raises(LoginRefused, match=r"^not \*\*\*$"):
                async with online(WebSocketTransport(url), request(token=token)):
                    pass

    run(test())


def test_a_flood_from_the_server_does_not_outrun_the_reader() -> None:
    async def flood(ws: ServerConnection) -> None:
        await after_login(ACCEPTED)(ws)
        for _ in range(50):
            await ws.send(json.dumps({"op": "sync_started", "pad": "x" * 10_000}))
        flooding.set()
        while True:
            await ws.send(json.dumps({"op": "sync_started", "pad": "x" * 10_000}))

    flooding = asyncio.Event()

    async def test() -> None:
        async with stranger(flood) as url, online(WebSocketTransport(url, close_timeout=0.2)) as client:
            await flooding.wait()  # nobody reads yet
            heard: list[Signal] = [await anext(client.signals) for _ in range(50)]
            assert heard == [SyncStarted()] * 50

    run(test())


def test_a_server_that_pings_and_does_not_read_is_cut_off() -> None:
    async def ping(ws: ServerConnection) -> None:
        await after_login(ACCEPTED)(ws)
        ws.transport.pause_reading()
        ws.transport.write((b"\x89\x7d" + bytes(125)) * 150_000)

    async def test() -> None:
        async with stranger(ping) as url, online(WebSocketTransport(url, close_timeout=0.2)) as client:
            assert (await client.hear(Ended)).reason is Reason.NET

    run(test())


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contexts() -> Contexts:
    """For a server at 127.0.0.1, and for a client that trusts it."""
    return tls("127.0.0.1")


def test_wss_with_a_trusted_certificate(contexts: Contexts) -> None:
    async def test() -> None:
        async with running(ssl=contexts[0]) as server:
            assert server.url.startswith("wss://")
            async with online(WebSocketTransport(server.url, ssl=contexts[1])) as client:
                await client.hear(SyncFinished)
                server.kick("a")
                assert (await client.hear(Ended)).reason is Reason.KICKED_BY_SERVER

    run(test())


def test_wss_verifies_by_default(contexts: Contexts) -> None:
    async def test() -> None:
        async with running(ssl=contexts[0]) as server:
            failed = await failure(server.url)
            assert (failed.reason, failed.code) == (Reason.NET, 415)  # a stranger voids no saved login
            assert "is not trusted" in failed.text
            assert isinstance(failed.__cause__, ssl.SSLCertVerificationError)

    run(test())


def test_a_certificate_for_another_name_is_not_trusted() -> None:
    async def test() -> None:
        server_context, client_context = tls("im.example.org")
        async with running(ssl=server_context) as server:
            failed = await failure(server.url, ssl=client_context)
            assert (failed.reason, failed.code) == (Reason.NET, 415)  # a stranger voids no saved login
            assert "is not trusted" in failed.text

    run(test())


def test_wss_to_a_server_without_tls_and_ws_to_one_with_it_are_net(contexts: Contexts) -> None:
    async def test() -> None:
        async with running() as server:
            failed = await failure(server.url.replace("ws://", "wss://"), timeout=2)
            assert failed.reason is Reason.NET
        async with running(ssl=contexts[0]) as server:
            failed = await failure(server.url.replace("wss://", "ws://"), timeout=2)
            assert failed.reason is Reason.NET

    run(test())


def test_a_silent_server_is_noticed_over_tls(contexts: Contexts) -> None:
    async def test() -> None:
        async with running(ssl=contexts[0]) as server:
            transport = WebSocketTransport(server.url, ssl=contexts[1], heartbeat=0.05)
            async with online(transport) as client:
                await client.hear(SyncFinished)
                server.stall()
                assert (await client.hear(Ended)).code == 408

    run(test())


@pytest.mark.parametrize("after", range(0, 60, 4))
def test_open_over_tls_can_be_cancelled_at_any_await(contexts: Contexts, after: int) -> None:
    async def test() -> None:
        async with running(ssl=contexts[0]) as server:
            opening = asyncio.create_task(WebSocketTransport(server.url, ssl=contexts[1]).open())
            for _ in range(after):
                await asyncio.sleep(0)
            opening.cancel()
            try:
                link = await opening
            except asyncio.CancelledError:
                await asyncio.sleep(0.01)  # the TLS layers are closed in turns of the loop
            else:
                await link.close()

    run(test())


# -- the logs ----------------------------------------------------------------------------------------------------------


def test_the_token_is_in_no_log_even_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        asyncio.get_running_loop().set_debug(True)
        async with running() as server:
            async with online(WebSocketTransport(server.url), request(login_ext="extra-secret")) as client:
                server.kick("a")
                await client.hear(Ended)
            with pytest.raises(LoginRefused):
                async with online(WebSocketTransport(server.url), request(token="wrong-secret")):
                    pass

    for name in (
        "",
        "asyncio",
        "websockets",
        "websockets.client",
        "websockets.server",
        "nimauth",
        "nimauth.websockets",
    ):
        caplog.set_level(logging.DEBUG, name)
    run(test())
    assert "logged in" in caplog.text  # the capture works
    for secret in (TOKEN, "extra-secret", "wrong-secret"):
        assert secret not in caplog.text


def test_without_websockets_one_sentence_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['websockets'] = None\n"
        "import nimauth\n"
        "try: nimauth.WebSocketTransport('ws://h')\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "WebSocket needs the package websockets; install it with: pip install 'nimauth[websocket]'\n"
