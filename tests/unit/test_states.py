"""An engagement on two axes: each answer has a since, a why and a next step, and neither axis stands for the other."""

from __future__ import annotations

import pytest

from reviewworld import HOUR, World, sha
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.events import ChangeAppeared, CloseReason, ConflictClosed, WatchStarted, WatchStopped
from watchkeeper.model.fleet import Effect, EngagementId, EngagementNudged, Fault, Push, Stage
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.model.landing import Bounce, EntryBounced, EntryHeld, Halt, QueueHalted
from watchkeeper.model.probing import Outcome
from watchkeeper.review.states import Activity, Facet, Safety, activity_of, safety_of


def at_work() -> tuple[World, EngagementId]:
    world = World("shop")
    world.record("shop", WatchStarted("1", "main"))
    engagement = world.engage(world.issue("shop", "do it"), branch="a")
    world.record("shop", ChangeAppeared(Change(ChangeId("wt-a"), Source.WORKTREE, "wt-a", branch="a")))
    return world, engagement


def activity(world: World, engagement: EngagementId) -> Facet[Activity]:
    return activity_of(world.project("shop").fleet.engagements[engagement], world.now)


def safety(world: World, engagement: EngagementId) -> Facet[Safety]:
    project = world.project("shop")
    return safety_of(project.fleet.engagements[engagement], project)


@pytest.mark.parametrize("stage", list(Stage))
def test_each_stage_has_an_activity_with_all_that_a_reader_needs(stage: Stage) -> None:
    world, engagement = at_work()
    world.end("shop", engagement, stage, effect=Effect(sha("x"), 1, "2 passed"))
    found = activity(world, engagement)
    assert found.since > 0
    assert found.why
    assert found.next


@pytest.mark.parametrize(
    ("stage", "fault", "effect", "expected"),
    [
        (Stage.RUNNING, None, None, Activity.WORKING),
        (Stage.CHECKING, None, None, Activity.WORKING),
        (Stage.DONE, None, Effect(sha("x"), 1, "2 passed"), Activity.DONE),
        (Stage.DONE, None, Effect(reason="it works already"), Activity.DONE),
        (Stage.DONE, None, None, Activity.FAILED),
        (Stage.DONE, None, Effect(sha("x")), Activity.FAILED),
        (Stage.FAILED, Fault.NO_EFFECT, None, Activity.FAILED),
        (Stage.NEEDS_PERSON, None, None, Activity.WAITING),
    ],
)
def test_done_is_only_what_had_an_effect(
    stage: Stage, fault: Fault | None, effect: Effect | None, expected: Activity
) -> None:
    world, engagement = at_work()
    world.end("shop", engagement, stage, fault=fault, effect=effect)
    assert activity(world, engagement).value is expected


def test_who_was_spoken_to_or_waits_long_for_nothing_it_names_is_stuck() -> None:
    world, engagement = at_work()
    world.record("shop", EngagementNudged(engagement, Push.SPOKEN, "nothing was seen"))
    assert activity(world, engagement).value is Activity.STUCK
    world, engagement = at_work()
    world.end("shop", engagement, Stage.WAITING)
    assert activity(world, engagement).value is Activity.WAITING
    world.now = Millis(world.now + 3 * HOUR)
    assert activity(world, engagement).value is Activity.STUCK


def test_a_suspicion_is_a_risk_a_proof_a_conflict_and_what_is_over_neither() -> None:
    world, engagement = at_work()
    assert safety(world, engagement).value is Safety.CLEAR
    conflict = world.conflict("shop", "wt-a", "b")
    assert safety(world, engagement).value is Safety.AT_RISK
    world.prove("shop", conflict)
    found = safety(world, engagement)
    assert (found.value, found.next) == (Safety.CONFLICTING, "talk")
    world.record("shop", ConflictClosed(conflict, CloseReason.RESOLVED))
    assert safety(world, engagement).value is Safety.CLEAR


def test_what_a_run_cleared_and_what_concerns_others_is_no_risk() -> None:
    world, engagement = at_work()
    world.prove("shop", world.conflict("shop", "wt-a", "b"), Outcome.CLEARED)
    world.conflict("shop", "b", "c", Severity.BLOCKING)
    assert safety(world, engagement).value is not Safety.CONFLICTING


def test_held_returned_and_red_are_blocked() -> None:
    world, engagement = at_work()
    entry = world.queue("shop", "a")
    assert safety(world, engagement).value is Safety.CLEAR
    world.record("shop", EntryHeld(entry.id, "its risk is 80"))
    assert safety(world, engagement).next == "watchkeeper release a/1"
    world.record("shop", EntryBounced(entry.id, Bounce.ALONE, "test_pay fails"))
    assert "came back" in safety(world, engagement).why
    world, engagement = at_work()
    world.queue("shop", "a")
    world.record("shop", QueueHalted(Halt.RED, "test_pay fails on main"))
    assert safety(world, engagement).value is Safety.BLOCKED


def test_where_nobody_watches_nothing_is_clear_and_work_that_is_over_stays_as_it_was_seen() -> None:
    world, engagement = at_work()
    world.record("shop", WatchStopped())
    assert safety(world, engagement).value is Safety.UNKNOWN
    world.end("shop", engagement, Stage.DONE, effect=Effect(sha("x"), 1, "2 passed"))
    assert safety(world, engagement).value is Safety.CLEAR
