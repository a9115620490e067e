"""Real servers as unprivileged foreground processes: random ports of 127.0.0.1, a temporary directory each, gone after.

with Prosody() as server:
    server.add_account("a", "token")
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self

import trustme

from .tools import SEARCHED, free_ports, need

_NOBODY: Final = pwd.getpwnam("nobody") if os.getuid() == 0 else None
_USER: Final = _NOBODY.pw_uid if _NOBODY is not None else None
"""Who a server runs as: nobody where the tests run as root, else who they run as."""
_GROUP: Final = _NOBODY.pw_gid if _NOBODY is not None else None
_MORE_GROUPS: Final[list[int] | None] = [] if _NOBODY is not None else None
ADMIN: Final = ("admin", "the-operators-own-token")
DOMAIN: Final = "localhost"


class Server(ABC):
    """One server process and its directory. It can be stopped and started again in place: accounts and ports remain."""

    programs: ClassVar[tuple[str, ...]]
    package: ClassVar[str]
    stop_within: ClassVar[float] = 10.0

    def __init__(self) -> None:
        need(*self.programs, package=self.package)
        self.directory = Path(tempfile.mkdtemp(prefix=f"nimauth-{self.package}-"))
        self.port, self.tls_port, self.mqtt_port, self.mqtt_tls_port, self.http_port = free_ports(5)
        self.authority = trustme.CA()
        # ejabberd sets a timer for the end of a certificate, and cannot for trustme's own choice, the year 3000.
        month = datetime.now(UTC) + timedelta(days=30)
        certificate = self.authority.issue_cert(DOMAIN, "127.0.0.1", not_after=month)
        certificate.private_key_pem.write_to_path(str(self.directory / "key.pem"))
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(str(self.directory / "cert.pem"), append=True)
        (self.directory / "both.pem").write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
        self.authority.cert_pem.write_to_path(str(self.directory / "ca.pem"))
        self._process: subprocess.Popen[bytes] | None = None

    def trusting(self) -> ssl.SSLContext:
        """A client's context that trusts this server alone."""
        return ssl.create_default_context(cadata=self.authority.cert_pem.bytes().decode())

    # -- what each server has of its own -------------------------------------------------------------------------------

    @abstractmethod
    def configure(self) -> None:
        """Write the configuration into the directory."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What to run in the foreground."""

    @abstractmethod
    def add_account(self, name: str, token: str) -> None:
        """From now on this account may log in. For an account that is there, the token changes."""

    def environment(self) -> dict[str, str]:
        """The whole environment: nothing of the tests' own reaches a server."""
        return {"PATH": SEARCHED, "HOME": str(self.directory), "TMPDIR": str(self.directory), "LANG": "C.UTF-8"}

    def ready(self) -> bool:
        """Whether it takes connections."""
        with contextlib.suppress(OSError):
            return all(_listens(port) for port in self.ports())
        return False

    def ports(self) -> Sequence[int]:
        """Those that it listens on."""
        return self.port, self.tls_port

    # -- its life ------------------------------------------------------------------------------------------------------

    def start(self, within: float = 60.0) -> None:
        """Start it, and return when it takes connections."""
        self._give_away()
        log = self.directory / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in pytest is not its Ctrl-C, and what it starts ends with it
                user=_USER,
                group=_GROUP,
                extra_groups=_MORE_GROUPS,
            )
        ends = time.monotonic() + within
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > ends:
                self.stop()
                raise RuntimeError(f"{self.package} does not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        """Send its processes a signal."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.send(signal.SIGKILL)
        self._reap()

    def stop(self) -> None:
        """SIGTERM, even where it is paused; SIGKILL when that does not help."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        self._reap()

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(self.stop_within)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.send(signal.SIGKILL)  # what it started, too
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        try:
            self.configure()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    # -- helpers -------------------------------------------------------------------------------------------------------

    def run(self, *command: str) -> str:
        """Run one of the server's own tools as the server's user. Raises CalledProcessError."""
        self._give_away()
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            user=_USER,
            group=_GROUP,
            extra_groups=_MORE_GROUPS,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr or done.stdout}")
        return done.stdout

    def _give_away(self) -> None:
        """The directory and all in it belong to the server's user."""
        if _USER is not None and _GROUP is not None:
            for path in (self.directory, *self.directory.rglob("*")):
                with contextlib.suppress(FileNotFoundError):  # a running server removes files of its own
                    os.chown(path, _USER, _GROUP, follow_symlinks=False)


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), 0.5):
        return True


