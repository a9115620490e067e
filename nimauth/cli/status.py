"""`nimauth status`."""

from __future__ import annotations

import argparse
import time

from ..stores.permit import peek
from ..vocabulary.logins import Permit
from ..vocabulary.rules import Rule
from .session import APP, add_profile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It only looks: another nimauth may be running."""
    add_profile(parser)


def run(args: argparse.Namespace) -> int:
    """Say who would be auto logged in or, if nobody, which rule forbids it and since when."""
    print(describe(peek(APP, profile=args.profile)))
    return 0


def describe(permit: Permit) -> str:
    """A permit in one sentence."""
    if permit.account is not None:
        return f"{permit.account} would be logged in by itself"
    void = permit.revocation
    if void is None:
        return f"nobody would be logged in by itself: {Rule.R2} ({Rule.R2.text}); nobody has logged in here yet"
    rule = void.cause.rule
    whose = f" (account {void.account})" if void.account is not None else ""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(void.at))
    return f"nobody would be logged in by itself since {since}: {void.cause.text}{whose}; {rule}: {rule.text}"
