"""The ten published pairs as branches of real repositories, and every cross of their patches.

Each package's release is one commit ``main``; each patch is a branch ``PAIR.a`` or ``PAIR.b`` on it.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from scratch import CACHE, ROOT, commit_all, commit_patch, create_repository, git

DATA = ROOT / "benchmarks" / "data" / "pairs"


class Package(msgspec.Struct, frozen=True):
    """A released package that patches apply to, and how many path components the patches carry too many."""

    name: str
    version: str
    strip: int


PACKAGES = {
    "click": Package("click", "8.5.0", 2),
    "httpx": Package("httpx", "0.28.1", 1),
    "typer": Package("typer", "0.28.0", 1),
}


class Pair(msgspec.Struct, frozen=True):
    """A published pair: its name, its package and whether its composition test is expected to fail on the merge."""

    name: str
    package: str
    conflicts: bool

    @property
    def branches(self) -> tuple[str, str]:
        return (f"{self.name}.a", f"{self.name}.b")

    @property
    def test(self) -> Path:
        return DATA / self.name / "test_composition.py"


def read_pairs() -> tuple[Pair, ...]:
    """All pairs of the data folder, by name."""
    return tuple(_read_pair(path) for path in sorted(DATA.glob("*/metadata.json")))


def _read_pair(path: Path) -> Pair:
    facts = json.loads(path.read_text())
    name = path.parent.name
    return Pair(name, name.partition("_")[0], facts["composition_expected"] == "fail")


def list_crosses(pairs: tuple[Pair, ...]) -> Iterator[tuple[str, str, str]]:
    """Package and two branches, for every two patches of the same package, the published pairs among them."""
    for package in PACKAGES:
        branches = [branch for pair in pairs if pair.package == package for branch in pair.branches]
        for one, other in itertools.combinations(branches, 2):
            yield package, one, other


def prepare_repositories(pairs: tuple[Pair, ...]) -> dict[str, Path]:
    """Package -> repository with the release on ``main`` and a branch for each patch. Reused when already there."""
    return {name: _prepare(package, pairs) for name, package in PACKAGES.items()}


def _prepare(package: Package, pairs: tuple[Pair, ...]) -> Path:
    repo = CACHE / "pairs" / f"{package.name}-{package.version}"
    done = repo / ".git" / "prepared"
    if done.exists():
        return repo
    create_repository(repo)
    install([f"{package.name}=={package.version}"], ["--no-deps", "--target", str(repo)])
    _keep_only_package(repo, package.name)
    commit_all(repo, f"{package.name} {package.version}")
    for pair in pairs:
        if pair.package == package.name:
            for side, branch in zip("ab", pair.branches, strict=True):
                patch = DATA / pair.name / f"patch_{side}.patch"
                if not commit_patch(repo, branch, "main", [patch], package.strip):
                    raise SystemExit(f"{patch} does not apply to {package.name} {package.version}")
    git(repo, "checkout", "-q", "-f", "main")
    done.write_text("")
    return repo


def _keep_only_package(repo: Path, name: str) -> None:
    for path in repo.iterdir():
        if path.name in {".git", name}:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for cache in repo.rglob("__pycache__"):
        shutil.rmtree(cache)


def find_uv() -> str:
    """uv, where it is installed for all, else where ``make setup`` puts it."""
    own = ROOT / ".cache" / "uv-venv" / "bin" / "uv"
    return str(own) if own.exists() else shutil.which("uv") or "uv"


def install(requirements: list[str], options: list[str]) -> None:
    """``pip install``, by pip where this Python has it, otherwise by uv; into this Python, or that of ``--python``."""
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--quiet"]
    else:
        own = [] if "--python" in options else ["--python", sys.executable]
        command = [find_uv(), "pip", "install", "--quiet", *own]
    done = subprocess.run([*command, *options, *requirements], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise SystemExit(f"cannot install {' '.join(requirements)}: {done.stderr.strip()[:500]}")
