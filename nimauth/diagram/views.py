"""Views: which part of a chart becomes a picture, and how coarse.

`whole`, `overview` (a box for each group), `map` (arrows without words), `around:STATE`, and what the chart itself
names as its selections. All of them draw as few arrows as say the same: see `picture`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, Final

from attrs import define, evolve, field, frozen

from ..errors import NimAuthError
from .model import Chart, Role, State, Transition, Words
from .picture import ANY, Arrow, Box, Frame, Label, Legend, Picture, Sentence, frame_id


class NoView(NimAuthError):
    """A chart has no view of this name."""


def views_of(chart: Chart) -> tuple[str, ...]:
    """The names of a chart's views; `around:` each of its states comes beside them."""
    return ("whole", "overview", "map", *(selection.id for selection in chart.selections))


def view(chart: Chart, name: str, lang: str = "en") -> Picture:
    """The picture of a chart under this view. Raises NoView."""
    everything = range(len(chart.transitions))
    match name.partition(":"):
        case "whole", "", "":
            return _folded(_Drawer(chart, lang).picture(everything))
        case "map", "", "":
            picture = _Drawer(chart, lang).picture(everything)
            return evolve(picture, arrows=tuple(evolve(arrow, labels=()) for arrow in picture.arrows), rules=())
        case "overview", "", "":
            return _Drawer(chart, lang, coarse=True).picture(everything)
        case "around", ":", state:
            return _around(chart, state, lang)
    for selection in chart.selections:
        if selection.id == name:
            drawer = _Drawer(chart, lang, title=selection.title, matters=selection.effects)
            picture = drawer.picture(sorted(selection.rows))
            return _folded(picture) if selection.folded else picture
    raise NoView(f"there is no view {name!r}; there are {', '.join(views_of(chart))} and around:STATE")


def _around(chart: Chart, name: str, lang: str) -> Picture:
    if name not in {state.id for state in chart.states}:
        names = ", ".join(state.id for state in chart.states)
        raise NoView(f"there is no state {name!r} to draw the neighbourhood of; there are {names}")
    near = [number for number, row in enumerate(chart.transitions) if name in (row.source, row.target)]
    title = Words(_AROUND.in_("en").format(name), _AROUND.in_("zh").format(name))
    picture = _folded(_Drawer(chart, lang, title=title, whole=False).picture(near, also=name))
    return evolve(picture, boxes=tuple(evolve(box, focus=box.id == name) for box in picture.boxes))


_FEW: Final = 2
"""So many arrows are drawn each by itself."""


def _folded(picture: Picture) -> Picture:
    """Arrows from one end to several boxes of a frame that differ in nothing but their events are one, to the frame."""
    frame_of = {box.id: box.group for box in picture.boxes if box.group in {frame.id for frame in picture.frames}}
    alike: dict[object, list[Arrow]] = {}
    for arrow in picture.arrows:
        frame, events = frame_of.get(arrow.target), {label.events for label in arrow.labels}
        if frame is None or frame in (arrow.source, frame_of.get(arrow.source)) or len(events) != 1 or arrow.main:
            alike[arrow] = [arrow]
        else:
            answers = tuple((label.guards, label.effects) for label in arrow.labels)
            alike.setdefault((arrow.source, frame, answers), []).append(arrow)
    arrows: dict[tuple[str, str], Arrow] = {}
    for same in alike.values():
        frame = frame_of.get(same[0].target)
        for arrow in [_one_arrow(same, frame, picture)] if len(same) > _FEW and frame is not None else same:
            ends = arrow.source, arrow.target
            other = arrows.get(ends)
            arrows[ends] = arrow if other is None else _joined(other, arrow)
    return evolve(picture, arrows=tuple(arrows.values()))


def _joined(one: Arrow, other: Arrow) -> Arrow:
    return evolve(one, labels=one.labels + other.labels, rows=one.rows + other.rows)


def _one_arrow(arrows: Sequence[Arrow], frame: str, picture: Picture) -> Arrow:
    """Where each event leads, and then what all of them do."""
    titles = {box.id: box.title for box in picture.boxes}
    leads = [Label(arrow.labels[0].events, target=titles[arrow.target]) for arrow in arrows]
    does = []
    for labels in zip(*(arrow.labels for arrow in arrows), strict=True):
        rules = {rule for label in labels for rule in label.rules}
        order = tuple(rule.id for rule in picture.rules if rule.id in rules)
        does.append(Label((), labels[0].guards, labels[0].effects, order))
    return evolve(
        arrows[0], target=frame, labels=(*leads, *does), rows=tuple(row for arrow in arrows for row in arrow.rows)
    )


