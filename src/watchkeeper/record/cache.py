"""Readings of files, kept by the content that they were read from: shared by processes, and never needed.

Written with sqlite3 itself: a cold start makes thousands of look-ups, where SQLAlchemy costs five times the processor
time and 200 ms of import, and nothing here ever moves to another engine. Whatever goes wrong, the cache answers less
and the caller reads the file again.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import msgspec

CACHE_FILE = "cache.db"
MAX_BYTES = 512 * 1024 * 1024

_FORMAT = 1  # kept as the file's user_version; a file of another format is made anew
_BUSY_S = 2.0
_MOVED = "SQLITE_READONLY_DBMOVED"  # another process has made the file anew
_AT_ONCE = 500  # keys a query, below SQLite's smallest limit of parameters
_SCHEMA = """
CREATE TABLE readings (key TEXT PRIMARY KEY, used INTEGER NOT NULL, sum INTEGER NOT NULL, value BLOB NOT NULL);
CREATE INDEX readings_used ON readings (used);
CREATE TABLE generation (number INTEGER NOT NULL);
INSERT INTO generation VALUES (0);
"""

_T = TypeVar("_T")


class ReadingKey(NamedTuple):
    """What a reading depends on: the file's content, the reader and its version, and how much was read."""

    blob: str
    language: str
    version: int
    extent: str  # "outline" or "full"


class CacheStatistics(msgspec.Struct, frozen=True):
    """What the cache did since it was opened. ``faults`` are answers that it could not give, ``is_open`` says why."""

    hits: int
    misses: int
    kept: int
    evicted: int
    rebuilt: int
    faults: int
    is_open: bool


