"""What a process says of its own transactions, as ``watchkeeper-tag`` answers it (decision 011). Values."""

from __future__ import annotations

import msgspec


class JournalWrite(msgspec.Struct, frozen=True):
    """A write of an open transaction. ``set`` is where its value was assigned, ``""`` where nobody knows."""

    table: str = ""
    columns: tuple[str, ...] = ()
    symbol: str = ""
    site: str = ""
    set: str = ""
    at: int = 0
    statement: str = ""


class JournalLast(msgspec.Struct, frozen=True):
    """The newest statement of a connection."""

    symbol: str = ""
    site: str = ""
    at: int = 0


class PoolWait(msgspec.Struct, frozen=True):
    """A task waits for a connection out of a pool while it has others: ``holds`` are their backends."""

    task: str = ""
    symbol: str = ""
    site: str = ""
    since: int = 0
    holds: tuple[int, ...] = ()


class JournalEntry(msgspec.Struct, frozen=True):
    """One connection as its own process knows it. ``waits``: what this connection's task asks a pool for."""

    backend: int
    process: int = 0
    revision: str = ""
    root: str = ""
    task: str = ""
    thread: int = 0
    since: int = 0
    writes: tuple[JournalWrite, ...] = ()
    last: JournalLast | None = None
    waits: tuple[PoolWait, ...] = ()
