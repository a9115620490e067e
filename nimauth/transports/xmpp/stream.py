"""The XML stream: from the first byte to the moment that a login may be sent, and stanza by stanza from then on."""

from __future__ import annotations

import ssl as tls
from collections import deque
from typing import Final
from xml.etree.ElementTree import Element

from attrs import define, field

from ...vocabulary.reasons import Code, Reason
from ..base import LinkFailed
from ..words import clean
from .reasons import CODE, of_stream
from .wire import Intruded, Wire
from .words import quoted
from .xml import CLIENT, STREAM, Parser

TLS: Final = "{urn:ietf:params:xml:ns:xmpp-tls}"
SASL: Final = "{urn:ietf:params:xml:ns:xmpp-sasl}"
_STREAMS: Final = "{urn:ietf:params:xml:ns:xmpp-streams}"


def first(element: Element | None, namespace: str) -> str:
    """The name of the first child of this namespace that is no text: XMPP's conditions."""
    for child in element if element is not None else ():
        if child.tag.startswith(namespace) and child.tag != f"{namespace}text":
            return child.tag.removeprefix(namespace)
    return ""


@define(eq=False)
class Stream:
    """One stream. Whatever ends it is raised as a LinkFailed; so is every deadline that has passed."""

    wire: Wire
    domain: str
    where: str
    """The server as messages name it."""
    most: int
    """The longest stanza, in bytes."""
    version: str = "1.0"
    proved: bool = False
    """The server has proved who it is, or need not: what it says may be believed."""
    online: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What a server might echo, kept out of all that is shown."""
    _parser: Parser = field(init=False, repr=False)
    _stanzas: deque[Element] = field(factory=deque, repr=False)

    async def begin(self) -> Element:
        """Open the stream, or open it anew; give what the server offers."""
        if self._stanzas:
            raise self.garbage("it says more than it was asked")
        self._parser = Parser(self.most)
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{quoted(self.domain)}' version='{self.version}' "
            f"xml:lang='en' xmlns='{CLIENT}' xmlns:stream='{STREAM}'>"
        )
        features = await self.next()
        if features.tag != f"{{{STREAM}}}features":
            raise self.garbage("it does not say what it offers")
        return features

    async def start_tls(self, context: tls.SSLContext) -> None:
        """Go on in TLS, with whoever has proved to be `domain`. Raises LinkFailed, OSError."""
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        answer = await self.next()
        if answer.tag != f"{TLS}proceed":
            raise self.garbage("it offers TLS and refuses it")
        if self._stanzas or self._parser.amidst:
            raise self.garbage("it says more than it was asked before TLS")
        try:
            await self.wire.start_tls(context, self.domain)
        except Intruded:
            raise self.garbage("it says more than it was asked before TLS") from None
        self.proved = True

    def send(self, text: str) -> None:
        """Send, in the background."""
        self.wire.write(text.encode("utf-8", "replace"))

    async def next(self) -> Element:
        """The next stanza. Raises LinkFailed for the end, with its reason."""
        while not self._stanzas:
            if self._parser.garbage:
                raise self.garbage(self._parser.garbage)
            if self._parser.closed:
                raise LinkFailed(Reason.NET, Code.NET, f"{self.where} ended the stream; try again")
            try:
                data = await self.wire.read()
            except OSError as exc:
                raise self._broken(exc) from exc
            if not data:
                raise LinkFailed(Reason.NET, Code.NET, f"{self.where} ended the connection; try again")
            self._feed(data)
        stanza = self._stanzas.popleft()
        if stanza.tag == f"{{{STREAM}}}error":
            raise self._error(stanza)
        return stanza

    async def over(self) -> None:
        """Wait until the server has ended the connection."""
        await self.wire.ended()

    def garbage(self, what: str) -> LinkFailed:
        """What came is not XMPP; it is no verdict, whatever it is."""
        self.wire.abort()
        text = f"{self.where} does not speak XMPP as it should ({what}); check the server's address"
        return LinkFailed(Reason.NET, Code.NET, text)

    def _feed(self, data: bytes) -> None:
        self._stanzas += self._parser.feed(data)
        root = self._parser.root
        if root is not None and root.tag != f"{{{STREAM}}}stream":
            raise self.garbage("it is another protocol")

    def _error(self, error: Element) -> LinkFailed:
        condition = first(error, _STREAMS)
        words = error.findtext(f"{_STREAMS}text", "")
        reason = of_stream(condition, words, online=self.online) if self.proved else Reason.NET
        said = f"{condition or 'undefined-condition'}: {words}" if words else condition or "undefined-condition"
        self.wire.abort()
        return LinkFailed(reason, CODE.get(reason, 0), clean(said, *self.secrets))

    def _broken(self, exc: OSError) -> LinkFailed:
        text = f"the connection to {self.where} broke ({exc.strerror or type(exc).__name__}); try again"
        return LinkFailed(Reason.NET, Code.NET, clean(text))
