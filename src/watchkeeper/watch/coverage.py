"""Which folders of the followed worktrees are watched: as many as the system allows, those of most use first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from watchkeeper.repos.followplan import (
    FollowedTree,
    FollowPlace,
    FollowPlan,
    plan_folders_to_follow,
    read_watch_budget,
)
from watchkeeper.repos.repository import Repository
from watchkeeper.watch.followed import Followed


class Coverage:
    """``followed`` is read as it is at each call. Not thread-safe: ``plan`` is for the thread that owns the lookout."""

    def __init__(self, repositories: Sequence[Repository], followed: Mapping[Path, Followed]) -> None:
        self._repositories = repositories
        self._followed = followed
        self._planned: frozenset[tuple[Path, frozenset[str]]] = frozenset()
        self._watched: dict[Path, int] = {}

    @property
    def is_old(self) -> bool:
        """There are other folders than were planned for."""
        return self._folders() != self._planned

    def note(self) -> None:
        """These folders are being planned for: other ones from now on make it old."""
        self._planned = self._folders()

    def plan(self) -> FollowPlan:
        """The folders to watch now."""
        budget = read_watch_budget()
        places: dict[str, FollowPlace] = {}
        left_out = 0
        for repository in self._repositories:
            plan = plan_folders_to_follow(self._trees(repository), repository.common_dir, budget - len(places))
            places.update(plan.places)
            left_out += plan.left_out
        return FollowPlan(places, left_out)

    def take(self, plan: FollowPlan) -> None:
        """The plan is performed."""
        self._watched = {}
        for place in plan.places.values():
            self._watched[place.root] = self._watched.get(place.root, 0) + 1

    def share(self, followed: Followed) -> float:
        """How much of a worktree is watched, 0 to 1."""
        watched = self._watched.get(followed.worktree.path, 0)
        return min(1.0, watched / max(1, len(followed.checkout.folders)))

    def _trees(self, repository: Repository) -> list[FollowedTree]:
        return [
            FollowedTree(
                root=root,
                git_dir=followed.worktree.git_dir,
                folders=followed.checkout.folders,
                changed=frozenset(file.path.rpartition("/")[0] for file in followed.files),
                active_at=followed.active_at,
            )
            for root, followed in self._followed.items()
            if followed.found.repository.common_dir == repository.common_dir
        ]

    def _folders(self) -> frozenset[tuple[Path, frozenset[str]]]:
        return frozenset((root, followed.checkout.folders) for root, followed in list(self._followed.items()))
