"""One engagement: both axes, its seal, what it is told, what it does as it does it, and what it changed."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import EngagementId
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import ChangeId
from watchkeeper.review.words import spent
from watchkeeper.web.diffs import read_diff, tips_of
from watchkeeper.web.pages.asking import Answer, Asking, require
from watchkeeper.web.pages.rows import ConflictRow, names_of, rows_of
from watchkeeper.web.pages.telling import lines_of

_SHOWN, _MOST_SUBJECTS = 100, 40


def show(asking: Asking) -> Answer:
    """Raises UsageError (``not-there``)."""
    name, project, standing = _find(asking)
    own = standing.engagement
    row = next(each for each in rows_of(asking, name, project) if each.standing.engagement.id == own.id)
    changes = _changes(project, standing)
    sessions = {each.session.id for each in project.standing.sessions.values() if each.session.change in changes}
    issue = project.fleet.issues.get(own.issue)
    notices = [each for each in project.standing.notices.values() if each.notice.session in sessions]
    entries = [each for each in project.landing.entries if each.rpartition("/")[0] in changes]
    conflicts = [each for each in project.standing.conflicts.values() if not changes.isdisjoint(each.conflict.changes)]
    told = [each.notice.id for each in notices]
    subjects = (*changes, *sorted(sessions), *entries, *told, *(each.conflict.id for each in conflicts))
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
        "conflicts": [ConflictRow(name, each, names_of(project, each.conflict.changes)) for each in conflicts],
        "entries": [each for each in project.landing.view.rows if each.id.rpartition("/")[0] in changes],
        "events": lines_of(_events(asking, project, standing, subjects), project),
        "has_diff": tips_of(standing) is not None,
    }
    return Answer(row.title, "engagement.html", context, "fleet")


def show_diff(asking: Asking) -> Answer:
    """What it changed since its seal, as of its newest pinned work. Raises UsageError (``not-there``)."""
    name, project, standing = _find(asking)
    tips = tips_of(standing)
    diff = read_diff(project.source.place, *tips) if tips is not None else None
    context = {"project": name, "own": standing.engagement, "diff": diff, "tips": tips}
    return Answer(f"Changes of {standing.engagement.id}", "engagement_diff.html", context, "fleet")


def _find(asking: Asking) -> tuple[str, ProjectPicture, EngagementStanding]:
    identity = EngagementId(asking.params["engagement"])
    for name, project in asking.picture.projects.items():
        if identity in project.fleet.engagements:
            return name, project, project.fleet.engagements[identity]
    return require(None, "engagement", identity)


def _changes(project: ProjectPicture, standing: EngagementStanding) -> set[ChangeId]:
    own = standing.engagement
    by_branch = {each.id for each in project.standing.changes.values() if own.branch and each.branch == own.branch}
    return by_branch | {ChangeId(own.branch or own.id)}


def _events(
    asking: Asking, project: ProjectPicture, standing: EngagementStanding, subjects: Iterable[str]
) -> list[Recorded]:
    """What was recorded of it lately, the newest first: of itself, its change, its sessions, what they are told."""
    source = project.source
    found = {each.seq: each for each in asking.latest(source.shared, _SHOWN, standing.engagement.id)}
    for subject in list(dict.fromkeys(subjects))[:_MOST_SUBJECTS]:
        found.update((each.seq, each) for each in asking.latest(source.project, _SHOWN, subject))
    return [found[seq] for seq in sorted(found, reverse=True)][:_SHOWN]
