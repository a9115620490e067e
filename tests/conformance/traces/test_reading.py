"""Files that anybody may have written: a bad line is a finding, and nothing that it says is repeated or costs much."""

from __future__ import annotations

import gzip
import io
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nimauth.conformance.traces import MAX_FINDINGS, Checker, Report, What
from nimauth.conformance.traces import reading as traces_reading
from nimauth.conformance.traces.reading import MAX_BLANK, MAX_ENDLESS, MAX_LINE

from .lives import checker

SECRET = "sesame-47114711"
CONNECTING = b'{"status":"connecting"}\n'


def check(data: bytes) -> Report:
    return checker().check("trace", io.BufferedReader(io.BytesIO(data)))


def whats(report: Report) -> list[tuple[str, int]]:
    return [(finding.what, finding.line) for finding in report.findings]


BAD = {
    "no JSON": b"connecting",
    "cut off": b'{"status":"connecting"',
    "no object": b'["connecting"]',
    "a string": b'"connecting"',
    "null": b"null",
    "neither status nor call": b'{"t":1}',
    "both": b'{"status":"connecting","call":"logout"}',
    "an unknown status": b'{"status":"sesame-47114711"}',
    "a status of the wrong type": b'{"status":["connecting"]}',
    "a status that is true": b'{"status":true}',
    "a status that is null": b'{"status":null}',
    "a number that nobody uses": b'{"status":4711}',
    "a number beyond all bounds": b'{"status":' + b"9" * 5000 + b"}",
    "a fraction": b'{"status":2.0}',
    "an unknown call": b'{"call":"sesame-47114711"}',
    "a call of the wrong type": b'{"call":{}}',
    "a time that is text": b'{"t":"now","status":"connecting"}',
    "a time that is true": b'{"t":true,"status":"connecting"}',
    "NaN": b'{"t":NaN,"status":"connecting"}',
    "infinity": b'{"t":1e999,"status":"connecting"}',
    "an account of the wrong type": b'{"call":"login","account":1}',
    "an empty account": b'{"call":"login","account":""}',
    "an account that is too long": b'{"call":"start","auto_login":"' + b"x" * 2000 + b'"}',
    "a result without ok": b'{"call":"login_result"}',
    "a result that is a number": b'{"call":"login_result","ok":1}',
    "records that are no list": b'{"records":"login"}',
    "records of an unknown kind": b'{"records":["sesame-47114711"]}',
    "numbers of nobody": b'{"numbers":"sesame-47114711"}',
    "the same name twice": b'{"status":"connecting","status":"connecting"}',
    "not UTF-8": b'{"status":"\xff"}',
    "UTF-16": '{"status":"connecting"}'.encode("utf-16"),
    "nested too deeply": b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b',"status":"connecting"}',
    "too long": b'{"status":"connecting","x":"' + b"x" * MAX_LINE + b'"}',
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_a_finding_with_its_number_and_the_rest_is_checked(name: str) -> None:
    report = check(CONNECTING + BAD[name] + b"\n" + CONNECTING + b'{"status":"loggedIn"}\n')
    assert whats(report) == [(What.BAD_LINE, 2), (What.IMPOSSIBLE, 4)]
    assert SECRET not in repr(report)
    assert "\\" not in report.findings[0].text


GOOD = {
    "white space": b' \t{ "status" :\t"connecting" } \r',
    "escapes": b'{"st\\u0061tus":"\\u0063onnecting"}',
    "a byte order mark": b'\xef\xbb\xbf{"status":"connecting"}',
    "what nobody knows": '{"status":"connecting","reason":{"x":[1,2,null]},"名字":"值"}'.encode(),
    "a blank line": b"\n  \n\r\n" + CONNECTING.strip(),
    "a large time": b'{"t":1795516890123,"status":"connecting"}',
    "no end": CONNECTING.strip(),
    "a login of nobody knows whom": b'{"call":"login","account":null}\n{"status":"connecting"}',
    "a start for nobody knows whom": b'{"call":"start"}\n{"status":"connecting"}',
    "only what is recorded": b'{"records":["login"],"numbers":"ios"}\n{"call":"login","account":"a"}\n{"status":1}',
    "half a surrogate pair": b'{"call":"login","account":"\\ud800"}\n{"status":"connecting"}',
}


@pytest.mark.parametrize("name", GOOD)
def test_what_a_line_may_be(name: str) -> None:
    assert check(GOOD[name]).possible, check(GOOD[name])
    assert check(gzip.compress(GOOD[name])).possible
    assert not check(GOOD[name] + b"\n" + b'{"status":"dataSyncFinish"}\n').possible


@pytest.mark.parametrize(
    "field", ["token", "access_token", "TOKEN", "loginExt", "password", "dynamicToken", "secret_key", "Authorization"]
)
def test_a_secret_in_a_trace_is_a_finding_that_does_not_repeat_it_and_the_line_counts(field: str) -> None:
    for line in (
        {"status": "connecting", field: SECRET},
        {"status": "connecting", "login": {"more": [{field: SECRET}]}},
    ):
        report = check(json.dumps(line).encode() + b'\n{"status":"loggedIn"}\n')
        assert whats(report) == [(What.SECRET, 1), (What.IMPOSSIBLE, 2)]
        assert SECRET not in repr(report)


def test_a_line_that_is_bad_and_holds_a_secret_is_told_as_both() -> None:
    report = check(b'{"token":"sesame-47114711"}\n' + CONNECTING)
    assert whats(report) == [(What.BAD_LINE, 1), (What.SECRET, 1)]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n\n", gzip.compress(b""), b'{"records":[]}\n', b'{"status":"unknown"}\n'],
    ids=["empty", "blank", "packed", "only what is recorded", "a status that says nothing"],
)
def test_a_trace_of_nothing_is_not_passed_off_as_checked(data: bytes) -> None:
    checker = Checker()
    report = checker.check("trace", io.BufferedReader(io.BytesIO(data)))
    assert not report.possible
    assert "nothing was checked" in report.findings[0].text
    assert not checker.coverage().states
    assert not checker.coverage().rows


