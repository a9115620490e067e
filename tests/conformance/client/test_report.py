"""A report tells the story to people, programs and CI, and can be played again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from nimauth.cli import main
from nimauth.conformance.client.findings import Result
from nimauth.conformance.client.report import FORMATS, junit, text, to_json
from nimauth.conformance.client.story import story
from nimauth.conformance.client.tokens import TOKEN
from nimauth.lifecycle import Lifecycle

from .subjects import Json, result_of, spoiled

KICK = {"do": "clear", "reason": "kicked_by_client"}


def _keeps_the_login_after_a_kick(_: Json, answer: Json, __: Lifecycle) -> Json:
    if "out" in answer:
        answer["out"] = [effect for effect in answer["out"] if effect != KICK]
    return answer


@cache
def wrong_result() -> Result:
    return result_of(
        lambda: spoiled(_keeps_the_login_after_a_kick), command=["a", "client"], stages=["configurations", "names"]
    )


WRONG = f"""
import json, sys
from nimauth.adapter import Adapter
adapter = Adapter()
for line in sys.stdin.buffer:
    answer = adapter.answer(line)
    if "out" in answer:
        answer["out"] = [effect for effect in answer["out"] if effect != {KICK!r}]
    print(json.dumps(answer), flush=True)
"""


def test_a_story_has_the_inputs_the_rule_in_words_and_both_answers() -> None:
    (finding,) = wrong_result().findings
    told = "\n".join(story(finding))
    assert "the program does not void the saved login. That breaks R4 (and R6)" in told
    assert "a kick, a ban, a wrong token or a data upgrade voids auto login" in told
    said = re.findall(r"^ *(\d+)\. (.*)$", told, re.MULTILINE)
    assert [number for number, _ in said] == ["1", "2", "3"]
    assert "A person logs in as a." in said[1][1]
    assert "the table allows:" in told
    assert "the program:" in told
    assert '"kicked_by_client"' in told.partition("the table allows:")[2]
    assert TOKEN not in told


def test_the_picture_is_mermaid_in_which_nothing_is_cut_short_by_its_own_signs() -> None:
    (finding,) = wrong_result().findings
    picture = "\n".join(story(finding)).partition("```mermaid\n")[2].partition("```")[0].splitlines()
    assert picture[0] == "sequenceDiagram"
    named = {line.split()[1] for line in picture if line.strip().startswith("participant")}
    for line in picture[1 + len(named) :]:
        arrow = re.fullmatch(r" +(\w+)-(?:-)?>>(\w+): ([^#;<>{}\"]+)", line)
        note = re.fullmatch(r" +Note over (\w+): ([^#;<>{}\"]+)", line)
        assert arrow or note, line
        assert {*(arrow.groups()[:2] if arrow else ()), *(note.groups()[:1] if note else ())} <= named


def test_the_text_says_how_much_was_covered() -> None:
    told = text(wrong_result())
    assert re.search(r"states +13 of 14", told)
    assert "1 thing found." in told
    assert "Everything holds." in text(result_of(lambda: spoiled(lambda *_: None), examples=0, stages=["names"]))


def test_the_json_has_all_of_it() -> None:
    report = json.loads(to_json(wrong_result()))
    assert report["holds"] is False
    assert report["command"] == ["a", "client"]
    assert [stage["name"] for stage in report["stages"]] == ["start", "configurations", "names"]
    assert report["coverage"]["states"] == {"seen": 13, "of": 14}
    (finding,) = report["findings"]
    assert [rule["name"] for rule in finding["rules"]] == ["R4", "R6"]
    assert len(finding["story"]) == len(finding["answered"]) == 3
    assert finding["mermaid"].startswith("sequenceDiagram")


def test_the_junit_has_a_case_for_each_stage_failed_by_what_was_found_in_it() -> None:
    suite = ET.fromstring(junit(wrong_result()))
    assert suite.tag == "testsuite"
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    failed = [case for case in suite if case.find("failure") is not None]
    (failure,) = [case.find("failure") for case in failed]
    assert failed[0].get("name") == "configurations"
    assert failure is not None
    assert failure.get("type") == "R4"
    assert "sequenceDiagram" in (failure.text or "")


def test_what_a_program_says_cannot_break_a_report() -> None:
    def evil(_: Json, answer: Json, __: Lifecycle) -> Json:
        for effect in answer.get("out", ()):
            if effect["do"] == "save":
                effect["account"] = "\x1b[2J\x00]]><&\"'\u202e" + TOKEN[:0] + "x" * 5000
        return answer

    result = result_of(lambda: spoiled(evil), stages=["configurations"], max_findings=1)
    ET.fromstring(junit(result))
    json.loads(to_json(result))
    for report in (text(result), to_json(result), junit(result)):
        assert not set(report) & set("\x1b\x00\u202e")
        assert len(report) < 10_000


# -- on the command line -----------------------------------------------------------------------------------------------


def conform(*options: str) -> int:
    return main(["conform", "--quiet", "--max-examples", "0", *options, "--", sys.executable, "-c", WRONG])


def test_the_command_gives_the_report_and_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert conform("--stage", "configurations") == 1
    out = capsys.readouterr()
    assert "breaks R4" in out.out
    assert out.err == ""


def test_a_report_is_played_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert conform("--stage", "configurations", "--format", "json", "-o", str(report)) == 1
    assert capsys.readouterr().out == ""
    assert conform("--replay", str(report), "--format", "json") == 1
    again = json.loads(capsys.readouterr().out)
    assert again["findings"][0]["story"] == json.loads(report.read_text("utf-8"))["findings"][0]["story"]
    right = ["conform", "--quiet", "--replay", str(report), "--", sys.executable, "-m", "nimauth", "adapter"]
    assert main(right) == 0


def test_lines_of_input_are_played_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        {"in": "start", "saved": {"account": "zoë", "token": "t"}, "network": True},
        {"in": "initialize", "auto_login": {"account": "zoë", "token": "t"}},
        {"in": "refused", "code": 123456},
        {"in": "nonsense"},
        {"in": "ended", "reason": "kicked_by_client"},
        {"in": "retry_due"},
        {"in": "ended", "reason": "kicked_by_client"},
    ]
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n", "utf-8")
    assert conform("--replay", str(file), "--format", "json") == 1
    finding = json.loads(capsys.readouterr().out)["findings"][0]
    assert finding["rules"][0]["name"] == "R4"


OWN = ("hunter2-and-more", "s3cr3t-\u00fc\u00f1")


def own_lines(tmp_path: Path) -> Path:
    """Somebody's own lines, with tokens that are nobody's business; one of them is not valid."""
    lines = [
        json.dumps({"in": "start", "saved": {"account": "a", "token": OWN[0]}, "network": True}),
        json.dumps({"in": "login", "account": "a", "token": OWN[1]}, ensure_ascii=False),
        f'{{"in":"login","account":"a","token":"{OWN[0]}"',
        json.dumps({"in": "link_opened"}),
        json.dumps({"in": "accepted"}),
        json.dumps({"in": "ended", "reason": "kicked_by_client"}),
    ]
    file = tmp_path / "lines.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    return file


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_a_replay_tells_no_token_of_somebodys_own(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conform("--replay", str(own_lines(tmp_path)), "--format", form) == 1
    told = capsys.readouterr().out
    assert "kicked_by_client" in told
    for secret in ("hunter2", "s3cr3t", "\u00fc\u00f1", "\\u00fc\\u00f1"):
        assert secret not in told


ECHOES = {
    "in its answer": "a = adapter.answer(line); a['note'] = line.decode()",
    "in an error": "a = adapter.answer(line); a = {'error': line.decode()} if 'error' in a else a",
    "on standard error": "a = adapter.answer(line); print(line.decode(), file=sys.stderr, flush=True)",
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_a_token_of_somebodys_own_is_looked_for_too(
    echo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import sys, json\nfrom nimauth.adapter import Adapter\nadapter = Adapter()\nfor line in sys.stdin.buffer: "
    code += f"{echo}; print(json.dumps(a), flush=True)"
    replay = ["conform", "--quiet", "--only", "H6", "--replay", str(own_lines(tmp_path))]
    assert main([*replay, "--", sys.executable, "-c", code]) == 1
    told = capsys.readouterr().out
    assert "H6" in told
    assert "hunter2" not in told
    assert "s3cr3t" not in told


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "command",
    [
        ["paths", "--cover", "configurations"],
        *(
            ["conform", "--quiet", "--stage", "names", "--max-findings", "1", "--max-examples", "0", "--format", form]
            for form in FORMATS
        ),
    ],
    ids=["paths", *FORMATS],
)
def test_what_is_told_fits_every_console(command: list[str], encoding: str) -> None:
    """Of accounts in Chinese, where the console has no Chinese."""
    forgets = (
        "a = adapter.answer(line); [a.update(out=[]) for e in a.get('out', ()) if e.get('account', 'a') not in 'ab']"
    )
    code = "import sys, json\nfrom nimauth.adapter import Adapter\nadapter = Adapter()\nfor line in sys.stdin.buffer: "
    program = ["--", sys.executable, "-c", f"{code}{forgets}; print(json.dumps(a), flush=True)"]
    ran = subprocess.run(
        [sys.executable, "-m", "nimauth", *command, *(program if command[0] == "conform" else [])],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert ran.stderr == b""
    assert ran.returncode == (1 if command[0] == "conform" else 0)
    match command:
        case ["paths", *_] | [*_, "json"]:
            json.loads(ran.stdout)
        case [*_, "junit"]:
            ET.fromstring(ran.stdout)
        case _:
            assert "\\u674e\\u96f7" in ran.stdout.decode("ascii")


NO_STORIES = {
    "empty": (b"", "is empty"),
    "a report without findings": (b'{"nimauth_conformance": 1}', "is no report"),
    "a story of numbers": (b'{"nimauth_conformance": 1, "findings": [{"story": [1]}]}', "is no report"),
    "a line with a newline": (b'{"nimauth_conformance": 1, "findings": [{"story": ["a\\nb"]}]}', "is no report"),
    "too long": (b"x" * (2**24 + 1), "is too long"),
}


@pytest.mark.parametrize(("content", "words"), NO_STORIES.values(), ids=NO_STORIES)
def test_a_file_that_is_no_story_is_told_so(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "odd"
    file.write_bytes(content)
    assert conform("--replay", str(file)) == 2
    assert words in capsys.readouterr().err


def test_a_line_that_is_no_text_is_reported_and_played_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replaces = (
        "import sys, json\nfrom nimauth.adapter import Adapter\nadapter = Adapter()\nfor line in sys.stdin.buffer: "
    )
    replaces += "print(json.dumps(adapter.answer(line.decode('utf-8', 'replace'))), flush=True)"
    program = ["--", sys.executable, "-c", replaces]
    report = tmp_path / "report.json"
    options = ["conform", "--quiet", "--max-findings", "1", "--format", "json", "-o", str(report)]
    assert main([*options, *program]) == 1
    story = json.loads(report.read_text("utf-8"))["findings"][0]["story"]
    assert "base64" in story[-1]
    assert main(["conform", "--quiet", "--replay", str(report), *program]) == 1
    assert "not UTF-8" in capsys.readouterr().out


def test_a_replay_of_many_accounts_walks_no_more_than_its_own_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lines"
    line = '{"in":"login","account":"%d","token":"t"}\n{"in":"logout"}\n'
    file.write_text("".join(line % number for number in range(2000)))
    right = ["conform", "--quiet", "--replay", str(file), "--", sys.executable, "-m", "nimauth", "adapter"]
    assert main(right) == 0
    assert "Everything holds." in capsys.readouterr().out


def test_only_one_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert conform("--only", "R4", "--stage", "configurations") == 1
    assert conform("--only", "R1", "--stage", "configurations") == 0
    assert re.search(r"\d+ differences break other rules than R1", capsys.readouterr().out)
    assert conform("--only", "r4", "--stage", "configurations") == 1
    with pytest.raises(SystemExit) as usage:
        conform("--only", "R99")
    assert usage.value.code == 2


def test_a_command_that_cannot_be_started_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--quiet", "--", "/nowhere/to/be/found"]) == 2
    assert "cannot be started" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_before_the_tests(capsys: pytest.CaptureFixture[str]) -> None:
    assert conform("-o", "/nowhere/to/be/written") == 2
    assert "/nowhere/to/be/written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [["--max-examples", "-1"], ["--max-findings", "0"], ["--timeout", "0"], ["--seed", "x"], ["--stage", "x"]],
)
def test_wrong_usage_is_told_in_words(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as usage:
        conform(*options)
    assert usage.value.code == 2
    assert "invalid _" not in capsys.readouterr().err


@pytest.mark.parametrize("covering", ["rows", "pairs", "configurations"])
def test_the_paths_are_the_cases_with_what_is_expected(covering: str, capsys: pytest.CaptureFixture[str]) -> None:
    from nimauth.adapter import Adapter

    assert main(["paths", "--cover", covering]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["cover"] == covering
    rows = set()
    for case in document["cases"]:
        adapter = Adapter()
        assert case["steps"][0]["say"]["in"] == "start"
        for step in case["steps"]:
            if "say" in step:
                answer = adapter.answer(json.dumps(step["say"]))
                for effect in answer["out"]:
                    effect.pop("why", None)
                assert answer == step["expect"]
            else:
                assert step["expect"] == {"error": "…"}
            rows.add(step.get("row"))
    if covering != "pairs":
        assert len(rows - {None}) == 147
