"""A picture is clear: nothing runs through a label, no text is cut, everything can be read, and it never changes."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import product
from math import dist
from pathlib import Path
from typing import Any, Final

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from nimauth.diagram import chart_of, views_of
from nimauth.diagram.layout import MissingExtra, plan_of
from nimauth.diagram.login import login_chart
from nimauth.diagram.measure import lines
from nimauth.diagram.model import Chart, Role
from nimauth.diagram.render import png as pixels
from nimauth.diagram.render import svg as vectors
from nimauth.diagram.themes import DARK, LIGHT, THEMES
from nimauth.diagram.views import view

from .browser import Browser, browser, window
from .geometry import NAMESPACE, Rect, contrast, see
from .machines import HOSTILE, LIFT, NASTY, Turnstile, any_groups, in_groups

__all__ = ["browser"]

CHARTS: Final = {"login": login_chart(), "turnstile": chart_of(Turnstile), "lift": chart_of(LIFT), "hostile": HOSTILE}
PNG: Final = b"\x89PNG\r\n\x1a\n"


def views(chart: Chart) -> list[str]:
    return [*views_of(chart), *(f"around:{state.id}" for state in chart.states)]


EVERY: Final = [
    pytest.param(name, which, lang, id=f"{name}-{number}-{lang}")
    for name, chart in CHARTS.items()
    for (number, which), lang in product(enumerate(views(chart)), ("en", "zh"))
]


@cache
def svg(name: str, which: str, lang: str = "en", theme: str = "light") -> str:
    return vectors.render(view(CHARTS[name], which, lang), THEMES[theme])


def tree(text: str) -> Any:
    return etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False))


@pytest.mark.parametrize(("name", "which", "lang"), EVERY)
def test_nothing_runs_through_a_label_and_no_text_is_cut(name: str, which: str, lang: str) -> None:
    assert list(see(svg(name, which, lang)).faults()) == []


def test_an_arrow_that_leads_past_many_boxes_keeps_clear_of_the_labels_beside_them() -> None:
    rows = [("event_0", "b", "d"), ("event_1", "d", "c"), ("event_2", "g", "b"), ("event_3", "c", "f")]
    chart = in_groups(dict.fromkeys("abcdefg", "x"), [*rows, ("event_4", "a", "d")])
    assert list(see(vectors.render(view(chart, "whole"), LIGHT)).faults()) == []


@pytest.mark.parametrize(("name", "which", "lang"), EVERY)
def test_no_arrow_starts_where_another_ends(name: str, which: str, lang: str) -> None:
    """Or it looks as if that led both ways."""
    picture = view(CHARTS[name], which, lang)
    ways = plan_of(picture).ways
    starts = [way.curves[0].points[0] for way in ways.values()]
    tips = [way.curves[-1].points[-1] for way in ways.values()]
    assert [(start, tip) for start, tip in product(starts, tips) if dist(start, tip) < 4] == []


@pytest.mark.parametrize("seeds", [range(start, start + 50) for start in range(0, 300, 50)], ids=str)
def test_so_it_is_for_any_machine_with_groups(seeds: range) -> None:
    for seed in seeds:
        faults = list(see(vectors.render(view(any_groups(seed), "whole"), LIGHT)).faults())
        assert faults == [], f"any_groups({seed})"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("name", "which", "lang"), EVERY)
def test_every_text_can_be_read_on_what_it_stands_on(name: str, which: str, lang: str, theme: str) -> None:
    assert list(see(svg(name, which, lang, theme)).faint()) == []


@pytest.mark.parametrize(("name", "which", "lang"), EVERY)
def test_everything_in_the_picture_is_drawn_under_its_number_and_says_its_role(
    name: str, which: str, lang: str
) -> None:
    picture = view(CHARTS[name], which, lang)
    groups = [group for group in tree(svg(name, which, lang)).iter() if group.get("id")]
    drawn = {group.get("id"): group.get("class").split() for group in groups}
    assert set(drawn) == {
        *(f"box-{number}" for number, _ in enumerate(picture.boxes)),
        *(f"frame-{number}" for number, _ in enumerate(picture.frames)),
        *(f"arrow-{number}" for number, _ in enumerate(picture.arrows)),
    }
    for number, arrow in enumerate(picture.arrows):
        assert f"role-{arrow.role}" in drawn[f"arrow-{number}"]
        assert ("main" in drawn[f"arrow-{number}"]) == arrow.main or arrow.source == arrow.target
    for number, box in enumerate(picture.boxes):
        assert f"role-{box.role}" in drawn[f"box-{number}"]


@pytest.mark.parametrize(("name", "which", "lang"), EVERY)
def test_an_svg_is_one_plain_element_that_loads_and_runs_nothing(name: str, which: str, lang: str) -> None:
    text = svg(name, which, lang)
    assert text.startswith("<svg ")
    assert not {"<!", "<?"} & {text[place : place + 2] for place in range(len(text))}
    root = tree(text)
    known = {"svg", "title", "desc", "g", "rect", "circle", "path", "text", "tspan"}
    assert {etree.QName(element).localname for element in root.iter()} <= known
    attributes = {name for element in root.iter() for name in element.attrib}
    assert "style" not in attributes
    assert not [name for name in attributes if "href" in name or name.startswith("on")]
    assert root.get("role") == "img"
    assert root.find(f"{NAMESPACE}title") is not None
    assert root.find(f"{NAMESPACE}desc").text


def test_all_words_of_a_label_are_in_the_picture() -> None:
    picture = view(CHARTS["login"], "whole")
    root = tree(svg("login", "whole"))
    for number, arrow in enumerate(picture.arrows):
        group = next(group for group in root.iter(f"{NAMESPACE}g") if group.get("id") == f"arrow-{number}")
        said = "".join(part for text in group.iter(f"{NAMESPACE}tspan") for part in (*text.xpath("text()"), " "))
        for label in arrow.labels:
            for word in (*label.events, *label.guards, *label.effects, *label.rules):
                assert all(part in said for part in word.split())


def test_a_rule_has_its_text_as_a_tooltip() -> None:
    picture = view(CHARTS["login"], "whole", "zh")
    texts = {rule.id: rule.text for rule in picture.rules}
    cited = [
        part for part in tree(svg("login", "whole", "zh")).iter(f"{NAMESPACE}tspan") if part.get("class") == "rule"
    ]
    assert cited
    for part in cited:
        (title,) = part
        rule = "".join(part.xpath("text()"))
        assert title.text == f"{rule}: {texts[rule]}"


def test_a_hostile_name_is_shown_as_it_is() -> None:
    words = " ".join(tree(svg("hostile", "whole")).itertext())
    assert NASTY["entities"] in words
    assert NASTY["templates"] in words
    assert NASTY["chinese"] in words


def test_the_main_path_is_heavier_and_what_ends_has_its_own_colour() -> None:
    root = tree(svg("login", "overview"))
    weights: dict[str, set[float]] = {"main": set(), "other": set()}
    for group in root.iter(f"{NAMESPACE}g"):
        if "arrow" in group.get("class", "").split():
            for path in group.iter(f"{NAMESPACE}path"):
                if path.get("fill") == "none":
                    weights["main" if "main" in group.get("class") else "other"].add(float(path.get("stroke-width")))
                    ended = "role-ended" in group.get("class")
                    assert (path.get("stroke") == LIGHT.roles[Role.ENDED].line) == ended
    assert min(weights["main"]) > max(weights["other"])


@pytest.mark.parametrize("width", range(40, 200, 7))
def test_in_chinese_no_line_begins_with_what_closes(width: int) -> None:
    text = "打开本地数据（若未打开），关闭连接；清除（登录失败）。"
    broken = lines(text, width, 11)
    assert "".join(broken) == text
    assert not [line for line in broken if line[0] in "），；。"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_overview_can_be_read_on_a_page_without_zooming(lang: str) -> None:
    picture = see(svg("login", "overview", lang)).view
    assert picture.right <= 850
    assert picture.bottom <= 850


def test_the_same_picture_is_drawn_with_any_fonts_or_none(tmp_path: Path) -> None:
    """In a process of its own, as fonts are looked for once."""
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    program = (
        "import sys\n"
        "from nimauth.diagram import Drawing\n"
        "for view in ('whole', 'overview', 'ends'):\n"
        "    sys.stdout.buffer.write(Drawing.of().render('svg', view=view, lang='zh'))\n"
    )
    drawn = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"), "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert drawn.stdout.decode() == "".join(svg("login", which, "zh") for which in ("whole", "overview", "ends"))
    assert drawn.stderr == b""


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("which", ["whole", "overview", "auto-login"])
def test_a_browser_cuts_no_text_either(browser: Browser, which: str, lang: str) -> None:
    """Ours is a table of widths; this is a real font."""
    with window(browser) as page:
        page.set_content(svg("login", which, lang))
        cut = page.evaluate(
            """() => [...document.querySelectorAll('svg g > rect')].flatMap((rect) => {
                if (rect.parentElement.closest('.legend, .frame')) return [];
                const outer = rect.getBoundingClientRect();
                return [...rect.parentElement.querySelectorAll('text')].filter((text) => {
                    const inner = text.getBoundingClientRect();
                    return inner.left < outer.left || inner.right > outer.right;
                }).map((text) => text.textContent);
            })"""
        )
    assert cut == []


@pytest.mark.parametrize("name", CHARTS)
def test_a_png_is_the_svg_with_two_pixels_for_each_point(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    made = pixels.render(view(CHARTS[name], "whole"), DARK)
    assert made.startswith(PNG)
    size = [int.from_bytes(made[start : start + 4], "big") for start in (16, 20)]
    whole = see(svg(name, "whole")).view
    assert size == [pytest.approx(2 * whole.right, abs=1), pytest.approx(2 * whole.bottom, abs=1)]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("package", "renders"), [("pygraphviz", (vectors, pixels)), ("resvg_py", (pixels,))])
def test_without_an_extra_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str, renders: tuple[Any, ...]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    picture = view(CHARTS["turnstile"], "whole")
    for each in renders:
        with pytest.raises(MissingExtra, match=r"pip install 'nimauth\[diagrams\]'"):
            each.render(picture, LIGHT)


# -- the judge is judged -----------------------------------------------------------------------------------------------


def test_what_stands_in_the_way_is_found() -> None:
    sight = see(svg("login", "overview"))
    label, other = sight.labels[:2]
    sight.labels.append(Rect("a stray label", label.left + 3, label.top + 3, label.right + 3, label.bottom + 3))
    sight.lines.append(("a stray line", [(other.left - 9, other.top + 9), (other.left + 9, other.top + 9)]))
    sight.boxes.append(Rect("a stray box", -5, 0, 5, 5))
    faults = " | ".join(sight.faults())
    assert "overlaps a stray label" in faults
    assert "a stray line runs through" in faults
    assert "a stray box leaves the picture" in faults


def test_contrast_is_reckoned_as_everybody_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
