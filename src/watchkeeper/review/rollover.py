"""A day that is over -> its work log: what shipped, what was completed, what goes on, what to look out for. Pure.

Each sentence has what it rests on. A day on which nothing shipped says why, from what the record has of that day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from watchkeeper.conflicts.standing import open_conflicts
from watchkeeper.controlroom.landings import LandedEntry
from watchkeeper.landing.waiters import Place
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import ConflictProbed, Recorded, WatchStarted
from watchkeeper.model.fleet import (
    Choice,
    EngagementMoved,
    EngagementSealed,
    IssueClosed,
    Stage,
)
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.incidents import DatabaseUnseen, IncidentOpened
from watchkeeper.model.landing import EntryBounced, QueueHalted
from watchkeeper.model.review import (
    ChangeFoundWrong,
    Claim,
    CommitRef,
    Day,
    EventRef,
    Ref,
    ReportRef,
    Standing,
    WorkLog,
)
from watchkeeper.model.review_state import ChangeStanding
from watchkeeper.repos.messages import one_line
from watchkeeper.review.calendar import Span
from watchkeeper.review.dayfold import DayFold
from watchkeeper.risk.words import count_of, list_names

RISKY = 50
"""From this risk on a change that landed is among the day's risks until a person has read it."""
FLEET_NAME = "fleet"
_MOST = 30
"""So many sentences stand in one part; the last says of how many."""
_MOST_NEXT = 8
_MOST_TEXT = 300


class _Writer(NamedTuple):
    """What every claim of a log needs."""

    fold: DayFold
    span: Span
    surveys: Mapping[str, ChangeStanding]

    @property
    def own(self) -> ProjectId:
        return self.fold.picture.source.project

    @property
    def shared(self) -> ProjectId:
        return self.fold.picture.source.shared


def make_worklog(fold: DayFold, span: Span, zone: str) -> WorkLog:
    """The log of one project's day. The same record gives the same log."""
    surveys = {str(each.survey.entry or each.survey.commit): each for each in fold.picture.review.changes.values()}
    write = _Writer(fold, span, surveys)
    shipped, completed = tuple(_shipped(write)), tuple(_completed(write))
    carried = tuple(_carry_over(write))
    risks, flags = tuple(_risks(write)), tuple(_flags(write))
    return WorkLog(
        project=fold.picture.source.name,
        day=span.day,
        begin=span.begin,
        end=span.end,
        zone=zone,
        headline=_headline(shipped, completed, carried, risks),
        shipped=_cut(shipped),
        completed=_cut(completed),
        carry_over=_cut(carried),
        risks=_cut(risks),
        flags=_cut(flags),
        next=tuple(_next(write))[:_MOST_NEXT],
        empty="" if shipped or completed else _why_empty(write),
    )


def make_synthesis(logs: Sequence[tuple[WorkLog, ProjectId, Seq]], day: Day, absent: Mapping[str, str]) -> WorkLog:
    """The log of the whole fleet's day, of the logs of its projects; ``absent`` are projects without one, and why.

    Each of its sentences is one of a project's, or rests on the event that closed that project's day.
    """
    worked = [each for each in logs if not each[0].empty]
    idle = [each for each in logs if each[0].empty]
    shipped = sum(len(log.shipped) for log, _, _ in logs)
    completed = sum(len(log.completed) for log, _, _ in logs)
    projects = f"{len(worked)} of {count_of(len(logs), 'project')}"
    headline = f"{count_of(shipped, 'change')} shipped and {count_of(completed, 'issue')} completed in {projects}"
    idle_words = "; ".join(f"{log.project}: {log.empty}" for log, _, _ in idle)
    return WorkLog(
        project=FLEET_NAME,
        day=day,
        begin=min((log.begin for log, _, _ in logs), default=Millis(0)),
        end=max((log.end for log, _, _ in logs), default=Millis(0)),
        zone=", ".join(sorted({log.zone for log, _, _ in logs})),
        headline=headline,
        shipped=tuple(_closed(each) for each in worked),
        completed=_gathered(logs, "completed"),
        carry_over=_gathered(logs, "carry_over"),
        risks=_gathered(logs, "risks"),
        flags=(
            *(_claim(f"{name} has no log of this day: {why}", (), name, str(day)) for name, why in absent.items()),
            *(_closed(each) for each in idle),
            *_gathered(logs, "flags"),
        ),
        next=_gathered(logs, "next"),
        empty="" if worked else one_line(f"no project shipped anything: {idle_words}", 1_000),
    )


