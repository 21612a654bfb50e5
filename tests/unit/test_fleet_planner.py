"""What the dispatcher starts, and the reason that it gives for everything else."""

from __future__ import annotations

import pytest

from fleetworld import NOON, World, decision, started, why
from watchkeeper.fleet.config import AgentEntry, FleetSection
from watchkeeper.fleet.plan import Machine
from watchkeeper.fleet.triage import PREPARES_ISSUE, SPLITS_ISSUE
from watchkeeper.model.fleet import (
    RESOLVES_ISSUE,
    Budget,
    Choice,
    DispatchOverruled,
    Effect,
    EngagementMoved,
    Fault,
    IssueId,
    Spend,
    Stage,
)
from watchkeeper.model.ids import Millis


def test_ready_goes_before_prep_before_split_before_what_has_no_label() -> None:
    world = World(fleet=FleetSection(concurrency=9), settings={"alpha": {"concurrency": 9}})
    plain = world.file("1", body="it says in full what is to be done and how one sees that it is")
    split, prep, ready = world.file("2", "needs-decompose"), world.file("3", "needs-prep"), world.file("4", "ready")

    found = world.look()

    assert started(found) == [ready, prep, split, plain]
    assert [each.atom for each in found.starts] == [RESOLVES_ISSUE, PREPARES_ISSUE, SPLITS_ISSUE, RESOLVES_ISSUE]


def test_priority_goes_before_age() -> None:
    world = World(fleet=FleetSection(concurrency=1))
    world.file("1", "ready")
    world.pass_minutes(1)
    urgent = world.file("2", "ready", priority=0)

    assert started(world.look()) == [urgent]


def test_the_older_of_two_goes_first() -> None:
    world = World(fleet=FleetSection(concurrency=1))
    first = world.file("1", "ready")
    world.pass_minutes(1)
    world.file("2", "ready")

    assert started(world.look()) == [first]


@pytest.mark.parametrize("label", ["backlog", "stale", "blocked", "needs-person", "human needed", "merge_conflict"])
def test_labels_hold_an_issue_back_whatever_else_it_is_labelled(label: str) -> None:
    world = World()
    issue = world.file("1", "ready-for-dev", label)

    found = world.look()

    assert not found.starts
    assert label in decision(found, issue).why


def test_an_issue_waits_for_what_it_depends_on_and_goes_on_when_that_is_closed() -> None:
    world = World(fleet=FleetSection(concurrency=1))
    first = world.file("1", "ready")
    second = world.file("2", "ready", "blocked", depends_on=(first,))

    found = world.dispatch()
    assert decision(found, second).choice is Choice.BLOCK
    assert decision(found, second).after == (first,)

    world.end(first)
    assert not world.dispatch().starts, "done is not landed"
    world.close(first)
    assert started(world.dispatch()) == [second]


def test_dependencies_in_other_projects_count() -> None:
    world = World("alpha", "beta")
    first = world.file("1", "backlog", project="beta")
    second = world.file("1", "ready", project="alpha", depends_on=(first,))

    assert why(world.look(), second) == (Choice.BLOCK, "it depends on beta#1")


def test_a_circle_of_dependencies_needs_a_person_and_says_its_way() -> None:
    world = World()
    one = world.file("1", "ready", depends_on=(IssueId("alpha#2"),))
    two = world.file("2", "ready", depends_on=(one,))

    assert why(world.look(), one) == (Choice.HOLD, "it waits for itself: alpha#1 -> alpha#2 -> alpha#1")
    assert decision(world.look(), two).choice is Choice.HOLD


def test_a_long_chain_and_a_large_circle_take_no_time_worth_mentioning() -> None:
    world = World()
    before = IssueId("alpha#end")
    world.file("end", "ready", depends_on=(IssueId("alpha#3000"),))
    for number in range(3001):
        before = world.file(str(number), "ready", depends_on=(before,))
    for number in range(4000, 7000):
        before = world.file(str(number), "ready", depends_on=(before,))

    found = world.look()

    assert sum(each.choice is Choice.HOLD for each in found.decisions["alpha"]) == 3002
    assert sum(each.choice is Choice.BLOCK for each in found.decisions["alpha"]) == 3000
    assert max(len(each.why) for each in found.decisions["alpha"]) < 400


