"""Tags, normalised statements, advice and drawings of the database watch."""

from __future__ import annotations

import time

import pytest

from watchkeeper.database.advice import advise
from watchkeeper.database.journals import read_answer
from watchkeeper.database.normalised import normalised
from watchkeeper.database.rights import missing_rights
from watchkeeper.database.tags import split_tag
from watchkeeper.database.wait_graph import render_svg
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Incident, IncidentId, IncidentKind, Party, Role, Tag


def test_a_tag_is_read_and_taken_off() -> None:
    text = "/*wk:rev=923af8b7ebb8,sym=m:f,at=a%2Cb.py:3,set=c.py:4,pid=7,tid=8,task=2*/ SELECT 1"

    assert split_tag(text) == (Tag("923af8b7ebb8", "m:f", "a,b.py:3", "c.py:4", 7, 8, "2"), "SELECT 1")


@pytest.mark.parametrize(
    "text", ["SELECT 1", "", "SELECT '/*wk:pid=1*/'", "/* hint */ SELECT 1", "SELECT 1 /*wk:pid=1*/"]
)
def test_what_does_not_begin_with_a_tag_has_none(text: str) -> None:
    assert split_tag(text) == (None, text)


def test_another_comment_may_stand_before_it() -> None:
    assert split_tag("/* trace */ /*wk:pid=7*/ SELECT 1")[0] == Tag(process=7)


def test_of_a_tag_that_was_cut_half_a_number_is_not_read() -> None:
    assert split_tag("/*wk:sym=f,pid=12") == (Tag(symbol="f"), "")


@pytest.mark.parametrize(
    "other",
    [
        "update content\n set A = :value where id = %(id)s",
        "UPDATE content SET a = 'it''s' WHERE id = 7;",
        "/*wk:pid=1*/ UPDATE content SET a=$1::VARCHAR WHERE id=$2 -- note",
        'UPDATE "content" SET "a" = %s WHERE id = ?',
        "UPDATE content SET a = $q$x$q$ WHERE id = 1.5e3",
    ],
)
def test_what_differs_from_call_to_call_does_not_count(other: str) -> None:
    assert normalised(other) == normalised("UPDATE content SET a = $1 WHERE id = $2")


def test_lists_of_any_length_are_one() -> None:
    assert normalised("SELECT 1 WHERE id IN (1,2,3)") == normalised("SELECT 1 WHERE id IN ($1)")
    assert normalised("INSERT INTO t VALUES ($1,$2,$3),($4,$5,$6)") == normalised("INSERT INTO t VALUES ($1,$2,$3)")


@pytest.mark.parametrize("other", ["UPDATE job SET a = $1", "UPDATE content SET b = $1", 'UPDATE "Content" SET a = $1'])
def test_another_table_or_column_counts(other: str) -> None:
    assert normalised(other) != normalised("UPDATE content SET a = $1")


@pytest.mark.parametrize("name", ['"a\nb"', '"a\r\nb', '"', '"\n', '"a\u2028b"'])
def test_a_name_in_quotes_stays_in_its_line(name: str) -> None:
    assert normalised(f"SELECT {name}").splitlines() == [normalised(f"SELECT {name}")]


@pytest.mark.parametrize("text", ["'" * 9_999, "/*" * 9_999, "$a" * 9_999, '"' * 9_999, "(?," * 9_999, "1e" * 9_999])
def test_a_hostile_statement_takes_no_time(text: str) -> None:
    began = time.process_time()
    normalised(text)
    split_tag(f"/*wk:{text}")
    split_tag("/* " * 9_999)
    assert time.process_time() - began < 1


def test_advice_names_the_role_whose_waits_should_end() -> None:
    parties = (Party(1, Role.HOLDER, user="app"), Party(2, Role.WAITER, user='we"b'))

    assert 'ALTER ROLE "we""b" SET lock_timeout = \'5s\'' in " ".join(advise(IncidentKind.SELF_DEADLOCK, parties))
    assert "pg_cancel_backend(2)" in advise(IncidentKind.SELF_DEADLOCK, parties)[0]


@pytest.mark.parametrize("kind", IncidentKind)
def test_there_is_advice_for_everything(kind: IncidentKind) -> None:
    assert advise(kind, ())


def test_what_is_hidden_is_said_with_the_grant() -> None:
    assert "GRANT pg_monitor TO watch;" in missing_rights("watch")
    assert 'GRANT pg_monitor TO "Watch me";' in missing_rights("Watch me")


def test_a_drawing_escapes_what_others_wrote() -> None:
    bad = "<script>alert('1')</script>&\""
    party = Party(1, Role.HOLDER, application=bad, state=bad)
    drawing = render_svg(
        Incident(IncidentId("i-1"), "1", IncidentKind.CYCLE, "shop", bad, Millis(1), Millis(2), (party,))
    )

    assert "<script" not in drawing
    assert "currentColor" in drawing


def test_a_process_speaks_for_itself_only() -> None:
    line = b'{"v":1,"process":7,"connections":[{"backend":1,"task":3,"thread":1,"since":1.5}],"unknown":1}'

    assert [(each.backend, each.task) for each in read_answer(line, 7).entries] == [(1, "3")]
    assert read_answer(line, 8).entries == ()
