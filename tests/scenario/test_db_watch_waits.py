"""What the database watch says of real waits in a real PostgreSQL, and of what only looks like them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

import postgres
from dbwatching import Clients, clients, prepare, tag, wait_until, watching
from watchkeeper.database.keeping import Limits
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import EndReason, IncidentKind, Role

pytestmark = pytest.mark.postgresql
SESSION = {"rev": "923af8b7ebb8", "sym": "update_stage_field", "pid": 70, "tid": 71}
A_WRITE = "UPDATE content SET current_stage = 'done' WHERE id = 1"
B_WRITE = "UPDATE content SET pipeline_status = 'done' WHERE id = 1"
COUNT = "SELECT count(*) FROM content_stage WHERE content_id = 1"


@pytest.fixture
def dsn(postgresql: str) -> str:
    dsn = f"host={postgresql} user=test dbname={postgres.create_database(postgresql)}"
    prepare(dsn)
    return dsn


@pytest.fixture
def app(dsn: str) -> Iterator[Clients]:
    with clients(dsn) as made:
        yield made


def hold(connection: psycopg.Connection, *statements: str) -> int:
    for each in statements:
        connection.execute(each.encode())
    return connection.info.backend_pid


def is_waiting(dsn: str, pid: int) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)).fetchone()
        return row is not None


def test_a_task_that_waits_for_its_own_transaction_is_named_at_once_with_both_sides(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, tag(**SESSION, at="engine/stages.py:30", set="engine/stages.py:21", task=3) + A_WRITE)
    holder = hold(one, tag(**SESSION, at="engine/stages.py:33", task=3) + COUNT)

    with watching(dsn) as watched:
        app.send(other, tag(**SESSION, at="engine/stages.py:43", task=3) + B_WRITE)
        found = watched.until_opened(IncidentKind.SELF_DEADLOCK)

    assert found.is_certain
    assert found.relation == "content"
    assert [(each.backend, each.role, each.process, each.task) for each in found.parties] == [
        (holder, Role.HOLDER, 70, "3"),
        (other.info.backend_pid, Role.WAITER, 70, "3"),
    ]
    assert found.parties[0].statement == COUNT
    assert found.parties[1].tag is not None
    assert found.parties[1].tag.site == "engine/stages.py:43"
    assert {(each.waiter, each.in_application) for each in found.edges} == {
        (holder, True),
        (other.info.backend_pid, False),
    }
    with psycopg.connect(dsn) as connection:
        assert connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone() == (0,)


def test_two_innocent_tasks_of_one_thread_are_no_self_deadlock(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, tag(**SESSION, task=3) + A_WRITE)

    with watching(dsn) as watched:
        app.send(other, tag(**SESSION, task=4) + B_WRITE)
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert [each.kind for each in watched.opened] == [IncidentKind.IDLE_HOLDER]
    assert not found.is_certain
    assert "one process" in found.summary


def test_the_same_fault_tomorrow_is_the_same_incident(dsn: str, app: Clients) -> None:
    found = []
    for row in (1, 2):
        one, other = app.open(), app.open()
        hold(one, tag(**SESSION, task=row) + A_WRITE.replace("1", str(row)))
        with watching(dsn) as watched:
            app.send(other, tag(**SESSION, task=row) + B_WRITE.replace("1", str(row)))
            found.append(watched.until_opened(IncidentKind.SELF_DEADLOCK))
            one.rollback()
            assert watched.until_ended().reason is EndReason.BROKEN

    assert found[0].id == found[1].id


def test_a_wait_that_ends_soon_is_not_told(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()

    with watching(dsn, settings=Settings("shop", 50, Limits(wait_ms=5_000))) as watched:
        for _ in range(5):
            hold(one, A_WRITE)
            app.send(other, B_WRITE)
            wait_until(lambda: is_waiting(dsn, other.info.backend_pid), "a wait")
            one.commit()
            app.join()
        watched.looks(5)

    assert watched.opened == []


def test_a_ring_is_told_before_the_server_breaks_it(dsn: str, app: Clients) -> None:
    one, other = app.open(lock_timeout=0), app.open(lock_timeout=0)
    for each in (one, other):
        hold(each, "SET deadlock_timeout = '2s'")  # also on a machine that is short of time there are looks before
    hold(
        one,
        tag(sym="requeue_job", at="engine/requeue.py:13", pid=1, task=1) + "UPDATE job SET state = 'a' WHERE id = 1",
    )
    hold(other, tag(sym="publish", at="engine/publish.py:9", pid=2, task=1) + A_WRITE)

    with watching(dsn) as watched:
        app.send(one, tag(sym="requeue_job", at="engine/requeue.py:14", pid=1, task=1) + B_WRITE)
        app.send(
            other,
            tag(sym="publish", at="engine/publish.py:11", pid=2, task=1) + "UPDATE job SET state = 'b' WHERE id = 1",
        )
        found = watched.until_opened(IncidentKind.CYCLE)
        ended = watched.until_ended()

    app.join()
    assert app.errors == ["40P01"]
    assert found.by == "poll"
    assert {each.role for each in found.parties} == {Role.BOTH}
    assert {each.tag.site for each in found.parties if each.tag} == {"engine/requeue.py:14", "engine/publish.py:11"}
    assert ended.reason is EndReason.BROKEN


def test_a_ring_of_three_is_one_incident_with_three_parties(dsn: str, app: Clients) -> None:
    members = [app.open(lock_timeout=0) for _ in range(3)]
    for row, each in enumerate(members, 1):
        hold(each, "SET deadlock_timeout = '2s'", f"UPDATE job SET state = 'x' WHERE id = {row}")

    with watching(dsn) as watched:
        for row, each in enumerate(members, 1):
            app.send(each, f"UPDATE job SET state = 'y' WHERE id = {row % 3 + 1}")
        found = watched.until_opened(IncidentKind.CYCLE)

    assert {each.backend for each in found.parties} == {each.info.backend_pid for each in members}
    assert len(found.edges) == 3


def test_the_same_order_in_both_is_a_queue_and_no_ring(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, "UPDATE job SET state = 'a' WHERE id = 1")

    with watching(dsn) as watched:
        app.send(other, "UPDATE job SET state = 'b' WHERE id = 1", A_WRITE)
        watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert [each.kind for each in watched.opened] == [IncidentKind.IDLE_HOLDER]


def test_of_a_schema_change_with_a_queue_the_idle_reader_is_the_cause(dsn: str, app: Clients) -> None:
    reader, changer, behind = app.open("report"), app.open("migrate"), [app.open("web") for _ in range(3)]
    holder = hold(reader, "SELECT * FROM content")

    with watching(dsn) as watched:
        app.send(changer, "ALTER TABLE content ADD COLUMN extra text")
        wait_until(lambda: is_waiting(dsn, changer.info.backend_pid), "the ALTER to wait")
        for each in behind:
            app.send(each, "SELECT * FROM content")
        watched.until_opened(IncidentKind.DDL_QUEUE)
        found = wait_until(
            lambda: next((each for each in watched.latest.values() if each.stuck == 4), None), "all that are stuck"
        )

    found = next(each for each in watched.latest.values() if each.kind is IncidentKind.DDL_QUEUE)
    assert [each.backend for each in found.parties if each.role is Role.HOLDER] == [holder]
    assert [each.backend for each in found.parties if each.role is Role.WAITER] == [changer.info.backend_pid]
    assert found.stuck == 4
    assert sum(each.role is Role.QUEUED for each in found.parties) == 3
    assert f"pg_cancel_backend({changer.info.backend_pid})" in found.advice[0]


def test_a_schema_change_of_another_table_queues_nobody(dsn: str, app: Clients) -> None:
    reader, changer = app.open("report"), app.open("migrate")
    hold(reader, "SELECT * FROM content")

    with watching(dsn) as watched:
        app.send(changer, "ALTER TABLE job ADD COLUMN extra text")
        app.join()
        watched.looks(8)

    assert watched.opened == []


def test_an_advisory_lock_is_named_by_its_number(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, "SELECT pg_advisory_xact_lock(4242)")

    with watching(dsn) as watched:
        app.send(other, "SELECT pg_advisory_xact_lock(4242)")
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert found.relation == "advisory lock 4242"
    assert "advisory lock 4242 ExclusiveLock" in found.parties[0].holds


def test_a_lock_of_a_session_that_is_in_no_transaction_is_found_too(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, "SELECT pg_advisory_lock(7)")
    one.commit()

    with watching(dsn) as watched:
        app.send(other, "SELECT pg_advisory_xact_lock(7)")
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert found.parties[0].state == "idle"


def test_waiting_for_a_unique_key_is_found_also_with_on_conflict_do_nothing(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, "INSERT INTO slot (name) VALUES ('a')")

    with watching(dsn) as watched:
        app.send(other, "INSERT INTO slot (name) VALUES ('a') ON CONFLICT DO NOTHING")
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert found.relation == "slot"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM content WHERE id = 1 FOR UPDATE SKIP LOCKED",
        "SELECT pipeline_status FROM content WHERE id = 1",
        "INSERT INTO content_stage (content_id, stage) VALUES (1, 'a')",
        "UPDATE content SET pipeline_status = 'x' WHERE id = 2",
    ],
)
def test_what_does_not_wait_is_not_told(dsn: str, app: Clients, statement: str) -> None:
    one, other = app.open(), app.open()
    hold(one, A_WRITE)

    with watching(dsn) as watched:
        app.send(other, statement)
        app.join()
        watched.looks(8)

    assert watched.opened == []


def test_nowait_fails_and_is_not_told(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, A_WRITE)

    with watching(dsn) as watched:
        app.send(other, "SELECT id FROM content WHERE id = 1 FOR UPDATE NOWAIT")
        app.join()
        watched.looks(8)

    assert app.errors == ["55P03"]
    assert watched.opened == []


def test_a_child_that_was_inserted_holds_up_who_locks_its_parent_for_update(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, "INSERT INTO content_stage (content_id, stage) VALUES (1, 'a')")

    with watching(dsn) as watched:
        app.send(other, "SELECT id FROM content WHERE id = 1 FOR UPDATE")
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert found.relation == "content"


def test_a_statement_longer_than_the_server_keeps_has_its_tag(dsn: str, app: Clients) -> None:
    one, other = app.open(), app.open()
    hold(one, tag(**SESSION, task=1) + A_WRITE)
    ids = ", ".join(str(each) for each in range(1, 800))

    with watching(dsn) as watched:
        app.send(other, tag(**SESSION, at="a.py:1", task=1) + f"SELECT id FROM content WHERE id IN ({ids}) FOR UPDATE")
        found = watched.until_opened(IncidentKind.SELF_DEADLOCK)

    assert found.parties[1].tag is not None
    assert found.parties[1].tag.site == "a.py:1"


def test_twenty_callers_of_one_row_are_one_incident_with_one_root(dsn: str, app: Clients) -> None:
    one = app.open()
    holder = hold(one, tag(**SESSION, task=1) + A_WRITE)
    others = [app.open() for _ in range(14)]

    with watching(dsn) as watched:
        for number, each in enumerate(others, 1):
            app.send(each, tag(**SESSION, at="a.py:9", task=number) + B_WRITE)
        watched.until_opened(IncidentKind.SELF_DEADLOCK)
        found = wait_until(lambda: next((each for each in watched.latest.values() if each.stuck == 14), None), "all 14")

    assert len(watched.latest) == 1
    assert [each.backend for each in found.parties if each.role is Role.HOLDER] == [holder]
    assert sum(each.role is Role.QUEUED for each in found.parties) == 10


def test_sessions_that_are_all_silent_in_transactions_are_told_as_what_an_exhausted_pool_looks_like(
    dsn: str, app: Clients
) -> None:
    for row in (1, 2, 3):
        hold(app.open("web"), f"UPDATE content SET current_stage = 'x' WHERE id = {row}")

    with watching(dsn) as watched:
        watched.until_opened(IncidentKind.LONG_TRANSACTION)
        found = wait_until(lambda: next((x for x in watched.latest.values() if len(x.parties) == 3), None), "all three")

    assert not found.is_certain
    assert "pool" in found.summary


def test_one_silent_session_that_blocks_nobody_is_not_told(dsn: str, app: Clients) -> None:
    hold(app.open("web"), A_WRITE)

    with watching(dsn) as watched:
        wait_until(lambda: is_old(dsn), "two seconds of silence")
        watched.looks(5)

    assert watched.opened == []


def is_old(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        old = (
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'web' AND state_change < now() - interval '2.2 s'"
        )
        return connection.execute(old.encode()).fetchone() is not None
