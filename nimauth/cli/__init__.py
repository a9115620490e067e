"""The command `nimauth`. A subcommand is a module with `add_arguments(parser)` and `run(args)`, imported when used."""

from __future__ import annotations

import argparse
import importlib
import io
import sys
from collections.abc import Sequence
from typing import Final

from .. import __version__
from ..errors import NimAuthError

COMMANDS: Final = {
    "demo": ("cli.demo", "play the whole lifecycle against a server of its own"),
    "serve": ("server.command", "run the reference login server"),
    "login": ("cli.login", "log in by hand, and stay online"),
    "run": ("cli.run", "log in by itself with the saved login, and stay online"),
    "status": ("cli.status", "who would be logged in by itself, or which rule forbids it"),
    "logout": ("cli.logout", "forget the saved login"),
    "adapter": ("cli.adapter", "speak the adapter protocol on standard input and output"),
    "conform": ("cli.conform", "test any program that speaks the adapter protocol"),
    "check": ("cli.check", "say whether recorded traces of a client are possible"),
    "diagram": ("cli.diagram", "draw the machine, or one of your own"),
    "nim-setup": ("cli.nim_setup", "say how to install NIM's official SDK, and check it"),
    "paths": ("cli.paths", "print the test cases themselves, for tests in other languages"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Gives the exit status: 0 done, 1 an error told in one sentence, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="nimauth", description="The login lifecycle of an instant-messaging client as an explicit state machine."
    )
    parser.add_argument("--version", action="version", version=f"nimauth {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    argv = list(sys.argv[1:] if argv is None else argv)
    for name, (module, text) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name in argv[:1]:  # the others need not be imported
            try:
                command = importlib.import_module(f"nimauth.{module}")
            except ModuleNotFoundError as missing:
                return _fail(_missing(missing))
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    args = parser.parse_args(argv)
    if sys.stdin is None or sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        return _fail("standard input and output are closed; leave both open")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every console has what an account is called
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more, the interpreter's own complaint included
        return 1
    except ModuleNotFoundError as missing:
        return _fail(_missing(missing))
    except (NimAuthError, ValueError, OSError) as error:
        return _fail(str(error))


_EXTRAS: Final = {
    "websockets": ("websockets", "websocket"),
    "rich": ("rich", "cli"),
    "hypothesis": ("hypothesis", "conform"),
    "pygraphviz": ("pygraphviz", "diagrams"),
    "resvg_py": ("resvg-py", "diagrams"),
    "h11": ("h11", "web"),
    "slixmpp": ("slixmpp", "xmpp"),
    "paho": ("paho-mqtt", "mqtt"),
}
"""By what is imported: the package, and the extra of ours that brings it."""


def _missing(error: ModuleNotFoundError) -> str:
    found = _EXTRAS.get((error.name or "").partition(".")[0])
    if found is None:
        raise error
    package, extra = found
    return f"this command needs the package {package}; install it with: pip install 'nimauth[{extra}]'"


def _fail(sentence: str) -> int:
    print(f"nimauth: {sentence}", file=sys.stderr)
    return 1
