"""Conflicts outlive their names: a checkout is split between its sessions, or a suspicion becomes two. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

import msgspec

from watchkeeper.conflicts.standing import State, Status
from watchkeeper.model.agents import UNATTRIBUTED, SessionId
from watchkeeper.model.conflicts import Conflict, Kind
from watchkeeper.model.events import CloseReason, ConflictClosed, ConflictOpened, Event
from watchkeeper.model.ids import ChangeId, ConflictId, Millis

_WITHIN_MS = 60_000
"""A conflict that is proved on the merge is found again only after the next run."""

_Lineage = tuple[str, tuple[str, ...], tuple[str, ...]]


def name_heirs(events: Iterable[Event], state: State, now: Millis) -> tuple[Event, ...]:
    """The events of one step, in which each conflict that opens says which it succeeds.

    ``state`` holds what came before them. A conflict succeeds one of the same rule and subjects that closed in these
    events, or in the last minute as one of its changes went, and whose changes are of the same checkouts. What was
    stale in one direction, and is in both now, goes on as that; and the other way.
    """
    events = tuple(events)
    if not any(isinstance(event, ConflictOpened) for event in events):
        return events
    past = _past(events, state, now)
    if not past:
        return events
    named = [_named(event, past, state) if isinstance(event, ConflictOpened) else event for event in events]
    closed = {event.id for event in events if isinstance(event, ConflictClosed)}
    renamed: set[ConflictId] = set()
    found: list[Event] = []
    for event in named:
        if isinstance(event, ConflictOpened):  # what it succeeds is closed before
            fresh = [each for each in event.succeeds if each in closed - renamed]
            found += [ConflictClosed(each, CloseReason.RENAMED) for each in fresh]
            renamed.update(fresh)
        found.append(event)
    return tuple(each for each in found if not (isinstance(each, ConflictClosed) and _is_again(each, renamed)))


def _past(events: tuple[Event, ...], state: State, now: Millis) -> Mapping[_Lineage, list[Conflict]]:
    """Those that closed as a change went, by what stays of them; of this step all: a change may keep a part."""
    fresh = {each.id for each in events if isinstance(each, ConflictClosed) and each.reason is not CloseReason.LANDED}
    found: dict[_Lineage, list[Conflict]] = {}
    for identity, each in state.conflicts.items():
        is_recent = each.closed is CloseReason.GONE and each.status is Status.CLOSED
        is_recent = is_recent and now - each.changed_at <= _WITHIN_MS and not each.heirs
        if identity in fresh or is_recent:
            found.setdefault(_lineage(each.conflict, state.sessions.keys()), []).append(each.conflict)
    return found


def _named(opened: ConflictOpened, past: Mapping[_Lineage, list[Conflict]], state: State) -> ConflictOpened:
    sessions = state.sessions.keys()
    before = past.get(_lineage(opened.conflict, sessions), ())
    succeeds = [each.id for each in before if _is_renamed(each, opened.conflict, sessions)]
    succeeds += [each.id for found in past.values() for each in found if _is_turned(each, opened.conflict)]
    return msgspec.structs.replace(opened, succeeds=tuple(succeeds))


def _is_again(event: ConflictClosed, renamed: AbstractSet[ConflictId]) -> bool:
    return event.id in renamed and event.reason is not CloseReason.RENAMED


def _lineage(conflict: Conflict, sessions: AbstractSet[SessionId]) -> _Lineage:
    """What stays of a conflict when parts of a checkout become one change, or the other way.

    Texts clash in a file, wherever in it.
    """
    places = sorted(_whole(change, sessions) for change in conflict.changes)
    subjects = conflict.subjects[-1:] if conflict.kind is Kind.TEXT else conflict.subjects
    return conflict.rule, tuple(places), subjects


def _is_renamed(before: Conflict, now: Conflict, sessions: AbstractSet[SessionId]) -> bool:
    """Each change is the same, or a part of what was whole, or the whole of what was a part; not two sessions' parts.

    Both are of one lineage.
    """
    gone, come = set(before.changes) - set(now.changes), set(now.changes) - set(before.changes)
    wholes = {_whole(change, sessions) for change in gone}
    return bool(gone) and wholes in (gone, come)


def _is_turned(before: Conflict, now: Conflict) -> bool:
    """One relied on what the other changes, and now each does on the other's; or the other way."""
    if before.changes != now.changes or {before.kind, now.kind} != {Kind.STALE_READ, Kind.WRITE_SKEW}:
        return False
    one, both = (before, now) if now.kind is Kind.WRITE_SKEW else (now, before)
    return one.subjects[0] in both.subjects[:2]


def _whole(change: ChangeId, sessions: AbstractSet[SessionId]) -> str:
    """The checkout's change that this is, or is a session's part of."""
    whole, at, author = change.rpartition("@")
    return whole if at and (author == UNATTRIBUTED or author in sessions) else change
