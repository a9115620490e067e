"""The README keeps its word: its programs run, its picture is the machine, its commands exist."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nimauth.cli import COMMANDS
from nimauth.server import Server
from nimauth.table import FAILED_FOR_NOW, TABLE, VERDICT_TARGETS
from nimauth.vocabulary.inputs import Event
from nimauth.vocabulary.states import BETWEEN_TRIES, ENDED, ONLINE, UNDER_WAY, State

from .aio import run
from .cli.helpers import environment

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PICTURE = re.findall(r"```mermaid\n(.*?)```", README, re.DOTALL)[0]


def test_the_first_program_logs_in_and_ends_when_it_is_kicked(tmp_path: Path) -> None:
    async def story() -> None:
        async with Server() as server:
            server.add_account("anna", "sesame-47114711")
            program = PROGRAMS[0].replace("wss://im.example.org", server.url)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-u", "-c", program),
                env=environment(tmp_path),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"sesame-47114711\n")
            said = ""
            while "dataSyncFinish" not in said:
                line = await process.stdout.readline()
                assert line, said
                said += line.decode()
            server.kick("anna")
            said += (await process.communicate())[0].decode()
            assert process.returncode == 0
            assert said.startswith("no auto login by R2")
            assert "kickOut: the server ended the session" in said
            assert "sesame" not in said

    run(story())


def test_the_sans_io_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = next(program for program in PROGRAMS if "Lifecycle()" in program)
    exec(program, {})
    refusal, clear, open_link, status = capsys.readouterr().out.splitlines()
    assert refusal == "auto_login is refused in state un_login by the guard manual_login_succeeded_before (R2)"
    assert (clear[:6], open_link, status[:7]) == ("Clear(", "OpenLink()", "Status(")


GROUPS = {
    "under_way": UNDER_WAY,
    "online": ONLINE,
    "between_tries": BETWEEN_TRIES,
    "ended": ENDED,
    **{state.value: frozenset({state}) for state in State},
}
WORDS = {"failed for now": FAILED_FOR_NOW, "a verdict": tuple(VERDICT_TARGETS)}


def test_every_arrow_of_the_picture_is_in_the_table() -> None:
    arrows = re.findall(r"(\w+) --> (\w+): (.*)", PICTURE)
    assert len(arrows) == 14
    for source, target, label in arrows:
        words = re.sub(r" \[.*\]", "", label)
        for event in WORDS.get(words) or tuple(Event(word) for word in words.split(", ")):
            stands_for_all = source == State.DATA_SYNC_FINISH and GROUPS[target].isdisjoint(
                ONLINE
            )  # as the README says
            for state in ONLINE if stands_for_all else GROUPS[source]:
                targets = {row.target for row in TABLE if event in row.events and state in row.sources}
                assert targets & GROUPS[target], f"{source} --{event}--> {target}"


def test_every_state_is_in_the_picture() -> None:
    assert set(re.findall(r"\w+", PICTURE)) >= {state.value for state in State}


def test_every_command_and_page_it_names_exists() -> None:
    for command in re.findall(r"^nimauth (\w+)", README, re.MULTILINE):
        assert command in COMMANDS
    for page in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parent.parent / page).exists(), page
