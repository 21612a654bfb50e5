"""What people say to the queue, and how it is shown."""

from __future__ import annotations

import pytest

from landingworld import World
from watchkeeper.landing.entering import (
    bounce,
    enter,
    find_entry,
    halt,
    hold,
    jump,
    jump_cost,
    next_revision,
    release,
    resume,
    withdraw,
)
from watchkeeper.landing.queue import Place
from watchkeeper.landing.view import view_queue
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Entry, EntryId


def entry(name: str, head: str = "1") -> Entry:
    return Entry(EntryId(name), ChangeId(name.rpartition("/")[0]), Sha(head * 40), title=f"work of {name}")


A, B, C = EntryId("a/1"), EntryId("b/1"), EntryId("c/1")


@pytest.fixture
def world() -> World:
    world = World()
    for name in (A, B, C):
        world.record(*enter(world.queue, entry(name)))
    return world


def test_a_revision_is_one_more_than_there_ever_was_of_the_change() -> None:
    known = [EntryId("fix/login/1"), EntryId("fix/login/12"), EntryId("other/40")]

    assert next_revision(ChangeId("fix/login"), known) == "fix/login/13"
    assert next_revision(ChangeId("new"), known) == "new/1"


def test_the_same_commit_is_not_queued_twice(world: World) -> None:
    assert enter(world.queue, entry("a/2")) == ()


def test_a_newer_revision_takes_the_place_of_the_older_one(world: World) -> None:
    world.record(*enter(world.queue, entry("a/2", "2")))

    assert world.queue.entries[A].place is Place.WITHDRAWN
    assert [each.entry.id for each in world.queue.waiting()] == ["b/1", "c/1", "a/2"]


def test_one_that_is_held_keeps_its_place(world: World) -> None:
    world.record(*hold(world.queue, A, "later", "ada"))
    assert [each.entry.id for each in world.queue.waiting()] == [B, C]

    world.record(*release(world.queue, A, "ada"))

    assert [each.entry.id for each in world.queue.waiting()] == [A, B, C]


def test_what_waits_for_a_person_from_the_start_is_held_with_its_reasons(world: World) -> None:
    world.record(*enter(world.queue, entry("d/1", "4"), waits=("it touches auth/login.py",)))

    row = next(row for row in view_queue(world.queue).rows if row.id == "d/1")
    assert (row.place, row.waits_for) == (Place.HELD, "a person: it touches auth/login.py")


def test_one_that_jumps_goes_first_and_is_told_what_that_costs(world: World) -> None:
    world.step()  # a run of everything that waits

    cost = jump_cost(world.queue, C)
    world.record(*jump(world.queue, C, "ada"))

    assert cost.behind == (A, B)
    assert world.queue.waiting()[0].entry.id == C
    assert jump(world.queue, C, "ada") == ()


def test_a_jump_that_is_in_the_run_already_costs_no_run(world: World) -> None:
    world.step()

    assert jump_cost(world.queue, C).runs == 0


def test_what_is_taken_out_or_sent_back_is_in_the_queue_no_more(world: World) -> None:
    world.record(*withdraw(world.queue, A, "not needed"), *bounce(world.queue, B, "wait for the schema"))

    assert [each.entry.id for each in world.queue.waiting()] == [C]
    with pytest.raises(UsageError) as raised:
        find_entry(world.queue, "a")
    assert raised.value.slug == "not-in-queue"
    assert "c/1" in raised.value.hint


def test_a_change_is_found_by_its_name_or_by_that_of_its_revision(world: World) -> None:
    assert find_entry(world.queue, "a") == find_entry(world.queue, "a/1") == A


def test_a_person_halts_and_resumes(world: World) -> None:
    world.record(*halt(world.queue, "the release is being cut"))
    world.step()
    assert view_queue(world.queue).halted == "the release is being cut"
    assert not world.running

    world.record(*resume(world.queue, "ada"))
    world.step()

    assert world.running
    assert resume(world.queue, "ada") == ()


def test_the_view_says_on_what_each_is_tested_and_what_it_waits_for(world: World) -> None:
    world.step()

    rows = view_queue(world.queue).rows

    assert [(row.position, row.id, row.on) for row in rows] == [(1, A, ()), (2, B, (A,)), (3, C, (A, B))]
    assert rows[0].waits_for == "its run together with b/1 and c/1"


def test_the_view_says_who_is_searched_in_quarantine(world: World) -> None:
    world.breaks("test_b", B)
    world.until(lambda: bool(world.queue.diagnoses))

    rows = {row.id: row for row in view_queue(world.queue).rows}

    assert rows[B].position == 0
    assert rows[B].waits_for == "who of 3 breaks test_b"
