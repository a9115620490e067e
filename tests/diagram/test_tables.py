"""The tables, read by real parsers, say what the chart says: nothing is lost, nothing is added."""

from __future__ import annotations

import csv as csv_module
import io
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import markdown as python_markdown
import pytest
from attrs import evolve
from markdown_it import MarkdownIt

from nimauth.diagram.extract import chart_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.measure import clean
from nimauth.diagram.model import LANGUAGES, Chart, Transition
from nimauth.diagram.render import csv, markdown

from .machines import HOSTILE, LIFT, Turnstile

CHARTS: Final = {"login": login_chart(), "turnstile": chart_of(Turnstile), "lift": chart_of(LIFT), "hostile": HOSTILE}
PARSERS: Final[dict[str, Callable[[str], str]]] = {
    "CommonMark": lambda text: MarkdownIt("commonmark").enable("table").render(text),
    "Python-Markdown": lambda text: python_markdown.markdown(text, extensions=["tables"]),
}
WORDS: Final = {"en": ("any of these", "stays", "else"), "zh": ("以上任一", "不变", "否则")}

Answer = tuple[str, str, str, str]
"""Guards, effects, target, rules."""


def text_of(element: ET.Element) -> str:
    return "".join(element.itertext()).strip().strip("\xa0")


def answers_meant(chart: Chart, lang: str) -> Counter[tuple[str, str, tuple[Answer, ...]]]:
    """What each state answers to each event, in order."""
    answers: dict[tuple[str, str], list[Answer]] = {}
    for row in chart.rows:
        answers.setdefault((row.source, row.event), []).append(answer_meant(row, lang))
    return Counter((clean(state), clean(event), tuple(each)) for (state, event), each in answers.items())


def answer_meant(row: Transition, lang: str) -> Answer:
    guards = ", ".join(clean(guard.label.in_(lang)) for guard in row.guards)
    effects = ", ".join(clean(effect.label.in_(lang)) for effect in row.effects if not effect.hidden)
    target = WORDS[lang][1] if row.target is None else clean(row.target)
    return guards, effects, target, " ".join(map(clean, row.rules))


def answers_read(page: ET.Element, lang: str) -> Counter[tuple[str, str, tuple[Answer, ...]]]:
    """The same, from the page: a list of states, and a table of their answers; six columns tell it from the events."""
    every, _, otherwise = WORDS[lang]
    answers: Counter[tuple[str, str, tuple[Answer, ...]]] = Counter()
    states: list[str] = []
    for part in page:
        if part.tag == "ul":
            states = [text_of(name) for item in part for name in item.iter("strong")]
        if part.tag == "table" and len(list(part.iter("th"))) == 6:
            for who, events, lines in entries(part):
                said = tuple(
                    (re.sub(f"^{otherwise}(, |$)", "", guards), effects, target, rules)
                    for guards, effects, target, rules in lines
                )
                names = states if who == every else who.split(", ")
                answers.update((name, event, said) for name in names for event in events)
    return answers


def entries(table: ET.Element) -> Iterator[tuple[str, list[str], list[Answer]]]:
    """The lines of the same states and events; those after the first say "else"."""
    last: tuple[str, list[str], list[Answer]] | None = None
    for row in table.findall("tbody/tr"):
        cells = row.findall("td")
        who, guards, effects, target, rules = (text_of(cell) for cell in (cells[0], *cells[2:]))
        events = [text_of(name) for name in cells[1].iter("strong")]
        if last and re.match("(else|否则)(, |$)", guards):
            assert (who, events) == last[:2]
            last[2].append((guards, effects, target, rules))
            continue
        if last:
            yield last
        last = (who, events, [(guards, effects, target, rules)])
    if last:
        yield last


