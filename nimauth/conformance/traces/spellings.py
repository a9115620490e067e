"""How NIM's client families spell what they show, in one table. docs/traces.md says what is documented where.

A spelling stands for the *states* that it may mean. The families tell more or less than each other: V2 has one number
for connecting and logging, and a step of iOS that fails says neither why nor whether there is a network. What stands
for no state says nothing of the login, and is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from attrs import frozen

from ...vocabulary.states import BETWEEN_TRIES, ENDED, STATUS, State


class Family(StrEnum):
    """A family of clients, each with names and numbers of its own."""

    FLUTTER = "flutter"
    """The Flutter plugin; its names are those of nimauth."""
    ANDROID = "android"
    """StatusCode and LoginSyncStatus of the older Android SDK."""
    IOS = "ios"
    """NIMLoginStep of the older iOS SDK."""
    V2 = "v2"
    """V2NIMLoginStatus and V2NIMDataSyncState of the current SDKs."""


@frozen(eq=False)
class Spelling:
    """One way of showing something."""

    family: Family
    name: str
    number: int | None
    """Its number in the family, where a trace may give that instead of the name."""
    states: frozenset[State]
    """What it may mean. Empty: nothing that counts here."""

    @property
    def shows_several(self) -> bool:
        """Whether it stands for several statuses, so that it need not be shown again when one follows another."""
        return len({STATUS[state] for state in self.states}) > 1


def _of(family: Family, *rows: tuple[int | None, str, frozenset[State]]) -> Iterator[Spelling]:
    for number, name, states in rows:
        yield Spelling(family, name, number, states)


def _is(*states: State) -> frozenset[State]:
    return frozenset(states)


_NOTHING: Final = _is()
_NOT_ONLINE: Final = BETWEEN_TRIES | {State.UN_LOGIN}

SPELLINGS: Final[tuple[Spelling, ...]] = (
    *_of(
        Family.FLUTTER,
        (0, "unknown", _NOTHING),  # what the plugins make of what they do not map
        (1, "unLogin", _is(State.UN_LOGIN, State.WAITING)),
        (2, "connecting", _is(State.CONNECTING)),
        (3, "logging", _is(State.LOGGING)),
        (4, "loggedIn", _is(State.LOGGED_IN)),
        (5, "forbidden", _is(State.FORBIDDEN)),
        (6, "netBroken", _is(State.NET_BROKEN)),
        (7, "versionError", _is(State.VERSION_ERROR)),
        (8, "pwdError", _is(State.PWD_ERROR)),
        (9, "kickOut", _is(State.KICK_OUT)),
        (10, "kickOutByOtherClient", _is(State.KICK_OUT_BY_OTHER_CLIENT)),
        (11, "dataSyncStart", _is(State.DATA_SYNC_START)),
        (12, "dataSyncFinish", _is(State.DATA_SYNC_FINISH)),
        (None, "dataUpgrade", _is(State.DATA_UPGRADE)),
    ),
    *_of(
        Family.ANDROID,
        (0, "INVALID", _NOTHING),
        (1, "UNLOGIN", _is(State.UN_LOGIN, State.WAITING)),
        (2, "NET_BROKEN", _is(State.NET_BROKEN)),
        (3, "CONNECTING", _is(State.CONNECTING)),
        (4, "LOGINING", _is(State.LOGGING)),
        # Nobody says whether SYNCING comes before LOGINED or after it; so both may.
        (5, "SYNCING", _is(State.LOGGED_IN, State.DATA_SYNC_START)),
        (6, "LOGINED", _is(State.LOGGED_IN, State.DATA_SYNC_FINISH)),
        (7, "KICKOUT", _is(State.KICK_OUT)),
        (8, "KICK_BY_OTHER_CLIENT", _is(State.KICK_OUT_BY_OTHER_CLIENT)),
        (9, "FORBIDDEN", _is(State.FORBIDDEN)),
        (10, "VER_ERROR", _is(State.VERSION_ERROR)),
        (11, "PWD_ERROR", _is(State.PWD_ERROR)),
        (12, "DATA_UPGRADE", _is(State.DATA_UPGRADE)),
        (15, "LOGOUT", _is(State.UN_LOGIN)),
        (None, "NO_BEGIN", _NOTHING),
        (None, "BEGIN_SYNC", _is(State.DATA_SYNC_START)),
        (None, "SYNC_COMPLETED", _is(State.DATA_SYNC_FINISH)),
    ),
    *_of(
        Family.IOS,
        (1, "NIMLoginStepLinking", _is(State.CONNECTING)),
        (2, "NIMLoginStepLinkOK", _is(State.CONNECTING, State.LOGGING)),
        (3, "NIMLoginStepLinkFailed", _NOT_ONLINE),
        (4, "NIMLoginStepLogining", _is(State.LOGGING)),
        (5, "NIMLoginStepLoginOK", _is(State.LOGGED_IN)),
        (6, "NIMLoginStepLoginFailed", _NOT_ONLINE | ENDED),
        (7, "NIMLoginStepSyncing", _is(State.DATA_SYNC_START)),
        (8, "NIMLoginStepSyncOK", _is(State.DATA_SYNC_FINISH)),
        (9, "NIMLoginStepLoseConnection", _NOT_ONLINE),
        (10, "NIMLoginStepNetChanged", _NOTHING),  # "not a step of the login", says the SDK's header
        (11, "NIMLoginStepLogout", _is(State.UN_LOGIN)),
    ),
    *_of(
        Family.V2,
        # Whoever is kicked or refused is logged out, too; why comes by another callback.
        (0, "V2NIM_LOGIN_STATUS_LOGOUT", ENDED | {State.UN_LOGIN}),
        (1, "V2NIM_LOGIN_STATUS_LOGINED", _is(State.LOGGED_IN)),
        (2, "V2NIM_LOGIN_STATUS_LOGINING", _is(State.CONNECTING, State.LOGGING)),
        (3, "V2NIM_LOGIN_STATUS_UNLOGIN", BETWEEN_TRIES),
        (None, "V2NIM_DATA_SYNC_STATE_WAITING", _NOTHING),
        (None, "V2NIM_DATA_SYNC_STATE_SYNCING", _is(State.DATA_SYNC_START)),
        (None, "V2NIM_DATA_SYNC_STATE_COMPLETED", _is(State.DATA_SYNC_FINISH)),
    ),
)
"""The one place that says what each spelling may mean."""

BY_NAME: Final = {spelling.name: spelling for spelling in SPELLINGS}
"""No two families share a name."""

BY_NUMBER: Final = {
    family: {s.number: s for s in SPELLINGS if s.family is family and s.number is not None} for family in Family
}


def spelled(name: str) -> Spelling | None:
    """What a name stands for. What comes before a dot is the enum's own name, as Dart and Java print it."""
    return BY_NAME.get(name) or BY_NAME.get(name.rpartition(".")[2])
