"""Any event in one clause. Pure, and total."""

from __future__ import annotations

from watchkeeper.controlroom.wording.conflicts import describe_conflict, describe_rule
from watchkeeper.controlroom.wording.fleet import describe_fleet
from watchkeeper.controlroom.wording.host import describe_hosts
from watchkeeper.controlroom.wording.incident import describe_incidents
from watchkeeper.controlroom.wording.landing import describe_landing
from watchkeeper.controlroom.wording.people import describe_people, describe_review
from watchkeeper.controlroom.wording.scouting import describe_scouting
from watchkeeper.controlroom.wording.sessions import describe_gate, describe_notice, describe_session
from watchkeeper.model.attention import AttentionEvent, PersonActed
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
    FileUnreadable,
    GateClosed,
    IntentDeclared,
    LeaseReleased,
    LeaseTaken,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Opaque,
    RuleDemoted,
    RuleRestored,
    SessionBegan,
    SessionEnded,
    SessionForged,
    WatchStarted,
    WatchStopped,
)
from watchkeeper.model.fleet import FleetEvent
from watchkeeper.model.hosts import HostEvent
from watchkeeper.model.incidents import IncidentEvent
from watchkeeper.model.landing import LandingEvent
from watchkeeper.model.printing import printable
from watchkeeper.model.review import ReviewEvent
from watchkeeper.model.scouting import ScoutEvent


def describe(event: Event) -> str:
    """What happened. What others wrote stands in it on its line, and acts on nobody."""
    match event:
        case ChangeAppeared():
            return f"{printable(event.change.label)} appeared ({event.change.source.value})"
        case ChangeMoved():
            return f"{printable(event.change.label)} moved to {(event.change.head or 'no commit')[:10]}"
        case ChangeGone():
            return f"{printable(event.change)} is gone: {printable(event.reason)}"
        case ChangeLanded():
            return f"{printable(event.change.label)} landed"
        case ConflictOpened() | ConflictChanged() | ConflictClosed() | ConflictDismissed() | ConflictProbed():
            return describe_conflict(event)
        case RuleDemoted() | RuleRestored():
            return describe_rule(event)
        case FileUnreadable():
            return f"{printable(event.change)}: {printable(event.path)} cannot be read: {printable(event.reason)}"
        case SessionBegan() | SessionEnded() | SessionForged() | IntentDeclared() | DecisionRecorded():
            return describe_session(event)
        case NoticeQueued() | NoticeDelivered() | NoticeSettled():
            return describe_notice(event)
        case LeaseTaken() | LeaseReleased() | GateClosed():
            return describe_gate(event)
        case WatchStarted():
            return f"watching began (version {event.version}, target {printable(event.target)})"
        case WatchStopped():
            return "watching ended"
        case Opaque():
            return f"{printable(event.kind)} (an event of a newer version)"
        case _:
            return _describe_others(event)


def _describe_others(
    event: FleetEvent
    | HostEvent
    | IncidentEvent
    | LandingEvent
    | ReviewEvent
    | AttentionEvent
    | ScoutEvent
    | PersonActed,
) -> str:
    if isinstance(event, HostEvent):
        return describe_hosts(event)
    if isinstance(event, IncidentEvent):
        return describe_incidents(event)
    if isinstance(event, ReviewEvent):
        return describe_review(event)
    if isinstance(event, ScoutEvent):
        return describe_scouting(event)
    if isinstance(event, AttentionEvent | PersonActed):
        return describe_people(event)
    return describe_fleet(event) if isinstance(event, FleetEvent) else describe_landing(event)
