"""The plan: what is tested, what lands, who goes back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landingworld import World
from watchkeeper.landing.policy import Policy, batch_size
from watchkeeper.landing.search import without_one
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import (
    Bounce,
    Entry,
    EntryId,
    EntryMoved,
    EntryQueued,
    LandingIntended,
    MonotonicityBroken,
    Purpose,
    QueueHalted,
    RunEnded,
    SetConfirmed,
    Verdict,
)

A, B, C, D = (EntryId(f"{name}/1") for name in "abcd")


def entries_asked(world: World) -> list[tuple[EntryId, ...]]:
    return [ask.candidate.entries for ask in world.asked]


def test_what_waits_is_tested_together_and_lands_together() -> None:
    world = World()
    world.arrive(A, B, C)

    world.settle()

    assert world.main == (A, B, C)
    assert entries_asked(world) == [(A, B, C)]


def test_with_many_slots_each_prefix_has_a_run_of_its_own() -> None:
    world = World(Policy(slots=3))
    world.arrive(A, B, C)

    world.step()

    assert [ask.candidate.entries for ask in world.running.values()] == [(A,), (A, B), (A, B, C)]


def test_the_longest_that_passes_lands_at_once_and_shorter_runs_end() -> None:
    world = World(Policy(slots=3))
    world.arrive(A, B, C)
    world.step()

    world.end(list(world.running)[2])
    world.step()

    assert world.main == (A, B, C)
    assert not world.running


def test_what_a_run_of_an_older_tip_says_still_counts_for_the_rest() -> None:
    world = World(Policy(slots=2))
    world.arrive(A, B)
    world.step()
    world.end()
    world.step()
    assert world.main == (A,)

    world.end()
    world.step()

    assert world.main == (A, B)
    assert len(world.asked) == 2


def test_the_culprit_goes_back_and_the_innocent_land() -> None:
    world = World()
    world.arrive(A, B, C)
    world.breaks("test_b", B)

    world.settle()

    assert world.main == (A, C)
    assert world.bounced[B].why is Bounce.ALONE
    assert set(world.bounced) == {B}


@pytest.mark.parametrize("members", [(A, C), (B, D), (A, B, D)])
def test_a_minimal_set_is_named_and_its_last_member_goes_back(members: tuple[EntryId, ...]) -> None:
    world = World()
    world.arrive(A, B, C, D)
    world.breaks("test_it", *members)

    world.settle()

    bounced = world.bounced
    assert list(bounced) == [members[-1]]
    assert bounced[members[-1]].partners == members[:-1]
    assert set(world.main) == {A, B, C, D} - {members[-1]}


def test_a_partner_that_landed_before_is_named_too() -> None:
    world = World()
    world.breaks("test_it", A, C)
    base = world.queue.tip
    world.arrive(A, B)
    world.settle()

    world.record(EntryQueued(Entry(C, ChangeId("c"), Sha(C), base)))
    world.settle()

    assert world.bounced[C].partners == (A,)
    confirmed = next(event.set for event in world.events if isinstance(event, SetConfirmed))
    assert confirmed.landed == (A,)


def test_one_that_saw_the_other_before_it_began_breaks_alone() -> None:
    world = World()
    world.breaks("test_it", A, C)
    world.arrive(A)
    world.settle()

    world.arrive(C)
    world.settle()

    assert world.bounced[C].why is Bounce.ALONE


@pytest.mark.parametrize("times", [1, 2])
def test_a_test_that_fails_now_and_then_sends_nobody_back(times: int) -> None:
    world = World()
    world.arrive(A, B)
    world.fails_once("test_flaky", times)

    world.settle()

    assert world.main == (A, B)
    assert world.bounced == {}


def test_what_fails_on_the_branch_itself_sends_nobody_back_but_stops_landing() -> None:
    world = World()
    world.breaks("test_old")  # with nothing at all
    world.arrive(A)

    world.settle()

    assert world.bounced == {}
    assert isinstance(world.queue.halted, QueueHalted)
    assert "test_old" in world.queue.halted.reason


def test_where_the_world_has_changed_nobody_is_sent_back() -> None:
    world = World()
    world.arrive(A)
    world.settle()
    world.breaks("test_of_today")  # it passed on this very branch, and fails everywhere from now on

    world.arrive(B)
    world.settle()

    assert world.bounced == {}
    assert world.queue.halted is not None
    assert "test_of_today" in world.queue.halted.reason


def test_who_clashes_with_one_ahead_waits_and_goes_back_once_that_has_landed() -> None:
    world = World()
    world.clashes(A, B)
    world.arrive(A, B, C)

    world.step()
    assert [ask.candidate.entries for ask in world.running.values()] == [(A, C)]
    world.settle()

    assert world.main == (A, C)
    assert world.bounced[B].why is Bounce.CLASH


def test_two_that_a_probe_proved_to_be_wrong_together_are_never_run_together() -> None:
    world = World()
    world.breaks("test_it", A, B)
    base = world.queue.tip
    world.arrive(A)
    world.record(EntryQueued(Entry(B, ChangeId("b"), Sha(B), base, apart=(A,))))
    world.arrive(C)

    world.settle()

    assert world.main == (A, C)
    assert world.bounced[B].partners == (A,)
    line = [ask.candidate.entries for ask in world.asked if ask.purpose is Purpose.LAND]
    assert not any({A, B} <= set(entries) for entries in line)


def test_who_clashes_with_one_that_goes_back_lands() -> None:
    world = World()
    world.clashes(A, B)
    world.breaks("test_a", A)
    world.arrive(A, B)

    world.settle()

    assert world.main == (B,)
    assert set(world.bounced) == {A}


def test_one_that_jumps_ends_runs_without_it_and_lands_first() -> None:
    world = World()
    world.arrive(A, B)
    world.step()
    world.arrive(C)

    world.record(EntryMoved(C, 1))
    world.step()

    assert [ask.candidate.entries[0] for ask in world.running.values()] == [C]


def test_a_deeper_cut_that_passes_lands_although_a_shorter_one_fails_and_that_is_recorded() -> None:
    world = World(Policy(slots=2))
    world.arrive(A, B)
    world.step()
    one, two = world.running
    world.running.pop(one)
    world.record(RunEnded(one, Verdict.FAILED, ("test_a",)))
    world.step()  # it is asked again
    again = next(run for run, each in world.running.items() if each.purpose is Purpose.AGAIN)
    world.running.pop(again)
    world.record(RunEnded(again, Verdict.FAILED, ("test_a",)))
    world.end(two)

    world.step()

    assert world.main == (A, B)
    assert any(isinstance(event, MonotonicityBroken) for event in world.events)


def test_what_cannot_be_run_at_all_halts_and_sends_nobody_back() -> None:
    world = World()
    world.arrive(A)
    for _ in range(6):
        world.step()
        if not world.running:
            break
        run = next(iter(world.running))
        world.running.pop(run)
        world.record(RunEnded(run, Verdict.COULD_NOT_RUN, reason="no space left"))

    assert world.queue.halted is not None
    assert world.bounced == {}


def test_what_came_past_the_queue_is_run_and_its_culprit_found() -> None:
    world = World()
    world.arrive(A)
    world.settle()
    adopted = [Entry(EntryId(f"past-{name}/1"), world.queue.entries[A].entry.change, Sha(name)) for name in "xy"]
    world.breaks("test_it", adopted[0].id, adopted[1].id)
    content = (*world.main, *(each.id for each in adopted))
    world.move_past(tuple(adopted), content)

    world.settle()

    confirmed = next(event.set for event in world.events if isinstance(event, SetConfirmed))
    assert confirmed.entries == (adopted[0].id, adopted[1].id)
    assert world.queue.halted is not None
    assert world.bounced == {}


def test_a_batch_is_the_smaller_the_more_often_entries_go_back() -> None:
    sizes = [batch_size(rate, Policy()) for rate in (0.0, 0.01, 0.05, 0.25, 1.0)]

    assert sizes == [16, 16, 16, 8, 2]
    assert batch_size(0.5, Policy(batch=7)) == 7


NAMES = tuple(EntryId(f"e{number}/1") for number in range(8))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sets(st.sampled_from(NAMES), min_size=1, max_size=3), max_size=4),
    st.lists(st.sets(st.sampled_from(NAMES), min_size=2, max_size=2), max_size=2),
    st.integers(1, 4),
    st.integers(0, 2**32),
)
def test_whatever_breaks_whatever_main_is_never_red_and_everybody_is_decided_once(
    broken: list[set[EntryId]], clashing: list[set[EntryId]], slots: int, seed: int
) -> None:
    random = Random(seed)
    world = World(Policy(slots=slots))
    for number, entries in enumerate(broken):
        world.breaks(f"test_{number}", *entries)
    for pair in clashing:
        world.clashes(*pair)
    left = list(NAMES)
    while left or world.running:
        if left and random.random() < 0.5:
            world.arrive(left.pop(0))
        world.step()
        assert not world.failing(world.main)
        if world.running:
            world.end(random.choice(sorted(world.running)))
            world.step()
        elif not left:
            break
    landed = [entry for entries in world.landings for entry in entries]
    assert len(landed) == len(set(landed))
    assert set(landed) | set(world.bounced) == set(NAMES)
    for event in world.events:
        if isinstance(event, SetConfirmed) and len(event.set.entries) > 1:
            below = world.content(event.set.onto)
            assert world.failing((*below, *event.set.entries)) >= set(event.set.tests)
            for part in without_one(event.set.entries):
                assert not world.failing((*below, *part)) & set(event.set.tests)


def test_lanes_that_have_nothing_in_common_are_tested_beside_each_other_and_the_sum_afterwards() -> None:
    world = World(Policy(slots=2, lanes=True))
    world.arrive(A, reach=("a.py",))
    world.arrive(B, reach=("b.py",))

    world.step()
    assert [ask.candidate.entries for ask in world.running.values()] == [(A,), (B,)]
    world.end()
    world.step()
    world.end(next(run for run, ask in world.running.items() if ask.candidate.entries == (B,)))
    world.step()

    assert world.main == (A, B)
    assert [event.is_lane for event in world.events if isinstance(event, LandingIntended)] == [False, True]
    assert [ask.purpose for ask in world.running.values()] == [Purpose.HEAD]
    world.settle()
    assert world.queue.halted is None


def test_entries_with_a_file_in_common_are_one_lane() -> None:
    world = World(Policy(slots=2, lanes=True))
    world.arrive(A, reach=("a.py", "shared.py"))
    world.arrive(B, reach=("b.py", "shared.py"))

    world.step()

    assert [ask.candidate.entries for ask in world.running.values()] == [(A,), (A, B)]


def test_one_that_may_touch_anything_shares_a_lane_with_all() -> None:
    world = World(Policy(slots=2, lanes=True))
    world.arrive(A, reach=("a.py",))
    world.arrive(B)

    world.step()

    assert [ask.candidate.entries for ask in world.running.values()] == [(A,), (A, B)]


def test_a_flaky_test_of_a_lane_beside_which_another_landed_meanwhile_holds_nobody_up() -> None:
    world = World(Policy(slots=2, lanes=True))
    world.arrive(A, reach=("a.py",))
    world.step()
    world.arrive(B, reach=("b.py",))
    world.step()
    world.end()
    world.fails_once("flaky", 2)  # its run on the older commit, and the second one of what failed
    world.until(lambda: not world.running)

    assert world.main == (A, B)
    assert not world.bounced
    assert not world.queue.diagnoses


def test_what_was_taken_for_disjoint_and_is_not_is_found_on_the_sum() -> None:
    world = World(Policy(slots=2, lanes=True))
    world.breaks("test_it", A, B)
    world.arrive(A, reach=("a.py",))
    world.arrive(B, reach=("b.py",))

    world.settle()

    assert world.queue.halted is None
    assert [event.set.entries for event in world.events if isinstance(event, SetConfirmed)] == [(A, B)]
    assert [each.entries for each in world.queue.broken] == [(A, B)]
    assert not world.bounced

    world.arrive(C, reach=("c.py",))
    world.arrive(D, reach=("a.py",))
    world.settle()
    assert world.main == (A, B, C)  # who has nothing to do with it goes on, who has waits


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_with_lanes_main_stays_green_where_only_those_break_each_other_that_have_a_file_in_common(
    seed: int, slots: int
) -> None:
    random = Random(seed)
    world = World(Policy(slots=slots, lanes=True))
    reach = {name: tuple(random.sample("abcdef", random.randint(1, 2))) for name in NAMES}
    for number in range(3):
        file = random.choice("abcdef")
        those = [name for name in NAMES if file in reach[name]]
        if those:
            world.breaks(f"test_{number}", *random.sample(those, random.randint(1, min(3, len(those)))))
    left = list(NAMES)
    while left or world.running:
        if left and random.random() < 0.5:
            name = left.pop(0)
            world.arrive(name, reach=reach[name])
        world.step()
        assert not world.failing(world.main)
        if world.running:
            world.end(random.choice(sorted(world.running)))
            world.step()
    landed = [entry for entries in world.landings for entry in entries]
    assert len(landed) == len(set(landed))
    assert set(landed) | set(world.bounced) == set(NAMES)


def test_what_changes_the_settings_is_run_by_itself_and_nothing_behind_it_before_it_landed() -> None:
    world = World(Policy(slots=3))
    world.arrive(A)
    world.record(EntryQueued(Entry(B, ChangeId("b"), Sha(B), world.queue.tip, paths=("watchkeeper.toml",))))
    world.arrive(C)

    world.step()

    assert [ask.candidate.entries for ask in world.running.values()] == [(A,)]
    world.settle()
    assert world.landings == [(A,), (B,), (C,)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.booleans())
def test_whatever_lanes_break_together_only_those_stop_and_every_landing_passed_but_for_what_they_break(
    seed: int, slots: int, has_pair: bool
) -> None:
    random = Random(seed)
    world = World(Policy(slots=slots, lanes=True))
    pair = random.sample(NAMES, 2)
    if has_pair:
        world.breaks("test_sum", *pair)
    left = list(NAMES)
    while left or world.running:
        if left and random.random() < 0.5:
            name = left.pop(0)
            world.arrive(name, reach=(name,), base=Sha("c0"))
        world.step()
        assert world.failing(world.main) <= {"test_sum"}
        if world.running:
            world.end(random.choice(sorted(world.running)))
            world.step()
    landed = {entry for entries in world.landings for entry in entries}
    assert set(NAMES) - set(pair) <= landed  # no innocent waits, or goes back
    assert world.queue.halted is None
    named = [set(event.set.entries) for event in world.events if isinstance(event, SetConfirmed)]
    assert named == ([set(pair)] if has_pair else [])
    assert set(world.bounced) == set(NAMES) - landed
    assert bool(world.queue.broken) == bool(world.failing(world.main))


def test_a_repair_of_broken_lanes_goes_first_and_lets_go_who_waited_for_it() -> None:
    world = World(Policy(slots=2, lanes=True))
    world.breaks("test_it", A, B)
    world.arrive(A, reach=("a.py",))
    world.arrive(B, reach=("b.py",))
    world.settle()
    world.arrive(D, reach=("a.py",))
    world.settle()
    assert D not in world.main

    world.heals("test_it", C)
    world.arrive(C, reach=("b.py",), priority=1)
    world.settle()

    assert world.main == (A, B, C, D)
    assert not world.queue.broken


def test_a_landing_that_repairs_nothing_is_not_landed_and_keeps_nobody_else_from_it() -> None:
    world = World(Policy(slots=2, lanes=True))
    world.breaks("test_it", A, B)
    world.arrive(A, reach=("a.py",))
    world.arrive(B, reach=("b.py",))
    world.settle()

    world.arrive(C, reach=("b.py",), priority=1)
    world.arrive(D, reach=("d.py",))
    world.settle()

    assert world.main == (A, B, D)
