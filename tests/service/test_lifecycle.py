"""The rules, on a whole service: what the host sees, what is sent, what is kept."""

from __future__ import annotations

import asyncio
import errno

import pytest
from attrs import evolve

from nimauth.errors import IllegalState, LoginFailed
from nimauth.service import AuthService
from nimauth.stores.memory import Shelf
from nimauth.transports.base import LinkFailed, SyncFinished
from nimauth.vocabulary.logins import AuthType, LoginInfo
from nimauth.vocabulary.reasons import Cause, Reason
from nimauth.vocabulary.rules import Rule
from nimauth.vocabulary.states import ONLINE, State

from .host import OPTIONS, TOKEN, A, B, Host, now, settle, virtual
from .world import NEVER, Plan, World, refused, unreachable


async def saved_login(shelf: Shelf, login: LoginInfo = A) -> None:
    """What an earlier run of the app leaves behind."""
    async with Host(shelf=shelf) as host:
        await host.online(login)


@virtual
async def test_r10_nothing_can_be_asked_before_initialize() -> None:
    auth = AuthService(World())
    for ask in (lambda: auth.auth_status, lambda: auth.online_clients, auth.foreground):
        with pytest.raises(IllegalState, match="R10"):
            ask()
    for call in (auth.login(A), auth.logout()):
        with pytest.raises(IllegalState, match="R10"):
            await call
    await auth.aclose()


@virtual
async def test_a_manual_login_goes_through_the_documented_statuses() -> None:
    async with Host() as host:
        await host.online()
        assert host.statuses == ["unLogin", "connecting", "logging", "loggedIn", "dataSyncStart", "dataSyncFinish"]
        assert host.world.said == ["login a manual"]


@virtual
async def test_r6_success_is_saved_before_the_caller_hears_of_it() -> None:
    async with Host() as host:
        await host.start()
        await host.auth.login(A)
        assert host.shelf.permit.account == "a"
        assert host.shelf.login == A
        assert host.state in ONLINE


@pytest.mark.parametrize(
    ("code", "state", "cause"),
    [
        (302, State.PWD_ERROR, Cause.CREDENTIALS),
        (102404, State.PWD_ERROR, Cause.CREDENTIALS),
        (403, State.FORBIDDEN, Cause.FORBIDDEN),
        (422, State.FORBIDDEN, Cause.FORBIDDEN),
        (417, State.KICK_OUT, Cause.DISPLACED),
        (201, State.VERSION_ERROR, Cause.VERSION),
        (414, State.UN_LOGIN, Cause.FAILED),
        (503, State.UN_LOGIN, Cause.FAILED),
        (987654, State.UN_LOGIN, Cause.FAILED),
    ],
)
@virtual
async def test_r6_a_manual_login_that_fails_leaves_nothing(code: int, state: State, cause: Cause) -> None:
    shelf = Shelf()
    await saved_login(shelf, B)
    async with Host(World([refused(code, "the server's words")]), shelf) as host:
        await host.start(auto_login=False)
        with pytest.raises(LoginFailed) as failed:
            await host.auth.login(A)
        assert (failed.value.code, failed.value.text) == (code, "the server's words")
        assert shelf.login is None
        assert shelf.permit.account is None
        assert shelf.permit.revocation is not None
        assert (shelf.permit.revocation.cause, shelf.permit.revocation.at) == (cause, 1000.0)
        assert host.state is state
        assert host.auth.auth_status.value.must_log_in
        assert TOKEN not in f"{failed.value} {failed.value!r} {host.auth.auth_status.value}"


@virtual
async def test_r7_a_manual_login_is_tried_once() -> None:
    for plan in (unreachable(), refused(503), Plan(open_after=NEVER), Plan(answer_after=NEVER)):
        async with Host(World([plan])) as host:
            await host.start()
            with pytest.raises(LoginFailed):
                await host.auth.login(A)
            await asyncio.sleep(1000)
            assert len(host.world.opened_at) == 1
            assert host.state is State.UN_LOGIN


@virtual
async def test_r8_auto_login_keeps_trying_with_growing_back_off_until_it_succeeds() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    world = World([unreachable(), refused(503), refused(987654), Plan(answer_after=NEVER), *[unreachable()] * 5])
    async with Host(world, shelf) as host:
        began = now()
        await host.start()
        await host.until(State.DATA_SYNC_FINISH)
        gaps = [later - earlier for earlier, later in zip(world.opened_at, world.opened_at[1:], strict=False)]
        assert gaps == [2, 4, 8, 16 + 10, 32, 60, 60, 60, 60]  # the fifth waited out the answer's time-out
        assert world.opened_at[0] == began
        assert set(host.states) == {
            *("connecting", "logging", "waiting", "logged_in", "data_sync_start", "data_sync_finish")
        }
        assert world.said[-1] == "login a auto"


