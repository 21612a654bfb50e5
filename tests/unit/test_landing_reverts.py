"""Several sets that break the target branch in the same test: all are named, and each is taken out by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from landingworld import World
from watchkeeper.landing.audit import audit_landings
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.view import find_red
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import (
    Entry,
    EntryId,
    Halt,
    LandingIntended,
    RevertPrepared,
    SegmentQuarantined,
    SetConfirmed,
)

A, B, C, D = (EntryId(f"{name}/1") for name in "abcd")
R1, R2, OTHER = EntryId("revert-b/1"), EntryId("revert-d/1"), EntryId("other/1")


def picked(name: EntryId) -> Entry:
    return Entry(name, ChangeId(name.rpartition("/")[0]), Sha(name), is_picked=True)


def named(world: World) -> list[tuple[EntryId, ...]]:
    return [event.set.entries for event in world.events if isinstance(event, SetConfirmed)]


def pushed(slots: int, *, pairs: int = 2) -> World:
    """Somebody pushed four commits past the queue, of which two pairs (or one) fail the same test."""
    world = World(Policy(slots=slots))
    world.breaks("test_it", A, B)
    if pairs > 1:
        world.breaks("test_it", C, D)
    world.arrive(OTHER)
    world.settle()
    world.move_past((picked(A), picked(B), picked(C), picked(D)), (OTHER, A, B, C, D))
    world.settle()
    return world


def laned(slots: int) -> World:
    """Four entries landed in lanes, of which two pairs fail the same test."""
    world = World(Policy(slots=slots, lanes=True))
    world.breaks("test_it", A, B)
    world.breaks("test_it", C, D)
    for name in (A, B, C, D):
        world.arrive(name, reach=(f"{name}.py",), base=Sha("c0"))
    world.settle()
    return world


@pytest.mark.parametrize("slots", [1, 3])
def test_both_pairs_that_went_past_the_queue_are_named_though_they_fail_the_same_test(slots: int) -> None:
    world = pushed(slots)

    assert named(world) == [(A, B), (C, D)]
    assert world.queue.halted is not None
    assert world.queue.halted.why is Halt.RED


@pytest.mark.parametrize("slots", [1, 3])
def test_one_pair_is_named_alone(slots: int) -> None:
    assert named(pushed(slots, pairs=1)) == [(A, B)]


@pytest.mark.parametrize(("make", "slots"), [(pushed, 1), (pushed, 3), (laned, 2), (laned, 3), (laned, 4)])
@pytest.mark.parametrize("is_later_first", [False, True])
def test_the_revert_of_one_pair_lands_by_itself_and_then_that_of_the_other(
    make: Callable[[int], World], slots: int, *, is_later_first: bool
) -> None:
    world = make(slots)
    both = named(world)
    assert sorted(map(set, both), key=sorted) == [{A, B}, {C, D}]
    culprit, other = (each[-1] for each in (both[::-1] if is_later_first else both))
    first, second = R1, R2

    world.revert(first, culprit)
    world.settle()

    assert world.main[-1] == first
    intents = [event for event in world.events if isinstance(event, LandingIntended)]
    assert intents[-1].red == ("test_it",)
    assert named(world) == both  # nobody is named again, and nobody else

    world.revert(second, other)
    world.settle()

    assert world.main[-2:] == (first, second)
    assert not world.failing(world.main)
    assert world.queue.halted is None
    assert not world.queue.broken
    assert audit_landings(world.events).broken == ()


def test_of_several_sets_each_is_told_until_it_is_taken_out() -> None:
    world = pushed(2)
    world.record(RevertPrepared(B, Sha("c2"), Sha(R1)), RevertPrepared(D, Sha("c2"), Sha(R2)))
    red = find_red(world.queue, world.events)
    assert red is not None
    assert (red.entries, red.revert, red.also) == ((A, B), Sha(R1), ((C, D),))

    world.revert(R1, B)
    world.settle()

    left = find_red(world.queue, world.events)
    assert left is not None
    assert (left.entries, left.revert, left.also) == ((C, D), Sha(R2), ())

    world.revert(R2, D)
    world.settle()
    assert find_red(world.queue, world.events) is None


def test_after_the_first_revert_nothing_else_lands_on_the_red_branch() -> None:
    world = pushed(2)
    late = EntryId("late/1")
    world.revert(R1, B)
    world.arrive(late)
    world.settle()

    assert R1 in world.main
    assert late not in world.main


@pytest.mark.parametrize(("base", "is_searched"), [("c0", True), (None, False)])
def test_what_began_with_the_culprit_in_it_is_not_searched_without_it(base: str | None, *, is_searched: bool) -> None:
    world = World(Policy(slots=2, lanes=True))
    world.breaks("test_it", A, B)
    for name in (A, B):
        world.arrive(name, reach=(f"{name}.py",), base=Sha("c0"))
    world.settle()
    assert named(world) == [(A, B)]

    world.arrive(C, reach=("c.py",), base=Sha(base) if base else None)
    world.arrive(D, reach=("d.py",), base=Sha(base) if base else None)
    world.settle()

    searched = [event.entries for event in world.events if isinstance(event, SegmentQuarantined)]
    assert C in world.main
    assert any(C in each or D in each for each in searched) is is_searched
    assert named(world) == [(A, B)]


def test_a_revert_that_breaks_something_new_does_not_land() -> None:
    world = pushed(2)
    world.breaks("test_other", R1)
    world.revert(R1, B)
    world.settle()

    assert R1 not in world.main


def test_the_revert_of_the_only_pair_has_to_pass_everything() -> None:
    world = pushed(2, pairs=1)
    world.breaks("test_it", R1)
    world.revert(R1, B)
    world.settle()

    assert R1 not in world.main
    assert world.queue.halted is not None


def test_what_is_red_anew_after_a_revert_is_searched_without_what_was_taken_out() -> None:
    world = pushed(2)
    world.revert(R1, B)
    world.settle()
    e, f = EntryId("e/1"), EntryId("f/1")
    world.breaks("test_more", e, f)

    world.move_past((picked(e), picked(f)), (*world.main, e, f))
    world.settle()

    assert (A, B) not in named(world)[2:]
    assert (e, f) in named(world)
