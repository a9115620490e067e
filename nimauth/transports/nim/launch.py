"""How Node is started so that it ends with the program that started it, and how it is killed.

The end of its input ends the child, and so does its own watchdog (watchdog.mjs). Where Linux has util-linux's setpriv,
the kernel kills it, which holds even for a child that is stopped.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from .setup import is_shortage

BRIDGE: Final = Path(__file__).with_name("bridge.mjs")

_PASSED_ON: Final = ("SYSTEMROOT", "TEMP", "TMP", "NODE_EXTRA_CA_CERTS")
"""All that the child gets of our environment. Not PATH, HOME or NODE_OPTIONS, and no proxy."""


def command(node: str) -> tuple[str, ...]:
    """What starts this Node with the bridge, and tells it who its host is."""
    return (*_dies_with_us(), node, str(BRIDGE), str(os.getpid()))


def options() -> dict[str, Any]:
    """The rest of what `subprocess.Popen` is to be told, but for the pipes."""
    # Away from the terminal's process group: Ctrl-C is for us. And a group of its own can be killed as a whole.
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {"cwd": BRIDGE.parent, "env": environment, **group}


def kill(pid: int) -> None:
    """Kill the child that was started so, and what it has started. Raises OSError when it is gone already.

    To be called only while the child is not reaped: after that the number may be somebody else's.
    """
    if sys.platform == "win32":
        os.kill(pid, signal.SIGTERM)
    else:
        os.killpg(pid, signal.SIGKILL)


@functools.cache
def _dies_with_us() -> tuple[str, ...]:
    """The command before the command that has Linux kill the child when we die; nothing where there is none.

    To the kernel "we" are the thread that starts it. That is the event loop's, without which the child is of no use.
    Raises OSError for a shortage: then nothing can be started now.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        return ()
    wrapper = (setpriv, "--pdeathsig", "KILL")
    # Busybox has a setpriv that cannot do this, and so had util-linux before 2.33.
    try:
        subprocess.run((*wrapper, "true"), capture_output=True, timeout=5, check=True)  # noqa: S603
    except OSError as error:
        if is_shortage(error):
            raise  # an answer for now, which is not to be kept
        return ()
    except subprocess.SubprocessError:
        return ()
    return wrapper
