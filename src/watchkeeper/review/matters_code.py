"""What needs a person about code: conflicts, incidents, landed changes, decisions, databases that nobody sees. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.conflicts.standing import ConflictState, open_conflicts
from watchkeeper.controlroom.picture import Picture, ProjectPicture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import Matter, MatterKind, Urgency
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.ids import ConflictId
from watchkeeper.model.incident_state import DatabaseStanding, IncidentStanding
from watchkeeper.model.incidents import IncidentKind
from watchkeeper.model.review import DecisionKind
from watchkeeper.model.review_state import DecisionStanding
from watchkeeper.review.contradictions import Contradiction, find_contradictions
from watchkeeper.review.landedchanges import (
    Clash,
    LandedChange,
    Meeting,
    find_landed,
    find_meetings,
    find_migration_clashes,
)
from watchkeeper.review.links import Commands, decision_page, page, step
from watchkeeper.review.matters import Maker
from watchkeeper.review.ranking import Danger, dangers_of, has_to_be_read, score_of
from watchkeeper.review.words import counted, names, sentence, short
from watchkeeper.risk.points import PointKind

_STANDS_STILL = frozenset({IncidentKind.SELF_DEADLOCK, IncidentKind.CYCLE, IncidentKind.POOL, IncidentKind.DDL_QUEUE})
_TOLD_APART = frozenset({DecisionKind.AUTH, DecisionKind.DELETED_FEATURE})
"""Decisions that are asked about one by one; others are told together."""


def find_code_matters(picture: Picture, scope: Scope) -> Iterator[Matter]:
    """Those of all projects."""
    landed = {name: find_landed(project) for name, project in picture.projects.items()}
    for name, project in picture.projects.items():
        maker = Maker(name, project)
        commands = Commands(project, scope)
        meetings = find_meetings(landed[name])
        together = {each.state.conflict.id for each in meetings}
        yield from (_incident(maker, commands, each) for each in project.incidents.open_incidents())
        yield from _conflicts(maker, commands, project, together)
        yield from (_meeting(maker, commands, each) for each in meetings)
        yield from (_clash(maker, commands, each) for each in find_migration_clashes(landed[name]))
        yield from _risks(maker, commands, landed[name], picture)
        yield from _decisions(maker, commands, project)
        yield from _databases(maker, commands, project)
    yield from _contradictions(picture, scope)


# -- incidents, databases ---------------------------------------------------------------------------------------------


def _incident(maker: Maker, commands: Commands, each: IncidentStanding) -> Matter:
    incident = each.incident
    stands = incident.kind in _STANDS_STILL or (incident.is_certain and incident.stuck > 0)
    urgency = Urgency.URGENT if stands or incident.stuck >= 3 else Urgency.NAG
    many = f", {incident.stuck} wait" if incident.stuck > 1 else ""
    again = f"; it is there for the {each.occurrences}. time" if each.occurrences > 1 else ""
    return maker.make(
        MatterKind.INCIDENT,
        urgency,
        f"{incident.database}: {incident.summary}",
        about=incident.id,
        reason=sentence(f"{incident.kind.value} in a running database{many}{again}"),
        body="\n".join(short(advice, 300) for advice in incident.advice[:3]),
        since=each.opened_at,
        weight=(900 if stands else 700) + min(50, 5 * incident.stuck) + min(30, 10 * (each.occurrences - 1)),
        step=step("see both sides", commands.of_repo("incident", incident.id), page("incidents", incident.id)),
        page=page("incidents", incident.id),
    )


def _databases(maker: Maker, commands: Commands, project: ProjectPicture) -> Iterator[Matter]:
    for name, each in project.incidents.databases.items():
        if each.reason:
            yield _database(maker, commands, name, each)


def _database(maker: Maker, commands: Commands, name: str, each: DatabaseStanding) -> Matter:
    how = "is seen only in part" if each.is_partial else "is not seen"
    return maker.make(
        MatterKind.DATABASE,
        Urgency.TODAY if each.is_partial else Urgency.NAG,
        f"the database {short(name)} {how}: {each.reason}",
        about=name,
        reason="what stands still there is found by nobody",
        since=each.since,
        weight=300 if each.is_partial else 600,
        step=step("look at it once", commands.of_repo("db", "watch", "--once"), "/incidents"),
        page="/incidents",
    )


# -- conflicts --------------------------------------------------------------------------------------------------------


def _conflicts(
    maker: Maker, commands: Commands, project: ProjectPicture, together: set[ConflictId]
) -> Iterator[Matter]:
    """Open ones that their agents left open, that were proved, or that block."""
    parents = {
        each.incident.conflict: maker.fingerprint(MatterKind.INCIDENT, each.incident.id)
        for each in project.incidents.open_incidents()
        if each.incident.conflict is not None
    }
    for state in open_conflicts(project.standing):
        if state.conflict.id in together:
            continue
        proved = state.proof is not None and state.proof.outcome.is_proof
        if proved or state.unanswered or state.severity is Severity.BLOCKING:
            yield _conflict(maker, commands, state, proved, parents.get(state.conflict.id, ""))


def _conflict(maker: Maker, commands: Commands, state: ConflictState, proved: bool, parent: str) -> Matter:
    conflict = state.conflict
    grave = state.severity.rank >= Severity.MAJOR.rank
    if state.unanswered:
        urgency = Urgency.NAG if proved else Urgency.TODAY if grave else Urgency.FYI
        reason = f"{names(state.unanswered)} left it open"
    else:
        urgency = Urgency.TODAY if proved else Urgency.FYI
        reason = "proved by running the merge" if proved else "whoever lands second breaks"
    if proved and state.unanswered:
        reason += ", and a run has proved it"
    weight = 100 * state.severity.rank + (150 if proved else 0) + 60 * bool(state.unanswered)
    return maker.make(
        MatterKind.CONFLICT,
        urgency,
        conflict.summary,
        about=conflict.id,
        reason=sentence(reason),
        body=_proof_words(state),
        since=state.opened_at,
        weight=weight + min(40, conflict.weight),
        step=step("see both sides", commands.of_repo("conflicts", conflict.id), page("conflicts", conflict.id)),
        page=page("conflicts", conflict.id),
        parent=parent,
        evidence=(state.seq,),
    )


def _meeting(maker: Maker, commands: Commands, each: Meeting) -> Matter:
    """Both are in the branch: nobody is left who could be told but a person."""
    conflict = each.state.conflict
    past = [change for change in each.changes if change.past_queue]
    how = "a run has proved it" if each.proved else "no run has cleared it"
    way = f"; {short(past[0].survey.title, 50)} came past the queue" if past else ""
    weight = (860 if each.proved else 560 if past else 430) + (40 if past else 0)
    return maker.make(
        MatterKind.CONFLICT,
        Urgency.NAG if each.proved else Urgency.TODAY,
        conflict.summary,
        about=conflict.id,
        reason=sentence(f"both sides are in the target branch, and {how}{way}"),
        body=_proof_words(each.state),
        since=max(change.at for change in each.changes),
        weight=weight + each.state.severity.rank,
        step=step("see both sides", commands.of_repo("conflicts", conflict.id), page("conflicts", conflict.id)),
        page=page("conflicts", conflict.id),
        evidence=(each.state.seq, *(seq for change in each.changes for seq in change.evidence)),
    )


def _clash(maker: Maker, commands: Commands, each: Clash) -> Matter:
    titles = names([change.survey.title for change in each.changes])
    newest = max(each.changes, key=lambda change: change.at)
    return maker.make(
        MatterKind.CONFLICT,
        Urgency.NAG,
        f"{counted(len(each.changes), 'landed migration')} have the same parent {short(each.parent, 40)}: {titles}",
        about=f"migration:{each.parent}",
        reason="the next deployment finds two heads, and stops or skips one",
        since=newest.at,
        weight=780 + min(20, 5 * len(each.changes)),
        step=step("read the later one", read_command(commands, newest), page("changes", newest.commit)),
        page=page("changes", newest.commit),
        evidence=tuple(seq for change in each.changes for seq in change.evidence),
    )


def _proof_words(state: ConflictState) -> str:
    if state.proof is None:
        return ""
    return "\n".join(short(each.message, 300) for each in state.proof.findings[:3]) or short(state.proof.reason, 300)


# -- landed changes, decisions ----------------------------------------------------------------------------------------

_WEEK_MS = 7 * 86_400_000
_GRAVE = 80
"""From this weight on a danger is told by itself, however old it is."""


def read_command(commands: Commands, change: LandedChange) -> str:
    """What says all that there is to say of a landed change."""
    base = ("--base", change.survey.base[:12]) if change.survey.base else ()
    return commands.of_repo("risk", change.commit[:12], *base)


def _risks(maker: Maker, commands: Commands, landed: tuple[LandedChange, ...], picture: Picture) -> Iterator[Matter]:
    """The grave ones each by itself; others that are older than a week and still unread as one."""
    old: list[LandedChange] = []
    for change in landed:
        dangers = dangers_of(change)
        if not has_to_be_read(change, dangers):
            continue
        if picture.at - change.at > _WEEK_MS and dangers[0].weight < _GRAVE:
            old.append(change)
        else:
            yield _risk(maker, commands, change, dangers)
    if old:
        newest = old[-1]
        yield maker.make(
            MatterKind.RISK,
            Urgency.TODAY,
            f"{counted(len(old), 'dangerous change')} older than a week nobody has read: "
            + names([each.survey.title for each in reversed(old)]),
            about="unread",
            reason="what nobody reads in a week is read by nobody",
            since=newest.at,
            weight=330 + min(60, len(old)),
            step=step("read the newest", read_command(commands, newest), page("changes", newest.commit)),
            page=page("projects", newest.project),
            evidence=tuple(seq for each in old[-20:] for seq in each.evidence),
        )


def _risk(maker: Maker, commands: Commands, change: LandedChange, dangers: tuple[Danger, ...]) -> Matter:
    first, score = dangers[0], score_of(dangers)
    leaked = first.kind == PointKind.SECRETS and first.weight >= 90
    urgency = Urgency.URGENT if leaked else Urgency.TODAY
    others = f" (and {counted(len(dangers) - 1, 'more reason')})" if len(dangers) > 1 else ""
    return maker.make(
        MatterKind.RISK,
        urgency,
        f"{short(change.survey.title, 70)}: {short(first.reason, 115)}",
        about=change.commit,
        reason=sentence(f"landed and read by nobody, risk {score}{others}"),
        body="\n".join(short(each.reason, 300) for each in dangers[:6]),
        since=change.at,
        weight=(880 if leaked else 300 + 4 * first.weight + score),
        step=step("read it", read_command(commands, change), page("changes", change.commit)),
        page=page("changes", change.commit),
        evidence=change.evidence,
    )


def _decisions(maker: Maker, commands: Commands, project: ProjectPicture) -> Iterator[Matter]:
    """The grave ones one by one, all others as one."""
    rest: list[DecisionStanding] = []
    for each in project.review.open_decisions():
        if each.decision.asked_for:
            continue
        if each.decision.kind in _TOLD_APART:
            yield _decision(maker, commands, each)
        else:
            rest.append(each)
    if rest:
        yield maker.make(
            MatterKind.DECISION,
            Urgency.FYI,
            f"{counted(len(rest), 'decision')} that no issue settled: {names([each.decision.title for each in rest])}",
            about="open",
            reason="agents chose, and nobody said whether that stands",
            since=rest[0].at,
            weight=min(90, len(rest)),
            step=step("go through them", commands.of_repo("decisions"), "/decisions"),
            page="/decisions",
            evidence=tuple(each.seq for each in rest[-20:]),
        )


def _decision(maker: Maker, commands: Commands, each: DecisionStanding) -> Matter:
    decision = each.decision
    is_access = decision.kind is DecisionKind.AUTH
    risk = maker.fingerprint(MatterKind.RISK, decision.commit) if decision.commit is not None else ""
    return maker.make(
        MatterKind.DECISION,
        Urgency.TODAY,
        decision.title,
        about=decision.id,
        reason="an agent decided this, and no issue asked for it",
        body=sentence(decision.why, 600),
        since=each.at,
        weight=420 if is_access else 260,
        step=step("accept or question it", commands.of_repo("decisions", decision.id), decision_page(decision.id)),
        page=decision_page(decision.id),
        parent=risk,
        evidence=(each.seq,),
    )


def _contradictions(picture: Picture, scope: Scope) -> Iterator[Matter]:
    for each in find_contradictions(picture.projects):
        where = dict.fromkeys(each.projects)
        project = picture.projects[each.projects[-1]]
        maker = Maker(each.projects[-1] if len(where) == 1 else "", project if len(where) == 1 else None)
        yield _contradiction(maker, Commands(project, scope), each)


def _contradiction(maker: Maker, commands: Commands, each: Contradiction) -> Matter:
    is_across = len(set(each.projects)) > 1
    newest = each.decisions[-1].decision
    said = names(
        [
            f"{short(standing.decision.choice, 48)} ({name if is_across else standing.decision.change or name})"
            for name, standing in zip(each.projects, each.decisions, strict=True)
        ]
    )
    subject = each.subject.partition(":")[2] if ":" in each.subject else each.subject
    how = "contradict each other" if each.is_sure else "may contradict each other"
    weight = 120 if each.is_mild else 640 if each.is_sure else 565
    return maker.make(
        MatterKind.DECISION,
        Urgency.FYI if each.is_mild else Urgency.TODAY,
        f"decisions {how} about {short(subject, 60)}: {said}",
        about=f"subject:{each.subject}" if each.is_sure else f"said:{each.decisions[0].decision.id}:{newest.id}",
        reason="agents chose differently, and nobody said which of them stands",
        since=each.decisions[-1].at,
        weight=weight + min(30, 10 * len(each.decisions)),
        step=step("say which stands", commands.of_repo("decisions", newest.id), decision_page(newest.id)),
        page=decision_page(newest.id),
        evidence=tuple(standing.seq for standing in each.decisions),
    )
