"""Events to text and back. Text of newer versions is kept, never lost and never a crash."""

from __future__ import annotations

import json
from typing import get_args

import msgspec

from watchkeeper.model.attention import (
    AttentionEvent,
    ChannelBack,
    ChannelDied,
    MatterAcknowledged,
    MatterSnoozed,
    MessageAsked,
    MessageFailed,
    MessageIntended,
    MessageSent,
    PersonActed,
)
from watchkeeper.model.events import (
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    DecisionRecorded,
    Event,
    GateClosed,
    IntentDeclared,
    LeaseReleased,
    LeaseTaken,
    NoticeDelivered,
    NoticeQueued,
    NoticeSettled,
    Opaque,
    SessionBegan,
    SessionEnded,
    SessionForged,
)
from watchkeeper.model.fleet import (
    DispatchDecided,
    DispatchOverruled,
    EngagementSealed,
    FleetEvent,
    IssueEdited,
    IssueFiled,
)
from watchkeeper.model.hosts import HostJoined, HostLeft, HostLost, LeaderChosen
from watchkeeper.model.incidents import IncidentChanged, IncidentEnded, IncidentEvent, IncidentOpened
from watchkeeper.model.landing import (
    CulpritFound,
    EntryBounced,
    EntryHeld,
    EntryMoved,
    EntryQueued,
    EntryReleased,
    EntryWithdrawn,
    LandingEvent,
    RevertFailed,
    RevertPrepared,
)
from watchkeeper.model.review import (
    ChangeFoundWrong,
    ChangeReviewed,
    ChangeSurveyed,
    DayClosed,
    DecisionFound,
    DecisionJudged,
    ReviewEvent,
    RolloverFailed,
)
from watchkeeper.model.scouting import (
    CensusTaken,
    ContradictionFound,
    ContradictionJudged,
    ExemptionEnded,
    ExemptionGranted,
    FindingBack,
    FindingFiled,
    FindingFound,
    FindingGone,
    FindingJudged,
    FindingTried,
    KindAssigned,
    ScoutEvent,
    ScoutLooked,
    StandardMoved,
    StandardWritten,
)

KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(Event) if event is not Opaque)
"""The tags of all events that this version records, in the order in which the model lists them."""

LANDING_KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(LandingEvent))
"""The tags of the events that a project's queue is folded from."""

FLEET_KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(FleetEvent))
"""The tags of the events that issues and engagements are folded from."""

REVIEW_KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(ReviewEvent))
"""The tags of the events that landed changes, decisions and days are folded from."""

ATTENTION_KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(AttentionEvent))
"""The tags of the events that say what people were told, and what they said."""

SCOUT_KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(ScoutEvent))
"""The tags of the events that findings and standards are folded from."""

INCIDENT_KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(IncidentEvent))
"""The tags of the events that incidents and what is deployed are folded from."""

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def kind_of(event: Event) -> str:
    """The event's tag; of an opaque event the tag that it was written with."""
    return event.kind if isinstance(event, Opaque) else str(type(event).__struct_config__.tag)


def subject_of(event: Event) -> str:
    """The id of the conflict, change, session or notice that the event is about; ``""`` where it is about none."""
    match event:
        case ConflictOpened() | ConflictChanged():
            return event.conflict.id
        case ConflictClosed() | ConflictDismissed() | ConflictProbed():
            return event.id
        case SessionBegan():
            return event.session.id
        case NoticeQueued():
            return event.notice.id
        case IntentDeclared() | DecisionRecorded() | GateClosed():
            return event.session
        case LeaseTaken():
            return event.lease.subject
        case LeaseReleased():
            return event.subject
        case EntryQueued():
            return event.entry.id
        case SessionEnded() | SessionForged() | NoticeDelivered() | NoticeSettled():
            return event.id
        case EntryWithdrawn() | EntryHeld() | EntryReleased() | EntryMoved() | EntryBounced():
            return event.id
        case IncidentOpened() | IncidentChanged():
            return event.incident.id
        case IncidentEnded():
            return event.id
        case CulpritFound() | RevertPrepared() | RevertFailed():
            return event.entry
        case _:
            return _told_id(event)


def _told_id(event: Event) -> str:
    """Of issues and engagements their id; of others the change that they are about."""
    match event:
        case IssueFiled() | IssueEdited():
            return event.issue.id
        case EngagementSealed():
            return event.engagement.id
        case DispatchDecided():
            return event.dispatch.issue or ""
        case DispatchOverruled():
            return event.issue
        case HostJoined():
            return event.host.token
        case ChangeSurveyed() | ChangeReviewed() | ChangeFoundWrong():
            return event.commit
        case DecisionFound():
            return event.decision.id
        case DecisionJudged():
            return event.id
        case DayClosed():
            return event.log.day
        case RolloverFailed():
            return event.day
        case _ if isinstance(event, AttentionEvent | PersonActed):
            return _told_person(event)
        case _ if isinstance(event, ScoutEvent):
            return _told_finding(event)
        case HostLeft() | HostLost() | LeaderChosen():
            return event.host
    identity = getattr(event, "id", None) if isinstance(event, FleetEvent) else None
    change = getattr(event, "change", "")
    return str(identity if identity is not None else getattr(change, "id", change))


def _told_person(event: AttentionEvent | PersonActed) -> str:
    """Of what is told to people the matter or the message, of what they did its object."""
    match event:
        case MatterAcknowledged() | MatterSnoozed():
            return event.fingerprint
        case MessageAsked():
            return event.key
        case MessageIntended() | MessageSent() | MessageFailed():
            return event.token
        case ChannelDied() | ChannelBack():
            return event.channel
        case PersonActed():
            return event.on


def _told_finding(event: ScoutEvent) -> str:
    """Of what scouts say the finding, the standard, or the run that it is about."""
    match event:
        case ScoutLooked():
            return event.run
        case FindingFound():
            return event.finding.id
        case FindingTried() | FindingFiled() | FindingJudged() | FindingGone() | FindingBack() | KindAssigned():
            return event.id
        case StandardWritten():
            return event.standard.id
        case StandardMoved() | CensusTaken() | ExemptionGranted() | ExemptionEnded():
            return event.id
        case ContradictionFound() | ContradictionJudged():
            return event.key


def encode_event(event: Event) -> str:
    """The event as JSON text, with its tag as ``type``; file names that are no text survive as lone surrogates."""
    if isinstance(event, Opaque):
        return event.payload
    try:
        return _ENCODER.encode(event).decode()
    except UnicodeEncodeError:
        return _encode_surrogates(event)


def decode_event(kind: str, payload: str) -> Event:
    """The event that ``payload`` holds; opaque where this version cannot read it. Never raises."""
    try:
        return _DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _decode_surrogates(payload) or Opaque(kind=kind, payload=payload)


def storable(text: str) -> str:
    """``text`` as every engine can store and compare it: what has no UTF-8, and NUL, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _encode_surrogates(event: Event) -> str:
    """The slow way: Python's own encoder escapes what has no UTF-8."""
    return json.dumps(msgspec.to_builtins(event), ensure_ascii=True)


def _decode_surrogates(payload: str) -> Event | None:
    try:
        event: Event = msgspec.convert(json.loads(payload), Event)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return event
