"""The login lifecycle once more, by hand: plain ifs written from the rules, without the table, the engine or the enums.

It is the oracle of the exhaustive test, and the hand-written peer of the benchmark.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

SHOWS = {
    "un_login": "unLogin",
    "connecting": "connecting",
    "logging": "logging",
    "logged_in": "loggedIn",
    "data_sync_start": "dataSyncStart",
    "data_sync_finish": "dataSyncFinish",
    "waiting": "unLogin",
    "net_broken": "netBroken",
    "kick_out": "kickOut",
    "kick_out_by_other_client": "kickOutByOtherClient",
    "forbidden": "forbidden",
    "pwd_error": "pwdError",
    "version_error": "versionError",
    "data_upgrade": "dataUpgrade",
}
UNDER_WAY = ("connecting", "logging")
ONLINE = ("logged_in", "data_sync_start", "data_sync_finish")
BETWEEN = ("waiting", "net_broken")
ENDED = ("kick_out", "kick_out_by_other_client", "forbidden", "pwd_error", "version_error", "data_upgrade")

# reason: state that it ends in, the code of a login that it ends, the rule that then forbids auto login
VERDICTS = {
    "displaced": ("kick_out", 417, "R4"),
    "kicked_by_server": ("kick_out", 417, "R4"),
    "kicked_by_client": ("kick_out_by_other_client", 417, "R4"),
    "forbidden": ("forbidden", 422, "R4"),
    "credentials": ("pwd_error", 302, "R4"),
    "version": ("version_error", 201, "R5"),
    "data_upgrade": ("data_upgrade", 0, "R4"),
}
VERDICT_OF_CODE = {
    **dict.fromkeys((302, 102302, 102404), "credentials"),
    **dict.fromkeys((403, 422, 102422), "forbidden"),
    417: "displaced",
    **dict.fromkeys((201, 20003), "version"),
}
NEVER_RETRIED = (404, 414, 1000, 101301, 101302, 101303, 101304, 101305, 101403, 191004)


class HandWritten:
    """Takes and answers the messages of the adapter protocol; answers None for one that it does not know."""

    def __init__(
        self,
        saved: str | None = None,
        network: bool = True,
        *,
        forbids: str | None = None,
        has_auto_login: bool = True,
    ) -> None:
        self.state = "un_login"
        self.who: str | None = None  # manual, auto, resume
        self.account: str | None = None
        self.network = network
        self.local: str | None = None
        self.saved = saved
        self.has_auto_login = has_auto_login
        self.forbids = forbids  # the rule that forbids auto login, when nothing is saved

    def key(self) -> tuple[object, ...]:
        return (
            self.state,
            self.who,
            self.account,
            self.network,
            self.local,
            self.saved,
            self.forbids,
            self.has_auto_login,
        )

    def receive(self, message: Json) -> list[Json]:
        before = self.state
        out: list[Json] = []
        getattr(self, "on_" + message["in"])(message, out)
        if self.state != before:
            out.append({"do": "status", "status": SHOWS[self.state]})
        if self.state == "un_login" or self.state in ENDED:
            self.who = self.account = None
        return out

    # host calls

    def on_initialize(self, message: Json, out: list[Json]) -> None:
        if message["auto_login"] is None:
            return
        account = message["auto_login"]["account"]
        if self.state != "un_login" and self.state not in ENDED:
            out.append({"do": "refused"})
        elif not self.has_auto_login:
            out.append({"do": "auto_login_refused", "rule": "R11"})
        elif self.saved is None:
            out.append({"do": "auto_login_refused", "rule": self.forbids or "R2"})
        elif self.saved != account:
            out.append({"do": "auto_login_refused", "rule": "R1"})
        else:
            self.who, self.account, self.local, self.state = "auto", account, account, "connecting"
            out += [{"do": "open_local_data", "account": account}, {"do": "open_link"}]

    def on_login(self, message: Json, out: list[Json]) -> None:
        if self.state in UNDER_WAY or self.state in ONLINE:
            out.append({"do": "refused"})
            return
        if self.state in BETWEEN:
            out.append({"do": "disarm_retry"})
        self.clear("login_started", "R3", out)
        if self.local is not None and self.local != message["account"]:
            self.close_local(out)
        self.who, self.account, self.state = "manual", message["account"], "connecting"
        out.append({"do": "open_link"})

    def on_cancel(self, _: Json, out: list[Json]) -> None:
        if self.state in UNDER_WAY and self.who == "manual":
            self.fail_manually(191002, out)
        else:
            out.append({"do": "refused"})

    def on_logout(self, _: Json, out: list[Json]) -> None:
        if self.state in ONLINE:
            out.append({"do": "send_logout"})
        if self.state in ONLINE or self.state in UNDER_WAY:
            out.append({"do": "close_link"})
        if self.state in BETWEEN:
            out.append({"do": "disarm_retry"})
        self.clear("logged_out", "R13", out)
        self.close_local(out)
        if self.state in UNDER_WAY and self.who == "manual":
            out.append({"do": "login_result", "ok": False, "code": 191002})
        self.state = "un_login"

    # hints

    def on_network(self, message: Json, out: list[Json]) -> None:
        self.network = message["available"]
        if self.network:
            if self.state in BETWEEN:
                self.try_again(out)
        elif self.state in UNDER_WAY:
            self.fail_for_now(415, out)
        elif self.state in ONLINE:
            self.lose_link(out)
        elif self.state == "waiting":
            self.state = "net_broken"

    def on_foreground(self, _: Json, out: list[Json]) -> None:
        if self.state in BETWEEN:
            self.try_again(out)

    # signals and timers

    def on_link_opened(self, _: Json, out: list[Json]) -> None:
        if self.state == "connecting":
            self.state = "logging"
            out.append({"do": "send_login", "account": self.account, "attempt": self.who})
        else:
            out.append({"do": "dropped"})

    def on_accepted(self, _: Json, out: list[Json]) -> None:
        if self.state != "logging":
            out.append({"do": "dropped"})
            return
        if self.who == "manual":
            self.saved, self.forbids = self.account, None
            out.append({"do": "save", "account": self.account})
        if self.local is None:
            self.local = self.account
            out.append({"do": "open_local_data", "account": self.account})
        if self.who == "manual":
            out.append({"do": "login_result", "ok": True, "code": 200})
        self.who, self.state = "resume", "logged_in"

    def on_sync_started(self, _: Json, out: list[Json]) -> None:
        if self.state in ("logged_in", "data_sync_finish"):
            self.state = "data_sync_start"
        else:
            out.append({"do": "dropped"})

    def on_sync_finished(self, _: Json, out: list[Json]) -> None:
        if self.state in ("logged_in", "data_sync_start"):
            self.state = "data_sync_finish"
        else:
            out.append({"do": "dropped"})

    def on_link_lost(self, _: Json, out: list[Json]) -> None:
        if self.state in ONLINE:
            self.lose_link(out)
        elif self.state in UNDER_WAY:
            self.fail_for_now(415, out)
        else:
            out.append({"do": "dropped"})

    def on_reconnecting(self, _: Json, out: list[Json]) -> None:
        if self.state in BETWEEN:
            self.state = "connecting"
            out.append({"do": "disarm_retry"})
        else:
            out.append({"do": "dropped"})

    def on_connect_failed(self, message: Json, out: list[Json]) -> None:
        self.on_refused(message, out)

    def on_refused(self, message: Json, out: list[Json]) -> None:
        code = message["code"]
        if code in VERDICT_OF_CODE:
            self.end(VERDICT_OF_CODE[code], code, out)
        elif self.state not in UNDER_WAY:
            out.append({"do": "dropped"})
        elif code not in NEVER_RETRIED:
            self.fail_for_now(code, out)
        elif self.who == "manual":
            self.fail_manually(code, out)
        else:
            self.state = "un_login"
            out.append({"do": "close_link"})

    def on_ended(self, message: Json, out: list[Json]) -> None:
        self.end(message["reason"], VERDICTS[message["reason"]][1], out)

    def on_retry_due(self, _: Json, out: list[Json]) -> None:
        if self.state in BETWEEN:
            self.try_again(out)
        else:
            out.append({"do": "dropped"})

    def on_timed_out(self, _: Json, out: list[Json]) -> None:
        if self.state in UNDER_WAY:
            self.fail_for_now(408, out)
        else:
            out.append({"do": "dropped"})

    # what they share

    def end(self, reason: str, code: int, out: list[Json]) -> None:
        if self.state not in UNDER_WAY and self.state not in ONLINE:
            out.append({"do": "dropped"})
            return
        state, _, rule = VERDICTS[reason]
        out.append({"do": "close_link"})
        self.clear(reason, rule, out)
        if self.who == "manual":
            out.append({"do": "login_result", "ok": False, "code": code})
        self.state = state

    def fail_for_now(self, code: int, out: list[Json]) -> None:
        if self.who == "manual":
            self.fail_manually(code, out)
        else:
            self.lose_link(out)

    def fail_manually(self, code: int, out: list[Json]) -> None:
        out.append({"do": "close_link"})
        self.clear("failed", "R3", out)
        out.append({"do": "login_result", "ok": False, "code": code})
        self.state = "un_login"

    def lose_link(self, out: list[Json]) -> None:
        out += [{"do": "close_link"}, {"do": "arm_retry"}]
        self.state = "waiting" if self.network else "net_broken"

    def try_again(self, out: list[Json]) -> None:
        out += [{"do": "disarm_retry"}, {"do": "open_link"}]
        self.state = "connecting"

    def clear(self, reason: str, rule: str, out: list[Json]) -> None:
        self.saved, self.forbids = None, rule
        out.append({"do": "clear", "reason": reason})

    def close_local(self, out: list[Json]) -> None:
        self.local = None
        out.append({"do": "close_local_data"})
