"""``prove`` where the project measures coverage itself: what tests execute is seen all the same."""

from __future__ import annotations

import sys

import pytest

from gitrepo import GitRepo
from proving import REORDERED_IN_A, TOTALS, TOTALS_IN_B, Prove, Scene, configured, key, only, prover_of

pytest.importorskip("pytest_cov", reason="pytest-cov is not installed: run `make setup`")

STARTS_IT = """\
import coverage

MEASURED = coverage.Coverage(data_file=None)
MEASURED.start()
"""
PLAIN = f"{sys.executable} -m pytest -q -p no:cacheprovider -p no:randomly"
UNDER = "[pytest]\naddopts = --cov=. --cov-branch --cov-report=term-missing --cov-fail-under=100\n"


@pytest.fixture
def prove(capsys: pytest.CaptureFixture[str]) -> Prove:
    return prover_of(capsys)


WAYS = {
    "pytest-cov in the configuration, that fails below a percentage": (PLAIN, {"pytest.ini": UNDER}),
    "pytest-cov with workers": (f"{PLAIN} -n 2", {"pytest.ini": UNDER}),
    "coverage around pytest": (PLAIN.replace("-m pytest", "-m coverage run -m pytest"), {}),
    "coverage that the tests start": (PLAIN, {"conftest.py": STARTS_IT}),
}


def scene_of(git_repo: GitRepo, way: str) -> Scene:
    command, files = WAYS[way]
    never = {"never.py": "def never():\n    return 1\n"}  # far from all of it is covered
    return configured(git_repo, key("test", command) + "checks = []", {**never, **files})


@pytest.mark.parametrize("way", WAYS)
def test_what_tests_execute_is_seen_and_clears(git_repo: GitRepo, prove: Prove, way: str) -> None:
    scene = scene_of(git_repo, way)
    scene.write(REORDERED_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))

    assert (proof["outcome"], proof["runs"]) == ("cleared", 1), proof["reason"]


@pytest.mark.parametrize("way", WAYS)
def test_what_no_test_executes_is_named(git_repo: GitRepo, prove: Prove, way: str) -> None:
    scene = scene_of(git_repo, way)
    with_branch = TOTALS + "\n\ndef report(numbers):\n    return total(numbers)\n"
    scene.write(REORDERED_IN_A, {**TOTALS_IN_B, "totals.py": with_branch})

    proof = only(prove(scene))

    assert proof["reason"] == "2 tests pass, but b: totals.py:9 was not executed by any test that ran"
