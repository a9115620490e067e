"""The service from any thread: nothing of the host's blocks it, and it blocks nothing of the host's for ever."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

import pytest

from nimauth import BlockingAuthService, IllegalState, LoginFailed, LoginInfo, MemoryStore
from nimauth.service import StatusEvent
from nimauth.vocabulary.logins import AuthType
from nimauth.vocabulary.rules import Rule
from nimauth.vocabulary.states import AuthStatus

from .world import NEVER, Plan, World, refused

DEADLINE = 30.0
"""Seconds for anything at all: it happens far sooner, unless something hangs."""
ONLINE = ["connecting", "logging", "loggedIn", "dataSyncStart", "dataSyncFinish"]


class Heard:
    """Listens, and lets a test wait for a status."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[StatusEvent] = queue.SimpleQueue()
        self.threads: set[str] = set()

    def __call__(self, event: StatusEvent) -> None:
        self.threads.add(threading.current_thread().name)
        self.events.put(event)

    def until(self, status: AuthStatus) -> list[str]:
        told: list[str] = []
        while not told or told[-1] != status:
            told.append(self.events.get(timeout=DEADLINE).status.value)
        return told


def service(*plans: Plan, **options: Any) -> BlockingAuthService:
    return BlockingAuthService(World(plans=list(plans)), MemoryStore(), **options)


def test_a_host_without_an_event_loop_logs_in_listens_and_logs_out() -> None:
    heard = Heard()
    with service() as auth:
        refusal = auth.initialize().result(DEADLINE)
        assert refusal is not None
        assert refusal.rule is Rule.R2
        auth.listen(heard)
        auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
        assert heard.until(AuthStatus.DATA_SYNC_FINISH) == ["unLogin", *ONLINE]
        assert auth.auth_status.status is AuthStatus.DATA_SYNC_FINISH
        assert auth.online_clients == ()
        auth.network_changed(True)
        auth.foreground()
        auth.logout().result(DEADLINE)
        assert heard.until(AuthStatus.UN_LOGIN) == ["unLogin"]
    assert heard.threads == {"nimauth-listeners"}


def test_a_failed_login_raises_from_its_future() -> None:
    with service(refused(302, "no such token")) as auth:
        auth.initialize().result(DEADLINE)
        with pytest.raises(LoginFailed, match="no such token") as failed:
            auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
        assert failed.value.code == 302


def test_R7_to_cancel_the_future_is_to_cancel_the_login() -> None:
    heard = Heard()
    with service(Plan(answer_after=NEVER)) as auth:
        auth.initialize().result(DEADLINE)
        auth.listen(heard)
        login = auth.login(LoginInfo("a", "sesame"))
        heard.until(AuthStatus.LOGGING)
        assert login.cancel()
        assert heard.until(AuthStatus.UN_LOGIN) == ["unLogin"]
        with pytest.raises(CancelledError):
            login.result(DEADLINE)


def test_a_listener_may_wait_for_the_service() -> None:
    done = threading.Event()

    def log_out(event: StatusEvent) -> None:
        if event.status is AuthStatus.DATA_SYNC_FINISH:
            auth.logout().result(DEADLINE)
            done.set()

    with service() as auth:
        auth.initialize().result(DEADLINE)
        auth.listen(log_out)
        auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
        assert done.wait(DEADLINE)
        assert auth.auth_status.status is AuthStatus.UN_LOGIN


def test_after_the_end_its_listeners_have_heard_everything() -> None:
    heard: list[str] = []
    last = threading.Event()

    def slow(event: StatusEvent) -> None:
        if event.status is AuthStatus.LOGGED_IN:
            last.wait(0.1)  # as long as a listener may well need
        heard.append(event.status)

    with service() as auth:
        auth.initialize().result(DEADLINE)
        auth.listen(slow)
        auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
        auth.logout().result(DEADLINE)
    assert heard[-1] == "unLogin"


def test_a_listener_may_end_the_service() -> None:
    ended = threading.Event()

    def end(event: StatusEvent) -> None:
        if event.status is AuthStatus.LOGGED_IN:
            auth.close()
            ended.set()

    auth = service()
    auth.start()
    auth.initialize().result(DEADLINE)
    auth.listen(end)
    with suppress(LoginFailed):  # it may be cut short
        auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
    assert ended.wait(DEADLINE)


