"""A real browser for tests of pages: started once a file, a fresh window for each test, which must not complain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import pytest

from .tools import missing, program

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page
else:
    Browser = Dialog = Page = Any

__all__ = ["Browser", "Page", "browser", "page", "window"]

ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Nothing that reaches out, and nothing that a container lacks."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    if find_spec("playwright") is None:
        missing("playwright is not installed; install it with: pip install playwright")
    chromium = program("chromium", "chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield running
        running.close()


@contextmanager
def window(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page in a context of its own. What it writes to the console, or throws, fails the test."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | options)
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"thrown: {error}"))

    def refuse(dialog: Dialog) -> None:
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", refuse)
    try:
        yield page
    finally:
        context.close()
    if complaints:
        pytest.fail("the page complains: " + "; ".join(complaints))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a desktop's size."""
    with window(browser) as one:
        yield one
