"""The whole machine, as rows. Everything that moves the state stands here and nowhere else.

Theory first
------------

There is one machine a session. Four parties can trigger it: the host (calls and hints), the link (signals), and two
timers of the shell. Fourteen states fall into five groups (see `vocabulary.states`): idle, under way, online, between
tries, ended. Beside the state a session knows who attempts (manual, auto, resume), whether there is a network, whose
local data is open, and who may be auto logged in or why nobody may; these are what guards look at.

The question that decides most rows is *who asked*. A manual login is a person's and is tried once (R7): whatever goes
wrong, it ends in un_login or in a verdict. Auto logins and resumes are the client's own and are tried again until one
succeeds or a verdict ends them (R8); after a failure only one thing matters, whether there is a network.

Reading a row: *any of these events, in any of these states, when all the guards agree, does these effects in this
order and goes there.* The first row that agrees is taken. A target of `None` stays. On entering a different state its
status is published, after the row's effects: the clear comes before the host can hear of a failure, the save before it
hears of the success (R6).

What is absent is a decision. Where a state has no row for an event: a host call (auto_login, login, cancel) raises an
error that names the state and what is allowed there; a hint means nothing; a signal or a timer is dropped and counted,
and never raises into a transport. So a second `login` under way is an error and not a queue; a `cancel` exists only
for a manual login; `accepted` without a login sent, or sync signals while logging, are dropped; and after an ended
state nothing opens a link but a manual login.

Guards that speak for a rule are named in `GUARD_RULES`; effects and guards are methods of `lifecycle.Lifecycle`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import frozen
from transitions import Machine

from .vocabulary.inputs import EVENT_OF_REASON, Event
from .vocabulary.reasons import VERDICTS
from .vocabulary.rules import Rule
from .vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, ONLINE, UNDER_WAY, State


@frozen
class Row:
    """One or more events in one or more states that are answered alike."""

    events: tuple[Event, ...]
    sources: frozenset[State]
    target: State | None
    do: tuple[str, ...] = ()
    when: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


def _on(*events: Event) -> tuple[Event, ...]:
    return events


def _in(*states: State) -> frozenset[State]:
    return frozenset(states)


GUARD_RULES: Final[dict[str, Rule]] = {
    "platform_has_auto_login": Rule.R11,
    "no_verdict_since": Rule.R4,
    "no_version_refusal_since": Rule.R5,
    "last_manual_login_succeeded": Rule.R3,
    "not_logged_out_since": Rule.R13,
    "manual_login_succeeded_before": Rule.R2,
    "is_last_account": Rule.R1,
    "is_manual": Rule.R7,
}
"""What each guard enforces. The first seven are what auto login needs, in the order in which a refusal names them."""

AUTO_LOGIN_IS_ALLOWED: Final = tuple(guard for guard in GUARD_RULES if guard != "is_manual")

FAILED_FOR_NOW: Final = _on(Event.CONNECT_FAILED, Event.LINK_LOST, Event.TIMED_OUT, Event.BUSY, Event.UNCLASSIFIED)

VERDICT_TARGETS: Final = {EVENT_OF_REASON[reason]: state for reason, state in VERDICTS.items()}

TABLE: Final = (
    # A person logs in (R7). What was saved is void from here on, so that a crash half-way leaves nothing valid (R3).
    Row(
        _on(Event.LOGIN),
        IDLE | ENDED,
        State.CONNECTING,
        do=("clear_login_started", "close_local_data_of_others", "begin_manual_login", "open_link"),
        rules=(Rule.R3, Rule.R7),
    ),
    Row(
        _on(Event.LOGIN),
        BETWEEN_TRIES,
        State.CONNECTING,
        do=("disarm_retry", "clear_login_started", "close_local_data_of_others", "begin_manual_login", "open_link"),
        rules=(Rule.R3, Rule.R7),
    ),
    Row(
        _on(Event.CANCEL),
        UNDER_WAY,
        State.UN_LOGIN,
        when=("is_manual",),
        do=("close_link", "clear_failed", "login_result"),
        rules=(Rule.R6, Rule.R7),
    ),
    # The app starts with a saved login (R9).
    Row(
        _on(Event.AUTO_LOGIN),
        IDLE | ENDED,
        State.CONNECTING,
        when=AUTO_LOGIN_IS_ALLOWED,
        do=("begin_auto_login", "open_local_data", "open_link"),
        rules=(Rule.R9,),
    ),
    Row(
        _on(Event.AUTO_LOGIN),
        IDLE | ENDED,
        None,
        do=("auto_login_refused",),
        rules=(Rule.R1, Rule.R2, Rule.R3, Rule.R4, Rule.R5, Rule.R11, Rule.R13),
    ),
    # An attempt gets on.
    Row(_on(Event.LINK_OPENED), _in(State.CONNECTING), State.LOGGING, do=("send_login",)),
    Row(
        _on(Event.ACCEPTED),
        _in(State.LOGGING),
        State.LOGGED_IN,
        when=("is_manual",),
        do=("save", "open_local_data_if_closed", "begin_session", "login_result"),
        rules=(Rule.R6, Rule.R9),
    ),
    Row(
        _on(Event.ACCEPTED),
        _in(State.LOGGING),
        State.LOGGED_IN,
        do=("begin_session",),
        rules=(Rule.R8,),
    ),
    # Data sync: the finish may come without a start (R14).
    Row(
        _on(Event.SYNC_STARTED),
        _in(State.LOGGED_IN, State.DATA_SYNC_FINISH),
        State.DATA_SYNC_START,
        rules=(Rule.R14,),
    ),
    Row(
        _on(Event.SYNC_FINISHED),
        _in(State.LOGGED_IN, State.DATA_SYNC_START),
        State.DATA_SYNC_FINISH,
        rules=(Rule.R14,),
    ),
    # An attempt fails for now. Who asked? If it was the client itself: is there a network?
    Row(
        _on(*FAILED_FOR_NOW, Event.NETWORK_LOST),
        UNDER_WAY,
        State.UN_LOGIN,
        when=("is_manual",),
        do=("close_link", "clear_failed", "login_result"),
        rules=(Rule.R6, Rule.R7),
    ),
    Row(
        _on(*FAILED_FOR_NOW),
        UNDER_WAY,
        State.WAITING,
        when=("has_network",),
        do=("close_link", "arm_retry"),
        rules=(Rule.R8,),
    ),
    Row(
        _on(*FAILED_FOR_NOW, Event.NETWORK_LOST),
        UNDER_WAY,
        State.NET_BROKEN,
        do=("close_link", "arm_retry"),
        rules=(Rule.R8,),
    ),
    # It fails for good, though nothing was said against the account: another try would fail alike.
    Row(
        _on(Event.FAILED),
        UNDER_WAY,
        State.UN_LOGIN,
        when=("is_manual",),
        do=("close_link", "clear_failed", "login_result"),
        rules=(Rule.R6, Rule.R7),
    ),
    Row(_on(Event.FAILED), UNDER_WAY, State.UN_LOGIN, do=("close_link",), rules=(Rule.R15,)),
    # Online, the link goes: the client owns reconnection (R8).
    Row(
        _on(Event.LINK_LOST),
        ONLINE,
        State.WAITING,
        when=("has_network",),
        do=("close_link", "arm_retry"),
        rules=(Rule.R8,),
    ),
    Row(
        _on(Event.LINK_LOST, Event.NETWORK_LOST),
        ONLINE,
        State.NET_BROKEN,
        do=("close_link", "arm_retry"),
        rules=(Rule.R8,),
    ),
    # Between tries.
    Row(
        _on(Event.RETRY_DUE, Event.NETWORK_FOUND, Event.FOREGROUND),
        BETWEEN_TRIES,
        State.CONNECTING,
        do=("disarm_retry", "open_link"),
        rules=(Rule.R8,),
    ),
    Row(_on(Event.RECONNECTING), BETWEEN_TRIES, State.CONNECTING, do=("disarm_retry",), rules=(Rule.R8,)),
    Row(_on(Event.NETWORK_LOST), _in(State.WAITING), State.NET_BROKEN),
    # A verdict ends the session, and auto login is void until a manual login succeeds (R4, R5).
    *(
        row
        for event, target in VERDICT_TARGETS.items()
        for row in (
            Row(
                _on(event),
                UNDER_WAY,
                target,
                when=("is_manual",),
                do=("close_link", "clear_verdict", "login_result"),
                rules=(Rule.R5 if event is Event.VERSION_REFUSED else Rule.R4, Rule.R6),
            ),
            Row(
                _on(event),
                UNDER_WAY | ONLINE,
                target,
                do=("close_link", "clear_verdict"),
                rules=(Rule.R5 if event is Event.VERSION_REFUSED else Rule.R4, Rule.R15),
            ),
        )
    ),
    # Logout is allowed everywhere, and always clears (R13).
    Row(
        _on(Event.LOGOUT),
        UNDER_WAY,
        State.UN_LOGIN,
        when=("is_manual",),
        do=("close_link", "clear_logged_out", "close_local_data", "login_result"),
        rules=(Rule.R13,),
    ),
    Row(
        _on(Event.LOGOUT),
        UNDER_WAY,
        State.UN_LOGIN,
        do=("close_link", "clear_logged_out", "close_local_data"),
        rules=(Rule.R13,),
    ),
    Row(
        _on(Event.LOGOUT),
        ONLINE,
        State.UN_LOGIN,
        do=("send_logout", "close_link", "clear_logged_out", "close_local_data"),
        rules=(Rule.R13,),
    ),
    Row(
        _on(Event.LOGOUT),
        BETWEEN_TRIES,
        State.UN_LOGIN,
        do=("disarm_retry", "clear_logged_out", "close_local_data"),
        rules=(Rule.R13,),
    ),
    Row(_on(Event.LOGOUT), ENDED, State.UN_LOGIN, do=("clear_logged_out", "close_local_data"), rules=(Rule.R13,)),
    Row(_on(Event.LOGOUT), IDLE, None, do=("clear_logged_out", "close_local_data"), rules=(Rule.R13,)),
)


_RULES: Final = {
    (str(event), str(source), row.when): row.rules for row in TABLE for event in row.events for source in row.sources
}


def rules_of(event: str, source: object, when: Iterable[object]) -> tuple[Rule, ...]:
    """The rules that a row serves, by one of its events, one of its sources, and its guards; none for no row."""
    return _RULES.get((event, str(source), tuple(map(str, when))), ())


def declare(table: Iterable[Row] = TABLE) -> Machine:
    """The table as a `transitions` Machine: effects run before the state moves, entering a state publishes it."""
    return Machine(
        model=None,
        name="login",
        states=[{"name": state, "on_enter": _on_enter(state)} for state in State],
        initial=State.UN_LOGIN,
        auto_transitions=False,
        ignore_invalid_triggers=True,  # the lifecycle itself tells calls, hints and signals apart
        transitions=[
            {
                "trigger": event.value,
                "source": source,
                "dest": row.target,
                "conditions": list(row.when),
                "before": list(row.do),
            }
            for row in table
            for event in row.events
            for source in State
            if source in row.sources
        ],
    )


def _on_enter(state: State) -> list[str]:
    """Nobody attempts anything in a state that only the host can leave."""
    return ["end_attempt", "publish"] if state in IDLE | ENDED else ["publish"]
