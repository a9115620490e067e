"""The XMPP transport and a server that says what no server should. (tests/transports/real has the real ones.)"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import trustme

from nimauth.transports.base import (
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
from nimauth.transports.reach import MOST_ADDRESSES
from nimauth.transports.xmpp import Tls, XmppTransport, srv, transport_of
from nimauth.transports.xmpp.link import MOST_CLIENTS, XmppLink
from nimauth.transports.xmpp.xml import Parser
from nimauth.vocabulary.logins import LoginInfo, OnlineClient
from nimauth.vocabulary.reasons import Reason
from nimauth.vocabulary.states import Attempt
from tests import aio

from .fake_xmpp import BIND, ME, ROOT, SASL, SCRAM, STARTTLS, Fake, Peer, Script, mechanisms, serving, stream_error

TOKEN = "correct-horse-battery"


def run(test: Coroutine[Any, Any, None]) -> None:
    aio.run(test)


def to(fake: Fake, **options: Any) -> XmppTransport:
    """In plain text, unless told otherwise."""
    plain: dict[str, Any] = {"tls": Tls.NONE, "timeout": 5.0, "heartbeat": 5.0, "close_timeout": 0.2}
    options = plain | options
    scheme = "xmpps" if options["tls"] is Tls.DIRECT else "xmpp"
    return XmppTransport(f"{scheme}://127.0.0.1:{fake.port}/localhost", **options)


def request(account: str = "a", device: str = "phone", **more: Any) -> LoginRequest:
    return LoginRequest(LoginInfo(account, TOKEN, **more), Attempt.MANUAL, device)


async def failing(transport: XmppTransport) -> LinkFailed:
    """How open fails."""
    try:
        link = await transport.open()
    except LinkFailed as failed:
        return failed
    await link.close()
    raise AssertionError("open gave a link")


async def refused(transport: XmppTransport, asked: LoginRequest | None = None) -> LinkFailed | LoginRefused:
    """How login fails."""
    link = await transport.open()
    try:
        await link.login(asked or request())
    except (LinkFailed, LoginRefused) as failed:
        return failed
    finally:
        await link.close()
    raise AssertionError("the login was accepted")


@asynccontextmanager
async def online(transport: XmppTransport) -> AsyncIterator[XmppLink]:
    link = await transport.open()
    try:
        await link.login(request())
        yield link
    finally:
        await link.close()


async def ended(link: XmppLink) -> Ended:
    signals: list[Signal] = [signal async for signal in link.signals()]
    assert isinstance(signals[-1], Ended)
    return signals[-1]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("xmpp://example.org", "xmpp://example.org"),
        ("XMPPS://example.org", "xmpps://example.org"),
        ("xmpps://example.org:443", "xmpps://example.org:443"),
        ("xmpp://10.0.0.1/example.org", "xmpp://10.0.0.1:5222/example.org"),
        ("xmpps://[::1]:5223/example.org", "xmpps://[::1]:5223/example.org"),
    ],
)
def test_a_url_says_where_the_server_is(url: str, shown: str) -> None:
    assert transport_of(url, "no app key").where == shown
    assert shown in repr(XmppTransport(url))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "xmpp:example.org",
        "http://example.org",
        "xmpp://",
        "xmpp://me:secret@example.org",
        "xmpp://example.org:0",
        "xmpp://example.org:99999",
        "xmpp://example.org/?a=secret",
        "xmpp://exam ple.org",
        "xmpp://example.org/a'b",
        "xmpp://example.org/a%20b",
        "xmpp://" + "a" * 70 + ".org",
        "xmpp://[::1",
        "xmpp://example.org\n",
        7,
    ],
)
def test_a_url_that_can_never_work_is_refused_and_not_shown(url: Any) -> None:
    with pytest.raises(ValueError, match=r"^the server's URL is not usable: .*; give one like xmpps://") as wrong:
        XmppTransport(url)
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize(
    "wrong", [{"heartbeat": 0}, {"timeout": -1}, {"max_size": 0}, {"os": "a\nb"}, {"custom_tag": 7}]
)
def test_an_option_that_can_never_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        XmppTransport("xmpps://example.org", **wrong)


def test_without_slixmpp_one_sentence_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['slixmpp'] = None\n"
        "from nimauth.transports.xmpp import XmppTransport\n"
        "try: XmppTransport('xmpp://example.org')\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "XMPP needs the package slixmpp; install it with: pip install 'nimauth[xmpp]'\n"


class Records:
    """A resolver of slixmpp's, with these SRV records."""

    def __init__(self, *records: tuple[int, str, int], broken: bool = False) -> None:
        self.records, self.broken, self.asked = records, broken, ""
        self.closed = False

    async def query_dns(self, name: str, kind: str) -> Any:
        self.asked = name
        if self.broken:
            raise OSError("no resolver")

        data = [SimpleNamespace(priority=p, weight=0, target=host, port=port) for p, host, port in self.records]
        return SimpleNamespace(answer=[SimpleNamespace(data=one) for one in data])

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (Records((20, "b.org", 2), (10, "a.org.", 1)), [("a.org", 1), ("b.org", 2)]),
        (Records(), [("example.org", 5222)]),
        (Records(broken=True), [("example.org", 5222)]),
        (Records((0, ".", 0)), [("example.org", 5222)]),
        (Records((1, "a.org", 70_000), (2, "b.org", 1)), [("b.org", 1)]),
        (Records(*((n, f"{n}.org", 1) for n in range(100))), [(f"{n}.org", 1) for n in range(MOST_ADDRESSES)]),
    ],
)
def test_a_domains_servers_are_looked_up(
    records: Records, found: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slixmpp.xmlstream.resolver.default_resolver", lambda loop: records)

    async def test() -> None:
        assert await srv.servers_of("example.org", direct=False) == found
        assert records.asked == "_xmpp-client._tcp.example.org"
        await srv.servers_of("example.org", direct=True)
        assert records.asked == "_xmpps-client._tcp.example.org"
        assert records.closed

    run(test())


def records(monkeypatch: pytest.MonkeyPatch, *servers: tuple[str, int], patience: float = 30.0) -> None:
    """Let DNS say that these serve the domain, and wait so long at most before the next is tried beside one."""

    async def servers_of(domain: str, *, direct: bool) -> list[tuple[str, int]]:
        assert domain == "localhost"
        return list(servers)

    monkeypatch.setattr(srv, "servers_of", servers_of)
    monkeypatch.setattr("nimauth.transports.reach.PATIENCE", patience)


async def silence(peer: Peer) -> None:
    with contextlib.suppress(OSError):
        while await peer.reader.read(65536):
            pass


async def silence_in_stream(peer: Peer) -> None:
    await peer.hear("<stream:stream .*?>")
    peer.say(ROOT)
    await peer.gone()


async def silence_before_tls(peer: Peer) -> None:
    await peer.offer(STARTTLS)
    await peer.gone()


async def hanging_up(peer: Peer) -> None:
    peer.writer.close()


async def out_of_order(peer: Peer) -> None:
    await peer.hear("<stream:stream .*?>")
    peer.say(ROOT + stream_error("internal-server-error"))


async def full(peer: Peer) -> None:
    await peer.hear("<stream:stream .*?>")
    peer.say(ROOT + stream_error("resource-constraint"))


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        *((kind, script) for kind in (Tls.STARTTLS, Tls.DIRECT) for script in (silence, silence_in_stream, hanging_up)),
        (Tls.STARTTLS, silence_before_tls),
        (Tls.STARTTLS, out_of_order),
        (Tls.DIRECT, full),
    ],
)
def test_a_first_server_that_is_out_of_order_does_not_cost_the_login(
    kind: Tls, first: Script, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = contexts(authority)

    async def good(peer: Peer) -> None:
        if kind is Tls.STARTTLS:
            await upgrade(peer, server)
        await peer.online(TOKEN)

    async def test() -> None:
        tls = server if kind is Tls.DIRECT and first is not silence else None  # else the silence begins before TLS
        async with serving(first, tls) as bad, serving(good, server if kind is Tls.DIRECT else None) as second:
            records(monkeypatch, ("127.0.0.1", bad.port), ("127.0.0.1", second.port), patience=0.05)
            transport = XmppTransport(f"xmpp{'s' * (kind is Tls.DIRECT)}://localhost", ssl=client, timeout=20.0)
            async with online(transport):
                assert (len(bad.peers), len(second.peers)) == (1, 1)
            await bad.peers[0].gone()  # nothing is left of the other try

    run(test())


def test_the_next_server_is_tried_when_the_first_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.offer(mechanisms(*SCRAM))) as fake:
            records(monkeypatch, ("127.0.0.1", 1), ("127.0.0.1", fake.port))
            await (await XmppTransport("xmpp://localhost", tls=Tls.NONE).open()).close()
            assert len(fake.peers) == 1

    run(test())


