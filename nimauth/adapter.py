"""The adapter protocol: a lifecycle behind JSON lines. The tester plays host, network, server, clock and store.

One line in, one line out. Other languages and other checkers rely on this protocol: it does not change. A line that is
not valid gets `{"error": "..."}` and changes nothing. docs/adapter.md has the whole of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedIOBase
from typing import IO, Any, Final, TypeVar

from .errors import IllegalState
from .lifecycle import Lifecycle
from .strictjson import MAX_DIGITS, BadLine, decoded, decoder, unique
from .vocabulary import effects, inputs
from .vocabulary.effects import Effect
from .vocabulary.inputs import Input
from .vocabulary.reasons import Reason

MAX_LINE: Final = 65536
"""Longest line, in bytes, without what ends it. A longer one is answered by an error, and skipped."""

Json = dict[str, Any]
T = TypeVar("T")


class Adapter:
    """One program under test: a lifecycle that each `start` begins anew, as a fresh process would."""

    def __init__(self, lifecycle: type[Lifecycle] = Lifecycle) -> None:
        self._lifecycle = lifecycle
        self.session = lifecycle()

    def answer(self, line: str | bytes) -> Json:
        """The answer to one line."""
        if isinstance(line, bytes) and len(line.removesuffix(b"\n")) > MAX_LINE:
            return {"error": f"the line has more than {MAX_LINE} bytes"}
        try:
            session, heard = self._read(read(line))
        except BadLine as error:
            return {"error": str(error)}
        self.session = session
        out = [] if heard is None else self._receive(heard)
        return {"state": session.state.value, "out": out}

    def serve(self, lines: BufferedIOBase, answers: IO[str]) -> None:
        """Answer every line until the end of input, or until nobody reads the answers any more.

        The answers to lines that come in one piece are written in one.
        """
        try:
            for piece in _pieces(lines):
                answers.write("".join([write(self.answer(line)) + "\n" for line in piece]))
                answers.flush()
        except BrokenPipeError:
            with suppress(BrokenPipeError):
                answers.close()  # or else Python tries to write the rest at exit, and complains

    def _read(self, message: Json) -> tuple[Lifecycle, Input | None]:
        """The session that a message is for, and what that is told, if anything."""
        name = _field(message, "in", str)
        if name == "start":
            return self._lifecycle(permitted=_saved(message, "saved"), network=_field(message, "network", bool)), None
        if name == "initialize":
            account = _saved(message, "auto_login")
            return self.session, None if account is None else inputs.auto_login(account)
        if name not in READERS:
            raise BadLine(f"'in' must be one of start, initialize, {', '.join(READERS)}")
        return self.session, READERS[name](message)

    def _receive(self, heard: Input) -> list[Json]:
        try:
            return [_plain(effect) for effect in self.session.receive(heard)]
        except IllegalState as refusal:
            return [{"do": "refused", "why": str(refusal)}]


_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def write(answer: Json) -> str:
    """An answer as a line, without what ends it."""
    return _ENCODER.encode(answer)


# -- reading: what is missing or of the wrong type is an error, what is beyond the protocol is ignored -----------------


def _pieces(stream: BufferedIOBase) -> Iterator[list[bytes]]:
    """The lines that each piece of input ends, without what ends them. One too long is cut, and still too long."""
    rest = b""
    while piece := stream.read1(MAX_LINE):
        *lines, rest = (rest + piece).split(b"\n")
        rest = rest[: MAX_LINE + 1]
        if lines:
            yield lines
    if rest:
        yield [rest]


def read(line: str | bytes) -> Json:
    """The object that a line is: JSON that every language understands alike. Raises BadLine."""
    message = decoded(line, _DECODER)
    if not isinstance(message, dict):
        raise BadLine("the line must be a JSON object")
    return message


_DECODER: Final = decoder(unique)

_KINDS: Final = {
    str: "a string",
    bool: "true or false",
    int: f"a whole number of at most {MAX_DIGITS} digits",
    dict: "an object or null",
}


def _field(message: Json, name: str, kind: type[T]) -> T:
    value = message.get(name)
    if type(value) is not kind:  # isinstance would take true for a number
        raise BadLine(f"{name!r} must be {_KINDS[kind]}")
    return value


def _account(message: Json) -> str:
    """The account of a login. Its token is looked at and left alone."""
    _field(message, "token", str)
    account = _field(message, "account", str)
    if not account:
        raise BadLine("'account' must not be empty")
    if any("\ud800" <= character <= "\udfff" for character in account):
        raise BadLine("'account' has half a surrogate pair in it, which is no character")
    return account


def _saved(message: Json, name: str) -> str | None:
    """The account of a login that may be null, but not missing."""
    return None if name in message and message[name] is None else _account(_field(message, name, dict))


def _login(message: Json) -> Input:
    account = _account(message)
    if "auth_type" in message and _field(message, "auth_type", int) not in (0, 1, 2):
        raise BadLine("'auth_type' must be 0, 1 or 2")
    return inputs.login(account)


def _refused(message: Json) -> Input:
    return inputs.refused(_field(message, "code", int))


_ENDS: Final = {
    reason.value: reason
    for reason in (
        Reason.DISPLACED,
        Reason.KICKED_BY_CLIENT,
        Reason.KICKED_BY_SERVER,
        Reason.FORBIDDEN,
        Reason.CREDENTIALS,
        Reason.VERSION,
        Reason.DATA_UPGRADE,
    )
}


def _ended(message: Json) -> Input:
    reason = _ENDS.get(_field(message, "reason", str))
    if reason is None:
        raise BadLine(f"'reason' must be one of {', '.join(_ENDS)}")
    return inputs.ended(reason)


READERS: Final[dict[str, Callable[[Json], Input]]] = {
    "login": _login,
    "cancel": lambda _: inputs.CANCEL,
    "logout": lambda _: inputs.LOGOUT,
    "network": lambda message: inputs.network(_field(message, "available", bool)),
    "foreground": lambda _: inputs.FOREGROUND,
    "link_opened": lambda _: inputs.LINK_OPENED,
    "connect_failed": _refused,
    "accepted": lambda _: inputs.ACCEPTED,
    "refused": _refused,
    "sync_started": lambda _: inputs.SYNC_STARTED,
    "sync_finished": lambda _: inputs.SYNC_FINISHED,
    "link_lost": lambda _: inputs.link_lost(),
    "reconnecting": lambda _: inputs.RECONNECTING,
    "ended": _ended,
    "retry_due": lambda _: inputs.RETRY_DUE,
    "timed_out": lambda _: inputs.TIMED_OUT,
}


# -- writing -----------------------------------------------------------------------------------------------------------


def _plain(effect: Effect) -> Json:
    match effect:
        case effects.Status():
            return {"do": "status", "status": effect.status.value}
        case effects.OpenLink():
            return {"do": "open_link"}
        case effects.SendLogin(account, attempt):
            return {"do": "send_login", "account": account, "attempt": attempt.value}
        case effects.CloseLink():
            return {"do": "close_link"}
        case effects.SendLogout():
            return {"do": "send_logout"}
        case effects.Save(account):
            return {"do": "save", "account": account}
        case effects.Clear(cause):
            return {"do": "clear", "reason": cause.value}
        case effects.OpenLocalData(account):
            return {"do": "open_local_data", "account": account}
        case effects.CloseLocalData():
            return {"do": "close_local_data"}
        case effects.ArmRetry():
            return {"do": "arm_retry"}
        case effects.DisarmRetry():
            return {"do": "disarm_retry"}
        case effects.LoginResult(ok, code):
            return {"do": "login_result", "ok": ok, "code": code}
        case effects.AutoLoginRefused(rule):
            return {"do": "auto_login_refused", "rule": rule.value}
        case effects.Dropped():
            return {"do": "dropped"}
