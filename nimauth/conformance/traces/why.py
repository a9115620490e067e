"""Why a line cannot be: the rule that it breaks, in words, and what would have been allowed in its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from ...trace import Kind
from ...vocabulary.rules import Rule
from ...vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, ONLINE, UNDER_WAY, AuthStatus, State
from .machine import Node, status_of
from .search import Search, Subset
from .spellings import BY_NAME, Spelling
from .steps import CALLS, NEW, RESULTS, Configuration, Due, Mood, Symbol
from .tolerances import Tolerance

_SYNC: Final = frozenset({State.DATA_SYNC_START, State.DATA_SYNC_FINISH})
_GOES_ON: Final = UNDER_WAY | ONLINE | BETWEEN_TRIES


@frozen
class Why:
    """What is wrong with a line."""

    rule: Rule | None
    """None: it breaks no rule that has a number, but the table leads nowhere that shows it."""
    text: str


def why(search: Search, subset: Subset, symbol: Symbol) -> Why:
    """Why no configuration of the subset takes the line, judged by the likeliest of them."""
    at = min(map(search.configuration, subset.entries), key=lambda one: _likelihood(search, one))
    node = search.steps.machine.node(at.node)
    last = subset.last
    name = last.name if last is not None and last.shows_several and node.state in last.states else status_of(node)
    if isinstance(symbol, Spelling):
        return _of_status(search, at, node, name, symbol.states)
    if symbol.kind is Kind.LOGIN_RESULT:
        return _of_result(search, subset, name, ok=symbol.what is True)
    return _of_call(at, name, symbol.kind)


def allowed(search: Search, subset: Subset) -> Iterator[str]:
    """All that a line could have told there: statuses by nimauth's names, and calls."""
    for status in AuthStatus:
        if search.follow(subset, BY_NAME[status.value]) is not None:
            yield status.value
    for name, symbol in _CALLS.items():
        if symbol.kind not in search.steps.hidden and search.follow(subset, symbol) is not None:
            yield name


_CALLS: Final = {
    "login": CALLS[Kind.LOGIN, NEW],
    "login_result ok": RESULTS[True],
    "login_result not ok": RESULTS[False],
    "logout": CALLS[Kind.LOGOUT, None],
    "start": CALLS[Kind.START, None],
}


_GROUPS: Final = (ONLINE, UNDER_WAY, BETWEEN_TRIES, IDLE, ENDED)
_NOTES: Final = (None, Rule.R1, Rule.R7, Rule.R3, Rule.R4, Rule.R5, Rule.R15, Rule.R2, Rule.R11, Rule.R13)


def _likelihood(search: Search, at: Configuration) -> tuple[int, ...]:
    """The less, the likelier: what needs neither a tolerance nor a call that nobody told of, and what says most."""
    state = search.steps.machine.node(at.node).state
    return (
        at.mood in (Mood.BETWEEN_RETRIES, Mood.ENDING),
        at.owed,
        at.due is Due.MUST,
        at.note is Rule.R13 and Kind.LOGOUT in search.steps.hidden,
        next(number for number, group in enumerate(_GROUPS) if state in group),
        _NOTES.index(at.note),
        at.result is not None,
        at.node,
    )


def _of_status(search: Search, at: Configuration, node: Node, name: str, meant: frozenset[State]) -> Why:
    state = node.state
    if at.due is Due.MUST:
        return Why(None, f"{name} is to be shown first")
    if state is State.UN_LOGIN and meant & _GOES_ON and not meant <= _SYNC:
        note = at.note or Rule.R7
        return Why(note, f"{_BECAUSE[note]}, and no login was called since")
    if at.result is not None and Tolerance.LATE_RESULT not in search.steps.tolerances:
        return Why(Rule.R6, "the result of the login that was called is to be told first")
    if meant <= _SYNC and state not in ENDED:
        return Why(Rule.R14, f"data sync comes after loggedIn, and the client shows {name}")
    if state in ENDED:
        return _after_the_end(node, name, meant)
    if meant <= ENDED:
        rule = Rule.R5 if meant == {State.VERSION_ERROR} else Rule.R4
        return Why(rule, f"a verdict ends an attempt or a session that is online, and the client shows {name}")
    if state in meant:
        return Why(None, f"{name} is shown already, and nothing leads to it again")
    if state in BETWEEN_TRIES:
        return Why(Rule.R8, f"after {name} a try begins with connecting")
    if state in ONLINE:
        if meant & ONLINE:
            return Why(Rule.R14, f"loggedIn comes before data sync, and the client shows {name}")
        return Why(Rule.R8, f"a session that is online shows unLogin or netBroken before it connects again, not {name}")
    if node.is_manual and meant <= BETWEEN_TRIES:
        return Why(Rule.R7, "a login that was called is not tried again: when it fails, unLogin is shown")
    return Why(None, f"nothing leads there from {name}")


_BECAUSE: Final[dict[Rule, str]] = {
    Rule.R1: "the auto login was of another account than the last",
    Rule.R2: "nobody may be logged in by itself",
    Rule.R3: "the most recent manual login did not succeed",
    Rule.R4: "a verdict voided the auto login",
    Rule.R5: "a refused version voided the auto login",
    Rule.R7: "the last login failed, or there was none in this process",
    Rule.R11: "there is no auto login on this platform",
    Rule.R13: "the user logged out",
    Rule.R15: "the last attempt failed for good",
}


def _after_the_end(node: Node, name: str, meant: frozenset[State]) -> Why:
    if meant & _GOES_ON and State.UN_LOGIN not in meant:
        rule = Rule.R5 if node.state is State.VERSION_ERROR else Rule.R4
        return Why(rule, f"after {name} nothing goes on until a person logs in, and no login was called")
    if node.state in meant:
        return Why(None, f"{name} is shown already, and nothing leads to it again")
    if State.UN_LOGIN in meant:
        return Why(Rule.R15, f"{name} is shown until a login or a logout")
    return Why(Rule.R4, f"after {name} there is no session that another verdict could end")


def _of_result(search: Search, subset: Subset, name: str, *, ok: bool) -> Why:
    entries = [search.configuration(number) for number in subset.entries]
    if any(one.result is not None or search.steps.machine.node(one.node).is_manual for one in entries):
        what = "succeeded, but loggedIn is not shown" if ok else "failed, but it is not over, or succeeded"
        return Why(Rule.R6, f"the result says that the login {what}")
    return Why(Rule.R7, f"no login is under way that could end: the client shows {name}")


def _of_call(at: Configuration, name: str, kind: Kind) -> Why:
    if at.due is Due.MUST:
        return Why(None, f"{name} is to be shown first")
    if at.result is not None:
        return Why(Rule.R6, "the result of the login that was called is to be told first")
    return Why(Rule.R7, f"{kind} is not allowed while the client shows {name}: a login runs already, or is online")
