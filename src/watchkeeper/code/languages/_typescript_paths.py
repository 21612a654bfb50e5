"""Which file an import specifier means: relative paths, ``tsconfig`` paths, packages of the same repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from posixpath import dirname, join, normpath

from watchkeeper.code.language import Tree

ALIAS_FILES = frozenset({"tsconfig.json", "tsconfig.base.json", "jsconfig.json", "package.json"})

_SUFFIXES = (".ts", ".tsx", ".d.ts", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_INDEXES = tuple(f"/index{suffix}" for suffix in _SUFFIXES)
_WRITTEN = {
    ".js": (".ts", ".tsx", ".d.ts", ".jsx"),
    ".jsx": (".tsx",),
    ".mjs": (".mts", ".d.mts"),
    ".cjs": (".cts", ".d.cts"),
}
_NAMED = re.compile(r"(\.d)?\.[cm]?[jt]sx?$")
_BUILT = re.compile(r"^(dist|lib|build|out|esm|cjs|es)/(?:(?:esm|cjs|es|types)/)?")
_ENTRIES = ("source", "module", "main", "types", "typings")
_MOST_BYTES = 1_000_000


def module_name(path: str) -> str:
    """``src/app`` for ``src/app.ts`` and for ``src/app/index.ts``."""
    bare = _NAMED.sub("", path)
    return bare.removesuffix("/index")


def find_module(importer: str, module: str, tree: Tree) -> str | None:
    """The path that the specifier means inside ``importer``; None for a package from elsewhere."""
    module = module.partition("?")[0]
    paths = tree.paths
    if module in (".", "..") or module.startswith(("./", "../")):
        return _existing(_normal(join(dirname(importer), module)), paths)
    if module.startswith("/") or not module:
        return None
    for prefix, rest in _alias_matches(module, tree.aliases, importer):
        found = _existing(_normal(prefix + rest), paths)
        if found is not None:
            return found
    return None


def read_aliases(path: str, source: bytes) -> dict[str, tuple[str, ...]]:
    """Import prefixes of a configuration file -> the paths that they may stand for. Nothing where it is garbage."""
    document = _read_json(source)
    if not isinstance(document, dict):
        return {}
    folder = dirname(path)
    found = _package(folder, document) if path.rpartition("/")[2] == "package.json" else _project(folder, document)
    return {key: tuple(dict.fromkeys(values)) for key, values in found.items() if values}


def _existing(base: str | None, paths: AbstractSet[str]) -> str | None:
    if base is None:
        return None
    if base in paths:
        return base
    stem, dot, suffix = base.rpartition(".")
    for other in _WRITTEN.get(dot + suffix, ()):
        if stem + other in paths:
            return stem + other
    for ending in (*_SUFFIXES, *_INDEXES):
        if base + ending in paths:
            return base + ending
    return next((index[1:] for index in _INDEXES if index[1:] in paths), None) if base == "" else None


def _normal(path: str) -> str | None:
    """The path without dots; None where it leaves the repository."""
    path = normpath(path)
    if path.startswith(("../", "/")) or path == "..":
        return None
    return "" if path == "." else path


def _alias_matches(module: str, aliases: Mapping[str, tuple[str, ...]], importer: str) -> Iterator[tuple[str, str]]:
    """Prefixes to try, the longest alias first; of one alias those nearest to the importer first."""
    exact = aliases.get(module)
    for prefix in _nearest(exact, importer):
        yield prefix, ""
    for cut in range(len(module), -1, -1):
        found = aliases.get(f"{module[:cut]}*")
        for prefix in _nearest(found, importer):
            yield prefix, module[cut:]


def _nearest(prefixes: Iterable[str] | None, importer: str) -> Iterable[str]:
    if prefixes is None:
        return ()
    prefixes = tuple(prefixes)
    return sorted(prefixes, key=lambda prefix: -_shared(prefix, importer)) if len(prefixes) > 1 else prefixes


def _shared(prefix: str, importer: str) -> int:
    """How many leading folders both paths have in common."""
    count = 0
    for one, other in zip(prefix.split("/")[:-1], importer.split("/")[:-1], strict=False):
        if one != other:
            break
        count += 1
    return count


def _read_json(source: bytes) -> object:
    """JSON with comments and trailing commas, as TypeScript's configuration has it; None where it is none."""
    if len(source) > _MOST_BYTES:
        return None
    text = source.decode("utf-8-sig", "replace")
    text = _COMMENTED.sub(lambda found: found[0] if found[0][0] == '"' else " ", text)
    text = _TRAILING.sub(lambda found: found[0] if found[0][0] == '"' else found[1], text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


_COMMENTED = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'"(?:\\.|[^"\\])*"|,\s*([}\]])')


