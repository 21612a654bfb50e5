"""``prove`` on real repositories: real merges, the real sandbox, the projects' own tests and analysers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from gitrepo import GitRepo, contents_of
from proving import (
    CENTS_IN_A,
    PRICES,
    PYTEST,
    REORDERED_IN_A,
    TEST_PRICES,
    TEST_TOTALS,
    TOTALS,
    TOTALS_IN_B,
    Prove,
    Scene,
    configured,
    key,
    only,
    prover_of,
)
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import run


@pytest.fixture
def scene(git_repo: GitRepo) -> Scene:
    return configured(git_repo, key("test", PYTEST) + "checks = []")


@pytest.fixture
def prove(capsys: pytest.CaptureFixture[str]) -> Prove:
    return prover_of(capsys)


def test_a_test_that_fails_only_on_the_merge_proves_the_suspicion_by_name(scene: Scene, prove: Prove) -> None:
    scene.write(CENTS_IN_A, TOTALS_IN_B)
    before = contents_of(scene.repo.path.parent)

    said = prove(scene)

    proof = only(said)
    assert (proof["outcome"], proof["by"]) == ("proved", ["tests"])
    assert proof["isolation"].split(":")[0] in {"full", "partial", "none"}
    assert [each["identity"] for each in proof["findings"]] == [
        ["tests", "failed", "test_totals.py", "test_totals.py::test_total"]
    ]
    assert "assert 600 == 6" in proof["findings"][0]["message"]
    assert proof["runs"] == 3  # the merge, b alone (a has no such test), the merge again
    (conflict,) = said["conflicts"]
    assert (conflict["outcome"], conflict["severity"]) == ("proved", "blocking")
    assert said["code"] == Exit.FOUND
    after = contents_of(scene.repo.path.parent)
    assert after == before  # the repository, its worktrees, .git included


def test_the_document_is_as_documented(scene: Scene, prove: Prove) -> None:
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    said = prove(scene)

    assert set(said) == {
        "version", "changes", "conflicts", "proofs", "sets", "left_out", "could_not", "flaky", "not_counted", "code",
    }  # fmt: skip
    assert set(only(said)) == {
        "outcome", "by", "reason", "findings", "changes", "trees", "merged", "runs", "wall_ms", "isolation", "is_past",
    }  # fmt: skip
    assert set(only(said)["findings"][0]) == {
        "check", "rule", "path", "subject", "message", "line", "text", "involved", "identity",
    }  # fmt: skip
    conflict = said["conflicts"][0]
    assert set(conflict) >= {"id", "kind", "rule", "suspected", "outcome", "proof", "evidence", "next_step"}
    assert (said["sets"], said["left_out"], said["could_not"], said["flaky"]) == ([], [], None, [])
    assert said["not_counted"] == []


def test_tests_that_execute_what_both_sides_changed_clear_it(scene: Scene, prove: Prove) -> None:
    scene.write(REORDERED_IN_A, TOTALS_IN_B)

    said = prove(scene)

    proof = only(said)
    assert (proof["outcome"], proof["runs"]) == ("cleared", 1)
    assert proof["reason"] == "2 tests pass on the merge and execute every changed line of both sides"
    assert {each["outcome"] for each in said["conflicts"]} == {"cleared"}
    assert {each["severity"] for each in said["conflicts"]} <= {"info", "minor"}


def test_a_line_that_no_test_executes_leaves_it_open_and_is_named(scene: Scene, prove: Prove) -> None:
    with_branch = TOTALS + "\n\ndef report(numbers):\n    return total(numbers)\n"
    scene.write(REORDERED_IN_A, {**TOTALS_IN_B, "totals.py": with_branch})

    proof = only(prove(scene))

    assert proof["outcome"] == "not-disproved"
    assert proof["reason"] == "2 tests pass, but b: totals.py:9 was not executed by any test that ran"


def test_data_that_a_program_may_read_leaves_it_open_and_is_named(scene: Scene, prove: Prove) -> None:
    scene.write({**REORDERED_IN_A, "docs/prices.md": "# Prices\n", "LICENSE": "Free.\n"}, TOTALS_IN_B)
    assert only(prove(scene))["outcome"] == "cleared"

    scene.write({"rates.txt": "2\n"}, {})
    proof = only(prove(scene))
    assert proof["outcome"] == "not-disproved"
    assert proof["reason"] == "2 tests pass, but a: rates.txt: no tracer sees its lines"


def test_lines_that_only_a_failing_test_of_one_side_executed_clear_nothing(scene: Scene, prove: Prove) -> None:
    broken = TEST_TOTALS.replace("== 6", "== 7")
    scene.write(REORDERED_IN_A, {**TOTALS_IN_B, "test_totals.py": broken})

    said = prove(scene)

    assert only(said)["outcome"] == "not-disproved"
    assert "on one side alone too: test_totals.py::test_total" in only(said)["reason"]
    assert not any(each["kind"] == "emergent" for each in said["conflicts"])


def test_a_file_that_a_side_cannot_even_load_does_not_pass_there(scene: Scene, prove: Prove) -> None:
    needs_a = "import cents\n\n\ndef test_total():\n    assert cents.CENTS == 1\n"
    scene.write({"cents.py": "CENTS = 100\n"}, {"test_totals.py": needs_a})

    proof = only(prove(scene))

    assert proof["outcome"] == "not-disproved"
    assert "on one side alone too" in proof["reason"]


def test_a_failure_that_does_not_repeat_is_flaky_and_proves_nothing(scene: Scene, prove: Prove) -> None:
    """What a tool keeps between runs is a usual cause: ``.pytest_cache`` survives in a checkout."""
    once = (
        "import pathlib\n\nimport prices\n\n\ndef test_once():\n    seen = pathlib.Path('.pytest_cache/seen')\n"
        "    if prices.price(1) != 200 or seen.exists():\n        return\n"
        "    seen.parent.mkdir(exist_ok=True)\n    seen.touch()\n    raise AssertionError\n"
    )
    scene.write(CENTS_IN_A, {"test_once.py": once})

    said = prove(scene)

    proof = only(said)
    assert (proof["outcome"], proof["findings"]) == ("flaky", [])
    assert proof["reason"] == "test_once.py::test_once failed once on the merge, then passed"
    assert not any(each["severity"] == "blocking" for each in said["conflicts"])


def test_a_failure_whose_repeat_cannot_be_run_is_neither_flaky_nor_proved(git_repo: GitRepo, prove: Prove) -> None:
    is_merge, seen = "grep -q 100 prices.py && [ -e totals.py ]", ".pytest_cache/seen"
    again = f"if [ -e {seen} ]; then echo no space left; exit 3; fi; mkdir -p .pytest_cache; touch {seen}"
    scene = configured(git_repo, key("test", f"if {is_merge}; then {again}; fi; {PYTEST}") + "checks = []")
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))

    assert (proof["outcome"], proof["findings"]) == ("could-not-run", [])
    assert "a second time it could not be run" in proof["reason"]
    assert "no space left" in proof["reason"]


def test_static_runs_no_command(scene: Scene, prove: Prove) -> None:
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    proof = only(prove(scene, "--static"))

    assert (proof["outcome"], proof["runs"], proof["isolation"]) == ("not-disproved", 0, None)
    assert proof["reason"] == "static checks find nothing"


def test_what_was_run_on_the_same_trees_is_run_again_only_when_asked_for(scene: Scene, prove: Prove) -> None:
    scene.write(REORDERED_IN_A, TOTALS_IN_B)

    runs = [only(prove(scene, *options))["runs"] for options in ((), (), ("--again",))]

    assert runs == [1, 0, 1]


def test_a_branch_s_name_means_its_commits_and_nothing_is_cleared_that_changes_nothing(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    run(["prove", "a", "b", "--repo", str(scene.repo.path), "--json"])

    said = json.loads(capsys.readouterr().out)
    assert only(said)["outcome"] == "not-disproved"
    assert "a changes nothing" in only(said)["reason"]
    assert said["not_counted"] == [
        {"change": "a", "path": str(scene.a.path), "reason": ""},
        {"change": "b", "path": str(scene.b.path), "reason": ""},
    ]


def test_people_who_name_a_branch_are_told_of_uncommitted_work_that_is_not_looked_at(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.a.commit("cents", CENTS_IN_A)
    scene.write({}, TOTALS_IN_B)

    run(["prove", "a", "refs/heads/b", "--static", "--repo", str(scene.repo.path)])
    said = capsys.readouterr()
    assert said.err == (
        f"refs/heads/b has uncommitted work in {scene.b.path}, which is not looked at: name the path to include it\n"
    )

    run(["prove", "a", str(scene.b.path), "--static", "--repo", str(scene.repo.path)])
    assert capsys.readouterr().err == ""


def test_tests_that_start_in_a_folder_further_in_are_seen_as_well(git_repo: GitRepo, prove: Prove) -> None:
    def inside(files: Mapping[str, str]) -> dict[str, str]:
        return {f"backend/{path}": text for path, text in files.items()}

    files = inside({"prices.py": PRICES, "test_prices.py": TEST_PRICES})
    table = key("test", f"cd backend && {PYTEST}") + "checks = []"
    git_repo.commit("base", {**files, "watchkeeper.toml": f"[project]\n{table}\n"})
    scene = Scene(git_repo)

    scene.write(inside(REORDERED_IN_A), inside(TOTALS_IN_B))
    assert only(prove(scene))["outcome"] == "cleared"

    scene.write(inside(CENTS_IN_A), {})
    proof = only(prove(scene))
    assert (proof["outcome"], proof["findings"][0]["subject"]) == ("proved", "test_totals.py::test_total")


def test_people_are_told_the_test_by_name(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    code = run(["prove", str(scene.a.path), str(scene.b.path), "--repo", str(scene.repo.path)])

    said = capsys.readouterr().out
    assert code == Exit.FOUND
    assert "test_totals.py::test_total" in said
    assert "1 proved" in said


def test_two_names_of_one_change_are_no_pair(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prove", "a", "a", "--repo", str(scene.repo.path)]) == Exit.USAGE


def test_a_folder_without_any_way_to_test_says_so(git_repo: GitRepo, prove: Prove) -> None:
    scene = configured(git_repo, f'checks = ["quiet: {Path("/bin/true")}"]')
    scene.write(CENTS_IN_A, TOTALS_IN_B)

    proof = only(prove(scene))

    assert proof["outcome"] == "not-disproved"
    assert "there are no tests to clear it" in proof["reason"]
