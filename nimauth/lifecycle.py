"""One login session, sans-I/O: inputs in, effects out. The table moves it; here its guards and effects get a body.

    session = Lifecycle()
    session.receive(inputs.login("a"))      # [Clear(...), OpenLink(), Status(CONNECTING)]

Nothing here awaits, reads a clock, or knows a token. Whoever owns a session carries out the effects, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self

from attrs import define, field, fields, setters
from attrs.converters import optional

from .engine import Program, Refusal, runs
from .errors import IllegalState
from .table import GUARD_RULES, declare
from .vocabulary import effects
from .vocabulary.effects import Dropped, Effect
from .vocabulary.inputs import CALLS, HINTS, Event, Input
from .vocabulary.reasons import VERDICTS, Cause, cause_of
from .vocabulary.rules import Rule
from .vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, ONLINE, Attempt, State


@runs(declare(), arguments="heard", rules={guard: rule.value for guard, rule in GUARD_RULES.items()})
@define(weakref_slot=False, on_setattr=setters.NO_OP)  # converters are for what comes from outside
class Lifecycle:
    """A session's state, and what the guards look at. Compares, pickles, turns into a plain dict, holds no secret."""

    __program__: ClassVar[Program]

    state: State = field(default=State.UN_LOGIN, converter=State)
    attempt: Attempt | None = field(default=None, converter=optional(Attempt))
    """Who asked for what is under way; RESUME once online. None in un_login and in the ended states."""
    account: str | None = None
    """Who is being logged in, or is online. None in un_login and in the ended states."""
    network: bool = True
    """Is there a physical network?"""
    local_data: str | None = None
    """Whose local data is open."""
    permitted: str | None = None
    """Who may be auto logged in (R1, R2)."""
    void: Cause | None = field(default=None, converter=optional(Cause))
    """Why nobody may (R3, R4, R5, R13). None beside `permitted` None: nobody ever logged in here."""
    has_auto_login: bool = True
    """False only in a strict NIM profile on Windows and macOS (R11)."""
    _out: list[Effect] = field(factory=list, init=False, eq=False, repr=False)

    def receive(self, heard: Input) -> list[Effect]:
        """Take one input and tell what is to be done, in this order.

        Raises IllegalState for a host call that the state does not allow; then nothing has changed. A hint that means
        nothing gives an empty list, a signal or timer that means nothing `Dropped`.
        """
        event = heard.event
        if event is Event.NETWORK_LOST:
            self.network = False
        elif event is Event.NETWORK_FOUND:
            self.network = True
        out: list[Effect] = []
        self._out = out
        if not self.__program__.triggers[event](self, heard) and event not in HINTS:
            if event in CALLS:
                raise IllegalState(self._refused_call(event))
            out.append(Dropped(event))
        return out

    def explain(self, heard: Input) -> Refusal | None:
        """Why this input would be refused now, naming the guard and its rule; None if it would be taken.

        An auto login that is not allowed is answered (by `AutoLoginRefused`), and explained here all the same.
        """
        refusal = self.__program__.explain(self, heard.event, heard)
        if refusal is None and heard.event is Event.AUTO_LOGIN:
            refusal = next(self.__program__.refusals(self, heard.event, heard), None)
        return refusal

    def to_dict(self) -> dict[str, Any]:
        """The session as plain data, for a file or another process."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return {name: value.value if isinstance(value, StrEnum) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The session that `to_dict` described. Raises ValueError when it describes none that could be."""
        # It may come from a file, and be anything.
        if not isinstance(data, Mapping) or set(data) != set(_FIELDS):  # type: ignore[redundant-expr]
            raise ValueError(f"a session is a dict of {', '.join(_FIELDS)}; give what to_dict gave")
        for name in ("account", "local_data", "permitted"):
            if data[name] is not None and not (isinstance(data[name], str) and data[name]):
                raise ValueError(f"{name} must be an account or None; give what to_dict gave")
        for name in ("network", "has_auto_login"):
            if not isinstance(data[name], bool):
                raise ValueError(f"{name} must be True or False; give what to_dict gave")
        session = cls(**data)
        for sentence, holds in session._what_always_holds().items():
            if not holds:
                raise ValueError(f"the session contradicts itself: {sentence}")
        return session

    def _what_always_holds(self) -> dict[str, bool]:
        """No input leads out of this, so nothing else is let in either."""
        at_rest = self.state in IDLE | ENDED
        by_itself = self.attempt in (Attempt.AUTO, Attempt.RESUME)
        return {
            "it has an account unless it is in un_login or ended": (self.account is None) == at_rest,
            "it has an attempt unless it is in un_login or ended": (self.attempt is None) == at_rest,
            "what is online resumes (R8)": self.state not in ONLINE or self.attempt is Attempt.RESUME,
            "a manual login is tried once (R7)": self.state not in BETWEEN_TRIES or by_itself,
            "waiting means a network, net_broken none": (
                self.state not in BETWEEN_TRIES or self.network == (self.state is State.WAITING)
            ),
            "nobody is permitted while the login is void": self.permitted is None or self.void is None,
            "only the permitted account logs in by itself (R1)": not by_itself or self.account == self.permitted,
            "auto login is not for this platform (R11)": self.has_auto_login or self.attempt is not Attempt.AUTO,
            "whoever logs in without a person has local data open (R9)": not by_itself or self.local_data is not None,
            "no other account has local data open": self.local_data is None
            or self.local_data == (self.account or self.permitted or self.local_data),
            "a manual login voids what was saved (R3)": (
                self.attempt is not Attempt.MANUAL or self.void is Cause.LOGIN_STARTED
            ),
            "an ended state says why the login is void (R4, R5)": (
                self.state not in ENDED or self.state is _ENDED_BY.get(self.void)
            ),
        }

    def _refused_call(self, event: Event) -> str:
        calls = [call for call in sorted(CALLS) if self.__program__.explain(self, call, Input(call)) is None]
        return f"{event} is not allowed in state {self.state}; allowed there: {', '.join(calls)}"

    # -- guards: they look and do not touch ----------------------------------------------------------------------------

    def is_manual(self, _: Input) -> bool:
        return self.attempt is Attempt.MANUAL

    def has_network(self, _: Input) -> bool:
        return self.network

    def platform_has_auto_login(self, _: Input) -> bool:
        return self.has_auto_login

    def no_verdict_since(self, _: Input) -> bool:
        return not self._void_by(Rule.R4)

    def no_version_refusal_since(self, _: Input) -> bool:
        return not self._void_by(Rule.R5)

    def last_manual_login_succeeded(self, _: Input) -> bool:
        return not self._void_by(Rule.R3)

    def not_logged_out_since(self, _: Input) -> bool:
        return not self._void_by(Rule.R13)

    def manual_login_succeeded_before(self, _: Input) -> bool:
        return self.permitted is not None

    def is_last_account(self, heard: Input) -> bool:
        return heard.account == self.permitted

    def _void_by(self, rule: Rule) -> bool:
        return self.void is not None and self.void.rule is rule

    # -- who attempts --------------------------------------------------------------------------------------------------

    def begin_manual_login(self, heard: Input) -> None:
        self.attempt, self.account = Attempt.MANUAL, heard.account

    def begin_auto_login(self, heard: Input) -> None:
        self.attempt, self.account = Attempt.AUTO, heard.account

    def begin_session(self, _: Input) -> None:
        """Online: every attempt from here on is a resume."""
        self.attempt = Attempt.RESUME

    def end_attempt(self, _: Input) -> None:
        self.attempt = self.account = None

    # -- effects -------------------------------------------------------------------------------------------------------

    def publish(self, heard: Input) -> None:
        self._out.append(effects.Status(self.state, heard.reason, heard.code, heard.text))

    def open_link(self, _: Input) -> None:
        self._out.append(_OPEN_LINK)

    def send_login(self, _: Input) -> None:
        assert self.account is not None
        assert self.attempt is not None
        self._out.append(effects.SendLogin(self.account, self.attempt))

    def send_logout(self, _: Input) -> None:
        self._out.append(_SEND_LOGOUT)

    def close_link(self, _: Input) -> None:
        self._out.append(_CLOSE_LINK)

    def save(self, _: Input) -> None:
        assert self.account is not None
        self.permitted, self.void = self.account, None
        self._out.append(effects.Save(self.account))

    def clear_login_started(self, _: Input) -> None:
        self._clear(Cause.LOGIN_STARTED)

    def clear_failed(self, _: Input) -> None:
        self._clear(Cause.FAILED)

    def clear_logged_out(self, _: Input) -> None:
        self._clear(Cause.LOGGED_OUT)

    def clear_verdict(self, heard: Input) -> None:
        assert heard.reason is not None
        self._clear(cause_of(heard.reason))

    def _clear(self, cause: Cause) -> None:
        self.permitted, self.void = None, cause
        self._out.append(effects.Clear(cause))

    def open_local_data(self, _: Input) -> None:
        assert self.account is not None
        self.local_data = self.account
        self._out.append(effects.OpenLocalData(self.account))

    def open_local_data_if_closed(self, heard: Input) -> None:
        if self.local_data is None:
            self.open_local_data(heard)

    def close_local_data(self, _: Input) -> None:
        self.local_data = None
        self._out.append(_CLOSE_LOCAL_DATA)

    def close_local_data_of_others(self, heard: Input) -> None:
        if self.local_data not in (None, heard.account):
            self.close_local_data(heard)

    def arm_retry(self, heard: Input) -> None:
        self._out.append(effects.ArmRetry(heard.code))

    def disarm_retry(self, _: Input) -> None:
        self._out.append(_DISARM_RETRY)

    def login_result(self, heard: Input) -> None:
        ok = heard.event is Event.ACCEPTED
        self._out.append(effects.LoginResult(ok, heard.code, heard.reason, heard.text))

    def auto_login_refused(self, heard: Input) -> None:
        refusal = next(self.__program__.refusals(self, heard.event, heard))
        self._out.append(effects.AutoLoginRefused(GUARD_RULES[str(refusal.guard)]))


_FIELDS = tuple(a.name for a in fields(Lifecycle) if a.init)
_ENDED_BY: dict[Cause | None, State] = {cause_of(reason): state for reason, state in VERDICTS.items()}
_OPEN_LINK = effects.OpenLink()
_CLOSE_LINK = effects.CloseLink()
_SEND_LOGOUT = effects.SendLogout()
_CLOSE_LOCAL_DATA = effects.CloseLocalData()
_DISARM_RETRY = effects.DisarmRetry()
