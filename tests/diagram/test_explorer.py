"""The explorer in a real browser: by mouse, by keys, by link, with traces, and with names that mean harm."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import html5lib
import pytest

from nimauth.conformance.client.login import input_of, login_graph
from nimauth.conformance.client.messages import ALPHABET, CORE, Message
from nimauth.conformance.paths import cover
from nimauth.conformance.traces import Checker
from nimauth.diagram.drawing import Drawing
from nimauth.diagram.login import login_chart, variables_of
from nimauth.lifecycle import Lifecycle
from tests.conformance.traces.lives import life
from tests.conformance.traces.test_broken import ALL, BROKEN, by_hand, lines_of, start
from tests.conformance.traces.test_tolerances import NEEDS

from .browser import Browser, Page, browser, page, window
from .machines import HOSTILE, LIFT, NASTY, Turnstile

__all__ = ["browser", "page"]

LIMIT: Final = 150_000
DRAWN: Final = frozenset(number for number, row in enumerate(login_chart().transitions) if row.drawn)
TRACES: Final = Path(__file__).parents[1] / "conformance" / "traces" / "data"


@cache
def explorer(name: str = "login") -> str:
    """A page, as it is written to the disk."""
    things = {"login": None, "turnstile": Turnstile, "lift": LIFT, "hostile": HOSTILE}
    return Drawing.of(things[name]).explorer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explorer")


@pytest.fixture
def address(folder: Path) -> str:
    return address_of(folder)


def address_of(folder: Path, name: str = "login") -> str:
    file = folder / f"{name}.html"
    if not file.exists():
        file.write_bytes(explorer(name).encode())
    return file.as_uri()


def state(page: Page) -> str:
    return str(page.locator("#state").inner_text())


def click(page: Page, event: str) -> None:
    card(page, event).locator("button.go").click()


def choose(page: Page, what: str, value: str) -> None:
    """Set something that it knows, or that the event carries."""
    page.get_by_role("group", name=what).get_by_role("radio", name=value, exact=True).check()


def card(page: Page, event: str) -> Any:
    return page.locator(".event", has=page.locator(".name", has_text=re.compile(f"^{event}$")))


# -- one file ----------------------------------------------------------------------------------------------------------


def test_it_is_one_small_file_that_loads_nothing() -> None:
    text = explorer()
    assert len(text.encode()) < LIMIT
    assert set(re.findall(r'\b(?:src|href)="([^"]*)"', text)) == {"data:,"}
    assert "http-equiv" in text
    policy = re.search(r'content="(default-src[^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    assert "connect-src" not in policy[1]


@pytest.mark.parametrize("name", ["login", "turnstile", "lift", "hostile"])
def test_it_is_html_without_a_fault(name: str) -> None:
    html5lib.HTMLParser(strict=True).parse(explorer(name).encode())


def test_what_it_says_of_itself_allows_no_network(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    with pytest.raises(Exception, match="fetch"):
        page.evaluate("fetch('data:,x')")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b onclick=\"window.ran = 1\" id=x>x</b>')")
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
    page.locator("#x").click()
    assert page.evaluate("window.ran ?? null") is None
    context.close()


# -- the engine --------------------------------------------------------------------------------------------------------


def test_it_does_what_nimauth_does_with_every_input_in_every_configuration(page: Page, address: str) -> None:
    wanted: dict[str, Any] = {}
    for edge in login_graph().edges:
        heard = input_of(edge.input.content)
        if heard is not None:
            before = {"state": edge.before.state.value, "values": variables_of(edge.before)}
            asked = json.dumps([before, heard.event.value, {"account": heard.account}])
            wanted[asked] = {"state": edge.after.state.value, "values": variables_of(edge.after)}
    page.goto(address)
    came = page.evaluate("asked => window.nimauth.look(asked.map(JSON.parse))", list(wanted))
    taken = {one.pop("row") for one in came}
    assert came == list(wanted.values())
    assert taken == {None, *DRAWN}


# -- by hand -----------------------------------------------------------------------------------------------------------

WALK: Final = """path => path.map(([event, params, values]) => {
  const label = (thing, id) => [...document.querySelectorAll(`${thing} .choice`)][id];
  const choose = (holder, number) => {
    const radios = holder.querySelectorAll("input");
    if (radios.length) return radios[number].click();
    const list = holder.querySelector("select");
    list.selectedIndex = number;
    list.dispatchEvent(new Event("change"));
  };
  if (event === null) document.getElementById("reset").click();
  for (const [variable, value] of values) choose(label("#variables", variable), value);
  for (const value of params) choose(label("#parameters", 0), value);
  if (event === null) return [window.nimauth.state, null];
  const button = [...document.querySelectorAll("button.go")].find(
    (one) => one.querySelector(".name").textContent === event);
  if (!button) return [window.nimauth.state, null];
  const { row } = window.nimauth.look([[window.nimauth, event, {account: "ab"[params[0]]}]])[0];
  button.click();
  return [window.nimauth.state, row];
})"""
"""Clicks through a path; gives the state after each step, and the row that it took."""


def clicks(message: Message) -> tuple[str | None, list[int], list[tuple[int, int]]]:
    """What to click for a message: an event, the account it carries, and, for a start, what it knows."""
    heard = input_of(message.content)
    if heard is not None:
        return heard.event.value, ["ab".index(heard.account)] if heard.account else [], []
    chart = login_chart()
    content = message.content or {}
    if content.get("in") != "start":
        return "", [], []
    fresh = Lifecycle(permitted=content["saved"]["account"] if content["saved"] else None, network=content["network"])
    return (
        None,
        [],
        [
            (number, [value.id for value in variable.values].index(variables_of(fresh)[variable.id]))
            for number, variable in enumerate(chart.variables)
            if variables_of(fresh)[variable.id] != variable.initial
        ],
    )


def test_every_row_of_the_table_can_be_reached_by_clicking(browser: Browser, address: str) -> None:
    paths = list(cover(login_graph(tuple(ALPHABET[number] for number in CORE)), lambda edge: edge.row))
    clicked = [[(None, [], []), *(clicks(edge.input) for edge in path)] for path in paths]
    with window(browser, reduced_motion="reduce") as page:
        page.goto(address)
        came = page.evaluate(f"paths => paths.map({WALK})", clicked)
    taken: set[int] = set()
    for path, walked in zip(paths, came, strict=True):
        assert [where for where, _ in walked[1:]] == [edge.after.state.value for edge in path]
        taken |= {row for _, row in walked if row is not None}
    assert taken == DRAWN


def test_an_event_is_clicked_the_state_moves_and_the_path_is_told(page: Page, address: str) -> None:
    page.goto(address)
    assert state(page) == "un_login"
    click(page, "login")
    click(page, "link_opened")
    assert state(page) == "logging"
    assert page.locator("#drawing .here text").text_content() == "logging"
    assert page.locator("#said").inner_text() == "link_opened. Now in logging."
    assert page.locator("#steps .step").all_inner_texts() == ["start", "login (a)", "link_opened"]
    page.locator("#steps button").nth(1).click()
    assert state(page) == "connecting"
    page.locator("#steps button").nth(2).click()
    assert state(page) == "logging"
    page.locator("#back").click()
    page.locator("#back").click()
    assert state(page) == "un_login"
    page.locator("#reset").click()
    assert page.locator("#steps button").count() == 0


def test_a_refused_event_names_the_guard_and_the_rule(page: Page, address: str) -> None:
    page.goto(address)
    refused = card(page, "auto_login")
    assert refused.locator(".goes").inner_text() == "stays"
    assert refused.locator(".chip.no").first.inner_text().startswith("✗ a manual login succeeded")
    assert "R2 auto login needs an earlier successful manual login of that account" in refused.inner_text()
    click(page, "auto_login")
    told = page.locator("#said").inner_text()  # which is what a screen reader says
    assert told.startswith("auto_login. Now in un_login. Not to connecting: a manual login succeeded – R2: ")
    choose(page, "saved login", "a")
    assert refused.locator(".goes").inner_text().endswith("connecting")
    choose(page, "The event carries", "b")
    assert "R1 auto login may only log in the account that logged in last" in refused.inner_text()
    click(page, "login")
    click(page, "link_opened")
    click(page, "accepted")
    page.locator("#all").click()
    card(page, "login").locator("button.go").click(force=True)
    assert state(page) == "logged_in"
    assert page.locator("#said").inner_text() == "login is refused: no transition from logged_in"


@pytest.mark.parametrize(
    ("path", "ended_in", "rule"),
    [
        ("login/link_opened/accepted/kicked_by_server", "kick_out", "R4"),
        ("login/link_opened/version_refused", "version_error", "R5"),
    ],
)
def test_after_the_end_the_rule_that_refuses_an_auto_login_is_named(
    page: Page, address: str, path: str, ended_in: str, rule: str
) -> None:
    page.goto(f"{address}#/{path}")
    assert state(page) == ended_in
    refused = card(page, "auto_login").locator(".passed")
    assert refused.locator(".what").inner_text() == "Not to connecting:"
    assert refused.locator(".why b").first.inner_text() == rule


def test_what_it_knows_can_be_changed_and_guards_follow(page: Page, address: str) -> None:
    page.goto(address + "#/login/link_opened/accepted")
    assert card(page, "link_lost").locator(".goes").inner_text().endswith("waiting")
    choose(page, "is there a network?", "no")
    assert card(page, "link_lost").locator(".goes").inner_text().endswith("net_broken")
    assert card(page, "link_lost").locator(".chip.no").inner_text().startswith("✗ network there")
    assert page.locator("#steps .step").last.inner_text() == "is there a network?: no"
    page.locator("#back").click()
    assert card(page, "link_lost").locator(".goes").inner_text().endswith("waiting")


def test_the_keyboard_alone_suffices(page: Page, address: str) -> None:
    page.goto(address)
    press = page.keyboard.press
    press("ArrowDown")
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == "login"
    press("ArrowRight")
    assert page.locator(".event details[open]").count() == 1
    press("ArrowLeft")
    assert page.locator(".event details[open]").count() == 0
    press("Enter")
    assert state(page) == "connecting"
    page.keyboard.type("link_o")
    press("Enter")
    assert state(page) == "logging"
    press("/")
    page.keyboard.type("accepts")
    press("ArrowDown")
    press("Enter")
    assert state(page) == "logged_in"
    press("Escape")
    press("Backspace")
    assert state(page) == "logging"
    press("?")
    assert page.locator("#keys").is_visible()
    press("Escape")
    assert not page.locator("#keys").is_visible()
    press("Shift+Backspace")
    assert state(page) == "un_login"
    assert page.evaluate("document.activeElement.matches('#state, .go')")
    for _ in range(12):
        press("Tab")
        if page.evaluate("document.activeElement.matches('#variables input')"):
            break
    press("ArrowRight")
    assert page.evaluate("window.nimauth.values.permitted") == "a"
    assert page.evaluate("document.activeElement.matches('#variables input:checked')")


def test_an_event_is_gone_to_by_its_name_whatever_letter_that_begins_with(page: Page, address: str) -> None:
    page.goto(address + "#/!waiting/@network=yes")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("retry")
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == "retry_due"
    assert state(page) == "waiting"


def test_focus_is_not_lost_with_what_had_it(page: Page, address: str) -> None:
    for name in ("#back", "#reset"):
        page.goto("about:blank")
        page.goto(address + "#/login")
        page.locator(name).focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "state"
    drop(page, "trace.jsonl", KICKED)
    page.get_by_role("button", name="Close the trace").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "state"


# -- the link ----------------------------------------------------------------------------------------------------------


def test_a_link_restores_the_path(browser: Browser, address: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(address)
    choose(page, "The event carries", "b")
    click(page, "login")
    choose(page, "is there a network?", "no")
    click(page, "link_opened")
    page.locator("#copy").click()
    page.locator("#notice:not([hidden])").wait_for()
    assert page.locator("#notice-text").inner_text() == "The link to this path is copied."
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == address + "#/login;account=b/@network=no/link_opened"
    told = page.locator("#steps").inner_text()
    other = context.new_page()
    other.goto(link)
    assert (state(other), other.locator("#steps").inner_text()) == ("logging", told)
    other.goto(address + "#/!data_sync_start/link_lost")
    assert state(other) == "waiting"
    context.close()


RUBBISH_LINKS: Final = (
    "x",
    "/nothing",
    "/login;account=z",
    "/login;account=a=b",
    "/cancel;account=a",
    "/@network",
    "/@network=maybe",
    "/@x=y",
    "/!nowhere",
    "/%",
    "/%E0%A4%A",
    "/~99",
    "/<script>alert(1)</script>",
    "/__proto__",
    "/constructor",
    "//",
    "/accepted",
    "/login/login",
    "/" + "/".join(["login"] * 501),
)


def test_a_link_that_is_none_gets_a_message(page: Page, address: str) -> None:
    page.goto(address + "#/nowhere")
    page.locator("#notice:not([hidden])").wait_for()
    came = page.evaluate(
        """async links => {
          const told = [];
          for (const link of links) {
            document.getElementById("notice-close").click();
            [...document.querySelectorAll(".go")].find((one) => one.textContent.startsWith("login")).click();
            const heard = new Promise((done) => addEventListener("hashchange", done, {once: true}));
            const clicked = window.nimauth.state;
            location.hash = link;
            await heard;
            told.push([clicked, window.nimauth.state, document.getElementById("notice").innerText.split(";")[0]]);
          }
          return told;
        }""",
        RUBBISH_LINKS,
    )
    told = ["connecting", "un_login", "The link holds a path that this machine does not have"]
    assert came == [told] * len(RUBBISH_LINKS)


# -- traces ------------------------------------------------------------------------------------------------------------


def lines(*told: Any) -> bytes:
    return b"\n".join(json.dumps(line).encode() for line in lines_of(*told))


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file on the page."""
    page.evaluate(
        """([name, content]) => {
          const data = new DataTransfer();
          data.items.add(new File([Uint8Array.from(content)], name));
          window.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        [name, list(content)],
    )
    page.locator("#trace:not([hidden]), #notice:not([hidden])").first.wait_for()


KICKED: Final = lines(ALL, start(), *by_hand(), "kickOut", "connecting")


def test_a_dropped_trace_plays_to_the_line_that_cannot_be(page: Page, address: str) -> None:
    page.clock.install()
    page.goto(address)
    drop(page, "trace.jsonl", KICKED)
    verdict = page.locator(".verdict").inner_text()
    assert "Line 11 cannot be. connecting" in verdict
    assert "Allowed there: unLogin, kickOut, login, logout, start" in verdict
    page.get_by_role("button", name="Play").click()
    seen = []
    for _ in range(12):
        page.clock.run_for(1000)
        seen.append(state(page))
    assert list(dict.fromkeys(seen)) == [
        "un_login",
        "connecting",
        "logging",
        "logged_in",
        "data_sync_start",
        "data_sync_finish",
        "kick_out",
    ]
    assert page.locator(".lines .wrong").inner_text().split() == ["11", "connecting", "✗"]
    assert "cannot be" in page.locator("#said").inner_text()
    assert page.get_by_role("button", name="Play").is_visible()


def test_a_trace_is_stepped_through_by_button_key_and_line(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("#file").set_input_files({"name": "t.jsonl.gz", "mimeType": "", "buffer": gzip.compress(KICKED)})
    page.get_by_role("button", name="Next line").click()
    page.get_by_role("button", name="Next line").click()
    page.keyboard.press("]")
    assert state(page) == "connecting"
    page.keyboard.press("[")
    assert state(page) == "un_login"
    page.locator(".lines button", has_text="loggedIn").click()
    assert state(page) == "logged_in"
    assert "in between, not recorded: accepted" in page.locator(".lines [aria-current]").inner_text()
    page.locator(".go").first.click(force=True)
    assert page.locator("#said").inner_text() == "The page follows. Go on by hand first."
    page.get_by_role("button", name="Show line 11").click()
    assert state(page) == "kick_out"
    page.get_by_role("button", name="Go on from here by hand").click()
    click(page, "login")
    assert page.locator("#steps .step").first.inner_text() == "start"
    assert state(page) == "connecting"


def test_a_possible_trace_is_said_to_be_possible(page: Page, address: str) -> None:
    page.goto(address)
    drop(page, "good.jsonl", (TRACES / "status_diagram.jsonl").read_bytes())
    assert page.locator(".verdict").inner_text().startswith("Possible: all")
    page.get_by_role("button", name="Close the trace").click()
    assert page.locator("#trace").is_hidden()
    click(page, "login")


def test_the_last_file_counts_however_long_an_earlier_one_takes(page: Page, address: str) -> None:
    page.goto(address)
    big = gzip.compress(KICKED + b"\n" + b'{"status":"kickOut"}\n' * 100_000)
    page.evaluate(
        """([big, small]) => {
          for (const [name, content] of [["big.jsonl.gz", big], ["small.jsonl", small]]) {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(content)], name));
            window.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
          }
        }""",
        [list(big), list((TRACES / "status_diagram.jsonl").read_bytes())],
    )
    page.locator("#trace:not([hidden])").wait_for()
    page.wait_for_timeout(500)
    assert page.locator(".verdict").inner_text().startswith("Possible: all")


RUBBISH_FILES: Final = {
    "has no line": (b"", b"\n\n", b'{"status":"unknown"}'),
    "the line is not UTF-8": (b"\x89PNG\r\n\x1a\n\x00\x00" * 1000, b"\xff\xfeh\x00"),
    "packed, and damaged": (gzip.compress(b"{}\n") * 2, b"\x1f\x8b\x08\x00rubbish", gzip.compress(b"{}" * 100)[:20]),
    "too long for a page": (gzip.compress(b"\n" * 20_000_000),),
    "'status' must be a name or a number": (b'{"status":2.0}', b'{"t":1,"status" : 1e0}'),
    "the line is not JSON": ("\u3000".encode(), b"hello", b'{"a":' * 10_000, b'{"t":NaN}'),
    "no JSON object": (b"[1]", b"null"),
    "more than 65536 bytes": (b'{"x":"' + b"x" * 70_000 + b'"}',),
    "the status is none that is known": (b'{"status":"<img src=x onerror=alert(1)>"}', b'{"status":99}'),
}


def test_a_file_that_is_no_trace_gets_a_message(page: Page, address: str) -> None:
    page.goto(address)
    for message, contents in RUBBISH_FILES.items():
        for content in contents:
            page.locator("#file").set_input_files({"name": "<b>rubbish</b>", "mimeType": "", "buffer": content})
            page.locator("#notice:not([hidden])").wait_for()
            assert message in page.locator("#notice-text").inner_text()
            assert page.locator("#trace").is_hidden()
            page.locator("#notice-close").click()
    click(page, "login")


def traces() -> Iterator[tuple[str, bytes]]:
    """Official ones, broken ones, such as need a tolerance, and lives to which things were done."""
    for file in sorted(TRACES.glob("*.jsonl")):
        yield file.name, file.read_bytes()
    for name, (told, _) in BROKEN.items():
        yield name, lines(*told, "connecting")
    for tolerance, examples in NEEDS.items():
        for told in examples:
            yield tolerance, lines(*told)
    by = random.Random(4)
    for number in range(60):
        lived = list(life(by, 60, lambda: by.choice("abc")))
        for _ in range(number % 4):
            lived.insert(by.randrange(len(lived)), by.choice(lived))
        left_out = [kind for kind in ("start", "login", "login_result", "logout") if by.random() < 0.25]
        if left_out:
            kept = [line for line in lived if line.get("call") not in left_out]
            lived = [{name: value for name, value in line.items() if name != "records"} for line in kept]
        yield f"a life without {left_out}", lines(*lived)
    for name, line in {
        "twice": b'{"status":"connecting","status":"logging"}',
        "secret": b'{"status":"connecting","x":[{"authToken":1}]}',
        "both": b'{"status":"connecting","call":"logout"}',
        "no number": b'{"t":"1","status":"connecting"}',
        "no account": b'{"call":"login","account":""}',
        "prototype": b'{"call":"__proto__"}',
        "constructor": b'{"call":"constructor"}',
        "blank": b" ",
        "BOM": b'\xef\xbb\xbf{"status":"connecting"}',
    }.items():
        yield name, b'{"status":"connecting"}\n' + line + b'\n{"status":"kickOut"}\n{"status":"logging"}'
    yield "BOM", b'\xef\xbb\xbf{"status":"connecting"}\n{"status":"loggedIn"}'


def test_it_says_of_each_trace_what_nimauth_check_says(page: Page, address: str) -> None:
    page.goto(address)
    told = list(traces())
    came = page.evaluate(
        """traces => traces.map((bytes) => {
          const {first, explanation} = window.nimauth.check(bytes);
          return [first, explanation.tooMuch ? null : explanation.allowed];
        })""",
        [list(content) for _, content in told],
    )
    checker = Checker()
    verdicts = set()
    for (name, content), (line, allowed) in zip(told, came, strict=True):
        report = checker.check_lines(name, content.split(b"\n"))
        first = report.findings[0] if report.findings else None
        impossible = next((one for one in report.findings if one.what == "impossible"), None)
        assert line == (first and first.line), name
        assert sorted(allowed) == sorted(impossible.allowed if impossible else ()), name
        verdicts.add(first is None)
    assert verdicts == {True, False}


def test_every_line_of_an_explanation_is_a_step_of_the_machine(page: Page, address: str) -> None:
    """What the page shows as having happened unseen leads, by the machine itself, to where it says it led."""
    page.goto(address)
    told = list(life(random.Random(9), 200, lambda: "a"))
    came = page.evaluate(
        """bytes => {
          const {lines, explanation} = window.nimauth.check(bytes);
          return lines.map((line, index) => [line.kind, line.value?.states ?? null, explanation.at(index)]);
        }""",
        list(lines(*told)),
    )
    before = None
    for kind, states, at in came:
        if kind is None:
            assert at["state"] in states
        if kind is None and before is not None and len(at["unseen"]) == 1:
            (row,) = page.evaluate("asked => window.nimauth.look(asked)", [[before, at["unseen"][0], {"account": "a"}]])
            assert row["state"] == at["state"]
        before = {"state": at["state"], "values": at["values"]}


def test_a_trace_of_some_megabytes_is_no_trouble(page: Page, address: str) -> None:
    page.goto(address)
    by = random.Random(3)
    told = list(life(by, 5000, lambda: by.choice("abcdef")))
    content = b"\n".join([lines(*told)] * 12 + [lines("kickOut", "logging")])
    page.locator("#file").set_input_files({"name": "long.jsonl", "mimeType": "", "buffer": content})
    first = Checker().check_lines("long", content.split(b"\n")).findings[0].line
    page.get_by_role("button", name=f"Show line {first}").click()
    assert page.locator(".lines .wrong .number").inner_text() == str(first)
    assert page.locator(".lines li").count() < 20


# -- other machines ----------------------------------------------------------------------------------------------------


def test_a_machine_that_is_no_login_is_explored_alike(page: Page, folder: Path) -> None:
    page.goto(address_of(folder, "turnstile"))
    assert page.locator("#open").is_hidden()
    click(page, "coin")
    assert state(page) == "open"
    click(page, "push")
    choose(page, "is real", "no")
    assert "only real coins open" in card(page, "coin").inner_text()
    click(page, "coin")
    assert state(page) == "locked"
    drop(page, "t.jsonl", KICKED)
    assert page.locator("#notice-text").inner_text() == "This machine has no traces."


def test_names_that_mean_harm_do_none(page: Page, folder: Path) -> None:
    assert "\ud800" in NASTY["control"]
    page.goto(address_of(folder, "hostile"))
    before = page.evaluate("[document.scripts.length, document.querySelectorAll('script, style, img, iframe').length]")
    for language in ("zh", "en"):
        page.locator("#lang").select_option(language)
        after = page.evaluate(
            """times => Array.from({length: times}, () => {
              const list = document.querySelector("#variables select");
              list.selectedIndex = 0;  // what the guards ask for
              list.dispatchEvent(new Event("change"));
              document.querySelector("button.go").click();
              return [document.scripts.length, document.querySelectorAll('script, style, img, iframe').length];
            })""",
            len(NASTY) + 2,
        )
        assert after == [before] * (len(NASTY) + 2)
        page.locator("#copy").click()
        link = page.evaluate("location.href")
        told = page.locator("#steps").inner_text()
        page.goto("about:blank")
        page.goto(link)
        assert page.locator("#notice").is_hidden()
        page.locator("#lang").select_option(language)
        assert page.locator("#steps").inner_text() == told
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# -- for everyone ------------------------------------------------------------------------------------------------------

NAMES: Final = """() => [...document.querySelectorAll('button, input, select, summary, [tabindex], section, dialog')]
  .filter((one) => one.tagName !== 'H2')
  .filter((one) => !one.matches('[aria-hidden="true"]'))
  .filter((one) => {
    const by = one.getAttribute('aria-labelledby');
    const name = one.getAttribute('aria-label') || (by && document.getElementById(by).textContent)
      || one.closest('label')?.textContent || (one.matches('button, summary') ? one.textContent : '');
    return !name.trim();
  }).map((one) => one.outerHTML)"""
"""Controls and landmarks without a name."""

CONTRAST: Final = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => colour.slice(0, 3).map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, index) => sum + one * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const shape = one.matches('g.box, g.frame') && one.querySelector('rect');
      const colour = rgba(shape ? getComputedStyle(shape).fill : getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const poor = [];
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const {parentElement: element} = words.currentNode;
    if (!words.currentNode.data.trim() || element.closest('script, .away, [hidden], :disabled')) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const text = rgba(element.closest('svg') ? style.fill : style.color);
    const [a, b] = [light(text), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([element.outerHTML.slice(0, 80), ratio.toFixed(2)]);
  }
  return poor;
}"""
"""Texts that stand out too little from what is behind them."""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_everything_has_a_name_and_can_be_read(page: Page, address: str, theme: str, lang: str) -> None:
    page.goto(address + "#/login/link_opened/accepted/kicked_by_server")
    page.locator("#theme").select_option(theme)
    page.locator("#lang").select_option(lang)
    page.locator("#all").click()
    page.locator("summary").first.click()
    page.mouse.move(0, 0)
    assert page.evaluate(NAMES) == []
    assert page.evaluate(CONTRAST) == []
    drop(page, "trace.jsonl", KICKED)
    page.keyboard.press("]")
    page.keyboard.press("]")
    assert page.evaluate(NAMES) == []
    assert page.evaluate(CONTRAST) == []
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.evaluate("new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size") == (
        page.locator("[id]").count()
    )


