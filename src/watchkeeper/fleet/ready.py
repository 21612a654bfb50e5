"""Which issues of a project may be worked on now, and why each of the others may not. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from watchkeeper.fleet.config import FleetSection
from watchkeeper.fleet.hours import Moment
from watchkeeper.fleet.triage import PREPARES_ISSUE, SPLITS_ISSUE, Route, Triage, triage
from watchkeeper.model.fleet import RESOLVES_ISSUE, Choice, Dispatch, Issue, IssueId, IssueState, Stage
from watchkeeper.model.fleet_state import EngagementStanding, FleetState, IssueStanding
from watchkeeper.model.ids import Millis

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
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


def look(
    name: str,
    states: Mapping[str, FleetState],
    fleet: FleetSection,
    moment: Moment,
    refused: Mapping[IssueId, str] | None = None,
) -> Looked:
    """Where every open issue of project ``name`` stands. Dependencies are looked up in all ``states``.

    ``refused`` says why an issue could not be started a moment ago.
    """
    state = states[name]
    candidates, waits = [], []
    known = _Known(states, fleet, moment)
    for order, standing in enumerate(state.open_issues()):
        found = _stand(standing, state, known, order)
        reason = (refused or {}).get(standing.issue.id)
        if reason is not None and isinstance(found, Candidate):
            found = Waits(Dispatch(Choice.IDLE, f"it could not be started: {reason}", standing.issue.id))
        if isinstance(found, Candidate):
            candidates.append(found)
        else:
            waits.append(found)
    return Looked(tuple(sorted(candidates, key=lambda each: each.rank)), tuple(waits))


class _Known:
    """All issues of all projects, what is configured, and the time."""

    def __init__(self, states: Mapping[str, FleetState], fleet: FleetSection, moment: Moment) -> None:
        self._states = tuple(states.values())
        self.fleet, self.moment = fleet, moment

    def find(self, issue: IssueId) -> IssueStanding | None:
        return next((found for state in self._states if (found := state.issues.get(issue)) is not None), None)

    def circle(self, start: IssueId) -> tuple[IssueId, ...]:
        """The dependencies that lead from an issue back to it; () where none do."""
        came: dict[IssueId, IssueId] = {}
        waiting = [start]
        while waiting:
            here = waiting.pop()
            for needed in self._open(here):
                if needed == start:
                    return _way(came, start, here)
                if needed not in came:
                    came[needed] = here
                    waiting.append(needed)
        return ()

    def _open(self, issue: IssueId) -> Iterator[IssueId]:
        found = self.find(issue)
        if found is not None and found.state is IssueState.OPEN:
            yield from found.issue.depends_on


def _way(came: Mapping[IssueId, IssueId], start: IssueId, end: IssueId) -> tuple[IssueId, ...]:
    way = [start, end] if end != start else [start]
    while way[-1] != start:
        way.append(came[way[-1]])
    return tuple(way[::-1]) if len(way) > 1 else (start, start)


def _stand(standing: IssueStanding, state: FleetState, known: _Known, order: int) -> Candidate | Waits:
    fleet, moment = known.fleet, known.moment
    issue = standing.issue
    if (at_work := state.claims(issue.id)) is not None:
        return Waits(_at_work(state, at_work))
    tries = [state.engagements[each] for each in standing.attempts if each in state.engagements]
    if (blocked := _dependencies(standing, known)) is not None:
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


def _dependencies(standing: IssueStanding, known: _Known) -> Dispatch | None:
    issue = standing.issue
    unknown = [each for each in issue.depends_on if known.find(each) is None]
    if unknown:
        why = f"it depends on {', '.join(unknown)}, which nobody knows"
        return Dispatch(Choice.HOLD, why, issue.id, after=tuple(unknown))
    after = tuple(each for each in issue.depends_on if _is_open(known.find(each)))
    if not after:
        return None
    if circle := known.circle(issue.id):
        return Dispatch(Choice.HOLD, f"it waits for itself: {' -> '.join(circle)}", issue.id, after=after)
    return Dispatch(Choice.BLOCK, f"it depends on {', '.join(after)}", issue.id, after=after)


def _is_open(standing: IssueStanding | None) -> bool:
    return standing is not None and standing.state is IssueState.OPEN


def _came_of(issue: IssueId, route: Route, tries: list[EngagementStanding]) -> Waits | None:
    """What the last try came to, where that forbids another."""
    last = tries[-1] if tries else None
    if last is None:
        return None
    identity, atom = last.engagement.id, last.engagement.atom
    if last.stage is Stage.NEEDS_PERSON:
        return _hold(issue, f"{identity} needs a person: {last.reason or 'it did not say for what'}")
    if last.stage is not Stage.DONE:
        return None
    if atom != RESOLVES_ISSUE:
        is_same = _ATOMS.get(route) == atom
        return _hold(issue, f"{identity} is done, and the issue is where it was") if is_same else None
    if last.effect is not None and last.effect.change is not None:
        return _hold(issue, f"the change of {identity} waits for landing", Choice.BLOCK)
    reason = last.effect.reason if last.effect is not None else ""
    return _hold(issue, f"{identity} found nothing to do: {reason or 'it did not say why'}")


def _failures(tries: list[EngagementStanding], atom: str) -> int:
    """How often in a row this was tried in vain."""
    count = 0
    for each in reversed([each for each in tries if each.engagement.atom == atom]):
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