def test_a_dependency_that_nobody_knows_needs_a_person() -> None:
    world = World()
    issue = world.file("1", "ready", depends_on=(IssueId("alpha#99"),))

    assert why(world.look(), issue) == (Choice.HOLD, "it depends on alpha#99, which nobody knows")


def test_a_failed_issue_rests_longer_each_time_and_the_third_time_needs_a_person() -> None:
    world = World()
    issue = world.file("1", "ready")
    rests = []
    for _ in range(3):
        assert started(world.dispatch()) == [issue]
        world.end(issue, Stage.FAILED, fault=Fault.TESTS_FAIL)
        found = world.look()
        rests.append(found.wake_at - world.now if found.wake_at else None)
        world.pass_minutes(30)

    assert rests == [5 * 60_000, 10 * 60_000, None]
    assert why(world.look(), issue) == (Choice.HOLD, "it was tried 3 times: tests-fail; a person has to look")


def test_what_was_lost_with_its_host_is_begun_anew_at_once_and_is_no_try() -> None:
    world = World(fleet=FleetSection(max_attempts=1))
    issue = world.file("1", "ready")
    world.dispatch()
    world.end(issue, Stage.INTERRUPTED, fault=Fault.LOST)

    assert started(world.dispatch()) == [issue]
    world.end(issue, Stage.INTERRUPTED)
    assert not world.look().starts, "one that a person interrupted is"


def test_a_person_who_overrules_gets_one_more_try() -> None:
    world = World(fleet=FleetSection(max_attempts=1))
    issue = world.file("1", "ready")
    world.dispatch()
    world.end(issue, Stage.FAILED)
    assert not world.look().starts

    world.record("alpha", DispatchOverruled(issue, "ada"))
    assert started(world.dispatch()) == [issue]
    world.end(issue, Stage.FAILED)
    assert not world.look().starts


def test_the_next_try_is_made_by_the_next_agent() -> None:
    agents = (AgentEntry("ada", ("ada",)), AgentEntry("bob", ("bob",)))
    world = World(agents=agents, fleet=FleetSection(retry_minutes=0))
    issue = world.file("1", "ready")
    made_by, said = [], []
    for _ in range(3):
        starts = world.dispatch().starts
        made_by += [start.agent for start in starts]
        said += ["try 2, by bob" in start.why for start in starts]
        world.end(issue, Stage.FAILED)

    assert made_by == ["ada", "bob", "ada"]
    assert said == [False, True, False]


@pytest.mark.parametrize(("label", "agent"), [("agent-bob", "bob"), ("agent-nobody", "ada"), ("bob", "ada")])
def test_an_issue_may_name_its_agent_and_a_name_that_nobody_has_changes_nothing(label: str, agent: str) -> None:
    agents = (AgentEntry("ada", ("ada",)), AgentEntry("bob", ("bob",)))
    world = World(agents=agents)
    world.file("1", "ready", label)

    assert [start.agent for start in world.dispatch().starts] == [agent]


def test_an_agent_that_is_not_there_is_passed_over_and_without_any_the_project_says_so() -> None:
    agents = (AgentEntry("ada", ("ada",)), AgentEntry("bob", ("bob",)))
    world = World(agents=agents, machine=Machine(absent={"ada": "ada is not on PATH"}))
    issue = world.file("1", "ready")
    assert [start.agent for start in world.look().starts] == ["bob"]

    world.machine = Machine(absent={"ada": "ada is not on PATH", "bob": "bob is not on PATH"})
    reason = "ada: ada is not on PATH; bob: bob is not on PATH"
    assert why(world.look(), issue) == (Choice.IDLE, reason)
    assert world.look().of("alpha").why == reason


def test_done_waits_for_landing_and_is_not_started_again() -> None:
    world = World()
    issue = world.file("1", "ready")
    world.dispatch()
    world.end(issue)

    assert decision(world.look(), issue).choice is Choice.BLOCK
    assert "waits for landing" in decision(world.look(), issue).why