def test_what_the_first_server_has_said_stands(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    async def foreign(peer: Peer) -> None:
        await peer.hear("<stream:stream .*?>")
        peer.say(ROOT + stream_error("host-unknown"))

    async def test() -> None:
        async with serving(foreign) as first, serving(lambda peer: peer.online(TOKEN)) as second:
            records(monkeypatch, ("127.0.0.1", first.port), ("127.0.0.1", second.port))
            failed = await failing(XmppTransport("xmpp://localhost", tls=Tls.NONE))
            assert (failed.reason, failed.text) == (Reason.INVALID, "host-unknown")
            assert not second.peers

    run(test())


def test_with_no_server_that_answers_it_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with serving(silence) as first, serving(silence) as second:
            records(monkeypatch, ("127.0.0.1", first.port), ("127.0.0.1", second.port), patience=0.05)
            failed = await failing(XmppTransport("xmpp://localhost", timeout=1.0))
            assert (failed.reason, failed.code) == (Reason.NET, 408)
            assert (len(first.peers), len(second.peers)) == (1, 1)

    run(test())


# -- TLS ---------------------------------------------------------------------------------------------------------------


def contexts(authority: trustme.CA, name: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's, and a client's that trusts it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def upgrade(peer: Peer, context: ssl.SSLContext) -> None:
    """The server's side of STARTTLS."""
    await peer.offer(STARTTLS)
    await peer.hear("<starttls .*?/>")
    peer.say("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await peer.writer.start_tls(context)


def test_a_certificate_that_is_not_trusted_is_no_verdict_and_nothing_is_said(authority: trustme.CA) -> None:
    server, _ = contexts(authority)
    _, stranger = contexts(trustme.CA())

    async def test() -> None:
        for kind in (Tls.DIRECT, Tls.STARTTLS):
            direct = server if kind is Tls.DIRECT else None
            script = (lambda peer: peer.gone()) if direct else (lambda peer: upgrade(peer, server))
            with contextlib.suppress(ssl.SSLError):
                async with serving(script, direct) as fake:
                    failed = await failing(to(fake, tls=kind, ssl=stranger))
                    assert failed.reason is Reason.NET
                    assert "is not trusted" in failed.text
                    assert isinstance(failed.__cause__, ssl.SSLCertVerificationError)
                    assert not any("auth" in peer.heard for peer in fake.peers)

    run(test())


def test_a_certificate_of_another_domain_is_not_trusted(authority: trustme.CA) -> None:
    server, client = contexts(authority, "elsewhere.example")

    async def test() -> None:
        async with serving(lambda peer: peer.gone(), server) as fake:
            failed = await failing(to(fake, tls=Tls.DIRECT, ssl=client))
            assert (failed.reason, "is not trusted" in failed.text) == (Reason.NET, True)

    run(test())


def test_without_an_offer_of_tls_nothing_goes_on() -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.offer(mechanisms(*SCRAM, "PLAIN"))) as fake:
            failed = await failing(to(fake, tls=Tls.STARTTLS))
            assert failed.reason is Reason.NET
            assert "offers no TLS" in failed.text
            assert "<auth" not in fake.peers[0].heard

    run(test())


def test_what_somebody_slips_in_before_tls_is_not_taken_for_the_servers() -> None:
    async def slip(peer: Peer) -> None:
        await peer.offer(STARTTLS)
        await peer.hear("<starttls .*?/>")
        peer.say(f"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{ROOT}")

    async def test() -> None:
        async with serving(slip) as fake:
            failed = await failing(to(fake, tls=Tls.STARTTLS))
            assert (failed.reason, failed.code) == (Reason.NET, 415)

    run(test())


def test_a_verdict_comes_only_from_a_server_that_has_proved_who_it_is(authority: trustme.CA) -> None:
    server, client = contexts(authority)

    async def refuse(peer: Peer) -> None:
        await peer.hear("<stream:stream .*?>")
        peer.say(ROOT + stream_error("unsupported-version", "1.0 is so old"))

    async def refuse_in_tls(peer: Peer) -> None:
        await upgrade(peer, server)
        await refuse(peer)

    async def test() -> None:
        for script, context, kind, reason in (
            (refuse, None, Tls.STARTTLS, Reason.NET),
            (refuse_in_tls, None, Tls.STARTTLS, Reason.VERSION),
            (refuse, server, Tls.DIRECT, Reason.VERSION),
        ):
            async with serving(script, context) as fake:
                failed = await failing(to(fake, tls=kind, ssl=client))
                assert (failed.reason, failed.text) == (reason, "unsupported-version: 1.0 is so old")

    run(test())


def test_a_token_goes_out_in_plain_only_within_tls(authority: trustme.CA) -> None:
    server, client = contexts(authority)

    async def plain(peer: Peer) -> None:
        await peer.offer(mechanisms("PLAIN"))
        said = (await peer.hear("<auth .*? mechanism='PLAIN'>(.*?)</auth>"))[1]
        assert base64.b64decode(said) == f"\0a\0{TOKEN}".encode()
        peer.say(f"<failure {SASL}><credentials-expired/></failure>")

    async def test() -> None:
        async with serving(plain) as fake:
            failed = await failing(to(fake))
            assert failed.reason is Reason.VERSION
        async with serving(plain, server) as fake:
            assert (await refused(to(fake, tls=Tls.DIRECT, ssl=client))).reason is Reason.CREDENTIALS

    run(test())


def test_no_logger_gets_to_see_the_token(authority: trustme.CA, caplog: pytest.LogCaptureFixture) -> None:
    server, client = contexts(authority)

    async def echo(peer: Peer) -> None:
        await peer.offer(mechanisms("PLAIN"))
        said = (await peer.hear("<auth .*?>(.*?)</auth>"))[1]
        peer.say(f"<failure {SASL}><account-disabled/><text>{TOKEN} {said}</text></failure>")

    async def test() -> None:
        asyncio.get_running_loop().set_debug(True)
        async with serving(echo, server) as fake:
            failed = await refused(to(fake, tls=Tls.DIRECT, ssl=client))
            assert failed.reason is Reason.FORBIDDEN
            assert TOKEN not in failed.text

    with caplog.at_level(logging.DEBUG):
        run(test())
    assert TOKEN not in caplog.text
    assert base64.b64encode(f"\0a\0{TOKEN}".encode()).decode() not in caplog.text


# -- login -------------------------------------------------------------------------------------------------------------


def test_a_wrong_token_is_tried_once() -> None:
    async def refuse(peer: Peer) -> None:
        await peer.offer(mechanisms(*SCRAM))
        await peer.hear("</auth>")
        peer.say(f"<failure {SASL}><not-authorized/><text>no\x85no</text></failure>")

    async def test() -> None:
        async with serving(refuse) as fake:
            failed = await refused(to(fake))
            assert isinstance(failed, LoginRefused)
            assert (failed.reason, failed.code, failed.text) == (Reason.CREDENTIALS, 302, "not-authorized: no no")
            assert fake.peers[0].heard.count("<auth") == 1
            assert len(fake.peers) == 1

    run(test())


@pytest.mark.parametrize("rounds", [0, -1, 10**9])
def test_a_server_that_wants_too_much_work_is_left(rounds: int) -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.scram(TOKEN, rounds=rounds)) as fake:
            began = time.monotonic()
            assert (await refused(to(fake))).reason is Reason.NET
            assert time.monotonic() - began < 2

    run(test())


def test_a_server_that_does_not_know_the_token_is_left() -> None:
    async def accept(peer: Peer) -> None:
        await peer.offer(mechanisms(*SCRAM))
        await peer.hear("</auth>")
        peer.say(f"<success {SASL}/>")

    async def test() -> None:
        for script in (lambda peer: peer.scram(TOKEN, proves=False), accept):
            async with serving(script) as fake:
                failed = await refused(to(fake))
                assert (type(failed), failed.reason) == (LinkFailed, Reason.NET)
                assert "could not prove" in failed.text

    run(test())


@pytest.mark.parametrize("garbage", ["AAAA", "!", "=", "", base64.b64encode(b"r=x,s=x,i=x").decode()])
def test_a_challenge_that_is_none_is_no_verdict(garbage: str) -> None:
    async def challenge(peer: Peer) -> None:
        await peer.offer(mechanisms(*SCRAM))
        await peer.hear("</auth>")
        peer.say(f"<challenge {SASL}>{garbage}</challenge>")

    async def test() -> None:
        async with serving(challenge) as fake:
            failed = await refused(to(fake))
            assert (type(failed), failed.reason) == (LinkFailed, Reason.NET)

    run(test())


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("not-allowed", Reason.FORBIDDEN),
        ("conflict", Reason.ALREADY_ONLINE),
        ("resource-constraint", Reason.BUSY),
        ("gone-fishing", Reason.UNKNOWN),
    ],
)
def test_a_session_can_be_refused(condition: str, reason: Reason) -> None:
    async def refuse(peer: Peer) -> None:
        await peer.scram(TOKEN)
        await peer.offer(BIND)
        number = (await peer.hear("<iq type='set' id='(.*?)'>"))[1]
        error = f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
        peer.say(f"<iq type='error' id='{number}'><error type='cancel'>{error}</error></iq>")

    async def test() -> None:
        async with serving(refuse) as fake:
            failed = await refused(to(fake))
            assert (type(failed), failed.reason, failed.text) == (LoginRefused, reason, condition)

    run(test())


