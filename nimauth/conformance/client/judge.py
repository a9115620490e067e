"""Compares what a program answered with what the table allows, and says which rule a difference breaks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from attrs import evolve, frozen

from ...adapter import Json, read
from ...strictjson import BadLine
from ...vocabulary.states import ENDED, STATUS, AuthStatus, State
from ..clauses import Clause
from .laws import LAWS
from .login import History, Login, rules_of
from .tokens import shows

MAX_ANSWER: Final = 65536
"""Longest answer, in bytes."""

FIELDS: Final[dict[str, dict[str, type]]] = {
    "status": {"status": str},
    "open_link": {},
    "close_link": {},
    "send_login": {"account": str, "attempt": str},
    "send_logout": {},
    "save": {"account": str},
    "clear": {"reason": str},
    "open_local_data": {"account": str},
    "close_local_data": {},
    "arm_retry": {},
    "disarm_retry": {},
    "login_result": {"ok": bool, "code": int},
    "auto_login_refused": {"rule": str},
    "refused": {},  # its `why` is for people
    "dropped": {},
}
"""What each effect must say. Whatever else it says is ignored."""

Effect = tuple[Any, ...]
"""The name of an effect, and its fields in the order of `FIELDS`."""


@frozen
class Verdict:
    """What is wrong with an answer."""

    clauses: tuple[Clause, ...]
    what: str
    """In words, to stand after "the program"."""
    detail: str = ""
    """What else there is to tell: figures, or the program's own words. Two verdicts of one bug may differ in it."""

    def __str__(self) -> str:
        return f"{self.what} ({self.detail})" if self.detail else self.what

    @property
    def kind(self) -> tuple[Clause, str]:
        """What two verdicts of one bug have in common."""
        return self.clauses[0], self.what


Forbidding = Callable[[str], set[str]]
"""The rules that forbid an auto login of an account now."""
_NOTHING_BEFORE: Final[Forbidding] = History().forbid


def judge(
    step: Login, line: bytes, forbidding: Forbidding = _NOTHING_BEFORE, own_tokens: Collection[str] = ()
) -> Verdict | None:
    """What is wrong with the answer `line` to this step; None where it is right."""
    answer = _read(line)
    if isinstance(answer, Verdict):
        return answer
    if shows(line.decode(), own_tokens) or shows(json.dumps(answer, ensure_ascii=False), own_tokens):
        return _breaks("shows the token in its answer", "H6")
    if step.input.content is None:
        if "error" not in answer:
            return _breaks("takes a line that is not valid", "P3")
        if not isinstance(answer["error"], str) or "out" in answer:
            return _breaks("answers with an error that is no text, or that comes with effects", "P2")
        return None
    if "error" in answer:
        return _breaks("answers a valid line with an error", "P3")
    done = _effects(answer)
    if isinstance(done, Verdict):
        return done
    wanted = [_effect(effect) for effect in step.answer["out"]]
    return (
        _refusal(step, wanted, done, forbidding)
        or _acts(step, wanted, done)
        or _order(wanted, done)
        or _where(step, answer["state"])
    )


# -- the shape of an answer --------------------------------------------------------------------------------------------


def _breaks(what: str, *names: str) -> Verdict:
    return Verdict(tuple(LAWS[name] for name in dict.fromkeys(names)), what)


def _read(line: bytes) -> Json | Verdict:
    try:
        answer = read(line.decode("utf-8"))
    except UnicodeDecodeError:
        return _breaks("answers with a line that is not UTF-8", "P2")
    except BadLine as bad:
        return evolve(
            _breaks("answers with a line that is no JSON object as docs/adapter.md wants", "P2"), detail=str(bad)
        )
    if "error" in answer:
        return answer
    if answer.get("state") not in list(State):
        return _breaks("answers without a `state` that is one of the fourteen", "P2", "P5")
    if not isinstance(answer.get("out"), list):
        return _breaks("answers without a list `out`", "P2")
    return answer


