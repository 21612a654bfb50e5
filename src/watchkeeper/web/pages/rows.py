"""What lists show, one value a row: made here once, so that every page shows a thing in the same words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from watchkeeper.conflicts.standing import ConflictState, Status, open_conflicts
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.landing.view import Row
from watchkeeper.model.attention import Matter, Urgency
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import ChangeId
from watchkeeper.review.needs import urgency_now
from watchkeeper.review.states import Activity, Facet, Safety, activity_of, safety_of
from watchkeeper.web.pages.asking import Asking


class MatterRow(NamedTuple):
    matter: Matter
    urgency: Urgency
    said: str  # that somebody knows, or put it off; "": nobody did


class ConflictRow(NamedTuple):
    project: str
    state: ConflictState
    who: tuple[str, ...]


class QueueRow(NamedTuple):
    project: str
    row: Row
    ahead: int


class EngagementRow(NamedTuple):
    project: str
    standing: EngagementStanding
    activity: Facet[Activity]
    safety: Facet[Safety]
    title: str


def matter_rows(asking: Asking, matters: Iterable[Matter]) -> list[MatterRow]:
    """In the order in which they came."""
    attention, wanted = asking.picture.attention, asking.query.get("project", "")
    rows = []
    for each in matters:
        if wanted not in ("", each.project):
            continue
        known, snoozed = attention.acknowledged.get(each.fingerprint), attention.snoozed.get(each.fingerprint)
        said = ""
        if attention.is_hushed(each, asking.now):
            said = f"put off by {snoozed.by}" if snoozed is not None else f"known to {known[0].by if known else ''}"
        rows.append(MatterRow(each, urgency_now(each, asking.now), said))
    return rows


def conflict_rows(asking: Asking) -> list[ConflictRow]:
    """Open ones that are no mere information, of all projects, the worst first; ``show=all``: all that are known."""
    found: list[ConflictRow] = []
    for name, project in asking.projects():
        states = project.standing.conflicts.values() if asking.is_all else open_conflicts(project.standing)
        found += [
            ConflictRow(name, each, names_of(project, each.conflict.changes))
            for each in states
            if asking.is_all or each.severity is not Severity.INFO
        ]
    return sorted(found, key=_gravity)


def _gravity(row: ConflictRow) -> tuple[bool, int, int, str]:
    state = row.state
    return state.status is not Status.OPEN, -state.severity.rank, state.opened_at, state.conflict.id


def names_of(project: ProjectPicture, changes: Iterable[ChangeId]) -> tuple[str, ...]:
    """How people call these changes: by their agent's session, else by their label."""
    sessions = {each.session.change: each.session.id for each in project.standing.sessions.values()}
    named = []
    for each in changes:
        change = project.standing.changes.get(each)
        named.append(sessions.get(each) or (change.label if change is not None else "") or each)
    return tuple(str(each) for each in named)


def queue_rows(asking: Asking) -> list[QueueRow]:
    """Who waits for a target branch, project by project, the next first."""
    return [
        QueueRow(name, each, max(0, each.position - 1))
        for name, project in asking.projects()
        for each in project.landing.view.rows
    ]


def engagement_rows(asking: Asking) -> list[EngagementRow]:
    """Engagements that are not over, what needs somebody first; ``show=all``: also those that are, the newest first."""
    found = [row for name, project in asking.projects() for row in rows_of(asking, name, project)]
    if asking.is_all:
        return sorted(found, key=lambda each: -each.standing.began)
    alive = [each for each in found if not each.standing.is_over or _needs_look(each)]
    return sorted(alive, key=lambda each: (*_rank(each), each.standing.began))


def rows_of(asking: Asking, name: str, project: ProjectPicture) -> Iterable[EngagementRow]:
    """All engagements of one project."""
    for each in project.fleet.engagements.values():
        issue = project.fleet.issues.get(each.engagement.issue)
        title = each.engagement.title or (issue.issue.title if issue is not None else "") or each.engagement.id
        yield EngagementRow(name, each, activity_of(each, asking.now), safety_of(each, project), title)


_SAFE = (Safety.CONFLICTING, Safety.BLOCKED, Safety.AT_RISK, Safety.UNKNOWN, Safety.CLEAR)
_BUSY = (Activity.FAILED, Activity.STUCK, Activity.WAITING, Activity.WORKING, Activity.QUEUED, Activity.DONE)


def _rank(row: EngagementRow) -> tuple[int, int]:
    return _BUSY.index(row.activity.value), _SAFE.index(row.safety.value)


def _needs_look(row: EngagementRow) -> bool:
    """It is over, and its work is not safe, while it still waits for the branch."""
    return row.activity.value is Activity.DONE and row.safety.value in (Safety.CONFLICTING, Safety.BLOCKED)
