"""What the decision says was measured is what was measured."""

from __future__ import annotations

import json
from pathlib import Path

from watchkeeper.scouts.convergence.clustering import LEAST_ALIKE
from watchkeeper.scouts.convergence.matching import Bar

ROOT = Path(__file__).parents[2]
FIGURES = json.loads((ROOT / "benchmarks/results/convergence.json").read_text())["figures"]


def test_figures_in_the_decision_are_the_measured_ones() -> None:
    text = (ROOT / "docs/decisions/013-scouts.md").read_text()
    first, lacking = FIGURES["halves"]["finding"], FIGURES["halves"]["finding_half_of_kinds_unknown"]
    ours, rival, less = first["ours"], first["rival"], lacking["ours"]
    catalogue, nonsense = FIGURES["catalogue"], FIGURES["nonsense_of_the_same_words"]
    words = ("none", "one", "two", "three", "four", "five", "six")

    assert f"first for {catalogue['first']} of {catalogue['of']}, among three for {catalogue['in_three']}" in text
    assert f"right at {ours['precision']:.2f} and found at {ours['recall']:.2f}" in text
    assert f"over words: {rival['precision']:.2f} and {rival['recall']:.2f}" in text
    assert f"catalogue, {less['precision']:.2f} and {less['recall']:.2f}" in text
    assert f"{words[min(nonsense)]} to {words[max(nonsense)]} candidates are left" in text
    assert {each["projects"] for each in FIGURES["days"]["ownership"]} == {4}
    assert {tuple(each["missed"]) for each in FIGURES["days"]["ends"]} == {("dead-code", "unescaped-html")}
    assert not any(each["wrong"] for each in FIGURES["days"]["ends"])


def test_thresholds_are_the_medians_that_were_chosen_on_halves() -> None:
    chosen = FIGURES["halves"]["finding_half_of_kinds_unknown"]["chosen"]

    assert Bar() == Bar(round(chosen["score"], 4), round(chosen["margin"], 4))
    assert round(chosen["least"], 4) == LEAST_ALIKE
