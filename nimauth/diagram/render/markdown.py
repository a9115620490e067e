"""A Markdown page: what the states of each group answer, what the events mean, and the rules in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ..answers import COLUMNS, Section, sections
from ..measure import clean
from ..model import Chart, Words

_MARKS: Final = re.compile(r"[\\`*<>&\[\]{}|$~^#@=]|(?<![^\W_])_|_(?![^\W_])|:(?!\s)")
"""What Markdown, or what a site makes of it, may take for markup; written as entities."""
_ANCHOR: Final = re.compile(r"[A-Za-z]\w*", re.ASCII)

_EVENTS: Final = Words("Events", "事件")
_EVENT_COLUMNS: Final = (Words("event", "事件"), Words("comes from", "来源"), Words("means", "含义"))
_RULES: Final = Words("Rules", "规则")


def render(chart: Chart, lang: str) -> str:
    """The page. Every rule has an anchor, to which the tables link."""
    return "".join(f"{line}\n" for line in _lines(chart, lang))


def _lines(chart: Chart, lang: str) -> Iterator[str]:
    rules = {rule.id: _anchor(number, rule.id) for number, rule in enumerate(chart.rules, 1)}
    yield f"# {in_markdown(chart.title.in_(lang))}"
    for section in sections(chart, lang):
        yield from _section(section, lang, rules)
    yield from _events(chart, lang)
    if chart.rules:
        yield ""
        yield f"## {_RULES.in_(lang)}"
        yield ""
        for rule in chart.rules:
            yield f'- <a id="{rules[rule.id]}"></a>**{in_markdown(rule.id)}** {in_markdown(rule.text.in_(lang))}'


def _section(section: Section, lang: str, rules: dict[str, str]) -> Iterator[str]:
    if section.title:
        yield ""
        yield f"## {in_markdown(section.title)}"
    yield ""
    for state in section.states:
        yield (
            f"- **{in_markdown(state.id)}** {in_markdown(state.note.in_(lang))}"
            if state.note
            else f"- **{in_markdown(state.id)}**"
        )
    if section.lines:
        yield ""
        yield from _header(COLUMNS, lang)
    for line in section.lines:
        yield _row(
            (
                _listed(line.states),
                _listed(line.events, "**{}**"),
                _listed(line.conditions),
                _listed(line.effects),
                in_markdown(line.target),
                " ".join(_cited(rule, rules) for rule in line.rules),
            )
        )


def _events(chart: Chart, lang: str) -> Iterator[str]:
    if not any(event.note or event.origin for event in chart.events):
        return
    yield ""
    yield f"## {_EVENTS.in_(lang)}"
    yield ""
    yield from _header(_EVENT_COLUMNS, lang)
    for event in chart.events:
        words = (event.origin, event.note)
        yield _row((f"**{in_markdown(event.id)}**", *(in_markdown(each.in_(lang)) if each else "" for each in words)))


def _header(columns: tuple[Words, ...], lang: str) -> Iterator[str]:
    yield _row(column.in_(lang) for column in columns)
    yield _row("---" for _ in columns)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(names: Iterable[str], form: str = "{}") -> str:
    return ", ".join(form.format(in_markdown(name)) for name in names)


def _cited(rule: str, rules: dict[str, str]) -> str:
    return f"[{in_markdown(rule)}](#{rules[rule]})" if rule in rules else in_markdown(rule)


def in_markdown(text: str) -> str:
    """Text as it stands, without a meaning in Markdown. Never empty: what is to be bold must have something in it."""
    return _MARKS.sub(lambda match: f"&#{ord(match[0])};", clean(text)) or "&#160;"


def _anchor(number: int, rule: str) -> str:
    return f"rule-{rule if _ANCHOR.fullmatch(rule) else number}"
