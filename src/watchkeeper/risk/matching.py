"""Which test of the change is which test of the base: renamed, moved and merged tests are not deleted ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from watchkeeper.risk.claims import Claim, TestCase

_ALIKE = 0.6
_MOST_COMPARED = 40_000
"""Pairs of tests compared by their bodies: a whole suite that moved and changed is not worth more."""


class Matched(NamedTuple):
    """Pairs of base and now, and the tests of the base that are in none."""

    pairs: tuple[tuple[TestCase, TestCase], ...]
    gone: tuple[TestCase, ...]


def match_tests(base: Sequence[TestCase], now: Sequence[TestCase], moves: Mapping[str, str]) -> Matched:
    """Joins the tests. ``moves`` gives the new path of files that moved.

    By place and name, then by name alone, then by what they do. A test whose assertions all stand in others now was
    merged into them.
    """
    left_base, left_now, pairs = list(base), list(now), []
    keys = (
        (lambda case: (moves.get(case.path, case.path), case.name), lambda case: (case.path, case.name)),
        (lambda case: case.name, lambda case: case.name),
        (lambda case: case.name.rpartition(".")[2], lambda case: case.name.rpartition(".")[2]),
        (lambda case: case.body, lambda case: case.body),
    )
    for of_base, of_now in keys:
        places: dict[object, list[TestCase]] = {}
        for case in left_now:
            places.setdefault(of_now(case), []).append(case)
        for case in list(left_base):
            found = places.get(of_base(case))
            if found:
                new = found.pop(0)
                pairs.append((case, new))
                left_base.remove(case)
                left_now.remove(new)
    pairs += _alike(left_base, left_now)
    known = {id(case) for case, _ in pairs}
    gone = [case for case in left_base if id(case) not in known]
    return Matched(tuple(pairs), tuple(_not_merged(gone, base, now)))


def _alike(base: Sequence[TestCase], now: Sequence[TestCase]) -> list[tuple[TestCase, TestCase]]:
    if len(base) * len(now) > _MOST_COMPARED:
        return []
    scored = sorted(
        ((_likeness(one, two), i, j) for i, one in enumerate(base) for j, two in enumerate(now)),
        key=lambda each: (-each[0], each[1], each[2]),
    )
    used: set[tuple[str, int]] = set()
    pairs = []
    for score, i, j in scored:
        if score >= _ALIKE and ("b", i) not in used and ("n", j) not in used:
            used |= {("b", i), ("n", j)}
            pairs.append((base[i], now[j]))
    return pairs


def _likeness(one: TestCase, two: TestCase) -> float:
    if not one.body or not two.body or one.is_test != two.is_test:
        return 0.0
    before, after = (" ".join(case.body).split() for case in (one, two))
    if 2 * min(len(before), len(after)) < _ALIKE * (len(before) + len(after)):
        return 0.0
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return matcher.ratio() if matcher.quick_ratio() >= _ALIKE else 0.0


def _not_merged(gone: Iterable[TestCase], base: Sequence[TestCase], now: Sequence[TestCase]) -> Iterator[TestCase]:
    more = Counter(map(_said, _claims(now))) - Counter(map(_said, _claims(base)))
    rows = {row for case in now for row in case.cases} - {row for case in base for row in case.cases}
    for case in gone:
        wanted = Counter(_said(claim) for claim in case.claims)
        is_merged = bool(wanted) and not wanted - more
        if is_merged or _is_a_row(case, rows):
            continue
        yield case


def _is_a_row(case: TestCase, rows: Iterable[str]) -> bool:
    """Whether all that it expects stands in new rows of tables of cases."""
    wanted = {claim.expected for claim in case.claims if claim.expected}
    return bool(wanted) and all(stands_in(value, rows) for value in wanted)


def stands_in(value: str, rows: Iterable[str]) -> bool:
    """Whether one of the rows has the value as a value of its own: ``1`` is none of ``[10, 21]``."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(value)}(?![\w.])")
    return any(pattern.search(row) for row in rows)


def _claims(cases: Iterable[TestCase]) -> Iterator[Claim]:
    return (claim for case in cases for claim in case.claims)


def _said(claim: Claim) -> tuple[str, str, str]:
    return claim.masked, claim.sense, claim.expected
