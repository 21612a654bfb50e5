"""What one look at a database means: the kind of a stall, its root, its parties."""

from __future__ import annotations

import time

import pytest
from msgspec.structs import replace

from watchkeeper.database.classify import Pace, Scope, Stall, classify
from watchkeeper.database.keeping import Limits, threshold
from watchkeeper.database.ports import Journal, JournalEntry, JournalWrite, Pool, PoolWaiter
from watchkeeper.database.sighting import Backend, Sighting, Wants
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import IncidentKind, Role

AT = Millis(1_000_000)
NOTHING = Journal()


def idle(pid: int, statement: str = "SELECT 1", ago: int = 500, **more: object) -> Backend:
    made = Backend(
        pid, database="shop", user="app", application="web", state="idle in transaction", wait_type="Client",
        wait="ClientRead", transaction_since=Millis(AT - ago), statement_since=Millis(AT - ago),
        state_since=Millis(AT - ago), statement=statement, holds=("content RowExclusiveLock",),
    )  # fmt: skip
    return replace(made, **more)


def waiting(
    pid: int, *blockers: int, statement: str = "UPDATE content SET a = 1", ago: int = 300, **more: object
) -> Backend:
    made = Backend(
        pid, database="shop", user="app", application="web", state="active", wait_type="Lock", wait="transactionid",
        transaction_since=Millis(AT - ago), statement_since=Millis(AT - ago), state_since=Millis(AT - ago),
        statement=statement, blockers=blockers,
        wants=Wants("transactionid", "ShareLock", "transaction 750", "content", Millis(AT - ago)),
    )  # fmt: skip
    return replace(made, **more)


def active(pid: int, ago: int = 500, **more: object) -> Backend:
    return idle(pid, ago=ago, **{"state": "active", "wait_type": "", "wait": "", **more})


def tagged(process: int, task: str, symbol: str = "f") -> str:
    return f"/*wk:sym={symbol},at=a.py:3,pid={process},task={task}*/ UPDATE content SET a = 1"


def look(*backends: Backend, journal: Journal = NOTHING, **more: object) -> tuple[Stall, ...]:
    return classify(Sighting(AT, Millis(1), backends), journal, {}, Scope(**more))


def the(*backends: Backend, journal: Journal = NOTHING) -> Stall:
    (found,) = look(*backends, journal=journal)
    return found


def test_nobody_who_waits_is_nothing() -> None:
    assert look() == ()


def test_one_task_on_both_sides_is_a_self_deadlock_and_certain() -> None:
    found = the(idle(1, tagged(70, "3")), waiting(2, 1, statement=tagged(70, "3")))

    assert (found.kind, found.pace) == (IncidentKind.SELF_DEADLOCK, Pace.AT_ONCE)
    assert [(each.waiter, each.holder, each.in_application) for each in found.edges] == [(2, 1, False), (1, 2, True)]


def test_two_tasks_of_one_process_are_not() -> None:
    assert the(idle(1, tagged(70, "3")), waiting(2, 1, statement=tagged(70, "4"))).kind is IncidentKind.IDLE_HOLDER


def test_a_thread_that_waits_for_just_the_other_one_waits_for_itself_and_that_is_certain() -> None:
    holder = JournalEntry(1, 70, task="1", thread=11, awaits=(2,))
    found = the(idle(1), waiting(2, 1), journal=Journal((holder, JournalEntry(2, 70, task="2", thread=12))))

    assert (found.kind, found.pace) == (IncidentKind.SELF_DEADLOCK, Pace.AT_ONCE)


def test_a_thread_that_waits_for_another_one_is_not() -> None:
    holder = JournalEntry(1, 70, task="1", thread=11, awaits=(3,))
    found = the(idle(1), waiting(2, 1), journal=Journal((holder, JournalEntry(2, 70, task="2", thread=12))))

    assert found.kind is IncidentKind.IDLE_HOLDER


def test_one_number_at_two_places_is_two_processes() -> None:
    here, there = idle(1, tagged(7, "0"), client="10.0.0.1"), waiting(2, 1, statement=tagged(7, "0"), client="10.0.0.2")

    assert the(here, there).kind is IncidentKind.IDLE_HOLDER


def test_by_tags_alone_from_another_host_it_is_not_certain() -> None:
    far = [idle(1, tagged(7, "0"), client="10.0.0.1"), waiting(2, 1, statement=tagged(7, "0"), client="10.0.0.1")]

    assert (the(*far).kind, the(*far).pace) == (IncidentKind.SELF_DEADLOCK, Pace.WAIT)


def with_kernel(first: int, second: int) -> Stall:
    here = (
        idle(1, tagged(7, "0"), client="10.0.0.1", port=1),
        waiting(2, 1, statement=tagged(7, "0"), client="10.0.0.1", port=2),
    )
    numbers = {("10.0.0.1", 1): first, ("10.0.0.1", 2): second}
    (found,) = classify(Sighting(AT, Millis(1), here), NOTHING, numbers)
    return found


