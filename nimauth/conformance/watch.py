"""What a suite looks at besides answers: secrets that leak, things left behind, and calls that are cancelled midway.

Everything here works on any asyncio program. It raises nothing by itself: each tool gives what it saw, and the suite
says which clause that breaks.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import contextvars
import gc
import json
import logging
import os
import selectors
import socket
import sys
import threading
import time
import traceback
import urllib.parse
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from attrs import Factory, define, field, frozen

T = TypeVar("T")

# -- secrets -----------------------------------------------------------------------------------------------------------

_PIECE: Final = 10
"""So many characters of a secret in a row are a leak; fewer may be chance."""


def _piece(text: str) -> set[str]:
    return {text[n : n + _PIECE] for n in range(max(1, len(text) - _PIECE + 1))}


def forms(secret: str) -> frozenset[str]:
    """The pieces of a secret by which it is known wherever it appears: as it is, escaped, quoted, in base64, in hex."""
    data = secret.encode("utf-8", "surrogatepass")
    plain = {secret, repr(secret)[1:-1], ascii(secret)[1:-1], json.dumps(secret)[1:-1]}
    plain |= {repr(data)[2:-1], urllib.parse.quote(data, safe=""), urllib.parse.quote_plus(data), data.hex()}
    # Base64 of something that has the secret in the midst: what comes before it shifts all by 0, 1 or 2 bytes, and the
    # characters at either end depend on the neighbours.
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for shift in range(3):
            plain.add(encode(b"\0" * shift + data).decode().rstrip("=")[shift and 4 : -2])
    return frozenset(piece for text in plain if text for piece in _piece(text))


@frozen
class Secrets:
    """What must not be shown, and a way to ask whether a text shows it."""

    _pieces: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, *secrets: str) -> Secrets:
        """Secrets are to be 12 characters or more that occur nowhere else; an empty one counts for nothing."""
        return cls(frozenset().union(*(forms(secret) for secret in secrets if secret)))

    def shown(self, text: str) -> bool:
        """Whether one of them, or a piece of it, is in the text."""
        return any(piece in text for piece in self._pieces)

    def shown_by(self, thing: object) -> bool:
        """Whether one is in the thing's repr or str; of an exception, in anything that a traceback would print."""
        return self.shown(said(thing))


def said(thing: object) -> str:
    """All that a thing says of itself: repr and str; of an exception its arguments, notes, causes and contexts too."""
    texts = [_safely(repr, thing), _safely(str, thing)]
    if isinstance(thing, BaseException):
        texts.append("".join(traceback.format_exception(thing)))
        texts += [_safely(repr, error.args) for error in chain(thing)]
        texts += [_safely(repr, vars(error)) for error in chain(thing)]
    return "\n".join(texts)


def chain(error: BaseException) -> tuple[BaseException, ...]:
    """The exception with all its causes and contexts, and what groups hold."""
    found: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None and one not in found:
            found.append(one)
            todo += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                todo += one.exceptions
    return tuple(found)


def _safely(show: Callable[[Any], str], thing: object) -> str:
    try:
        return show(thing)
    except Exception as error:
        return f"<{type(error).__name__} while it was shown>"


# -- logs --------------------------------------------------------------------------------------------------------------


@frozen
class Logged:
    """One log record, in words, as it was when it was logged."""

    logger: str
    level: int
    message: str
    rest: str = field(repr=False)
    """Its arguments, extra fields, exception and stack."""

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.logger} {self.message}\n{self.rest}"


def _logged(record: logging.LogRecord) -> Logged:
    rest = [_safely(repr, value) for value in vars(record).values()]
    if record.exc_info and record.exc_info[1] is not None:
        rest.append(said(record.exc_info[1]))
    return Logged(record.name, record.levelno, _safely(logging.LogRecord.getMessage, record), "\n".join(rest))


