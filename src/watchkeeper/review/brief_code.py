"""Of a brief: conflicts and incidents with their outcome, what landed in each project, what to read first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.controlroom.picture import Picture, ProjectPicture
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import MatterKind
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import CloseReason
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.incident_state import IncidentStanding
from watchkeeper.model.probing import Outcome
from watchkeeper.model.review import BriefEntry, Claim
from watchkeeper.review.evidence import events, make_claim, of_change, of_commits, of_conflict, of_incident
from watchkeeper.review.landedchanges import (
    LandedChange,
    find_meetings,
    find_migration_clashes,
    find_unsurveyed_landings,
)
from watchkeeper.review.links import Commands, page, step
from watchkeeper.review.matters_code import read_command
from watchkeeper.review.ranking import dangers_of, has_to_be_read, score_of
from watchkeeper.review.words import counted, lasted, names, short
from watchkeeper.review.words import since as since_words

Told = AbstractSet[tuple[str, MatterKind, str]]
_MOST_DETAILS = 12
_CLOSED = {
    CloseReason.RESOLVED: "the code no longer shows it",
    CloseReason.GONE: "one side is gone",
    CloseReason.RENAMED: "it goes on by another name",
    CloseReason.LANDED: "both sides landed",
}
_OUTCOMES = {
    Outcome.PROVED: "proved",
    Outcome.PROVED_AT_RUN_TIME: "proved at run time",
    Outcome.CLEARED: "cleared by a run",
    Outcome.NOT_DISPROVED: "not disproved",
    Outcome.FLAKY: "flaky when run",
    Outcome.COULD_NOT_RUN: "could not be run",
}


def conflict_entries(picture: Picture, since: Millis, told: Told) -> Iterator[BriefEntry]:
    """Each grave one of the time with what became of it; mild ones are counted for their project."""
    for name, project in picture.projects.items():
        for incident in project.incidents.incidents.values():
            is_told = (name, MatterKind.INCIDENT, incident.incident.id) in told
            if not is_told and (incident.is_open or (incident.ended_at or 0) >= since):
                yield _incident(name, project, incident, picture.at)
        mild: list[ConflictState] = []
        for state in project.standing.conflicts.values():
            if (name, MatterKind.CONFLICT, state.conflict.id) in told or not _is_of(state, since):
                continue
            proved = state.proof is not None and state.proof.outcome.is_proof
            if proved or (state.status is Status.OPEN and state.severity.rank >= Severity.MAJOR.rank):
                yield _conflict(name, project, state, picture.at)
            elif state.severity.rank >= Severity.MINOR.rank:
                mild.append(state)
        if mild:
            yield _mild(name, project, mild)


def landed_entries(
    picture: Picture, since: Millis, landed: Mapping[str, Sequence[LandedChange]]
) -> Iterator[BriefEntry]:
    """One entry for each project in which something landed, its changes as details, the most dangerous first."""
    for name, project in picture.projects.items():
        came = [each for each in project.landing.landed if each.at >= since]
        if not came:
            continue
        known = [each for each in landed[name] if each.at >= since]
        past = sum(1 for each in came if each.past_queue)
        untested = sum(1 for each in came if each.tested is None)
        parts = [f"{counted(len(came), 'change')} landed"]
        parts += [f"{past} past the queue"] if past else []
        parts += [f"{untested} without a known run of all tests"] if untested else ["all tested as they landed"]
        parts += [_sizes(known)] if known else []
        reverted = sum(1 for each in known if each.is_reverted)
        parts += [f"{reverted} taken out again"] if reverted else []
        commits = of_commits(project, (each.commit for each in known if not each.is_reverted))
        seqs = events(project.source.project, (each.seq for each in came))
        ranked = sorted(known, key=lambda each: -score_of(dangers_of(each)))
        details = tuple(_change_line(project, each) for each in ranked[:_MOST_DETAILS])
        claim = make_claim(f"landed:{name}", f"{name}: {', '.join(parts)}", (*commits, *seqs), page("projects", name))
        yield BriefEntry(claim, name, score=float(len(came)), details=details)


def risk_entries(
    picture: Picture, scope: Scope, since: Millis, landed: Mapping[str, Sequence[LandedChange]], told: Told
) -> Iterator[BriefEntry]:
    """What landed and nobody has read, by how dangerous it is; what nobody could look at yet comes first."""
    for name, project in picture.projects.items():
        unseen = [each for each in find_unsurveyed_landings(project) if each.at >= since]
        if unseen:
            text = f"{name}: {counted(len(unseen), 'landed change')} nobody has looked at yet: " + names(
                [each.entry.title or each.entry.id for each in unseen]
            )
            claim = make_claim(f"unseen:{name}", text, events(project.source.project, (e.seq for e in unseen)))
            yield BriefEntry(claim, name, score=200.0)
        commands = Commands(project, scope)
        together = _told_together(name, landed[name], told)
        for change in landed[name]:
            is_told = (name, MatterKind.RISK, change.commit) in told or change.commit in together
            if change.at < since or is_told or change.standing.reviewed is not None or change.is_reverted:
                continue
            dangers = dangers_of(change)
            if not dangers:
                continue
            evidence = of_change(project, change)
            where = page("changes", change.commit)
            text = f"{name}: {short(change.survey.title, 60)}: {short(dangers[0].reason, 110)}"
            claim = make_claim(f"risk:{change.commit}", text, evidence, where)
            details = tuple(
                make_claim(f"risk:{change.commit}:{at}", each.reason, evidence, where)
                for at, each in enumerate(dangers[1:6])
            )
            act = step("read it", read_command(commands, change), where)
            yield BriefEntry(claim, name, float(score_of(dangers)), act, details)


def _told_together(name: str, landed: Sequence[LandedChange], told: Told) -> AbstractSet[Sha]:
    """Changes of which it is told already what they do to each other, and that are not dangerous by themselves."""
    meetings = [(each.state.conflict.id, each.changes) for each in find_meetings(landed)]
    clashes = [(f"migration:{each.parent}", each.changes) for each in find_migration_clashes(landed)]
    return frozenset(
        change.commit
        for about, changes in (*meetings, *clashes)
        if (name, MatterKind.CONFLICT, about) in told
        for change in changes
        if not has_to_be_read(change, dangers_of(change))
    )


def _incident(name: str, project: ProjectPicture, each: IncidentStanding, now: Millis) -> BriefEntry:
    incident = each.incident
    how = f"open {since_words(each.opened_at, now)}"
    if each.ended is not None:
        how = f"over after {lasted(each.lasted_ms)} ({each.ended.value})"
    again = f", {each.occurrences} times" if each.occurrences > 1 else ""
    text = f"{name}: {incident.kind.value} in {short(incident.database, 30)}{again}, {how}: {incident.summary}"
    claim = make_claim(f"incident:{incident.id}", text, of_incident(project, each), page("incidents", incident.id))
    return BriefEntry(claim, name, 400.0 + 10 * each.occurrences + min(incident.stuck, 50))


def _conflict(name: str, project: ProjectPicture, state: ConflictState, now: Millis) -> BriefEntry:
    conflict = state.conflict
    outcome = _OUTCOMES[state.proof.outcome] if state.proof is not None else "not run yet"
    if state.status is Status.CLOSED:
        how = f"{outcome}; {_CLOSED[state.closed] if state.closed is not None else 'closed'}"
    elif state.status is Status.DISMISSED:
        by = f" by {short(state.dismissal.by, 30)}" if state.dismissal is not None and state.dismissal.by else ""
        how = f"{outcome}; dismissed{by}"
    else:
        how = f"{outcome}; open {since_words(state.opened_at, now)}"
    text = f"{name}: {how}: {conflict.summary}"
    where = page("conflicts", conflict.id)
    is_open = state.status is Status.OPEN
    score = 100.0 * state.severity.rank + (150 if is_open else 0) + (50 if state.closed is CloseReason.LANDED else 0)
    details = tuple(
        make_claim(f"conflict:{conflict.id}:{at}", each.message, of_conflict(project, state), where)
        for at, each in enumerate(state.proof.findings[:3] if state.proof is not None else ())
    )
    return BriefEntry(make_claim(f"conflict:{conflict.id}", text, of_conflict(project, state), where), name, score,
                      details=details)  # fmt: skip


def _mild(name: str, project: ProjectPicture, states: Sequence[ConflictState]) -> BriefEntry:
    """``shop: 12 milder ones: 5 resolved, 4 cleared by a run, 3 open``."""
    count = Counter(_became(state) for state in states)
    told = ", ".join(f"{number} {word}" for word, number in count.most_common())
    seqs = events(project.source.project, (state.seq for state in states))
    text = f"{name}: {counted(len(states), 'milder conflict')}: {told}"
    return BriefEntry(make_claim(f"mild:{name}", text, seqs, page("projects", name)), name, score=1.0)


def _became(state: ConflictState) -> str:
    if state.proof is not None and state.proof.outcome is Outcome.CLEARED:
        return "cleared by a run"
    if state.status is Status.OPEN:
        return "open"
    if state.status is Status.DISMISSED:
        return "dismissed"
    return {CloseReason.RESOLVED: "resolved", CloseReason.LANDED: "landed on both sides"}.get(
        state.closed or CloseReason.GONE, "gone"
    )


def _is_of(state: ConflictState, since: Millis) -> bool:
    """Something happened to it since then, or it stands open."""
    return not state.heirs and (state.status is Status.OPEN or state.changed_at >= since)


def _sizes(known: Sequence[LandedChange]) -> str:
    added, removed = (sum(getattr(e.survey, f"lines_{what}") for e in known) for what in ("added", "removed"))
    tests = sum(e.survey.tests_added - e.survey.tests_removed for e in known)
    return f"+{added:,} -{removed:,} lines, {tests:+d} tests"


def _change_line(project: ProjectPicture, change: LandedChange) -> Claim:
    survey = change.survey
    by = " by ".join(filter(None, (short(survey.issue, 30), short(survey.agent or survey.author, 30))))
    way = "past the queue" if change.past_queue else "tested" if change.is_tested else "no run known"
    again = ", taken out again" if change.is_reverted else ""
    text = (
        f"{change.commit[:10]} {short(survey.title, 80)} ({by or 'nobody is named'}; {way}; risk {survey.risk}{again})"
    )
    where = page("changes", change.commit)
    evidence = of_change(project, change)
    if change.is_reverted:  # that it is in the branch is not what is said
        evidence = events(project.source.project, change.evidence)
    return make_claim(f"change:{change.commit}", text, evidence, where)
