"""Which lines vanish where a conflict of two trees was resolved; the trees are read from the hub."""

from __future__ import annotations

from watchkeeper.code.vanished import Losses, find_vanished
from watchkeeper.model.ids import Sha
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.treediff import tree_difference
from watchkeeper.repos.trees import SUBMODULE, TreeEntry


def vanished_between(hub: Hub, base: Sha | None, ours: Sha, theirs: Sha, result: Sha) -> Losses:
    """The lines that two commits (or trees) added since ``base`` and that ``result`` does not have.

    Only files that differ somewhere are read. Those too large to be read, and submodules, are named as not analysed
    where a side's version did not come out. Raises: GitError (an object is missing).
    """
    roots = [
        hub.objects.tree_of(revision) if revision is not None else None for revision in (base, ours, theirs, result)
    ]
    start = roots[0]
    paths = {path for root in roots[1:] for path, _ in tree_difference(hub.objects, start, root)}
    entries = [{path: _entry(hub, root, path) for path in paths} if root is not None else {} for root in roots]
    opaque = {path for path in paths if any(_is_opaque(hub, each.get(path)) for each in entries)}
    texts = [
        {path: _read(hub, entry, opaque=path in opaque) for path, entry in each.items() if entry is not None}
        for each in entries
    ]
    return find_vanished(*texts)


def _entry(hub: Hub, root: Sha, path: str) -> TreeEntry | None:
    entry = hub.objects.find_entry(root, path)
    return entry if entry is not None and entry.mode != "40000" else None


def _is_opaque(hub: Hub, entry: TreeEntry | None) -> bool:
    return entry is not None and (entry.mode == SUBMODULE or hub.objects.read(entry.sha) is None)


def _read(hub: Hub, entry: TreeEntry, *, opaque: bool) -> bytes:
    """The content; of what has no lines, its id as something that is no text."""
    content = None if opaque else hub.objects.read(entry.sha)
    return content if content is not None else b"\0" + entry.sha.encode("ascii")
