"""A correct store in four files, plain enough to break in every way. (It keeps tokens in plain text: use a keyring.)"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from nimauth.errors import StoreError, StoreInUse, StoreUnavailable
from nimauth.vocabulary.logins import AuthType, LoginInfo, Permit, Revocation, account_name
from nimauth.vocabulary.reasons import Cause

T = TypeVar("T")
Json = dict[str, Any]


class FileStore:
    """`permit` says who may be logged in, `secret` is the login, `device` the id, `lock` whose turn it is."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lock = FileLock(home / "lock", thread_local=False)
        self.turn = asyncio.Lock()
        self.state = "not open"

    async def open(self) -> Permit:
        self.not_closed()
        await pause()
        async with self.turn:
            self.not_closed()
            self.claim()
            return self.permit()

    async def device_id(self) -> str:
        return await self.call(self.device)

    async def load(self, account: str) -> LoginInfo:
        return await self.call(lambda: self.login_of(account_name(account)))

    async def save(self, login: LoginInfo) -> None:
        self.must_be_open()
        started = Revocation(Cause.LOGIN_STARTED, time.time(), login.account)
        try:
            async with self.turn:
                await self.steps(lambda: self.void(started), lambda: self.put_secret(login), lambda: self.allow(login))
        except BaseException:
            self.undo(started)
            raise

    async def revoke(self, revocation: Revocation) -> None:
        self.not_closed()
        async with self.turn:
            self.claim()
            await self.steps(lambda: self.void(revocation), self.forget)

    async def close(self) -> None:
        self.state = "closed"
        self.lock.release()

    # -- what the calls are made of ------------------------------------------------------------------------------------

    async def call(self, job: Callable[[], T]) -> T:
        self.must_be_open()
        async with self.turn:
            await pause()
            self.must_be_open()
            return job()

    async def steps(self, *jobs: Callable[[], object]) -> None:
        for job in jobs:
            await pause()
            self.not_closed()
            job()

    def not_closed(self) -> None:
        if self.state == "closed":
            raise StoreUnavailable("this store is closed; make a new one")

    def must_be_open(self) -> None:
        self.not_closed()
        if self.state != "open":
            raise StoreUnavailable("this store is not open; await its open() first")

    def claim(self) -> None:
        if self.state == "open":
            return
        try:
            attempt(lambda: self.lock.acquire(timeout=0))
        except Timeout:
            raise StoreInUse("another process uses this login; close it there") from None
        self.state = "open"

    def permit(self) -> Permit:
        return permit_of(self.get("permit"))

    def void(self, revocation: Revocation) -> None:
        """Two ways, as a disk may be full."""
        why = {"cause": revocation.cause, "at": revocation.at, "of": revocation.account}
        try:
            self.put("permit", lambda: {"account": None, "why": why})
        except StoreError:
            self.remove("permit")

    def undo(self, started: Revocation) -> None:
        if self.state == "open":
            self.void(started)

    def allow(self, login: LoginInfo) -> None:
        self.put("permit", lambda: {"account": login.account, "why": None})

    def put_secret(self, login: LoginInfo) -> None:
        self.put("secret", lambda: {"login": fields_of(login)})

    def forget(self) -> None:
        with contextlib.suppress(StoreError):  # it is void all the same
            self.remove("secret")

    def login_of(self, account: str) -> LoginInfo:
        login = login_from(self.get("secret"))
        if self.permit().account != account or login is None or login.account != account:
            raise StoreUnavailable(f"no login of {account!r} is saved here; log in by hand")
        return login

    def device(self) -> str:
        known = self.get("device").get("id")
        if not isinstance(known, str) or not known:
            known = secrets.token_hex(16)
            self.put("device", lambda: {"id": known})
        return known

    # -- files ---------------------------------------------------------------------------------------------------------

    def get(self, name: str) -> Json:
        """What the file says; nothing when it is missing or damaged."""
        return attempt(lambda: read(self.home / name))

    def put(self, name: str, content: Callable[[], Json]) -> None:
        """The content is made where its frame is gone before an error is raised: it may be the secret."""
        new = self.home / f"{name}.new"
        attempt(lambda: new.write_text(json.dumps(content()), encoding="ascii"))
        attempt(lambda: os.replace(new, self.home / name))

    def remove(self, name: str) -> None:
        attempt(lambda: (self.home / name).unlink(missing_ok=True))
        attempt(lambda: os.stat(self.home))  # with its directory gone, it may come back together with it


def pause() -> Awaitable[None]:
    """A store that waits for nothing lets others have their turn all the same."""
    return asyncio.sleep(0)


def attempt(job: Callable[[], T]) -> T:
    """An error of the disk as ours, made anew: the old one's traceback has the secret in it."""
    outcome: T | StoreError
    try:
        outcome = job()
    except Timeout:
        raise
    except OSError as error:
        outcome = StoreUnavailable(f"the directory of the login cannot be used ({error.strerror}); see to it")
    if isinstance(outcome, StoreError):
        raise outcome
    return outcome


def read(path: Path) -> Json:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(65_536))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def permit_of(content: Json) -> Permit:
    match content:
        case {"account": str(account), "why": None}:
            return Permit(account)
        case {"why": {"cause": str(cause), "at": float(at), "of": None | str() as of}} if cause in set(Cause):
            return Permit(None, Revocation(Cause(cause), at, of))
        case _:
            return Permit()


def fields_of(login: LoginInfo) -> Json:
    names = ("account", "token", "auth_type", "login_ext", "custom_client_type")
    return {name: getattr(login, name) for name in names}


def login_from(content: Json) -> LoginInfo | None:
    try:
        return LoginInfo(**{**content["login"], "auth_type": AuthType(content["login"]["auth_type"])})
    except (LookupError, TypeError, ValueError):
        return None
