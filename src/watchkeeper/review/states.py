"""An engagement on two axes: what it does (activity), and whether its work goes together with others' (safety). Pure.

One never stands for the other: an engagement at work may conflict, and a finished one be clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from watchkeeper.conflicts.standing import ConflictState, Status
from watchkeeper.controlroom.picture import ProjectPicture
from watchkeeper.landing.waiters import Place
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.fleet import Fault, Stage
from watchkeeper.model.fleet_state import EngagementStanding, IssueStanding
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.review.words import lasted, names, short


class Activity(StrEnum):
    QUEUED = "queued"
    WORKING = "working"
    WAITING = "waiting"
    STUCK = "stuck"
    DONE = "done"
    FAILED = "failed"


class Safety(StrEnum):
    CLEAR = "clear"
    AT_RISK = "at risk"  # something is suspected
    CONFLICTING = "conflicting"  # proved, or it blocks whoever lands second
    BLOCKED = "blocked"  # its change is held, came back, or the target branch is red
    UNKNOWN = "unknown"  # nobody looks: never clear


Value = TypeVar("Value", Activity, Safety)


class Facet(NamedTuple, Generic[Value]):
    """Where something stands on one axis: since when, why (a clause), and what happens or has to be done next."""

    value: Value
    since: Millis
    why: str
    next: str


_WORKING = frozenset({Stage.PREPARING, Stage.RUNNING, Stage.CHECKING})
_LONG_WAIT_MS = 2 * 3_600_000


def activity_of(each: EngagementStanding, now: Millis) -> Facet[Activity]:
    """What it does. Total: each stage has one answer."""
    reason = short(each.reason, 140)
    match each.stage:
        case Stage.QUEUED:
            return Facet(
                Activity.QUEUED, each.since, reason or "it was sealed, and no slot is free", "it starts by itself"
            )
        case Stage.PREPARING | Stage.RUNNING | Stage.CHECKING if each.spoken or (each.restarts and each.nudges):
            pushed = f"pushed {each.nudges} times" if each.nudges > 1 else "pushed once"
            next_step = "it is started again by itself, then given up"
            return Facet(Activity.STUCK, each.since, reason or f"nothing was seen of its agent; {pushed}", next_step)
        case Stage.PREPARING:
            return Facet(Activity.WORKING, each.since, reason or "its worktree is made", "its agent starts")
        case Stage.RUNNING:
            return Facet(Activity.WORKING, each.since, reason or "its agent is at work", "its effect is checked")
        case Stage.CHECKING:
            return Facet(Activity.WORKING, each.since, reason or "its tests are run", "its change is queued")
        case Stage.WAITING:
            is_long = now - each.since > _LONG_WAIT_MS
            value = Activity.STUCK if is_long and not each.reason else Activity.WAITING
            return Facet(value, each.since, reason or "it does not say for what", f"waited {lasted(now - each.since)}")
        case Stage.DONE if empty := empty_reason(each):
            return Facet(Activity.FAILED, each.since, empty, "look at its log, and let it be tried again")
        case Stage.DONE:
            return Facet(Activity.DONE, each.since, _done_words(each), "its change goes through the queue")
        case Stage.FAILED | Stage.INTERRUPTED:
            fault = each.fault.value if each.fault is not None else each.stage.value
            return Facet(Activity.FAILED, each.since, reason or fault, "it is tried again, or needs a person")
        case Stage.NEEDS_PERSON:
            return Facet(Activity.WAITING, each.since, reason or "its agent needs a person", "answer it")


def empty_reason(each: EngagementStanding) -> str:
    """What a run that says it succeeded lacks, or that it wrote nothing; ``""`` where it had an effect or a reason."""
    if each.fault is Fault.NO_EFFECT:
        return "wrote nothing, and gave no reason why nothing is to do"
    if each.stage is not Stage.DONE:
        return ""
    effect = each.effect
    if effect is None:
        return "wrote nothing: it is done, and nothing says what it did"
    if effect.change is None:
        return "" if effect.reason.strip() else "wrote nothing, and gave no reason why nothing is to do"
    return "" if effect.files or effect.tests else "wrote nothing: its change has no file in it"


def last_try(project: ProjectPicture, issue: IssueStanding) -> EngagementStanding | None:
    """The newest engagement of an issue; None where nobody tried."""
    known = [project.fleet.engagements[each] for each in issue.attempts if each in project.fleet.engagements]
    return known[-1] if known else None


def safety_of(each: EngagementStanding, project: ProjectPicture) -> Facet[Safety]:
    """Whether its work goes together with others', as far as anybody looked. The worst that is known counts."""
    changes = _changes_of(each, project)
    blocked = _find_block(changes, project)
    if blocked is not None:
        return blocked
    open_ones = sorted(
        (state for state in project.standing.conflicts.values() if _concerns(state, changes)),
        key=lambda state: (-state.severity.rank, state.opened_at),
    )
    for state in open_ones:
        proved = state.proof is not None and state.proof.outcome.is_proof
        if proved or state.severity is Severity.BLOCKING:
            how = "proved" if proved else "not run yet"
            why = f"{how}: {short(state.conflict.summary, 140)}"
            return Facet(Safety.CONFLICTING, state.opened_at, why, short(state.conflict.next_step, 140))
    if open_ones:
        first = open_ones[0]
        more = f" and {len(open_ones) - 1} more" if len(open_ones) > 1 else ""
        why = f"{short(first.conflict.summary, 120)}{more}"
        return Facet(Safety.AT_RISK, first.opened_at, why, short(first.conflict.next_step, 140))
    watching = project.watching
    if not each.is_over and (watching is None or not watching.is_on):
        since = watching.since if watching is not None else each.began
        return Facet(Safety.UNKNOWN, since, "nobody watches this project", "watchkeeper up")
    return Facet(Safety.CLEAR, each.since, "no open conflict with anybody", "nothing")


