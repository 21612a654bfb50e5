"""A fleet's day in short: two projects, six issues, one planted pair, and everything is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from day_plans import plan_day
from fleet_day import Day, is_right


@pytest.mark.timeout(600)  # half a minute, where the machine has nothing else to do
def test_every_issue_of_a_day_ends_and_what_was_planted_does_not_escape(tmp_path: Path) -> None:
    works = plan_day(projects=2, issues=6, pairs=1, seed=3)

    figures = Day(tmp_path, works, projects=2, slots=3).run(most_s=480)

    assert figures["ended_by_itself"], figures
    assert is_right(figures), figures
    assert figures["ends"] == {"landed": 5, "nothing-to-do": 1}, "one has nothing to do in it"
    planted = figures["planted"]["dual-loud"]
    assert planted["both landed"] == planted["planted"] == 1
    assert planted["told"] or planted["returned"], "one of the two heard of it, or both would not have landed"
    assert not figures["escaped"]
    assert figures["trees_checked"] > 2, "the trees that came after the first commits"
