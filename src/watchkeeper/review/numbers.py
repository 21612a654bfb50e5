"""Numbers over time: events -> series, day by day. Pure: a fold over the log, in which nothing is counted twice.

A day on which nothing happened is 0 where things are counted, and has no point where a share or a time is told: nobody
knows one.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

import msgspec

from watchkeeper.conflicts.scoring import count_rules
from watchkeeper.model.events import (
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    Recorded,
    RuleDemoted,
    RuleRestored,
)
from watchkeeper.model.fleet import EngagementSpent, IssueClosed, IssueReopened, Spend
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import IncidentChanged, IncidentOpened
from watchkeeper.model.landing import LandingDone, LandingIntended, LandingVoid, RevertPrepared, TargetMoved
from watchkeeper.model.probing import Outcome
from watchkeeper.model.review import ChangeFoundWrong, ChangeSurveyed, Day, WatchMeasured
from watchkeeper.review.calendar import Boundary, find_day

MOST_RULES = 6
TRAILING = 30
"""So many days back a share counts: of one day it would be of two or three things."""


class Point(NamedTuple):
    day: Day
    value: float


class Series(msgspec.Struct, frozen=True):
    """One line of a chart: a point for each day of which something is known, in their order."""

    name: str
    points: tuple[Point, ...]


class Chart(msgspec.Struct, frozen=True):
    """What is drawn together, in one unit. ``key`` is its name in addresses, ``said`` what it shows, in a sentence.

    ``days`` are all days that it is about, also those without a point.
    """

    key: str
    title: str
    unit: str
    said: str
    days: tuple[Day, ...]
    series: tuple[Series, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing is known of any day, or nothing ever happened."""
        return not any(point.value for each in self.series for point in each.points)


def count_numbers(events: Iterable[Recorded], boundary: Boundary, since: Millis, until: Millis) -> tuple[Chart, ...]:
    """All charts of the days from the one of ``since`` to the one of ``until``, both included.

    ``events`` are all there ever were, in their order, of one project or of several: shares look back.
    """
    days = _days(boundary, since, until)
    tally = _Tally(boundary)
    for each in events:
        tally.take(each)
    return tuple(_charts(tally, days))


class _Tally:
    """What happened on which day. Each thing counts once, on the day when it was first so."""

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary
        self.counts: dict[str, Counter[Day]] = defaultdict(Counter)
        self.lasts: dict[str, dict[Day, float]] = defaultdict(dict)
        self.times: dict[Day, list[float]] = defaultdict(list)
        self.rules: list[tuple[Day, Recorded]] = []
        self._seen: set[tuple[str, str]] = set()
        self._intended: dict[str, LandingIntended] = {}
        self._spent: dict[str, Spend] = {}

    def take(self, recorded: Recorded) -> None:
        day, event = find_day(recorded.at, self._boundary), recorded.event
        match event:
            case IssueClosed():
                self._once("issues", f"{recorded.project} {event.id}", day)
            case IssueReopened():
                self._seen.discard(("issues", f"{recorded.project} {event.id}"))
            case ChangeSurveyed():
                landed = find_day(event.landed_at or recorded.at, self._boundary)
                if self._first("survey", f"{recorded.project} {event.entry or event.commit}"):
                    self.counts["tests added"][landed] += event.tests_added
                    self.counts["tests removed"][landed] += event.tests_removed
            case ConflictOpened() | ConflictProbed() | ConflictClosed() | ConflictDismissed():
                self._conflict(day, recorded)
            case RuleDemoted() | RuleRestored():
                self.rules.append((day, recorded))
            case IncidentOpened() | IncidentChanged():
                self._incident(day, recorded, event)
            case EngagementSpent():
                self._spend(day, recorded, event)
            case ChangeFoundWrong():
                self._once("wrong", f"{recorded.project} {event.commit}", day)
            case WatchMeasured() if event.count:
                self.lasts["p50"][day] = max(event.p50_ms, self.lasts["p50"].get(day, 0.0))
                self.lasts["p99"][day] = max(event.p99_ms, self.lasts["p99"].get(day, 0.0))
            case _:
                self._landing(day, recorded)

    def _conflict(self, day: Day, recorded: Recorded) -> None:
        event = recorded.event
        self.rules.append((day, recorded))
        if isinstance(event, ConflictOpened):
            self._once("predicted", f"{recorded.project} {event.conflict.id}", day)
        elif isinstance(event, ConflictProbed) and event.proof.outcome.is_proof:
            name = "escaped" if event.proof.outcome is Outcome.PROVED_AT_RUN_TIME else "proved"
            self._once(name, f"{recorded.project} {event.id}", day)

    def _incident(self, day: Day, recorded: Recorded, event: IncidentOpened | IncidentChanged) -> None:
        incident = event.incident
        if isinstance(event, IncidentOpened):
            self.counts["incidents"][day] += 1
        is_named = any(party.attribution.origins for party in incident.parties)
        if is_named and self._first("named", f"{recorded.project} {incident.id} {incident.since}"):
            self.times[day].append(max(0, incident.seen - incident.since) / 1000)

    def _spend(self, day: Day, recorded: Recorded, event: EngagementSpent) -> None:
        """Totals of an engagement: what each says beyond the ones before."""
        key = f"{recorded.project} {event.id}"
        before, spend = self._spent.get(key, Spend()), event.spend
        after = Spend(
            max(before.money, spend.money), max(before.tokens, spend.tokens), max(before.minutes, spend.minutes)
        )
        self._spent[key] = after
        for name, value in (
            ("money", after.money - before.money),
            ("tokens", (after.tokens - before.tokens) / 1_000_000),
            ("hours", (after.minutes - before.minutes) / 60),
        ):
            self.lasts[name][day] = self.lasts[name].get(day, 0.0) + value

    def _landing(self, day: Day, recorded: Recorded) -> None:
        match recorded.event:
            case LandingIntended() as event:
                self._intended[recorded.project] = event
            case LandingDone() as event:
                intended = self._intended.pop(recorded.project, None)
                if intended is not None and intended.new == event.new:
                    self.counts["landed"][day] += len(intended.entries)
                    again = sum(1 for each in intended.entries if each.rpartition("/")[2] != "1")
                    self.counts["again"][day] += again
            case LandingVoid():
                self._intended.pop(recorded.project, None)
            case TargetMoved() as event:
                self.counts["landed"][day] += len(event.adopted)
            case RevertPrepared() as event:
                self._once("escaped", f"{recorded.project} {event.entry}", day)
            case _:
                pass

    def _once(self, name: str, key: str, day: Day) -> None:
        if self._first(name, key):
            self.counts[name][day] += 1

    def _first(self, name: str, key: str) -> bool:
        if (name, key) in self._seen:
            return False
        self._seen.add((name, key))
        return True


