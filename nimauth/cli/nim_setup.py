"""`nimauth nim-setup`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from ..transports.nim.setup import check, npm_command, unusable
from ..transports.nim.transport import SDK_DIRECTORY


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the SDK is, or is to be."""
    parser.epilog = (
        "Nothing is installed: this says how, and looks. Exit status: 0 all is there, 1 something is missing."
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="where npm puts the SDK")
    parser.add_argument("--node", default="node", help="a command on the path, or a file (default: node)")


def run(args: argparse.Namespace) -> int:
    """Print the command, and what is there."""
    directory: Path = args.directory.absolute()
    findings = list(check(directory, args.node))
    good = all(finding.good for finding in findings)
    if not good and not unusable(directory):
        print(f"Install NIM's official SDK with:\n\n    {shlex.join(npm_command(directory))}\n")
    for finding in findings:
        print(f"{'ok     ' if finding.good else 'missing'}  {finding.text}")
    if good:
        setting = f"{SDK_DIRECTORY}={shlex.quote(str(directory))}"
        print(f"\nReady: NimTransport(APP_KEY, sdk={str(directory)!r}), or set {setting}")
    return 0 if good else 1
