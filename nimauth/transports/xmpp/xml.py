"""XML as XMPP has it: one document in each direction, whose children are the stanzas. Bounded, and without DTDs."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

STREAM: Final = "http://etherx.jabber.org/streams"
CLIENT: Final = "jabber:client"
DEEPEST: Final = 64
"""A stanza nested deeper is garbage."""


class _Garbage(Exception):
    """What came is not XMPP; the text says why, in words of ours."""


class Parser:
    """The server's document. `feed` gives its stanzas, whole; `root` is there once it has begun.

    `most` is the size in bytes beyond which a stanza, or what may become one, is garbage.
    """

    def __init__(self, most: int) -> None:
        self.root: Element | None = None
        self.closed = False
        self.garbage = ""
        """Why nothing after the stanzas that were given can be understood."""
        self._most = most
        self._size = 0
        self._depth = 0
        self._stanzas: list[Element] = []
        self._builder: TreeBuilder | None = None
        self._expat = parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        # Expat from 2.6 on holds back what came in small pieces until more comes, which a server that waits for us does
        # not send. What that is to prevent (one long token, parsed anew with every piece) is bounded by `most`.
        if hasattr(parser, "SetReparseDeferralEnabled"):
            parser.SetReparseDeferralEnabled(False)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        # RFC 6120, 11.1: none of these has a place in XMPP, and the first is what entity bombs are made of.
        parser.StartDoctypeDeclHandler = self._restricted
        parser.ProcessingInstructionHandler = self._restricted
        parser.CommentHandler = self._restricted

    @property
    def amidst(self) -> bool:
        """There is more than the stanzas that were given."""
        return self.closed or bool(self.garbage) or self._depth > 1

    def feed(self, data: bytes) -> list[Element]:
        """The stanzas that are whole now. `garbage` and `closed` tell of what comes after them."""
        try:
            if not self.closed and not self.garbage:
                self._parse(data)
        except _Garbage as error:
            self.garbage = str(error)
        stanzas, self._stanzas = self._stanzas, []
        return stanzas

    def _parse(self, data: bytes) -> None:
        if self._size > self._most:
            raise _Garbage(f"a message of its is longer than {self._most} bytes")
        self._size += len(data)
        try:
            self._expat.Parse(data, False)
        except expat.ExpatError as error:
            if not self.closed:
                raise _Garbage(f"what it sends is no XML ({expat.ErrorString(error.code)})") from None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _Garbage("its XML is nested too deeply")
        attributes = {_named(key): value for key, value in attributes.items()}
        if self._depth == 1:
            self.root = Element(_named(name), attributes)
            self._size = 0
            return
        if self._depth == 2:
            self._builder = TreeBuilder()
        assert self._builder is not None
        self._builder.start(_named(name), attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.closed = True
            return
        assert self._builder is not None
        self._builder.end(_named(name))
        if self._depth == 1:
            self._stanzas.append(self._builder.close())
            self._builder = None
            self._size = 0

    def _data(self, text: str) -> None:
        if self._builder is not None:
            self._builder.data(text)
        elif not text.isspace():
            raise _Garbage("there is text between its stanzas")
        else:
            self._size = 0  # some servers send a space now and then, to keep the connection alive

    def _restricted(self, *_: object) -> None:
        raise _Garbage("its XML has a part that XMPP does not allow")


def _named(name: str) -> str:
    return "{" + name if "}" in name else name