def test_nothing_to_do_with_a_reason_is_shown_to_a_person() -> None:
    world = World()
    issue = world.file("1", "ready")
    world.dispatch()
    world.end(issue, effect=Effect(reason="the timeout is there"))

    assert decision(world.look(), issue).choice is Choice.HOLD
    assert "the timeout is there" in decision(world.look(), issue).why


def test_prep_leads_on_only_where_it_left_the_issue_ready() -> None:
    world = World()
    issue = world.file("1", "needs-prep")
    assert [each.atom for each in world.dispatch().starts] == [PREPARES_ISSUE]
    world.end(issue, effect=Effect(reason="prepared"))
    assert decision(world.look(), issue).choice is Choice.HOLD

    world.label(issue, "ready-for-dev")
    assert [each.atom for each in world.look().starts] == [RESOLVES_ISSUE]


def test_a_likely_clash_is_ordered_with_its_reason_and_a_person_can_overrule() -> None:
    world = World(fleet=FleetSection(concurrency=9, clashes="order"), settings={"alpha": {"concurrency": 9}})
    first, second, third = (world.file(name, "ready") for name in "123")
    world.likely = {first: ("stages.update", "x"), second: ("stages.update",), third: ("other",)}

    found = world.dispatch()

    assert started(found) == [first, third]
    ordered = decision(found, second)
    assert (ordered.choice, ordered.after, ordered.likely) == (Choice.ORDER, (first,), ("stages.update",))
    assert ordered.why == "it will probably touch stages.update, as alpha#1 does"

    world.record("alpha", DispatchOverruled(second, "ada"))
    assert started(world.dispatch()) == [second]


def test_who_is_ordered_is_not_overtaken_for_ever_by_who_comes_later() -> None:
    world = World(fleet=FleetSection(concurrency=9, clashes="order"), settings={"alpha": {"concurrency": 9}})
    first, second, third = (world.file(name, "ready") for name in "123")
    world.likely = {first: ("a",), second: ("a", "b"), third: ("b",)}

    assert started(world.dispatch()) == [first]
    world.end(first)
    world.close(first)
    assert started(world.dispatch()) == [second]


def test_a_change_that_waits_for_landing_is_still_in_the_way_and_nothing_to_do_is_not() -> None:
    world = World(fleet=FleetSection(clashes="order"))
    first, second = world.file("1", "ready"), world.file("2", "ready")
    world.likely = {first: ("a",), second: ("a",)}
    world.dispatch()
    world.end(first)
    assert decision(world.look(), second).choice is Choice.ORDER

    other = World(fleet=FleetSection(clashes="order"))
    first, second = other.file("1", "ready"), other.file("2", "ready")
    other.likely = {first: ("a",), second: ("a",)}
    other.dispatch()
    other.end(first, effect=Effect(reason="it is there already"))
    assert started(other.look()) == [second]


def test_clashes_can_be_told_instead_of_ordered() -> None:
    world = World(fleet=FleetSection(clashes="tell"))
    first, second = world.file("1", "ready"), world.file("2", "ready")
    world.likely = {first: ("a",), second: ("a",)}

    found = world.look()

    assert started(found) == [first, second]
    assert decision(found, second).likely == ("a",)


def test_in_quiet_hours_nothing_is_started_and_it_is_said_until_when() -> None:
    world = World(fleet=FleetSection(quiet="11:30-13:15"))
    issue = world.file("1", "ready")

    found = world.look()

    assert why(found, issue) == (Choice.IDLE, "quiet hours until 13:15")
    assert found.wake_at == NOON + 75 * 60_000
    world.pass_minutes(75)
    assert started(world.look()) == [issue]


def test_a_project_may_have_quiet_hours_of_its_own_or_none() -> None:
    world = World("alpha", "beta", fleet=FleetSection(quiet="11:00-13:00"), settings={"beta": {"quiet": ""}})
    world.file("1", "ready", project="alpha")
    issue = world.file("1", "ready", project="beta")

    assert started(world.look()) == [issue]


