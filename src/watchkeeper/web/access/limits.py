"""How much one client may ask: what is counted, and for how long it has to wait. Pure but for its own counters."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from watchkeeper.model.ids import Millis

MAX_PATH = 2_048
MAX_QUERY = 8_192
MAX_HEADERS = 64
MAX_HEADER_BYTES = 24_576
MAX_BODY = 262_144
BODY_S = 15.0
HEAD_S = 10.0
LOOK_AGAIN_S = 10.0  # an answer that goes on for longer is of somebody who still may have it


class Rate(NamedTuple):
    """So many at once, then so many a minute."""

    burst: int
    per_minute: float


LOGINS = Rate(10, 6)  # of one client
ALL_LOGINS = Rate(60, 60)
STRANGERS = Rate(120, 300)  # requests of a client that is not logged in
PERSONS = Rate(2_000, 12_000)
REFUSALS = Rate(30, 6)  # of one client's that are recorded, each; what is beyond is refused all the same
ALL_REFUSALS = Rate(200, 60)


class Limiter:
    """Token buckets by key. Thread-safe; bounded: the keys that were unused for longest are forgotten."""

    def __init__(self, rate: Rate, clock: Callable[[], Millis], most: int = 4_096) -> None:
        self._rate, self._clock, self._most = rate, clock, most
        self._guard = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, Millis]] = OrderedDict()

    def take(self, key: str = "") -> int:
        """Count one; 0: it may go on, else after how many seconds it may try again."""
        with self._guard:
            level, now = self._level(key)
            wait = self._wait(level)
            self._buckets[key] = (level if wait else level - 1, now)
            self._buckets.move_to_end(key)
            while len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        return wait

    def look(self, key: str = "") -> int:
        """What `take` would say, and count nothing."""
        with self._guard:
            return self._wait(self._level(key)[0])

    def _level(self, key: str) -> tuple[float, Millis]:
        now = self._clock()
        level, at = self._buckets.get(key, (float(self._rate.burst), now))
        return min(self._rate.burst, level + max(0, now - at) * self._rate.per_minute / 60_000), now

    def _wait(self, level: float) -> int:
        return 0 if level >= 1 else math.ceil((1 - level) * 60 / self._rate.per_minute)
