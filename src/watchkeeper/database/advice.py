"""What to do about an incident, best first. Pure."""

from __future__ import annotations

import re
from typing import assert_never

from watchkeeper.model.incidents import IncidentKind, Party, Role

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


def advise(kind: IncidentKind, parties: tuple[Party, ...], relation: str = "") -> tuple[str, ...]:
    """Steps in the order in which they help: what ends it now, what ends the next one, what takes the cause away."""
    holder = next((each for each in parties if each.role is Role.HOLDER), None)
    waiter = next((each for each in parties if each.role in (Role.WAITER, Role.BOTH)), None)
    guard = _guard(waiter or holder)
    match kind:
        case IncidentKind.CYCLE:
            return (
                "the server ends one of them after deadlock_timeout; the other goes on",
                "take the locks in one order in both places: SELECT ... FOR UPDATE of all rows first, sorted",
                "let the loser try again: its error is 40P01",
            )
        case IncidentKind.SELF_DEADLOCK:
            return (
                *_cancel(waiter, "its transaction rolls back, and the error rolls back the outer one: no half is kept"),
                "do both writes over one connection: hand the session on instead of opening a second one",
                guard,
                "not idle_in_transaction_session_timeout alone: it keeps the inner half and loses the outer one",
            )
        case IncidentKind.POOL:
            return (
                "take no second connection while one is held: hand the session on",
                "let waiting for the pool end sooner (SQLAlchemy: pool_timeout), so that callers fail and let go",
                "a larger pool only moves the number of callers at which it happens",
            )
        case IncidentKind.DDL_QUEUE:
            change = next((each for each in parties if each.role in (Role.WAITER, Role.BOTH)), None)
            return (
                *_cancel(change, "everybody behind it goes on at once; run it again when the cause is over"),
                *_end(holder),
                "run schema changes with a lock_timeout: SET LOCAL lock_timeout = '2s', and try again",
            )
        case IncidentKind.IDLE_HOLDER:
            return (
                *_end(holder),
                guard,
                "end transactions before work that is none of the database's: a request over the network, a queue",
            )
        case IncidentKind.LONG_TRANSACTION:
            return (
                *_end(holder),
                "make it smaller: commit in batches, and read reports from a replica",
                _guard(holder),
            )
        case IncidentKind.LOCK_WAIT:
            at = f" of {relation}" if relation else ""
            return (f"see what the holder does with its locks{at}, and commit sooner", guard)
        case IncidentKind.LOST_UPDATE:
            return ("write with the version that was read: UPDATE ... WHERE id = ... AND version = ...",)
        case _:
            assert_never(kind)


def _cancel(party: Party | None, what_then: str) -> tuple[str, ...]:
    return (f"SELECT pg_cancel_backend({party.backend}); -- {what_then}",) if party and party.backend else ()


def _end(holder: Party | None) -> tuple[str, ...]:
    if holder is None:
        return ()
    if holder.backend == 0:
        return ("SELECT gid, prepared FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED",)
    return (f"SELECT pg_terminate_backend({holder.backend}); -- ends the holder, and rolls its transaction back",)


def _guard(party: Party | None) -> str:
    user = party.user if party else ""
    role = "ROLE" if not user else user if _NAME.fullmatch(user) else '"' + user.replace('"', '""') + '"'
    return f"ALTER ROLE {role} SET lock_timeout = '5s'; -- a wait ends with error 55P03 instead of never"
