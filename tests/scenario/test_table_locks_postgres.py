"""What the rule about migrations says of locks, held against a real PostgreSQL: what each statement really locks."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from watchkeeper.code.database.sql import read_sql
from watchkeeper.conflicts.rules.resource_table_locks import lock_of
from watchkeeper.model.resources import Alteration

STRONG = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
"""The modes of a table that keep its writers waiting, the strongest last."""
TABLES = (
    "CREATE TABLE parent (id int PRIMARY KEY)",
    "CREATE TABLE t (id int, a int, b int, c text, p int)",
    "CREATE TABLE child (p int)",
    "INSERT INTO t VALUES (1, 1, 1, 'x', NULL)",
    "ALTER TABLE t ADD CONSTRAINT later CHECK (a > 0) NOT VALID",
    "CREATE UNIQUE INDEX ready ON t (id)",
)


@pytest.fixture
def connection(new_database: str) -> Iterator[psycopg.Connection[tuple[str, str]]]:
    with psycopg.connect(new_database) as made:
        for statement in TABLES:
            made.execute(statement.encode())
        made.commit()
        yield made


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ADD COLUMN d int",
        "ALTER TABLE t ADD COLUMN d int NOT NULL DEFAULT 1",
        "ALTER TABLE t ADD COLUMN d int REFERENCES parent (id)",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t RENAME COLUMN a TO z",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE t ALTER COLUMN a TYPE bigint",
        "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
        "ALTER TABLE t ALTER COLUMN a SET DEFAULT 4",
        "ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0)",
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE (b)",
        "ALTER TABLE t ADD CONSTRAINT k UNIQUE USING INDEX ready",
        "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (p) REFERENCES parent (id)",
        "ALTER TABLE t VALIDATE CONSTRAINT later",
        "ALTER TABLE t DROP CONSTRAINT later",
        "ALTER TABLE t SET (fillfactor = 70)",
        "ALTER TABLE t ALTER COLUMN a SET STATISTICS 10",
        "CREATE INDEX i ON t (b)",
        "DROP TABLE t",
        "TRUNCATE t",
        "LOCK TABLE t IN SHARE MODE",
        "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE",
        "UPDATE t SET a = 2",
    ],
)
def test_a_statement_takes_the_lock_that_is_said_of_it(
    connection: psycopg.Connection[tuple[str, str]], statement: str
) -> None:
    told = {claim.table: lock_of(claim.form) for claim in read_sql(statement).claims if not claim.implied}

    held = locks_of(connection, statement)

    strongest = {table: mode for table, modes in held.items() for mode in STRONG if mode in modes}
    assert {table for table, name in told.items() if name} == strongest.keys()
    for table, name in told.items():
        if name and name != "a table":
            assert f"{name.title().replace(' ', '')}Lock" == strongest[table]


def test_a_required_column_without_a_default_fails_the_writes_that_do_not_know_it(
    connection: psycopg.Connection[tuple[str, str]],
) -> None:
    statement = "ALTER TABLE child ADD COLUMN d int NOT NULL"
    assert read_sql(statement).claims[0].form == Alteration.ADD_REQUIRED
    connection.execute(statement.encode())
    with pytest.raises(psycopg.errors.NotNullViolation):
        connection.execute("INSERT INTO child (p) VALUES (1)")


def locks_of(connection: psycopg.Connection[tuple[str, str]], statement: str) -> dict[str, set[str]]:
    """The modes in which the statement's transaction holds each table, by the name it had before."""
    names = dict(
        connection.execute(
            "SELECT oid::text, relname::text FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    )
    connection.execute(statement.encode())
    rows = connection.execute(
        "SELECT relation::text, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted"
    ).fetchall()
    connection.rollback()
    held: dict[str, set[str]] = {}
    for relation, mode in rows:
        if relation in names:
            held.setdefault(names[relation], set()).add(mode)
    return held
