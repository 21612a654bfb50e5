"""Between paths and module names."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import takewhile

from watchkeeper.code.language import Tree

SUFFIXES = (".py", ".pyi", ".pyw")
_ROOTS = ("src", "lib", "python")  # folders that hold packages and are none


def module_name(path: str, paths: AbstractSet[str]) -> str:
    """``src/click/core.py`` -> ``click.core``: from the outermost package, else from the root of the sources."""
    *folders, file = path.split("/")
    stem = file.rpartition(".")[0] or file
    first = len(folders)
    while first and _is_package("/".join(folders[:first]), paths):
        first -= 1
    if "src" in folders[:first]:  # what stands under ``src`` without ``__init__.py`` is a namespace package
        start = first - folders[:first][::-1].index("src")
    elif first < len(folders):
        start = first
    else:
        start = 1 if folders and folders[0] in _ROOTS else 0
    parts = folders[start:] if stem == "__init__" and folders[start:] else [*folders[start:], stem]
    return ".".join(parts)


def find_module(importer: str, module: str, level: int, tree: Tree) -> str | None:
    """The file that ``module`` means inside ``importer``, by Python's search order; None outside of the tree."""
    folders = importer.split("/")[:-1]
    if level:
        if level - 1 > len(folders):
            return None
        base = folders[: len(folders) - level + 1]
        return _file_of([*base, *_parts(module)], tree.paths)
    if not module:
        return None
    for folder in _script_folders(folders, tree.paths):
        if found := _file_of([*folder, *_parts(module)], tree.paths):
            return found
    candidates = [path for path in tree.modules.get(module, ()) if path.endswith(SUFFIXES)]
    return min(candidates, key=lambda path: (-_shared(importer, path), _rank(path), len(path), path), default=None)


def _is_package(folder: str, paths: AbstractSet[str]) -> bool:
    return f"{folder}/__init__.py" in paths or f"{folder}/__init__.pyi" in paths


def _parts(module: str) -> list[str]:
    return module.split(".") if module else []


def _file_of(parts: list[str], paths: AbstractSet[str]) -> str | None:
    stem = "/".join(parts)
    inside = f"{stem}/__init__" if stem else "__init__"
    for suffix in SUFFIXES[:2]:
        if inside + suffix in paths:
            return inside + suffix
    for suffix in SUFFIXES if stem else ():
        if stem + suffix in paths:
            return stem + suffix
    return None


def _script_folders(folders: list[str], paths: AbstractSet[str]) -> Iterator[list[str]]:
    """The folders above the importer that can be on ``sys.path``: those that are no packages, the nearest first."""
    for depth in range(len(folders), -1, -1):
        if depth == 0 or not _is_package("/".join(folders[:depth]), paths):
            yield folders[:depth]


def _shared(importer: str, path: str) -> int:
    pairs = zip(importer.split("/")[:-1], path.split("/")[:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _rank(path: str) -> int:
    suffix = path[path.rindex(".") :]
    return SUFFIXES.index(suffix)
