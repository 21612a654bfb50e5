"""What each open transaction of the process has written or locked, and where; and what its pools are waiting for."""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from watchkeeper_tag.guard import Claim, Write
from watchkeeper_tag.where import NOWHERE, Site

_MOST_WRITES = 200
_MOST_READS = 100
_MOST_EVENTS = 200
_MOST_SAVEPOINTS = 100
_MOST_COMMITTED = 50


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Link:
    """One connection. Whoever uses it is its task; ``held`` are the claims of its open transaction.

    ``whole``: the database is locked as one. ``is_told``: hooks say when its transaction is over, so that the driver
    need not be asked before each statement.
    """

    def __init__(
        self, backend: int, database: str, is_open: Callable[[], bool | None], *, whole: bool = False,
        is_told: bool = False,
    ) -> None:  # fmt: skip
        """``is_open`` asks the driver whether a transaction is open; None: it cannot tell, and hooks have to say."""
        self.backend = backend
        self.database = database
        self.whole = whole
        self.is_told = is_told
        self.ask = is_open
        self.held: list[Write] = []
        self.reads: set[str] = set()
        self.slot = 0
        self.thread = 0
        self.ident = 0
        self.since = 0
        self.last: tuple[Site, int] = (NOWHERE, 0)
        self.assigned: dict[str, str] = {}
        self.sent: list[Claim] = []
        self.savepoints: list[tuple[str, Write | None, frozenset[str]]] = []
        self.pool: Pool | None = None  # while it is checked out

    @property
    def is_busy(self) -> bool:
        """It has a transaction open, as far as is known, or is out of its pool."""
        return bool(self.held or self.reads or self.pool is not None)

    def refresh(self) -> None:
        """Forget what was held where the driver says that nothing is open any more."""
        if (self.held or self.reads) and self.ask() is False:
            self.clear()

    def clear(self) -> None:
        """Its transaction is over."""
        self.held, self.reads, self.savepoints, self.since = [], set(), [], 0
        self.assigned = {}

    def keep(self, writes: Iterable[Write], reads: Iterable[str]) -> None:
        """These were done in its transaction."""
        self.since = self.since or now_ms()
        self.held += writes
        if len(self.held) > _MOST_WRITES:  # the first are the ones that others wait for
            del self.held[_MOST_WRITES // 2 : -_MOST_WRITES // 2]
        if len(self.reads) < _MOST_READS:
            self.reads.update(reads)

    def move(self, verb: str, name: str) -> None:
        """A statement made, released or rolled back to a savepoint, or ended the transaction."""
        if verb == "end":
            self.clear()
        elif verb == "savepoint":
            if len(self.savepoints) < _MOST_SAVEPOINTS:
                self.savepoints.append((name, self.held[-1] if self.held else None, frozenset(self.reads)))
        else:
            at = next((n for n in reversed(range(len(self.savepoints))) if self.savepoints[n][0] == name), None)
            if at is not None and verb == "release":  # what was taken since is held on
                del self.savepoints[at:]
            elif at is not None:
                self._give_back(at)

    def _give_back(self, at: int) -> None:
        """Locks that were taken since the savepoint are free again; it stays."""
        _, newest, reads = self.savepoints[at]
        del self.savepoints[at + 1 :]
        here = next((n for n, each in enumerate(self.held) if each is newest), None)
        if newest is None or here is not None:
            del self.held[0 if here is None else here + 1 :]
        self.reads = set(reads)


class Pool:
    """A pool as it is now. ``limit`` 0: none. ``waiting``: which slot asks for a connection, where, since when."""

    def __init__(self, name: str, limit: int, out: Callable[[], int]) -> None:
        self.name, self.limit, self.out = name, limit, out
        self.waiting: dict[int, tuple[Site, int]] = {}
        self.told: set[Site] = set()


class Journal:
    """Of one process. Thread-safe as far as it has to be: lists are copied before they are read."""

    def __init__(self) -> None:
        self.pools: list[Pool] = []
        self.start_anew()

    def start_anew(self) -> None:
        """Nothing is open: so it is in a child after a fork, whose connections are its parent's."""
        self._links: dict[int, tuple[weakref.ref[Any] | None, Link]] = {}
        self._events: OrderedDict[tuple[object, ...], dict[str, object]] = OrderedDict()
        self.newest: dict[str, Write] = {}  # the last write into each database that is locked as one
        self.is_any_table_held = False  # since some time: only then readers have anything to wait for
        for pool in self.pools:
            pool.waiting.clear()

    def find(self, connection: object) -> Link | None:
        """The link of a driver's connection; None: it was not seen yet."""
        found = self._links.get(id(connection))
        if found is None or (found[0] is not None and found[0]() is not connection):
            return None
        return found[1]

    def add(self, connection: object, link: Link) -> Link:
        """From now on it is known; when the connection is collected it is forgotten."""
        key = id(connection)
        try:
            reference: weakref.ref[Any] | None = weakref.ref(connection, lambda _: self._links.pop(key, None))
        except TypeError:
            reference = None
        self._links[key] = (reference, link)
        return link

    def forget(self, connection: object) -> None:
        """It was closed."""
        self._links.pop(id(connection), None)

    def links(self) -> list[Link]:
        """Those that are open. A list is made at once: connections may be collected in the middle of a loop."""
        return [link for _, link in list(self._links.values())]

    def others(self, link: Link) -> Iterator[Link]:
        """Other connections to the same database whose transaction is open, of any task."""
        for other in self.links():
            if other is not link and (other.held or other.reads) and other.database == link.database:
                other.refresh()
                if other.held or other.reads:
                    yield other

    def held_by(self, slot: int) -> list[Link]:
        """The connections that a slot has: with a transaction open, or out of their pool."""
        found = [each for each in self.links() if each.slot == slot and each.is_busy]
        for each in found:
            each.refresh()
        return [each for each in found if each.is_busy]

    def is_busy(self, slot: int) -> bool:
        """One of its connections is not yet given back."""
        return bool(self.held_by(slot))

    def note_newest(self, database: str, write: Write) -> None:
        """The last write into a database that is locked as one, committed or not."""
        if database not in self.newest and len(self.newest) >= _MOST_COMMITTED:
            self.newest.clear()
        self.newest[database] = write

    @property
    def events(self) -> list[dict[str, object]]:
        """What was seen, the newest last."""
        return list(self._events.values())

    def tell(self, kind: str, text: str, *, backend: int, sites: Iterable[str], symbol: str, table: str) -> bool:
        """Something was seen that no server shows: ``nested-write``, ``lock-timeout``, ``deadlock``, ``lost-update``,
        ``busy``, ``nested-checkout``. The same again is told once, with its newest time. False: it is known already.
        """
        shown = [each for each in sites if each]
        key = (kind, *shown, table)
        is_new = key not in self._events
        self._events[key] = {
            "kind": kind, "at": now_ms(), "backend": backend, "text": text[:1000], "sites": shown, "symbol": symbol,
            "table": table,
        }  # fmt: skip
        self._events.move_to_end(key)
        while len(self._events) > _MOST_EVENTS:
            self._events.popitem(last=False)
        return is_new
