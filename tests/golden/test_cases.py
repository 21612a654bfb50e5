"""Every case states a rule; together they are what the detector is held to."""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.casefile import NOTHING, Case, analyse, parse_case, update_expected
from watchkeeper.model.conflicts import Conflict

CASES = Path(__file__).parent / "cases"
FILES = sorted(CASES.rglob("*.case"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CASES).with_suffix("").as_posix())
def test_a_case_gives_the_conflicts_that_its_rule_demands(path: Path, update_golden: bool) -> None:
    case = parse_case(path.read_text(encoding="utf-8"))

    found = render(analyse(case))

    if update_golden:
        update_expected(path, found)
    else:
        assert found == case.expected, case.rule


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(CASES).with_suffix("").as_posix())
def test_the_order_of_the_two_changes_does_not_matter(path: Path) -> None:
    case = parse_case(path.read_text(encoding="utf-8"))
    mirrored = Case(case.rule, case.base, {"A": case.sides["B"], "B": case.sides["A"]}, case.expected)

    assert _told(analyse(mirrored)) == _told(analyse(case))


def test_there_are_cases_for_each_language_and_each_has_a_rule_and_two_sides() -> None:
    folders = {path.parent.name for path in FILES}
    cases = [parse_case(path.read_text(encoding="utf-8")) for path in FILES]

    assert folders >= {"python", "typescript", "javascript", "text"}
    assert len(cases) >= 60
    assert all(case.rule and case.sides["A"] and case.sides["B"] and case.expected for case in cases)


def render(conflicts: tuple[Conflict, ...]) -> tuple[str, ...]:
    """One line a conflict, the loudest first."""
    ordered = sorted(conflicts, key=lambda c: (-c.severity.rank, c.kind, c.subjects))
    lines = tuple(dict.fromkeys(f"{c.severity} {c.kind} {c.subjects[0]}" for c in ordered))
    return lines or (NOTHING,)


def _told(conflicts: tuple[Conflict, ...]) -> set[tuple[str, str, frozenset[str]]]:
    """What is told, apart from which of the two changes is named first."""
    return {(c.severity, c.kind, frozenset(c.subjects)) for c in conflicts}
