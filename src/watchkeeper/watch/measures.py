"""How well the watch keeps up, as values."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

_KEPT = 1_000


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds, over the last thousand; ``count`` is how many there were in all."""

    count: int = 0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    most: float = 0.0


class WatchStatistics(msgspec.Struct, frozen=True):
    """A health check of the watch. ``recorder`` is the process that records instead of this one, 0 for this one.

    ``saves`` is from the file event to the conflicts, in watched folders; ``sweep`` from a file's own time to the
    conflicts where only the sweep saw it. ``problems`` are sentences; the watch is degraded while there are any.
    """

    worktrees: int = 0
    changes: int = 0
    watched_folders: int = 0
    unwatched_folders: int = 0
    saves: Latency = Latency()
    sweep: Latency = Latency()
    events: int = 0
    proofs: int = 0  # pairs whose merge was run
    unions: int = 0  # how often all changes were looked at together
    scans: int = 0
    sweeps: int = 0
    files_parsed: int = 0
    errors: int = 0
    recorder: int = 0
    problems: tuple[str, ...] = ()


class Stopwatch:
    """Collects durations."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=_KEPT)
        self._count = 0

    def take(self, milliseconds: float) -> None:
        self._last.append(milliseconds)
        self._count += 1

    def latency(self) -> Latency:
        """The distribution as it is now."""
        return measure(self._last, self._count)


def measure(values: Iterable[float], count: int | None = None) -> Latency:
    """The percentiles of some durations; the nearest that really occurred, never one in between."""
    ordered = sorted(values)
    if not ordered:
        return Latency(count or 0)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return Latency(count if count is not None else len(ordered), at(0.5), at(0.95), at(0.99), round(ordered[-1], 1))
