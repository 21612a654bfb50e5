"""Which issues of a project may be worked on now, and why each of the others may not. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from watchkeeper.fleet.config import FleetSection
from watchkeeper.fleet.dependencies import Dependencies
from watchkeeper.fleet.hours import Moment
from watchkeeper.fleet.triage import PREPARES_ISSUE, SPLITS_ISSUE, Route, Triage, triage
from watchkeeper.model.fleet import RESOLVES_ISSUE, Choice, Dispatch, Fault, Issue, IssueId, Stage
from watchkeeper.model.fleet_state import EngagementStanding, FleetState, IssueStanding
from watchkeeper.model.ids import Millis

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_MOST_TEXT = 200
_MOST_REST_MS = _DAY_MS
_ATOMS = {Route.READY: RESOLVES_ISSUE, Route.PREP: PREPARES_ISSUE, Route.SPLIT: SPLITS_ISSUE}
_FAILED = frozenset({Stage.FAILED, Stage.INTERRUPTED, Stage.NEEDS_PERSON})


class Candidate(NamedTuple):
    """An issue that may be started. ``step`` is its place in the cascade: ready, prep, split, no label."""

    issue: IssueStanding
    atom: str
    step: int
    attempt: int
    failures: int
    why: str
    order: int

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """The least comes first: the cascade, then priority, then age."""
        issue = self.issue.issue
        return self.step, issue.priority, issue.filed_at, self.order


class Waits(NamedTuple):
    """Why an issue is not started; ``until``: when time alone changes that."""

    decision: Dispatch
    until: Millis | None = None


class Looked(NamedTuple):
    """A project's open issues: those that may be started, the best first, and the decisions about all others."""

    candidates: tuple[Candidate, ...]
    waits: tuple[Waits, ...]


class Outlook(NamedTuple):
    """What counts beside a project's own state: all dependencies, what is configured, the time.

    ``refused`` says why an issue could not be started a moment ago.
    """

    dependencies: Dependencies
    fleet: FleetSection
    moment: Moment
    refused: Mapping[IssueId, str]


def look(state: FleetState, outlook: Outlook) -> Looked:
    """Where every open issue of a project stands."""
    candidates, waits = [], []
    for order, standing in enumerate(state.open_issues()):
        found = _stand(standing, state, outlook, order)
        reason = outlook.refused.get(standing.issue.id)
        if reason is not None and isinstance(found, Candidate):
            found = Waits(Dispatch(Choice.IDLE, f"it could not be started: {_short(reason)}", standing.issue.id))
        if isinstance(found, Candidate):
            candidates.append(found)
        else:
            waits.append(found)
    return Looked(tuple(sorted(candidates, key=lambda each: each.rank)), tuple(waits))


def _stand(standing: IssueStanding, state: FleetState, outlook: Outlook, order: int) -> Candidate | Waits:
    fleet, moment = outlook.fleet, outlook.moment
    issue = standing.issue
    if (at_work := state.claims(issue.id)) is not None:
        return Waits(_at_work(state, at_work))
    tries = [state.engagements[each] for each in standing.attempts if each in state.engagements]
    if (blocked := _waits_for(standing, outlook.dependencies)) is not None:
        return Waits(blocked)
    routed = _triage(issue, (moment.at - standing.changed_at) / _DAY_MS, fleet.stale_days)
    route = routed.route
    if route is Route.BLOCKED:
        return _hold(issue.id, f"{routed.why}, and says not by what", Choice.BLOCK)
    if not standing.is_overruled and (done := _came_of(issue.id, route, tries)) is not None:
        return done
    if route in {Route.LATER, Route.PERSON}:
        choice = Choice.IDLE if route is Route.LATER else Choice.HOLD
        return _hold(issue.id, routed.why, choice)
    atom = _ATOMS[route]
    failures = _failures(tries, atom)
    if not standing.is_overruled and (rest := _rests(issue.id, tries, failures, fleet, moment)) is not None:
        return rest
    step = 3 if routed.by_rule else list(_ATOMS).index(route)
    return Candidate(standing, atom, step, len(standing.attempts) + 1, failures, routed.why, order)


