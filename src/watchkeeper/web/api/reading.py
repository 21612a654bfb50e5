"""What can be read through the API, each a view over the one picture that the pages show."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec

from watchkeeper.conflicts.standing import ConflictState, Status, open_conflicts
from watchkeeper.controlroom.picture import Picture, ProjectPicture
from watchkeeper.model.attention import Matter
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet_state import EngagementStanding, IssueStanding
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, Seq, Sha
from watchkeeper.model.incident_state import IncidentStanding
from watchkeeper.model.review import Brief, WorkLog
from watchkeeper.model.review_state import ChangeStanding, DecisionStanding
from watchkeeper.review.brief import build_brief
from watchkeeper.review.looking_again import LiveVerifier
from watchkeeper.review.needs import find_matters, find_open
from watchkeeper.web.api.operations import PAGING, Asking, Operation, Parameter, there
from watchkeeper.web.api.views import (
    ChangeList,
    ConflictList,
    ConflictView,
    DecisionList,
    DiffView,
    EngagementList,
    EventPage,
    FleetView,
    IncidentList,
    IssueList,
    LandedView,
    LogList,
    MatterList,
    MatterView,
    NumbersView,
    Problem,
    ProjectList,
    ProjectView,
    QueueState,
)
from watchkeeper.web.diffs import Diff, read_diff, tips_of
from watchkeeper.web.figures import DAYS, count_days

_LANDED = 50
_DAY_MS = 86_400_000


def _matters(asking: Asking) -> MatterList:
    picture = asking.picture()
    matters = find_matters(picture, asking.room.reader.scope)
    shown = matters if asking.query["all"] else find_open(picture, matters)
    items = tuple(_matter(picture, each) for each in shown)
    return MatterList(picture.seq, len(items), asking.cut(items))


def _matter(picture: Picture, matter: Matter) -> MatterView:
    return MatterView(matter.id, picture.attention.is_hushed(matter, picture.at), matter)


def _brief(asking: Asking) -> Brief:
    verifier = LiveVerifier(asking.room.reader)
    picture = verifier.picture
    since = Millis(asking.query["since"] or picture.at - _DAY_MS)
    return build_brief(picture, asking.room.reader.scope, since, verifier)


def _fleet(asking: Asking) -> FleetView:
    picture, scope = asking.picture(), asking.room.reader.scope
    needs = find_open(picture, find_matters(picture, scope))
    problems = tuple(
        Problem(name, error.slug, error.message, error.hint) for name, error in sorted(scope.problems.items())
    )
    projects = tuple(_project(each) for each in picture.projects.values())
    return FleetView(picture.seq, picture.at, len(needs), projects, problems)


def _projects(asking: Asking) -> ProjectList:
    picture = asking.picture()
    items = tuple(_project(each) for each in picture.projects.values())
    return ProjectList(picture.seq, len(items), asking.cut(items))


def _one_project(asking: Asking) -> ProjectView:
    return _project(asking.project(asking.picture()))


def _project(found: ProjectPicture) -> ProjectView:
    conflicts = open_conflicts(found.standing)
    return ProjectView(
        found.source.name,
        found.source.project,
        found.last_at,
        len(conflicts),
        max((each.severity for each in conflicts), key=lambda each: each.rank, default=None),
        sum(1 for _ in found.incidents.open_incidents()),
        len(found.landing.view.rows),
        found.landing.view.halted,
        found.landing.red is not None,
        sum(1 for _ in found.fleet.live()),
        sum(1 for _ in found.fleet.open_issues()),
        len(found.review.open_decisions()),
        sum(1 for each in found.review.changes.values() if each.reviewed is None),
    )


def _conflicts(asking: Asking) -> ConflictList:
    picture = asking.picture()
    standing = asking.project(picture).standing
    if asking.query["state"] == "open":
        found: tuple[ConflictState, ...] = open_conflicts(standing)
    else:
        every = sorted(standing.conflicts.values(), key=lambda each: -each.seq)
        wanted = asking.query["state"]
        found = tuple(each for each in every if wanted == "all" or each.status is Status(wanted))
    items = tuple(_conflict(each) for each in asking.cut(found))
    return ConflictList(picture.seq, len(found), items)


def _conflict(state: ConflictState) -> ConflictView:
    return ConflictView(state.severity, state)


def _one_conflict(asking: Asking) -> ConflictView:
    return _conflict(asking.find(asking.project(asking.picture()).standing.conflicts, "conflict"))


def _queue(asking: Asking) -> QueueState:
    picture = asking.picture()
    landing = asking.project(picture).landing
    landed = tuple(
        LandedView(each.entry.id, each.entry.title, each.commit, each.at, each.past_queue, each.tested)
        for each in islice(reversed(landing.landed), _LANDED)
    )
    returned = tuple(each for each, _, _ in landing.returned)
    return QueueState(picture.seq, landing.view, returned, landing.red, landed)


def _incidents(asking: Asking) -> IncidentList:
    picture = asking.picture()
    state = asking.project(picture).incidents
    found = [each for each in reversed(tuple(state.incidents.values())) if asking.query["all"] or each.is_open]
    databases, deployed = tuple(state.databases.values()), tuple(state.deployed.values())
    return IncidentList(picture.seq, len(found), asking.cut(tuple(found)), databases, deployed)


def _one_incident(asking: Asking) -> IncidentStanding:
    return asking.find(asking.project(asking.picture()).incidents.incidents, "incident")


def _decisions(asking: Asking) -> DecisionList:
    picture = asking.picture()
    review = asking.project(picture).review
    found = tuple(reversed(tuple(review.decisions.values()))) if asking.query["all"] else review.open_decisions()
    return DecisionList(picture.seq, len(found), asking.cut(found))


def _one_decision(asking: Asking) -> DecisionStanding:
    return asking.find(asking.project(asking.picture()).review.decisions, "decision")


def _changes(asking: Asking) -> ChangeList:
    picture = asking.picture()
    every = asking.project(picture).review.changes.values()
    found = tuple(each for each in reversed(tuple(every)) if asking.query["all"] or each.reviewed is None)
    return ChangeList(picture.seq, len(found), asking.cut(found))


def _one_change(asking: Asking) -> ChangeStanding:
    return asking.find(asking.project(asking.picture()).review.changes, "commit")


def _change_diff(asking: Asking) -> DiffView:
    project = asking.project(asking.picture())
    survey = asking.find(project.review.changes, "commit").survey
    return _diff(project, survey.base, survey.commit)


def _diff(project: ProjectPicture, before: Sha | None, after: Sha | None) -> DiffView:
    if before is None or after is None:
        return DiffView(None, None, Diff(problem="there is nothing to compare"))
    return DiffView(before, after, read_diff(project.source.place, before, after))


def _issues(asking: Asking) -> IssueList:
    picture = asking.picture()
    fleet = asking.project(picture).fleet
    found = tuple(fleet.issues.values() if asking.query["all"] else fleet.open_issues())
    return IssueList(picture.seq, len(found), asking.cut(found))


def _one_issue(asking: Asking) -> IssueStanding:
    return asking.find(asking.project(asking.picture()).fleet.issues, "issue")


def _engagements(asking: Asking) -> EngagementList:
    picture = asking.picture()
    fleet = asking.project(picture).fleet
    found = tuple(reversed(tuple(fleet.engagements.values()))) if asking.query["all"] else tuple(fleet.live())
    return EngagementList(picture.seq, len(found), asking.cut(found))


def _one_engagement(asking: Asking) -> EngagementStanding:
    return asking.find(asking.project(asking.picture()).fleet.engagements, "engagement")


def _engagement_diff(asking: Asking) -> DiffView:
    project = asking.project(asking.picture())
    tips = tips_of(asking.find(project.fleet.engagements, "engagement"))
    return _diff(project, *(tips or (None, None)))


def _numbers(asking: Asking) -> NumbersView:
    """Of one project, or of all."""
    picture = asking.picture()
    projects = [asking.project(picture)] if "project" in asking.path else list(picture.projects.values())
    return NumbersView(picture.seq, count_days(asking.room.reader, projects, int(asking.query["days"]), picture.at))


def _logs(asking: Asking) -> LogList:
    picture = asking.picture()
    days = picture.fleet_review.days if "project" not in asking.path else asking.project(picture).review.days
    found: tuple[WorkLog, ...] = tuple(days[day] for day in sorted(days, reverse=True))
    return LogList(picture.seq, len(found), asking.cut(found))


def _events(asking: Asking) -> EventPage:
    """What is newer than ``after``, in order; of the projects of this fleet, and of the fleet itself, alone."""
    reader = asking.room.reader
    sources = reader.scope.projects
    wanted = asking.query["project"]
    if wanted:
        sources = tuple(each for each in sources if each.name == wanted)
        there(sources[0] if sources else None, "project", wanted)
    known: set[Any] = {each.project for each in sources} | {each.shared for each in sources}
    after, last = Seq(asking.query["after"]), reader.log.last_seq()
    items: list[Recorded] = []
    seen = after
    for each in reader.log.read(None, after=after):
        if len(items) >= asking.query["limit"]:
            break
        seen = each.seq
        if each.project in known or (not wanted and each.project == FLEET):
            items.append(each)
    return EventPage(seen, max(last, seen), tuple(items))


_ALL = Parameter("all", "boolean", "also what is over, read or judged", default=False)
_STATE = Parameter("state", "string", "which", "open", choices=("open", "dismissed", "closed", "all"))
_DAYS = Parameter("days", "string", "of so many last days", "30", choices=DAYS)
_ONE = "/projects/{project}"
MAX_SEQ = MAX_MS = 1 << 53


def _read(
    name: str,
    path: str,
    about: str,
    answer: type[msgspec.Struct],
    run: Callable[[Asking], Any],
    *parameters: Parameter,
    etag: bool = True,
) -> Operation:
    return Operation(name, "GET", path, about, answer, run, None, parameters, etag)


READS = (
    _read("brief", "/brief", "What the fleet did, each sentence looked at again now.", Brief, _brief,
          Parameter("since", "integer", "from when; 0: the last 24 hours", 0, MAX_MS), etag=False),
    _read("matters", "/matters", "What needs a person, the gravest first.", MatterList, _matters,
          *PAGING, Parameter("all", "boolean", "also what is hushed, or good to know", default=False), etag=False),
    _read("fleet", "/fleet", "All projects in numbers, and those that cannot be looked at.", FleetView, _fleet,
          etag=False),
    _read("projects", "/projects", "All projects in numbers.", ProjectList, _projects, *PAGING),
    _read("project", _ONE, "One project in numbers.", ProjectView, _one_project),
    _read("conflicts", f"{_ONE}/conflicts", "Conflicts with their evidence, the worst first.", ConflictList, _conflicts,
          *PAGING, _STATE),
    _read("conflict", f"{_ONE}/conflicts/{{conflict}}", "One conflict.", ConflictView, _one_conflict),
    _read("queue", f"{_ONE}/queue", "Who waits, and for what; what landed last.", QueueState, _queue),
    _read("incidents", f"{_ONE}/incidents", "Run-time faults, and whose changes they are.", IncidentList, _incidents,
          *PAGING, _ALL),
    _read("incident", f"{_ONE}/incidents/{{incident}}", "One incident.", IncidentStanding, _one_incident),
    _read("decisions", f"{_ONE}/decisions", "Decisions that nobody made but an agent.", DecisionList, _decisions,
          *PAGING, _ALL),
    _read("decision", f"{_ONE}/decisions/{{decision}}", "One decision.", DecisionStanding, _one_decision),
    _read("changes", f"{_ONE}/changes", "Landed changes with their risk, the newest first.", ChangeList, _changes,
          *PAGING, _ALL),
    _read("change", f"{_ONE}/changes/{{commit}}", "One landed change.", ChangeStanding, _one_change),
    _read("change-diff", f"{_ONE}/changes/{{commit}}/diff", "What a landed change changed.", DiffView, _change_diff,
          etag=False),
    _read("issues", f"{_ONE}/issues", "Issues, with what became of them.", IssueList, _issues, *PAGING, _ALL),
    _read("issue", f"{_ONE}/issue", "One issue.", IssueStanding, _one_issue,
          Parameter("id", "string", "the issue", "", 400)),
    _read("engagements", f"{_ONE}/engagements", "Engagements at work.", EngagementList, _engagements, *PAGING, _ALL),
    _read("engagement", f"{_ONE}/engagements/{{engagement}}", "One engagement.", EngagementStanding, _one_engagement),
    _read("engagement-diff", f"{_ONE}/engagements/{{engagement}}/diff",
          "What an engagement changed since its seal, as of its newest pinned work.", DiffView, _engagement_diff,
          etag=False),
    _read("numbers", "/numbers", "The fleet's numbers, day by day.", NumbersView, _numbers, _DAYS, etag=False),
    _read("project-numbers", f"{_ONE}/numbers", "A project's numbers, day by day.", NumbersView, _numbers, _DAYS,
          etag=False),
    _read("logs", f"{_ONE}/logs", "The work logs of a project's days, the newest first.", LogList, _logs, *PAGING),
    _read("fleet-logs", "/logs", "The work logs of the fleet's days, the newest first.", LogList, _logs, *PAGING),
    _read("events", "/events", "What was recorded after a number, in order; can be waited for.", EventPage, _events,
          Parameter("after", "integer", "the number after which", 0, MAX_SEQ),
          Parameter("limit", "integer", "at most so many", 100, 500),
          Parameter("project", "string", "of this one alone; empty: of all", "", 64),
          Parameter("wait", "integer", "seconds to wait where nothing is there yet", 0, 25), etag=False),
)  # fmt: skip
"""All that is read."""