@pytest.mark.parametrize(
    "asked",
    [
        request("a@elsewhere.example"),
        request("a/b"),
        request("a@localhost/x"),
        request("a@localhost/phone"),
        request("a@localhost@localhost"),
        request("<a>"),
        request(device="\n"),
        request(device=""),
        request(auth_type=2, login_ext="for the app's own server"),
    ],
)
def test_what_xmpp_has_no_words_for_is_refused_before_anything_is_sent(asked: LoginRequest) -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.offer(mechanisms(*SCRAM))) as fake:
            assert (await refused(to(fake), asked)).reason is Reason.INVALID
            assert "<auth" not in fake.peers[0].heard

    run(test())


@pytest.mark.parametrize(
    ("account", "known"),
    [
        ("A", "a"),
        ("a\u200b", "a"),
        ("\ufb01", "fi"),
        ("A@localhost", "a@localhost"),
        ("a@LocalHost", "a@localhost"),
        ("stra\u00dfe", "strasse"),
    ],
)
def test_an_account_has_one_name(account: str, known: str) -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.offer(mechanisms(*SCRAM))) as fake:
            failed = await refused(to(fake), request(account))
            assert (type(failed), failed.reason) == (LinkFailed, Reason.INVALID)
            assert failed.text == f"the server knows this account as {known}; give it as that"
            assert "<auth" not in fake.peers[0].heard

    run(test())


