"""What npm is to install, what is there, and the transport of a URL."""

from __future__ import annotations

import argparse
import asyncio
import errno
import math
import os
from pathlib import Path
from typing import Any

import pytest

from nimauth.cli import nim_setup
from nimauth.service import SDKOptions
from nimauth.transports.base import LimitsLogin, LinkFailed
from nimauth.transports.nim import NimTransport, from_url
from nimauth.transports.nim.setup import MAX_PACKAGE, VERSION, check, npm_command
from nimauth.transports.nim.transport import LONGEST_TIME, SDK_DIRECTORY
from nimauth.vocabulary.reasons import Reason

from ...aio import run
from .fake import fake_nim, install, request
from .tools import needs_node


def setup(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    nim_setup.add_arguments(parser)
    status = nim_setup.run(parser.parse_args(argv))
    return status, capsys.readouterr().out


def test_it_says_the_command_that_installs_the_version_that_was_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, told = setup(capsys, str(tmp_path / "nim sdk"))
    assert status == 1
    assert f"npm install --ignore-scripts --prefix '{tmp_path}/nim sdk' nim-web-sdk-ng@{VERSION} ws@8" in told
    assert "nim-web-sdk-ng is not installed" in told


def test_it_says_that_all_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs_node()
    status, told = setup(capsys, str(install(tmp_path)))
    assert status == 0, told
    assert "npm" not in told.splitlines()[0]
    assert f"{SDK_DIRECTORY}={tmp_path}" in told


def test_what_is_to_be_typed_is_quoted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs_node()
    (directory := tmp_path / "my nim; ls").mkdir()
    status, told = setup(capsys, str(install(directory)))
    assert status == 0, told
    assert f"{SDK_DIRECTORY}='{directory}'\n" in told


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "nim-web-sdk-ng/package.json",
            '{"version": "10.8.0"}',
            f"nim-web-sdk-ng is 10.8.0; nimauth is tested with {VERSION}",
        ),
        ("nim-web-sdk-ng/package.json", None, "nim-web-sdk-ng is not installed in "),
        ("nim-web-sdk-ng/package.json", "{", "its package.json is none; install it again"),
        ("nim-web-sdk-ng/package.json", "[]", "its package.json is none"),
        ("nim-web-sdk-ng/package.json", '{"version": 7}', "its package.json is none"),
        ("nim-web-sdk-ng/package.json", "[" * 200_000, "its package.json is none"),
        ("ws/package.json", '{"version": "8.0.0"}' + " " * MAX_PACKAGE, "ws in "),
        ("ws/package.json", '{"version": "7.5.0"}', "ws is 7.5.0; nimauth is tested with 8"),
        ("nim-web-sdk-ng/dist/nodejs/nim.js", None, "is missing: this version has none for Node"),
    ],
)
def test_it_says_what_is_wrong(tmp_path: Path, file: str, text: str | None, said: str) -> None:
    path = install(tmp_path) / "node_modules" / file
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    bad = [finding.text for finding in check(tmp_path) if not finding.good]
    assert any(said in one for one in bad)


def loop(directory: Path) -> Path:
    """A directory that nobody can look into, root neither."""
    (directory / "loop").symlink_to("loop")
    return directory / "loop"


def forbidden(monkeypatch: pytest.MonkeyPatch, *, number: int = errno.EACCES) -> None:
    """Below a directory called `closed` this user may see nothing. (Root may, whatever the mode is.)"""
    see = Path.stat

    def stat(path: Path, **how: Any) -> os.stat_result:
        if "closed" in [parent.name for parent in path.parents]:
            raise OSError(number, os.strerror(number), str(path))
        return see(path, **how)

    monkeypatch.setattr(Path, "stat", stat)


def test_a_directory_that_cannot_be_read_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_node()
    (tmp_path / "closed").mkdir()
    for directory, said in (
        (loop(tmp_path), "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "closed", "Permission denied"),
    ):
        if directory.name == "closed":
            forbidden(monkeypatch)
        with pytest.raises(LinkFailed) as failed:
            asyncio.run(NimTransport("app", sdk=directory).open())
        assert (failed.value.reason, failed.value.code) == (Reason.INVALID, 414)
        assert f"cannot be read ({said}); give a directory that this user may read" in failed.value.text
        status, told = setup(capsys, str(directory))
        assert status == 1
        assert f"cannot be read ({said}); give a directory" in told
        assert "npm" not in told, "it could put nothing there"


def test_a_package_that_cannot_be_read_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = install(tmp_path) / "node_modules" / "ws" / "package.json"
    file.unlink()
    file.symlink_to("package.json")
    status, told = setup(capsys, str(tmp_path))
    assert status == 1
    assert f"ws in {tmp_path} cannot be read (Too many levels of symbolic links); install it again" in told


def test_a_shortage_while_the_sdk_is_looked_for_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_node()
    (tmp_path / "closed").mkdir()
    forbidden(monkeypatch, number=errno.ENOMEM)
    with pytest.raises(LinkFailed, match="as the system is short of something") as failed:
        asyncio.run(NimTransport("app", sdk=tmp_path / "closed").open())
    assert failed.value.reason is Reason.NET
    assert isinstance(failed.value.__cause__, OSError)


@pytest.mark.parametrize("below", ["", "/nim"])
def test_a_file_is_no_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str) -> None:
    file = tmp_path / "passwd"
    file.touch()
    status, told = setup(capsys, f"{file}{below}")
    assert status == 1
    assert f"{file} is a file; give a directory" in told
    assert "npm" not in told, "it could put nothing there"


def test_a_directory_that_is_not_there_yet_can_become_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = setup(capsys, str(tmp_path / "new" / "nim"))
    assert f"npm install --ignore-scripts --prefix {tmp_path}/new/nim " in told