def check_worklog(log: WorkLog) -> str:
    """Why a log is none: it says nothing, and not why. ``""`` where it is one."""
    told = (log.shipped, log.completed, log.carry_over, log.risks, log.flags, log.next)
    if not log.headline.strip():
        return "it has no headline"
    if not log.empty and not (log.shipped or log.completed):
        return "nothing shipped, and it does not say why"
    if any(not claim.text.strip() for claims in told for claim in claims):
        return "it has a sentence without a word"
    return ""


# -- what was done ---------------------------------------------------------------------------------------------------


def _shipped(write: _Writer) -> Iterator[Claim]:
    for landed in _landed(write):
        standing = write.surveys.get(_mark(landed))
        survey = standing.survey if standing is not None else None
        what = one_line(landed.entry.title or landed.entry.change, 160)
        said = [f"for {survey.issue}"] if survey is not None and survey.issue else []
        said += (
            [f"by {survey.agent or survey.author}"] if survey is not None and (survey.agent or survey.author) else []
        )
        said += [f"risk {survey.risk}"] if survey is not None else ["not looked at yet"]
        said += ["past the queue"] if landed.past_queue else []
        commit = survey.commit if survey is not None else landed.commit
        yield _claim(
            f"{what} ({', '.join(said)})",
            (CommitRef(write.own, commit, is_landed=True), EventRef(write.own, (landed.seq,), 1)),
            landed.entry.id,
        )


def _completed(write: _Writer) -> Iterator[Claim]:
    for each in _of_kind(write, IssueClosed):
        event = each.event
        assert isinstance(event, IssueClosed)
        known = write.fold.picture.fleet.issues.get(event.id)
        title = f": {one_line(known.issue.title, 160)}" if known is not None else ""
        yield _claim(
            f"{event.id} is closed ({event.why.value}){title}",
            (ReportRef(write.shared, "issue", event.id, "closed"), EventRef(write.shared, (each.seq,), 1)),
            event.id,
        )


def _carry_over(write: _Writer) -> Iterator[Claim]:
    for each in write.fold.picture.fleet.live():
        engagement = each.engagement
        why = f": {one_line(each.reason, 120)}" if each.reason else ""
        yield _claim(
            f"{engagement.issue} is {each.stage.value} with {engagement.agent}{why}",
            (ReportRef(write.shared, "engagement", engagement.id, each.stage.value),),
            engagement.id,
        )
    for row in write.fold.picture.landing.view.rows:
        yield _claim(
            f"{one_line(row.title or row.id, 120)} is in the queue and waits for {row.waits_for or 'its turn'}",
            (ReportRef(write.own, "entry", row.id, "held" if row.place is Place.HELD else "waiting"),),
            row.id,
        )


def _risks(write: _Writer) -> Iterator[Claim]:
    found = [write.surveys[_mark(each)] for each in _landed(write) if _mark(each) in write.surveys]
    for standing in sorted(found, key=lambda each: -each.survey.risk):
        survey = standing.survey
        if survey.risk >= RISKY and standing.reviewed is None:
            why = survey.points[0].reason if survey.points else "no point says why"
            yield _claim(
                f"{survey.title} landed with risk {survey.risk} and nobody has read it: {why}",
                (CommitRef(write.own, survey.commit, is_landed=True), EventRef(write.own, (standing.seq,), 1)),
                survey.commit,
            )
    opened = {each.event.incident.id for each in write.fold.events if isinstance(each.event, IncidentOpened)}
    for incident in write.fold.picture.incidents.incidents.values():
        if incident.is_open or incident.incident.id in opened:
            state = "open" if incident.is_open else "over"
            yield _claim(
                f"{incident.incident.id} is {state}: {incident.incident.summary}",
                (ReportRef(write.own, "incident", incident.incident.id, "open" if incident.is_open else "ended"),),
                incident.incident.id,
            )
    for conflict in open_conflicts(write.fold.picture.standing):
        if conflict.severity.rank >= Severity.MAJOR.rank:
            proved = ", proved" if conflict.proof is not None and conflict.proof.outcome.is_proof else ""
            yield _claim(
                f"{conflict.conflict.id} is open{proved}: {conflict.conflict.summary}",
                (ReportRef(write.own, "conflict", conflict.conflict.id, "open"),),
                conflict.conflict.id,
            )


