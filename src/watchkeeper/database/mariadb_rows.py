"""Rows of a MariaDB server, as a sighting. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from watchkeeper.database.holder_history import Past, find_taking, is_write, names_table
from watchkeeper.database.innodb_status import schema_and_table
from watchkeeper.database.ports import Ages
from watchkeeper.database.sighting import CLIENT, PREPARED, Backend, Sighting, Wants
from watchkeeper.database.tags import split_tag
from watchkeeper.model.ids import Millis

Row = Sequence[Any]
Beginnings = Mapping[tuple[int, int, str], Millis]
"""When a wait was first seen: of a connection, for the statement with this number, for this lock."""

_SCHEMA_CHANGE = re.compile(
    r"\s*(?:alter|drop|truncate|rename|create|optimize|analyze|repair|lock|flush)\b", re.IGNORECASE
)
_WHOLE = frozenset({"MDL_EXCLUSIVE", "MDL_SHARED_NO_WRITE", "MDL_SHARED_NO_READ_WRITE", "MDL_SHARED_READ_ONLY"})
_SECOND = 999  # InnoDB says the second in which a wait began


class Transaction(msgspec.Struct, frozen=True):
    """A row of ``innodb_trx``."""

    number: int
    is_waiting: bool
    started: Millis | None
    wait_started: Millis | None
    requested: str
    connection: int


class Process(msgspec.Struct, frozen=True):
    """A row of ``processlist``. ``since`` is when its statement, or its silence, began."""

    connection: int
    user: str
    client: str
    port: int
    database: str
    command: str
    state: str
    since: Millis
    statement: str
    query: int

    @property
    def is_idle(self) -> bool:
        return self.command == "Sleep"

    @property
    def waits_for_table(self) -> bool:
        return self.state.startswith("Waiting for") and "metadata lock" in self.state


class Rows(msgspec.Struct, frozen=True):
    """Everything that one look has asked. ``history`` has the oldest statement of a connection first."""

    at: Millis
    transactions: tuple[Transaction, ...] = ()
    locks: tuple[Row, ...] = ()  # id, transaction, mode, type, table
    waits: tuple[Row, ...] = ()  # requesting transaction, blocking transaction, blocking lock
    processes: tuple[Process, ...] = ()
    metadata: tuple[Row, ...] = ()  # connection, mode, schema, table
    history: Mapping[int, tuple[Past, ...]] = {}


class _Wait(msgspec.Struct):
    wants: Wants
    lock: str
    blockers: set[int] = msgspec.field(default_factory=set)
    ahead: set[int] = msgspec.field(default_factory=set)
    schema: str = ""


def read_transactions(rows: Iterable[Row]) -> tuple[Transaction, ...]:
    """Rows of ``mariadb_queries.TRANSACTIONS``."""
    return tuple(
        Transaction(int(number), state == "LOCK WAIT", _seconds(started), _seconds(waits), lock or "", int(connection))
        for number, state, started, waits, lock, connection in rows
    )


def read_processes(rows: Iterable[Row]) -> tuple[tuple[Process, ...], Millis]:
    """Rows of ``mariadb_queries.PROCESSES``, and when they were asked for (0: there were none)."""
    found, at = list[Process](), 0.0
    for connection, user, host, database, command, state, age, statement, query, now in rows:
        at = float(now) * 1000
        client, port = read_client(host or "")
        since = Millis(int(at - max(0.0, float(age or 0))))
        found.append(
            Process(
                int(connection), user or "", client, port, database, command, state, since,
                str(statement).replace("\0", "").strip(), int(query or 0),
            )
        )  # fmt: skip
    return tuple(found), Millis(int(at))


def read_client(host: str) -> tuple[str, int]:
    """Address and port of ``10.0.0.7:51122``; nothing over a unix socket. A local name is its address."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        return "" if host == "localhost" else host, -1
    return "127.0.0.1" if name == "localhost" else name, int(port)


def blocking_connections(rows: Rows) -> set[int]:
    """Those whom somebody waits for: whose history is worth asking for."""
    waits = _find_waits(rows)
    return {blocker for each in waits.values() for blocker in each.blockers} - {PREPARED}


