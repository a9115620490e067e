"""What the SDK says, and what it means: its numbers, and a tracker that follows it. No I/O, no clock.

Lessons of real traces, which the tracker keeps to:

* An error is classified by its code, not by the listener that heard it: `loginFailed` also carries codes of the
  connection, and `disconnected` verdicts.
* `disconnected` is heard before any success, too; of a first login the answer to the call tells, and nothing else.
* A kick is heard as status 0, `disconnected` and then `kickedOffline`, or in another order: none is documented. So a
  loss is held back for a moment, in which a verdict may still explain it.
* After a success the SDK reconnects by itself, and cannot be told not to.
* At each login, also one of its own, it tells the list of the other clients before it says that it is logged in.
"""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from typing import Any, Final, cast

from attrs import define, frozen

from ...vocabulary.logins import OnlineClient
from ...vocabulary.reasons import VERDICTS, Code, Reason, reason_of
from ..words import clean, login_time

# -- the numbers of the SDK; the tests compare them with those it exports ----------------------------------------------


class LoginStatus(IntEnum):
    """V2NIMLoginStatus."""

    LOGOUT = 0
    LOGINED = 1
    LOGINING = 2
    UNLOGIN = 3
    """The SDK waits, to try again."""


class ConnectStatus(IntEnum):
    """V2NIMConnectStatus."""

    DISCONNECTED = 0
    CONNECTED = 1
    CONNECTING = 2
    WAITING = 3


class KickedOfflineReason(IntEnum):
    """V2NIMKickedOfflineReason."""

    CLIENT_EXCLUSIVE = 1
    SERVER = 2
    CLIENT = 3
    CLIENT_QUIETLY = 4


class DataSyncState(IntEnum):
    """V2NIMDataSyncState."""

    WAITING = 1
    SYNCING = 2
    COMPLETED = 3


class DataSyncType(IntEnum):
    """V2NIMDataSyncType."""

    MAIN = 1
    TEAM_MEMBER = 2
    SUPER_TEAM_MEMBER = 3


class LoginClientType(IntEnum):
    """V2NIMLoginClientType."""

    UNKNOWN = 0
    ANDROID = 1
    IOS = 2
    PC = 4
    WP = 8
    WEB = 16
    RESTFUL = 32
    MAC_OS = 64
    HARMONY_OS = 65


KICKED: Final[dict[int, Reason]] = {
    KickedOfflineReason.CLIENT_EXCLUSIVE: Reason.DISPLACED,
    KickedOfflineReason.SERVER: Reason.KICKED_BY_SERVER,
    KickedOfflineReason.CLIENT: Reason.KICKED_BY_CLIENT,
    KickedOfflineReason.CLIENT_QUIETLY: Reason.DISPLACED,
}
"""What each kick means."""

SDK_CODES: Final = range(190_000, 200_000)
"""Codes that the SDK gives itself; every other one is the server's."""


MAX_CLIENTS: Final = 100
"""A longer list of online clients is rubbish; NIM allows 10 of them."""


_CLIENT_TYPES: Final = {int(kind): kind.name.lower() for kind in LoginClientType}


def refusal(code: int) -> Reason:
    """Why a login was refused. 417: the account is logged in elsewhere, and this login was not forced (R12)."""
    return Reason.ALREADY_ONLINE if code == Code.DISPLACED else reason_of(code)


def words(text: object, *secrets: str) -> str:
    """Text of the SDK, fit to be shown; what is no text is nothing."""
    return clean(text, *secrets) if isinstance(text, str) else ""


def online_client(client: dict[str, Any], *secrets: str) -> OnlineClient:
    """A client as the SDK describes it. Raises KeyError, TypeError or ValueError for what describes none."""
    if not isinstance(client["clientId"], str):
        raise TypeError("a client's id is no text")
    kind = int(_number(client.get("type", 0)))
    return OnlineClient(
        words(client["clientId"], *secrets),
        os=words(client.get("os"), *secrets),
        client_type=_CLIENT_TYPES.get(kind) or words(str(kind)),
        login_time=login_time(_number(client.get("timestamp", 0)) / 1000),
        custom_tag=words(client.get("customTag"), *secrets),
        custom_client_type=int(_number(client.get("customClientType", 0))),
    )


def as_code(value: object) -> int:
    """A code, a status, a reason. Raises TypeError for what is none."""
    if type(value) is not int or not 0 <= value < 1_000_000_000:
        raise TypeError("a code is no number")
    return value


def _number(value: object) -> float:
    """Raises TypeError for what is no number, and for one that JavaScript would not hold either."""
    if type(value) not in (int, float) or not abs(cast("float", value)) < 2**53:
        raise TypeError("a number is none, or too big")
    return float(cast("float", value))


# -- what happens ------------------------------------------------------------------------------------------------------


@frozen
class Begun:
    """The SDK begins to reconnect."""


@frozen
class Opened:
    """It has a connection again, and logs in."""


@frozen
class Online:
    """It is logged in."""


@frozen
class Sync:
    """Data sync began, or ended (R14)."""

    finished: bool


@frozen
class Clients:
    """The other clients of this account that are online now."""

    clients: list[dict[str, Any]]


