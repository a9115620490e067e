"""`nimauth login`."""

from __future__ import annotations

import argparse
import getpass
import sys

from ..transports.base import Transport
from ..transports.schemes import transport_for
from ..vocabulary.logins import MAX_TOKEN, LoginInfo, account_name
from .session import add_profile, add_server, add_trace, remember_server, run_interruptible, say, session, stay, watch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The token is asked for or read from standard input: what is an argument, every user of the machine can read."""
    add_server(parser, required=True)
    parser.add_argument("--account", required=True, help="the account to log in; its token is asked for, without echo")
    add_profile(parser)
    add_trace(parser)


def run(args: argparse.Namespace) -> int:
    """Log in, then tell every status until Ctrl-C."""
    account = account_name(args.account)
    app_key = args.app_key or "demo"
    transport = transport_for(args.server, app_key)  # nobody is asked for a token that cannot be sent
    login = LoginInfo(account, _token(account))
    return run_interruptible(_login(args, transport, app_key, login))


async def _login(args: argparse.Namespace, transport: Transport, app_key: str, login: LoginInfo) -> int:
    async with session(args, transport) as auth:
        await auth.initialize(auto_login=False)
        watch(auth)
        await auth.login(login)
        remember_server(args.profile, args.server, app_key)
        if auth.store_error is not None:
            say(f"the login is not saved: {auth.store_error}")
        say(f"{login.account} is logged in; Ctrl-C ends this")
        return await stay(auth)


def _token(account: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Token of {account}: ")
    return sys.stdin.readline(MAX_TOKEN + 2).rstrip("\r\n")
