"""Which folders to watch when not all can be. Pure, but for looking up the git directories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from watchkeeper.repos.git import encode_path


class FollowKind(StrEnum):
    """What an event in a folder is about."""

    FILES = "files"  # files of a worktree
    GIT = "git"  # a worktree's HEAD and index
    REFS = "refs"  # branches
    WORKTREES = "worktrees"  # worktrees come and go


REFS_INSIDE = "refs"
"""``FollowPlace.folder`` of folders in which every file is a branch; the common directory itself has ``""``."""


class FollowPlace(msgspec.Struct, frozen=True):
    """What a watched folder is: of which worktree (its root; the common git directory for refs), and where in it."""

    kind: FollowKind
    root: Path
    folder: str = ""


class FollowedTree(msgspec.Struct, frozen=True):
    """A worktree to follow. ``folders`` are all that hold its files, ``changed`` those with changed files in them.

    ``active_at`` is when something last happened in it, in any unit that grows.
    """

    root: Path
    git_dir: Path
    folders: frozenset[str]
    changed: frozenset[str] = frozenset()
    active_at: float = 0.0


class FollowPlan(msgspec.Struct, frozen=True):
    """The folders to watch, by absolute path, and how many there was no room for."""

    places: Mapping[str, FollowPlace]
    left_out: int = 0


def plan_folders_to_follow(trees: Sequence[FollowedTree], common_dir: Path, budget: int) -> FollowPlan:
    """Git directories first, then folders with changed files, then those of recently active worktrees, then shallow.

    At most ``budget`` folders; the sweep covers the rest.
    """
    places = _git_places(trees, common_dir)
    roots = {str(tree.root): tree.root for tree in trees}
    wanted = sorted((_rank(tree, folder), str(tree.root), folder) for tree in trees for folder in tree.folders)
    for _, root, folder in wanted[: max(0, budget - len(places))]:
        # Joined as text: a fleet has tens of thousands of folders, and a Path for each costs seconds.
        places[_joined(root, folder)] = FollowPlace(FollowKind.FILES, roots[root], folder)
    room = sum(place.kind is FollowKind.FILES for place in places.values())
    return FollowPlan(dict(list(places.items())[:budget]), left_out=len(wanted) - room)


def read_watch_budget(share: float = 0.25) -> int:
    """How many folders may be watched: a share of what the system allows this user, with a floor and a ceiling."""
    try:
        limit = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text(encoding="ascii"))
    except (OSError, ValueError):  # macOS has no such limit
        return 16_384
    return max(64, min(int(limit * share), 65_536))


def _joined(root: str, folder: str) -> str:
    """As ``local_path``, of texts."""
    return os.path.join(root, os.fsdecode(encode_path(folder))) if folder else root  # noqa: PTH118


def _rank(tree: FollowedTree, folder: str) -> tuple[bool, float, int]:
    return folder not in tree.changed, -tree.active_at, folder.count("/") + (folder != "")


def _git_places(trees: Iterable[FollowedTree], common_dir: Path) -> dict[str, FollowPlace]:
    """Every worktree's git directory, and the folders of branches. Branches named ``a/b`` live in folders."""
    places: dict[str, FollowPlace] = {}
    for name in ("refs/heads", "refs/remotes", "reftable"):
        for folder in _folders_below(common_dir / name):
            places[str(folder)] = FollowPlace(FollowKind.REFS, common_dir, REFS_INSIDE)
    if (common_dir / "worktrees").is_dir():
        places[str(common_dir / "worktrees")] = FollowPlace(FollowKind.WORKTREES, common_dir)
    places[str(common_dir)] = FollowPlace(FollowKind.REFS, common_dir)
    for tree in trees:
        places[str(tree.git_dir)] = FollowPlace(FollowKind.GIT, tree.root)
    return places


_MOST_REF_FOLDERS = 200


def _folders_below(root: Path) -> list[Path]:
    found: list[Path] = []
    waiting = [root]
    while waiting and len(found) < _MOST_REF_FOLDERS:
        folder = waiting.pop()
        try:
            inside = [place for place in folder.iterdir() if place.is_dir() and not place.is_symlink()]
        except OSError:
            continue
        found.append(folder)
        waiting += inside
    return found
