"""The XMPP transport (RFC 6120, 6121): `pip install 'nimauth[xmpp]'`. docs/xmpp.md says what is mapped to what.

slixmpp brings the SASL mechanisms, the rules for addresses and the SRV look-up. Its stream is not used: that reconnects
and retries by itself, logs what it sends at DEBUG, and takes in whatever a server sends.
"""

from .transport import Tls, XmppTransport, transport_of

__all__ = ["Tls", "XmppTransport", "transport_of"]
