"""`nimauth check`: what it tells, and its exit status."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from nimauth.cli import main
from nimauth.vocabulary.states import State

from ...cli.helpers import nimauth
from .lives import Json
from .test_broken import ALL, ON, by_hand, lines_of, login, start

GOOD = lines_of(ALL, start(), *by_hand(), "kickOut")
BROKEN = [*GOOD, {"status": "connecting", "t": 2.5}]


def write(path: Path, lines: list[Json], *more: str) -> str:
    path.write_text("".join(f"{line}\n" for line in [*map(json.dumps, lines), *more]))
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = main(["check", *arguments])
    told = capsys.readouterr()
    assert told.err == ""
    return status, told.out


def test_possible_traces_give_0_and_say_what_they_cover(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = write(tmp_path / "one", GOOD), write(tmp_path / "two", lines_of(*ON))
    status, told = run(capsys, one, two)
    assert status == 0
    assert told.splitlines() == [
        f"{one}: possible, 10 lines",
        f"{two}: possible, 5 lines; not recorded: start, login, login_result, logout",
        *told.splitlines()[2:],
    ]
    assert "covered: 14 of 14 states" in told or "states (not " in told
    assert "rows of the table" in told


def test_one_broken_trace_gives_1_with_its_line_rule_and_what_was_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = write(tmp_path / "one", GOOD), write(tmp_path / "two", BROKEN)
    status, told = run(capsys, one, two)
    assert status == 1
    assert f"{one}: possible" in told
    assert f'{two}:11: cannot be: {{"t": 2.5, "status": "connecting"}}' in told
    assert "it breaks R4: a kick, a ban" in told
    assert "allowed there: unLogin, kickOut, login, logout, start" in told


def test_json_has_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = run(capsys, "--format", "json", write(tmp_path / "one", GOOD), write(tmp_path / "two", BROKEN))
    said: dict[str, Any] = json.loads(told)
    assert status == 1
    assert said["possible"] is False
    first, second = said["traces"]
    assert first["possible"]
    assert first["lines"] == 10
    (finding,) = second["findings"]
    assert (finding["what"], finding["line"], finding["rule"]) == ("impossible", 11, "R4")
    assert finding["shown"] == {"t": 2.5, "status": "connecting"}
    assert "login" in finding["allowed"]
    assert sorted(said["states"]["covered"] + said["states"]["missing"]) == sorted(State)
    assert {"event": "login", "source": "un_login", "target": "connecting", "when": []} in said["rows"]["covered"]
    assert len(said["rows"]["covered"]) + len(said["rows"]["missing"]) > 100


def test_the_page_shows_what_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "traces.md").read_text("utf-8")
    trace, told = (page.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("json", "console"))
    monkeypatch.chdir(tmp_path)
    Path("trace.jsonl").write_text(trace)
    command, _, expected = told.partition("\n")
    assert command == "$ nimauth check trace.jsonl"
    assert run(capsys, "trace.jsonl") == (1, expected)


def test_standard_input_and_gzip(tmp_path: Path) -> None:
    text = "".join(json.dumps(line) + "\n" for line in BROKEN)
    packed = tmp_path / "trace.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    done = nimauth(tmp_path, "check", "-", str(packed), said=text)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "standard input:11: cannot be" in done.stdout
    assert f"{packed}:11: cannot be" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 0),
        (("--strict",), 1),
        (("--strict", "--tolerate", "shown-again"), 0),
        (("--strict", "--tolerate", "late-result,shown-again"), 0),
        (("--no-tolerate", "shown-again"), 1),
        (("--no-tolerate", "late-result,unlogin-before-verdict"), 0),
    ],
)
def test_tolerances_are_switches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int
) -> None:
    trace = write(tmp_path / "trace", [*GOOD, {"status": "kickOut"}])
    assert run(capsys, *arguments, trace)[0] == status


def test_recorded_says_that_a_trace_without_logins_had_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = write(tmp_path / "trace", lines_of(*ON, "kickOut", "connecting"))
    assert run(capsys, trace)[0] == 0
    status, told = run(capsys, "--recorded", "login,start", trace)
    assert status == 1
    assert "R4" in told
    assert "not recorded" not in told


def test_numbers_are_of_the_family_that_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = write(tmp_path / "trace", lines_of(3, 4, 6, 7))
    assert run(capsys, "--numbers", "android", trace)[0] == 0
    assert run(capsys, trace)[0] == 1


def test_what_cannot_be_read_is_told_and_the_others_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write(tmp_path / "good", GOOD)
    status, told = run(capsys, str(tmp_path / "nothing"), str(tmp_path), good)
    assert status == 1
    assert f"{tmp_path / 'nothing'}: unreadable: it cannot be read: No such file" in told
    assert f"{tmp_path}: unreadable: it cannot be read: Is a directory" in told
    assert f"{good}: possible" in told


def test_nothing_that_a_file_says_reaches_the_terminal_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[31m\u202e\x7f\x9b\u2028"
    lines = [*lines_of(ALL, start(), login(evil), "connecting", login(evil), login(evil))]
    trace = write(tmp_path / f"name {evil}", lines, f'{{"status":"{evil}"}}', f'{{"{evil}token":1,"status":"unLogin"}}')
    for form in ("text", "json"):
        status, told = run(capsys, "--format", form, "--strict", trace)
        assert status == 1
        assert told.isascii()
        assert all(character.isprintable() or character == "\n" for character in told)
        assert "\\u202e" in told


@pytest.mark.parametrize("option", ["--tolerate", "--no-tolerate", "--recorded", "--numbers", "--format"])
def test_wrong_usage_gives_2_and_says_what_there_is(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", option, "nonsense", "trace"])
    assert ended.value.code == 2
    assert "one of" in capsys.readouterr().err or option in ("--numbers", "--format")


def test_help_names_every_tolerance(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["check", "--help"])
    told = capsys.readouterr().out
    assert "late-result" in told
    assert "joined-late" in told
    assert "only on request" in told