def test_on_a_phone_nothing_is_cut_off_and_a_thumb_hits(browser: Browser, address: str) -> None:
    with window(
        browser, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    ) as page:
        for fragment in ("", "#/login;account=a", "#/login/link_opened/accepted"):
            page.goto("about:blank")
            page.goto(address + fragment)
            page.locator("#all").tap()
            assert page.evaluate("document.documentElement.scrollWidth") == 360
            small = page.evaluate(
                """[...document.querySelectorAll('button, select, summary, input:not(.away)')]
                  .filter((one) => one.getClientRects().length)
                  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
                  .filter(([, {width, height}]) => width < 40 || height < 40).map(([html]) => html)"""
            )
            assert small == []
        drop(page, "trace.jsonl", KICKED)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.evaluate("new Promise(requestAnimationFrame)")
        here = page.locator("#drawing .here").bounding_box()
        view = page.locator("#pan").bounding_box()
        assert here is not None
        assert view is not None
        assert view["x"] <= here["x"] <= view["x"] + view["width"]


def test_language_and_theme_are_the_browsers_until_somebody_chooses(browser: Browser, address: str) -> None:
    with window(browser, locale="zh-CN", color_scheme="dark") as page:
        page.goto(address)
        assert page.locator("html").get_attribute("lang") == "zh"
        assert page.locator("#events h2").inner_text() == "可能发生的事件"
        assert page.title() == login_chart().title.zh
        background = "getComputedStyle(document.documentElement).backgroundColor"
        assert page.evaluate(background) == "rgb(13, 17, 23)"
        frames = page.locator("#drawing .frame text").all_text_contents()
        assert "在线" in frames
        page.locator("#lang").select_option("en")
        page.locator("#theme").select_option("light")
        assert page.locator("#events h2").inner_text() == "What may happen"
        assert "online" in page.locator("#drawing .frame text").all_text_contents()
        assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_whoever_wants_stillness_gets_it(browser: Browser, address: str) -> None:
    moves = """document.getAnimations().filter((one) => one instanceof CSSAnimation).length
      + document.querySelectorAll('.dot').length"""
    for motion, still in (("reduce", True), ("no-preference", False)):
        with window(browser, reduced_motion=motion) as page:
            page.goto(address)
            click(page, "login")
            assert (page.evaluate(moves) == 0) is still
            assert page.locator("#drawing .taken").count() == 1


