"""What people do, from whichever surface: each act is judged, performed through the part that owns it, and audited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

from watchkeeper.conflicts.standing import Status
from watchkeeper.controlroom.picture import Picture, ProjectPicture, Reader
from watchkeeper.landing.entering import bounce, find_entry, halt, hold, hold_above, jump, release, resume, withdraw
from watchkeeper.landing.queue import Queue
from watchkeeper.model.attention import MatterAcknowledged, MatterSnoozed, PersonActed
from watchkeeper.model.errors import UsageError
from watchkeeper.model.events import ConflictDismissed, Event
from watchkeeper.model.fleet import DispatchOverruled, IssueId
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import ConflictId, Millis, Sha
from watchkeeper.model.landing import EntryId, LandingEvent
from watchkeeper.model.review import (
    ChangeFoundWrong,
    ChangeReviewed,
    DecisionId,
    DecisionJudged,
    DecisionVerdict,
    WrongHow,
)
from watchkeeper.queueing import find_above, open_book


class Role(StrEnum):
    VIEWER = "viewer"  # sees everything, changes nothing
    OPERATOR = "operator"


class Person(NamedTuple):
    """Who acts, as the surface knows him, and through which: ``web``, ``api``, ``discord``."""

    who: str
    role: Role
    via: str


class Done(NamedTuple):
    """One sentence of what was done, or that nothing was to do (``changed`` False)."""

    sentence: str
    changed: bool = True


class NotAllowedError(UsageError):
    """He may look, and not act. It is recorded that he tried."""


class Actions:
    """Thread-safe. Each raises NotAllowedError for a viewer, UsageError for what is not there, WatchkeeperError."""

    def __init__(self, reader: Reader, clock: Callable[[], Millis]) -> None:
        self._reader, self._clock = reader, clock

    # -- the queue ---------------------------------------------------------------------------------------------------

    def hold_entry(self, person: Person, project: str, name: str, reason: str) -> Done:
        """An entry waits until somebody releases it; what has its commits in it waits too."""
        self._judge(person, "hold", f"{project} {name}")
        place = self._project(project).source.place
        with open_book(place) as book:
            entry = find_entry(book.queue, name)
            below = book.queue.entries[entry].entry
            above = find_above(place, below)
            why = f"which waits for a person: {reason}"
            events = book.tell_if(
                lambda queue: (
                    *hold(queue, entry, reason, person.who),
                    *hold_above(queue, below, above, why, person.who),
                )
            )
        return self._done(bool(events), f"{entry} waits for a person", f"{entry} waits already")

    def release_entry(self, person: Person, project: str, name: str) -> Done:
        """It goes on."""
        return self._queue(
            person, "release", project, name, decide=lambda queue, e: release(queue, e, person.who), became="goes on"
        )

    def withdraw_entry(self, person: Person, project: str, name: str, reason: str) -> Done:
        """It leaves the queue for good; its commit stays on its branch."""
        return self._queue(
            person,
            "withdraw",
            project,
            name,
            decide=lambda queue, e: withdraw(queue, e, reason),
            became="left the queue",
        )

    def bounce_entry(self, person: Person, project: str, name: str, reason: str) -> Done:
        """It goes back to who made it."""
        return self._queue(
            person, "bounce", project, name, decide=lambda queue, e: bounce(queue, e, reason), became="went back"
        )

    def jump_entry(self, person: Person, project: str, name: str) -> Done:
        """It goes before all others; what is run for others without it begins anew."""
        return self._queue(
            person,
            "jump",
            project,
            name,
            decide=lambda queue, e: jump(queue, e, person.who),
            became="goes before all others",
        )

    def halt_queue(self, person: Person, project: str, reason: str) -> Done:
        """Nothing lands until somebody lets it go on."""
        self._judge(person, "halt", project)
        with open_book(self._project(project).source.place) as book:
            events = book.tell_if(lambda queue: halt(queue, reason))
        return self._done(bool(events), f"nothing lands in {project}", "nothing landed already")

    def resume_queue(self, person: Person, project: str) -> Done:
        """Landing goes on."""
        self._judge(person, "resume", project)
        with open_book(self._project(project).source.place) as book:
            events = book.tell_if(lambda queue: resume(queue, person.who))
        return self._done(bool(events), f"landing goes on in {project}", "landing went on already")

    # -- conflicts, issues -------------------------------------------------------------------------------------------

    def dismiss_conflict(self, person: Person, project: str, conflict: ConflictId, reason: str) -> Done:
        """It does not matter as it stands; it comes back by itself when it gets worse."""
        self._judge(person, "dismiss", f"{project} {conflict}")
        found = self._project(project)
        state = found.standing.conflicts.get(conflict)
        if state is None:
            raise _not_there("conflict", conflict, project)
        if state.status is not Status.OPEN:
            return Done(f"{conflict} is {state.status.value} already", changed=False)
        severity = max(state.severity, state.conflict.severity, key=lambda each: each.rank)
        self._record(
            found, ConflictDismissed(conflict, severity, state.conflict.weight, person.who, reason), shared=False
        )
        return Done(f"{conflict} is dismissed until it gets worse than {severity.value}")

    def overrule_issue(self, person: Person, project: str, issue: IssueId) -> Done:
        """It may go on although it was ordered behind others, or tried too often."""
        self._judge(person, "overrule", issue)
        found = self._project(project)
        known = found.fleet.issues.get(issue)
        if known is None:
            raise _not_there("issue", issue, project)
        if known.is_overruled or found.fleet.claims(issue) is not None:
            return Done(f"{issue} may go on already", changed=False)
        self._record(found, DispatchOverruled(issue, person.who), shared=True)
        return Done(f"{issue} may go on")

    # -- what people know --------------------------------------------------------------------------------------------

    def acknowledge(self, person: Person, fingerprint: str, weight: int) -> Done:
        """He knows of a matter: it is not told again until it weighs more."""
        self._judge(person, "ack", fingerprint[:8])
        self._reader.log.append(FLEET, [MatterAcknowledged(fingerprint, weight, person.who)], self._clock())
        return Done("acknowledged until it gets worse")

    def snooze(self, person: Person, fingerprint: str, weight: int, until: Millis) -> Done:
        """He wants to hear of it at ``until``, or when it gets worse."""
        self._judge(person, "snooze", fingerprint[:8])
        self._reader.log.append(FLEET, [MatterSnoozed(fingerprint, until, weight, person.who)], self._clock())
        return Done("put off")

    def review_change(self, person: Person, project: str, commit: Sha, note: str = "") -> Done:
        """He has read a landed change."""
        self._judge(person, "review", commit[:12])
        found = self._surveyed(project, commit)
        self._record(found, ChangeReviewed(commit, person.who, note), shared=False)
        return Done(f"{commit[:10]} is read")

    def find_wrong(self, person: Person, project: str, commit: Sha, what: str) -> Done:
        """A landed change is wrong: that scores the points of its risk."""
        self._judge(person, "wrong", commit[:12])
        found = self._surveyed(project, commit)
        self._record(found, ChangeFoundWrong(commit, WrongHow.PERSON, what, person.who), shared=False)
        return Done(f"{commit[:10]} is wrong")

    def accept_decision(self, person: Person, project: str, decision: DecisionId, reason: str = "") -> Done:
        """A decision stands."""
        self._judge(person, "accept", decision)
        found = self._project(project)
        if decision not in found.review.decisions:
            raise _not_there("decision", decision, project)
        verdict = DecisionJudged(decision, DecisionVerdict.ACCEPTED, person.who, reason)
        self._record(found, verdict, shared=False)
        return Done(f"{decision} is accepted")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _queue(
        self,
        person: Person,
        what: str,
        project: str,
        name: str,
        *,
        decide: Callable[[Queue, EntryId], Sequence[LandingEvent]],
        became: str,
    ) -> Done:
        self._judge(person, what, f"{project} {name}")
        with open_book(self._project(project).source.place) as book:
            entry = find_entry(book.queue, name)
            events = book.tell_if(lambda queue: decide(queue, entry))
        return self._done(bool(events), f"{entry} {became}", f"nothing was to do for {entry}")

    def _judge(self, person: Person, what: str, on: str) -> None:
        """Audit the act, and refuse it to who may only look."""
        allowed = person.role is Role.OPERATOR
        acted = PersonActed(what, on[:200], person.who, person.via, person.role.value, allowed)
        self._reader.log.append(FLEET, [acted], self._clock())
        if not allowed:
            raise NotAllowedError(
                f"{person.who} may look, and not {what}",
                slug="not-allowed",
                hint="ask somebody who is an operator",
                facts={"who": person.who, "action": what},
            )

    def _project(self, name: str) -> ProjectPicture:
        picture: Picture = self._reader.look()
        found = picture.projects.get(name)
        if found is None:
            raise _not_there("project", name, "this fleet")
        return found

    def _surveyed(self, project: str, commit: Sha) -> ProjectPicture:
        found = self._project(project)
        if commit not in found.review.changes:
            raise _not_there("landed change", commit[:12], project)
        return found

    def _record(self, found: ProjectPicture, event: Event, *, shared: bool) -> None:
        project = found.source.shared if shared else found.source.project
        self._reader.log.append(project, [event], self._clock())

    @staticmethod
    def _done(changed: bool, became: str, already: str) -> Done:
        return Done(became if changed else already, changed)


def _not_there(what: str, name: str, where: str) -> UsageError:
    return UsageError(
        f"There is no {what} {name!r} in {where}",
        slug="not-there",
        hint="reload the page: it may be gone since it was shown",
        facts={"what": what, "name": name},
    )
