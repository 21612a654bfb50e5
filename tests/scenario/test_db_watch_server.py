"""The database watch beside a server that restarts, hides, is cut off, logs, or is asked over TCP and a pooler."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dbwatching import LIMITS, Clients, OwnServer, clients, own_server, prepare, tag, wait_until, watching
from watchkeeper.database.journals import SocketJournals
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.database.serverlog import ServerLog
from watchkeeper.database.watcher import Settings
from watchkeeper.model.incidents import DatabaseSeen, DatabaseUnseen, EndReason, IncidentKind

pytestmark = pytest.mark.postgresql
A_WRITE = "UPDATE content SET current_stage = 'done' WHERE id = 1"
B_WRITE = "UPDATE content SET pipeline_status = 'done' WHERE id = 1"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    pytest.importorskip("psycopg", reason="psycopg is not installed: the database watch was NOT checked")
    settings = {"max_prepared_transactions": "5", "logging_collector": "on", "log_destination": "stderr,csvlog,jsonlog"}
    with own_server(**settings) as made:
        prepare(made.dsn)
        with psycopg.connect(made.dsn) as connection:
            connection.execute("CREATE ROLE watch LOGIN")
        yield made


@pytest.fixture
def app(server: OwnServer) -> Iterator[Clients]:
    with clients(server.dsn) as made:
        yield made


def hang(app: Clients) -> tuple[psycopg.Connection, psycopg.Connection]:
    one, other = app.open(), app.open()
    one.execute(A_WRITE.encode())
    app.send(other, B_WRITE)
    return one, other


def test_over_tcp_both_sides_of_one_process_are_told_without_any_tag(server: OwnServer, app: Clients) -> None:
    with watching(server.dsn, processes=LocalProcesses()) as watched:
        hang(app)
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert {each.process for each in found.parties} == {os.getpid()}
    assert "one process" in found.summary


def test_two_processes_are_told_apart(server: OwnServer, app: Clients) -> None:
    holding = f"import psycopg, sys; c = psycopg.connect({server.dsn!r}); c.execute({A_WRITE!r})"
    holding += "; print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with watching(server.dsn, processes=LocalProcesses()) as watched:
            app.send(app.open(), B_WRITE)
            found = watched.until_opened(IncidentKind.IDLE_HOLDER)
        assert holder.stdin is not None
        holder.stdin.close()

    assert [each.process for each in found.parties] == [holder.pid, os.getpid()]
    assert "one process" not in found.summary


def test_a_prepared_transaction_is_named_as_the_holder(server: OwnServer, app: Clients) -> None:
    one, other = app.open(), app.open()
    for each in (A_WRITE, "PREPARE TRANSACTION 'left'"):
        one.execute(each.encode())
    try:
        with watching(server.dsn) as watched:
            app.send(other, B_WRITE)
            found = watched.until_opened(IncidentKind.IDLE_HOLDER)
    finally:
        one.rollback()
        one.autocommit = True
        one.execute("ROLLBACK PREPARED 'left'")

    assert (found.parties[0].backend, found.parties[0].application) == (0, "prepared transaction")
    assert "prepared transaction" in found.summary
    assert "ROLLBACK PREPARED" in found.advice[0]


def test_a_watch_that_begins_during_a_hang_says_since_when_it_lasts(server: OwnServer, app: Clients) -> None:
    hang(app)
    with watching(server.dsn) as first:
        before = first.until_opened(IncidentKind.IDLE_HOLDER)
    with watching(server.dsn) as second:
        again = second.until_opened(IncidentKind.IDLE_HOLDER)

    assert again.since == before.since
    assert again.id == before.id


def test_a_role_without_the_right_says_so_and_still_finds_the_wait(server: OwnServer, app: Clients) -> None:
    dsn = server.dsn.replace("user=test", "user=watch")
    with watching(dsn) as watched:
        partial = watched.until_told(DatabaseUnseen)
        one, other = hang(app)
        found = wait_until(lambda: next(iter(watched.opened), None), "the wait")

    assert partial.is_partial
    assert "GRANT pg_monitor TO watch;" in partial.reason
    pids = {one.info.backend_pid, other.info.backend_pid}
    assert {each.backend for each in found.parties} == pids
    assert all(not each.statement for each in found.parties)


def test_a_role_with_pg_monitor_sees_everything(server: OwnServer, app: Clients) -> None:
    with psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE ROLE monitor LOGIN IN ROLE pg_monitor")
    with watching(server.dsn.replace("user=test", "user=monitor")) as watched:
        hang(app)
        found = watched.until_opened(IncidentKind.IDLE_HOLDER)

    assert not any(isinstance(each, DatabaseUnseen) for each in watched.events)
    assert all(each.statement for each in found.parties)


def test_a_watch_whose_connection_is_killed_comes_back(server: OwnServer) -> None:
    with watching(server.dsn) as watched:
        with psycopg.connect(server.dsn, autocommit=True) as killer:
            killer.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'watchkeeper'"
            )
        watched.until_told(DatabaseUnseen)
        wait_until(lambda: sum(isinstance(each, DatabaseSeen) for each in watched.events) == 2, "the second connection")


def test_the_waiter_is_ended_only_where_that_was_asked_for(server: OwnServer, app: Clients) -> None:
    with watching(server.dsn, settings=Settings("shop", 50, LIMITS, cancel_waiter_ms=600)) as watched:
        _, other = hang(app)
        ended = watched.until_ended()

    app.join()
    assert app.errors == ["57014"]
    assert ended.reason is EndReason.CANCELLED
    assert f"backend {other.info.backend_pid}, was cancelled" in ended.detail


def test_a_lock_timeout_ends_the_incident(server: OwnServer) -> None:
    with clients(server.dsn, lock_timeout="2s") as app, watching(server.dsn) as watched:
        hang(app)
        watched.until_opened(IncidentKind.IDLE_HOLDER)
        watched.until_ended()
        app.join()
        assert app.errors == ["55P03"]


@pytest.mark.parametrize("ending", [".log", ".csv", ".json"])
def test_a_deadlock_that_was_over_before_a_look_is_told_by_the_servers_log(server: OwnServer, ending: str) -> None:
    newest = max((server.folder / "data" / "log").glob(f"*{ending}"), key=lambda each: each.stat().st_mtime)
    followed = ServerLog(newest)
    with clients(server.dsn, lock_timeout="0") as app:
        one, other = app.open(), app.open()
        pids = {one.info.backend_pid, other.info.backend_pid}
        one.execute("SET deadlock_timeout = '20ms'")
        other.execute("SET deadlock_timeout = '20ms'")
        one.execute(b"UPDATE job SET state = 'a' WHERE id = 1")
        other.execute(A_WRITE.encode())
        app.send(one, tag(sym="requeue", at="engine/requeue.py:14") + B_WRITE)
        app.send(other, tag(sym="publish", at="engine/publish.py:11") + "UPDATE job\nSET state = 'b'\nWHERE id = 1")
        app.join()
    (found,) = wait_until(lambda: followed.read_deadlocks("shop", 5), f"the deadlock in {newest.name}")

    assert found.kind is IncidentKind.CYCLE
    assert found.by == "log"
    assert {each.tag.site for each in found.parties if each.tag} == {"engine/requeue.py:14", "engine/publish.py:11"}
    assert {each.waiter for each in found.edges} == {each.holder for each in found.edges} == pids
    assert followed.read_deadlocks("shop", 6) == ()


def test_an_exhausted_pool_is_told_by_the_process_that_has_it(server: OwnServer, app: Clients, tmp_path: Path) -> None:
    holders = [app.open() for _ in range(3)]
    for row, each in enumerate(holders, 1):
        each.execute(f"UPDATE content SET current_stage = 'x' WHERE id = {row}".encode())
    pids = [each.info.backend_pid for each in holders]
    waiters = [
        {"task": str(n), "symbol": "stages:update", "site": "a.py:4", "since": 5, "holds": [pid]}
        for n, pid in enumerate(pids)
    ]

    with (
        telling(tmp_path, pids, waiters),
        watching(server.dsn, journals=SocketJournals(tmp_path, answer_s=1)) as watched,
    ):
        found = watched.until_opened(IncidentKind.POOL)

    assert found.is_certain
    assert {each.backend for each in found.parties} == set(pids)
    assert "stages:update" in found.summary


def test_a_pool_with_one_who_does_not_wait_is_not_exhausted(server: OwnServer, app: Clients, tmp_path: Path) -> None:
    holders = [app.open(f"web{row}") for row in range(3)]
    for row, each in enumerate(holders, 1):
        each.execute(f"UPDATE content SET current_stage = 'x' WHERE id = {row}".encode())
    pids = [each.info.backend_pid for each in holders]
    waiters = [{"task": "1", "symbol": "s", "site": "a.py:4", "since": 5, "holds": [pid]} for pid in pids[:2]]

    with (
        telling(tmp_path, pids, waiters) as asked,
        watching(server.dsn, journals=SocketJournals(tmp_path, answer_s=1)) as watched,
    ):
        wait_until(lambda: len(asked) > 1, "two questions")
        watched.looks(4)

    assert watched.opened == []


def test_a_server_that_is_started_anew_ends_what_was_open_and_is_seen_again() -> None:
    with own_server() as server:
        prepare(server.dsn)
        with clients(server.dsn) as app, watching(server.dsn) as watched:
            hang(app)
            watched.until_opened(IncidentKind.IDLE_HOLDER)
            server.stop()
            watched.until_told(DatabaseUnseen)
            server.start()
            ended = watched.until_ended()
            wait_until(
                lambda: watched.events.count(DatabaseSeen) or isinstance(watched.events[-1], DatabaseSeen | type(ended))
            )

    assert ended.reason is EndReason.RESTARTED
    assert sum(isinstance(each, DatabaseUnseen) for each in watched.events) == 1


class telling:  # noqa: N801 used like a function
    """A process with the tag inside, as far as decision 011 says what it answers: one line for one line."""

    def __init__(self, folder: Path, backends: list[int], waiters: list[dict[str, object]]) -> None:
        self._asked: list[dict[str, object]] = []
        self._answer = {
            "v": 1, "process": os.getpid(), "revision": "", "root": "/app",
            "connections": [{"backend": each, "task": str(n), "thread": 1, "since": 1, "writes": [], "last": None}
                            for n, each in enumerate(backends)],
            "pools": [{"name": "main", "limit": len(backends), "out": len(backends), "waiters": waiters}],
            "events": [],
        }  # fmt: skip
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(folder / f"{os.getpid()}.sock"))
        self._server.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> list[dict[str, object]]:
        self._thread.start()
        return self._asked

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                self._asked.append(json.loads(stream.readline()))
                stream.write(json.dumps(self._answer).encode() + b"\n")