# -- live --------------------------------------------------------------------------------------------------------------


def test_live_it_follows_a_running_machine(browser: Browser) -> None:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    text = Drawing.of().explorer(live="/events")
    assert "connect-src 'self'" in text
    news = [
        {
            "state": "connecting",
            "event": "login",
            "text": {"en": "anna logs in", "zh": "登录"},
            "variables": {"network": "no"},
        },
        {"state": "logging", "event": None, "text": None, "variables": None},
        {"state": "nowhere"},
        [],
        None,
        {"state": "logged_in", "event": "<b>", "text": {"en": "<b>hi</b>"}, "variables": {"network": 7, "x": "y"}},
    ]
    calls: list[int] = []

    def serve(route: Any) -> None:
        if not route.request.url.endswith("/events"):
            route.fulfill(body=text, content_type="text/html")
            return
        calls.append(1)
        if len(calls) == 1:
            lines = [
                "retry: 50",
                "",
                *(line for one in news for line in (f"data: {json.dumps(one)}", "")),
                "data: rubbish",
                "",
                "",
            ]
        else:
            lines = ['data: {"end": true}', "", ""]
        route.fulfill(body="\n".join(lines), content_type="text/event-stream")

    page.route("**/*", serve)
    page.goto("http://127.0.0.1:9/")
    page.locator("#live[data-heard=liveEnded]").wait_for()
    assert page.locator("#live").inner_text() == "ended: the service has stopped"
    assert state(page) == "logged_in"
    assert page.evaluate("window.nimauth.values") == {
        **variables_of(Lifecycle()),
        "network": "no",
        "attempt": "resume",
        "account": "a",
        "permitted": "a",
        "local_data": "a",
    }
    assert page.locator("#heard .step").all_inner_texts() == ["<b>hi</b>", "something happened", "anna logs in"]
    page.locator("#unfold").click()
    page.locator(".go").first.click(force=True)
    assert state(page) == "logged_in"
    page.get_by_role("button", name="Go on from here by hand").click()
    assert page.locator("#live").inner_text() == "by hand: the page no longer follows"
    click(page, "sync_started")
    assert state(page) == "data_sync_start"
    assert errors == []
    context.close()


