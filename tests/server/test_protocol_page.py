"""docs/protocol.md says what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from nimauth.server import Limits
from nimauth.server.accounts import MAX_DEVICES, MAX_TTL
from nimauth.server.protocol import Login, hello, parse
from nimauth.server.server import _GRACE
from nimauth.transports.wire import MAX_LABEL, MAX_WORD, VERSION
from nimauth.vocabulary.logins import MAX_ACCOUNT, MAX_LOGIN_EXT, MAX_TOKEN
from nimauth.vocabulary.reasons import Reason
from tests.server.helpers import login_message

PAGE = (Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8")


def test_its_version_and_hello() -> None:
    assert PAGE.startswith(f"# The reference protocol, version {VERSION}\n")
    assert hello() in PAGE


def test_its_login_is_one() -> None:
    (example,) = re.findall(r"client  (\{\"op\":\"login\".*\})", PAGE)
    assert set(json.loads(example)) == set(login_message())
    assert isinstance(parse(example), Login)


def test_its_numbers() -> None:
    limits = Limits()
    for text in (
        f"string, 1–{MAX_LABEL} characters",
        f"string, at most {MAX_TOKEN} characters",
        f"string, at most {MAX_LOGIN_EXT} characters",
        f"string, at most {MAX_WORD} characters",
        f"more than {limits.max_message // 1024} KiB",
        f"more than {limits.message_burst}, or {limits.messages_per_second:g} a second",
        f"At most {limits.max_clients} clients",
        f"({limits.logins_per_window} in a minute)",
        f"takes {limits.max_connections} connections, and of one network address {limits.max_guests_per_peer} that",
        f"where {_GRACE} already wait",
        f"{limits.login_timeout:g} s for the TLS handshake",
        f"`ttl` is 1 to {MAX_TTL}",
        f"the last {MAX_DEVICES} devices",
    ):
        assert text in PAGE, text
    assert MAX_ACCOUNT == MAX_LABEL
    assert limits.login_window == limits.login_penalty == limits.clock_skew == 60


def test_its_reasons_are_the_vocabularys() -> None:
    words = set(re.findall(r"^\| \d+ \| `(\w+)`", PAGE, re.MULTILINE))
    assert words <= set(Reason)
    assert {"displaced", "kicked_by_client", "kicked_by_server", "forbidden", "credentials", "data_upgrade"} <= words
