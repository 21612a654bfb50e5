"""What a project's events say about its issues and engagements now: a fold, total and idempotent. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from watchkeeper.model.agents import NoticeId
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import (
    OVER,
    Closing,
    Dispatch,
    DispatchDecided,
    DispatchOverruled,
    Effect,
    Engagement,
    EngagementHeard,
    EngagementId,
    EngagementMoved,
    EngagementNudged,
    EngagementSealed,
    EngagementSnapped,
    EngagementSpent,
    EngagementWarned,
    Fault,
    Issue,
    IssueClosed,
    IssueCommented,
    IssueEdited,
    IssueFiled,
    IssueId,
    IssueReopened,
    IssueState,
    Push,
    Spend,
    Stage,
)
from watchkeeper.model.hosts import host_of
from watchkeeper.model.ids import Millis, Seq, Sha


class Comment(msgspec.Struct, frozen=True):
    """What somebody said about an issue."""

    at: Millis
    by: str
    text: str


class IssueStanding(msgspec.Struct, frozen=True):
    """An issue as it is now; ``why`` and ``reason`` say why it is closed. ``attempts`` are its engagements."""

    issue: Issue
    state: IssueState = IssueState.OPEN
    changed_at: Millis = Millis(0)
    why: Closing | None = None
    reason: str = ""
    comments: tuple[Comment, ...] = ()
    attempts: tuple[EngagementId, ...] = ()
    is_overruled: bool = False


class EngagementStanding(msgspec.Struct, frozen=True):
    """An engagement as it is now. ``since`` is when it came into its stage; ``snapshot`` the newest that is pinned.

    ``session`` is its agent's newest one, ``""`` where it is to begin anew; ``notice`` what its agent was told last
    beyond the seal. ``spoken`` counts how often the agent was spoken to since it was started last, ``nudges`` pushes of
    any kind; ``restarts`` and ``takeovers`` count for good, ``repairs`` how often its tests sent it back to work,
    ``returns`` how often the queue did. ``warnings`` is what another host's watch wants its agent to be told: each with
    its text while it was not told, and ``""`` then.
    """

    engagement: Engagement
    stage: Stage = Stage.QUEUED
    since: Millis = Millis(0)
    began: Millis = Millis(0)
    reason: str = ""
    fault: Fault | None = None
    effect: Effect | None = None
    by: str = ""
    snapshot: Sha | None = None
    spend: Spend = Spend()
    nudges: int = 0
    session: str = ""
    notice: str = ""
    spoken: int = 0
    restarts: int = 0
    takeovers: int = 0
    repairs: int = 0
    returns: int = 0
    warnings: Mapping[NoticeId, str] = {}

    @property
    def untold(self) -> Mapping[NoticeId, str]:
        """Warnings that its agent still has to be told."""
        return {notice: text for notice, text in self.warnings.items() if text}

    @property
    def host(self) -> str:
        """The name of the host that drives it, or has to; ``""``: there is only one."""
        return host_of(self.by) or self.engagement.host

    @property
    def is_over(self) -> bool:
        """No agent works on it any more."""
        return self.stage in OVER


class FleetState(msgspec.Struct, frozen=True):
    """Issues and engagements of a project, each in the order in which they came; ``seq`` is the last event held."""

    issues: Mapping[IssueId, IssueStanding] = {}
    engagements: Mapping[EngagementId, EngagementStanding] = {}
    dispatched: Mapping[IssueId | None, Dispatch] = {}
    seq: Seq = Seq(0)

    def open_issues(self) -> Iterator[IssueStanding]:
        """Those about which something is to be done."""
        return (each for each in self.issues.values() if each.state is IssueState.OPEN)

    def live(self) -> Iterator[EngagementStanding]:
        """Engagements that are not over."""
        return (each for each in self.engagements.values() if not each.is_over)

    def claims(self, issue: IssueId) -> EngagementStanding | None:
        """The engagement that has the issue now; None where it is free."""
        known = self.issues.get(issue)
        found = [self.engagements[each] for each in known.attempts] if known is not None else []
        return next((each for each in reversed(found) if not each.is_over), None)


def fold_fleet(events: Iterable[Recorded], state: FleetState | None = None) -> FleetState:
    """The state after ``events``, in their order; those up to ``state.seq`` are passed over."""
    start = state or FleetState()
    issues, engagements = dict(start.issues), dict(start.engagements)
    dispatched, seq = dict(start.dispatched), start.seq
    for recorded in events:
        if recorded.seq <= seq:
            continue
        seq, event = recorded.seq, recorded.event
        match event:
            case DispatchDecided(dispatch):
                dispatched[dispatch.issue] = dispatch
            case EngagementSealed():
                _seal(recorded.at, event.engagement, issues, engagements)
            case EngagementMoved() | EngagementSnapped() | EngagementSpent() | EngagementNudged():
                if (before := engagements.get(event.id)) is not None:
                    engagements[event.id] = _engagement_after(before, event, recorded.at)
            case EngagementWarned() | EngagementHeard():
                if (before := engagements.get(event.id)) is not None:
                    engagements[event.id] = _warned(before, event)
            case IssueFiled() | IssueEdited():
                issues[event.issue.id] = _told(issues.get(event.issue.id), event, recorded.at)
            case IssueCommented() | IssueClosed() | IssueReopened() | DispatchOverruled():
                identity = event.issue if isinstance(event, DispatchOverruled) else event.id
                if (known := issues.get(identity)) is not None:
                    issues[identity] = _issue_after(known, event, recorded.at)
            case _:
                pass
    return FleetState(issues, engagements, dispatched, seq)


def _told(known: IssueStanding | None, event: IssueFiled | IssueEdited, at: Millis) -> IssueStanding:
    if known is None:
        return IssueStanding(event.issue, changed_at=at)
    return msgspec.structs.replace(known, issue=event.issue, changed_at=at)


def _issue_after(
    known: IssueStanding, event: IssueCommented | IssueClosed | IssueReopened | DispatchOverruled, at: Millis
) -> IssueStanding:
    replace = msgspec.structs.replace
    match event:
        case IssueCommented():
            return replace(known, comments=(*known.comments, Comment(at, event.by, event.text)), changed_at=at)
        case IssueClosed():
            return replace(known, state=IssueState.CLOSED, why=event.why, reason=event.reason, changed_at=at)
        case IssueReopened():
            return replace(known, state=IssueState.OPEN, why=None, reason=event.reason, changed_at=at)
        case DispatchOverruled():
            return replace(known, is_overruled=True)


def _seal(
    at: Millis,
    engagement: Engagement,
    issues: dict[IssueId, IssueStanding],
    engagements: dict[EngagementId, EngagementStanding],
) -> None:
    if engagement.id in engagements:
        return
    engagements[engagement.id] = EngagementStanding(engagement, since=at, began=at)
    if (known := issues.get(engagement.issue)) is not None:
        attempts = (*known.attempts, engagement.id)
        issues[engagement.issue] = msgspec.structs.replace(known, attempts=attempts, is_overruled=False)


def _engagement_after(
    before: EngagementStanding,
    event: EngagementMoved | EngagementSnapped | EngagementSpent | EngagementNudged,
    at: Millis,
) -> EngagementStanding:
    replace = msgspec.structs.replace
    match event:
        case EngagementMoved():
            return replace(
                before,
                stage=event.stage,
                since=at if event.stage is not before.stage else before.since,
                reason=event.reason,
                fault=event.fault,
                effect=event.effect or before.effect,
                by=event.by,
                session=event.session or before.session,
                notice=event.notice or before.notice,
                repairs=before.repairs + (_moves(before, event, Stage.CHECKING) if event.notice else 0),
                returns=before.returns + _moves(before, event, Stage.DONE),
            )
        case EngagementSnapped():
            return replace(before, snapshot=event.commit)
        case EngagementSpent():
            return replace(before, spend=event.spend)
        case EngagementNudged():
            return _pushed(before, event.what)


def _warned(before: EngagementStanding, event: EngagementWarned | EngagementHeard) -> EngagementStanding:
    """Each is told once: what was told stays so."""
    if isinstance(event, EngagementHeard):
        return msgspec.structs.replace(before, warnings={**before.warnings, event.notice: ""})
    return msgspec.structs.replace(before, warnings={event.notice: event.text, **before.warnings})


def _moves(before: EngagementStanding, event: EngagementMoved, back: Stage) -> int:
    """1 where it is sent back to work from a stage."""
    return int(before.stage is back and event.stage is Stage.RUNNING)


def _pushed(before: EngagementStanding, what: Push) -> EngagementStanding:
    return msgspec.structs.replace(
        before,
        nudges=before.nudges + 1,
        spoken=before.spoken + 1 if what is Push.SPOKEN else 0,
        restarts=before.restarts + (what is Push.RESTARTED),
        takeovers=before.takeovers + (what is Push.TAKEN),
        session="" if what is Push.RESTARTED else before.session,
    )