@contextmanager
def following(browser: Browser, *news: dict[str, Any], of: Any = None, **options: Any) -> Iterator[Page]:
    """A page that has followed so many messages, told in one burst."""
    text = Drawing.of(of).explorer(live="/events")
    told = "".join(f"data: {json.dumps(one)}\n\n" for one in (*news, {"end": True}))

    def serve(route: Any) -> None:
        if route.request.url.endswith("/events"):
            route.fulfill(body=told, content_type="text/event-stream")
        else:
            route.fulfill(body=text, content_type="text/html")

    with window(browser, **options) as page:
        page.route("**/*", serve)
        page.add_init_script(
            """window.drawn = 0;
            new MutationObserver((seen) => { drawn += seen.filter(({target}) => target.id === "state").length; })
              .observe(document, {childList: true, subtree: true});"""
        )
        page.goto("http://127.0.0.1:9/")
        page.locator("#live[data-heard=liveEnded]").wait_for()
        yield page


def message(state: str, event: str | None = None, en: str = "", zh: str = "", **variables: str) -> dict[str, Any]:
    text = {"en": en, "zh": zh} if en else None
    return {"state": state, "event": event, "text": text, "variables": variables or None}


LOGS_IN: Final = message("connecting", "login", "anna logs in", "安娜登录", network="yes")


