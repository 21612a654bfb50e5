"""An open record: a database whose schema is this version's, on SQLite or PostgreSQL."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.record.faults import explained, foreign, newer
from watchkeeper.record.home import make_home, not_writable
from watchkeeper.record.tables import REVISIONS

RECORD_FILE = "watchkeeper.db"

_VERSION_TABLE = "watchkeeper_schema"
_BUSY_S = 10.0
_MIGRATION_LOCK = 0x57415443484B  # any number; it names our advisory lock on PostgreSQL


class Store:
    """A database that can be read and written. Safe for threads; several processes may have the same one open."""

    def __init__(self, engine: sa.Engine, place: str) -> None:
        self._engine = engine
        self.place = place

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view, for as long as the block lasts. Keep it short: it holds back the log's clean-up."""
        with explained(self.place), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: everything in the block is kept, or, where it raises, nothing.

        On SQLite the write lock is taken at the start: a transaction that reads first and writes later would fail
        when another process wrote in between, however long it waits.
        """
        with explained(self.place), self._engine.connect() as plain:
            connection = plain.execution_options(watchkeeper_writes=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_file_store(home: Path) -> Store:
    """The record in the state folder ``home``, made or migrated where needed. Two processes may do so at once.

    Raises WatchkeeperError: ``home-not-writable``, ``record-newer``, ``record-corrupt``, ``record-foreign`` ...
    """
    path = make_home(home) / RECORD_FILE
    with _alone(path.with_suffix(".lock")):
        return _opened(_sqlite_engine(path), str(path))


def find_file_store(home: Path) -> Store | None:
    """The record in ``home``; None where nothing was ever recorded. Creates nothing."""
    try:
        return open_file_store(home) if (home / RECORD_FILE).exists() else None
    except OSError as error:
        raise not_writable(home, error) from error


def open_url_store(url: str) -> Store:
    """The record in a PostgreSQL database (``postgresql://user@host/name``), migrated where needed.

    Raises WatchkeeperError: ``postgresql-missing``, ``record-unreachable``, ``record-newer`` ...
    """
    return _opened(*_url_engine(url))


def place_of(url: str) -> str:
    """An address as it may be shown: without a password, wherever it stands."""
    address = _address(url)
    shown = address.difference_update_query([each for each in address.query if each not in ("host", "port")])
    return shown.set(drivername="postgresql").render_as_string(hide_password=True)


def find_url_store(url: str) -> Store | None:
    """The record in a PostgreSQL database; None where nothing was ever recorded there. Creates nothing."""
    engine, place = _url_engine(url)
    with Store(engine, place) as store, store.reading() as connection:
        if _find_revision(connection, place) is None:
            return None
    return open_url_store(url)


def _url_engine(url: str) -> tuple[sa.Engine, str]:
    """An engine, and its address as it may be shown: without the password."""
    address, place = _address(url), place_of(url)
    patience = {} if "connect_timeout" in address.query else {"connect_timeout": int(_BUSY_S)}
    try:
        return sa.create_engine(address, pool_pre_ping=True, connect_args=patience), place
    except ModuleNotFoundError as error:
        raise WatchkeeperError(
            "PostgreSQL needs a driver that is not installed",
            slug="postgresql-missing",
            hint="pip install 'watchkeeper[postgresql]'",
        ) from error


def _address(url: str) -> sa.URL:
    try:
        return sa.make_url(url).set(drivername="postgresql+psycopg")
    except (sa.exc.ArgumentError, ValueError):
        pass  # what it says of the address may have its password
    raise UsageError(
        "The address of the record cannot be read (not shown: it may have a password)",
        slug="config-bad-value",
        hint='write it as "postgresql://user@host/name"',
        facts={"key": "store"},
    )


def find_damage(home: Path) -> str:
    """What SQLite says is wrong with the record in ``home``; ``""`` where it is sound or missing. Reads all of it."""
    path = home / RECORD_FILE
    if not path.exists():
        return ""
    engine = _sqlite_engine(path)
    try:
        with explained(str(path)), engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check").scalars().all()
        return "" if found == ["ok"] else "; ".join(str(line) for line in found[:3])
    except WatchkeeperError as error:
        if error.slug != "record-corrupt":
            raise
        return error.facts["reason"]
    finally:
        engine.dispose()


def set_record_aside(home: Path, stamp: str) -> tuple[Path, ...]:
    """Rename the record and what belongs to it to ``watchkeeper.db.<stamp>...``; the new names. Deletes nothing."""
    moved = []
    with _alone((home / RECORD_FILE).with_suffix(".lock")):
        for suffix in ("", "-wal", "-shm"):
            old = home / f"{RECORD_FILE}{suffix}"
            if old.exists():
                moved.append(old.rename(home / f"{RECORD_FILE}.{stamp}{suffix}"))
    return tuple(moved)


def _opened(engine: sa.Engine, place: str) -> Store:
    store = Store(engine, place)
    try:
        with store.reading() as connection:
            revision = _find_revision(connection, place)
        if revision != REVISIONS[-1]:
            with store.writing() as connection:
                _migrate(connection, place)
    except BaseException:
        store.close()
        raise
    return store


def _find_revision(connection: sa.Connection, place: str) -> str | None:
    """The schema that the database has; None for an empty one. Raises for one that is newer, or not ours."""
    tables = sa.inspect(connection).get_table_names()
    if _VERSION_TABLE not in tables:
        if tables and connection.dialect.name == "sqlite":
            raise foreign(place)
        return None
    revision = connection.execute(sa.text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()  # noqa: S608 constant
    if revision is not None and revision not in REVISIONS:
        raise newer(place, str(revision), REVISIONS[-1])
    return revision


def _migrate(connection: sa.Connection, place: str) -> None:
    """Bring the schema up to date in the transaction of ``connection``; another process may have done so meanwhile."""
    # Imported here: a tenth of a second that only a new or old record has to pay.
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    if _find_revision(connection, place) == REVISIONS[-1]:
        return
    config = Config(attributes={"connection": connection, "version_table": _VERSION_TABLE})
    config.set_main_option("script_location", "watchkeeper.record:migrations")
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def _sqlite_engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)), connect_args={"timeout": _BUSY_S, "isolation_level": None}
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    """WAL: readers do not stop the writer. ``synchronous=NORMAL``: a killed process loses nothing, a power cut at most
    the last moments, which the next scan finds again; the price of FULL is a disk flush in every save's path."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "journal_size_limit=16777216"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("watchkeeper_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """While no other process opens, migrates or moves the record; the system ends the wait when that process dies.

    Switching a new file to WAL is the one step that SQLite's own waiting does not cover.
    """
    try:
        file = lock.open("ab")
    except OSError as error:
        raise not_writable(lock.parent, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
