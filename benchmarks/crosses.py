"""Labels for the crosses of the published patches, made by running the published composition tests.

A composition test says what must hold where two patches meet. For a cross of patches A and B, ``import PACKAGE`` and
the composition tests of both patches' pairs are run on the base, on A, on B, and on git's own merge A+B. The label is

``textual``    git merges A and B with a conflict: nobody needs a detector to see it.
``same edit``  A and B make the same tree: there is nothing to conflict.
``conflict``   a test fails on A+B although it **passes on A alone and on B alone** (jointly wrong),
               or although it **fails on the base and passes on one side** (the other side undoes what that side adds).
``clean``      neither. A test that passes on the base and fails on one side alone is that side's own doing; one that
               fails on both sides asks for what only the merge can have. Both say nothing about the cross.

So ``clean`` means that no published test shows a conflict, not that none exists.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import msgspec

from pairs import DATA, PACKAGES, Pair, find_uv, install, list_crosses
from scratch import CACHE, git, merge_tree

LABELS = DATA.parent / "crosses.json"


class Cross(msgspec.Struct, frozen=True):
    """Two patches of one package, the label, and each test's outcomes as ``base A B A+B`` (``P`` passed, ``F`` not)."""

    package: str
    one: str
    other: str
    label: str
    published: bool
    outcomes: dict[str, str]


def read_labels() -> tuple[Cross, ...]:
    """The committed labels."""
    return tuple(msgspec.convert(row, Cross) for row in json.loads(LABELS.read_text())["crosses"])


def write_labels(pairs: tuple[Pair, ...], repositories: dict[str, Path]) -> None:
    """Makes all labels anew, by running the tests (about two minutes), and writes them."""
    python = prepare_python()
    by_branch = {branch: pair for pair in pairs for branch in pair.branches}
    crosses = [
        _label(repositories[package], package, (by_branch[one], one), (by_branch[other], other), python)
        for package, one, other in list_crosses(pairs)
    ]
    document = {
        "made": "composition tests of both pairs, run on base, A, B and git's merge: see benchmarks/crosses.py",
        "bases": {package.name: package.version for package in PACKAGES.values()},
        "crosses": [msgspec.to_builtins(cross) for cross in crosses],
    }
    LABELS.write_text(json.dumps(document, indent=1) + "\n")


def decide_label(outcomes: Iterable[str]) -> str:
    """``conflict`` or ``clean`` of a textually clean merge, from the ``base A B A+B`` outcomes."""
    return "conflict" if any(outcome in _LOST_TOGETHER for outcome in outcomes) else "clean"


_LOST_TOGETHER = frozenset({"PPPF", "FPPF", "FPFF", "FFPF"})


def _label(repo: Path, package: str, one: tuple[Pair, str], other: tuple[Pair, str], python: Path) -> Cross:
    published = one[0] == other[0]
    tree, clean = merge_tree(repo, one[1], other[1])
    if git(repo, "diff", "--name-only", one[1], other[1]) == "":
        return Cross(package, one[1], other[1], "same edit", published, {})
    if not clean:
        return Cross(package, one[1], other[1], "textual", published, {})
    outcomes = {}
    for test in (None, *sorted({one[0].test, other[0].test})):
        passed = [passes_on(repo, tree_ish, package, test, python) for tree_ish in ("main", one[1], other[1], tree)]
        outcomes[test.parent.name if test else "import"] = "".join("FP"[ok] for ok in passed)
    return Cross(package, one[1], other[1], decide_label(outcomes.values()), published, outcomes)


@cache
def passes_on(repo: Path, tree_ish: str, package: str, test: Path | None, python: Path) -> bool:
    """Whether ``test`` passes on a tree; without one, whether the package can be imported."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "tree.tar"
        git(repo, "archive", "-o", str(archive), tree_ish)
        shutil.unpack_archive(archive, folder, filter="data")
        if test is None:
            return _run(python, folder, ["-c", f"import {package}"])
        copy = shutil.copyfile(test, Path(folder) / f"test_{test.parent.name}.py")
        return _run(python, folder, ["-m", "pytest", "-q", "-p", "no:cacheprovider", copy.name])


def _run(python: Path, folder: str, arguments: Sequence[str]) -> bool:
    done = subprocess.run(
        [str(python), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": folder},
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode == 0


def prepare_python() -> Path:
    """A Python of its own with what the packages need; the trees under test come before it on the path."""
    folder = CACHE / "composition-python"
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([find_uv(), "venv", "-q", "-p", "3.11", str(folder)], check=True, timeout=300)
        requirements = [f"{package.name}=={package.version}" for package in PACKAGES.values()]
        install([*requirements, "pytest"], ["--python", str(python)])
        (folder / "made").touch()
    return python
