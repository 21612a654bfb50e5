"""From a change's files to its footprint, and from two footprints to their conflicts, with everything remembered.

The analyst is the one place where the pure pipeline meets git: it fetches contents, keeps base trees' indexes, compares
files only when their contents are new, and asks git to judge a merge only where two changes come near each other.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from watchkeeper.code.changed_file import ChangedFile
from watchkeeper.code.comparison.symbols import FileDelta
from watchkeeper.code.footprint import ReadMemory, build_footprint, compare_file
from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.languages import find_language, languages
from watchkeeper.code.memory import Memory
from watchkeeper.code.resources.of_change import Resources
from watchkeeper.conflicts.detect import find_conflicts
from watchkeeper.conflicts.pair import Pair, Party, TextClash
from watchkeeper.conflicts.touching import must_ask_git
from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict
from watchkeeper.model.footprint import Footprint
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.probing import LiveTree
from watchkeeper.model.reading import Reading, Status
from watchkeeper.repos.objects import Objects
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.working import WorkingFile, is_binary, read_base, read_content
from watchkeeper.watch.merges import Merges
from watchkeeper.watch.readings import Readings

_MOST_BASES = 12
_MOST_DELTAS = 5_000


class BaseTree(msgspec.Struct, frozen=True):
    """A merge base's tree: its index, and its files as path -> blob."""

    index: ProjectIndex
    blobs: Mapping[str, str]


