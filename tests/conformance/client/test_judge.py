"""A difference is named after the rule that it breaks; what the protocol leaves free is no difference."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from nimauth.conformance.client.examiner import Case, Examiner
from nimauth.conformance.client.judge import Verdict, judge
from nimauth.conformance.client.login import History, Login, Past
from nimauth.conformance.client.messages import ALPHABET, Message
from nimauth.conformance.client.subject import InProcess

from .subjects import nimauths

Json = dict[str, Any]
EXAMINER = Examiner(InProcess(nimauths))


def number_of(content: Json) -> int:
    return next(number for number, message in enumerate(ALPHABET) if _same(message, content))


def _same(message: Message, content: Json) -> bool:
    said = message.content
    if said is None or said["in"] != content["in"]:
        return False
    account = (said.get("saved") or said.get("auto_login") or said).get("account")
    wanted = {name: value for name, value in content.items() if name not in ("in", "account")}
    return account == content.get("account") and all(said.get(name) == value for name, value in wanted.items())


START, SAVED = {"in": "start", "saved": None, "network": True}, {"in": "start", "account": "a", "network": True}
LOGIN, AUTO, OPENED, ACCEPTED = (
    {"in": "login", "account": "a"},
    {"in": "initialize", "account": "a"},
    {"in": "link_opened"},
    {"in": "accepted"},
)
LOST, RETRY, LOGOUT, NO_NETWORK = (
    {"in": "link_lost"},
    {"in": "retry_due"},
    {"in": "logout"},
    {"in": "network", "available": False},
)
KICKED, VERSION = {"in": "ended", "reason": "kicked_by_client"}, {"in": "ended", "reason": "version"}
ONLINE = (START, LOGIN, OPENED, ACCEPTED)


def steps_of(*story: Json) -> list[Login]:
    return EXAMINER.steps(Case([number_of(content) for content in story]))


def judged(edit: Callable[[Json], object], *story: Json) -> Verdict | None:
    """What is said of the last answer of a story, edited."""
    steps = steps_of(*story)
    step, forbidding = steps[-1], partial(Past(steps).forbid, len(steps) - 1)
    answer = json.loads(json.dumps(step.answer))
    edited = edit(answer)
    return judge(step, json.dumps(edited if isinstance(edited, dict) else answer).encode(), forbidding)


def without(name: str) -> Callable[[Json], object]:
    def edit(answer: Json) -> None:
        kept = [effect for effect in answer["out"] if effect["do"] != name]
        assert len(kept) < len(answer["out"])
        answer["out"] = kept

    return edit


def also(name: str, **values: object) -> Callable[[Json], object]:
    return lambda answer: answer["out"].insert(0, {"do": name, **values})


def says(name: str, **values: object) -> Callable[[Json], object]:
    def edit(answer: Json) -> None:
        for effect in answer["out"]:
            if effect["do"] == name:
                effect.update(values)
                return
        raise AssertionError(name)

    return edit


def ordered(*names: str) -> Callable[[Json], object]:
    def edit(answer: Json) -> None:
        answer["out"].sort(key=lambda effect: names.index(effect["do"]))

    return edit


def instead(state: str, *effects: Json) -> Callable[[Json], object]:
    return lambda _: {"state": state, "out": list(effects)}


DO = [{"do": "open_link"}, {"do": "status", "status": "connecting"}]

DIFFERENCES: list[tuple[str, Callable[[Json], object], Sequence[Json], str]] = [
    ("a login does not void what is saved", without("clear"), (START, LOGIN), "R3"),
    ("a login opens no link", without("open_link"), (START, LOGIN), "R3"),
    ("a link before the clear", ordered("open_link", "clear", "status"), (START, LOGIN), "R3"),
    ("a success is not saved", without("save"), ONLINE, "R6"),
    (
        "a success is told before it is saved",
        ordered("login_result", "save", "open_local_data", "status"),
        ONLINE,
        "R6",
    ),
    (
        "a failure is told before the clear",
        ordered("close_link", "login_result", "clear", "status"),
        (START, LOGIN, LOST),
        "R6",
    ),
    ("a failed login is not cleared", without("clear"), (START, LOGIN, LOST), "R3"),
    ("a failed manual login is tried again", also("arm_retry"), (START, LOGIN, LOST), "R7"),
    ("local data stays closed after a login", without("open_local_data"), ONLINE, "R9"),
    ("the link before local data", ordered("open_link", "open_local_data", "status"), (SAVED, AUTO), "R9"),
    ("a login's end is not told", without("login_result"), ONLINE, "H3"),
    ("a login's end is told twice", also("login_result", ok=True, code=200), ONLINE, "H3"),
    ("a login's end is told wrongly", says("login_result", ok=False), ONLINE, "H3"),
    ("a lost session is not tried again", without("arm_retry"), (*ONLINE, LOST), "R8"),
    ("a link is left open", without("close_link"), (*ONLINE, LOST), "H4"),
    ("a second link", also("open_link"), (*ONLINE, LOST), "R8"),
    ("a resume that calls itself manual", says("send_login", attempt="manual"), (*ONLINE, LOST, RETRY, OPENED), "R8"),
    ("an auto login that is saved", also("save", account="a"), (SAVED, AUTO, OPENED, ACCEPTED), "R6"),
    ("a kick that leaves the login valid", without("clear"), (*ONLINE, KICKED), "R4"),
    ("a refused version that leaves it valid", without("clear"), (*ONLINE, VERSION), "R5"),
    ("a kick with another status", says("status", status="kickOut"), (*ONLINE, KICKED), "H8"),
    ("a status too few", without("status"), (*ONLINE, KICKED), "H8"),
    ("a login after a kick", instead("connecting", *DO), (*ONLINE, KICKED, RETRY), "R4"),
    ("an auto login after a kick", instead("connecting", *DO), (*ONLINE, KICKED, AUTO), "R4"),
    ("an auto login after a logout", instead("connecting", *DO), (*ONLINE, LOGOUT, AUTO), "R13"),
    ("an auto login of another account", instead("connecting", *DO), (SAVED, {**AUTO, "account": "b"}), "R1"),
    ("an auto login that nobody earned", instead("connecting", *DO), (START, AUTO), "R2"),
    ("an allowed one refused", instead("un_login", {"do": "auto_login_refused", "rule": "R1"}), (SAVED, AUTO), "R9"),
    ("a refusal without a rule", instead("un_login", {"do": "refused"}), (START, AUTO), "R2"),
    ("a refusal by a rule that does not hold", says("auto_login_refused", rule="R5"), (START, AUTO), "R2"),
    ("a logout that does not clear", without("clear"), (*ONLINE, LOGOUT), "R13"),
    ("a logout that tells nobody", without("send_logout"), (*ONLINE, LOGOUT), "R13"),
    ("a logout that leaves local data open", without("close_local_data"), (*ONLINE, LOGOUT), "R13"),
    ("a logout that leaves a retry armed", without("disarm_retry"), (*ONLINE, LOST, LOGOUT), "R13"),
    ("a second login under way", instead("connecting", *DO), (START, LOGIN, LOGIN), "H9"),
    ("a refused call that does something", also("clear", reason="failed"), (START, LOGIN, LOGIN), "H9"),
    ("a call dropped", instead("connecting", {"do": "dropped"}), (START, LOGIN, LOGIN), "H9"),
    ("a call that is not answered", instead("connecting"), (START, LOGIN, LOGIN), "H9"),
    ("a signal that is not dropped", instead("un_login"), (START, OPENED), "H9"),
    ("a signal that is taken", instead("logging", {"do": "status", "status": "logging"}), (START, OPENED), "H9"),
    ("a wrong state behind the right status", instead("waiting"), (START, {"in": "foreground"}), "P5"),
    ("another state", lambda a: a.update(state="net_broken"), (*ONLINE, LOST), "R8"),
    ("a start that is none", instead("waiting"), (*ONLINE, LOST, START), "P4"),
]


@pytest.mark.parametrize(("edit", "story", "law"), [d[1:] for d in DIFFERENCES], ids=[d[0] for d in DIFFERENCES])
def test_a_difference_is_named_after_what_it_breaks(
    edit: Callable[[Json], object], story: Sequence[Json], law: str
) -> None:
    verdict = judged(edit, *story)
    assert verdict is not None
    assert verdict.clauses[0].name == law


FREE: list[tuple[str, Callable[[Json], object], Sequence[Json]]] = [
    ("the order of what does not matter", ordered("status", "arm_retry", "close_link"), (*ONLINE, LOST)),
    ("status and result", ordered("save", "status", "login_result", "open_local_data"), ONLINE),
    ("names nobody knows", lambda a: [a.update(version=3), a["out"][0].update(at="noon")], (START, LOGIN)),
    ("why a call is refused", says("refused", why="no"), (START, LOGIN, LOGIN)),
    ("no why", lambda a: a["out"][0].pop("why"), (START, LOGIN, LOGIN)),
    ("the kick, not the logout after it", says("auto_login_refused", rule="R4"), (*ONLINE, KICKED, LOGOUT, AUTO)),
    ("nobody ever, not the failure", says("auto_login_refused", rule="R2"), (START, LOGIN, LOST, AUTO)),
    ("the failure, not the logout", says("auto_login_refused", rule="R3"), (SAVED, LOGIN, LOST, LOGOUT, AUTO)),
    (
        "another login since, not another account",
        says("auto_login_refused", rule="R3"),
        (SAVED, {**LOGIN, "account": "b"}, OPENED, ACCEPTED, LOGOUT, AUTO),
    ),
    ("never that one, not another", says("auto_login_refused", rule="R2"), (SAVED, {**AUTO, "account": "b"})),
]


@pytest.mark.parametrize(("edit", "story"), [d[1:] for d in FREE], ids=[d[0] for d in FREE])
def test_what_the_protocol_leaves_free_is_no_difference(edit: Callable[[Json], object], story: Sequence[Json]) -> None:
    assert judged(edit, *story) is None


@pytest.mark.parametrize("rule", ["R1", "R2", "R5", "R11", "no"])
def test_a_refusal_must_name_a_rule_that_holds(rule: str) -> None:
    """The kick and the logout forbid it; that account did log in, and no version was refused."""
    assert judged(says("auto_login_refused", rule=rule), *ONLINE, KICKED, LOGOUT, AUTO) is not None


def test_our_own_answers_are_right_everywhere() -> None:
    for step in EXAMINER.graph.edges:
        assert judge(step, json.dumps(step.answer).encode()) is None


def test_what_came_before_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a story of a hundred thousand lines would take hours to be made short."""
    added: list[Login] = []
    monkeypatch.setattr(History, "add", lambda _, step: added.append(step))
    refusing = [number_of(START), *[number_of(AUTO)] * 500]
    failures, _ = Examiner(InProcess(lambda: lambda _: {"state": "un_login", "out": []})).examine(
        case := Case(refusing), EXAMINER.steps(case)
    )
    assert failures
    Past(steps := EXAMINER.steps(case)).forbid(len(steps), "a")
    past = Past(steps)
    added.clear()
    for place in range(len(steps)):
        past.forbid(place, "a")
    assert len(added) == len(steps) - 1


def test_many_failures_of_one_case_hold_its_answers_once() -> None:
    case = Case([number_of(SAVED)] * 3000)
    failures, _ = Examiner(InProcess(lambda: lambda _: {"state": "waiting", "out": []})).examine(
        case, EXAMINER.steps(case)
    )
    assert len(failures) == 3000
    assert len({id(failure._heard) for failure in failures}) == 1
    assert len(failures[7].answers) == 8
