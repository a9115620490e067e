"""One lifecycle script for every transport and every real server: what the host sees, step by step.

A `Stage` is what the script asks of one server and of its operator. Each step drives the real AuthService, with the
real transport, and gives the statuses that it saw, in order and as one line; `Stage.expected` says which those should
be. What a wire cannot express is left blank (`Blank`, and None in the table), not faked.

    @pytest.mark.parametrize("step", STEPS)
    def test_the_script(stage: MyStage, step: str) -> None:
        assert play(stage, step) == stage.expected(step)
"""

from __future__ import annotations

import asyncio
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final, NoReturn

from attrs import define, field

from nimauth.errors import LoginFailed
from nimauth.service import AuthService, SDKOptions, StatusEvent
from nimauth.stores.memory import MemoryStore, Shelf
from nimauth.transports.base import Transport
from nimauth.vocabulary.logins import LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import Reason
from tests import aio

from .proxy import proxy_to

TOKEN: Final = "correct-horse-battery"
NEW_TOKEN: Final = "staple-of-another-kind"
SOON: Final = 10.0
"""In so many seconds what must happen has happened, on a busy machine."""
PATIENCE: Final = 0.3
"""So many seconds are waited for what need not happen."""


class Blank(Exception):
    """This wire or this server has no word for it; the message says why."""


@define(eq=False)
class Stage(ABC):
    """One server, with an operator and a network. Its methods block, and the script runs them in a thread."""

    server: Any
    """A `Server`; each stage says which."""
    differs: ClassVar[Mapping[str, str | None]] = {}
    """Where this server shows something else than `EXPECTED`, and None for what it cannot express."""

    @classmethod
    def expected(cls, step: str) -> str | None:
        """The statuses of a step."""
        return cls.differs.get(step, EXPECTED[step])

    @abstractmethod
    def transport(self, port: int | None = None) -> Transport:
        """A transport to the server or, where `port` is given, through the proxy there. It notices a silent server
        within a second or two."""

    @property
    def port(self) -> int:
        """Where `transport` connects to."""
        return int(self.server.port)

    def old_transport(self) -> Transport:
        """A transport that speaks a version which the server refuses."""
        return _blank("there is no version to refuse")

    def add_account(self, name: str, token: str) -> None:
        """From now on this account may log in; one that is there has a new token."""
        self.server.add_account(name, token)

    def disable(self, name: str) -> None:
        """Lock an account that nobody is online with."""
        _blank("an account cannot be disabled")

    def ban(self, name: str) -> None:
        """Lock an account that is online, and end its sessions."""
        _blank("an account cannot be banned while online")

    def kick(self, name: str, device: str) -> None:
        """End a session; the account stays as it is."""
        _blank("an operator cannot end a session")


def _blank(why: str) -> NoReturn:
    raise Blank(why)


# -- a device ----------------------------------------------------------------------------------------------------------


