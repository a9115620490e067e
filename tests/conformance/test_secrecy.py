"""A token is known wherever it shows, and whoever logs is not disturbed."""

from __future__ import annotations

import base64
import json
import logging
import urllib.parse

import pytest

from nimauth.conformance.secrecy import Secrets, every_log_record

SECRET = 'tok/7c1e+9fd2ab"é'


@pytest.mark.parametrize(
    "text",
    [
        f"login with {SECRET}!",
        repr(SECRET),
        repr([SECRET]),
        ascii(SECRET),
        json.dumps({"token": SECRET}),
        json.dumps({"token": SECRET}, ensure_ascii=False),
        repr(SECRET.encode()),
        urllib.parse.quote(SECRET),
        urllib.parse.urlencode({"token": SECRET}),
        SECRET.encode().hex(),
        *(
            base64.b64encode(b"a" * before + SECRET.encode() + b"z" * after).decode()
            for before in range(4)
            for after in range(3)
        ),
        base64.urlsafe_b64encode(b"user:" + SECRET.encode()).decode(),
        f"it begins with {SECRET[:10]}",
        f"... and ends in {SECRET[-10:]}",
    ],
)
def test_a_secret_is_known_in_every_form(text: str) -> None:
    assert Secrets.of("something else entirely", SECRET).shown(text)


@pytest.mark.parametrize(
    "text", ["", "login with ***", "tok/", SECRET[:9], base64.b64encode(b"something of no interest").decode()]
)
def test_what_is_no_secret_is_none(text: str) -> None:
    assert not Secrets.of(SECRET, "").shown(text)


def test_the_secrets_themselves_do_not_show_them() -> None:
    assert not Secrets.of(SECRET).shown_by(Secrets.of(SECRET))


def errors() -> list[BaseException]:
    noted, attributed, chained, grouped = (
        ValueError(),
        ValueError(),
        ValueError(),
        ExceptionGroup("", [KeyError(SECRET)]),
    )
    noted.add_note(SECRET)
    attributed.password = SECRET  # type: ignore[attr-defined]
    chained.__cause__ = OSError(1, SECRET)
    try:
        try:
            raise ValueError(SECRET)
        except ValueError:
            raise KeyError from None
    except KeyError as error:
        hidden = error
    return [ValueError(SECRET), noted, attributed, chained, grouped, hidden]


@pytest.mark.parametrize("error", errors(), ids=lambda error: type(error).__name__)
def test_an_exception_shows_what_any_part_of_it_shows(error: BaseException) -> None:
    assert Secrets.of(SECRET).shown_by(error)
    assert not Secrets.of(SECRET).shown_by(ValueError("nothing"))


# -- logs --------------------------------------------------------------------------------------------------------------


def test_every_record_is_heard_and_nobody_else_hears_more() -> None:
    others: list[logging.LogRecord] = []

    class Other(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            others.append(record)

    handler = Other()
    logger = logging.getLogger("tests.watch.quiet")
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    disabled = logging.getLogger("tests.watch.disabled")
    disabled.disabled = True
    try:
        with every_log_record() as records:
            logger.debug("one %s", SECRET)
            logger.error("two", extra={"more": SECRET})
            try:
                raise ValueError(SECRET)
            except ValueError:
                logging.getLogger("tests.watch.new").info("three", exc_info=True)
            logger.debug("four %d", "no number")
            disabled.error("five")
        logger.debug("six")
    finally:
        logger.removeHandler(handler)
        disabled.disabled = False
    assert [record.message for record in records][:3] == [f"one {SECRET}", "two", "three"]
    assert len(records) == 4
    assert all(Secrets.of(SECRET).shown(record.text) for record in records[:3])
    assert [record.getMessage() for record in others] == ["two"]
