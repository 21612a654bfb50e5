"""What the tag's reader sees in statements, and which of them would wait for which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagstatements import GOES_ON, HARMLESS, LOCKED, WAITS
from watchkeeper_tag.guard import resolve, would_wait
from watchkeeper_tag.statements import Lock, read_statement


@pytest.mark.parametrize(("text", "table", "lock"), LOCKED)
def test_the_first_table_that_is_locked_is_named_with_its_lock(text: str, table: str, lock: Lock) -> None:
    first = read_statement(text)[0]

    assert (first.table, first.lock) == (table, lock)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_reads_locks_nothing(text: str) -> None:
    assert all(each.lock is Lock.READ for each in read_statement(text))


WORDS = st.sampled_from("update set where ( ) ' \" , = %s $1 a insert into values for".split())


@given(st.text(max_size=300) | st.lists(WORDS).map(" ".join))
def test_no_text_makes_it_fail(text: str) -> None:
    read_statement(text)


def claim(text: str, *values: object):  # type: ignore[no-untyped-def]
    return resolve(read_statement(text)[0], values)


@pytest.mark.parametrize(("wanted", "given", "held", "values"), WAITS)
def test_it_waits(wanted: str, given: tuple[object, ...], held: str, values: tuple[object, ...]) -> None:
    assert would_wait(claim(wanted, *given), claim(held, *values))


@pytest.mark.parametrize(("wanted", "given", "held", "values"), GOES_ON)
def test_it_goes_on(wanted: str, given: tuple[object, ...], held: str, values: tuple[object, ...]) -> None:
    assert not would_wait(claim(wanted, *given), claim(held, *values))
