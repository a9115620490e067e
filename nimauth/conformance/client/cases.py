"""The test cases themselves, as data: for those who generate tests in a language of their own."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, Final

from ..paths import Path, cover, cover_pairs, every_input
from .examiner import FRESH
from .login import Login, login_graph, rules_of
from .messages import ALPHABET, Json

Paths = Iterator[Path[Any, Any, Any]]

COVERS: Final[dict[str, Callable[[], Paths]]] = {
    "rows": lambda: cover(login_graph(), lambda edge: edge.row),
    "pairs": lambda: cover_pairs(login_graph(), lambda edge: edge.row),
    "configurations": lambda: every_input(login_graph()),
}


def cases(covering: str) -> Iterator[Json]:
    """Each case: steps with what to say (in base64 where it is not valid), and what the table allows for an answer."""
    fresh = login_graph().edge(0, FRESH)
    for number, path in enumerate(COVERS[covering](), 1):
        steps = path if path and path[0].input.content == ALPHABET[FRESH].content else (fresh, *path)
        yield {"case": number, "steps": [_step(step) for step in steps]}


def _step(step: Login) -> Json:
    told: Json = {"say": step.input.content}
    if step.input.content is None:  # not JSON, and perhaps not even UTF-8
        told = {"say_base64": b64encode(step.input.line).decode()}
    told["expect"] = expected(step)
    if step.row is not None:
        guards = " and ".join(str(guard) for guard, _ in step.row.guards)
        told["row"] = f"{step.row.event} in {step.row.source}" + (f" when {guards}" if guards else "")
        told["rules"] = [rule.value for rule in rules_of(step.row)]
    return told


def expected(step: Login) -> Json:
    """What the table allows for an answer, without the words that are for people."""
    if "error" in step.answer:
        return {"error": "…"}
    out = [{name: value for name, value in effect.items() if name != "why"} for effect in step.answer["out"]]
    return {"state": step.answer["state"], "out": out}