@contextmanager
def every_log_record() -> Iterator[list[Logged]]:
    """Hear every record of every logger from DEBUG on, in all threads.

    No level is set and no handler is added, so that whoever else captures logs (pytest, say) sees what they would have
    seen. A logger that is `disabled` stays silent, and a filter of a logger's own counts.
    """
    heard: list[Logged] = []
    enabled, call_handlers = logging.Logger.isEnabledFor, logging.Logger.callHandlers

    def is_enabled_for(self: logging.Logger, level: int) -> bool:
        return not self.disabled

    def hear(self: logging.Logger, record: logging.LogRecord) -> None:
        heard.append(_logged(record))
        if enabled(self, record.levelno):
            call_handlers(self, record)

    logging.Logger.isEnabledFor = is_enabled_for  # type: ignore[method-assign]
    logging.Logger.callHandlers = hear  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        logging.Logger.isEnabledFor = enabled  # type: ignore[method-assign]
        logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]


# -- what is left behind -----------------------------------------------------------------------------------------------

_FDS: Final = Path("/proc/self/fd")


def open_files() -> dict[str, str]:
    """What this process has open: each with its kind (socket, pipe, file, or another word of the kernel).

    Where there is no /proc, only Python's own sockets are known.
    """
    if not _FDS.is_dir():
        return {f"socket:[{one.fileno()}]": "socket" for one in _sockets()}
    found: dict[str, str] = {}
    for entry in os.listdir(_FDS):
        try:
            target = os.readlink(f"{_FDS}/{entry}")
        except OSError:  # the listing's own descriptor
            continue
        kind, colon, _ = target.partition(":")
        # A file or an anonymous inode has no number that tells it from another of its name.
        found[target if kind in ("socket", "pipe") else f"{target} ({entry})"] = kind if colon else "file"
    return found


def _sockets() -> Iterable[socket.socket]:
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket) and thing.fileno() >= 0:
            yield thing


@frozen
class Census:
    """The threads and the open files of this process, at one moment."""

    threads: frozenset[threading.Thread] = Factory(lambda: frozenset(threading.enumerate()))
    files: dict[str, str] = Factory(open_files)

    def left(self, kinds: Sequence[str] = ("socket", "pipe")) -> list[str]:
        """What is there now and was not then, in words; empty if nothing is.

        The threads of a loop's default executor are the loop's: count before it is made and after it is closed.
        """
        now = Census()
        found = [f"the thread {thread.name!r}" for thread in now.threads - self.threads if thread.is_alive()]
        found += [f"an open {kind}" for name, kind in now.files.items() if kind in kinds and name not in self.files]
        return sorted(found)