def test_what_those_at_work_may_still_spend_is_set_aside() -> None:
    budget = FleetSection(concurrency=9, budget=Budget(money=10), engagement_budget=Budget(money=4))
    world = World(fleet=budget, settings={"alpha": {"concurrency": 9}})
    for name in "12345":
        world.file(name, "ready")

    found = world.dispatch()

    assert [start.budget.money for start in found.starts] == [4, 4, 2]
    assert "too little for another" in found.decisions["alpha"][-2].why
    world.spend(IssueId("alpha#1"), Spend(money=0.5))
    world.end(IssueId("alpha#1"))
    assert [start.budget.money for start in world.look().starts] == [3.5]


def test_with_too_little_left_nobody_is_started_only_to_be_stopped() -> None:
    def budgets(day: float) -> list[float]:
        section = FleetSection(concurrency=9, budget=Budget(money=day), engagement_budget=Budget(money=4))
        world = World(fleet=section, settings={"alpha": {"concurrency": 9}})
        for name in "123":
            world.file(name, "ready")
        return [start.budget.money for start in world.look().starts]

    assert budgets(9) == [4, 4, 1]
    assert budgets(8.5) == [4, 4]


def test_over_the_budget_of_the_day_everything_stops_and_goes_on_the_next_day() -> None:
    world = World(fleet=FleetSection(budget=Budget(tokens=1000)))
    first = world.file("1", "ready")
    world.file("2", "ready")
    world.dispatch()
    world.spend(first, Spend(tokens=1000))

    found = world.look()

    assert {stop.why for stop in found.stops} >= {"the fleet's budget of today is spent: 1,000 tokens"}
    assert found.wake_at == NOON + 12 * 3_600_000
    world.end(first, Stage.FAILED, fault=Fault.BUDGET)
    assert not world.look().starts
    world.now = Millis(NOON + 12 * 3_600_000)
    assert first in started(world.look())


def test_an_engagement_over_its_own_budget_is_stopped_alone() -> None:
    world = World(fleet=FleetSection(engagement_budget=Budget(minutes=10)))
    first, second = world.file("1", "ready"), world.file("2", "ready")
    world.dispatch()
    world.spend(first, Spend(minutes=10))
    world.spend(second, Spend(minutes=9))

    assert [stop.why for stop in world.look().stops] == ["its budget is spent: 10 minutes"]


def test_a_project_over_its_budget_leaves_the_others_alone() -> None:
    world = World("alpha", "beta", settings={"alpha": {"budget": Budget(money=1)}})
    first = world.file("1", "ready", project="alpha")
    other = world.file("1", "ready", project="beta")
    world.dispatch()
    world.spend(first, Spend(money=1))
    world.spend(other, Spend(money=50))

    assert {stop.project for stop in world.look().stops} == {"alpha"}


def test_memory_that_agents_at_work_will_still_take_is_not_given_twice() -> None:
    agents = (AgentEntry("ada", ("ada",), memory_mb=1000),)
    world = World(agents=agents, fleet=FleetSection(keep_free_mb=500), machine=Machine(free_mb=2600))
    issues = [world.file(name, "ready") for name in "123"]

    found = world.dispatch()
    assert started(found) == issues[:2]
    assert not world.dispatch().starts, "they have taken nothing yet, but they will"

    at_work = list(world.states["alpha"].engagements)
    world.machine = Machine(free_mb=2000, used_mb={at_work[0]: 300, at_work[1]: 300})
    assert not world.dispatch().starts


def test_all_agents_together_take_no_more_than_they_may() -> None:
    agents = (AgentEntry("ada", ("ada",), memory_mb=200),)
    world = World(agents=agents, fleet=FleetSection(memory_mb=500), settings={"alpha": {"concurrency": 9}})
    issues = [world.file(name, "ready") for name in "123"]

    assert started(world.dispatch()) == issues[:2]
    assert not world.look().starts


def test_what_runs_on_another_host_takes_no_memory_here() -> None:
    agents = (AgentEntry("ada", ("ada",), memory_mb=1000),)
    world = World(agents=agents, fleet=FleetSection(keep_free_mb=0), machine=Machine(host="server", free_mb=1500))
    first, second = world.file("1", "ready"), world.file("2", "ready")
    world.dispatch()
    identity = world.states["alpha"].issues[first].attempts[0]

    world.record("alpha", EngagementMoved(identity, Stage.RUNNING, by="server.local:12:3.5"))
    assert not world.look().starts
    world.record("alpha", EngagementMoved(identity, Stage.RUNNING, by="laptop.local:12:3.5"))
    assert started(world.look()) == [second]


