"""The database watch through PgBouncer in transaction mode, where each question may get another session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

import postgres
from dbwatching import TIMEOUT_S, clients, prepare, tag, watching
from pgbouncer import running_pooler
from watchkeeper.model.incidents import DatabaseUnseen, IncidentKind, Role

pytestmark = pytest.mark.postgresql
FOR_ONE = "UPDATE content SET current_stage = 'a' WHERE id = 1"
FOR_OTHER = "UPDATE content SET pipeline_status = 'b' WHERE id = 1"


@pytest.fixture(scope="module")
def database(postgresql: str) -> tuple[str, str]:
    """The server's folder, and a database with the tables of the seed application."""
    name = postgres.create_database(postgresql)
    prepare(f"host={postgresql} user=test dbname={name}")
    return postgresql, name


@pytest.fixture(scope="module")
def pooled(database: tuple[str, str]) -> Iterator[str]:
    """The address through a pooler that has two sessions for all."""
    with running_pooler(*database) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def direct(database: tuple[str, str]) -> str:
    return f"host={database[0]} user=test dbname={database[1]}"


@contextmanager
def application(dsn: str, first: str, second: str) -> Iterator[list[str]]:
    """A transaction that ran ``first`` and does nothing, and another that sends ``second``; errors of the second.

    Both through the pooler, which knows no options of a connection.
    """
    errors: list[str] = []

    def send(connection: psycopg.Connection[Any]) -> None:
        try:
            with connection.transaction():
                connection.execute("SET LOCAL lock_timeout = '5s'")
                connection.execute(second.encode())
        except psycopg.Error as error:
            errors.append(str(error.sqlstate))

    with ExitStack() as stack:
        one, other = (stack.enter_context(psycopg.connect(dsn, autocommit=True)) for _ in range(2))
        thread = threading.Thread(target=send, args=(other,))
        try:
            with one.transaction(force_rollback=True):
                one.execute(first.encode())
                thread.start()
                yield errors
        finally:
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()


def test_a_hang_of_an_application_behind_the_pooler_is_told(database: tuple[str, str]) -> None:
    first, second = tag(sym="stage", pid=7, task=1) + FOR_ONE, tag(sym="status", pid=7, task=1) + FOR_OTHER
    with running_pooler(*database, sessions=3) as dsn, watching(dsn) as watched:
        watched.looks(2)
        with application(dsn, first, second) as errors:
            found = watched.until_opened(IncidentKind.SELF_DEADLOCK)
        ended = watched.until_ended()

    assert [(each.role, each.tag and each.tag.symbol) for each in found.parties] == [
        (Role.HOLDER, "stage"), (Role.WAITER, "status"),
    ]  # fmt: skip
    assert (errors, ended.id) == ([], found.id)
    assert not any(isinstance(each, DatabaseUnseen) for each in watched.events)


def test_two_tasks_behind_the_pooler_are_no_self_deadlock(database: tuple[str, str]) -> None:
    first, second = tag(sym="stage", pid=7, task=1) + FOR_ONE, tag(sym="status", pid=7, task=2) + FOR_OTHER
    with running_pooler(*database, sessions=3) as dsn, watching(dsn) as watched:
        watched.looks(2)
        with application(dsn, first, second):
            watched.until_opened(IncidentKind.IDLE_HOLDER)
        watched.until_ended()

    assert [each.kind for each in watched.opened] == [IncidentKind.IDLE_HOLDER]


def test_other_rows_behind_the_pooler_are_silent(database: tuple[str, str]) -> None:
    elsewhere = "UPDATE content SET pipeline_status = 'b' WHERE id = 2"
    with (
        running_pooler(*database, sessions=3) as dsn,
        watching(dsn) as watched,
        application(dsn, FOR_ONE, elsewhere) as errors,
    ):
        watched.looks(10)

    assert (watched.opened, errors) == ([], [])


def test_no_session_is_relied_on(direct: str, pooled: str) -> None:
    with clients(direct) as app, watching(pooled) as watched, psycopg.connect(pooled, autocommit=True) as stranger:
        watched.looks(3)
        # Another client of the pooler leaves its own settings behind, and holds one of the two sessions for a while.
        stranger.execute("SET statement_timeout = '1ms'")
        with stranger.transaction():
            one, other = app.open(), app.open()
            pids = [one.info.backend_pid, other.info.backend_pid]
            one.execute((tag(sym="f", pid=7, task=1) + FOR_ONE).encode())
            app.send(other, tag(sym="f", pid=7, task=1) + FOR_OTHER)
            found = watched.until_opened(IncidentKind.SELF_DEADLOCK)
        watched.looks(10)

    assert [each.backend for each in found.parties] == pids
    assert not any(isinstance(each, DatabaseUnseen) for each in watched.events)


def test_where_the_hang_has_taken_every_session_of_the_pooler_the_watch_says_that_it_is_blind(
    database: tuple[str, str],
) -> None:
    with running_pooler(*database, sessions=2) as dsn, watching(dsn) as watched:
        with application(dsn, FOR_ONE, FOR_OTHER):
            told = watched.until_told(DatabaseUnseen)
        watched.looks(2)

    assert not told.is_partial


def test_a_healthy_database_behind_a_pooler_is_silent(pooled: str) -> None:
    with watching(pooled) as watched:
        watched.looks(10)

    assert watched.opened == []
