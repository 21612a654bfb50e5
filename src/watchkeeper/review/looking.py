"""Opens a landed change: both of its texts, what its author wrote about it, and what it was asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from watchkeeper.app import Analysis, Assessed, Place, assess_in
from watchkeeper.controlroom.landings import LandedEntry
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.model.agents import SessionId
from watchkeeper.model.errors import GitError
from watchkeeper.model.exposure import Measured
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.fleet_state import EngagementStanding, FleetState
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import Entry
from watchkeeper.repos.authors import OldCommit, read_commit
from watchkeeper.repos.landed import Span, entry_span

MOST_COMMITS = 50
"""So many commits of one change are read; a change of more is a branch that nobody looked after."""


class Asked(NamedTuple):
    """Who made a change, and what was asked for, as far as the record knows. ``text`` is the issue's whole text."""

    issue: str = ""
    text: str = ""
    engagement: str = ""
    agent: str = ""


class Looked(NamedTuple):
    """A landed change that was opened. ``commit`` brought it into the branch, ``base`` is the tree below it.

    ``commits`` are its own, the oldest first. ``measured`` is what the queue's run said of its changed lines; None
    where no run of all tests on this very tree is known.
    """

    landed: LandedEntry
    commit: Sha
    base: Sha | None
    commits: tuple[OldCommit, ...]
    assessed: Assessed
    asked: Asked
    measured: Measured | None = None


def look_at(place: Place, analysis: Analysis, project: ProjectPicture, landed: LandedEntry) -> Looked:
    """Open it as it landed: the branch with it against the branch below. Raises WatchkeeperError."""
    span = find_span(analysis, landed)
    asked = find_asked(project.fleet, landed.entry, sessions_of(project))
    assessed = assess_in(
        place,
        analysis,
        span.after,
        base=span.before or None,
        folder=place.repository.common_dir,
        intent=asked.text or landed.entry.issue,
    )
    return Looked(
        landed,
        span.after,
        span.before or None,
        _own_commits(analysis, landed),
        assessed,
        asked,
        find_measured(project, landed),
    )


def find_span(analysis: Analysis, landed: LandedEntry) -> Span:
    """Where it lies in the branch; ``before`` is ``""`` for a first commit. Raises GitError."""
    entry = landed.entry
    if landed.past_queue:
        return Span(entry.base or Sha(""), entry.head)
    if landed.old is not None and (span := entry_span(analysis.hub, entry.id, landed.old, landed.commit)) is not None:
        return span
    return Span(entry.base or Sha(""), entry.head)  # nothing names it there any more: what it was when it was queued


def find_asked(fleet: FleetState, entry: Entry, sessions: Mapping[SessionId, str]) -> Asked:
    """What the record knows of where an entry comes from. Pure."""
    engagement = _find_engagement(fleet, entry)
    issue = _find_issue(fleet, entry.issue) or (engagement.engagement.issue if engagement is not None else None)
    standing = fleet.issues.get(issue) if issue is not None else None
    text = f"{standing.issue.title}\n{standing.issue.body}" if standing is not None else ""
    if engagement is None:
        return Asked(issue or entry.issue, text, "", sessions.get(SessionId(entry.session), ""))
    return Asked(issue or entry.issue, text, engagement.engagement.id, engagement.engagement.agent)


def sessions_of(project: ProjectPicture) -> Mapping[SessionId, str]:
    """Which agent works in which session."""
    return {identity: each.session.agent for identity, each in project.standing.sessions.items()}


def find_measured(project: ProjectPicture, landed: LandedEntry) -> Measured | None:
    """What the run of the tests on the tree that landed said of the entry's changed lines. Pure."""
    run = project.landing.runs.get(landed.tested) if landed.tested is not None else None
    ended = run[1] if run is not None else None
    found = ended.measured.get(landed.entry.id) if ended is not None else None
    return found if found is not None and not found.is_plain else None


def _find_engagement(fleet: FleetState, entry: Entry) -> EngagementStanding | None:
    """The newest whose branch it is, or whose change it carries."""
    found = None
    for each in fleet.engagements.values():
        made = each.effect.change if each.effect is not None else None
        if each.engagement.branch == entry.change or (made is not None and made == entry.head):
            found = each
    return found


def _find_issue(fleet: FleetState, name: str) -> IssueId | None:
    """By its whole id, or by its number alone (``#7``) where only one has it."""
    if IssueId(name) in fleet.issues:
        return IssueId(name)
    number = f"#{name.lstrip('#')}" if name.lstrip("#").isdigit() else ""
    found = [each for each in fleet.issues if number and each.endswith(number)]
    return found[0] if len(found) == 1 else None


def _own_commits(analysis: Analysis, landed: LandedEntry) -> tuple[OldCommit, ...]:
    """What the author committed: not the landing commit, whose words are ours. A picked one is its own commit."""
    entry = landed.entry
    if landed.past_queue or entry.base is None:
        return _with_merged(analysis, entry.head)
    listed = analysis.hub.repository.git(
        "rev-list", "--reverse", f"--max-count={MOST_COMMITS}", "--end-of-options", entry.head, f"^{entry.base}", "--"
    ).output  # fmt: skip
    return tuple(read_commit(analysis.hub, Sha(line)) for line in listed.decode("ascii").split())


def _with_merged(analysis: Analysis, head: Sha) -> tuple[OldCommit, ...]:
    """A commit that came past the queue; of a merge also what it brought."""
    last = read_commit(analysis.hub, head)
    if len(last.parents) < 2:
        return (last,)
    try:
        listed = analysis.hub.repository.git(
            "rev-list", "--reverse", "--no-merges", f"--max-count={MOST_COMMITS}", "--end-of-options",
            *last.parents[1:], f"^{last.parents[0]}", "--",
        ).output  # fmt: skip
    except GitError:
        return (last,)
    return (*(read_commit(analysis.hub, Sha(line)) for line in listed.decode("ascii").split()), last)
