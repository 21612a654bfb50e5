"""Hosts take part by the record alone: the same on either engine, and in the memory that the properties hold on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hostworld import TIMING, World, memory_world, view_now
from watchkeeper.durable.membership import BEATS, Membership
from watchkeeper.model.events import Recorded
from watchkeeper.model.hosts import FLEET, HOST_KINDS, HostJoined, HostLeft, HostLost, LeaderChosen, fold_hosts
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_file_store, open_url_store


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]),
    ]
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        yield memory_world()
        return
    is_file = request.param == "sqlite"
    store = open_file_store(tmp_path) if is_file else open_url_store(request.getfixturevalue("new_database"))
    with Log(store) as log:
        yield World(log, log.shelf(FLEET, BEATS))


def pass_time(world: World, *beating: Membership, ms: int) -> None:
    """So long, in which these beat each second."""
    for _ in range(ms // TIMING.beat_ms):
        world.time += TIMING.beat_ms
        for each in beating:
            each.beat()


def told(world: World) -> list[Recorded]:
    return list(world.facts.read(FLEET, kinds=HOST_KINDS))


def test_the_first_leads_and_who_comes_later_follows(world: World) -> None:
    first, second = world.member("a/1"), world.member("b/1", offset=-5_000_000, pace=1.05)

    one, other = first.join(), second.join()

    assert (one.leads, one.term, one.leader) == (True, 1, "a/1")
    assert (other.leads, other.leader, other.live) == (False, "a/1", {"a/1", "b/1"})
    assert first.may_act()
    assert second.may_act()


def test_a_leader_that_stands_still_is_lost_and_its_work_free_when_it_must_know(world: World) -> None:
    first, second = world.member("a/1"), world.member("b/1", offset=9_999)
    first.join()
    second.join()

    pass_time(world, second, ms=TIMING.lost_after_ms - TIMING.beat_ms)
    assert second.beat().leader == "a/1", "not before the time is up"
    pass_time(world, second, ms=2 * TIMING.beat_ms)
    taken_over = second.beat()
    assert (taken_over.leader, taken_over.term, taken_over.leads) == ("b/1", 2, False)
    assert taken_over.gone == set()

    pass_time(world, second, ms=2 * TIMING.lease_ms)
    assert second.beat().leads
    assert second.beat().gone == {"a/1"}


def test_a_host_that_was_declared_lost_notices_when_it_comes_back_and_never_acts_again(world: World) -> None:
    first, second = world.member("a/1"), world.member("b/1")
    first.join()
    second.join()
    pass_time(world, second, ms=TIMING.lost_after_ms + TIMING.beat_ms)

    assert not first.may_act(), "its own clock tells it before anybody does"
    assert not first.is_fenced
    back = first.beat()

    assert first.is_fenced
    assert not back.is_member
    assert not first.may_act()
    assert not first.beat().is_member
    assert [type(each.event) for each in told(world)].count(HostJoined) == 2


def test_a_host_that_was_slow_but_not_too_slow_goes_on(world: World) -> None:
    first, second = world.member("a/1"), world.member("b/1")
    first.join()
    second.join()
    pass_time(world, second, ms=TIMING.lease_ms + TIMING.beat_ms)
    assert not first.may_act()

    assert first.beat().is_member
    assert first.may_act()
    assert second.beat().live == {"a/1", "b/1"}


def test_when_nobody_could_look_for_long_nobody_is_lost(world: World) -> None:
    """As after a restart of the database server: the first who is back does not know that others stood still."""
    hosts = [world.member(f"{name}/1") for name in "abc"]
    for each in hosts:
        each.join()
    pass_time(world, *hosts, ms=3_000)
    world.time += 10 * TIMING.lost_after_ms
    assert not any(each.may_act() for each in hosts)

    for each in (hosts[2], hosts[1], hosts[0]):
        each.beat()
        world.time += TIMING.beat_ms

    assert all(each.may_act() for each in hosts)
    assert hosts[0].beat().live == {"a/1", "b/1", "c/1"}
    pass_time(world, *hosts[1:], ms=2 * TIMING.lost_after_ms)
    assert hosts[1].beat().live == {"b/1", "c/1"}, "who then stands still is lost as ever"


def test_a_run_of_before_on_this_machine_is_lost_at_once_when_its_process_is_gone(world: World) -> None:
    world.member("a/1").join()
    world.dead.add(world.member("a/1").me.token)

    again = world.member("a/2").join()

    assert (again.leads, again.term) == (True, 2)
    assert again.gone == {"a/1"}


def test_a_run_of_before_that_still_exists_keeps_its_part(world: World) -> None:
    world.member("a/1").join()

    again = world.member("a/2").join()

    assert again.live == {"a/1", "a/2"}
    assert again.gone == set()


def test_who_leaves_is_gone_at_once_and_the_next_leads(world: World) -> None:
    first, second = world.member("a/1"), world.member("b/1")
    first.join()
    second.join()

    first.leave()
    first.leave()
    after = second.beat()

    assert (after.leads, after.term, after.gone) == (True, 2, {"a/1"})
    assert first.is_fenced
    assert world.beats.read().keys() == {"b/1"}


def test_of_two_who_would_lead_one_does(world: World) -> None:
    hosts = [world.member(f"{name}/1") for name in "abc"]
    for each in hosts:
        each.join()
    hosts[0].leave()
    rounds = [each.rounds() for each in hosts[1:]]
    for _ in range(3):  # both have looked, neither has recorded
        for each in rounds:
            next(each)
    for each in rounds:
        list(each)

    chosen = [each.event for each in told(world) if isinstance(each.event, LeaderChosen)]
    assert [each.term for each in chosen] == [1, 2]
    assert [view_now(each).leads for each in hosts[1:]].count(True) == 1


def test_everything_is_recorded_once_and_says_who_is_there(world: World) -> None:
    first, second = world.member("a/1"), world.member("b/1")
    first.join()
    second.join()
    pass_time(world, second, ms=3 * TIMING.lost_after_ms)
    second.leave()

    events = [type(each.event) for each in told(world)]
    assert events == [HostJoined, LeaderChosen, HostJoined, HostLost, LeaderChosen, HostLeft]
    assert fold_hosts(told(world)).live() == ()


def test_a_host_that_is_stopped_between_looking_and_deciding_declares_nobody_lost(world: World) -> None:
    first, second = world.member("a/1"), world.member("b/1")
    first.join()
    second.join()
    for host in (first, second):
        host.beat()
    rounds = first.rounds()
    for _ in range(3):  # it has looked
        next(rounds)
    world.time += 10 * TIMING.lost_after_ms
    second.beat()
    list(rounds)

    assert second.beat().live == {"a/1", "b/1"}