def _project(folder: str, document: Mapping[str, object]) -> dict[str, list[str]]:
    """``baseUrl`` and ``paths``. An alias ends in ``*`` where its pattern does; other patterns are left out."""
    options = document.get("compilerOptions")
    if not isinstance(options, dict):
        return {}
    base = options.get("baseUrl")
    root = _within(folder, base if isinstance(base, str) else ".")
    if root is None:
        return {}
    found: dict[str, list[str]] = {}
    patterns = options.get("paths")
    for pattern, targets in patterns.items() if isinstance(patterns, dict) else ():
        for target in targets if isinstance(targets, list) else ():
            if isinstance(target, str) and pattern.count("*") <= 1 and target.count("*") <= 1:
                _add_pattern(found, pattern, _within(root, target))
    if isinstance(base, str):
        found.setdefault("*", []).append(f"{root}/" if root else "")
    return found


def _add_pattern(found: dict[str, list[str]], pattern: str, target: str | None) -> None:
    if target is None:
        return
    if "*" not in pattern:
        found.setdefault(pattern, []).append(target)
    elif pattern.endswith("*") and "*" in target:
        found.setdefault(pattern, []).append(target.partition("*")[0])


def _package(folder: str, document: Mapping[str, object]) -> dict[str, list[str]]:
    """A package's own name, for the other packages of the repository; and its ``imports`` (``#internal``)."""
    found: dict[str, list[str]] = {}
    name = document.get("name")
    if isinstance(name, str) and name:
        entries = [value for key in _ENTRIES if isinstance(value := document.get(key), str)]
        found[name] = [*_sources(folder, entries), *_sources(folder, ["src/index", "src/main", "index"])]
        found[f"{name}/*"] = [join(folder, "src/"), join(folder, "")]
        _add_exports(found, name, folder, document.get("exports"))
    inside = document.get("imports")
    for key, value in inside.items() if isinstance(inside, dict) else ():
        for target in _strings(value):
            _add_pattern(found, key, _within(folder, target))
    return found


def _add_exports(found: dict[str, list[str]], name: str, folder: str, exports: object) -> None:
    by_path = isinstance(exports, dict) and any(str(key).startswith(".") for key in exports)
    table = exports if isinstance(exports, dict) and by_path else {".": exports}
    for key, value in table.items():
        public = normpath(join(name, key)) if isinstance(key, str) else name
        for target in _sources(folder, _strings(value)):
            if public == name:
                found[name].insert(0, target)
            elif "*" in public:
                _add_pattern(found, public, target)
            else:
                found.setdefault(public, []).append(target)


def _strings(value: object) -> list[str]:
    """All paths of a condition table, in its order."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    return [text for inner in value for text in _strings(inner)] if isinstance(value, list) else []


def _sources(folder: str, entries: Iterable[str]) -> list[str]:
    """The files that entries stand for: as written, and where a built file's source lies by custom."""
    found: list[str] = []
    for entry in entries:
        bare = normpath(entry)
        places = [bare]
        if _BUILT.match(bare):
            inside = _NAMED.sub("", _BUILT.sub("", bare))
            places = [f"src/{inside}", bare]
        found.extend(place for part in places if (place := _within(folder, part)) is not None)
    return found


def _within(folder: str, path: str) -> str | None:
    return _normal(join(folder, path))