def test_an_account_may_have_the_domain_with_it() -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.online(TOKEN)) as fake:
            link = await to(fake).open()
            assert (await link.login(request("a@localhost"))).client_id == "phone"
            await link.close()

    run(test())


# -- online ------------------------------------------------------------------------------------------------------------


def test_data_sync_is_the_roster_and_our_own_presence_in_whichever_order() -> None:
    async def backwards(peer: Peer) -> None:
        await peer.online(TOKEN, echo=False)
        peer.say(f"<presence from='{ME}'/><iq type='error' id='roster'/><presence from='{ME}'/>")
        peer.say(stream_error("reset"))

    async def test() -> None:
        async with serving(backwards) as fake, online(to(fake)) as link:
            heard = [signal async for signal in link.signals()]
            assert heard == [SyncStarted(), SyncFinished(), Ended(Reason.NET, 415, "reset")]
            assert "<priority>-1</priority>" in fake.peers[0].heard

    run(test())


def test_other_clients_are_listed_with_what_they_tell_of_themselves() -> None:
    nasty = "os='a&#10;b' login_time='nan' custom_client_type='x' custom_tag='correct-horse-battery'"

    async def script(peer: Peer) -> None:
        await peer.online(TOKEN, echo=False)
        about = "os='Linux' client_type='web' custom_tag='t' custom_client_type='7' login_time='1e9'"
        peer.say(
            f"<presence from='a@localhost/one'><client xmlns='urn:nimauth:client:1' {about}/></presence>"
            f"<presence from='a@localhost/two'><client xmlns='urn:nimauth:client:1' {nasty}/></presence>"
            "<presence from='b@localhost/three'/><presence from='a@localhost/four' type='subscribe'/>"
            "<presence from='a@localhost/five' type='unavailable'/><message from='b@localhost'/>"
            "<presence from='a@localhost/one' type='unavailable'/>" + stream_error("system-shutdown")
        )

    async def test() -> None:
        one = OnlineClient("one", "Linux", "web", 1e9, "t", 7)
        two = OnlineClient("two", "a b", "", 0.0, "***", 0)
        async with serving(script) as fake, online(to(fake)) as link:
            heard = [signal async for signal in link.signals()][:-1]
            assert heard == [OnlineClients((one,)), OnlineClients((one, two)), OnlineClients((two,))]

    run(test())