def _find_block(changes: frozenset[ChangeId], project: ProjectPicture) -> Facet[Safety] | None:
    landing = project.landing
    for row in landing.view.rows:
        if row.place is Place.HELD and ChangeId(row.id.rpartition("/")[0]) in changes:
            return Facet(Safety.BLOCKED, row.since, short(row.waits_for, 140), f"watchkeeper release {row.id}")
    for bounced, at, _ in landing.returned:
        if ChangeId(bounced.id.rpartition("/")[0]) in changes:
            return Facet(
                Safety.BLOCKED, at, f"it came back: {short(bounced.reason, 120)}", "mend it, and land it again"
            )
    waits = any(ChangeId(row.id.rpartition("/")[0]) in changes for row in landing.view.rows)
    if waits and landing.halt is not None:
        why = landing.red.reason if landing.red is not None else landing.view.halted
        by = f" by {names(landing.red.entries)}" if landing.red is not None and landing.red.entries else ""
        return Facet(
            Safety.BLOCKED, landing.view.halted_since, f"nothing lands{by}: {short(why, 110)}", "watchkeeper queue"
        )
    return None


def _changes_of(each: EngagementStanding, project: ProjectPicture) -> frozenset[ChangeId]:
    """By what watch and queue know its work: its branch, and the changes in its worktree."""
    own = {ChangeId(each.engagement.branch)} if each.engagement.branch else set[ChangeId]()
    own |= set(_by_branch(each, project))
    return frozenset(own)


def _by_branch(each: EngagementStanding, project: ProjectPicture) -> Iterator[ChangeId]:
    for change in project.standing.changes.values():
        if each.engagement.branch and change.branch == each.engagement.branch:
            yield change.id
    for session in project.standing.sessions.values():
        if session.session.issue and session.session.issue == each.engagement.id and session.session.change:
            yield session.session.change


def _concerns(state: ConflictState, changes: frozenset[ChangeId]) -> bool:
    is_open = state.status is Status.OPEN and state.severity is not Severity.INFO
    return is_open and not changes.isdisjoint(state.conflict.changes)


def _done_words(each: EngagementStanding) -> str:
    effect = each.effect
    if effect is None or effect.change is None:
        return f"nothing to do: {short(effect.reason, 120)}" if effect is not None else ""
    return f"{effect.change[:10]}, {effect.files} files; {short(effect.tests, 80) or 'no tests were run'}"