def _lines(text: str) -> str:
    return text.strip() + "\n"


# -- Prosody -----------------------------------------------------------------------------------------------------------

_ACCOUNTS_THAT_CAN_BE_DISABLED = """
-- Prosody 0.12 has no word for a disabled account, but its SASL layer has (account-disabled). This says it.
local new_sasl = require "util.sasl".new;
local accounts = module:open_store("accounts");
local provider = {};
function provider.get_password(user) return (accounts:get(user) or {}).password; end
function provider.test_password(user, password) return provider.get_password(user) == password or nil; end
function provider.user_exists(user) return accounts:get(user) ~= nil; end
function provider.users() return accounts:users(); end
function provider.set_password(user, password)
  local account = accounts:get(user) or {};
  account.password = password;
  return accounts:set(user, account);
end
function provider.create_user(user, password) return accounts:set(user, { password = password }); end
function provider.delete_user(user) return accounts:set(user, nil); end
function provider.get_sasl_handler()
  return new_sasl(module.host, { plain = function(_, user)
    local account = accounts:get(user);
    if not account then return "", nil; end
    return account.password, not account.disabled;
  end });
end
module:provides("auth", provider);
"""


class Prosody(Server):
    """XMPP: `port` with STARTTLS offered (and not demanded), `tls_port` with direct TLS."""

    programs = ("prosody", "prosodyctl")
    package = "prosody"

    def configure(self) -> None:
        (self.directory / "data/localhost/accounts").mkdir(parents=True)
        (self.directory / "certs").mkdir()  # or it complains
        (self.directory / "modules").mkdir()
        (self.directory / "modules/mod_auth_testable.lua").write_text(_ACCOUNTS_THAT_CAN_BE_DISABLED)
        tls = f'{{ certificate = "{self.directory}/cert.pem"; key = "{self.directory}/key.pem" }}'
        (self.directory / "prosody.cfg.lua").write_text(
            _lines(f"""
pidfile = "{self.directory}/prosody.pid"
data_path = "{self.directory}/data"
plugin_paths = {{ "{self.directory}/modules" }}
run_as_root = false
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {self.port} }}
c2s_direct_tls_ports = {{ {self.tls_port} }}
c2s_direct_tls_ssl = {tls}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
admin_socket = "{self.directory}/prosody.sock"
admins = {{ "{ADMIN[0]}@{DOMAIN}" }}
modules_enabled = {{
  "roster"; "saslauth"; "tls"; "disco"; "ping"; "admin_shell"; "user_account_management"; "blocklist"
}}
modules_disabled = {{ "s2s"; "offline" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "testable"
conflict_resolve = "kick_old"
limits = {{ }}
log = {{ {{ levels = {{ min = "debug" }}; to = "console" }} }}
ssl = {tls}
VirtualHost "{DOMAIN}"
""")
        )

    def command(self) -> Sequence[str]:
        return "prosody", "-F", "--config", f"{self.directory}/prosody.cfg.lua"

    def add_account(self, name: str, token: str, *, disabled: bool = False) -> None:
        """Written straight into its store, which it reads at each login."""
        more = '\t["disabled"] = true;\n' if disabled else ""
        path = self.directory / f"data/localhost/accounts/{name}.dat"
        path.write_text(f'return {{\n\t["password"] = "{token}";\n{more}}};\n')
        self._give_away()

    def has_account(self, name: str) -> bool:
        """Whether it is in its store."""
        return (self.directory / f"data/localhost/accounts/{name}.dat").exists()

    def shell(self, command: str) -> str:
        """What an operator types into Prosody's shell, such as `c2s:close("a@localhost/phone", "text", "conflict")`."""
        config = f"{self.directory}/prosody.cfg.lua"
        return self.run("prosodyctl", "--config", config, "shell", command)