# -- words of our own --------------------------------------------------------------------------------------------------

_AROUND: Final = Words("around {}", "{} 及相邻状态")
_ELSE: Final = Words("else", "否则")
_ALL_HOLD: Final = Words("{} hold", "满足 {}")
_MAYBE: Final = Words("({})", "（{}）")
_LEGEND: Final = {
    "title": Words("Legend", "图例"),
    "event": Words("event", "事件"),
    "guard": Words("guard", "条件"),
    "effect": Words("effects", "动作"),
    "main": Words("the usual way", "正常流程"),
    "start": Words("start", "开始"),
    "any": Words("any state", "任意状态"),
    "any_of": Words("any of these", "其中任意状态"),
    "frame": Words("from each state in it", "从框内每个状态"),
}


# -- from rows to arrows -----------------------------------------------------------------------------------------------


@frozen
class _Answer:
    """What some states do alike at an event."""

    event: str
    target: str | None
    """A box; None for the one it starts at."""
    guards: tuple[str, ...]
    effects: tuple[str, ...]
    rules: tuple[str, ...]


@define
class _Alike:
    sources: dict[str, None] = field(factory=dict)
    """The states, in order."""
    rows: list[int] = field(factory=list)
    rules: dict[str, None] = field(factory=dict)


@frozen
class _Drawer:
    chart: Chart
    lang: str
    title: Words | None = None
    matters: frozenset[str] | None = None
    """The only effects to be told of; None: all that are not hidden."""
    whole: bool = True
    """Whether every state is drawn, and not only those that the rows touch."""
    coarse: bool = False
    """Whether groups are drawn for states, and only what leads from one to another."""

    def picture(self, chosen: Iterable[int], also: str = "") -> Picture:
        rows = [row for row in chosen if self.chart.transitions[row].drawn]
        arrows = tuple(self.arrows(rows))
        touched = {also, *(state for arrow in arrows for state in self.touched(arrow))}
        drawn = [state for state in self.chart.states if self.whole or state.id in touched]
        boxes = tuple(self.boxes(drawn))
        cited = {rule for arrow in arrows for label in arrow.labels for rule in label.rules}
        known = [rule for rule in self.chart.rules if rule.id in cited]
        return Picture(
            id=self.chart.id,
            title=(self.title or self.chart.title).in_(self.lang),
            boxes=boxes,
            frames=() if self.coarse else tuple(self.frames(drawn)),
            arrows=arrows,
            rules=tuple(Sentence(rule.id, rule.text.in_(self.lang)) for rule in known),
            words=self.legend(boxes, arrows),
            lang=self.lang,
        )

    # -- boxes and frames ----------------------------------------------------------------------------------------------

    def boxes(self, drawn: Sequence[State]) -> Iterator[Box]:
        if self.coarse:
            for box in dict.fromkeys(self.box(state.id) for state in drawn):
                yield self.group_box(box, [state for state in drawn if self.box(state.id) == box])
            return
        framed = {frame.id for frame in self.frames(drawn)}
        for state in drawn:
            yield Box(
                state.id,
                state.id,
                note=state.note.in_(self.lang) if state.note else "",
                group=self.frame_of(state.id) if self.frame_of(state.id) in framed else None,
                role=self.role(state.id),
                initial=state.id == self.chart.initial,
            )

    def group_box(self, box: str, members: Sequence[State]) -> Box:
        group = self.chart.group_of(members[0].id)
        alone = group is None or box == members[0].id
        return Box(
            box,
            members[0].id if group is None or alone else group.label.in_(self.lang),
            lines=() if alone else tuple(state.id for state in members),
            role=self.role(members[0].id),
            initial=self.chart.initial in {state.id for state in members},
        )

    def frames(self, drawn: Sequence[State]) -> Iterator[Frame]:
        """Around two boxes or more: one needs no frame."""
        for group in self.chart.groups:
            if sum(state.group == group.id for state in drawn) > 1:
                yield Frame(frame_id(group.id), group.label.in_(self.lang), group.role)

    def frame_of(self, state: str) -> str | None:
        group = self.chart.group_of(state)
        return None if group is None else frame_id(group.id)

    def box(self, state: str) -> str:
        """Where a state is drawn."""
        group = self.chart.group_of(state)
        if not self.coarse or group is None or len(self.chart.members(group.id)) < 2:
            return state
        return frame_id(group.id)

    def role(self, state: str) -> Role:
        group = self.chart.group_of(state)
        if group is not None:
            return group.role
        if state == self.chart.initial:
            return Role.IDLE
        return Role.PLAIN if any(row.source == state for row in self.chart.transitions) else Role.ENDED

    # -- arrows --------------------------------------------------------------------------------------------------------

    def arrows(self, rows: Sequence[int]) -> Iterator[Arrow]:
        """Rows that are answered alike, from where they start together, one arrow for the same two ends."""
        ends: dict[tuple[str, str | None], list[tuple[_Answer, _Alike]]] = {}
        for answer, alike in self.alike(rows).items():
            for source, share in self.starts(answer, alike):
                ends.setdefault((source, answer.target), []).append((answer, share))
        for (source, target), answers in ends.items():
            one_there = next(iter(answers[0][1].sources)) if target is None else self.one_in(target)
            yield Arrow(
                source,
                source if target is None else target,
                tuple(self.labels(answers)),
                role=self.role(one_there),
                main=any(self.chart.transitions[row].main for _, alike in answers for row in alike.rows),
                rows=tuple(row for _, alike in answers for row in alike.rows),
            )

    def alike(self, rows: Sequence[int]) -> dict[_Answer, _Alike]:
        found: dict[_Answer, _Alike] = {}
        chosen = set(rows)
        for event in self.chart.events:
            its = [row for row in chosen if self.chart.transitions[row].event == event.id]
            its.sort()
            if home := self.leads_home(its):
                answer, alike = home
                found[answer] = alike
                continue
            for row in its:
                transition = self.chart.transitions[row]
                answer = self.answer(row)
                if self.coarse and answer.target in (None, self.box(transition.source)):
                    continue  # within a group
                alike = found.setdefault(answer, _Alike())
                alike.sources[transition.source] = None
                alike.rows.append(row)
                alike.rules.update(dict.fromkeys(transition.rules))
        return found

    def touched(self, arrow: Arrow) -> Iterator[str]:
        """The states that it leads from and to; any state is not each of them."""
        for row in arrow.rows:
            source, target = self.ends(self.chart.transitions[row])
            yield from (target,) if arrow.source == ANY else (source, target)

    def ends(self, row: Transition) -> tuple[str, str]:
        return row.source, row.source if row.target is None else row.target

    def one_in(self, box: str) -> str:
        """A state that is drawn in this box."""
        return next(state.id for state in self.chart.states if self.box(state.id) == box)

    def answer(self, row: int) -> _Answer:
        rivals = self.telling(self.rivals(row))
        told = next(rival for rival in rivals if rival >= row)
        transition = self.chart.transitions[told]
        return _Answer(
            transition.event,
            None if transition.target is None else self.box(transition.target),
            self.guards(told, rivals),
            self.effects([transition]),
            () if self.coarse else transition.rules,
        )

    def rivals(self, row: int) -> list[int]:
        """All the rows for the same event in the same state, in the order in which they are tried."""
        tried = self.chart.transitions[row]
        return [
            other
            for other, rival in enumerate(self.chart.transitions)
            if rival.drawn and (rival.event, rival.source) == (tried.event, tried.source)
        ]

    def telling(self, rivals: Sequence[int]) -> list[int]:
        """Without a row whose guards make no difference here: the next takes what it leaves, and is drawn alike."""
        kept: list[int] = []
        for row in reversed(rivals):
            if not (kept and not self.chart.transitions[kept[-1]].guards and self.drawn(row) == self.drawn(kept[-1])):
                kept.append(row)
        return kept[::-1]

    def drawn(self, row: int) -> tuple[str | None, tuple[str, ...]]:
        """What can be seen of a row beside its guards."""
        transition = self.chart.transitions[row]
        return None if transition.target is None else self.box(transition.target), self.effects([transition])

    def leads_home(self, rows: Sequence[int]) -> tuple[_Answer, _Alike] | None:
        """An event that leads from every state to the same one is drawn once, with all that it does anywhere."""
        transitions = [self.chart.transitions[row] for row in rows]
        targets = {self.box(self.ends(transition)[1]) for transition in transitions}
        # Whatever guards say, some row of each state must take it.
        sources = {transition.source for transition in transitions if not transition.guards}
        if len(targets) > 1 or sources != {state.id for state in self.chart.states} or len(sources) < 3:
            return None
        rules = dict.fromkeys(rule for transition in transitions for rule in transition.rules)
        answer = _Answer(transitions[0].event, targets.pop(), (), self.effects(transitions), tuple(rules))
        return answer, _Alike({ANY: None}, list(rows), rules)

    def starts(self, answer: _Answer, alike: _Alike) -> Iterator[tuple[str, _Alike]]:
        """Where arrows start: at the frame of a group that answers as one, else at each box."""
        if ANY in alike.sources:
            yield ANY, alike
            return
        left = dict(alike.sources)
        whole = [
            group.id
            for group in self.chart.groups
            if len(members := {state.id for state in self.chart.members(group.id)}) > 1
            and members <= left.keys()
            and answer.target not in members
        ]
        shares: dict[str, set[str]] = {}
        for state in left:
            group = self.chart.group_of(state)
            start = frame_id(group.id) if group is not None and group.id in whole else self.box(state)
            shares.setdefault(start, set()).add(state)
        for start, states in shares.items():
            rows = [row for row in alike.rows if self.chart.transitions[row].source in states]
            rules = dict.fromkeys(rule for row in rows for rule in self.chart.transitions[row].rules)
            yield start, _Alike(dict.fromkeys(states), rows, rules)

    # -- labels --------------------------------------------------------------------------------------------------------

    def labels(self, answers: Sequence[tuple[_Answer, _Alike]]) -> Iterator[Label]:
        """What differs by nothing but the event shares a label."""
        merged: dict[tuple[Any, ...], tuple[dict[str, None], dict[str, None]]] = {}
        for answer, alike in answers:
            events, rules = merged.setdefault((answer.guards, answer.effects, answer.rules), ({}, {}))
            events[answer.event] = None
            rules.update(alike.rules)
        for (guards, effects, _), (events, rules) in merged.items():
            order = [rule.id for rule in self.chart.rules if rule.id in rules]
            yield Label(self.events(events), guards, effects, tuple(order))

    def events(self, names: Iterable[str]) -> tuple[str, ...]:
        """In an overview, all the events of one origin are told by that."""
        names = dict.fromkeys(names)
        if not self.coarse:
            return tuple(names)
        told: dict[str, None] = {}
        for event in self.chart.events:
            if event.id not in names:
                continue
            family = [other.id for other in self.chart.events if other.origin == event.origin]
            whole = event.origin is not None and len(family) > 1 and all(other in names for other in family)
            told[event.origin.in_(self.lang) if whole and event.origin else event.id] = None
        return tuple(told)

    def guards(self, row: int, rivals: Sequence[int]) -> tuple[str, ...]:
        """What must hold; of all but the first of its rivals also that those before it do not hold."""
        guards = self.chart.transitions[row].guards
        other = () if row == rivals[0] else (_ELSE.in_(self.lang),)
        if len(guards) > 3 and all(guard.rule for guard in guards):
            enforced = {guard.rule for guard in guards}
            rules = " ".join(rule.id for rule in self.chart.rules if rule.id in enforced)
            return (*other, _ALL_HOLD.in_(self.lang).format(rules))
        return (*other, *(guard.label.in_(self.lang) for guard in guards))

    def effects(self, transitions: Sequence[Transition]) -> tuple[str, ...]:
        """All the effects of some rows, in an order that suits each of them; what not all of them do is in brackets."""
        if self.coarse:
            return ()
        shown = [
            [
                effect
                for effect in row.effects
                if not effect.hidden and (not self.matters or effect.name in self.matters)
            ]
            for row in transitions
        ]
        before: dict[str, set[str]] = {}
        labels: dict[str, str] = {}
        for row in shown:
            for effect in row:
                before.setdefault(effect.name, set())
                labels[effect.name] = effect.label.in_(self.lang)
            for first, then in pairwise(row):
                before[then.name].add(first.name)
        everywhere = set.intersection(*({effect.name for effect in row} for row in shown)) if shown else set()
        maybe = _MAYBE.in_(self.lang)
        try:
            order = list(TopologicalSorter(before).static_order())
        except CycleError:  # two rows do the same in another order
            order = list(before)
        return tuple(labels[name] if name in everywhere else maybe.format(labels[name]) for name in order)

    # -- the legend ----------------------------------------------------------------------------------------------------

    def legend(self, boxes: Sequence[Box], arrows: Sequence[Arrow]) -> Legend:
        roles = {group.role: group.label.in_(self.lang) for group in self.chart.groups}
        drawn = {box.role for box in boxes}
        words = {name: text.in_(self.lang) for name, text in _LEGEND.items()}
        labels = [label for arrow in arrows for label in arrow.labels]
        if not any(label.guards for label in labels):
            words["guard"] = ""
        if not any(label.effects for label in labels):
            words["effect"] = ""
        return Legend(**words, roles=tuple((role, text) for role, text in roles.items() if role in drawn))
