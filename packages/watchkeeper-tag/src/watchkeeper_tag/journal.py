"""What each open transaction of the process has written or locked, and where; and what its pools are waiting for."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from watchkeeper_tag.guard import Claim, Write
from watchkeeper_tag.where import NOWHERE, Site

_MOST_WRITES = 200
_MOST_READS = 100
_MOST_EVENTS = 200


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Link:
    """One connection. Whoever uses it is its task; ``held`` are the claims of its open transaction."""

    def __init__(self, backend: int, database: str, is_open: Callable[[], bool | None]) -> None:
        """``is_open`` asks the driver whether a transaction is open; None: it cannot tell, and hooks have to say."""
        self.backend = backend
        self.database = database
        self._is_open = is_open
        self.held: list[Write] = []
        self.reads: set[str] = set()
        self.slot = 0
        self.thread = 0
        self.since = 0
        self.last: tuple[Site, int] = (NOWHERE, 0)
        self.assigned: dict[str, str] = {}
        self.sent: list[Claim] = []
        self.savepoints: list[int] = []

    def refresh(self) -> None:
        """Forget what was held where the driver says that nothing is open any more."""
        if (self.held or self.reads) and self._is_open() is False:
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

    def mark(self) -> None:
        """A savepoint was made."""
        self.savepoints.append(len(self.held))

    def back_to_mark(self) -> None:
        """The newest savepoint was rolled back: locks that were taken since are given back."""
        if self.savepoints:
            del self.held[self.savepoints.pop() :]

    def release_mark(self) -> None:
        """The newest savepoint was released: what was taken since is held on."""
        if self.savepoints:
            self.savepoints.pop()


class Pool:
    """A pool as it is now. ``limit`` 0: none. ``waiting``: which slot asks for a connection, where, since when."""

    def __init__(self, name: str, limit: int, out: Callable[[], int]) -> None:
        self.name, self.limit, self.out = name, limit, out
        self.waiting: dict[int, tuple[Site, int]] = {}
        self.told: set[Site] = set()


class Journal:
    """Of one process. Thread-safe as far as it has to be: lists are copied before they are read."""

    def __init__(self) -> None:
        self._links: dict[int, tuple[weakref.ref[Any] | None, Link]] = {}
        self._lock = threading.Lock()
        self.pools: list[Pool] = []
        self.events: deque[dict[str, object]] = deque(maxlen=_MOST_EVENTS)

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
        with self._lock:
            self._links[key] = (reference, link)
        return link

    def forget(self, connection: object) -> None:
        """It was closed."""
        self._links.pop(id(connection), None)

    def links(self) -> list[Link]:
        """Those that are open."""
        with self._lock:
            return [link for _, link in self._links.values()]

    def others(self, link: Link) -> Iterator[Link]:
        """Other connections to the same database whose transaction the same task has open."""
        for _, other in list(self._links.values()):
            if other is not link and other.slot == link.slot and (other.held or other.reads):
                other.refresh()
                if other.database == link.database:
                    yield other

    def held_by(self, slot: int) -> list[Link]:
        """The connections whose transaction this slot has open."""
        found = [each for each in self.links() if each.slot == slot and (each.held or each.reads)]
        for each in found:
            each.refresh()
        return [each for each in found if each.held or each.reads]

    def is_busy(self, slot: int) -> bool:
        """A transaction of this slot is still open."""
        return bool(self.held_by(slot))

    def tell(self, kind: str, text: str, *, backend: int, sites: Iterable[str], symbol: str, table: str) -> None:
        """Something was seen that no server shows: ``nested-write``, ``lock-timeout``, ``deadlock``, ``lost-update``,
        ``busy``, ``nested-checkout``."""
        self.events.append(
            {"kind": kind, "at": now_ms(), "backend": backend, "text": text[:1000], "sites": [s for s in sites if s],
             "symbol": symbol, "table": table}
        )  # fmt: skip