def _triage(issue: Issue, untouched_days: float, stale_days: int) -> Triage:
    """As ``triage``; a label that says ``blocked`` means nothing once all that the issue depends on is closed."""
    found = triage(issue, untouched_days, stale_days)
    if found.route is not Route.BLOCKED or not issue.depends_on:
        return found
    labels = tuple(
        each for each in issue.labels if triage(Issue(issue.id, "", labels=(each,))).route is not found.route
    )
    return triage(msgspec.structs.replace(issue, labels=labels), untouched_days, stale_days)


def _at_work(state: FleetState, standing: EngagementStanding) -> Dispatch:
    """The decision by which it was started stands for as long as it goes on."""
    issue, agent = standing.engagement.issue, standing.engagement.agent
    before = state.dispatched.get(issue)
    if before is not None and before.choice is Choice.START and before.agent == agent:
        return before
    return Dispatch(Choice.START, f"{standing.engagement.id} is at work on it", issue, agent)


def _waits_for(standing: IssueStanding, known: Dependencies) -> Dispatch | None:
    issue = standing.issue.id
    if unknown := known.unknown(standing):
        return Dispatch(Choice.HOLD, f"it depends on {some(unknown)}, which nobody knows", issue, after=unknown)
    if not (after := known.open(standing)):
        return None
    if circle := known.circle(issue):
        way = " -> ".join(circle if len(circle) < 12 else (*circle[:10], "...", circle[-1]))
        return Dispatch(Choice.HOLD, f"it waits for itself: {way}", issue, after=after)
    return Dispatch(Choice.BLOCK, f"it depends on {some(after)}", issue, after=after)


def _came_of(issue: IssueId, route: Route, tries: list[EngagementStanding]) -> Waits | None:
    """What the last try came to, where that forbids another."""
    last = tries[-1] if tries else None
    if last is None:
        return None
    identity, atom = last.engagement.id, last.engagement.atom
    if last.stage is Stage.NEEDS_PERSON:
        return _hold(issue, f"{identity} needs a person: {_short(last.reason) or 'it did not say for what'}")
    if last.stage is not Stage.DONE:
        return None
    if atom != RESOLVES_ISSUE:
        is_same = _ATOMS.get(route) == atom
        return _hold(issue, f"{identity} is done, and the issue is where it was") if is_same else None
    if last.effect is not None and last.effect.change is not None:
        return _hold(issue, f"the change of {identity} waits for landing", Choice.BLOCK)
    reason = last.effect.reason if last.effect is not None else ""
    return _hold(issue, f"{identity} found nothing to do: {_short(reason) or 'it did not say why'}")


def _failures(tries: list[EngagementStanding], atom: str) -> int:
    """How often in a row this was tried in vain; what was lost with its host was not."""
    count = 0
    for each in reversed([each for each in tries if each.engagement.atom == atom and each.fault is not Fault.LOST]):
        if each.stage not in _FAILED:
            break
        count += 1
    return count


def _rests(
    issue: IssueId, tries: list[EngagementStanding], failures: int, fleet: FleetSection, moment: Moment
) -> Waits | None:
    if not failures:
        return None
    last = tries[-1]
    fault = f": {last.fault.value}" if last.fault is not None else ""
    if failures >= fleet.max_attempts:
        return _hold(issue, f"it was tried {failures} times{fault}; a person has to look")
    rest = min(_MOST_REST_MS, fleet.retry_minutes * _MINUTE_MS * 2 ** min(failures - 1, 20))
    until = Millis(last.since + rest)
    if until <= moment.at:
        return None
    why = f"{last.engagement.id} failed{fault}; it is tried again at {clock(until, moment)}"
    return Waits(Dispatch(Choice.IDLE, why, issue), until)


def _hold(issue: IssueId, why: str, choice: Choice = Choice.HOLD) -> Waits:
    return Waits(Dispatch(choice, why, issue))


def clock(at: Millis, moment: Moment) -> str:
    """What the clock on the wall will show."""
    return dt.datetime.fromtimestamp(at / 1000, moment.zone).strftime("%H:%M")


def some(names: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(map(_short, names[:most]))}{rest}"


def _short(text: str) -> str:
    """What others wrote is quoted, not copied into every record."""
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."
