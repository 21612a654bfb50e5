"""SQLite from inside the process: no server can be asked, and the lock is of the whole database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from watchkeeper_tag.drivers import ask_weakly, database_of_file
from watchkeeper_tag.guard import NestedWriteError
from watchkeeper_tag.journal import Link
from watchkeeper_tag.statements import Lock, read_statement
from watchkeeper_tag.tagging import Mode, Tagging

_BUSY = frozenset({"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY", "SQLITE_LOCKED"})


def connect_with(tagging: Tagging) -> Callable[..., sqlite3.Connection]:
    """``sqlite3.connect`` for connections that are tagged and guarded.

    A second connection of one task that writes while the first has any uncommitted write, to another row too, waits
    for its whole timeout and fails: it is told, or refused, before.
    """

    def connect(database: Any, *args: Any, **more: Any) -> sqlite3.Connection:
        class Connection(_Connection):
            told = tagging
            file = database_of_file(database)

        more.setdefault("factory", Connection)
        made: sqlite3.Connection = sqlite3.connect(database, *args, **more)
        return made

    return connect


class _Connection(sqlite3.Connection):
    told: Tagging
    file: str

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        is_open = ask_weakly(self, lambda each: bool(each.in_transaction))
        self.link = self.told.journal.add(self, Link(0, self.file, is_open))

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _Cursor)

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)


class _Cursor(sqlite3.Cursor):
    def execute(self, statement: str, parameters: Any = ()) -> Any:
        return self._run(super().execute, statement, parameters)

    def executemany(self, statement: str, parameters: Iterable[Any]) -> Any:
        return self._run(super().executemany, statement, parameters)

    def _run(self, send: Callable[[str, Any], Any], statement: str, parameters: Any) -> Any:
        connection = self.connection
        assert isinstance(connection, _Connection)
        tagging, link = connection.told, connection.link
        tagged = tagging.before(link, statement, parameters if isinstance(parameters, dict | tuple | list) else None)
        if _writes(statement):
            _guard(tagging, link)
        try:
            done = send(tagged, parameters)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") in _BUSY:
                _tell_busy(tagging, link, str(error))
            raise
        tagging.after(link, statement, self.rowcount)
        link.refresh()
        return done


def _writes(statement: str) -> bool:
    return any(each.lock is not Lock.READ for each in read_statement(statement))


def _holders(tagging: Tagging, link: Link) -> list[Link]:
    return [each for each in tagging.journal.others(link) if each.held]


def _guard(tagging: Tagging, link: Link) -> None:
    for other in _holders(tagging, link):
        held = other.held[0]
        site, _ = link.last
        words = (
            f"{site.shown} writes to the database over a second connection while the same task has written at "
            f"{held.site.shown} and not committed: it waits for its whole timeout, and fails"
        )
        sites = [site.shown, held.set or held.site.shown]
        tagging.journal.tell("nested-write", words, backend=0, sites=sites, symbol=site.symbol, table=held.claim.table)
        if tagging.mode is Mode.RAISE:
            raise NestedWriteError(words)


def _tell_busy(tagging: Tagging, link: Link, said: str) -> None:
    """Whoever in this process has the database at the moment, of any task."""
    site, _ = link.last
    holders = [each for each in tagging.journal.links() if each is not link and each.database == link.database]
    held = next((write for each in holders for write in each.held), None)
    there = [held.set or held.site.shown] if held is not None else []
    words = f"{said}: {site.shown} waited for {there[0] if there else 'somebody outside this process'}"
    table = held.claim.table if held is not None else ""
    tagging.journal.tell("busy", words, backend=0, sites=[site.shown, *there], symbol=site.symbol, table=table)
