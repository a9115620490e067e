"""The engine's own exceptions; those of `transitions` never reach a caller."""

from __future__ import annotations


class EngineError(Exception):
    """The base of what the engine raises. By itself: the engine is used in a way that it cannot follow."""


class Unsupported(EngineError):
    """The machine uses a feature that the compiler does not know. Raised when a class is built, never later."""


class NotAllowed(EngineError):
    """The event has no row in the present state. Nothing has changed."""

    def __init__(self, event: str, state: str, allowed: tuple[str, ...]) -> None:
        super().__init__(event, state, allowed)
        self.event = event
        self.state = state
        self.allowed = allowed
        """The events that have a row in this state."""

    def __str__(self) -> str:
        return (
            f"{self.event} is not allowed in state {self.state}; allowed there: {', '.join(self.allowed) or 'nothing'}"
        )
