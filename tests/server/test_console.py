"""The operator's console: one line in, one line out."""

from __future__ import annotations

import asyncio
import json

import pytest

from nimauth.server import AllAllowed, Server
from nimauth.server.control import HELP, console
from tests.server.helpers import TOKEN, raw, run, running, settle


async def say(server: Server, *lines: str | bytes, limit: int = 2**16) -> list[str]:
    """What the console answers to these lines."""
    reader, answers = asyncio.StreamReader(limit=limit), list[str]()
    for line in lines:
        reader.feed_data(line if isinstance(line, bytes) else line.encode() + b"\n")
    reader.feed_eof()
    await console(server, reader, answers.append)
    return answers


def test_each_line_is_answered_by_one_line() -> None:
    async def test() -> None:
        async with running() as server:
            lines = [
                "token b secret",
                "ban b",
                "unban b",
                "lock b",
                "refuse 503",
                "refuse busy 2",
                "delay 0.5",
                "delay 0",
            ]
            lines += [
                "stall 0",
                "stall",
                "policy groups:pc+mac,ios",
                "kick a",
                "drop a",
                "clients",
                "clients a",
                "help",
            ]
            answers = await say(server, *lines)
            assert len(answers) == len(lines)
            assert all(answer.startswith("ok") and "\n" not in answer for answer in answers), answers

    run(test())


@pytest.mark.parametrize(
    "line",
    [
        "frobnicate",
        "token a",
        "token a one two",
        "ban",
        "ban nobody",
        "ban a quietly",
        "kick a b c",
        "kick nobody",
        "refuse",
        "refuse 200",
        "refuse ok",
        "refuse 503 0",
        "refuse 503 100000000000",
        "refuse \u0663",
        "delay",
        "delay soon",
        "delay -1",
        "delay nan",
        "stall inf",
        "policy none",
        "clients nobody",
        "clients a b",
        b"\xff\xfe\n",
    ],
)
def test_a_line_that_makes_no_sense_is_one_error_line(line: str | bytes) -> None:
    async def test() -> None:
        async with running() as server:
            (answer,) = await say(server, line)
            assert answer.startswith("error: ")
            assert "\n" not in answer
            assert len(answer) < 250

    run(test())


def test_no_answer_has_a_token_in_it() -> None:
    async def test() -> None:
        async with running() as server:
            lines = ["token b SECRET", "tokne b SECRET", "token b SECRET SECRET", "SECRET", "clients", "help"]
            lines += ["token b " + "SECRET" * 1000, "policy SECRET", "delay SECRET", "ban SECRET", "refuse SECRET"]
            assert "SECRET" not in "".join(await say(server, *lines))

    run(test())


def test_a_line_too_long_is_an_error_and_the_next_is_read() -> None:
    async def test() -> None:
        async with running() as server:
            answers = await say(server, "x" * 5000, "clients", "y" * 5000, limit=1000)
            assert answers == ["error: the line is too long", "ok []", "error: the line is too long"]

    run(test())


def test_the_tail_of_a_line_too_long_is_no_command() -> None:
    async def test() -> None:
        async with running() as server:
            reader, answers = asyncio.StreamReader(limit=1000), list[str]()
            operating = asyncio.create_task(console(server, reader, answers.append))
            for part in (b"token b " + b"x" * 5000, b"y" * 5000, b"\nban a\nclients", b"\n"):
                reader.feed_data(part)
                await settle()
            reader.feed_data(b"x" * 5000)
            await settle()
            reader.feed_data(b" \n")
            reader.feed_eof()
            await operating
            assert answers == ["error: the line is too long", "ok", "ok []", "error: the line is too long"]

    run(test())


def test_quit_ends_the_console_and_so_does_the_end_of_input() -> None:
    async def test() -> None:
        async with running() as server:
            assert await say(server, "quit", "clients") == ["ok"]
            assert await say(server, "", "  ") == []
            assert await say(server, b"clients") == ["ok []"]

    run(test())


def test_the_console_acts_on_clients() -> None:
    async def test() -> None:
        async with running() as server, raw(server) as one, raw(server) as two, raw(server) as three:
            await say(server, "policy all", "token a other")
            assert server.policy == AllAllowed()
            first = (await one.login(token="other", device_id="d1"))["client_id"]
            await two.login(token="other", device_id="d2")
            (answer,) = await say(server, "clients a")
            assert json.loads(answer.removeprefix("ok "))[0]["client_id"] == first
            assert await say(server, f"kick a {first}") == ["ok 1"]
            assert (await one.hear("ended"))["reason"] == "kicked_by_server"
            assert await say(server, "drop a", "ban a kick") == ["ok 1", "ok"]
            assert await two.closed() == 1006
            assert (await three.login(token="other"))["code"] == 422

    run(test())


def test_help_names_every_command() -> None:
    assert {command.split()[0] for command in HELP} == {
        *(
            "token",
            "ban",
            "unban",
            "lock",
            "kick",
            "drop",
            "refuse",
            "delay",
            "stall",
            "policy",
            "clients",
            "help",
            "quit",
        )
    }
    assert TOKEN not in str(HELP)
