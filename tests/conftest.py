"""Fixtures for all tests. This folder is importable: ``from gitrepo import GitRepo``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import postgres
from gitrepo import GitRepo

# No deadline: it measures the machine's other work. HYPOTHESIS_EXAMPLES=5000 searches longer.
settings.register_profile(
    "watchkeeper",
    deadline=None,
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("watchkeeper")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``pytest --update`` rewrite golden files instead of comparing with them."""
    parser.addoption("--update", action="store_true", help="rewrite golden files with what the code gives now")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten (``pytest --update``)."""
    return bool(request.config.getoption("--update"))


@pytest.fixture(autouse=True)
def private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own: no test reads or writes the user's, whatever the shell has set."""
    for name in [name for name in os.environ if name.startswith("WATCHKEEPER_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("WATCHKEEPER_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    return home / "state"


@pytest.fixture
def git_repo(tmp_path: Path) -> GitRepo:
    """A new repository in ``tmp_path / "repo"``, on ``main``, without commits; its worktrees land beside it."""
    return GitRepo.create(tmp_path / "repo")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The folder of a running server's socket."""
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: its half of the contract was NOT checked")
    pytest.importorskip("psycopg", reason="psycopg is not installed: PostgreSQL's half was NOT checked")
    with postgres.running_server(programs) as folder:
        yield folder


@pytest.fixture
def new_database(postgresql: str) -> str:
    """The address of an empty database of the test's own."""
    name = postgres.create_database(postgresql)
    return f"postgresql://test@/{name}?host={postgresql}"