def test_what_a_client_tells_of_itself_is_what_the_others_hear() -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.online(TOKEN)) as fake:
            async with online(to(fake, os="O'S/2 <&>", client_type="pad", custom_tag='"')):
                await fake.peers[0].is_online.wait()
            told = fake.peers[0].heard
        parser = Parser(10_000)
        parser.feed(ROOT.encode())
        (presence,) = parser.feed(told[told.index("<presence>") :].encode())
        client = presence.find("{urn:nimauth:client:1}client")
        assert client is not None
        assert (client.get("os"), client.get("client_type"), client.get("custom_tag")) == ("O'S/2 <&>", "pad", '"')

    run(test())


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (stream_error("conflict", "Replaced by new connection"), Reason.DISPLACED),
        (stream_error("conflict"), Reason.DISPLACED),
        (stream_error("conflict", "spam"), Reason.KICKED_BY_SERVER),
        (stream_error("policy-violation"), Reason.KICKED_BY_SERVER),
        (stream_error("not-authorized"), Reason.FORBIDDEN),
        (stream_error("resource-constraint"), Reason.BUSY),
        (stream_error("see-other-host", "elsewhere.example"), Reason.NET),
        (stream_error("gone-fishing"), Reason.NET),
        ("<stream:error/>", Reason.NET),
        ("</stream:stream>", Reason.NET),
        ("<presence", Reason.NET),
        ("rubbish", Reason.NET),
        ("</presence>", Reason.NET),
        ("<!DOCTYPE x [<!ENTITY a 'aaaa'>]>", Reason.NET),
        ("<?pi?>", Reason.NET),
        ("<!-- comment -->", Reason.NET),
        ("<a>" * 100, Reason.NET),
        ("<message a='" + "x" * 200_000, Reason.NET),
        ("".join(f"<presence from='a@localhost/{n}'/>" for n in range(MOST_CLIENTS + 2)), Reason.NET),
    ],
)
def test_each_end_has_its_reason(said: str, reason: Reason) -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        peer.say(said)
        await peer.writer.drain()
        peer.writer.close()

    async def test() -> None:
        async with serving(script) as fake, online(to(fake, max_size=100_000)) as link:
            assert (await ended(link)).reason is reason
            assert len(fake.peers) == 1

    run(test())


