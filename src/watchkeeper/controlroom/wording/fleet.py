"""Issues and engagements in words."""

from __future__ import annotations

from watchkeeper.model.fleet import (
    DispatchDecided,
    DispatchOverruled,
    EngagementHeard,
    EngagementMoved,
    EngagementNudged,
    EngagementSealed,
    EngagementSnapped,
    EngagementSpent,
    EngagementWarned,
    FleetEvent,
    IssueClosed,
    IssueCommented,
    IssueEdited,
    IssueFiled,
    IssueReopened,
    Spend,
)
from watchkeeper.model.printing import printable

_MOST_SAID = 200


def describe_fleet(event: FleetEvent) -> str:
    """What happened, in one clause."""
    match event:
        case IssueFiled() | IssueEdited():
            what = "filed" if isinstance(event, IssueFiled) else "changed"
            return f"{printable(event.issue.id)} {what}: {printable(event.issue.title)}"
        case IssueCommented():
            return f"{printable(event.id)}: {printable(event.by) or 'somebody'} said: {_short(event.text)}"
        case IssueClosed():
            return f"{printable(event.id)} closed: {event.why.value}{_because(event.reason)}"
        case IssueReopened():
            return f"{printable(event.id)} is open again{_because(event.reason)}"
        case DispatchDecided(dispatch):
            about = f"{printable(dispatch.issue)}: " if dispatch.issue else ""
            return f"{about}{dispatch.choice.value}: {printable(dispatch.why)}"
        case DispatchOverruled():
            return f"{printable(event.issue)} may go on: {printable(event.by) or 'somebody'} said so"
        case _:
            return _describe_engagement(event)


def _describe_engagement(
    event: EngagementSealed
    | EngagementMoved
    | EngagementSnapped
    | EngagementSpent
    | EngagementNudged
    | EngagementWarned
    | EngagementHeard,
) -> str:
    match event:
        case EngagementSealed(engagement):
            try_ = f", try {engagement.attempt}" if engagement.attempt > 1 else ""
            return f"{engagement.id} queued: {printable(engagement.issue)} for {printable(engagement.agent)}{try_}"
        case EngagementMoved():
            fault = f" ({event.fault.value})" if event.fault is not None else ""
            return f"{event.id} is {event.stage.value}{fault}{_because(event.reason)}"
        case EngagementSnapped():
            without = f", without {printable('; '.join(event.left_out))}" if event.left_out else ""
            return f"{event.id} pinned as {event.commit[:10]}: {event.files} files{without}"
        case EngagementSpent():
            return f"{event.id} has spent {spend_words(event.spend)}"
        case EngagementNudged():
            return f"{event.id}: {event.what.value}{_because(event.reason)}"
        case EngagementWarned():
            return f"{event.id} is to be told: {_short(' '.join(event.text.split()))}"
        case EngagementHeard():
            how = f"told ({event.channel.value})" if event.channel is not None else "over before it was told"
            return f"{event.id}: {event.notice} {how}"


def spend_words(spend: Spend) -> str:
    """``1.20, 48,000 tokens, 12 min``; what is not known is left out."""
    parts = [f"{spend.money:.2f}"] if spend.money else []
    parts += [f"{spend.tokens:,} tokens"] if spend.tokens else []
    return ", ".join([*parts, f"{spend.minutes:,.0f} min"])


def _short(text: str) -> str:
    return printable(text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}...")


def _because(reason: str) -> str:
    return f": {printable(reason)}" if reason else ""
