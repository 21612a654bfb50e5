"""Whose hub a repository is: an agent in a worktree of the hub works on the project that the hub was made for."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from watchkeeper.model.errors import NotARepositoryError
from watchkeeper.repos.git import show_path
from watchkeeper.repos.hub import HUB, find_borrowed
from watchkeeper.repos.repository import Repository, find_repository


def find_owner(repository: Repository, home: Path) -> Repository:
    """The user's repository that ``repository`` is the hub of, found at the same checkout; itself where it is no hub.

    ``home`` is the state folder: a hub of another one is a repository as any. Raises: NotARepositoryError where the
    user's repository is gone.
    """
    folder = repository.common_dir
    if folder.name != HUB or folder.parents[1] != Path(os.path.realpath(home), "projects"):
        return repository
    for place in find_borrowed(folder):
        if not place.parent.is_dir():
            continue
        owner = find_repository(place.parent)
        if owner.project == folder.parent.name:
            return msgspec.structs.replace(owner, found_at=repository.found_at)
    raise NotARepositoryError(
        f"{show_path(str(folder))} is the hub of a repository that is gone",
        slug="hub-without-owner",
        hint="put the repository back where it was, or run it elsewhere with --repo",
    )
