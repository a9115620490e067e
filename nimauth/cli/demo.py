"""`nimauth demo`: the whole lifecycle, played for real.

The reference server is one process, the app another that is started again and again, and this one plays the person, the
network, the operator and a second device. Each step says which statuses the rules allow, and is compared with them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from attrs import define, field

from .. import trace as tracing
from ..diagram.model import Words
from ..errors import NimAuthError, StoreError
from ..lifecycle import Lifecycle
from ..service import AuthService
from ..stores.backends import choose_backend
from ..stores.keyring import Deadlines, KeyringStore
from ..stores.memory import MemoryStore
from ..trace import Recorder
from ..transports.websocket import WebSocketTransport
from ..vocabulary.logins import LoginInfo, Revocation
from ..vocabulary.reasons import Cause, Reason
from ..vocabulary.states import AuthStatus, State
from . import audience
from .app import NAME
from .audience import Audience
from .screen import Screen, make_screen
from .session import add_trace, run_interruptible, trace_to

ACCOUNT = "anna"
PATIENCE = 10.0
"""How long a step may wait for what should happen, in seconds."""

MOST_STATUSES = 12
"""A step shows no more than so many."""

ONLINE = ["connecting", "logging", "loggedIn", "dataSyncStart", "dataSyncFinish"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A demo needs no options."""
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")
    parser.add_argument("--memory", action="store_true", help="leave the OS keyring alone and keep logins in memory")
    add_trace(parser)
    audience.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play every step. Gives 0 when all of them went as the rules say."""
    with trace_to(args.trace) as trace:
        return run_interruptible(_play(args, trace))


class Unexpected(NimAuthError):
    """A step went otherwise than the rules say."""


async def _play(args: argparse.Namespace, trace: Recorder | None) -> int:
    screen = make_screen(plain=args.plain)
    try:
        async with audience.gathered(args, screen.note) as watching:
            began = time.monotonic()
            failed = await _play_in_a_new_place(args, screen, watching, trace)
            screen.close()
            screen.summary(failed, time.monotonic() - began)
            await watching.over(_GONE_WRONG if failed else _GONE_WELL)
    finally:
        screen.close()
    return 1 if failed else 0


async def _play_in_a_new_place(
    args: argparse.Namespace, screen: Screen, watching: Audience, trace: Recorder | None
) -> int:
    """Play in a directory and under a profile of its own, of which nothing is left. Gives how many steps went wrong."""
    directory = Path(tempfile.mkdtemp(prefix="nimauth-demo-"))
    profile = f"demo-{secrets.token_hex(4)}"
    why_memory: str | None = None
    try:
        why_memory = "--memory was given" if args.memory else await _why_no_keyring(directory, profile)
        if why_memory is not None:
            screen.note(f"Logins are kept in memory, and the app restarts inside its process: {why_memory}")
        async with _Server.started() as server:
            demo = Demo(server, screen, watching, profile, directory if why_memory is None else None, trace)
            try:
                failed = await demo.play()
            finally:
                await demo.end()
        if why_memory is None:
            failed += await demo.step(_SWEPT, "", lambda: _sweep(directory, profile))
    except BaseException:  # also when it is interrupted, it leaves nothing behind
        if why_memory is None:
            with contextlib.suppress(NimAuthError, OSError):
                await _sweep(directory, profile)
        raise
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return failed


_SWEPT = Words("Nothing is left in the keyring", "密钥环中没有任何残留")
_GONE_WELL = Words("The demo is over: every step went as the rules say", "演示结束：每一步都符合规则")
_GONE_WRONG = Words("The demo is over: not every step went as the rules say", "演示结束：有的步骤不符合规则")


# -- the story ---------------------------------------------------------------------------------------------------------


@define(eq=False)
class Demo:
    """The steps, one after the other."""

    server: _Server
    screen: Screen
    audience: Audience
    profile: str
    directory: Path | None
    trace: Recorder | None = None
    """Records the app from outside, as the host sees it."""
    token: str = field(factory=lambda: secrets.token_urlsafe(16), repr=False)
    app: _App | None = None
    tablet: AuthService | None = None

    async def play(self) -> int:
        """Gives the number of steps that went wrong."""
        story: list[tuple[Words, str, Callable[[], Awaitable[str]]]] = [
            (Words("Log in by hand, with a wrong token", "用错误的 token 手动登录"), "R6 R7", self.wrong_token),
            (Words("Log in by hand", "手动登录"), "R6 R9 R14", self.by_hand),
            (
                Words("The app ends; a new one starts by itself", "应用退出；新的进程自动登录"),
                "R1 R2 R9",
                self.auto_login,
            ),
            (Words("The link is cut", "连接被切断"), "R8 R14", self.cut),
            (Words("A tablet logs in to the same account", "平板登录同一账号"), "R4", self.displaced),
            (Words("The app is started again", "应用再次启动"), "R4", self.refused),
            (Words("Log in by hand again", "再次手动登录"), "R6", self.by_hand_again),
            (Words("The tablet throws the app out by hand", "平板手动踢下应用"), "R4", self.thrown_out),
            (Words("Log in by hand; then the account is banned", "手动登录；随后账号被封禁"), "R4", self.banned),
            (Words("Unbanned: log in, then log out", "解封：登录，然后登出"), "R13", self.logged_out),
        ]
        await self.server.command(f"token {ACCOUNT} {self.token}")
        failed = 0
        for title, rules, act in story:
            failed += await self.step(title, rules, act)
        return failed

    async def step(self, title: Words, rules: str, act: Callable[[], Awaitable[str]]) -> int:
        """One step. Gives 1 if it went wrong."""
        self.screen.begin(title.en, rules)
        await self.audience.step(title)
        try:
            async with asyncio.timeout(2 * PATIENCE + MOST_STATUSES * self.audience.pace):
                note = await act()
        except Exception as error:  # a demo that stumbles says so, and goes on
            note = str(error) if isinstance(error, NimAuthError) else f"{type(error).__name__} {error}".strip()
            self.screen.finish(ok=False, note="nothing happened in time" if isinstance(error, TimeoutError) else note)
            return 1
        self.screen.finish(ok=True, note=note)
        return 0

    async def wrong_token(self) -> str:
        app = await self.start(auto_login=False)
        await app.see("unLogin")
        await app.login("not the token")
        await app.see("connecting", "logging", "pwdError")
        failed = await app.hear("login")
        _check(failed["code"] == 302, f"the login gave {failed['code']}, not 302")
        await self.saved(None)
        return "refused with 302, and nothing is kept"

    async def by_hand(self) -> str:
        app = self.running
        await app.login(self.token)
        await app.see(*ONLINE)
        _check((await app.hear("login"))["ok"], "the login did not succeed")
        await self.saved(ACCOUNT)
        return "online, and saved"

    async def auto_login(self) -> str:
        before = self.running.pid
        app = await self.start(auto_login=True)
        _check(app.started["refused"] is None, str(app.started["refused"]))
        await app.see(*ONLINE)
        kinds = [event.get("status", event["event"]) for event in app.history]
        _check(kinds.index("local_data") < kinds.index("loggedIn"), "local data was not open before the login was done")
        _check(self.directory is None or app.pid != before, "it is not a new process")
        where = f"process {app.pid} after {before}" if self.directory is not None else "in the same process"
        return f"{where}; local data was open before the login was done"

    async def cut(self) -> str:
        app = self.running
        app.history.clear()
        await self.server.command(f"drop {ACCOUNT}")
        await app.see("unLogin", *ONLINE)
        waiting = next(event for event in app.history if event.get("status") == "unLogin")
        return f"tried again after {waiting['retry_in']:.1f} s, and synced again"

    async def displaced(self) -> str:
        await self.tablet_logs_in()
        await self.running.see("kickOut")
        return "one client at a time, says this server's policy"

    async def refused(self) -> str:
        app = await self.start(auto_login=True)
        await app.see("unLogin")
        _check(app.started["rule"] == "R4", f"auto login was not refused by R4 but by {app.started['rule']}")
        clients = json.loads((await self.server.command(f"clients {ACCOUNT}")).partition(" ")[2])
        _check(len(clients) == 1, "the app connected all the same")
        return str(app.started["refused"])

    async def by_hand_again(self) -> str:
        note = await self.by_hand()
        assert self.tablet is not None
        await _until(self.tablet, State.KICK_OUT)
        return f"{note}; now the tablet is the one that was displaced"

    async def thrown_out(self) -> str:
        await self.server.command("policy desktop-and-mobile")
        tablet = await self.tablet_logs_in()
        async for clients in tablet.online_clients:
            if clients:
                await tablet.kick_out_other_online_client(clients[0])
                break
        await self.running.see("kickOutByOtherClient")
        await self.saved(None)
        return "both may be online under this policy, so one can see and kick the other"

    async def banned(self) -> str:
        await self.by_hand()
        await self.server.command(f"ban {ACCOUNT} kick")
        app = self.running
        await app.see("forbidden")
        await app.login(self.token)
        await app.see("connecting", "logging", "forbidden")
        failed = await app.hear("login")
        _check(failed["code"] == 422, f"the login gave {failed['code']}, not 422")
        return "thrown out, and the next login is refused with 422"

    async def logged_out(self) -> str:
        await self.server.command(f"unban {ACCOUNT}")
        await self.by_hand()
        app = self.running
        await app.send("logout")
        await app.see("unLogin")
        await app.hear("logged_out")
        await self.saved(None)
        return "the saved login is gone"

    # -- the parts it needs --------------------------------------------------------------------------------------------

    @property
    def running(self) -> _App:
        if self.app is None:
            raise Unexpected("the app is not running, since an earlier step failed")
        return self.app

    async def start(self, *, auto_login: bool) -> _App:
        """Start the app; as a new process, unless its logins live in the memory of the old one."""
        if self.app is None or self.directory is not None:
            if self.app is not None:
                await self.app.end()
            self.app = await _App.launched(
                self.server.url, self.profile, self.directory, self.screen, self.audience, self.trace
            )
        else:
            await self.app.send("end")
            await self.app.hear("ended")
        await self.audience.restarted()
        await self.app.send("start", auto_login=auto_login)
        self.app.started = await self.app.hear("started")
        self.app.pid = self.app.started["pid"]
        return self.app

    async def saved(self, account: str | None) -> None:
        await self.running.send("saved")
        found = (await self.running.hear("saved"))["account"]
        _check(found == account, f"saved is {found}, and should be {account}")

    async def tablet_logs_in(self) -> AuthService:
        if self.tablet is not None:
            await self.tablet.aclose()
        transport = WebSocketTransport(self.server.url, os="iPadOS", client_type="ios")
        self.tablet = AuthService(transport, MemoryStore())
        await self.tablet.initialize()
        await self.tablet.login(LoginInfo(ACCOUNT, self.token))
        return self.tablet

    async def end(self) -> None:
        with contextlib.suppress(NimAuthError, OSError, TimeoutError):
            if self.tablet is not None:
                await self.tablet.aclose()
            if self.app is not None:
                await self.app.end()


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Unexpected(otherwise)


async def _until(auth: AuthService, state: State) -> None:
    async with asyncio.timeout(PATIENCE):
        async for event in auth.auth_status:
            if event.state is state:
                return


# -- the two processes -------------------------------------------------------------------------------------------------


@define(eq=False)
class _Child:
    """A process of ours, spoken to in lines."""

    process: asyncio.subprocess.Process

    @classmethod
    async def launch(cls, *arguments: str, **more: Any) -> Self:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *arguments, stdin=pipe, stdout=pipe, stderr=pipe
        )
        return cls(process, **more)

    async def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()

    async def read(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = await self.process.stdout.readline()
        if not line:
            raise Unexpected(f"a process of the demo ended: {await self.last_words()}")
        return line.decode().rstrip()

    async def last_words(self) -> str:
        assert self.process.stderr is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                return (await self.process.stderr.read(65536)).decode().strip().rpartition("\n")[2]
        return "without a word"

    async def end(self) -> None:
        """The end of its input ends it; if not, force does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.process.communicate()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@define(eq=False)
