"""The tests that a side changed run first; where they prove it the others do not run, and else they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitrepo import GitRepo
from proving import (
    CENTS_IN_A,
    PYTEST,
    REORDERED_IN_A,
    TEST_TOTALS,
    TOTALS_IN_B,
    Prove,
    Scene,
    configured,
    key,
    only,
    prover_of,
)

RAN = """\
import pathlib

import prices


def test_reach():
    place = pathlib.Path(".pytest_cache")
    place.mkdir(exist_ok=True)
    with (place / "ran").open("a") as file:
        file.write("x")
    assert prices.price(1) != 200 or not pathlib.Path("totals.py").exists() or {passes}
"""
"""Reaches what is changed, is changed by nobody, and leaves word that it ran."""
ONCE = """\
import pathlib

import prices


def test_once():
    seen = pathlib.Path(".pytest_cache/seen")
    if prices.price(1) == 200 and not seen.exists():
        seen.parent.mkdir(exist_ok=True)
        seen.touch()
        raise AssertionError
"""


@pytest.fixture
def prove(capsys: pytest.CaptureFixture[str]) -> Prove:
    return prover_of(capsys)


def scene_of(git_repo: GitRepo, *, reach_passes: bool, command: str = PYTEST) -> Scene:
    reach = RAN.format(passes=reach_passes)
    return configured(git_repo, key("test", command) + "checks = []", {"test_a_reach.py": reach})


def times_reached(home: Path) -> int:
    found = list(home.glob("projects/*/scratch/*/tree/.pytest_cache/ran"))
    return sum(len(file.read_text()) for file in found)


def test_a_changed_test_that_proves_it_ends_the_run_before_the_others(
    git_repo: GitRepo, prove: Prove, private_home: Path
) -> None:
    scene = scene_of(git_repo, reach_passes=False)
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))

    assert (proof["outcome"], proof["runs"]) == ("proved", 3)  # the merge, b alone, the merge again
    assert [each["subject"] for each in proof["findings"]] == ["test_totals.py::test_total"]
    assert times_reached(private_home) == 0


def test_where_the_changed_tests_pass_the_others_run_in_the_same_run(
    git_repo: GitRepo, prove: Prove, private_home: Path
) -> None:
    scene = scene_of(git_repo, reach_passes=True)
    scene.write(REORDERED_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))

    assert (proof["outcome"], proof["runs"]) == ("cleared", 1)
    assert times_reached(private_home) == 1


def test_a_changed_test_that_fails_on_its_own_side_too_does_not_keep_the_others_from_proving_it(
    git_repo: GitRepo, prove: Prove
) -> None:
    scene = scene_of(git_repo, reach_passes=False)
    scene.write(CENTS_IN_A, {**TOTALS_IN_B, "test_totals.py": TEST_TOTALS.replace("== 6", "== 7")})

    proof = only(prove(scene))

    assert proof["outcome"] == "proved"
    assert [each["subject"] for each in proof["findings"]] == ["test_a_reach.py::test_reach"]


def test_a_changed_test_that_fails_on_its_own_side_too_leaves_it_open_where_the_others_pass(
    git_repo: GitRepo, prove: Prove, private_home: Path
) -> None:
    scene = scene_of(git_repo, reach_passes=True)
    scene.write(REORDERED_IN_A, {**TOTALS_IN_B, "test_totals.py": TEST_TOTALS.replace("== 6", "== 7")})

    proof = only(prove(scene))

    assert proof["outcome"] == "not-disproved"
    assert "on one side alone too: test_totals.py::test_total" in proof["reason"]
    assert times_reached(private_home) == 1


@pytest.mark.parametrize(("passes", "outcome"), [(True, "flaky"), (False, "proved")])
def test_a_flaky_changed_test_is_told_only_where_the_others_prove_nothing(
    git_repo: GitRepo, prove: Prove, *, passes: bool, outcome: str
) -> None:
    scene = scene_of(git_repo, reach_passes=passes)
    scene.write(CENTS_IN_A, {"test_once.py": ONCE, "totals.py": TOTALS_IN_B["totals.py"]})

    assert only(prove(scene))["outcome"] == outcome


def test_with_workers_all_tests_run_at_once_and_prove_it_as_well(git_repo: GitRepo, prove: Prove) -> None:
    scene = scene_of(git_repo, reach_passes=False, command=f"{PYTEST} -p xdist -n 2")
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))

    assert proof["outcome"] == "proved"
    assert {each["subject"] for each in proof["findings"]} == {
        "test_a_reach.py::test_reach",
        "test_totals.py::test_total",
    }