@pytest.mark.parametrize(
    ("says", "said"), [("v18.20.0", "Node.js is v18.20.0; install 20"), ("", "does not tell its version")]
)
def test_an_old_node_is_told_of(tmp_path: Path, says: str, said: str) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {says}\n")
    node.chmod(0o755)
    first = next(check(tmp_path, str(node)))
    assert not first.good
    assert said in first.text
    assert "is not there" in next(check(tmp_path, "no-such-node")).text


def test_npm_runs_no_script_of_a_package() -> None:
    assert "--ignore-scripts" in npm_command(Path("d"))


def test_a_session_waits_for_a_login_as_long_as_the_sdk_may_take() -> None:
    transport = NimTransport("APP", sdk=Path("x"), login_timeout=50)
    assert isinstance(transport, LimitsLogin)
    assert SDKOptions().login_timeout(transport) > 50


# -- the transport of a URL --------------------------------------------------------------------------------------------


def test_a_url_names_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SDK_DIRECTORY, "/opt/nim")
    assert from_url("nim:APPKEY") == NimTransport("APPKEY", sdk=Path("/opt/nim"))
    private = from_url("nim:APPKEY?sdk=/srv/nim&lbs=https://im.example.org/lbs&link=im.example.org:443", "demo")
    assert private == NimTransport(
        "APPKEY", sdk=Path("/srv/nim"), lbs_urls=["https://im.example.org/lbs"], link_url="im.example.org:443"
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nim:", "an app key comes after nim:"),
        ("nim://APPKEY", "no // before it"),
        ("nim://[", "no // before it"),
        ("nim://[4711?sdk=/x", "no // before it"),
        ("nim:?sdk=/x", "an app key comes after nim:"),
        ("ws:KEY", "an app key comes after nim:"),
        ("nim:KEY\n4711", "control characters"),
        ("nim:KEY#4711?sdk=/x&lbs=https://im.example.org/lbs&link=im.example.org:443", "a # in it"),
        ("nim:KEY?sdk=/x&lbs=https://im.example.org/lbs#4711&link=im.example.org:443", "a # in it"),
        ("nim:KEY#", "a # in it"),
        ("nim:KEY?token=secret-4711", "what may be asked for is sdk, lbs, link, node"),
        ("nim:KEY?lbs=https://im.example.org/lbs?a=1&b=4711&link=im.example.org:443", "a & in a value is written %26"),
        ("nim:KEY?sdk=/x&lbs=&link=", "lbs is empty"),
        ("nim:KEY?sdk=/x&link=&lbs=", "is empty"),
        ("nim:KEY?sdk=", "sdk is empty"),
        ("nim:KEY?sdk", "sdk is empty"),
        ("nim:KEY?node=", "node is empty"),
        ("nim:KEY?sdk=/x&sdk=/4711", "sdk is given twice"),
        ("nim:KEY?lbs=http://a&link=a:1&link=b:4711", "link is given twice"),
        ("nim:KEY?sdk=/4711%FF", "no UTF-8"),
        ("nim:KEY?sdk=/x&", "what may be asked for"),
    ],
)
def test_a_url_that_is_none_is_refused_without_being_shown(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SDK_DIRECTORY, "/opt/nim")
    with pytest.raises(ValueError, match="give nim:APPKEY, or nim:APPKEY") as refused:
        from_url(url)
    assert said in str(refused.value)
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "meant"), [("/opt/c++", "/opt/c++"), ("/opt/my%20nim", "/opt/my nim"), ("/opt/%2B%26%23", "/opt/+&#")]
)
def test_a_directory_in_a_url_is_the_one_that_is_meant(written: str, meant: str) -> None:
    assert from_url(f"NIM:KEY?sdk={written}").sdk == Path(meant)


def test_a_url_may_name_several_addresses_to_ask() -> None:
    transport = from_url("nim:KEY?sdk=/x&lbs=https://a.example/lbs?k=v&lbs=https://b.example/lbs&link=c.example:443")
    assert transport.lbs_urls == ("https://a.example/lbs?k=v", "https://b.example/lbs")


def test_a_url_without_a_directory_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SDK_DIRECTORY, raising=False)
    with pytest.raises(ValueError, match="nim-setup"):
        from_url("nim:APPKEY")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"app_key": ""}, "app_key"),
        ({"app_key": "a\nb"}, "app_key"),
        ({"custom_tag": "x" * 33}, "at most 32"),
        ({"lbs_urls": ["https://im.example.org"]}, "give both"),
        ({"link_url": "im.example.org:443"}, "give both"),
        ({"lbs_urls": "https://im.example.org", "link_url": "x:1"}, "a list of URLs"),
    ],
)
def test_what_can_never_work_is_refused_when_it_is_made(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NimTransport(**{"app_key": "APP", "sdk": Path("x"), **options})


@pytest.mark.parametrize("name", ["start_timeout", "login_timeout", "timeout", "close_timeout", "heartbeat", "grace"])
@pytest.mark.parametrize("value", [0, -1, -0.5, math.inf, -math.inf, math.nan, 10**400, 1e300, "9", None, True, [1]])
def test_a_time_that_can_never_work_is_refused_when_it_is_made(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is no usable time; give a number of seconds above 0"):
        NimTransport("APP", sdk=Path("x"), **{name: value})


def test_the_longest_time_fits_into_what_the_sdk_is_told(tmp_path: Path) -> None:
    needs_node()

    async def test() -> None:
        async with fake_nim(tmp_path) as nim:
            link = await nim.transport(login_timeout=LONGEST_TIME, heartbeat=LONGEST_TIME).open()
            await link.login(request())
            assert (await nim.until("login"))["option"]["timeout"] == 10**12
            await link.close()

    run(test())