@pytest.mark.parametrize("size", [(1280, 900), (360, 740)])
def test_live_the_latest_sentence_and_the_map_stand_on_the_first_screen(
    browser: Browser, size: tuple[int, int]
) -> None:
    with following(browser, LOGS_IN, viewport={"width": size[0], "height": size[1]}) as page:
        assert page.locator("#here #latest").inner_text() == "anna logs in"
        for what in ("#latest", "#drawing .here"):
            place = page.locator(what).bounding_box()
            assert place is not None
            assert place["y"] + place["height"] <= size[1], what
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_live_the_words_change_with_the_language_those_already_told_too(browser: Browser) -> None:
    with following(browser, LOGS_IN, message("logging", "link_opened")) as page:
        page.locator("#lang").select_option("zh")
        assert page.locator("#heard .step").all_inner_texts() == ["link_opened", "安娜登录"]
        page.locator("#lang").select_option("en")
        assert page.locator("#heard .step").all_inner_texts() == ["link_opened", "anna logs in"]


def test_live_events_are_folded_away_and_nothing_asks_to_be_changed(browser: Browser) -> None:
    with following(browser, LOGS_IN) as page:
        assert not page.locator("#list").is_visible()
        assert not page.locator("#find").is_visible()
        assert "Change it" not in page.locator("main").inner_text()
        page.get_by_role("button", name="What may happen: Show").click()
        assert page.locator("#list").is_visible()
        assert page.locator("#parameters").is_hidden()
        page.get_by_role("button", name="What may happen: Hide").click()
        assert not page.locator("#list").is_visible()
        page.get_by_role("button", name="Go on from here by hand").click()
        assert page.locator("#list").is_visible()
        assert page.locator("#unfold").is_hidden()
        assert "Change it" in page.locator("#knows-hint").inner_text()


