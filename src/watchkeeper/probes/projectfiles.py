"""What a checkout's own files say of how the project is set up and tested: a proposal, for a person to look at."""

from __future__ import annotations

import json
import shlex
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watchkeeper.record.config import ProjectConfig

_LOCKS = {
    "pnpm-lock.yaml": "pnpm install --frozen-lockfile",
    "yarn.lock": "yarn install --frozen-lockfile",
    "package-lock.json": "npm ci",
}


def find_commands(folder: Path) -> ProjectConfig:
    """The commands that fit the project; fields are empty where nothing fits. Never raises."""
    if any((folder / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")):
        return _python(folder)
    package = _read_json(folder / "package.json")
    return _script(folder, package) if package else ProjectConfig()


def _python(folder: Path) -> ProjectConfig:
    document = _read_toml(folder / "pyproject.toml")
    has_pytest = (
        "pytest" in _table(document, "tool")
        or any((folder / name).is_file() for name in ("pytest.ini", "conftest.py", "tests/conftest.py"))
        or "pytest" in _read_text(folder / "pyproject.toml") + _read_text(folder / "tox.ini")
        or any("pytest" in _read_text(path) for path in _requirements(folder))
    )
    has_tests = has_pytest or any((folder / name).is_dir() for name in ("tests", "test"))
    runner = "pytest -q" if has_pytest else "unittest discover"
    return ProjectConfig(
        setup=_python_setup(folder, document, has_pytest=has_pytest),
        test=f".venv/bin/python -m {runner}" if has_tests else "",
        checks=("ty",) if shutil.which("ty") else (),
    )


def _python_setup(folder: Path, document: Mapping[str, Any], *, has_pytest: bool) -> str:
    """A virtual environment in the checkout, with the project, its test dependencies and its test runner."""
    if (folder / "uv.lock").is_file() and shutil.which("uv"):
        return "uv sync --frozen --all-extras"
    parts = ["python3 -m venv .venv"]
    wanted = [f"-r {shlex.quote(path.name)}" for path in _requirements(folder)]
    if "project" in document or "build-system" in document or (folder / "setup.py").is_file():
        extras = [name for name in ("test", "tests", "dev") if name in _extras(document)]
        wanted.append(f"-e '.[{','.join(extras)}]'" if extras else "-e .")
    if has_pytest:
        wanted.append("pytest")
    if wanted:
        parts.append(f".venv/bin/python -m pip install --quiet {' '.join(wanted)}")
    return " && ".join(parts)


def _extras(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return _table(_table(document, "project"), "optional-dependencies")


def _script(folder: Path, package: Mapping[str, Any]) -> ProjectConfig:
    setup = next((command for lock, command in _LOCKS.items() if (folder / lock).is_file()), "npm install")
    used = {**_table(package, "devDependencies"), **_table(package, "dependencies")}
    test = ""
    if "vitest" in used:
        test = "npx --no-install vitest run --reporter=junit --outputFile={junit} {tests}"
    elif "jest" in used:
        test = "npx --no-install jest --json --outputFile={json} {tests}"
    elif _has_test_script(package):
        test = "npm test"
    checks = [name for name, needed in (("tsc", "typescript"), ("eslint", "eslint")) if needed in used]
    return ProjectConfig(setup=setup, test=test, checks=tuple(checks))


def _has_test_script(package: Mapping[str, Any]) -> bool:
    """One that was written: `npm init` puts one there that always fails."""
    script = _table(package, "scripts").get("test")
    return isinstance(script, str) and bool(script) and "no test specified" not in script


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _requirements(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("requirements*.txt") if path.is_file())


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _read_toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(_read_text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
