"""What a compiled machine knows of itself: its rows, its triggers, and why an event is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from attrs import field, frozen

from .errors import EngineError, NotAllowed
from .outline import Outline, Row, State, name_of


@frozen
class Refusal:
    """Why an event would not be taken now."""

    event: str
    state: State
    guard: str | None = None
    """The first guard that refuses; None when the state has no row for the event."""
    rule: str | None = None
    """The rule which that guard enforces, where one was given."""
    allowed: tuple[str, ...] = ()
    """The events that have a row in this state."""

    def __str__(self) -> str:
        if self.guard is None:
            return str(NotAllowed(self.event, str(self.state), self.allowed))
        return f"{self.event} is refused in state {self.state} by the guard {self.guard}" + (
            f" ({self.rule})" if self.rule else ""
        )


@frozen(eq=False)
class Program:
    """A machine, compiled. It is immutable: to change the machine, compile another."""

    name: str
    triggers: Mapping[str, Callable[..., bool]] = field(repr=False)
    """The generated functions by event; the session is the first argument. They answer whether a row was taken."""
    outline: Outline = field(repr=False)
    """The declaration as plain data, for drawings and proofs."""
    rules: Mapping[str, str] = field(repr=False)
    """What each guard enforces, by the guard's name."""
    source: str = field(repr=False)
    """The generated Python, as tracebacks show it."""
    _attribute: str = field(repr=False, alias="attribute")
    _collectors: Mapping[str, Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]] = field(
        repr=False, alias="collectors"
    )
    """By event, what turns a trigger's arguments into those of its callbacks."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All the rows, in the order in which they are tried."""
        return self.outline.rows

    def allowed(self, session: object) -> tuple[str, ...]:
        """The events that have a row in the session's present state, whatever their guards would say."""
        state = getattr(session, self._attribute)
        return tuple(event for event in self.triggers if self.outline.cases.get((state, event)))

    def explain(self, session: object, event: str, *args: Any, **kwargs: Any) -> Refusal | None:
        """Why `event` with these arguments would be refused now; None if a row would take it.

        Guards are called, `prepare` callbacks are not: a guard is expected to look and not to touch.
        """
        first = None
        for refusal in self._verdicts(session, event, args, kwargs):
            if refusal is None:
                return None
            first = first or refusal
        return first or Refusal(event, getattr(session, self._attribute), allowed=self.allowed(session))

    def refusals(self, session: object, event: str, *args: Any, **kwargs: Any) -> Iterator[Refusal]:
        """For each row that the state has for `event`, in order, the first guard that refuses it.

        Ends at the row that would be taken. So a machine that catches an event in a later row can still tell why the
        earlier ones were passed over.
        """
        for refusal in self._verdicts(session, event, args, kwargs):
            if refusal is None:
                return
            yield refusal

    def taken(self, session: object, event: str, *args: Any, **kwargs: Any) -> Row | None:
        """The row that would take `event` with these arguments now; None if it would be refused. Guards are called."""
        rows = self.outline.cases.get((getattr(session, self._attribute), event), ())
        verdicts = self._verdicts(session, event, args, kwargs)
        return next((row for row, refusal in zip(rows, verdicts, strict=True) if refusal is None), None)

    def _verdicts(
        self, session: object, event: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Iterator[Refusal | None]:
        """What each row says, in order; None is yes."""
        if event not in self.triggers:
            raise EngineError(f"{self.name} has no event {event!r}; its events are {', '.join(self.triggers)}")
        args, kwargs = self._collectors[event](session, *args, **kwargs)
        for row in self.outline.cases.get((getattr(session, self._attribute), event), ()):
            yield self._failing(session, row, args, kwargs)

    def _failing(self, session: object, row: Row, args: Any, kwargs: Any) -> Refusal | None:
        for guard, wanted in row.guards:
            answer = getattr(session, guard) if isinstance(guard, str) else guard
            if callable(answer):
                answer = answer(*args, **kwargs)
            if answer == wanted:
                continue
            name = name_of(guard)
            return Refusal(
                row.event,
                row.source,
                guard=name if wanted else f"not {name}",
                rule=self.rules.get(name),
                allowed=self.allowed(session),
            )
        return None
