"""What the guard says of two statements, against what PostgreSQL does with them: every pair of a list, on a server."""

from __future__ import annotations

import psycopg
import pytest

import postgres
from tagstatements import SERVED as STATEMENTS
from watchkeeper_tag.guard import NOTHING, Table, find_parents, resolve, would_wait
from watchkeeper_tag.statements import Lock, read_statement

pytestmark = pytest.mark.postgresql
TABLES = {
    "content": Table("content", (("id",), ("name",))),
    "stage": Table("stage", (("id",),), (("content_id", "content", "id"),)),
}
UNKNOWN_ROW = "UPDATE content SET a = 4"
"""Its row is chosen by the server: it is said to be waited for by whoever wants any row."""
CHILD = {"ALTER TABLE stage ADD COLUMN more int", "DELETE FROM content WHERE id = 3"}
"""A delete looks into the tables that refer to its own: what the server does by itself is not seen."""


@pytest.fixture(scope="module")
def dsn(postgresql: str) -> str:
    told = f"host={postgresql} user=test dbname={postgres.create_database(postgresql)}"
    with psycopg.connect(told, autocommit=True) as made:
        made.execute("CREATE TABLE content (id int PRIMARY KEY, name text UNIQUE, a int)")
        made.execute("CREATE TABLE stage (id int PRIMARY KEY, content_id int REFERENCES content (id))")
        made.execute("INSERT INTO content VALUES (1, 'x', 0), (2, 'y', 0), (3, 'z', 0)")
        made.execute("INSERT INTO stage VALUES (5, 1)")
    return told


def said(wanted: str, held: str) -> bool:
    return any(would_wait(one, other) for one in claims(wanted) for other in claims(held))


def claims(text: str):  # type: ignore[no-untyped-def]
    found = [resolve(each, (), TABLES.get(each.table, NOTHING)) for each in read_statement(text)]
    parents = [p for each in found if each.lock is Lock.INSERT for p in find_parents(each, TABLES[each.table])]
    return [*found, *parents]


def waits(one: psycopg.Connection, other: psycopg.Connection, wanted: str, held: str) -> bool:
    try:
        one.execute(held.encode())
        other.execute("SET LOCAL lock_timeout = 40")
        other.execute(wanted.encode())
    except psycopg.errors.LockNotAvailable:
        return True
    except psycopg.errors.IntegrityError:
        return False
    finally:
        one.rollback()
        other.rollback()
    return False


def test_it_says_of_every_pair_what_the_server_does(dsn: str) -> None:
    missed, invented, count = [], [], 0
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as other:
        for held in STATEMENTS:
            for wanted in STATEMENTS:
                truth, word = waits(one, other, wanted, held), said(wanted, held)
                count += 1
                if truth and not word and {wanted, held} != CHILD:
                    missed.append((wanted, held))
                elif word and not truth and not held.startswith(UNKNOWN_ROW):
                    invented.append((wanted, held))

    assert count == len(STATEMENTS) ** 2
    assert (missed, invented) == ([], [])
