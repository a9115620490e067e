"""`nimauth diagram`: draw a machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..diagram.drawing import FORMATS, SUFFIXES, WHOLE, Drawing, NoFormat
from ..diagram.gallery import stale, write
from ..diagram.model import LANGUAGES
from ..diagram.themes import THEMES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is drawn, how, and whereto."""
    formats = "; ".join(f"{name}: {kind.what}" for name, kind in FORMATS.items())
    parser.add_argument(
        "machine",
        nargs="?",
        metavar="MODULE:NAME",
        help="a machine of your own: a class under @runs, its program, or a transitions Machine "
        "(default: the login machine)",
    )
    parser.add_argument("--format", choices=FORMATS, help=f"{formats} (default: by -o's suffix, or mermaid)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument(
        "--view",
        help="whole (default), overview, around:STATE or map; of the login machine also auto-login and ends",
    )
    parser.add_argument("--lang", choices=LANGUAGES, help="of labels and rules (default: en); states keep their names")
    parser.add_argument("--theme", choices=THEMES, help="default: light; an explorer follows the browser")
    folder = parser.add_mutually_exclusive_group()
    folder.add_argument("--write", type=Path, metavar="FOLDER", help="write all the drawings into a folder")
    folder.add_argument("--check", type=Path, metavar="FOLDER", help="fail if the drawings in a folder are stale")


def run(args: argparse.Namespace) -> int:
    """Draw. Gives 1 when a folder that is checked is stale."""
    sys.path.insert(0, "")  # a machine of one's own lies where the command is called
    drawing = Drawing.of(args.machine)
    if args.write is not None or args.check is not None:
        return _folder(drawing, args)
    made = drawing.render(
        _format(args), view=WHOLE if args.view is None else args.view, lang=args.lang, theme=args.theme
    )
    if args.output is not None:
        args.output.write_bytes(made)
        return 0
    sys.stdout.flush()
    sys.stdout.buffer.write(made)
    sys.stdout.buffer.flush()
    return 0


def _format(args: argparse.Namespace) -> str:
    if args.format is not None or args.output is None:
        return args.format or "mermaid"
    form = SUFFIXES.get(args.output.suffix.lower())
    if form is None:
        known = ", ".join(SUFFIXES)
        raise NoFormat(f"{args.output.name} does not say in which format; say --format, or end it in one of {known}")
    return form


def _folder(drawing: Drawing, args: argparse.Namespace) -> int:
    for option in ("format", "output", "view", "lang", "theme"):
        if getattr(args, option) is not None:
            raise NoFormat(f"a folder has every drawing; leave --{option} out")
    if args.check is not None:
        return _check(drawing, args.check, args.machine)
    names = write(drawing, args.write)
    print(f"{len(names)} drawings written to {args.write}")
    return 0


def _check(drawing: Drawing, folder: Path, machine: str | None) -> int:
    found = list(stale(drawing, folder))
    for trouble in found:
        print(trouble, end="\n\n", file=sys.stderr)
    if found:
        again = f"nimauth diagram {machine + ' ' if machine else ''}--write {folder}"
        print(f"{len(found)} drawings in {folder} are not as the machine is; write them anew: {again}", file=sys.stderr)
        return 1
    print(f"the drawings in {folder} are as the machine is")
    return 0
