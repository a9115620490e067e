"""A store in a process of its own, which does as it is told line by line, and dies at the n-th thing it writes.

This is the child's side; process.py has the other. Nothing here is for use in a process that is to live on.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from attrs import define

from ...errors import StoreError
from ...vocabulary.logins import Revocation
from ...vocabulary.reasons import Cause
from .stage import SECRETS, from_json, shown_in_locals, to_json

if TYPE_CHECKING:
    from ...stores.base import CredentialStore
    from .bench import StoreBench

Json = dict[str, Any]

DIED: Final = 86
"""The exit status of a child that died as it was told."""

_FOR_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_AUDITED: Final = frozenset(
    {
        *("os.chmod", "os.link", "os.mkdir", "os.remove", "os.removexattr", "os.rename", "os.rmdir", "os.setxattr"),
        *("os.symlink", "os.truncate", "os.utime", "os.posix_spawn", "os.system", "subprocess.Popen"),
        *("socket.connect", "socket.sendmsg", "socket.sendto", "sqlite3.connect"),
        *("winreg.CreateKey", "winreg.DeleteKey", "winreg.DeleteValue", "winreg.SetValue"),
    }
)
"""What Python's audit events tell of; beside it `open`, for writing."""
_CALLED: Final = frozenset(
    {
        *("close", "flush", "fdatasync", "fsync", "pwrite", "pwritev", "sendfile", "truncate", "write", "writelines"),
        *("writev", "send", "sendall", "sendmsg", "sendto", "commit", "execute", "executemany", "executescript"),
    }
)
"""What they do not tell of, by the name of the function in C."""
_CALLED_IN: Final = ("posix", "nt", "_io", "_socket", "socket", "_ssl", "ssl", "sqlite3", "mmap")


@define
class Fuse:
    """Counts what a program does to the outside, and ends it just before the n-th of these things."""

    end: Callable[[], None]
    count: int = 0
    dies_at: int | None = None
    armed: bool = False
    """Counts only while it is armed."""

    def step(self) -> None:
        """One thing is about to be done."""
        if self.armed:
            self.count += 1
            if self.dies_at is not None and self.count >= self.dies_at:
                self.end()

    def listen(self) -> None:
        """Hear of all that this process does from now on, in this thread and in new ones. It cannot be undone."""
        sys.addaudithook(self._audit)
        sys.setprofile(self._profile)
        threading.setprofile(self._profile)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _AUDITED or (event == "open" and isinstance(args[2], int) and args[2] & _FOR_WRITING):
            self.step()

    def _profile(self, frame: Any, event: str, called: Any) -> None:
        if event == "c_call" and self.armed and getattr(called, "__name__", "") in _CALLED:
            of = getattr(called, "__self__", None)
            module = getattr(called, "__module__", None) or type(of).__module__
            # Closing a descriptor writes nothing, closing a file may. A loop wakes itself by a byte on a socket.
            counts = module == "_io" if called.__name__ == "close" else module in _CALLED_IN
            if counts and f"{os.sep}asyncio{os.sep}" not in frame.f_code.co_filename:
                self.step()


