"""The reference server as a process: its command-line options, and running it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import signal
import ssl as tls
import sys
import threading
from typing import Any

from .control import console
from .policy import policy_of
from .server import Server, Sync


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the server."""
    parser.description = (
        "Run the reference login server. The first line printed is JSON with its url; then each line of standard input"
        " is a command of its operator (say help), until the end of input."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: only this machine)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--app-key", default="demo", help="the app key that clients must give (default: demo)")
    parser.add_argument(
        "--account", action="append", default=[], metavar="NAME", help="make this account, with a token that is printed"
    )
    parser.add_argument(
        "--policy",
        type=_policy,
        default="one",
        help="which clients of an account may be online at once: one (default), desktop-and-mobile, all, or"
        " groups:KIND+KIND,KIND+KIND",
    )
    parser.add_argument(
        "--tls-cert", metavar="FILE", help="certificate chain in PEM; with --tls-key the server is wss://"
    )
    parser.add_argument("--tls-key", metavar="FILE", help="its private key in PEM")
    parser.add_argument(
        "--heartbeat", type=_seconds, default=30.0, metavar="SECONDS", help="when to ping a silent client"
    )
    parser.add_argument(
        "--sync-delay",
        type=_seconds,
        default=0.0,
        metavar="SECONDS",
        help="how long data sync takes (default: not at all)",
    )
    parser.add_argument("--no-console", action="store_true", help="leave standard input alone and run until a signal")


def run(args: argparse.Namespace) -> int:
    """Serve until the end of input, `quit`, SIGINT or SIGTERM. Gives the exit status."""
    try:
        asyncio.run(_serve(args))
    except (asyncio.CancelledError, KeyboardInterrupt):  # a signal, which the loop can or cannot handle
        pass
    except (OSError, ValueError, OverflowError) as exc:
        print(f"error: cannot serve on {args.host}:{args.port}: {exc}", file=sys.stderr)
        return 1
    return 0


async def _serve(args: argparse.Namespace) -> None:
    server = Server(
        host=args.host,
        port=args.port,
        ssl=_tls(args),
        app_key=args.app_key,
        policy=args.policy,
        heartbeat=args.heartbeat,
        sync=Sync(delay=args.sync_delay),
    )
    tokens = {name: secrets.token_urlsafe(16) for name in args.account}
    for name, token in tokens.items():
        server.add_account(name, token)
    async with server:
        stop = asyncio.current_task()
        assert stop is not None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop.cancel)
        _say(url=server.url, app_key=server.app_key)
        for name, token in tokens.items():
            _say(account=name, token=token, valid="as long as this server runs")
        if args.no_console:
            await asyncio.Event().wait()
        else:
            await console(server, standard_input(), lambda line: print(line, flush=True))


def _tls(args: argparse.Namespace) -> tls.SSLContext | None:
    if not args.tls_cert and not args.tls_key:
        return None
    if not args.tls_cert or not args.tls_key:
        raise ValueError("--tls-cert and --tls-key go together")
    context = tls.SSLContext(tls.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(args.tls_cert, args.tls_key)
    except OSError as exc:
        raise ValueError(f"the certificate or its key is not usable ({exc})") from None
    return context


def _say(**values: Any) -> None:
    print(json.dumps(values, ensure_ascii=False), flush=True)


def standard_input() -> asyncio.StreamReader:
    """Standard input, whatever it is: a terminal, a pipe or a file. asyncio's own way cannot read them all.

    The thread reads the file itself and not `sys.stdin`, whose lock it would take with it when the process ends.
    """
    reader, loop, file = asyncio.StreamReader(), asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            while data := os.read(file, 4096):
                loop.call_soon_threadsafe(reader.feed_data, data)
            loop.call_soon_threadsafe(reader.feed_eof)

    threading.Thread(target=read, name="nimauth-console", daemon=True).start()
    return reader


def _policy(words: str) -> object:
    try:
        return policy_of(words)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _seconds(word: str) -> float:
    seconds = float(word)
    if not 0 < seconds < 1e6:
        raise argparse.ArgumentTypeError("seconds are a number above 0")
    return seconds