@define(eq=False)
class Device:
    """One installation of a client: a service, and what it showed."""

    auth: AuthService
    account: str
    shelf: Shelf
    events: list[StatusEvent] = field(factory=list)
    lists: list[tuple[OnlineClient, ...]] = field(factory=list)
    _news: asyncio.Event = field(factory=asyncio.Event)

    def watch(self) -> None:
        """Write down every status and every list of clients."""
        self.auth.auth_status.listen(self._hear)
        self.auth.online_clients.listen(self._hear_list)

    def _hear(self, event: StatusEvent) -> None:
        self.events.append(event)
        self._news.set()

    def _hear_list(self, clients: tuple[OnlineClient, ...]) -> None:
        self.lists.append(clients)
        self._news.set()

    async def until(self, there: Callable[[], bool], what: str, within: float = SOON) -> None:
        """Wait until it is there."""
        try:
            async with asyncio.timeout(within):
                while not there():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{what} did not come; seen: {self.shown()}; others: {self.others}") from None

    @property
    def statuses(self) -> list[str]:
        """All that was shown, from the first connecting on."""
        return [str(event.status) for event in self.events[1:]]

    def shown(self, since: int = 0) -> str:
        """The statuses in one line."""
        return " ".join(self.statuses[since:])

    @property
    def others(self) -> set[str]:
        """The ids of the other clients, by the last list."""
        return {client.client_id for client in self.lists[-1]} if self.lists else set()

    async def log_in(self, token: str = TOKEN) -> None:
        """Log in by hand, and wait for the end of data sync."""
        await self.auth.login(LoginInfo(self.account, token))
        await self.online()

    async def online(self, since: int = 0) -> None:
        """Wait for the end of data sync."""
        await self.until(lambda: "dataSyncFinish" in self.statuses[since:], "dataSyncFinish")

    async def ended(self, since: int = 0) -> None:
        """Wait for a state that needs a person."""
        await self.until(lambda: len(self.statuses) > since and self.events[-1].must_log_in, "an end")

    async def refused(self, token: str = TOKEN) -> LoginFailed:
        """Log in by hand, to be refused; wait until the status tells of it."""
        try:
            await self.auth.login(LoginInfo(self.account, token))
        except LoginFailed as failed:
            await self.ended()
            return failed
        raise AssertionError(f"the login was not refused; seen: {self.shown()}")

    def back_again(self, since: int) -> str:
        """How it went down and, with the tries that failed left out, how it came up again."""
        shown = self.statuses[since:]
        last = len(shown) - 1 - shown[::-1].index("connecting") if "connecting" in shown else len(shown)
        return " ".join([*shown[: min(1, last)], *shown[last:]])


@define(eq=False)
class Play:
    """One step on its stage, with an account of its own."""

    stage: Stage
    account: str

    @asynccontextmanager
    async def device(
        self, name: str, transport: Transport | None = None, shelf: Shelf | None = None
    ) -> AsyncIterator[Device]:
        """A device that is initialized and not logged in."""
        shelf = shelf or Shelf()
        options = SDKOptions(device_id=name, manual_login_timeout=8.0, backoff_base=0.1, backoff_cap=0.4)
        async with AuthService(transport or self.stage.transport(), MemoryStore(shelf), options) as auth:
            await auth.initialize(auto_login=False)
            device = Device(auth, self.account, shelf)
            device.watch()
            yield device

    async def add_account(self, token: str = TOKEN) -> None:
        """This step's account; one that is there has a new token."""
        await asyncio.to_thread(self.stage.add_account, self.account, token)

    async def operator(self, act: Callable[..., object], *arguments: str) -> None:
        """The operator does something, while the clients live on."""
        await asyncio.to_thread(act, *arguments)


# -- the steps ---------------------------------------------------------------------------------------------------------


