"""`nimauth demo --web`: whoever opens the page sees the app move through the state diagram."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.diagram.browser import browser, page

from .helpers import DEADLINE, Running, nimauth, running

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["browser", "page"]  # fixtures

ONLINE: Final = ["connecting", "logging", "logged_in", "data_sync_start", "data_sync_finish"]
STORY: Final = [
    *("un_login", "connecting", "logging", "pwd_error"),
    *ONLINE,
    *("un_login", *ONLINE),  # a fresh process
    *("waiting", *ONLINE),
    "kick_out",
    "un_login",  # a fresh process, which does not log in by itself
    *ONLINE,
    "kick_out_by_other_client",
    *ONLINE,
    *("forbidden", "connecting", "logging", "forbidden"),
    *ONLINE,
    "un_login",
]
"""Where the app stands, one after the other."""

PLAIN: Final = ("demo", "--plain", "--memory")


def address(demo: Running) -> str:
    return demo.until("Watch it in a browser: ")[-1].rpartition(" ")[2]


def messages(url: str) -> Generator[dict[str, Any], None, None]:
    """What a viewer hears, without a browser."""
    with urllib.request.urlopen(f"{url}events", timeout=DEADLINE) as news:
        for line in news:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


@pytest.mark.parametrize("command", ["", "/nowhere/to-be-found %s", "'"])
def test_without_a_viewer_or_a_browser_it_goes_as_ever(tmp_path: Path, command: str) -> None:
    done = nimauth(tmp_path, *PLAIN, "--web", "--no-wait", "--pace", "0", BROWSER=command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("Watch it in a browser: http://127.0.0.1:")
    assert done.stdout.count("ok: ") == 10
    assert done.stderr == ""


def test_a_viewer_hears_every_state_and_the_steps_titles(tmp_path: Path) -> None:
    with running(tmp_path, *PLAIN, "--web", "--no-open", "--pace", "0") as demo:
        heard: list[dict[str, Any]] = []
        with closing(messages(address(demo))) as news:
            while not heard or not heard[-1]["text"] or "over" not in heard[-1]["text"]["en"]:
                heard.append(next(news))
        # The viewer has left, and so the demo ends.
        out, err = demo.process.communicate(timeout=DEADLINE)
        assert (demo.process.returncode, err) == (0, "")
        assert "The page stays as long as it is open" in out
    assert [message["state"] for message in heard[:-1]] == STORY
    titles = [message["text"] for message in heard if message["text"]]
    assert len(titles) == 10 + 1
    assert titles[0] == {"en": "Log in by hand, with a wrong token", "zh": "用错误的 token 手动登录"}
    assert heard[-1]["text"]["en"] == "The demo is over: every step went as the rules say"
    assert "anna" not in json.dumps(heard)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_page_that_stays_and_is_no_failure(tmp_path: Path, how: signal.Signals) -> None:
    with running(tmp_path, *PLAIN, "--web", "--no-open", "--pace", "0") as demo:
        news = messages(address(demo))
        next(news)
        demo.until("The page stays")
        status, _, err = demo.interrupt(how)
        assert (status, err) == (0, "")
        assert list(news)[-1] == {"end": True}


def test_ctrl_c_before_the_end_is_one_as_ever(tmp_path: Path) -> None:
    with running(tmp_path, *PLAIN, "--web", "--no-open") as demo:
        url = address(demo)
        status, _, err = demo.interrupt()
        assert (status, err) == (130, "")
        with pytest.raises(urllib.error.URLError):
            next(messages(url))


@pytest.mark.skipif(sys.platform == "win32", reason="the browser here is a shell script")
def test_a_browser_is_opened_with_an_address_that_serves_once(tmp_path: Path) -> None:
    """Its command line is for all to see, so it does not hold the page's own address."""
    pipe, browser = tmp_path / "pipe", tmp_path / "browser"
    os.mkfifo(pipe)
    browser.write_text(f'#!/bin/sh\necho "$1" > {pipe}\n')
    browser.chmod(0o700)
    with running(tmp_path, *PLAIN, "--web", BROWSER=f"{browser} %s") as demo:
        url = address(demo)
        ticket = pipe.read_text().strip()
        assert url.split("/")[3] not in ticket
        with urllib.request.urlopen(ticket, timeout=DEADLINE) as page:
            assert page.url == url
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(ticket, timeout=DEADLINE)


@pytest.mark.parametrize("pace", ["-1", "nan", "inf", "x", "61"])
def test_a_pace_that_is_none_is_wrong_usage(tmp_path: Path, pace: str) -> None:
    done = nimauth(tmp_path, "demo", f"--pace={pace}")
    assert done.returncode == 2
    assert "--pace" in done.stderr


def test_in_a_real_browser_the_page_follows_the_app_to_the_end(tmp_path: Path, page: Page) -> None:
    # Every state that the page says it is in, as a person would read it. Messages that come within one frame are shown
    # at once, so here each gets a frame of its own, however slowly this machine draws.
    page.add_init_script(
        "const frame = requestAnimationFrame; window.requestAnimationFrame = (draw) =>"
        " draw.name === 'show' ? (queueMicrotask(draw), 0) : frame(draw);"
        "window.seen = []; document.addEventListener('DOMContentLoaded', () => { const state ="
        " document.getElementById('state'); new MutationObserver(() => seen.push(state.textContent))"
        ".observe(state, {childList: true}) })"
    )
    with running(tmp_path, *PLAIN, "--web", "--no-open", "--pace", "0.05") as demo:
        page.goto(address(demo))
        page.locator("#heard li", has_text="The demo is over").wait_for(timeout=DEADLINE * 1000)
        assert page.locator("#live").get_attribute("data-heard") == "liveOn"
        assert page.locator("#heard .stop").all_inner_texts()[::-1] == [*STORY, "un_login"]
        assert changes(page.evaluate("seen")) == changes(STORY)
        boxes = "JSON.parse(document.getElementById('data').textContent).map.boxes"
        here = page.locator("#drawing .here").get_attribute("id")
        assert here == page.evaluate(f"'box-' + {boxes}.indexOf('un_login')")
        page.close()
        assert demo.process.wait(DEADLINE) == 0


def changes(states: list[str]) -> list[str]:
    """Without those that are there already."""
    return [state for before, state in pairwise(["un_login", *states]) if state != before]


def test_in_a_real_browser_the_page_says_when_the_service_has_ended(tmp_path: Path, page: Page) -> None:
    with running(tmp_path, *PLAIN, "--web", "--no-open", "--pace", "0") as demo:
        page.goto(address(demo))
        demo.until("The page stays")
        assert demo.interrupt()[0] == 0
        page.locator("#live[data-heard=liveEnded]").wait_for()
        assert page.locator("#state").inner_text() == "un_login"
