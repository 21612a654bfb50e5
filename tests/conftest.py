"""Fixtures for all tests. This folder is importable: ``from gitrepo import GitRepo``."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitrepo import GitRepo


@pytest.fixture
def git_repo(tmp_path: Path) -> GitRepo:
    """A new repository in ``tmp_path / "repo"``, on ``main``, without commits; its worktrees land beside it."""
    return GitRepo.create(tmp_path / "repo")
