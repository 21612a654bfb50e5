"""What processes notice themselves, as incidents: also what no server shows, and what was over between two looks. Pure.

What they say is untrusted. It is shown and traced, never acted on. Their events do not say which database they are of:
two watches that ask the same processes both tell of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.database.ports import Happening, Pool
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import (
    Edge,
    EndReason,
    Incident,
    IncidentEnded,
    IncidentKind,
    Party,
    Role,
    Tag,
    fingerprint,
    incident_id,
)

NOTICED = -1
"""The backend of the side that noticed it, where its process does not know the server's number for it."""
OTHER = -2
"""The backend of the other side, of which only its place in the code is known; further ones count down from here."""

_MOST_KNOWN = 5_000
_MOST_OTHERS = 3
_QUIET_MS = 60_000  # the same fault is told once in a minute
_MOST_TEXT = 500

_CHECKOUT = "nested-checkout"
_KINDS: Mapping[str, IncidentKind] = {
    "nested-write": IncidentKind.SELF_DEADLOCK,
    "lock-timeout": IncidentKind.LOCK_WAIT,
    "busy": IncidentKind.LOCK_WAIT,
    "deadlock": IncidentKind.CYCLE,
    "lost-update": IncidentKind.LOST_UPDATE,
    _CHECKOUT: IncidentKind.POOL,
}
_TIMEOUTS = frozenset({"lock-timeout", "busy"})
_ONE_CONNECTION = "do both over one connection: hand the session on instead of opening a second one"
_ADVICE: Mapping[IncidentKind, tuple[str, ...]] = {
    IncidentKind.SELF_DEADLOCK: (_ONE_CONNECTION, "let tests run with the tag's mode raise: it refuses to send this"),
    IncidentKind.LOCK_WAIT: ("commit sooner where the lock is held, or try again where it was waited for",),
    IncidentKind.CYCLE: (
        "take the locks in one order in both places: SELECT ... FOR UPDATE of all rows first, sorted",
        "let the loser try again",
    ),
    IncidentKind.LOST_UPDATE: (
        _ONE_CONNECTION,
        "others see a row when it is committed, not before",
    ),
    IncidentKind.POOL: ("take no second connection while one is held: hand the session on",),
}
_ENDS: Mapping[IncidentKind, tuple[EndReason, str]] = {
    IncidentKind.SELF_DEADLOCK: (
        EndReason.UNKNOWN,
        "its process told it when it was sent; no look has seen it hang",
    ),
    IncidentKind.LOCK_WAIT: (EndReason.BROKEN, "by a timeout, as its process says"),
    IncidentKind.CYCLE: (EndReason.BROKEN, "by the deadlock detector, as its process says"),
    IncidentKind.LOST_UPDATE: (EndReason.RESOLVED, "it is no state that lasts: what was written is lost"),
    IncidentKind.POOL: (EndReason.UNKNOWN, "its process told it when it was asked for"),
}


class Heard(msgspec.Struct, frozen=True):
    """What processes have said until now. ``known`` None: they were not asked yet.

    ``waiting`` is held back until the next time: what a look sees in the meantime is told by that, and not twice.
    ``told`` are fingerprints with the time.
    """

    known: frozenset[Happening] | None = None
    waiting: tuple[Happening, ...] = ()
    told: Mapping[str, Millis] = {}


def hear(
    heard: Heard,
    happenings: Sequence[Happening],
    seen: Iterable[int],
    database: str,
    at: Millis,
    *,
    pools: Sequence[Pool] = (),
) -> tuple[Heard, tuple[Incident, ...]]:
    """What is to be told of an answer; ``seen`` are the backends of incidents that looks have opened. Total.

    Of what had happened before the first answer nothing is told: nobody knows whether it was told before. A second
    connection of a pool is told of only while nobody will get one: two answers in a row show the same (``pools``).
    """
    stuck = tuple(each for each in dict.fromkeys(happenings) if each.kind == _CHECKOUT and _is_stuck(each, pools))
    if heard.known is None:
        return Heard(frozenset(happenings), stuck), ()
    backends = frozenset(seen)
    told = {mark: when for mark, when in heard.told.items() if at - when < _QUIET_MS}
    incidents = list[Incident]()
    for each in heard.waiting:
        is_over = each.kind == _CHECKOUT and each not in stuck
        incident = None if is_over or each.backend in backends else client_incident(each, database, at)
        if incident is not None and incident.fingerprint not in told:
            told[incident.fingerprint] = at
            incidents.append(incident)
    fresh = [
        each
        for each in dict.fromkeys(happenings)
        if each.kind != _CHECKOUT and each not in heard.known and each.backend not in backends
    ]
    known = frozenset(happenings)
    if len(heard.known) < _MOST_KNOWN:
        known |= heard.known
    foretold = [_foretold(each, happenings) for each in fresh]
    return Heard(known, (*foretold, *stuck), told), tuple(incidents)