def test_a_listener_that_raises_hears_the_next_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()

    def stumbles(event: StatusEvent) -> None:
        heard(event)
        raise RuntimeError("a host's own fault")

    with service() as auth:
        auth.initialize().result(DEADLINE)
        auth.listen(stumbles)
        auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
        assert heard.until(AuthStatus.DATA_SYNC_FINISH) == ["unLogin", *ONLINE]
    assert "a listener raised" in caplog.text


def test_what_has_ended_listening_hears_nothing_more() -> None:
    early, late = Heard(), Heard()
    with service() as auth:
        auth.initialize().result(DEADLINE)
        end = auth.listen(early)
        early.until(AuthStatus.UN_LOGIN)
        end()
        auth.listen(late)
        auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
        late.until(AuthStatus.DATA_SYNC_FINISH)
    assert early.events.empty()
    end()  # after the end of all it does no harm


def test_a_host_has_its_listeners_called_where_it_wants() -> None:
    """As in tkinter: a queue that the main loop empties."""
    calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    heard: list[str] = []
    with service(deliver=calls.put) as auth:
        auth.initialize().result(DEADLINE)
        auth.listen(lambda event: heard.append(f"{event.status} {threading.current_thread() is me}"))
        me = threading.current_thread()
        auth.login(LoginInfo("a", "sesame")).result(DEADLINE)
        while len(heard) < 1 + len(ONLINE):
            calls.get(timeout=DEADLINE)()
    assert heard == [f"{status} True" for status in ("unLogin", *ONLINE)]


def test_hooks_may_block_without_anybody_waiting_for_them_but_the_login() -> None:
    asked, answer = threading.Event(), threading.Event()
    opened: list[str] = []

    def provider(account: str) -> str:
        asked.set()
        answer.wait(DEADLINE)
        return f"token of {account}"

    with service(dynamic_token_provider=provider, open_local_data=opened.append) as auth:
        auth.initialize().result(DEADLINE)
        login = auth.login(LoginInfo("a", "", AuthType.DYNAMIC))
        assert asked.wait(DEADLINE)
        assert auth.auth_status.status is AuthStatus.LOGGING
        auth.foreground()  # is heard: the loop is free
        assert not login.done()
        answer.set()
        login.result(DEADLINE)
    assert opened == ["a"]


def test_R10_before_and_after_its_time_each_call_is_refused_in_a_sentence() -> None:
    auth = service()
    with pytest.raises(IllegalState, match="not running; use it inside `with`"):
        auth.initialize()
    with auth:
        with pytest.raises(IllegalState, match="not initialized"):
            auth.listen(print)
        with pytest.raises(IllegalState, match="not initialized"):
            _ = auth.auth_status
        with pytest.raises(IllegalState, match="started before"):
            auth.start()
    auth.close()
    with pytest.raises(IllegalState, match="not running"):
        auth.logout()
    with pytest.raises(IllegalState, match="started before"):
        auth.start()


def test_its_own_thread_cannot_wait_for_itself() -> None:
    refused: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def deliver(call: Callable[[], None]) -> None:
        try:
            auth.foreground()
        except IllegalState as error:
            refused.put(error)

    with service(deliver=deliver) as auth:
        auth.initialize().result(DEADLINE)
        auth.listen(print)
        assert "would wait for itself" in str(refused.get(timeout=DEADLINE))


def test_when_it_is_closed_no_thread_is_left() -> None:
    before, heard = set(threading.enumerate()), Heard()
    with service(Plan(answer_after=NEVER), open_local_data=lambda _: None) as auth:
        auth.initialize().result(DEADLINE)
        auth.listen(heard)
        login = auth.login(LoginInfo("a", "sesame"))
        heard.until(AuthStatus.LOGGING)
        threads = set(threading.enumerate()) - before
    with pytest.raises(LoginFailed):
        login.result(DEADLINE)
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_an_app_that_never_closes_it_ends_all_the_same() -> None:
    program = (
        "from nimauth import BlockingAuthService, LoginInfo, MemoryStore\n"
        "from tests.service.world import World\n"
        "auth = BlockingAuthService(World(), MemoryStore())\n"
        "auth.start()\n"
        "auth.initialize().result()\n"
        "auth.listen(lambda event: None)\n"
        "auth.login(LoginInfo('a', 't')).result()\n"
        "print(auth.auth_status.status >= '')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr
