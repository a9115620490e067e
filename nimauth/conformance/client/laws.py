"""What a finding about a client can cite: rules (R1 ...), what always holds (H1 ...), and the protocol (P1 ...)."""

from __future__ import annotations

from typing import Final

from ...vocabulary.rules import Rule
from ..clauses import Clause

RULES: Final = {rule.value: Clause(rule.value, rule.text) for rule in Rule}

ALWAYS: Final = {
    name: Clause(name, text)
    for name, text in {
        "H1": "an auto login that runs was preceded by a successful manual login of that account, with no failed "
        "manual login, no verdict and no logout since, also across restarts",
        "H2": "after an ended state nothing is opened or sent until a manual login",
        "H3": "every manual login ends exactly once",
        "H4": "at most one link is open in a session, and a link that is given up is closed",
        "H5": "a failed manual login is never tried again by itself; an auto login or a resume is, until it succeeds "
        "or a verdict ends it",
        "H6": "the token is nowhere but in the store and in the login request",
        "H8": "statuses come in order, none lost, none repeated",
        "H9": "what the table does not have is refused where the host calls and dropped where a signal or a timer "
        "comes, and nothing else happens",
    }.items()
}

PROTOCOL: Final = {
    name: Clause(name, text)
    for name, text in {
        "P1": "each line is answered by one line, in order and at once, and the program lives until its input ends",
        "P2": "an answer is one JSON object in UTF-8, with `state` and `out` as docs/adapter.md describes them",
        "P3": "a line that is not valid is answered by an error and changes nothing; a valid one is not",
        "P4": "a start is a fresh process: nothing is left of what was before",
        "P5": "`state` says where the client stands",
    }.items()
}

LAWS: Final[dict[str, Clause]] = {**RULES, **ALWAYS, **PROTOCOL}
