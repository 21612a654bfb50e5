"""The shapes of the API's answers and questions. They are a promise: fields are added, never renamed or taken away."""

from __future__ import annotations

from typing import Annotated

import msgspec

from watchkeeper.conflicts.standing import ConflictState
from watchkeeper.landing.view import QueueView, Red
from watchkeeper.model.attention import Matter, MatterId
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet_state import EngagementStanding, IssueStanding
from watchkeeper.model.ids import Millis, Seq, Sha
from watchkeeper.model.incident_state import DatabaseStanding, Deployment, IncidentStanding
from watchkeeper.model.landing import EntryBounced, EntryId, RunId
from watchkeeper.model.review import WorkLog
from watchkeeper.model.review_state import ChangeStanding, DecisionStanding
from watchkeeper.model.scouting import StandardState, Verdict
from watchkeeper.review.numbers import Chart
from watchkeeper.web.diffs import Diff

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
Words = Annotated[str, msgspec.Meta(max_length=2_000)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
Weight = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
Time = Annotated[int, msgspec.Meta(ge=0, le=1 << 52)]
Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class ApiError(msgspec.Struct, frozen=True):
    """What went wrong: ``slug`` is a section of docs/errors.md, ``hint`` the next thing to do."""

    slug: str
    message: str
    hint: str
    facts: dict[str, str]


# -- what is read -----------------------------------------------------------------------------------------------------


class MatterView(msgspec.Struct, frozen=True):
    """Something that may need a person. ``is_hushed``: somebody knows, or wants to hear of it later."""

    id: MatterId
    is_hushed: bool
    matter: Matter


class MatterList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[MatterView, ...]


class ProjectView(msgspec.Struct, frozen=True):
    """One project in numbers. ``worst`` is of its open conflicts; ``last_at`` 0: nothing was ever recorded."""

    name: str
    id: str
    last_at: Millis
    conflicts: int
    worst: Severity | None
    incidents: int
    waiting: int
    halted: str
    is_red: bool
    engagements: int
    issues: int
    decisions: int
    unread: int


class Problem(msgspec.Struct, frozen=True):
    """A project that cannot be looked at, and why."""

    project: str
    slug: str
    message: str
    hint: str


class FleetView(msgspec.Struct, frozen=True):
    """``seq`` is the newest event that is in it; ``at`` is when it was made. ``needs`` counts what needs a person."""

    seq: Seq
    at: Millis
    needs: int
    projects: tuple[ProjectView, ...]
    problems: tuple[Problem, ...]


class ProjectList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[ProjectView, ...]


class ConflictView(msgspec.Struct, frozen=True):
    """A conflict as it stands. ``severity`` is as it is shown: a proof is blocking, what was cleared steps down."""

    severity: Severity
    standing: ConflictState


class ConflictList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[ConflictView, ...]


class LandedView(msgspec.Struct, frozen=True):
    """What is in the target branch. ``commit`` brought it there; ``tested`` is the run on that very tree."""

    entry: EntryId
    title: str
    commit: Sha
    at: Millis
    past_queue: bool
    tested: RunId | None


class QueueState(msgspec.Struct, frozen=True):
    """The queue now, what came back and still has to be done, what is red, and what landed last."""

    seq: Seq
    queue: QueueView
    returned: tuple[EntryBounced, ...]
    red: Red | None
    landed: tuple[LandedView, ...]


class IncidentList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[IncidentStanding, ...]
    databases: tuple[DatabaseStanding, ...]
    deployed: tuple[Deployment, ...]


class DecisionList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[DecisionStanding, ...]


class ChangeList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[ChangeStanding, ...]


class IssueList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[IssueStanding, ...]


class EngagementList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[EngagementStanding, ...]


class LogList(msgspec.Struct, frozen=True):
    seq: Seq
    total: int
    items: tuple[WorkLog, ...]


class EventPage(msgspec.Struct, frozen=True):
    """``after`` continues from here; ``last`` is the newest number that there is."""

    after: Seq
    last: Seq
    items: tuple[Recorded, ...]


class DiffView(msgspec.Struct, frozen=True):
    """What changed from commit ``before`` to ``after``; both None where nothing is pinned, or nothing stands below."""

    before: Sha | None
    after: Sha | None
    diff: Diff


class NumbersView(msgspec.Struct, frozen=True):
    """Numbers day by day. A point of a series is a pair: the day, and its value."""

    seq: Seq
    items: tuple[Chart, ...]


# -- what is done -----------------------------------------------------------------------------------------------------


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing more needs to be said."""


class Because(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class EntryAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``entry`` is a change (``fix-login``) or one revision of it (``fix-login/2``)."""

    entry: Name


class EntryBecause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entry: Name
    reason: Reason


class IssueAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    issue: Name


class Noted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Words = ""


class FoundWrong(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    what: Reason


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Words = ""


class FindingJudgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is false, or left, needs a reason."""

    verdict: Verdict
    reason: Words = ""


class StandardMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Back, and out, needs a reason."""

    state: StandardState
    reason: Words = ""


class Acknowledged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is not told again until it weighs more than ``weight``."""

    fingerprint: Fingerprint
    weight: Weight = 0


class Snoozed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is told again at ``until`` (milliseconds since 1970), or when it weighs more."""

    fingerprint: Fingerprint
    until: Time
    weight: Weight = 0


class DoneView(msgspec.Struct, frozen=True):
    """One sentence of what was done. ``changed`` False: there was nothing to do."""

    sentence: str
    changed: bool
