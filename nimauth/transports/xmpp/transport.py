"""XmppTransport: opens links to an XMPP server."""

from __future__ import annotations

import asyncio
import importlib
import platform
from enum import StrEnum
from ssl import SSLContext
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from attrs import Factory, field, frozen

from ...vocabulary.reasons import Code, Reason
from .. import terms
from ..base import LinkFailed
from ..reach import Address, InTime, dial, verifying
from ..urls import Urls, is_host
from ..words import clean

if TYPE_CHECKING:
    from .link import XmppLink
    from .stream import Stream

_LONGEST_WORD: Final = 64
_LONGEST_TAG: Final = 256


class Tls(StrEnum):
    """When TLS begins. Its certificate is always checked, against the domain."""

    STARTTLS = "starttls"
    """In the midst, and before anything is said that matters."""
    DIRECT = "direct"
    """With the first byte (XEP-0368)."""
    NONE = "none"
    """Never. Whoever sits between can end the session, and void the saved login. For tests on one machine."""


def _kind(given: str | None) -> Tls | None:
    """Its word is as good. What is none must not pass, and so be a session in plain text. Raises ValueError."""
    try:
        return Tls(given) if given is not None else None
    except ValueError:
        pass
    raise ValueError(f"tls is none of {', '.join(Tls)}; give one of these, or leave it out")


_URLS: Final = Urls({"xmpp": 5222, "xmpps": 5223}, "xmpps://example.org")


@frozen(repr=False)
class Place:
    """What a URL says."""

    domain: str
    address: Address | None
    """None: DNS is to say."""
    direct: bool
    where: str
    """The server as messages name it."""

    def __repr__(self) -> str:
        return self.where


def _place(url: str) -> Place:
    """Raises ValueError for a URL that can never be connected to. It says nothing of what a URL may hold in secret."""
    server = _URLS.parse(url)
    domain = unquote(server.path).strip("/") or server.host
    if not is_host(domain) or not domain.isprintable() or set(domain) & set("/@'\"<>& "):
        raise _URLS.unusable("its domain is none")
    direct = server.scheme == "xmpps"
    if not server.port_given and domain == server.host:
        return Place(domain, None, direct, clean(f"{server.scheme}://{domain}"))
    # A port, or another domain than the host: then this very host is meant, and DNS is not asked.
    where = server.where if domain == server.host else clean(f"{server.where}/{domain}")
    return Place(domain, (server.host, server.port), direct, where)


