"""Three small machines that are no login, of different shape; the last with every name that could do harm."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

from attrs import define
from transitions import Machine

from nimauth.diagram import Lexicon, chart_of
from nimauth.diagram.model import (
    Assign,
    Carried,
    Chart,
    Condition,
    Effect,
    Event,
    Group,
    Guard,
    Parameter,
    Role,
    Rule,
    State,
    Transition,
    Value,
    Variable,
    Words,
)
from nimauth.engine import runs

TURNSTILE: Final = Machine(
    model=None,
    name="turnstile",
    states=["locked", "open"],
    initial="locked",
    auto_transitions=False,
    transitions=[
        {"trigger": "coin", "source": "locked", "dest": "open", "conditions": "is_real", "before": "keep"},
        {"trigger": "coin", "source": "locked", "dest": None, "unless": "is_real", "before": "give_back"},
        {"trigger": "coin", "source": "open", "dest": None, "before": "give_back"},
        {"trigger": "push", "source": "open", "dest": "locked"},
    ],
)


@runs(TURNSTILE, rules={"is_real": "only real coins open"})
@define
class Turnstile:
    """Two states, a guard with its opposite, what stays."""

    state: str = "locked"
    real: bool = True

    def is_real(self) -> bool:
        return self.real

    def keep(self) -> None: ...

    def give_back(self) -> None: ...


LIFT: Final = Machine(
    model=None,
    name="lift",
    states=[str(floor) for floor in range(1, 13)],
    initial="1",
    auto_transitions=False,
    transitions=[
        *({"trigger": "up", "source": str(floor), "dest": str(floor + 1)} for floor in range(1, 12)),
        *({"trigger": "down", "source": str(floor), "dest": str(floor - 1)} for floor in range(2, 13)),
        {"trigger": "alarm", "source": "*", "dest": "1"},
    ],
)
"""A chain of twelve, and one event that leads home from everywhere. No class stands behind it."""

NASTY: Final = {
    "quotes": "\"double\" and 'single' and `back`",
    "tags": "<script>alert(1)</script></style>-->]]>",
    "entities": "a & b &lt; &amp; &#x3c;",
    "ends": "a; b {c} [d] (e) |f| #g %h \\n \\",
    "lines": "one\ntwo\r\nthree\ttab",
    "emoji": "👩‍🚀 🇩🇪",
    "chinese": "登录失败：请重试",
    "rtl": "שלום \u202eevil\u202c مرحبا",
    "long": "long " * 60,
    "templates": "{{ x }} ${y} {%z%} $1 \\1",
    "keywords": "end",
    "placeholders": "DOMAIN\\Nora \\G\\T\\E\\H\\L\\R",
    "comment": "%% // /* # -- ' @enduml",
    "arrow": "a --> b : c",
    "control": "nul\x00bell\x07escape\x1b[31m surrogate\ud800",
    "nothing": "",
    "space": " ",
    "number": "1",
    "dots": "a.b.c *",
}
"""What somebody may call things."""


def _hostile() -> Chart:
    names = list(NASTY.values())
    states = [
        State(name, group="g" if number % 3 else None, note=Words(name, name)) for number, name in enumerate(names)
    ]
    guard = Guard(
        NASTY["quotes"], Words(NASTY["tags"], NASTY["chinese"]), Condition("v", True, NASTY["quotes"]), NASTY["ends"]
    )
    effect = Effect(NASTY["lines"], Words(NASTY["entities"]), (Assign("v", Carried("p")), Assign("v", NASTY["rtl"])))
    pairs = zip(names, [*names[1:], names[0]], strict=True)
    return Chart(
        id=NASTY["tags"],
        title=Words(NASTY["tags"], NASTY["rtl"]),
        initial=names[0],
        states=tuple(states),
        events=tuple(Event(name, Words(name), Words(NASTY["entities"]), ("p",)) for name in names),
        transitions=tuple(
            Transition(name, source, target, (guard,), (effect,), (NASTY["ends"],))
            for name, (source, target) in zip(names, pairs, strict=True)
        ),
        groups=(Group("g", Words(NASTY["tags"]), Role.ENDED),),
        variables=(
            Variable("v", Words(NASTY["tags"]), tuple(Value(name, Words(name)) for name in names), NASTY["quotes"]),
        ),
        parameters=(Parameter("p", Words(NASTY["entities"]), tuple(Value(name, Words(name)) for name in names)),),
        rules=(Rule(NASTY["ends"], Words(NASTY["tags"])),),
    )


HOSTILE: Final = _hostile()
"""A chart, built by hand, in which everything has a name that could do harm. It must render everywhere all the same."""


def in_groups(groups: dict[str, str], rows: Iterable[tuple[str, str, str | None]]) -> Chart:
    """States, each with its group ("" for none), and rows: event, source, target. Each has a guard and an effect."""
    machine = Machine(
        model=None,
        name="groups",
        states=list(groups),
        initial=next(iter(groups)),
        auto_transitions=False,
        transitions=[
            {"trigger": event, "source": source, "dest": to, "conditions": "some_guard", "before": "do_this_and_that"}
            for event, source, to in rows
        ],
    )
    names = dict.fromkeys(filter(None, groups.values()))
    lexicon = Lexicon(
        title=Words("Groups"),
        groups=tuple(Group(name, Words(f"group {name}"), Role.PLAIN) for name in names),
        group_of={state: group for state, group in groups.items() if group},
    )
    return chart_of(machine, lexicon)


def any_groups(seed: int) -> Chart:
    """A machine of up to nine states in up to three groups."""
    chance = random.Random(seed)
    states = [f"s{number}" for number in range(chance.randint(2, 9))]
    names = ("x", "y", "z")[: chance.choice((1, 1, 2, 3))]
    groups = {state: chance.choice(names) if chance.random() < 0.85 else "" for state in states}
    rows = [
        (f"event_{chance.randint(0, 9)}", chance.choice(states), chance.choice([*states, None]))
        for _ in range(chance.randint(1, 14))
    ]
    return in_groups(groups, rows)