def read_sighting(
    rows: Rows, started: Millis, ages: Ages, also: Iterable[int], before: Beginnings
) -> tuple[Sighting, Beginnings]:
    """Everybody who waits, holds others up, or is in a transaction for long; and when the waits were first seen.

    A wait began when it was first seen, or in the second that InnoDB names, whichever is earlier: what is said is
    never longer than it lasts.
    """
    waits = _find_waits(rows)
    transactions = {each.connection: each for each in rows.transactions}
    processes = {each.connection: each for each in rows.processes}
    listed = set(waits) | {blocker for each in waits.values() for blocker in each.blockers}
    listed |= {pid for pid in also if pid in processes}
    listed |= {pid for pid, each in transactions.items() if _is_old(each, processes.get(pid), rows.at, ages)}
    after = dict[tuple[int, int, str], Millis]()
    backends = list[Backend]()
    for pid in sorted(listed):
        process, wait = processes.get(pid), waits.get(pid)
        if wait is not None:
            key = (pid, process.query if process else 0, wait.lock)
            since = min(before.get(key, rows.at), wait.wants.since or rows.at, rows.at)
            after[key] = since
            wait.wants = msgspec.structs.replace(wait.wants, since=since)
        backends.append(_backend(pid, process, transactions.get(pid), waits, rows))
    return Sighting(rows.at, started, tuple(backends)), after


def _find_waits(rows: Rows) -> dict[int, _Wait]:
    processes = {each.connection: each for each in rows.processes}
    waits = _find_row_waits(rows, processes)
    waits.update(_find_table_waits(rows, processes))
    return waits


def _find_row_waits(rows: Rows, processes: Mapping[int, Process]) -> dict[int, _Wait]:
    """Waits within InnoDB. Its tables are a snapshot of up to 0.1 s ago: who has gone on since is left out."""
    transactions = {each.number: each for each in rows.transactions}
    locks = {each[0]: each for each in rows.locks}
    found = dict[int, _Wait]()
    for requesting, blocking, blocking_lock in rows.waits:
        waiter, blocker = transactions.get(int(requesting)), transactions.get(int(blocking))
        if waiter is None or blocker is None or waiter.connection == blocker.connection:
            continue
        process = processes.get(waiter.connection)
        if process is None or process.is_idle:
            continue
        wait = found.get(waiter.connection)
        if wait is None:
            schema, wants = _wanted(locks.get(waiter.requested), process.database)
            if waiter.wait_started is not None:
                wants = msgspec.structs.replace(wants, since=Millis(waiter.wait_started + _SECOND))
            wait = found[waiter.connection] = _Wait(wants, waiter.requested, schema=schema)
        wait.blockers.add(blocker.connection)
        if blocker.is_waiting and blocking_lock == blocker.requested:
            wait.ahead.add(blocker.connection)
    return found


def _wanted(lock: Row | None, database: str) -> tuple[str, Wants]:
    if lock is None:
        return "", Wants("record", "", "a row")
    schema, table = schema_and_table(lock[4])
    relation = table if schema == database else f"{schema}.{table}"
    is_row = lock[3] == "RECORD"
    return schema, Wants(lock[3].lower(), lock[2], f"a row of {relation}" if is_row else relation, relation)


