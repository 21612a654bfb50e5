"""The published pairs, proved: is the test that fails on the merge found and named, and is the control left alone?

    python benchmarks/prove_pairs.py

Each pair's composition test is put on every side on which it passes alone, as its author would have written it there;
where it passes on neither, on one of them.
Then ``watchkeeper prove`` has to find it: first with built-in static checks only, then with the tests. Wall time and
commands run are printed for each pair.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from crosses import passes_on, prepare_python
from figures import record_figures, render_table
from pairs import PACKAGES, Pair, prepare_repositories, read_pairs
from scratch import git
from watchkeeper.app import find_place, prove
from watchkeeper.model.probing import Outcome, Proof

HOME = Path(tempfile.gettempdir()) / f"prove-pairs-{os.getpid()}"
"""Not in this repository: pytest would take its configuration for that of the trees."""


def main() -> int:
    pairs = read_pairs()
    repositories = prepare_repositories(pairs)
    python = prepare_python()
    shutil.rmtree(HOME, ignore_errors=True)
    rows = [measure(repositories[pair.package], pair, python) for pair in pairs]
    shutil.rmtree(HOME, ignore_errors=True)
    conflicting = [row for row in rows if row["conflicts"]]
    controls = [row for row in rows if not row["conflicts"]]
    figures = {
        "pairs": rows,
        "proved_by_tests": [
            sum(row["outcome"] == "proved" and row["test_named"] for row in conflicting),
            len(conflicting),
        ],
        "proved_statically": [sum(row["static"] == "proved" for row in conflicting), len(conflicting)],
        "controls_not_proved": [sum(row["outcome"] != "proved" for row in controls), len(controls)],
        "runs": sum(row["runs"] for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }
    header = ("pair", "static", "outcome", "test named", "runs", "seconds", "reason")
    table = [
        (row["pair"], row["static"], row["outcome"], row["test_named"], row["runs"], row["seconds"], row["reason"][:90])
        for row in rows
    ]
    print(render_table(header, table))
    print({name: value for name, value in figures.items() if name != "pairs"})
    record_figures("prove_pairs", figures)
    found, wanted = figures["proved_by_tests"]
    return 0 if found == wanted and figures["controls_not_proved"][0] == len(controls) else 1


def measure(repo: Path, pair: Pair, python: Path) -> dict:
    name = f"test_{pair.test.parent.name}.py"
    branches = [_with_test(repo, branch, pair, name, python) for branch in pair.branches]
    if branches == list(pair.branches):  # it asks for what only the merge has: one of the two wrote it beforehand
        branches[0] = _add_test(repo, branches[0], pair, name)
    static = run(repo, branches, python, only_static=True)
    started = time.perf_counter()
    proof = run(repo, branches, python, only_static=False)
    return {
        "pair": pair.name,
        "conflicts": pair.conflicts,
        "static": static.outcome.value,
        "outcome": proof.outcome.value,
        "test_named": any(finding.subject.startswith(name) for finding in proof.findings),
        "findings": [finding.message[:200] for finding in proof.findings],
        "reason": proof.reason if proof.outcome is not Outcome.PROVED else proof.findings[0].message,
        "runs": proof.runs,
        "seconds": round(time.perf_counter() - started, 2),
    }


def run(repo: Path, branches: list[str], python: Path, *, only_static: bool) -> Proof:
    environ = {
        **os.environ,
        "WATCHKEEPER_HOME": str(HOME),
        "WATCHKEEPER_PROJECT_TEST": f"{python} -m pytest -q -p no:cacheprovider",
    }
    place = find_place(repo, environ)
    report = prove(repo, branches, base="main", place=place, checks=(), only_static=only_static)
    return report.proofs[0]


def _with_test(repo: Path, branch: str, pair: Pair, name: str, python: Path) -> str:
    """The branch with the composition test on it, where it passes there; else the branch."""
    if not passes_on(repo, branch, PACKAGES[pair.package].name, pair.test, python):
        return branch
    return _add_test(repo, branch, pair, name)


def _add_test(repo: Path, branch: str, pair: Pair, name: str) -> str:
    made = f"{branch}.tested"
    git(repo, "checkout", "-q", "-f", "-B", made, branch)
    shutil.copyfile(pair.test, repo / name)
    git(repo, "add", "-f", name)
    git(repo, "commit", "-q", "--allow-empty", "-m", "with the composition test")
    git(repo, "checkout", "-q", "-f", "main")
    return made


if __name__ == "__main__":
    sys.exit(main())
