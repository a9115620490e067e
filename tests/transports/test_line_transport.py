"""The example of docs/transports.md works, and the page shows it as it is."""

from __future__ import annotations

import asyncio
import json
import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nimauth.transports.base import (
    Ended,
    KickRefused,
    Link,
    LinkFailed,
    LoginRefused,
    OnlineClients,
    SyncFinished,
    SyncStarted,
    Transport,
)
from nimauth.vocabulary.logins import OnlineClient
from nimauth.vocabulary.reasons import Reason
from tests.server.helpers import TOKEN, request, run

ROOT = Path(__file__).parents[2]
LineTransport: Any = runpy.run_path(str(ROOT / "examples/line_transport.py"))["LineTransport"]


@asynccontextmanager
async def serving(script: dict[str, list[dict[str, Any]]]) -> AsyncIterator[Transport]:
    """A server that answers each op with what the script has for it, and closes on `logout`."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                op = json.loads(line)["op"]
                for answer in script.get(op, []):
                    writer.write(json.dumps(answer).encode() + b"\n")
                if op == "logout":
                    break
        except OSError:
            pass
        writer.close()
        done.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield LineTransport("127.0.0.1", server.sockets[0].getsockname()[1])
        await done.wait()


def test_the_page_shows_the_example_as_it_is() -> None:
    page = (ROOT / "docs/transports.md").read_text(encoding="utf-8")
    assert f"```python\n{(ROOT / 'examples/line_transport.py').read_text(encoding='utf-8')}```\n" in page


def test_a_session_from_login_to_logout() -> None:
    script: dict[str, list[dict[str, Any]]] = {
        "login": [
            {"op": "accepted", "client": "me"},
            {"op": "sync", "done": False},
            {"op": "sync", "done": True},
            {"op": "clients", "clients": ["other"]},
        ]
    }

    async def test() -> None:
        async with serving(script) as line:
            link: Link = await line.open()
            assert (await link.login(request())).client_id == "me"
            signals = link.signals()
            heard = [await anext(signals) for _ in range(3)]
            assert heard == [SyncStarted(), SyncFinished(), OnlineClients((OnlineClient("other"),))]
            await link.logout()
            ended = await anext(signals)
            assert isinstance(ended, Ended)
            assert ended.reason is Reason.NET
            assert [signal async for signal in signals] == []
            await link.close()

    run(test())


def test_a_refusal_keeps_code_and_words() -> None:
    async def test() -> None:
        async with serving({"login": [{"op": "no", "code": 302, "text": "wrong\x1b[0m"}]}) as transport:
            link = await transport.open()
            with pytest.raises(LoginRefused, match="wrong") as refused:
                await link.login(request())
            assert (refused.value.reason, refused.value.code) == (Reason.CREDENTIALS, 302)
            assert TOKEN not in repr(link)
            await link.close()

    run(test())


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"op": "kicked"}, None),
        ({"op": "not_kicked", "code": 404}, KickRefused),
        ({"op": "ended", "code": 422}, LinkFailed),
    ],
)
def test_a_kick_is_answered_by_the_signals(answer: dict[str, Any], error: type[Exception] | None) -> None:
    async def test() -> None:
        async with serving({"login": [{"op": "accepted"}], "kick": [answer]}) as transport:
            link = await transport.open()
            await link.login(request())

            async def listen() -> list[Any]:
                return [signal async for signal in link.signals()]

            listening = asyncio.create_task(listen())
            if error is None:
                await link.kick(OnlineClient("other"))
            else:
                with pytest.raises(error):
                    await link.kick(OnlineClient("other"))
            await link.close()
            await listening

    run(test())


def test_a_closed_port_is_net_with_its_cause() -> None:
    async def test() -> None:
        with pytest.raises(LinkFailed, match="cannot connect") as failed:
            await LineTransport("127.0.0.1", 1).open()
        assert isinstance(failed.value.__cause__, OSError)

    run(test())


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 99_999), ("\u00e9" * 70, 80), ("a..b", 80), ("a\0b", 80)])
def test_an_address_that_is_none_is_invalid(host: str, port: int) -> None:
    async def test() -> None:
        with pytest.raises(LinkFailed, match="not usable") as failed:
            await LineTransport(host, port).open()
        assert failed.value.reason is Reason.INVALID

    run(test())