def test_who_needs_much_memory_is_waited_for_and_not_overtaken_by_small_ones() -> None:
    agents = (AgentEntry("big", ("big",), memory_mb=1000), AgentEntry("small", ("small",), memory_mb=100))
    settings = {"alpha": {"agents": ("big",)}, "beta": {"agents": ("small",), "concurrency": 9}}
    world = World("alpha", "beta", agents=agents, settings=settings, fleet=FleetSection(keep_free_mb=0, concurrency=9))
    world.machine = Machine(free_mb=1050)
    small = world.file("1", "ready", project="beta")
    world.dispatch()
    world.file("2", "ready", project="beta")
    big = world.file("1", "ready", project="alpha")

    world.machine = Machine(free_mb=950, used_mb=dict.fromkeys(world.states["beta"].engagements, 100))
    found = world.look()

    assert not found.starts
    assert why(found, big) == (Choice.IDLE, "too little memory: big takes 1000 MB")
    world.end(small)
    world.machine = Machine(free_mb=1050)
    assert started(world.look()) == [big]


def test_who_never_fits_keeps_nobody_waiting() -> None:
    agents = (AgentEntry("big", ("big",), memory_mb=9000), AgentEntry("small", ("small",), memory_mb=100))
    settings = {"alpha": {"agents": ("big",)}, "beta": {"agents": ("small",)}}
    world = World("alpha", "beta", agents=agents, settings=settings, machine=Machine(free_mb=4000))
    big = world.file("1", "ready", project="alpha")
    small = world.file("1", "ready", project="beta")

    found = world.look()

    assert started(found) == [small]
    assert why(found, big) == (Choice.IDLE, "too little memory, even for big alone: it takes 9000 MB")


def test_idle_always_says_why() -> None:
    world = World("alpha", "beta", "gamma", "delta", settings={"gamma": {"host": "laptop"}})
    world.machine = Machine(host="server")
    world.troubles = {"delta": "its disk is full"}
    world.file("1", "backlog", project="beta")
    world.file("2", "needs-person", project="beta")
    world.file("1", "ready", project="delta")

    found = world.look()

    assert found.of("alpha").why == "no issue is open"
    assert found.of("beta").why == "no issue is free: 1 need a person, 1 are put off or rest"
    assert found.of("gamma").why == "laptop works on it"
    assert found.of("delta").why == "it cannot be worked on: its disk is full"
    assert found.scouts == ("alpha", "beta")


def test_the_scout_is_called_only_where_every_queue_is_empty() -> None:
    world = World("alpha", "beta", fleet=FleetSection(concurrency=3))
    world.file("1", "ready", project="alpha")
    world.file("2", "ready", project="alpha")

    assert world.look().scouts == ("beta",)


def test_no_scout_is_called_while_the_fleet_is_full() -> None:
    world = World("alpha", "beta", fleet=FleetSection(concurrency=1))
    world.file("1", "ready", project="alpha")

    assert world.look().scouts == ()


def test_focus_gets_every_second_start_and_the_others_take_turns() -> None:
    names = ("alpha", "beta", "gamma")
    world = World(*names, fleet=FleetSection(concurrency=1), settings={"beta": {"focus": True}})
    for name in names:
        for number in range(9):
            world.file(str(number), "ready", project=name)
    order = []
    for _ in range(8):
        (start,) = world.dispatch().starts
        order.append(start.project)
        world.pass_minutes(1)
        world.end(start.issue)

    assert order == ["beta", "alpha", "beta", "gamma", "beta", "alpha", "beta", "gamma"]


def test_a_second_look_at_the_same_decides_the_same_and_records_nothing() -> None:
    world = World("alpha", "beta", fleet=FleetSection(concurrency=2))
    for number in range(5):
        world.file(str(number), "ready", project="alpha")
    world.file("1", "backlog", project="beta")
    world.dispatch()
    world.dispatch()
    before = world.seq

    world.pass_minutes(1)
    world.dispatch()

    assert world.seq == before
