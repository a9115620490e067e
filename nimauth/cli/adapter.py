"""`nimauth adapter`."""

from __future__ import annotations

import argparse
import sys
from io import BufferedIOBase
from typing import cast

from ..adapter import Adapter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none: everything comes in lines."""


def run(_: argparse.Namespace) -> int:
    """Answer lines until the end of input."""
    Adapter().serve(cast(BufferedIOBase, sys.stdin.buffer), sys.stdout)
    return 0
