"""The project's code at any commit, as its databases see it: indexes, made once, kept by content."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import msgspec

from watchkeeper.app import Analysis, Place, find_place, open_analysis, open_cache
from watchkeeper.code.collector import paused_collector
from watchkeeper.code.languages import languages
from watchkeeper.database.codeindex import FORMAT, CodeIndex, read_index
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.record.cache import ReadingCache, ReadingKey
from watchkeeper.sandbox.companion import Companion, receive, send
from watchkeeper.watch.hubtrees import HubTrees

_ENTRY = "watchkeeper.blaming.code:serve"
_HEX = re.compile(r"[0-9a-f]{7,64}")
_FEW = 400
"""A tree of so few files that can speak to a database is read here and now: a process takes longer to start."""
_PATIENCE_S = 4.0
_MOST_INDEXES = 4


class HubCode:
    """The project's code at any commit, as the database sees it. Safe for threads; close it."""

    def __init__(
        self, place: Place, analysis: Analysis, cache: ReadingCache, *, patience_s: float = _PATIENCE_S
    ) -> None:
        self._place, self._analysis, self._cache, self._patience_s = place, analysis, cache, patience_s
        self._known: OrderedDict[Sha, CodeIndex] = OrderedDict()
        self._builds: dict[Sha, _Build] = {}
        self._paths: OrderedDict[Sha, frozenset[str]] = OrderedDict()
        self._guard = threading.Lock()

    def resolve(self, revision: str) -> Sha | None:
        """What a tag or a person calls a revision: a commit's id, whole or shortened. No names: they move."""
        if not _HEX.fullmatch(revision):
            return None
        for repository in (self._place.repository, self._analysis.hub.repository):
            with suppress(WatchkeeperError):
                found = repository.find_commit(revision)
                if found is not None and found.startswith(revision):
                    return found
        return None

    def find_path(self, revision: Sha, path: str) -> str | None:
        """The file of that name, or the only one whose name ends with it."""
        paths = self._paths_of(revision)
        if path in paths:
            return path
        found = [each for each in paths if each.endswith(f"/{path}")] if path else []
        return found[0] if len(found) == 1 else None

    def index(self, revision: Sha) -> CodeIndex | None:
        """The index of a revision, from memory or cache, else made; None where that takes longer than the patience.

        It is made on meanwhile: the next who asks has it.
        """
        with self._guard:
            if revision in self._known:
                self._known.move_to_end(revision)
                return self._known[revision]
        try:
            tree = self._analysis.hub.objects.tree_of(revision)
            kept = _find_kept(self._cache, tree)
            found = kept if kept is not None else self._make(revision, tree)
        except WatchkeeperError:
            return None
        if found is not None:
            with self._guard:
                self._known[revision] = found
                while len(self._known) > _MOST_INDEXES:
                    self._known.popitem(last=False)
        return found

    def close(self) -> None:
        """End what still is made."""
        with self._guard:
            builds, self._builds = list(self._builds.values()), {}
        for build in builds:
            build.kill()

    def _make(self, revision: Sha, tree: Sha) -> CodeIndex | None:
        few = sum(path.endswith((".py", ".ts", ".tsx", ".js")) for path in self._paths_of(revision)) <= _FEW
        if few:
            return build_index(self._analysis, self._cache, revision)
        with self._guard:
            build = self._builds.get(revision)
            if build is None or build.has_failed:
                build = self._builds[revision] = _Build(self._place, revision)
        if not build.wait(self._patience_s):
            return None
        with self._guard:
            self._builds.pop(revision, None)
        return _find_kept(self._cache, tree)

    def _paths_of(self, revision: Sha) -> frozenset[str]:
        with self._guard:
            if revision in self._paths:
                return self._paths[revision]
        paths = frozenset(self._analysis.hub.repository.tree_files(revision))
        with self._guard:
            self._paths[revision] = paths
            while len(self._paths) > _MOST_INDEXES:
                self._paths.popitem(last=False)
        return paths


def build_index(analysis: Analysis, cache: ReadingCache, revision: Sha) -> CodeIndex:
    """The index of a revision, made and kept. Blocks for as long as that takes. Raises GitError."""
    with paused_collector():
        tree = HubTrees(analysis.objects, analysis.readings, analysis.analyst).base(revision)
        index = read_index(tree)
    cache.put_many({_key(analysis.hub.objects.tree_of(revision)): msgspec.msgpack.encode(index)})
    return index


class _Ask(msgspec.Struct, frozen=True):
    """What the other process is to read."""

    folder: str
    revision: str


class _Build:
    """A process that makes one index and keeps it where it can be found; it ends with us."""

    def __init__(self, place: Place, revision: Sha) -> None:
        folder = place.repository.found_at or place.repository.common_dir
        self._process = Companion(_ENTRY)
        self._done = threading.Event()
        self.has_failed = False
        question = msgspec.msgpack.encode(_Ask(os.fsdecode(folder), revision))
        threading.Thread(target=self._run, args=(question,), daemon=True).start()

    def wait(self, patience_s: float) -> bool:
        """Whether it has made the index, within this time."""
        return self._done.wait(patience_s) and not self.has_failed

    def kill(self) -> None:
        self._process.kill()

    def _run(self, question: bytes) -> None:
        try:
            self._process.send(question)
            self.has_failed = self._process.receive() != b"ok"
        except OSError:
            self.has_failed = True
        self._process.end()
        self._done.set()


def serve() -> None:
    """The other process's whole life: one index."""
    question = receive(sys.stdin.buffer)
    if question is None:
        return
    asked = msgspec.msgpack.decode(question, type=_Ask)
    with suppress(OSError):
        os.nice(5)
    place = find_place(Path(asked.folder), os.environ)
    with open_analysis(place) as analysis, open_cache(place.home) as cache:
        build_index(analysis, cache, Sha(asked.revision))
    send(sys.stdout.buffer, b"ok")


def _find_kept(cache: ReadingCache, tree: Sha) -> CodeIndex | None:
    key = _key(tree)
    data = cache.get_many([key]).get(key)
    if data is None:
        return None
    try:
        with paused_collector():
            return msgspec.msgpack.decode(data, type=CodeIndex)
    except msgspec.DecodeError:
        return None


def _key(tree: Sha) -> ReadingKey:
    """Depends on how the languages are read as well."""
    readers = "+".join(f"{each.name}{each.version}" for each in sorted(set(languages().values()), key=lambda e: e.name))
    return ReadingKey(blob=tree, language=readers, version=FORMAT, extent="database")
