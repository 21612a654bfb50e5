"""Where a DBOS engine keeps what it is doing: a file beside the record, or a schema beside it on PostgreSQL."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchkeeper.model.errors import WatchkeeperError

if TYPE_CHECKING:
    import sqlalchemy as sa

ENGINE_FILE = "durable.db"
ENGINE_SCHEMA = "watchkeeper_durable"

_BUSY_MS = 30_000


@dataclass(frozen=True)
class EngineStore:
    """Connections, and what is let go of with them. ``place`` may be shown: it has no password."""

    engine: sa.Engine
    place: str
    release: Callable[[], None]

    def close(self) -> None:
        """Close all connections and let others in."""
        self.engine.dispose()
        self.release()


def open_file(folder: Path, on_trouble: Callable[[str], None]) -> EngineStore:
    """The file in ``folder``, for this process alone, readable by its user alone.

    A damaged one is set aside, and a new one begun: what is in it can be told again by whoever enqueues.
    Raises WatchkeeperError (``engine-busy``) where another process has it.
    """
    release = _only_here(folder / "durable.lock")
    path = folder / ENGINE_FILE
    try:
        with explained(str(path)):
            if damage := _find_damage(path):
                on_trouble(f"{path} is damaged ({damage}): set aside as {_set_aside(path)}, a new one was begun")
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR))
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            return EngineStore(_file_engine(path), str(path), release)
    except BaseException:
        release()
        raise


def open_url(url: str) -> EngineStore:
    """A schema of its own in the PostgreSQL database ``url``, for any number of processes."""
    import sqlalchemy as sa

    address = sa.make_url(url).set(drivername="postgresql+psycopg")
    place = address.render_as_string(hide_password=True).replace("+psycopg", "")
    engine = sa.create_engine(address, pool_pre_ping=True, pool_size=8, max_overflow=24)
    return EngineStore(engine, place, lambda: None)


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Within it, faults of the database are raised as WatchkeeperError (``engine-failed``)."""
    import sqlalchemy as sa

    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise WatchkeeperError(
            f"The workflows in {place} could not be read or written: {reason}",
            slug="engine-failed",
            hint="watchkeeper doctor",
            facts={"place": place, "reason": reason},
        ) from error


def listen_only(on_trouble: Callable[[str], None]) -> None:
    """From now on the engine's own log says nothing on a terminal: its warnings are passed on, one line each."""
    logger = logging.getLogger("dbos")
    logger.handlers, logger.propagate = [_Trouble(on_trouble)], False


def written(text: str) -> str:
    """``text`` as the engine can keep it on any database, also where it is no text: NUL and lone surrogates escaped."""
    return json.dumps(text)[1:-1]


def read_back(text: str) -> str:
    """The text that was written."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


class _Trouble(logging.Handler):
    """Passes warnings on; that a body failed is no news: its work says so."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        said = " ".join(record.getMessage().split())
        if said.startswith("Exception encountered in background workflow"):
            return
        cause = record.exc_info[1] if record.exc_info else None
        self._tell(f"{said} {' '.join(str(cause).split())}" if cause else said)


def _file_engine(path: Path) -> sa.Engine:
    import sqlalchemy as sa

    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)), connect_args={"timeout": _BUSY_MS / 1000}
    )
    sa.event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _: object) -> None:
    """``synchronous=NORMAL``: a killed process loses nothing, a power cut at most the last moments; then steps are run
    again that had ended, which they bear. IMMEDIATE: who reads first and writes later would fail where it waited."""
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", f"busy_timeout={_BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _only_here(lock: Path) -> Callable[[], None]:
    """Taken until the given function is called, or this process ends."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise WatchkeeperError(
            f"The workflows in {lock.parent} are being run by another process ({holder})",
            slug="engine-busy",
            hint=f"stop process {holder}, or keep this one's state apart: export WATCHKEEPER_HOME=/path/to/folder",
            facts={"folder": str(lock.parent), "process": holder},
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    left = [handle]
    return lambda: os.close(left.pop()) if left else None


def _find_damage(path: Path) -> str:
    if not path.exists():
        return ""
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_MS / 1000)
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return str(error)
        raise
    return "" if found == ["ok"] else found[0]


def _set_aside(path: Path) -> Path:
    stamp = f"damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(f"{path}.{stamp}{suffix}")
    return path.rename(f"{path}.{stamp}")
