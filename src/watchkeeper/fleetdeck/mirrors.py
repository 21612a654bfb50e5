"""What other hosts' engagements have pinned, as worktrees here: so the watch of this host sees pairs across hosts.

One host does it for all (``Together.takes``), so that a pair on two hosts is found, recorded and proved on one. A
mirror is as old as the last snapshot that came, and nobody works in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from watchkeeper.fleetdeck.projects import Project
from watchkeeper.model.fleet import EngagementId
from watchkeeper.model.fleet_state import EngagementStanding
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hubworktrees import HubWorktree

BRANCHES = "there/"
"""What the branches of mirrors begin with; the engagement's id follows."""

_SUFFIX = "-there"


class Mirrors:
    """Of one project. ``bring`` fetches what is pinned of an engagement into the hub."""

    def __init__(self, project: Project, bring: Callable[[EngagementId], None]) -> None:
        self._project, self._bring = project, bring
        self._shown: dict[EngagementId, Sha] = {}

    def show(self, others: list[EngagementStanding]) -> None:
        """Bring the mirrors of these up to their last snapshots, and take the rest away. Raises WatchkeeperError."""
        wanted = {each.engagement.id: each for each in others if each.snapshot is not None}
        for identity, standing in wanted.items():
            if self._shown.get(identity) != standing.snapshot:
                self._show(standing)
        for identity in self._old(wanted.keys()):
            self._remove(identity)

    def _show(self, standing: EngagementStanding) -> None:
        engagement, snapshot = standing.engagement, standing.snapshot
        assert snapshot is not None
        self._bring(engagement.id)
        if self._project.hub.repository.find_commit(snapshot) is None:
            return  # it is on its way: the next look finds it
        tree = self._tree(engagement.id, engagement.seal.base)
        self._project.parts.snapshots.trees.restore(tree, snapshot)
        self._shown[engagement.id] = snapshot

    def _old(self, wanted: Collection[EngagementId]) -> list[EngagementId]:
        """Mirrors that are there, of this run or of one before, and are not wanted."""
        folder = self._project.parts.snapshots.folder
        found = [EngagementId(each.name.removesuffix(_SUFFIX)) for each in folder.glob(f"e-*{_SUFFIX}")]
        return [each for each in found if each not in wanted]

    def _remove(self, identity: EngagementId) -> None:
        shown = self._shown.pop(identity, None)
        snapshot = shown or next(iter(self._project.hub.pins(f"received/engagements/{identity}").values()), None)
        if snapshot is not None:
            tree = self._tree(identity, snapshot)
            self._project.parts.snapshots.trees.remove(tree, pinned=snapshot)

    def _tree(self, identity: EngagementId, base: Sha) -> HubWorktree:
        return self._project.parts.snapshots.trees.place(f"{identity}{_SUFFIX}", f"{BRANCHES}{identity}", base)
