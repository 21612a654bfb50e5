"""Many changes at once: what only three of them break together is named, by the test that one of them brings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitrepo import GitRepo
from watching import lines
from watchkeeper.app import find_place, prove
from watchkeeper.model.probing import Outcome
from watchkeeper.probes.everything import ProveReport

DRAWERS = lines(
    "NAMES = [", '    "nails",', '    "nuts",', '    "screws",', '    "washers",', "]", "", "",
    "def label(number):", "    return NAMES[number]",
)  # fmt: skip
TESTS = lines("from drawers import label", "", "", "def test_label():", '    assert label(0).startswith("n")')
LIMIT = lines("import drawers", "", "", "def test_the_cabinet_holds_all():", "    assert len(drawers.NAMES) <= 5")
"""One drawer more fits, two do not."""


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    """A project with tests of its own, and a change that is nobody's trouble."""
    git_repo.commit("base", {"drawers.py": DRAWERS, "test_drawers.py": TESTS})
    harmless = git_repo.worktree("harmless", "harmless")
    harmless.write("drawers.py", DRAWERS.replace("return NAMES[number]", "return NAMES[int(number)]"))
    return git_repo


def bolts(repo: GitRepo) -> None:
    repo.worktree("bolts", "bolts").write("drawers.py", DRAWERS.replace("NAMES = [\n", 'NAMES = [\n    "nbolts",\n'))


def wire(repo: GitRepo) -> None:
    added = DRAWERS.replace('    "washers",\n', '    "washers",\n    "wire",\n')
    repo.worktree("wire", "wire").write("drawers.py", added)


def limit(repo: GitRepo) -> None:
    repo.worktree("limit", "limit").write("test_limit.py", LIMIT)


def moody(repo: GitRepo, failures: int) -> None:
    """A test that fails so many times where one drawer too many is there, then never again."""
    text = lines(
        "import pathlib", "", "import drawers", "", "", "def test_moody():",
        "    seen = pathlib.Path('.pytest_cache/seen')",
        "    times = len(seen.read_text()) if seen.exists() else 0",
        f"    if len(drawers.NAMES) <= 5 or times >= {failures}:", "        return",
        "    seen.parent.mkdir(exist_ok=True)", "    seen.write_text('x' * (times + 1))", "    raise AssertionError",
    )  # fmt: skip
    repo.worktree("moody", "moody").write("test_moody.py", text)


def prove_all(repo: GitRepo, home: Path, *names: str) -> ProveReport:
    command = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider"
    environ = {**os.environ, "WATCHKEEPER_HOME": str(home), "WATCHKEEPER_PROJECT_TEST": command}
    place = find_place(repo.path, environ)
    worktrees = [str(repo.path.parent / name) for name in names]
    return prove(repo.path, worktrees, base="main", place=place, checks=())


def test_three_changes_that_break_a_test_only_together_are_named_and_nobody_else(repo: GitRepo, tmp_path: Path) -> None:
    bolts(repo)
    limit(repo)
    wire(repo)

    report = prove_all(repo, tmp_path / "state", "bolts", "harmless", "limit", "wire")

    assert report.union is not None
    assert (report.union.left_out, report.union.could_not) == ((), "")
    (found,) = report.union.sets
    assert set(found.changes) == {"bolts", "limit", "wire"}
    assert [finding.subject for finding in found.findings] == ["test_limit.py::test_the_cabinet_holds_all"]
    assert not [proof for proof in report.proofs if proof.outcome is Outcome.PROVED]


@pytest.mark.parametrize("missing", ["bolts", "limit", "wire"])
def test_without_any_one_of_the_three_nothing_is_named(repo: GitRepo, tmp_path: Path, missing: str) -> None:
    makers = {"bolts": bolts, "limit": limit, "wire": wire}
    there = [name for name in makers if name != missing]
    for name in there:
        makers[name](repo)

    report = prove_all(repo, tmp_path / "state", "harmless", *there)

    assert report.union is not None
    assert set(report.union.changes) == {"harmless", *there}
    assert (report.union.sets, report.union.could_not) == ((), "")
    assert report.union.runs > 0
    assert not [proof for proof in report.proofs if proof.outcome is Outcome.PROVED]


@pytest.mark.parametrize("failures", [1, 3])
def test_a_test_that_fails_once_on_the_union_or_on_the_set_and_then_passes_names_no_set(
    repo: GitRepo, tmp_path: Path, failures: int
) -> None:
    bolts(repo)
    wire(repo)
    moody(repo, failures)

    report = prove_all(repo, tmp_path / "state", "bolts", "harmless", "moody", "wire")

    assert report.union is not None
    assert (report.union.sets, report.union.could_not) == ((), "")
    assert report.union.flaky == ("test_moody.py::test_moody",)


def test_a_test_that_goes_on_failing_long_enough_names_the_set(repo: GitRepo, tmp_path: Path) -> None:
    """The twin of the flaky ones: nothing but the number of failures differs."""
    bolts(repo)
    wire(repo)
    moody(repo, 99)

    report = prove_all(repo, tmp_path / "state", "bolts", "harmless", "moody", "wire")

    assert report.union is not None
    assert [set(each.changes) for each in report.union.sets] == [{"bolts", "moody", "wire"}]
    assert report.union.flaky == ()


def test_a_flaky_test_does_not_hide_the_set_that_another_names(repo: GitRepo, tmp_path: Path) -> None:
    bolts(repo)
    wire(repo)
    limit(repo)
    moody(repo, 1)

    report = prove_all(repo, tmp_path / "state", "bolts", "harmless", "limit", "moody", "wire")

    assert report.union is not None
    assert [set(each.changes) for each in report.union.sets] == [{"bolts", "limit", "wire"}]
    assert report.union.flaky == ("test_moody.py::test_moody",)
