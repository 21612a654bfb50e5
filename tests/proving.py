"""A small shop in two worktrees, for proofs: what breaks together, what does not, and how its tests are run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gitrepo import GitRepo
from watchkeeper.cli.main import run

PYTEST = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest -q -p no:cacheprovider"
PRICES = "RATE = 2\n\n\ndef price(n):\n    return n * RATE\n"
TEST_PRICES = "from prices import price\n\n\ndef test_price():\n    assert price(1) == 2\n"
CENTS = PRICES.replace("n * RATE", "n * RATE * 100")
TEST_CENTS = TEST_PRICES.replace("== 2", "== 200")
TOTALS = "from prices import price\n\n\ndef total(numbers):\n    return sum(price(n) for n in numbers)\n"
TEST_TOTALS = "from totals import total\n\n\ndef test_total():\n    assert total([1, 2]) == 6\n"


class Scene:
    """A repository with two worktrees, and work in them that is not committed."""

    def __init__(self, repo: GitRepo) -> None:
        self.repo = repo
        self.a, self.b = repo.worktree("a", "a"), repo.worktree("b", "b")

    def write(self, a: Mapping[str, str], b: Mapping[str, str]) -> None:
        for tree, files in ((self.a, a), (self.b, b)):
            for path, text in files.items():
                tree.write(path, text)


def configured(git_repo: GitRepo, table: str, files: Mapping[str, str] | None = None) -> Scene:
    """The scene of a project that says in ``watchkeeper.toml`` how it is tested."""
    base = {"prices.py": PRICES, "test_prices.py": TEST_PRICES, **(files or {})}
    git_repo.commit("base", {**base, "watchkeeper.toml": f"[project]\n{table}\n"})
    return Scene(git_repo)


def key(name: str, value: str) -> str:
    return f"{name} = {json.dumps(value)}\n"


def only(document: Mapping[str, Any]) -> dict[str, Any]:
    """The proof of the only pair."""
    (proof,) = document["proofs"]
    return dict(proof)


CENTS_IN_A: Mapping[str, str] = {"prices.py": CENTS, "test_prices.py": TEST_CENTS}
TOTALS_IN_B: Mapping[str, str] = {"totals.py": TOTALS, "test_totals.py": TEST_TOTALS}
REORDERED_IN_A: Mapping[str, str] = {"prices.py": PRICES.replace("n * RATE", "RATE * n")}


Prove = Callable[..., dict[str, Any]]
"""The document of ``prove`` on a scene's two worktrees, with further options."""


def prover_of(capsys: pytest.CaptureFixture[str]) -> Prove:
    """By the worktrees' paths: what is not committed counts."""

    def say(scene: Scene, *options: str) -> dict[str, Any]:
        paths = (str(scene.a.path), str(scene.b.path))
        argv = ["prove", *paths, "--repo", str(scene.repo.path), "--json", "--severity", "info", *options]
        code = run(argv)
        said = capsys.readouterr()
        return {**json.loads(said.out or said.err), "code": code}

    return say
