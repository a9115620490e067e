"""The service for hosts that do not live in asyncio (threads, Qt, tkinter): calls give futures, news come as callbacks.

    with BlockingAuthService(WebSocketTransport(url), KeyringStore("my-app")) as auth:
        auth.initialize().result()
        auth.listen(print)
        auth.login(LoginInfo("a", token)).result()

The service and its event loop live in a thread of their own, which nothing of the host's may block: listeners and hooks
are called in two others. All three are daemon threads, so an app that is never closed can still end.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from .errors import IllegalState
from .service import AuthService, AutoLoginRefusal, SDKOptions, StatusEvent
from .service.tasks import report
from .stores.base import CredentialStore
from .stores.worker import Worker
from .trace import Recorder
from .transports.base import Transport
from .vocabulary.logins import LoginInfo, OnlineClient

T = TypeVar("T")

_DEFAULTS: Final = SDKOptions()

Deliver = Callable[[Callable[[], None]], object]
"""Has a call made in a thread of the host's choice, in order, and returns at once."""


class BlockingAuthService:
    """`AuthService`, from any thread.

    Takes what that takes; the hooks (`dynamic_token_provider`, `open_local_data`, `close_local_data`) are plain
    functions here, may block, and are called one at a time in a thread of nimauth's. Listeners are called in another
    one, or where `deliver` has them called: in Qt, give a queued signal's `emit`; in tkinter, the `put` of a queue that
    the main loop empties.

    Each call gives a `concurrent.futures.Future`: its `result()` waits, and raises what the call of `AuthService`
    raises; cancelling the future of a login cancels the login. A user interface does not wait, but adds a callback.
    """

    def __init__(
        self,
        transport: Transport,
        store: CredentialStore | None = None,
        options: SDKOptions = _DEFAULTS,
        *,
        dynamic_token_provider: Callable[[str], str] | None = None,
        open_local_data: Callable[[str], object] | None = None,
        close_local_data: Callable[[], object] | None = None,
        trace: Recorder | None = None,
        deliver: Deliver | None = None,
    ) -> None:
        self._hooks = Worker("nimauth-hooks")
        self._teller = Worker("nimauth-listeners")
        self._deliver: Deliver = deliver or self._teller.submit
        self._service = AuthService(
            transport,
            store,
            options,
            dynamic_token_provider=self._off_the_loop(dynamic_token_provider),
            open_local_data=self._off_the_loop(open_local_data),
            close_local_data=self._off_the_loop(close_local_data),
            trace=trace,
        )
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"<Blocking{repr(self._service)[1:]}"

    def start(self) -> None:
        """Start the thread; `with` does it. Raises IllegalState when that was done before."""
        with self._lock:
            if self._thread is not None:
                raise IllegalState("the service was started before; make a new one")
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._run, args=(self._loop,), name="nimauth", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the session and the threads, in bounded time. What is saved stays: this is no logout. Idempotent.

        Listeners in nimauth's own thread have heard everything by then, unless they need longer than `close_timeout`.
        """
        self._not_from_its_own_thread()
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        told = threading.Event()

        async def end() -> None:
            try:
                await self._service.aclose()
            finally:
                self._teller.submit(told.set)
                self._teller.close()
                self._hooks.close()

        try:
            asyncio.run_coroutine_threadsafe(end(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join()
        if not self._teller.is_current:
            told.wait(self._service.options.close_timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # -- what AuthService has ------------------------------------------------------------------------------------------

    def initialize(self, auto_login: bool | LoginInfo | None = True) -> Future[AutoLoginRefusal | None]:
        """Open the store, and log in the saved account if the rules allow it (R1-R5, R9)."""
        return self._call(self._service.initialize(auto_login))

    def login(self, login: LoginInfo) -> Future[None]:
        """Log in, because a person asks (R7). Done when online, with the login saved (R6)."""
        return self._call(self._service.login(login))

    def logout(self) -> Future[None]:
        """Log out: forget the saved login, close local data, tell the server if it can be told (R13)."""
        return self._call(self._service.logout())

    def kick_out_other_online_client(self, client: OnlineClient) -> Future[None]:
        """End another client of this account; it must still be in `online_clients`."""
        return self._call(self._service.kick_out_other_online_client(client))

    def network_changed(self, available: bool) -> None:
        """Tell whether the device has a network. A returning network reconnects at once."""
        self._do(self._service.network_changed, available)

    def foreground(self) -> None:
        """Tell that the app came to the foreground: a waiting session reconnects at once."""
        self._do(self._service.foreground)

    @property
    def auth_status(self) -> StatusEvent:
        """The present status. Raises IllegalState before `initialize` (R10)."""
        return self._service.auth_status.value

    @property
    def online_clients(self) -> tuple[OnlineClient, ...]:
        """The other clients of this account that are online; empty while this session is not."""
        return self._do(lambda: self._service.online_clients.value)

    def listen(self, callback: Callable[[StatusEvent], object]) -> Callable[[], None]:
        """Have the callback called with the present status and every one that follows. Gives what ends that.

        Raises IllegalState before `initialize` (R10). What the callback raises is logged.
        """
        return self._listen(lambda tell: self._service.auth_status.listen(tell), callback)

    def listen_to_clients(self, callback: Callable[[tuple[OnlineClient, ...]], object]) -> Callable[[], None]:
        """The same for `online_clients`."""
        return self._listen(lambda tell: self._service.online_clients.listen(tell), callback)

    # -- between the threads -------------------------------------------------------------------------------------------

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:  # or the loop might end between the look and the call
            if self._loop is not None:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise IllegalState("the service is not running; use it inside `with`, or between start() and close()")

    def _do(self, act: Callable[..., T], *args: object) -> T:
        self._not_from_its_own_thread()

        async def done() -> T:
            return act(*args)

        return self._call(done()).result()  # at once: nothing blocks the loop

    def _not_from_its_own_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise IllegalState("this was called in the service's own thread, which would wait for itself; use another")

    def _listen(
        self, begin: Callable[[Callable[[T], None]], asyncio.Task[None]], callback: Callable[[T], object]
    ) -> Callable[[], None]:
        ended = threading.Event()

        def heard(value: T) -> None:
            if ended.is_set():
                return
            try:
                callback(value)
            except Exception as error:
                report("a listener raised; the next value is told all the same", error)

        def tell(value: T) -> None:
            self._deliver(functools.partial(heard, value))

        listener = self._do(begin, tell)

        def end() -> None:
            ended.set()
            with self._lock:
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(listener.cancel)

        return end

    def _off_the_loop(self, hook: Callable[..., Any] | None) -> Callable[..., Any] | None:
        if hook is None:
            return None

        async def call(*args: object) -> Any:
            return await self._hooks.submit(lambda: hook(*args))

        return call
