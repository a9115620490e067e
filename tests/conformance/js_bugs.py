"""Bugs that real apps have, as edits of examples/client.mjs: the conformance tests must find each of them."""

from __future__ import annotations

from attrs import frozen


@frozen
class Bug:
    """One edit, and what it breaks: a rule (R1 to R15), or one of what always holds (H1 to H8)."""

    name: str
    rule: str
    old: str
    """Occurs exactly once in the client."""
    new: str


def with_bug(source: str, bug: Bug) -> str:
    """The client with the bug. A bug that no longer fits the client raises ValueError, or nobody would notice."""
    if (count := source.count(bug.old)) != 1:
        raise ValueError(
            f"the old text of the bug {bug.name} occurs {count} times in the client, and must once; edit the bug"
        )
    return source.replace(bug.old, bug.new)


_BUGS = (
    Bug(
        "logs in an account that was not the last",
        "R1",
        """    if (this.#allowed !== autoLogin.account) return this.#app.autoLoginRefused("R1");
""",
        "",
    ),
    Bug(
        "logs in again after being kicked while online",
        "R4",
        """    const pending = this.#loginPending;
    this.#app.closeLink();
""",
        """    const pending = this.#loginPending;
    if (this.#online && reason === "kicked_by_server") return this.#lost(code);
    this.#app.closeLink();
""",
    ),
    Bug(
        "saves after telling",
        "R6",
        """    if (manual) this.#saveLogin();
    if (this.#dataOf === null) this.#openData(this.#login.account);
    if (manual) this.#app.loginResult(true, OK);
""",
        """    if (manual) this.#app.loginResult(true, OK);
    if (manual) this.#saveLogin();
    if (this.#dataOf === null) this.#openData(this.#login.account);
""",
    ),
    Bug(
        "tries a person's login again when the network was lost while logging",
        "R7",
        """    if (this.#trying || this.#online) return this.#lost(NO_NETWORK);
""",
        """    if (this.state === "logging") this.#attempt = "auto";
    if (this.#trying || this.#online) return this.#lost(NO_NETWORK);
""",
    ),
    Bug(
        "loops on a wrong password at auto login",
        "R4",
        """    if (VERDICT_CODES.has(code)) return""",
        """    const autoLogin = this.#trying && this.#attempt === "auto";
    if (autoLogin && VERDICT_CODES.get(code) === "credentials") return this.#lost(code);
    if (VERDICT_CODES.has(code)) return""",
    ),
    Bug(
        "keeps in a global which local data is open, so a new process does not open it",
        "R9",
        """  #dataOf = null; // the account whose local data is open
""",
        """  static open = null;
  get #dataOf() { return LoginClient.open; }
  set #dataOf(account) { LoginClient.open = account; }
""",
    ),
    Bug(
        "leaves the local data of another account open",
        "R9",
        """    if (this.#dataOf !== null && this.#dataOf !== login.account) this.#closeData();
""",
        "",
    ),
    Bug(
        "comes back as an auto login, not as a resume, if the link was lost and not the network",
        "R8",
        """    this.#lost(NO_NETWORK);
  }

  /** The transport""",
        """    if (this.#online) this.#attempt = "auto";
    this.#lost(NO_NETWORK);
  }

  /** The transport""",
    ),
    Bug(
        "leaves the retry armed at logout",
        "R13",
        """    this.#disarmRetry();
    this.#forbidAutoLogin("logged_out", "R13");
""",
        """    this.#forbidAutoLogin("logged_out", "R13");
""",
    ),
    Bug(
        "finishes only the first sync",
        "R14",
        """    if (!this.#online || this.state === "data_sync_finish") return this.#app.dropped();
""",
        """    if (!this.#online || this.synced) return this.#app.dropped();
    this.synced = true;
""",
    ),
    Bug(
        "tells twice how a login ended when the logout comes while it is logging",
        "H3",
        """    if (pending) this.#app.loginResult(false, CANCELLED);
""",
        """    if (pending) this.#app.loginResult(false, CANCELLED);
    if (pending && this.state === "logging") this.#app.loginResult(false, CANCELLED);
""",
    ),
    Bug(
        "gives up when it has to reconnect for the second time",
        "R8",
        """    this.#app.closeLink();
    this.#armRetry();
""",
        """    this.#app.closeLink();
    this.losses = (this.losses ?? 0) + 1;
    if (this.losses === 2) return this.#enter("un_login");
    this.#armRetry();
""",
    ),
)

BUGS: dict[str, Bug] = {bug.name: bug for bug in _BUGS}
"""By name."""
