"""The rules of NIM's login lifecycle, by number. Tables, tests, messages and diagrams cite them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Rule(StrEnum):
    """One rule; `TEXT` says it in words."""

    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"
    R5 = "R5"
    R6 = "R6"
    R7 = "R7"
    R8 = "R8"
    R9 = "R9"
    R10 = "R10"
    R11 = "R11"
    R12 = "R12"
    R13 = "R13"
    R14 = "R14"
    R15 = "R15"

    @property
    def text(self) -> str:
        """The rule in one sentence."""
        return TEXT[self]


TEXT: Final[dict[Rule, str]] = {
    Rule.R1: "auto login may only log in the account that logged in last",
    Rule.R2: "auto login needs an earlier successful manual login of that account",
    Rule.R3: "auto login is not allowed when the most recent manual login did not succeed",
    Rule.R4: "a kick, a ban, a wrong token or a data upgrade voids auto login until a manual login succeeds",
    Rule.R5: "a refused version voids auto login until a manual login succeeds",
    Rule.R6: "a manual login saves the login on success and clears it on failure, before the caller hears of either",
    Rule.R7: "a manual login runs only when a person asks, and is tried once",
    Rule.R8: "auto login keeps trying until it succeeds or a verdict ends it; after a success the client reconnects",
    Rule.R9: "auto login opens local data at once; a manual login opens it when the login succeeds",
    Rule.R10: "the status stream may be listened to only after initialize",
    Rule.R11: "NIM's Flutter SDK has no auto login on Windows and macOS (strict NIM profile)",
    Rule.R12: "the server accepts auto login only from the device that logged in last, unless forced",
    Rule.R13: "logout always clears the saved login and closes local data, whether or not the server can be told",
    Rule.R14: "a login is complete when data sync has finished; loggedIn comes before that",
    Rule.R15: "a host that can no longer reconnect is told to show its login page",
}
