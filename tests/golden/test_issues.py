"""What invented issues will probably touch, case by case: ``issues/*.case`` hold a project, an issue, and the forecast.

The issue is the text ``A: issue.md``: its title, then its body. Expected lines are ``likelihood name: reasons``, the
likeliest five symbols and three files. ``pytest --update tests/golden`` rewrites them; the diff is for people to judge.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from foreseeing import atlas_of, issue
from golden.casefile import NOTHING, parse_case, update_expected
from watchkeeper.fleet.likely import Likely, foresee, rare_names
from watchkeeper.fleet.past_changes import PastChanges

CASES = sorted((Path(__file__).parent / "issues").glob("*.case"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_forecast_is_what_was_reviewed(path: Path, update_golden: bool) -> None:
    case = parse_case(path.read_text(encoding="utf-8"))
    title, _, body = (case.sides["A"]["issue.md"] or "").partition("\n")

    forecast = foresee(issue(title, body), atlas_of(case.base), PastChanges())
    lines = [_line(each) for each in (*forecast.symbols[:5], *forecast.files[:3])] or [NOTHING]
    lines += [f"others wait for {', '.join(rare_names(forecast)) or 'nothing of it'}"]

    if update_golden:
        update_expected(path, lines)
    else:
        assert tuple(lines) == case.expected


def _line(likely: Likely) -> str:
    return f"{likely.likelihood:.2f} {likely.name}: {'; '.join(likely.reasons)}"
