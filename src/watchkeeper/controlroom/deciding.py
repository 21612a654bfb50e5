"""What people do about decisions that nobody made but an agent: ask about them, or take them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from watchkeeper.app import now
from watchkeeper.controlroom.judging import Done, Judge, Person, not_there
from watchkeeper.controlroom.picture import ProjectPicture, Reader
from watchkeeper.model.errors import UsageError
from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.model.landing import EntryId, RevertPrepared
from watchkeeper.model.review import (
    Decision,
    DecisionId,
    DecisionJudged,
    DecisionVerdict,
)
from watchkeeper.repos.messages import one_line

if TYPE_CHECKING:
    from watchkeeper.controlroom.landings import LandedEntry
    from watchkeeper.queueing import Landing

_LABEL = "decision"


class Deciding:
    """Thread-safe. Each raises NotAllowedError for a viewer, UsageError for what is not there, WatchkeeperError."""

    def __init__(self, reader: Reader, clock: Callable[[], Millis] = now) -> None:
        self._reader, self._clock, self._judge = reader, clock, Judge(reader, clock)

    def question(self, person: Person, project: str, decision: DecisionId, reason: str) -> Done:
        """A decision becomes an issue: to say why it stands, or to undo it. Questioned twice it stays one issue."""
        self._judge.judge(person, "question", decision)
        if not reason.strip():
            raise UsageError(
                f"{decision} is questioned without a reason, so nobody would know what to answer",
                slug="decision-reason",
                hint=f'watchkeeper decisions --question {decision} --reason "..."',
            )
        found, subject, before = self._find(project, decision)
        if before is not None and before.verdict is DecisionVerdict.QUESTIONED:
            return Done(f"{decision} is questioned already: {before.issue}", changed=False)
        issue = _file_question(found, subject, person.who, reason)
        verdict = DecisionJudged(decision, DecisionVerdict.QUESTIONED, person.who, reason, issue=issue)
        self._record(found, verdict)
        return Done(f"{decision} became {issue}")

    def revert(self, person: Person, project: str, decision: DecisionId, reason: str = "") -> Done:
        """The change that holds a decision is taken out again, through the queue, as any other change."""
        self._judge.judge(person, "revert", decision)
        found, subject, _ = self._find(project, decision)
        if subject.commit is None:
            raise UsageError(
                f"{decision} is not bound to a landed change: there is nothing to take out",
                slug="nothing-to-revert",
                hint=f'watchkeeper decisions --question {decision} --reason "..."',
            )
        entry = self._revert(found, subject.commit)
        verdict = DecisionJudged(decision, DecisionVerdict.REVERTED, person.who, reason, entry=entry)
        self._record(found, verdict)
        return Done(f"{decision} is reverted by {entry}, which is in the queue")

    def revert_change(self, person: Person, project: str, commit: Sha) -> Done:
        """A landed change is taken out again, through the queue."""
        self._judge.judge(person, "revert", commit[:12])
        entry = self._revert(self._judge.project(project), commit)
        return Done(f"{commit[:10]} is reverted by {entry}, which is in the queue")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _revert(self, found: ProjectPicture, commit: Sha) -> EntryId:
        from watchkeeper.queueing import open_landing

        landed = find_landing(found, commit)
        with open_landing(found.source.place) as landing:
            return submit_revert_of(landing, landed)

    def _find(self, project: str, decision: DecisionId) -> tuple[ProjectPicture, Decision, DecisionJudged | None]:
        found = self._judge.project(project)
        standing = found.review.decisions.get(decision)
        if standing is None:
            raise not_there("decision", decision, project)
        return found, standing.decision, standing.judged

    def _record(self, found: ProjectPicture, verdict: DecisionJudged) -> None:
        self._reader.log.append(found.source.project, [verdict], self._clock())


def find_landing(found: ProjectPicture, commit: Sha) -> LandedEntry:
    """The landing that a surveyed change came with. Raises UsageError (``nothing-to-revert``) where there is none."""
    known = found.review.changes.get(commit)
    for landed in reversed(found.landing.landed):
        entry = landed.entry
        if known is not None and (known.survey.entry or known.survey.commit) in (entry.id, entry.head):
            return landed
    raise UsageError(
        f"{commit[:10]} did not land here as far as the record knows, so it cannot be taken out",
        slug="nothing-to-revert",
        hint=f"git revert {commit[:10]}",
        facts={"commit": commit},
    )


def submit_revert_of(landing: Landing, landed: LandedEntry) -> EntryId:
    """Prepare what takes a landing out again, and queue it before all others. Raises UsageError where git cannot."""
    from watchkeeper.landing.submitting import Finished
    from watchkeeper.model.landing_ports import NotMoved

    entry, tip = landed.entry, landing.workshop.tip()
    if tip is None or landed.old is None:
        raise _no_revert(entry.id, "the target branch is gone" if tip is None else "nothing is known of what was below")
    made = landing.workshop.revert(tip.commit, entry, landed.old, landed.commit)
    if isinstance(made, NotMoved):
        raise _no_revert(entry.id, made.reason)
    prepared = RevertPrepared(entry.id, tip.commit, made)
    landing.book.tell_if(lambda _queue: (prepared,))
    change = ChangeId(f"revert-{entry.id.rpartition('/')[0]}")
    finished = Finished(change, made, title=f'Revert "{one_line(entry.title or entry.change, 80)}"', priority=1)
    identity, _ = landing.desk.submit(finished, tip.commit)
    return identity


def _file_question(found: ProjectPicture, decision: Decision, by: str, reason: str) -> IssueId:
    from watchkeeper.forge.port import Draft
    from watchkeeper.tracking import open_tracking

    said = [
        reason.strip(),
        "",
        f"Settle a decision that an agent made ({decision.id}, {decision.kind.value}): say why it stands, or undo it.",
        "",
        f"> {decision.title}",
        "",
    ]
    said += [f"Chosen: {decision.choice}"] if decision.choice else []
    said += [f"In: `{decision.path}:{decision.line}`"] if decision.path else []
    said += [f"Landed with: {decision.commit}"] if decision.commit else []
    said += [f"Made for: {decision.issue}"] if decision.issue else []
    title = one_line(f"Look again at: {decision.title}", 200)
    draft = Draft(title=title, body="\n".join(said), labels=(_LABEL,), source=f"decision:{decision.id}")
    with open_tracking(found.source.place, by) as tracking:
        return tracking.issues.file(draft)


def _no_revert(entry: EntryId, reason: str) -> UsageError:
    return UsageError(
        f"{entry} cannot be taken out by git alone: {reason}",
        slug="no-revert",
        hint="write the revert by hand, and hand it in: watchkeeper land BRANCH",
        facts={"entry": entry},
    )
