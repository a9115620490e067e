"""A program that hangs, dies, floods or answers rubbish is a finding of its own, and never a hang of ours."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from nimauth.conformance.client.conform import Conformance
from nimauth.conformance.client.findings import Finding, Result
from nimauth.conformance.client.running import SubjectFailed
from nimauth.conformance.client.story import story
from nimauth.conformance.client.subject import Process
from nimauth.errors import NimAuthError

PRELUDE = """
import json, os, sys, time
from nimauth.adapter import Adapter
adapter = Adapter()
def say(line, answer): sys.stdout.write(json.dumps(answer) + "\\n"); sys.stdout.flush()
"""
LOOP = """
for line in sys.stdin.buffer:
    answer = adapter.answer(line)
    {spoil}
    say(line, answer)
"""


def program(code: str) -> list[str]:
    return [sys.executable, "-c", PRELUDE + code]


def spoiled(*lines: str) -> list[str]:
    return program(LOOP.format(spoil="\n    ".join(lines)))


def result_of(command: list[str], patience: float = 30.0, startup: float = 30.0) -> Result:
    with Process(command, patience=patience, startup=startup) as subject:
        return Conformance(subject, examples=0, max_findings=1, stages=["configurations"]).run()


def finding_of(command: list[str], **deadlines: float) -> Finding:
    (finding,) = result_of(command, **deadlines).findings
    return finding


SILENT = {
    "never answers": "sys.stdin.read()",
    "does not read": "time.sleep(1000)",
    "does not flush": "for line in sys.stdin.buffer: sys.stdout.write(json.dumps(adapter.answer(line)))",
}


@pytest.mark.parametrize("code", SILENT.values(), ids=SILENT)
def test_a_program_that_never_answers_is_told_so_at_once(code: str) -> None:
    finding = finding_of(program(code), patience=0.5, startup=0.5)
    assert finding.clauses[0].name == "P1"
    assert "does not answer in time" in finding.verdict.what
    assert finding.stage == "start"


HANGS = "does not answer in time"
BREAKDOWNS = {
    "hangs later": (spoiled("if b'data_upgrade' in line: time.sleep(1000)"), HANGS),
    "ends at once": (program("sys.exit(3)"), "ends with exit status 3"),
    "dies of an exception": (
        spoiled("if b'foreground' in line: raise RuntimeError('what a pity')"),
        "ends with exit status 1 instead of answering (its last words: RuntimeError: what a pity)",
    ),
    "is killed": (spoiled("if b'foreground' in line: os.kill(os.getpid(), 9)"), "is ended by signal 9"),
    "closes its output": (
        program("say(b'', adapter.answer(sys.stdin.buffer.readline())); os.close(1); time.sleep(1000)"),
        "closes its standard output",
    ),
    "writes without end": (program("while True: sys.stdout.write('x' * 65536)"), "a line of more than 65536 bytes"),
    "answers without end": (
        program("while True: say(b'', {'state': 'un_login', 'out': []})"),
        "gives more than one answer to one line",
    ),
    "answers twice": (
        spoiled("if answer.get('state') == 'logging': say(line, answer)"),
        "gives more than one answer to one line",
    ),
}


@pytest.mark.parametrize(("command", "what"), BREAKDOWNS.values(), ids=BREAKDOWNS)
def test_a_program_that_breaks_down_is_told_so(command: list[str], what: str) -> None:
    finding = finding_of(command, patience=2 if what == HANGS else 30)
    assert finding.clauses[0].name == "P1"
    assert what in str(finding.verdict)
    assert finding.happens_again
    assert len(finding.steps) <= 12


RUBBISH = {
    "no JSON": ("answer = 0; sys.stdout.write('hello\\n'); sys.stdout.flush(); continue", "P2", "not JSON"),
    "no UTF-8": ("sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.buffer.flush(); continue", "P2", "not UTF-8"),
    "deep": ("sys.stdout.write('[' * 9999 + '\\n'); sys.stdout.flush(); continue", "P2", "nested too deeply"),
    "a list": ("answer = [answer]", "P2", "must be a JSON object"),
    "NaN": ("sys.stdout.write(json.dumps(answer)[:-1] + ',\"x\":NaN}\\n'); sys.stdout.flush(); continue", "P2", "NaN"),
    "a name twice": (
        'sys.stdout.write(json.dumps(answer)[:-1] + \',"x":1,"x":1}\\n\'); sys.stdout.flush(); continue',
        "P2",
        "the same name twice",
    ),
    "no state": ("answer.pop('state', None)", "P2", "without a `state`"),
    "an unknown state": ("answer['state'] = 'LOGGED_IN'", "P2", "one of the fourteen"),
    "a state that is a list": ("answer['state'] = []", "P2", "one of the fourteen"),
    "no effects": ("answer.pop('out', None)", "P2", "without a list"),
    "an unknown effect": ("answer.setdefault('out', []).append({'do': 'dance'})", "P2", "does not know"),
    "an effect that is none": ("answer.setdefault('out', []).append(7)", "P2", "does not know"),
    "a field of the wrong type": (
        "[e.update(code=str(e['code'])) for e in answer.get('out', ()) if 'code' in e]",
        "P2",
        "login_result without a proper `code`",
    ),
    "an unknown status": (
        "[e.update(status='online') for e in answer.get('out', ()) if 'status' in e]",
        "P2",
        "a status that NIM does not have",
    ),
    "always an error": ("answer = {'error': 'no'}", "P3", "a valid line with an error"),
    "never an error": ("answer = answer if 'out' in answer else {'state': 'un_login', 'out': []}", "P3", "not valid"),
    "the token": ("answer['note'] = line.decode('utf-8', 'replace')", "H6", "shows the token"),
}


@pytest.mark.parametrize(("spoil", "law", "what"), RUBBISH.values(), ids=RUBBISH)
def test_rubbish_is_told_for_what_it_is(spoil: str, law: str, what: str) -> None:
    finding = finding_of(spoiled(spoil))
    assert finding.clauses[0].name == law
    assert what in str(finding.verdict)


def test_a_program_that_is_not_steady_is_told_so(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    once = f"mark = {str(mark)!r}"
    command = spoiled(
        once, "if b'foreground' in line and not os.path.exists(mark): open(mark, 'w'); answer['out'] = [1]"
    )
    finding = finding_of(command)
    assert not finding.happens_again


def test_a_program_that_goes_on_from_what_was_before_its_start_is_shown_with_both() -> None:
    spoil = "n += b'displaced' in line; n and b'start' in line and answer.update(state='waiting')"
    command = program("n = 0" + LOOP.format(spoil=spoil))
    finding = finding_of(command)
    assert finding.clauses[0].name == "P4"
    assert finding.happens_again
    assert [step.input.content and step.input.content["in"] for step in finding.steps] == ["start", "ended", "start"]


def test_what_a_program_writes_to_standard_error_does_not_stop_it() -> None:
    command = spoiled("sys.stderr.write('x' * 10000)")
    with Process(command) as subject:
        assert len(subject.ask([b"{}"] * 50)) == 50


def test_its_last_words_do_not_show_the_token() -> None:
    command = spoiled("if b'login' in line: raise RuntimeError(line)")
    told = [str(finding.verdict) for finding in result_of(command).findings]
    assert any("RuntimeError" in words for words in told)
    assert not any("sesame" in words for words in told)


def test_a_command_that_cannot_be_started_is_an_error_and_not_a_finding() -> None:
    with Process(["/nowhere/to/be/found"]) as subject, pytest.raises(NimAuthError, match="cannot be started"):
        subject.ask([b"{}"])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here to open a pipe by its path")
def test_nothing_is_left_of_a_program_and_of_what_it_started() -> None:
    """Its child holds the other end of a pipe: only when both are gone does that end."""
    heard, held = os.pipe()
    threads = threading.active_count()
    opens = f"held = os.open('/proc/{os.getpid()}/fd/{held}', os.O_WRONLY)"
    spawns = (
        "import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'], pass_fds=[held])"
    )
    try:
        with Process(program(f"{opens}\n{spawns}" + LOOP.format(spoil="pass"))) as subject:
            assert len(subject.ask([b"{}"])) == 1
            os.close(held)
        assert os.read(heard, 1) == b""
    finally:
        os.close(heard)
    assert threading.active_count() == threads


def test_what_was_answered_before_a_breakdown_is_kept() -> None:
    command = spoiled("if b'foreground' in line: sys.exit(1)")
    with Process(command) as subject, pytest.raises(SubjectFailed) as failed:
        subject.ask([b'{"in":"logout"}', b'{"in":"foreground"}'])
    assert len(failed.value.answers) == 1


FIRST_LIFE = {
    "is wrong before its first start": (
        "starts = starts + (b'start' in line); answer = answer if starts or 'error' in answer else "
        "{'state': 'un_login', 'out': []}",
        "",
    ),
    "is wrong in its first life": (
        "starts = starts + (b'start' in line); answer.update(out=[]) if starts < 2 and b'logout' in line else None",
        "R13",
    ),
}


@pytest.mark.parametrize(("spoil", "law"), FIRST_LIFE.values(), ids=FIRST_LIFE)
def test_the_first_life_of_a_process_is_a_life_like_any_other(spoil: str, law: str) -> None:
    finding = finding_of(program("starts = 0" + LOOP.format(spoil=spoil)))
    assert finding.stage == "start"
    assert finding.clauses[0].name == law or not law


def test_the_end_of_input_ends_a_program_with_status_0() -> None:
    finding = finding_of(program(LOOP.format(spoil="pass") + "sys.exit(7)"))
    assert "does not end with exit status 0 when its input ends" in finding.verdict.what
    finding = finding_of(program(LOOP.format(spoil="pass") + "time.sleep(1000)"), patience=2)
    assert "does not end when its input ends" in finding.verdict.what


def test_the_last_line_needs_no_newline() -> None:
    code = "for line in sys.stdin.buffer: say(line, adapter.answer(line)) if line.endswith(b'\\n') else None"
    assert "the line has no newline" in finding_of(program(code)).verdict.what


def test_lines_that_come_in_one_piece_are_lines_each() -> None:
    code = """
