"""The operator's console: lines of words in, one line out for each, starting with `ok` or `error`.

No answer has a token in it, nor anything of a line that was not understood, since that may have been a token.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Final

from attrs import asdict

from nimauth.vocabulary.reasons import Reason

from .policy import policy_of
from .server import Server

HELP: Final = {
    "token ACCOUNT TOKEN": "make the account, or change its token",
    "ban ACCOUNT [kick]": "refuse its logins; with kick, end its clients too",
    "unban ACCOUNT": "let it log in again",
    "lock ACCOUNT": "refuse its logins for the penalty of too many (416)",
    "kick ACCOUNT [CLIENT]": "end its clients, or one of them, and say so",
    "drop ACCOUNT [CLIENT]": "cut its connections, or one of them, without a word",
    "refuse CODE|REASON [COUNT]": "refuse the next logins, whoever they are of (503, data_upgrade ...)",
    "delay SECONDS": "answer each login so much later; 0 ends it",
    "stall [SECONDS]": "hear and answer nothing for so long; 0 ends it",
    "policy POLICY": "one, desktop-and-mobile, all, or groups:KIND+KIND,KIND+KIND; for new logins",
    "clients [ACCOUNT]": "who is online, as JSON",
    "help": "these commands",
    "quit": "end the server",
}


async def console(server: Server, reader: asyncio.StreamReader, write: Callable[[str], None]) -> None:
    """Carry out the operator's lines until `quit` or the end of input. `write` gets each answer, without a newline."""
    while True:
        line = await _line(reader)
        if line is None:
            write("error: the line is too long")
            continue
        words = line.decode("utf-8", "replace").split()
        if words == ["quit"]:
            write("ok")
        if not line or words == ["quit"]:
            return
        if words:
            write(answer(server, words))


async def _line(reader: asyncio.StreamReader) -> bytes | None:
    """The next line, or None for one longer than the reader's limit. All of it is gone then: its tail is no command."""
    too_long = False
    while True:
        try:
            line = await reader.readuntil()
        except asyncio.IncompleteReadError as exc:
            line = exc.partial
        except asyncio.LimitOverrunError as exc:
            too_long = True
            await reader.readexactly(exc.consumed)
            continue
        return None if too_long else line


def answer(server: Server, words: list[str]) -> str:
    """Carry out one command and say how it went, in one line."""
    try:
        return f"ok {_carry_out(server, words)}".rstrip()
    except (ValueError, LookupError) as exc:
        return f"error: {exc}"


def _carry_out(server: Server, words: list[str]) -> str:
    match words:
        case ["token", account, token]:
            server.add_account(account, token)
        case ["ban", account]:
            server.ban(account)
        case ["ban", account, "kick"]:
            server.ban(account, kick=True)
        case ["unban", account]:
            server.unban(account)
        case ["lock", account]:
            server.lock_out(account)
        case ["kick", account, *client] if len(client) <= 1:
            return str(server.kick(account, *client))
        case ["drop", account, *client] if len(client) <= 1:
            return str(server.drop(account, *client))
        case ["refuse", what]:
            server.refuse_next(_code_or_reason(what))
        case ["refuse", what, count]:
            server.refuse_next(_code_or_reason(what), _whole(count))
        case ["delay", seconds]:
            server.delay(_seconds(seconds))
        case ["stall"]:
            server.stall()
        case ["stall", seconds]:
            server.stall(_seconds(seconds))
        case ["policy", name]:
            server.policy = policy_of(name)
        case ["clients", *account] if len(account) <= 1:
            return json.dumps([asdict(client) for client in server.clients(*account)], ensure_ascii=False)
        case ["help"]:
            return "; ".join(f"{command}: {text}" for command, text in HELP.items())
        case _:
            raise ValueError("that is not a command; say help for the list")
    return ""


def _code_or_reason(word: str) -> int | Reason:
    return Reason(word) if word in Reason.__members__.values() else _whole(word)


def _whole(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) <= 9):
        raise ValueError("a code or a count is a whole number; a reason is one of " + ", ".join(Reason))
    return int(word)


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError("seconds are a number of 0 or more")
    return seconds