@virtual
async def test_back_off_has_full_jitter() -> None:
    asked: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        asked.append((low, high))
        return 0.0

    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([unreachable()] * 3), shelf, jitter=jitter) as host:
        await host.start()
        await host.until(State.LOGGED_IN)
    assert asked == [(0, 2), (0, 4), (0, 8)]


@virtual
async def test_r9_auto_login_opens_local_data_at_once_and_without_a_network() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([Plan(open_after=NEVER)]), shelf) as host:
        assert await host.start() is None
        assert host.local == ["open a"]
        assert host.state is State.CONNECTING


@virtual
async def test_r9_a_manual_login_opens_local_data_when_it_succeeds() -> None:
    async with Host(World([refused(302), Plan()])) as host:
        await host.start()
        with pytest.raises(LoginFailed):
            await host.auth.login(A)
        assert host.local == []
        await host.auth.login(A)
        assert host.local == ["open a"]
        host.world.end(Reason.DISPLACED)
        await host.until(State.KICK_OUT)
        assert host.local == ["open a"]
        await host.auth.login(B)
        assert host.local == ["open a", "close", "open b"]
        await host.auth.logout()
        assert host.local[3:] == ["close"]


@pytest.mark.parametrize(
    ("reason", "state", "rule"),
    [
        (Reason.DISPLACED, State.KICK_OUT, Rule.R4),
        (Reason.KICKED_BY_SERVER, State.KICK_OUT, Rule.R4),
        (Reason.KICKED_BY_CLIENT, State.KICK_OUT_BY_OTHER_CLIENT, Rule.R4),
        (Reason.FORBIDDEN, State.FORBIDDEN, Rule.R4),
        (Reason.CREDENTIALS, State.PWD_ERROR, Rule.R4),
        (Reason.VERSION, State.VERSION_ERROR, Rule.R5),
        (Reason.DATA_UPGRADE, State.DATA_UPGRADE, Rule.R4),
    ],
)
@virtual
async def test_r4_r5_a_verdict_ends_the_session_and_voids_auto_login_also_after_a_restart(
    reason: Reason, state: State, rule: Rule
) -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        await host.online()
        host.world.end(reason, text="told so")
        event = await host.until(state)
        assert (event.reason, event.text, event.account) == (reason, "told so", "a")
        assert event.must_log_in
        assert shelf.login is None
        await asyncio.sleep(1000)
        assert len(host.world.links) == 1
    async with Host(shelf=shelf) as host:
        refusal = await host.start()
        assert refusal.rule is rule
        assert refusal.revocation.at == 1000.0
        assert host.world.opened_at == []
        await host.auth.login(A)
    async with Host(shelf=shelf) as host:
        assert await host.start() is None
        await host.until(State.LOGGED_IN)


@virtual
async def test_r1_r2_auto_login_needs_an_earlier_success_of_that_very_account() -> None:
    shelf = Shelf()
    async with Host(shelf=shelf) as host:
        assert (await host.start(A)).rule is Rule.R2
    await saved_login(shelf)
    async with Host(shelf=shelf) as host:
        assert (await host.start(B)).rule is Rule.R1
    async with Host(shelf=shelf) as host:
        assert await host.start(A) is None


@virtual
async def test_r3_a_failed_manual_login_forbids_auto_login_whatever_succeeded_before() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([unreachable()]), shelf) as host:
        await host.start(auto_login=False)
        with pytest.raises(LoginFailed):
            await host.auth.login(A)
    async with Host(shelf=shelf) as host:
        assert (await host.start()).rule is Rule.R3


@virtual
async def test_r3_a_process_that_dies_while_logging_in_leaves_nothing_valid() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([Plan(open_after=NEVER)]), shelf) as host:
        await host.start(auto_login=False)
        login = asyncio.ensure_future(host.auth.login(A))
        await settle()
        shelf.holder = None  # the process is gone; what is on the shelf is all that is left
        permit, secret = shelf.permit, shelf.login
        login.cancel()
        await asyncio.wait({login})
    assert secret is None
    assert permit.revocation is not None
    assert permit.revocation.cause is Cause.LOGIN_STARTED


@virtual
async def test_r11_a_strict_profile_has_no_auto_login_on_windows_and_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = evolve(OPTIONS, strict_nim=True)
    for platform, wanted in (("win32", Rule.R11), ("darwin", Rule.R11), ("linux", None)):
        monkeypatch.setattr("sys.platform", platform)
        for options, expected in ((strict, wanted), (OPTIONS, None)):
            shelf = Shelf()
            await saved_login(shelf)
            async with Host(shelf=shelf, options=options) as host:
                refusal = await host.start()
                assert (refusal and refusal.rule) is expected


