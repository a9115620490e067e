"""`nimauth logout`."""

from __future__ import annotations

import argparse
import asyncio
import time

from ..vocabulary.logins import Revocation
from ..vocabulary.reasons import Cause
from .session import add_profile, open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which login to forget."""
    add_profile(parser)


def run(args: argparse.Namespace) -> int:
    """Forget the saved login (R13). A running nimauth logs itself out; end that one first."""
    return asyncio.run(_logout(args.profile))


async def _logout(profile: str) -> int:

    store = await open_store(profile)
    try:
        account = (await store.open()).account
        await store.revoke(Revocation(Cause.LOGGED_OUT, time.time(), account))
    finally:
        await store.close()
    print(f"{account} is forgotten" if account is not None else "nobody was saved; nothing is kept")
    return 0
