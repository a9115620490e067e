"""The drawings in diagrams/ are as the machine is; the command writes, checks and prints them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import markdown
import pytest
from attrs import evolve

from nimauth.cli import main
from nimauth.diagram import FORMATS, Drawing, NoFormat
from nimauth.diagram.gallery import stale, write
from nimauth.diagram.model import Selection, Words

from .machines import HOSTILE, LIFT, TURNSTILE, Turnstile

ROOT = Path(__file__).parents[2]
LIFT_NAME = "tests.diagram.machines:LIFT"


@pytest.fixture(scope="module")
def lift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all the drawings of a machine."""
    folder = tmp_path_factory.mktemp("lift")
    write(Drawing.of(LIFT), folder)
    return folder


def test_the_committed_drawings_are_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["diagram", "--check", str(ROOT / "diagrams")])
    assert (status, capsys.readouterr().err) == (0, "")


def test_a_folder_that_was_just_written_is_as_the_machine_is(lift: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagram", LIFT_NAME, "--check", str(lift)]) == 0
    assert "as the machine is" in capsys.readouterr().out


def test_a_stale_drawing_is_told_with_its_difference_and_what_to_do(
    lift: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = lift / "table.md"
    was = page.read_text("utf-8")
    page.write_text(was.replace("alarm", "alert"), "utf-8")
    try:
        assert main(["diagram", LIFT_NAME, "--check", str(lift)]) == 1
    finally:
        page.write_text(was, "utf-8")
    told = capsys.readouterr().err
    assert "table.md is stale:" in told
    assert re.search(r"^-.*alert", told, re.MULTILINE)
    assert re.search(r"^\+.*alarm", told, re.MULTILINE)
    assert f"write them anew: nimauth diagram {LIFT_NAME} --write {lift}" in told


def test_a_missing_drawing_and_one_that_is_made_no_longer_are_told(lift: Path) -> None:
    overview = lift / "overview.svg"
    was = overview.read_bytes()
    overview.rename(lift / "older.svg")
    (lift / "notes.txt").write_text("not a drawing, so nobody minds it")
    try:
        found = list(stale(Drawing.of(LIFT), lift))
    finally:
        (lift / "older.svg").unlink()
        overview.write_bytes(was)
    assert found == ["overview.svg is missing", "older.svg is not one of the drawings; delete it"]


def test_the_drawings_of_another_machine_are_all_stale(lift: Path) -> None:
    assert "table.md is stale" in "".join(stale(Drawing.of(Turnstile), lift))


def test_what_people_read_is_told_before_what_is_mostly_coordinates(lift: Path) -> None:
    told = list(stale(Drawing.of(Turnstile), lift))
    read = [Path(one.split()[0]).suffix in (".md", ".csv", ".mmd", ".puml") for one in told]
    assert read == sorted(read, reverse=True)
    for one, is_read in zip(told, read, strict=True):
        assert len(one.splitlines()) <= (21 if is_read else 7)


def test_what_has_changed_in_a_picture_is_shown(lift: Path) -> None:
    picture = lift / "whole.svg"
    was = picture.read_bytes()
    assert was.count(b">alarm<") == 1
    picture.write_bytes(was.replace(b">alarm<", b">alert<"))
    try:
        (told,) = stale(Drawing.of(LIFT), lift)
    finally:
        picture.write_bytes(was)
    assert re.search(r"^-.*alert", told, re.MULTILINE)
    assert re.search(r"^\+.*alarm", told, re.MULTILINE)


def test_lines_that_end_otherwise_are_told_so(lift: Path) -> None:
    page = lift / "whole.mmd"
    was = page.read_bytes()
    page.write_bytes(was.replace(b"\n", b"\r\n"))
    try:
        (told,) = stale(Drawing.of(LIFT), lift)
    finally:
        page.write_bytes(was)
    assert told.startswith("whole.mmd is stale: its lines end otherwise")


def test_no_name_of_a_machine_means_anything_in_a_folder_of_drawings(tmp_path: Path) -> None:
    folder = tmp_path / "drawings"
    parts = (Selection("../out <b>", Words("a part"), frozenset({0})),)
    names = write(Drawing(evolve(HOSTILE, selections=parts)), folder)
    assert {path.name for path in folder.iterdir()} == set(names)
    assert [path.name for path in tmp_path.iterdir()] == ["drawings"]
    page = markdown.markdown((folder / "README.md").read_text("utf-8"))
    assert "<script" not in page
    assert "<b>" not in page


def test_a_difference_is_told_in_lines_that_can_be_read(lift: Path) -> None:
    page = lift / "explorer.html"
    was = page.read_bytes()
    page.write_bytes(b"\xff\xfe rubbish" * 100_000)
    try:
        (told,) = stale(Drawing.of(LIFT), lift)
    finally:
        page.write_bytes(was)
    assert len(told.splitlines()) < 30
    assert max(map(len, told.splitlines())) < 200


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "machine", [None, Turnstile, TURNSTILE, LIFT, HOSTILE], ids=["login", "class", "bare", "lift", "hostile"]
)
def test_every_machine_can_be_had_in_every_format_again_and_alike(machine: object, form: str) -> None:
    first, second = (Drawing.of(machine).render(form) for _ in range(2))
    assert first
    assert first == second


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.picture and name != "png"])
def test_view_language_and_theme_make_a_difference(name: str) -> None:
    login = Drawing.of()
    told = {
        login.render(name),
        login.render(name, view="overview"),
        login.render(name, lang="zh"),
        login.render(name, theme="dark"),
    }
    assert len(told) == 4


