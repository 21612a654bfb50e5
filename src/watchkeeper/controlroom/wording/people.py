"""What is told to people, what they do, and the review of what landed, in words: one clause for each event."""

from __future__ import annotations

from typing import assert_never

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
    matter_id,
)
from watchkeeper.model.printing import printable
from watchkeeper.model.review import (
    ChangeFoundWrong,
    ChangeReviewed,
    ChangeSurveyed,
    DayClosed,
    DecisionFound,
    DecisionJudged,
    ReviewEvent,
    RolloverFailed,
    WatchMeasured,
)


def describe_review(event: ReviewEvent) -> str:
    """What happened, in one clause."""
    match event:
        case ChangeSurveyed():
            return f"{event.commit[:10]} was surveyed, risk {event.risk}: {printable(event.title)}"
        case DecisionFound(decision):
            return f"{decision.id} {decision.kind.value}: {printable(decision.title)}"
        case DecisionJudged():
            return f"{event.id} {event.verdict.value}{_by(event.by)}{_because(event.reason)}"
        case ChangeReviewed():
            return f"{event.commit[:10]} was read{_by(event.by)}{_because(event.note)}"
        case ChangeFoundWrong():
            return f"{event.commit[:10]} is wrong ({event.how.value}){_because(event.what)}"
        case DayClosed(log):
            return f"{printable(log.project)}: the log of {log.day} is written{_because(log.headline or log.empty)}"
        case RolloverFailed():
            return f"the log of {event.day} could not be written: {printable(event.reason)}"
        case WatchMeasured():
            return f"from a save to its conflicts: {event.p50_ms:.0f} ms, 99 % within {event.p99_ms:.0f} ms"
        case _:
            assert_never(event)


def describe_people(event: AttentionEvent | PersonActed) -> str:
    """What happened, in one clause."""
    match event:
        case MessageAsked():
            what = "takes back" if event.is_over else f"wants you to know ({event.urgency.value})"
            return f"{printable(event.by) or 'somebody'} {what}: {printable(event.title)}"
        case MatterAcknowledged():
            return f"{matter_id(event.fingerprint)} is acknowledged{_by(event.by)}"
        case MatterSnoozed():
            return f"{matter_id(event.fingerprint)} is put off{_by(event.by)}"
        case MessageIntended():
            what = ", ".join(matter_id(each) for each in event.matters[:5])
            return f"{event.what.value} to {printable(event.channel)} about {what}"
        case MessageSent():
            return f"{printable(event.token)} was taken by its channel"
        case MessageFailed():
            again = "" if event.again_at is None else "; it is tried again"
            return f"{printable(event.token)} was not taken: {printable(event.reason)}{again}"
        case ChannelDied():
            return f"the channel {printable(event.channel)} takes nothing: {printable(event.reason)}"
        case ChannelBack():
            return f"the channel {printable(event.channel)} is back"
        case PersonActed():
            did = "did" if event.allowed else "was refused"
            return f"{printable(event.who)} {did} {printable(event.what)} on {printable(event.on)} ({event.via})"
        case _:
            assert_never(event)


def _by(name: str) -> str:
    return f" by {printable(name)}" if name else ""


def _because(reason: str) -> str:
    return f": {printable(reason)}" if reason else ""