def _find_table_waits(rows: Rows, processes: Mapping[int, Process]) -> dict[int, _Wait]:
    """Waits for a whole table. The server tells who waits and who holds, and of a waiter only its statement."""
    held = dict[tuple[str, str], dict[int, set[str]]]()
    for connection, mode, schema, table in rows.metadata:
        held.setdefault((schema, table), {}).setdefault(int(connection), set()).add(mode)
    waiting = {pid: each for pid, each in processes.items() if each.waits_for_table}
    wanted = {pid: _table_of(each, held) for pid, each in waiting.items()}
    changes = {pid for pid, each in waiting.items() if _SCHEMA_CHANGE.match(split_tag(each.statement)[1])}
    found = dict[int, _Wait]()
    for pid, process in waiting.items():
        table = wanted[pid]
        relation = "" if table is None else table[1] if table[0] == process.database else ".".join(table)
        mode = "MDL_EXCLUSIVE" if pid in changes else "MDL_SHARED"
        wait = found[pid] = _Wait(Wants("relation", mode, relation or "a table", relation), f"table {relation}")
        wait.schema = table[0] if table else ""
        if table is None:
            continue
        holders = held.get(table, {})
        if pid in changes:
            wait.blockers = {each for each in holders if each != pid and each not in waiting}
            wait.blockers |= {each for each in holders if each in changes - {pid} and holders[each] & _WHOLE}
        else:
            ahead = {each for each in changes if wanted[each] == table}
            strong = {each for each, modes in holders.items() if modes & _WHOLE and each != pid}
            wait.blockers, wait.ahead = ahead | strong, ahead - strong
    return found


def _table_of(process: Process, held: Mapping[tuple[str, str], Mapping[int, object]]) -> tuple[str, str] | None:
    """The table that its statement names, of those that anybody has; its own first, then of its own database."""
    named = [each for each in sorted(held) if names_table(process.statement, each[1])]
    ranked = sorted(named, key=lambda each: (process.connection not in held[each], each[0] != process.database))
    return ranked[0] if ranked else None


def _is_old(transaction: Transaction, process: Process | None, at: Millis, ages: Ages) -> bool:
    if process is None:
        return False
    if process.is_idle and process.since <= at - ages.resting_ms:
        return True
    return transaction.started is not None and transaction.started <= at - ages.long_ms


def _backend(
    pid: int, process: Process | None, transaction: Transaction | None, waits: Mapping[int, _Wait], rows: Rows
) -> Backend:  # fmt: skip
    wait, holds = waits.get(pid), _holds(pid, transaction, process, rows)
    is_open = transaction is not None or bool(holds)
    if process is None:
        return Backend(
            pid,
            kind="prepared transaction" if pid == PREPARED else CLIENT,
            application="prepared transaction" if pid == PREPARED else "",
            transaction_since=transaction.started if transaction else None,
            holds=holds,
        )
    is_idle = process.is_idle
    contested = next((each.wants.relation for each in waits.values() if pid in each.blockers), "")
    past = rows.history.get(pid, ())
    statement = find_taking(past, process.statement, contested) if contested else process.statement
    is_taking = bool(past) and is_write(statement) and names_table(statement, contested)
    return Backend(
        pid=pid,
        database=process.database or (wait.schema if wait else ""),
        user=process.user,
        client=process.client,
        port=process.port,
        state=("idle in transaction" if is_open else "idle") if is_idle else "active",
        wait_type="Lock" if wait else "Client" if is_idle else "",
        wait="ClientRead" if is_idle else process.state,
        transaction_since=transaction.started if transaction else None,
        statement_since=process.since,
        state_since=process.since,
        statement=statement,
        is_taking=is_taking,
        blockers=tuple(sorted(wait.blockers)) if wait else (),
        ahead=tuple(sorted(wait.ahead)) if wait else (),
        wants=wait.wants if wait else None,
        holds=holds,
    )


def _holds(pid: int, transaction: Transaction | None, process: Process | None, rows: Rows) -> tuple[str, ...]:
    """Locks that it has, of those that somebody waits for: InnoDB lists no others."""
    database = process.database if process else ""
    found = set[str]()
    for number, owner, mode, _, name in rows.locks:
        if transaction is not None and int(owner) == transaction.number and number != transaction.requested:
            schema, table = schema_and_table(name)
            found.add(f"{table if schema == database else f'{schema}.{table}'} {mode}")
    for connection, mode, schema, table in rows.metadata:
        if int(connection) == pid:
            found.add(f"{table if schema == database else f'{schema}.{table}'} {mode}")
    return tuple(sorted(found))


def _seconds(value: Any) -> Millis | None:
    return None if value is None else Millis(int(float(value) * 1000))