def test_a_machine_formats_itself() -> None:
    login = Drawing.of()
    assert f"{login:mermaid}" == login.render("mermaid").decode()
    assert (
        f"{login:dot view=around:waiting lang=zh theme=dark}"
        == login.render("dot", view="around:waiting", lang="zh", theme="dark").decode()
    )


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("gif", "there is no format 'gif'; there are svg, png, mermaid"),
        ("mermaid size=3", "a drawing has no option 'size'; there are view, lang, theme"),
        ("mermaid lang=fr", "there is no language 'fr'; there are en, zh"),
        ("mermaid theme=pink", "there is no theme 'pink'; there are light, dark"),
        ("png", "a PNG is no text"),
        ("csv view=zzz", "csv tells the whole machine and has no views"),
    ],
)
def test_a_format_that_there_is_not_is_refused_in_a_sentence(spec: str, why: str) -> None:
    with pytest.raises(NoFormat, match=re.escape(why)):
        format(Drawing.of(LIFT), spec)


def test_a_file_is_written_in_the_format_of_its_suffix(tmp_path: Path) -> None:
    for form, kind in FORMATS.items():
        path = tmp_path / f"lift{kind.suffix}"
        assert main(["diagram", LIFT_NAME, "-o", str(path)]) == 0
        assert path.read_bytes() == Drawing.of(LIFT).render(form)


def test_a_suffix_may_be_in_upper_case(tmp_path: Path) -> None:
    assert main(["diagram", LIFT_NAME, "-o", str(tmp_path / "lift.SVG")]) == 0
    assert (tmp_path / "lift.SVG").read_bytes() == Drawing.of(LIFT).render("svg")


def test_a_machine_of_ones_own_lies_where_the_command_is_called(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from transitions import Machine\n"
        "class Held:\n"
        "    machine = Machine(model=None, states=['a', 'b'], initial='a', transitions=[['go', 'a', 'b']],\n"
        "                      auto_transitions=False)\n"
    )
    command = [sys.executable, "-m", "nimauth", "diagram", "mine:Held.machine", "--format", "csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    assert b"a,go" in done.stdout
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["no.such:thing"], "'no.such' cannot be imported"),
        (["nimauth"], "'nimauth' names no machine"),
        (["--view", "x"], "there is no view 'x'"),
        (["--view", "around:x"], "there is no state 'x'"),
        (["-o", "/no/such/folder/file.svg"], "No such file or directory"),
        (
            ["-o", "picture.jpg"],
            "picture.jpg does not say in which format; say --format, or end it in one of .svg,",
        ),
        (["-o", "picture"], "picture does not say in which format"),
        (["nothing:machine"], "NoneType is no machine"),
        (["broken:machine"], "importing 'broken:machine' failed: ZeroDivisionError('division by zero')"),
        (["--write", "x", "--view", "ends"], "a folder has every drawing; leave --view out"),
        (["--check", "x", "--format", "svg"], "a folder has every drawing; leave --format out"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_a_sentence(
    arguments: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing.py").write_text("machine = None")
    (tmp_path / "broken.py").write_text("machine = 1 / 0")
    assert main(["diagram", *arguments]) == 1
    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


def test_without_graphviz_a_picture_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert main(["diagram", LIFT_NAME, "--format", "svg"]) == 1
    assert "nimauth[diagrams]" in capsys.readouterr().err
    assert main(["diagram", LIFT_NAME, "--format", "mermaid"]) == 0
