"""What sentences rest on: references of matters, landed changes, conflicts, runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.controlroom.picture import Picture, ProjectPicture
from watchkeeper.model.attention import Matter, MatterKind
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ProjectId, Seq, Sha
from watchkeeper.model.incident_state import IncidentStanding
from watchkeeper.model.landing import EntryId, RunId
from watchkeeper.model.review import Claim, CommitRef, EventRef, Ref, ReportRef, RunRef
from watchkeeper.review.landedchanges import LandedChange
from watchkeeper.review.looking_again import EXITS, find_entry_state, find_state, queue_state
from watchkeeper.review.verifying import claim_id
from watchkeeper.review.words import sentence

MOST_EVENTS = 50
MOST_COMMITS = 50


def make_claim(about: str, text: str, evidence: Iterable[Ref], page: str = "") -> Claim:
    """A sentence about a thing, cut to one line, with what it rests on."""
    said = sentence(text)
    return Claim(claim_id(about, said), said, tuple(evidence), page=page)


def events(project: ProjectId, seqs: Iterable[Seq]) -> tuple[Ref, ...]:
    """The newest 50 of these events; nothing where there is none."""
    known = sorted({seq for seq in seqs if seq > 0})
    return (EventRef(project, tuple(known[-MOST_EVENTS:]), len(known)),) if known else ()


def of_change(project: ProjectPicture, change: LandedChange) -> tuple[Ref, ...]:
    """Its commit in the branch, the run of the tests on its tree, the events that say so."""
    own = project.source.project
    run = of_run(project, change.landing.tested) if change.landing is not None else ()
    return (CommitRef(own, change.commit, is_landed=True), *run, *events(own, change.evidence))


def of_commits(project: ProjectPicture, commits: Iterable[Sha]) -> tuple[Ref, ...]:
    """The newest 50 of these commits, each in the branch."""
    known = list(dict.fromkeys(commits))[-MOST_COMMITS:]
    return tuple(CommitRef(project.source.project, each, is_landed=True) for each in known)


def of_run(project: ProjectPicture, run: RunId | None) -> tuple[Ref, ...]:
    """What the gate said; nothing where no such run is known."""
    known = project.landing.runs.get(run) if run is not None else None
    if known is None:
        return ()
    began, ended, seq = known
    if ended is None:
        return ()
    command = f"{'some' if began.tests else 'all'} tests (gate {began.gate[:7]})"
    return (RunRef(project.source.project, command, EXITS.get(ended.verdict), began.tree, seq),)


def of_conflict(project: ProjectPicture, state: ConflictState) -> tuple[Ref, ...]:
    """The conflict in its state now."""
    status = "closed" if state.status is Status.CLOSED else state.status.value
    own = project.source.project
    return (ReportRef(own, "conflict", state.conflict.id, status), *events(own, (state.seq,)))


def of_incident(project: ProjectPicture, each: IncidentStanding) -> tuple[Ref, ...]:
    """The incident, open or over."""
    return (ReportRef(project.source.project, "incident", each.incident.id, "open" if each.is_open else "over"),)


def of_report(project: ProjectPicture, kind: str, identity: str, picture: Picture) -> tuple[Ref, ...]:
    """A thing in the state in which it is now; nothing where the record does not have it."""
    owner = project.source.shared if kind in ("issue", "engagement") else project.source.project
    state = find_state(ReportRef(owner, kind, identity), project, picture)
    return (ReportRef(owner, kind, identity, state.partition(":")[0]),) if state is not None else ()


def of_matter(matter: Matter, picture: Picture) -> tuple[Ref, ...]:
    """What a matter rests on: the state of what it is about, and the events that say so."""
    project = picture.projects.get(matter.project)
    if project is None:
        return _of_fleet(matter, picture)
    own = project.source.project
    found: list[Ref] = []
    match matter.kind:
        case MatterKind.CONFLICT if matter.about in project.standing.conflicts:
            found += of_report(project, "conflict", matter.about, picture)
        case MatterKind.INCIDENT:
            found += of_report(project, "incident", matter.about, picture)
        case MatterKind.QUEUE if matter.about == "queue":
            found.append(ReportRef(own, "queue", "queue", queue_state(project).partition(":")[0]))
        case MatterKind.ENTRY:
            state = find_entry_state(project, EntryId(matter.about))
            found += (ReportRef(own, "entry", matter.about, state),) if state is not None else ()
        case MatterKind.ISSUE:
            found += of_report(project, "issue", matter.about, picture)
        case MatterKind.ENGAGEMENT:
            found += of_report(project, "engagement", matter.about, picture)
        case MatterKind.DECISION:
            found += of_report(project, "decision", matter.about, picture)
        case MatterKind.RISK if matter.about in project.review.changes:
            found += (
                CommitRef(own, Sha(matter.about), is_landed=True),
                ReportRef(own, "change", matter.about, "unread"),
            )
        case MatterKind.DATABASE:
            found += of_report(project, "database", matter.about, picture)
        case _:
            pass
    found += _of_events(matter, project, found)
    return (*found, *events(own, matter.evidence or _newest(found, project)))


def _of_events(matter: Matter, project: ProjectPicture, known: Sequence[Ref]) -> list[Ref]:
    """The landed changes and the decisions of which the matter's events tell: that they are still so is looked at."""
    seqs, own = set(matter.evidence), project.source.project
    commits = {commit: each for commit, each in project.review.changes.items() if each.seq in seqs}
    found: list[Ref] = [CommitRef(own, commit, is_landed=True) for commit in list(commits)[:MOST_COMMITS]]
    for each in project.review.decisions.values():
        if each.seq in seqs and matter.about != "open":
            state = each.judged.verdict.value if each.judged is not None else "open"
            found.append(ReportRef(own, "decision", each.decision.id, state))
            if each.decision.commit is not None:
                found.append(CommitRef(own, each.decision.commit, is_landed=True))
    return [each for each in dict.fromkeys(found) if each not in known]


def _newest(found: Sequence[Ref], project: ProjectPicture) -> tuple[Seq, ...]:
    """What stands on nothing of its own stands on the project's record as a whole."""
    last = max(project.standing.seq, project.fleet.seq, project.incidents.seq, project.review.seq)
    return () if found else (last,)


def _of_fleet(matter: Matter, picture: Picture) -> tuple[Ref, ...]:
    found: tuple[Ref, ...] = ()
    if matter.kind is MatterKind.CHANNEL and picture.projects:
        found = (ReportRef(next(iter(picture.projects.values())).source.project, "channel", matter.about, "dead"),)
    for project in picture.projects.values() if matter.kind is MatterKind.DECISION else ():
        found = (*found, *_of_events(matter, project, found))
    return (*found, *events(FLEET, matter.evidence or ((picture.seq,) if not found else ())))
