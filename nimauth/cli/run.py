"""`nimauth run`."""

from __future__ import annotations

import argparse

from ..errors import NimAuthError
from ..transports.schemes import transport_for
from ..vocabulary.logins import Permit
from .session import add_profile, add_server, add_trace, last_server, run_interruptible, session, stay, watch
from .status import describe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The server is known from the last login."""
    add_server(parser, required=False)
    add_profile(parser)
    add_trace(parser)


def run(args: argparse.Namespace) -> int:
    """Auto log in, then tell every status until Ctrl-C."""
    return run_interruptible(_run(args))


async def _run(args: argparse.Namespace) -> int:
    async with session(args, transport_for(*last_server(args))) as auth:
        refusal = await auth.initialize()
        if refusal is not None:
            why = describe(Permit(None, refusal.revocation)) if refusal.rule is not None else str(refusal)
            raise NimAuthError(f"{why}; log in by hand: nimauth login")
        watch(auth)
        return await stay(auth)