@contextmanager
def every_socket(counts: Callable[[], bool]) -> Iterator[list[weakref.ref[socket.socket]]]:
    """Know each of Python's sockets that is made while `counts()` is true."""
    made: list[weakref.ref[socket.socket]] = []
    make = socket.socket.__init__

    def hear(self: socket.socket, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        if counts():
            made.append(weakref.ref(self))

    socket.socket.__init__ = hear  # type: ignore[method-assign]
    try:
        yield made
    finally:
        socket.socket.__init__ = make  # type: ignore[method-assign]


@define
class Complaints:
    """What Python complained of behind everybody's back, in words."""

    heard: list[str] = field(factory=list)

    def loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear this loop's complaints: exceptions never retrieved, tasks destroyed while pending, failed callbacks."""
        loop.set_exception_handler(self._of_loop)

    def _of_loop(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.heard.append(f"asyncio: {context['message']}" + (f" ({type(error).__name__}: {error})" if error else ""))


@contextmanager
def every_complaint() -> Iterator[Complaints]:
    """Hear ResourceWarnings, coroutines never awaited, exceptions in `__del__`, and threads that died of an exception.

    For a loop's complaints give it to `Complaints.loop`. Other warnings go where they would have gone. Garbage is
    collected at the end, as some complaints come only then: that which was made meanwhile, which is quick.
    """
    complaints = Complaints()
    unraisable, in_thread = sys.unraisablehook, threading.excepthook

    def hear_unraisable(args: Any) -> None:
        complaints.heard.append(f"ignored in {args.object!r}: {type(args.exc_value).__name__}: {args.exc_value}")

    def hear_thread(args: Any) -> None:
        if args.exc_type is not SystemExit:
            name = args.thread.name if args.thread else "?"
            complaints.heard.append(f"the thread {name!r} died of {args.exc_type.__name__}: {args.exc_value}")

    with warnings.catch_warnings():
        show = warnings.showwarning

        def hear_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, ResourceWarning) or "was never awaited" in str(message):
                complaints.heard.append(f"{category.__name__}: {message}")
            else:
                show(message, category, *place, **more)

        warnings.simplefilter("always", ResourceWarning)
        warnings.filterwarnings("always", message=".*was never awaited", category=RuntimeWarning)
        warnings.showwarning = hear_warning
        sys.unraisablehook, threading.excepthook = hear_unraisable, hear_thread
        try:
            with _older_garbage_aside():
                yield complaints
        finally:
            sys.unraisablehook, threading.excepthook = unraisable, in_thread


_aside = False


@contextmanager
def _older_garbage_aside() -> Iterator[None]:
    """Collect at the end what became garbage meanwhile, and nothing else: a whole collection takes long."""
    global _aside
    outermost, _aside = not _aside, True
    if outermost:
        gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        if outermost:
            gc.unfreeze()
            _aside = False


async def settle(turns: int = 5) -> None:
    """Let callbacks that are due run."""
    for _ in range(turns):
        await asyncio.sleep(0)


# -- calls that are cancelled, and calls that hang ---------------------------------------------------------------------


@frozen
class Outcome(Generic[T]):
    """How a call went."""

    took: float
    """In seconds of the loop's clock."""
    result: T | None = None
    error: BaseException | None = None
    """What it raised; CancelledError where it was cancelled."""
    hung: bool = False
    """It was given up at its deadline, and cancelled then."""
    deaf: bool = False
    """It was not even over when it had been cancelled: it runs on, and nobody can end it."""
    suspensions: int = 0
    """How often it suspended."""
    reached: bool = False
    """Whether it came to the suspension at which it was to be cancelled."""

    @property
    def returned(self) -> bool:
        """Whether it came to a result."""
        return self.error is None and not self.hung

    @property
    def cancelled(self) -> bool:
        """Whether CancelledError came out of it."""
        return isinstance(self.error, asyncio.CancelledError)

    def __str__(self) -> str:
        if self.hung:
            return f"was not over after {self.took:g} s" + (", nor when it was cancelled" if self.deaf else "")
        if self.error is not None:
            return f"raised {type(self.error).__name__}"
        return f"returned {type(self.result).__name__}"


class _Counted(Generic[T]):
    """Awaits a coroutine, counts how often it suspends, and cancels its task at the n-th time."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], at: int | None, late: bool) -> None:
        self._coroutine, self._at, self._late = coroutine, at, late
        self.suspensions = 0

    @property
    def reached(self) -> bool:
        return self._at is not None and self.suspensions >= self._at

    def __await__(self) -> Generator[Any, Any, T]:
        task = asyncio.current_task()
        assert task is not None
        steps = self._coroutine.__await__()
        error: BaseException | None = None
        try:
            while True:
                try:
                    waited_for = next(steps) if error is None else steps.throw(error)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
                self.suspensions += 1
                if self.suspensions == self._at:
                    if self._late and waited_for is not None:
                        # It runs before the task's own wake-up: the result is there, and the cancellation as well.
                        waited_for.add_done_callback(lambda _: task.cancel())
                    else:
                        task.cancel()
                try:
                    yield waited_for
                    error = None
                except BaseException as thrown:
                    error = thrown
        finally:
            error = None  # no cycle through this frame
            self._coroutine.close()


async def attempt(
    call: Awaitable[T], within: float | None, *, grace: float = 1.0, cancel_at: int | None = None, late: bool = False
) -> Outcome[T]:
    """Await a call for `within` seconds at most, and say how it went. It never raises what the call raises.

    With `cancel_at=n` the call is cancelled at its n-th suspension: the moment it suspends, or, if `late`, the moment
    that what it waits for is done. Ask for n = 1, 2, 3 ... until `reached` is false, and every await had its turn.
    A call that is not over in time is cancelled; one that is not over `grace` seconds later is left alone, as `deaf`.
    """
    counted = _Counted(_as_coroutine(call), cancel_at, late)
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = loop.create_task(_await(counted))
    deaf = hung = False
    try:
        await asyncio.wait({task}, timeout=within)
        if not task.done():
            hung = True
            task.cancel()
            await asyncio.wait({task}, timeout=grace)
            deaf = not task.done()
    finally:
        if not task.done():
            task.cancel()
    took = loop.time() - began
    result: T | None = None
    error: BaseException | None = None
    if task.done():
        if task.cancelled():
            error = asyncio.CancelledError()
        elif (error := task.exception()) is None:
            result = task.result()
    return Outcome(took, result, error, hung, deaf, counted.suspensions, counted.reached)


async def _await(call: Awaitable[T]) -> T:
    return await call


async def _as_awaited(call: Awaitable[T]) -> T:
    return await call


def _as_coroutine(call: Awaitable[T]) -> Coroutine[Any, Any, T]:
    return call if isinstance(call, Coroutine) else _as_awaited(call)


class Stuck(Exception):
    """The event loop stands still: something blocks it."""


def run_guarded(
    make: Callable[[], Coroutine[Any, Any, T]],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    complaints: Complaints | None = None,
    stuck_after: float = 20.0,
) -> T:
    """Run a coroutine in a fresh loop in a thread of its own, and come back whatever it does.

    Unlike `asyncio.run` it waits for no task that will not be cancelled: such a one is left, and told of in
    `complaints`. Raises Stuck when the loop has not turned for `stuck_after` seconds of real time, or a thread of its
    executor has not ended so long after the coroutine; the threads are left then.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    loop = (loop_factory or asyncio.new_event_loop)()
    if complaints is not None:
        complaints.loop(loop)
    over, ended = threading.Event(), threading.Event()

    def work() -> None:
        try:
            results.append(loop.run_until_complete(_alone(make, complaints)))
        except BaseException as error:
            errors.append(error)
        over.set()
        try:
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
            ended.set()

    turned = time.monotonic()

    def turn() -> None:
        nonlocal turned
        turned = time.monotonic()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="guarded", daemon=True)
    thread.start()
    while not ended.wait(min(0.5, stuck_after / 4)):
        if time.monotonic() - turned > stuck_after:
            what = "a thread that it gave work to has not ended" if over.is_set() else "the event loop has stood still"
            raise Stuck(f"{what} for {stuck_after:g} s")
        if not over.is_set():
            with contextlib.suppress(RuntimeError):  # it has just been closed
                loop.call_soon_threadsafe(turn)
    thread.join(stuck_after)
    if errors:
        try:
            raise errors[0]
        finally:
            errors.clear()  # no cycle through this frame
    return results[0]