def page_of(chart: Chart, lang: str, parser: str) -> ET.Element:
    return ET.fromstring(f"<div>{PARSERS[parser](markdown.render(chart, lang))}</div>")


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", CHARTS)
class TestMarkdown:
    def test_every_answer_of_every_state_is_there_in_its_order(self, name: str, lang: str, parser: str) -> None:
        page = page_of(CHARTS[name], lang, parser)

        assert answers_read(page, lang) == answers_meant(CHARTS[name], lang)

    def test_every_state_and_every_rule_is_listed_with_its_words(self, name: str, lang: str, parser: str) -> None:
        chart = CHARTS[name]
        listed = Counter(text_of(item).strip("\xa0 ") for item in page_of(chart, lang, parser).iter("li"))

        states = ((state.id, state.note.in_(lang) if state.note else "") for state in chart.states)
        rules = ((rule.id, rule.text.in_(lang)) for rule in chart.rules)
        assert listed == Counter(clean(f"{name} {words}") for name, words in (*states, *rules))

    def test_every_event_is_told_with_its_words(self, name: str, lang: str, parser: str) -> None:
        chart = CHARTS[name]
        told = [
            tuple(map(text_of, row))
            for table in page_of(chart, lang, parser).iter("table")
            for row in table.findall("tbody/tr")
            if len(row) == 3
        ]

        words = [(event.id, event.origin, event.note) for event in chart.events if event.origin or event.note]
        assert told == [(clean(name), *(clean(w.in_(lang)) if w else "" for w in both)) for name, *both in words]

    def test_every_link_leads_to_the_rule_that_it_names(self, name: str, lang: str, parser: str) -> None:
        page = page_of(CHARTS[name], lang, parser)

        rules = {
            anchor.get("id"): text_of(rule)
            for item in page.iter("li")
            if (anchor := item.find("a")) is not None and (rule := item.find("strong")) is not None
        }
        for link in page.iter("a"):
            if target := link.get("href"):
                assert target[0] == "#"
                assert rules[target[1:]] == text_of(link)

    def test_no_name_becomes_markup(self, name: str, lang: str, parser: str) -> None:
        tags = {element.tag for element in page_of(CHARTS[name], lang, parser).iter()}

        assert tags <= {"div", "h1", "h2", "ul", "li", "p", "strong", "a", "table", "thead", "tbody", "tr", "th", "td"}


def test_states_that_answer_alike_share_their_lines_and_so_do_events() -> None:
    lines = markdown.render(CHARTS["login"], "en").splitlines()

    assert sum("**logout**" in line for line in lines[: lines.index("## Events")]) == 6
    failures = "**connect_failed**, **link_lost**, **timed_out**, **busy**, **unclassified**"
    assert [line.split(" | ")[2] for line in lines if failures in line] == ["manual", "else, network there", "else"]


def csv_rows(text: str) -> list[list[str]]:
    return list(csv_module.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", CHARTS)
def test_the_csv_has_a_line_for_every_transition(name: str, lang: str) -> None:
    chart = CHARTS[name]
    header, *rows = csv_rows(csv.render(chart, lang))

    assert header[:2] == {"en": ["state", "event"], "zh": ["状态", "事件"]}[lang]
    order: Counter[tuple[str, str]] = Counter()
    for row, transition in zip(rows, chart.rows, strict=True):
        order[transition.source, transition.event] += 1
        assert row == [
            clean(transition.source),
            clean(transition.event),
            str(order[transition.source, transition.event]),
            listed(guard.label.in_(lang) for guard in transition.guards),
            listed(effect.label.in_(lang) for effect in transition.effects if not effect.hidden),
            clean(transition.target or ""),
            listed(transition.rules),
        ]


def listed(names: Iterable[str]) -> str:
    return "; ".join(map(clean, names))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r\n=1", "\x00=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    first = evolve(CHARTS["turnstile"].transitions[0], source=text, event=text, target=text, rules=(text,))
    chart = evolve(CHARTS["turnstile"], transitions=(first,))

    cells = csv_rows(csv.render(chart, "en"))[1]
    assert not [cell for cell in cells if re.match(r"\s*[=+\-@]", cell)]
    assert cells[0].endswith(clean(text))


def test_lines_end_as_rfc_4180_says() -> None:
    text = csv.render(CHARTS["login"], "en")

    assert text.count("\r\n") == text.count("\n") == len(CHARTS["login"].rows) + 1


def test_excel_is_told_that_chinese_is_utf_8() -> None:
    assert csv.render(CHARTS["login"], "zh").startswith("\ufeff状态,")
    assert csv.render(CHARTS["login"], "en").startswith("state,")