@frozen
class Lost:
    """The connection is lost, or an attempt to get it back failed."""

    code: int
    text: str
    goes_on: bool
    """The SDK will try again by itself."""


@frozen
class Verdict:
    """The session is over, and the server said why."""

    reason: Reason
    code: int
    text: str


News = Begun | Opened | Online | Sync | Clients | Lost | Verdict


class Phase(Enum):
    """Where the SDK is."""

    FIRST = auto()
    """In the login that was called, or before it."""
    ONLINE = auto()
    AGAIN = auto()
    """It waits, to reconnect."""
    TRYING = auto()
    """It reconnects."""
    OVER = auto()


@define
class Tracker:
    """Follows one SDK by what its listeners hear."""

    phase: Phase = Phase.FIRST
    _status: int = LoginStatus.LOGOUT
    _loss: tuple[int, str] | None = None
    """A loss that is held back: code and text as far as they are known."""
    _early: Clients | None = None
    """The list that was heard last while there was no session to tell it of."""

    @property
    def holding(self) -> bool:
        """Whether a loss is held back. Call `due` after a moment."""
        return self._loss is not None

    def due(self) -> list[News]:
        """The moment is over: the loss that was held back is one."""
        if self._loss is None:
            return []
        code, text = self._loss
        self._loss = None
        goes_on = self._status != LoginStatus.LOGOUT
        self.phase = Phase.AGAIN if goes_on else Phase.OVER
        return [Lost(code or Code.NET, text, goes_on)]

    def feed(self, event: str, value: Any) -> list[News]:
        """What an event means. Raises KeyError, TypeError or ValueError for one that the SDK does not have."""
        if event == "loginStatus":
            self._status = LoginStatus(as_code(value))
        if self.phase is Phase.OVER:
            return []
        match event:
            case "loginStatus" | "connectStatus":
                return self._status_changed(event == "loginStatus", value)
            case "loginFailed" | "connectFailed" | "disconnected":
                return self._failed(as_code(value["code"]), str(value["text"]))
            case "kickedOffline":
                # A kick whose number is none of ours is the server's doing, whatever it means.
                reason = KICKED.get(number := as_code(value["reason"]), Reason.KICKED_BY_SERVER)
                said = f"{value['text']} (kickedOffline, reason {number})".strip()
                self.phase, self._loss = Phase.OVER, None
                return [Verdict(reason, 0, said)]
            case "dataSync":
                return self._sync(as_code(value["type"]), as_code(value["state"]))
            case "loginClientChanged":
                return self._listed(value)
            case _:
                raise ValueError("there is no such event")

    def _status_changed(self, login: bool, value: int) -> list[News]:
        status = value if login else ConnectStatus(as_code(value))
        if login and status == LoginStatus.LOGINED:
            if self.phase is Phase.ONLINE and self._loss is None:
                return []
            news = self.due() if self.phase is Phase.ONLINE else []  # it came back before the loss was told
            before: dict[Phase, list[News]] = {Phase.AGAIN: [Begun(), Opened()], Phase.TRYING: [Opened()]}
            news += before.get(self.phase, [])
            self.phase, self._loss = Phase.ONLINE, None
            early, self._early = self._early, None
            return [*news, Online(), early] if early is not None else [*news, Online()]
        if self.phase is Phase.FIRST:
            return []
        if status == (LoginStatus.LOGINING if login else ConnectStatus.CONNECTING):
            if self.phase is Phase.TRYING and self._loss is None:
                return []
            if self.phase is Phase.ONLINE:
                self._hold()
            news = self.due()
            self.phase, self._early = Phase.TRYING, None
            return [*news, Begun()]
        if not login and status == ConnectStatus.CONNECTED:
            return [Opened()] if self.phase is Phase.TRYING else []
        if self.phase is not Phase.AGAIN or (status == LoginStatus.LOGOUT and login):
            self._hold()
        return []

    def _failed(self, code: int, text: str) -> list[News]:
        if self.phase is Phase.FIRST:
            return []
        reason = refusal(code) if self.phase is not Phase.ONLINE else reason_of(code)
        if reason in VERDICTS:
            self.phase, self._loss = Phase.OVER, None
            return [Verdict(reason, code, text)]
        if self.phase is not Phase.AGAIN:
            self._hold(code, text)
        return []

    def _hold(self, code: int = 0, text: str = "") -> None:
        """Keep the first code that was said."""
        if self._loss is None or not self._loss[0]:
            self._loss = code, text

    def _listed(self, clients: Any) -> list[News]:
        if not isinstance(clients, list) or len(clients) > MAX_CLIENTS:
            raise ValueError("the list of clients is none, or too long")
        for client in clients:  # now, though it may be told later
            online_client(client)
        if self.phase is Phase.ONLINE and self._loss is None:
            return [Clients(clients)]
        self._early = Clients(clients)
        return []

    def _sync(self, kind: int, state: int) -> list[News]:
        state = DataSyncState(state)
        if self.phase is not Phase.ONLINE or kind != DataSyncType.MAIN or state is DataSyncState.WAITING:
            return []
        return [Sync(state is DataSyncState.COMPLETED)]