@virtual
async def test_r12_the_device_and_the_attempt_are_told_to_the_server() -> None:
    shelf = Shelf()
    options = evolve(OPTIONS, device_id=None, forced=True)
    for attempt in ("manual", "auto"):
        async with Host(shelf=shelf, options=options) as host:
            await host.start()
            if attempt == "manual":
                await host.auth.login(A)
            await host.until(State.DATA_SYNC_FINISH)
            request = host.world.link.request
            assert request is not None
            assert (request.attempt, request.device_id, request.forced) == (attempt, shelf.device_id, True)
            assert TOKEN not in repr(request)


@virtual
async def test_r13_logout_clears_and_counts_even_when_the_server_cannot_be_told() -> None:
    shelf = Shelf()
    async with Host(World([Plan(logout_after=NEVER, close_after=NEVER)]), shelf) as host:
        await host.online()
        began = now()
        await host.auth.logout()
        assert now() - began == 2 * OPTIONS.close_timeout
        assert host.state is State.UN_LOGIN
        assert shelf.login is None
        assert host.local == ["open a", "close"]
    async with Host(shelf=shelf) as host:
        assert (await host.start()).rule is Rule.R13
        await host.auth.logout()  # allowed everywhere


@virtual
async def test_r14_sync_may_finish_without_a_start_and_run_again() -> None:
    async with Host(World([Plan(then=(SyncFinished(),))])) as host:
        await host.online()
        assert host.statuses[-2:] == ["loggedIn", "dataSyncFinish"]


@virtual
async def test_r15_a_resume_that_fails_for_good_says_that_a_login_is_needed() -> None:
    async with Host(World([Plan(), refused(404)])) as host:
        await host.online()
        host.world.cut()
        event = await host.until(State.UN_LOGIN)
        assert event.must_log_in
        assert event.code == 404
        await asyncio.sleep(1000)
        assert len(host.world.links) == 2


@virtual
async def test_a_cut_link_is_resumed_and_synced_again() -> None:
    async with Host() as host:
        await host.online()
        host.world.cut()
        waiting = await host.until(State.WAITING)
        assert (waiting.status, waiting.retry_in, waiting.must_log_in, waiting.will_retry) == (
            "unLogin",
            2,
            False,
            True,
        )
        await host.until(State.DATA_SYNC_FINISH)
        assert host.world.said == ["login a manual", "login a resume"]
        assert host.statuses[5:] == [
            *("dataSyncFinish", "unLogin", "connecting", "logging", "loggedIn", "dataSyncStart", "dataSyncFinish")
        ]


@virtual
async def test_a_lost_network_shows_and_its_return_reconnects_at_once() -> None:
    async with Host() as host:
        await host.online()
        host.auth.network_changed(False)
        await host.until(State.NET_BROKEN)
        host.auth.network_changed(True)
        await settle()
        assert host.state is State.DATA_SYNC_FINISH
        assert now() == 0


@virtual
async def test_the_foreground_reconnects_at_once_and_resets_the_back_off() -> None:
    async with Host(World([Plan(), *[unreachable()] * 5, Plan()])) as host:
        await host.online()
        host.world.cut()
        await asyncio.sleep(2 + 4 + 8 + 1)
        began = now()
        host.auth.foreground()
        await settle()
        assert host.world.opened_at[-1] == began
        await host.until(State.LOGGED_IN)
        assert [at - began for at in host.world.opened_at[-2:]] == [2, 2 + 4]


@virtual
async def test_a_failed_connect_that_says_network_unreachable_is_a_hint() -> None:
    no_network = LinkFailed(Reason.NET, 415)
    no_network.__cause__ = OSError(errno.ENETUNREACH, "Network is unreachable")
    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([Plan(open_fails=no_network), Plan(), unreachable()]), shelf) as host:
        await host.start()
        await host.until(State.NET_BROKEN)
        await host.until(State.DATA_SYNC_FINISH)
        host.world.cut()  # a link was opened since, so there is a network again
        await host.until(State.WAITING)


