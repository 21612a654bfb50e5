"""The database watch of a real MariaDB server: what it finds, and what healthy work it is silent about."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

pytest.importorskip("pymysql", reason="pymysql is not installed: watching MariaDB was NOT checked")

import mariadb
from dbwatching import Watched, roles, tag, wait_until, watching
from watchkeeper.database.keeping import Limits
from watchkeeper.database.mariadb import MariaDbServer
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import DatabaseSeen, DatabaseUnseen, EndReason, IncidentKind, Role

SETTINGS = Settings("shop", poll_ms=120, limits=Limits(gone_ms=400, change_ms=200))
FOR_ONE = "UPDATE content SET current_stage = 'a' WHERE id = 1"
FOR_OTHER = "UPDATE content SET pipeline_status = 'b' WHERE id = 1"


@pytest.fixture(scope="module")
def server() -> Iterator[mariadb.Server]:
    with mariadb.running_server(*mariadb.HISTORY) as made:
        if made.has_metadata_locks:
            made.execute("INSTALL SONAME 'metadata_lock_info'")
        yield made


@pytest.fixture
def app(server: mariadb.Server) -> Iterator[mariadb.Clients]:
    mariadb.prepare(server)
    with mariadb.clients(server) as made:
        yield made


def watch(server: mariadb.Server, settings: Settings = SETTINGS, **address: str) -> AbstractContextManager[Watched]:
    watched = MariaDbServer(server.address("shop", **address))
    return watching("", settings=settings, server=watched, log=watched)


def test_an_idle_holder_is_told_with_the_update_that_took_the_lock_and_not_its_last_select(
    server: mariadb.Server, app: mariadb.Clients
) -> None:
    one, other = app.open(), app.open()
    app.run(one, tag(sym="stage", at="a.py:1") + FOR_ONE, tag(sym="count", at="b.py:2") + "SELECT count(*) FROM job")
    with watch(server) as watched:
        app.send(other, tag(sym="status", at="c.py:3") + FOR_OTHER)
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    holder, waiter = found.parties
    assert roles(found) == [(one.thread_id(), "holder"), (other.thread_id(), "waiter")]
    assert (holder.statement, holder.tag and holder.tag.symbol) == (FOR_ONE, "stage")
    assert holder.is_taking
    assert (waiter.statement, waiter.tag and waiter.tag.symbol) == (FOR_OTHER, "status")
    assert (found.relation, waiter.wants) == ("content", "a row of content X")
    assert found.seen - found.since < 1_000
    assert found.advice[0].startswith(f"KILL {one.thread_id()};")


def test_the_verb_takes_the_server_from_the_scheme_and_no_password_is_shown(
    server: mariadb.Server, app: mariadb.Clients, tmp_path: Path
) -> None:
    server.execute("CREATE OR REPLACE USER watch@localhost IDENTIFIED BY 'sesame'")
    server.execute("GRANT PROCESS ON *.* TO watch@localhost", "GRANT SELECT ON shop.* TO watch@localhost")
    one, other = app.open(), app.open()
    app.run(one, FOR_ONE)
    address = server.address("shop", user="watch:sesame")
    quiet = look_once(address, tmp_path)
    app.send(other, FOR_OTHER)
    wait_until(lambda: server.has_waited_for(1.5), "a wait")
    found = look_once(address, tmp_path)
    refused = look_once(address.replace("sesame", "sesam_"), tmp_path)

    assert (quiet.returncode, found.returncode, refused.returncode) == (0, 1, 4)
    assert "idle-holder i-" in found.stdout
    assert f"do: KILL {one.thread_id()};" in found.stdout
    assert "sesam" not in "".join(each.stdout + each.stderr for each in (quiet, found, refused))


def look_once(address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "watchkeeper", "db", "watch", "--once"],
        cwd=folder, env={**os.environ, "WATCHKEEPER_DSN": address}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def test_what_was_written_before_the_transaction_took_no_lock_of_it(
    server: mariadb.Server, app: mariadb.Clients
) -> None:
    one, other = app.open(), app.open()
    app.run(one, "UPDATE content SET current_stage = 'x' WHERE id = 3")
    one.commit()
    app.run(one, "SELECT id FROM content WHERE id = 1 FOR UPDATE", "SELECT 1")
    with watch(server) as watched:
        app.send(other, FOR_OTHER)
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert found.parties[0].statement == "SELECT id FROM content WHERE id = 1 FOR UPDATE"


def test_a_task_that_waits_for_itself_is_told_at_once(server: mariadb.Server, app: mariadb.Clients) -> None:
    one, other = app.open(), app.open()
    app.run(one, tag(sym="f", at="a.py:1", pid=7, task=1) + FOR_ONE, tag(sym="g", pid=7, task=1) + "SELECT 1")
    with watch(server) as watched:
        app.send(other, tag(sym="f", at="a.py:9", pid=7, task=1) + FOR_OTHER)
        found = watched.until_opened(IncidentKind.SELF_DEADLOCK)

    assert [each.tag and each.tag.site for each in found.parties] == ["a.py:1", "a.py:9"]
    assert [(each.waiter, each.in_application) for each in found.edges] == [
        (other.thread_id(), False), (one.thread_id(), True),
    ]  # fmt: skip
    assert found.is_certain
    assert found.advice[0].startswith(f"KILL QUERY {other.thread_id()};")


def test_two_tasks_of_one_process_are_no_self_deadlock(server: mariadb.Server, app: mariadb.Clients) -> None:
    one, other = app.open(), app.open()
    app.run(one, tag(sym="f", pid=7, task=1) + FOR_ONE)
    with watch(server) as watched:
        app.send(other, tag(sym="f", pid=7, task=2) + FOR_OTHER)
        watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert [each.kind for each in watched.opened] == [IncidentKind.IDLE_HOLDER]


def test_opposite_orders_that_the_server_broke_at_once_are_told_with_both_statements(
    server: mariadb.Server, app: mariadb.Clients
) -> None:
    one, other = app.open(), app.open()
    with watch(server) as watched:
        watched.looks(1)
        app.run(one, "UPDATE job SET state = 'a' WHERE id = 1")
        app.run(other, "UPDATE content SET current_stage = 'a' WHERE id = 1")
        app.send(one, tag(sym="requeue", at="engine/requeue.py:14") + FOR_OTHER)
        app.send(other, tag(sym="publish", at="engine/publish.py:11") + "UPDATE job SET state = 'b' WHERE id = 1")
        found = watched.until_opened(IncidentKind.CYCLE)
        ended = watched.until_ended()
        watched.looks(5)

    assert app.errors == [1213]
    assert found.by in ("log", "poll")
    assert {each.backend: each.tag and each.tag.symbol for each in found.parties} == {
        one.thread_id(): "requeue", other.thread_id(): "publish",
    }  # fmt: skip
    assert {(each.waiter, each.holder) for each in found.edges} == {
        (one.thread_id(), other.thread_id()), (other.thread_id(), one.thread_id()),
    }  # fmt: skip
    assert all(each.role is Role.BOTH for each in found.parties)
    assert (ended.reason, len(watched.opened)) == (EndReason.BROKEN, 1)


def test_a_deadlock_from_before_the_watch_is_not_told(server: mariadb.Server, app: mariadb.Clients) -> None:
    one, other = app.open(), app.open()
    app.run(one, "UPDATE job SET state = 'a' WHERE id = 1")
    app.run(other, "UPDATE content SET current_stage = 'a' WHERE id = 1")
    app.send(one, FOR_OTHER)
    app.send(other, "UPDATE job SET state = 'b' WHERE id = 1")
    app.join()
    with watch(server) as watched:
        watched.looks(4)

    assert app.errors == [1213]
    assert watched.opened == []


def test_same_order_is_silent(server: mariadb.Server, app: mariadb.Clients) -> None:
    one, other = app.open(), app.open()
    with watch(server) as watched:
        for _ in range(20):
            app.run(one, "UPDATE job SET state = 'a' WHERE id = 1", FOR_ONE)
            app.send(other, "UPDATE job SET state = 'b' WHERE id = 1", FOR_OTHER)
            one.commit()
            app.join()
        watched.looks(4)

    assert (watched.opened, app.errors) == ([], [])


def test_the_wait_ends_with_the_server_s_timeout_and_that_is_told(server: mariadb.Server, app: mariadb.Clients) -> None:
    one, other = app.open(), app.open(timeout_s=1)
    app.run(one, FOR_ONE)
    with watch(server) as watched:
        app.send(other, FOR_OTHER)
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)
        ended = watched.until_ended()

    assert app.errors == [1205]
    assert (ended.id, ended.reason) == (found.id, EndReason.RESOLVED)
    assert 0 < ended.lasted_ms < 2_000


def test_other_rows_of_the_same_table_are_silent(server: mariadb.Server, app: mariadb.Clients) -> None:
    one, other = app.open(), app.open()
    app.run(one, FOR_ONE)
    with watch(server) as watched:
        app.send(other, "UPDATE content SET pipeline_status = 'b' WHERE id = 2")
        app.join()
        watched.looks(5)

    assert watched.opened == []


def test_behind_a_schema_change_the_idle_reader_is_the_cause(server: mariadb.Server, app: mariadb.Clients) -> None:
    if not server.has_metadata_locks:
        pytest.skip("the plugin metadata_lock_info is not there: schema changes on MariaDB were NOT checked")
    reader, change, late = app.open(), app.open(), app.open()
    app.run(reader, "SELECT * FROM content")
    with watch(server) as watched:
        app.send(change, "ALTER TABLE content ADD COLUMN extra int")
        watched.looks(1)
        app.send(late, "SELECT * FROM content")
        found = watched.until_opened(IncidentKind.DDL_QUEUE)

    assert roles(found) == [
        (reader.thread_id(), "holder"), (change.thread_id(), "waiter"), (late.thread_id(), "queued"),
    ]  # fmt: skip
    assert found.relation == "content"


def test_a_schema_change_that_waits_for_nobody_is_silent(server: mariadb.Server, app: mariadb.Clients) -> None:
    reader, change = app.open(), app.open()
    app.run(reader, "SELECT * FROM job")
    with watch(server) as watched:
        app.send(change, "ALTER TABLE content ADD COLUMN extra int")
        app.join()
        watched.looks(3)

    assert (watched.opened, app.errors) == ([], [])


def test_the_waiter_is_cancelled_where_that_was_asked_for(server: mariadb.Server, app: mariadb.Clients) -> None:
    one, other = app.open(), app.open()
    app.run(one, FOR_ONE)
    settings = Settings("shop", 120, SETTINGS.limits, cancel_waiter_ms=500)
    with watch(server, settings) as watched:
        app.send(other, FOR_OTHER)
        ended = watched.until_ended()
        app.join()

    assert app.errors == [1317]
    assert ended.reason is EndReason.CANCELLED


def test_without_process_it_says_what_is_missing_and_sees_when_it_is_granted(
    server: mariadb.Server, app: mariadb.Clients
) -> None:
    server.execute("CREATE OR REPLACE USER poor@localhost", "GRANT SELECT ON shop.* TO poor@localhost")
    with watch(server, user="poor") as watched:
        told = watched.until_told(DatabaseUnseen)
        watched.looks(2)

    assert told.is_partial
    assert "GRANT PROCESS ON *.* TO 'poor'@'localhost';" in told.reason
    assert sum(isinstance(each, DatabaseUnseen) for each in watched.events) == 1

    server.execute("GRANT PROCESS ON *.* TO poor@localhost")
    one, other = app.open(), app.open()
    app.run(one, FOR_ONE)
    with watch(server, user="poor") as watched:
        told = watched.until_told(DatabaseUnseen)
        app.send(other, FOR_OTHER)
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert "GRANT SELECT ON performance_schema.* TO 'poor'@'localhost';" in told.reason
    assert found.parties[0].statement == ""


def test_where_the_history_is_off_it_says_the_statement_that_turns_it_on(
    server: mariadb.Server, app: mariadb.Clients
) -> None:
    turn = (
        "UPDATE performance_schema.setup_consumers SET ENABLED = '{}' "
        "WHERE NAME IN ('events_statements_current', 'events_statements_history')"
    )
    server.execute(turn.format("NO"))
    try:
        with watch(server) as watched:
            told = watched.until_told(DatabaseUnseen)
    finally:
        server.execute(turn.format("YES"))
    with watch(server) as healthy:
        healthy.looks(2)

    assert told.is_partial
    assert turn.format("YES") in told.reason
    assert not any("setup_consumers" in each.reason for each in healthy.events if isinstance(each, DatabaseUnseen))


def test_a_server_that_was_started_anew_ends_what_was_open_and_is_watched_on() -> None:
    with mariadb.running_server() as own:
        mariadb.prepare(own)
        with mariadb.clients(own) as app, watch(own) as watched:
            told = watched.until_told(DatabaseUnseen)
            one, other = app.open(), app.open()
            app.run(one, FOR_ONE)
            app.send(other, FOR_OTHER)
            found = watched.until_opened(IncidentKind.IDLE_HOLDER)
            wait_until(own.uptime, "a whole second: the server tells no shorter ones")
            own.stop()
            app.join()
            own.start()
            ended = watched.until_ended()

        assert "performance_schema is OFF" in told.reason
        assert found.parties[0].statement == ""
        assert ended.reason is EndReason.RESTARTED
        assert sum(isinstance(each, DatabaseSeen) for each in watched.events) == 2