def hasty_loop(speed: float) -> asyncio.AbstractEventLoop:
    """An event loop whose clock runs `speed` times as fast as real time, for code with long deadlines."""
    return _HastyLoop(speed)


class _HastySelector(selectors.DefaultSelector):
    speed = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / self.speed if timeout else timeout)


class _HastyLoop(asyncio.SelectorEventLoop):
    def __init__(self, speed: float) -> None:
        self._speed, self._began = speed, time.monotonic()
        selector = _HastySelector()
        selector.speed = speed
        super().__init__(selector)

    def time(self) -> float:
        return self._began + (time.monotonic() - self._began) * self._speed


async def _alone(make: Callable[[], Coroutine[Any, Any, T]], complaints: Complaints | None) -> T:
    try:
        return await make()
    finally:
        await settle()
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        hear = loop.get_exception_handler()
        loop.set_exception_handler(lambda *_: None)  # what follows is our doing
        for _ in range(3):
            if left := {task for task in asyncio.all_tasks() if task is not me}:
                for task in left:
                    task.cancel()
                await asyncio.wait(left, timeout=0.5)
        if complaints is not None:
            stubborn = [task.get_name() for task in asyncio.all_tasks() if task is not me]
            complaints.heard += [f"the task {name!r} cannot be cancelled" for name in stubborn]
        await asyncio.wait({asyncio.ensure_future(loop.shutdown_asyncgens())}, timeout=0.5)
        await settle()  # transports that were closed just now close their sockets
        loop.set_exception_handler(hear)
