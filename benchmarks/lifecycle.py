"""A step of the login lifecycle beside one written by hand: the same inputs, the same effect objects."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from nimauth.errors import IllegalState
from nimauth.lifecycle import Lifecycle
from nimauth.vocabulary import effects, inputs
from nimauth.vocabulary.effects import Effect
from nimauth.vocabulary.inputs import Event, Input
from nimauth.vocabulary.reasons import VERDICTS, Cause, cause_of
from nimauth.vocabulary.rules import Rule
from nimauth.vocabulary.states import ENDED, Attempt, State

LIVES: Final[tuple[Input, ...]] = (
    # a wrong token, then the right one
    inputs.login("a"), inputs.LINK_OPENED, inputs.refused(302),
    inputs.login("a"), inputs.LINK_OPENED, inputs.ACCEPTED, inputs.SYNC_STARTED, inputs.SYNC_FINISHED,
    # the link is cut, and the server is busy for a while
    inputs.link_lost(), inputs.RETRY_DUE, inputs.refused(503), inputs.RETRY_DUE, inputs.LINK_OPENED, inputs.ACCEPTED,
    inputs.SYNC_STARTED, inputs.SYNC_FINISHED,
    # the network comes and goes, with a signal that comes too late
    inputs.NETWORK_LOST, inputs.link_lost(), inputs.NETWORK_FOUND, inputs.TIMED_OUT, inputs.FOREGROUND,
    inputs.LINK_OPENED, inputs.ACCEPTED, inputs.SYNC_FINISHED,
    # somebody else logs in, and this one cannot come back by itself
    inputs.refused(417), inputs.auto_login("a"), inputs.login("a"), inputs.LINK_OPENED, inputs.ACCEPTED, inputs.LOGOUT,
)  # fmt: skip
"""Thirty inputs from one logged-out state to the next."""

_UNDER_WAY: Final = (State.CONNECTING, State.LOGGING)
_ONLINE: Final = (State.LOGGED_IN, State.DATA_SYNC_START, State.DATA_SYNC_FINISH)
_BETWEEN: Final = (State.WAITING, State.NET_BROKEN)
_VERDICT_OF_EVENT: Final = {inputs.EVENT_OF_REASON[reason]: state for reason, state in VERDICTS.items()}


@define(weakref_slot=False)
class HandWritten:
    """What the table says, as ifs. One method per event that LIVES has, found through a dict."""

    state: State = State.UN_LOGIN
    attempt: Attempt | None = None
    account: str | None = None
    network: bool = True
    local_data: str | None = None
    permitted: str | None = None
    void: Cause | None = None
    has_auto_login: bool = True
    _out: list[Effect] = field(factory=list, init=False, eq=False, repr=False)

    def receive(self, heard: Input) -> list[Effect]:
        out: list[Effect] = []
        self._out = out
        before = self.state
        _METHODS[heard.event](self, heard)
        if self.state is not before:
            if self.state is State.UN_LOGIN or self.state in ENDED:
                self.attempt = self.account = None
            out.append(effects.Status(self.state, heard.reason, heard.code, heard.text))
        return out

    def _login(self, heard: Input) -> None:
        if self.state in _UNDER_WAY or self.state in _ONLINE:
            raise IllegalState(f"login is not allowed in state {self.state}")
        if self.state in _BETWEEN:
            self._out.append(_DISARM_RETRY)
        self._clear(Cause.LOGIN_STARTED)
        if self.local_data is not None and self.local_data != heard.account:
            self._close_local_data()
        self.attempt, self.account, self.state = Attempt.MANUAL, heard.account, State.CONNECTING
        self._out.append(_OPEN_LINK)

    def _auto_login(self, heard: Input) -> None:
        if self.state is not State.UN_LOGIN and self.state not in ENDED:
            raise IllegalState(f"auto_login is not allowed in state {self.state}")
        if (rule := self._forbids(heard)) is not None:
            self._out.append(effects.AutoLoginRefused(rule))
            return
        assert heard.account is not None
        self.attempt, self.account, self.state = Attempt.AUTO, heard.account, State.CONNECTING
        self.local_data = heard.account
        self._out += (effects.OpenLocalData(heard.account), _OPEN_LINK)

    def _forbids(self, heard: Input) -> Rule | None:
        if not self.has_auto_login:
            return Rule.R11
        if self.void is not None:
            return self.void.rule
        if self.permitted is None:
            return Rule.R2
        return None if heard.account == self.permitted else Rule.R1

    def _logout(self, heard: Input) -> None:
        under_way, online = self.state in _UNDER_WAY, self.state in _ONLINE
        if online:
            self._out.append(_SEND_LOGOUT)
        if online or under_way:
            self._out.append(_CLOSE_LINK)
        if self.state in _BETWEEN:
            self._out.append(_DISARM_RETRY)
        self._clear(Cause.LOGGED_OUT)
        self._close_local_data()
        if under_way and self.attempt is Attempt.MANUAL:
            self._out.append(effects.LoginResult(False, heard.code, heard.reason, heard.text))
        self.state = State.UN_LOGIN

    def _network_lost(self, heard: Input) -> None:
        self.network = False
        if self.state in _UNDER_WAY:
            self._fail_for_now(heard)
        elif self.state in _ONLINE:
            self._lose_link(heard)
        elif self.state is State.WAITING:
            self.state = State.NET_BROKEN

    def _network_found(self, heard: Input) -> None:
        self.network = True
        self._foreground(heard)

    def _foreground(self, _: Input) -> None:
        if self.state in _BETWEEN:
            self._try_again()

    def _retry_due(self, heard: Input) -> None:
        if self.state in _BETWEEN:
            self._try_again()
        else:
            self._out.append(effects.Dropped(heard.event))

    def _link_opened(self, heard: Input) -> None:
        if self.state is not State.CONNECTING:
            self._out.append(effects.Dropped(heard.event))
            return
        assert self.account is not None
        assert self.attempt is not None
        self.state = State.LOGGING
        self._out.append(effects.SendLogin(self.account, self.attempt))

    def _accepted(self, heard: Input) -> None:
        if self.state is not State.LOGGING:
            self._out.append(effects.Dropped(heard.event))
            return
        if self.attempt is Attempt.MANUAL:
            assert self.account is not None
            self.permitted, self.void = self.account, None
            self._out.append(effects.Save(self.account))
            if self.local_data is None:
                self.local_data = self.account
                self._out.append(effects.OpenLocalData(self.account))
            self._out.append(effects.LoginResult(True, heard.code, heard.reason, heard.text))
        self.attempt, self.state = Attempt.RESUME, State.LOGGED_IN

    def _sync_started(self, heard: Input) -> None:
        if self.state is State.LOGGED_IN or self.state is State.DATA_SYNC_FINISH:
            self.state = State.DATA_SYNC_START
        else:
            self._out.append(effects.Dropped(heard.event))

    def _sync_finished(self, heard: Input) -> None:
        if self.state is State.LOGGED_IN or self.state is State.DATA_SYNC_START:
            self.state = State.DATA_SYNC_FINISH
        else:
            self._out.append(effects.Dropped(heard.event))

    def _link_lost(self, heard: Input) -> None:
        if self.state in _ONLINE:
            self._lose_link(heard)
        else:
            self._failed_for_now(heard)

    def _failed_for_now(self, heard: Input) -> None:
        if self.state in _UNDER_WAY:
            self._fail_for_now(heard)
        else:
            self._out.append(effects.Dropped(heard.event))

    def _verdict(self, heard: Input) -> None:
        if self.state not in _UNDER_WAY and self.state not in _ONLINE:
            self._out.append(effects.Dropped(heard.event))
            return
        assert heard.reason is not None
        self._out.append(_CLOSE_LINK)
        self._clear(cause_of(heard.reason))
        if self.attempt is Attempt.MANUAL:
            self._out.append(effects.LoginResult(False, heard.code, heard.reason, heard.text))
        self.state = _VERDICT_OF_EVENT[heard.event]

    def _fail_for_now(self, heard: Input) -> None:
        if self.attempt is not Attempt.MANUAL:
            self._lose_link(heard)
            return
        self._out.append(_CLOSE_LINK)
        self._clear(Cause.FAILED)
        self._out.append(effects.LoginResult(False, heard.code, heard.reason, heard.text))
        self.state = State.UN_LOGIN

    def _lose_link(self, heard: Input) -> None:
        self._out += (_CLOSE_LINK, effects.ArmRetry(heard.code))
        self.state = State.WAITING if self.network else State.NET_BROKEN

    def _try_again(self) -> None:
        self._out += (_DISARM_RETRY, _OPEN_LINK)
        self.state = State.CONNECTING

    def _clear(self, cause: Cause) -> None:
        self.permitted, self.void = None, cause
        self._out.append(effects.Clear(cause))

    def _close_local_data(self) -> None:
        self.local_data = None
        self._out.append(_CLOSE_LOCAL_DATA)


_OPEN_LINK, _CLOSE_LINK = effects.OpenLink(), effects.CloseLink()
_SEND_LOGOUT, _DISARM_RETRY, _CLOSE_LOCAL_DATA = effects.SendLogout(), effects.DisarmRetry(), effects.CloseLocalData()

_METHODS: Final = {
    Event.LOGIN: HandWritten._login,
    Event.AUTO_LOGIN: HandWritten._auto_login,
    Event.LOGOUT: HandWritten._logout,
    Event.NETWORK_LOST: HandWritten._network_lost,
    Event.NETWORK_FOUND: HandWritten._network_found,
    Event.FOREGROUND: HandWritten._foreground,
    Event.RETRY_DUE: HandWritten._retry_due,
    Event.LINK_OPENED: HandWritten._link_opened,
    Event.ACCEPTED: HandWritten._accepted,
    Event.SYNC_STARTED: HandWritten._sync_started,
    Event.SYNC_FINISHED: HandWritten._sync_finished,
    Event.LINK_LOST: HandWritten._link_lost,
    Event.BUSY: HandWritten._failed_for_now,
    Event.TIMED_OUT: HandWritten._failed_for_now,
    **dict.fromkeys(_VERDICT_OF_EVENT, HandWritten._verdict),
}


def check() -> None:
    """Both must answer every input of LIVES alike, or there is nothing to compare."""
    session, by_hand = Lifecycle(), HandWritten()
    for heard in LIVES * 2:
        ours, theirs = session.receive(heard), by_hand.receive(heard)
        if ours != theirs:
            raise AssertionError(f"{heard.event}: the lifecycle answers {ours}, the hand-written one {theirs}")