def _effects(answer: Json) -> list[Effect] | Verdict:
    done: list[Effect] = []
    for effect in answer["out"]:
        name = effect.get("do") if isinstance(effect, dict) else None
        if not isinstance(name, str) or name not in FIELDS:
            return _breaks("does something that the protocol does not know", "P2")
        for field, kind in FIELDS[name].items():
            if type(effect.get(field)) is not kind:
                return _breaks(f"says {name} without a proper `{field}`", "P2")
        if name == "status" and effect["status"] not in list(AuthStatus):
            return _breaks("shows a status that NIM does not have", "P2", "H8")
        done.append(_effect(effect))
    return done


def _effect(effect: Json) -> Effect:
    return (effect["do"], *(effect[field] for field in FIELDS[effect["do"]]))


# -- what it did -------------------------------------------------------------------------------------------------------

REJECTIONS: Final = ("refused", "dropped", "auto_login_refused")
"""Where one of these stands, nothing else happens."""


def _refusal(step: Login, wanted: list[Effect], done: list[Effect], forbidding: Forbidding) -> Verdict | None:
    """A host call or a signal is turned down by one side and taken by the other, or for another rule."""
    ours, theirs = _names(wanted) & set(REJECTIONS), _names(done) & set(REJECTIONS)
    if theirs and len(done) > 1:
        return _breaks(f"says {min(theirs)}, and does something all the same", "H9")
    if "auto_login_refused" in ours:
        assert step.input.content is not None
        allowed = forbidding(step.input.content["auto_login"]["account"]) | {wanted[0][1]}
        if "auto_login_refused" not in theirs and (theirs or not done):
            return _breaks("does not say by which rule it refuses an auto login", wanted[0][1], "H9")
        if "auto_login_refused" not in theirs:
            return _breaks("does not refuse an auto login that is not allowed", wanted[0][1], "H1")
        if done[0][1] not in allowed:
            return _breaks(
                f"refuses the auto login by {_word(done[0][1])}; what forbids it is {_or(allowed)}", wanted[0][1]
            )
        return _where(step, step.answer["state"]) if len(done) == 1 else None
    if ours == theirs:
        return None
    if "auto_login_refused" in theirs:
        return _breaks("refuses an auto login that is allowed", "R9")
    if "refused" in ours:
        if theirs:
            return _breaks("drops a host call that it must refuse", "H9")
        if not done:
            return _breaks("says nothing to a host call that it must refuse", "H9")
        return _breaks("takes a host call that its state does not allow", *_ended_laws(step), "H9")
    if "dropped" in ours:
        if not done:
            return _breaks("does not say that it drops a signal that means nothing here", "H9")
        return _breaks("acts on a signal that means nothing here", *_ended_laws(step), "H9")
    rules = [rule.value for rule in rules_of(step.row)]
    return _breaks(f"says {_or(theirs)} to what the table takes", *(rules or ["H9"]))


def _ended_laws(step: Login) -> tuple[str, ...]:
    void = step.before.void
    return (void.rule.value, "H2") if step.before.state in ENDED and void is not None else ()


_MISSING: Final = {
    "clear": "does not void the saved login",
    "save": "does not save the login that has just succeeded",
    "login_result": "does not tell the end of the manual login",
    "open_link": "opens no link",
    "close_link": "does not close the link that it gives up",
    "send_login": "does not send the login over the open link",
    "send_logout": "does not tell the server of the logout",
    "open_local_data": "does not open the local data",
    "close_local_data": "does not close the local data",
    "arm_retry": "does not arm a retry",
    "disarm_retry": "leaves a retry armed",
    "status": "does not show the status of the state that it enters",
}
_EXTRA: Final = {
    "clear": "voids the saved login",
    "save": "saves a login",
    "login_result": "tells the end of a manual login",
    "open_link": "opens a link",
    "close_link": "closes a link",
    "send_login": "sends a login",
    "send_logout": "tells the server of a logout",
    "open_local_data": "opens local data",
    "close_local_data": "closes the local data",
    "arm_retry": "arms a retry",
    "disarm_retry": "disarms a retry",
    "status": "shows a status",
}
"""In the order of how much harm it does; a difference is named after the first."""


