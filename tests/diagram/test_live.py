"""A live page shows every viewer where a machine stands, and no client, whatever it does, costs more than its share."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import h11
import pytest
from attrs import define, evolve

from nimauth.diagram.drawing import Drawing
from nimauth.diagram.live import LiveLimits, LivePage, LoginReporter
from nimauth.diagram.model import Words
from nimauth.diagram.run import NotInChart
from nimauth.lifecycle import Lifecycle
from nimauth.service import AuthService, SDKOptions, StatusEvent
from nimauth.vocabulary import inputs
from nimauth.vocabulary.logins import LoginInfo
from nimauth.vocabulary.reasons import ADVICE, Reason
from nimauth.vocabulary.states import STATUS, State
from tests.aio import run
from tests.service.world import Plan, World, refused, unreachable

from .machines import HOSTILE, NASTY, Turnstile

TURNSTILE: Final = Drawing.of(Turnstile)
NEVER: Final = 1000.0
"""Longer than any test may take, in seconds."""
QUICK: Final = LiveLimits(request_time=0.2, stall_time=0.2, close_time=0.2)


def page(news: str) -> str:
    """In place of the explorer."""
    return f"<title>{news}</title>"


@asynccontextmanager
async def serving(limits: LiveLimits | None = None) -> AsyncIterator[LivePage]:
    """A page of the turnstile. Whatever the test did, nothing of it is left, and nothing went wrong unseen."""
    unseen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
    async with LivePage(TURNSTILE, render=page, limits=limits or LiveLimits()) as live:
        yield live
    gc.collect()  # tells of tasks that failed
    assert not unseen
    assert not [task for task in asyncio.all_tasks() if (task.get_name() or "").startswith("nimauth-live")]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", urlsplit(live.url).port)


@define
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@define(eq=False)
class Client:
    """A connection of a client's, which may say anything."""

    live: LivePage
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def port(self) -> int:
        return urlsplit(self.live.url).port or 0

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    def ask(self, url: str, method: str = "GET", **headers: str) -> None:
        said = {"Host": f"127.0.0.1:{self.port}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        lines = [f"{method} {urlsplit(url).path} HTTP/1.1", *(f"{name}: {text}" for name, text in said.items() if text)]
        self.say("\r\n".join([*lines, "", ""]).encode())

    async def hear(self) -> Answer:
        """The whole answer, up to the end of the connection."""
        return await self.parse("GET", await self.reader.read())

    async def parse(self, method: str, data: bytes) -> Answer:
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        parser.send(h11.EndOfMessage())
        parser.receive_data(data)
        parser.receive_data(b"")
        answer = Answer(0, {}, b"")
        while not isinstance(event := parser.next_event(), h11.ConnectionClosed):
            if isinstance(event, h11.Response):
                answer.status = event.status_code
                answer.headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                answer.body += event.data
            else:
                assert isinstance(event, h11.EndOfMessage)
        return answer


@asynccontextmanager
async def client(live: LivePage) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(live.url).port, limit=2**20)
    try:
        yield Client(live, reader, writer)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def ask(live: LivePage, url: str, method: str = "GET", **headers: str) -> Answer:
    async with client(live) as one:
        one.ask(url, method, **headers)
        return await one.parse(method, await one.reader.read())


