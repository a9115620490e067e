"""A machine config for XState 5, as JSON: https://stately.ai/docs/machines

The groups are states around their states, and the variables are the context. An effect is an action of its own name,
which the host may implement. The action `set` and the guards are data; these few lines give them a body, in any chart:

    import { assign, setup } from "xstate";

    const value = (it, context, event) =>
      typeof it === "string" ? it : it.known ? context[it.known] : event[it.carried];
    const holds = (it, context, event) => (context[it.variable] === value(it.value, context, event)) === it.equal;
    const put = (context, event, it) =>
      it.when && !holds(it.when, context, event) ? context
        : { ...context, [it.variable]: value(it.value, context, event) };

    export function machineOf(json, actions = {}) {
      const guards = {};
      const config = JSON.parse(json, (key, it) => {
        if (key === "guard") guards[it.type] = ({ context, event }, { after, all }) => {
          const then = after.reduce((now, it) => put(now, event, it), context);
          return all.every((asked) => holds(asked, then, event));
        };
        return it;
      });
      const set = assign(({ context, event }, it) => put(context, event, it));
      return setup({ guards, actions: { ...actions, set } }).createMachine(config);
    }

Names that mean something else to XState are replaced by identifiers (see there); what was meant stands in `meta`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ..model import Assign, Carried, Chart, Condition, Known, State, Transition
from .names import Names, Nest, other

Json = dict[str, Any]

WIDTH: Final = 120


def render(chart: Chart, lang: str) -> str:
    """The chart as the JSON text of a machine config."""
    text = _pretty(_Writer(chart, lang).machine())
    return text.encode(errors="backslashreplace").decode() + "\n"  # half a character becomes its escape


def _pretty(it: Any, margin: str = "") -> str:
    """JSON in which what fits on a line stands on a line."""
    flat = json.dumps(it, ensure_ascii=False)
    if not isinstance(it, dict | list) or len(margin) + len(flat) <= WIDTH:
        return flat
    inner = f"{margin}  "
    if isinstance(it, list):
        lines, (opened, closed) = [_pretty(item, inner) for item in it], "[]"
    else:
        lines, (opened, closed) = [f"{_pretty(name)}: {_pretty(item, inner)}" for name, item in it.items()], "{}"
    body = f",\n{inner}".join(lines)
    return f"{opened}\n{inner}{body}\n{margin}{closed}"


class _Writer:
    def __init__(self, chart: Chart, lang: str) -> None:
        self.chart = chart
        self.lang = lang
        self.names = Names(chart)
        self.always = {event.id: event.sets for event in chart.events}

    def machine(self) -> Json:
        context = {self.names.variables[variable.id]: variable.initial for variable in self.chart.variables}
        always = {
            self.names.events[event.id]: {"actions": [self.set(assign) for assign in event.sets]}
            for event in self.chart.events
            if event.sets
        }
        groups = {group.id: self.nest(group) for group in self.names.groups}
        return self.nest(self.names.root, groups, context=context, on=always)

    def nest(self, nest: Nest, groups: Mapping[str, Json] | None = None, **more: Json) -> Json:
        return {
            "id": nest.id,
            **_described(nest.label.in_(self.lang), name=nest.meant),
            **more,
            "initial": nest.initial,
            "states": {**(groups or {}), **{self.names.states[state.id]: self.state(state) for state in nest.states}},
        }

    def state(self, state: State) -> Json:
        name = self.names.states[state.id]
        heard: dict[str, list[Json]] = {}
        for row in self.chart.transitions:
            if row.source == state.id:
                heard.setdefault(self.names.events[row.event], []).append(self.transition(row))
        note = state.note.in_(self.lang) if state.note else ""
        return {"id": name, **_described(note, name=other(state.id, name)), "on": heard}

    def transition(self, row: Transition) -> Json:
        always = self.always.get(row.event, ())
        rules = [f"{rule}: {self.chart.rule(rule).text.in_(self.lang)}" for rule in row.rules]
        transition = _described("\n".join(rules), heard=other(row.event, self.names.events[row.event]))
        if row.target is not None:
            transition["target"] = f"#{self.names.states[row.target]}"
        if row.guards:
            transition["guard"] = {
                "type": " && ".join(self.names.guards[guard.name] for guard in row.guards),
                "params": {
                    "after": [self.assigned(assign) for assign in always],
                    "all": [self.asked(guard.condition) for guard in row.guards],
                },
            }
        actions: list[Json] = [self.set(assign) for assign in always]
        for effect in row.effects:
            if not effect.hidden:
                actions.append({"type": self.names.effects[effect.name]})
            actions += map(self.set, effect.sets)
        if actions:
            transition["actions"] = actions
        return transition

    def set(self, assign: Assign) -> Json:
        return {"type": "set", "params": self.assigned(assign)}

    def assigned(self, assign: Assign) -> Json:
        when = {} if assign.when is None else {"when": self.asked(assign.when)}
        return {"variable": self.names.variables[assign.variable], "value": self.value(assign.value), **when}

    def asked(self, condition: Condition) -> Json:
        return {
            "variable": self.names.variables[condition.variable],
            "equal": condition.equal,
            "value": self.value(condition.value),
        }

    def value(self, value: str | Carried | Known) -> str | Json:
        match value:
            case Carried(parameter):
                return {"carried": self.names.parameters[parameter]}
            case Known(variable):
                return {"known": self.names.variables[variable]}
            case _:
                return value


def _described(text: str, **meant: str | None) -> Json:
    meta = {name: it for name, it in meant.items() if it is not None}
    return {**({"description": text} if text else {}), **({"meta": meta} if meta else {})}
