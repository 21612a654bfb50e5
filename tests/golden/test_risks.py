"""What a change's risk is and why, case by case: ``risks/*.case`` hold a base, the change A, and the points expected.

Expected lines are ``weight kind place: reason``, the heaviest first, ``not looked at: ...``, or ``nothing``.
``pytest --update tests/golden`` rewrites them; the diff is for people to judge.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from golden.casefile import NOTHING, parse_case, update_expected
from risking import risk_of
from watchkeeper.risk.points import RiskPoint

CASES = sorted((Path(__file__).parent / "risks").glob("*.case"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_risk_is_what_was_reviewed(path: Path, update_golden: bool) -> None:
    case = parse_case(path.read_text(encoding="utf-8"))

    risk = risk_of(case.base, case.sides["A"], executed={})
    lines = [_line(point) for point in risk.points] or [NOTHING]
    lines = [f"score {risk.score}", *lines, *(f"not looked at: {each}" for each in risk.could_not)]

    if update_golden:
        update_expected(path, lines)
    else:
        assert tuple(lines) == case.expected


def _line(point: RiskPoint) -> str:
    place = f"{point.path}:{point.line}" if point.line else point.path or "everywhere"
    return f"{point.weight} {point.kind.value} {place}: {point.reason}"
