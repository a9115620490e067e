"""Where a domain's XMPP server is."""

from __future__ import annotations

import asyncio
from typing import Any

from ..reach import MOST_ADDRESSES, Address


async def servers_of(domain: str, *, direct: bool) -> list[Address]:
    """What DNS says of a domain (its SRV records, by priority), best first; else the domain itself and the usual port.

    Never raises: a resolver that does not answer is like one that knows nothing.
    """
    from slixmpp.xmlstream.resolver import default_resolver, get_SRV

    plain = [(domain, 5223 if direct else 5222)]
    try:
        resolver: Any = default_resolver(asyncio.get_running_loop())
    except Exception:  # aiodns finds no configuration, or no kind of loop that it can use
        return plain
    if resolver is None:
        return plain
    try:
        service = "xmpps-client" if direct else "xmpp-client"
        found = await get_SRV(domain, 0, [service], resolver=resolver)
    except Exception:
        return plain
    finally:
        await resolver.close()
    # A single record for "." says that there is no such service: then the connection to the domain itself will fail.
    return [(host, port) for _, host, port in found if host and 0 < port < 65536][:MOST_ADDRESSES] or plain
