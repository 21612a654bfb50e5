"""Scenarios of connections that wait for each other, and of servers that hide, restart, or stand behind a pooler."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from database_watch import measure_cost
from dbwatching import Clients, Watched, clients, own_server, prepare, tag, wait_until, watching
from figures import RESULTS
from pgbouncer import running_pooler
from postgres import find_programs, running_server
from scenario_rows import SETTINGS, Bench, Case, Found, backends, first_told, symbols
from watchkeeper.database.processes import LocalProcesses
from watchkeeper.model.incidents import DatabaseSeen, DatabaseUnseen, EndReason, Incident, IncidentKind, Role

FOR_ONE = "UPDATE content SET current_stage = 'a' WHERE id = 1"
FOR_OTHER = "UPDATE content SET pipeline_status = 'b' WHERE id = 1"
JOB = "UPDATE job SET state = 'a' WHERE id = {}"
_SOAK_S, _WANTED_MIN = 20, 10


def is_waiting(dsn: str, pid: int) -> bool:
    with psycopg.connect(dsn) as connection:
        return bool(connection.execute("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)).fetchone())


def pid_of(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


def run(connection: psycopg.Connection, *statements: str) -> None:
    for each in statements:
        connection.execute(each.encode())


def tells_nothing(dsn: str, held: str, *sent: str) -> bool:
    """Whether a holder that does nothing and another's statements leave the watch silent."""
    with clients(dsn) as app, watching(dsn, settings=SETTINGS) as watched:
        one, other = app.open(), app.open()
        run(one, held)
        app.send(other, *sent)
        app.join()
        watched.looks(5)
        return watched.opened == []


def find_ring(bench: Bench) -> Found:
    dsn = bench.database()
    with clients(dsn, lock_timeout="0") as app, watching(dsn, settings=SETTINGS) as watched:
        members = [app.open() for _ in range(3)]
        for row, each in enumerate(members, 1):
            run(each, JOB.format(row))
        for row, each in enumerate(members, 1):
            app.send(each, JOB.format(row % 3 + 1))
        incident, ms = first_told(watched, IncidentKind.CYCLE)
        right = backends(incident, Role.BOTH) == {pid_of(each) for each in members} and len(incident.edges) == 3
    with clients(dsn) as app, watching(dsn, settings=SETTINGS) as watched:
        one, other, third = (app.open() for _ in range(3))
        for _ in range(20):  # the same order in all of them
            run(one, JOB.format(1), JOB.format(2))
            app.send(other, JOB.format(1), JOB.format(2), JOB.format(3))
            app.send(third, JOB.format(1), JOB.format(3))
            one.commit()
            app.join()
        watched.looks(3)
        quiet = watched.opened == []
    return Found(incident.kind.value, ms < 1_000, ms, right, quiet, "before deadlock_timeout (1 s)")


def find_queue(bench: Bench) -> Found:
    dsn = bench.database()
    with clients(dsn) as app, watching(dsn, settings=SETTINGS) as watched:
        reader, changer, behind = app.open("report"), app.open("migrate"), [app.open("web") for _ in range(3)]
        run(reader, "SELECT * FROM content")
        app.send(changer, "ALTER TABLE content ADD COLUMN extra text")
        wait_until(lambda: is_waiting(dsn, pid_of(changer)), "the ALTER to wait")
        for each in behind:
            app.send(each, "SELECT * FROM content")
        incident, ms = first_told(watched, IncidentKind.DDL_QUEUE)
        full = wait_until(lambda: next((x for x in watched.latest.values() if x.stuck == 4), None), "all four")
        right = backends(full, Role.HOLDER) == {pid_of(reader)} and backends(full, Role.WAITER) == {pid_of(changer)}
    quiet = tells_nothing(dsn, "SELECT * FROM content", "ALTER TABLE job ADD COLUMN extra text")
    return Found(incident.kind.value, True, ms, right, quiet, "the idle reader is the root, three readers queue")


def find_nothing_skipped(bench: Bench) -> Found:
    dsn = bench.database()
    quiet = tells_nothing(dsn, FOR_ONE, "SELECT id FROM content WHERE id = 1 FOR UPDATE SKIP LOCKED")
    with clients(dsn) as app, watching(dsn, settings=SETTINGS) as watched:
        one, other = app.open(), app.open()
        run(one, FOR_ONE)
        app.send(other, "SELECT id FROM content WHERE id = 1 FOR UPDATE NOWAIT")
        app.join()
        watched.looks(5)
        quiet = quiet and watched.opened == [] and app.errors == ["55P03"]
        app.send(other, "SELECT id FROM content WHERE id = 1 FOR UPDATE")
        incident, _ = first_told(watched, IncidentKind.IDLE_HOLDER)
        right = backends(incident, Role.HOLDER) == {pid_of(one)}
    return Found("nothing, as wanted", quiet, None, right, quiet, "the same without SKIP LOCKED is told")


