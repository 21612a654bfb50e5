"""The real look at what claims rest on: a fresh picture of the record, its events by number, and git."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from watchkeeper.app import find_target_of
from watchkeeper.conflicts.standing import Status
from watchkeeper.controlroom.picture import Picture, ProjectPicture, Reader
from watchkeeper.landing.waiters import Place
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import EngagementId, IssueId
from watchkeeper.model.ids import ConflictId, ProjectId, Seq, Sha
from watchkeeper.model.incidents import IncidentId
from watchkeeper.model.landing import EntryId, RunEnded, Verdict
from watchkeeper.model.review import (
    CommitRef,
    DecisionId,
    EventRef,
    Ref,
    ReportRef,
    RunRef,
    WrongHow,
)
from watchkeeper.record.log import Log
from watchkeeper.review.verifying import Seen, Sight
from watchkeeper.review.words import short

_MOST_EVENTS = 4
"""So many of a claim's events are looked up: the newest, and the oldest."""
EXITS: Mapping[Verdict, int | None] = {Verdict.PASSED: 0, Verdict.FAILED: 1}
"""What a run ended with, as ``RunRef.exit`` has it; None: it says nothing."""

_HOLDS = Seen(Sight.HOLDS)


class LiveVerifier:
    """Looks once at each reference, and remembers what it saw: make a new one for each time something is shown."""

    def __init__(self, reader: Reader) -> None:
        self._log, self._picture = reader.log, reader.look()
        self._by_id: dict[ProjectId, ProjectPicture] = {}
        for project in self._picture.projects.values():
            self._by_id[project.source.shared] = self._by_id[project.source.project] = project
        self._tips: dict[ProjectId, Sha | None] = {}
        self._seen: dict[Ref, Seen] = {}

    @property
    def picture(self) -> Picture:
        """The record as this looked at it."""
        return self._picture

    def see(self, ref: Ref) -> Seen:
        """As ``Verifier``."""
        if ref not in self._seen:
            try:
                self._seen[ref] = self._see(ref)
            except WatchkeeperError as error:
                self._seen[ref] = Seen(Sight.UNSEEN, short(error.message, 140))
        return self._seen[ref]

    def _see(self, ref: Ref) -> Seen:
        match ref:
            case EventRef():
                return see_events(ref, self._log)
            case RunRef():
                return self._in_project(ref, lambda project: see_run(ref, project, self._log))
            case ReportRef():
                return self._in_project(ref, lambda project: see_report(ref, project, self._picture))
            case CommitRef():
                return self._in_project(ref, lambda project: self._commit(ref, project))
            case _:
                assert_never(ref)

    def _in_project(self, ref: RunRef | ReportRef | CommitRef, look: Callable[[ProjectPicture], Seen]) -> Seen:
        project = self._by_id.get(ref.project)
        return look(project) if project is not None else Seen(Sight.UNSEEN, "its project cannot be looked at")

    def _commit(self, ref: CommitRef, project: ProjectPicture) -> Seen:
        repository = project.source.place.repository
        short_name = ref.commit[:10]
        if repository.find_commit(ref.commit) is None:
            return Seen(Sight.UNSEEN, f"the commit {short_name} is not in the repository any more")
        if not ref.is_landed:
            return _HOLDS
        tip = self._tip(project)
        if tip is None:
            return Seen(Sight.UNSEEN, "the target branch cannot be found")
        if not repository.is_ancestor(ref.commit, tip):
            return Seen(Sight.CHANGED, f"{short_name} is not in the target branch any more")
        return see_reverted(ref, project)

    def _tip(self, project: ProjectPicture) -> Sha | None:
        key = project.source.project
        if key not in self._tips:
            target = find_target_of(project.source.place)
            self._tips[key] = target.commit if target is not None else None
        return self._tips[key]


def see_events(ref: EventRef, log: Log) -> Seen:
    """Whether the log still has them."""
    wanted = dict.fromkeys((*ref.seqs[:1], *ref.seqs[-_MOST_EVENTS:]))
    missing = [seq for seq in wanted if not _has(log, seq)]
    if not ref.seqs:
        return Seen(Sight.UNSEEN, "it names no event")
    return Seen(Sight.UNSEEN, f"event {missing[0]} is not in the log any more") if missing else _HOLDS


