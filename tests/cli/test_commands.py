"""serve, login, run, status, logout, adapter: as a person uses them, and everything that can be typed wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from nimauth.stores.permit import peek

from .helpers import DEADLINE, Running, nimauth, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, "serve") as server:
        yield server


@pytest.fixture
def url(server: Running) -> str:
    address: str = json.loads(server.until("url")[-1])["url"]
    server.say("token a sesame-47114711")
    server.until("ok")
    return address


TOKEN = "sesame-47114711"


def test_login_stays_online_tells_every_status_and_ends_with_ctrl_c(tmp_path: Path, server: Running, url: str) -> None:
    for how in (signal.SIGINT, signal.SIGTERM):
        with running(tmp_path, "login", "--server", url, "--account", "a", said=TOKEN) as login:
            lines = login.until("Ctrl-C")
            told = [line.split()[1] for line in lines[:-1] if not line.endswith("open")]
            assert (
                told == ["unLogin", "connecting", "logging", "loggedIn", "dataSyncStart", "dataSyncFinish"][: len(told)]
            )
            assert "loggedIn" in told
            assert any("local data of a is open" in line for line in lines)
            status, out, err = login.interrupt(how)
            assert status == 0
            assert "no logout" in out
            assert "Traceback" not in err


def test_login_tells_why_a_session_ended_and_gives_1(tmp_path: Path, server: Running, url: str) -> None:
    with running(tmp_path, "login", "--server", url, "--account", "a", said=TOKEN) as login:
        login.until("Ctrl-C")
        server.say("kick a")
        lines = login.until("kickOut")
        assert "the server ended the session" in lines[-1]
        assert login.process.wait(30) == 1


def test_a_wrong_token_gives_one_sentence_and_1(tmp_path: Path, url: str) -> None:
    done = nimauth(tmp_path, "login", "--server", url, "--account", "a", said="sesame-wrong\n")
    assert done.returncode == 1
    assert "pwdError" in done.stdout
    assert done.stderr.splitlines()[-1].startswith(
        "nimauth: the login of 'a' failed: the account or the token is wrong; ask the person for them again (code 302)"
    )
    assert "sesame" not in done.stdout + done.stderr
    told = nimauth(tmp_path, "status").stdout
    assert "nobody would be logged in by itself since 20" in told
    assert "R4" in told
    refused = nimauth(tmp_path, "run", "--server", url)
    assert refused.returncode == 1
    assert "nobody would be logged in by itself since 20" in refused.stderr
    assert "R4" in refused.stderr


def test_ctrl_c_before_the_login_is_done_is_no_success(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        with running(tmp_path, "login", "--server", url, "--account", "a", said=TOKEN) as login:
            login.until("connecting")
            status, _, err = login.interrupt()
            assert status == 130
            assert "Traceback" not in err


def test_a_session_that_nobody_reads_ends(tmp_path: Path, server: Running, url: str) -> None:
    with running(tmp_path, "login", "--server", url, "--account", "a", said=TOKEN) as login:
        login.until("Ctrl-C")
        assert login.process.stdout is not None
        login.process.stdout.close()
        server.say("drop a")
        assert login.process.wait(30) == 0


def test_a_mistyped_url_voids_no_saved_login(tmp_path: Path) -> None:
    permit = tmp_path / ".local/state/nimauth/nimauth/default/permit.json"
    for url in ("ws://", "ws://user:word@host", "ws://host:99999"):
        done = nimauth(tmp_path, "login", "--server", url, "--account", "a", said="t\n")
        assert done.returncode == 1
        assert done.stdout == ""
        assert "word" not in done.stderr
        assert not permit.exists()


def test_status_before_anything_and_after_logout(tmp_path: Path) -> None:
    assert "R2" in nimauth(tmp_path, "status").stdout
    assert nimauth(tmp_path, "logout").returncode == 0
    assert "R13" in nimauth(tmp_path, "status").stdout


def test_run_before_any_login_says_what_to_do(tmp_path: Path) -> None:
    done = nimauth(tmp_path, "run")
    assert done.returncode == 1
    assert "log in first" in done.stderr


def test_a_second_process_on_the_same_store_is_told_so(tmp_path: Path, url: str) -> None:
    with running(tmp_path, "login", "--server", url, "--account", "a", said=TOKEN) as login:
        login.until("Ctrl-C")
        for command in (["run"], ["logout"], ["login", "--server", url, "--account", "a"]):
            done = nimauth(tmp_path, *command, said=TOKEN + "\n")
            assert done.returncode == 1
            assert str(login.process.pid) in done.stderr
        assert nimauth(tmp_path, "status").returncode == 0
        other = nimauth(tmp_path, "logout", "--profile", "other")
        assert other.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said", "words"),
    [
        (["login", "--server", "http://x", "--account", "a"], "t", "there is no transport"),
        (["login", "--server", "ws://", "--account", "a"], "t", "not usable"),
        (["login", "--server", "ws://127.0.0.1:1", "--account", "a"], "t", "could not be reached"),
        (["login", "--server", "ws://nobody.invalid", "--account", "a"], "t", "could not be reached"),
        (["login", "--server", "ws://127.0.0.1:1", "--account", ""], "t", "the account is empty"),
        (["login", "--server", "ws://127.0.0.1:1", "--account", "a\0b"[:1] + "\x07"], "t", "control characters"),
        (["login", "--server", "ws://127.0.0.1:1", "--account", "a"], "", "the token is empty"),
        (["login", "--server", "ws://127.0.0.1:1", "--account", "a"], "x" * 9999, "at most 4096"),
        (["status", "--profile", "../up"], "", "profile"),
        (["logout", "--profile", ""], "", "profile"),
    ],
)
def test_bad_input_gives_one_clear_sentence_and_1(tmp_path: Path, arguments: list[str], said: str, words: str) -> None:
    done = nimauth(tmp_path, *arguments, said=said + "\n")
    assert done.returncode == 1
    told = done.stdout + done.stderr
    assert words in told
    assert "Traceback" not in told
    assert done.stderr.splitlines()[-1].startswith("nimauth: ")


@pytest.mark.parametrize("url", ["http://x", "ws://", "nim:KEY"])
def test_a_server_that_cannot_be_used_is_refused_before_the_token_is_asked_for(tmp_path: Path, url: str) -> None:
    with running(tmp_path, "login", "--server", url, "--account", "a") as login:
        assert login.process.wait(DEADLINE) == 1, "it waits for the token"


def test_a_broken_transport_of_somebody_elses_is_told_in_one_sentence(tmp_path: Path) -> None:
    info = tmp_path / "pigeons-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nimauth.transports]\npigeon = pigeons:Pigeon\n")
    (tmp_path / "pigeons.py").write_text("1 / 0\n")
    path = f"{Path(__file__).parents[2]}{os.pathsep}{tmp_path}"
    done = nimauth(tmp_path, "login", "--server", "pigeon://x", "--account", "a", PYTHONPATH=path)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert "pigeons:Pigeon (ZeroDivisionError: division by zero; pigeons.py, line 1)" in sentence


def test_the_token_is_no_argument(tmp_path: Path) -> None:
    done = nimauth(tmp_path, "login", "--server", "ws://x", "--account", "a", "--token", "sesame")
    assert done.returncode == 2


@pytest.mark.parametrize("arguments", [[], ["fly"], ["login"]])
def test_wrong_usage_gives_2(tmp_path: Path, arguments: list[str]) -> None:
    assert nimauth(tmp_path, *arguments).returncode == 2


def test_help_and_version(tmp_path: Path) -> None:
    assert "demo" in nimauth(tmp_path, "--help").stdout
    assert nimauth(tmp_path, "--version").stdout.startswith("nimauth ")
    for command in ("demo", "serve", "login", "run", "status", "logout", "adapter"):
        assert nimauth(tmp_path, command, "--help").returncode == 0


def test_adapter_answers_lines_until_the_end_of_input(tmp_path: Path) -> None:
    done = nimauth(
        tmp_path, "adapter", said='{"in":"start","saved":null,"network":true}\nrubbish\n{"in":"foreground"}\n'
    )
    assert done.returncode == 0
    start, error, last = map(json.loads, done.stdout.splitlines())
    assert start == last == {"state": "un_login", "out": []}
    assert list(error) == ["error"]


def test_nothing_is_permitted_where_there_is_no_keyring(tmp_path: Path, url: str) -> None:
    with running(tmp_path, "login", "--server", url, "--account", "a", said=TOKEN) as login:
        login.until("Ctrl-C")
        _, _, err = login.interrupt()
        assert "kept in memory only" in err
    assert peek("nimauth", directory=tmp_path / ".local/state/nimauth/nimauth/default").account is None
