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

from .aio import run
from .cli.helpers import environment

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


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


def test_the_blocking_program_logs_in_and_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with Server() as server:
            server.add_account("anna", "sesame-47114711")
            program = next(program for program in PROGRAMS if "with BlockingAuthService" in program)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-u", "-c", program.replace("wss://im.example.org", server.url)),
                env=environment(tmp_path),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            said = (await process.communicate(b"sesame-47114711\n"))[0].decode()
            assert process.returncode == 0
            assert said.startswith("no auto login by R2")
            assert "loggedIn" in said
            assert "sesame" not in said

    run(story())


def test_the_sans_io_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program = next(program for program in PROGRAMS if "Lifecycle()" in program)
    exec(program, {})
    refusal, clear, open_link, status = capsys.readouterr().out.splitlines()
    assert refusal == "auto_login is refused in state un_login by the guard manual_login_succeeded_before (R2)"
    assert (clear[:6], open_link, status[:7]) == ("Clear(", "OpenLink()", "Status(")


def test_its_picture_is_the_overview_in_both_themes_with_words_for_who_cannot_see_it() -> None:
    (picture,) = re.findall(r"<picture>.*?</picture>", README, re.DOTALL)
    assert 'media="(prefers-color-scheme: dark)" srcset="diagrams/overview.dark.svg"' in picture
    assert re.search(r'<img alt="[^"]{40,}" src="diagrams/overview.svg">', picture)


def test_every_command_and_page_it_names_exists() -> None:
    for command in re.findall(r"^nimauth (\w+)", README, re.MULTILINE):
        assert command in COMMANDS
    pages = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r'(?:src|srcset)="([^"]+)"', README)
    for page in pages:
        assert (Path(__file__).parent.parent / page).exists(), page
