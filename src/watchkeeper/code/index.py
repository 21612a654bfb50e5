"""The outlines of one tree, ready to be asked who defines what.

A ``ProjectIndex`` is built once for a base tree and shared; what a change alters is laid over it with ``overlay``, so N
changes cost N sets of changed files, not N indexes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property

from watchkeeper.code.languages import find_language
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Export, Import, Reading, Symbol, SymbolKind

_BOUNDARY = re.compile(r"[/.]")
MEMBER_KINDS = frozenset({SymbolKind.METHOD, SymbolKind.PROPERTY, SymbolKind.FIELD})


class FileTable:
    """One file's names, by name."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.symbols: dict[str, Symbol] = {symbol.qualname: symbol for symbol in reading.symbols}
        self.imports: dict[str, list[Import]] = {}
        self.stars: list[Import] = []
        self.exports: dict[str, Export] = {}
        self.export_stars: list[Export] = []
        for item in reading.imports:
            if item.name == "*":
                self.stars.append(item)
            else:
                self.imports.setdefault(item.local, []).append(item)
        for export in reading.exports:
            if export.public == "*":
                self.export_stars.append(export)
            else:
                self.exports[export.public] = export

    def find_import(self, name: str, scope: str) -> Import | None:
        """The import that binds ``name`` for code in the symbol ``scope``: a local one first, then the module's."""
        found: Import | None = None
        for item in self.imports.get(name, ()):
            if item.scope and item.scope != scope and not scope.startswith(item.scope + "."):
                continue
            if found is None or item.scope or not found.scope:
                found = item
        return found

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """The outermost names that have symbols of their own, each with its dot."""
        return frozenset(name[: name.index(".") + 1] for name in self.symbols if "." in name)

    @cached_property
    def members(self) -> dict[str, list[str]]:
        """Last name of each class member -> its qualnames."""
        table: dict[str, list[str]] = {}
        for qualname, symbol in self.symbols.items():
            if symbol.kind in MEMBER_KINDS:
                table.setdefault(qualname.rpartition(".")[2], []).append(qualname)
        return table


class ProjectIndex:
    """Who defines what in one tree.

    ``readings`` are outlines by path, ``paths`` all files of the tree (also those nobody can read), ``frequency`` says
    in how many files a word stands (how rare a name is). Immutable once built.
    """

    def __init__(
        self,
        readings: Mapping[str, Reading],
        paths: AbstractSet[str],
        *,
        aliases: Mapping[str, tuple[str, ...]] | None = None,
        frequency: Mapping[str, int] | None = None,
    ) -> None:
        self._readings = readings
        self._paths = paths
        self._aliases = dict(aliases or {})
        self._frequency = frequency or {}
        self._tables: dict[str, FileTable] = {}

    @property
    def paths(self) -> AbstractSet[str]:
        return self._paths

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        return self._aliases

    @cached_property
    def stems(self) -> AbstractSet[str]:
        """Every folder, and every file up to each of its dots: what a module's name may mean, whatever the suffix."""
        return stems_of(self.paths)

    @cached_property
    def modules(self) -> Mapping[str, tuple[str, ...]]:
        return module_table(self._readings, self._paths)

    @cached_property
    def _definers(self) -> Mapping[str, tuple[SymbolKey, ...]]:
        found: dict[str, list[SymbolKey]] = {}
        for path, reading in self._readings.items():
            for symbol in reading.symbols:
                if symbol.kind in MEMBER_KINDS:
                    found.setdefault(symbol.qualname.rpartition(".")[2], []).append(SymbolKey(path, symbol.qualname))
        return {name: tuple(keys) for name, keys in found.items()}

    @cached_property
    def _derivers(self) -> Mapping[str, tuple[SymbolKey, ...]]:
        found: dict[str, list[SymbolKey]] = {}
        for path, reading in self._readings.items():
            renamed = {item.local: item.name for item in reading.imports if item.name and item.name != item.local}
            for symbol in reading.symbols:
                for base in symbol.bases:
                    name = base[-1].removeprefix(".")
                    found.setdefault(renamed.get(name, name), []).append(SymbolKey(path, symbol.qualname))
        return {name: tuple(keys) for name, keys in found.items()}

    def find_table(self, path: str) -> FileTable | None:
        """The names of one file; None where it does not exist or nobody reads it."""
        table = self._tables.get(path)
        if table is None:
            reading = self._readings.get(path)
            if reading is None:
                return None
            table = self._tables[path] = FileTable(reading)
        return table

    def find_symbol(self, key: SymbolKey) -> Symbol | None:
        """The definition of that name; None where there is none."""
        table = self.find_table(key.path)
        return table.symbols.get(key.qualname) if table is not None else None

    def has_members(self, key: SymbolKey) -> bool:
        """Whether anything is defined inside that definition."""
        table = self.find_table(key.path)
        return table is not None and f"{key.qualname}." in table.prefixes

    def definers(self, name: str) -> Sequence[SymbolKey]:
        """All class members of that name, in any class."""
        return self._definers.get(name, ())

    def derivers(self, name: str) -> Sequence[SymbolKey]:
        """All classes with a base of that name (``Base`` of ``module.Base``), whatever it means there."""
        return self._derivers.get(name, ())

    def fan_in(self, name: str) -> int:
        """In how many files of the tree the word stands; 1 for a name nobody has seen."""
        return max(1, self._frequency.get(name, 1))

    def overlay(self, readings: Mapping[str, Reading | None], gone: Iterable[str] = ()) -> Overlay:
        """The same tree with some files replaced (None: there, but unreadable) and those of ``gone`` removed."""
        return Overlay(self, readings, frozenset(gone))


