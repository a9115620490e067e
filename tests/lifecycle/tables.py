"""Lifecycles that run another table than the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nimauth.engine import compile_machine
from nimauth.lifecycle import Lifecycle
from nimauth.table import GUARD_RULES, Row, declare


def lifecycle_of(table: Iterable[Row], **methods: Callable[..., Any]) -> type[Lifecycle]:
    """A Lifecycle with this table, and with these methods beside or instead of its own."""
    base: Any = type("Base", (Lifecycle,), {"__slots__": (), **methods, **dict.fromkeys(_TRIGGERS)})
    rules = {guard: rule.value for guard, rule in GUARD_RULES.items()}
    base.__program__ = compile_machine(declare(table), base, arguments="heard", rules=rules)
    lifecycle: type[Lifecycle] = base
    return lifecycle


_TRIGGERS = tuple(Lifecycle.__program__.triggers)
"""The real table's triggers, which a class with another table must not inherit."""
