"""Sphinx builds a site with the directive: what it asks for is in the page; what is wrong is told, with the line."""

from __future__ import annotations

import io
import pickle
import re
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any, Final

import html5lib
import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from nimauth.diagram import Drawing

from . import machines

HOSTILE: Final = "tests.diagram.machines:HOSTILE"
ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")

Build = Callable[..., tuple[Path, str]]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    def build(text: str, builder: str = "html", **config: Any) -> tuple[Path, str]:
        """The folder that was built, and all warnings."""
        (tmp_path / "index.rst").write_text(f"Title\n=====\n\n{text}", "utf-8")
        warnings = io.StringIO()
        confoverrides = {"extensions": ["nimauth.diagram.sphinx"], "html_theme": "basic", "language": "en", **config}
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                tmp_path,
                None,
                tmp_path / "out",
                tmp_path / "doctrees",
                builder,
                confoverrides,
                status=None,
                warning=warnings,
            )
            app.build()
        return tmp_path / "out", ANSI.sub("", warnings.getvalue())

    return build


def page(folder: Path) -> Any:
    return html5lib.parse((folder / "index.html").read_text("utf-8"), namespaceHTMLElements=False)


def test_a_machine_is_a_picture_in_both_themes_and_the_browser_chooses(build: Build) -> None:
    folder, warnings = build(".. nimauth-diagram::\n   :view: overview\n")

    assert warnings == ""
    picture = page(folder).find(".//picture")
    dark, light = picture.find("source"), picture.find("img")
    assert dark.get("media") == "(prefers-color-scheme: dark)"
    drawn = Drawing.of()
    assert (folder / light.get("src")).read_bytes() == drawn.render("svg", view="overview", theme="light")
    assert (folder / dark.get("srcset")).read_bytes() == drawn.render("svg", view="overview", theme="dark")


def test_a_picture_says_what_it_shows(build: Build) -> None:
    folder, _ = build(
        '.. nimauth-diagram::\n   :alt: how "we" <log in>\n\n.. nimauth-diagram::\n   :view: around:waiting\n'
    )

    assert [image.get("alt") for image in page(folder).iter("img")] == ['how "we" <log in>', "around waiting"]


def test_one_theme_one_language_and_another_format_can_be_asked_for(build: Build) -> None:
    folder, warnings = build(
        ".. nimauth-diagram::\n   :theme: dark\n   :lang: zh\n   :format: png\n   :view: overview\n"
    )

    assert warnings == ""
    assert page(folder).find(".//source") is None
    image = folder / page(folder).find(".//img").get("src")
    assert image.read_bytes() == Drawing.of().render("png", view="overview", lang="zh", theme="dark")


def test_without_a_language_it_is_that_of_the_documents(build: Build) -> None:
    folder, _ = build(".. nimauth-diagram::\n   :view: overview\n", language="zh_CN")

    assert page(folder).find(".//img").get("alt") == "登录生命周期"


def test_a_page_deeper_in_the_site_finds_its_picture(build: Build, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "page.rst").write_text(":orphan:\n\nDeep\n====\n\n.. nimauth-diagram::\n   :view: overview\n")
    folder, warnings = build("Nothing.\n")

    assert warnings == ""
    source = re.search(r'<img src="([^"]+)"', (folder / "deep" / "page.html").read_text("utf-8"))
    assert source
    assert (folder / "deep" / source[1]).is_file()


def test_a_table_is_a_table_of_the_page_with_links_to_its_rules(build: Build) -> None:
    folder, warnings = build(".. nimauth-diagram::\n   :format: table\n")

    assert warnings == ""
    root = page(folder)
    rows = [["".join(cell.itertext()).strip() for cell in row.iter("td")] for row in root.iter("tr")]
    assert ["connecting", "link_opened", "", "send login", "logging", ""] in rows
    assert ["logging", "accepted", "else", "", "logged_in", "R8"] in rows
    ids = {element.get("id") for element in root.iter() if element.get("id")}
    links = [a.get("href") for a in root.iter("a") if "-rule-" in a.get("href", "")]
    assert links
    assert {link.removeprefix("#") for link in links} <= ids
    # One that is wider than the page scrolls by itself.
    scrolling = [
        table for div in root.iter("div") if div.get("style") == "overflow-x: auto" for table in div.iter("table")
    ]
    assert scrolling == list(root.iter("table")) != []


def test_other_formats_are_shown_as_text(build: Build) -> None:
    folder, warnings = build(".. nimauth-diagram::\n   :format: mermaid\n   :view: overview\n")

    assert warnings == ""
    assert "".join(page(folder).find(".//pre").itertext()).strip() == f"{Drawing.of():mermaid view=overview}".strip()


@pytest.mark.parametrize("form", ["svg", "table", "plantuml", "csv"])
def test_hostile_names_stay_names(build: Build, form: str) -> None:
    folder, warnings = build(f".. nimauth-diagram:: {HOSTILE}\n   :format: {form}\n")

    assert warnings == ""
    text = (folder / "index.html").read_text("utf-8")
    assert "<script>alert" not in text
    assert "<script>alert(1)</script></style>-->]]>" in unescape(text) or form == "plantuml"


@pytest.mark.parametrize("builder", ["text", "latex", "man"])
def test_where_there_are_no_pictures_the_words_stand_for_it(build: Build, tmp_path: Path, builder: str) -> None:
    folder, warnings = build(
        ".. nimauth-diagram::\n   :alt: the login machine\n\n.. nimauth-diagram::\n   :format: table\n",
        builder,
        man_pages=[("index", "page", "", "", 1)],
    )

    assert warnings == ""
    made = next(file for file in folder.iterdir() if file.suffix in {".txt", ".tex", ".1"} and file.stem != "sphinx")
    assert "the login machine" in made.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (".. nimauth-diagram::\n   :view: everything\n", "there is no view 'everything'; there are whole, overview"),
        (".. nimauth-diagram::\n   :format: gif\n", "there is no format 'gif'; there are svg, png, table"),
        (".. nimauth-diagram::\n   :lang: fr\n", "there is no language 'fr'; there are en, zh"),
        (".. nimauth-diagram::\n   :theme: pink\n", "there is no theme 'pink'; there are auto, light, dark"),
        (".. nimauth-diagram::\n   :format: html\n", "an explorer is a page of its own"),
        (".. nimauth-diagram::\n   :colour: red\n", 'unknown option: "colour"'),
        (".. nimauth-diagram:: nonsense\n", "'nonsense' names no machine"),
        (".. nimauth-diagram:: no_such_module:x\n", "'no_such_module' cannot be imported"),
        (".. nimauth-diagram:: broken:x\n", "importing 'broken:x' failed: ZeroDivisionError"),
        (".. nimauth-diagram:: os:sep\n", "str"),
    ],
)
def test_what_goes_wrong_is_told_with_file_and_line(build: Build, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")

    _, warnings = build(text)

    assert f"{tmp_path / 'index.rst'}:4: ERROR: " in warnings
    assert said in warnings


def test_a_page_is_read_again_when_its_machine_has_changed(build: Build, tmp_path: Path) -> None:
    build(f".. nimauth-diagram:: {HOSTILE}\n   :format: table\n")

    remembered = pickle.loads((tmp_path / "doctrees" / "environment.pickle").read_bytes())
    assert machines.__file__ in map(str, remembered.dependencies["index"])