def test_only_a_client_of_the_same_account_can_kick() -> None:
    kick = "<kick xmlns='urn:nimauth:kick:1'/>"

    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        for sender in ("b@localhost/x", "localhost", "a@localhost.evil/x", ""):
            peer.say(f"<iq type='set' from='{sender}' id='1'>{kick}</iq>")
            await peer.hear("<iq type='error' .*?service-unavailable")
        peer.say(f"<iq type='set' from='a@localhost/desk' id='2'>{kick}</iq>")
        await peer.hear("<iq type='result' to='a@localhost/desk' id='2'/><presence type='unavailable'/>")

    async def test() -> None:
        async with serving(script) as fake, online(to(fake)) as link:
            end = await ended(link)
            assert (end.reason, end.code, end.text) == (Reason.KICKED_BY_CLIENT, 417, "by desk")

    run(test())


def test_a_kick_is_done_when_the_client_is_gone() -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        peer.say("<presence from='a@localhost/desk'/>")
        number = (await peer.hear("<iq type='set' id='(.*?)' to='a@localhost/desk'>"))[1]
        peer.say(f"<iq type='result' from='a@localhost/desk' id='{number}'/>")
        await peer.hear("</iq>")
        peer.say(f"<iq type='error' from='b@localhost/evil' id='{number}'/>")  # whoever guesses the number
        peer.say("<presence from='a@localhost/desk' type='unavailable'/>")
        number = (await peer.hear("<iq type='set' id='(.*?)' to='a@localhost/desk'>"))[1]
        peer.say(f"<iq type='error' from='a@localhost/desk' id='{number}'/>")

    async def test() -> None:
        async with serving(script) as fake, online(to(fake)) as link:
            listening = asyncio.create_task(ended(link))
            await link.kick(OnlineClient("desk"))
            with pytest.raises(KickRefused, match="undefined-condition"):
                await link.kick(OnlineClient("desk"))
            for nobody in ("", "x" * 2000, "a\nb"):
                with pytest.raises(KickRefused):
                    await link.kick(OnlineClient(nobody))
            await link.close()
            await listening
            with pytest.raises(LinkFailed):
                await link.kick(OnlineClient("desk"))

    run(test())


