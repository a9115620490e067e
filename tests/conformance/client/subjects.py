"""Programs to test: right ones in this process, and wrong ones of every kind."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from nimauth.adapter import Adapter
from nimauth.conformance.client.conform import Conformance
from nimauth.conformance.client.findings import Result
from nimauth.conformance.client.subject import InProcess
from nimauth.lifecycle import Lifecycle

from ...lifecycle.handwritten import HandWritten

Json = dict[str, Any]
Answer = Callable[[bytes], Json]


def nimauths(lifecycle: type[Lifecycle] = Lifecycle) -> Answer:
    """nimauth's own lifecycle, or another table's."""
    return Adapter(lifecycle).answer


def handwritten() -> Answer:
    """The lifecycle written a second time, without a table. It knows no lines that are not valid: ours judges those."""
    lines = Adapter()
    client = HandWritten()

    def answer(line: bytes) -> Json:
        nonlocal client
        told = lines.answer(line)
        if "error" in told:
            return told
        message = json.loads(line)
        if message["in"] == "start":
            client = HandWritten(message["saved"] and message["saved"]["account"], message["network"])
            return {"state": client.state, "out": []}
        out = client.receive(message)
        return {"state": client.state, "out": out}

    return answer


@lru_cache(maxsize=4096)
def said_in(line: bytes) -> Json:
    """The object that a line is, if it is one. It is not to be changed."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def spoiled(spoil: Callable[[Json, Json, Lifecycle], Json | None], lifecycle: type[Lifecycle] = Lifecycle) -> Answer:
    """nimauth's own answers, changed on the way. `spoil` sees what was said, the answer and the session before.

    It answers with the answer changed, or with None where it has left it as it was.
    """
    adapter = Adapter(lifecycle)

    def answer(line: bytes) -> Json:
        before = copy.copy(adapter.session)
        told = adapter.answer(line)
        changed = spoil(said_in(line), told, before)
        return told if changed is None else changed

    return answer


def result_of(answer: Callable[[], Answer], **options: Any) -> Result:
    """What the tests find, in this process."""
    return Conformance(InProcess(answer), **options).run()
