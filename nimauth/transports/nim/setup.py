"""Where the official SDK comes from, and whether it is there. It has no licence file, so only its user installs it."""

from __future__ import annotations

import errno
import json
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from attrs import frozen

from ...vocabulary.reasons import Code, Reason
from ..base import LinkFailed
from ..words import clean
from .mapping import words

PACKAGE: Final = "nim-web-sdk-ng"
VERSION: Final = "10.9.77-alpha.4"
"""The version that the tests know. Only some versions ship what runs in Node."""
WS: Final = "ws"
NODE: Final = 20
"""The oldest major version of Node.js that will do."""

MAX_PACKAGE: Final = 2**20
"""Longest package.json that is read, in bytes."""

_SHORTAGES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})


def npm_command(directory: Path) -> tuple[str, ...]:
    """What installs the SDK in a directory. No script of a package is run."""
    return ("npm", "install", "--ignore-scripts", "--prefix", str(directory), f"{PACKAGE}@{VERSION}", f"{WS}@8")


def entry(directory: Path) -> Path:
    """The SDK's file for Node."""
    return directory / "node_modules" / PACKAGE / "dist" / "nodejs" / "nim.js"


def node_path(node: str) -> str | None:
    """Where that Node is: a command on the path, or a file."""
    return shutil.which(node)


def missing(directory: Path, node: str) -> LinkFailed | None:
    """What hinders a start, found without starting anything."""
    text = ""
    if node_path(node) is None:
        text = f"{_shown(node)} is not there; install Node.js {NODE} or newer, or give its path"
    else:
        try:
            if not _is(stat.S_ISREG, entry(directory)):
                text = f"the NIM SDK is not in {_shown(directory)}; install it there, nimauth nim-setup DIR says how"
        except OSError as error:
            if is_shortage(error):
                return short_of("the NIM SDK cannot be looked for", error)
            text = f"the NIM SDK cannot be used: {_unreadable(directory, error)}"
    return LinkFailed(Reason.INVALID, Code.INVALID, words(text)) if text else None


def is_shortage(error: OSError) -> bool:
    """Whether the system is short of something now, and may not be later."""
    return error.errno in _SHORTAGES


def short_of(what: str, error: OSError) -> LinkFailed:
    """What is to be told of a shortage. It is no verdict: the next try may find what is lacking now."""
    text = f"{what}, as the system is short of something ({error.strerror}); close other programs, and try again"
    failure = LinkFailed(Reason.NET, Code.NET, words(text))
    failure.__cause__ = error
    return failure


def outdated(version: str) -> str:
    """What is wrong with a Node.js that says it is this version, like v20.1.0; nothing if it will do.

    Raises ValueError for what is no version.
    """
    major = int(version.removeprefix("v").partition(".")[0])
    return f"Node.js is {words(version)}; install {NODE} or newer" if major < NODE else ""


@frozen
class Finding:
    """One thing that was looked at."""

    good: bool
    text: str


def check(directory: Path, node: str = "node") -> Iterator[Finding]:
    """Look at everything that a login needs, without a network."""
    yield _node(node)
    if wrong := unusable(directory):
        yield Finding(False, wrong)
        return
    for package, wanted in ((PACKAGE, VERSION), (WS, "8")):
        yield _package(directory, package, wanted)
    file = entry(directory)
    there = _is(stat.S_ISREG, file)
    yield Finding(there, f"{file}" if there else f"{file} is missing: this version has none for Node")


def unusable(directory: Path) -> str:
    """Why npm can put nothing there, in a sentence; nothing if it can, as far as that can be seen."""
    try:
        for place in (directory, *directory.parents):
            if _is(stat.S_ISDIR, place):
                break
            if _is(lambda _: True, place):
                return f"{_shown(place)} is a file; give a directory, which need not be there yet"
        _is(stat.S_ISREG, entry(directory))
    except OSError as error:
        return _unreadable(directory, error)
    return ""


def _unreadable(directory: Path, error: OSError) -> str:
    return f"{_shown(directory)} cannot be read ({error.strerror}); give a directory that this user may read"


def _shown(name: object) -> str:
    """In a sentence that says more, and is cut when it is too long."""
    return clean(name, longest=80)


def _is(kind: Callable[[int], bool], path: Path) -> bool:
    """Whether it is there, and of this kind. Raises OSError where that cannot be found out."""
    try:
        return kind(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: there is no such path
        return False


def _node(node: str) -> Finding:
    path = node_path(node)
    if path is None:
        return Finding(False, f"{node} is not there; install Node.js {NODE} or newer")
    try:
        command = [path, "--version"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()  # noqa: S603
        wrong = outdated(told)
    except (OSError, ValueError, subprocess.SubprocessError):
        return Finding(False, f"{path} does not tell its version; install Node.js {NODE} or newer")
    return Finding(not wrong, wrong or f"Node.js {words(told)} ({path})")


def _package(directory: Path, package: str, wanted: str) -> Finding:
    try:
        version = _version(directory / "node_modules" / package / "package.json")
    except OSError as error:
        return Finding(False, f"{package} in {directory} cannot be read ({error.strerror}); install it again")
    except (ValueError, KeyError, TypeError, RecursionError):
        return Finding(False, f"{package} in {directory} is broken: its package.json is none; install it again")
    if version is None:
        return Finding(False, f"{package} is not installed in {directory}")
    if version.split(".")[: wanted.count(".") + 1] == wanted.split("."):
        return Finding(True, f"{package} {version}")
    return Finding(False, f"{package} is {version}; nimauth is tested with {wanted}")


def _version(file: Path) -> str | None:
    """What a package.json says; None if there is none.

    Raises OSError, and ValueError, KeyError, TypeError or RecursionError for what is no package.json.
    """
    if not _is(lambda _: True, file):
        return None
    if not _is(stat.S_ISREG, file) or file.stat().st_size > MAX_PACKAGE:
        raise ValueError("a package.json is no file, or too long")
    version = json.loads(file.read_bytes())["version"]
    if not isinstance(version, str):
        raise TypeError("a version is no text")
    return words(version)