@pytest.mark.parametrize("says", ["yes", "nothing"])
def test_a_kicked_client_that_stays_is_a_kick_refused_and_the_link_is_as_good_as_before(says: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        peer.say("<presence from='a@localhost/desk'/>")
        number = (await peer.hear("<iq type='set' id='(.*?)' to='a@localhost/desk'>"))[1]
        if says == "yes":
            peer.say(f"<iq type='result' from='a@localhost/desk' id='{number}'/>")
        number = (await peer.hear("<iq type='get' id='(.*?)'><ping "))[1]
        peer.say(f"<iq type='result' id='{number}'/>")
        await peer.hear("to='a@localhost/desk'")
        peer.say("<presence from='a@localhost/desk' type='unavailable'/>")

    async def test() -> None:
        async with serving(script) as fake, online(to(fake, timeout=0.3)) as link:
            listening = asyncio.create_task(ended(link))
            with pytest.raises(KickRefused, match="still online") as failed:
                await link.kick(OnlineClient("desk"))
            assert (failed.value.reason, failed.value.code) == (Reason.BUSY, 503)
            await link.kick(OnlineClient("desk"))
            await link.close()
            await listening

    run(test())


def test_a_server_that_does_not_answer_a_kick_is_a_link_that_failed() -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        peer.say("<presence from='a@localhost/desk'/>")
        number = (await peer.hear("<iq type='set' id='(.*?)' to='a@localhost/desk'>"))[1]
        peer.say(f"<iq type='result' from='b@localhost/evil' id='{number}'/>")

    async def test() -> None:
        async with serving(script) as fake, online(to(fake, timeout=0.3)) as link:
            listening = asyncio.create_task(ended(link))
            with pytest.raises(LinkFailed, match="did not answer the kick") as failed:
                await link.kick(OnlineClient("desk"))
            assert (failed.value.reason, failed.value.code) == (Reason.NET, 408)
            await link.close()
            await listening

    run(test())


def test_a_client_with_a_long_id_is_told_from_its_like_and_can_be_kicked() -> None:
    ids = ["x" * 1022 + end for end in "ab"]

    async def script(peer: Peer) -> None:
        await peer.online(TOKEN, echo=False)
        for name in ids:
            peer.say(f"<presence from='a@localhost/{name}'/>")
        await peer.hear(f"to='a@localhost/{ids[1]}'><kick")
        peer.say(f"<presence from='a@localhost/{ids[1]}' type='unavailable'/>")

    async def test() -> None:
        async with serving(script) as fake, online(to(fake)) as link:
            signals = link.signals()
            assert await anext(signals) == OnlineClients((OnlineClient(ids[0]),))
            assert await anext(signals) == OnlineClients(tuple(OnlineClient(name) for name in ids))
            listening = asyncio.create_task(ended(link))
            await link.kick(OnlineClient(ids[1]))
            await link.close()
            await listening

    run(test())


def test_a_ping_is_answered_and_an_unknown_question_refused() -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        peer.say("<iq type='get' from='localhost' id='&lt;1'><ping xmlns='urn:xmpp:ping'/></iq>")
        await peer.hear("<iq type='result' to='localhost' id='&lt;1'/>")
        peer.say("<iq type='set' id='2'><query xmlns='jabber:iq:roster'/></iq>")
        await peer.hear("<iq type='result' id='2'/>")
        peer.say("<iq type='get' id='3'><query xmlns='jabber:iq:version'/></iq>")
        await peer.hear("<iq type='error' id='3'>.*service-unavailable")
        peer.say(stream_error("reset"))

    async def test() -> None:
        async with serving(script) as fake, online(to(fake)) as link:
            assert (await ended(link)).text == "reset"

    run(test())


def test_a_silent_server_is_pinged_and_then_left() -> None:
    async def test() -> None:
        async with serving(lambda peer: peer.online(TOKEN)) as fake, online(to(fake, heartbeat=0.1)) as link:
            began = time.monotonic()
            end = await ended(link)
            assert (end.reason, end.code) == (Reason.NET, 408)
            assert 0.15 < time.monotonic() - began < 2
            assert fake.peers[0].heard.count("urn:xmpp:ping") == 1

    run(test())


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("", "send the roster"),
        (f"<presence from='{ME}'/>", "send the roster"),
        ("<iq type='result' id='roster'/>", "tell this session of its own presence"),
    ],
)
def test_a_server_that_never_ends_the_data_sync_is_left_whatever_else_it_says(said: str, missing: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN, echo=False)
        peer.say(said)
        while True:
            await peer.hear("<iq type='get' id='ping'>")
            peer.say("<iq type='result' id='ping'/><presence from='a@localhost/desk'/>")

    async def test() -> None:
        async with serving(script) as fake, online(to(fake, heartbeat=0.05, timeout=0.4)) as link:
            async with asyncio.timeout(5):
                end = await ended(link)
            assert (end.reason, end.code) == (Reason.NET, 408)
            assert f"did not {missing}" in end.text
            assert fake.peers[0].heard.count("id='ping'") > 2

    run(test())


