"""Whether a token shows: in what a thing says of itself, in an exception with all that it chains, in a log record."""

from __future__ import annotations

import base64
import json
import logging
import traceback
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import field, frozen

_PIECE: Final = 10
"""So many characters of a secret in a row are a leak; fewer may be chance."""


def _piece(text: str) -> set[str]:
    return {text[n : n + _PIECE] for n in range(max(1, len(text) - _PIECE + 1))}


def forms(secret: str) -> frozenset[str]:
    """The pieces of a secret by which it is known wherever it appears: as it is, escaped, quoted, in base64, in hex."""
    data = secret.encode("utf-8", "surrogatepass")
    plain = {secret, repr(secret)[1:-1], ascii(secret)[1:-1], json.dumps(secret)[1:-1]}
    plain |= {repr(data)[2:-1], urllib.parse.quote(data, safe=""), urllib.parse.quote_plus(data), data.hex()}
    # Base64 of something that has the secret in the midst: what comes before it shifts all by 0, 1 or 2 bytes, and the
    # characters at either end depend on the neighbours.
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            plain.add(encode(b"\0" * shift + data).decode().rstrip("=")[shift and 4 : -2])
    return frozenset(piece for text in plain if text for piece in _piece(text))


@frozen
class Secrets:
    """What must not be shown, and a way to ask whether a text shows it."""

    _pieces: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, *secrets: str) -> Secrets:
        """Secrets are to be 12 characters or more that occur nowhere else; an empty one counts for nothing."""
        return cls(frozenset().union(*(forms(secret) for secret in secrets if secret)))

    def shown(self, text: str) -> bool:
        """Whether one of them, or a piece of it, is in the text."""
        return any(piece in text for piece in self._pieces)

    def shown_by(self, thing: object) -> bool:
        """Whether one is in the thing's repr or str; of an exception, in anything that a traceback would print."""
        return self.shown(said(thing))


def said(thing: object) -> str:
    """All that a thing says of itself: repr and str; of an exception its arguments, notes, causes and contexts too."""
    texts = [_safely(repr, thing), _safely(str, thing)]
    if isinstance(thing, BaseException):
        texts.append("".join(traceback.format_exception(thing)))
        texts += [_safely(repr, error.args) for error in chain(thing)]
        texts += [_safely(repr, vars(error)) for error in chain(thing)]
    return "\n".join(texts)


def chain(error: BaseException) -> tuple[BaseException, ...]:
    """The exception with all its causes and contexts, and what groups hold."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                todo += one.exceptions
    return tuple(found)


def _safely(show: Callable[[Any], str], thing: object) -> str:
    try:
        return show(thing)
    except Exception as error:
        return f"<{type(error).__name__} while it was shown>"


# -- logs --------------------------------------------------------------------------------------------------------------


@frozen
class Logged:
    """One log record, in words, as it was when it was logged."""

    logger: str
    level: int
    message: str
    rest: str = field(repr=False)
    """Its arguments, extra fields, exception and stack."""

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.logger} {self.message}\n{self.rest}"


def _logged(record: logging.LogRecord) -> Logged:
    rest = [_safely(repr, value) for value in vars(record).values()]
    if record.exc_info and record.exc_info[1] is not None:
        rest.append(said(record.exc_info[1]))
    return Logged(record.name, record.levelno, _safely(logging.LogRecord.getMessage, record), "\n".join(rest))


@contextmanager
def every_log_record() -> Iterator[list[Logged]]:
    """Hear every record of every logger from DEBUG on, in all threads.

    No level is set and no handler is added, so that whoever else captures logs (pytest, say) sees what they would have
    seen. A logger that is `disabled` stays silent, and a filter of a logger's own counts.
    """
    heard: list[Logged] = []
    enabled, call_handlers = logging.Logger.isEnabledFor, logging.Logger.callHandlers

    def is_enabled_for(self: logging.Logger, level: int) -> bool:
        return not self.disabled

    def hear(self: logging.Logger, record: logging.LogRecord) -> None:
        heard.append(_logged(record))
        if enabled(self, record.levelno):
            call_handlers(self, record)

    logging.Logger.isEnabledFor = is_enabled_for  # type: ignore[method-assign]
    logging.Logger.callHandlers = hear  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        logging.Logger.isEnabledFor = enabled  # type: ignore[method-assign]
        logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]
