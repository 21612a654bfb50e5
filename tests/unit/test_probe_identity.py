"""A finding is the same in every tree where it is about the same, and another where it is not."""

from __future__ import annotations

import pytest

from watchkeeper.probes.identity import stable_subject


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Expected `int | None`, found `str`", "Expected `None | int`, found `str`"),
        ('has type "dict[str, list[int | str] | None]"', 'has type "dict[str, None | list[str | int]]"'),
        ("Type 'string | number' is not assignable", "Type 'number | string' is not assignable"),
        ("`def f(a: int | str = 1, b: A | B) -> X | Y`", "`def f(a: str | int = 1, b: B | A) -> Y | X`"),
        ("`f[A | B](C | D)`", "`f[B | A](D | C)`"),
        ("found `A | B | ... omitted 3 union elements`", "found `C | A | ... omitted 4 union elements`"),
        ("defined at /scratch/0/tree/a.py:3", "defined at a.py:17"),
    ],
)
def test_what_differs_by_chance_does_not_count(one: str, other: str) -> None:
    assert stable_subject(one, "/scratch/0/tree") == stable_subject(other, "/scratch/0/tree")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Expected `int | None`", "Expected `int | str`"),
        ("`dict[int, str | None]`", "`dict[str, int | None]`"),
        ("`def f(a: int | str, b: A)`", "`def f(a: int, b: A | str)`"),
        ("`A` has no attribute `b`", "`B` has no attribute `a`"),
        ("found `A` | `B`", "found `B` | `A`"),
    ],
)
def test_what_says_something_else_stays_another(one: str, other: str) -> None:
    assert stable_subject(one) != stable_subject(other)


@pytest.mark.parametrize("text", ["`" + "(" * 3000 + "a | b" + "`", "`" + ")" * 3000 + " | `", "`a | b", "``", "' | '"])
def test_brackets_that_do_not_fit_are_no_error(text: str) -> None:
    assert stable_subject(text) == stable_subject(text)
