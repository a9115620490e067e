"""What these tests need and pip does not install, or why they are skipped without it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from nimauth.transports.nim import launch
from nimauth.transports.nim.setup import NODE, check, npm_command
from nimauth.transports.nim.transport import SDK_DIRECTORY


def _missing(what: str) -> NoReturn:
    """Skip, and say what to install; where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI nothing is skipped: {what}")
    pytest.skip(what)


def needs_node() -> None:
    """Node.js itself, for the bridge."""
    if shutil.which("node") is None:
        _missing(f"node is not installed; install Node.js {NODE} or newer")


def needs_setpriv() -> None:
    """What has the kernel end the child; Linux alone has it."""
    if not launch._dies_with_us():
        _missing("there is no setpriv that knows --pdeathsig; on Linux, install util-linux 2.33 or newer")


def real_sdk() -> Path:
    """The directory of the official SDK."""
    needs_node()
    directory = os.environ.get(SDK_DIRECTORY)
    if not directory:
        command = " ".join(npm_command(Path("DIR")))
        _missing(f"NIM's official SDK is not there; install it with: {command}, and name DIR in {SDK_DIRECTORY}")
    if bad := [finding.text for finding in check(Path(directory)) if not finding.good]:
        _missing(f"the SDK in {SDK_DIRECTORY} is not what is needed: {'; '.join(bad)}")
    return Path(directory)
