"""Whatever comes in, each line gets exactly one line back; one that is not valid gets an error and changes nothing."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nimauth.adapter import MAX_LINE, READERS, Adapter
from nimauth.lifecycle import Lifecycle
from nimauth.strictjson import MAX_DIGITS
from nimauth.vocabulary.states import Attempt, State

Json = dict[str, Any]

TOKEN = "sesame-47114711"
LOGIN = {"account": "a", "token": TOKEN}


def under_way() -> Adapter:
    """An adapter in a state that most inputs would change."""
    adapter = Adapter()
    adapter.session = Lifecycle(State.LOGGING, Attempt.AUTO, "a", local_data="a", permitted="a")
    return adapter


def answers(lines: bytes, adapter: Adapter | None = None) -> list[Json]:
    out = io.StringIO()
    (adapter or under_way()).serve(io.BytesIO(lines), out)
    assert not out.getvalue() or out.getvalue().endswith("\n")
    assert out.getvalue().isascii()
    return [json.loads(answer) for answer in out.getvalue().splitlines()]


BAD_LINES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \t\r",
    "no JSON": b"hello " + TOKEN.encode(),
    "half an object": b'{"in":"logout"',
    "more than one object": b'{"in":"logout"}{"in":"logout"}',
    "single quotes": b"{'in':'logout'}",
    "a comma too many": b'{"in":"logout",}',
    "a comment": b'{"in":"logout"} // bye',
    "an array": b'["logout"]',
    "a string": b'"logout"',
    "null": b"null",
    "a number": b"200",
    "not UTF-8": b'{"in":"login","account":"\xff","token":"t"}',
    "UTF-8 of a surrogate": b'{"in":"login","account":"\xed\xa0\x80","token":"t"}',
    "UTF-16": '{"in":"logout"}'.encode("utf-16-le"),
    "UTF-32": '{"in":"logout"}'.encode("utf-32-be"),
    "a control character in a string": b'{"in":"logout","x":"\x00"}',
    "NaN": b'{"in":"refused","code":NaN}',
    "NaN where it is ignored": b'{"in":"logout","x":NaN}',
    "Infinity": b'{"in":"refused","code":-Infinity}',
    "too deep": b"[" * 60_000,
    "too deep where it is ignored": b'{"in":"logout","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "the same name twice": b'{"in":"logout","in":"logout"}',
    "the same name twice inside": b'{"in":"start","saved":{"account":"a","account":"b","token":"t"},"network":true}',
    "no input named": b"{}",
    "an input that is no string": b'{"in":5}',
    "an input that is an array": b'{"in":["logout"]}',
    "an unknown input": b'{"in":"' + TOKEN.encode() + b'"}',
    "an input in capitals": b'{"in":"LOGOUT"}',
    "the event's name instead of the input's": b'{"in":"network_lost"}',
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_a_line_that_is_not_valid_gets_one_error_and_changes_nothing(line: bytes, ending: bytes) -> None:
    adapter = under_way()
    before = adapter.session.to_dict()
    found = answers(line + ending, adapter)
    assert [list(answer) for answer in found] == [["error"]]
    assert_one_sentence(found[0]["error"])
    assert adapter.session.to_dict() == before


def assert_one_sentence(error: str) -> None:
    assert "\n" not in error
    assert 10 < len(error) < 300
    assert TOKEN not in error, "it repeats what the line said"


# By kind of field, everything that such a field is not.
NO_ACCOUNT: tuple[Any, ...] = (None, "", 5, True, [], {}, "\ud800", "a\udc00b")
NO_STRING: tuple[Any, ...] = (None, 5, True, [], {})
NO_FLAG: tuple[Any, ...] = (None, 0, 1, "true", [], {})
NO_CODE: tuple[Any, ...] = (None, True, 302.0, "302", [302], {}, 10**MAX_DIGITS, -(10**MAX_DIGITS), 10**4000)
NO_AUTH_TYPE: tuple[Any, ...] = (None, True, "0", 1.0, 3, -1, [])
NO_REASON: tuple[Any, ...] = (*NO_STRING, "", "net", "busy", "invalid", "already_online", TOKEN)
NO_LOGIN: tuple[Json, ...] = (
    {},
    {"account": "a"},
    {"token": TOKEN},
    *({**LOGIN, "account": account} for account in NO_ACCOUNT),
    *({**LOGIN, "token": token} for token in NO_STRING),
)

BAD_MESSAGES: tuple[Json, ...] = (
    *({"in": "start", "saved": saved, "network": True} for saved in (0, False, "a", [], *NO_LOGIN)),
    *({"in": "start", "saved": None, "network": network} for network in NO_FLAG),
    {"in": "start", "saved": None},
    {"in": "start", "network": True},
    *({"in": "initialize", "auto_login": login} for login in (0, False, "a", [], *NO_LOGIN)),
    {"in": "initialize"},
    *({"in": "login", **login} for login in NO_LOGIN),
    *({"in": "login", **LOGIN, "auth_type": auth_type} for auth_type in NO_AUTH_TYPE),
    *({"in": "network", "available": available} for available in NO_FLAG),
    {"in": "network"},
    *({"in": name, "code": code} for name in ("connect_failed", "refused") for code in NO_CODE),
    {"in": "connect_failed"},
    {"in": "refused"},
    *({"in": "ended", "reason": reason} for reason in NO_REASON),
    {"in": "ended"},
)


@pytest.mark.parametrize("message", BAD_MESSAGES, ids=lambda message: json.dumps(message)[:80])
def test_what_is_missing_or_of_the_wrong_kind_is_an_error_and_changes_nothing(message: Json) -> None:
    adapter = under_way()
    before = adapter.session.to_dict()
    answer = adapter.answer(json.dumps(message))
    assert list(answer) == ["error"], answer
    assert_one_sentence(answer["error"])
    assert adapter.session.to_dict() == before


GOOD_LINES: dict[str, bytes] = {
    "white space": b' \t{ "in" : "logout" } \r\n',
    "a byte order mark": b'\xef\xbb\xbf{"in":"logout"}\n',
    "the end of input right after it": b'{"in":"logout"}',
    "escapes": b'{"\\u0069n":"logo\\u0075t"}\n',
    "names beyond the protocol": b'{"in":"logout","code":"x","account":7,"x":{"y":[null,1e999]},"n":'
    + b"9" * 5000
    + b"}\n",
    "as long as it may be": b'{"in":"logout"}'.ljust(MAX_LINE) + b"\n",
}


@pytest.mark.parametrize("line", GOOD_LINES.values(), ids=GOOD_LINES)
def test_a_line_may_come_with(line: bytes) -> None:
    assert [answer["state"] for answer in answers(line)] == ["un_login"]


def test_a_line_that_is_too_long_is_one_error_and_the_next_is_read() -> None:
    for length in (MAX_LINE + 1, MAX_LINE + 2, 2 * MAX_LINE, 2 * MAX_LINE + 1, 2 * MAX_LINE + 2, 5 * MAX_LINE):
        too_long = b'{"in":"cancel"}'.ljust(length)
        first, second = answers(too_long + b"\n" + b'{"in":"logout"}\n')
        assert str(MAX_LINE) in first["error"]
        assert second["state"] == "un_login"
        assert [list(answer) for answer in answers(too_long)] == [["error"]], "cut off by the end of input"


class Pieces(io.BytesIO):
    """Input that comes in pieces of a size."""

    size = 1

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(self.size)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1])
def test_the_answers_are_the_same_however_the_input_comes_in_pieces(size: int) -> None:
    long = b" " * (MAX_LINE + 1) if size > 7 else b""
    lines = b"\n".join([b'{"in":"logout"}', b"{}", long, b'{"in":"logout"}'.ljust(100), long, b"", b'{"in":"logout"}'])
    whole, pieces = io.StringIO(), io.StringIO()
    Adapter().serve(io.BytesIO(lines), whole)
    stream = Pieces(lines)
    stream.size = size
    Adapter().serve(stream, pieces)
    assert pieces.getvalue() == whole.getvalue()
    assert whole.getvalue().count("\n") == lines.count(b"\n") + 1


def test_lines_that_come_in_one_piece_are_answered_in_one() -> None:
    """Not one by one: a tester that says thousands reads thousands."""
    flushed: list[str] = []

    class Out(io.StringIO):
        def flush(self) -> None:
            flushed.append(self.getvalue())

    Adapter().serve(io.BytesIO(b'{"in":"logout"}\n' * 100), Out())
    assert [told.count("\n") for told in flushed] == [100]


def test_an_answer_belongs_to_whoever_asked() -> None:
    adapter = Adapter()
    for line in (b'{"in":"logout"}', b"{}", b" " * (MAX_LINE + 1)):
        first = adapter.answer(line)
        wanted = json.dumps(first)
        first.clear()
        assert json.dumps(adapter.answer(line)) == wanted


def test_an_auth_type_may_be_left_out_and_what_else_a_saved_login_has_is_ignored() -> None:
    adapter = Adapter()
    saved = {**LOGIN, "auth_type": "anything", "login_ext": 5}
    assert adapter.answer(json.dumps({"in": "start", "saved": saved, "network": True}))["out"] == []
    assert adapter.answer(json.dumps({"in": "initialize", "auto_login": saved}))["state"] == "connecting"
    assert adapter.answer('{"in":"logout"}')["state"] == "un_login"
    assert adapter.answer(json.dumps({"in": "login", **LOGIN}))["state"] == "connecting"


def test_an_account_is_taken_as_it_is_given() -> None:
    """Two spellings of a name are two accounts, for a tester that gives both."""
    adapter = Adapter()
    composed, decomposed = ({**LOGIN, "account": name} for name in ("\u00e9", "e\u0301"))
    adapter.answer(json.dumps({"in": "start", "saved": composed, "network": True}))
    assert adapter.answer(json.dumps({"in": "initialize", "auto_login": decomposed}))["out"] == [
        {"do": "auto_login_refused", "rule": "R1"}
    ]
    assert adapter.answer(json.dumps({"in": "initialize", "auto_login": composed}))["out"][0] == {
        "do": "open_local_data",
        "account": "\u00e9",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["a", "displaced", 302]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["account", "token", "auth_type"]) | st.text(), inner)
    ),
    max_leaves=8,
)
FIELDS = ("saved", "network", "auto_login", "account", "token", "auth_type", "available", "code", "reason", "more")
NEARLY_VALID = st.builds(
    lambda name, fields: {"in": name, **fields},
    st.sampled_from(["start", "initialize", *READERS]) | JSON,
    st.dictionaries(st.sampled_from(FIELDS), JSON),
)


@settings(max_examples=500, deadline=None)
@given(JSON | NEARLY_VALID)
def test_any_json_gets_an_answer_or_an_error_that_changes_nothing(value: Any) -> None:
    adapter = under_way()
    before = adapter.session.to_dict()
    answer = adapter.answer(json.dumps(value))
    if "error" in answer:
        assert list(answer) == ["error"]
        assert adapter.session.to_dict() == before
    else:
        assert list(answer) == ["state", "out"]
        assert answer["state"] == adapter.session.state
        Lifecycle.from_dict(adapter.session.to_dict())


@settings(max_examples=500, deadline=None)
@given(st.lists(st.binary() | st.from_regex(rb'\A\{"in":"(logout|cancel)"[,}\]]', fullmatch=False)))
@example([b"\n\n", b"\r", b"\xff\xfe\n"])
def test_any_bytes_get_one_line_for_each_of_theirs(pieces: list[bytes]) -> None:
    lines = b"".join(pieces)
    expected = lines.count(b"\n") + (bool(lines) and not lines.endswith(b"\n"))
    assert len(answers(lines)) == expected
