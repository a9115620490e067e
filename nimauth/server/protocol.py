"""The messages of docs/protocol.md as the server reads and writes them, and the limits it keeps."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from attrs import field, frozen, validators

from ..transports.wire import MAX_LABEL, MAX_WORD, PROTOCOL, VERSION, check_text
from ..vocabulary.logins import AuthType, LoginInfo, OnlineClient
from ..vocabulary.reasons import Code, Reason, reason_of
from ..vocabulary.states import Attempt
from .policy import Device

MAX_CLIENTS: Final = 32
"""The list of so many clients, each with as much to say as it may, is no longer than a client takes (64 KiB)."""

_positive: Any = validators.gt(0)


@frozen(kw_only=True)
class Limits:
    """What the server bears from its clients. Times are in seconds, sizes in bytes."""

    max_message: int = field(default=2**17, validator=_positive)
    """A longer message closes the connection. The longest login fits, however its JSON is escaped."""
    messages_per_second: float = field(default=20.0, validator=_positive)
    message_burst: int = field(default=40, validator=_positive)
    """So many messages may come at once before the rate is applied."""
    max_backlog: int = field(default=2**18, validator=_positive)
    """A client that leaves more than this unread is cut off."""
    max_connections: int = field(default=500, validator=_positive)
    """In all; further ones are refused with HTTP 503. The default fits the usual 1024 open files of a process."""
    max_guests_per_peer: int = field(default=100, validator=_positive)
    """Connections of one network address that have not logged in, whatever they have said; further ones are refused
    with HTTP 503."""
    login_timeout: float = field(default=10.0, validator=_positive)
    """For the TLS handshake, from there to the WebSocket, and from there to the end of the login: for each so long."""
    close_timeout: float = field(default=2.0, validator=_positive)
    max_clients: int = field(default=10, validator=[_positive, validators.le(MAX_CLIENTS)])
    """Clients of one account online at once (10 is NIM's own limit)."""
    logins_per_window: int = field(default=30, validator=_positive)
    """Login attempts of one account in `login_window`; one more is answered with 416 ..."""
    login_window: float = field(default=60.0, validator=_positive)
    login_penalty: float = field(default=60.0, validator=_positive)
    """... and so is every other for so long (NIM: a penalty of one minute)."""
    clock_skew: float = field(default=60.0, validator=_positive)
    """How far ahead of ours the clock of who made a dynamic token may be."""


class Refused(Exception):
    """The server says no. Before the login is accepted the client hears `refused`, after it `ended`."""

    def __init__(self, code: int, text: str, reason: Reason | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.reason = reason or reason_of(code)


@frozen
class Login:
    """A client's login, well formed."""

    version: int
    app_key: str
    login: LoginInfo
    device: Device
    attempt: Attempt
    forced: bool


@frozen
class Kick:
    """A client's wish to end another client of its account."""

    number: int
    client_id: str


@frozen
class Logout:
    """A client's goodbye."""


def parse(message: str | bytes) -> Login | Kick | Logout:
    """What the client said. Raises Refused (414) for anything that docs/protocol.md does not allow."""
    if isinstance(message, bytes):
        raise _malformed("messages are text, not binary")
    try:
        parsed = json.loads(message, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _malformed("a message is one JSON object") from None
    match parsed:
        case {"op": "login"}:
            return _login(parsed)
        case {"op": "kick"}:
            return Kick(_number(parsed, "id"), _text(parsed, "client_id", MAX_LABEL))
        case {"op": "logout"}:
            return Logout()
        case {"op": str()}:
            raise _malformed("the op is one of login, kick and logout")
    raise _malformed("a message is one JSON object with an op")


def _login(message: dict[str, Any]) -> Login:
    version = _number(message, "version")
    if version != VERSION:  # the rest may mean anything
        raise Refused(Code.VERSION, f"this server speaks version {VERSION} of the protocol; update the client")
    attempt = _text(message, "attempt", MAX_WORD)
    auth_type = _number(message, "auth_type", 0)
    if attempt not in Attempt.__members__.values():
        raise _malformed("attempt is one of manual, auto and resume")
    if auth_type not in AuthType.__members__.values():
        raise _malformed("auth_type is 0, 1 or 2")
    if not isinstance(forced := message.get("forced", False), bool):
        raise _malformed("forced is true or false")
    custom_client_type = _number(message, "custom_client_type", 0)
    try:
        login = LoginInfo(
            account=_text(message, "account"),
            token=_text(message, "token", default=""),
            auth_type=AuthType(auth_type),
            login_ext=_text(message, "login_ext", default=""),
            custom_client_type=custom_client_type,
        )
    except ValueError as exc:
        raise _malformed(str(exc)) from None
    device = Device(
        device_id=_text(message, "device_id", MAX_LABEL),
        os=_text(message, "os", MAX_WORD, ""),
        client_type=_text(message, "client_type", MAX_WORD, ""),
        custom_client_type=custom_client_type,
        custom_tag=_text(message, "custom_tag", MAX_LABEL, ""),
    )
    return Login(version, _text(message, "app_key", MAX_LABEL), login, device, Attempt(attempt), forced)


def _text(message: dict[str, Any], name: str, longest: int | None = None, default: str | None = None) -> str:
    text = message.get(name, default)
    if not isinstance(text, str):
        raise _malformed(f"{name} is a string")
    # Without a `longest` it is LoginInfo that checks the value. Others' values are shown to other clients as they are.
    if longest is not None:
        try:
            check_text(name, text, longest, shortest=1 if default is None else 0)
        except ValueError as exc:
            raise _malformed(str(exc)) from None
    return text


def _number(message: dict[str, Any], name: str, default: int | None = None) -> int:
    number = message.get(name, default)
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= 2**31:
        raise _malformed(f"{name} is a whole number of at most 31 bits")
    return number


def _malformed(text: str) -> Refused:
    return Refused(Code.INVALID, f"the message is malformed: {text}")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def write(op: str, **values: object) -> str:
    """One message to a client."""
    return json.dumps({"op": op, **values}, ensure_ascii=False, separators=(",", ":"))


def hello() -> str:
    """The server's first words."""
    return write("hello", protocol=PROTOCOL, versions=[VERSION])


def verdict(op: str, refused: Refused, **values: object) -> str:
    """A no: the code, the reason that it stands for and the words."""
    return write(op, **values, code=refused.code, reason=refused.reason, text=refused.text)


def client_list(clients: list[OnlineClient]) -> str:
    """The *other* clients of the account that hears it."""
    return write(
        "clients",
        clients=[
            {
                "client_id": client.client_id,
                "os": client.os,
                "client_type": client.client_type,
                "login_time": client.login_time,
                "custom_tag": client.custom_tag,
                "custom_client_type": client.custom_client_type,
            }
            for client in clients
        ],
    )
