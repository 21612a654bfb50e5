"""From the conflicts that are seen now to the events that say what changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.events import CloseReason, ConflictChanged, ConflictClosed, ConflictOpened
from watchkeeper.model.ids import ConflictId

ConflictEvent = ConflictOpened | ConflictChanged | ConflictClosed


def decide_events(
    known: Mapping[ConflictId, ConflictState],
    seen: Iterable[Conflict],
    looked_at: Iterable[ConflictId],
    reason: CloseReason = CloseReason.RESOLVED,
) -> tuple[ConflictEvent, ...]:
    """What to record after looking again.

    ``seen`` are the conflicts found, ``looked_at`` the ids of those that would have been found if they still were:
    the known conflicts of the pairs that were compared. What differs only by its line numbers is no event.
    """
    found = {conflict.id: conflict for conflict in seen}
    events: list[ConflictEvent] = []
    for conflict in found.values():
        before = known.get(conflict.id)
        if before is None or before.status is Status.CLOSED:
            events.append(ConflictOpened(conflict=conflict))
        elif _told(before.conflict) != _told(conflict):
            events.append(ConflictChanged(conflict=conflict))
    for identity in looked_at:
        before = known.get(identity)
        if before is not None and identity not in found and before.status is not Status.CLOSED:
            events.append(ConflictClosed(id=identity, reason=reason))
    return tuple(events)


def _told(conflict: Conflict) -> tuple[object, ...]:
    """What a person would notice: not the lines, which shift with every save."""
    shown = tuple((item.change, item.path, item.text) for item in conflict.evidence)
    return conflict.severity, conflict.confidence, conflict.summary, conflict.why, conflict.subjects, shown
