"""The login machine's words, and what its guards and effects mean; the rows themselves come from the table.

What a guard asks and an effect sets stands here a second time, as data, because engines in other languages cannot call
Python. The tests walk every input in every configuration and compare.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..engine import Row
from ..lifecycle import Lifecycle
from ..table import AUTO_LOGIN_IS_ALLOWED, rules_of
from ..vocabulary.inputs import CALLS, EVENT_OF_REASON, HINTS
from ..vocabulary.inputs import Event as Happening
from ..vocabulary.reasons import VERDICTS, Cause, cause_of
from ..vocabulary.rules import TEXT
from ..vocabulary.states import BETWEEN_TRIES, ENDED, IDLE, ONLINE, STATUS, UNDER_WAY, Attempt
from ..vocabulary.states import State as Where
from .extract import NO, YES, Lexicon, Meaning, chart_of
from .model import (
    Assign,
    Carried,
    Chart,
    Condition,
    Event,
    Group,
    Known,
    Parameter,
    Role,
    Rule,
    Selection,
    Transition,
    Value,
    Variable,
    Words,
)


def login_chart(lifecycle: type[Lifecycle] = Lifecycle) -> Chart:
    """The chart of the login machine, or of one with another table."""
    return chart_of(lifecycle, LEXICON)


# -- states ------------------------------------------------------------------------------------------------------------

_GROUPS: Final = {
    Group("idle", Words("idle", "空闲"), Role.IDLE): IDLE,
    Group("under_way", Words("under way", "登录中"), Role.BUSY): UNDER_WAY,
    Group("online", Words("online", "在线"), Role.GOOD): ONLINE,
    Group("between_tries", Words("between tries", "等待重试"), Role.WAITING): BETWEEN_TRIES,
    Group("ended", Words("ended, auto login is void", "已结束，自动登录失效"), Role.ENDED): ENDED,
}

_MEANS: Final = {
    Where.UN_LOGIN: Words("nobody is logged in", "未登录"),
    Where.CONNECTING: Words("a link is being opened", "正在建立连接"),
    Where.LOGGING: Words("the login has been sent", "已发送登录请求"),
    Where.LOGGED_IN: Words("the server has accepted the login", "服务器已接受登录"),
    Where.DATA_SYNC_START: Words("data is being synced", "正在同步数据"),
    Where.DATA_SYNC_FINISH: Words("data is synced: the login is complete", "数据同步完成，登录完成"),
    Where.WAITING: Words("there is a network; the next try is armed", "有网络，等待下次重试"),
    Where.NET_BROKEN: Words("there is no network", "没有网络"),
    Where.KICK_OUT: Words("a login elsewhere, or the server, threw us out", "被其他设备登录或被服务器踢下线"),
    Where.KICK_OUT_BY_OTHER_CLIENT: Words("another client of mine threw us out", "被自己的其他端踢下线"),
    Where.FORBIDDEN: Words("the account is banned, or may not log in", "账号被封禁或不允许登录"),
    Where.PWD_ERROR: Words("the account or the token is wrong", "账号或 token 错误"),
    Where.VERSION_ERROR: Words("the server refuses this version", "客户端版本错误"),
    Where.DATA_UPGRADE: Words("the local database must be upgraded", "本地数据库需要升级"),
}


def _note(state: Where) -> Words:
    """What it means, and which status it shows."""
    words = _MEANS[state]
    return Words(f"{STATUS[state]}: {words.en}", f"{STATUS[state]}：{words.zh}")


# -- what happens ------------------------------------------------------------------------------------------------------

_CALL: Final = Words("the host calls", "应用调用")
_HINT: Final = Words("the host hints", "应用提示")
_PROGRESS: Final = Words("the link gets on", "连接进展")
_FAILED_FOR_NOW: Final = Words("failed for now", "暂时失败")
_FAILED: Final = Words("failed for good", "彻底失败")
_VERDICT: Final = Words("a verdict", "服务器裁决")
_TIMER: Final = Words("a timer fires", "定时器")

_HAPPENS: Final = {
    Happening.AUTO_LOGIN: Words("the app starts with a saved login", "应用启动，使用已保存的登录信息"),
    Happening.LOGIN: Words("a person logs in", "用户手动登录"),
    Happening.CANCEL: Words("the host cancels its login", "应用取消登录"),
    Happening.LOGOUT: Words("the person logs out", "用户登出"),
    Happening.NETWORK_FOUND: Words("the device finds a network", "网络恢复"),
    Happening.NETWORK_LOST: Words("the device loses its network", "网络断开"),
    Happening.FOREGROUND: Words("the app comes to the foreground", "应用回到前台"),
    Happening.LINK_OPENED: Words("the link is open", "连接已建立"),
    Happening.ACCEPTED: Words("the server accepts the login", "服务器接受登录"),
    Happening.SYNC_STARTED: Words("data sync starts", "数据同步开始"),
    Happening.SYNC_FINISHED: Words("data sync finishes", "数据同步完成"),
    Happening.RECONNECTING: Words("the transport reconnects by itself", "传输层自行重连"),
    Happening.CONNECT_FAILED: Words("no link could be opened", "连接失败"),
    Happening.LINK_LOST: Words("the link is lost", "连接中断"),
    Happening.BUSY: Words("the server takes no login for now", "服务器繁忙"),
    Happening.UNCLASSIFIED: Words("it failed with a code that nobody documented", "未知错误码"),
    Happening.FAILED: Words("another try would fail alike", "再试也会失败"),
    Happening.DISPLACED: Words("a login elsewhere took the place", "被其他设备的登录顶替"),
    Happening.KICKED_BY_CLIENT: Words("another client of mine throws us out", "被自己的其他端踢下线"),
    Happening.KICKED_BY_SERVER: Words("the server throws us out", "被服务器踢下线"),
    Happening.FORBIDDEN: Words("the account is banned, or may not log in", "账号被封禁或不允许登录"),
    Happening.BAD_CREDENTIALS: Words("the account or the token is wrong", "账号或 token 错误"),
    Happening.VERSION_REFUSED: Words("the server refuses this version", "服务器拒绝该版本"),
    Happening.DATA_UPGRADE_REQUIRED: Words("the local database must be upgraded", "本地数据库需要升级"),
    Happening.RETRY_DUE: Words("it is time for the next try", "到了重试时间"),
    Happening.TIMED_OUT: Words("the attempt took too long", "登录超时"),
}

_REASON_OF: Final = {EVENT_OF_REASON[reason]: reason for reason in VERDICTS}


def _origin(event: Happening) -> Words:
    if event in CALLS:
        return _CALL
    if event in HINTS:
        return _HINT
    if event in _REASON_OF:
        return _VERDICT
    return {
        Happening.RETRY_DUE: _TIMER,
        Happening.TIMED_OUT: _TIMER,
        Happening.FAILED: _FAILED,
        Happening.CONNECT_FAILED: _FAILED_FOR_NOW,
        Happening.LINK_LOST: _FAILED_FOR_NOW,
        Happening.BUSY: _FAILED_FOR_NOW,
        Happening.UNCLASSIFIED: _FAILED_FOR_NOW,
    }.get(event, _PROGRESS)


def _event(event: Happening) -> Event:
    sets: tuple[Assign, ...] = ()
    if event in (Happening.NETWORK_FOUND, Happening.NETWORK_LOST):
        sets = (Assign("network", (YES if event is Happening.NETWORK_FOUND else NO).id),)
    carries = ("account",) if event in (Happening.LOGIN, Happening.AUTO_LOGIN) else ()
    return Event(event.value, _HAPPENS[event], _origin(event), carries, sets)


# -- what a session knows ----------------------------------------------------------------------------------------------

_NOBODY: Final = Value("", Words("nobody", "无"))
_ACCOUNTS: Final = tuple(Value(name, Words(name)) for name in ("a", "b"))
"""Two are enough: the machine only asks whether an account is the one that it knows."""

_VARIABLES: Final = (
    Variable(
        "permitted", Words("saved login, valid for", "已保存的登录（有效账号）"), (_NOBODY, *_ACCOUNTS), _NOBODY.id
    ),
    Variable(
        "void",
        Words("the saved login is void by", "已保存的登录因此失效"),
        (
            Value("", Words("nothing", "无")),
            *(Value(rule.value, Words(rule.value)) for rule in dict.fromkeys(cause.rule for cause in Cause)),
        ),
        "",
    ),
    Variable("network", Words("is there a network?", "有网络吗？"), (YES, NO), YES.id),
    Variable(
        "attempt",
        Words("who attempts", "登录方式"),
        (
            Value("", Words("nobody", "无")),
            Value(Attempt.MANUAL.value, Words("a person, by hand", "手动登录")),
            Value(Attempt.AUTO.value, Words("the app, at its start", "自动登录")),
            Value(Attempt.RESUME.value, Words("the app, having been online", "断线重连")),
        ),
        "",
    ),
    Variable("account", Words("account of the session", "当前账号"), (_NOBODY, *_ACCOUNTS), _NOBODY.id),
    Variable("local_data", Words("local data is open for", "已打开本地数据的账号"), (_NOBODY, *_ACCOUNTS), _NOBODY.id),
    Variable("has_auto_login", Words("has the platform auto login?", "平台支持自动登录吗？"), (YES, NO), YES.id),
)

_PARAMETERS: Final = (Parameter("account", Words("account to log in", "要登录的账号"), _ACCOUNTS),)

_GUARDS: Final = {
    "is_manual": Meaning(Words("manual", "手动"), Condition("attempt", True, Attempt.MANUAL.value)),
    "has_network": Meaning(Words("network there", "有网络"), Condition("network", True, YES.id)),
    "platform_has_auto_login": Meaning(
        Words("platform has auto login", "平台支持自动登录"), Condition("has_auto_login", True, YES.id)
    ),
    "no_verdict_since": Meaning(Words("no verdict since", "此后无裁决"), Condition("void", False, "R4")),
    "no_version_refusal_since": Meaning(
        Words("version not refused since", "此后版本未被拒绝"), Condition("void", False, "R5")
    ),
    "last_manual_login_succeeded": Meaning(
        Words("last manual login succeeded", "最近一次手动登录成功"), Condition("void", False, "R3")
    ),
    "not_logged_out_since": Meaning(Words("not logged out since", "此后未登出"), Condition("void", False, "R13")),
    "manual_login_succeeded_before": Meaning(
        Words("a manual login succeeded", "曾手动登录成功"), Condition("permitted", False, _NOBODY.id)
    ),
    "is_last_account": Meaning(
        Words("the account that logged in last", "最近登录的账号"), Condition("permitted", True, Carried("account"))
    ),
}

_EFFECTS: Final = {
    "open_link": Words("open link", "打开连接"),
    "close_link": Words("close link", "关闭连接"),
    "send_login": Words("send login", "发送登录"),
    "send_logout": Words("send logout", "发送登出"),
    "save": Words("save", "保存登录信息"),
    "clear_login_started": Words("clear (login started)", "清除（开始登录）"),
    "clear_failed": Words("clear (failed)", "清除（登录失败）"),
    "clear_verdict": Words("clear (verdict)", "清除（裁决）"),
    "clear_logged_out": Words("clear (logged out)", "清除（登出）"),
    "open_local_data": Words("open local data", "打开本地数据"),
    "open_local_data_if_closed": Words("open local data if closed", "打开本地数据（若未打开）"),
    "close_local_data": Words("close local data", "关闭本地数据"),
    "close_local_data_of_others": Words("close local data of others", "关闭其他账号的本地数据"),
    "arm_retry": Words("arm retry", "安排重试"),
    "disarm_retry": Words("disarm retry", "取消重试"),
    "login_result": Words("login result", "返回登录结果"),
    "auto_login_refused": Words("auto login refused", "拒绝自动登录"),
    "publish": Words("publish the status", "发布状态"),
    "begin_manual_login": Words("begin manual login", "开始手动登录"),
    "begin_auto_login": Words("begin auto login", "开始自动登录"),
    "begin_session": Words("begin session", "会话开始"),
    "end_attempt": Words("end attempt", "结束尝试"),
}

_BOOKKEEPING: Final = {"begin_manual_login", "begin_auto_login", "begin_session", "end_attempt", "publish"}


def _void(cause: Cause) -> tuple[Assign, ...]:
    return Assign("permitted", _NOBODY.id), Assign("void", cause.rule.value)


def _sets(effect: str, event: str) -> tuple[Assign, ...]:
    match effect:
        case "begin_manual_login" | "begin_auto_login":
            attempt = Attempt.MANUAL if effect == "begin_manual_login" else Attempt.AUTO
            return Assign("attempt", attempt.value), Assign("account", Carried("account"))
        case "begin_session":
            return (Assign("attempt", Attempt.RESUME.value),)
        case "end_attempt":
            return Assign("attempt", ""), Assign("account", _NOBODY.id)
        case "save":
            return Assign("permitted", Known("account")), Assign("void", "")
        case "clear_login_started":
            return _void(Cause.LOGIN_STARTED)
        case "clear_failed":
            return _void(Cause.FAILED)
        case "clear_logged_out":
            return _void(Cause.LOGGED_OUT)
        case "clear_verdict":
            return _void(cause_of(_REASON_OF[Happening(event)]))
        case "open_local_data" | "open_local_data_if_closed":
            # If it was open, then for this account: whose it was not has been closed when the login began.
            return (Assign("local_data", Known("account")),)
        case "close_local_data":
            return (Assign("local_data", _NOBODY.id),)
        case "close_local_data_of_others":
            return (Assign("local_data", _NOBODY.id, Condition("local_data", False, Carried("account"))),)
        case _:
            return ()


def _effect(effect: str, event: str) -> Meaning:
    label = _EFFECTS.get(effect) or Words(effect.replace("_", " "))
    return Meaning(label, sets=_sets(effect, event), hidden=effect in _BOOKKEEPING)


# -- the rows ----------------------------------------------------------------------------------------------------------

_MAIN: Final = {
    (Happening.LOGIN, Where.UN_LOGIN),
    (Happening.AUTO_LOGIN, Where.UN_LOGIN),
    (Happening.LINK_OPENED, Where.CONNECTING),
    (Happening.ACCEPTED, Where.LOGGING),
    (Happening.SYNC_STARTED, Where.LOGGED_IN),
    (Happening.SYNC_FINISHED, Where.DATA_SYNC_START),
}
"""How every login should go (R14)."""


def _rules_of(row: Row) -> Iterable[str]:
    return [rule.value for rule in rules_of(row.event, row.source, [guard for guard, _ in row.guards])]


def _is_main(row: Row) -> bool:
    return (row.event, row.source) in _MAIN and row.target not in (None, row.source)


def _is_drawn(row: Row) -> bool:
    """An ended state is itself a reason why auto login is void (R4, R5), so its guards never let one through there."""
    allowed = {str(guard) for guard, _ in row.guards} == set(AUTO_LOGIN_IS_ALLOWED)
    return not (row.event == Happening.AUTO_LOGIN and row.source in ENDED and allowed)


def _selections(transitions: tuple[Transition, ...]) -> Iterable[Selection]:
    voids = {name for name in _EFFECTS if name.startswith("clear_")}
    decisive = {"save", "auto_login_refused", *voids}
    yield Selection(
        "auto-login",
        Words("What makes auto login valid, and what makes it void", "自动登录：何时有效，何时失效"),
        frozenset(
            number
            for number, row in enumerate(transitions)
            if row.event in (Happening.AUTO_LOGIN, Happening.LINK_OPENED)
            or decisive & {effect.name for effect in row.effects}
        ),
        frozenset(decisive),
    )
    at_rest = {state.value for state in IDLE | ENDED}
    yield Selection(
        "ends",
        Words("What ends a session", "会话如何结束"),
        frozenset(
            number
            for number, row in enumerate(transitions)
            if row.target in at_rest and row.source != row.target and row.source not in at_rest
        ),
        frozenset({"send_logout", "close_local_data", *voids}),
        folded=False,  # which verdict leads where is what this one is about
    )


_RULES_ZH: Final = {
    "R1": "自动登录只能登录最近一次登录的账号",
    "R2": "自动登录要求该账号之前手动登录成功过",
    "R3": "最近一次手动登录失败时，不允许自动登录",
    "R4": "被踢、被封禁、token 错误或需要数据升级后，自动登录失效，直到手动登录成功",
    "R5": "版本被拒绝后，自动登录失效，直到手动登录成功",
    "R6": "手动登录成功则保存登录信息，失败则清除，且都先于通知调用方",
    "R7": "手动登录只由用户发起，并且只尝试一次",
    "R8": "自动登录会一直重试，直到成功或被裁决终止；成功之后由客户端负责重连",
    "R9": "自动登录立即打开本地数据；手动登录在成功后才打开",
    "R10": "初始化之后才能监听登录状态",
    "R11": "NIM 的 Flutter SDK 在 Windows 和 macOS 上不支持自动登录（严格模式）",
    "R12": "服务器只接受最近登录设备的自动登录，除非强制登录",
    "R13": "登出总会清除已保存的登录信息并关闭本地数据，无论能否通知服务器",
    "R14": "数据同步完成后登录才算完成；loggedIn 在此之前",
    "R15": "无法再重连时，应引导用户回到登录页",
}

LEXICON: Final = Lexicon(
    title=Words("The login lifecycle", "登录生命周期"),
    groups=tuple(_GROUPS),
    group_of={state.value: group.id for group, states in _GROUPS.items() for state in states},
    notes={state.value: _note(state) for state in Where},
    events={event.value: _event(event) for event in Happening},
    guards=_GUARDS,
    effects=_effect,
    variables=_VARIABLES,
    parameters=_PARAMETERS,
    rules=tuple(Rule(rule.value, Words(text, _RULES_ZH[rule.value])) for rule, text in TEXT.items()),
    rules_of=_rules_of,
    is_main=_is_main,
    is_drawn=_is_drawn,
    selections=_selections,
)


def variables_of(session: Lifecycle) -> dict[str, str]:
    """What the chart's variables are in a session: its state aside, all that guards look at."""
    return {
        "permitted": session.permitted or "",
        "void": "" if session.void is None else session.void.rule.value,
        "network": (YES if session.network else NO).id,
        "attempt": "" if session.attempt is None else session.attempt.value,
        "account": session.account or "",
        "local_data": session.local_data or "",
        "has_auto_login": (YES if session.has_auto_login else NO).id,
    }