def find_nothing_healthy(bench: Bench) -> Found:
    if shutil.which("pgbench") is None:
        return Found(skipped="needs pgbench")
    dsn = bench.database()
    name = re.findall(r"dbname=(\w+)", dsn)[0]
    base = ["pgbench", "-h", "127.0.0.1", "-p", str(bench.server.port), "-U", "test"]
    subprocess.run([*base, "-i", "-q", "-s", "20", name], check=True, capture_output=True, timeout=60)
    with watching(dsn, settings=SETTINGS, processes=LocalProcesses()) as watched:
        load = [*base, "-c", "16", "-j", "2", "-T", str(_SOAK_S), name]
        subprocess.run(load, check=True, capture_output=True, timeout=_SOAK_S + 30)
        done = watched.watcher.statistics()
    quiet = watched.opened == [] and not done.errors and done.graphs > 5
    long, lacks = soaked()
    note = f"pgbench, {_SOAK_S} s, {done.polls} looks, {done.graphs} of them saw a wait; {long}"
    return Found("nothing, as wanted" if quiet else watched.opened[0].kind.value, quiet, None, None, quiet, note, lacks)


def find_through_pooler(bench: Bench) -> Found:
    del bench  # the pooler finds a server by its folder alone
    quiet = None
    with pooled_server() as pooled, watching(pooled, settings=SETTINGS) as watched:
        watched.looks(2)
        for task in (2, 1):  # two tasks are the twin: no self-deadlock
            with pooled_pair(pooled, task):
                kind = IncidentKind.SELF_DEADLOCK if task == 1 else IncidentKind.IDLE_HOLDER
                incident, ms = first_told(watched, kind)
            quiet = IncidentKind.SELF_DEADLOCK not in {each.kind for each in watched.opened} if task == 2 else quiet
            wait_until(lambda: not watched.watcher.open, "the end")
    right = symbols(incident) == {"holder": "stage", "waiter": "status"}
    unseen = any(isinstance(each, DatabaseUnseen) for each in watched.events)
    note = "application and watch in transaction mode; twin: two tasks"
    return Found(incident.kind.value, not unseen, ms, right, quiet, note)


@contextmanager
def pooled_server() -> Iterator[str]:
    """The address of a database behind a pooler with three sessions for all."""
    programs = find_programs()
    assert programs is not None
    with running_server(programs) as server:
        prepare(f"host={server} user=test dbname=postgres")
        with running_pooler(server, "postgres", sessions=3) as pooled:
            yield pooled


def soaked() -> tuple[str, str]:
    """What the long run has shown, the last time that it was made, and what it lacks."""
    try:
        figures = json.loads((RESULTS / "database_soak.json").read_text())["figures"]
    except FileNotFoundError:
        return "", f"{_WANTED_MIN} minutes: database_soak.py was not run"
    minutes = float(figures["minutes"])
    words = f"database_soak.py: {figures['incidents']} incidents in {minutes:g} min, {figures['polls']} looks"
    return words, "" if minutes >= _WANTED_MIN else f"{_WANTED_MIN} minutes: the last long run took {minutes:g}"


class pooled_pair:  # noqa: N801 used like a function
    """A transaction that does nothing and one that waits for it; a pooler knows no options of a connection."""

    def __init__(self, dsn: str, task: int) -> None:
        self._app = Clients(dsn)
        self._one, self._other = (psycopg.connect(dsn) for _ in range(2))
        run(self._one, tag(sym="stage", pid=7, task=1) + FOR_ONE)
        self._words = ("SET LOCAL lock_timeout = '8s'", tag(sym="status", pid=7, task=task) + FOR_OTHER)

    def __enter__(self) -> None:
        self._app.send(self._other, *self._words)

    def __exit__(self, *_: object) -> None:
        self._one.rollback()
        self._app.join()
        for each in (self._one, self._other):
            each.close()