@define(eq=False)
class Viewer:
    """Somebody who reads the news as a browser does."""

    client: Client
    last: str = ""

    async def next(self) -> Any:
        """The next message's data; the signs of life are passed over."""
        data = None
        while True:
            line = (await self.client.reader.readline()).decode()
            if not line:
                raise EOFError
            line = line.rstrip("\n")
            if line.startswith("id: "):
                self.last = line[4:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and data is not None:
                return data

    async def rest(self) -> list[Any]:
        """All that follows, to the end of the connection."""
        messages = []
        with suppress(EOFError):
            while True:
                messages.append(await self.next())
        return messages

    async def states(self, number: int) -> list[str]:
        return [(await self.next())["state"] for _ in range(number)]


@asynccontextmanager
async def viewer(live: LivePage, last: str = "") -> AsyncIterator[Viewer]:
    """HTTP/1.0 has no chunks, which keeps the reading simple; browsers are in the browser tests."""
    async with client(live) as one:
        path = f"{urlsplit(live.url).path}events"
        last_line = f"Last-Event-ID: {last}\r\n" if last else ""
        one.say(f"GET {path} HTTP/1.0\r\nHost: localhost:{one.port}\r\n{last_line}\r\n".encode())
        head = await one.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.partition(b"\r\n")[0]
        assert b"text/event-stream" in head
        yield Viewer(one)


# -- what viewers see --------------------------------------------------------------------------------------------------


def test_the_page_is_told_where_its_news_come_from() -> None:
    async def test() -> None:
        async with serving() as live:
            answer = await ask(live, live.url)
            path = urlsplit(live.url).path
            assert (answer.status, answer.body.decode()) == (200, f"<title>{path}events</title>")
            assert answer.headers["content-type"] == "text/html; charset=utf-8"

    run(test())


def test_a_viewer_hears_the_history_and_then_every_change() -> None:
    async def test() -> None:
        async with serving() as live:
            live.show("locked")
            live.show("open", "coin", Words("in", "进"), {})
            async with viewer(live) as watching:
                assert await watching.next() == {"state": "locked", "event": None, "text": None, "variables": None}
                told = {"state": "open", "event": "coin", "text": {"en": "in", "zh": "进"}, "variables": {}}
                assert await watching.next() == told
                live.show("locked", "push", Words("only in English"))
                assert (await watching.next())["text"] == {"en": "only in English", "zh": "only in English"}

    run(test())


def test_a_viewer_that_comes_before_the_first_news_waits_for_it() -> None:
    async def test() -> None:
        async with serving() as live, viewer(live) as watching:
            soon = asyncio.create_task(watching.next())
            await live.until_watched()
            live.show("open")
            assert (await soon)["state"] == "open"

    run(test())


def test_the_end_is_told_to_all_and_closes_the_connection() -> None:
    async def test() -> None:
        async with serving() as live, viewer(live) as first, viewer(live) as second:
            live.show("open")
            await live.aclose()
            for watching in (first, second):
                assert (await watching.next())["state"] == "open"
                assert await watching.next() == {"end": True}
                with pytest.raises(EOFError):
                    await watching.next()
            live.show("locked")  # nobody hears it, and nothing breaks
            await live.aclose()

    run(test())


def test_a_viewer_that_comes_again_hears_what_it_missed() -> None:
    async def test() -> None:
        async with serving() as live:
            live.show("locked")
            live.show("open")
            async with viewer(live) as watching:
                await watching.states(2)
            live.show("locked")
            async with viewer(live, watching.last) as again:
                live.show("open")
                assert await again.states(2) == ["locked", "open"]

    run(test())


@pytest.mark.parametrize("last", ["0", "-1", "x", "1.0", "3", "99", "9" * 5000, "²", "1e0", "\x7f", "0x1"])
def test_whoever_heard_last_what_never_was_hears_all(last: str) -> None:
    async def test() -> None:
        async with serving() as live:
            live.show("locked")
            live.show("open")
            async with viewer(live, last) as watching:
                assert await watching.states(2) == ["locked", "open"]

    run(test())


def test_only_the_last_of_a_long_history_is_kept() -> None:
    async def test() -> None:
        async with serving(LiveLimits(history=3)) as live:
            for number in range(1000):
                live.show("open" if number % 2 else "locked", text=Words(str(number)))
            for last in ("", "1", "996", "997"):
                async with viewer(live, last) as watching:
                    assert [(await watching.next())["text"]["en"] for _ in range(3)] == ["997", "998", "999"]
            async with viewer(live, "999") as watching:
                assert (await watching.next())["text"]["en"] == "999"

    run(test())


def test_a_silent_machine_gives_signs_of_life() -> None:
    async def test() -> None:
        async with serving(LiveLimits(heartbeat=0.02)) as live, viewer(live) as watching:
            for _ in range(2):
                assert await watching.client.reader.readuntil(b": still here\n\n")

    run(test())


def test_names_and_words_that_could_do_harm_stay_data() -> None:
    async def test() -> None:
        async with LivePage(Drawing(HOSTILE), render=page) as live, viewer(live) as watching:
            for name in NASTY.values():
                live.show(name, name, Words(name, name), {"v": name})
            for name in NASTY.values():
                # The other names of a word are its own affair: an empty Chinese one means the English.
                told = {"state": name, "event": name, "text": {"en": name, "zh": name}, "variables": {"v": name}}
                assert await watching.next() == told

    run(test())


@pytest.mark.parametrize(
    "wrong", [{"state": "ajar"}, {"state": "open", "event": "kick"}, {"state": "open", "variables": {"x": "1"}}]
)
def test_what_the_chart_does_not_have_is_not_shown(wrong: dict[str, Any]) -> None:
    live = LivePage(TURNSTILE, render=page)
    with pytest.raises(NotInChart, match=r"the chart 'Turnstile' has no .*; it has "):
        live.show(**wrong)


def test_the_host_can_wait_for_viewers_to_come_and_to_leave() -> None:
    async def test() -> None:
        async with serving(LiveLimits(heartbeat=NEVER)) as live:
            await live.until_left(grace=0)
            async with viewer(live):
                await live.until_watched()
                assert live.viewers == 1
                leaving = asyncio.create_task(live.until_left(grace=0.05))
            async with viewer(live):  # it reloaded the page
                await live.until_watched()
                assert not leaving.done()
            await leaving
            assert live.viewers == 0

    run(test())


# -- hostile clients ---------------------------------------------------------------------------------------------------


def test_only_the_secret_leads_to_the_page() -> None:
    async def test() -> None:
        async with serving() as live:
            secret = urlsplit(live.url).path.strip("/")
            assert len(secret) >= 20
            for path in ("/", "//", "/events", "/x/events", f"/{secret[:-1]}/", f"/{secret}", f"/{secret}/x", "/%00"):
                answer = await ask(live, f"http://x{path}")
                if path == f"/{secret}":
                    assert answer.status == 200
                    continue
                assert (answer.status, answer.body) == (404, b""), path

    run(test())


def test_a_ticket_leads_to_the_page_once() -> None:
    async def test() -> None:
        async with serving() as live:
            ticket = live.ticket()
            assert urlsplit(live.url).path.strip("/") not in ticket
            assert (await ask(live, ticket, "HEAD")).status == 303
            first, second = await ask(live, ticket), await ask(live, ticket)
            assert (first.status, first.headers["location"]) == (303, urlsplit(live.url).path)
            assert second.status == 404

    run(test())


@pytest.mark.parametrize(
    "host",
    ["", "example.org", "127.0.0.1.example.org", "localhost.example.org:80", "[::1]:80", "0.0.0.0", "2130706433"],
)
def test_a_page_from_elsewhere_that_is_led_here_by_its_name_is_refused(host: str) -> None:
    async def test() -> None:
        async with serving() as live:
            answer = await ask(live, live.url, Host=host)
            assert (answer.status, answer.body) == (421 if host else 400, b"")

    run(test())


def test_no_answer_is_kept_or_shared() -> None:
    async def test() -> None:
        async with serving() as live:
            for url in (live.url, "http://x/"):
                headers = (await ask(live, url, Origin="https://example.org")).headers
                assert not [name for name in headers if name.startswith("access-control")]
                assert headers["cache-control"] == "no-store"
                assert headers["x-content-type-options"] == "nosniff"
                assert headers["referrer-policy"] == "no-referrer"
                assert headers["content-security-policy"] == "frame-ancestors 'none'"

    run(test())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "X" * 99])
