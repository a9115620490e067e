"""Where the programs are that these tests start, or why a test is skipped without them."""

from __future__ import annotations

import os
import shutil
import socket

import pytest


def missing(what: str) -> None:
    """Skip, and say what to install; where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI nothing is skipped: {what}")
    pytest.skip(what)


def need(*programs: str, package: str) -> None:
    """Go on where these programs are installed; `package` is Debian's."""
    for name in programs:
        if shutil.which(name, path=SEARCHED) is None:
            missing(f"{name} is not installed; install it with: apt-get install --no-install-recommends {package}")


SEARCHED = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
"""Debian puts servers where a user's PATH does not look."""


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
