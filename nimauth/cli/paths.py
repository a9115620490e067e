"""`nimauth paths`."""

from __future__ import annotations

import argparse
import json
import sys

from ..conformance.client.cases import COVERS, cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the cases shall cover."""
    parser.epilog = "Each case begins with a fresh process. What an answer leaves free stands in docs/adapter.md."
    parser.add_argument(
        "--cover",
        choices=COVERS,
        default="rows",
        help="every row of the machine once; every two rows that can follow one another; or every input in every "
        "configuration (default: rows)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the cases, as one JSON document with a case on each line."""
    print(f'{{"nimauth_paths":1,"cover":{json.dumps(args.cover)},"cases":[')
    comma = ""
    for case in cases(args.cover):
        print(comma, json.dumps(case, separators=(",", ":")), sep="", end="")
        comma = ",\n"
    print("\n]}")
    sys.stdout.flush()
    return 0
