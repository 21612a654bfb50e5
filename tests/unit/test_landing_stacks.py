"""A stacked change that fails says on what it stands, and whether the failure is to be found there already."""

from __future__ import annotations

from landingworld import World
from watchkeeper.landing.entering import hold
from watchkeeper.landing.policy import Policy
from watchkeeper.model.landing import EntryId

LOWER, UPPER, OTHER = (EntryId(f"{name}/1") for name in ("lower", "upper", "other"))


def stacked(*broken: EntryId, held: bool = False, test: str = "t") -> World:
    """``upper`` has ``lower`` in it; each of these breaks a test by itself."""
    world = World(Policy(slots=1, batch=1))
    for each in broken:
        world.breaks(test, each)
    world.arrive(LOWER)
    if held:
        world.record(*hold(world.queue, LOWER, "later", "me"))
    world.arrive(UPPER, within=(LOWER,))
    world.settle()
    return world


def test_what_fails_in_the_branch_below_already_is_said_to_be_there() -> None:
    world = stacked(LOWER, UPPER)

    assert "lower/1 is in it, which came back for the same" in world.bounced[UPPER].reason
    assert "is in it" not in world.bounced[LOWER].reason


def test_where_the_branch_below_waits_it_is_asked_once_whether_it_fails_the_same() -> None:
    fails, passes = stacked(LOWER, UPPER, held=True), stacked(UPPER, held=True)

    assert "lower/1 is in it, and fails the same by itself" in fails.bounced[UPPER].reason
    assert "lower/1 is in it, and passes that by itself" in passes.bounced[UPPER].reason
    assert len([ask for ask in fails.asked if ask.candidate.entries == (LOWER,)]) == 1


def test_a_branch_below_that_came_back_for_something_else_is_said_to_have() -> None:
    world = World(Policy(slots=1, batch=1))
    world.breaks("t", LOWER)
    world.breaks("other", UPPER)
    world.arrive(LOWER)
    world.arrive(UPPER, within=(LOWER,))
    world.settle()

    assert "lower/1 is in it, which came back for something else" in world.bounced[UPPER].reason


def test_a_branch_below_that_landed_is_not_named() -> None:
    world = stacked(UPPER)

    assert world.main == (LOWER,)
    assert "is in it" not in world.bounced[UPPER].reason


def test_who_stands_on_nothing_is_said_to_stand_on_nothing() -> None:
    world = World()
    world.breaks("t", OTHER)
    world.arrive(OTHER)
    world.settle()

    assert "is in it" not in world.bounced[OTHER].reason
