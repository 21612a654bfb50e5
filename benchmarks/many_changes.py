"""Twelve agents at once on a small library: are the two pairs and the triple that break each other named, and no other?

    python benchmarks/many_changes.py [--without-all-pairs]

boltons with its own tests, twelve worktrees with uncommitted work (``planted.py``). ``watchkeeper prove`` gets all of
them, once as a function and once as the program. Then, in the same run, what there is without it: the whole suite on
each change alone and on git's merge of each of the 66 pairs, which also says whether what was planted is as it claims;
and on the triple, which no pair can show. Both start with nothing known of any tree.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

from figures import record_figures, render_table
from fleet import watchkeeper_command
from planted import ALL, SETS, apply
from scratch import CACHE, commit_all, create_repository, git, merge_tree
from sources import python_library
from watchkeeper.app import find_place, prove
from watchkeeper.probes.everything import ProveReport

WORK = Path(tempfile.gettempdir()) / f"many-changes-{os.getpid()}"
"""Not in this repository: pytest would take its configuration for that of the trees."""
PYTEST = "pytest==8.4.2"  # boltons' conftest.py is too old for the next


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-all-pairs", action="store_true")
    options = parser.parse_args(arguments)
    python = prepare_python()
    shutil.rmtree(WORK, ignore_errors=True)
    try:
        repo, trees = prepare(python_library())
        figures = measure(repo, trees, python)
        if not options.without_all_pairs:
            figures["all_pairs"] = look_at_all_pairs(repo, python)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    show(figures)
    record_figures("many_changes", figures)
    return 0 if is_exact(figures) else 1


def prepare_python() -> Path:
    """A Python of its own that has pytest and nothing else."""
    folder = CACHE / "library-python"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "install", "-q", PYTEST], check=True, timeout=600)
        (folder / "made").touch()
    return folder / "bin" / "python"


def prepare(sources: Path) -> tuple[Path, list[Path]]:
    """The repository, and a worktree for each change with its work uncommitted."""
    repo = WORK / "library"
    create_repository(repo)
    shutil.copytree(sources, repo, dirs_exist_ok=True)
    commit_all(repo, "the published sources")
    trees = []
    for change in ALL:
        tree = WORK / change.name
        git(repo, "worktree", "add", "-q", "-b", change.name, str(tree), "main")
        apply(change, tree)
        trees.append(tree)
    return repo, trees


def measure(repo: Path, trees: Sequence[Path], python: Path) -> dict:
    """What ``prove`` says, as a function and as a program, each with a state folder of its own."""
    environ = {**os.environ, "WATCHKEEPER_PROJECT_TEST": f"{python} -m pytest -q -p no:cacheprovider"}
    names = [str(tree) for tree in trees]
    started = time.perf_counter()
    place = find_place(repo, {**environ, "WATCHKEEPER_HOME": str(WORK / "home")})
    report = prove(repo, names, base="main", place=place, checks=())
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    done = subprocess.run(
        [*watchkeeper_command(), "prove", *names, "--checks", "", "--base", "main", "--json", "--repo", str(repo)],
        capture_output=True,
        env={**environ, "WATCHKEEPER_HOME": str(WORK / "home-of-the-program")},
        timeout=1800,
        check=False,
    )
    by_program = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"watchkeeper prove: {done.stderr.decode()[-1000:]}")
    document = json.loads(done.stdout)
    return {
        "changes": len(trees),
        "planted": sorted(sorted(each) for each in SETS),
        "named": named(report),
        "named_by_program": sorted(sorted(each["changes"]) for each in document["sets"]),
        "pairs_proved": sorted(list(p.changes) for p in report.proofs if p.outcome.value == "proved"),
        **count(report),
        "seconds": round(seconds, 1),
        "seconds_of_program": round(by_program, 1),
    }


def named(report: ProveReport) -> list[list[str]]:
    assert report.union is not None
    return sorted(sorted(each.changes) for each in report.union.sets)


def count(report: ProveReport) -> dict:
    """Commands that ran and merges that they ran on, for the pairs and for the union."""
    assert report.union is not None
    return {
        "sets": [
            {
                "changes": list(each.changes),
                "tests": [finding.subject for finding in each.findings],
                "merges": each.asked,
            }
            for each in report.union.sets
        ],
        "left_out": [list(each) for each in report.union.left_out],
        "suspected_pairs": len(report.proofs),
        "runs_for_pairs": sum(proof.runs for proof in report.proofs),
        "runs_for_union": report.union.runs,
        "runs": sum(proof.runs for proof in report.proofs) + report.union.runs,
        "merges_of_union": 1 + sum(each.asked for each in report.union.sets),
        "could_not": report.union.could_not,
        "outcomes": {
            outcome: sum(proof.outcome.value == outcome for proof in report.proofs)
            for outcome in sorted({proof.outcome.value for proof in report.proofs})
        },
    }


def look_at_all_pairs(repo: Path, python: Path) -> dict:
    """The whole suite on every change, on every pair, and on the triple. The changes are committed for that."""
    rival = WORK / "rival"
    git(repo, "worktree", "add", "-q", "--detach", str(rival), "main")
    names = [change.name for change in ALL]
    for change in ALL:
        git(rival, "checkout", "-q", "-f", "-B", f"rival-{change.name}", "main")
        apply(change, rival)
        commit_all(rival, change.name)
    alone = [name for name in names if not passes(rival, [name], python)]
    started = time.perf_counter()
    failing = [sorted(pair) for pair in combinations(names, 2) if not passes(rival, pair, python)]
    seconds = time.perf_counter() - started
    larger = [sorted(each) for each in SETS if len(each) > 2 and not passes(rival, sorted(each), python)]
    return {
        "fail_alone": alone,
        "runs": len(names) * (len(names) - 1) // 2,
        "seconds": round(seconds, 1),
        "failing": sorted(failing),
        "larger_sets_that_fail": larger,
    }


def passes(folder: Path, names: Iterable[str], python: Path) -> bool:
    """Whether the suite passes on git's merge of the changes."""
    first, *others = [f"rival-{name}" for name in names]
    commit = git(folder, "rev-parse", first).strip()
    for other in others:
        tree, is_clean = merge_tree(folder, commit, other)
        if not is_clean:
            raise SystemExit(f"planted to merge cleanly, but git does not: {first}, {', '.join(others)}")
        commit = git(folder, "commit-tree", tree, "-p", commit, "-p", other, "-m", "together").strip()
    git(folder, "checkout", "-q", "-f", "--detach", commit)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=600, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"the suite cannot be run: {done.stdout.decode()[-1000:]}")
    return done.returncode == 0