class _Server(_Child):
    url: str = ""

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls) -> AsyncIterator[_Server]:
        server = await cls.launch("nimauth.server", "--sync-delay", "0.2")
        try:
            server.url = json.loads(await server.read())["url"]
            yield server
        finally:
            await server.end()

    async def command(self, line: str) -> str:
        """What an operator types on the server's console, and its answer."""
        await self.write(line)
        answer = await self.read()
        _check(answer.startswith("ok"), f"the server's console said {answer!r}")
        return answer


@define(eq=False)
class _App(_Child):
    screen: Screen
    audience: Audience
    trace: Recorder | None
    history: list[dict[str, Any]] = field(factory=list)
    """All that it told since the step began."""
    unseen: list[dict[str, Any]] = field(factory=list)
    """What it told and no step has asked for yet."""
    started: dict[str, Any] = field(factory=dict)
    pid: int = 0

    @classmethod
    async def launched(
        cls,
        url: str,
        profile: str,
        directory: Path | None,
        screen: Screen,
        audience: Audience,
        trace: Recorder | None,
    ) -> _App:
        where = (url, profile, str(directory or ""))
        return await cls.launch("nimauth.cli.app", *where, screen=screen, audience=audience, trace=trace)

    async def send(self, do: str, **details: Any) -> None:
        self.history.clear()
        if do == "start":
            self._record(tracing.started(ACCOUNT if details["auto_login"] else None))
        elif do == "login":
            self._record(tracing.login(details["account"]))
        elif do == "logout":
            self._record(tracing.logout())
        await self.write(json.dumps({"do": do, **details}))

    async def login(self, token: str) -> None:
        await self.send("login", account=ACCOUNT, token=token)

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next event of this kind."""
        while True:
            for event in self.unseen:
                if event["event"] == kind:
                    self.unseen.remove(event)
                    return event
            await self._listen()

    async def see(self, *statuses: str) -> None:
        """These statuses come next, in this order. Raises Unexpected when others do."""
        for status in statuses:
            seen = (await self.hear("status"))["status"]
            _check(seen == status, f"the app shows {seen}, and the rules say {status}")

    async def _listen(self) -> None:
        event = json.loads(await self.read())
        if event["event"] == "failed":
            raise Unexpected(event["text"])
        if event["event"] == "status":
            self.screen.status(event["status"])
            self._record(tracing.shown(AuthStatus(event["status"])))
            reason = Reason(event["reason"]) if event["reason"] is not None else None
            await self.audience.status(Lifecycle.from_dict(event["session"]), reason)
        elif event["event"] == "login":
            self._record(tracing.login_result(event["ok"]))
        self.history.append(event)
        self.unseen.append(event)

    def _record(self, record: tracing.Record) -> None:
        if self.trace is not None:
            self.trace({"t": time.time(), **record})


# -- the keyring -------------------------------------------------------------------------------------------------------


async def _why_no_keyring(directory: Path, profile: str) -> str | None:
    """Whether the OS keyring keeps a login, found out by letting it keep one. None: it does."""
    store = KeyringStore(NAME, profile=profile, directory=directory, deadlines=Deadlines(unlock=30.0))
    try:
        await store.open()
        await store.save(LoginInfo(ACCOUNT, "a probe, no token"))
        await store.load(ACCOUNT)
        await store.revoke(Revocation(Cause.LOGGED_OUT, time.time(), ACCOUNT))
    except StoreError as error:
        return str(error)
    finally:
        await store.close()
    (directory / "permit.json").unlink(missing_ok=True)
    return None


async def _sweep(directory: Path, profile: str) -> str:
    """Forget what the demo saved, whatever happened, and look that it is gone."""
    store = KeyringStore(NAME, profile=profile, directory=directory)
    try:
        await store.open()
        await store.revoke(Revocation(Cause.LOGGED_OUT, time.time(), ACCOUNT))
    finally:
        await store.close()
    left = await asyncio.to_thread(lambda: choose_backend().get_password(f"nimauth/{NAME}/{profile}", ACCOUNT))
    _check(left is None, "an entry of the demo is left in the keyring")
    return "looked, and found no entry"
