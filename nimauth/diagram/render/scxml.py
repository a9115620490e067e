"""W3C SCXML, to be run: https://www.w3.org/TR/scxml/

The groups are states around their states, and one state stands around all; that one does what an event means in any
state. The variables are the datamodel, an effect is a `<log>` of its name, and what an event carries is `_event.data`.

Names that engines would not take are replaced by identifiers (see there); what was meant stands in attributes of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from attrs import frozen

from ..model import Assign, Carried, Chart, Condition, Known, Transition
from .names import Names, Nest, other

NAMESPACE: Final = "urn:nimauth:chart"
"""That of what engines need not understand."""


def render(chart: Chart, lang: str) -> str:
    """The chart as an SCXML document."""
    document = _Writer(chart, lang).document()
    indent(document)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(document, encoding="unicode")}\n'


class _Writer:
    def __init__(self, chart: Chart, lang: str) -> None:
        self.chart = chart
        self.lang = lang
        self.names = Names(chart)
        self.speech = _Speech(self.names)
        self.always = {event.id: event.sets for event in chart.events}

    def document(self) -> Element:
        root = self.names.root
        document = Element(
            "scxml",
            {
                "xmlns": "http://www.w3.org/2005/07/scxml",
                "xmlns:nimauth": NAMESPACE,
                "version": "1.0",
                "datamodel": "ecmascript",
                "name": root.id,
                "initial": root.id,
            },
        )
        if self.chart.variables:
            self.datamodel(SubElement(document, "datamodel"))
        whole = self.nest(document, root)
        for event in self.chart.events:
            if event.sets:
                self.assign(_within(whole, "transition", event=self.names.events[event.id]), event.sets)
        for group in self.names.groups:
            self.states(self.nest(whole, group), group)
        self.states(whole, root)
        return document

    def datamodel(self, datamodel: Element) -> None:
        for variable in self.chart.variables:
            name = self.names.variables[variable.id]
            data = _within(datamodel, "data", id=name, expr=_literal(variable.initial))
            _tell(data, name=other(variable.id, name), note=variable.label.in_(self.lang))

    def nest(self, parent: Element, nest: Nest) -> Element:
        element = _within(parent, "state", id=nest.id, initial=nest.initial)
        _tell(element, name=nest.meant, note=nest.label.in_(self.lang))
        return element

    def states(self, parent: Element, nest: Nest) -> None:
        for state in nest.states:
            name = self.names.states[state.id]
            element = _within(parent, "state", id=name)
            _tell(element, name=other(state.id, name), note=state.note.in_(self.lang) if state.note else None)
            for row in self.chart.transitions:
                if row.source == state.id:
                    self.transition(element, row)

    def transition(self, state: Element, row: Transition) -> None:
        always = self.always.get(row.event, ())
        asked = _all(self.speech.asks(guard.condition, always) for guard in row.guards)
        if asked is False:
            return  # what the event means in any state is what the guards forbid
        element = _within(
            state,
            "transition",
            event=self.names.events[row.event],
            cond=None if asked is True else asked,
            target=None if row.target is None else self.names.states[row.target],
        )
        _tell(
            element,
            heard=other(row.event, self.names.events[row.event]),
            guards=", ".join(guard.name for guard in row.guards) or None,
            rules=" ".join(row.rules) or None,
        )
        self.assign(element, always)
        for effect in row.effects:
            if not effect.hidden:
                _within(element, "log", label=effect.name)
            self.assign(element, effect.sets)

    def assign(self, parent: Element, sets: Iterable[Assign]) -> None:
        for assign in sets:
            asked = True if assign.when is None else self.speech.asks(assign.when)
            where = _within(parent, "if", cond=asked) if isinstance(asked, str) else parent
            if asked is not False:
                _within(
                    where,
                    "assign",
                    location=self.names.variables[assign.variable],
                    expr=self.speech.value(assign.value),
                )


Formula = bool | str
"""A condition as text, or what it comes to in any case."""


@frozen
class _Speech:
    """Conditions and values, as ECMAScript and Python take them alike: names, strings, `==` and `!=`.

    For `&&` and `||` there is no such way; python-statemachine takes them as well, and reads `and` and `or`.
    """

    names: Names

    def value(self, value: str | Carried | Known) -> str:
        match value:
            case Carried(parameter):
                return f"_event.data.{self.names.parameters[parameter]}"
            case Known(variable):
                return self.names.variables[variable]
            case _:
                return _literal(value)

    def asks(self, asked: Condition, after: Sequence[Assign] = ()) -> Formula:
        """What a condition on the variables as they are `after` these assignments asks of them before."""
        if not after:
            return _compare(self.names.variables[asked.variable], asked.equal, self.value(asked.value))
        *earlier, last = after
        if last.variable != asked.variable:
            return self.asks(asked, earlier)
        if isinstance(last.value, Known):
            now = self.asks(Condition(last.value.variable, asked.equal, asked.value), earlier)
        else:
            now = _compare(self.value(last.value), asked.equal, self.value(asked.value))
        if last.when is None:
            return now
        unless = Condition(last.when.variable, not last.when.equal, last.when.value)
        return _any(
            _all((self.asks(last.when, earlier), now)),
            _all((self.asks(unless, earlier), self.asks(asked, earlier))),
        )


def _compare(left: str, equal: bool, right: str) -> Formula:
    if left == right:
        return equal
    if left.startswith("'") and right.startswith("'"):
        return not equal
    return f"{left} {'==' if equal else '!='} {right}"


def _all(formulas: Iterable[Formula]) -> Formula:
    asked = [formula for formula in formulas if formula is not True]
    if False in asked:
        return False
    parts = [f"({part})" if " || " in part and len(asked) > 1 else part for part in map(str, asked)]
    return " && ".join(dict.fromkeys(parts)) or True


def _any(one: Formula, other: Formula) -> Formula:
    if True in (one, other):
        return True
    return " || ".join(part for part in (one, other) if isinstance(part, str)) or False


def _literal(text: str) -> str:
    """A string, of which no engine takes a part for an operator, an entity or a constant."""
    return f"'{_RISKY.sub(_escaped, text)}'"


_RISKY: Final = re.compile(r"""\b(?:true|false|null)\b|[&|=!"'\\]|[^ -~]""")


def _escaped(risky: re.Match[str]) -> str:
    first, rest = risky[0][0], risky[0][1:]
    # What is beyond \uffff has no escape that both languages know, and needs none.
    return risky[0] if first > "\uffff" or (first > "~" and first.isprintable()) else f"\\u{ord(first):04x}{rest}"


def _within(parent: Element, tag: str, **attributes: str | None) -> Element:
    return SubElement(parent, tag, {name: _text(text) for name, text in attributes.items() if text is not None})


def _tell(element: Element, **texts: str | None) -> None:
    """What engines need not understand."""
    element.attrib.update({f"nimauth:{name}": _text(text) for name, text in texts.items() if text is not None})


def _text(text: str) -> str:
    """XML knows no control characters and no halves of characters."""
    return re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", lambda odd: f"\\u{ord(odd[0]):04x}", text)
