"""A whole tree, as checks and extractors see it: what its files say, file by file, and who defines what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.languages import find_language, languages
from watchkeeper.model.reading import Reading

_WORD = re.compile(rb"[A-Za-z_$][A-Za-z0-9_$]{2,}")


class SourceTree(Protocol):
    """One tree: base, a change's, or a virtual merge of several. Values only; equal calls give equal answers."""

    @property
    def index(self) -> ProjectIndex:
        """Who defines what; ``index.paths`` are all files."""

    def source(self, path: str) -> bytes | None:
        """A file's content; None where there is no such file."""

    def reading(self, path: str) -> Reading | None:
        """What the file says, with references; None where there is no such file or no language reads it."""


class MemoryTree:
    """A tree held in memory: for cases that fit on a page."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = dict(contents)
        self._index = index_of(self._contents)
        self._readings: dict[str, Reading | None] = {}

    @property
    def index(self) -> ProjectIndex:
        return self._index

    def source(self, path: str) -> bytes | None:
        return self._contents.get(path)

    def reading(self, path: str) -> Reading | None:
        if path not in self._readings:
            language, source = find_language(path), self._contents.get(path)
            if language is None or source is None:
                self._readings[path] = None
            else:
                self._readings[path] = language.read(source, bodies=True)
        return self._readings[path]


class OverlaidTree:
    """A base tree with some files replaced, or gone (None): what a change's tree is, at the cost of its files."""

    def __init__(
        self,
        index: ProjectIndex,
        files: Mapping[str, tuple[bytes | None, Reading | None]],
        sources: Callable[[str], bytes | None],
        readings: Callable[[str], Reading | None],
    ) -> None:
        self._index = index
        self._files = files
        self._sources = sources
        self._readings = readings

    @property
    def index(self) -> ProjectIndex:
        return self._index

    def source(self, path: str) -> bytes | None:
        own = self._files.get(path)
        return own[0] if own is not None else self._sources(path)

    def reading(self, path: str) -> Reading | None:
        own = self._files.get(path)
        return own[1] if own is not None else self._readings(path)


def index_of(contents: Mapping[str, bytes]) -> ProjectIndex:
    """The index of a tree held in memory."""
    outlines: dict[str, Reading] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    readers = {name: language for language in set(languages().values()) for name in language.alias_files}
    for path, source in contents.items():
        language = find_language(path)
        if language is not None:
            outlines[path] = language.read(source, bodies=False)
        reader = readers.get(path.rpartition("/")[2])
        if reader is not None:
            aliases.update(reader.read_aliases(path, source))
    words = Counter(word.decode() for source in contents.values() for word in set(_WORD.findall(source)))
    return ProjectIndex(outlines, contents.keys(), aliases=aliases, frequency=words)
