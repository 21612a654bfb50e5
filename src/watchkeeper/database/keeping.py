"""Stalls over time: which of them become incidents, change, and are over. Pure: time is an argument, state a value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

import msgspec

from watchkeeper.database.advice import advise
from watchkeeper.database.classify import Pace, Stall
from watchkeeper.database.sighting import Engine
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import (
    EndReason,
    Incident,
    IncidentChanged,
    IncidentEnded,
    IncidentKind,
    IncidentOpened,
    fingerprint,
    incident_id,
)

Told = IncidentOpened | IncidentChanged | IncidentEnded
Anchor = frozenset[tuple[int, Millis]]


_SLOWER = 5  # a transaction asks the server for so many things
_MOST_SLACK_MS = 300


class Limits(msgspec.Struct, frozen=True):
    """How long something must last before it is told, in milliseconds. Waits below are healthy contention.

    ``gone_ms``: it must be away for so long before it is over, so that contention that comes and goes is one incident.
    ``change_ms``: changes of an incident are told at most so often.
    """

    wait_ms: int = 200
    idle_ms: int = 2_000
    forgotten_ms: int = 300_000
    storage_ms: int = 1_000
    autovacuum_ms: int = 2_000
    gone_ms: int = 1_000
    change_ms: int = 1_000


def with_slack(limits: Limits, slow_ms: float) -> Limits:
    """The limits on a machine on which the cheap question, or waking up, has lately taken ``slow_ms``.

    Where the watch itself is kept waiting, healthy transactions are too, and with them those behind them. At most
    300 ms more: what hangs is told within a second all the same.
    """
    return msgspec.structs.replace(
        limits, wait_ms=limits.wait_ms + min(int(_SLOWER * max(0.0, slow_ms)), _MOST_SLACK_MS)
    )


class Open(msgspec.Struct, frozen=True):
    """An incident that is not over, and when it was last seen and told. ``note``: what was done about it."""

    incident: Incident
    anchor: Anchor
    last_seen: Millis
    last_told: Millis
    note: str = ""
    was_cancelled: bool = False
    is_resumed: bool = False  # an earlier watch told of it; whether it is still there is not known yet


class Kept(msgspec.Struct, frozen=True):
    """Everything that is open, at most one for each fingerprint."""

    open: tuple[Open, ...] = ()


class Ending(msgspec.Struct, frozen=True):
    """Why incidents end that end now, where it is known from elsewhere."""

    reason: EndReason = EndReason.RESOLVED
    detail: str = ""


def resume(incidents: Iterable[Incident]) -> Kept:
    """Begin with what an earlier watch has left open: what is still there goes on, what is not is over, unknown how."""
    found = {each.fingerprint: each for each in incidents}
    return Kept(tuple(Open(each, frozenset(), each.seen, each.seen, is_resumed=True) for each in found.values()))


def keep(
    kept: Kept,
    stalls: Sequence[Stall],
    at: Millis,
    database: str,
    limits: Limits,
    *,
    engine: Engine = Engine.POSTGRESQL,
) -> tuple[Kept, tuple[Told, ...]]:
    """What is open after a look at ``at``, and what is to be told of it, in order."""
    told = list[Told]()
    by_print = {each.incident.fingerprint: each for each in kept.open}
    seen = set[str]()
    for stall in sorted(stalls, key=lambda each: (-each.stuck, each.since, each.kind.value, each.marks)):
        mark = fingerprint(stall.kind, database, stall.marks)
        before = _find_open(by_print.values(), stall, mark)
        is_ripe = at - stall.since >= threshold(stall, limits)
        if not is_ripe and not (before and before.anchor & stall.anchor):
            continue  # healthy, also where something like it was not a moment ago
        if before is None:
            incident = _make_incident(stall, mark, database, at, engine)
            by_print[mark] = Open(incident, stall.anchor, at, at)
            told.append(IncidentOpened(incident))
            seen.add(mark)
        elif before.incident.fingerprint not in seen:  # of several that are one the first, which holds up most
            seen.add(before.incident.fingerprint)
            after, change = _go_on(before, stall, at, limits, engine)
            by_print[before.incident.fingerprint] = after
            told += change
    still = dict[str, Open]()
    for key, each in by_print.items():
        if key not in seen and at - each.last_seen >= limits.gone_ms:
            told.append(_end(each))
        else:
            still[key] = each
    return Kept(tuple(still.values())), tuple(told)


def end_all(kept: Kept, at: Millis, ending: Ending) -> tuple[Kept, tuple[Told, ...]]:
    """Everything is over for one reason: the server was started anew."""
    del at
    ended = tuple(_ended(each, ending.reason, ending.detail) for each in kept.open)
    return Kept(), ended


def note(kept: Kept, fingerprint_of: str, text: str, *, was_cancelled: bool) -> Kept:
    """Remember what was done about an incident: it is said when it is over."""
    return Kept(
        tuple(
            msgspec.structs.replace(each, note=text, was_cancelled=each.was_cancelled or was_cancelled)
            if each.incident.fingerprint == fingerprint_of
            else each
            for each in kept.open
        )
    )


def replace_incident(kept: Kept, incident: Incident) -> Kept:
    """The same incident, better known: its parties are traced. What it is stays."""
    return Kept(
        tuple(
            msgspec.structs.replace(each, incident=incident)
            if each.incident.fingerprint == incident.fingerprint
            else each
            for each in kept.open
        )
    )


def threshold(stall: Stall, limits: Limits) -> int:
    """How long it must last before it is told."""
    match stall.pace:
        case Pace.AT_ONCE:
            return 0
        case Pace.WAIT:
            return limits.wait_ms
        case Pace.IDLE:
            return limits.idle_ms
        case Pace.FORGOTTEN:
            return limits.forgotten_ms
        case Pace.STORAGE:
            return max(limits.storage_ms, limits.wait_ms)
        case Pace.AUTOVACUUM:
            return limits.autovacuum_ms
        case _:
            assert_never(stall.pace)


def _find_open(kept: Iterable[Open], stall: Stall, mark: str) -> Open | None:
    """The incident that a stall is: it hangs on the same transactions, or has the same fingerprint."""
    found = list(kept)
    by_print = next((each for each in found if each.incident.fingerprint == mark), None)
    if by_print is not None:
        return by_print
    # A holder that nobody waits for any more is no longer the incident that it was.
    same = (each for each in found if each.anchor & stall.anchor and (stall.stuck or not each.incident.stuck))
    return next(same, None)


def _make_incident(stall: Stall, mark: str, database: str, at: Millis, engine: Engine) -> Incident:
    return Incident(
        id=incident_id(mark),
        fingerprint=mark,
        kind=stall.kind,
        database=database,
        summary=stall.summary,
        since=stall.since,
        seen=at,
        parties=stall.parties,
        edges=stall.edges,
        relation=stall.relation,
        stuck=stall.stuck,
        is_certain=stall.is_certain,
        advice=advise(stall.kind, stall.parties, stall.relation, engine),
    )


def _go_on(
    before: Open, stall: Stall, at: Millis, limits: Limits, engine: Engine
) -> tuple[Open, tuple[IncidentChanged, ...]]:
    old = before.incident
    seen = msgspec.structs.replace(before, last_seen=at, anchor=stall.anchor, is_resumed=False)
    if _shape(old) == _shape_of(stall) or at - before.last_told < limits.change_ms:
        return seen, ()
    told = {each.backend: each.attribution for each in old.parties}
    kind = old.kind if _is_weaker(stall.kind, old.kind) else stall.kind
    made = _make_incident(stall, old.fingerprint, old.database, old.seen, engine)
    traced = tuple(
        msgspec.structs.replace(each, attribution=told[each.backend]) if each.backend in told else each
        for each in made.parties
    )
    incident = msgspec.structs.replace(
        made, id=old.id, kind=kind, since=min(old.since, stall.since), parties=traced, by=old.by,
        conflict=old.conflict, missed=old.missed, is_certain=old.is_certain or stall.is_certain,
    )  # fmt: skip
    return msgspec.structs.replace(seen, incident=incident, last_told=at), (IncidentChanged(incident),)


_RANK = {kind: rank for rank, kind in enumerate(IncidentKind)}


def _is_weaker(one: IncidentKind, other: IncidentKind) -> bool:
    """What was known to be worse stays so: between two statements an idle holder is at work for a moment."""
    return _RANK[one] > _RANK[other]


def _shape(incident: Incident) -> object:
    return (incident.stuck, tuple((each.backend, each.role) for each in incident.parties))


def _shape_of(stall: Stall) -> object:
    return (stall.stuck, tuple((each.backend, each.role) for each in stall.parties))


def _end(gone: Open) -> IncidentEnded:
    if gone.is_resumed:
        return _ended(gone, EndReason.UNKNOWN, "it was gone when the watch began again")
    if gone.was_cancelled:
        return _ended(gone, EndReason.CANCELLED, gone.note)
    if gone.incident.kind is IncidentKind.CYCLE:
        return _ended(gone, EndReason.BROKEN, gone.note or "a ring ends only by the deadlock detector or a timeout")
    if gone.incident.kind is IncidentKind.SELF_DEADLOCK:
        return _ended(gone, EndReason.BROKEN, gone.note or "it ends only by a timeout, or with its program")
    return _ended(gone, EndReason.RESOLVED, gone.note)


def _ended(gone: Open, reason: EndReason, detail: str) -> IncidentEnded:
    lasted = max(0, gone.last_seen - gone.incident.since)
    return IncidentEnded(gone.incident.id, reason, lasted, detail)
