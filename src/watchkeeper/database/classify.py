"""What stands still, of what kind, and because of whom: from one look to stalls. Pure.

A stall is what an incident may become. How long it must last for that is said by its pace, and decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Enum, auto

import msgspec

from watchkeeper.database.identity import Identity, identify, same_place
from watchkeeper.database.parties import make_edges, make_marks, make_parties, name_of
from watchkeeper.database.ports import Ages, Journal
from watchkeeper.database.sighting import CLIENT, PREPARED, Backend, Sighting
from watchkeeper.database.stranded import ExhaustedPool, find_exhausted_pools, find_silent_groups
from watchkeeper.database.waiting import Waiting, wait_graph
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Edge, IncidentKind, Party

_STRONG = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock", "MDL_EXCLUSIVE"})
_AUTOVACUUM = "autovacuum worker"


_STORAGE = ("IO", "LWLock", "BufferPin")


class Pace(Enum):
    """How long a stall must last before it is told."""

    AT_ONCE = auto()  # it follows from structure
    WAIT = auto()
    IDLE = auto()
    FORGOTTEN = auto()  # it is in nobody's way yet
    STORAGE = auto()  # who all wait for is at work, and waits for the disk: a slow commit, not a lock, holds it up
    AUTOVACUUM = auto()  # the server itself ends it when somebody has waited for its deadlock_timeout


class Stall(msgspec.Struct, frozen=True):
    """Something that stands still now.

    ``anchor`` are the backends with the beginnings of their transactions that it depends on: as long as one of them is
    the same, it is the same stall. ``core`` are the waits that make it what it is, with their beginnings: two looks
    that see the same ones have seen one thing that lasted. ``marks`` make its fingerprint.
    """

    kind: IncidentKind
    pace: Pace
    summary: str
    since: Millis
    parties: tuple[Party, ...]
    edges: tuple[Edge, ...] = ()
    relation: str = ""
    stuck: int = 0
    marks: tuple[str, ...] = ()
    anchor: frozenset[tuple[int, Millis]] = frozenset()
    core: frozenset[tuple[int, Millis]] = frozenset()

    @property
    def is_certain(self) -> bool:
        return self.pace is Pace.AT_ONCE


class Scope(msgspec.Struct, frozen=True):
    """What is reported: stalls of one database (``""``: of all), and from which ages on."""

    database: str = ""
    ages: Ages = Ages()
    silent_sessions: int = 2  # so many that are silent in their transactions together look like an exhausted pool


_NO_JOURNAL = Journal()
_ANY_SCOPE = Scope()


def classify(
    sighting: Sighting,
    journal: Journal = _NO_JOURNAL,
    processes: Mapping[tuple[str, int], int] | None = None,
    scope: Scope = _ANY_SCOPE,
) -> tuple[Stall, ...]:
    """Everything that stands still, the order of the backends does not matter. Total: never raises."""
    graph = wait_graph(sighting)
    known = identify(sighting, journal.by_backend(), processes or {})
    pools = find_exhausted_pools(journal, graph)
    held = {pid for pool in pools for pid in pool.holders}
    stalls = [_pool_stall(pool, graph, known) for pool in pools]
    stalls += [
        _component_stall(component, sighting, graph, known, scope)
        for component in graph.components()
        if _is_ours(component, graph, scope) and not held & component
    ]
    in_the_way = held | {pid for component in graph.components() for pid in component}
    rest = [each for each in graph.backends.values() if each.pid not in in_the_way and _may_be_told(each, scope)]
    silent = find_silent_groups(rest, sighting.at, scope.ages.idle_ms, scope.silent_sessions)
    stalls += [_silent_stall(group, graph, known) for group in silent]
    grouped = {each.pid for group in silent for each in group}
    stalls += [_old_stall(each, graph, known) for each in rest if each.pid not in grouped and _is_old(each, sighting)]
    return tuple(stalls)


def _is_ours(component: frozenset[int], graph: Waiting, scope: Scope) -> bool:
    databases = {graph.backends[each].database for each in component if each in graph.backends and each != PREPARED}
    return not scope.database or scope.database in databases


def _may_be_told(backend: Backend, scope: Scope) -> bool:
    return backend.kind == CLIENT and scope.database in ("", backend.database) and backend.leader is None


def _is_old(backend: Backend, sighting: Sighting) -> bool:
    return backend.transaction_since is not None and backend.transaction_since < sighting.at


def _component_stall(
    component: frozenset[int], sighting: Sighting, graph: Waiting, known: Mapping[int, Identity], scope: Scope
) -> Stall:
    ring = graph.ring(component)
    roots = frozenset(each for each in component if not graph.is_waiting(each))
    waiters = component - roots
    nested = () if ring else _find_nested(roots, waiters, graph, known)
    is_one_task = all(known[holder].is_same_task(known[waiter]) for holder, waiter in nested)
    how = "the same task" if is_one_task else "a thread or task that it waits for"
    relation = _relation_of(ring or waiters, graph)
    schema_change = _find_schema_change(waiters, graph)
    if ring:
        kind, pace = IncidentKind.CYCLE, Pace.AT_ONCE
    elif nested:
        holder, waiter = nested[0]
        sure = known[holder].is_sure and known[waiter].is_sure
        is_local = not graph.backends[holder].client
        kind, pace = IncidentKind.SELF_DEADLOCK, Pace.AT_ONCE if sure or is_local else Pace.WAIT
    elif schema_change is not None:
        kind, pace = IncidentKind.DDL_QUEUE, Pace.WAIT
        relation = _relation_of({schema_change}, graph) or relation
    else:
        kind = _plain_kind(roots, sighting, graph, scope)
        pace = Pace.STORAGE if kind is IncidentKind.LOCK_WAIT and _are_writing(roots, graph) else Pace.WAIT
    if pace is Pace.WAIT and any(graph.backends[each].kind == _AUTOVACUUM for each in roots if each in graph.backends):
        pace = Pace.AUTOVACUUM
    focus = ring or roots
    parties = make_parties(component, graph, known, ring)
    summary = _summary(
        kind, graph=graph, known=known, focus=focus, waiters=waiters, relation=relation, nested=nested,
        schema_change=schema_change,
    )  # fmt: skip
    return Stall(
        kind=kind,
        pace=pace,
        summary=summary,
        since=_since(ring or waiters, graph, sighting.at),
        parties=parties,
        edges=make_edges(parties, graph, nested, how),
        relation=relation,
        stuck=len(waiters),
        marks=make_marks(parties, known, relation),
        anchor=_anchor(focus, graph),
        core=_waits(ring or {waiter for _, waiter in nested}, graph),
    )


def _find_nested(
    roots: frozenset[int], waiters: frozenset[int], graph: Waiting, known: Mapping[int, Identity]
) -> tuple[tuple[int, int], ...]:
    """Pairs of a root and one who waits for it, of one task: it has done nothing since the waiter's statement began.

    One task does one thing at a time, so the holder must have been left alone before the waiter was sent.
    """
    found = list[tuple[int, int]]()
    for waiter in sorted(waiters):
        for holder in sorted(graph.roots(waiter) & roots & graph.backends.keys()):
            one, other = graph.backends[holder], graph.backends.get(waiter)
            if (
                other is not None
                and (known[holder].is_same_task(known[waiter]) or known[holder].awaits(known[waiter]))
                and same_place(one, other)
                and (one.is_idle_in_transaction or one.is_hidden)
                and (one.state_since or 0) <= (other.statement_since or one.state_since or 0)
            ):
                found.append((holder, waiter))
    return tuple(found)


def _find_schema_change(waiters: frozenset[int], graph: Waiting) -> int | None:
    """A waiter for a whole table that others stand behind."""
    for waiter in sorted(waiters):
        backend = graph.backends.get(waiter)
        if backend is None or backend.wants is None:
            continue
        if backend.wants.kind == "relation" and backend.wants.mode in _STRONG:
            behind = any(waiter in graph.edges[each] for each in waiters if each != waiter)
            if behind:
                return waiter
    return None


def _plain_kind(roots: frozenset[int], sighting: Sighting, graph: Waiting, scope: Scope) -> IncidentKind:
    seen = [graph.backends[each] for each in sorted(roots) if each in graph.backends]
    if PREPARED in roots or any(each.is_idle_in_transaction or each.state == "idle" for each in seen):
        return IncidentKind.IDLE_HOLDER
    long_ago = sighting.at - scope.ages.long_ms
    if any(each.transaction_since is not None and each.transaction_since <= long_ago for each in seen):
        return IncidentKind.LONG_TRANSACTION
    return IncidentKind.LOCK_WAIT


def _are_writing(roots: frozenset[int], graph: Waiting) -> bool:
    """All whom the others wait for wait for the disk, or for who writes to it (PostgreSQL's wait events)."""
    seen = [graph.backends[each] for each in roots if each in graph.backends]
    return bool(seen) and all(each.state == "active" and each.wait_type in _STORAGE for each in seen)


def _relation_of(waiters: AbstractSet[int], graph: Waiting) -> str:
    """The table, or the advisory lock, that is waited for; the one that most wait for."""
    named = list[str]()
    for each in sorted(waiters):
        backend = graph.backends.get(each)
        if backend is not None and backend.wants is not None:
            wants = backend.wants
            named.append(wants.relation or (wants.what if wants.kind == "advisory" else "") or _written(backend))
    found = [each for each in named if each]
    return max(sorted(set(found)), key=found.count) if found else ""


def _written(backend: Backend) -> str:
    """A wait for a transaction names no table; what the waiter locks rows of is told by its own lock of the table."""
    written = [each.rpartition(" ") for each in backend.holds if each.endswith((" RowExclusiveLock", " RowShareLock"))]
    return written[0][0] if len(written) == 1 else ""


def _since(waiters: frozenset[int], graph: Waiting, at: Millis) -> Millis:
    return min((_waiting_since(graph.backends.get(each), at) for each in waiters), default=at)


def _waiting_since(backend: Backend | None, at: Millis) -> Millis:
    return backend.wants.since if backend and backend.wants and backend.wants.since is not None else at


def _anchor(focus: frozenset[int], graph: Waiting) -> frozenset[tuple[int, Millis]]:
    return frozenset(
        (each, graph.backends[each].transaction_since or Millis(0)) for each in focus if each in graph.backends
    )


def _waits(waiters: AbstractSet[int], graph: Waiting) -> frozenset[tuple[int, Millis]]:
    seen = [graph.backends[each] for each in waiters if each in graph.backends]
    return frozenset((each.pid, each.wants.since or Millis(0)) for each in seen if each.wants is not None)


def _summary(
    kind: IncidentKind, *, graph: Waiting, known: Mapping[int, Identity], focus: frozenset[int],
    waiters: frozenset[int], relation: str, nested: tuple[tuple[int, int], ...], schema_change: int | None,
) -> str:  # fmt: skip
    at = f" of {relation}" if relation and not relation.startswith("advisory") else f" ({relation})" if relation else ""
    names = [name_of(graph.backends.get(each), known.get(each), each) for each in sorted(focus)]
    first = names[0] if names else "nobody who can be seen"
    most = f"{first} and {len(names) - 1} more" if len(names) > 1 else first
    stuck = f"{len(waiters)} wait" if len(waiters) > 1 else "one waits"
    match kind:
        case IncidentKind.CYCLE:
            text = f"{len(focus)} transactions wait for each other{at}: {', '.join(names[:4])}"
        case IncidentKind.SELF_DEADLOCK:
            waiter = name_of(graph.backends.get(nested[0][1]), known.get(nested[0][1]), nested[0][1])
            is_own = known[nested[0][0]].is_same_task(known[nested[0][1]])
            whose = "its own task" if is_own else "a task that waits for it"
            text = f"{waiter} waits for a lock{at} that {whose} holds over another connection ({first})"
        case IncidentKind.DDL_QUEUE:
            change = schema_change or 0
            changer = name_of(graph.backends.get(change), known.get(change), change)
            behind = len(waiters) - 1
            text = f"{changer} waits for the whole table{at}, {behind} more behind it; the cause is {most}"
        case IncidentKind.IDLE_HOLDER:
            maybe = _may_be_its_own(focus, waiters, known)
            text = f"{most} does nothing in an open transaction, and {stuck} for its locks{at}{maybe}"
        case IncidentKind.LONG_TRANSACTION:
            text = f"{most} is at work in a long transaction, and {stuck} for its locks{at}"
        case _:
            text = f"{stuck} for locks{at} of {most}, which is at work"
    return text


def _may_be_its_own(focus: frozenset[int], waiters: frozenset[int], known: Mapping[int, Identity]) -> str:
    holders = {known[each].process for each in focus if each in known} - {0}
    is_same = any(known[each].process in holders for each in waiters if each in known)
    return "; both are of one process, which may wait for itself" if is_same else ""


def _pool_stall(pool: ExhaustedPool, graph: Waiting, known: Mapping[int, Identity]) -> Stall:
    name, holders, symbols = pool.name, pool.holders, pool.symbols
    parties = make_parties(frozenset(holders), graph, known, frozenset(holders))
    who = f" in {', '.join(symbols[:2])}" if symbols else ""
    return Stall(
        kind=IncidentKind.POOL,
        pace=Pace.AT_ONCE,
        summary=f"all {len(holders)} connections of pool {name} are held by those who wait for another{who}",
        since=pool.since,
        parties=parties,
        stuck=len(holders),
        marks=tuple(f"pool {each}" for each in symbols) or (f"pool {name}",),
        anchor=_anchor(frozenset(holders), graph) or frozenset((each, Millis(0)) for each in holders),
        core=frozenset((each, Millis(0)) for each in holders),
    )


def _silent_stall(group: tuple[Backend, ...], graph: Waiting, known: Mapping[int, Identity]) -> Stall:
    pids = frozenset(each.pid for each in group)
    parties = make_parties(pids, graph, known, frozenset())
    name = name_of(group[0], known.get(group[0].pid), group[0].pid)
    return Stall(
        kind=IncidentKind.LONG_TRANSACTION,
        pace=Pace.IDLE,
        summary=f"{len(group)} sessions like {name} are all silent in open transactions, none is at work: an exhausted "
        "pool looks like this",
        since=max((each.state_since or Millis(0) for each in group), default=Millis(0)),
        parties=parties,
        marks=("silent", *make_marks(parties, known, "")),
        anchor=_anchor(pids, graph),
    )


def _old_stall(backend: Backend, graph: Waiting, known: Mapping[int, Identity]) -> Stall:
    parties = make_parties(frozenset({backend.pid}), graph, known, frozenset())
    does = "does nothing in an open transaction" if backend.is_idle_in_transaction else "is in a long transaction"
    return Stall(
        kind=IncidentKind.LONG_TRANSACTION,
        pace=Pace.FORGOTTEN,
        summary=f"{name_of(backend, known.get(backend.pid), backend.pid)} {does}, whose old rows cannot be cleaned up",
        since=backend.transaction_since or Millis(0),
        parties=parties,
        marks=("old", *make_marks(parties, known, "")),
        anchor=_anchor(frozenset({backend.pid}), graph),
    )
