"""The machine of `machine` by hand: one method per event, with the ifs that it needs and nothing else."""

from __future__ import annotations

from attrs import define

from nimauth.engine import NotAllowed

from .machine import INITIAL, ONLINE, OPENING, Acts


@define(weakref_slot=False, eq=False)
class Transfer(Acts):
    state: str = INITIAL

    def start(self) -> bool:
        if self.state in ("idle", "failed", "closed"):
            self.begin()
            self.link()
            self.state = "connecting"
            return True
        raise NotAllowed("start", self.state, ())

    def connected(self) -> bool:
        return self._move("connected", ("connecting",), "greeting")

    def welcomed(self) -> bool:
        if self.state == "greeting":
            self.settle()
            self.state = "ready"
            return True
        raise NotAllowed("welcomed", self.state, ())

    def upload(self) -> bool:
        return self._move("upload", ("ready",), "sending")

    def download(self) -> bool:
        return self._move("download", ("ready",), "receiving")

    def finish(self) -> bool:
        return self._move("finish", ("sending", "receiving"), "ready")

    def pause(self) -> bool:
        return self._move("pause", ("sending", "receiving"), "paused")

    def resume(self) -> bool:
        return self._move("resume", ("paused",), "ready")

    def drop(self) -> bool:
        if self.state in OPENING and self.is_by_hand():
            self.unlink()
            self.state = "failed"
            return True
        if self.state in OPENING or self.state in ONLINE:
            self.unlink()
            self.state = "waiting"
            return True
        raise NotAllowed("drop", self.state, ())

    def retry(self) -> bool:
        if self.state == "waiting":
            if self.is_patient():
                self.link()
                self.state = "connecting"
                return True
            return False
        raise NotAllowed("retry", self.state, ())

    def net_lost(self) -> bool:
        if self.state == "waiting" or self.state in OPENING or self.state in ONLINE:
            self.state = "offline"
            return True
        raise NotAllowed("net_lost", self.state, ())

    def net_found(self) -> bool:
        if self.state == "offline":
            self.link()
            self.state = "connecting"
            return True
        raise NotAllowed("net_found", self.state, ())

    def refuse(self) -> bool:
        if self.state in OPENING:
            self.unlink()
            self.state = "failed"
            return True
        raise NotAllowed("refuse", self.state, ())

    def ban(self) -> bool:
        if self.state == "greeting" or self.state in ONLINE:
            self.unlink()
            self.state = "banned"
            return True
        raise NotAllowed("ban", self.state, ())

    def close(self) -> bool:
        if self.state != "closed":
            self.state = "closed"
            return True
        raise NotAllowed("close", self.state, ())

    def _move(self, event: str, sources: tuple[str, ...], target: str) -> bool:
        if self.state in sources:
            self.state = target
            return True
        raise NotAllowed(event, self.state, ())