def test_a_file_that_is_no_trace_is_given_up_after_a_hundred_bad_lines() -> None:
    report = check(b"x\n" * 100_000)
    assert len(report.findings) == MAX_FINDINGS + 1
    assert report.findings[-1].what == What.UNREADABLE
    assert report.lines == MAX_FINDINGS


# -- gzip --------------------------------------------------------------------------------------------------------------


def test_gzip_is_known_by_its_first_bytes_also_in_several_members() -> None:
    report = check(gzip.compress(CONNECTING) + gzip.compress(b'{"status":"logging"}\n{"status":"loggedIn"}\n'))
    assert report.possible
    assert report.lines == 3


@pytest.mark.parametrize("kept", [1, 2, 5, 12, 30, 200])
def test_gzip_that_is_cut_off_or_damaged_is_a_finding_after_what_could_be_read(kept: int) -> None:
    lines = b"".join(b'{"t":%d,"status":"connecting"}\n' % number for number in range(2000))
    data = gzip.compress(lines)
    report = check(data[:kept])
    assert report.findings[-1].what == What.UNREADABLE
    damaged = bytearray(data)
    damaged[min(kept, len(data) - 9)] ^= 0xFF
    assert check(bytes(damaged)).findings or kept < 10  # a byte of the header may be of no consequence
    assert check(data + b"garbage").findings[-1].what == What.UNREADABLE


def peak(task: Callable[[], object]) -> int:
    """The memory that it takes at most, in bytes."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        task()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def bomb(piece: bytes, times: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(piece) for _ in range(times)), packer.flush()])


@pytest.mark.parametrize(
    ("piece", "times"),
    [(b"\0" * 1_000_000, 200), (b"\n" * 1_000_000, 50), (b"x\n" * 500_000, 50), (b'{"a":' * 200_000, 100)],
    ids=["one line without end", "blank lines", "bad lines", "deep nesting"],
)
def test_a_gzip_bomb_costs_neither_memory_nor_much_time(piece: bytes, times: int) -> None:
    data = bomb(piece, times)
    reports: list[Report] = []
    assert peak(lambda: reports.append(check(data))) < 8_000_000
    assert reports[0].findings[-1].what == What.UNREADABLE
    assert reports[0].lines <= MAX_BLANK + 1


def test_a_line_that_is_too_long_is_skipped_unless_it_has_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert whats(check(b"x" * (MAX_ENDLESS // 4) + b"\n" + CONNECTING)) == [(What.BAD_LINE, 1)]
    assert whats(check(CONNECTING + b"x" * (MAX_LINE + 1))) == [(What.BAD_LINE, 2)]
    monkeypatch.setattr(traces_reading, "MAX_ENDLESS", 300_000)
    assert whats(check(CONNECTING + b"x" * 400_000 + b"\n" + CONNECTING)) == [(What.UNREADABLE, 1)]


def test_what_a_long_trace_costs_does_not_grow_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [b'{"status":"%s"}' % name for name in (b"connecting", b"logging", b"loggedIn", b"unLogin")]

    monkeypatch.setattr("nimauth.conformance.traces.LOOK_AHEAD", 500)
    learnt = Checker()

    def run(count: int) -> None:
        assert learnt.check_lines("trace", (lines[number % 4] for number in range(count))).possible

    run(20_000)
    assert peak(lambda: run(20_000)) < 1.5 * peak(lambda: run(5_000))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_no_file_raises(data: bytes, pack: bool) -> None:
    check(gzip.compress(data) if pack else data)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["t", "status", "call", "account", "ok", "auto_login", "records", "numbers", "token"]),
            st.none()
            | st.booleans()
            | st.integers(-2, 20)
            | st.floats()
            | st.sampled_from(["connecting", "unLogin", "login", "start", "a", "v2", "LOGINED", "\u202e\x1b[31m"])
            | st.lists(st.sampled_from(["login", "logout"]), max_size=2),
            max_size=4,
        ),
        max_size=12,
    )
)
def test_no_line_raises_and_the_same_trace_gets_the_same_report(lines: list[dict[str, object]]) -> None:
    data = "\n".join(map(json.dumps, lines)).encode()
    assert check(data) == check(data)


def test_a_file_and_its_pieces_read_alike(tmp_path: Path) -> None:
    """However the bytes come in, the lines are the same."""
    by = random.Random(2)
    data = b"".join(by.choice([CONNECTING, b"\n", b"x" * by.randrange(70_000) + b"\n", b"{}\r\n"]) for _ in range(60))

    class Drops(io.RawIOBase):
        def __init__(self) -> None:
            self.left = data

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            size = min(len(buffer), by.choice([1, 7, 4096, 65536]), len(self.left))
            buffer[:size], self.left = self.left[:size], self.left[size:]
            return size

    file = tmp_path / "trace"
    file.write_bytes(data)
    with file.open("rb") as whole:
        assert Checker().check("trace", io.BufferedReader(Drops())) == Checker().check("trace", whole)
