"""What every file of a tree says, read once: parsed in worker processes, kept by blob id.

A tree's outlines are needed to resolve names against; full readings (with references) only for changed files and what
they reach. Both depend on the bytes alone, so all worktrees and all runs share them.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from watchkeeper.code.collector import paused_collector
from watchkeeper.code.languages import find_language, languages
from watchkeeper.model.ids import Sha
from watchkeeper.model.reading import Reading
from watchkeeper.record.cache import ReadingCache, ReadingKey
from watchkeeper.repos.objects import Objects
from watchkeeper.watch.workers import Parse, Parsed, Workers, parse_batch, words_of

_FEW = 150  # below this many files, starting worker processes costs more than it saves
_MOST_FULL = 2_000
_BATCH = 40
_PACK_FORMAT = 2


class TreeReadings(msgspec.Struct, frozen=True):
    """A whole tree's outlines by path, and in how many of its files each word stands."""

    outlines: dict[str, Reading]
    frequency: dict[str, int]


class _Pack(msgspec.Struct, frozen=True, array_like=True):
    versions: dict[str, int]
    outlines: dict[str, Reading]  # by "blob suffix"
    frequency: dict[str, int]


class Readings:
    """Gives readings, from memory, from the store, or by parsing. Safe for threads; a tree is read by one at a time."""

    def __init__(self, objects: Objects, cache: ReadingCache | None = None, *, workers: int | None = None) -> None:
        self._objects = objects
        self._cache = cache
        self._workers = workers if workers is not None else max(1, min(4, os.cpu_count() or 1))
        self._outlines: dict[str, Reading] = {}
        self._frequency: dict[str, int] = {}
        self._new_words: Counter[str] = Counter()
        self._full: OrderedDict[str, Reading] = OrderedDict()
        self._reading_tree = threading.Lock()
        self._memory = threading.Lock()
        self.parsed_lines = 0
        self.parsed_files = 0

    def read_tree(self, project: str, files: Mapping[str, str]) -> TreeReadings:
        """The outlines of a tree given as path -> blob id. Parses what neither memory nor store knows."""
        with self._reading_tree:
            return self._read_tree(project, files)

    def _read_tree(self, project: str, files: Mapping[str, str]) -> TreeReadings:
        wanted = {path: _place(path, blob) for path, blob in files.items() if find_language(path) is not None}
        if not self._outlines:
            self._load_pack(project)
        missing = {place: path for path, place in wanted.items() if place not in self._outlines}
        if missing:
            self._parse_missing(missing)
            if len(missing) > len(wanted) // 10 or not self._frequency:
                self._count_words([place for place in wanted.values() if place not in missing])
            else:
                self._add_words()
            self._new_words.clear()
            self._save_pack(project, wanted.values())
        found = {path: self._outlines[place] for path, place in wanted.items() if place in self._outlines}
        return TreeReadings(outlines=found, frequency=self._frequency)

    def read_full(self, path: str, source: bytes, blob: str = "") -> Reading | None:
        """One file's full reading; None where no language reads it. ``blob`` makes it worth remembering."""
        language = find_language(path)
        if language is None:
            return None
        place = _place(path, blob) if blob else ""
        known = self._full.get(place) if place else None
        if known is None:
            with paused_collector():
                known = language.read(source, bodies=True)
            if place:
                self._remember(place, known)
        return known

    def read_blob(self, path: str, blob: str) -> Reading | None:
        """The full reading of a blob; None where it cannot be had."""
        known = self._full.get(_place(path, blob))
        if known is not None:
            return known
        source = self._objects.read(Sha(blob))
        return self.read_full(path, source, blob) if source is not None else None

    def _remember(self, place: str, reading: Reading) -> None:
        with self._memory:
            self._full[place] = reading
            while len(self._full) > _MOST_FULL:
                self._full.popitem(last=False)

    def _parse_missing(self, missing: Mapping[str, str]) -> None:
        for parsed in self._parse(self._batches(missing), len(missing)):
            self._outlines[parsed.place] = parsed.outline
            self.parsed_files += 1
            self.parsed_lines += parsed.lines
            self._new_words.update(parsed.words)

    def _count_words(self, others: Iterable[str]) -> None:
        """In how many files each word stands: those that were read just now, and ``others``, known from before."""
        words = self._new_words.copy()
        for place in others:
            source = self._objects.read(Sha(place.partition(" ")[0]))
            words.update(words_of(source) if source is not None else ())
        self._frequency = {word: count for word, count in words.items() if count > 1}

    def _add_words(self) -> None:
        """Few files are new, and all others are not counted again for them: a word of theirs that stood in one file at
        most may stand in two now. To be taken for rarer than it is would hide who relies on it.
        """
        fresh = {word: max(2, n) for word, n in self._new_words.items() if word not in self._frequency}
        if fresh:
            self._frequency = self._frequency | fresh

    def _batches(self, missing: Mapping[str, str]) -> Iterator[list[Parse]]:
        batch: list[Parse] = []
        for place, path in missing.items():
            source = self._objects.read(Sha(place.partition(" ")[0]))
            if source is not None:
                # A worker wants to know the suffix alone, and a name that is no text would not reach it.
                batch.append(Parse(place, path.encode("ascii", "replace").decode(), source))
            if len(batch) >= _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _parse(self, batches: Iterable[list[Parse]], total: int) -> Iterator[Parsed]:
        if total < _FEW or self._workers < 2:
            for batch in batches:
                yield from parse_batch(batch)
            return
        with Workers(self._workers) as workers:
            yield from workers.parse(batches)

    def _load_pack(self, project: str) -> None:
        key = _pack_key(project)
        data = self._cache.get_many([key]).get(key) if self._cache is not None else None
        if data is None:
            return
        try:
            with paused_collector():
                pack = msgspec.msgpack.decode(data, type=_Pack)
        except msgspec.DecodeError:
            return  # written by another version: read everything again
        if pack.versions == _versions():
            self._outlines.update(pack.outlines)
            self._frequency = pack.frequency

    def _save_pack(self, project: str, places: Iterable[str]) -> None:
        if self._cache is not None:
            kept = {place: self._outlines[place] for place in places if place in self._outlines}
            pack = _Pack(versions=_versions(), outlines=kept, frequency=self._frequency)
            self._cache.put_many({_pack_key(project): msgspec.msgpack.encode(pack)})


def _versions() -> dict[str, int]:
    return {language.name: language.version for language in languages().values()}


def _pack_key(project: str) -> ReadingKey:
    """All outlines of a project's newest tree, as one value: one look-up makes a warm start."""
    return ReadingKey(blob=project, language="", version=_PACK_FORMAT, extent="pack")


def _place(path: str, blob: str) -> str:
    """Blob and suffix: the same bytes may be read by two grammars."""
    return f"{blob} {path[path.rfind('.') :]}"
