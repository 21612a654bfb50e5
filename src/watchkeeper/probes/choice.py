"""Which tests to run on a merge: those that either side changed, then those that reach what was changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import PurePosixPath

import msgspec

from watchkeeper.code.index import ProjectIndex
from watchkeeper.code.languages import find_language

_FAR = 4
"""How many imports away from a change a test may be and still be said to reach it."""


class Choice(msgspec.Struct, frozen=True):
    """Test files in the order in which they say most: ``changed`` by a side, then ``reaching`` (the nearest first).

    ``rest`` are all others. Empty everywhere: the project has no test file that can be told as one.
    """

    changed: tuple[str, ...]
    reaching: tuple[str, ...]
    rest: tuple[str, ...]

    @property
    def first(self) -> tuple[str, ...]:
        """What to run in any case; everything where nothing reaches the change."""
        return self.changed + self.reaching or self.rest


def choose_tests(index: ProjectIndex, paths: AbstractSet[str]) -> Choice:
    """The choice for a merge in which ``paths`` differ from its base."""
    tests = [path for path in sorted(index.paths) if is_test_file(path)]
    near = distances(index, {path for path in paths if path in index.paths})
    for path in list(near):
        if PurePosixPath(path).name == "conftest.py":  # its fixtures reach all tests below it
            folder = path.rpartition("/")[0]
            near |= {test: near[path] + 1 for test in tests if test.startswith(f"{folder}/" if folder else "")} | near
    changed = [test for test in tests if test in paths]
    reaching = [test for test in tests if test in near and test not in paths]
    reaching.sort(key=lambda test: (near[test], test))
    known = {*changed, *reaching}
    return Choice(tuple(changed), tuple(reaching), tuple(test for test in tests if test not in known))


def is_test_file(path: str) -> bool:
    """Whether test runners collect the file by its name."""
    name = path.rpartition("/")[2]
    stem, _, suffix = name.rpartition(".")
    if suffix == "py":
        return stem.startswith("test_") or stem.endswith("_test") or stem == "tests"
    return suffix in _SCRIPTS and (stem.endswith((".test", ".spec")) or "__tests__" in path.split("/"))


def distances(index: ProjectIndex, paths: Iterable[str]) -> dict[str, int]:
    """How many imports away each file is from the nearest of ``paths``, up to a few."""
    importers = _importers(index)
    found = dict.fromkeys(paths, 0)
    edge = list(found)
    for step in range(1, _FAR + 1):
        edge = [other for path in edge for other in importers.get(path, ()) if other not in found]
        found |= dict.fromkeys(edge, step)
    return found


_SCRIPTS = frozenset({"ts", "tsx", "js", "jsx", "mts", "cts", "mjs", "cjs"})


def _importers(index: ProjectIndex) -> Mapping[str, list[str]]:
    """Who imports each file."""
    found: dict[str, list[str]] = {}
    for path in index.paths:
        for target in set(_imported(index, path)):
            found.setdefault(target, []).append(path)
    return found


def _imported(index: ProjectIndex, path: str) -> Iterator[str]:
    table, language = index.find_table(path), find_language(path)
    if table is None or language is None:
        return
    for item in table.reading.imports:
        for module in (item.module, f"{item.module}.{item.name}".strip(".") if item.name else ""):
            target = language.find_module(path, module, item.level, index) if module or item.level else None
            if target is not None and target != path:
                yield target
    for export in table.reading.exports:
        target = language.find_module(path, export.module, 0, index) if export.module else None
        if target is not None and target != path:
            yield target
