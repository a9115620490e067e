"""Strict JSON: what every language understands alike. No message repeats what a line says, which may be anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

MAX_DIGITS: Final = 15
"""Longest whole number; beyond that languages disagree on it. A longer one is read as a fraction, which is quick."""

Pairs = list[tuple[str, Any]]


class BadLine(Exception):
    """A line that is not valid. The message never repeats what the line says: there may be a token in it."""


def decoder(whole: Callable[[Pairs], Any]) -> json.JSONDecoder:
    """What reads lines, given what makes an object of its pairs: `unique`, or what calls it."""
    return json.JSONDecoder(object_pairs_hook=whole, parse_int=_number, parse_constant=_no_constant)


def unique(pairs: Pairs) -> dict[str, Any]:
    """An object. Of two values for one name, languages take the first, the last or neither. Raises BadLine."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise BadLine("an object gives the same name twice")
    return found


def decoded(line: str | bytes, by: json.JSONDecoder, encoding: str = "utf-8-sig") -> Any:
    """What a line says. Raises BadLine."""
    try:
        return by.decode(line if isinstance(line, str) else line.decode(encoding))
    except UnicodeDecodeError:
        raise BadLine("the line is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadLine(f"the line is not JSON, see character {error.pos + 1}") from None
    except RecursionError:
        raise BadLine("the line is nested too deeply") from None


def _number(digits: str) -> int | float:
    return int(digits) if len(digits.lstrip("-")) <= MAX_DIGITS else float(digits)


def _no_constant(_: str) -> NoReturn:
    raise BadLine("NaN and Infinity are not JSON")