@frozen
class XmppTransport:
    """Opens links to an XMPP server; docs/xmpp.md says what is mapped to what.

    Making one raises ValueError for what can never work, such as a URL that is none, and ModuleNotFoundError where
    slixmpp is not installed. `open` raises LinkFailed: VERSION where the server offers no way to log in that this
    client takes; INVALID where it does not serve the domain; BUSY for one that is overloaded; NET for all else, with
    the OSError as its cause. Nothing that is said before the server has proved who it is, is a verdict.
    Times are in seconds, sizes in bytes.
    """

    url: str = field(repr=False)
    """xmpp://DOMAIN (STARTTLS) or xmpps://DOMAIN (direct TLS): its server is looked up in DNS. With a port, the host is
    the server; xmpp://HOST:PORT/DOMAIN where it serves a domain of another name."""
    server: Place = field(init=False, eq=False, default=Factory(lambda self: _place(self.url), takes_self=True))
    """What the URL says."""
    tls: Tls | None = field(default=None, kw_only=True, converter=_kind)
    """None: as the URL's scheme says."""
    ssl: SSLContext | None = field(default=None, kw_only=True, repr=False, validator=terms.context)
    """By default the certificate is checked against the system's authorities."""
    heartbeat: float = field(default=30.0, kw_only=True, validator=terms.seconds)
    """A server silent for so long is pinged; one silent for twice as long is given up."""
    timeout: float = field(default=10.0, kw_only=True, validator=terms.seconds)
    """For opening a link, for the data sync, and for a kicked client to go."""
    close_timeout: float = field(default=2.0, kw_only=True, validator=terms.seconds)
    """For the server's answer to a logout."""
    max_size: int = field(default=2**20, kw_only=True, validator=terms.size)
    """A longer stanza ends the link; the roster, whole contact list that it is, comes in one."""
    os: str = field(factory=platform.system, kw_only=True, validator=terms.label(_LONGEST_WORD))
    """With `client_type` and `custom_tag`: how the other clients of this account see this one. So do the contacts."""
    client_type: str = field(default="pc", kw_only=True, validator=terms.label(_LONGEST_WORD))
    custom_tag: str = field(default="", kw_only=True, validator=terms.label(_LONGEST_TAG))
    stream_version: str = field(default="1.0", kw_only=True, repr=False)
    """For tests: the version of XMPP that is spoken."""

    def __attrs_post_init__(self) -> None:
        try:
            importlib.import_module(".link", __package__)
        except ModuleNotFoundError as exc:
            if not (exc.name or "").startswith("slixmpp"):
                raise
            text = "XMPP needs the package slixmpp; install it with: pip install 'nimauth[xmpp]'"
            raise ModuleNotFoundError(text, name="slixmpp") from None

    @property
    def where(self) -> str:
        """The server as messages name it."""
        return self.server.where

    async def open(self) -> XmppLink:
        from .link import XmppLink
        from .srv import servers_of

        server, direct = self.server, self._tls is Tls.DIRECT
        async with InTime(self.timeout, self.where):
            servers = [server.address] if server.address else await servers_of(server.domain, direct=direct)
            return await dial(servers, self._link, where=self.where, within=self.timeout, drop=XmppLink.abort)

    async def _link(self, host: str, port: int) -> XmppLink:
        """A link to this address. Raises LinkFailed, OSError."""
        from .link import XmppLink
        from .stream import Stream
        from .wire import Wire

        domain, kind = self.server.domain, self._tls
        context = (self.ssl or verifying("xmpp-client" if kind is Tls.DIRECT else "")) if kind is not Tls.NONE else None
        direct = context if kind is Tls.DIRECT else None
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            Wire, host, port, ssl=direct, server_hostname=domain if direct is not None else None
        )
        try:
            stream = Stream(wire, domain, self.where, self.max_size, self.stream_version, kind is not Tls.STARTTLS)
            return XmppLink(stream, self, await self._negotiate(stream, context))
        except BaseException:
            wire.abort()
            raise

    async def _negotiate(self, stream: Stream, context: SSLContext | None) -> frozenset[str]:
        """Up to the point where a login can be sent; gives the mechanisms that are offered."""
        from .sasl import can_prove
        from .stream import SASL, TLS

        offered = await stream.begin()
        if self._tls is Tls.STARTTLS:
            assert context is not None
            if offered.find(f"{TLS}starttls") is None:
                text = f"{self.where} offers no TLS, or somebody between hides it; do not log in, try xmpps://"
                raise LinkFailed(Reason.NET, Code.NET, text)
            await stream.start_tls(context)
            offered = await stream.begin()
        path = f"{SASL}mechanisms/{SASL}mechanism"
        mechanisms = frozenset((element.text or "").strip() for element in offered.iterfind(path))
        if not can_prove(mechanisms, stream.wire):
            text = f"{self.where} offers no way to log in that this client takes; update the client or the server"
            raise LinkFailed(Reason.VERSION, Code.VERSION, text)
        return mechanisms

    @property
    def _tls(self) -> Tls:
        return self.tls or (Tls.DIRECT if self.server.direct else Tls.STARTTLS)


def transport_of(url: str, app_key: str = "") -> XmppTransport:
    """The transport for a URL of the command line. XMPP has no app key. Raises ValueError, ModuleNotFoundError."""
    del app_key
    return XmppTransport(url)
