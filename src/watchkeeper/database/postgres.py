"""A PostgreSQL server as the watch sees it: one connection, few questions, none of which takes a lock of a table."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec.structs import replace

from watchkeeper.database import queries
from watchkeeper.database.ports import Ages, ServerUnseenError
from watchkeeper.database.sighting import CLIENT, PREPARED, Backend, Glance, ServerFacts, Sighting, Wants
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Millis

if TYPE_CHECKING:
    from psycopg import AsyncConnection

HIDDEN = "<insufficient privilege>"
_STATEMENT_MS = 2_000
_ANSWER_S = 4.0
_CONNECT_S = 5


class PostgresServer:
    """One server, looked at through the database that ``dsn`` names. Connects when it is asked, again after a loss.

    Works without superuser and through poolers in transaction mode. Passwords are in no text that it gives.
    """

    def __init__(self, dsn: str, *, answer_s: float = _ANSWER_S) -> None:
        self._psycopg = _import_driver()
        self._parameters = self._parse(dsn)
        self._answer_s = answer_s
        self._connection: AsyncConnection[Any] | None = None
        self._sees_all = False
        self._number = 0
        self._waits = dict[tuple[int, str, Millis | None], Millis]()  # since when, where the server does not say

    @property
    def name(self) -> str:
        """What the database is called where nobody has named it: without user and password."""
        where = self._parameters.get("host") or self._parameters.get("hostaddr") or "localhost"
        return f"{self._parameters.get('dbname') or self._parameters.get('user') or 'postgres'}@{where}"

    async def facts(self) -> ServerFacts:
        """What it is, and what the role may see."""
        (row,) = await self._ask(queries.FACTS)
        version, started, database, user, sees_all, deadlock_ms, size = row
        self._sees_all = sees_all
        return ServerFacts(
            version=version,
            started=Millis(started),
            database=database,
            user=user,
            sees_all=sees_all,
            deadlock_timeout_ms=deadlock_ms or 1000,
            statement_size=size or 1024,
            log=await self._find_log() if sees_all else "",
        )

    async def glance(self, ages: Ages) -> Glance:
        """The cheap question."""
        (row,) = await self._ask(queries.glance(ages, sees_all=self._sees_all))
        at, started, waiting, resting, idle, long = row
        return Glance(Millis(at), Millis(started), waiting, resting, idle, long)

    async def look(self, ages: Ages, also: Collection[int] = ()) -> Sighting:
        """Who waits for whom."""
        await self._connected()
        wanted = tuple(also)[:200]
        rows = await self._ask(queries.look(ages, wanted, has_waitstart=self._number >= 140_000))
        if not rows:
            seen = await self.glance(ages)
            return Sighting(seen.at, seen.started)
        at = Millis(rows[0][0])
        return Sighting(at, Millis(rows[0][1]), self._with_beginnings([read_backend(row) for row in rows], at))

    async def cancel(self, backend: int, waiting_since: Millis) -> bool:
        """End what waits. Needs the same role, or ``pg_signal_backend``; a refusal is no."""
        await self._connected()
        question = queries.cancel(backend, waiting_since, has_waitstart=self._number >= 140_000)
        try:
            rows = await self._ask(question)
        except ServerUnseenError:
            return False
        return bool(rows and rows[0][0])

    async def close(self) -> None:
        """Leave the server."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close()
            except (OSError, self._psycopg.Error):
                return

    def _with_beginnings(self, backends: list[Backend], at: Millis) -> tuple[Backend, ...]:
        """PostgreSQL 13 does not say when a wait began, later ones not in its first instant: when it was first seen."""
        before, self._waits = self._waits, {}
        dated = list[Backend]()
        for each in backends:
            wants = each.wants
            if wants is not None and wants.since is None:
                wait = (each.pid, wants.what, each.statement_since)
                since = self._waits[wait] = before.get(wait, at)
                dated.append(replace(each, wants=replace(wants, since=since)))
            else:
                dated.append(each)
        return tuple(dated)

    async def _ask(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """The rows of one question, in a transaction of its own. After any failure the connection is given up."""
        connection = await self._connected()
        try:
            async with asyncio.timeout(self._answer_s):
                cursor = await connection.execute(queries.transaction(statement, _STATEMENT_MS).encode())
                rows: list[tuple[Any, ...]] = []
                more: bool | None = True
                while more:
                    if cursor.description is not None:
                        rows = await cursor.fetchall()
                    more = cursor.nextset()
                return rows
        except (OSError, TimeoutError, self._psycopg.Error) as error:
            await self._fail(error)

    async def _connected(self) -> AsyncConnection[Any]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        try:
            async with asyncio.timeout(2 * _CONNECT_S):
                connection: AsyncConnection[Any] = await self._psycopg.AsyncConnection.connect(
                    **self._parameters, autocommit=True, prepare_threshold=None
                )
        except (OSError, TimeoutError, self._psycopg.Error) as error:
            await self._fail(error)
        self._connection, self._number = connection, connection.info.server_version
        if self._number < queries.LEAST_VERSION:
            await self.close()
            raise UsageError(
                f"The server is PostgreSQL {self._number // 10_000}; 13 is the oldest that can be watched",
                slug="database-version",
                hint="watch a server of version 13 or later",
            )
        return connection

    async def _find_log(self) -> str:
        """The path of the server's log; ``""`` where the role may not ask, or the server writes none of its own."""
        try:
            (row,) = await self._ask(queries.LOG_FILE)
        except ServerUnseenError:
            return ""
        folder, file = row
        return f"{folder}/{file}" if folder and file and not file.startswith("/") else file or ""

    async def _fail(self, error: Exception) -> NoReturn:
        await self.close()
        text = " ".join(str(error).split()) or f"no answer within {self._answer_s:g} s"
        raise ServerUnseenError(self._without_password(text)[:500]) from None

    def _without_password(self, text: str) -> str:
        secrets = [
            str(value) for key, value in self._parameters.items() if key in ("password", "sslpassword") and value
        ]
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    def _parse(self, dsn: str) -> dict[str, Any]:
        try:
            given = self._psycopg.conninfo.conninfo_to_dict(dsn)
        except self._psycopg.ProgrammingError:
            # Not the driver's words: they repeat what was given, with the password in it.
            raise UsageError(
                "The address of the database cannot be understood",
                slug="database-address",
                hint="write postgresql://USER@HOST:PORT/NAME, or host=... dbname=..., with the password in PGPASSWORD",
            ) from None
        ours = {
            "application_name": queries.APPLICATION,
            "connect_timeout": given.get("connect_timeout") or _CONNECT_S,
            "keepalives_idle": given.get("keepalives_idle") or 10,
            "keepalives_interval": given.get("keepalives_interval") or 5,
            "tcp_user_timeout": given.get("tcp_user_timeout") or 10_000,
        }
        return {**given, **ours}


def read_backend(row: Sequence[Any]) -> Backend:
    """One row of the closer look."""
    pid, database, user, application, client, port, kind, leader, state, wait_type, wait = row[2:13]
    transaction, statement_since, state_since, statement, blockers, held, wants, row_of, holds = row[13:22]
    is_hidden = statement == HIDDEN
    ahead = set(blockers or ()) - set(held or ()) if held else set()
    return Backend(
        pid=pid,
        database=database or "",
        user=user or "",
        application="prepared transaction" if pid == PREPARED else application or "",
        client=client or "",
        port=port if port is not None else -1,
        kind=kind or ("prepared transaction" if pid == PREPARED else CLIENT),
        leader=leader,
        state=state or "",
        wait_type=wait_type or "",
        wait=wait or "",
        transaction_since=_millis(transaction),
        statement_since=_millis(statement_since),
        state_since=_millis(state_since),
        statement="" if is_hidden else _clean(statement or ""),
        is_hidden=is_hidden,
        blockers=tuple(sorted(set(blockers or ()))),
        ahead=tuple(sorted(ahead)),
        wants=_read_wants(wants, row_of) if wants else None,
        holds=tuple(_name_held(each) for each in holds or ()),
    )


def _read_wants(wants: Sequence[str | None], row_of: str | None) -> Wants:
    kind, mode, relation, transaction, virtual, class_id, object_id, part, since = (each or "" for each in wants)
    match kind:
        case "advisory":
            what = f"advisory lock {_name_advisory(class_id, object_id, part)}"
        case "relation":
            what = relation
        case "transactionid":
            what = f"transaction {transaction}"
        case "virtualxid":
            what = f"transaction {virtual}"
        case "tuple":
            what = f"a row of {relation}"
        case _:
            what = f"{kind} {relation or object_id}".strip()
    return Wants(kind, mode, what, relation or row_of or "", Millis(int(since)) if since else None)


def _name_held(text: str) -> str:
    """Advisory locks come as the server stores them: one number in two halves, or two numbers."""
    if not text.startswith("advisory lock "):
        return text
    class_id, object_id, part, mode = text.removeprefix("advisory lock ").split(" ")
    return f"advisory lock {_name_advisory(class_id, object_id, part)} {mode}"


def _name_advisory(class_id: str, object_id: str, part: str) -> str:
    high, low = int(class_id or 0), int(object_id or 0)
    if part == "1":
        number = high << 32 | low
        return str(number - (1 << 64) if number >> 63 else number)
    signed = (each - (1 << 32) if each >> 31 else each for each in (high, low))
    return ", ".join(str(each) for each in signed)


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def _millis(value: int | None) -> Millis | None:
    return None if value is None else Millis(value)


def _import_driver() -> Any:
    try:
        import psycopg
        import psycopg.conninfo
    except ImportError as error:
        raise WatchkeeperError(
            "Watching a PostgreSQL server needs its driver, which is not installed",
            slug="database-driver",
            hint="pip install 'watchkeeper[postgresql]'",
        ) from error
    return psycopg