class Analyst:
    """Analyses the changes of one repository. Not thread-safe: one owner calls it; ``base_tree`` anybody may."""

    def __init__(self, repository: Repository, objects: Objects, readings: Readings, merges: Merges) -> None:
        self._repository = repository
        self._objects = objects
        self._readings = readings
        self._merges = merges
        self._bases: OrderedDict[str, BaseTree] = OrderedDict()
        self._reading_base = threading.Lock()
        self._deltas: OrderedDict[tuple[str, ...], FileDelta] = OrderedDict()
        self._memories: dict[tuple[ChangeId, Sha | None], ReadMemory] = {}
        self._resources = Memory()
        self._last_good: dict[tuple[ChangeId, str], tuple[bytes, Reading]] = {}

    def base_tree(self, base: Sha | None) -> BaseTree:
        """The index of a merge base; reads its files the first time (from memory and store where it can)."""
        key = base or ""
        with self._reading_base:
            known = self._bases.get(key)
            if known is None:
                known = self._bases[key] = self._read_base(base)
                while len(self._bases) > _MOST_BASES:
                    self._bases.popitem(last=False)
            self._bases.move_to_end(key)
            return known

    def party(self, change: Change, files: Sequence[WorkingFile]) -> Party:
        """The change with its footprint as of now."""
        self._merges.place(change.id, change.base, files)
        return Party(change, self.footprint(change, files))

    def footprint(self, change: Change, files: Sequence[WorkingFile]) -> Footprint:
        """What the change writes and relies on, given how its files differ from its merge base."""
        tree = self.base_tree(change.base)
        changed = self.changed_files(change, files)
        deltas = [self._delta(file) for file in changed]

        def bodies(path: str) -> Reading | None:
            blob = tree.blobs.get(path)
            return self._readings.read_blob(path, blob) if blob is not None else None

        def source(path: str) -> bytes | None:
            blob = tree.blobs.get(path)
            return self._objects.read(Sha(blob)) if blob is not None else None

        memory = self._memories.setdefault((change.id, change.base), {})
        resources = Resources(source, self._resources)
        return build_footprint(
            change.id, changed, deltas, tree.index, bodies=bodies, memory=memory, resources=resources
        )

    def changed_files(self, change: Change, files: Sequence[WorkingFile]) -> tuple[ChangedFile, ...]:
        """The change's files with both contents and what they say."""
        return tuple(self._changed_file(change.id, file) for file in files)

    def compare(
        self,
        first: Party,
        second: Party,
        *,
        popular: frozenset[str] = frozenset(),
        clashes: tuple[TextClash, ...] | None = None,
    ) -> tuple[Conflict, ...]:
        """All conflicts of two changes. Asks git where their texts come near each other, unless ``clashes`` are known.

        They are known of two parts of one checkout: their texts are together in one file already.
        """
        if clashes is None:
            is_near = must_ask_git(first.footprint, second.footprint)
            clashes = self._merges.judge(first, second) if is_near else ()
        return find_conflicts(Pair(first=first, second=second, clashes=clashes, popular=popular))

    def read(self, path: str, content: bytes) -> Reading | None:
        """What a file says; None where no language reads it."""
        return self._readings.read_full(path, content, _digest(content))

    def live_tree(self, change: Change, files: Sequence[WorkingFile]) -> LiveTree:
        """The change as a tree in the hub, as of now. Raises: GitError."""
        paths = frozenset(path for file in files for path in (file.base_path, file.now_path) if path)
        return LiveTree(change.id, change.base, self._merges.tree(change.id), paths)

    def joint_tree(self, one: Change, two: Change, files: Sequence[WorkingFile]) -> Sha:
        """The tree of two parts of one checkout, whose files together are these. Raises: GitError."""
        return self._tree_apart(ChangeId(f"{one.id} {two.id}"), one.base, files)  # no branch's name has a space

    def passing_tree(self, change: Change, files: Sequence[WorkingFile]) -> LiveTree:
        """As ``live_tree``, with files that the change is not known to have yet. Raises: GitError."""
        paths = frozenset(path for file in files for path in (file.base_path, file.now_path) if path)
        return LiveTree(change.id, change.base, self._tree_apart(ChangeId(f"{change.id} "), change.base, files), paths)

    def _tree_apart(self, name: ChangeId, base: Sha | None, files: Sequence[WorkingFile]) -> Sha:
        """The tree of something that is no live change. Raises: GitError."""
        self._merges.place(name, base, files)
        try:
            return self._merges.tree(name)
        finally:
            self._merges.drop(name)

    def forget(self, change: ChangeId) -> None:
        """Drop what is remembered of a change that is no longer live."""
        for place in [place for place in self._last_good if place[0] == change]:
            del self._last_good[place]
        for key in [key for key in self._memories if key[0] == change]:
            del self._memories[key]
        self._merges.drop(change)

    def _read_base(self, base: Sha | None) -> BaseTree:
        files = self._repository.tree_files(base) if base is not None else {}
        blobs = {path: str(entry.sha) for path, entry in files.items() if entry.is_text_file}
        read = self._readings.read_tree(self._repository.project, blobs)
        index = ProjectIndex(read.outlines, files.keys(), aliases=self._aliases(blobs), frequency=read.frequency)
        return BaseTree(index=index, blobs=blobs)

    def _aliases(self, blobs: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        every = set(languages().values())
        names = {name: language for language in every for name in language.alias_files}
        for path, blob in blobs.items():
            language = names.get(path.rpartition("/")[2])
            source = self._objects.read(Sha(blob)) if language is not None and "node_modules/" not in path else None
            if language is not None and source is not None:
                found.update(language.read_aliases(path, source))
        return found

    def _changed_file(self, change: ChangeId, file: WorkingFile) -> ChangedFile:
        base = self._content(read_base, file)
        base_reading = None
        if base is not None and file.base_path is not None and file.base is not None:
            base_reading = self._readings.read_full(file.base_path, base, file.base.sha)
        now, now_reading, unknown = self._content(read_content, file), None, file.unknown
        if now is not None and file.now_path is not None and not file.is_binary:
            now, now_reading, unknown = self._read_now(change, file.now_path, now, file.digest)
        return ChangedFile(
            kind=file.kind,
            base_path=file.base_path,
            now_path=file.now_path,
            base=base,
            now=now,
            base_reading=base_reading,
            now_reading=now_reading,
            is_binary=file.is_binary or any(content is not None and is_binary(content) for content in (base, now)),
            mode_changed=file.mode_changed,
            unknown=unknown,
            digest=file.digest,
        )

    def _content(self, read: Callable[[WorkingFile, Objects], bytes | None], file: WorkingFile) -> bytes | None:
        return read(file, self._objects)

    def _read_now(self, change: ChangeId, path: str, now: bytes, digest: str) -> tuple[bytes, Reading | None, str]:
        """Today's content and reading, or the last good ones with the reason why today's cannot be read."""
        if find_language(path) is None:
            return now, None, ""
        reading = self._readings.read_full(path, now, digest)
        place = (change, path)
        if reading is None or reading.status is not Status.UNKNOWN:
            if reading is not None and reading.status is Status.PARSED:
                self._last_good[place] = (now, reading)
            return now, reading, ""
        reason = reading.reason or "it does not parse"
        good = self._last_good.get(place)
        return (*good, reason) if good is not None else (now, None, reason)

    def _delta(self, file: ChangedFile) -> FileDelta:
        key = (file.path, file.place, _digest(file.base), _digest(file.now), file.kind.value, file.unknown)
        known = self._deltas.get(key)
        if known is None:
            known = self._deltas[key] = compare_file(file)
            while len(self._deltas) > _MOST_DELTAS:
                self._deltas.popitem(last=False)
        return known


def _digest(content: bytes | None) -> str:
    return hashlib.blake2b(content, digest_size=12).hexdigest() if content is not None else ""