# -- ejabberd ----------------------------------------------------------------------------------------------------------


MQTT_ACCESS: Final = """\
modules:
  mod_mqtt:
    access_publish: { "im/%u/#": all }
    access_subscribe: { "im/%u/#": all }
"""
"""Each account has its own topics, and nobody else's. docs/mqtt.md shows this."""


class Ejabberd(Server):
    """XMPP on `port` (STARTTLS) and `tls_port`, MQTT 5 on `mqtt_port` and `mqtt_tls_port`, its API on `http_port`.

    ejabberdctl refuses every user but root and ejabberd, and wants epmd; so the VM is run by itself, undistributed.
    """

    programs = ("ejabberdctl", "erl")
    package = "ejabberd"

    def configure(self) -> None:
        for name in ("spool", "logs"):
            (self.directory / name).mkdir()
        (self.directory / "ejabberd.yml").write_text(
            _lines(f"""
loglevel: info
hosts: [{DOMAIN}]
certfiles: ["{self.directory}/both.pem"]
listen:
  - {{ port: {self.port}, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s, max_stanza_size: 262144, starttls: true }}
  - {{ port: {self.tls_port}, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s, max_stanza_size: 262144, tls: true }}
  - {{ port: {self.mqtt_port}, ip: "127.0.0.1", module: mod_mqtt }}
  - {{ port: {self.mqtt_tls_port}, ip: "127.0.0.1", module: mod_mqtt, tls: true }}
  - {{ port: {self.http_port}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {{ /api: mod_http_api }} }}
api_permissions:
  tests: {{ from: [ mod_http_api ], who: {{ access: {{ allow: {{ acl: loopback }} }} }}, what: "*" }}
auth_method: [internal]
auth_password_format: plain
auth_use_cache: false
resource_conflict: closeold
acl:
  loopback: {{ ip: [ 127.0.0.0/8 ] }}
  blocked: {{ user: [ "nobody" ] }}
access_rules: {{ c2s: {{ deny: blocked, allow: all }} }}
{MQTT_ACCESS}
  mod_admin_extra: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
  mod_roster: {{}}
""")
        )

    def command(self) -> Sequence[str]:
        return "erl", "-noinput", "+K", "true", "-mnesia", "dir", f'"{self.directory}/spool"', "-s", "ejabberd"

    def environment(self) -> dict[str, str]:
        libraries = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH') or 'x86_64-linux-gnu'}"
        return super().environment() | {
            "EJABBERD_CONFIG_PATH": f"{self.directory}/ejabberd.yml",
            "EJABBERD_LOG_PATH": f"{self.directory}/logs/ejabberd.log",
            "ERL_LIBS": libraries,
            "ERL_CRASH_DUMP": f"{self.directory}/logs/crash.dump",
        }

    def ports(self) -> Sequence[int]:
        return self.port, self.tls_port, self.mqtt_port, self.mqtt_tls_port, self.http_port

    def api(self, command: str, **arguments: object) -> Any:
        """A command of its HTTP API, such as `api("kick_user", user="a", host="localhost")`. Raises RuntimeError."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http_port}/api/{command}",
            data=json.dumps(arguments).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"ejabberd refuses {command}: {error.read().decode()[:300]}") from None

    def ban(self, name: str) -> None:
        """An account gets another token, and its XMPP sessions are ended."""
        self.api("ban_account", user=name, host=DOMAIN, reason="spam")

    def block(self, name: str) -> None:
        """From now on the access rules deny this account its sessions."""
        path = self.directory / "ejabberd.yml"
        path.write_text(path.read_text().replace('"nobody"', f'"{name}@{DOMAIN}", "nobody"'))
        self.api("reload_config")

    def add_account(self, name: str, token: str) -> None:
        if self.api("check_account", user=name, host=DOMAIN) == 0:
            self.api("change_password", user=name, host=DOMAIN, newpass=token)
        else:
            self.api("register", user=name, host=DOMAIN, password=token)
        self._newest = name.encode(), token.encode()

    def kill(self) -> None:
        """As soon as the newest account is on the disk: it is written with up to two seconds' delay."""
        ends = time.monotonic() + 5.0
        while not self._is_written(*self._newest) and time.monotonic() < ends:
            time.sleep(0.01)
        super().kill()

    _newest: tuple[bytes, bytes] = b"", b""

    def _is_written(self, name: bytes, token: bytes) -> bool:
        written = re.compile(re.escape(name) + rb".{0,100}?" + re.escape(token), re.DOTALL)
        return any(written.search(path.read_bytes()) for path in self.directory.glob("spool/*.[LD]*"))


