"""The current state of a project, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import assert_never

import msgspec

from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeGone,
    ChangeLanded,
    ChangeMoved,
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    FileUnreadable,
    Opaque,
    Recorded,
    WatchStarted,
    WatchStopped,
)
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, Seq


class Status(StrEnum):
    OPEN = "open"
    DISMISSED = "dismissed"
    CLOSED = "closed"


class ConflictState(msgspec.Struct, frozen=True):
    """A conflict and where it stands.

    ``opened_at`` is when it was opened last, ``changed_at`` and ``seq`` belong to the newest event about it.
    ``dismissal`` is kept while the conflict is no worse than it was then, also while it is closed.
    """

    conflict: Conflict
    status: Status
    opened_at: Millis
    changed_at: Millis
    seq: Seq
    closed: CloseReason | None = None
    dismissal: ConflictDismissed | None = None


class State(msgspec.Struct, frozen=True):
    """Everything that a project's events say about now; ``seq`` is the last event that it holds."""

    conflicts: Mapping[ConflictId, ConflictState] = {}
    changes: Mapping[ChangeId, Change] = {}
    seq: Seq = Seq(0)


def fold(state: State, recorded: Recorded) -> State:
    """The state after one more event. Total; an event that the state already holds changes nothing."""
    return fold_all((recorded,), state)


def fold_all(events: Iterable[Recorded], state: State | None = None) -> State:
    """The state after ``events``, in their order. Total, and linear: take it for many events."""
    start = state or State()
    conflicts, changes, seq = dict(start.conflicts), dict(start.changes), start.seq
    for recorded in events:
        if recorded.seq > seq:
            _apply(recorded, conflicts, changes)
            seq = recorded.seq
    return State(conflicts=conflicts, changes=changes, seq=seq)


def open_conflicts(state: State) -> tuple[ConflictState, ...]:
    """The open ones, the worst first, then the oldest."""
    found = [each for each in state.conflicts.values() if each.status is Status.OPEN]
    return tuple(sorted(found, key=lambda each: (-each.conflict.severity.rank, each.opened_at, each.conflict.id)))


def is_worse(conflict: Conflict, dismissal: ConflictDismissed) -> bool:
    """Whether a dismissed conflict has to come back: it is graver or heavier than what the person judged."""
    return conflict.severity.rank > dismissal.severity.rank or conflict.weight > dismissal.weight


def _apply(recorded: Recorded, conflicts: dict[ConflictId, ConflictState], changes: dict[ChangeId, Change]) -> None:
    event = recorded.event
    match event:
        case ChangeAppeared() | ChangeMoved() | ChangeLanded():
            changes[event.change.id] = event.change
        case ChangeGone():
            changes.pop(event.change, None)
        case ConflictOpened() | ConflictChanged():
            conflicts[event.conflict.id] = _seen(event.conflict, conflicts.get(event.conflict.id), recorded)
        case ConflictClosed():
            if event.id in conflicts:
                conflicts[event.id] = _closed(conflicts[event.id], event.reason, recorded)
        case ConflictDismissed():
            if event.id in conflicts:
                conflicts[event.id] = _dismissed(conflicts[event.id], event, recorded)
        case FileUnreadable() | WatchStarted() | WatchStopped() | Opaque():
            pass
        case _:
            assert_never(event)


def _seen(conflict: Conflict, before: ConflictState | None, recorded: Recorded) -> ConflictState:
    dismissal = before.dismissal if before else None
    if dismissal is not None and is_worse(conflict, dismissal):
        dismissal = None
    goes_on = before is not None and before.status is not Status.CLOSED
    return ConflictState(
        conflict=conflict,
        status=Status.DISMISSED if dismissal else Status.OPEN,
        opened_at=before.opened_at if before is not None and goes_on else recorded.at,
        changed_at=recorded.at,
        seq=recorded.seq,
        dismissal=dismissal,
    )


def _closed(before: ConflictState, reason: CloseReason, recorded: Recorded) -> ConflictState:
    return msgspec.structs.replace(
        before, status=Status.CLOSED, closed=reason, changed_at=recorded.at, seq=recorded.seq
    )


def _dismissed(before: ConflictState, event: ConflictDismissed, recorded: Recorded) -> ConflictState:
    """A dismissal of less than what stands now (judged before it got worse) does not hide the worse."""
    if is_worse(before.conflict, event):
        return before
    status = before.status if before.status is Status.CLOSED else Status.DISMISSED
    return msgspec.structs.replace(before, status=status, dismissal=event, changed_at=recorded.at, seq=recorded.seq)
