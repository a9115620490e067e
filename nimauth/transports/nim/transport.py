"""The transport that drives the official NIM SDK, in a Node process for each link."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from attrs import Attribute, field, frozen

from ...vocabulary.logins import LoginInfo
from ...vocabulary.reasons import Code, Reason
from ..base import LinkFailed
from .child import Child, SdkError
from .link import NimLink
from .mapping import words
from .session import Session
from .setup import entry, missing, node_path

SDK_DIRECTORY: Final = "NIMAUTH_NIM_SDK"
"""The environment variable that names the directory of the SDK, where none is given."""

MAX_TAG: Final = 32
"""Longest custom tag, in characters (the SDK's own limit)."""

LONGEST_TIME: Final = 1e9
"""In seconds; what is longer, infinity too, has no place in JavaScript's or the event loop's clock."""


def _seconds(_: object, attribute: Attribute[Any], value: object) -> None:
    """Raises ValueError for what no time-out can be."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST_TIME:
        raise ValueError(
            f"{attribute.name} is no usable time; give a number of seconds above 0, at most {LONGEST_TIME:g}"
        )


def _text(name: str, value: object, *, empty: bool = False) -> None:
    """Raises ValueError for what is no line of text. The message does not show it."""
    if not isinstance(value, str) or not value.isprintable() or (not value and not empty):
        raise ValueError(f"{name} is no text of one line; give it as the app's operator did")


def _texts(values: Sequence[str]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise ValueError("lbs_urls is one text; give a list of URLs")
    return tuple(values)


@frozen
class NimTransport:
    """Opens links to NIM through its official SDK (docs/nim.md).

    Making one raises ValueError for what can never work: a slip is not a failed login. `open` starts Node and loads the
    SDK there; it raises LinkFailed: INVALID when Node or the SDK is missing, NET for all else. Connecting is part of
    the SDK's login, so it is part of `Link.login` here. Times are in seconds.
    """

    app_key: str
    """Of the app, from NIM's console. It is no secret."""
    sdk: Path = field(kw_only=True, converter=Path)
    """The directory in which npm put the SDK; `nimauth nim-setup DIR` says how."""
    node: str = field(default="node", kw_only=True)
    """A command on the path, or a file."""
    lbs_urls: tuple[str, ...] = field(default=(), kw_only=True, converter=_texts)
    """Where the SDK asks for the address of a server. None: NetEase's own."""
    link_url: str = field(default="", kw_only=True)
    """HOST:PORT of the server for when that fails. Give both for a private deployment."""
    link_ssl: bool = field(default=True, kw_only=True)
    """False allows http and ws; for tests on loopback only."""
    reporting: bool = field(default=False, kw_only=True)
    """Let the SDK report its statistics to NetEase, as it does by default."""
    experiments: bool = field(default=False, kw_only=True)
    """Let the SDK ask NetEase which new features to try, as it does by default."""
    custom_tag: str = field(default="", kw_only=True)
    """How the other clients of this account see this one."""
    start_timeout: float = field(default=10.0, kw_only=True, validator=_seconds)
    """For starting Node, and loading the SDK."""
    login_timeout: float = field(default=30.0, kw_only=True, validator=_seconds)
    """For the SDK's login, connecting included. (See `LimitsLogin` for how long a session waits.)"""
    timeout: float = field(default=10.0, kw_only=True, validator=_seconds)
    """For a kick, and for a logout."""
    close_timeout: float = field(default=2.0, kw_only=True, validator=_seconds)
    heartbeat: float = field(default=15.0, kw_only=True, validator=_seconds)
    """A child silent for so long is asked whether it lives; one silent for twice as long is killed."""
    grace: float = field(default=0.3, kw_only=True, validator=_seconds)
    """How long a loss is held back, as the SDK may say "disconnected" before it says "kicked"."""

    def __attrs_post_init__(self) -> None:
        _text("app_key", self.app_key)
        _text("node", self.node)
        _text("link_url", self.link_url, empty=True)
        _text("custom_tag", self.custom_tag, empty=True)
        for url in self.lbs_urls:
            _text("a URL of lbs_urls", url)
        if len(self.custom_tag) > MAX_TAG:
            raise ValueError(f"custom_tag has {len(self.custom_tag)} characters; at most {MAX_TAG} are allowed")
        if bool(self.lbs_urls) != bool(self.link_url):
            raise ValueError(
                "lbs_urls and link_url go together: the SDK would take NetEase's own for a missing one; give both"
            )

    async def open(self) -> NimLink:
        if (failure := missing(self.sdk, self.node)) is not None:
            raise failure
        try:
            async with asyncio.timeout(self.start_timeout):
                child = await Child.start(str(node_path(self.node)))
                try:
                    session = Session(child, self)
                    await child.call("load", sdk=str(entry(self.sdk).absolute()))
                except BaseException:
                    await child.close(self.close_timeout)
                    raise
                return session.link
        except TimeoutError:
            text = "the child process of the NIM SDK did not start in time; try again"
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, text) from None
        except SdkError as error:
            text = f"the NIM SDK cannot be loaded ({error.text}); install it again, nimauth nim-setup says how"
            raise LinkFailed(Reason.INVALID, Code.INVALID, words(text)) from None

    def sdk_options(self, login: LoginInfo) -> dict[str, Any]:
        """What the SDK's constructor takes."""
        service: dict[str, Any] = {"linkSSL": self.link_ssl}
        if self.link_url:
            service |= {"lbsUrls": list(self.lbs_urls), "linkUrl": self.link_url}
        if self.custom_tag:
            service["customTag"] = self.custom_tag
        if login.custom_client_type > 0:
            service["customClientType"] = login.custom_client_type
        return {
            "app": {"appkey": self.app_key, "apiVersion": "v2", "debugLevel": "off"},
            "services": {
                "V2NIMLoginServiceConfig": service,
                "loggerConfig": {"storageEnable": False},
                "reporterConfig": {"enableCompass": self.reporting},
                "abtestConfig": {"isAbtestEnable": self.experiments},
            },
        }