def test_only_get_and_head_are_answered(method: str) -> None:
    async def test() -> None:
        async with serving() as live:
            for url in (live.url, f"{live.url}events"):
                answer = await ask(live, url, method)
                assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")

    run(test())


def test_head_gives_the_head_alone() -> None:
    async def test() -> None:
        async with serving() as live:
            whole, head = await ask(live, live.url), await ask(live, live.url, "HEAD")
            assert (head.status, head.body) == (200, b"")
            assert head.headers["content-length"] == str(len(whole.body))
            assert (
                (await ask(live, f"{live.url}events", "HEAD")).headers["content-type"].startswith("text/event-stream")
            )
            assert live.viewers == 0

    run(test())


SECRET: Final = b"/SECRET/"

RUBBISH: Final[dict[str, tuple[bytes, set[int]]]] = {
    "no HTTP": (b"hello\r\n\r\n", {400}),
    "binary": (bytes(range(256)) * 8 + b"\r\n\r\n", {400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50, {400}),
    "an endless line": (b"GET /" + b"x" * 100_000, {431}),
    "an endless header": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000, {431}),
    "endless headers": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, {431}),
    "endless empty lines": (b"\r\n" * 50_000, {400, 431}),
    "two hosts": (b"GET " + SECRET + b" HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", {400}),
    "a folded header": (b"GET " + SECRET + b" HTTP/1.1\r\nHost: localhost\r\n\texample.org\r\n\r\n", {421}),
    "a space in a header's name": (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", {400}),
    "a length that is none": (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", {400}),
    "both lengths": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        {400, 404},
    ),
    "another encoding": (b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", {501}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 421}),
    "an address for a proxy": (b"GET http://localhost" + SECRET + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {404}),
    "a path upwards": (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", {404}),
    "a path with lines": (b"GET /%0d%0aX:%20y HTTP/1.1\r\nHost: localhost\r\n\r\n", {404}),
    "HTTP/1.0 without a host": (b"GET " + SECRET + b" HTTP/1.0\r\n\r\n", {421}),
    "an upgrade": (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        {404},
    ),
    "two requests at once": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2, {404}),
    "a body": (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n" + b"x" * 9, {404}),
}


@pytest.mark.parametrize(("said", "statuses"), RUBBISH.values(), ids=RUBBISH)
def test_rubbish_gets_a_status_and_no_more(said: bytes, statuses: set[int], caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving() as live, client(live) as one:
            one.say(said.replace(SECRET, urlsplit(live.url).path.encode()))
            with suppress(ConnectionError):  # it says more than anybody wants to read
                answer = await one.hear()
                assert answer.status in statuses
                assert answer.body == b""
            assert (await ask(live, live.url)).status == 200

    run(test())
    assert not caplog.records


def test_a_request_that_does_not_end_is_dropped_however_it_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with serving(QUICK) as live:

            async def drip(one: Client) -> None:
                with suppress(ConnectionError):
                    while True:
                        one.say(b"x")
                        await one.writer.drain()
                        await asyncio.sleep(0.01)

            async with client(live) as silent, client(live) as dripping:
                drops = asyncio.create_task(drip(dripping))
                for one in (silent, dripping):
                    with suppress(ConnectionError):
                        assert await one.reader.read() == b""
                drops.cancel()
                await asyncio.gather(drops, return_exceptions=True)
            assert (await ask(live, live.url)).status == 200

    run(test())
    assert not caplog.records


def test_a_client_that_says_half_and_then_nothing_more_is_told_so() -> None:
    async def test() -> None:
        async with serving() as live:
            for half in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: loc"):
                async with client(live) as one:
                    one.say(half)
                    one.writer.write_eof()
                    data = await one.reader.read()
                    assert data == b"" if not half else data.startswith(b"HTTP/1.1 400")

    run(test())


def test_more_connections_than_allowed_are_dropped_and_those_before_stay() -> None:
    async def test() -> None:
        async with serving(LiveLimits(connections=3, request_time=NEVER)) as live:
            async with viewer(live) as watching, client(live), client(live):
                await live.until_watched()
                async with client(live) as late:
                    with suppress(ConnectionError):
                        assert await late.reader.read() == b""
                live.show("open")
                assert await watching.states(1) == ["open"]
            await live.until_left(grace=0)
            async with viewer(live) as again:
                assert await again.states(1) == ["open"]

    run(test())


def test_a_viewer_that_falls_too_far_behind_is_dropped_and_may_begin_anew() -> None:
    async def test() -> None:
        async with serving(LiveLimits(history=3, stall_time=NEVER)) as live:
            long = Words("long " * 20_000)
            live.show("locked", text=long)
            async with viewer(live) as slow:
                number = 1
                while number < 200:  # far more than the system takes for it
                    number += 1
                    live.show("open", text=long)
                    await asyncio.sleep(0)
                heard = await slow.rest()  # up to where it was dropped
                assert slow.last == str(len(heard))
                assert len(heard) < number
            async with viewer(live, slow.last) as again:
                await again.next()
                assert again.last == str(number - 2)

    run(test())


def test_closing_waits_for_nobody_longer_than_it_says() -> None:
    async def test() -> None:
        limits = LiveLimits(request_time=NEVER, stall_time=NEVER, heartbeat=NEVER, close_time=0.05)
        async with serving(limits) as live, client(live) as half, viewer(live):
            half.say(b"GET / HT")
            await live.until_watched()
            for _ in range(200):
                live.show("open", text=Words("long " * 20_000))
                await asyncio.sleep(0)
            await live.aclose()
            with suppress(ConnectionError):
                assert await half.reader.read() == b""

    run(test())


def test_many_viewers_are_served_though_one_never_reads() -> None:
    """What that one could take is bounded by the system's buffers; then it is dropped, and nobody has waited for it."""

    async def test() -> None:
        async with serving(LiveLimits(stall_time=1.0)) as live:
            hung, writer = await asyncio.open_connection("127.0.0.1", urlsplit(live.url).port, limit=1)
            writer.write(f"GET {urlsplit(live.url).path}events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await live.until_watched()
            readers = [asyncio.create_task(read_to_the_end(live)) for _ in range(19)]
            while live.viewers < 20:
                await live._moved.wait()
            long = Words("long " * 20_000)
            for _ in range(100):
                live.show("open", text=long)
                await asyncio.sleep(0)
            while live.viewers == 20:
                await live._moved.wait()
            await live.aclose()
            for messages in await asyncio.gather(*readers):
                assert messages[-1] == {"end": True}
            writer.transport.abort()
            del hung

    run(test())


async def read_to_the_end(live: LivePage) -> list[Any]:
    async with viewer(live) as watching:
        return await watching.rest()


# -- a login service ---------------------------------------------------------------------------------------------------


def test_a_service_shows_its_states_with_the_event_where_that_is_certain() -> None:
    async def test() -> None:
        world = World([Plan(), unreachable(), refused(422)])
        options = SDKOptions(backoff_base=0.01, backoff_cap=0.01)
        async with (
            LivePage(Drawing.of(), render=page) as live,
            viewer(live) as watching,
            AuthService(world, options=options) as auth,
        ):
            await auth.initialize(False)
            auth.auth_status.listen(LoginReporter(live))
            await auth.login(LoginInfo("anna", "sesame-47114711"))
            heard: list[tuple[str, str | None, str | None]] = []
            while not heard or heard[-1][0] != "data_sync_finish":
                heard.append(await told(watching))
            world.cut()
            while heard[-1][0] != "forbidden":
                heard.append(await told(watching))
            assert heard == [
                ("un_login", None, None),
                ("connecting", "login", None),
                ("logging", "link_opened", None),
                ("logged_in", "accepted", None),
                ("data_sync_start", "sync_started", None),
                ("data_sync_finish", "sync_finished", None),
                ("waiting", "link_lost", None),
                ("connecting", None, None),  # the time had come, or the app came to the foreground
                ("waiting", None, ADVICE[Reason.NET]),  # the link was lost, or there was none
                ("connecting", None, None),
                ("logging", "link_opened", None),
                ("forbidden", "forbidden", None),
            ]

    run(test())


async def told(watching: Viewer) -> tuple[str, str | None, str | None]:
    message = await watching.next()
    assert "anna" not in json.dumps(message)
    assert "sesame" not in json.dumps(message)
    return message["state"], message["event"], message["text"] and message["text"]["en"]


def test_the_page_knows_what_the_session_knows_but_no_account_by_name() -> None:
    async def test() -> None:
        async with LivePage(Drawing.of(), render=page) as live, viewer(live) as watching:
            report, session = LoginReporter(live), Lifecycle()
            knows = []
            for heard in (
                inputs.login("anna"),
                inputs.LINK_OPENED,
                inputs.ACCEPTED,
                inputs.link_lost(),
                inputs.login("ben"),
                inputs.CANCEL,
                inputs.login("anna"),
            ):
                session.receive(heard)
                report(status(session, heard.reason))
                message = await watching.next()
                assert not {"anna", "ben"} & set(message["variables"].values())
                variables = message["variables"]
                assert set(variables) == {variable.id for variable in live.chart.variables}
                knows.append([variables[name] for name in ("attempt", "account", "permitted", "local_data", "void")])
            assert knows == [
                ["manual", "a", "", "", "R3"],
                ["manual", "a", "", "", "R3"],
                ["resume", "a", "a", "a", ""],
                ["resume", "a", "a", "a", ""],
                ["manual", "a", "", "", "R3"],
                ["", "", "", "", "R3"],
                ["manual", "a", "", "", "R3"],
            ]

    run(test())


def test_two_accounts_are_told_apart_as_long_as_the_session_knows_both() -> None:
    async def test() -> None:
        async with LivePage(Drawing.of(), render=page) as live, viewer(live) as watching:
            report = LoginReporter(live)
            for permitted, local_data in [("anna", None), ("anna", "anna"), ("ben", None), ("anna", None)]:
                report(status(Lifecycle(permitted=permitted, local_data=local_data)))
            told = [(await watching.next())["variables"]["permitted"] for _ in range(4)]
            assert told == ["a", "a", "a", "a"]
            both = Lifecycle(State.CONNECTING, "manual", "ben", permitted=None, local_data="anna")
            report(status(both))
            variables = (await watching.next())["variables"]
            assert (variables["account"], variables["local_data"]) == ("b", "a")

    run(test())


def test_a_fresh_process_knows_what_the_last_one_saved_and_begins_anew() -> None:
    async def test() -> None:
        async with LivePage(Drawing.of(), render=page) as live, viewer(live) as watching:
            report = LoginReporter(live)
            online = Lifecycle(State.LOGGED_IN, "resume", "anna", permitted="anna", local_data="anna")
            fresh = Lifecycle(permitted="anna")
            report(status(online))
            report.restarted(Words("The app is started again"))
            report(status(fresh))  # a listener is told what is shown already
            fresh.receive(inputs.auto_login("anna"))
            report(status(fresh))
            report.say(Words("over"))
            assert [await told(watching) for _ in range(4)] == [
                ("logged_in", None, None),
                ("un_login", None, "The app is started again"),
                ("connecting", "auto_login", None),
                ("connecting", None, "over"),
            ]

    run(test())


def status(session: Lifecycle, reason: Reason | None = None) -> StatusEvent:
    """What a service would tell."""
    return StatusEvent(STATUS[session.state], session.state, "anna", reason, session=evolve(session))
