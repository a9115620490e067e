"""A state machine engine: a `transitions` Machine is the declaration, one plain function per event runs it.

    DOOR = Machine(model=None, states=["open", "shut"], initial="shut", auto_transitions=False,
                   transitions=[["push", "shut", "open"], ["pull", "open", "shut"]])

    @runs(DOOR)
    @define
    class Door:
        state: str = "shut"

        @trigger
        def push(self, force: int) -> bool:
            raise NotImplementedError

`runs` compiles the machine once and installs a function for every event on the class. What `transitions` would do for
this declaration, these functions do, in the same order; a feature that the compiler does not know is refused when the
class is built. Sessions are plain slotted objects: nothing is registered, nothing is kept for them elsewhere, and they
pickle. See docs/engine.md.
"""

from .compiler import compile_machine, runs, trigger
from .errors import EngineError, NotAllowed, Unsupported
from .outline import Outline, Row, outline_of
from .program import Program, Refusal

__all__ = [
    "EngineError",
    "NotAllowed",
    "Outline",
    "Program",
    "Refusal",
    "Row",
    "Unsupported",
    "compile_machine",
    "outline_of",
    "runs",
    "trigger",
]
