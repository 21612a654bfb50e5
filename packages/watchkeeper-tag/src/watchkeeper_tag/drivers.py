"""A driver's connection as a link: the server's process, and whether a transaction is open."""

from __future__ import annotations

import itertools
import os
import weakref
from collections.abc import Callable
from typing import Any

from watchkeeper_tag.journal import Link

_NOTHING_OPEN = (0, 4)  # libpq's words for idle, and for a connection that is gone


def make_link(connection: Any, database: str, *, whole: bool = False, is_told: bool = False) -> Link:
    """Of any driver: what it cannot tell is 0, and the framework's hooks say when a transaction is over."""
    raw = _unwrapped(connection)
    return Link(
        0 if whole else _backend(raw), _database(raw) or database, ask_weakly(raw, _is_open), whole=whole,
        is_told=is_told,
    )  # fmt: skip


def ask_weakly(raw: Any, ask: Callable[[Any], bool | None]) -> Callable[[], bool | None]:
    """``ask(raw)`` for as long as somebody else holds ``raw``; what is gone has nothing open."""
    try:
        reference = weakref.ref(raw)
    except TypeError:
        return lambda: None
    return lambda: ask(found) if (found := reference()) is not None else False


def _unwrapped(connection: Any) -> Any:
    """SQLAlchemy wraps asyncio drivers so that they look like sync ones."""
    return getattr(connection, "_connection", connection)


def _backend(raw: Any) -> int:
    info = getattr(raw, "info", None)
    found = getattr(info, "backend_pid", None)
    if found is None:
        ask = (
            getattr(raw, "get_server_pid", None)
            or getattr(raw, "get_backend_pid", None)
            or getattr(raw, "thread_id", None)
        )
        found = ask() if callable(ask) else 0
    return found if isinstance(found, int) else 0


def _database(raw: Any) -> str:
    info = getattr(raw, "info", None)
    if info is not None and hasattr(info, "dbname"):
        return name_database(getattr(info, "host", ""), getattr(info, "port", ""), info.dbname)
    return ""


def name_database(host: object, port: object, name: object) -> str:
    """One name for a database, over whichever driver it is reached."""
    return f"{host or ''}:{port or 5432}/{name or ''}"


def _is_open(raw: Any) -> bool | None:
    info = getattr(raw, "info", None)
    status = getattr(info, "transaction_status", None)
    if status is not None:
        return int(status) not in _NOTHING_OPEN
    told = getattr(raw, "in_transaction", None)  # sqlite3
    if isinstance(told, bool):
        return told
    flags = getattr(raw, "server_status", None)  # PyMySQL: SERVER_STATUS_IN_TRANS
    if isinstance(flags, int):
        return bool(flags & 1)
    asked = getattr(raw, "is_in_transaction", None)  # asyncpg
    return bool(asked()) if callable(asked) else None


def database_of_file(path: object) -> str:
    """One name for a SQLite file, however it was spelled; one of its own for each database in memory."""
    text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else str(path)
    if text.startswith("file:"):
        text, _, options = text.removeprefix("file:").partition("?")
        if "cache=shared" in options and ("mode=memory" in options or text == ":memory:"):
            return f"shared memory:{text}"
        text = ":memory:" if "mode=memory" in options else text
    if text in ("", ":memory:"):
        return f"memory:{next(_IN_MEMORY)}"
    return f"file:{os.path.realpath(text)}"


_IN_MEMORY = itertools.count(1)