def _is_stuck(happening: Happening, pools: Sequence[Pool]) -> bool:
    """Whether who asked there for a second connection will get none: every one that is out has one who waits so.

    A pool with connections to spare gives it, and a holder who asks for no other one will give his back.
    """
    for pool in pools:
        if pool.process != happening.process or not 0 < pool.limit <= pool.out:
            continue
        held = {backend for waiter in pool.waiters for backend in waiter.holds}
        asks = any(each.holds and each.site in happening.sites[:1] for each in pool.waiters)
        if asks and len(held) >= pool.out:
            return True
    return False


def _foretold(happening: Happening, happenings: Sequence[Happening]) -> Happening:
    """What a wait was that a timeout ended: where its process had said at the same two places that a task waits for
    itself, it is that, and no second fault. The warning itself may be from before the watch began."""
    if happening.kind not in _TIMEOUTS or len(happening.sites) < 2:
        return happening
    same = (
        each
        for each in happenings
        if (each.kind, each.process, each.sites[:2]) == ("nested-write", happening.process, happening.sites[:2])
    )
    warned = next(same, None)
    return happening if warned is None else msgspec.structs.replace(warned, at=happening.at)


def client_incident(happening: Happening, database: str, at: Millis) -> Incident | None:
    """One event as an incident; None where its kind is unknown, or it says nothing about locks.

    ``since`` is by the clock of the process. A statement that a timeout ended while nobody held what it wants was slow.
    """
    kind = _KINDS.get(happening.kind)
    if kind is None or (happening.text.startswith("57014") and len(happening.sites) < 2):
        return None
    parties = _parties(happening, kind)
    mark = fingerprint(kind, database, _marks(happening))
    return Incident(
        id=incident_id(mark),
        fingerprint=mark,
        kind=kind,
        database=database,
        summary=_summary(happening)[:_MOST_TEXT],
        since=happening.at or at,
        seen=max(at, happening.at),
        parties=parties,
        edges=_edges(happening, kind, parties),
        relation=happening.table,
        stuck=0 if kind is IncidentKind.LOST_UPDATE else 1,
        is_certain=kind is not IncidentKind.POOL,
        by="client",
        advice=_ADVICE[kind],
    )


def client_end(incident: Incident) -> IncidentEnded:
    """It is over when it is told."""
    reason, detail = _ENDS[incident.kind]
    return IncidentEnded(incident.id, reason, 0, detail)


def _parties(happening: Happening, kind: IncidentKind) -> tuple[Party, ...]:
    first, *others = happening.sites or ("",)
    both = kind is IncidentKind.CYCLE
    noticed = Party(
        happening.backend or NOTICED,
        Role.BOTH if both else Role.WAITER,
        process=happening.process,
        tag=Tag(happening.revision, happening.symbol, first, process=happening.process),
        wants=happening.table,
    )
    found = [
        Party(
            OTHER - number,
            Role.BOTH if both else Role.HOLDER,
            state="not seen",
            process=happening.process,
            holds=(happening.table,) if happening.table else (),
            tag=Tag(happening.revision, site=site, process=happening.process),
            is_taking=True,
        )
        for number, site in enumerate(others[:_MOST_OTHERS])
    ]
    return (*found, noticed)


def _edges(happening: Happening, kind: IncidentKind, parties: tuple[Party, ...]) -> tuple[Edge, ...]:
    *others, noticed = parties
    if kind in (IncidentKind.LOST_UPDATE, IncidentKind.POOL):
        return ()
    edges = [Edge(noticed.backend, each.backend, happening.table) for each in others]
    if kind is IncidentKind.SELF_DEADLOCK:
        edges += [Edge(each.backend, noticed.backend, "the same task", in_application=True) for each in others]
    elif kind is IncidentKind.CYCLE:
        edges += [Edge(each.backend, noticed.backend) for each in others]
    return tuple(edges)


def _summary(happening: Happening) -> str:
    """The process's own sentence, or one where it gives only the server's number for the error."""
    who = happening.symbol or (happening.sites[0] if happening.sites else f"process {happening.process}")
    of = f" of {happening.table}" if happening.table else ""
    others = ", ".join(happening.sites[1 : _MOST_OTHERS + 1])
    there = f"; its own process had it at {others}" if others else "; who had it, its process does not know"
    match happening.kind:
        case "lock-timeout":
            return f"{who} waited for a lock{of} until a timeout ended it{there}"
        case "deadlock":
            return f"{who} was ended by the deadlock detector while it waited for a lock{of}{there}"
        case _:
            return happening.text or f"{who}: {happening.kind}{of}"


def _marks(happening: Happening) -> tuple[str, ...]:
    """The code behind it without line numbers, which move."""
    files = [site.rpartition(":")[0] or site for site in happening.sites]
    marks = [f"client {happening.kind}", f"of {happening.table}"]
    marks += [f"code {happening.symbol} {files[0] if files else ''}", *(f"code {each}" for each in files[1:])]
    return tuple(marks)
