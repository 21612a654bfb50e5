"""Who stands still without waiting for a lock: pools whose every connection is held by one who wants another. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from watchkeeper.database.ports import Journal, Pool
from watchkeeper.database.sighting import Backend
from watchkeeper.database.waiting import Waiting
from watchkeeper.model.ids import Millis


class ExhaustedPool(msgspec.Struct, frozen=True):
    """A pool from which nobody will get a connection again. ``symbols`` is the code that waits."""

    name: str
    process: int
    holders: tuple[int, ...]
    since: Millis
    symbols: tuple[str, ...] = ()


def find_exhausted_pools(journal: Journal, graph: Waiting) -> tuple[ExhaustedPool, ...]:
    """Pools all of whose connections are out, each with one who waits for another, or waits for such a one's lock."""
    found = list[ExhaustedPool]()
    for pool in sorted(journal.pools, key=lambda each: (each.process, each.name)):
        held = {pid for waiter in pool.waiters for pid in waiter.holds if not _is_at_work(graph.backends.get(pid))}
        if not (0 < pool.limit <= pool.out and held):
            continue
        own = {each.backend for each in journal.entries if each.process == pool.process}
        behind = {pid for pid in own - held if graph.is_waiting(pid) and graph.roots(pid) and graph.roots(pid) <= held}
        if len(held | behind) >= pool.out:
            found.append(_exhausted(pool, held | behind))
    return tuple(found)


def find_silent_groups(
    backends: Sequence[Backend], at: Millis, idle_ms: int, least: int
) -> tuple[tuple[Backend, ...], ...]:
    """Sessions of one program at one place that are all silent in open transactions for so long, while none works."""
    groups = dict[tuple[str, str, str, str], list[Backend]]()
    for each in backends:
        groups.setdefault((each.application, each.user, each.client, each.database), []).append(each)
    found = list[tuple[Backend, ...]]()
    for _, members in sorted(groups.items()):
        silent = [each for each in members if _is_silent(each, at - idle_ms)]
        others = [each for each in members if each not in silent]
        if len(silent) >= max(2, least) and not any(each.state == "active" for each in others):
            found.append(tuple(sorted(silent, key=lambda each: each.pid)))
    return tuple(found)


def _is_silent(backend: Backend, before: int) -> bool:
    has_been = backend.state_since is not None and backend.state_since <= before
    return backend.is_idle_in_transaction and backend.wait == "ClientRead" and has_been


def _is_at_work(backend: Backend | None) -> bool:
    return backend is not None and backend.state == "active" and backend.wants is None


def _exhausted(pool: Pool, held: set[int]) -> ExhaustedPool:
    symbols = tuple(sorted({each.symbol for each in pool.waiters if each.symbol}))
    since = min((each.since for each in pool.waiters), default=Millis(0))
    return ExhaustedPool(pool.name or "without a name", pool.process, tuple(sorted(held)), since, symbols)
