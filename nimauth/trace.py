"""Traces: what a client showed and what its host called, one JSON object a line. docs/traces.md has the form.

A trace never holds a token. An `AuthService` records one into whatever takes a dict:

    with open("trace.jsonl", "a") as file:
        auth = AuthService(transport, store, trace=TraceFile(file))

`nimauth check` says whether a trace is possible. One trace is of one client: two services need two.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final, Protocol

from .vocabulary.states import AuthStatus

log = logging.getLogger("nimauth")

Record = Mapping[str, Any]
"""One line."""
Recorder = Callable[[Record], object]
"""What an `AuthService` records into. Called on its event loop, so it must not block for long."""

MAX_BYTES: Final = 256 * 1024 * 1024
"""How much a TraceFile writes, unless it is told otherwise: some four million lines."""


class Kind(StrEnum):
    """The kinds of call that a trace may tell of. The statuses are always told."""

    START = "start"
    """A fresh process, and whom it was to log in by itself (R9)."""
    LOGIN = "login"
    LOGIN_RESULT = "login_result"
    """How a manual login ended."""
    LOGOUT = "logout"


def started(auto_login: str | None) -> Record:
    """A fresh process was initialized, with this account to log in by itself. Asserts that all kinds are recorded."""
    return {"call": Kind.START.value, "auto_login": auto_login, "records": [kind.value for kind in Kind]}


def login(account: str) -> Record:
    """A person called for a login."""
    return {"call": Kind.LOGIN.value, "account": account}


def login_result(ok: bool) -> Record:
    """The login that was called ended."""
    return {"call": Kind.LOGIN_RESULT.value, "ok": ok}


def logout() -> Record:
    """The person logged out."""
    return {"call": Kind.LOGOUT.value}


def shown(status: AuthStatus) -> Record:
    """A status was shown."""
    return {"status": status.value}


class _Writable(Protocol):
    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class TraceFile:
    """Writes a trace into a text file that the host opened, a whole line at a time, and flushes it.

    After `limit` bytes it writes no more and says so in the log: what is there is still a trace, cut short.
    """

    def __init__(self, file: _Writable, limit: int = MAX_BYTES) -> None:
        self._file = file
        self._left = limit

    def __call__(self, record: Record) -> None:
        if self._left <= 0:
            return
        line = json.dumps(record, separators=(",", ":")) + "\n"  # ASCII, whatever the file's encoding
        self._left -= len(line)
        if self._left < 0:
            self._left = 0
            log.warning("the trace has reached its limit and is cut short; give TraceFile a higher one")
            return
        self._file.write(line)
        self._file.flush()
