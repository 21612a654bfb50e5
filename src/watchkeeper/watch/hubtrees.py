"""Trees of the hub as checks see them: what they share with a merge base is not read again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.languages import find_language
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.ids import Sha
from watchkeeper.model.reading import Reading
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.treediff import tree_difference
from watchkeeper.repos.trees import TreeEntry
from watchkeeper.watch.analyst import Analyst, BaseTree
from watchkeeper.watch.readings import Readings

_MOST_TREES = 24
_MOST_CONTENT = 24_000_000
"""Bytes of files kept: checks look at the same few dozen files in every tree of a pair."""


class HubTrees:
    """Gives trees by id. Safe for threads."""

    def __init__(self, objects: Objects, readings: Readings, analyst: Analyst) -> None:
        self._objects = objects
        self._readings = readings
        self._analyst = analyst
        self._contents = _Contents(objects)
        self._trees: OrderedDict[tuple[Sha, Sha | None], _HubTree] = OrderedDict()
        self._guard = threading.Lock()

    def base(self, base: Sha | None) -> SourceTree:
        """The tree of a merge base; None: an empty one. Raises: GitError."""
        return _HubTree(self._analyst.base_tree(base), {}, self._contents, self._readings)

    def source_tree(self, tree: Sha, base: Sha | None) -> SourceTree:
        """The tree, laid over ``base``'s. Raises: GitError for a tree that is not in the hub."""
        with self._guard:
            return self._source_tree(tree, base)

    def _source_tree(self, tree: Sha, base: Sha | None) -> SourceTree:
        key = (tree, base)
        known = self._trees.get(key)
        if known is None:
            below = self._analyst.base_tree(base)
            root = self._objects.tree_of(base) if base is not None else None
            changed = dict(tree_difference(self._objects, root, self._objects.tree_of(tree)))
            known = self._trees[key] = _HubTree(below, changed, self._contents, self._readings)
            while len(self._trees) > _MOST_TREES:
                self._trees.popitem(last=False)
        self._trees.move_to_end(key)
        return known


class _HubTree:
    """A base's index with the changed files laid over it; contents and full readings on demand."""

    def __init__(
        self,
        below: BaseTree,
        changed: Mapping[str, TreeEntry | None],
        contents: _Contents,
        readings: Readings,
    ) -> None:
        self._below = below
        self._changed = changed
        self._contents = contents
        self._readings = readings
        gone = [path for path, entry in changed.items() if entry is None]
        there = {path: self.reading(path) for path, entry in changed.items() if entry is not None}
        self._index = below.index.overlay(there, gone) if changed else below.index

    @property
    def index(self) -> ProjectIndex:
        return self._index

    def source(self, path: str) -> bytes | None:
        blob = self._blob(path)
        return self._contents.read(Sha(blob)) if blob is not None else None

    def reading(self, path: str) -> Reading | None:
        blob = self._blob(path) if find_language(path) is not None else None
        return self._readings.read_blob(path, blob) if blob is not None else None

    def _blob(self, path: str) -> str | None:
        if path in self._changed:
            entry = self._changed[path]
            return entry.sha if entry is not None and entry.is_text_file else None
        return self._below.blobs.get(path)


class _Contents:
    """The blobs that were read last, by id: the same bytes for every tree that has them. Safe for threads."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: OrderedDict[Sha, bytes | None] = OrderedDict()
        self._size = 0
        self._guard = threading.Lock()

    def read(self, blob: Sha) -> bytes | None:
        """As ``Objects.read``."""
        with self._guard:
            if blob in self._known:
                self._known.move_to_end(blob)
                return self._known[blob]
        content = self._objects.read(blob)
        with self._guard:
            if blob not in self._known:
                self._known[blob] = content
                self._size += len(content or b"")
            while self._size > _MOST_CONTENT and len(self._known) > 1:
                self._size -= len(self._known.popitem(last=False)[1] or b"")
        return content
