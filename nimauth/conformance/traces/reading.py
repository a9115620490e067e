"""From bytes that anybody may have written to the lines of a trace: bounded, streaming, and no secret is repeated."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, Final, NamedTuple

from attrs import define, field

from ...strictjson import BadLine, Pairs, decoded, decoder, unique
from ...trace import Kind
from .spellings import BY_NAME, BY_NUMBER, Family, Spelling, spelled

MAX_LINE: Final = 65536
"""Longest line, in bytes, without what ends it."""
MAX_ENDLESS: Final = 16 * 1024 * 1024
"""A line that has no end within this many bytes ends the reading."""
MAX_BLANK: Final = 100_000
"""So many blank lines are passed over in a trace."""
MAX_ACCOUNT: Final = 1024
"""Longest account, in characters."""
_CHUNK: Final = 65536


class Unreadable(Exception):
    """There is no reading on."""


class Untold:
    """Stands where a line leaves out the account."""


UNTOLD: Final = Untold()


class Line(NamedTuple):
    """What one line says, as far as it counts."""

    number: int
    kind: Kind | None
    """None: a status was shown, or the line only tells what is recorded."""
    value: Spelling | str | bool | Untold | None
    """The status; the account of a login or a start; whether a login succeeded."""
    t: float | None = None
    records: frozenset[Kind] = frozenset()

    @property
    def known(self) -> dict[str, Any]:
        """The fields that a trace has, and nothing else that the line may have said."""
        fields: dict[str, Any] = {} if self.t is None else {"t": self.t}
        if isinstance(self.value, Spelling):
            fields["status"] = self.value.name
        elif self.kind is not None:
            fields["call"] = self.kind.value
        if not isinstance(self.value, Untold):
            name = {Kind.LOGIN: "account", Kind.START: "auto_login", Kind.LOGIN_RESULT: "ok"}.get(
                self.kind or Kind.LOGOUT
            )
            if name is not None:
                fields[name] = self.value
        return fields


# -- lines -------------------------------------------------------------------------------------------------------------


def lines_of(stream: BufferedReader) -> Iterator[bytes | None]:
    """Each line without its end, or None for one that is too long. gzip is known by its first bytes.

    Raises Unreadable.
    """
    rest, dropped = b"", 0
    for chunk in _chunks(stream):
        if dropped:
            end = chunk.find(b"\n")
            dropped += len(chunk)
            if end < 0:
                if dropped > MAX_ENDLESS:
                    raise Unreadable(f"a line has no end within {MAX_ENDLESS} bytes; this is no trace")
                continue
            yield None
            chunk, dropped = chunk[end + 1 :], 0
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        yield from lines
        if len(rest) > MAX_LINE:
            rest, dropped = b"", len(rest)
    if rest or dropped:
        yield rest or None


def _chunks(stream: BufferedReader) -> Iterator[bytes]:
    try:
        source: Any = gzip.GzipFile(fileobj=stream) if stream.peek(2)[:2] in (b"\x1f\x8b", b"\x1f") else stream
        while chunk := source.read1(_CHUNK):
            yield chunk
    except EOFError:
        raise Unreadable("the gzip data is cut off; the lines before its end were read") from None
    except (gzip.BadGzipFile, zlib.error):
        raise Unreadable("the gzip data is damaged; the lines before the damage were read") from None
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror or type(error).__name__}") from None


# -- what a line says --------------------------------------------------------------------------------------------------

_KNOWN: Final = frozenset({"t", "status", "call", "account", "ok", "auto_login", "records", "numbers"})
_RARE: Final = ("call", "records", "numbers")
_SECRETS: Final = ("token", "password", "passwd", "secret", "credential", "loginext", "authorization", "signature")


@define(eq=False)
class Reader:
    """Reads one trace, line by line."""

    numbers: Family
    """Whose numbers a number for a status is, until the trace says otherwise."""
    secret: str | None = None
    """The kind of secret that the last line held, if it held one."""
    blank: int = 0
    _decoder: json.JSONDecoder = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._decoder = decoder(self._object)

    def read(self, number: int, raw: bytes | None) -> Line | None:
        """What a line says; None for a blank one. Raises BadLine, and Unreadable when there are too many blank ones."""
        self.secret = None
        if raw is None or len(raw) > MAX_LINE:
            raise BadLine(f"the line has more than {MAX_LINE} bytes")
        try:
            message = decoded(raw, self._decoder, "utf-8-sig" if number == 1 else "utf-8")
        except BadLine:
            if raw.strip():
                raise
            self._pass_over()
            return None
        if not isinstance(message, dict):
            raise BadLine("the line is no JSON object")
        t = message.get("t")
        if t is not None and (type(t) not in (int, float) or not math.isfinite(t)):
            raise BadLine("'t' must be a number of seconds")
        status = message.get("status")
        if status is not None and message.keys().isdisjoint(_RARE):
            found = BY_NAME.get(status) if type(status) is str else None
            return Line(number, None, found or self._spelling(status), t)
        return self._other(number, message, t)

    def _pass_over(self) -> None:
        self.blank += 1
        if self.blank > MAX_BLANK:
            raise Unreadable(f"there are more than {MAX_BLANK} blank lines; this is no trace")

    def _spelling(self, status: object) -> Spelling:
        found = None
        if type(status) is str:
            found = spelled(status)
        elif type(status) is int:
            found = BY_NUMBER[self.numbers].get(status)
        else:
            raise BadLine("'status' must be a name or a number")
        if found is None:
            what = f"no number of {self.numbers}'s" if type(status) is int else "none that any NIM client shows"
            raise BadLine(f"the status is {what}; docs/traces.md has all that are known")
        return found

    def _other(self, number: int, message: dict[str, Any], t: float | None) -> Line:
        records = frozenset(_records(message["records"])) if "records" in message else frozenset()
        if "numbers" in message:
            if message["numbers"] not in Family.__members__.values():
                raise BadLine(f"'numbers' must be one of {', '.join(Family)}")
            self.numbers = Family(message["numbers"])
        if "status" in message and "call" in message:
            raise BadLine("the line tells both a status and a call; write a line for each")
        if "status" in message:
            return Line(number, None, self._spelling(message["status"]), t, records)
        if "call" in message:
            kind = message["call"]
            if type(kind) is not str or kind not in _VALUES:
                raise BadLine(f"'call' must be one of {', '.join(Kind)}")
            return Line(number, Kind(kind), _VALUES[kind](message), t, records)
        if "records" in message or "numbers" in message:
            return Line(number, None, None, t, records)
        raise BadLine("the line tells neither a status nor a call")

    def _object(self, pairs: Pairs) -> dict[str, Any]:
        found = unique(pairs)
        if not found.keys() <= _KNOWN:
            for name in found:
                if name not in _KNOWN:
                    self._look_at(name)
        return found

    def _look_at(self, name: str) -> None:
        letters = re.sub("[^a-z]", "", name[:200].lower())
        self.secret = next((word for word in _SECRETS if word in letters), self.secret)


def _account(message: dict[str, Any], name: str) -> str | Untold:
    if name not in message:
        return UNTOLD
    account = message[name]
    if not isinstance(account, str) or not 0 < len(account) <= MAX_ACCOUNT:
        raise BadLine(f"{name!r} must be an account of 1 to {MAX_ACCOUNT} characters")
    return account


def _login(message: dict[str, Any]) -> str | Untold:
    return UNTOLD if message.get("account") is None else _account(message, "account")


def _start(message: dict[str, Any]) -> str | Untold | None:
    return None if "auto_login" in message and message["auto_login"] is None else _account(message, "auto_login")


def _result(message: dict[str, Any]) -> bool:
    if not isinstance(message.get("ok"), bool):
        raise BadLine("'ok' must be true or false")
    return message["ok"] is True


_VALUES: Final[dict[str, Any]] = {
    Kind.LOGIN.value: _login,
    Kind.START.value: _start,
    Kind.LOGIN_RESULT.value: _result,
    Kind.LOGOUT.value: lambda _: None,
}


def _records(names: object) -> Iterator[Kind]:
    for name in names if isinstance(names, list) else [None]:
        if not isinstance(name, str) or name not in _VALUES:
            raise BadLine(f"'records' must be a list of these: {', '.join(Kind)}")
        yield Kind(name)
