"""The XMPP transport under the conformance suite over STARTTLS: what the proxy puts in is rubbish to TLS."""

from __future__ import annotations

from nimauth.transports.xmpp import Tls

from . import test_prosody_conformance as plain

server = plain.server


class TestXmppTransportWithTls(plain.TestXmppTransport):
    tls = Tls.STARTTLS
    cannot = ("sync", "refuse", "end")
    examples = 5
