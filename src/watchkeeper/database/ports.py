"""What the database watch needs from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from watchkeeper.database.sighting import Glance, ServerFacts, Sighting
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Incident


class ServerUnseenError(Exception):
    """The server cannot be looked at now: it is away, refuses, or does not answer. The text holds no password."""


class Ages(msgspec.Struct, frozen=True):
    """From which age on a look lists a transaction that blocks nobody, in milliseconds."""

    resting_ms: int = 200
    idle_ms: int = 2_000
    long_ms: int = 5_000


class JournalWrite(msgspec.Struct, frozen=True):
    """One write of a transaction that is still open, as the process that made it noted it. Paths are under ``root``."""

    table: str = ""
    columns: tuple[str, ...] = ()
    symbol: str = ""
    site: str = ""  # path:line where it was sent
    set: str = ""  # path:line where its value was assigned
    at: Millis = Millis(0)
    statement: str = ""


class PoolWaiter(msgspec.Struct, frozen=True):
    """A task that waits for a connection, and the backends that it holds meanwhile."""

    task: str = ""
    symbol: str = ""
    site: str = ""
    since: Millis = Millis(0)
    holds: tuple[int, ...] = ()


class JournalEntry(msgspec.Struct, frozen=True):
    """What the process behind one backend says about it. Untrusted: any process of the machine's user can say so."""

    backend: int
    process: int
    revision: str = ""
    root: str = ""
    task: str = ""
    thread: int = 0
    since: Millis = Millis(0)
    writes: tuple[JournalWrite, ...] = ()
    last: JournalWrite | None = None  # symbol, site and time of its last statement
    stack: tuple[str, ...] = ()  # what its thread does at the moment, the innermost call first
    awaits: tuple[int, ...] = ()  # backends whose threads or tasks its own waits for to end, as the process proves
    waits: tuple[PoolWaiter, ...] = ()  # what its task asks a pool for while it has this one


class Pool(msgspec.Struct, frozen=True):
    """A pool of connections of one process. ``out`` are given away, of at most ``limit``."""

    process: int
    name: str = ""
    limit: int = 0
    out: int = 0
    waiters: tuple[PoolWaiter, ...] = ()


class Happening(msgspec.Struct, frozen=True):
    """Something that a process noticed itself.

    ``kind`` is ``nested-write``, ``lock-timeout``, ``deadlock``, ``lost-update``, ``busy`` or ``nested-checkout``.
    ``sites`` has first where it was noticed, then where the other side is. ``revision`` is the process's.
    """

    process: int
    kind: str
    at: Millis
    backend: int = 0
    text: str = ""
    sites: tuple[str, ...] = ()
    symbol: str = ""
    table: str = ""
    revision: str = ""


class Journal(msgspec.Struct, frozen=True):
    """What all processes that could be asked say together."""

    entries: tuple[JournalEntry, ...] = ()
    pools: tuple[Pool, ...] = ()
    happenings: tuple[Happening, ...] = ()

    def by_backend(self) -> Mapping[int, JournalEntry]:
        return {each.backend: each for each in self.entries}


class Deadlocks(Protocol):
    """What tells of deadlocks that the server broke between two looks: its log, or itself."""

    def read_deadlocks(self, name: str, at: Millis) -> tuple[Incident, ...]:
        """Those since it was last asked, as incidents of the database ``name``. May block. Never raises."""


class Server(Protocol):
    """A database server that is looked at. Every method raises ServerUnseenError, and connects where it must."""

    async def facts(self) -> ServerFacts:
        """What it is, and what may be seen of it."""

    async def glance(self, ages: Ages) -> Glance:
        """The cheap question."""

    async def look(self, ages: Ages, also: Collection[int] = ()) -> Sighting:
        """Who waits for whom; the backends ``also`` are listed whatever they do, as long as they are there."""

    async def cancel(self, backend: int, waiting_since: Millis) -> bool:
        """End the statement of a backend, if it still waits as it did then; whether it was ended."""

    async def close(self) -> None:
        """Leave it. Never raises."""


class Journals(Protocol):
    """Processes that say which writes their open transactions have made."""

    async def ask(self, backends: Collection[int] = ()) -> Journal:
        """What they say about these backends (none: all). Never raises: who does not answer is left out."""


class Processes(Protocol):
    """Which process of this machine is at the other end of a connection."""

    async def find(self, clients: Collection[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """Address and port of a client to its process; those that cannot be told are missing. Never raises."""


class Tracer(Protocol):
    """Finds the code and the changes behind the parties of an incident."""

    async def trace(self, incident: Incident, journals: Mapping[int, JournalEntry]) -> Incident:
        """The same incident with attributions. Identity, kind and parties stay as they are. Never raises."""
