"""AuthService: one login session, run on asyncio.

Everything that happens (a host's call, a link's signal, a timer) goes through one inbox, in order. Whoever fills an
empty inbox starts a task that works it off: it hands each input to the lifecycle and carries out the effects, in order.
So a session at rest has no task at all, and one that is online has one, which listens to its link.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

from attrs import define, evolve, field, frozen

from .. import trace as tracing
from ..errors import IllegalState, LoginCancelled, LoginFailed, StoreError
from ..lifecycle import Lifecycle
from ..transports.base import KickRefused, LoginRefused, LoginRequest, OnlineClients, Transport
from ..vocabulary import effects, inputs
from ..vocabulary.effects import Effect
from ..vocabulary.inputs import Event, Input
from ..vocabulary.logins import MAX_TOKEN, AuthType, LoginInfo, OnlineClient, Revocation
from ..vocabulary.reasons import ADVICE, Cause, Code, Reason
from ..vocabulary.states import ENDED, IDLE, STATUS, Attempt
from .connection import Connection
from .events import AutoLoginRefusal, StatusEvent
from .keeping import Keeping
from .options import SDKOptions
from .retry import Retry
from .streams import Stream
from .tasks import end, is_ours, report, spawn

log = logging.getLogger("nimauth")

MAX_INBOX: Final = 64
"""A link that has reported this much is not listened to until the inbox is worked off."""

_DEFAULTS: Final = SDKOptions()
_CLOSED: Final = "the service is closed; make a new one"

TokenProvider = Callable[[str], Awaitable[str] | str]
"""Gives a dynamic token for an account. Asked at every attempt."""


@frozen(eq=False)
class _Letter:
    """One thing in the inbox."""

    heard: Input | OnlineClients
    source: object | None = None
    """The connection, timer or call it comes from; dropped when that is no longer the present one."""
    login: LoginInfo | None = field(default=None, repr=False)
    done: asyncio.Future[Any] | None = None
    """Resolved when the input has been taken and its effects carried out; for a login, when that has ended."""
    ends: float = 0.0
    """When a manual login must have ended, on the loop's clock."""

    def refuse(self, error: IllegalState) -> None:
        """Tell whoever waits for this letter that it was not taken."""
        if self.done is not None and not self.done.done():
            self.done.set_exception(error)

    def give_up(self) -> None:
        """Tell whoever waits for this letter that the service closed first."""
        if isinstance(self.heard, Input) and self.heard.event is Event.LOGIN:
            _cancel(self.done)
        else:
            self.refuse(IllegalState(_CLOSED))


