"""What people do, from whichever surface: each act is judged, performed through the part that owns it, and audited."""

from __future__ import annotations

from collections.abc import Callable

from watchkeeper.app import Place
from watchkeeper.conflicts.standing import Status
from watchkeeper.controlroom.judging import Done, Judge, Person, not_there
from watchkeeper.controlroom.picture import ProjectPicture, Reader
from watchkeeper.landing.entering import halt, resume
from watchkeeper.model.attention import MatterAcknowledged, MatterSnoozed
from watchkeeper.model.events import ConflictDismissed, Event
from watchkeeper.model.fleet import DispatchOverruled, IssueId
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ConflictId, Millis, Sha
from watchkeeper.model.review import (
    ChangeFoundWrong,
    ChangeReviewed,
    DecisionId,
    DecisionJudged,
    DecisionVerdict,
    WrongHow,
)
from watchkeeper.queueacts import Acted, bounce_entry, hold_entry, jump_entry, release_entry, withdraw_entry
from watchkeeper.queueing import open_book


class Actions:
    """Thread-safe. Each raises NotAllowedError for a viewer, UsageError for what is not there, WatchkeeperError."""

    def __init__(self, reader: Reader, clock: Callable[[], Millis]) -> None:
        self._reader, self._clock, self._judge = reader, clock, Judge(reader, clock)

    # -- the queue ---------------------------------------------------------------------------------------------------

    def hold_entry(self, person: Person, project: str, name: str, reason: str) -> Done:
        """An entry waits until somebody releases it; what has its commits in it waits too."""
        self._judge.judge(person, "hold", f"{project} {name}")
        acted = hold_entry(self._place(project), name, reason, person.who)
        return _done(acted, "waits for a person", "waits already")

    def release_entry(self, person: Person, project: str, name: str) -> Done:
        """It goes on, and with it what waited only because of it."""
        self._judge.judge(person, "release", f"{project} {name}")
        return _done(release_entry(self._place(project), name, person.who), "goes on", "was not held")

    def withdraw_entry(self, person: Person, project: str, name: str, reason: str) -> Done:
        """It leaves the queue for good; its commit stays on its branch."""
        self._judge.judge(person, "withdraw", f"{project} {name}")
        return _done(withdraw_entry(self._place(project), name, reason), "left the queue", "had left the queue")

    def bounce_entry(self, person: Person, project: str, name: str, reason: str) -> Done:
        """It goes back to who made it; what has its commits in it waits for a person."""
        self._judge.judge(person, "bounce", f"{project} {name}")
        return _done(bounce_entry(self._place(project), name, reason, person.who), "went back", "had gone back")

    def jump_entry(self, person: Person, project: str, name: str) -> Done:
        """It goes before all others; what is run for others without it begins anew."""
        self._judge.judge(person, "jump", f"{project} {name}")
        return _done(jump_entry(self._place(project), name, person.who), "goes before all others", "goes first already")

    def halt_queue(self, person: Person, project: str, reason: str) -> Done:
        """Nothing lands until somebody lets it go on."""
        self._judge.judge(person, "halt", project)
        with open_book(self._place(project)) as book:
            events = book.tell_if(lambda queue: halt(queue, reason))
        return Done(f"nothing lands in {project}" if events else "nothing landed already", bool(events))

    def resume_queue(self, person: Person, project: str) -> Done:
        """Landing goes on."""
        self._judge.judge(person, "resume", project)
        with open_book(self._place(project)) as book:
            events = book.tell_if(lambda queue: resume(queue, person.who))
        return Done(f"landing goes on in {project}" if events else "landing went on already", bool(events))

    # -- conflicts, issues -------------------------------------------------------------------------------------------

    def dismiss_conflict(self, person: Person, project: str, conflict: ConflictId, reason: str) -> Done:
        """It does not matter as it stands; it comes back by itself when it gets worse."""
        self._judge.judge(person, "dismiss", f"{project} {conflict}")
        found = self._judge.project(project)
        state = found.standing.conflicts.get(conflict)
        if state is None:
            raise not_there("conflict", conflict, project)
        if state.status is not Status.OPEN:
            return Done(f"{conflict} is {state.status.value} already", changed=False)
        severity = max(state.severity, state.conflict.severity, key=lambda each: each.rank)
        self._record(
            found, ConflictDismissed(conflict, severity, state.conflict.weight, person.who, reason), shared=False
        )
        return Done(f"{conflict} is dismissed until it gets worse than {severity.value}")

    def overrule_issue(self, person: Person, project: str, issue: IssueId) -> Done:
        """It may go on although it was ordered behind others, or tried too often."""
        self._judge.judge(person, "overrule", issue)
        found = self._judge.project(project)
        known = found.fleet.issues.get(issue)
        if known is None:
            raise not_there("issue", issue, project)
        if known.is_overruled or found.fleet.claims(issue) is not None:
            return Done(f"{issue} may go on already", changed=False)
        self._record(found, DispatchOverruled(issue, person.who), shared=True)
        return Done(f"{issue} may go on")

    # -- what people know --------------------------------------------------------------------------------------------

    def acknowledge(self, person: Person, fingerprint: str, weight: int) -> Done:
        """He knows of a matter: it is not told again until it weighs more."""
        self._judge.judge(person, "ack", fingerprint[:8])
        self._reader.log.append(FLEET, [MatterAcknowledged(fingerprint, weight, person.who)], self._clock())
        return Done("acknowledged until it gets worse")

    def snooze(self, person: Person, fingerprint: str, weight: int, until: Millis) -> Done:
        """He wants to hear of it at ``until``, or when it gets worse."""
        self._judge.judge(person, "snooze", fingerprint[:8])
        self._reader.log.append(FLEET, [MatterSnoozed(fingerprint, until, weight, person.who)], self._clock())
        return Done("put off")

    def review_change(self, person: Person, project: str, commit: Sha, note: str = "") -> Done:
        """He has read a landed change."""
        self._judge.judge(person, "review", commit[:12])
        found = self._surveyed(project, commit)
        self._record(found, ChangeReviewed(commit, person.who, note), shared=False)
        return Done(f"{commit[:10]} is read")

    def find_wrong(self, person: Person, project: str, commit: Sha, what: str) -> Done:
        """A landed change is wrong: that scores the points of its risk."""
        self._judge.judge(person, "wrong", commit[:12])
        found = self._surveyed(project, commit)
        self._record(found, ChangeFoundWrong(commit, WrongHow.PERSON, what, person.who), shared=False)
        return Done(f"{commit[:10]} is wrong")

    def accept_decision(self, person: Person, project: str, decision: DecisionId, reason: str = "") -> Done:
        """A decision stands."""
        self._judge.judge(person, "accept", decision)
        found = self._judge.project(project)
        if decision not in found.review.decisions:
            raise not_there("decision", decision, project)
        verdict = DecisionJudged(decision, DecisionVerdict.ACCEPTED, person.who, reason)
        self._record(found, verdict, shared=False)
        return Done(f"{decision} is accepted")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _place(self, project: str) -> Place:
        return self._judge.project(project).source.place

    def _surveyed(self, project: str, commit: Sha) -> ProjectPicture:
        found = self._judge.project(project)
        if commit not in found.review.changes:
            raise not_there("landed change", commit[:12], project)
        return found

    def _record(self, found: ProjectPicture, event: Event, *, shared: bool) -> None:
        project = found.source.shared if shared else found.source.project
        self._reader.log.append(project, [event], self._clock())


def _done(acted: Acted, became: str, already: str) -> Done:
    return Done(f"{acted.entry} {became if acted.events else already}", bool(acted.events))