async def good_login(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone:
        await phone.log_in()
        return phone.shown()


async def wrong_token(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone:
        failed = await phone.refused("a-token-that-is-wrong")
        assert failed.reason is Reason.CREDENTIALS, failed.reason
        assert phone.shelf.login is None
        return phone.shown()


async def unknown_account(play: Play) -> str:
    async with play.device("phone") as phone:
        await phone.refused()
        return phone.shown()


async def disabled_account(play: Play) -> str:
    await play.add_account()
    await play.operator(play.stage.disable, play.account)
    async with play.device("phone") as phone:
        await phone.refused()
        return phone.shown()


async def banned_while_online(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone:
        await phone.log_in()
        seen = len(phone.statuses)
        await play.operator(play.stage.ban, play.account)
        await phone.ended(seen)
        return phone.shown(seen)


async def version_refused(play: Play) -> str:
    transport = play.stage.old_transport()
    await play.add_account()
    async with play.device("phone", transport) as phone:
        failed = await phone.refused()
        assert failed.reason is Reason.VERSION, failed.reason
        return phone.shown()


async def same_device_elsewhere(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone, play.device("phone") as twin:
        await phone.log_in()
        seen = len(phone.statuses)
        await twin.log_in()
        await phone.ended(seen)
        assert twin.shown() == LOGIN  # whoever came last stays
        return phone.shown(seen)


async def kicked_by_operator(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone:
        await phone.log_in()
        seen = len(phone.statuses)
        await play.operator(play.stage.kick, play.account, "phone")
        await phone.ended(seen)
        return phone.shown(seen)


async def kicked_by_other_client(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone, play.device("desk") as desk:
        await phone.log_in()
        await desk.log_in()
        await desk.until(lambda: len(desk.others) == 1, "the phone in the list")
        seen = len(phone.statuses)
        await desk.auth.kick_out_other_online_client(desk.auth.online_clients.value[0])
        assert not desk.auth.online_clients.value, "the kick is done, and the phone is in the list"
        await phone.ended(seen)
        assert desk.shown() == LOGIN
        return phone.shown(seen)


async def token_changed_while_online(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone:
        await phone.log_in()
        seen = len(phone.statuses)
        await play.add_account(NEW_TOKEN)
        try:
            await phone.until(lambda: len(phone.statuses) > seen, "a status", PATIENCE)
        except AssertionError:  # most servers let a session be: the next login tells
            await _restart(play)
        await phone.ended(seen)
        return phone.back_again(seen)


async def server_terminated(play: Play) -> str:
    return await _server_ends(play, play.stage.server.stop)


async def server_killed(play: Play) -> str:
    return await _server_ends(play, play.stage.server.kill)


async def _server_ends(play: Play, end: Callable[[], None]) -> str:
    await play.add_account()
    async with play.device("phone") as phone:
        await phone.log_in()
        seen = len(phone.statuses)
        await play.operator(end)
        await phone.until(lambda: len(phone.statuses) > seen, "a status")
        await play.operator(play.stage.server.start)
        await phone.online(seen)
        return phone.back_again(seen)


async def server_paused(play: Play) -> str:
    await play.add_account()
    server = play.stage.server
    async with play.device("phone") as phone:
        await phone.log_in()
        seen = len(phone.statuses)
        began = time.monotonic()
        server.send(signal.SIGSTOP)
        try:
            await phone.until(lambda: len(phone.statuses) > seen, "a status")
            assert time.monotonic() - began < 5.0
        finally:
            server.send(signal.SIGCONT)
        await phone.online(seen)
        return phone.back_again(seen)


async def cut_mid_login(play: Play) -> str:
    """Wherever it is cut: it ends, at once, as what it is."""
    await play.add_account()
    async with proxy_to(play.stage.port) as proxy, play.device("phone", play.stage.transport(proxy.port)) as phone:
        await phone.auth.login(LoginInfo(play.account, TOKEN))
        whole = proxy.forwarded
    seen = {
        await _cut_after(play, count, whole) for count in (*range(0, 100, 10), *range(100, whole, whole // 30 or 1))
    }
    return " ".join(sorted(seen - {"online"}))


async def _cut_after(play: Play, count: int, whole: int) -> str:
    async with (
        proxy_to(play.stage.port, cut_after=count) as proxy,
        play.device("phone", play.stage.transport(proxy.port)) as phone,
    ):
        began = time.monotonic()
        failed: LoginFailed | None = None
        try:
            await phone.auth.login(LoginInfo(play.account, TOKEN))
        except LoginFailed as failure:
            failed = failure
        assert time.monotonic() - began < 5.0, f"cut after {count} bytes: it took too long"
        if failed is None:
            assert count > whole * 0.7, f"online after {count} of {whole} bytes"  # no two logins have the same length
            return "online"
        assert failed.reason is Reason.NET, f"{failed.reason} after {count} bytes"
        assert proxy.connections == 1, "it was tried again"
        await phone.ended()
        return phone.statuses[-1]


async def slow_server(play: Play) -> str:
    await play.add_account()
    async with (
        proxy_to(play.stage.port, delay=0.005, piece=64) as proxy,
        play.device("phone", play.stage.transport(proxy.port)) as phone,
    ):
        await phone.log_in()
        return phone.shown()


async def two_devices(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone:
        await phone.log_in()
        assert not phone.others
        async with play.device("desk") as desk:
            await desk.log_in()
            await phone.until(lambda: len(phone.others) == 1, "the desk in the phone's list")
            await desk.until(lambda: len(desk.others) == 1, "the phone in the desk's list")
            assert phone.others != desk.others
        await phone.until(lambda: not phone.others, "a list without the desk")
        assert phone.shown() == LOGIN
        return desk.shown()


async def logged_out(play: Play) -> str:
    await play.add_account()
    async with play.device("phone") as phone, play.device("desk") as desk:
        await desk.log_in()
        await phone.log_in()
        await desk.until(lambda: len(desk.others) == 1, "the phone in the list")
        seen = len(phone.statuses)
        await phone.auth.logout()
        await phone.until(lambda: len(phone.statuses) > seen, "a status")
        await desk.until(lambda: not desk.others, "a list without the phone")
        assert phone.shelf.login is None
        return phone.shown(seen)


async def _restart(play: Play) -> None:
    await play.operator(play.stage.server.kill)
    await play.operator(play.stage.server.start)


# -- the script --------------------------------------------------------------------------------------------------------

LOGIN: Final = "connecting logging loggedIn dataSyncStart dataSyncFinish"
"""A login that goes well."""

_STEPS: Final[dict[str, tuple[Callable[[Play], Awaitable[str]], str]]] = {
    "good login": (good_login, LOGIN),
    "wrong token": (wrong_token, "connecting logging pwdError"),
    "unknown account": (unknown_account, "connecting logging pwdError"),
    "disabled account": (disabled_account, "connecting logging forbidden"),
    "banned while online": (banned_while_online, "forbidden"),
    "version refused": (version_refused, "connecting versionError"),
    "same device id elsewhere": (same_device_elsewhere, "kickOut"),
    "kicked by the operator": (kicked_by_operator, "kickOut"),
    "kicked by another own client": (kicked_by_other_client, "kickOutByOtherClient"),
    "token changed while online": (token_changed_while_online, "unLogin connecting logging pwdError"),
    "server SIGTERM, then back": (server_terminated, f"unLogin {LOGIN}"),
    "server SIGKILL, then back": (server_killed, f"unLogin {LOGIN}"),
    "server SIGSTOP, then SIGCONT": (server_paused, f"unLogin {LOGIN}"),
    "cut mid-login, after any byte": (cut_mid_login, "unLogin"),
    "slow server": (slow_server, LOGIN),
    "two devices side by side": (two_devices, LOGIN),
    "logout": (logged_out, "unLogin"),
}
STEPS: Final = tuple(_STEPS)
EXPECTED: Final[dict[str, str]] = {name: expected for name, (_, expected) in _STEPS.items()}


def play(stage: Stage, step: str) -> str | None:
    """Play one step, and give the statuses that were seen; None where the stage has no word for it."""
    account = f"user{STEPS.index(step)}"
    try:
        return aio.run(_played(Play(stage, account), step), 60.0)
    except Blank:
        return None


async def _played(play: Play, step: str) -> str:
    return await _STEPS[step][0](play)


def table(**stages: type[Stage]) -> str:
    """What is expected of a server that has a word for everything, and what is seen: a table for the docs. (The tests
    compare what is seen with `Stage.expected`.)"""
    head = ["event", "expected", *(name.replace("_", " ") for name in stages)]
    cells = [
        [step, _cell(EXPECTED[step]), *(_cell(stage.expected(step)) for stage in stages.values())] for step in STEPS
    ]
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(statuses: str | None) -> str:
    if statuses is None:
        return ""
    return f"`{statuses}`".replace(LOGIN, "connecting … dataSyncFinish")
