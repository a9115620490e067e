"""A URL's scheme says which transport is meant; others can register theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nimauth.transports.base import Link
from nimauth.transports.mqtt import MqttTransport
from nimauth.transports.nim import NimTransport
from nimauth.transports.nim.transport import SDK_DIRECTORY
from nimauth.transports.schemes import schemes, transport_for
from nimauth.transports.websocket import WebSocketTransport
from nimauth.transports.xmpp import XmppTransport


class Pigeon:
    """A transport of somebody else's."""

    def __init__(self, url: str, app_key: str) -> None:
        if not url.startswith("pigeon://"):
            raise ValueError("a pigeon needs a loft; give pigeon://LOFT")
        self.url, self.app_key = url, app_key

    async def open(self) -> Link:
        raise NotImplementedError


STUFFED = 7


def moody(url: str, app_key: str) -> Pigeon:
    raise KeyError(f"no {url}")


def hen(url: str, app_key: str) -> list[str]:
    return [url, app_key]


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that registers transports, as pip would have installed it."""
    info = tmp_path / "pigeons-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeons\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[nimauth.transports]\n"
        f"pigeon = {__name__}:Pigeon\n"
        f"wss = {__name__}:Pigeon\n"
        f"lame = {__name__}:NoSuchThing\n"
        "gone = no.such.module:Thing\n"
        "sick = sick_pigeon:Pigeon\n"
        f"stuffed = {__name__}:STUFFED\n"
        f"moody = {__name__}:moody\n"
        f"hen = {__name__}:hen\n"
    )
    (tmp_path / "sick_pigeon.py").write_text("# ill\nraise RuntimeError('it\\nlimps')\n")
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_websocket_address_is_spoken_by_the_websocket_transport() -> None:
    transport = transport_for("WSS://im.example.org:8443", "shop")
    assert isinstance(transport, WebSocketTransport)
    assert (transport.url, transport.app_key) == ("WSS://im.example.org:8443", "shop")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("xmpp://im.example.org", XmppTransport),
        ("xmpps://im.example.org:5223", XmppTransport),
        ("mqtt://127.0.0.1", MqttTransport),
        ("mqtts://im.example.org/chat", MqttTransport),
    ],
)
def test_each_scheme_of_ours_is_spoken_by_its_transport(url: str, kind: type) -> None:
    assert isinstance(transport_for(url), kind)


def test_a_nim_address_is_an_app_key_and_needs_the_sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SDK_DIRECTORY, str(tmp_path))
    transport = transport_for("nim:0123456789abcdef")
    assert isinstance(transport, NimTransport)
    assert transport.app_key == "0123456789abcdef"


@pytest.mark.parametrize("url", ["", "im.example.org", "gopher://im.example.org", "://", "http:", "pigeon://loft"])
def test_an_unknown_scheme_is_refused_with_those_that_are_known(url: str) -> None:
    with pytest.raises(
        ValueError, match=r"no transport for this server's URL; give one like wss://.*known schemes: ws, wss"
    ):
        transport_for(url)


@pytest.mark.usefixtures("registered")
def test_a_registered_transport_is_found_by_its_scheme() -> None:
    transport = transport_for("pigeon://loft", "shop")
    assert isinstance(transport, Pigeon)
    assert (transport.url, transport.app_key) == ("pigeon://loft", "shop")
    assert "pigeon" in schemes()


@pytest.mark.usefixtures("registered")
def test_nobody_takes_over_a_scheme_of_ours() -> None:
    assert isinstance(transport_for("wss://im.example.org"), WebSocketTransport)
    assert schemes().count("wss") == 1


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("url", "said", "cause"),
    [
        ("lame://x", r"cannot be loaded from .*:NoSuchThing \(AttributeError: .*'NoSuchThing'\)", AttributeError),
        ("gone://x", r"cannot be loaded from no.such.module:Thing \(ModuleNotFoundError: .*\)", ImportError),
        ("sick://x", r"cannot be loaded from .* \(RuntimeError: it limps; sick_pigeon.py, line 2\)", RuntimeError),
        ("stuffed://x", r"cannot be made by .*:STUFFED: that is no callable \(int\)", None),
        (
            "moody://u:pw@x",
            r"cannot be made by .*:moody \(KeyError: 'no \*\*\*'; test_schemes.py, line \d+\)",
            KeyError,
        ),
        ("hen://x", r"cannot be made by .*:hen: it gives no transport \(list\)", None),
    ],
)
def test_a_registered_transport_that_is_broken_says_whose_it_is_and_what_is_wrong(
    url: str, said: str, cause: type[Exception] | None
) -> None:
    with pytest.raises(ValueError, match=rf"^the transport for \w+:// {said}; reinstall its package, or .*$") as broken:
        transport_for(url)
    assert isinstance(broken.value.__cause__, cause or type(None)), "its traceback is not lost"


@pytest.mark.usefixtures("registered")
def test_a_missing_name_is_told_without_a_place_under_the_backport_of_importlib_metadata_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once it is imported (keyring does on Python 3.11), entry_points() of the standard library gives its entries."""
    backport = pytest.importorskip("importlib_metadata", reason="keyring brings the backport before Python 3.12 alone")
    monkeypatch.setattr("nimauth.transports.schemes.entry_points", backport.entry_points)
    with pytest.raises(ValueError, match=r"\(AttributeError: .*'NoSuchThing'\); reinstall"):
        transport_for("lame://x")


@pytest.mark.usefixtures("registered")
def test_what_a_transport_says_against_a_url_is_told() -> None:
    with pytest.raises(ValueError, match="a pigeon needs a loft"):
        transport_for("pigeon:loft")


@pytest.mark.parametrize(
    ("imported", "url", "package", "extra"),
    [
        ("websockets", "ws://h", "websockets", "websocket"),
        ("slixmpp", "xmpp://h", "slixmpp", "xmpp"),
        ("paho", "mqtt://h", "paho-mqtt", "mqtt"),
    ],
)
def test_the_command_names_the_package_that_is_missing(imported: str, url: str, package: str, extra: str) -> None:
    code = f"import sys; sys.modules[{imported!r}] = None; from nimauth.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "login", "--server", url, "--account", "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, stdin=subprocess.DEVNULL)
    told = f"nimauth: this command needs the package {package}; install it with: pip install 'nimauth[{extra}]'\n"
    assert (done.returncode, done.stderr) == (1, told)
