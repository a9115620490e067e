"""The contract of a store, clause by clause: nimauth/stores/base.py and docs/stores.md in sentences to test."""

from __future__ import annotations

from typing import Final

from ..clauses import Clause

NOBODY: Final = Clause("S1", "where nothing was ever saved, open gives Permit() and load raises StoreError")
KEPT: Final = Clause(
    "S2", "what save returned from is what load gives and open permits, now and at the next start (R6)"
)
LAST: Final = Clause("S3", "only the account saved last is permitted, and only with the login saved last (R1, R2)")
VOID: Final = Clause(
    "S4", "once revoke has returned, nothing that was saved before it loads, in this store or a later one (R3-R5, R13)"
)
WHY: Final = Clause("S5", "the next open tells of the last revocation: its cause, its time and its account")
ILL: Final = Clause(
    "S6",
    "revoke voids what it can also where open failed, was cancelled or was never called; it may be repeated, and "
    "raises StoreError where the login may still be valid",
)
DEVICE: Final = Clause("S7", "the device id is made at first use and is the same ever after (R12)")
DIED_IN_SAVE: Final = Clause(
    "S8",
    "whenever the process dies in save, the next start permits what was valid before, the new login or nobody, and "
    "loads what it permits",
)
DIED_IN_REVOKE: Final = Clause(
    "S9",
    "whenever the process dies in revoke, the next start permits what was valid before or nobody, and loads what it "
    "permits",
)
NOT_SAVED: Final = Clause("S10", "when save raises or is cancelled, nobody is permitted, in this store or a later one")
CANCELLED: Final = Clause(
    "S11",
    "a call that is cancelled ends as cancelled and leaves a store that works: made again, it does what it does; a "
    "cancelled close has given the store up",
)
REOPENED: Final = Clause("S12", "open may be repeated, and tells what holds now")
CLOSED: Final = Clause(
    "S13",
    "close may be repeated, also where open was never called; what is saved stays; a closed store refuses every other "
    "call, and one that was never opened all but open and revoke",
)
EXCLUSIVE: Final = Clause(
    "S14",
    "of the stores with one home, in one process or several, one is open: open of any other raises StoreInUse and "
    "changes nothing",
)
FREED: Final = Clause("S15", "a store that was closed, or whose process has died, is in nobody's way")
AT_ONCE: Final = Clause(
    "S16",
    "calls made at the same time leave what one order of them would leave, and no load gives what a revoke has voided "
    "that returned before it",
)
APART: Final = Clause(
    "S17", "an account is kept exactly and told apart from every other, or refused with ValueRefused; it is no path"
)
WHOLE: Final = Clause(
    "S18", "a login is kept whole or refused with ValueRefused, and only those that `may_refuse` names are refused"
)
DAMAGED: Final = Clause(
    "S19", "what is damaged, foreign or missing leads to StoreError or permits nobody, never to a login nobody saved"
)
OUT_OF_REACH: Final = Clause(
    "S20", "where the home is full, read-only or gone, a call raises StoreError or has done what it promises"
)
ERRORS: Final = Clause(
    "S21", "a call raises nothing but StoreError, in one sentence, and gives what its signature says"
)
SECRECY: Final = Clause(
    "S22", "token and login_ext are in no repr, log record or error, nor in the locals of an error's traceback"
)
BOUNDED: Final = Clause("S23", "every call ends in time, and nothing blocks the event loop for good")
NOTHING_LEFT: Final = Clause("S24", "a closed store leaves nothing behind: no task, thread, open file or complaint")

CLAUSES: Final = (
    *(NOBODY, KEPT, LAST, VOID, WHY, ILL, DEVICE, DIED_IN_SAVE, DIED_IN_REVOKE, NOT_SAVED, CANCELLED, REOPENED),
    *(CLOSED, EXCLUSIVE, FREED, AT_ONCE, APART, WHOLE, DAMAGED, OUT_OF_REACH, ERRORS, SECRECY, BOUNDED, NOTHING_LEFT),
)
"""All of them. docs/stores.md lists the same."""
