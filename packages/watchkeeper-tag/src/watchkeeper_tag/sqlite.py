"""SQLite from inside the process: no server can be asked, and the lock is of the whole database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

from watchkeeper_tag.drivers import database_of_file, make_link
from watchkeeper_tag.tagging import Tagging


def connect_with(tagging: Tagging) -> Callable[..., sqlite3.Connection]:
    """``sqlite3.connect`` for connections that are tagged and guarded.

    A second connection of one task that writes while the first has any uncommitted write, to another row too, waits
    for its whole timeout and fails: it is told, or refused, before.
    """

    def connect(database: Any, *args: Any, **more: Any) -> sqlite3.Connection:
        class Connection(_Connection):
            told = tagging
            file = database

        more.setdefault("factory", Connection)
        made: sqlite3.Connection = sqlite3.connect(database, *args, **more)
        return made

    return connect


class _Connection(sqlite3.Connection):
    told: Tagging
    file: object

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.link = self.told.journal.add(self, make_link(self, database_of_file(self.file), whole=True))

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _Cursor)

    def execute(self, *args: Any) -> Any:
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        return self.cursor().executemany(*args)

    def close(self) -> None:
        self.told.journal.forget(self)
        super().close()


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
        try:
            done = send(tagged, parameters)
        except sqlite3.OperationalError as error:
            tagging.busy(link, error)
            raise
        tagging.after(link, statement, self.rowcount)
        link.refresh()
        return done
