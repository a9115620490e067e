"""The URL of a server, as every transport reads it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from attrs import frozen

from .words import clean


@frozen(repr=False)
class ServerUrl:
    """What a URL says. Its repr is `where`."""

    scheme: str
    host: str
    port: int
    """The one that is given, or else the scheme's usual one."""
    port_given: bool
    path: str
    where: str
    """The server's address for messages, without what may be secret in a URL: path and query."""

    def __repr__(self) -> str:
        return self.where


@frozen
class Urls:
    """Those that one transport takes."""

    ports: Mapping[str, int]
    """The usual port of each scheme."""
    example: str
    query: bool = False
    """They may have a query."""

    def parse(self, url: object) -> ServerUrl:
        """Raises ValueError for a URL that can never be connected to."""
        wrong = "it cannot be parsed"
        try:
            parts = urlsplit(url) if isinstance(url, str) else None
            if parts is None:
                wrong = "it is no text"
            elif any(c.isspace() or not c.isprintable() for c in str(url)):
                wrong = "it has spaces or control characters in it"
            elif parts.scheme not in self.ports or not parts.hostname:
                wrong = f"it is not {' or '.join(f'{scheme}://' for scheme in self.ports)} and a host"
            elif parts.port == 0:
                wrong = "a port is 1 to 65535"
            elif parts.username is not None or parts.password is not None:
                wrong = "a user name does not belong into it"
            elif parts.fragment or (parts.query and not self.query):
                wrong = "there is a ? or a # in it"
            elif is_host(parts.hostname):
                host, port = parts.hostname, parts.port or self.ports[parts.scheme]
                where = clean(f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}")
                return ServerUrl(parts.scheme, host, port, parts.port is not None, parts.path, where)
        except ValueError:
            pass  # it may show the URL, and what in it is secret
        raise self.unusable(wrong)

    def unusable(self, wrong: str) -> ValueError:
        """Says what is wrong with a URL, and nothing of what it may hold in secret."""
        return ValueError(f"the server's URL is not usable: {wrong}; give one like {self.example}")


def is_host(name: str) -> bool:
    """Whether this can be the name of a host."""
    try:
        name.encode("idna")  # as connecting will
    except ValueError:
        return False
    return True
