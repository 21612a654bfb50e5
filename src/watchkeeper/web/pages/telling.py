"""What was recorded, one sentence an event, for people: kind, words, and the page of what it is about. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.wording.events import describe
from watchkeeper.model.events import (
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    DecisionRecorded,
    Event,
    NoticeQueued,
    Recorded,
)
from watchkeeper.model.fleet import (
    EngagementHeard,
    EngagementMoved,
    EngagementNudged,
    EngagementSealed,
    EngagementSnapped,
    EngagementSpent,
    EngagementWarned,
)
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.model.incidents import IncidentChanged, IncidentEnded, IncidentOpened
from watchkeeper.model.landing import (
    EntryBounced,
    EntryHeld,
    EntryMoved,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    QueueHalted,
    QueueResumed,
)
from watchkeeper.model.review import ChangeFoundWrong, ChangeReviewed, ChangeSurveyed, DayClosed, DecisionFound
from watchkeeper.model.scouting import (
    CensusTaken,
    ContradictionFound,
    ContradictionJudged,
    ExemptionEnded,
    ExemptionGranted,
    FindingFound,
    ScoutEvent,
    ScoutLooked,
    StandardMoved,
    StandardWritten,
)
from watchkeeper.review.links import day_page, page
from watchkeeper.review.words import short

_MOST = 200
_LISTS: Mapping[type, str] = {DecisionRecorded: "/decisions", QueueHalted: "/queue", QueueResumed: "/queue"}


class Line(NamedTuple):
    """One event as it is listed. ``page`` is ``""`` where there is none of what it is about."""

    seq: Seq
    at: Millis
    project: str
    kind: str
    words: str
    page: str = ""


def lines_of(recorded: Iterable[Recorded], project: ProjectPicture | None = None, name: str = "") -> list[Line]:
    """In their order."""
    known = name or (project.source.name if project is not None else "")
    return [
        Line(
            each.seq, each.at, known, str(each.event.__struct_config__.tag or ""),
            short(_tell(each.event), _MOST), page_of(each.event),
        )
        for each in recorded
    ]  # fmt: skip


def _tell(event: Event) -> str:
    """The event's clause; of a conflict with how bad it is, which a terminal shows by a mark."""
    words = describe(event)
    return f"{event.conflict.severity.value}: {words}" if isinstance(event, ConflictOpened | ConflictChanged) else words


def page_of(event: Event) -> str:
    """The page of what an event is about; ``""`` where there is none."""
    match event:
        case ConflictOpened(about) | ConflictChanged(about):
            return page("conflicts", about.id)
        case ConflictClosed() | ConflictDismissed() | ConflictProbed():
            return page("conflicts", event.id)
        case NoticeQueued(notice):
            return page("conflicts", notice.conflict) if notice.conflict else ""
        case DecisionFound(decision):
            return f"/decisions#{decision.id}"
        case EngagementSealed(engagement):
            return page("engagements", engagement.id)
        case (
            EngagementMoved() | EngagementSnapped() | EngagementSpent() | EngagementNudged() | EngagementWarned()
            | EngagementHeard()
        ):  # fmt: skip
            return page("engagements", event.id)
        case EntryQueued(entry):
            return page("queue", entry.id)
        case EntryHeld() | EntryReleased() | EntryWithdrawn() | EntryBounced() | EntryMoved():
            return page("queue", event.id)
        case IncidentOpened(incident) | IncidentChanged(incident):
            return page("incidents", incident.id)
        case IncidentEnded():
            return page("incidents", event.id)
        case ChangeSurveyed() | ChangeReviewed() | ChangeFoundWrong():
            return page("changes", event.commit)
        case DayClosed(log):
            return day_page(log.project, log.day)
        case _ if isinstance(event, ScoutEvent):
            return _page_of_scouts(event)
        case _:
            return _LISTS.get(type(event), "")


def _page_of_scouts(event: ScoutEvent) -> str:
    match event:
        case FindingFound(_, finding):
            return page("findings", finding.id)
        case ScoutLooked():
            return "/scouts"
        case StandardWritten(standard):
            return page("standards", standard.id)
        case StandardMoved() | CensusTaken() | ExemptionGranted() | ExemptionEnded():
            return page("standards", event.id)
        case ContradictionFound() | ContradictionJudged():
            return "/standards"
        case _:
            return page("findings", event.id)
