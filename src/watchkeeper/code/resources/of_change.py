"""The resources of a change's files, in the base and now; read again only where a file changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, MutableMapping, Sequence

from watchkeeper.code.changed_file import Bodies, ChangedFile
from watchkeeper.code.compare import FileDelta
from watchkeeper.code.index import ProjectIndex
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
    """What is known of the resources of one change over one base: where base files are read, and what was read.

    An answer holds for a file's path and content while the change's files define the same.
    """

    def __init__(self, sources: Sources = no_source) -> None:
        self._sources = sources
        self._known: MutableMapping[tuple[str, bool], tuple[str, ResourceReading]] = {}

    def read(self, path: str, source: bytes, tree: SourceTree, *, shape: str, is_now: bool) -> ResourceReading:
        """What the file touches, from memory where nothing that it depends on changed."""
        mark = hashlib.blake2b(source, digest_size=12).hexdigest() + (shape if is_now else "")
        known = self._known.get((path, is_now))
        if known is None or known[0] != mark:
            known = self._known[path, is_now] = (mark, read_resources(path, source, tree))
        return known[1]

    def tree(
        self, index: ProjectIndex, files: Mapping[str, tuple[bytes | None, Reading | None]], bodies: Bodies
    ) -> SourceTree:
        """The base tree with ``files`` laid over it."""
        return OverlaidTree(index, files, self._sources, bodies)

    def keep(self, places: set[tuple[str, bool]]) -> None:
        """Drop what is known of files that the change no longer touches."""
        for place in self._known.keys() - places:
            del self._known[place]


def read_change(
    files: Sequence[ChangedFile],
    deltas: Sequence[FileDelta],
    indexes: tuple[ProjectIndex, ProjectIndex],
    bodies: Bodies,
    resources: Resources,
    *,
    shape: str,
) -> tuple[FileResources, ...]:
    """What each file of the change touches. ``indexes`` are the base's and the change's own."""
    before = {file.base_path: (file.base, file.base_reading) for file in files if file.base_path is not None}
    gone: dict[str, tuple[bytes | None, Reading | None]] = dict.fromkeys(before, (None, None))
    after = gone | {file.now_path: (file.now, file.now_reading) for file in files if file.now_path is not None}
    base_tree = resources.tree(indexes[0], before, bodies)
    now_tree = resources.tree(indexes[1], after, bodies)
    found, places = [], set()
    for file, delta in zip(files, deltas, strict=True):
        base = now = ResourceReading()
        if file.base_path is not None and file.base is not None and not file.is_binary:
            base = resources.read(file.base_path, file.base, base_tree, shape="", is_now=False)
            places.add((file.base_path, False))
        if file.now_path is not None and file.now is not None and not file.is_binary:
            now = resources.read(file.now_path, file.now, now_tree, shape=shape, is_now=True)
            places.add((file.now_path, True))
        found.append(FileResources(file.place, base, now, _altered(delta), delta.hunks))
    resources.keep(places)
    return tuple(found)


def _altered(delta: FileDelta) -> frozenset[str]:
    """The symbols, as they are called now, whose code is not what it was."""
    return frozenset(
        (write.successor or write.key).qualname
        for write in delta.writes
        if write.after and not write.imports and not (write.edit is Edit.MODIFIED and write.aspects <= _QUIET)
    )


_QUIET = frozenset({Aspect.ANNOTATIONS})
