"""What the decision says was measured of scouts is what was measured."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIGURES = json.loads((ROOT / "benchmarks/results/scouts.json").read_text())["figures"]
TEXT = (ROOT / "docs/decisions/013-scouts.md").read_text()


def test_figures_of_what_was_planted_are_the_measured_ones() -> None:
    scores = FIGURES["planted"]["scores"]
    every = scores["all"]

    assert f"plants {every['found'][1]} defects" in TEXT
    assert f"{every['found'][0]} are found and {every['filed'][0]} filed, {every['twins_reported'][0]} twins" in TEXT
    assert f"grep finds {every['grep_found'][0]} and reports {every['grep_twins'][0]} twins" in TEXT
    for dimension in ("performance", "errors", "security", "ux", "database"):
        found, planted = scores[f"dimension {dimension}"]["found"]
        assert f"{dimension} {found} of {planted}" in TEXT
    assert all(each in TEXT for each in FIGURES["repositories"])


def test_figures_of_what_was_judged_are_the_measured_ones() -> None:
    for dimension in ("errors", "security", "performance", "ux", "dead", "tests"):
        judged = FIGURES["precision"][dimension]
        assert judged["not_judged"] == 0
        assert f"{dimension} {judged['true']} of {judged['true'] + judged['false']}" in TEXT
    assert FIGURES["precision"]["database"]["true"] + FIGURES["precision"]["database"]["false"] == 0


def test_nothing_is_said_or_filed_twice() -> None:
    for each in FIGURES["second_run"].values():
        assert [each[name] for name in ("again", "new", "gone", "filed_twice")] == [[], [], [], []]
        assert each["by_line"] > 0, "the edits move what was found"
