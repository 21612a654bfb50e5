"""A MariaDB server as the watch sees it: one connection, few questions, none of which takes a lock of a table."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from watchkeeper.database import mariadb_queries as queries
from watchkeeper.database.holder_history import Past
from watchkeeper.database.innodb_status import read_latest_deadlock, ring_incident
from watchkeeper.database.mariadb_rows import (
    Beginnings,
    Rows,
    blocking_connections,
    read_processes,
    read_sighting,
    read_transactions,
)
from watchkeeper.database.ports import Ages, ServerUnseenError
from watchkeeper.database.rights import missing_history, missing_metadata_locks, missing_process
from watchkeeper.database.sighting import Engine, Glance, ServerFacts, Sighting
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Incident

SCHEMES = ("mysql", "mariadb")
_ANSWER_S = 4.0
_CONNECT_S = 5
_FRESH_S = 0.11  # InnoDB keeps what its tables say until nobody has asked for 0.1 s
_OPTIONS = {"unix_socket": "unix_socket", "read_default_file": "read_default_file", "ssl_ca": "ssl_ca"}
_KEPT_CONSUMERS = 4


class MariaDbServer:
    """One server, looked at through the address ``dsn``. Connects when it is asked, again after a loss.

    Needs ``PROCESS``. It is the log of its own deadlocks too: the server breaks them within a millisecond, and tells
    afterwards. Passwords are in no text that it gives. MySQL itself has other tables and is refused.
    """

    def __init__(self, dsn: str, *, answer_s: float = _ANSWER_S) -> None:
        self._driver = _import_driver()
        self._parameters = parse_address(dsn)
        self._answer_s = answer_s
        self._lock = threading.Lock()  # around the connection: what was given up may still be answered
        self._connection: Any = None
        self._hidden = ""
        self._sees_all = self._has_history = self._has_plugin = False
        self._started = Millis(0)
        self._read_at = float("-inf")
        self._has_looked = False
        self._waits: Beginnings = {}
        self._queries = dict[int, int]()
        self._deadlocks: int | None = None
        self._told_deadlocks: int | None = None

    @property
    def name(self) -> str:
        """What the database is called where nobody has named it: without user and password."""
        return f"{self._parameters.get('database') or 'mysql'}@{self._parameters.get('host') or 'localhost'}"

    async def facts(self) -> ServerFacts:
        """What it is, and what may be seen of it. Rights of a connection are those that it was opened with."""
        if self._hidden:
            await self.close()
        return await asyncio.to_thread(self._facts)

    async def glance(self, ages: Ages) -> Glance:
        """The cheap question. Waits where InnoDB would repeat its last answer."""
        await self._wait_fresh()
        question = queries.glance(ages) if self._sees_all else queries.BLIND_GLANCE
        (row,) = await asyncio.to_thread(self._ask, question)
        self._read_at, self._has_looked = time.monotonic(), False
        at, uptime, deadlocks, waiting, queued, resting, idle, long = (float(each) for each in row)
        self._note_start(at, uptime)
        self._deadlocks = int(deadlocks)
        if self._told_deadlocks is None or self._deadlocks < self._told_deadlocks:
            self._told_deadlocks = self._deadlocks
        return Glance(
            Millis(int(at * 1000)), self._started, int(waiting) + int(queued), int(resting), int(idle), int(long)
        )

    async def look(self, ages: Ages, also: Collection[int] = ()) -> Sighting:
        """Who waits for whom. A second look sees a second snapshot."""
        if self._has_looked:
            await self._wait_fresh()
        rows = await asyncio.to_thread(self._rows)
        self._read_at, self._has_looked = time.monotonic(), True
        sighting, self._waits = read_sighting(rows, self._started, ages, also, self._waits)
        self._queries = {
            each.connection: each.query for each in rows.processes if (each.connection in _waiters(sighting))
        }
        return sighting

    async def cancel(self, backend: int, waiting_since: Millis) -> bool:
        """End the statement that waits, and no later one of its connection. A refusal is no."""
        query = self._queries.get(backend)
        if query is None or waiting_since not in [since for key, since in self._waits.items() if key[0] == backend]:
            return False
        try:
            await asyncio.to_thread(self._ask, queries.cancel(query), is_bounded=False)
        except (ServerUnseenError, _RefusedError):
            return False
        return True

    async def close(self) -> None:
        """Leave the server."""
        await asyncio.to_thread(self._close)

    def read_deadlocks(self, name: str, at: Millis) -> tuple[Incident, ...]:
        """The latest deadlock, where there was one since this was last asked. Never raises.

        Of several between two looks the server tells only the last.
        """
        if self._deadlocks is None or self._deadlocks == self._told_deadlocks or not self._sees_all:
            return ()
        self._told_deadlocks = self._deadlocks
        try:
            (row,) = self._ask(queries.DEADLOCK, is_bounded=False)
        except (ServerUnseenError, _RefusedError):
            return ()
        ring = read_latest_deadlock(str(row[2]))
        return (ring_incident(ring, name, at),) if ring is not None else ()

    def _facts(self) -> ServerFacts:
        (row,) = self._ask(queries.FACTS)
        version, database, user, has_schema, at, uptime, plugins = row
        if "mariadb" not in version.lower():
            self._close()
            raise UsageError(
                f"The server is MySQL {version}, whose tables of locks are others than MariaDB's",
                slug="database-version",
                hint="watch a MariaDB server of version 10.5 or later, or PostgreSQL",
            )
        self._note_start(float(at), float(uptime))
        self._has_plugin = bool(int(plugins))
        self._sees_all = self._may(queries.MAY_SEE)
        parts = [] if self._sees_all else [missing_process(user)]
        if self._sees_all and not (history := self._history_hidden(user, has_schema=bool(int(has_schema)))):
            self._has_history = True
        elif self._sees_all:
            self._has_history = False
            parts.append(history)
        if self._sees_all and not self._has_plugin:
            parts.append(missing_metadata_locks())
        self._hidden = " And ".join(parts)
        return ServerFacts(
            version=version,
            started=self._started,
            database=database,
            user=user,
            sees_all=not parts,
            statement_size=queries.CUT,
            engine=Engine.MARIADB,
            hidden=self._hidden,
        )

    def _history_hidden(self, user: str, *, has_schema: bool) -> str:
        """What is to be done for the history of statements; ``""``: it is there."""
        if not has_schema:
            return missing_history("off", user)
        try:
            (row,) = self._ask(queries.HISTORY_ON)
        except _RefusedError:
            return missing_history("right", user)
        return "" if int(row[0]) == _KEPT_CONSUMERS else missing_history("consumer", user)

    def _may(self, statement: str) -> bool:
        try:
            self._ask(statement)
        except _RefusedError:
            return False
        return True

    def _rows(self) -> Rows:
        """All questions of one look. InnoDB answers the first three from one snapshot."""
        if not self._sees_all:
            (row,) = self._ask(queries.BLIND_GLANCE)
            return Rows(Millis(int(float(row[0]) * 1000)))
        transactions = read_transactions(self._ask(queries.TRANSACTIONS))
        locks, waits = tuple(self._ask(queries.LOCKS)), tuple(self._ask(queries.WAITS))
        processes, at = read_processes(self._ask(queries.PROCESSES))
        if not at:
            (row,) = self._ask(queries.BLIND_GLANCE)
            at = Millis(int(float(row[0]) * 1000))
        needs_metadata = self._has_plugin and any(each.waits_for_table for each in processes)
        metadata = tuple(self._ask(queries.METADATA_LOCKS)) if needs_metadata else ()
        rows = Rows(at, transactions, locks, waits, processes, metadata)
        blocking = blocking_connections(rows)
        if not (blocking and self._has_history):
            return rows
        history = dict[int, list[Past]]()
        for connection, event, statement in self._ask(queries.history(sorted(blocking)[:200])):
            history.setdefault(int(connection), []).append(Past(event, statement))
        past = {connection: tuple(each) for connection, each in history.items()}
        return Rows(at, transactions, locks, waits, processes, metadata, past)

    def _note_start(self, at: float, uptime: float) -> None:
        """When the server was started. Of one that was started anew nothing is known."""
        started = Millis((int(at) - int(uptime)) * 1000)  # whole seconds of one clock: exactly the same each time
        if started != self._started:
            self._started = started
            self._deadlocks = self._told_deadlocks = None

    async def _wait_fresh(self) -> None:
        left = self._read_at + _FRESH_S - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)

    def _ask(self, statement: str, *, is_bounded: bool = True) -> Sequence[tuple[Any, ...]]:
        """The rows of one question. After any failure but a refusal the connection is given up."""
        with self._lock:
            connection = self._connected()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(queries.bounded(statement) if is_bounded else statement)
                    rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
                    return rows
            except self._driver.MySQLError as error:
                if error.args and error.args[0] in queries.DENIED:
                    raise _RefusedError(str(error.args[-1])) from None
                self._fail(error)
            except (OSError, struct.error, ValueError, IndexError) as error:
                self._fail(error)

    def _connected(self) -> Any:
        if self._connection is not None and self._connection.open:
            return self._connection
        try:
            self._connection = self._open()
        except (OSError, self._driver.MySQLError, struct.error, ValueError, IndexError, RuntimeError) as error:
            self._fail(error)
        return self._connection

    def _open(self) -> Any:
        path = self._parameters.get("unix_socket")
        opened = None if path is None else _open_socket(path)  # the driver leaves one open that is refused
        connection = self._driver.connect(
            **self._parameters,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=_CONNECT_S,
            read_timeout=self._answer_s,
            write_timeout=self._answer_s,
            # InnoDB tells times in the zone of the server, whatever that of the session is.
            init_command="SET time_zone = 'SYSTEM'",
            program_name="watchkeeper",
            defer_connect=True,
        )
        connection.connect(opened)
        return connection

    def _fail(self, error: Exception) -> NoReturn:
        self._drop()
        text = " ".join(str(error.args[-1] if error.args else error).split()) or type(error).__name__
        password = str(self._parameters.get("password") or "")
        raise ServerUnseenError((text.replace(password, "***") if password else text)[:500]) from None

    def _close(self) -> None:
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            try:
                connection.close()
            except (OSError, self._driver.MySQLError):
                return


class _RefusedError(Exception):
    """The server answers that a right is missing."""


def parse_address(dsn: str) -> dict[str, Any]:
    """``mysql://USER:PASSWORD@HOST:PORT/NAME?unix_socket=...`` as the driver takes it. Raises UsageError."""
    try:
        parts = urlsplit(dsn)
        port = parts.port or 3306
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        _refuse_address()
    if parts.scheme.partition("+")[0] not in SCHEMES or options.keys() - _OPTIONS.keys():
        _refuse_address()
    given = {
        "host": parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username or "") or None,
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.strip("/")) or None,
    }
    return {**given, **{_OPTIONS[key]: value for key, value in options.items()}}


def _refuse_address() -> NoReturn:
    raise UsageError(
        "The address of the database cannot be understood",
        slug="database-address",
        hint=f"write mysql://USER@HOST:3306/NAME; after a ?: {', '.join(_OPTIONS)}",
    ) from None


def _waiters(sighting: Sighting) -> Iterable[int]:
    return {each.pid for each in sighting.backends if each.wants is not None}


def _open_socket(path: str) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.settimeout(_CONNECT_S)
        opened.connect(path)
    except OSError:
        opened.close()
        raise
    return opened


def _import_driver() -> Any:
    try:
        import pymysql
    except ImportError as error:
        raise WatchkeeperError(
            "Watching a MariaDB server needs its driver, which is not installed",
            slug="database-driver",
            hint="pip install 'watchkeeper[mariadb]'",
        ) from error
    return pymysql
