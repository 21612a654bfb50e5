"""What to do about an incident, best first. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import assert_never

import msgspec

from watchkeeper.database.sighting import Engine
from watchkeeper.model.incidents import IncidentKind, Party, Role

_NAME = re.compile(r"[a-z_][a-z0-9_]*")


class _Dialect(msgspec.Struct, frozen=True):
    """How one kind of server is told things."""

    cancel: str
    end: str
    prepared: str
    guard: Callable[[str], str]
    broken: str
    again: str
    halves: str
    schema_change: str


def advise(
    kind: IncidentKind, parties: tuple[Party, ...], relation: str = "", engine: Engine = Engine.POSTGRESQL
) -> tuple[str, ...]:
    """Steps in the order in which they help: what ends it now, what ends the next one, what takes the cause away."""
    say = _DIALECTS[engine]
    holder = next((each for each in parties if each.role is Role.HOLDER), None)
    waiter = next((each for each in parties if each.role in (Role.WAITER, Role.BOTH)), None)
    guard = _guard(waiter or holder, say)
    match kind:
        case IncidentKind.CYCLE:
            return (
                say.broken,
                "take the locks in one order in both places: SELECT ... FOR UPDATE of all rows first, sorted",
                say.again,
            )
        case IncidentKind.SELF_DEADLOCK:
            return (
                *_cancel(
                    waiter, "its transaction rolls back, and the error rolls back the outer one: no half is kept", say
                ),
                "do both writes over one connection: hand the session on instead of opening a second one",
                guard,
                say.halves,
            )
        case IncidentKind.POOL:
            return (
                "take no second connection while one is held: hand the session on",
                "let waiting for the pool end sooner (SQLAlchemy: pool_timeout), so that callers fail and let go",
                "a larger pool only moves the number of callers at which it happens",
            )
        case IncidentKind.DDL_QUEUE:
            return (
                *_cancel(waiter, "everybody behind it goes on at once; run it again when the cause is over", say),
                *_end(holder, say),
                say.schema_change,
            )
        case IncidentKind.IDLE_HOLDER:
            return (
                *_end(holder, say),
                guard,
                "end transactions before work that is none of the database's: a request over the network, a queue",
            )
        case IncidentKind.LONG_TRANSACTION:
            return (
                *_end(holder, say),
                "make it smaller: commit in batches, and read reports from a replica",
                _guard(holder, say),
            )
        case IncidentKind.LOCK_WAIT:
            at = f" of {relation}" if relation else ""
            return (f"see what the holder does with its locks{at}, and commit sooner", guard)
        case IncidentKind.LOST_UPDATE:
            return ("write with the version that was read: UPDATE ... WHERE id = ... AND version = ...",)
        case _:
            assert_never(kind)


def _cancel(party: Party | None, what_then: str, say: _Dialect) -> tuple[str, ...]:
    return (f"{say.cancel.format(party.backend)} -- {what_then}",) if party and party.backend else ()


def _end(holder: Party | None, say: _Dialect) -> tuple[str, ...]:
    if holder is None:
        return ()
    if holder.backend == 0:
        return (say.prepared,)
    return (f"{say.end.format(holder.backend)} -- ends the holder, and rolls its transaction back",)


def _guard(party: Party | None, say: _Dialect) -> str:
    return say.guard(party.user if party else "")


def _guard_role(user: str) -> str:
    role = "ROLE" if not user else user if _NAME.fullmatch(user) else '"' + user.replace('"', '""') + '"'
    return f"ALTER ROLE {role} SET lock_timeout = '5s'; -- a wait ends with error 55P03 instead of never"


def _guard_session(user: str) -> str:
    del user  # MariaDB has no settings of a user
    return (
        "SET SESSION innodb_lock_wait_timeout = 5, lock_wait_timeout = 5, when a connection is opened: a wait ends "
        "with error 1205 after 5 s instead of 50, and of a day for schema changes; then roll back: the server does not"
    )


_DIALECTS: Mapping[Engine, _Dialect] = {
    Engine.POSTGRESQL: _Dialect(
        cancel="SELECT pg_cancel_backend({});",
        end="SELECT pg_terminate_backend({});",
        prepared="SELECT gid, prepared FROM pg_prepared_xacts; then COMMIT PREPARED or ROLLBACK PREPARED",
        guard=_guard_role,
        broken="the server ends one of them after deadlock_timeout; the other goes on",
        again="let the loser try again: its error is 40P01",
        halves="not idle_in_transaction_session_timeout alone: it keeps the inner half and loses the outer one",
        schema_change="run schema changes with a lock_timeout: SET LOCAL lock_timeout = '2s', and try again",
    ),
    Engine.MARIADB: _Dialect(
        cancel="KILL QUERY {};",
        end="KILL {};",
        prepared="XA RECOVER; then XA COMMIT or XA ROLLBACK",
        guard=_guard_session,
        broken="the server ends one of them at once; the other goes on",
        again="let the loser try again: its error is 1213",
        halves="not idle_transaction_timeout alone: it keeps the inner half and loses the outer one",
        schema_change="run schema changes with a limit: ALTER TABLE ... WAIT 2 ..., and try again",
    ),
}
