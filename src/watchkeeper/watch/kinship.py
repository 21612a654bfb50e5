"""Changes that are built on each other: what a change does beyond the commit where two of them parted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from watchkeeper.model.footprint import TouchKind
from watchkeeper.model.ids import Sha
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.trees import FOLDER, TreeEntry
from watchkeeper.repos.working import WorkingFile


def onto_fork(files: Sequence[WorkingFile], fork: Sha, objects: Objects) -> tuple[WorkingFile, ...]:
    """How these files differ from ``fork`` instead of their base. What is as it was there is left out.

    Files that were put back to how the base has them are not among ``files``, and so not in the result.
    """
    return tuple(sorted(_moved(files, fork, objects), key=lambda file: (file.path, file.kind)))


def _moved(files: Sequence[WorkingFile], fork: Sha, objects: Objects) -> Iterator[WorkingFile]:
    for file in files:
        if file.now_path is None or file.now is None:
            there = _entry(objects, fork, file.base_path)
            if there is not None:
                yield WorkingFile(TouchKind.DELETED, file.base_path, None, there, None)
            continue
        there = _entry(objects, fork, file.now_path)
        if there is not None:
            if there != file.now.entry:
                yield WorkingFile(TouchKind.MODIFIED, file.now_path, file.now_path, there, file.now)
            continue
        origin = _entry(objects, fork, file.base_path)
        if origin is not None:
            yield msgspec.structs.replace(file, base=origin)
        else:
            yield WorkingFile(TouchKind.ADDED, None, file.now_path, None, file.now)


def _entry(objects: Objects, fork: Sha, path: str | None) -> TreeEntry | None:
    found = objects.find_entry(fork, path) if path is not None else None
    return found if found is not None and found.mode != FOLDER else None