# -- what to look out for --------------------------------------------------------------------------------------------


def _flags(write: _Writer) -> Iterator[Claim]:
    if write.span.left_out:
        text = f"the logs of {count_of(write.span.left_out, 'day')} before this one were never written: too long ago"
        yield _claim(text, (), "left-out", write.span.day)
    yield from _decided(write)
    for landed in _landed(write):
        standing = write.surveys.get(_mark(landed))
        if standing is not None and standing.survey.could_not and not standing.survey.points:
            text = f"{standing.survey.title} could not be looked at wholly: {standing.survey.could_not[0]}"
            yield _claim(text, (EventRef(write.own, (standing.seq,), 1),), landed.entry.id)
    for each in write.fold.events:
        told = _flag_of(write, each)
        if told is not None:
            yield told


def _flag_of(write: _Writer, recorded: Recorded) -> Claim | None:
    event, seqs = recorded.event, (recorded.seq,)
    match event:
        case ChangeFoundWrong():
            text = f"{event.commit[:10]} turned out to be wrong ({event.how.value}): {event.what}"
            return _claim(text, (CommitRef(write.own, event.commit), EventRef(write.own, seqs, 1)), event.commit)
        case QueueHalted():
            return _claim(f"landing was halted: {event.reason}", (EventRef(write.own, seqs, 1),), str(recorded.seq))
        case EntryBounced():
            text = f"{event.id} went back: {event.reason}"
            return _claim(text, (EventRef(write.own, seqs, 1),), event.id)
        case EngagementMoved() if event.stage in (Stage.FAILED, Stage.NEEDS_PERSON):
            said = "failed" if event.stage is Stage.FAILED else "needs a person"
            text = f"{event.id} {said}: {event.reason or (event.fault.value if event.fault else 'without a reason')}"
            return _claim(text, (EventRef(write.shared, seqs, 1),), event.id)
        case DatabaseUnseen() if not event.is_partial:
            text = f"the database {event.database} was not seen: {event.reason}"
            return _claim(text, (EventRef(write.own, seqs, 1),), str(recorded.seq))
        case _:
            return None


def _decided(write: _Writer) -> Iterator[Claim]:
    """Decisions of what landed in the day, or that an agent told of in it, that nobody asked for or has judged."""
    commits = {each.survey.commit for each in (write.surveys.get(_mark(one)) for one in _landed(write)) if each}
    for standing in write.fold.picture.review.decisions.values():
        decision = standing.decision
        is_today = (
            decision.commit in commits
            if decision.commit is not None
            else write.span.begin <= standing.at < write.span.end
        )
        is_judged = standing.judged_at is not None and standing.judged_at < write.span.end
        if is_today and not is_judged and not decision.asked_for:
            yield _claim(
                f"decided without being asked: {decision.title}",
                (ReportRef(write.own, "decision", decision.id, "open"), EventRef(write.own, (standing.seq,), 1)),
                decision.id,
            )


def _next(write: _Writer) -> Iterator[Claim]:
    """What stands first tomorrow: what halts all, what waits for a person, then the most urgent issues."""
    picture = write.fold.picture
    if picture.landing.view.halted:
        text = f"let landing go on: {picture.landing.view.halted}"
        yield _claim(text, (ReportRef(write.own, "queue", "queue", "halted"),), "queue")
    for row in picture.landing.view.rows:
        if row.place is Place.HELD:
            yield _claim(
                f"decide about {one_line(row.title or row.id, 100)}: {row.waits_for}",
                (ReportRef(write.own, "entry", row.id, "held"),),
                row.id,
            )
    claimed = {each.engagement.issue for each in picture.fleet.live()}
    issues = [each for each in picture.fleet.open_issues() if each.issue.id not in claimed]
    for standing in sorted(issues, key=lambda each: (each.issue.priority, each.issue.filed_at)):
        yield _claim(
            f"{standing.issue.id}: {one_line(standing.issue.title, 160)}",
            (ReportRef(write.shared, "issue", standing.issue.id, "open"),),
            standing.issue.id,
        )