def test_where_the_kernel_says_the_same_as_the_tags_it_is_certain() -> None:
    assert (with_kernel(7, 7).kind, with_kernel(7, 7).pace) == (IncidentKind.SELF_DEADLOCK, Pace.AT_ONCE)


def test_in_a_container_or_behind_a_proxy_the_kernel_has_another_number_and_it_is_not_certain() -> None:
    assert (with_kernel(812, 812).kind, with_kernel(812, 812).pace) == (IncidentKind.SELF_DEADLOCK, Pace.WAIT)


def test_two_processes_of_the_kernel_are_two_whatever_their_tags_say() -> None:
    assert with_kernel(812, 813).kind is IncidentKind.IDLE_HOLDER


def test_a_holder_that_ran_something_after_the_waiter_began_is_another_task() -> None:
    assert (
        the(idle(1, tagged(7, "0"), ago=100), waiting(2, 1, statement=tagged(7, "0"))).kind is IncidentKind.IDLE_HOLDER
    )


def test_a_holder_at_work_is_no_self_deadlock() -> None:
    assert (
        the(active(1, statement=tagged(7, "0")), waiting(2, 1, statement=tagged(7, "0"))).kind is IncidentKind.LOCK_WAIT
    )


def test_journals_tell_the_task_where_there_is_no_tag() -> None:
    journal = Journal((JournalEntry(1, 70, task="3"), JournalEntry(2, 70, task="3")))

    assert the(idle(1), waiting(2, 1), journal=journal).kind is IncidentKind.SELF_DEADLOCK


def test_a_journal_that_contradicts_the_tag_is_not_believed() -> None:
    journal = Journal((JournalEntry(1, 99, task="3"), JournalEntry(2, 99, task="3")))
    sides = idle(1, tagged(70, "1")), waiting(2, 1, statement=tagged(71, "2"))

    assert the(*sides, journal=journal).kind is IncidentKind.IDLE_HOLDER


def test_the_root_is_found_through_those_who_only_stand_in_the_queue() -> None:
    turn = Wants("tuple", "ExclusiveLock", "a row of content", "content", Millis(AT - 200))
    found = the(
        idle(1, tagged(7, "1")),
        waiting(2, 1, statement=tagged(7, "2")),
        *(waiting(pid, *range(2, pid), statement=tagged(7, str(pid - 2)), wants=turn) for pid in range(3, 20)),
    )

    assert found.kind is IncidentKind.SELF_DEADLOCK
    assert [each.backend for each in found.parties if each.role is Role.HOLDER] == [1]
    assert sum(each.role is Role.QUEUED for each in found.parties) == 10
    assert found.stuck == 18


def test_a_long_queue_is_understood_in_no_time() -> None:
    turn = Wants("tuple", "ExclusiveLock", "a row of content", "content", Millis(AT - 200))
    queue = [waiting(pid, *range(2, pid), ahead=tuple(range(3, pid)), wants=turn) for pid in range(3, 300)]
    began = time.process_time()
    found = the(idle(1), waiting(2, 1), *queue)

    assert time.process_time() - began < 1
    assert found.stuck == 298


def test_a_ring_is_a_cycle_with_all_its_members_and_who_queues_behind() -> None:
    found = the(waiting(1, 2), waiting(2, 3), waiting(3, 1), waiting(4, 1))

    assert (found.kind, found.pace) == (IncidentKind.CYCLE, Pace.AT_ONCE)
    assert {each.backend for each in found.parties if each.role is Role.BOTH} == {1, 2, 3}
    assert {pid for pid, _ in found.core} == {1, 2, 3}


def test_standing_ahead_in_a_queue_closes_no_ring() -> None:
    assert all(
        each.kind is not IncidentKind.CYCLE for each in look(waiting(1, 2, 9), waiting(2, 1, 9, ahead=(1,)), idle(9))
    )


def test_a_chain_without_an_end_in_itself_is_no_ring() -> None:
    found = the(waiting(1, 2), waiting(2, 3), idle(3))

    assert found.kind is IncidentKind.IDLE_HOLDER
    assert [(each.backend, each.role) for each in found.parties] == [(3, Role.HOLDER), (2, Role.BOTH), (1, Role.WAITER)]


def test_behind_a_schema_change_the_reader_is_the_cause() -> None:
    strong = Wants("relation", "AccessExclusiveLock", "content", "content", Millis(AT - 300))
    weak = Wants("relation", "AccessShareLock", "content", "content", Millis(AT - 200))
    found = the(idle(1), waiting(2, 1, wants=strong), waiting(3, 2, ahead=(2,), wants=weak))

    assert found.kind is IncidentKind.DDL_QUEUE
    assert [(each.backend, each.role) for each in found.parties] == [
        (1, Role.HOLDER),
        (2, Role.WAITER),
        (3, Role.QUEUED),
    ]


def test_a_schema_change_that_nobody_waits_behind_is_a_wait() -> None:
    strong = Wants("relation", "AccessExclusiveLock", "content", "content", Millis(AT - 300))

    assert the(idle(1), waiting(2, 1, wants=strong)).kind is IncidentKind.IDLE_HOLDER