while data := os.read(0, 65536):
    say(b'', adapter.answer(data.split(b'\\n')[0] if data.count(b'\\n') > 1 else data))
"""
    finding = finding_of(program(code), patience=2)
    assert finding.clauses[0].name == "P1"
    assert "when several lines come in one piece" in finding.verdict.what
    assert finding.happens_again


def test_a_token_on_standard_error_is_found() -> None:
    command = spoiled("sys.stderr.write(line.decode('utf-8', 'replace'))")
    (finding,) = result_of(command).findings
    assert finding.clauses[0].name == "H6"
    assert "standard error" in finding.verdict.what


def test_a_breakdown_after_thousands_of_lines_is_told_in_seconds_and_in_short() -> None:
    command = program("n = 0" + LOOP.format(spoil="n += 1; n > 3000 and sys.exit(3)"))
    finding = finding_of(command)
    assert len(finding.steps) > 1000
    told = story(finding)
    assert len(told) < 150
    assert "lines, which the JSON report has" in "\n".join(told)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no sessions to leave")
def test_a_daemon_that_keeps_the_pipes_does_not_keep_the_tester() -> None:
    child = "[sys.executable, '-c', 'import time; time.sleep(5)']"
    spawns = f"import subprocess; subprocess.Popen({child}, start_new_session=True)"
    with Process(program(spawns + LOOP.format(spoil="pass"))) as subject:
        assert len(subject.ask([b"{}"])) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no sessions to leave")
def test_a_program_that_dies_is_told_so_though_its_child_holds_the_pipes() -> None:
    child = "[sys.executable, '-c', 'import time; time.sleep(5)']"
    spawns = f"import subprocess; subprocess.Popen({child}, start_new_session=True)"
    finding = finding_of(program(f"{spawns}; sys.exit(3)"))
    assert finding.clauses[0].name == "P1"
    assert "ends with exit status 3 instead of answering" in finding.verdict.what


def test_a_program_that_never_answers_is_started_once() -> None:
    """Each start would be waited for again: 30 s by default."""
    starts: list[int] = []

    class Counting(Process):
        def ask(self, lines: Sequence[bytes]) -> list[bytes]:
            starts.append(len(lines))
            return super().ask(lines)

    with Counting(program("time.sleep(1000)"), patience=0.2, startup=0.2) as subject:
        result = Conformance(subject, max_findings=5).run()
    assert [finding.verdict.what.partition(":")[0] for finding in result.findings] == ["does not answer in time"]
    assert len(starts) == 1
    assert not result.complete


def test_a_start_has_its_time_while_a_story_is_made_short(tmp_path: Path) -> None:
    """The first answer is not one that hangs, however quick the last start was."""
    slower = f"at = {str(tmp_path / 'started')!r}; os.path.exists(at) and time.sleep(1); open(at, 'w').close()"
    line = b'{"in": "start", "saved": null, "network": true}'
    with Process(program(slower + LOOP.format(spoil="pass"))) as subject, subject.hurried(0.05):
        for _ in range(2):
            assert subject.ask([line])
            subject.restart()
        assert subject.startup >= subject.patience


def test_a_token_on_standard_error_breaks_no_other_rule() -> None:
    command = spoiled("sys.stderr.write(line.decode('utf-8', 'replace'))")
    with Process(command) as subject:
        result = Conformance(subject, examples=0, only="R4", stages=["configurations"]).run()
    assert result.holds
    assert result.others


def test_a_piece_of_the_token_is_found_too() -> None:
    """Parsers say what stands around the place where a line is wrong."""
    quoting = (
        "answer = {'error': f'unexpected {line[-14:]}'} if 'error' in answer and line.endswith(b'x}\\n') else answer"
    )
    finding = finding_of(spoiled(quoting))
    assert finding.clauses[0].name == "H6"
    assert "4711" not in "\n".join(story(finding))


def test_a_breakdown_is_told_whatever_rule_was_asked_for() -> None:
    with Process(program("sys.exit(0)"), startup=5) as subject:
        result = Conformance(subject, only="R4", examples=0).run()
    assert not result.holds
    assert result.findings[0].clauses[0].name == "P1"


def test_more_than_one_answer_is_told_so_however_late_it_is_noticed() -> None:
    """From there on each answer is that to another line, and breaks whatever rule it may."""
    finding = finding_of(program("n = 0" + LOOP.format(spoil="n += 1; n == 4000 and say(line, answer)")))
    assert finding.clauses[0].name == "P1"
    assert "gives more than one answer to one line" in finding.verdict.what


def test_a_slow_starter_that_keeps_something_over_a_restart_is_told_of_in_a_few_lines() -> None:
    """Each try takes a start: what came long before the failure is not looked at first."""
    keeps = "kept = kept or b'version' in line"
    spoil = f"{keeps}; kept and b'foreground' in line and answer.update(state='waiting')"
    finding = finding_of(program("time.sleep(0.1); kept = False" + LOOP.format(spoil=spoil)))
    assert finding.happens_again
    assert len(finding.steps) <= 6


def test_a_token_on_standard_error_has_its_story() -> None:
    spoil = "b'timed_out' in line and answer.get('state') == 'waiting' and sys.stderr.write('sesame-47114711')"
    finding = finding_of(spoiled(spoil, "sys.stderr.flush()"))
    assert finding.verdict.what == "writes the token to its standard error"
    assert finding.stage == "configurations"
    assert finding.steps[-1].input.content == {"in": "timed_out"}
    assert len(finding.steps) <= 5
