"""A program may remember what the table does not, and be asked about it every time."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from nimauth.adapter import Adapter
from nimauth.vocabulary.states import State

from .subjects import Answer, Json, result_of, said_in

Spoil = Callable[[Adapter, Json, Json, dict[str, Any]], None]


def remembering(spoil: Spoil) -> Callable[[], Answer]:
    """A client that keeps a dict of its own. `spoil` may change its session, and what it answers."""

    def make() -> Answer:
        adapter, memory = Adapter(), dict[str, Any]()

        def answer(line: bytes) -> Json:
            memory["before"] = adapter.session.to_dict()
            told = adapter.answer(line)
            spoil(adapter, said_in(line), told, memory)
            return told

        return answer

    return make


def bad_line_voids(adapter: Adapter, said: Json, told: Json, _: dict[str, Any]) -> None:
    if "error" in told and said.get("in") == "login":
        adapter.session.permitted = None


def bad_line_loses_the_network(adapter: Adapter, said: Json, told: Json, _: dict[str, Any]) -> None:
    if "error" in told and said.get("in") == "network":
        adapter.session.network = not adapter.session.network


def one_code_leaves_it_valid(adapter: Adapter, said: Json, told: Json, memory: dict[str, Any]) -> None:
    if said.get("code") == 102422 and "out" in told and memory["before"]["permitted"]:
        adapter.session.permitted, adapter.session.void = memory["before"]["permitted"], None


def forgets_to_disarm_after_a_lost_link(_: Adapter, said: Json, told: Json, memory: dict[str, Any]) -> None:
    if told.get("state") == "waiting" and said.get("in") == "logout":
        return
    if memory.get("lost") and said.get("in") == "logout" and "out" in told:
        told["out"] = [effect for effect in told["out"] if effect["do"] != "disarm_retry"]
    memory["lost"] = said.get("in") == "link_lost" and told.get("state") == "waiting"


def repeats_a_bad_line(_: Adapter, said: Json, told: Json, __: dict[str, Any]) -> None:
    if "error" in told:
        told["error"] = f"cannot read {said}"


def refuses_the_second_bad_line(_: Adapter, __: Json, told: Json, memory: dict[str, Any]) -> None:
    memory["bad"] = memory.get("bad", 0) + ("error" in told)
    if "error" in told and memory["bad"] % 2 == 0:
        told.clear()
        told.update(state="un_login", out=[])


def a_long_line_forgets_who_is_permitted(adapter: Adapter, said: Json, told: Json, _: dict[str, Any]) -> None:
    if "more than" in told.get("error", ""):
        adapter.session.permitted = None


def an_empty_token_is_none(adapter: Adapter, said: Json, told: Json, memory: dict[str, Any]) -> None:
    if (said.get("auto_login") or {}).get("token") == "" and "out" in told:
        for name, value in memory["before"].items():
            setattr(adapter.session, name, State(value) if name == "state" else value)
        told.update(state=memory["before"]["state"], out=[])


def a_saved_empty_token_is_none(adapter: Adapter, said: Json, told: Json, _: dict[str, Any]) -> None:
    if (said.get("saved") or {}).get("token") == "" and "out" in told:
        adapter.session.permitted = None


def _alike(same: Callable[[str], str]) -> Spoil:
    """Permits an account that it takes for the one that logged in last."""

    def spoil(adapter: Adapter, said: Json, told: Json, memory: dict[str, Any]) -> None:
        account = (said.get("auto_login") or {}).get("account")
        permitted = memory["before"]["permitted"]
        if account and permitted and account != permitted and same(account) == same(permitted):
            for effect in told.get("out", ()):
                if effect["do"] == "auto_login_refused":
                    told.update(state="connecting", out=[{"do": "open_link"}, {"do": "status", "status": "connecting"}])
                    return
        del adapter

    return spoil


BUGS: dict[str, tuple[Spoil, str]] = {
    "a line that is not valid voids": (bad_line_voids, "R9"),
    "a line that is not valid changes the network": (bad_line_loses_the_network, ""),
    "one code of many leaves it valid": (one_code_leaves_it_valid, "R4"),
    "a way into a state": (forgets_to_disarm_after_a_lost_link, "R13"),
    "an error that repeats its line": (repeats_a_bad_line, "H6"),
    "the second bad line": (refuses_the_second_bad_line, "P3"),
    "accounts without their case": (_alike(str.casefold), "R1"),
    "accounts in another form": (_alike(lambda account: unicodedata.normalize("NFC", account)), "R1"),
    "accounts without the spaces around": (_alike(str.strip), "R1"),
    "accounts that are numbers": (_alike(lambda account: account.lstrip("0") or "0"), "R1"),
    "accounts without what is not seen": (_alike(lambda account: account.replace("\u200b", "")), "R1"),
    "accounts up to a NUL": (_alike(lambda account: account.partition("\0")[0]), "R1"),
    "a line that is too long": (a_long_line_forgets_who_is_permitted, "R9"),
    "an auto login with an empty token": (an_empty_token_is_none, ""),
    "a saved login with an empty token": (a_saved_empty_token_is_none, "R9"),
    "accounts cut short": (_alike(lambda account: account[:64]), "R1"),
}


@pytest.mark.parametrize(("spoil", "law"), BUGS.values(), ids=BUGS)
def test_what_a_program_remembers_is_found_without_luck(spoil: Spoil, law: str) -> None:
    result = result_of(remembering(spoil), examples=0, max_findings=1)
    assert not result.holds
    assert result.findings[0].clauses[0].name == law or not law
    assert len(result.findings[0].steps) <= 10


def test_two_bugs_of_one_rule_are_two_findings() -> None:
    def closes_badly(_: Adapter, said: Json, told: Json, memory: dict[str, Any]) -> None:
        state = memory["before"]["state"]
        if said.get("in") == "link_lost" and state == "data_sync_start":
            told["out"].append({"do": "close_link"})
        if said.get("in") == "timed_out" and state == "connecting":
            told["out"] = [effect for effect in told["out"] if effect["do"] != "close_link"]

    result = result_of(remembering(closes_badly), stages=["configurations"])
    assert [finding.clauses[0].name for finding in result.findings] == ["H4", "H4"]
    assert len({finding.verdict.what for finding in result.findings}) == 2
