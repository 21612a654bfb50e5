"""Whatever happens to a fleet, and in whatever order: what the dispatcher promises holds."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fleetworld import World, project_of
from watchkeeper.fleet.budgets import set_aside, total
from watchkeeper.fleet.config import AgentEntry, FleetSection
from watchkeeper.fleet.dependencies import Dependencies
from watchkeeper.fleet.hours import (
    Moment,
    find_day_begin,
    find_next_day,
    find_quiet_end,
    is_quiet,
    parse_quiet,
)
from watchkeeper.fleet.plan import Plan
from watchkeeper.model.fleet import Budget, Choice, DispatchOverruled, Effect, Fault, IssueId, Spend, Stage
from watchkeeper.model.ids import Millis

PROJECTS = ("alpha", "beta", "gamma")
LABELS = ("ready", "needs-prep", "needs-decompose", "blocked", "backlog", "needs-person")
SYMBOLS = ("a", "b", "c")


class Fleet(RuleBasedStateMachine):
    """Agents spend no more than they may, as the hard stop sees to; memory is what they were taken to need."""

    @initialize(
        concurrency=st.integers(0, 4),
        own=st.tuples(*(st.integers(0, 3) for _ in PROJECTS)),
        money=st.sampled_from([0, 1, 5]),
        each=st.sampled_from([0, 0.5, 2]),
        project_money=st.sampled_from([0, 1]),
        memory=st.sampled_from([0, 500, 2000]),
        focus=st.sampled_from(["", *PROJECTS]),
        quiet=st.sampled_from(["", "22:00-07:00", "13:00-13:30"]),
    )
    def begin(self, concurrency: int, own: tuple[int, ...], money: float, each: float, **more: Any) -> None:
        section = FleetSection(
            concurrency=concurrency,
            budget=Budget(money=money),
            engagement_budget=Budget(money=each),
            memory_mb=more["memory"],
            quiet=more["quiet"],
            retry_minutes=1,
        )
        rows: dict[str, dict[str, Any]] = {
            name: {"concurrency": count, "focus": name == more["focus"]}
            for name, count in zip(PROJECTS, own, strict=True)
        }
        rows["beta"]["budget"] = Budget(money=more["project_money"])
        agents = (AgentEntry("ada", ("ada",), memory_mb=200), AgentEntry("bob", ("bob",), memory_mb=700))
        self.world = World(*PROJECTS, fleet=section, settings=rows, agents=agents)
        self.count = 0

    @rule(
        project=st.sampled_from(PROJECTS),
        labels=st.lists(st.sampled_from(LABELS), max_size=2),
        priority=st.integers(0, 4),
        depends=st.lists(st.integers(0, 6), max_size=2),
        touches=st.lists(st.sampled_from(SYMBOLS), max_size=2),
    )
    def file(self, project: str, labels: list[str], priority: int, depends: list[int], touches: list[str]) -> None:
        needed = tuple(IssueId(f"{project}#{number}") for number in depends)
        issue = self.world.file(str(self.count), *labels, project=project, priority=priority, depends_on=needed)
        self.world.likely[issue] = tuple(touches)
        self.count += 1

    @rule(minutes=st.sampled_from([1, 7, 45, 600]))
    def time_passes(self, minutes: int) -> None:
        self.world.pass_minutes(minutes)

    @rule(data=st.data())
    @precondition(lambda self: self._live())
    def ends(self, data: st.DataObject) -> None:
        issue = data.draw(st.sampled_from(self._live()))
        stage = data.draw(st.sampled_from([Stage.DONE, Stage.FAILED, Stage.INTERRUPTED, Stage.NEEDS_PERSON]))
        effect = Effect(reason="none") if data.draw(st.booleans()) else None
        self.world.end(issue, stage, effect=effect, fault=Fault.HUNG if stage is Stage.FAILED else None)

    @rule(data=st.data())
    @precondition(lambda self: self._live())
    def spends(self, data: st.DataObject) -> None:
        issue = data.draw(st.sampled_from(self._live()))
        standing = self.world.states[project_of(issue)].claims(issue)
        assert standing is not None
        may = standing.engagement.seal.budget.money or 0.3
        self.world.spend(issue, Spend(money=max(standing.spend.money, may * data.draw(st.floats(0, 1)))))

    @rule(data=st.data())
    @precondition(lambda self: self.count > 0)
    def a_person_acts(self, data: st.DataObject) -> None:
        issues = [each for state in self.world.states.values() for each in state.issues]
        issue = data.draw(st.sampled_from(issues))
        act = data.draw(st.sampled_from(["close", "overrule", "label"]))
        if act == "close" and self.world.states[project_of(issue)].claims(issue) is None:
            self.world.close(issue)
        elif act == "overrule":
            self.world.record(project_of(issue), DispatchOverruled(issue, "ada"))
        else:
            self.world.label(issue, *data.draw(st.lists(st.sampled_from(LABELS), max_size=2)))

    @rule()
    def dispatch(self) -> None:
        found = self.world.look()
        assert self.world.look() == found, "the same is decided twice"
        self._every_issue_has_a_reason(found)
        self._something_starts_where_it_can(found)
        self.world.dispatch()
        again = self.world.look()
        assert not again.starts, "one look gives all slots away"

    @invariant()
    def no_issue_has_two(self) -> None:
        live = self._live()
        assert len(live) == len(set(live))

    @invariant()
    def never_more_than_there_are_slots(self) -> None:
        if not hasattr(self, "world"):
            return
        assert len(self._live()) <= self.world.config.fleet.concurrency
        for entry in self.world.config.projects:
            assert sum(1 for _ in self.world.states[entry.name].live()) <= entry.concurrency

    @invariant()
    def never_more_than_there_is_memory(self) -> None:
        if not hasattr(self, "world") or not self.world.config.fleet.memory_mb:
            return
        sizes = {each.name: each.memory_mb for each in self.world.config.agents}
        taken = sum(sizes[each.engagement.agent] for state in self.world.states.values() for each in state.live())
        assert taken <= self.world.config.fleet.memory_mb

    @invariant()
    def never_more_than_the_budget(self) -> None:
        if not hasattr(self, "world"):
            return
        spent = self.world.book.since(find_day_begin(self.world.moment))
        live = [each for state in self.world.states.values() for each in state.live()]
        may = total([*spent.values(), *map(set_aside, live)])
        if self.world.config.fleet.budget.money:
            assert may.money <= self.world.config.fleet.budget.money + 1e-6

    def _live(self) -> list[IssueId]:
        if not hasattr(self, "world"):
            return []
        return [each.engagement.issue for state in self.world.states.values() for each in state.live()]

    def _every_issue_has_a_reason(self, found: Plan) -> None:
        for name, state in self.world.states.items():
            wanted = [each.issue.id for each in state.open_issues()]
            decided = [each.issue for each in found.decisions[name] if each.issue is not None]
            assert sorted(decided) == sorted(wanted), "one decision an open issue"
            assert all(each.why for each in found.decisions[name])
            assert found.of(name).why
        assert {start.issue for start in found.starts}.isdisjoint(self._live())

    def _something_starts_where_it_can(self, found: Plan) -> None:
        """A ready issue is idle only for a reason that is true."""
        for name, decisions in found.decisions.items():
            for each in decisions:
                if each.why == "it was not its turn":
                    raise AssertionError(f"{name}: {each}")
        fleet = self.world.config.fleet
        is_free = not self._live() and not fleet.quiet and not fleet.budget.money and not fleet.memory_mb
        for entry in self.world.config.projects if is_free and fleet.concurrency else ():
            if not entry.concurrency or entry.budget.money:
                continue
            states = self.world.states[entry.name]
            untried = [
                each
                for each in states.open_issues()
                if each.issue.labels == ("ready",) and not each.issue.depends_on and not each.attempts
            ]
            unlanded = any(each.stage is Stage.DONE for each in states.engagements.values())
            assert found.starts or not untried or unlanded


TestFleet = Fleet.TestCase
TestFleet.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=9), st.sets(st.integers(0, 8)))
def test_an_issue_waits_for_itself_exactly_where_a_way_of_open_issues_leads_back(
    needs: list[list[int]], closed: set[int]
) -> None:
    world = World("alpha", "beta")
    names = [IssueId(f"{'alpha' if number % 2 else 'beta'}#{number}") for number in range(10)]
    for number, needed in enumerate(needs):
        project = project_of(names[number])
        world.file(str(number), project=project, depends_on=tuple(names[each] for each in needed))
    for number in closed & set(range(len(needs))):
        world.close(names[number])
    edges = {
        (names[number], names[each])
        for number, needed in enumerate(needs)
        for each in needed
        if not {number, each} & closed and each < len(needs)
    }
    reached = set(edges)
    for _ in range(10):
        reached |= {(one, other) for one, middle in reached for same, other in edges if middle == same}

    known = Dependencies(world.states.values())

    for number in set(range(len(needs))) - closed:
        way = known.circle(names[number])
        assert bool(way) is ((names[number], names[number]) in reached)
        if way:
            assert way[0] == way[-1] == names[number]
            assert set(itertools.pairwise(way)) <= edges


@given(
    counts=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    focus=st.sets(st.integers(0, 4), max_size=2),
    slots=st.integers(1, 3),
)
def test_no_project_starves(counts: list[int], focus: set[int], slots: int) -> None:
    names = [f"p{number}" for number in range(len(counts))]
    rows = {name: {"concurrency": 9, "focus": number in focus} for number, name in enumerate(names)}
    world = World(*names, fleet=FleetSection(concurrency=slots), settings=rows)
    for name, count in zip(names, counts, strict=True):
        for number in range(count):
            world.file(str(number), "ready", project=name)
    waited = dict.fromkeys(names, 0)

    while True:
        found = world.dispatch()
        if not found.starts:
            break
        ready = {
            project_of(each.issue)
            for name in names
            for each in found.decisions[name]
            if each.issue is not None and each.choice is Choice.IDLE
        }
        for name in names:
            served = any(start.project == name for start in found.starts)
            waited[name] = 0 if served or name not in ready else waited[name] + len(found.starts)
            assert waited[name] <= 2 * len(names) + slots
        world.pass_minutes(1)
        for start in found.starts:
            world.end(start.issue)

    assert all(len(state.engagements) == count for state, count in zip(world.states.values(), counts, strict=True))


ZONES = "UTC Europe/Berlin America/Sao_Paulo Australia/Lord_Howe Asia/Kathmandu Africa/Cairo America/Havana".split()
BEGIN = int(dt.datetime(2015, 1, 1, tzinfo=dt.UTC).timestamp()) // 60
clocks = st.builds(lambda hour, minute: f"{hour:02}:{minute:02}", st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
texts = st.lists(st.builds(lambda a, b: f"{a}-{b}", clocks, clocks), min_size=1, max_size=2).map(", ".join)
# Near a change of the clocks in most of the zones, and anywhere.
minutes = st.one_of(
    st.integers(0, 10 * 365 * 1440).map(lambda offset: BEGIN + offset),
    st.builds(
        lambda day, offset: int(day.timestamp()) // 60 + offset,
        st.sampled_from(
            [
                dt.datetime(2026, 3, 29, tzinfo=dt.UTC),
                dt.datetime(2026, 10, 25, tzinfo=dt.UTC),
                dt.datetime(2018, 11, 4, tzinfo=dt.UTC),
                dt.datetime(2018, 2, 18, tzinfo=dt.UTC),
                dt.datetime(2026, 4, 4, 15, tzinfo=dt.UTC),
                dt.datetime(2026, 10, 3, 15, tzinfo=dt.UTC),
            ]
        ),
        st.integers(-1500, 1500),
    ),
)


@settings(max_examples=200)
@given(text=texts, minute=minutes, name=st.sampled_from(ZONES))
def test_the_end_of_quiet_hours_is_the_first_minute_that_is_not_quiet(text: str, minute: int, name: str) -> None:
    windows, zone = parse_quiet(text), ZoneInfo(name)
    assert windows is not None
    now = Moment(Millis(minute * 60_000), zone)
    if not is_quiet(windows, now):
        return

    end = find_quiet_end(windows, now)

    steps = range(1, 3 * 1440)
    wanted = next((s for s in steps if not is_quiet(windows, Moment(Millis((minute + s) * 60_000), zone))), None)
    if wanted is None:
        assert end is None or end > now.at + 2 * 86_400_000
    else:
        assert end == (minute + wanted) * 60_000


@settings(max_examples=200)
@given(minute=minutes, name=st.sampled_from(ZONES))
def test_a_day_begins_with_the_first_minute_of_its_date_and_ends_where_the_next_begins(minute: int, name: str) -> None:
    now = Moment(Millis(minute * 60_000), ZoneInfo(name))
    begin, end = find_day_begin(now), find_next_day(now)

    assert begin <= now.at < end
    assert Moment(begin, now.zone).local.date() == now.local.date()
    assert Moment(Millis(begin - 60_000), now.zone).local.date() < now.local.date()
    assert Moment(end, now.zone).local.date() > now.local.date()
