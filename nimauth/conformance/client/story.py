"""A finding, told: what came, what the table allows, what the program did, the rule in words, and a picture of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Final

from ...adapter import Json
from ...vocabulary.states import STATUS, State
from .cases import expected
from .findings import Finding
from .judge import FIELDS
from .login import Login
from .shortening import MAX_STORY
from .tokens import mask

MAX_ANSWER: Final = 400
"""Characters of an answer that are shown."""
HEAD: Final = 10
"""Of a story that is too long to be told, the lines told of its beginning, and of its end."""


def headline(finding: Finding) -> str:
    """The finding in one sentence."""
    where = finding.steps[-1].before.state.value
    first, *others = finding.clauses
    also = f" (and {', '.join(clause.name for clause in others)})" if others else ""
    return f"In state {where} the program {finding.verdict}. That breaks {first.name}{also}: {first.text}."


def story(finding: Finding) -> list[str]:
    """The finding, line by line, in Markdown that also reads well as text."""
    return [
        headline(finding),
        "",
        *_numbered(finding),
        "",
        f"Seen {_times(finding.alike)}, first in the stage {finding.stage!r}."
        + ("" if finding.happens_again else " It did not happen again in a fresh process: the program is not steady."),
        "",
        "```mermaid",
        *mermaid(finding),
        "```",
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _numbered(finding: Finding) -> Iterator[str]:
    last = len(finding.steps)
    for number, step in enumerate(finding.steps, 1):
        if HEAD < number <= last - HEAD and last > MAX_STORY:
            if number == HEAD + 1:
                yield f"     ... {last - 2 * HEAD} lines, which the JSON report has ..."
            continue
        yield f"{number:3}. {step.input.step}  {show(step.input.line, finding.own_tokens)}"
        if number < last:
            yield f"     -> {step.answer.get('state', 'an error')}"
    answered = len(finding.answers) == last
    yield f"     the table allows:  {allowed(finding.steps[-1])}"
    yield f"     the program:       {show(finding.answers[-1], finding.own_tokens) if answered else finding.verdict}"


def allowed(step: Login) -> str:
    """What the table allows there."""
    return show(json.dumps(expected(step), ensure_ascii=False).encode())


def show(line: bytes, own_tokens: Collection[str] = ()) -> str:
    """What was said, short and printable, and without a token."""
    text = mask(line.decode("utf-8", "backslashreplace"), own_tokens)
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text if len(text) <= MAX_ANSWER else f"{text[: MAX_ANSWER - 1]}…"


# -- the picture -------------------------------------------------------------------------------------------------------

_FROM: Final = {
    "start": "Host",
    "initialize": "Host",
    "login": "Host",
    "cancel": "Host",
    "logout": "Host",
    "network": "Host",
    "foreground": "Host",
    "retry_due": "Clock",
    "timed_out": "Clock",
}
_TO: Final = {
    "status": "Host",
    "login_result": "Host",
    "auto_login_refused": "Host",
    "refused": "Host",
    "open_local_data": "Host",
    "close_local_data": "Host",
    "open_link": "Server",
    "close_link": "Server",
    "send_login": "Server",
    "send_logout": "Server",
    "save": "Store",
    "clear": "Store",
    "arm_retry": "Clock",
    "disarm_retry": "Clock",
}


def mermaid(finding: Finding) -> Iterator[str]:
    """The story as a sequence diagram: who says what to whom. What the program did last is drawn as it did it."""
    yield "sequenceDiagram"
    for name in ("Host", "Client", "Store", "Server", "Clock"):
        yield f"    participant {name}"
    shown = finding.steps if len(finding.steps) <= MAX_STORY else finding.steps[-HEAD:]
    for place, step in enumerate(shown):
        content = step.input.content
        sender = _FROM.get(content["in"], "Server") if content is not None else "Host"
        yield f"    {sender}->>Client: {_label(_called(step))}"
        if place < len(shown) - 1:
            yield from map(_arrow, step.answer.get("out", ()))
    last = finding.steps[-1]
    done = _effects(finding.answers[-1]) if len(finding.answers) == len(finding.steps) else []
    yield from map(_arrow, done)
    yield f"    Note over Client: {_label(f'{finding.clauses[0].name}: {finding.verdict}')}"
    state = last.answer.get("state")
    if state is not None:
        right = " then ".join(effect["do"] for effect in last.answer["out"]) or "nothing"
        status = STATUS[State(state)].value
        yield f"    Note over Client: {_label(f'right would be: {right}, and to be in {state} ({status})')}"


def _called(step: Login) -> str:
    content = step.input.content
    if content is None:
        return "a line that is not valid"
    match content:
        case {"in": "start", "saved": saved}:
            return f"start ({saved['account'] if saved else 'nothing'} saved)"
        case {"in": "initialize", "auto_login": login}:
            return f"initialize (auto login: {login['account'] if login else 'none'})"
    said = ", ".join(str(v) for n, v in content.items() if n in ("account", "available", "code", "reason"))
    return str(content["in"]) + (f" ({said})" if said else "")


def _effects(answer: bytes) -> list[Json]:
    try:
        out = json.loads(answer)["out"]
        return [effect for effect in out if isinstance(effect, dict) and effect.get("do") in FIELDS]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _arrow(effect: Json) -> str:
    name = effect["do"]
    said = ", ".join(str(effect[field]) for field in FIELDS[name] if field in effect)
    return f"    Client-->>{_TO.get(name, 'Client')}: {_label(name + (f' ({said})' if said else ''))}"


_SPOILS: Final = str.maketrans(dict.fromkeys('#;<>{}"%\\`', "·") | {"\n": " "})


def _label(text: str) -> str:
    """A label that Mermaid takes as it stands."""
    return show(text.encode("utf-8", "replace")).translate(_SPOILS)[:120]
