"""Everything that is measured, beside its peers and in one run. See README.md in this directory.

python -m benchmarks.run [--only SECTION] [--rounds N] [--json] [--check]
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary import inputs

from . import check as check_traces
from . import conform, diagram, service, transports
from .contenders import CONTENDERS, Contender
from .lifecycle import LIVES, HandWritten, check
from .machine import CYCLE, LINKS, UNLINKS
from .measure import Measured, bytes_per_session, imports, interleaved, timed
from .report import Section, Target

ENGINE, BY_DICT = "nimauth.engine", "hand-written: dict"
BASE = "import attrs, transitions"


def engine(rounds: int) -> Section:
    """Nanoseconds an event and bytes a session, for every contender that is installed."""
    built: dict[str, Contender] = {}
    for name, build in CONTENDERS.items():
        try:
            built[name] = build()
        except ModuleNotFoundError:
            continue
    laps = {name: _laps(contender) for name, contender in built.items()}
    tasks = {
        name: partial(_per_event, contender, contender.cycle(laps[name]), contender.make(), laps[name])
        for name, contender in built.items()
    }
    speed = interleaved(tasks, ENGINE, rounds)
    memory = {name: bytes_per_session(contender.make) for name, contender in built.items()}
    loads = imports(
        ["pass", *dict.fromkeys(f"import {c.module}" for c in built.values() if c.module)], "pass", max(5, rounds // 2)
    )
    bare = loads["pass"].value
    rows: list[list[str | float | None]] = []
    for name in CONTENDERS:
        if name not in built:
            rows.append([name, "not installed", None, None, None])
            continue
        module = built[name].module
        load = (loads[f"import {module}"].value - bare) * 1e3 if module else None
        rows.append([name, speed[name].value * 1e9, speed[name].ratio, memory[name], load])
    by_dict = 1 / speed[BY_DICT].ratio
    targets = [Target("the engine's time for an event, to the hand-written dict's", by_dict, 0.8)]
    peers = {name: taken.ratio for name, taken in speed.items() if built[name].module and name != ENGINE}
    if peers:
        fastest = min(peers, key=lambda name: peers[name])
        targets.append(
            Target(
                f"the time of the fastest peer library ({fastest}), to the engine's", peers[fastest], 5, at_least=True
            )
        )
    return Section(
        "One machine of 12 states and 15 events",
        ("", "ns/event", "x engine", "bytes/session", "import ms"),
        rows,
        targets,
    )


def _laps(contender: Contender) -> int:
    """So many that one measurement takes about five milliseconds, and at least one. Checks the contender as well."""
    session, run = contender.make(), contender.cycle(1)
    _take(contender, run, session)
    acts = contender.acts(session)
    ended = contender.state(session), acts.by_hand, acts.links, acts.unlinks
    if ended != ("closed", False, LINKS, UNLINKS):
        raise AssertionError(f"{contender.name} ended its cycle as {ended}, so that it runs another machine")
    return max(1, int(0.005 / _take(contender, run, session)))


def _take(contender: Contender, run: Callable[[Any], Any], session: Any) -> float:
    return timed(run, session, is_async=contender.is_async, is_quiet=contender.is_quiet)


def _per_event(contender: Contender, run: Callable[[Any], Any], session: Any, laps: int) -> float:
    return _take(contender, run, session) / (laps * len(CYCLE))


def lifecycle(rounds: int) -> Section:
    """A step of the login lifecycle, effects and all."""
    check()
    laps = 100

    def run(session: Lifecycle | HandWritten) -> None:
        for _ in range(laps):
            for heard in LIVES:
                session.receive(heard)

    contenders: dict[str, Callable[[], Lifecycle | HandWritten]] = {"lifecycle": Lifecycle, "hand-written": HandWritten}
    tasks = {
        name: partial(lambda session: timed(run, session) / (laps * len(LIVES)), make())
        for name, make in contenders.items()
    }
    speed = interleaved(tasks, "hand-written", rounds)
    memory = {name: bytes_per_session(partial(_online, make)) for name, make in contenders.items()}
    return Section(
        "One input of the login lifecycle",
        ("", "ns/input", "x hand-written", "bytes/session"),
        [[name, speed[name].value * 1e9, speed[name].ratio, memory[name]] for name in contenders],
        [Target("a session that is online", memory["lifecycle"], 500, " bytes")],
    )


def _online(make: Callable[[], Lifecycle | HandWritten]) -> Lifecycle | HandWritten:
    """A session at work. Its account is a string of its own, and what it answered last is still held."""
    session = make()
    account = f"account {id(session)}"
    for heard in (
        inputs.login(account),
        inputs.LINK_OPENED,
        inputs.ACCEPTED,
        inputs.SYNC_STARTED,
        inputs.SYNC_FINISHED,
    ):
        session.receive(heard)
    return session


def importing(rounds: int) -> Section:
    """What an import costs a program that starts."""
    statements = ["pass", BASE, "import nimauth.engine", "import nimauth", "import nimauth.lifecycle"]
    taken: dict[str, Measured] = imports(statements, BASE, rounds)
    return Section(
        "Import",
        ("", "ms", "x base"),
        [[statement, taken[statement].value * 1e3, taken[statement].ratio] for statement in statements],
        [Target(f"import nimauth, to {BASE}", taken["import nimauth"].ratio, 1.25)],
    )


SECTIONS: dict[str, Callable[[int], Section]] = {
    "engine": engine,
    "lifecycle": lifecycle,
    "import": importing,
    "service": service.section,
    "check": check_traces.section,
    "conform": conform.section,
    "diagram": diagram.section,
    "transports": transports.section,
}
"""By name, what measures it in so many rounds."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description="nimauth beside its peers: time and memory, in one run."
    )
    parser.add_argument("--only", choices=SECTIONS, action="append", help="this section only; may be repeated")
    parser.add_argument("--rounds", type=int, default=31, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    sections = {name: SECTIONS[name](options.rounds) for name in options.only or SECTIONS}
    where = {"python": platform.python_version(), "machine": platform.platform(), "rounds": options.rounds}
    if options.json:
        print(json.dumps(where | {name: section.as_json() for name, section in sections.items()}, indent=2))
    else:
        print(f"Python {where['python']}, {where['machine']}, medians of {options.rounds} rounds")
        for section in sections.values():
            print("", *section.lines(), sep="\n")
    missed = any(not target.holds for section in sections.values() for target in section.targets)
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
