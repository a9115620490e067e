"""Accounts and token checks: who may log in, with which token, how often, and from which device."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from attrs import Factory, define, field

from ..vocabulary.logins import AuthType, LoginInfo, account_name
from ..vocabulary.reasons import Code, Reason
from ..vocabulary.states import Attempt
from .policy import Device, Policy
from .protocol import Limits, Login, Refused

MAX_DEVICES: Final = 100
"""Devices remembered for each account."""
MAX_NAMES: Final = 4096
"""Names, of accounts or not, whose login attempts are remembered."""
MAX_TTL: Final = 86_400
"""Longest life of a dynamic token, in seconds."""

Verifier: TypeAlias = Callable[[str, str, str], Awaitable[bool]]
"""The app's own server: given account, token and `login_ext`, is this login right?"""

_log = logging.getLogger(__name__)


def _digest(token: str, salt: bytes) -> bytes:
    # A fast hash on purpose: a slow one (scrypt) is for passwords that people make up, and would let anybody keep the
    # event loop busy by logging in. The salt keeps equal tokens from looking alike.
    return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), salt=salt, digest_size=32).digest()


def _in_bounds(made: int, ttl: int) -> bool:
    # NIM's form signs its fields one after the other with nothing between them, so any string of digits can be split
    # anew. Where curTime has 13 digits (until the year 2286), curTime and ttl have one split only, and a ttl of a day
    # at most has room for few digits of an account name that ends in some (docs/protocol.md tells what remains).
    return 10**12 <= made < 10**13 and 0 < ttl <= MAX_TTL


def _signature(app_key: str, account: str, made: int, ttl: int, secret: str) -> str:
    text = f"{app_key}{account}{made}{ttl}{secret}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # NIM's documented form


def dynamic_token(app_key: str, account: str, secret: str, *, now: float, ttl: int = 600) -> str:
    """A dynamic token in NIM's documented form, as an app's own server makes it.

    `secret` is the app's secret; the token is valid from `now` (seconds since the epoch) for `ttl` seconds. Raises
    ValueError for an account, a time or a ttl that no server would take.
    """
    made = int(now * 1000)
    if not _in_bounds(made, ttl):
        raise ValueError(f"no server takes a token of this time or ttl; give the time in seconds, and 1 to {MAX_TTL} s")
    signature = _signature(app_key, account_name(account), made, ttl, secret)
    return base64.b64encode(json.dumps({"signature": signature, "curTime": made, "ttl": ttl}).encode()).decode()


@define
class _Attempts:
    """The login attempts under one name."""

    _times: deque[float] = field(factory=deque)
    locked_until: float = 0.0

    def count(self, now: float, limits: Limits) -> None:
        """Count one. Raises Refused (416) when there are too many, for the length of the penalty."""
        while self._times and self._times[0] <= now - limits.login_window:
            self._times.popleft()
        if now >= self.locked_until and len(self._times) >= limits.logins_per_window:
            self._times.clear()
            self.locked_until = now + limits.login_penalty
        if now < self.locked_until:
            wait = self.locked_until - now
            raise Refused(Code.TOO_FREQUENT, f"too many logins of this account; wait {wait:.0f} s before the next one")
        self._times.append(now)


@define
class Account:
    """One account and what the server remembers of it."""

    name: str
    _salt: bytes = field(factory=lambda: secrets.token_bytes(16), repr=False)
    _token: bytes = field(default=b"", repr=False)
    """The digest of its static token; empty, it has none."""
    banned: bool = False
    devices: dict[str, Device] = field(factory=dict, repr=False)
    """Every device that logged in, the last one last (R12)."""
    _forgot: bool = False
    """Some device is remembered no more."""

    def set_token(self, token: str) -> None:
        self._token = _digest(token, self._salt)

    def has_token(self, token: str) -> bool:
        """Compared in constant time."""
        return hmac.compare_digest(self._token, _digest(token, self._salt))

    def check_device(self, device: Device, policy: Policy) -> None:
        """R12. Raises Refused (417) when another device logged in last in the place of this one.

        Where clients may be side by side, each place has its own last device. Where none ever logged in (the server may
        have been restarted), nobody can have taken the place. Where the last one may be among those forgotten, nobody
        can show to be it.
        """
        place = policy.place(device)
        last = next((d for d in reversed(self.devices.values()) if policy.place(d) == place), None)
        if self._forgot if last is None else last.device_id != device.device_id:
            text = "another device logged in to this account since; log in by hand to take its place"
            raise Refused(Code.DISPLACED, text, Reason.DISPLACED)

    def logged_in(self, device: Device) -> None:
        """Remember that this device logged in last."""
        self.devices.pop(device.device_id, None)
        self.devices[device.device_id] = device
        if len(self.devices) > MAX_DEVICES:
            del self.devices[next(iter(self.devices))]
            self._forgot = True