class ReadingCache:
    """Values by key, in one file of at most about ``max_bytes``; the longest unused go first. Safe for threads.

    Never raises for what is wrong with the file: a damaged one is deleted and made anew, a file that cannot be opened,
    grown or locked makes ``get_many`` find less and ``put_many`` keep less.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._inode = 0
        self._generation = 0
        self._hits = self._misses = self._kept = self._evicted = self._rebuilt = self._faults = 0
        self._connection: sqlite3.Connection | None = None
        with self._lock:
            self._try(lambda: None)

    def get_many(self, keys: Iterable[ReadingKey]) -> dict[ReadingKey, bytes]:
        """The values of those keys that are known."""
        wanted = {_text(key): key for key in keys}
        with self._lock:
            stale: list[str] = []
            found = self._try(lambda: self._look_up(list(wanted), stale)) or {}
            if stale:
                self._try(lambda: self._touch(stale))
            self._hits += len(found)
            self._misses += len(wanted) - len(found)
        return {wanted[text]: value for text, value in found.items()}

    def put_many(self, values: Mapping[ReadingKey, bytes]) -> None:
        """Keep the values, all or none of them; nobody waits for long if another process writes."""
        rows = [(_text(key), zlib.crc32(value), value) for key, value in values.items()]
        if rows:
            with self._lock:
                self._try(lambda: self._keep(rows))

    def statistics(self) -> CacheStatistics:
        """Counts since the cache was opened."""
        return CacheStatistics(
            hits=self._hits,
            misses=self._misses,
            kept=self._kept,
            evicted=self._evicted,
            rebuilt=self._rebuilt,
            faults=self._faults,
            is_open=self._connection is not None,
        )

    def close(self) -> None:
        """Let go of the file. A closed cache opens it again when it is asked."""
        with self._lock:
            self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try(self, action: Callable[[], _T]) -> _T | None:
        """Do it; on damage once more with a new file; None where it cannot be done."""
        for attempt in range(2):
            try:
                if self._connection is None:
                    self._connect()
                return action()
            except _DamagedError:
                damaged = True
            except sqlite3.Error as error:
                damaged = _is_damage(error)
            except OSError:
                damaged = False
            self._faults += 1
            if not damaged or attempt or not self._rebuild():
                return None
        return None

    def _connect(self) -> None:
        with _alone(self._path):
            self._inode = self._path.stat().st_ino if self._path.exists() else 0
            connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                self._generation = _prepare(connection)
                self._inode = self._path.stat().st_ino
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _rebuild(self) -> bool:
        """Delete the file, unless another process has done so already; whether there is hope now."""
        try:
            self._disconnect()
            with _alone(self._path):
                if self._path.exists() and self._path.stat().st_ino == self._inode:
                    for suffix in ("", "-wal", "-shm"):
                        self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
                    self._rebuilt += 1
        except (OSError, sqlite3.Error):
            return False
        return True

    def _look_up(self, texts: Sequence[str], stale: list[str]) -> dict[str, bytes]:
        assert self._connection is not None
        found: dict[str, bytes] = {}
        stale.clear()
        for some in _in_portions(texts):
            marks = ",".join("?" * len(some))
            query = f"SELECT key, used, sum, value FROM readings WHERE key IN ({marks})"  # noqa: S608 question marks
            for text, used, checksum, value in self._connection.execute(query, some):
                if zlib.crc32(value) != checksum:
                    raise _DamagedError(text)
                found[text] = value
                if used < self._generation:
                    stale.append(text)
        return found

    def _touch(self, texts: Sequence[str]) -> None:
        assert self._connection is not None
        with _transaction(self._connection):
            values = ((self._generation, text) for text in texts)
            self._connection.executemany("UPDATE readings SET used = ? WHERE key = ?", values)

    def _keep(self, rows: Sequence[tuple[str, int, bytes]]) -> None:
        assert self._connection is not None
        largest = self._max_bytes // 8
        fitting = [(text, self._generation, checksum, value) for text, checksum, value in rows if len(value) <= largest]
        with _transaction(self._connection):
            self._connection.executemany("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?)", fitting)
            if _size(self._connection) > self._max_bytes:
                self._evict(self._connection)
        self._kept += len(fitting)

    def _evict(self, connection: sqlite3.Connection) -> None:
        """Drop the longest unused tenth, again and again, until a quarter is free; what is used later is newer."""
        while _size(connection) > self._max_bytes * 3 // 4:
            tenth = 1 + connection.execute("SELECT count(*) FROM readings").fetchone()[0] // 10
            oldest = "SELECT rowid FROM readings ORDER BY used, rowid LIMIT ?"
            gone = connection.execute(f"DELETE FROM readings WHERE rowid IN ({oldest})", (tenth,))  # noqa: S608 constant
            self._evicted += gone.rowcount
            if not gone.rowcount:
                break
        self._generation += 1
        connection.execute("UPDATE generation SET number = ?", (self._generation,))


class _DamagedError(Exception):
    """A value is not what was kept."""


def _text(key: ReadingKey) -> str:
    return f"{key.blob}:{key.language}:{key.version}:{key.extent}"


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether opening anew would help; SQLITE_ERROR is a missing table or column."""
    return getattr(error, "sqlite_errorname", "").startswith(
        ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", _MOVED)
    )


def _prepare(connection: sqlite3.Connection) -> int:
    """Make the tables where they are missing; the number of this opening, which stands for "used lately"."""
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "journal_size_limit=16777216"):
        connection.execute(f"PRAGMA {pragma}")
    with _transaction(connection):
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found == 0 and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
        elif found != _FORMAT:
            raise _DamagedError(f"format {found}")
        connection.execute("UPDATE generation SET number = number + 1")
        return int(connection.execute("SELECT number FROM generation").fetchone()[0])


def _size(connection: sqlite3.Connection) -> int:
    """Bytes in use; deleted pages are used again before the file grows."""
    values = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    pages, free, page = values
    return int((pages - free) * page)


def _in_portions(texts: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While no other process opens or deletes the file: an opening between two deletions would see half of it."""
    with path.with_suffix(".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