def suite_at(location: Json) -> type[StoreBench]:
    """The suite's class. Raises ImportError or AttributeError when it cannot be found."""
    module: Any = None
    if location["module"] != "__main__":
        with contextlib.suppress(ImportError):
            module = importlib.import_module(location["module"])
    if module is None:  # a script, or a test file that is in no package
        spec = importlib.util.spec_from_file_location("suite_of_stores", location["file"])
        if spec is None or spec.loader is None:
            raise ImportError(f"no module in {location['file']}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    for name in location["name"].split("."):
        module = getattr(module, name)
    return module  # type: ignore[no-any-return]


def live(suite: type[StoreBench], reader: BinaryIO, writer: BinaryIO) -> None:
    """Obey one order after the other until there are no more."""
    setting = json.loads(reader.readline())
    os.environ.clear()
    os.environ.update(setting["environment"])
    os.chdir(setting["directory"])
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.dont_write_bytecode = True  # that, too, is written
    with asyncio.Runner() as runner:
        runner.run(_obey(suite, Path(setting["home"]), reader, writer))


async def _obey(suite: type[StoreBench], home: Path, reader: BinaryIO, writer: BinaryIO) -> None:
    fuse = Fuse(end=lambda: os._exit(DIED))
    fuse.listen()
    store: CredentialStore | None = None
    while line := await asyncio.to_thread(reader.readline):
        order = json.loads(line)
        try:
            if order["do"] == "die":
                fuse.count, fuse.dies_at = 0, order["at"]
                answer: Json = {"value": None}
            elif order["do"] == "count":
                answer = {"value": fuse.count}
            elif order["do"] == "fill the disk":
                _fill_the_disk()
                answer = {"value": None}
            else:
                if store is None:
                    store = suite().store(home)
                fuse.armed = True
                answer = {"value": await _call(store, order)}
        except Exception as error:
            answer = _told(error)
        finally:
            fuse.armed = False
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.flush()


async def _call(store: CredentialStore, order: Json) -> Any:
    match order:
        case {"do": "open"}:
            return (await store.open()).account
        case {"do": "device_id"}:
            return await store.device_id()
        case {"do": "load", "account": account}:
            return to_json(await store.load(account))
        case {"do": "save", "login": login}:
            return await store.save(from_json(login))
        case {"do": "revoke", "cause": cause}:
            return await store.revoke(Revocation(Cause(cause), 1234.5, order["account"]))
        case {"do": "close"}:
            return await store.close()
        case _:
            raise LookupError(f"no such order: {order['do']}")


def _told(error: Exception) -> Json:
    shown = "in itself" if SECRETS.shown_by(error) else shown_in_locals(error)
    return {
        "error": type(error).__name__,
        "kinds": [kind.__name__ for kind in type(error).__mro__],
        "ours": isinstance(error, StoreError),
        "shown": shown,
        "text": "" if shown else str(error),
    }


def _fill_the_disk() -> None:
    """From now on no file of this process grows: the nearest to a full disk that needs no disk."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


# -- how children come to be -------------------------------------------------------------------------------------------


def main(how: str) -> None:
    """What the child's command runs: be one child on standard input and output, or fork a child for each request."""
    if how != "one":
        serve(socket.socket(fileno=int(how)))
        return
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    location = json.loads(reader.readline())
    try:
        suite = suite_at(location)
    except Exception as error:
        writer.write(_refused(error))
        writer.flush()
        return
    writer.write(b'{"pid":0}\n')
    writer.flush()
    live(suite, reader, writer)


def serve(requests: socket.socket) -> None:
    """Fork a child for each request, over the two descriptors that come with it. Ends with the one who asks.

    Importing a suite takes a few tenths of a second and forking some thousandths, and a suite has hundreds of children.
    """
    children: set[int] = set()
    try:
        while True:
            request, descriptors, _, _ = socket.recv_fds(requests, 65536, 2)
            if not request:
                return
            content: Json = json.loads(request)
            if "end" in content:
                _end(content["end"])
                children.discard(content["end"])
                answer = b"{}\n"
            else:
                answer = _fork(content, descriptors, requests, children)
            requests.sendall(answer)
    finally:
        for child in children:
            _end(child)


def _fork(location: Json, descriptors: list[int], requests: socket.socket, children: set[int]) -> bytes:
    try:
        sys.path[:] = location["path"]
        suite = suite_at(location)
    except Exception as error:
        return _refused(error)
    else:
        child = os.fork()
        if child == 0:
            try:
                requests.close()
                with os.fdopen(descriptors[0], "rb") as reader, os.fdopen(descriptors[1], "wb") as writer:
                    live(suite, reader, writer)
            finally:
                os._exit(0)
        children.add(child)
        return json.dumps({"pid": child}).encode() + b"\n"
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _end(child: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(child, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.waitpid(child, 0)


def _refused(error: Exception) -> bytes:
    return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n"
