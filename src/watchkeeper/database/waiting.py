"""Who waits for whom, as a graph: the roots that nobody holds up, rings, and what hangs together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from watchkeeper.database.sighting import Backend, Sighting


class Waiting(msgspec.Struct, frozen=True):
    """The graph of one sighting. ``edges`` has for each waiter all that the server names, parallel workers merged.

    ``direct`` are those among them that have what it wants; the rest only stand before it.
    """

    backends: Mapping[int, Backend]
    edges: Mapping[int, frozenset[int]]
    direct: Mapping[int, frozenset[int]]

    def is_waiting(self, pid: int) -> bool:
        return pid in self.edges

    def roots(self, pid: int) -> frozenset[int]:
        """Those at the ends of its ways who wait for nobody.

        The ways lead over who has what is wanted: of everybody who stands ahead there are as many as the square of the
        queue's length, and they end at the same roots.
        """
        return frozenset(each for each in _reach(self.direct, pid) if each not in self.edges)

    def components(self) -> tuple[frozenset[int], ...]:
        """What hangs together, in any direction, in the order of their smallest numbers."""
        return _components(self.edges)

    def ring(self, component: AbstractSet[int]) -> frozenset[int]:
        """Those of the component that wait for themselves through others, over those who have what is wanted."""
        return frozenset(each for each in component if each in _reach(self.direct, each))


def wait_graph(sighting: Sighting) -> Waiting:
    """The graph. A parallel worker is its leader, which does not wait for its own workers."""
    named = {each.pid: each for each in sorted(sighting.backends, key=lambda each: each.pid)}
    leader = {each.pid: each.leader for each in named.values() if each.leader is not None}
    edges = dict[int, set[int]]()
    direct = dict[int, set[int]]()
    for each in named.values():
        if not each.blockers:
            continue
        waiter = leader.get(each.pid, each.pid)
        blockers = {leader.get(one, one) for one in each.blockers} - {waiter}
        ahead = {leader.get(one, one) for one in each.ahead} - {waiter}
        if blockers:
            edges.setdefault(waiter, set()).update(blockers)
            direct.setdefault(waiter, set()).update(blockers - ahead or blockers)
    # Those who only stand ahead are only known to have nothing where somebody has it.
    held = {each: frozenset(some) for each, some in direct.items()}
    return Waiting(_with_wants(named, leader, edges), {pid: frozenset(some) for pid, some in edges.items()}, held)


def _with_wants(named: Mapping[int, Backend], leader: Mapping[int, int], edges: Iterable[int]) -> dict[int, Backend]:
    """A leader whose worker waits wants what the worker wants."""
    merged = dict(named)
    for pid in edges:
        worker = next((named[each] for each, of in leader.items() if of == pid and named[each].wants), None)
        if pid in merged and merged[pid].wants is None and worker is not None:
            merged[pid] = msgspec.structs.replace(merged[pid], wants=worker.wants)
    return merged


def _reach(edges: Mapping[int, frozenset[int]], pid: int) -> set[int]:
    found = set[int]()
    left: list[int] = list(edges.get(pid, ()))
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left.extend(edges.get(at, ()))
    return found


def _components(edges: Mapping[int, frozenset[int]]) -> tuple[frozenset[int], ...]:
    near = dict[int, set[int]]()
    for waiter, blockers in edges.items():
        for blocker in blockers:
            near.setdefault(waiter, set()).add(blocker)
            near.setdefault(blocker, set()).add(waiter)
    found = list[frozenset[int]]()
    seen = set[int]()
    for pid in sorted(near):
        if pid in seen:
            continue
        component, left = set[int](), [pid]
        while left:
            at = left.pop()
            if at not in component:
                component.add(at)
                left.extend(near[at])
        seen |= component
        found.append(frozenset(component))
    return tuple(found)
