"""Programs that judge our output and are not installed with pip: where they are, or why a test is skipped without."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

NODE_MODULES: Final = "NIMAUTH_NODE_MODULES"
"""The environment variable that names a folder in which `npm install` put the packages of other engines."""


def missing(what: str) -> None:
    """Skip, and say what to install; where everything must be there, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"in CI nothing is skipped: {what}")
    pytest.skip(what)


def program(name: str, package: str) -> str:
    """The path of a program; `package` is Debian's."""
    path = shutil.which(name)
    if path is None:
        missing(f"{name} is not installed; install it with: apt-get install {package}")
    return str(path)


def node_package(name: str) -> Path:
    """The folder of a package from npm; run a script beside `node_modules`, or set NODE_PATH to its parent."""
    program("node", "nodejs")
    folder = Path(os.environ.get(NODE_MODULES, "")) / name
    if not os.environ.get(NODE_MODULES) or not folder.is_dir():
        missing(f"{name} is not there; install it with npm, and name the node_modules folder in {NODE_MODULES}")
    return folder