def _acts(step: Login, wanted: list[Effect], done: list[Effect]) -> Verdict | None:
    missing, extra = Counter(wanted) - Counter(done), Counter(done) - Counter(wanted)
    for name, text in _MISSING.items():
        lacks = [effect for effect in missing if effect[0] == name]
        has = [effect for effect in extra if effect[0] == name]
        if not lacks and not has:
            continue
        laws = _laws(step, name, missing=bool(lacks))
        if lacks and has:
            return _breaks(f"says {_tell(has[0])} where {_tell(lacks[0])} is right", *laws)
        if lacks:
            return _breaks(text, *laws)
        again = " a second time" if has[0] in wanted else " that must stay as it is" if name == "clear" else ""
        return _breaks(f"{_EXTRA[name]}{again}, though nothing calls for it here", *laws)
    return None


def _laws(step: Login, effect: str, *, missing: bool) -> list[str]:
    """What a missing or needless effect breaks, the most telling first."""
    rules = [rule.value for rule in rules_of(step.row)]
    ended = step.after.state in ENDED
    manual = step.before.attempt == "manual"
    match effect:
        case "clear":
            cause = step.after.void
            return [cause.rule.value, *rules, "R6"] if missing and cause is not None else ["R6", *rules]
        case "save":
            return ["R6"]
        case "login_result":
            return ["H3"]
        case "open_link" | "send_login" | "arm_retry" if not missing:
            own = "H5" if effect == "arm_retry" else "H4"
            return ["H2", *rules] if ended else ["R7", "H5"] if manual else [*rules, own]
        case "open_link" | "send_login" | "arm_retry":
            return rules or (["R7"] if manual else ["R8"])
        case "disarm_retry":
            return [*rules, "H4"]
        case "close_link":
            return ["H4"]
        case "send_logout":
            return ["R13"]
        case "open_local_data":
            return ["R9"]
        case "close_local_data":
            return ["R13" if "R13" in rules else "R9"]
        case _:
            return ["H8"]


# -- in which order, and where it stands then --------------------------------------------------------------------------


def _order(wanted: Iterable[Effect], done: Sequence[Effect]) -> Verdict | None:
    """The four constraints of the protocol. `done` has the same effects as are wanted."""
    at = {effect[0]: place for place, effect in enumerate(done)}

    def after(first: str, second: str) -> bool:
        return first in at and second in at and at[first] > at[second]

    if after("clear", "status") or after("clear", "login_result"):
        return _breaks("tells the host before it voids the saved login", "R6")
    if after("clear", "open_link"):
        return _breaks("opens a link before it voids the saved login", "R3")
    if after("save", "status") or after("save", "login_result"):
        return _breaks("tells the host before it saves the login", "R6")
    if after("open_local_data", "open_link"):
        return _breaks("opens the link before the local data", "R9")
    if after("close_link", "open_link"):
        return _breaks("opens the next link before it closes the last one", "H4")
    return None


def _where(step: Login, state: str) -> Verdict | None:
    wanted = step.answer["state"]
    if state == wanted:
        return None
    rules = [rule.value for rule in rules_of(step.row)]
    content = step.input.content
    if content is not None and content["in"] == "start":
        rules = ["P4"]
    shown = "" if STATUS[State(state)] is STATUS[State(wanted)] else f", which shows {STATUS[State(state)].value}"
    return _breaks(f"is in {state} afterwards{shown}; it must be in {wanted}", *rules, "P5")


# -- words -------------------------------------------------------------------------------------------------------------


def _names(effects: Iterable[Effect]) -> set[str]:
    return {effect[0] for effect in effects}


def _tell(effect: Effect) -> str:
    return " ".join([effect[0], *(_word(value) for value in effect[1:])])


def _word(value: object) -> str:
    """What a program said, short and printable."""
    text = json.dumps(value) if not isinstance(value, str) else ascii(value)[1:-1]
    return text if len(text) <= 40 else f"{text[:39]}…"


def _or(names: Iterable[str]) -> str:
    return " or ".join(sorted(names))
