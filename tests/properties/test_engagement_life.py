"""The life of an engagement: whatever is seen of it, in whatever order, it comes to a reasoned end that stays."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.engagements.life import (
    Agent,
    Do,
    Holder,
    Rules,
    Seen,
    Step,
    Told,
    Work,
    come_back,
    decide,
    over_budget,
)
from watchkeeper.engagements.ports import Checked, Outcome
from watchkeeper.model.agents import Channel, NoticeId
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import (
    OVER,
    RESOLVES_ISSUE,
    Budget,
    Effect,
    Engagement,
    EngagementHeard,
    EngagementId,
    EngagementMoved,
    EngagementNudged,
    EngagementSealed,
    EngagementWarned,
    Fault,
    IssueId,
    Push,
    Seal,
    Spend,
    Stage,
)
from watchkeeper.model.fleet_state import EngagementStanding, fold_fleet
from watchkeeper.model.ids import Millis, ProjectId, Seq, Sha

ME = "here:1:1.00"
IDENTITY = EngagementId("e-00000001")
A, B = Sha("a" * 40), Sha("b" * 40)
RULES = Rules()
BUDGET = Budget(money=5.0, tokens=1_000, minutes=60.0)
NOTICE = NoticeId("n-00000001")
TEXTS = st.sampled_from(["", "why"])
WORKS = st.builds(
    Work,
    snapshot=st.sampled_from([None, A, B]),
    head=st.sampled_from([A, B]),
    tree=st.just(A),
    files=st.integers(0, 3),
    is_committed=st.booleans(),
    is_rewritten=st.booleans(),
    is_lost=st.booleans(),
    why=TEXTS,
)
SEEN = st.builds(
    Seen,
    me=st.just(ME),
    holder=st.sampled_from(Holder),
    is_swept=st.booleans(),
    prepared=st.sampled_from([None, "", "no setup"]),
    hold=TEXTS,
    agent=st.sampled_from(Agent),
    refused=TEXTS,
    session=st.sampled_from(["", "s"]),
    quiet_s=st.sampled_from([0.0, 70.0, 700.0]),
    unpinned_s=st.sampled_from([0.0, 1_000.0]),
    is_changed=st.booleans(),
    is_pinned=st.booleans(),
    work=st.none() | WORKS,
    escaped=TEXTS,
    spend=st.builds(Spend, st.sampled_from([0.0, 9.0]), st.sampled_from([0, 2_000]), st.sampled_from([0.0, 90.0])),
    nothing=TEXTS,
    tested=st.none() | st.builds(Checked, st.sampled_from(Outcome), TEXTS),
    submitted=st.sampled_from([None, "x/1"]),
    trouble=TEXTS,
    stop=TEXTS,
    heard=st.sampled_from([(), ((NOTICE, Channel.STEER),)]),
    is_deaf=st.booleans(),
)


def sealed(budget: Budget = BUDGET) -> list[Recorded]:
    seal = Seal(B, (), budget, "d")
    return recorded([EngagementSealed(Engagement(IDENTITY, RESOLVES_ISSUE, IssueId("shop#1"), "codex", seal))])


def recorded(events: Sequence[object], after: int = 0) -> list[Recorded]:
    return [Recorded(Seq(after + n + 1), Millis(n), ProjectId("p"), each) for n, each in enumerate(events)]  # type: ignore[arg-type]


def standing_after(told: Sequence[object], budget: Budget = BUDGET) -> EngagementStanding:
    begun = sealed(budget)
    return fold_fleet([*begun, *recorded(told, 1)]).engagements[IDENTITY]


def at(stage: Stage, **other: object) -> EngagementStanding:
    """One that I drive."""
    begun = standing_after([EngagementMoved(IDENTITY, stage, "so", by=ME)])
    return msgspec.structs.replace(begun, **other)


def mine(**other: object) -> Seen:
    return Seen(**{"me": ME, "holder": Holder.MINE, "prepared": "", **other})  # type: ignore[arg-type]


def told_stage(step: Step) -> tuple[Stage, Fault | None] | None:
    moved = [each for each in step.tell if isinstance(each, EngagementMoved)]
    return (moved[-1].stage, moved[-1].fault) if moved else None


class World:
    """Performs what is decided, and lets the agent and the tests behave as they are told to."""

    def __init__(self, days: Sequence[Seen]) -> None:
        self.told: list[Told] = []
        self.days = list(days)
        self.starts = 0
        self.ending: EngagementMoved | None = None

    def run(self) -> EngagementStanding:
        for seen in self.days:
            standing = standing_after(self.told)
            step = decide(standing, msgspec.structs.replace(seen, ending=self.ending), RULES)
            self.starts += Do.START in step.do
            self.ending = step.ending
            self.told += step.tell
        return standing_after(self.told)


@given(st.lists(SEEN, max_size=30))
@settings(max_examples=300)
def test_whatever_is_seen_what_is_over_stays_over_and_every_stage_has_a_reason(days: list[Seen]) -> None:
    world = World(days)
    world.run()

    stages = [each.stage for each in world.told if isinstance(each, EngagementMoved)]
    assert not any(stage in OVER for stage in stages[:-1])
    assert all(each.reason for each in world.told if isinstance(each, EngagementMoved))
    assert all(each.fault for each in world.told if isinstance(each, EngagementMoved) and each.stage is Stage.FAILED)


@given(st.lists(SEEN, max_size=40))
@settings(max_examples=300)
def test_it_is_started_again_only_so_often(days: list[Seen]) -> None:
    standing = World(days).run()

    assert standing.restarts <= RULES.restarts
    assert standing.repairs <= RULES.repairs


@given(st.sampled_from(Stage), SEEN)
@settings(max_examples=500)
def test_done_only_with_an_effect_and_a_change_only_with_its_tests(stage: Stage, seen: Seen) -> None:
    step = decide(at(stage), seen, RULES)

    for each in step.tell:
        if isinstance(each, EngagementMoved) and each.stage is Stage.DONE:
            assert each.effect is not None
            assert bool(each.effect.change) != bool(each.effect.reason)
            if each.effect.change:
                assert seen.tested is not None
                assert seen.tested.outcome in (Outcome.PASSED, Outcome.NO_TESTS)
                assert seen.submitted


@given(st.sampled_from(Stage), SEEN)
@settings(max_examples=500)
def test_it_is_over_only_when_no_agent_works_and_its_work_is_pinned(stage: Stage, seen: Seen) -> None:
    step = decide(at(stage), seen, RULES)

    if any(isinstance(each, EngagementMoved) and each.stage in OVER for each in step.tell):
        assert seen.agent is Agent.ABSENT
        assert seen.is_pinned or stage is Stage.QUEUED
        assert seen.is_swept


@given(st.sampled_from(Stage), SEEN)
@settings(max_examples=500)
def test_whose_driver_lives_is_left_alone(stage: Stage, seen: Seen) -> None:
    step = decide(at(stage), msgspec.structs.replace(seen, holder=Holder.OTHER), RULES)

    assert (step.do, step.tell) == ((), ())
    assert step.why


@given(st.sampled_from([Stage.RUNNING, Stage.CHECKING, Stage.WAITING, Stage.PREPARING]), SEEN)
@settings(max_examples=500)
def test_over_budget_no_agent_is_started_and_one_at_work_is_stopped(stage: Stage, seen: Seen) -> None:
    seen = msgspec.structs.replace(seen, holder=Holder.MINE, is_swept=True, spend=Spend(minutes=61.0), stop="")

    step = decide(at(stage, spend=Spend(minutes=61.0)), seen, RULES)

    assert Do.START not in step.do
    if seen.agent is not Agent.ABSENT and not step.tell:
        assert step.do == (Do.STOP,)


@given(st.sampled_from(Stage), SEEN)
def test_the_same_seen_twice_is_decided_alike(stage: Stage, seen: Seen) -> None:
    assert decide(at(stage), seen, RULES) == decide(at(stage), seen, RULES)


def test_a_queued_one_is_claimed_then_prepared_then_started() -> None:
    claimed = decide(standing_after([]), Seen(me=ME), RULES)

    assert told_stage(claimed) == (Stage.PREPARING, None)
    assert decide(at(Stage.PREPARING), mine(prepared=None), RULES).do == (Do.PREPARE,)
    assert told_stage(decide(at(Stage.PREPARING), mine(), RULES)) == (Stage.RUNNING, None)
    assert decide(at(Stage.RUNNING), mine(), RULES).do == (Do.START,)


def test_what_an_agent_does_quietly_for_a_while_is_no_reason_to_speak_to_it() -> None:
    step = decide(at(Stage.RUNNING), mine(agent=Agent.WORKING, quiet_s=RULES.stuck_s - 1), RULES)

    assert (step.do, step.tell) == ((), ())


def test_who_is_stuck_is_spoken_to_then_started_anew_then_needs_a_person() -> None:
    stuck = mine(agent=Agent.WORKING, quiet_s=RULES.stuck_s)

    first = decide(at(Stage.RUNNING), stuck, RULES)
    second = decide(at(Stage.RUNNING, spoken=1), stuck, RULES)
    third = decide(at(Stage.RUNNING, spoken=1, restarts=1), stuck, RULES)

    assert (first.do, first.tell[0].what) == ((Do.NUDGE,), Push.SPOKEN)  # type: ignore[union-attr]
    assert (second.do, second.tell[0].what) == ((Do.STOP, Do.SNAP), Push.RESTARTED)  # type: ignore[union-attr]
    assert third.do == (Do.STOP,)
    assert third.ending is not None
    assert (third.ending.stage, third.ending.fault) == (Stage.NEEDS_PERSON, Fault.HUNG)


def test_a_change_that_is_in_no_commit_yet_is_committed_then_tested_then_handed_in() -> None:
    checking, work = at(Stage.CHECKING, snapshot=A), Work(A, B, A, 1)
    passed = Checked(Outcome.PASSED, "3 tests pass")
    committed = msgspec.structs.replace(work, is_committed=True)

    assert decide(checking, mine(is_pinned=True, work=work), RULES).do == (Do.COMMIT,)
    assert decide(checking, mine(is_pinned=True, work=committed), RULES).do == (Do.TEST,)
    assert decide(checking, mine(is_pinned=True, work=committed, tested=passed), RULES).do == (Do.SUBMIT,)
    done = decide(checking, mine(is_pinned=True, work=committed, tested=passed, submitted="x/1"), RULES)
    assert told_stage(done) == (Stage.DONE, None)
    assert done.tell[-1].effect == Effect(B, 1, "3 tests pass")  # type: ignore[union-attr]


def test_no_change_and_no_reason_is_a_failure_and_with_a_reason_it_is_none() -> None:
    checking, work = at(Stage.CHECKING, snapshot=A), Work(A, B, A, 0)

    without = decide(checking, mine(is_pinned=True, work=work), RULES)
    with_reason = decide(checking, mine(is_pinned=True, work=work, nothing="it is done"), RULES)

    assert told_stage(without) == (Stage.FAILED, Fault.NO_EFFECT)
    assert told_stage(with_reason) == (Stage.DONE, None)


def test_what_is_left_out_of_a_change_is_said_with_it() -> None:
    work = Work(A, B, A, 1, is_committed=True, left_out=("big.bin: larger than 100 MB",))
    seen = mine(is_pinned=True, work=work, tested=Checked(Outcome.NO_TESTS), submitted="x/1")

    (moved,) = decide(at(Stage.CHECKING, snapshot=A), seen, RULES).tell

    assert "without big.bin: larger than 100 MB" in moved.reason  # type: ignore[union-attr]
    assert "no test command" in moved.reason  # type: ignore[union-attr]


def test_only_a_change_that_is_done_comes_back_and_only_so_often() -> None:
    done = at(Stage.DONE, effect=Effect(change=A))

    (back,) = come_back(done, "It clashes", RULES)

    assert isinstance(back, EngagementMoved)
    assert (back.stage, back.notice) == (Stage.RUNNING, "It clashes")
    (person,) = come_back(msgspec.structs.replace(done, returns=RULES.returns), "It clashes", RULES)
    assert isinstance(person, EngagementMoved)
    assert person.stage is Stage.NEEDS_PERSON
    assert come_back(at(Stage.DONE, effect=Effect(reason="nothing")), "x", RULES) == ()
    assert come_back(at(Stage.FAILED), "x", RULES) == ()


def test_a_budget_that_is_not_set_bounds_nothing() -> None:
    assert over_budget(Spend(1e6, 10**9, 1e6), Budget()) == ""
    assert "money" in over_budget(Spend(5.0), BUDGET)
    assert "tokens" in over_budget(Spend(tokens=1_000), BUDGET)
    assert "minutes" in over_budget(Spend(minutes=60.0), BUDGET)
    assert over_budget(Spend(4.99, 999, 59.9), BUDGET) == ""


def test_what_is_spent_is_not_recorded_for_each_penny_but_at_the_end_to_the_last() -> None:
    little = mine(agent=Agent.WORKING, spend=Spend(0.01, 10, 0.2))

    assert decide(at(Stage.RUNNING), little, RULES).tell == ()
    ended = mine(is_pinned=True, work=Work(files=0), spend=Spend(0.01, 10, 0.2))
    kinds = [type(each).__name__ for each in decide(at(Stage.CHECKING), ended, RULES).tell]
    assert kinds == ["EngagementSpent", "EngagementMoved"]


def test_the_record_tells_how_often_it_was_pushed_repaired_and_sent_back() -> None:
    def moved(stage: Stage, **other: str) -> EngagementMoved:
        return EngagementMoved(IDENTITY, stage, "so", **other)  # type: ignore[arg-type]

    def pushed(what: Push) -> EngagementNudged:
        return EngagementNudged(IDENTITY, what, "so")

    told = [moved(Stage.RUNNING, session="s1"), pushed(Push.SPOKEN)]
    spoken = standing_after(told)
    told += [pushed(Push.RESTARTED)]
    restarted = standing_after(told)
    told += [moved(Stage.CHECKING), moved(Stage.RUNNING, notice="fails"), pushed(Push.TAKEN), moved(Stage.CHECKING)]
    told += [moved(Stage.RUNNING), moved(Stage.DONE), moved(Stage.RUNNING, notice="clashes"), moved(Stage.RUNNING)]
    last = standing_after(told)

    assert (spoken.spoken, spoken.session) == (1, "s1")
    assert (restarted.spoken, restarted.restarts, restarted.session) == (0, 1, "")
    assert (last.repairs, last.returns, last.takeovers, last.restarts, last.nudges) == (1, 1, 1, 1, 3)
    assert last.notice == "clashes"


def test_what_another_host_has_to_say_is_told_within_the_turn_or_after_it_and_once() -> None:
    warned = [EngagementMoved(IDENTITY, Stage.RUNNING, "so", by=ME), EngagementWarned(IDENTITY, NOTICE, "you clash")]
    told = standing_after(warned)
    deaf = mine(agent=Agent.WORKING, is_deaf=True)

    assert decide(told, mine(agent=Agent.WORKING), RULES).do == (Do.WARN,)
    assert decide(told, deaf, RULES).do == ()
    assert decide(told, msgspec.structs.replace(deaf, agent=Agent.IDLE), RULES).do == (Do.WARN,)
    heard = decide(told, mine(agent=Agent.WORKING, heard=((NOTICE, Channel.STEER),)), RULES).tell
    assert heard == (EngagementHeard(IDENTITY, NOTICE, Channel.STEER),)
    after = standing_after([*warned, *heard, EngagementWarned(IDENTITY, NOTICE, "you clash")])
    assert after.untold == {}
    assert decide(after, mine(agent=Agent.WORKING), RULES).do == ()


def test_what_is_over_before_it_was_told_is_told_to_nobody() -> None:
    over = [EngagementWarned(IDENTITY, NOTICE, "you clash"), EngagementHeard(IDENTITY, NOTICE)]

    told = standing_after([EngagementMoved(IDENTITY, Stage.RUNNING, "so", by=ME), *over])

    assert decide(told, mine(agent=Agent.WORKING), RULES).do == ()
