"""Long random lives of a client, with restarts, against the rules written by hand and against what always holds."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nimauth.adapter import Adapter
from tests.lifecycle.handwritten import HandWritten, Json
from tests.lifecycle.monitor import TOKEN, Monitor
from tests.lifecycle.walk import INPUTS

RESTARTS = tuple({"in": "start", "network": network} for network in (True, False))
"""The process dies, at whatever point, and starts again with what its store then holds."""
ONWARDS: tuple[Json, ...] = ({"in": "link_opened"}, {"in": "accepted"}, {"in": "retry_due"})
"""Said more often than the rest, or few lives would get far."""
CODES = (
    -1,
    0,
    200,
    302,
    403,
    404,
    414,
    416,
    417,
    422,
    503,
    1000,
    20003,
    101301,
    102302,
    102404,
    102422,
    191003,
    192001,
)

MESSAGES: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from(INPUTS),
    st.sampled_from(ONWARDS),
    st.builds(lambda code: {"in": "refused", "code": code}, st.sampled_from(CODES) | st.integers(-999_999, 999_999)),
    st.sampled_from(INPUTS),
    st.sampled_from((*ONWARDS, *RESTARTS)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(MESSAGES, min_size=50, max_size=200))
def test_a_long_life_is_answered_as_the_rules_say(life: list[Json]) -> None:
    adapter, oracle, monitor = Adapter(), HandWritten(), Monitor()
    for message in life:
        if message["in"] == "start":
            store, network = monitor.store, message["network"]
            saved = None if store is None else {"account": store, "token": TOKEN}
            answer = adapter.answer(json.dumps({**message, "saved": saved}))
            oracle, monitor = HandWritten(store, network), Monitor(store)
            expected: Json = {"state": "un_login", "out": []}
        else:
            answer = adapter.answer(json.dumps(message))
            monitor.step(message, answer)
            out = oracle.receive(message)
            expected = {"state": oracle.state, "out": out}
        for effect in answer["out"]:
            effect.pop("why", None)
        assert answer == expected
