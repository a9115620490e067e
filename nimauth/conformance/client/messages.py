"""The lines that a tester says to a program behind the adapter protocol. See docs/adapter.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from attrs import field, frozen

from ...adapter import MAX_LINE
from ...vocabulary.reasons import documented_codes
from .tokens import TOKEN

Json = dict[str, Any]


@frozen
class Message:
    """One line."""

    line: bytes
    """Without the newline."""
    content: Json | None = field(hash=False)
    """What it says; None for a line that is not valid."""
    step: str
    """What happens, in words, for a story."""

    @property
    def starts(self) -> bool:
        """Whether it begins anew."""
        return self.content is not None and self.content["in"] == "start"

    def __str__(self) -> str:
        return self.line.decode("utf-8", "backslashreplace")


def _say(step: str, **content: Any) -> Message:
    content = {name.rstrip("_"): value for name, value in content.items()}
    return Message(json.dumps(content, ensure_ascii=False).encode(), content, step)


def login_of(account: str) -> Json:
    """A saved login, or one to try."""
    return {"account": account, "token": TOKEN}


def start(saved: str | None, network: bool) -> Message:
    """A fresh process."""
    stored = f"the store holds a login of {saved}" if saved is not None else "nothing is saved"
    there = "there is a network" if network else "there is no network"
    return _say(
        f"The app starts; {stored}, {there}.",
        in_="start",
        saved=None if saved is None else login_of(saved),
        network=network,
    )


def initialize(account: str | None) -> Message:
    """The host initializes, with a login to try or without."""
    if account is None:
        return _say("The host initializes, without auto login.", in_="initialize", auto_login=None)
    return _say(f"The host asks for an auto login of {account}.", in_="initialize", auto_login=login_of(account))


def login(account: str, auth_type: int = 0) -> Message:
    """A person logs in."""
    return _say(f"A person logs in as {account}.", in_="login", **login_of(account), auth_type=auth_type)


def refused(code: int) -> Message:
    """The server refuses the login."""
    return _say(f"The server refuses the login with code {code}.", in_="refused", code=code)


def connect_failed(code: int) -> Message:
    """No link."""
    return _say(f"The link cannot be opened, code {code}.", in_="connect_failed", code=code)


def ended(reason: str) -> Message:
    """The server ends the session and says why."""
    return _say(f"The server ends the session: {reason}.", in_="ended", reason=reason)


STARTS: Final = tuple(start(saved, network) for saved in (None, "a") for network in (True, False))

INPUTS: Final = (
    initialize(None),
    initialize("a"),
    initialize("b"),
    login("a"),
    login("b", auth_type=1),
    _say("The host cancels the login that it called.", in_="cancel"),
    _say("The person logs out.", in_="logout"),
    _say("The device finds a network.", in_="network", available=True),
    _say("The device loses its network.", in_="network", available=False),
    _say("The app comes to the foreground.", in_="foreground"),
    _say("The link is open.", in_="link_opened"),
    connect_failed(415),
    _say("The server accepts the login.", in_="accepted"),
    *map(refused, (302, 403, 417, 201, 404, 503, 987654)),
    _say("Data sync starts.", in_="sync_started"),
    _say("Data sync finishes.", in_="sync_finished"),
    _say("The link is lost.", in_="link_lost"),
    _say("The transport reconnects by itself.", in_="reconnecting"),
    *map(
        ended,
        (
            "displaced",
            "kicked_by_client",
            "kicked_by_server",
            "forbidden",
            "credentials",
            "version",
            "data_upgrade",
        ),
    ),
    _say("The retry is due.", in_="retry_due"),
    _say("The attempt takes too long.", in_="timed_out"),
)
"""One of each kind: what follows what is tried with all of these."""


_ODD_CODES: Final = (0, -1, 102, 303, 400, 401, 418, 429, 502, 999999999999999)
"""Documented nowhere, or so it may seem: next to those that are, and what HTTP has."""


def _codes() -> Iterator[Message]:
    used = {message.line for message in INPUTS}
    for code in dict.fromkeys((*documented_codes(), *_ODD_CODES)):
        for message in (refused(code), connect_failed(code)):
            if message.line not in used:
                yield message


CODES: Final = tuple(_codes())
"""Every documented code, and some that are none, from either step (what counts is the code)."""


def _not_valid(why: str, line: str | bytes) -> Message:
    line = line.encode() if isinstance(line, str) else line
    return Message(line, None, f"A line comes that is not valid: {why}.")


_LOGIN: Final = f'"account":"a","token":"{TOKEN}"'

BAD_LINES: Final = (
    _not_valid("it is not JSON", "logout"),
    _not_valid("it is empty", ""),
    _not_valid("it is no object", f'["in","login","{TOKEN}"]'),
    _not_valid("it is cut off", f'{{"in":"login",{_LOGIN}'),
    _not_valid("it goes on after the token", f'{{"in":"login",{_LOGIN}x}}'),
    _not_valid("it has no 'in'", f'{{"out":"login",{_LOGIN}}}'),
    _not_valid("'in' is no string", '{"in":["logout"]}'),
    _not_valid("'in' is unknown", '{"in":"constructor"}'),
    _not_valid("it says 'in' twice", '{"in":"logout","in":"logout"}'),
    _not_valid("a code is missing", '{"in":"refused"}'),
    _not_valid("a code is text", '{"in":"refused","code":"302"}'),
    _not_valid("a code is true", '{"in":"connect_failed","code":true}'),
    _not_valid("a code has a fraction", '{"in":"refused","code":302.5}'),
    _not_valid("a code is not written as a whole number", '{"in":"refused","code":302.0}'),
    _not_valid("a code has 16 digits", '{"in":"refused","code":1234567890123456}'),
    _not_valid("a code is NaN", '{"in":"refused","code":NaN}'),
    _not_valid("a reason is unknown", '{"in":"ended","reason":"__proto__"}'),
    _not_valid("an account is empty", f'{{"in":"login","account":"","token":"{TOKEN}"}}'),
    _not_valid("an account is a number", f'{{"in":"login","account":1,"token":"{TOKEN}"}}'),
    _not_valid("an account has half a character in it", f'{{"in":"login","account":"\\ud800","token":"{TOKEN}"}}'),
    _not_valid("a token is missing", '{"in":"login","account":"a"}'),
    _not_valid("an auth type is unknown", f'{{"in":"login",{_LOGIN},"auth_type":7}}'),
    _not_valid("'available' is a number", '{"in":"network","available":0}'),
    _not_valid("'auto_login' is missing", '{"in":"initialize"}'),
    _not_valid("'auto_login' has no account", f'{{"in":"initialize","auto_login":{{"token":"{TOKEN}"}}}}'),
    _not_valid("'saved' is missing", '{"in":"start","network":true}'),
    _not_valid(
        "'saved' has an empty account", f'{{"in":"start","saved":{{"account":"","token":"{TOKEN}"}},"network":true}}'
    ),
    _not_valid("'network' is missing", '{"in":"start","saved":null}'),
    _not_valid("it is not UTF-8", b'{"in":"logout","x":"\xff"}'),
    _not_valid("it is a byte too long", b'{"in":"logout","x":"' + b"x" * (MAX_LINE - 21) + b'"}'),
)
"""Lines that must be answered by an error and change nothing."""

VARIANTS: Final = (
    _say("The person logs out (the line says more than it must).", in_="logout", later="ignored", out=[{"do": "x"}]),
    Message(b' {\t"in" : "logout" } \r', {"in": "logout"}, "The person logs out (the line has white space in it)."),
    Message(b'{"in":"log\\u006fut"}', {"in": "logout"}, "The person logs out (the line is escaped)."),
    Message(
        b'{"in":"logout","x":"' + b"x" * (MAX_LINE - 22) + b'"}',
        {"in": "logout"},
        "The person logs out (the line is as long as a line may be).",
    ),
    _say("A person logs in as a (third-party token).", in_="login", **login_of("a"), auth_type=2),
    _say("A person logs in as a (no auth type given).", in_="login", **login_of("a")),
    _say("A person logs in as a (with an empty token).", in_="login", account="a", token=""),
    _say(
        "The host asks for an auto login of a (with an empty token).",
        in_="initialize",
        auto_login={"account": "a", "token": ""},
    ),
    _say(
        "The app starts; the store holds a login of a (with an empty token), there is a network.",
        in_="start",
        saved={"account": "a", "token": ""},
        network=True,
    ),
)
"""Other ways of saying the same."""

ALPHABET: Final = (*STARTS, *INPUTS, *CODES, *BAD_LINES, *VARIANTS)
CORE: Final = range(len(STARTS) + len(INPUTS))
"""The numbers, in the alphabet, of the starts and of one input of each kind."""
