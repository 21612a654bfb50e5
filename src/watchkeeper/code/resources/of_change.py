"""The resources of a change's files, in the base and now; read again only where a file changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

from watchkeeper.code.changed_file import Bodies, ChangedFile
from watchkeeper.code.comparison.symbols import FileDelta
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.memory import Memory
from watchkeeper.code.resources import read_resources
from watchkeeper.code.resources.touches import FileResources
from watchkeeper.code.tree import OverlaidTree, SourceTree
from watchkeeper.model.footprint import Aspect, Edit
from watchkeeper.model.reading import Reading
from watchkeeper.model.resources import ResourceReading

Sources = Callable[[str], bytes | None]
"""The content of a file of the base tree, by path; None where there is none."""


def no_source(path: str) -> bytes | None:  # noqa: ARG001
    """Says of every file that its content is not at hand."""
    return None


class Resources:
    """What is known of the resources of files: where those of a base are read, and what was read of any before.

    An answer holds in every tree that says the same wherever it was looked for: other changes share it through
    ``memory``.
    """

    def __init__(self, sources: Sources = no_source, memory: Memory | None = None) -> None:
        self._sources = sources
        self._memory = memory if memory is not None else Memory()

    def read(self, path: str, source: bytes, tree: SourceTree) -> ResourceReading:
        """What the file touches, from memory where nothing that it depends on changed."""
        question = (path, hashlib.blake2b(source, digest_size=16).digest())
        return self._memory.recall(question, tree, lambda seen: read_resources(path, source, seen), _weigh)

    def tree(
        self, index: ProjectIndex, files: Mapping[str, tuple[bytes | None, Reading | None]], bodies: Bodies
    ) -> SourceTree:
        """The base tree with ``files`` laid over it."""
        return OverlaidTree(index, files, self._sources, bodies)


def read_change(
    files: Sequence[ChangedFile],
    deltas: Sequence[FileDelta],
    indexes: tuple[ProjectIndex, ProjectIndex],
    bodies: Bodies,
    resources: Resources,
) -> tuple[FileResources, ...]:
    """What each file of the change touches. ``indexes`` are the base's and the change's own."""
    before = {file.base_path: (file.base, file.base_reading) for file in files if file.base_path is not None}
    gone: dict[str, tuple[bytes | None, Reading | None]] = dict.fromkeys(before, (None, None))
    after = gone | {file.now_path: (file.now, file.now_reading) for file in files if file.now_path is not None}
    base_tree = resources.tree(indexes[0], before, bodies)
    now_tree = resources.tree(indexes[1], after, bodies)
    found = []
    for file, delta in zip(files, deltas, strict=True):
        base = now = ResourceReading()
        if file.base_path is not None and file.base is not None and not file.is_binary:
            base = resources.read(file.base_path, file.base, base_tree)
        if file.now_path is not None and file.now is not None and not file.is_binary:
            now = resources.read(file.now_path, file.now, now_tree)
        found.append(FileResources(file.place, base, now, _altered(delta), delta.hunks))
    return tuple(found)


def _weigh(reading: ResourceReading) -> int:
    return len(reading.accesses) + len(reading.not_analysed)


def _altered(delta: FileDelta) -> frozenset[str]:
    """The symbols, as they are called now, whose code is not what it was."""
    return frozenset(
        (write.successor or write.key).qualname
        for write in delta.writes
        if write.after and not write.imports and not (write.edit is Edit.MODIFIED and write.aspects <= _QUIET)
    )


_QUIET = frozenset({Aspect.ANNOTATIONS})
