"""The lock files are what pyproject.toml asks for, and name no host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = PROJECT["project"]["dependencies"]
EXTRAS = [line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra]
DEV = PROJECT["dependency-groups"]["dev"]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(.*?)((?:\n    (?:--hash|#).*)*)$", re.MULTILINE)


def pins(name: str) -> dict[str, tuple[Version, str]]:
    """Package -> its locked version, and the lines below it."""
    text = (ROOT / name).read_text()
    return {canonicalize_name(found[1]): (Version(found[2]), found[4]) for found in PIN.finditer(text)}


@pytest.mark.parametrize(
    ("name", "wanted"), [("requirements.lock", RUNTIME), ("requirements-dev.lock", RUNTIME + EXTRAS + DEV)]
)
def test_everything_that_is_asked_for_is_locked_and_nothing_else_is_asked_for(name: str, wanted: list[str]) -> None:
    locked = pins(name)
    requirements = {canonicalize_name(parsed.name): parsed for parsed in map(Requirement, wanted)}
    asked = {package for package, (_, lines) in locked.items() if re.search(r"# +(via )?watchkeeper", lines)}

    for package, requirement in requirements.items():
        assert package in locked, f"{package} is not in {name}: run make lock"
        assert requirement.specifier.contains(locked[package][0]), f"{package} in {name} is too old: run make lock"
    assert asked == set(requirements), f"pyproject.toml no longer asks for these: run make lock ({name})"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-uv.lock"])
def test_every_pin_has_hashes_and_no_file_names_a_host(name: str) -> None:
    locked = pins(name)

    assert locked
    assert all("--hash=sha256:" in lines for _, lines in locked.values())
    assert "://" not in (ROOT / name).read_text()


def test_the_same_versions_are_tested_and_run() -> None:
    developed = pins("requirements-dev.lock")

    assert {package: version for package, (version, _) in pins("requirements.lock").items()} == {
        package: developed[package][0] for package in pins("requirements.lock")
    }
