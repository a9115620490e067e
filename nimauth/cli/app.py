"""The app that `nimauth demo` starts again and again: a host client, driven by JSON lines.

It reads `{"do": "start", "auto_login": true}`, `{"do": "login", "account": …, "token": …}`, `{"do": "saved"}`,
`{"do": "logout"}` and `{"do": "end"}`, and tells what happens in JSON lines of its own. The end of input ends it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from ..errors import LoginFailed, NimAuthError
from ..server.command import standard_input
from ..service import AuthService, SDKOptions, StatusEvent
from ..stores.keyring import KeyringStore
from ..stores.memory import MemoryStore, Shelf
from ..stores.permit import peek
from ..transports.websocket import WebSocketTransport
from ..vocabulary.logins import LoginInfo

NAME = "nimauth-demo"

OPTIONS = SDKOptions(backoff_base=1.0, backoff_cap=2.0)
"""A demo has little time, so it tries again sooner than an app would."""


class App:
    """One process; in memory mode it also outlives its own restarts, which a memory cannot."""

    def __init__(self, url: str, profile: str, directory: Path | None) -> None:
        self._url = url
        self._profile = profile
        self._directory = directory
        self._shelf = Shelf()
        self._auth: AuthService | None = None

    async def run(self) -> None:
        reader = standard_input()
        try:
            while line := await reader.readline():
                message = json.loads(line)
                await getattr(self, f"do_{message['do']}")(message)
        finally:
            await self.do_end({})

    async def do_start(self, message: dict[str, Any]) -> None:
        store = (
            KeyringStore(NAME, profile=self._profile, directory=self._directory)
            if self._directory is not None
            else MemoryStore(self._shelf)
        )
        self._auth = AuthService(
            WebSocketTransport(self._url),
            store,
            OPTIONS,
            open_local_data=lambda account: tell("local_data", account=account),
            close_local_data=lambda: tell("local_data", account=None),
        )
        try:
            refusal = await self._auth.initialize(message["auto_login"])
        except NimAuthError as error:
            tell("failed", text=str(error))
            return
        rule = refusal.rule.value if refusal is not None and refusal.rule is not None else None
        tell("started", pid=os.getpid(), refused=refusal and str(refusal), rule=rule)
        self._auth.auth_status.listen(_tell_status)

    async def do_login(self, message: dict[str, Any]) -> None:
        assert self._auth is not None
        try:
            await self._auth.login(LoginInfo(message["account"], message["token"]))
        except LoginFailed as failed:
            tell("login", ok=False, code=failed.code, text=str(failed))
        else:
            tell("login", ok=True, code=200, text=str(self._auth.store_error or ""))

    async def do_logout(self, _: dict[str, Any]) -> None:
        assert self._auth is not None
        await self._auth.logout()
        tell("logged_out")

    async def do_saved(self, _: dict[str, Any]) -> None:
        in_keyring = self._directory is not None
        permit = peek(NAME, directory=self._directory) if in_keyring else self._shelf.permit
        tell("saved", account=permit.account)

    async def do_end(self, _: dict[str, Any]) -> None:
        if self._auth is not None:
            await self._auth.aclose()
            self._auth = None
            tell("ended")


def _tell_status(event: StatusEvent) -> None:
    reason = event.reason.value if event.reason is not None else None
    tell(
        "status",
        status=event.status.value,
        reason=reason,
        code=event.code,
        retry_in=event.retry_in,
        session=event.session.to_dict(),
    )


def tell(event: str, **details: Any) -> None:
    """One line of what happens."""
    print(json.dumps({"event": event, **details}), flush=True)


if __name__ == "__main__":
    _, url, profile, directory = sys.argv
    asyncio.run(App(url, profile, Path(directory) if directory else None).run())