@define
class Accounts:
    """Every account of the server, and the checks that a login must pass.

    Dynamic logins are enabled by giving the app's `secret`, third-party logins by giving `verify`.
    """

    app_key: str
    limits: Limits
    monotonic: Callable[[], float]
    """Seconds, for the count of attempts."""
    wall: Callable[[], float]
    """Seconds since the epoch, for the expiry of dynamic tokens."""
    _secret: str | None = field(default=None, alias="secret", repr=False)
    _verify: Verifier | None = field(default=None, alias="verify", repr=False)
    _accounts: dict[str, Account] = field(factory=dict, repr=False)
    _attempts: OrderedDict[str, _Attempts] = field(factory=OrderedDict, repr=False)
    """By name, the latest last. Of names that are no account's as well: else a 416 would tell which are."""
    _nobody: Account = field(default=Factory(lambda: Account("")), repr=False)

    def get(self, name: str) -> Account:
        """Raises LookupError when there is no such account, ValueError for a name that is out of bounds."""
        account = self._accounts.get(account_name(name))
        if account is None:
            raise LookupError("there is no such account; give it a token first")
        return account

    def add(self, name: str) -> Account:
        """The account of this name, made if it is new. Raises ValueError for a name that is out of bounds."""
        name = account_name(name)
        return self._accounts.setdefault(name, Account(name))

    def lock_out(self, name: str) -> None:
        """Refuse the account's logins for the length of the penalty. Raises LookupError."""
        self._attempts_of(self.get(name).name).locked_until = self.monotonic() + self.limits.login_penalty

    def _attempts_of(self, name: str) -> _Attempts:
        attempts = self._attempts.setdefault(name, _Attempts())
        self._attempts.move_to_end(name)
        if len(self._attempts) > MAX_NAMES:
            self._attempts.popitem(last=False)
        return attempts

    async def authenticate(self, login: Login) -> Account:
        """The account that this login is right for. Raises Refused.

        An unknown account costs the same work, is counted the same and gets the same answer as a wrong token: nobody
        learns which names exist.
        """
        info = login.login
        if not hmac.compare_digest(login.app_key.encode(), self.app_key.encode()):
            raise _mismatch()
        self._attempts_of(info.account).count(self.monotonic(), self.limits)
        account = self._accounts.get(info.account)
        right = await self._right(info, account or self._nobody)
        if account is None or not right:
            raise _mismatch()
        if account.banned:
            raise Refused(Code.FORBIDDEN, "this account is banned; ask its operator")
        return account

    async def _right(self, info: LoginInfo, account: Account) -> bool:
        match info.auth_type:
            case AuthType.STATIC:
                return account.has_token(info.token)
            case AuthType.DYNAMIC if self._secret is not None:
                return self._dynamic(info, self._secret)
            case AuthType.THIRD_PARTY if self._verify is not None:
                try:
                    return await self._verify(info.account, info.token, info.login_ext) is True
                except Exception as exc:  # the app's own code; its words could hold the token, so only the type is told
                    _log.error("the third-party verifier failed with %s; the login is refused", type(exc).__name__)
                    raise Refused(Code.UNAVAILABLE, "the login cannot be checked now; try again later") from None
        raise Refused(403, "this way of logging in is not enabled here; use another auth_type")

    def _dynamic(self, info: LoginInfo, secret: str) -> bool:
        try:
            token = json.loads(base64.b64decode(info.token, validate=True))
        except (ValueError, RecursionError):
            return False
        match token:
            case {"signature": str(signature), "curTime": int(made), "ttl": int(ttl)} if _in_bounds(made, ttl):
                expected = _signature(self.app_key, info.account, made, ttl, secret)
                age = self.wall() - made / 1000
                # In constant time whatever the age is, and the age is told to nobody.
                genuine = hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode())
                return genuine and -self.limits.clock_skew <= age < ttl
        return False


def _mismatch() -> Refused:
    return Refused(Code.CREDENTIALS, "the app key, the account and the token do not match; check them and log in again")


def check_attempt(login: Login, account: Account, policy: Policy) -> None:
    """R12: a manual or forced login is not checked. Raises Refused (417)."""
    if login.attempt is not Attempt.MANUAL and not login.forced:
        account.check_device(login.device, policy)
