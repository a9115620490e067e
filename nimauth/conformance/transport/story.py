"""Stories: what a server does and what a client does at that time, told by hypothesis and played on a stage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from attrs import frozen
from hypothesis import strategies as st

from ...transports.base import Accepted, Ended, Link, LinkFailed, LoginRefused, OnlineClients, Signal
from ...vocabulary.logins import OnlineClient
from ...vocabulary.reasons import VERDICTS, Reason
from ..clauses import Broken, require
from ..outcome import Outcome, attempt
from . import contract as T  # noqa: N812  (T.OPEN is clause T1)
from .listener import Listener
from .stage import Stage, sync_signal, turns
from .world import Said

RUBBISH: Final = (
    b"\0",
    b"{",
    b"[]\n",
    b"[1]\n",
    b"null\n",
    b"7\n",
    b'"word"\n',
    b"{}\n",
    b'{"op": 7}\n',
    b'{"op": {"op": "accepted"}}\n',
    b"\xff\xfe\xfd\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"<?xml version='1.0'?><a>\n",
    b"[" * 30_000 + b"\n",
    b"9" * 5_000 + b"\n",
    b"x" * 200_000,
)
"""What no protocol means, and several parsers stumble over."""


@frozen
class Trouble:
    """What happens to a connection."""

    what: str
    """none, refuse, end, cut, gentle (a cut, gently), stall, garble or flood."""
    reason: Reason = Reason.NET
    words: str = ""
    rubbish: bytes = b""

    def __repr__(self) -> str:
        more = {"refuse": f" {self.reason} {self.words!r}", "end": f" {self.reason} {self.words!r}"}
        return self.what + more.get(self.what, f" {self.rubbish[:40]!r}" if self.rubbish else "")


@frozen
class Story:
    """From the opening to the close of one link."""

    before: str = "ready"
    """ready, unreachable or stall."""
    answer: Trouble = Trouble("none")
    """What befalls the login."""
    news: tuple[str, ...] = ()
    """What the server tells while online: started, finished, join."""
    unread: int = 0
    """So much of it comes before anybody listens."""
    act: str = "nothing"
    """What the client does when the trouble comes: nothing, kick, kick a stranger, logout, close, stop listening."""
    trouble: Trouble = Trouble("none")
    pause: int = 0
    """So many turns of the loop lie between the two."""
    act_first: bool = True
    close: str = "once"
    """once, twice or both (two at the same time)."""


def stories(
    abilities: frozenset[str], login_reasons: Iterable[Reason], online_reasons: Iterable[Reason]
) -> st.SearchStrategy[Story]:
    """The stories that can be played with a world of these abilities."""

    def of(*names: str) -> list[str]:
        needs = {"gentle": "cut", "started": "sync", "finished": "sync"}
        return [name for name in names if needs.get(name, name) in abilities]

    words = st.sampled_from(["", "it is what it is"]) | st.text(max_size=300)
    # After rubbish and in a flood nothing is sure any more but that a cut ends it, so they need one.
    wild = of("garble", "flood") if "cut" in abilities else []
    rubbish = st.sampled_from(RUBBISH) | st.binary(min_size=1, max_size=60)

    def troubles(kinds: list[str], verdict: str, reasons: Iterable[Reason]) -> st.SearchStrategy[Trouble]:
        plain = [Trouble("none"), *(Trouble(kind) for kind in kinds if kind != "garble")]
        strategies = [st.sampled_from(plain)]
        if verdict in abilities and (reasons := sorted(reasons)):
            strategies.append(st.builds(Trouble, st.just(verdict), st.sampled_from(reasons), words))
        if "garble" in kinds:
            strategies.append(st.builds(Trouble, st.just("garble"), rubbish=rubbish))
        return st.one_of(strategies)

    kicks = ["kick", "kick a stranger"] if "kick" in abilities else []
    news = of("started", "finished", "join")
    close = st.sampled_from(["once", "twice", "both"])
    early = st.builds(
        Story,
        before=st.sampled_from(["ready", "ready", *of("unreachable", "stall")]),
        answer=troubles([*of("cut", "gentle", "stall"), *(w for w in wild if w == "garble")], "refuse", login_reasons),
        close=close,
    )
    online = st.builds(
        Story,
        news=st.lists(st.sampled_from(news), max_size=6).map(tuple) if news else st.just(()),
        unread=st.integers(0, 6),
        act=st.sampled_from(["nothing", "nothing", *kicks, "logout", "close", "stop listening"]),
        trouble=troubles([*of("cut", "gentle", "stall"), *wild], "end", online_reasons),
        pause=st.integers(0, 4),
        act_first=st.booleans(),
        close=close,
    )
    return st.one_of(online, online, online, early)


async def tell(stage: Stage, story: Story) -> None:
    """Play a story. Raises Broken for the first clause that does not hold."""
    if story.before == "unreachable":
        await stage.world.unreachable()
    elif story.before == "stall":
        await strike(stage, Trouble("stall"))
    opened = await stage.open(hinders=story.before == "stall")
    if opened.result is None:
        not_opened(stage, opened, story.before)
        return
    link = opened.result
    require(story.before != "unreachable", T.OPEN, "open gave a link though the connection was refused")
    if await _log_in(stage, link, story):
        await _live(stage, link, story)
    await close(stage, link, story.close)


async def close(stage: Stage, link: Link, how: str) -> None:
    """Close once, twice one after the other, or twice at the same time."""
    if how == "both":
        await asyncio.gather(stage.close(link), stage.close(link))
    else:
        for _ in range(2 if how == "twice" else 1):
            await stage.close(link)


def not_opened(stage: Stage, opened: Outcome[Link], why: str) -> None:
    """It was right that open failed, and it failed rightly."""
    require(why != "ready", T.OPEN, f"open {opened} of a server that was ready")
    if isinstance(opened.error, LinkFailed):
        unexplained(f"open, of a server that was {why},", opened.error, exactly=True)


def unexplained(what: str, told: LinkFailed | LoginRefused | Ended, *, exactly: bool) -> None:
    """Nobody gave a reason, so it is NET; of rubbish anything may be made but a verdict."""
    right = told.reason is Reason.NET if exactly else told.reason not in VERDICTS
    require(right, T.UNEXPLAINED, f"{what} ended in {told.reason}")


async def strike(stage: Stage, trouble: Trouble) -> Said:
    """Have the trouble happen."""
    world = stage.world
    match trouble.what:
        case "refuse":
            return await world.refuse(trouble.reason, trouble.words)
        case "end":
            return await world.end(trouble.reason, trouble.words)
        case "cut" | "gentle":
            await world.cut(trouble.what == "gentle")
        case "stall":
            stage.stalled = True
            await world.stall()
        case "garble":
            await world.garble(trouble.rubbish)
            await turns(5)  # it is on its way
            await world.cut(True)
        case "flood":
            await attempt(world.flood(False), stage.terms.patience)
            await world.cut(False)
        case _:
            pass
    return Said()


async def _log_in(stage: Stage, link: Link, story: Story) -> bool:
    """Tell whether it is online now."""
    kind = story.answer.what
    said = Said()
    if kind == "garble":
        login = await login_through(stage, link, story.answer.rubbish)
    else:
        said = await strike(stage, story.answer)
        login = await stage.login(link, hinders=stage.stalled)
    judge_login(stage, login, "stall" if story.before == "stall" else kind, story.answer.reason, said)
    return login.returned


async def login_through(stage: Stage, link: Link, rubbish: bytes) -> Outcome[Accepted]:
    """Log in while the server sends rubbish. Where that means nothing, or is not a whole message yet, a cut ends it."""
    await stage.world.garble(rubbish)
    logging_in = asyncio.create_task(stage.login(link))
    await asyncio.wait({logging_in}, timeout=stage.terms.patience)
    await stage.world.cut(True)
    return await logging_in


def judge_login(stage: Stage, login: Outcome[Accepted], kind: str, reason: Reason, said: Said) -> None:
    """The login ended as what befell it wants."""
    error = login.error
    if kind == "refuse":
        require(isinstance(error, LoginRefused), T.LOGIN, f"login {login} though the server refused it for {reason}")
        assert isinstance(error, LoginRefused)
        what = f"a login that was refused for {reason} has the reason {error.reason}"
        require(error.reason is reason, T.REFUSAL, what)
        stage.carried("a refused login", error, said)
    elif kind in ("cut", "gentle"):
        require(isinstance(error, LinkFailed), T.LOGIN, f"login {login} though the link had ended first")
        assert isinstance(error, LinkFailed)
        unexplained("a login whose connection broke", error, exactly=True)
    elif kind == "garble":
        if isinstance(error, LinkFailed | LoginRefused):
            unexplained("a login that was answered with rubbish", error, exactly=False)
    elif kind == "stall":
        require(not login.returned, T.LOGIN, "login gave Accepted though the server says nothing")
        if isinstance(error, LinkFailed | LoginRefused):
            require(isinstance(error, LinkFailed), T.LOGIN, "login raised LoginRefused though the server says nothing")
            unexplained("a login that was never answered", error, exactly=True)
    else:
        require(login.returned, T.LOGIN, f"login {login} though the server accepts this one")


async def announce(stage: Stage, news: str) -> type[Signal]:
    """Have the server tell something, and say what signals is to give."""
    if news == "join":
        await stage.world.join()
        return OnlineClients
    await stage.world.sync(news == "finished")
    return sync_signal(news == "finished")


async def _live(stage: Stage, link: Link, story: Story) -> None:
    sent: list[type[Signal]] = []
    listener: Listener | None = None
    if story.answer.what != "none":  # the connection is broken already
        listener = await stage.listen(link)
        await stage.over(listener, T.SIGNALS, "the connection is broken")
        return
    for number, news in enumerate(story.news):
        if number == story.unread:
            listener = await stage.listen(link)
        sent.append(await announce(stage, news))
        await turns(number % 3)
    listener = listener or await stage.listen(link)
    if story.trouble.what in ("none", "stall") or story.act != "nothing":
        await stage.heard(listener, sent, unread=story.unread)
    act, trouble = _act(stage, link, listener, story), strike(stage, story.trouble)
    stage.stalled |= story.trouble.what == "stall"
    said: Said
    # Only who is still there can be ended or sent anything.
    if story.act_first and (
        story.act not in ("logout", "close") or story.trouble.what not in ("end", "garble", "flood")
    ):
        acting = asyncio.create_task(act)
        await turns(story.pause)
        said = await trouble
        await acting
    else:
        said = await trouble
        await turns(story.pause)
        await act
    await _judge_end(stage, listener, story, sent, said)


async def _act(stage: Stage, link: Link, listener: Listener, story: Story) -> None:
    hinders = story.trouble.what in ("stall", "flood", "garble")
    troubled = story.trouble.what != "none"
    match story.act:
        case "kick" | "kick a stranger":
            others = listener.others if story.act == "kick" else []
            client = others[-1] if others else await stage.world.stranger()
            judge_kick(await stage.kick(link, client, hinders=hinders), refused=not others, troubled=troubled)
        case "logout":
            said = await stage.logout(link, hinders=hinders)
            if not troubled:
                require(said.returned, T.LOGOUT, f"logout {said} though the link is there")
                await stage.saw("logout", 1, T.LOGOUT)
        case "close":
            await stage.close(link)
        case "stop listening":
            require(await listener.stop(stage.terms.soon), T.CANCELLED, "signals was cancelled and waits on")
        case _:
            pass


def judge_kick(kick: Outcome[None], *, refused: bool, troubled: bool) -> None:
    """The kick ended as the server answered it, or with the link."""
    if refused:
        require(not kick.returned, T.KICK, "kick returned though the server had refused it")
    if not troubled:
        wanted = "KickRefused" if refused else "NoneType"
        require(
            str(kick).endswith(wanted), T.KICK, f"kick {kick} though the server {'refused it' if refused else 'did so'}"
        )


async def judge_gone(stage: Stage, listener: Listener, client: OnlineClient) -> None:
    """A host that looks at the list when kick has just returned does not find that client there."""

    def gone() -> bool:
        return client not in listener.others

    if not gone():
        told = await listener.until(gone, stage.terms.soon)
        stage.check(listener)
        late = "kick returned before whoever reads signals had read the list without that client"
        never = "kick returned, and no list without that client came; if the server tells none, put 'leave' in `cannot`"
        raise Broken(T.KICK, late if told else never)


async def _judge_end(stage: Stage, listener: Listener, story: Story, sent: list[type[Signal]], said: Said) -> None:
    trouble, silence = story.trouble.what, stage.terms.within.silence
    left = story.act in ("logout", "close")
    if story.act == "stop listening" or (trouble in ("none", "stall") and story.act == "logout"):
        return
    if trouble == "none":
        if story.act == "close":
            ended = await stage.over(listener, T.RELEASED, "the link is closed")
            unexplained("a link that was closed from this side", ended, exactly=True)
        return
    if trouble == "stall":
        if not left and silence is not None:
            ended = await stage.over(listener, T.SILENCE, "the server is silent", silence)
            unexplained("a link whose server went silent", ended, exactly=True)
        return
    ended = await stage.over(listener, T.SIGNALS, f"the link has ended ({trouble})")
    if trouble == "end":
        if not left:
            stage.as_sent(listener, sent, unread=story.unread)
        if not left or ended.reason is not Reason.NET:
            ended_for(stage, ended, story.trouble.reason, said)
    elif trouble in ("cut", "gentle"):
        stage.as_sent(listener, sent, whole=False)
        unexplained("a link whose connection broke", ended, exactly=True)
    else:
        unexplained("a link that heard rubbish", ended, exactly=False)


def ended_for(stage: Stage, ended: Ended, reason: Reason, said: Said) -> None:
    """The end has the server's reason, code and words."""
    require(ended.reason is reason, T.END, f"a session that was ended for {reason} has the reason {ended.reason}")
    stage.carried("the end", ended, said)