@virtual
async def test_416_waits_out_its_minute_whatever_the_hints_say() -> None:
    shelf = Shelf()
    await saved_login(shelf)
    async with Host(World([refused(416), Plan()]), shelf) as host:
        await host.start()
        await host.until(State.WAITING)
        for second in range(0, 58, 2):
            host.auth.foreground()
            host.auth.network_changed(second % 4 == 2)
            await asyncio.sleep(2)
        assert len(host.world.opened_at) == 1
        assert host.state is State.NET_BROKEN
        host.auth.network_changed(True)
        await host.until(State.LOGGED_IN)
        assert host.world.opened_at[1] - host.world.opened_at[0] >= 60
        host.world.cut()
        await host.until(State.WAITING)  # and not net_broken: what was said in that minute is not lost


@virtual
async def test_a_manual_login_has_45_seconds_in_all() -> None:
    slow = evolve(OPTIONS, open_timeout=40.0, logging_timeout=40.0)
    async with Host(World([Plan(open_after=30, answer_after=NEVER)]), options=slow) as host:
        await host.start()
        with pytest.raises(LoginFailed, match="408"):
            await host.auth.login(A)
        assert now() == 45
        assert host.state is State.UN_LOGIN


class Thorough(World):
    """A transport that connects while it logs in."""

    login_timeout = 30.0


@virtual
async def test_a_login_is_waited_for_as_long_as_its_transport_needs_unless_the_host_says_how_long() -> None:
    short = evolve(OPTIONS, logging_timeout=5.0)
    for world, options, waited in (
        (World(), OPTIONS, 10),
        (World(), short, 5),
        (Thorough(), OPTIONS, 31),
        (Thorough(), short, 5),
    ):
        world.plans = [Plan(answer_after=NEVER), Plan(answer_after=waited - 1.5)]
        async with Host(world, options=options) as host:
            await host.start()
            begun = now()
            with pytest.raises(LoginFailed, match="408"):
                await host.auth.login(A)
            assert now() - begun == waited
            await host.auth.login(A)


@virtual
async def test_what_a_transport_says_of_its_own_time_out_comes_before_the_sessions() -> None:
    slow = Plan(answer_after=Thorough.login_timeout, refuse=LinkFailed(Reason.NET, 192002, "nobody answers"))
    async with Host(Thorough([slow])) as host:
        await host.start()
        with pytest.raises(LoginFailed, match="nobody answers") as failed:
            await host.auth.login(A)
        assert failed.value.code == 192002


@virtual
async def test_the_dynamic_token_is_asked_for_at_every_attempt() -> None:
    asked: list[str] = []

    async def provider(account: str) -> str:
        asked.append(account)
        return f"token {len(asked)}"

    login = LoginInfo("a", auth_type=AuthType.DYNAMIC)
    async with Host(World([Plan(), unreachable(), Plan()]), dynamic_token_provider=provider) as host:
        await host.online(login)
        host.world.cut()
        await asyncio.sleep(100)
        tokens = [link.request.login.token for link in host.world.links if link.request]
        assert tokens == ["token 1", "token 2"]
        assert asked == ["a", "a"]
        assert host.shelf.login == login


@pytest.mark.parametrize(
    ("answer", "code", "again"),
    [
        ("", 414, False),
        (None, 414, False),
        (7, 414, False),
        ("x" * 5000, 414, False),
        (ValueError("sesame"), 191003, True),
    ],
)
@virtual
async def test_a_token_provider_that_fails(answer: object, code: int, again: bool) -> None:
    def provider(_: str) -> str:
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]  # pyright: ignore[reportReturnType]

    login = LoginInfo("a", auth_type=AuthType.DYNAMIC)
    async with Host(dynamic_token_provider=provider) as host:
        await host.start()
        with pytest.raises(LoginFailed) as failed:
            await host.auth.login(login)
        assert failed.value.code == code
        assert "sesame" not in str(failed.value)
    shelf = Shelf()
    async with Host(shelf=shelf, dynamic_token_provider=lambda _: "good") as host:
        await host.online(login)
    async with Host(shelf=shelf, dynamic_token_provider=provider) as host:
        await host.start()
        await asyncio.sleep(100)
        assert (len(host.world.opened_at) > 1) == again


@virtual
async def test_a_token_provider_that_hangs_is_given_up() -> None:
    async def provider(_: str) -> str:
        await asyncio.sleep(NEVER)
        return ""

    async with Host(dynamic_token_provider=provider) as host:
        await host.start()
        with pytest.raises(LoginFailed, match="191003"):
            await host.auth.login(LoginInfo("a", auth_type=AuthType.DYNAMIC))
        assert now() == OPTIONS.token_timeout


@virtual
async def test_a_dynamic_login_without_a_provider_fails_with_what_to_do() -> None:
    async with Host() as host:
        await host.start()
        with pytest.raises(LoginFailed, match="414"):
            await host.auth.login(LoginInfo("a", auth_type=AuthType.DYNAMIC))
