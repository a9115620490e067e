"""One XMPP session: login, what it tells, kick, logout."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, Protocol
from xml.etree.ElementTree import Element

from attrs import define, field
from slixmpp.jid import JID, InvalidJID

from ...vocabulary.logins import LoginInfo, OnlineClient
from ...vocabulary.reasons import Code, Reason
from ..base import (
    Accepted,
    Ended,
    KickRefused,
    LinkFailed,
    LoginRefused,
    LoginRequest,
    OnlineClients,
    Signal,
    SyncFinished,
    SyncStarted,
)
from ..signals import CLOSED, Signals, give
from ..words import clean, login_time
from .reasons import CODE, of_bind, of_sasl
from .sasl import Proof, Unusable
from .stream import SASL, Stream, first
from .words import quoted
from .xml import CLIENT

_BIND: Final = "{urn:ietf:params:xml:ns:xmpp-bind}"
_SESSION: Final = "{urn:ietf:params:xml:ns:xmpp-session}"
_STANZAS: Final = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_IQ: Final = f"{{{CLIENT}}}iq"
_PRESENCE: Final = f"{{{CLIENT}}}presence"
_PING: Final = "{urn:xmpp:ping}ping"
_PING_IT: Final = "<ping xmlns='urn:xmpp:ping'/>"
_ROSTER: Final = "{jabber:iq:roster}query"
KICK: Final = "urn:nimauth:kick:1"
"""Our own request, from one client of an account to another."""
_SERVED: Final = "-served"
"""At the end of the id of what the server is asked with a kick."""
CLIENT_INFO: Final = "urn:nimauth:client:1"
"""Our own part of a presence: what kind of client this is."""

MOST_CLIENTS: Final = 256
"""More other clients than this is more than any server lets one account have."""
_LONGEST_RESOURCE: Final = 1023
"""In bytes (RFC 7622, 3.4), and so in characters."""


class Terms(Protocol):
    """What a link takes from its transport. Times are in seconds."""

    @property
    def heartbeat(self) -> float: ...
    @property
    def timeout(self) -> float: ...
    @property
    def close_timeout(self) -> float: ...
    @property
    def os(self) -> str: ...
    @property
    def client_type(self) -> str: ...
    @property
    def custom_tag(self) -> str: ...


@define(eq=False)
class _Kick:
    """One that is under way."""

    address: str
    """Whom it goes to."""
    gone: asyncio.Future[None]
    served: bool = False
    """The server, which was asked for a sign of life with it, gave one. (It is the client that answers a kick.)"""


@define(eq=False)
class XmppLink:
    """One XMPP stream (see `transports.base.Link`)."""

    _stream: Stream
    _terms: Terms
    _mechanisms: frozenset[str]
    _me: str = ""
    """Our full address, as the server has it."""
    _kicks: dict[str, _Kick] = field(factory=dict, repr=False)
    """By the id of its request."""
    _others: dict[str, OnlineClient] = field(factory=dict, repr=False)
    _signals: Signals = field(init=False, repr=False)
    _numbers: Iterator[int] = field(factory=itertools.count, repr=False)
    _roster: bool = False
    """It has come: data sync has started."""
    _present: bool = False
    """The server has told us of ourselves: we are in the lists of the others."""
    _pinged: bool = False
    _sync_by: float = 0.0
    """Until then, by the loop's clock, data sync has to be over; 0 before anybody listens."""

    def __attrs_post_init__(self) -> None:
        self._signals = Signals(self._hear)

    # -- login ---------------------------------------------------------------------------------------------------------

    async def login(self, request: LoginRequest) -> Accepted:
        login, stream = request.login, self._stream
        stream.secrets = (login.token, login.login_ext)
        if login.login_ext:
            raise _invalid("XMPP has no place for login_ext; give a token that the server can check by itself")
        me = self._address(login.account, request.device_id)
        await self._prove(me.local, login.token)
        offered = await stream.begin()
        if offered.find(f"{_BIND}bind") is None:
            raise stream.garbage("it does not offer a session")
        bound = await self._ask(
            f"<bind xmlns='{_BIND[1:-1]}'><resource>{quoted(me.resource)}</resource></bind>", of_bind
        )
        self._me = bound.findtext(f"{_BIND}bind/{_BIND}jid", "")
        session = offered.find(f"{_SESSION}session")
        if session is not None and session.find(f"{_SESSION}optional") is None:
            await self._ask(f"<session xmlns='{_SESSION[1:-1]}'/>", of_bind)
        if _bare(self._me) == self._me or not self._me:
            raise stream.garbage("it gives no address")
        stream.online = True
        # In one go: the roster's coming is the start of data sync, and our own presence, told back, its end. Priority
        # -1: what people write to this account goes to a client that can show it.
        stream.send(
            f"<iq type='get' id='roster'><query xmlns='{_ROSTER[1:].partition('}')[0]}'/></iq>"
            f"<presence><priority>-1</priority>{self._client_info(login)}</presence>"
        )
        return Accepted(clean(_resource(self._me), *stream.secrets, longest=_LONGEST_RESOURCE))

    def _client_info(self, login: LoginInfo) -> str:
        """Our own part of a presence."""
        told = {
            "os": self._terms.os,
            "client_type": self._terms.client_type,
            "custom_tag": self._terms.custom_tag,
            "custom_client_type": str(login.custom_client_type) if login.custom_client_type > 0 else "",
            "login_time": f"{time.time():.0f}",
        }
        words = "".join(f" {name}='{quoted(word)}'" for name, word in told.items() if word)
        return f"<client xmlns='{CLIENT_INFO}'{words}/>"

    def _address(self, account: str, device: str) -> JID:
        """Who we are to the server. Raises LinkFailed(INVALID).

        Many names are one to a server: it folds case and drops what is not seen. Each would be an account of its own to
        whoever saves the login (R1), so only the one that the server itself uses is taken, with its domain or without.
        """
        domain = self._stream.domain
        node, at, other = account.rpartition("@")
        try:
            jid = JID(f"{node if at else account}@{domain}/{device}")
            foreign = at and JID(other).domain != JID(domain).domain
            if not jid.local or not jid.resource or foreign or "/" in account:
                raise InvalidJID("")
        except (InvalidJID, ValueError):
            text = f"the account or the device id is no address of {clean(domain)}; give NAME or NAME@{clean(domain)}"
            raise _invalid(text) from None
        if account not in (jid.local, jid.bare):
            raise _invalid(f"the server knows this account as {clean(jid.bare if at else jid.local)}; give it as that")
        return jid

    async def _prove(self, account: str, token: str) -> None:
        """SASL: one mechanism, one try. (slixmpp's own client tries each mechanism, and so burns several.)"""
        stream = self._stream
        try:
            proof = Proof(self._mechanisms, account, token, stream.wire)
        except Unusable:
            raise _invalid("the account or the token has characters in it that XMPP does not allow") from None
        try:
            stream.send(f"<auth xmlns='{SASL[1:-1]}' mechanism='{proof.name}'>{proof.start()}</auth>")
            while True:
                answer = await stream.next()
                match answer.tag.removeprefix(SASL):
                    case "challenge":
                        stream.send(f"<response xmlns='{SASL[1:-1]}'>{proof.answer(answer.text)}</response>")
                    case "success":
                        proof.accept(answer.text)
                        return
                    case "failure":
                        condition = first(answer, SASL)
                        raise self._refused(of_sasl(condition), condition, answer.findtext(f"{SASL}text", ""))
                    case _:
                        raise stream.garbage("it answers a login with something else")
        except ValueError:
            raise stream.garbage("it could not prove that it knows the token") from None

    async def _ask(self, what: str, reason_of: Callable[[str], Reason]) -> Element:
        """One request of the login. Raises LoginRefused when the server says no."""
        number = f"login{next(self._numbers)}"
        self._stream.send(f"<iq type='set' id='{number}'>{what}</iq>")
        while True:
            answer = await self._stream.next()
            if answer.tag == _IQ and answer.get("id") == number and answer.get("type") == "result":
                return answer
            if answer.tag == _IQ and answer.get("id") == number and answer.get("type") == "error":
                condition, text = _error(answer)
                raise self._refused(reason_of(condition), condition, text)

    def _refused(self, reason: Reason, condition: str, text: str) -> LoginRefused:
        return LoginRefused(reason, CODE.get(reason, 0), self._words(condition, text))

    def _words(self, condition: str, text: str) -> str:
        return clean(f"{condition}: {text}" if text else condition, *self._stream.secrets)

    # -- what it tells -------------------------------------------------------------------------------------------------

    def signals(self) -> AsyncIterator[Signal]:
        return self._signals

    async def _hear(self) -> None:
        stanza = await self._receive()
        if self._signals.ended is not None:  # it was closed meanwhile
            return
        match stanza.tag:
            case "{jabber:client}iq":
                self._hear_iq(stanza)
            case "{jabber:client}presence":
                self._hear_presence(stanza)
            case _:
                pass  # messages are for a client that can show them

    async def _receive(self) -> Element:
        """The next stanza. A server silent for `heartbeat` seconds is pinged (XEP-0199), and has as long again.

        One that never ends the data sync is left after `timeout` seconds, whatever else it says meanwhile.
        """
        now = asyncio.get_running_loop().time
        self._sync_by = self._sync_by or now() + self._terms.timeout
        while True:
            beat = now() + self._terms.heartbeat
            by = beat if self._roster and self._present else min(beat, self._sync_by)
            try:
                async with asyncio.timeout_at(by):
                    stanza = await self._stream.next()
            except TimeoutError:
                if by < beat:
                    what = "tell this session of its own presence" if self._roster else "send the roster"
                    raise self._silent(f"did not {what}, so data sync never ended; try again") from None
                if self._pinged:
                    raise self._silent("stopped answering; the connection is given up") from None
                self._pinged = True
                self._stream.send(f"<iq type='get' id='ping'>{_PING_IT}</iq>")
            else:
                self._pinged = False
                return stanza

    def _silent(self, what: str) -> LinkFailed:
        self._stream.wire.abort()  # nobody is there to say goodbye to
        return LinkFailed(Reason.NET, Code.TIMED_OUT, f"{self._stream.where} {what}")

    def _hear_iq(self, iq: Element) -> None:
        number, kind, sender = iq.get("id", ""), iq.get("type", ""), iq.get("from", "")
        if kind in ("result", "error"):
            if number == "roster" and not self._roster:
                # An error, too: a server may have no rosters.
                self._roster = True
                self._signals.put(SyncStarted())
                if self._present:
                    self._signals.put(SyncFinished())
            elif (kick := self._kicks.get(number)) is not None and sender == kick.address:
                self._kick_answered(iq, kick)
            elif number.endswith(_SERVED) and (kick := self._kicks.get(number.removesuffix(_SERVED))) is not None:
                kick.served = True
            return
        reply = f"to='{quoted(sender)}' id='{quoted(number)}'" if sender else f"id='{quoted(number)}'"
        if iq.find(f"{{{KICK}}}kick") is not None and kind == "set" and _bare(sender) == _bare(self._me):
            # The server stamps the sender: only a client of our own account can ask this.
            self._stream.send(f"<iq type='result' {reply}/><presence type='unavailable'/></stream:stream>")
            who = clean(_resource(sender), *self._stream.secrets)
            self._signals.end(Ended(Reason.KICKED_BY_CLIENT, CODE[Reason.KICKED_BY_CLIENT], f"by {who}"))
        elif iq.find(_PING) is not None or (iq.find(_ROSTER) is not None and _bare(sender) in ("", _bare(self._me))):
            self._stream.send(f"<iq type='result' {reply}/>")
        else:
            error = f"<error type='cancel'><service-unavailable xmlns='{_STANZAS[1:-1]}'/></error>"
            self._stream.send(f"<iq type='error' {reply}>{error}</iq>")

    def _hear_presence(self, presence: Element) -> None:
        sender, kind = presence.get("from", ""), presence.get("type")
        if _bare(sender) != _bare(self._me) or kind not in (None, "unavailable"):
            return
        if sender == self._me:
            if kind is None and not self._present:
                self._present = True
                if self._roster:
                    self._signals.put(SyncFinished())
            return
        gone: list[asyncio.Future[None]] = []
        if kind is None:
            self._others[sender] = self._client(_resource(sender), presence.find(f"{{{CLIENT_INFO}}}client"))
            if len(self._others) > MOST_CLIENTS:
                raise self._stream.garbage("it tells of more clients than an account can have")
        else:
            gone = [kick.gone for kick in self._kicks.values() if kick.address == sender]
            if self._others.pop(sender, None) is None:
                give(gone)
                return
        self._signals.put(OnlineClients(tuple(self._others.values())), *gone)

    def _client(self, resource: str, info: Element | None) -> OnlineClient:
        """A client that is not one of ours has a resource and nothing else."""
        told = info.attrib if info is not None else {}
        words = {name: clean(told.get(name, ""), *self._stream.secrets) for name in ("os", "client_type", "custom_tag")}
        try:
            since, number = login_time(told.get("login_time", 0)), int(told.get("custom_client_type", 0))
        except ValueError:
            since, number = 0.0, 0
        name = clean(resource, longest=_LONGEST_RESOURCE)
        return OnlineClient(name, login_time=since, custom_client_type=number, **words)

    # -- kick and logout -----------------------------------------------------------------------------------------------

    async def kick(self, client: OnlineClient) -> None:
        resource = client.client_id
        with self._signals.expecting() as gone:
            if (
                not resource
                or len(resource.encode("utf-8", "replace")) > _LONGEST_RESOURCE
                or not resource.isprintable()
            ):
                raise KickRefused(
                    Reason.INVALID, Code.INVALID, "no client has such an id; take one of the present list"
                )
            number, address = f"kick{next(self._numbers)}", f"{_bare(self._me)}/{resource}"
            kick = self._kicks[number] = _Kick(address, gone)
            try:
                self._stream.send(
                    f"<iq type='set' id='{number}' to='{quoted(address)}'><kick xmlns='{KICK}'/></iq>"
                    f"<iq type='get' id='{number}{_SERVED}'>{_PING_IT}</iq>"
                )
                async with asyncio.timeout(self._terms.timeout):
                    await gone  # signals() hears it
            except TimeoutError:
                if not kick.served:
                    text = "the server did not answer the kick; try again"
                    raise LinkFailed(Reason.NET, Code.TIMED_OUT, text) from None
                text = "the client is still online; try again, or log in with its device id to take its place"
                raise KickRefused(Reason.BUSY, Code.UNAVAILABLE, text) from None
            finally:
                del self._kicks[number]

    def _kick_answered(self, iq: Element, kick: _Kick) -> None:
        kick.served = True
        if kick.gone.done():
            return
        if iq.get("type") == "error":
            condition, text = _error(iq)
            kick.gone.set_exception(KickRefused(Reason.INVALID, Code.INVALID, self._words(condition, text)))
        elif kick.address not in self._others:
            kick.gone.set_result(None)
        # else it has said yes, and its presence will say when it is gone

    async def logout(self) -> None:
        if self._stream.wire.over:
            raise LinkFailed(Reason.NET, Code.NET, "the link is gone; the server sees that by itself")
        self._stream.send("<presence type='unavailable'/></stream:stream>")
        try:
            async with asyncio.timeout(self._terms.close_timeout):
                await self._stream.over()  # to reset the connection earlier would take back what is on its way
        except TimeoutError:
            raise LinkFailed(Reason.NET, Code.TIMED_OUT, "the server did not answer the logout") from None

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close it."""
        self._signals.end(CLOSED)
        self._stream.wire.abort()


def _invalid(text: str) -> LinkFailed:
    return LinkFailed(Reason.INVALID, Code.INVALID, text)


def _error(iq: Element) -> tuple[str, str]:
    error = iq.find(f"{{{CLIENT}}}error")
    condition = first(error, _STANZAS)
    return condition or "undefined-condition", error.findtext(f"{_STANZAS}text", "") if error is not None else ""


def _bare(address: str) -> str:
    return address.partition("/")[0]


def _resource(address: str) -> str:
    return address.partition("/")[2]
