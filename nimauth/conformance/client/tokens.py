"""The token is nowhere but in the store and in the login request (H6): what shows it, and what is told without it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

TOKEN: Final = "sesame-47114711"
"""The token of every login that the tester makes up. No answer may have it in it (H6)."""
FRAGMENT: Final = 6
"""So many characters of it in a row are no chance: a parser's complaint has often only a piece of the line in it."""

_FRAGMENTS: Final = frozenset(TOKEN[at : at + FRAGMENT] for at in range(len(TOKEN) - FRAGMENT + 1))
_VALUE: Final = re.compile(r'("token"\s*:\s*)"((?:[^"\\]|\\.)+)"')
"""A token in a line, and a line that is not valid may have one too. An empty one is no secret."""


def own_tokens(line: bytes) -> Iterator[str]:
    """The tokens in a line that somebody else wrote. A very short one is in every other word, and tells nothing."""
    for value in _VALUE.finditer(line.decode("utf-8", "replace")):
        yield from (told for told in {value[2], _unescaped(value[2])} if len(told) >= FRAGMENT and told != TOKEN)


def _unescaped(value: str) -> str:
    try:
        return str(json.loads(f'"{value}"'))
    except ValueError:
        return value


def shows(text: str, own: Collection[str] = ()) -> bool:
    """Whether there is a token in it, or a piece of the tester's; `own` are tokens that are not the tester's."""
    return any(fragment in text for fragment in _FRAGMENTS) or any(token in text for token in own)


def mask(text: str, own: Collection[str] = ()) -> str:
    """The same without tokens, and without what was the value of one however short it is."""
    text = _VALUE.sub(r'\1"***"', text)
    for token in sorted(own, key=len, reverse=True):
        text = text.replace(token, "***")
    hidden = [False] * len(text)
    for at in range(len(text) - FRAGMENT + 1):
        if text[at : at + FRAGMENT] in _FRAGMENTS:
            hidden[at : at + FRAGMENT] = [True] * FRAGMENT
    runs = groupby(zip(text, hidden, strict=True), key=itemgetter(1))
    return "".join("***" if of_it else "".join(c for c, _ in run) for of_it, run in runs)


def neutral(line: bytes) -> bytes:
    """A line that means the same with the tester's token in it, fit to be kept in a file."""
    return _VALUE.sub(lambda value: f'{value[1]}"{TOKEN}"', line.decode("utf-8", "surrogateescape")).encode(
        "utf-8", "surrogateescape"
    )