class Overlay(ProjectIndex):
    """A change's view: its own files over the base's."""

    def __init__(self, below: ProjectIndex, readings: Mapping[str, Reading | None], gone: frozenset[str]) -> None:
        super().__init__({path: reading for path, reading in readings.items() if reading is not None}, frozenset())
        self._below = below
        self._hidden = gone | readings.keys()
        self._gone = gone
        self._added = frozenset(path for path in readings if path not in below.paths)

    @cached_property
    def _all_paths(self) -> AbstractSet[str]:
        if not self._added and not self._gone:
            return self._below.paths
        return (self._below.paths | self._added) - self._gone

    @property
    def paths(self) -> AbstractSet[str]:
        return self._all_paths

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        return self._below.aliases

    @cached_property
    def stems(self) -> AbstractSet[str]:
        if self._gone:
            return stems_of(self.paths)
        return self._below.stems | stems_of(self._added) if self._added else self._below.stems

    @cached_property
    def modules(self) -> Mapping[str, tuple[str, ...]]:
        if not self._added and not self._gone:
            return self._below.modules
        merged = dict(self._below.modules)
        for path in self._gone:
            for name in [name for name, paths in _names_of(path, self._below.paths).items() if name in merged]:
                merged[name] = tuple(other for other in merged[name] if other != path)
        for name, paths in module_table(dict.fromkeys(self._added), self.paths).items():
            merged[name] = (*merged.get(name, ()), *paths)
        return merged

    def find_table(self, path: str) -> FileTable | None:
        if path in self._hidden:
            return super().find_table(path)
        return self._below.find_table(path)

    def definers(self, name: str) -> Sequence[SymbolKey]:
        own = super().definers(name)
        below = [key for key in self._below.definers(name) if key.path not in self._hidden]
        return (*below, *own) if own else below

    def derivers(self, name: str) -> Sequence[SymbolKey]:
        own = super().derivers(name)
        return (*(key for key in self._below.derivers(name) if key.path not in self._hidden), *own)

    def fan_in(self, name: str) -> int:
        return self._below.fan_in(name)


def stems_of(paths: Iterable[str]) -> frozenset[str]:
    """All that stands before a ``/`` or a ``.`` of some path."""
    return frozenset(path[: match.start()] for path in paths for match in _BOUNDARY.finditer(path))


def module_table(readings: Mapping[str, object], paths: AbstractSet[str]) -> dict[str, tuple[str, ...]]:
    """Module name -> the paths that have it."""
    table: dict[str, tuple[str, ...]] = {}
    for path in sorted(readings):
        for name in _names_of(path, paths):
            table[name] = (*table.get(name, ()), path)
    return table


def _names_of(path: str, paths: AbstractSet[str]) -> dict[str, tuple[str, ...]]:
    language = find_language(path)
    return {language.module_name(path, paths): (path,)} if language else {}


def display_name(key: SymbolKey, paths: AbstractSet[str]) -> str:
    """The name for people: ``click.core:Context.close``; the path where no language knows the file."""
    language = find_language(key.path)
    module = language.module_name(key.path, paths) if language else key.path
    return f"{module}:{key.qualname}" if key.qualname else module