def test_a_holder_at_work_for_long_is_a_long_transaction() -> None:
    assert the(active(1, ago=6_000), waiting(2, 1)).kind is IncidentKind.LONG_TRANSACTION
    assert the(active(1, ago=4_000), waiting(2, 1)).kind is IncidentKind.LOCK_WAIT


@pytest.mark.parametrize("what", ["IO", "LWLock"])
def test_who_waits_for_the_disk_gets_time_to_have_written(what: str) -> None:
    found = the(active(1, wait_type=what), waiting(2, 1))

    assert (found.kind, found.pace) == (IncidentKind.LOCK_WAIT, Pace.STORAGE)
    assert threshold(found, Limits()) == 1_000


@pytest.mark.parametrize("holder", [active(1), active(1, wait_type="Client"), active(1, ago=6_000, wait_type="IO")])
def test_who_is_at_work_for_other_reasons_or_for_long_gets_none(holder: Backend) -> None:
    assert the(holder, waiting(2, 1)).pace is Pace.WAIT


def test_autovacuum_gets_time_to_be_ended_by_the_server_itself() -> None:
    assert the(active(1, kind="autovacuum worker"), waiting(2, 1)).pace is Pace.AUTOVACUUM


def test_a_parallel_worker_is_its_leader() -> None:
    found = the(idle(1), active(2), waiting(5, 1, leader=2, kind="parallel worker"))

    assert {each.backend for each in found.parties} == {1, 2}


def test_a_leader_does_not_wait_for_its_own_workers() -> None:
    found = look(waiting(2, 5), active(5, leader=2, kind="parallel worker"))

    assert [each.stuck for each in found] == [0]  # it is in a transaction, and waits for nobody


def test_a_prepared_transaction_is_a_holder() -> None:
    found = the(Backend(0, application="prepared transaction"), waiting(2, 0))

    assert found.kind is IncidentKind.IDLE_HOLDER
    assert "a prepared transaction" in found.summary


def test_another_database_of_the_server_is_told_only_when_asked_for() -> None:
    far = idle(1, database="other"), waiting(2, 1, database="other")

    assert look(*far, database="shop") == ()
    assert len(look(*far)) == 1


def pool(*holds: int, out: int = 3, limit: int = 3) -> Journal:
    waiters = tuple(PoolWaiter(str(each), "stages:update", "a.py:3", Millis(AT - 50), (each,)) for each in holds)
    return Journal(tuple(JournalEntry(each, 70) for each in (1, 2, 3)), (Pool(70, "main", limit, out, waiters),))


def test_a_pool_whose_every_holder_waits_for_another_is_exhausted_for_ever() -> None:
    found = the(idle(1), idle(2), idle(3), journal=pool(1, 2, 3))

    assert (found.kind, found.pace, found.stuck) == (IncidentKind.POOL, Pace.AT_ONCE, 3)


def test_a_pool_with_a_holder_that_does_not_wait_is_not() -> None:
    assert all(each.kind is not IncidentKind.POOL for each in look(idle(1), idle(2), active(3), journal=pool(1, 2)))


def test_a_pool_that_has_more_to_give_is_not() -> None:
    found = look(idle(1), idle(2), idle(3), journal=pool(1, 2, 3, limit=5))

    assert all(each.kind is not IncidentKind.POOL for each in found)


def test_a_holder_that_waits_for_a_lock_of_one_who_waits_for_the_pool_is_stuck_too() -> None:
    found = the(idle(1), waiting(2, 1), waiting(3, 1), journal=pool(1))

    assert found.kind is IncidentKind.POOL


def silent(pid: int, **more: object) -> Backend:
    return idle(pid, **{"ago": 2_500, **more})


def test_sessions_that_are_all_silent_look_like_an_exhausted_pool_and_are_not_certain() -> None:
    found = the(silent(1), silent(2))

    assert (found.kind, found.pace) == (IncidentKind.LONG_TRANSACTION, Pace.IDLE)


def test_one_that_is_at_work_shows_that_the_pool_gives() -> None:
    assert all(each.pace is Pace.FORGOTTEN for each in look(silent(1), silent(2), active(3)))


def test_sessions_of_two_programs_are_no_pool() -> None:
    assert all(each.pace is Pace.FORGOTTEN for each in look(silent(1), silent(2, application="psql")))


def test_marks_name_code_and_not_the_holders_last_statement() -> None:
    entry = JournalEntry(1, 70, writes=(JournalWrite("content", symbol="stages:update", site="engine/stages.py:21"),))
    found = the(idle(1, "SELECT count(*) FROM innocent"), waiting(2, 1), journal=Journal((entry,)))

    assert found.marks == ("code stages:update engine/stages.py", "runs update content set a = ?")
    assert the(idle(1, "SELECT 1"), waiting(2, 1)).marks == ("holds content", "runs update content set a = ?")
