"""The fourteen states of a login session, and the status that each of them shows to the host."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a login session stands."""

    # Idle
    UN_LOGIN = "un_login"
    # Under way: an attempt is running
    CONNECTING = "connecting"
    LOGGING = "logging"
    # Online
    LOGGED_IN = "logged_in"
    DATA_SYNC_START = "data_sync_start"
    DATA_SYNC_FINISH = "data_sync_finish"
    # Between tries: the next attempt is armed
    WAITING = "waiting"
    NET_BROKEN = "net_broken"
    # Ended: auto login is void until a manual login succeeds (R4, R5)
    KICK_OUT = "kick_out"
    KICK_OUT_BY_OTHER_CLIENT = "kick_out_by_other_client"
    FORBIDDEN = "forbidden"
    PWD_ERROR = "pwd_error"
    VERSION_ERROR = "version_error"
    DATA_UPGRADE = "data_upgrade"


class AuthStatus(StrEnum):
    """What the host sees; the values are NIM's own names."""

    UN_LOGIN = "unLogin"
    CONNECTING = "connecting"
    LOGGING = "logging"
    LOGGED_IN = "loggedIn"
    DATA_SYNC_START = "dataSyncStart"
    DATA_SYNC_FINISH = "dataSyncFinish"
    NET_BROKEN = "netBroken"
    KICK_OUT = "kickOut"
    KICK_OUT_BY_OTHER_CLIENT = "kickOutByOtherClient"
    FORBIDDEN = "forbidden"
    PWD_ERROR = "pwdError"
    VERSION_ERROR = "versionError"
    DATA_UPGRADE = "dataUpgrade"


class Attempt(StrEnum):
    """Who asked for the login that is under way. Only AUTO and RESUME are ever retried (R7, R8)."""

    MANUAL = "manual"
    AUTO = "auto"
    RESUME = "resume"
    """The account has been online in this process; the client now owns reconnection (R8)."""


IDLE: Final = frozenset({State.UN_LOGIN})
UNDER_WAY: Final = frozenset({State.CONNECTING, State.LOGGING})
ONLINE: Final = frozenset({State.LOGGED_IN, State.DATA_SYNC_START, State.DATA_SYNC_FINISH})
BETWEEN_TRIES: Final = frozenset({State.WAITING, State.NET_BROKEN})
ENDED: Final = frozenset(State) - IDLE - UNDER_WAY - ONLINE - BETWEEN_TRIES

STATUS: Final = {state: AuthStatus.__members__.get(state.name, AuthStatus.UN_LOGIN) for state in State}
"""One state shows one status. WAITING alone has no status of its own: NIM shows it as unLogin."""