def see_run(ref: RunRef, project: ProjectPicture, log: Log) -> Seen:
    """Whether the log still says that this command ended so on this tree."""
    found = next(iter(log.read(project.source.project, after=Seq(ref.at - 1), limit=1)), None)
    if found is None or found.seq != ref.at:
        return Seen(Sight.UNSEEN, f"the run's event {ref.at} is not in the log any more")
    if not isinstance(found.event, RunEnded):
        return Seen(Sight.UNSEEN, f"event {ref.at} is not the end of a run")
    ended = EXITS.get(found.event.verdict)
    if ended != ref.exit:
        return Seen(Sight.CHANGED, f"the run ended otherwise: {found.event.verdict.value}")
    known = project.landing.runs.get(found.event.id)
    if ref.tree is not None and known is not None and known[0].tree != ref.tree:
        return Seen(Sight.CHANGED, f"the run was on another tree, {known[0].tree[:10]}")
    return _HOLDS


def see_reverted(ref: CommitRef, project: ProjectPicture) -> Seen:
    """Whether what landed was taken out again."""
    change = project.review.changes.get(ref.commit)
    revert = next((each for each in change.wrong if each.how is WrongHow.REVERT), None) if change is not None else None
    if revert is None:
        return _HOLDS
    return Seen(Sight.CHANGED, f"{ref.commit[:10]} was taken out again by {short(revert.by, 12) or 'a revert'}")


def see_report(ref: ReportRef, project: ProjectPicture, picture: Picture) -> Seen:
    """Whether a thing is in the state in which it is claimed to be."""
    now = find_state(ref, project, picture)
    if now is None:
        return Seen(Sight.UNSEEN, f"the record has no {ref.kind} {short(ref.id, 60)}")
    if ref.state and now.partition(":")[0] != ref.state:
        return Seen(Sight.CHANGED, f"{ref.kind} {short(ref.id, 60)} is {now.replace(':', ', ')}")
    return _HOLDS


def find_state(ref: ReportRef, project: ProjectPicture, picture: Picture) -> str | None:
    """The state of a thing now, ``closed:landed`` where there is more to say; None where the record has none."""
    match ref.kind:
        case "conflict":
            return _conflict(project, ConflictId(ref.id))
        case "incident":
            known = project.incidents.incidents.get(IncidentId(ref.id))
            return None if known is None else "open" if known.ended is None else f"over:{known.ended.value}"
        case "entry":
            return find_entry_state(project, EntryId(ref.id))
        case "issue":
            issue = project.fleet.issues.get(IssueId(ref.id))
            why = f":{issue.why.value}" if issue is not None and issue.why is not None else ""
            return f"{issue.state.value}{why}" if issue is not None else None
        case "engagement":
            engagement = project.fleet.engagements.get(EngagementId(ref.id))
            return engagement.stage.value if engagement is not None else None
        case "decision":
            decision = project.review.decisions.get(DecisionId(ref.id))
            if decision is None:
                return None
            return decision.judged.verdict.value if decision.judged is not None else "open"
        case "queue":
            return queue_state(project)
        case "database":
            database = project.incidents.databases.get(ref.id)
            return None if database is None else "seen" if not database.reason else "unseen"
        case "channel":
            channel = picture.attention.channels.get(ref.id)
            return None if channel is None else "dead" if channel.is_dead else "back"
        case "change":
            change = project.review.changes.get(Sha(ref.id))
            return None if change is None else "read" if change.reviewed is not None else "unread"
        case _:
            return None


def find_entry_state(project: ProjectPicture, entry: EntryId) -> str | None:
    """``waiting``, ``held``, ``landed``, ``returned``, or ``gone``: withdrawn, or replaced by a newer revision."""
    landing = project.landing
    if entry not in landing.entries:
        return None
    row = next((each for each in landing.view.rows if each.id == entry), None)
    if row is not None:
        return "held" if row.place is Place.HELD else "waiting"
    if any(each.entry.id == entry for each in landing.landed):
        return "landed"
    return "returned" if any(each.id == entry for each, _, _ in landing.returned) else "gone"


def queue_state(project: ProjectPicture) -> str:
    """``open``, ``red``, ``broken`` (lanes), or ``halted`` and why."""
    landing = project.landing
    if landing.red is not None:
        return "broken" if landing.red.others_land else "red"
    return f"halted:{landing.halt.value}" if landing.halt is not None else "open"


def _conflict(project: ProjectPicture, identity: ConflictId) -> str | None:
    state = project.standing.conflicts.get(identity)
    if state is None:
        return None
    if state.status is Status.CLOSED:
        return f"closed:{state.closed.value}" if state.closed is not None else "closed"
    return state.status.value


def _has(log: Log, seq: Seq) -> bool:
    found = next(iter(log.read(None, after=Seq(seq - 1), limit=1)), None)
    return found is not None and found.seq == seq
