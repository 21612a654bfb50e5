"""Under which names files are known to findings: a file that was renamed keeps its findings."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.model.errors import GitError
from watchkeeper.model.ids import Sha
from watchkeeper.record.shelf import Shelf
from watchkeeper.repos.hub import Hub

SHELF = "scout-names"
_AT = ""  # the commit up to which renames are known


def follow_names(shelf: Shelf, hub: Hub, commit: Sha) -> dict[str, str]:
    """For each file that was renamed since scouts first looked, its first name; what git calls a rename counts.

    Kept on the shelf. A file whose place another one takes is another file. Where the last commit is gone (a rewritten
    branch) nothing new is known. Raises WatchkeeperError.
    """
    kept = {key: value.decode("utf-8", "surrogatepass") for key, value in shelf.read().items()}
    last = kept.pop(_AT, "")
    if last == commit:
        return kept
    known = _renamed(hub, Sha(last), commit, kept) if last else kept
    gone = dict.fromkeys(key for key in kept if key not in known)
    now = {key: value.encode("utf-8", "surrogatepass") for key, value in known.items()}
    shelf.put({**gone, **now, _AT: commit.encode()})
    return known


def _renamed(hub: Hub, last: Sha, commit: Sha, kept: Mapping[str, str]) -> dict[str, str]:
    try:
        changes = hub.repository.diff(last, commit)
    except GitError:
        return dict(kept)
    moved = {each.old_path: each.new_path for each in changes if each.old_path and each.new_path}
    moved = {old: new for old, new in moved.items() if old != new}
    stayed = {path: name for path, name in kept.items() if path not in moved}
    return {**stayed, **{new: kept.get(old, old) for old, new in moved.items()}}
