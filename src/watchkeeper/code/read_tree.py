"""A tree that notes what is read of it, so that it can be told whether another tree would answer the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from hashlib import blake2b
from typing import TypeVar

from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.index import FileTable, ProjectIndex
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Reading

T = TypeVar("T")
Ask = Callable[[SourceTree, str], object]
Reads = dict[Ask, dict[str, object]]
"""What was asked of a tree: for each kind of question the names that it was asked of, and the answers."""
_MOST_DIGESTED = 32_000_000


class ReadTree:
    """``below``, and in ``reads`` all that was asked of it. Asked again it answers from what it knows."""

    def __init__(self, below: SourceTree) -> None:
        self.below = below
        self.reads: Reads = {}
        self._index = _ReadIndex(below, self.reads)
        self._sources: dict[str, bytes | None] = {}
        self._contents = self.reads.setdefault(_content, {})

    @property
    def index(self) -> ProjectIndex:
        return self._index

    def source(self, path: str) -> bytes | None:
        if path not in self._sources:
            source = self._sources[path] = self.below.source(path)
            self._contents[path] = _identify(source)
        return self._sources[path]

    def reading(self, path: str) -> Reading | None:
        self.source(path)  # a reading depends on the bytes alone
        return self.below.reading(path)


def answers_alike(tree: SourceTree, reads: Reads) -> bool:
    """Whether ``tree`` gives the answers that were noted.

    An equal outline that is another object is noted instead: the next comparison is then one of identities.
    """
    for ask, answers in reads.items():
        for name, noted in answers.items():
            now = ask(tree, name)
            if now is not noted:
                if now != noted:
                    return False
                if ask is _outline:
                    answers[name] = now
    return True


class _ReadIndex(ProjectIndex):
    def __init__(self, tree: SourceTree, reads: Reads) -> None:
        super().__init__({}, frozenset())
        self._tree = tree
        self._below = tree.index
        self._reads = reads
        self._found: dict[str, FileTable | None] = {}
        self._outlines = reads.setdefault(_outline, {})

    @cached_property
    def _path_set(self) -> AbstractSet[str]:
        return _ReadSet(self._below.paths, self._reads, _has_path, _all_paths)

    @property
    def paths(self) -> AbstractSet[str]:
        return self._path_set

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        return self._note(_aliases, "", self._below.aliases)

    @cached_property
    def stems(self) -> AbstractSet[str]:
        return _ReadSet(self._below.stems, self._reads, _has_stem, _all_stems)

    @cached_property
    def modules(self) -> Mapping[str, tuple[str, ...]]:
        return _ReadModules(self._below.modules, self._reads)

    def find_table(self, path: str) -> FileTable | None:
        try:
            return self._found[path]
        except KeyError:
            found = self._found[path] = self._below.find_table(path)
            self._outlines[path] = found.reading if found is not None else None
            return found

    def definers(self, name: str) -> Sequence[SymbolKey]:
        return self._note(_definers, name, tuple(self._below.definers(name)))

    def derivers(self, name: str) -> Sequence[SymbolKey]:
        return self._note(_derivers, name, tuple(self._below.derivers(name)))

    def fan_in(self, name: str) -> int:
        return self._note(_fan_in, name, self._below.fan_in(name))

    def _note(self, ask: Ask, name: str, answer: T) -> T:
        self._reads.setdefault(ask, {})[name] = answer
        return answer


class _ReadSet(AbstractSet[str]):
    """Single names are noted as such; whoever goes through all has read all."""

    def __init__(self, names: AbstractSet[str], reads: Reads, one: Ask, whole: Ask) -> None:
        self._names = names
        self._asked = reads.setdefault(one, {})
        self._whole = reads.setdefault(whole, {})

    def __contains__(self, name: object) -> bool:
        is_there = name in self._names
        self._asked[str(name)] = is_there
        return is_there

    def __iter__(self) -> Iterator[str]:
        self._note_all()
        return iter(self._names)

    def __len__(self) -> int:
        self._note_all()
        return len(self._names)

    def _note_all(self) -> None:
        if not self._whole:
            self._whole[""] = frozenset(self._names)


class _ReadModules(Mapping[str, tuple[str, ...]]):
    def __init__(self, modules: Mapping[str, tuple[str, ...]], reads: Reads) -> None:
        self._modules = modules
        self._asked = reads.setdefault(_module, {})
        self._whole = reads.setdefault(_all_modules, {})

    def __getitem__(self, name: str) -> tuple[str, ...]:
        found = self._asked[name] = self._modules.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        self._note_all()
        return iter(self._modules)

    def __len__(self) -> int:
        self._note_all()
        return len(self._modules)

    def _note_all(self) -> None:
        if not self._whole:
            self._whole[""] = dict(self._modules)


# -- the questions -------------------------------------------------------------------------------------------------


def _content(tree: SourceTree, path: str) -> bytes:
    return _identify(tree.source(path))


def _outline(tree: SourceTree, path: str) -> Reading | None:
    table = tree.index.find_table(path)
    return table.reading if table is not None else None


def _has_path(tree: SourceTree, path: str) -> bool:
    return path in tree.index.paths


def _all_paths(tree: SourceTree, _name: str) -> AbstractSet[str]:
    return tree.index.paths


def _has_stem(tree: SourceTree, stem: str) -> bool:
    return stem in tree.index.stems


def _all_stems(tree: SourceTree, _name: str) -> AbstractSet[str]:
    return tree.index.stems


def _module(tree: SourceTree, name: str) -> tuple[str, ...] | None:
    return tree.index.modules.get(name)


def _all_modules(tree: SourceTree, _name: str) -> Mapping[str, tuple[str, ...]]:
    return tree.index.modules


def _aliases(tree: SourceTree, _name: str) -> Mapping[str, tuple[str, ...]]:
    return tree.index.aliases


def _definers(tree: SourceTree, name: str) -> tuple[SymbolKey, ...]:
    return tuple(tree.index.definers(name))


def _derivers(tree: SourceTree, name: str) -> tuple[SymbolKey, ...]:
    return tuple(tree.index.derivers(name))


def _fan_in(tree: SourceTree, name: str) -> int:
    return tree.index.fan_in(name)


def _identify(source: bytes | None) -> bytes:
    """Of no file: nothing."""
    return _digest(source) if source is not None else b""


@kept_by_content(_MOST_DIGESTED)
def _digest(source: bytes) -> bytes:
    return blake2b(source, digest_size=16).digest()
