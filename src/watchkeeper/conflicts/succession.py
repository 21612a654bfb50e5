"""Conflicts outlive the names of their changes, as a checkout is split between its sessions or becomes one. Pure."""

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

    ``state`` holds what came before them. A conflict succeeds one of the same rule and subjects that closed, in these
    events or in the last minute, as one of its changes went, and whose changes are of the same checkouts.
    """
    events = tuple(events)
    if not any(isinstance(event, ConflictOpened) for event in events):
        return events
    past = _past(events, state, now)
    if not past:
        return events
    named = [_named(event, past, state) if isinstance(event, ConflictOpened) else event for event in events]
    renamed = {identity for event in named if isinstance(event, ConflictOpened) for identity in event.succeeds}
    return tuple(_closed(event, renamed) if isinstance(event, ConflictClosed) else event for event in named)


def _past(events: tuple[Event, ...], state: State, now: Millis) -> Mapping[_Lineage, list[Conflict]]:
    """Those that closed as a change went, by what stays of them."""
    fresh = {each.id for each in events if isinstance(each, ConflictClosed) and each.reason is CloseReason.GONE}
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
    succeeds = tuple(each.id for each in before if _is_renamed(each, opened.conflict, sessions))
    return msgspec.structs.replace(opened, succeeds=succeeds)


def _closed(event: ConflictClosed, renamed: AbstractSet[ConflictId]) -> ConflictClosed:
    return ConflictClosed(event.id, CloseReason.RENAMED) if event.id in renamed else event


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


def _whole(change: ChangeId, sessions: AbstractSet[SessionId]) -> str:
    """The checkout's change that this is, or is a session's part of."""
    whole, at, author = change.rpartition("@")
    return whole if at and (author == UNATTRIBUTED or author in sessions) else change