def _charts(tally: _Tally, days: Sequence[Day]) -> Iterable[Chart]:
    def counted(name: str, key: str) -> Series:
        return Series(name, tuple(Point(day, float(tally.counts[key][day])) for day in days))

    def known(name: str, values: Mapping[Day, float]) -> Series:
        return Series(name, tuple(Point(day, round(values[day], 4)) for day in days if day in values))

    def summed(name: str, key: str) -> Series:
        return Series(name, tuple(Point(day, round(tally.lasts[key].get(day, 0.0), 4)) for day in days))

    yield _chart("issues", "Issues closed", "issues", days, counted("closed", "issues"))
    yield _chart(
        "tests", "Tests added", "tests", days, counted("added", "tests added"), counted("removed", "tests removed")
    )
    yield _chart(
        "conflicts", "Conflicts predicted, proved, escaped", "conflicts", days,
        *(counted(name, name) for name in ("predicted", "proved", "escaped")),
    )  # fmt: skip
    yield _chart(
        "detection", "From an edit to its detection", "ms", days,
        known("half of them within", tally.lasts["p50"]), known("99 % within", tally.lasts["p99"]),
    )  # fmt: skip
    named = {day: median(times) for day, times in tally.times.items()}
    yield _chart("names", "From a hang to the names of who made it", "s", days, known("half of them within", named))
    yield _chart("precision", "How often each rule was right", "%", days, *_precision(tally.rules, days))
    yield _chart("incidents", "Incidents for 100 closed issues", "incidents", days, _incident_rate(tally, days))
    yield _chart(
        "rework", "Rework", "changes", days, counted("landed", "landed"), counted("at a second try", "again"),
        counted("found wrong later", "wrong"),
    )  # fmt: skip
    yield _chart("money", "Cost in money", "money", days, summed("spent", "money"))
    yield _chart("tokens", "Cost in tokens", "million tokens", days, summed("spent", "tokens"))
    yield _chart("hours", "Cost in time of agents", "hours", days, summed("spent", "hours"))


def _precision(events: Sequence[tuple[Day, Recorded]], days: Sequence[Day]) -> tuple[Series, ...]:
    """Of the rules that spoke up most: the share of proofs among their newest conclusive endings, as of each day."""
    raised: Counter[str] = Counter()
    points: dict[str, list[Point]] = defaultdict(list)
    for day in days:
        records = count_rules(each for when, each in events if when <= day)
        for rule, record in records.items():
            raised[rule] = record.raised
            if record.precision is not None:
                points[rule].append(Point(day, round(100 * record.precision, 1)))
    told = [rule for rule, _ in sorted(raised.items(), key=lambda each: (-each[1], each[0])) if points[rule]]
    return tuple(Series(rule, tuple(points[rule])) for rule in told[:MOST_RULES])


def _incident_rate(tally: _Tally, days: Sequence[Day]) -> Series:
    points = []
    for day in days:
        first = (dt.date.fromisoformat(day) - dt.timedelta(days=TRAILING - 1)).isoformat()
        incidents = sum(count for when, count in tally.counts["incidents"].items() if first <= when <= day)
        closed = sum(count for when, count in tally.counts["issues"].items() if first <= when <= day)
        if closed:
            points.append(Point(day, round(100 * incidents / closed, 1)))
    return Series(f"of the last {TRAILING} days", tuple(points))


def _chart(key: str, title: str, unit: str, days: Sequence[Day], *series: Series) -> Chart:
    return Chart(key, title, unit, _said(unit, days, series), tuple(days), series)


def _said(unit: str, days: Sequence[Day], series: Sequence[Series]) -> str:
    """What a chart shows, for who does not see it."""
    told = [_said_of(unit, each) for each in series if each.points]
    span = f"{days[0]} to {days[-1]}" if days else "no day"
    return f"{span}: {'; '.join(told)}." if told else f"{span}: nothing is known yet."


def _said_of(unit: str, series: Series) -> str:
    most = max(series.points, key=lambda each: each.value)
    last = series.points[-1]
    return f"{series.name}: {last.value:g} {unit} on {last.day}, at most {most.value:g} on {most.day}"


def _days(boundary: Boundary, since: Millis, until: Millis) -> tuple[Day, ...]:
    first, last = (dt.date.fromisoformat(find_day(each, boundary)) for each in (since, until))
    return tuple(Day((first + dt.timedelta(days=n)).isoformat()) for n in range((last - first).days + 1))
