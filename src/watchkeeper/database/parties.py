"""The parties of a stall, the edges between them, their names, and what is the same about them tomorrow. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from watchkeeper.database.identity import Identity
from watchkeeper.database.normalised import normalised
from watchkeeper.database.sighting import Backend
from watchkeeper.database.waiting import Waiting
from watchkeeper.model.incidents import Edge, Party, Role

MOST_QUEUED = 10
_MOST_PARTIES = 40
_ORDER = (Role.HOLDER, Role.BOTH, Role.WAITER, Role.QUEUED)


def make_parties(
    component: AbstractSet[int], graph: Waiting, known: Mapping[int, Identity], ring: AbstractSet[int]
) -> tuple[Party, ...]:
    """Holders first, then who waits for them; of those that only queue at most ten."""
    roles = {each: _role(each, component, graph, ring) for each in sorted(component)}
    listed = sorted(roles, key=lambda pid: (_ORDER.index(roles[pid]), _waiting_order(graph.backends.get(pid)), pid))
    queued = [each for each in listed if roles[each] is Role.QUEUED][MOST_QUEUED:]
    kept = [each for each in listed if each not in queued][:_MOST_PARTIES]
    return tuple(_party(pid, roles[pid], graph.backends.get(pid), known.get(pid)) for pid in kept)


def make_edges(
    parties: tuple[Party, ...], graph: Waiting, nested: tuple[tuple[int, int], ...] = (), how: str = "the same task"
) -> tuple[Edge, ...]:
    """Who waits for whom among them; ``nested`` are pairs of a holder whose program waits for the waiter, ``how``."""
    listed = {each.backend for each in parties}
    edges = list[Edge]()
    for pid in sorted(listed & graph.direct.keys()):
        backend = graph.backends.get(pid)
        what = f"{backend.wants.what} {backend.wants.mode}".strip() if backend and backend.wants else ""
        edges += [Edge(pid, holder, what[:300]) for holder in sorted(graph.direct[pid] & listed)]
    edges += [Edge(holder, waiter, how, in_application=True) for holder, waiter in nested if {holder, waiter} <= listed]
    return tuple(edges)


def make_marks(parties: tuple[Party, ...], known: Mapping[int, Identity], relation: str) -> tuple[str, ...]:
    """What stands behind the parties, without anything that differs from one occurrence to the next.

    Code where a tag or a journal names it; else the statement, but of one who holds only the table: its last statement
    is not the one that took the lock.
    """
    marks = set[str]()
    for each in parties:
        if each.role is Role.QUEUED:
            continue
        identity = known.get(each.backend, Identity())
        if code := _code(identity, each.role, relation):
            marks.update(code)
        elif each.role is Role.HOLDER and relation:
            marks.add(f"holds {relation}")
        elif each.statement:
            marks.add(f"runs {normalised(each.statement)}")
        else:
            marks.add(f"wants {each.wants}" if each.wants else f"is {each.application or each.user}")
    return tuple(sorted(marks))


def name_of(backend: Backend | None, identity: Identity | None, pid: int) -> str:
    """What a party is called in a sentence: its code, else its program, with its number."""
    if pid == 0:
        return "a prepared transaction"
    symbol = _symbol(identity) if identity else ""
    if symbol:
        return f"{symbol} ({pid})"
    application = backend.application if backend else ""
    return f"{application[:60]} ({pid})" if application else f"backend {pid}"


def _symbol(identity: Identity) -> str:
    if identity.entry and identity.entry.writes:
        return identity.entry.writes[-1].symbol
    return identity.tag.symbol if identity.tag else ""


def _code(identity: Identity, role: Role, relation: str) -> set[str]:
    if role is Role.HOLDER and identity.entry is not None:
        writes = [each for each in identity.entry.writes if not relation or each.table == relation]
        found = {f"code {each.symbol} {each.site.rpartition(':')[0]}" for each in writes if each.symbol}
        if found:
            return found
    if identity.tag is not None and identity.tag.symbol:
        return {f"code {identity.tag.symbol} {identity.tag.site.rpartition(':')[0]}"}
    return set()


def _role(pid: int, component: AbstractSet[int], graph: Waiting, ring: AbstractSet[int]) -> Role:
    if pid in ring:
        return Role.BOTH
    if not graph.is_waiting(pid):
        return Role.HOLDER
    if _only_queues(pid, graph):
        return Role.QUEUED
    has_waiters = any(pid in graph.direct.get(each, ()) and not _only_queues(each, graph) for each in component)
    return Role.BOTH if has_waiters else Role.WAITER


def _only_queues(pid: int, graph: Waiting) -> bool:
    """For a row it waits its turn to wait; for a table it stands behind somebody who waits too."""
    backend = graph.backends.get(pid)
    if backend is None:
        return False
    if backend.wants is not None and backend.wants.kind == "tuple":
        return True
    return bool(backend.ahead) and set(backend.blockers) <= set(backend.ahead)


def _waiting_order(backend: Backend | None) -> int:
    return backend.wants.since or 0 if backend and backend.wants else 0


def _party(pid: int, role: Role, backend: Backend | None, identity: Identity | None) -> Party:
    if backend is None:
        return Party(pid, role, state="not seen")
    known = identity or Identity()
    wants = backend.wants
    return Party(
        backend=pid,
        role=role,
        state=backend.state or ("hidden" if backend.is_hidden else ""),
        statement=known.statement,
        application=backend.application,
        client=f"{backend.client}:{backend.port}" if backend.client else "",
        user=backend.user,
        process=known.process,
        task=known.task,
        transaction_since=backend.transaction_since,
        waiting_since=wants.since if wants else None,
        holds=backend.holds,
        wants=f"{wants.what} {wants.mode}".strip() if wants else "",
        tag=known.tag,
        is_taking=backend.is_taking,
    )
