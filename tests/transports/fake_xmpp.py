"""An XMPP server that does what it is told to, also what no server should."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from attrs import define, field

ROOT = (
    "<?xml version='1.0'?><stream:stream from='localhost' id='1' version='1.0' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
)
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-1")
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
BIND = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"


def mechanisms(*names: str) -> str:
    return f"<mechanisms {SASL}>{''.join(f'<mechanism>{name}</mechanism>' for name in names)}</mechanisms>"


def stream_error(condition: str, text: str = "") -> str:
    words = f"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>{text}</text>" if text else ""
    name = f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    return f"<stream:error>{name}{words}</stream:error></stream:stream>"


@define(eq=False)
class Peer:
    """One connection, as the server has it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: str = ""
    """All that the client said."""
    _unread: str = ""
    is_online: asyncio.Event = field(factory=asyncio.Event)
    """The client has sent its presence."""

    def say(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)

    async def hear(self, pattern: str) -> re.Match[str]:
        """Wait until the client has said this, and forget what came before."""
        while (match := re.search(pattern, self._unread, re.DOTALL)) is None:
            data = await self.reader.read(65536)
            if not data:
                raise EOFError
            self._unread += data.decode()
            self.heard += data.decode()
        self._unread = self._unread[match.end() :]
        return match

    async def offer(self, *features: str) -> None:
        """Answer the client's stream with ours."""
        await self.hear("<stream:stream .*?>")
        self.say(f"{ROOT}<stream:features>{''.join(features)}</stream:features>")

    async def gone(self) -> None:
        """Wait until the client has closed."""
        with suppress(EOFError, OSError):
            await self.hear("nobody ever says this")

    async def scram(self, token: str, *, rounds: int = 4096, proves: bool = True) -> None:
        """The server's side of SCRAM-SHA-256, up to its last word."""
        await self.offer(mechanisms(*SCRAM))
        first = base64.b64decode((await self.hear("<auth .*?>(.*?)</auth>"))[1]).decode()
        bare = first.split(",", 2)[2]
        nonce = bare.rpartition("r=")[2] + "more"
        salt = b"salt"
        challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
        self.say(f"<challenge {SASL}>{base64.b64encode(challenge.encode()).decode()}</challenge>")
        final = base64.b64decode((await self.hear("<response .*?>(.*?)</response>"))[1]).decode()
        salted = hashlib.pbkdf2_hmac("sha256", token.encode(), salt, rounds)
        said = f"{bare},{challenge},{final.rpartition(',p=')[0]}"
        signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said.encode(), "sha256")
        proof = b"v=" + base64.b64encode(signature if proves else b"x" * 32)
        self.say(f"<success {SASL}>{base64.b64encode(proof).decode()}</success>")

    async def online(self, token: str, *, echo: bool = True) -> None:
        """A whole login of a@localhost/phone."""
        await self.scram(token)
        await self.offer(BIND)
        number = (await self.hear("<iq type='set' id='(.*?)'>"))[1]
        jid = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>{ME}</jid></bind>"
        self.say(f"<iq type='result' id='{number}'>{jid}</iq>")
        await self.hear("</presence>")
        self.is_online.set()
        if echo:
            self.say(f"<iq type='result' id='roster'/><presence from='{ME}'/>")


ME = "a@localhost/phone"
Script = Callable[[Peer], Awaitable[None]]


@define(eq=False)
class Fake:
    port: int = 0
    peers: list[Peer] = field(factory=list)
    failure: BaseException | None = None


@asynccontextmanager
async def serving(script: Script, context: ssl.SSLContext | None = None) -> AsyncIterator[Fake]:
    """A server that follows this script with each client."""
    fake = Fake()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        fake.peers.append(peer := Peer(reader, writer))
        try:
            await script(peer)
            await peer.gone()
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        except Exception as failure:
            fake.failure = failure
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
    if fake.failure is not None:
        raise fake.failure
