"""The merge that does not exist yet: of any set of live trees, made in the hub with git as the judge."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.probing import LiveTree
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.treediff import tree_difference


class VirtualMerge(msgspec.Struct, frozen=True):
    """Several changes on one base. ``sides`` are their trees on that base, one by one, ``merged`` all of them together.

    ``clashes`` are paths that git cannot merge, ``clashing`` the change at which it stopped, and ``reason`` says so in
    a clause; there is no ``merged`` then.
    """

    base: Sha | None
    changes: tuple[LiveTree, ...]
    sides: tuple[Sha, ...] = ()
    merged: Sha = Sha("")
    clashes: tuple[str, ...] = ()
    clashing: ChangeId = ChangeId("")
    reason: str = ""

    @property
    def is_clean(self) -> bool:
        return not self.reason

    @property
    def paths(self) -> frozenset[str]:
        """All that any of the changes touches."""
        return frozenset().union(*(change.paths for change in self.changes))


class VirtualMerges:
    """Makes virtual merges. Every change is first carried to one base, each alone; what clashes there lies between it
    and the target branch. Then they are merged in a chain from that base, so that no merge has a stale merge base.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def merge(self, changes: Sequence[LiveTree], onto: Sha | None) -> VirtualMerge:
        """The changes together on ``onto`` (a commit or tree; None: nothing). Raises: GitError."""
        made = VirtualMerge(onto, tuple(changes))
        joint = _joint_tree(changes, onto)
        if joint is not None:
            return msgspec.structs.replace(made, sides=tuple(change.tree for change in changes), merged=joint)
        sides: list[Sha] = []
        for change in changes:
            carried = self._carry(change, onto)
            if isinstance(carried, VirtualMerge):
                return msgspec.structs.replace(carried, changes=made.changes)
            sides.append(carried)
        merged = sides[0]
        for change, side in zip(changes[1:], sides[1:], strict=True):
            outcome = self._hub.merge(onto, merged, side)
            if not outcome.clean:
                return self._stopped(made, change, "git cannot merge it with the others", outcome.clashes)
            merged = outcome.tree
        return msgspec.structs.replace(made, sides=tuple(sides), merged=merged)

    def tree_of(self, revision: Sha | None) -> Sha:
        """The tree of a commit; the empty tree for None."""
        return self._hub.objects.tree_of(revision) if revision is not None else self._hub.write_tree(None, {})

    def own_tree(self, head: Sha, base: Sha | None) -> Sha:
        """The tree that a branch's own work comes to where it began, without what it took in of its target since.

        Whoever merges the target branch into his own would else have by himself what only both together have. It is
        ``head``'s where nothing was taken in, where git cannot carry the work back, and after a rebase, which leaves
        no trace of where it began. Raises: GitError.
        """
        fork = self._hub.repository.find_fork(head, base) if base is not None else None
        if fork is None or fork == base:
            return self.tree_of(head)
        outcome = self._hub.merge(base, fork, head)
        return outcome.tree if outcome.clean else self.tree_of(head)

    def changed_paths(self, before: Sha, now: Sha) -> set[str]:
        """The files that differ between two trees."""
        return {path for path, _ in tree_difference(self._hub.objects, before, now)}

    def _carry(self, change: LiveTree, onto: Sha | None) -> Sha | VirtualMerge:
        if change.base == onto or change.base is None or onto is None:
            return change.tree
        outcome = self._hub.merge(change.base, onto, change.tree)
        if outcome.clean:
            return outcome.tree
        made = VirtualMerge(onto, (change,))
        return self._stopped(made, change, "git cannot merge it with the newer base of the other", outcome.clashes)

    def _stopped(self, made: VirtualMerge, change: LiveTree, reason: str, clashes: Sequence[object]) -> VirtualMerge:
        paths = sorted({path for clash in clashes for path in getattr(clash, "paths", ())})
        at = f" ({', '.join(paths[:3])}{', …' if len(paths) > 3 else ''})" if paths else ""
        return msgspec.structs.replace(
            made, clashes=tuple(paths), clashing=change.change, reason=f"{change.change}: {reason}{at}"
        )


def _joint_tree(changes: Sequence[LiveTree], onto: Sha | None) -> Sha | None:
    """The tree of two that were written together in one checkout."""
    if len(changes) != 2 or any(change.base != onto for change in changes):
        return None
    return dict(changes[0].joint).get(changes[1].change)