def find_without_rights(bench: Bench) -> Found:
    dsn = bench.database()
    with psycopg.connect(dsn) as connection:
        run(connection, "CREATE ROLE blind LOGIN", "CREATE ROLE seeing LOGIN IN ROLE pg_monitor")
    told: dict[str, tuple[Incident, float, Watched, set[int]]] = {}
    for role in ("blind", "seeing"):
        with clients(dsn) as app, watching(dsn.replace("user=test", f"user={role}"), settings=SETTINGS) as watched:
            one, other = app.open(), app.open()
            run(one, FOR_ONE)
            app.send(other, FOR_OTHER)
            incident, ms = first_told(watched)
            told[role] = (incident, ms, watched, {pid_of(one), pid_of(other)})
    incident, ms, watched, pids = told["blind"]
    said = [each for each in watched.events if isinstance(each, DatabaseUnseen)]
    is_found = bool(said) and said[0].is_partial and "GRANT pg_monitor TO blind;" in said[0].reason
    quiet = not any(isinstance(each, DatabaseUnseen) for each in told["seeing"][2].events)
    right = {each.backend for each in incident.parties} == pids
    return Found(incident.kind.value, is_found, ms, right, quiet, "says which right is missing; twin: with pg_monitor")


def find_after_restart_of_the_watch(bench: Bench) -> Found:
    dsn = bench.database()
    with clients(dsn) as app:
        one, other = app.open(), app.open()
        run(one, FOR_ONE)
        app.send(other, FOR_OTHER)
        with watching(dsn, settings=SETTINGS) as first:
            before, _ = first_told(first)
        began = time.time() * 1000
        with watching(dsn, settings=SETTINGS) as second:
            again, _ = first_told(second)
            ms = time.time() * 1000 - began
        right = backends(again, Role.HOLDER) == {pid_of(one)} and backends(again, Role.WAITER) == {pid_of(other)}
        one.rollback()
        app.join()
        with watching(dsn, settings=SETTINGS) as third:
            third.looks(5)
            quiet = third.opened == []
    note = f"told {ms:.0f} ms after the second watch's start, as the same since the same moment; twin: after the hang"
    return Found(again.kind.value, (again.id, again.since) == (before.id, before.since), None, right, quiet, note)


def find_after_restart_of_the_server(bench: Bench) -> Found:
    del bench
    with own_server() as server:
        prepare(server.dsn)
        with watching(server.dsn, settings=SETTINGS) as watched:
            with psycopg.connect(server.dsn, autocommit=True) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'watchkeeper'"
                )
            seen(watched, 2)
            quiet = watched.opened == []  # the loss of a connection is no incident
            first, _ = hang(server.dsn, watched, server.stop)
            watched.until_told(DatabaseUnseen)
            server.start()
            ended = watched.until_ended()
            seen(watched, 3)
            with clients(server.dsn) as app:
                one, other = app.open(), app.open()
                run(one, FOR_ONE)
                app.send(other, FOR_OTHER)
                wait_until(lambda: len(watched.opened) > 1, "the hang after the restart")
                again = watched.opened[1]
                ms = time.time() * 1000 - again.since
                right = backends(again, Role.HOLDER) == {pid_of(one)}
    is_found = ended.reason is EndReason.RESTARTED and again.id == first.id
    return Found(again.kind.value, is_found, ms, right, quiet, "told again after connection loss and restart")


def seen(watched: Watched, times: int) -> None:
    wait_until(lambda: sum(isinstance(each, DatabaseSeen) for each in watched.events) >= times, "the database again")


def hang(dsn: str, watched: Watched, end: object) -> tuple[Incident, float]:
    """A hang that ends with the server."""
    app = Clients(dsn)
    one, other = app.open(), app.open()
    run(one, FOR_ONE)
    app.send(other, FOR_OTHER)
    told = first_told(watched)
    end()  # type: ignore[operator]
    app.join()
    for each in (one, other):
        each.close()
    return told


def find_cost(bench: Bench) -> Found:
    prepare(bench.server.dsn)
    cost = measure_cost(bench.server, 10)
    server, own = cost["server_share_of_a_core_percent"], cost["watch_cpu_percent"]
    note = (
        f"server {server} %, the watch's process {own} % of a core, {cost['backends']} backends, {cost['polls']} looks"
    )
    return Found("cost", server < 1 and own < 1, None, None, None, f"{note}; database_watch.py measures it in full")


CASES = (
    Case("8b", "a ring of three", find_ring),
    Case("12", "DDL queue: the idle reader is the root", find_queue),
    Case("15", "SKIP LOCKED and NOWAIT: silent", find_nothing_skipped),
    Case("16", "healthy contended load", find_nothing_healthy, 90),
    Case("22", "PgBouncer, transaction pooling", find_through_pooler, 60),
    Case("23", "role without pg_monitor", find_without_rights),
    Case("24", "the watch restarts during a hang", find_after_restart_of_the_watch),
    Case("25", "server restart, connection loss", find_after_restart_of_the_server, 60),
    Case("32", "overhead below 1 % of a core, 100 backends", find_cost, 60),
)
