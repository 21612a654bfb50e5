"""What no test executes is known to the risk of a landing: real git, real tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitrepo import GitRepo
from landingscene import PYTEST, Verbs, begin, finish, first_parents, passes
from watchkeeper.app import find_place, open_log
from watchkeeper.model.landing import RunBegan, RunEnded

SHAPES = "SCALE = 2\n\n\ndef width(n):\n    return n * SCALE\n"
TEST_SHAPES = "from shapes import width\n\n\ndef test_width():\n    assert width(1) == 2\n"
SKETCH = {"shapes.py": SHAPES, "test_shapes.py": TEST_SHAPES}
ROUNDED = SHAPES.replace("    return", "    if n < 0:\n        n = -n\n        n = n + 0\n    return")
TEST_ROUNDED = f"{TEST_SHAPES}\n\ndef test_negative():\n    assert width(-1) == 2\n"
HEADED = f"import math\n\nHALF = math.tau / math.pi / 4\n{SHAPES}"
WAIT = "wait_risk = 4"


@pytest.fixture
def verbs(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(git_repo, capfd)


def runs_of(repo: GitRepo) -> list[RunEnded]:
    place = find_place(repo.path, os.environ)
    with open_log(place.home) as log:
        events = [each.event for each in log.read(place.project, kinds=("run-ended",))]
    return [event for event in events if isinstance(event, RunEnded)]


def began(repo: GitRepo) -> list[RunBegan]:
    place = find_place(repo.path, os.environ)
    with open_log(place.home) as log:
        events = [each.event for each in log.read(place.project, kinds=("run-began",))]
    return [event for event in events if isinstance(event, RunBegan)]


def test_a_change_whose_lines_no_test_executes_waits_and_lands_once_a_person_says_so(
    git_repo: GitRepo, verbs: Verbs, tmp_path: Path
) -> None:
    begin(git_repo, SKETCH, landing=WAIT)
    base = git_repo.git("rev-parse", "main")
    finish(git_repo, "rounded", {"shapes.py": ROUNDED})

    held = verbs.land("rounded")["rounded/1"]

    assert held["state"] == "held"
    assert "lines 6-7 of shapes.py: no test of the run executed them" in held["reason"]
    assert git_repo.git("rev-parse", "main") == base
    entry = verbs("queue", "rounded")["entry"]
    assert entry["measured"] == ["lines 6-7 of shapes.py: no test of the run executed them"]
    assert entry["risk"] >= 4, entry
    before = len(runs_of(git_repo))
    verbs("release", "rounded")
    assert verbs.land("rounded")["rounded/1"]["state"] == "landed"
    assert len(runs_of(git_repo)) == before  # its pass was kept
    (commit,) = first_parents(git_repo, base)
    assert passes(git_repo, commit, tmp_path / "again")


def test_the_same_change_with_a_test_of_its_lines_lands(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SKETCH, landing=WAIT)
    finish(git_repo, "rounded", {"shapes.py": ROUNDED, "test_shapes.py": TEST_ROUNDED})

    assert verbs.land("rounded")["rounded/1"]["state"] == "landed"
    assert verbs("queue", "rounded")["entry"]["measured"] == [
        "the run executed all of the 3 changed lines of shapes.py that do something"
    ]


def test_lines_are_found_where_the_merge_with_others_moved_them(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SKETCH, landing=WAIT)
    finish(git_repo, "headed", {"shapes.py": HEADED})
    finish(git_repo, "rounded", {"shapes.py": ROUNDED, "test_more.py": TEST_ROUNDED})

    landed = verbs.land("headed", "rounded")

    assert {each["state"] for each in landed.values()} == {"landed"}


UNMEASURED = {
    "a script": f"PYTHONDONTWRITEBYTECODE=1 {sys.executable} -c 'import test_shapes; test_shapes.test_width()'",
    "unittest": f"PYTHONDONTWRITEBYTECODE=1 {sys.executable} -m unittest -q test_unit",
}
TEST_UNIT = "import unittest\nfrom shapes import width\n\n\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(width(1), 2)\n"  # noqa: E501


@pytest.mark.parametrize("name", UNMEASURED)
def test_where_nobody_saw_what_was_executed_it_is_said_to_be_not_measured(
    git_repo: GitRepo, verbs: Verbs, name: str
) -> None:
    begin(git_repo, {**SKETCH, "test_unit.py": TEST_UNIT}, landing=WAIT, test=UNMEASURED[name])
    finish(git_repo, "rounded", {"shapes.py": ROUNDED})

    held = verbs.land("rounded")["rounded/1"]

    assert held["state"] == "held"
    assert "not measured: which changed lines tests execute" in held["reason"]
    (told,) = verbs("queue", "rounded")["entry"]["measured"]
    assert told.startswith("not measured: which changed lines tests execute")
    verbs("release", "rounded")
    assert verbs.land("rounded")["rounded/1"]["state"] == "landed"


def test_a_test_that_fails_only_because_it_is_watched_sends_nobody_back(git_repo: GitRepo, verbs: Verbs) -> None:
    watched = """
import sys

def test_alone():
    monitoring = getattr(sys, "monitoring", None)
    tools = [monitoring.get_tool(n) for n in range(6)] if monitoring else []
    assert sys.gettrace() is None and "watchkeeper" not in tools
"""
    begin(git_repo, {**SKETCH, "test_alone.py": watched}, landing=WAIT)
    finish(git_repo, "rounded", {"shapes.py": ROUNDED, "test_shapes.py": TEST_ROUNDED})

    assert verbs.land("rounded")["rounded/1"]["state"] == "landed"

    assert [run.failing for run in runs_of(git_repo)] == [("test_alone.py::test_alone",), ()]


@pytest.mark.parametrize("threshold", [101, 70])
def test_where_nobody_can_come_to_wait_by_risk_tests_are_not_watched(
    git_repo: GitRepo, verbs: Verbs, threshold: int
) -> None:
    begin(git_repo, SKETCH, landing=f"wait_risk = {threshold}", test=PYTEST)
    finish(git_repo, "rounded", {"shapes.py": ROUNDED})

    assert verbs.land("rounded")["rounded/1"]["state"] == "landed"

    assert verbs("queue", "rounded")["entry"]["measured"] == [
        "not measured: which changed lines tests execute: nobody has to wait for a person, whatever they execute"
    ]


def test_a_run_that_did_not_look_counts_once_the_threshold_is_another_one(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SKETCH, landing="wait_risk = 70")
    finish(git_repo, "rounded", {"shapes.py": ROUNDED})
    verbs.land("rounded")
    (gate,) = {each.gate for each in began(git_repo)}
    lower = (git_repo.path / "watchkeeper.toml").read_text().replace("70", "60")
    git_repo.commit("another threshold", {"watchkeeper.toml": lower})
    finish(git_repo, "more", {"more.py": "A = 1\n"})
    verbs.land("more")

    assert {each.gate for each in began(git_repo)} == {gate}
