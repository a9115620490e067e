"""What the commands share that keep a session: its store, its transport, its output, and how it ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any

from ..errors import NimAuthError
from ..service import AuthService, SDKOptions, StatusEvent
from ..stores.base import CredentialStore
from ..stores.default import default_store
from ..stores.permit import state_directory
from ..trace import Recorder, TraceFile
from ..transports.base import Transport
from ..vocabulary.logins import OnlineClient

APP = "nimauth"
"""The name under which the command keeps its logins."""


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Which saved login is meant."""
    parser.add_argument(
        "--profile", default="default", help="keep several logins apart by name (default: the one called default)"
    )


def add_server(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Where to log in, and as what."""
    note = "" if required else " (default: where the last login was)"
    parser.add_argument(
        "--server", metavar="URL", required=required, help=f"wss://…, xmpps://…, mqtts://… or nim:APPKEY{note}"
    )
    parser.add_argument("--app-key", help=f"the app key that the server knows{note or ' (default: demo)'}")
    parser.add_argument("--forced", action="store_true", help="log in although another device holds the place (R12)")


def add_trace(parser: argparse.ArgumentParser) -> None:
    """Where to record what is called and shown."""
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="append a trace to this file, for nimauth check; it holds no token"
    )


@contextlib.contextmanager
def trace_to(path: Path | None) -> Iterator[Recorder | None]:
    """Records into this file. Where it is new, only its owner may read it: it tells who logs in, and when."""
    if path is None:
        yield None
        return
    with open(path, "a", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        if not _ends_with_a_line(path):
            file.write("\n")  # whoever wrote here before was cut off
        yield TraceFile(file)


def _ends_with_a_line(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size == 0:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


async def open_store(profile: str) -> CredentialStore:
    """The store of this profile; tells in one line where there is no keyring."""
    store, notice = await default_store(APP, profile=profile, on_notice=_note)
    if notice is not None:
        _note(notice)
    return store


@contextlib.asynccontextmanager
async def session(args: argparse.Namespace, transport: Transport) -> AsyncIterator[AuthService]:
    """A service that tells what happens to its local data."""
    with trace_to(args.trace) as trace:
        service = AuthService(
            transport,
            await open_store(args.profile),
            SDKOptions(forced=args.forced),
            open_local_data=lambda account: say(f"local data of {account} is open"),
            close_local_data=lambda: say("local data is closed"),
            trace=trace,
        )
        async with service:
            yield service


def watch(auth: AuthService) -> None:
    """Tell every status, and who else is online."""
    auth.auth_status.listen(_tell)
    auth.online_clients.listen(_tell_clients)


async def stay(auth: AuthService) -> int:
    """Wait until the session ends for good, or until Ctrl-C. Gives the exit status."""
    try:
        async for event in auth.auth_status:
            if event.must_log_in:
                return 1
    except asyncio.CancelledError:  # Ctrl-C: the usual end
        say("ended; this is no logout")
    return 0


def run_interruptible(main: Coroutine[Any, Any, int]) -> int:
    """Run. Ctrl-C and SIGTERM alike cancel it; raises KeyboardInterrupt unless it takes that for its usual end."""

    async def watched() -> int:
        task = asyncio.current_task()
        assert task is not None
        with contextlib.suppress(NotImplementedError):  # Windows has no such handlers
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await main

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


# -- where the last login was ------------------------------------------------------------------------------------------


def remember_server(profile: str, url: str, app_key: str) -> None:
    """Keep the address for `nimauth run`."""
    _server_file(profile).write_text(json.dumps({"url": url, "app_key": app_key}), encoding="utf-8")


def last_server(args: argparse.Namespace) -> tuple[str, str]:
    """The server that is given, or else the one of the last login. Raises NimAuthError when there is neither."""
    try:
        with _server_file(args.profile).open(encoding="utf-8") as file:
            kept = json.loads(file.read(4096))
        url, app_key = str(kept["url"]), str(kept["app_key"])
    except (OSError, ValueError, KeyError, TypeError):
        url, app_key = "", "demo"
    if not args.server and not url:
        raise NimAuthError("no server is known yet; log in first: nimauth login --server URL --account NAME")
    return args.server or url, args.app_key or app_key


def _server_file(profile: str) -> Path:
    return state_directory(APP, profile) / "server.json"


# -- telling -----------------------------------------------------------------------------------------------------------


def _tell(event: StatusEvent) -> None:
    """One line for one status."""
    text = f': "{event.text}"' if event.text else ""
    say(f"{event}{text}")


def say(line: str) -> None:
    """One line with the time of day. When nobody reads any more, that is a Ctrl-C."""
    try:
        print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGINT)


def _tell_clients(clients: tuple[OnlineClient, ...]) -> None:
    if clients:
        names = ", ".join(f"{client.client_id} ({client.os or client.client_type})" for client in clients)
        say(f"other clients online: {names}")


def _note(sentence: str) -> None:
    print(f"nimauth: {sentence}", file=sys.stderr, flush=True)