_ASKED: Final = ("sdk", "lbs", "link", "node")
"""What a URL may ask for; `lbs` more than once."""


def from_url(url: str, app_key: str = "") -> NimTransport:
    """The transport of a URL: `nim:APPKEY`, with `?sdk=DIR&lbs=URL&link=HOST:PORT` where needed.

    Without `sdk` the environment variable NIMAUTH_NIM_SDK names the directory. Raises ValueError for a URL that cannot
    be used, and shows nothing of it. `app_key` is the URL's business here.
    """
    key, asked = _parsed(url)
    directory = asked.get("sdk", [os.environ.get(SDK_DIRECTORY, "")])[0]
    if not directory:
        text = f"where the NIM SDK is, is not known; give nim:APPKEY?sdk=DIR or set {SDK_DIRECTORY}"
        raise ValueError(f"{text} (nimauth nim-setup DIR says how to install it)")
    return NimTransport(
        key,
        sdk=Path(directory),
        node=asked.get("node", ["node"])[0],
        lbs_urls=asked.get("lbs", []),
        link_url=asked.get("link", [""])[0],
    )


def _parsed(url: str) -> tuple[str, dict[str, list[str]]]:
    """The app key, and what is asked for behind it: what was left out silently might have been a server's address."""
    key, _, query = url.partition(":")[2].partition("?")
    if not url.isprintable():
        raise _unusable("it has control characters in it")
    if "#" in url:
        raise _unusable("it has a # in it, which is written %23")
    if not url.lower().startswith("nim:") or not key or "/" in key:
        raise _unusable("an app key comes after nim:, and no // before it")
    asked: dict[str, list[str]] = {}
    for one in query.split("&") if query else ():
        name, _, value = one.partition("=")
        if name not in _ASKED:
            raise _unusable(f"what may be asked for is {', '.join(_ASKED)}, and a & in a value is written %26")
        if not value:
            raise _unusable(f"{name} is empty")
        if name in asked and name != "lbs":
            raise _unusable(f"{name} is given twice")
        try:
            asked.setdefault(name, []).append(unquote(value, errors="strict"))  # a + is a plus
        except UnicodeDecodeError:
            raise _unusable(f"a %XX in {name} is no UTF-8") from None
    return key, asked


def _unusable(wrong: str) -> ValueError:
    return ValueError(
        f"the server's URL is not usable: {wrong}; give nim:APPKEY, or nim:APPKEY?sdk=DIR&lbs=URL&link=HOST:PORT"
    )