# -- Mosquitto ---------------------------------------------------------------------------------------------------------


class Mosquitto(Server):
    """MQTT 5 on `port` and, with TLS, on `tls_port`. Its dynamic-security plugin disables, deletes and kicks.

    Retained messages outlive it, as with Debian's own configuration.

    Each account may read and write im/ACCOUNT/#, as `account_may` says.
    """

    programs: ClassVar[tuple[str, ...]] = ("mosquitto", "mosquitto_ctrl")
    package = "mosquitto"
    account_may: ClassVar[tuple[str, ...]] = ("publishClientSend", "publishClientReceive", "subscribePattern")

    def configure(self) -> None:
        self.run("mosquitto_ctrl", "dynsec", "init", f"{self.directory}/dynsec.json", *ADMIN)
        (plugin,) = (*Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"),)[:1] or (Path("none"),)
        (self.directory / "mosquitto.conf").write_text(
            _lines(f"""
per_listener_settings false
allow_anonymous false
plugin {plugin}
plugin_opt_config_file {self.directory}/dynsec.json
persistence true
persistence_location {self.directory}/
log_dest stdout
log_type all
listener {self.port} 127.0.0.1
listener {self.tls_port} 127.0.0.1
certfile {self.directory}/cert.pem
keyfile {self.directory}/key.pem
""")
        )

    def command(self) -> Sequence[str]:
        return "mosquitto", "-c", f"{self.directory}/mosquitto.conf"

    def kill(self) -> None:
        """As soon as all that is retained is on the disk."""
        database = self.directory / "mosquitto.db"
        database.unlink(missing_ok=True)
        self.send(signal.SIGUSR1)  # which has it write it
        ends = time.monotonic() + 5.0
        while not database.exists() and time.monotonic() < ends:
            time.sleep(0.01)
        super().kill()

    def control(self, *command: str) -> str:
        """A command of the dynamic-security plugin, such as `control("disableClient", "a")`."""
        user, token = ADMIN
        tool = ("mosquitto_ctrl", "-h", "127.0.0.1", "-p", str(self.port), "-u", user, "-P", token, "dynsec")
        return self.run(*tool, *command)

    def add_account(self, name: str, token: str) -> None:
        with contextlib.suppress(RuntimeError):  # what is there already is changed below
            self.control("createClient", name, "-p", token)
            self.control("createRole", name)
            for kind in self.account_may:
                self.control("addRoleACL", name, kind, f"im/{name}/#", "allow", "5")
            self.control("addClientRole", name, name, "5")
        self.control("setClientPassword", name, token)


ACL_FILE: Final = """\
pattern readwrite im/%u/#
"""
"""Each account has its own topics, and nobody else's. docs/mqtt.md shows this."""


class MosquittoWithFiles(Mosquitto):
    """Its accounts and their rights stand in files."""

    programs = (*Mosquitto.programs, "mosquitto_passwd")

    def configure(self) -> None:
        (self.directory / "accounts").touch()
        (self.directory / "acl").write_text(ACL_FILE)
        (self.directory / "mosquitto.conf").write_text(
            _lines(f"""
allow_anonymous false
password_file {self.directory}/accounts
acl_file {self.directory}/acl
persistence false
log_dest stdout
log_type all
listener {self.port} 127.0.0.1
""")
        )

    def ports(self) -> Sequence[int]:
        return (self.port,)

    def add_account(self, name: str, token: str) -> None:
        """From its next start on."""
        self.run("mosquitto_passwd", "-b", f"{self.directory}/accounts", name, token)
