"""The fleet: each project on one line, engagements on both axes; and one project with its issues."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.conflicts.standing import open_conflicts
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.controlroom.spending import spent_since
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.fleet import Choice, Dispatch
from watchkeeper.model.fleet_state import IssueStanding
from watchkeeper.model.ids import Millis
from watchkeeper.review.states import Activity, Safety
from watchkeeper.review.words import spent
from watchkeeper.web.drawings import draw_lane
from watchkeeper.web.pages.asking import Answer, Asking, cut
from watchkeeper.web.pages.rows import EngagementRow, conflict_rows, engagement_rows, matter_rows, queue_rows, rows_of
from watchkeeper.web.pages.telling import lines_of

_DAY_MS = 86_400_000
_SHOWN = 60
_EVENTS = 25


class ProjectRow(NamedTuple):
    """One project in numbers. ``idle`` is why nothing of it is at work; ``""``: something is."""

    name: str
    activity: Activity
    safety: Safety
    at_work: int
    issues: int
    conflicts: int
    queued: int
    idle: str
    last_at: Millis
    spent: str


class IssueRow(NamedTuple):
    standing: IssueStanding
    why: str
    is_held: bool
    engagement: str


def show(asking: Asking) -> Answer:
    """Engagements that are not over; ``show=all``: all there were."""
    words = asking.query.get("q", "").strip().lower()
    rows = [each for each in engagement_rows(asking) if words in _text(each)]
    context = {
        "projects": [_row(asking, name, each) for name, each in asking.projects()],
        "part": cut(asking, rows),
        "problems": {name: error.message for name, error in asking.room.scope.problems.items()},
        "hosts": tuple(asking.picture.hosts.hosts.values()) if hasattr(asking.picture.hosts, "hosts") else (),
    }
    return Answer("Fleet", "fleet.html", context, "fleet")


def _text(row: EngagementRow) -> str:
    own = row.standing.engagement
    return f"{row.title} {own.id} {own.agent} {own.issue} {row.activity.value.value} {row.safety.value.value}".lower()


def _row(asking: Asking, name: str, project: ProjectPicture) -> ProjectRow:
    alive = [each for each in rows_of(asking, name, project) if not each.standing.is_over]
    issues = sum(1 for _ in project.fleet.open_issues())
    conflicts = [each for each in open_conflicts(project.standing) if each.severity is not Severity.INFO]
    return ProjectRow(
        name,
        _worst(alive),
        _safety(project, [each.severity for each in conflicts], name in asking.room.absences(asking.picture)),
        len(alive),
        issues,
        len(conflicts),
        len(project.landing.view.rows),
        "" if alive else _idle(project, issues),
        project.last_at,
        spent(spent_since(project.spent, Millis(asking.now - _DAY_MS))),
    )


def _worst(alive: list[EngagementRow]) -> Activity:
    order = (Activity.STUCK, Activity.WORKING, Activity.WAITING, Activity.QUEUED)
    found = {each.activity.value for each in alive}
    return next((each for each in order if each in found), Activity.DONE)


def _safety(project: ProjectPicture, severities: list[Severity], is_absent: bool) -> Safety:
    if project.landing.halt is not None:
        return Safety.BLOCKED
    if Severity.BLOCKING in severities:
        return Safety.CONFLICTING
    if severities:
        return Safety.AT_RISK
    return Safety.UNKNOWN if is_absent else Safety.CLEAR


def _idle(project: ProjectPicture, issues: int) -> str:
    """Idle never stands without a reason."""
    said = project.fleet.dispatched.get(None)
    if said is not None and said.choice is Choice.IDLE:
        return said.why
    return "no issue is open" if not issues else "nothing was started, and the dispatcher does not say why"


def show_one(asking: Asking) -> Answer:
    """Raises UsageError (``not-there``)."""
    name = asking.params["project"]
    project = asking.project(name)
    narrowed = asking._replace(query={**asking.query, "project": name})
    matters = matter_rows(narrowed, asking.room.needs(asking.picture))
    recorded = asking.latest(project.source.project, _EVENTS)
    context = {
        "name": name,
        "row": _row(asking, name, project),
        "needs": matters,
        "engagements": engagement_rows(narrowed)[:_SHOWN],
        "conflicts": conflict_rows(narrowed)[:_SHOWN],
        "queue": queue_rows(narrowed)[:_SHOWN],
        "lane": draw_lane(project.landing.view, name),
        "issues": [_issue(project, each) for each in project.fleet.open_issues()][:_SHOWN],
        "landed": list(reversed(project.landing.landed))[:10],
        "days": sorted(project.review.days, reverse=True)[:7],
        "events": lines_of(reversed(recorded), project),
        "place": project.source.place.repository.common_dir.parent,
        "watching": project.watching,
    }
    return Answer(name, "project.html", context, "fleet")


def _issue(project: ProjectPicture, standing: IssueStanding) -> IssueRow:
    claimed = project.fleet.claims(standing.issue.id)
    decided: Dispatch | None = project.fleet.dispatched.get(standing.issue.id)
    is_held = decided is not None and decided.choice in (Choice.ORDER, Choice.HOLD) and claimed is None
    why = f"{decided.choice.value}: {decided.why}" if decided is not None else ""
    return IssueRow(standing, why, is_held and not standing.is_overruled, claimed.engagement.id if claimed else "")