@define(eq=False, repr=False)
class AuthService:
    """The login lifecycle for a host client.

        async with AuthService(WebSocketTransport(url), store=KeyringStore("my-app")) as auth:
            await auth.initialize()
            await auth.login(LoginInfo("a", token))
            async for event in auth.auth_status: ...

    A service belongs to the event loop that it is used in. Every method may be called at any time, also from inside a
    listener; each raises IllegalState before `initialize` (R10) and after `aclose`. Only a local-data hook cannot wait
    for `login` and `logout`, which wait for the hook.
    """

    _transport: Transport = field(alias="transport")
    _keeping: Keeping = field(default=None, alias="store", converter=Keeping)
    """Made of a CredentialStore; None: nothing is kept for the next start."""
    options: SDKOptions = _DEFAULTS
    dynamic_token_provider: TokenProvider | None = field(default=None, kw_only=True)
    """Gives the token of a login with AuthType.DYNAMIC; may be a coroutine function."""
    open_local_data: Callable[[str], Awaitable[None] | None] | None = field(default=None, kw_only=True)
    """Called with the account when its local data may be used (R9). What it raises is logged."""
    close_local_data: Callable[[], Awaitable[None] | None] | None = field(default=None, kw_only=True)
    """Called when the local data must be closed (R13)."""
    trace: tracing.Recorder | None = field(default=None, kw_only=True)
    """Records what is called and shown, for `nimauth check`; a `trace.TraceFile`, or whatever takes a dict. Given up,
    with one log record, when it raises."""
    _random: Callable[[float, float], float] = field(default=random.uniform, kw_only=True, alias="random")
    _clock: Callable[[], float] = field(default=time.time, kw_only=True, alias="clock")

    dropped: int = field(default=0, init=False)
    """Signals and timers that came too late or meant nothing."""

    _begun: bool = field(default=False, init=False)
    _lifecycle: Lifecycle | None = field(default=None, init=False)
    """None until `initialize` has read the store."""
    _statuses: Stream[StatusEvent] | None = field(default=None, init=False)
    _clients: Stream[tuple[OnlineClient, ...]] | None = field(default=None, init=False)
    _inbox: list[_Letter] = field(factory=list, init=False)
    _worker: asyncio.Task[None] | None = field(default=None, init=False)
    _connection: Connection | None = field(default=None, init=False)
    _leaving: Connection | None = field(default=None, init=False)
    """The last connection that was given up; it may still be closing."""
    _retry: Retry = field(init=False)
    _follower: Connection | None = field(default=None, init=False)
    """In place of an armed retry: it follows a library that reconnects by itself."""
    _login: LoginInfo | None = field(default=None, init=False, repr=False)
    """Who is being logged in, or online; with the token that the next attempt will send."""
    _manual: asyncio.Future[effects.LoginResult] | None = field(default=None, init=False)
    """The manual login that is under way, or that brought the present session."""
    _manual_ends: float = field(default=0.0, init=False)
    """When the manual login must have ended, on the loop's clock."""
    _step: asyncio.Timeout | None = field(default=None, init=False)
    """The deadline of the hook or the save that is running."""
    _closing: asyncio.Task[None] | None = field(default=None, init=False)
    _closers: set[asyncio.Task[Any]] = field(factory=set, init=False)
    """The tasks that wait for `aclose`. It cannot wait for them."""

    def __attrs_post_init__(self) -> None:
        self._retry = Retry(self._random, self._retry_is_due)

    def __repr__(self) -> str:
        state = self._lifecycle.state if self._lifecycle is not None else "not initialized"
        return f"<AuthService {state}>"

    # -- the host's calls ----------------------------------------------------------------------------------------------

    async def initialize(self, auto_login: bool | LoginInfo | None = True) -> AutoLoginRefusal | None:
        """Open the store, and log in the saved account if the rules allow it (R1-R5, R9).

        `auto_login` may be a LoginInfo that the host kept itself, for the account that the store permits; False and
        None start none. Returns as soon as the auto login has started (local data is open by then, with or without a
        network), or the refusal that says why none did. Raises StoreInUse when another process has the store, and
        IllegalState when called twice.
        """
        self._require_open()
        if self._begun:
            raise IllegalState("initialize was called already; make a new service to begin again")
        self._begun = True
        try:
            await self._keeping.open(self.options.device_id)
            login, refusal = await self._saved_login(auto_login)
            if self._closing is not None:  # meanwhile; what was opened since is closed again
                await self._close_store()
                self._require_open()
        except BaseException:
            self._begun = False
            raise
        self._lifecycle = self._new_lifecycle()
        session = evolve(self._lifecycle)
        self._statuses = Stream(StatusEvent(STATUS[session.state], session.state, session=session))
        if refusal is not None or not auto_login:
            self._record(tracing.started(None))
            return refusal
        account = login.account if login is not None else self._keeping.permit.account or ""
        self._record(tracing.started(account or None))
        for effect in await self._ask(inputs.auto_login(account), login):
            if isinstance(effect, effects.AutoLoginRefused):
                return AutoLoginRefusal(effect.rule, self.revocation)
        return None

    async def login(self, login: LoginInfo) -> None:
        """Log in, because a person asks (R7). Returns when online, with the login saved (R6).

        It is tried once. Raises LoginFailed with the reason and the code; LoginCancelled when `logout` or `aclose` came
        between; IllegalState while another login is under way or the session is online. Cancelling this call cancels
        the login.
        """
        self._require_running()
        self._require_no_hook()
        loop = asyncio.get_running_loop()
        call: asyncio.Future[effects.LoginResult] = loop.create_future()
        call.add_done_callback(_look_at)
        ends = loop.time() + self.options.manual_login_timeout
        deadline = loop.call_at(ends, self._post, _Letter(inputs.TIMED_OUT, source=call))
        self._post(_Letter(inputs.login(login.account), login=login, done=call, ends=ends))
        try:
            result = await asyncio.shield(call)
        except asyncio.CancelledError:
            self._post(_Letter(inputs.CANCEL, source=call))
            raise
        finally:
            deadline.cancel()
        if not result.ok:
            raise _failure(login.account, result)

    async def logout(self) -> None:
        """Log out: forget the saved login, close local data, tell the server if it can be told (R13).

        Allowed in every state. Returns when all that is done; cancelling this call does not stop it.
        """
        self._require_running()
        self._require_no_hook()
        await asyncio.shield(self._ask(inputs.LOGOUT))
        if self._leaving is not None:
            await self._leaving.closed()

    async def kick_out_other_online_client(self, client: OnlineClient) -> None:
        """End another client of this account; it must still be in `online_clients`.

        Raises IllegalState when it is not, or when this session is not online; KickRefused or LinkFailed as the
        transport says; KickRefused also when the server does not answer in time.
        """
        self._require_running()
        link = self._connection.link if self._connection is not None else None
        if link is None or client not in self.online_clients.value:
            raise IllegalState(f"{client.client_id!r} is not among the online clients; take one of the present list")
        try:
            async with asyncio.timeout(self.options.answer_timeout):
                await link.kick(client)
        except TimeoutError:
            raise KickRefused(Reason.NET, Code.TIMED_OUT, "the server did not answer the kick; try again") from None

    def network_changed(self, available: bool) -> None:
        """Tell whether the device has a network. A returning network reconnects at once."""
        self._require_running()
        self._post(_Letter(inputs.network(available)))

    def foreground(self) -> None:
        """Tell that the app came to the foreground: a waiting session reconnects at once."""
        self._require_running()
        self._post(_Letter(inputs.FOREGROUND))

    @property
    def store_error(self) -> StoreError | None:
        """What is wrong with the store, if anything: auto login may be unavailable at the next start."""
        return self._keeping.error

    @property
    def revocation(self) -> Revocation | None:
        """Why and when the saved login became void; None while an account may be auto logged in, or nobody ever was."""
        return self._keeping.permit.revocation

    @property
    def auth_status(self) -> Stream[StatusEvent]:
        """The status, and every one that follows (R10)."""
        self._require_initialized()
        assert self._statuses is not None
        return self._statuses

    @property
    def online_clients(self) -> Stream[tuple[OnlineClient, ...]]:
        """The other clients of this account that are online; empty while this session is not."""
        self._require_initialized()
        if self._clients is None:
            self._clients = Stream(())
            if self._closing is not None:
                self._clients.close()
        return self._clients

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End every task, timer and link, in bounded time. What is saved stays: this is no logout. Idempotent."""
        caller = asyncio.current_task()
        assert caller is not None
        self._closers.add(caller)
        if self._closing is None:
            self._closing = spawn(self._close(), "nimauth-close")
        await asyncio.shield(self._closing)

    # -- starting and closing ------------------------------------------------------------------------------------------

    def _require_initialized(self) -> None:
        if self._lifecycle is None:
            raise IllegalState("the service is not initialized; await initialize() first (R10)")

    def _require_open(self) -> None:
        if self._closing is not None:
            raise IllegalState(_CLOSED)

    def _require_running(self) -> None:
        self._require_initialized()
        self._require_open()

    def _require_no_hook(self) -> None:
        if self._worker is not None and asyncio.current_task() is self._worker:
            raise IllegalState("a local-data hook cannot wait for this, which waits for the hook; start a task for it")

    def _new_lifecycle(self) -> Lifecycle:
        permit = self._keeping.permit
        void = permit.revocation.cause if permit.revocation is not None else None
        return Lifecycle(permitted=permit.account, void=void, has_auto_login=self.options.has_auto_login)

    async def _saved_login(
        self, auto_login: bool | LoginInfo | None
    ) -> tuple[LoginInfo | None, AutoLoginRefusal | None]:
        """The login to try, or why there is none. The rules are asked first: a void login is not even read."""
        if isinstance(auto_login, LoginInfo):
            return auto_login, None
        account = self._keeping.permit.account
        is_void = account is not None and self._new_lifecycle().explain(inputs.auto_login(account)) is not None
        if not auto_login or is_void:
            return None, None
        login = await self._keeping.load()
        if login is None and self.store_error is not None:
            return None, AutoLoginRefusal(None, error=self.store_error)
        return login, None

    async def _close(self) -> None:
        """What was heard before is still carried out, a revocation above all; what takes long is cut short."""
        grace = self.options.close_timeout
        if self._connection is not None:
            self._connection.close()  # but what it has reported is still heard
        if self._step is not None:
            soon = asyncio.get_running_loop().time() + grace / 2
            with contextlib.suppress(RuntimeError):  # its time is up just now
                self._step.reschedule(min(self._step.when() or math.inf, soon))
        try:
            if self._worker is not None:
                await end({self._worker}, 2 * grace, self._closers)
            self._disarm_retry()
            self._close_link()
            if self._leaving is not None:
                await end({self._leaving.task}, 2 * grace, self._closers)
            if self._worker is None:  # else it is who closes, and works on
                for letter in self._inbox:
                    letter.give_up()
                _cancel(self._manual)
            self._login = None
            await self._close_store()
        finally:
            if self._worker is not None:  # a call that came late, and is refused
                await end({self._worker}, grace, self._closers)
            streams = [stream for stream in (self._statuses, self._clients) if stream is not None]
            listeners = {task for stream in streams for task in stream.close()}
            await end(listeners, grace, self._closers)  # what was published is still told

    async def _close_store(self) -> None:
        await self._keeping.close(4 * self.options.close_timeout)

    # -- the inbox -----------------------------------------------------------------------------------------------------

    def _ask(self, heard: Input, login: LoginInfo | None = None) -> asyncio.Future[list[Effect]]:
        """Put a call in the inbox. The future gives its effects, once they are carried out."""
        done: asyncio.Future[list[Effect]] = asyncio.get_running_loop().create_future()
        done.add_done_callback(_look_at)
        self._post(_Letter(heard, login=login, done=done))
        return done

    def _post(self, letter: _Letter) -> None:
        if self._closing is not None and self._closing.done():
            letter.give_up()
            return
        asyncio.get_running_loop()  # called from another thread, it raises before anything has changed
        self._inbox.append(letter)
        if self._worker is None:
            self._worker = spawn(self._work(), "nimauth-inbox")

    async def hear(self, connection: Connection, heard: Input | OnlineClients) -> None:
        """For the connection: something happened on the link."""
        self._post(_Letter(heard, source=connection))
        if len(self._inbox) > MAX_INBOX and self._worker is not None:
            await asyncio.wait({self._worker})

    async def _work(self) -> None:
        try:
            while self._inbox:
                letter = self._inbox.pop(0)
                try:
                    await self._take(letter)
                except BaseException:
                    letter.give_up()
                    raise
        finally:
            self._worker = None

    async def _take(self, letter: _Letter) -> None:
        assert self._lifecycle is not None
        heard = self._as_of_now(letter)
        if heard is None:
            return
        if isinstance(heard, OnlineClients):
            if heard.clients != self.online_clients.value:
                self.online_clients.publish(heard.clients)
            return
        if heard is inputs.LINK_OPENED and not self._lifecycle.network:
            self._lifecycle.receive(inputs.NETWORK_FOUND)  # there evidently is one
        try:
            if heard.event in (Event.LOGIN, Event.AUTO_LOGIN):
                self._require_open()
            answer = self._lifecycle.receive(heard)
        except IllegalState as error:
            letter.refuse(error)
            return
        self._prepare(letter, heard.event, answer)
        for effect in answer:
            try:
                await self._carry_out(effect)
            except (Exception, asyncio.CancelledError) as error:
                if is_ours(error):
                    raise
                # A session survives the failure of one effect; the next ones matter more (a clear, a close).
                report(f"an effect could not be carried out: {type(effect).__name__}", error)
        if letter.done is not None and heard.event is not Event.LOGIN and not letter.done.done():
            letter.done.set_result(answer)

    def _prepare(self, letter: _Letter, event: Event, answer: list[Effect]) -> None:
        """Note what the effects of this input will need."""
        if letter.login is not None and not isinstance(answer[0], effects.AutoLoginRefused):
            self._login = letter.login
        if event is Event.LOGIN:
            self._manual, self._manual_ends = letter.done, letter.ends
        if event is Event.RECONNECTING and self._follower is not None:
            self._connection, self._follower = self._follower, None
        elif any(isinstance(effect, effects.ArmRetry) and effect.code != Code.TOO_FREQUENT for effect in answer):
            self._follow()
        if event is Event.ACCEPTED:
            self._retry.went_online()
        elif event is Event.LOGIN or (letter.source is None and event in (Event.NETWORK_FOUND, Event.FOREGROUND)):
            self._retry.begin_anew()

    def _as_of_now(self, letter: _Letter) -> Input | OnlineClients | None:
        """What the letter means at the moment when it is taken; None if that is nothing any more."""
        heard, source = letter.heard, letter.source
        if source is not None and source not in (self._connection, self._retry.timer, self._follower, self._manual):
            self.dropped += 1
            return None
        manual = self._manual
        if manual is not None and source is manual and manual.done():
            # The login ended before this came. To cancel one that succeeded is to log out.
            return inputs.LOGOUT if heard is inputs.CANCEL and manual.result().ok else None
        if isinstance(heard, Input) and self._retry.holds_back(heard.event):
            return None
        return heard

    # -- effects -------------------------------------------------------------------------------------------------------

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case effects.Status():
                self._publish(effect)
            case effects.OpenLink():
                if self._closing is None:
                    self._connection = Connection(self._transport, self.options, self, after=self._leaving)
            case effects.SendLogin(_, attempt):
                assert self._connection is not None
                assert self._login is not None
                self._connection.log_in(functools.partial(self._make_request, self._login, attempt))
            case effects.SendLogout():
                assert self._connection is not None
                self._connection.say_goodbye()
            case effects.CloseLink():
                self._close_link()
            case effects.Save():
                await self._save()
            case effects.Clear(cause):
                try:
                    await self._clear(cause)
                finally:
                    self._record_call(cause)
            case effects.OpenLocalData(account):
                await self._call_hook(self.open_local_data, account)
            case effects.CloseLocalData():
                await self._call_hook(self.close_local_data)
            case effects.ArmRetry(code):
                self._arm_retry(code)
            case effects.DisarmRetry():
                self._disarm_retry()
            case effects.LoginResult(ok):
                self._record(tracing.login_result(ok))
                if self._manual is not None and not self._manual.done():
                    self._manual.set_result(effect)
            case effects.AutoLoginRefused(rule):
                log.info("no auto login: %s forbids it", rule)
            case effects.Dropped():
                self.dropped += 1

    def _publish(self, effect: effects.Status) -> None:
        assert self._statuses is not None
        state = effect.state
        account = self._login.account if self._login is not None else None
        retry_in = self._retry.due_in
        if state in IDLE or state in ENDED:
            self._login = self._manual = None
        self._record(tracing.shown(effect.status))
        assert self._lifecycle is not None
        session = evolve(self._lifecycle)  # which has taken no other input since this one
        self._statuses.publish(
            StatusEvent(
                STATUS[state], state, account, effect.reason, effect.code, effect.text, retry_in, session=session
            )
        )

    def _record_call(self, cause: Cause) -> None:
        """A call is recorded once it has voided what was saved: if the process dies before that, nothing was called."""
        if cause is Cause.LOGGED_OUT:
            self._record(tracing.logout())
        elif cause is Cause.LOGIN_STARTED:
            assert self._login is not None
            self._record(tracing.login(self._login.account))

    def _record(self, record: tracing.Record) -> None:
        if self.trace is None:
            return
        try:
            self.trace({"t": self._clock(), **record})
        except Exception as error:  # a trace never disturbs a login
            self.trace = None
            report("the trace cannot be written and is given up; the login goes on", error)

    def _close_link(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._leaving, self._connection = self._connection, None
        if self._clients is not None and self._clients.value:
            self._clients.publish(())

    def _follow(self) -> None:
        """A library that reconnects by itself is followed, not fought; this must come before its link is closed."""
        before = self._connection
        if before is not None and self._closing is None and (successor := before.take_successor()) is not None:
            self._follower = Connection(self._transport, self.options, self, after=before, successor=successor)

    def _arm_retry(self, code: int) -> None:
        if self._closing is None and self._follower is None:
            self._retry.arm(code, self.options)

    def _retry_is_due(self, heard: Input) -> None:
        self._post(_Letter(heard, source=self._retry.timer))

    def _disarm_retry(self) -> None:
        self._retry.disarm()
        if self._follower is not None:
            self._follower.close()
            self._leaving, self._follower = self._follower, None

    async def _make_request(self, login: LoginInfo, attempt: Attempt) -> LoginRequest:
        if login.auth_type is AuthType.DYNAMIC:
            login = await self._with_dynamic_token(login)
        return LoginRequest(login, attempt, self._keeping.device_id, self.options.forced)

    async def _with_dynamic_token(self, login: LoginInfo) -> LoginInfo:
        provider = self.dynamic_token_provider
        if provider is None:
            text = "no dynamic_token_provider is set; set it before a login with AuthType.DYNAMIC"
            raise LoginRefused(Reason.INVALID, Code.INVALID, text)
        try:
            async with asyncio.timeout(self.options.token_timeout):
                token = await _awaited(provider(login.account))
        except (Exception, asyncio.CancelledError) as error:
            if is_ours(error):
                raise
            log.warning("the dynamic token provider failed: %s", type(error).__name__)
            # Its own server may be down: like an unknown code, it fails a manual login, and is retried otherwise.
            raise LoginRefused(Reason.UNKNOWN, Code.TOKEN_PROVIDER, "the dynamic token provider failed") from None
        try:
            if isinstance(token, str) and token:
                return evolve(login, token=token)
        except ValueError:
            pass
        raise LoginRefused(
            Reason.INVALID, Code.INVALID, f"the dynamic token provider must give a text of 1 to {MAX_TOKEN} characters"
        )

    async def _save(self) -> None:
        if self._login is None:  # closing has forgotten it
            return
        now = asyncio.get_running_loop().time()
        try:
            # Half of what is left of the manual login's time: the other half is for its local data.
            async with self._until(now + (self._manual_ends - now) / 2):
                await self._keeping.save(self._login)
        except TimeoutError:
            self._keeping.note_silence()

    async def _clear(self, cause: Cause) -> None:
        account = self._login.account if self._login is not None else self._keeping.permit.account
        await self._keeping.revoke(Revocation(cause, self._clock(), account))

    async def _call_hook(self, hook: Callable[..., Awaitable[None] | None] | None, *args: str) -> None:
        if hook is None:
            return
        ends = asyncio.get_running_loop().time() + self.options.local_data_timeout
        pending = self._manual is not None and not self._manual.done()
        async with self._until(min(ends, self._manual_ends) if pending else ends):
            await _awaited(hook(*args))

    @contextlib.asynccontextmanager
    async def _until(self, ends: float) -> AsyncIterator[None]:
        """A step that closing cuts short."""
        if self._closing is not None:
            ends = min(ends, asyncio.get_running_loop().time() + self.options.close_timeout / 2)
        try:
            async with asyncio.timeout_at(ends) as self._step:
                yield
        finally:
            self._step = None


def _cancel(login: asyncio.Future[effects.LoginResult] | None) -> None:
    """Every login ends, also by the end of the service; nothing is saved of one that ends so."""
    if login is not None and not login.done():
        login.set_result(effects.LoginResult(ok=False, code=Code.CANCELLED))


def _look_at(call: asyncio.Future[Any]) -> None:
    """A caller that was cancelled does not look at what became of its call, and asyncio would complain."""
    if not call.cancelled():
        call.exception()


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def _failure(account: str, result: effects.LoginResult) -> LoginFailed:
    if result.reason is None:
        message = f"the login of {account!r} was cancelled; log in again when it is wanted"
        return LoginCancelled(message, reason=Reason.UNKNOWN, code=result.code, text=result.text)
    said = f": {result.text}" if result.text else ""
    message = f"the login of {account!r} failed: {ADVICE[result.reason]} (code {result.code}){said}"
    return LoginFailed(message, reason=result.reason, code=result.code, text=result.text)
