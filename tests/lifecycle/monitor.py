"""What always holds, as a monitor that watches inputs and answers and knows nothing of the table.

The numbers are those of the eight statements; the seventh speaks of stores and is held by their tests. The monitor
plays the store as well: what that holds when somebody outside is told something is what the next start would get.
"""

from __future__ import annotations

import json
from typing import Any

from .handwritten import BETWEEN, ENDED, ONLINE, SHOWS, UNDER_WAY

Json = dict[str, Any]
TOKEN = "sesame-47114711"


class Monitor:
    """Watches one process. `saved` is what its store held at the start."""

    def __init__(self, saved: str | None = None, has_auto_login: bool = True) -> None:
        self.state = "un_login"
        self.store = saved
        self.permitted = saved
        """Whose manual login was the last thing to succeed, with no failure, verdict or logout since."""
        self.has_auto_login = has_auto_login
        self.link = False
        self.armed = False
        self.pending: str | None = None
        """The account of the manual login that has not ended."""
        self.attempt: str | None = None

    def key(self) -> tuple[object, ...]:
        return self.state, self.store, self.permitted, self.link, self.armed, self.pending, self.attempt

    def step(self, message: Json, answer: Json) -> None:
        assert "error" not in answer, answer
        out: list[Json] = answer["out"]
        acts = [effect["do"] for effect in out]
        before, self.state = self.state, answer["state"]
        assert TOKEN not in json.dumps(answer), "6: the token shows"
        if acts in (["refused"], ["dropped"], ["auto_login_refused"]):
            assert self.state == before, "a rejected input changes nothing"
            if acts == ["auto_login_refused"]:
                wanted = self.permitted if self.has_auto_login else None
                assert message["auto_login"]["account"] != wanted, "R2: an auto login that is allowed is refused"
            return
        call = message["in"]
        if call == "login":
            self.permitted, self.pending, self.attempt = None, message["account"], "manual"
        elif call == "initialize" and message["auto_login"]:
            assert message["auto_login"]["account"] == self.permitted, "1: an auto login that is not allowed runs"
            self.attempt = "auto"
        elif call == "logout":
            self.permitted = None
        elif call == "accepted" and self.attempt == "manual":
            self.permitted = self.pending
        elif call == "reconnecting":
            self.link = True  # the transport brought its own
        if before in ENDED and call not in ("login",):
            assert not {"open_link", "send_login", "arm_retry"} & set(acts), "2: something runs after the end"
        if self.state in ENDED and before not in ENDED:
            self.permitted = None
        failed_manually = any(effect["do"] == "login_result" and not effect["ok"] for effect in out)
        if failed_manually:
            self.permitted = None
            assert "arm_retry" not in acts, "5: a failed manual login is retried"
        for effect in out:
            if effect["do"] in ("open_link", "send_login", "login_result", "status"):
                # From here on somebody outside knows; a crash must not bring back what is void.
                assert self.store in (None, self.permitted), "1: a void login is still saved"
            self.act(effect)
        if call == "accepted":
            self.attempt = "resume"
        statuses = [effect["status"] for effect in out if effect["do"] == "status"]
        assert statuses == ([SHOWS[self.state]] if self.state != before else []), "8: one status an entry"
        assert self.link == (self.state in UNDER_WAY + ONLINE), "4: a link is open that should not be, or is missing"
        assert self.armed == (self.state in BETWEEN), "5: a retry is armed that should not be, or is missing"
        assert (self.pending is not None) <= (self.state in UNDER_WAY), "3: a login has no end"
        if self.state == "un_login" or self.state in ENDED:
            self.attempt = None
        if acts[-1:] != ["status"]:
            assert "status" not in acts, "8: the status comes after what must precede it"

    def act(self, effect: Json) -> None:
        match effect["do"]:
            case "open_link":
                assert not self.link, "4: a second link"
                assert not self.armed, "4: a link is opened while a retry is armed"
                self.link = True
            case "close_link":
                assert self.link, "4: no link to close"
                self.link = False
            case "send_login":
                assert self.link, "4: a login without a link"
                assert effect["attempt"] == self.attempt
            case "save":
                assert self.pending == effect["account"], "R6: only a manual login is saved"
                self.store = effect["account"]
            case "clear":
                self.store = None
            case "arm_retry":
                assert self.attempt != "manual", "5: a manual login is retried"
                assert not self.armed
                self.armed = True
            case "disarm_retry":
                assert self.armed
                self.armed = False
            case "login_result":
                assert self.pending is not None, "3: a login ends twice"
                wanted = self.pending if effect["ok"] else None
                assert self.store == wanted, "R6: what is saved is wrong when the result is told"
                self.pending = None
            case "status" if effect["status"] == "loggedIn":
                assert self.attempt != "manual" or self.store == self.permitted, "R6: the save comes before loggedIn"
            case _:
                pass
