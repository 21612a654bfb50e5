"""Which virtual environments a command may see although homes are hidden from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from watchkeeper.probes.programs import find_environments


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment as ``python -m venv`` leaves it, as far as it matters here."""
    place = tmp_path / "venv"
    (place / "bin").mkdir(parents=True)
    (place / "pyvenv.cfg").touch()
    (place / "bin" / "python").touch()
    return place


@pytest.mark.parametrize("line", ["{} -m pytest", "cd sub && {} -m pytest", "PY={}; $PY -m pytest", "exec '{}' -m x"])
def test_an_interpreter_named_by_its_path_brings_its_environment(environment: Path, line: str) -> None:
    assert find_environments(line.format(environment / "bin" / "python"), "/usr/bin") == (environment,)


def test_an_environment_on_the_search_path_comes_whole(environment: Path) -> None:
    assert find_environments("pytest -q", f"/usr/bin:{environment / 'bin'}") == (environment,)


def test_a_named_file_that_is_of_no_environment_stays_hidden(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    secret = tmp_path / "keys" / "id"
    secret.touch()

    assert find_environments(f"cat {secret}", str(tmp_path / "keys")) == ()


@pytest.mark.skipif(os.getuid() == 0, reason="root may look everywhere")
def test_a_folder_on_the_search_path_that_is_anothers_is_passed_over(environment: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs" / "bin").mkdir(parents=True)
    (tmp_path / "theirs").chmod(0)

    found = find_environments("pytest -q", f"{tmp_path / 'theirs' / 'bin'}:{environment / 'bin'}")

    (tmp_path / "theirs").chmod(0o700)
    assert found == (environment,)


def test_a_name_that_no_system_takes_is_passed_over() -> None:
    assert find_environments("pytest -q", f"/{'x' * 5_000}/bin") == ()