def is_exact(figures: dict) -> bool:
    planted, pairs = figures["planted"], figures.get("all_pairs")
    exact = figures["named"] == planted and figures["named_by_program"] == planted
    exact = exact and all(each in planted for each in figures["pairs_proved"])
    if pairs is None:
        return exact
    twos = [each for each in planted if len(each) == 2]
    return exact and pairs["fail_alone"] == [] and pairs["failing"] == twos and len(pairs["larger_sets_that_fail"]) == 1


def show(figures: dict) -> None:
    sets = [(" + ".join(each["changes"]), each["merges"], each["tests"][0]) for each in figures["sets"]]
    print(render_table(("set named", "merges looked at", "test"), sets))
    print(f"planted: {figures['planted']}\nexactly these: {figures['named'] == figures['planted']}")
    rows = [
        ("watchkeeper prove", figures["runs"], figures["seconds"], len(figures["named"])),
        ("  suspected pairs", figures["runs_for_pairs"], "", len(figures["pairs_proved"])),
        ("  union", figures["runs_for_union"], "", len(figures["named"])),
    ]
    if pairs := figures.get("all_pairs"):
        rows.append(("all pairs, whole suite", pairs["runs"], pairs["seconds"], len(pairs["failing"])))
    print(render_table(("way", "commands run", "seconds", "sets found"), rows))
    if pairs:
        print(f"fail alone: {pairs['fail_alone']}; fail, but no pair of them does: {pairs['larger_sets_that_fail']}")
    print(f"suspected pairs: {figures['suspected_pairs']}, outcomes {figures['outcomes']}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
