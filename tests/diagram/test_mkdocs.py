"""MkDocs builds a site with the fence: what it asks for is in the page; what is wrong ends the build, with the line."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any, Final

import html5lib
import pytest
from mkdocs.commands.build import build as build_site
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from nimauth.diagram import Drawing
from nimauth.diagram.mkdocs import Plugin

HOSTILE: Final = "tests.diagram.machines:HOSTILE"

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def build(text: str, name: str = "index.md", **options: Any) -> Path:
        """The folder that was built."""
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / "index.md").write_text("# Home\n", "utf-8")
        (tmp_path / "docs" / name).write_text(text, "utf-8")
        (tmp_path / "mkdocs.yml").touch()
        plugin = Plugin()
        config = load_config(
            str(tmp_path / "mkdocs.yml"), site_name="Site", site_dir=str(tmp_path / "site"), plugins=[], strict=True
        )
        plugin.load_config(options, str(tmp_path / "mkdocs.yml"))
        config.plugins["nimauth"] = plugin
        build_site(config)
        return tmp_path / "site"

    return build


def fence(*lines: str) -> str:
    return "\n".join(("```nimauth-diagram", *lines, "```"))


def page(file: Path) -> Any:
    return html5lib.parse(file.read_text("utf-8"), namespaceHTMLElements=False).find(".//*[@role='main']")


def test_a_machine_is_a_picture_in_both_themes_and_the_browser_chooses(build: Build) -> None:
    site = build(f"# Title\n\n{fence('view: overview')}\n\nAfter.\n")

    picture = page(site / "index.html").find(".//picture")
    dark, light = picture.find("source"), picture.find("img")
    assert dark.get("media") == "(prefers-color-scheme: dark)"
    drawn = Drawing.of()
    assert (site / light.get("src")).read_bytes() == drawn.render("svg", view="overview", theme="light")
    assert (site / dark.get("srcset")).read_bytes() == drawn.render("svg", view="overview", theme="dark")
    assert "After." in [text.text for text in page(site / "index.html").iter("p")]


def test_a_picture_says_what_it_shows(build: Build) -> None:
    site = build(f"{fence('alt: how we <log in>: a picture')}\n\n{fence('view: around:waiting')}\n")

    alts = [image.get("alt") for image in page(site / "index.html").iter("img")]
    assert alts == ["how we <log in>: a picture", "around waiting"]


def test_one_theme_one_language_and_another_format_can_be_asked_for(build: Build) -> None:
    site = build(fence("theme: dark", "lang: zh", "format: png", "view: overview"))

    assert page(site / "index.html").find(".//source") is None
    image = site / page(site / "index.html").find(".//img").get("src")
    assert image.read_bytes() == Drawing.of().render("png", view="overview", lang="zh", theme="dark")


def test_the_plugin_may_name_the_language(build: Build) -> None:
    site = build(fence("view: overview"), lang="zh")

    assert page(site / "index.html").find(".//img").get("alt") == "登录生命周期"


def test_a_page_deeper_in_the_site_finds_its_picture(build: Build) -> None:
    site = build(f"# Page\n\n{fence('view: overview')}\n", "page.md")

    source = page(site / "page" / "index.html").find(".//img").get("src")
    assert source.startswith("../assets/")
    assert (site / "page" / source).resolve().is_file()


def test_a_table_is_a_table_of_the_page_with_links_to_its_rules(build: Build) -> None:
    root = page(build(f"# Title\n\n{fence('format: table')}\n") / "index.html")

    rows = [["".join(cell.itertext()).strip() for cell in row.iter("td")] for row in root.iter("tr")]
    assert ["connecting", "link_opened", "", "send login", "logging", ""] in rows
    assert ["logging", "accepted", "else", "", "logged_in", "R8"] in rows
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    links = {a.get("href").removeprefix("#") for a in root.iter("a") if a.get("href", "").startswith("#rule-")}
    assert links
    assert links <= ids
    assert ["".join(title.itertext()) for title in root.iter("h1")] == ["Title"]


def test_other_formats_become_fences_so_that_a_theme_may_draw_them(build: Build) -> None:
    code = page(build(fence("format: mermaid", "view: overview")) / "index.html").find(".//pre/code")

    assert code.get("class") == "language-mermaid"
    assert "".join(code.itertext()) == f"{Drawing.of():mermaid view=overview}"


def test_a_fence_inside_of_a_list_stays_there(build: Build) -> None:
    fenced = fence("view: overview").replace("\n", "\n    ")
    root = page(build(f"- item\n\n    {fenced}\n") / "index.html")

    assert root.find(".//li//img") is not None


def test_a_fence_inside_of_another_fence_is_an_example(build: Build) -> None:
    root = page(build(f"````markdown\n{fence('view: overview')}\n````\n") / "index.html")

    assert root.find(".//img") is None
    assert "".join(root.find(".//code").itertext()) == f"{fence('view: overview')}\n"


def test_a_machine_beside_mkdocs_yml_is_found(build: Build, tmp_path: Path) -> None:
    (tmp_path / "gate_of_mine.py").write_text("from tests.diagram.machines import TURNSTILE as machine\n")

    site = build(fence("machine: gate_of_mine:machine"))

    assert page(site / "index.html").find(".//img").get("alt") == "turnstile"


@pytest.mark.parametrize("form", ["svg", "table", "plantuml", "csv"])
def test_hostile_names_stay_names(build: Build, form: str) -> None:
    text = (build(fence(f"machine: {HOSTILE}", f"format: {form}")) / "index.html").read_text("utf-8")

    assert "<script>alert" not in text
    assert "<script>alert(1)</script></style>-->]]>" in unescape(text) or form == "plantuml"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("view: everything", "there is no view 'everything'; there are whole, overview"),
        ("format: gif", "there is no format 'gif'; there are svg, png, table"),
        ("lang: fr", "there is no language 'fr'; there are en, zh"),
        ("theme: pink", "there is no theme 'pink'; there are auto, light, dark"),
        ("format: html", "an explorer is a page of its own"),
        ("colour: red", "there is no option 'colour'; there are view, lang"),
        ("overview", "'overview' is no option; write name: value, where name is one of machine, view"),
        ("machine: nonsense", "'nonsense' names no machine"),
        ("machine: no_such_module:x", "'no_such_module' cannot be imported"),
        ("machine: broken_module:x", "importing 'broken_module:x' failed: ZeroDivisionError"),
    ],
)
@pytest.mark.parametrize("front", ["", "---\ntitle: x\n---\n\n"])
def test_what_goes_wrong_ends_the_build_with_file_and_line(
    build: Build, tmp_path: Path, caplog: pytest.LogCaptureFixture, line: str, said: str, front: str
) -> None:
    (tmp_path / "broken_module.py").write_text("1 / 0\n")

    with pytest.raises(Abort):
        build(f"{front}# Title\n\n{fence(line)}\n")

    told = caplog.messages[-1]
    assert told.startswith(f"index.md:{len(front.splitlines()) + 3}: nimauth-diagram: ")
    assert said in told
