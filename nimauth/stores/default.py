"""Which store a host gets that names none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from .backends import Backend, MemoryBackend, choose_backend, store_error
from .keyring import Deadlines, KeyringStore
from .worker import Worker

_log = logging.getLogger(__name__)


async def default_store(
    app: str,
    *,
    profile: str = "default",
    directory: Path | None = None,
    deadlines: Deadlines | None = None,
    on_notice: Callable[[str], object] | None = None,
) -> tuple[KeyringStore, str | None]:
    """A store over the OS keyring or, where none may be used, over memory; then with a sentence that says why.

    The sentence is logged, too. A store over memory still claims the permit on disk and voids it with the first login,
    so what an earlier run saved in a keyring cannot come back to life when the keyring does.
    """
    deadlines = deadlines or Deadlines()
    backend, notice = await _choose(deadlines.answer)
    if notice is not None:
        _log.warning("%s", notice)
    store = KeyringStore(
        app, profile=profile, backend=backend, directory=directory, deadlines=deadlines, on_notice=on_notice
    )
    return store, notice


async def _choose(deadline: float) -> tuple[Backend, str | None]:
    def choose() -> Backend | str:
        try:
            return choose_backend()
        except Exception as error:
            return str(store_error(error))

    worker = Worker("nimauth-choose")
    choice = worker.submit(choose)
    worker.close()
    await asyncio.wait({choice}, timeout=deadline)
    found = choice.result() if choice.done() else f"no OS keyring answered in {deadline:g} s"
    if isinstance(found, str):
        return MemoryBackend(), f"logins are kept in memory only, until the program ends: {found}"
    return found, None
