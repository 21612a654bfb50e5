"""One engagement: both axes, its seal, what it is told, what it does as it does it, and what it changed."""

from __future__ import annotations

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.events import Recorded, SessionBegan, SessionEnded
from watchkeeper.model.fleet import EngagementId
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.review.words import spent
from watchkeeper.web.diffs import read_diff
from watchkeeper.web.pages.asking import Answer, Asking, require
from watchkeeper.web.pages.rows import ConflictRow, names_of, rows_of
from watchkeeper.web.pages.telling import lines_of

_LOOKED, _SHOWN = 4_000, 100


def show(asking: Asking) -> Answer:
    """Raises UsageError (``not-there``)."""
    name, project, standing = _find(asking)
    own = standing.engagement
    row = next(each for each in rows_of(asking, name, project) if each.standing.engagement.id == own.id)
    changes = _changes(project, standing)
    sessions = {each.session.id for each in project.standing.sessions.values() if each.session.change in changes}
    issue = project.fleet.issues.get(own.issue)
    notices = [each for each in project.standing.notices.values() if each.notice.session in sessions]
    context = {
        "project": name,
        "row": row,
        "standing": standing,
        "own": own,
        "issue": issue.issue if issue is not None else None,
        "spent": spent(standing.spend),
        "sessions": sorted(sessions),
        "notices": sorted(notices, key=lambda each: -each.queued_at),
        "warnings": standing.warnings,
        "conflicts": [
            ConflictRow(name, each, names_of(project, each.conflict.changes))
            for each in project.standing.conflicts.values()
            if not changes.isdisjoint(each.conflict.changes)
        ],
        "entries": [each for each in project.landing.view.rows if each.id.rpartition("/")[0] in changes],
        "events": lines_of(_events(asking, project, standing, changes), project),
        "has_diff": _tips(standing) is not None,
    }
    return Answer(row.title, "engagement.html", context, "fleet")


def show_diff(asking: Asking) -> Answer:
    """What it changed since its seal, as of its newest pinned work. Raises UsageError (``not-there``)."""
    name, project, standing = _find(asking)
    tips = _tips(standing)
    diff = read_diff(project.source.place, *tips) if tips is not None else None
    context = {"project": name, "own": standing.engagement, "diff": diff, "tips": tips}
    return Answer(f"Changes of {standing.engagement.id}", "engagement_diff.html", context, "fleet")


def _find(asking: Asking) -> tuple[str, ProjectPicture, EngagementStanding]:
    identity = EngagementId(asking.params["engagement"])
    for name, project in asking.picture.projects.items():
        if identity in project.fleet.engagements:
            return name, project, project.fleet.engagements[identity]
    return require(None, "engagement", identity)


def _tips(standing: EngagementStanding) -> tuple[Sha, Sha] | None:
    """From where to where its work goes; None where nothing of it is pinned."""
    made = standing.effect.change if standing.effect is not None else None
    head = made or standing.snapshot
    return (standing.engagement.seal.base, head) if head is not None else None


def _changes(project: ProjectPicture, standing: EngagementStanding) -> set[ChangeId]:
    own = standing.engagement
    by_branch = {each.id for each in project.standing.changes.values() if own.branch and each.branch == own.branch}
    return by_branch | {ChangeId(own.branch or own.id)}


def _events(
    asking: Asking, project: ProjectPicture, standing: EngagementStanding, changes: set[ChangeId]
) -> list[Recorded]:
    """What was recorded of it lately, the newest first: of itself, its sessions, its change."""
    log, source = asking.room.reader.log, project.source
    recent = [each for source_id in {source.project, source.shared} for each in log.latest(source_id, limit=_LOOKED)]
    keys = {str(standing.engagement.id), *(str(each) for each in changes)}
    found = [each for each in recent if _is_about(each, keys)]
    return sorted(found, key=lambda each: -each.seq)[:_SHOWN]


def _is_about(recorded: Recorded, keys: set[str]) -> bool:
    event = recorded.event
    if isinstance(event, SessionBegan):
        return event.session.change in keys
    if isinstance(event, SessionEnded):
        return False
    for field in ("id", "change", "entry", "engagement", "conflict"):
        value = getattr(event, field, None)
        if isinstance(value, str) and (value in keys or value.rpartition("/")[0] in keys):
            return True
        if value is not None and not isinstance(value, str):
            named = getattr(value, "id", None)
            if named in keys or (isinstance(named, str) and named.rpartition("/")[0] in keys):
                return True
            if not keys.isdisjoint(getattr(value, "changes", ())):
                return True
    return False
