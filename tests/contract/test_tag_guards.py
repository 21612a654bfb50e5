"""The guard of Python and that of Node read every statement alike, and say the same of every pair of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nodeprograms import NotThereError, find_node
from tagstatements import READ, SERVED
from watchkeeper_tag.guard import Claim, resolve, would_wait
from watchkeeper_tag.statements import read_statement

PROGRAM = Path(__file__).parents[2] / "packages" / "watchkeeper-tag-node" / "test" / "verdicts.js"
CORPUS = [*((text, []) for text in SERVED), *READ]
Given = Sequence[tuple[str, list[object]]]
Asked = Callable[[Given], dict[str, Any]]


@pytest.fixture(scope="module")
def node() -> Iterator[Asked]:
    """Node's reader and guard, which answer for a list of statements at once."""
    try:
        program = find_node()
    except NotThereError as error:
        pytest.skip(f"{error}: the guards of Python and Node were NOT compared")
    with subprocess.Popen([program, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def ask(statements: Given) -> dict[str, Any]:
            questions.write(json.dumps(statements) + "\n")
            questions.flush()
            told: dict[str, Any] = json.loads(answers.readline())
            return told

        yield ask
        questions.close()


def claims(text: str, values: list[object]) -> list[Claim]:
    return [resolve(each, values) for each in read_statement(text)]


def shown(claim: Claim) -> dict[str, Any]:
    """As Node's program shows one."""
    return {
        "table": claim.table,
        "lock": claim.lock.value,
        "row": [list(each) for each in claim.row],
        "columns": list(claim.columns),
        "waits": claim.waits,
        "writes": claim.writes,
        "unique": [list(each) for each in claim.unique],
    }


def verdicts(statements: Given) -> list[list[bool]]:
    """Of each statement, whether it would wait for each of them, as Python's guard has it."""
    read = [claims(*each) for each in statements]
    return [[any(would_wait(one, other) for one in wanted for other in held) for held in read] for wanted in read]


def test_they_read_every_statement_of_the_corpus_alike(node: Asked) -> None:
    told = node(CORPUS)["claims"]

    differing = {
        text: (python, its)
        for (text, values), its in zip(CORPUS, told, strict=True)
        if (python := [shown(each) for each in claims(text, values)]) != its
    }
    assert differing == {}


def test_they_say_the_same_of_every_pair_of_the_corpus(node: Asked) -> None:
    """Both words occur often: a guard that always says the same cannot pass."""
    told, python = node(CORPUS)["waits"], verdicts(CORPUS)

    differing = [
        (CORPUS[one], CORPUS[other])
        for one in range(len(CORPUS))
        for other in range(len(CORPUS))
        if told[one][other] is not python[one][other]
    ]
    assert differing == []
    said = [each for row in python for each in row]
    assert len(said) == len(CORPUS) ** 2
    assert len(said) / 10 < sum(said) < len(said) * 9 / 10


NAMES = st.sampled_from(["a", "B", '"a"', '"B"', "`a`", "täble", "s.a", 'public."B"', '"public".a', "`s`.`a`"])
COLUMNS = st.sampled_from(["id", '"id"', "Name", '"Name"', "`id`", "über"])
GAPS = st.sampled_from([" ", "\n", "\t ", " /* for update */ ", " -- where id = 9\n ", "  "])
VALUES = st.sampled_from(
    ["1", "2", "-1", "1.5", "'1'", "'it''s'", "'--'", "''", "$1", "$2", "$1::int", "$2::numeric(8, 2)", "1 + 1",
     "lower('x')", "$$ where id = 1 $$", "$q$'$q$", "NULL", "a.id", "(SELECT id FROM a)", "'2'::text || '1'"]
)  # fmt: skip
LOCKS = st.sampled_from(
    ["", " FOR UPDATE", " for no key update", " FOR SHARE NOWAIT", " FOR KEY SHARE OF a", ' FOR UPDATE OF "B", a',
     " FOR UPDATE SKIP LOCKED", " FOR NO KEY UPDATE OF x NOWAIT", " LIMIT 1 FOR UPDATE", " FOR UPDATE LIMIT 1"]
)  # fmt: skip
CONFLICTS = st.sampled_from(
    ["", " ON CONFLICT DO NOTHING", " ON CONFLICT (id) DO UPDATE SET b = 1", ' ON CONFLICT ("Name", id) DO NOTHING',
     " ON CONFLICT DO UPDATE SET b = 1", " ON DUPLICATE KEY UPDATE b = 1", " RETURNING id"]
)  # fmt: skip
WHOLE = st.sampled_from(
    ["ALTER TABLE {0} ADD x int", "TRUNCATE {0}", "LOCK TABLE {0}", "LOCK {0} IN SHARE MODE",
     "LOCK TABLE ONLY {0} IN EXCLUSIVE MODE NOWAIT", "LOCK {0} IN ROW SHARE MODE",
     "LOCK {0} IN SHARE ROW EXCLUSIVE MODE", "LOCK {0} IN SHARE UPDATE EXCLUSIVE MODE",
     "CREATE INDEX ON {0} (id)", "CREATE UNIQUE INDEX i ON {0} (id)",
     "DROP TABLE IF EXISTS {0}", "COPY {0} FROM STDIN", "COPY {0} (id) FROM STDIN", "COPY {0} TO STDOUT",
     "MERGE INTO {0} USING x ON true WHEN MATCHED THEN DELETE", "SELECT pg_advisory_lock($1)",
     "SELECT pg_try_advisory_xact_lock(1)", "DO $$ BEGIN DELETE FROM {0}; END $$", "REINDEX TABLE {0}"]
)  # fmt: skip


@st.composite
def conditions(draw: st.DrawFn) -> str:
    terms = draw(st.lists(st.tuples(st.sampled_from(["", "x.", "a."]), COLUMNS, VALUES), max_size=3))
    joint = draw(st.sampled_from([" AND ", " and ", " OR ", " AND NOT "]))
    return " WHERE " + joint.join(f"{of}{column} = {value}" for of, column, value in terms) if terms else ""


@st.composite
def simple(draw: st.DrawFn) -> str:
    table, alias = draw(NAMES), draw(st.sampled_from(["", " x", ' AS "x"', " as a"]))
    kind = draw(st.sampled_from(["insert", "update", "delete", "select", "join", "whole"]))
    match kind:
        case "insert":
            row = draw(st.lists(st.tuples(COLUMNS, VALUES), min_size=1, max_size=3, unique_by=lambda each: each[0]))
            columns, values = (", ".join(each) for each in zip(*row, strict=True))
            return f"INSERT INTO {table} ({columns}) VALUES ({values}){draw(CONFLICTS)}"
        case "update":
            return f"UPDATE {table}{alias} SET {draw(COLUMNS)} = {draw(VALUES)}, b = f(1, 2){draw(conditions())}"
        case "delete":
            return f"DELETE FROM ONLY {table}{draw(conditions())} RETURNING *"
        case "select":
            return f"SELECT id FROM {table}{alias}{draw(conditions())}{draw(LOCKS)}"
        case "join":
            return f"SELECT 1 FROM {table}{alias} JOIN {draw(NAMES)} y ON true{draw(conditions())}{draw(LOCKS)}"
        case _:
            return draw(WHOLE).format(table)


@st.composite
def statements(draw: st.DrawFn) -> str:
    text = draw(simple())
    if draw(st.booleans()):
        text = f"WITH n AS ({draw(simple())}), m AS (SELECT 1) {text}"
    words = text.split(" ")
    at = draw(st.integers(1, len(words)))  # so much of it has other gaps than the rest
    return " ".join([draw(GAPS).join(words[:at]), *words[at:]]) + draw(st.sampled_from(["", ";", " ;\n"]))


SOUP = st.lists(
    st.sampled_from(
        "select update insert into delete from only set where and or not values ( ) , . = ' '' \" ` $1 $$ $q$ 1 -2 a B "
        "täble as x for update share no key of nowait skip locked with on conflict do lock table in mode exclusive "
        "-- /* */ \n :: || % copy merge limit returning join pg_advisory_lock( stdin".split(" ")
    ),
    max_size=25,
).map(" ".join)
GIVEN = st.lists(st.sampled_from([1, 2, "1", "it's", True, None]), min_size=2, max_size=2)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(statements() | SOUP, GIVEN), min_size=1, max_size=3))
@example([("UPDATE a SET b = 1 WHERE id = $1", [True]), ("UPDATE a SET b = 1 WHERE id = 'true'", [])])
def test_they_agree_on_statements_that_nobody_wrote(node: Asked, given: list[tuple[str, list[object]]]) -> None:
    told = node(given)

    assert told["claims"] == [[shown(each) for each in claims(*one)] for one in given]
    assert told["waits"] == verdicts(given)
