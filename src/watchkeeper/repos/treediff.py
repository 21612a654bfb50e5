"""In which files two trees differ, by looking at nothing but the folders that do."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.model.ids import Sha
from watchkeeper.repos.git import decode_path
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.trees import FOLDER, TreeEntry


def tree_difference(objects: Objects, before: Sha | None, now: Sha | None) -> Iterator[tuple[str, TreeEntry | None]]:
    """The files in which two trees differ, by path, as they are ``now``; None where they are gone. No renames.

    Raises: GitError.
    """
    waiting: list[tuple[str, Sha | None, Sha | None]] = [("", before, now)]
    while waiting:
        folder, old, new = waiting.pop()
        was = objects.tree_entries(old) if old is not None else {}
        entries = objects.tree_entries(new) if new is not None else {}
        for name in sorted(was.keys() | entries.keys()):
            one, two = was.get(name), entries.get(name)
            if one == two:
                continue
            path = f"{folder}{decode_path(name)}"
            old_folder, new_folder = _folder(one), _folder(two)
            if old_folder is not None or new_folder is not None:
                waiting.append((f"{path}/", old_folder, new_folder))
            if two is not None and new_folder is None:
                yield path, two
            elif one is not None and old_folder is None:
                yield path, None


def _folder(entry: TreeEntry | None) -> Sha | None:
    return entry.sha if entry is not None and entry.mode == FOLDER else None