def test_a_session_that_has_synced_has_no_deadline_and_neither_has_one_that_nobody_listens_to() -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        await asyncio.sleep(0.5)
        peer.say(stream_error("reset"))

    async def test() -> None:
        for wait in (0.0, 0.3):
            async with serving(script) as fake, online(to(fake, timeout=0.2)) as link:
                await asyncio.sleep(wait)
                assert (await ended(link)).text == "reset"

    run(test())


def test_a_server_that_answers_pings_is_kept() -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        for _ in range(4):
            await peer.hear("<iq type='get' id='ping'>")
            peer.say("<iq type='error' id='ping'/>")
        peer.say(stream_error("reset"))

    async def test() -> None:
        async with serving(script) as fake, online(to(fake, heartbeat=0.05)) as link:
            assert (await ended(link)).text == "reset"

    run(test())


def test_a_server_that_asks_and_does_not_read_is_left() -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's stream of bytes can
        while True:  # until every buffer between the two is full, whatever the kernel's sizes are
            peer.say("<iq type='get' from='localhost' id='x'><ping xmlns='urn:xmpp:ping'/></iq>" * 100)
            await peer.writer.drain()

    async def test() -> None:
        async with serving(script) as fake, online(to(fake, heartbeat=60.0, timeout=60.0)) as link:
            end = await ended(link)
            assert (end.reason, end.code) == (Reason.NET, 415)  # 408 would be a deadline's

    run(test())


def test_a_logout_is_told_and_waited_for() -> None:
    async def script(peer: Peer) -> None:
        await peer.online(TOKEN)
        await peer.hear("<presence type='unavailable'/></stream:stream>")
        peer.say("</stream:stream>")
        peer.writer.close()

    async def test() -> None:
        async with serving(script) as fake:
            async with online(to(fake, close_timeout=5.0)) as link:
                began = time.monotonic()
                await link.logout()
                assert time.monotonic() - began < 2
            assert "unavailable" in fake.peers[0].heard
        async with serving(lambda peer: peer.online(TOKEN)) as fake, online(to(fake)) as link:
            with pytest.raises(LinkFailed):  # nobody answers
                await link.logout()

    run(test())


# -- the parser --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_stanzas_come_whole_however_the_bytes_come(size: int) -> None:
    document = ROOT.encode() + "<message><body>ä&lt;</body></message> <a xmlns='x' b='1'/></stream:stream>".encode()
    parser = Parser(1000)
    stanzas = [s for at in range(0, len(document), size) for s in parser.feed(document[at : at + size])]
    assert [stanza.tag for stanza in stanzas] == ["{jabber:client}message", "{x}a"]
    assert (stanzas[0].findtext("{jabber:client}body"), stanzas[1].get("b")) == ("ä<", "1")
    assert parser.closed
    assert not parser.garbage


def test_spaces_between_stanzas_keep_a_connection_alive_for_ever() -> None:
    parser = Parser(1000)
    parser.feed(ROOT.encode())
    for _ in range(5000):
        assert parser.feed(b" ") == []
    assert not parser.garbage


def test_an_entity_bomb_is_not_even_read() -> None:
    parser = Parser(10_000)
    bomb = "<!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
    )
    parser.feed(f"<?xml version='1.0'?>{bomb}]><a>&j;</a>".encode())
    assert "does not allow" in parser.garbage
