"""Each room imports only what lies beneath it, and a host pays only for the rooms that it uses."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import nimauth

PACKAGE = Path(nimauth.__file__).parent

# Each room with the rooms beneath it that it may use.
CORE = frozenset({"vocabulary", "errors"})
BENEATH: dict[str, frozenset[str]] = {
    "engine": frozenset(),
    "vocabulary": frozenset(),
    "errors": frozenset({"vocabulary"}),
    "table": frozenset({"vocabulary"}),
    "lifecycle": CORE | {"table", "engine"},
    "strictjson": frozenset(),
    "adapter": CORE | {"lifecycle", "strictjson"},
    "transports": CORE,
    "stores": CORE,
    "trace": CORE,
    "service": CORE | {"lifecycle", "trace", "transports", "stores"},
    "blocking": CORE | {"service", "stores", "trace", "transports"},
    "server": CORE | {"transports"},
    "conformance": CORE | {"trace", "table", "engine", "lifecycle", "adapter", "strictjson", "transports", "stores"},
    "diagram": CORE | {"table", "engine", "lifecycle", "trace", "conformance"},
    "cli": CORE
    | {"trace", "table", "engine", "lifecycle", "adapter", "transports", "stores", "service", "server", "conformance"}
    | {"diagram"}
    | {"__init__"},
    "__main__": frozenset({"cli"}),
}
# Nothing here awaits, reads a clock, or touches a socket or a keyring.
STILL = frozenset({"engine", "vocabulary", "errors", "table", "lifecycle", "strictjson", "adapter", "trace"})
RESTLESS = frozenset({"asyncio", "concurrent", "time", "socket", "ssl", "select", "selectors", "threading", "keyring"})
RESTLESS |= {"subprocess", "multiprocessing", "random", "websockets", "datetime"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


MODULES = {module_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    return module.removeprefix("nimauth.").partition(".")[0]


def imports(module: str) -> Iterator[str]:
    """The full name of whatever a module imports, wherever in it that stands."""
    package = module.split(".")[:-1]
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import name` may import a module or take something from the package.
            yield from (f"{source}.{alias.name}" if known(f"{source}.{alias.name}") else source for alias in node.names)


def known(module: str) -> bool:
    return module in MODULES or f"{module}.__init__" in MODULES


def own_imports(module: str) -> set[str]:
    """The modules of this package that a module imports."""
    names = {name if name in MODULES else f"{name}.__init__" for name in imports(module)}
    return {name for name in names if name in MODULES}


def foreign_imports(module: str) -> set[str]:
    return {name.partition(".")[0] for name in imports(module)} - {"nimauth"}


INNER = sorted(set(MODULES) - {"nimauth.__init__"})
"""The package itself only says where everything is, and imports it when it is first used."""


@pytest.mark.parametrize("module", INNER)
def test_a_room_imports_only_what_lies_beneath_it(module: str) -> None:
    room = room_of(module)
    assert room in BENEATH, f"a new room {room}: say in BENEATH what lies beneath it"
    used = {room_of(name) for name in own_imports(module)} - {room}
    assert used <= BENEATH[room], f"{module} imports {sorted(used - BENEATH[room])}"


def test_the_rooms_stand_on_each_other_without_a_circle() -> None:
    assert set(BENEATH) == {room_of(module) for module in INNER}
    TopologicalSorter({room: beneath - {"__init__"} for room, beneath in BENEATH.items()}).prepare()


def test_no_module_imports_itself_through_others() -> None:
    TopologicalSorter({module: own_imports(module) for module in INNER}).prepare()


@pytest.mark.parametrize("module", [module for module in INNER if room_of(module) in STILL])
def test_below_the_shell_nothing_awaits_reads_a_clock_or_touches_the_outside(module: str) -> None:
    assert not foreign_imports(module) & RESTLESS
    assert not [node for node in ast.walk(MODULES[module]) if isinstance(node, ast.Await | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("module", INNER)
def test_what_is_for_tests_stays_in_the_tests(module: str) -> None:
    for_tests = {"pytest", "_pytest", "tests", "trustme", "hypothesis"}
    if room_of(module) == "conformance":  # which is for tests
        for_tests -= {"hypothesis"}
    assert not foreign_imports(module) & for_tests


@pytest.mark.parametrize(
    ("statement", "never"),
    [
        (
            "import nimauth",
            "asyncio keyring websockets rich hypothesis pytest transitions filelock platformdirs nimauth.diagram",
        ),
        ("from nimauth import Lifecycle, LoginInfo", "asyncio keyring websockets rich hypothesis pytest filelock"),
        ("import nimauth.adapter", "asyncio keyring websockets rich hypothesis pytest filelock platformdirs"),
        ("from nimauth import AuthService, MemoryStore", "keyring websockets rich hypothesis pytest filelock"),
        (
            "import nimauth.cli",
            "asyncio keyring websockets rich hypothesis pytest filelock platformdirs nimauth.diagram",
        ),
        ("import nimauth.service", "pygraphviz h11 nimauth.diagram slixmpp paho nimauth.transports.nim"),
        ("import nimauth.diagram", "pygraphviz h11 sphinx mkdocs hypothesis pytest nimauth.conformance"),
        ("import nimauth.transports.xmpp, nimauth.transports.mqtt", "slixmpp paho pygraphviz"),
    ],
)
def test_a_host_pays_only_for_what_it_imports(statement: str, never: str) -> None:
    probe = f"import sys; {statement}; print(*[name for name in {never.split()} if name in sys.modules])"
    command = [sys.executable, "-c", probe]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