def test_following_a_trace_nothing_asks_to_be_changed(page: Page, address: str) -> None:
    page.goto(address)
    drop(page, "trace.jsonl", KICKED)
    assert page.locator("#knows-hint").inner_text() == "Guards look at this."


def test_live_guards_have_no_verdict_where_nobody_told_what_they_ask_for(browser: Browser) -> None:
    with following(browser, message("locked"), of=Turnstile) as page:
        page.locator("#unfold").click()
        assert page.locator("#knows").is_hidden()
        assert page.locator(".chip, .passed, .why").count() == 0
        ways = card(page, "coin").locator(".goes").all_inner_texts()
        assert [way.split()[-1] for way in ways] == ["open", "stays"]
        page.get_by_role("button", name="Go on from here by hand").click()
        assert page.locator("#knows").is_visible()
    with following(browser, LOGS_IN) as page:
        page.locator("#unfold").click()
        assert page.locator("#knows").is_visible()
        assert page.locator(".chip").count() > 0


def test_live_a_whole_history_is_drawn_at_once(browser: Browser) -> None:
    history = [LOGS_IN, message("logging", "link_opened")] * 128
    with following(browser, *history) as page:
        assert state(page) == "logging"
        assert page.locator("#heard li").count() == 256
        assert page.evaluate("drawn") < 30


def test_live_an_arrow_is_shown_as_taken_only_where_one_alone_can_be_meant(browser: Browser) -> None:
    for news, count in (
        (message("logging"), 1),
        (message("un_login"), 0),  # a failure, or a logout
        (message("un_login", "cancel"), 1),
        (message("un_login", "logout"), 1),
    ):
        with following(browser, LOGS_IN, news) as page:
            assert page.locator("#drawing .taken").count() == count, news
