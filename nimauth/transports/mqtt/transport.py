"""Opens MQTT sessions."""

from __future__ import annotations

import asyncio
import platform
import ssl as tls
from typing import TYPE_CHECKING, Final

from attrs import Factory, field, frozen

from .. import terms
from ..reach import InTime, dial, verifying
from ..urls import ServerUrl, Urls
from .link import MqttLink

if TYPE_CHECKING:
    from .session import Session

_URLS: Final = Urls({"mqtt": 1883, "mqtts": 8883}, "mqtts://im.example.org")
_MAX_LABEL: Final = 64
_MAX_DOMAIN: Final = 255
_MAX_PREFIX: Final = 1024
"""In bytes. A whole topic has 65 535 at most, and account and device their own share of it."""


@frozen
class MqttTransport:
    """Opens links to an MQTT 5 broker.

    Making one raises ValueError for what can never work, such as a URL that is none, and ModuleNotFoundError without
    paho-mqtt: a slip is not a failed login, which would void the saved one. `open` connects, with TLS where the URL
    says mqtts, and raises LinkFailed: always NET, with the OSError as its cause. MQTT has no greeting: whatever the
    broker has to say it says to the login. Times are in seconds, sizes in bytes.
    """

    url: str = field(repr=False)
    """mqtts://HOST or mqtt://HOST, with a port if it is not 8883 or 1883, and a path if the prefix of the topics is not
    `im`."""
    server: ServerUrl = field(
        init=False, eq=False, default=Factory(lambda self: _URLS.parse(self.url), takes_self=True)
    )
    """What the URL says."""
    ssl: tls.SSLContext | None = field(default=None, kw_only=True, repr=False, validator=terms.context)
    """For mqtts:// only. By default the certificate is checked against the system's authorities."""
    domain: str = field(default="", kw_only=True, validator=terms.label(_MAX_DOMAIN))
    """For a broker whose user names are ACCOUNT@DOMAIN, such as ejabberd. The topics have the account alone."""
    heartbeat: float = field(default=30.0, kw_only=True, validator=terms.seconds)
    """The server is pinged so often, and one silent for twice as long is given up. One that asks for it in its CONNACK
    is pinged more often."""
    timeout: float = field(default=10.0, kw_only=True, validator=terms.seconds)
    """For opening a link, for the server's answers to the login and to a kick, for the end of the sync, and for a
    client that is kicked or asked whether it is there (see `rollcall`)."""
    close_timeout: float = field(default=2.0, kw_only=True, validator=terms.seconds)
    """How long a logout waits for the server to close the session."""
    look_out: float = field(default=2.0, kw_only=True, validator=terms.seconds_or_none)
    """When the server closes the connection without a word, it is looked for so long at most whether another login has
    taken this device's place (see `lookout`). 0: not at all; then a session that an old Mosquitto displaced counts as a
    broken net."""
    max_size: int = field(default=2**16, kw_only=True, validator=terms.size)
    """A longer message from the server is skipped, as some send it whatever they are told; so nobody who may publish to
    this account's topics can keep it from logging in. Any other packet that is longer ends the link."""
    os: str = field(factory=platform.system, kw_only=True, validator=terms.label(_MAX_LABEL))
    """With `client_type` and `custom_tag`: how the other clients of this account see this one."""
    client_type: str = field(default="pc", kw_only=True, validator=terms.label(_MAX_LABEL))
    """NIM's word for the kind of client (pc, mac, web, android, ios …)."""
    custom_tag: str = field(default="", kw_only=True, validator=terms.label(_MAX_LABEL))

    def __attrs_post_init__(self) -> None:
        if any(c in self.server.path for c in "+#"):
            raise _URLS.unusable("after the port it takes only the prefix of the topics, such as /im")
        if len(self.prefix.encode()) > _MAX_PREFIX:
            raise _URLS.unusable(f"the prefix of the topics has more than {_MAX_PREFIX} bytes")
        if self.ssl is not None and self.server.scheme != "mqtts":
            raise ValueError("an ssl context is for mqtts:// only; leave it out, or give an mqtts:// URL")
        if "@" in self.domain:
            raise ValueError("domain is no name of a domain; give one like im.example.org, or leave it out")
        try:
            from . import session  # noqa: F401
        except ModuleNotFoundError as error:
            text = "MQTT needs the package paho-mqtt; install it with: pip install 'nimauth[mqtt]'"
            raise ModuleNotFoundError(text, name=error.name) from None

    @property
    def where(self) -> str:
        """The server as messages name it."""
        return self.server.where

    @property
    def prefix(self) -> str:
        """What every topic begins with."""
        return self.server.path.strip("/") or "im"

    async def open(self) -> MqttLink:
        return MqttLink(self, await self.connect())

    def user_name(self, account: str) -> str:
        """What the broker calls an account."""
        return f"{account}@{self.domain}" if self.domain else account

    async def connect(self) -> Session:
        """A session that has sent nothing yet. Raises LinkFailed as `open` does."""
        from .session import Session

        host, context = self.server.host, (self.ssl or verifying()) if self.server.scheme == "mqtts" else None

        async def attempt(address: str, port: int) -> Session:
            _, session = await asyncio.get_running_loop().create_connection(
                lambda: Session(self.where, float(self.heartbeat), self.max_size),
                address,
                port,
                ssl=context,
                server_hostname=host if context is not None else None,
            )
            return session

        async with InTime(self.timeout, self.where):
            servers = [(host, self.server.port)]
            return await dial(servers, attempt, where=self.where, within=self.timeout, drop=Session.abort)