def _why_empty(write: _Writer) -> str:
    """Why nothing shipped, in a clause, by what the record has of the day."""
    picture, events = write.fold.picture, write.fold.events
    if not events:
        return "nothing was recorded on this day: neither its watch nor an agent ran"
    said = []
    if picture.landing.view.halted:
        said.append(f"landing was halted: {one_line(picture.landing.view.halted, 160)}")
    begun = sum(1 for each in events if isinstance(each.event, EngagementSealed))
    live = sum(1 for _ in picture.fleet.live())
    if begun or live:
        said.append(f"{count_of(begun, 'engagement')} begun, {live} still at work when the day ended")
    bounced = [each.event.id for each in events if isinstance(each.event, EntryBounced)]
    if bounced:
        said.append(f"{count_of(len(bounced), 'change')} went back: {list_names(bounced)}")
    held = sum(1 for row in picture.landing.view.rows if row.place is Place.HELD)
    if held:
        said.append(f"{count_of(held, 'change')} held for a person")
    idle = picture.fleet.dispatched.get(None)
    if idle is not None and idle.choice is Choice.IDLE:
        said.append(f"nothing was started: {one_line(idle.why, 160)}")
    if not said and not any(True for _ in picture.fleet.open_issues()):
        said.append("there was no open issue, and nobody handed a change in")
    watched = any(isinstance(each.event, WatchStarted) for each in events)
    probed = sum(1 for each in events if isinstance(each.event, ConflictProbed))
    if not said:
        said.append(
            f"no change was handed in ({count_of(len(events), 'event')} recorded"
            f"{', the watch was started' if watched else ''}{f', {probed} merges run' if probed else ''})"
        )
    return "; ".join(said)


# -- words -----------------------------------------------------------------------------------------------------------


def _headline(
    shipped: Sequence[Claim], completed: Sequence[Claim], carried: Sequence[Claim], risks: Sequence[Claim]
) -> str:
    said = [f"{count_of(len(shipped), 'change')} shipped", f"{count_of(len(completed), 'issue')} completed"]
    said += [f"{len(carried)} carried over"] if carried else []
    return f"{', '.join(said)}; {count_of(len(risks), 'risk')}"


def _landed(write: _Writer) -> tuple[LandedEntry, ...]:
    span = write.span
    return tuple(each for each in write.fold.picture.landing.landed if span.begin <= each.at < span.end)


def _mark(landed: LandedEntry) -> str:
    return landed.entry.head if landed.past_queue else landed.entry.id


def _of_kind(write: _Writer, kind: type) -> Iterator[Recorded]:
    return (each for each in write.fold.events if isinstance(each.event, kind))


def _closed(each: tuple[WorkLog, ProjectId, Seq]) -> Claim:
    log, project, seq = each
    said = f"{log.project}: {log.headline}" if not log.empty else f"{log.project} shipped nothing: {log.empty}"
    return _claim(said, (EventRef(project, (seq,), 1),), log.project, log.day)


def _gathered(logs: Sequence[tuple[WorkLog, ProjectId, Seq]], part: str) -> tuple[Claim, ...]:
    """One part of all logs, each sentence with its project's name."""
    found = []
    for log, _, _ in logs:
        for claim in getattr(log, part):
            text = one_line(f"{log.project}: {claim.text}", _MOST_TEXT)
            found.append(Claim(claim.id, text, claim.evidence, page=claim.page))
    return _cut(found)


def _claim(text: str, evidence: tuple[Ref, ...], *about: str) -> Claim:
    said = one_line(text, _MOST_TEXT)
    digest = hashlib.sha256("\x1f".join((*about, said)).encode("utf-8", "surrogatepass")).hexdigest()
    if not evidence:
        return Claim(f"w-{digest[:12]}", said, (), Standing.UNVERIFIED, why="nothing in the record shows it")
    return Claim(f"w-{digest[:12]}", said, evidence)


def _cut(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The first of them; the last says how many more there are, and rests on what those rest on."""
    if len(claims) <= _MOST:
        return tuple(claims)
    left = claims[_MOST - 1 :]
    evidence = tuple(ref for each in left for ref in each.evidence)[:_MOST]
    return (*claims[: _MOST - 1], _claim(f"and {len(left)} more", evidence, left[0].id))
