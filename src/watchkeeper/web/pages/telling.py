"""What was recorded, one sentence an event, for people: kind, words, and the page of what it is about. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.attention import MatterAcknowledged, MatterSnoozed, MessageAsked, PersonActed
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeGone,
    ChangeLanded,
    ChangeMoved,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    DecisionRecorded,
    Event,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Recorded,
    SessionBegan,
    SessionEnded,
)
from watchkeeper.model.fleet import (
    EngagementMoved,
    EngagementNudged,
    EngagementSealed,
    EngagementSnapped,
    EngagementSpent,
    IssueClosed,
    IssueFiled,
)
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.model.incidents import IncidentChanged, IncidentEnded, IncidentOpened
from watchkeeper.model.landing import (
    EntryBounced,
    EntryHeld,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    LandingDone,
    LandingIntended,
    QueueHalted,
    QueueResumed,
    RunBegan,
    RunEnded,
    TargetMoved,
)
from watchkeeper.model.review import ChangeFoundWrong, ChangeReviewed, ChangeSurveyed, DayClosed, DecisionFound
from watchkeeper.review.links import day_page, page
from watchkeeper.review.words import short, spent


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
    found = []
    for each in recorded:
        words, where = tell(each.event)
        found.append(
            Line(each.seq, each.at, known, str(each.event.__struct_config__.tag or ""), short(words, 200), where)
        )
    return found


def tell(event: Event) -> tuple[str, str]:  # noqa: C901, PLR0912, PLR0915 one line a kind of event
    """What one event says, and the page of what it is about. Total: a kind without words of its own says its name."""
    match event:
        case ConflictOpened(conflict) | ConflictChanged(conflict):
            how = "opened" if isinstance(event, ConflictOpened) else "is now"
            return f"{how}: {conflict.severity.value} {conflict.kind.value}: {conflict.summary}", _conflict(conflict.id)
        case ConflictClosed():
            return f"{event.id} closed: {event.reason.value}", _conflict(event.id)
        case ConflictDismissed():
            return f"{event.id} dismissed by {event.by or 'somebody'}: {event.reason}", _conflict(event.id)
        case ConflictProbed(identity, proof):
            first = f": {proof.findings[0].message}" if proof.findings else f": {proof.reason}" if proof.reason else ""
            return f"the merge was run: {proof.outcome.value}{first}", _conflict(identity)
        case ChangeAppeared(change) | ChangeMoved(change) | ChangeLanded(change):
            verb = {"change-appeared": "appeared", "change-moved": "moved", "change-landed": "landed"}
            return f"{change.label} {verb[str(event.__struct_config__.tag)]}", ""
        case ChangeGone():
            return f"{event.change} is gone: {event.reason}", ""
        case SessionBegan(session):
            return f"{session.id} ({session.agent}) is at work in {session.path}", ""
        case SessionEnded():
            return f"{event.id} ended: {event.reason}", ""
        case NoticeQueued(notice):
            where = _conflict(notice.conflict) if notice.conflict else ""
            return f"{notice.session} is to be told: {notice.text}", where
        case NoticeDelivered():
            return f"notice {event.id} was delivered ({event.channel.value})", ""
        case NoticeSettled():
            return f"notice {event.id} {event.heed.value}: {event.reason}", ""
        case DecisionRecorded():
            return f"{event.session} decided: {event.title}: {event.choice}", "/decisions"
        case EngagementSealed(engagement):
            return f"{engagement.agent} was given {engagement.issue}", page("engagements", engagement.id)
        case EngagementMoved():
            why = f": {event.reason}" if event.reason else ""
            return f"{event.id} is {event.stage.value}{why}", page("engagements", event.id)
        case EngagementSnapped():
            return f"work of {event.id} was pinned: {event.files} files", page("engagements", event.id)
        case EngagementSpent():
            return f"{event.id} spent {spent(event.spend)}", page("engagements", event.id)
        case EngagementNudged():
            return f"{event.id} was {event.what.value}: {event.reason}", page("engagements", event.id)
        case IssueFiled(issue):
            return f"{issue.id}: {issue.title}", ""
        case IssueClosed():
            return f"{event.id} closed: {event.why.value}", ""
        case EntryQueued(entry):
            return f"{entry.id} was queued: {entry.title}", page("queue", entry.id)
        case EntryHeld():
            return f"{event.id} is held by {event.by or 'the queue'}: {event.reason}", page("queue", event.id)
        case EntryReleased():
            return f"{event.id} was released by {event.by or 'somebody'}", page("queue", event.id)
        case EntryWithdrawn():
            return f"{event.id} left the queue: {event.reason}", page("queue", event.id)
        case EntryBounced():
            return f"{event.id} came back: {event.reason}", page("queue", event.id)
        case RunBegan():
            return f"run {event.id} began: {event.purpose.value}, {', '.join(event.candidate.entries)}", ""
        case RunEnded():
            what = f": {', '.join(event.failing[:3])}" if event.failing else ""
            return f"run {event.id} {event.verdict.value}{what}", ""
        case LandingIntended():
            return f"{', '.join(event.entries)} is to land as {event.new[:10]}", ""
        case LandingDone():
            return f"the branch is at {event.new[:10]}", ""
        case TargetMoved():
            past = f", {len(event.adopted)} past the queue" if event.adopted else ""
            return f"the branch moved to {event.new[:10]}{past}", ""
        case QueueHalted():
            return f"nothing lands: {event.reason}", "/queue"
        case QueueResumed():
            return "landing goes on", "/queue"
        case IncidentOpened(incident) | IncidentChanged(incident):
            return f"{incident.kind.value} in {incident.database}: {incident.summary}", page("incidents", incident.id)
        case IncidentEnded():
            return f"{event.id} is over: {event.reason.value}", page("incidents", event.id)
        case ChangeSurveyed():
            return f"{event.commit[:10]} was looked at: risk {event.risk}: {event.title}", page("changes", event.commit)
        case ChangeReviewed():
            return f"{event.commit[:10]} was read by {event.by}", page("changes", event.commit)
        case ChangeFoundWrong():
            return f"{event.commit[:10]} is wrong ({event.how.value}): {event.what}", page("changes", event.commit)
        case DecisionFound(decision):
            return f"{decision.id}: {decision.title}", f"/decisions#{decision.id}"
        case DayClosed(log):
            return f"{log.day}: {log.headline}", day_page(log.project, log.day)
        case MatterAcknowledged():
            return f"{event.by} knows of m-{event.fingerprint[:8]}", ""
        case MatterSnoozed():
            return f"{event.by} put off m-{event.fingerprint[:8]}", ""
        case MessageAsked():
            return f"{event.by or 'somebody'} asks: {event.title}", ""
        case PersonActed():
            refused = "" if event.allowed else ", refused"
            return f"{event.who}: {event.what} {event.on} ({event.via}{refused})", ""
        case _:
            return str(event.__struct_config__.tag).replace("-", " "), ""


def _conflict(identity: str) -> str:
    return page("conflicts", identity)
