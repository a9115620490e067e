"""The adapter protocol: a lifecycle behind JSON lines. The tester plays host, network, server, clock and store.

One line in, one line out. Other languages and other checkers rely on this protocol: it does not change. A line that is
not valid gets `{"error": "..."}` and changes nothing. docs/adapter.md has the whole of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any, Final

from .errors import IllegalState
from .lifecycle import Lifecycle
from .vocabulary import effects, inputs
from .vocabulary.effects import Effect
from .vocabulary.inputs import Input
from .vocabulary.reasons import Reason

MAX_LINE: Final = 65536
"""Longest line, in bytes. A longer one is answered by an error, and skipped."""

Json = dict[str, Any]

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


class Adapter:
    """One program under test: a lifecycle that each `start` begins anew, as a fresh process would."""

    def __init__(self, lifecycle: type[Lifecycle] = Lifecycle) -> None:
        self._lifecycle = lifecycle
        self.session = lifecycle()

    def answer(self, line: str | bytes) -> Json:
        """The answer to one line."""
        try:
            message = json.loads(line, parse_constant=_no_constant)
            if not isinstance(message, dict):
                raise TypeError("a line must be a JSON object")
            out = self._take(_text(message, "in"), message)
        except (ValueError, TypeError, RecursionError) as error:
            return {"error": str(error)}
        return {"state": self.session.state.value, "out": out}

    def serve(self, lines: IO[bytes], answers: IO[str]) -> None:
        """Answer every line until the end of input."""
        for line in _bounded(lines):
            answer = self.answer(line) if line is not None else {"error": f"a line has more than {MAX_LINE} bytes"}
            answers.write(json.dumps(answer, separators=(",", ":")) + "\n")
            answers.flush()

    def _take(self, name: str, message: Json) -> list[Json]:
        if name == "start":
            saved = _login(message, "saved")
            self.session = self._lifecycle(network=_flag(message, "network"), permitted=saved)
            return []
        if name == "initialize":
            account = _login(message, "auto_login")
            return [] if account is None else self._receive(inputs.auto_login(account))
        if name not in READERS:
            raise ValueError(f"{name!r} is no input of the adapter protocol")
        return self._receive(READERS[name](message))

    def _receive(self, heard: Input) -> list[Json]:
        try:
            return [_plain(effect) for effect in self.session.receive(heard)]
        except IllegalState as refusal:
            return [{"do": "refused", "why": str(refusal)}]


READERS: Final[dict[str, Callable[[Json], Input]]] = {
    "login": lambda message: inputs.login(_credentials(message)),
    "cancel": lambda _: inputs.CANCEL,
    "logout": lambda _: inputs.LOGOUT,
    "network": lambda message: inputs.network(_flag(message, "available")),
    "foreground": lambda _: inputs.FOREGROUND,
    "link_opened": lambda _: inputs.LINK_OPENED,
    "connect_failed": lambda message: inputs.refused(_code(message)),
    "accepted": lambda _: inputs.ACCEPTED,
    "refused": lambda message: inputs.refused(_code(message)),
    "sync_started": lambda _: inputs.SYNC_STARTED,
    "sync_finished": lambda _: inputs.SYNC_FINISHED,
    "link_lost": lambda _: inputs.link_lost(),
    "reconnecting": lambda _: inputs.RECONNECTING,
    "ended": lambda message: inputs.ended(_end(message)),
    "retry_due": lambda _: inputs.RETRY_DUE,
    "timed_out": lambda _: inputs.TIMED_OUT,
}


# -- reading: what is missing or of the wrong type is an error, what is beyond the protocol is ignored -----------------


def _field(message: Mapping[str, Any], name: str, kind: type) -> Any:
    value = message.get(name)
    if type(value) is not kind:
        raise TypeError(f"{name!r} must be given as {kind.__name__}")
    return value


def _text(message: Mapping[str, Any], name: str) -> str:
    return str(_field(message, name, str))


def _flag(message: Mapping[str, Any], name: str) -> bool:
    return bool(_field(message, name, bool))


def _code(message: Mapping[str, Any]) -> int:
    return int(_field(message, "code", int))


def _credentials(message: Mapping[str, Any]) -> str:
    """The account; the token is looked at and left alone."""
    account = _text(message, "account")
    if not account:
        raise ValueError("'account' must not be empty")
    _text(message, "token")
    if "auth_type" in message and _field(message, "auth_type", int) not in (0, 1, 2):
        raise ValueError("'auth_type' must be 0, 1 or 2")
    return account


def _login(message: Mapping[str, Any], name: str) -> str | None:
    if name not in message:
        raise ValueError(f"{name!r} is missing; give a login or null")
    return None if message[name] is None else _credentials(_field(message, name, dict))


def _end(message: Mapping[str, Any]) -> Reason:
    reason = _text(message, "reason")
    if reason not in _ENDS:
        raise ValueError(f"{reason!r} is no reason of the adapter protocol; give one of {', '.join(_ENDS)}")
    return _ENDS[reason]


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _bounded(lines: IO[bytes]) -> Iterator[bytes | None]:
    """Each line, or None for one that is too long."""
    while line := lines.readline(MAX_LINE + 1):
        if len(line) <= MAX_LINE:
            yield line
            continue
        while not line.endswith(b"\n") and (line := lines.readline(MAX_LINE)):
            pass
        yield None


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
