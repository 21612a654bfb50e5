"""What the modules of a tree certainly offer, and which module an import certainly means."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from watchkeeper.code.checks._scope_walk import read_module
from watchkeeper.code.checks._scopes import PythonModule, Scope
from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.python_source.modules import find_module
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.reading import Status

_SOURCE_ROOTS = frozenset({"", "src", "lib", "python"})
_MODULE_NAMES = frozenset(
    "__name__ __doc__ __file__ __path__ __package__ __spec__ __loader__ __builtins__ __dict__ __annotations__ "
    "__cached__ __all__ __version__".split()
)
_PATH_TRICKS = (b"__path__", b"sys.modules", b"extend_path", b"lazy_loader", b"LazyModule", b"_LazyLoader")
_GENERATED = re.compile(r"version|_pb2|_generated|_build|__about__|_parsetab", re.IGNORECASE)
_DELETES = re.compile(rb"^[ \t]*del\b|;[ \t]*del\b", re.MULTILINE)
_PYTHON = (".py", ".pyw")
_MOST_SEARCHED = 16_000_000


class Modules:
    """Answers for one tree; remembers what it read."""

    def __init__(self, tree: SourceTree) -> None:
        self._tree = tree
        self._read: dict[str, PythonModule | None] = {}
        self._open: dict[str, bool] = {}

    def read(self, path: str) -> PythonModule | None:
        """The scopes of a Python file; None where it is none, does not parse or does not exist."""
        if path not in self._read:
            source = self._tree.source(path) if path.endswith(_PYTHON) else None
            self._read[path] = read_module(source) if source is not None else None
        return self._read[path]

    def find(self, importer: str, module: str, level: int) -> str | None:
        """The file that an import surely means; None for an outside module, a missing one and where it is not sure."""
        found = find_module(importer, module, level, self._tree.index)
        return found if found is not None and (level or self._is_own(importer, module, found)) else None

    def is_missing(self, importer: str, module: str, level: int) -> bool:
        """The import surely fails: it names a module inside a package of the tree that has no such module."""
        if find_module(importer, module, level, self._tree.index) is not None or self._is_generated(module):
            return False
        folders = importer.split("/")[:-1]
        if level:
            kept = len(folders) - level + 1
            return kept >= 0 and bool(module) and not self._stands_in("/".join([*folders[:kept], *module.split(".")]))
        parts = module.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            above = self.find(importer, ".".join(parts[:cut]), 0)
            if above is not None:
                return self._lacks_below(above, parts[cut:])
        return False

    def offers(self, path: str, name: str) -> bool | None:
        """Whether the module has the name once it has run; None where that cannot be told."""
        if name in _MODULE_NAMES or self._is_outlined(path, name):
            return True
        if self._is_generated(name) or self._has_submodule(path, name):
            return True
        module = self.read(path)
        if module is not None and module.is_bound(name):
            return True
        if self.is_open(path):
            return None
        return any(self._star_gives(path, node, name) for node in module.stars) if module is not None else None

    def is_open(self, path: str) -> bool:
        """Names may come from where nobody can see: ``__getattr__``, ``globals()``, ``from outside import *``."""
        known = self._open.get(path)
        if known is None:
            self._open[path] = False  # modules that take everything from each other
            known = self._open[path] = self._is_open(path)
        return known

    def star_names(self, path: str, node: ast.ImportFrom) -> set[str]:
        """What ``from m import *`` brings, where ``m`` is not open."""
        return set(self._starred(path, node, frozenset()))

    def _is_outlined(self, path: str, name: str) -> bool:
        """The outline has the name, so that the file need not be parsed; but not where it may be deleted again."""
        table = self._tree.index.find_table(path)
        if table is None or table.reading.status is not Status.PARSED:
            return False
        if name not in table.symbols and all(item.scope for item in table.imports.get(name, ())):
            return False
        return not _deletes(self._tree.source(path) or b"")

    def _is_open(self, path: str) -> bool:
        module = self.read(path)
        source = self._tree.source(path) or b""
        if module is None or module.writes_globals or "__getattr__" in module.module.bindings:
            return True
        if any(trick in source for trick in _PATH_TRICKS) or f"{path}i" in self._tree.index.paths:
            return True
        for node in module.stars:
            target = self.find(path, node.module or "", node.level)
            if target is None or self.is_open(target):
                return True
        return False

    def _star_gives(self, path: str, node: ast.ImportFrom, name: str) -> bool:
        return name in self._starred(path, node, frozenset())

    def _starred(self, path: str, node: ast.ImportFrom, seen: frozenset[str]) -> Iterator[str]:
        target = self.find(path, node.module or "", node.level)
        module = self.read(target) if target is not None else None
        if target is None or module is None or target in seen:
            return
        table = self._tree.index.find_table(target)
        offered = table.exports.keys() if table is not None else ()
        if offered:
            yield from offered
            return
        yield from (name for name in module.module.bindings if not name.startswith("_"))
        for star in module.stars:
            yield from self._starred(target, star, seen | {target})

    def _is_own(self, importer: str, module: str, found: str) -> bool:
        """The file is where an absolute import looks: below a root of sources, or of the importer's own package."""
        stem = found.rpartition(".")[0].removesuffix("/__init__")
        dotted = module.replace(".", "/")
        if stem != dotted and not stem.endswith(f"/{dotted}"):
            return False
        root = stem[: -len(dotted)].rstrip("/")
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names and not importer.startswith(f"{root}/{top}/".lstrip("/")):
            return False
        if f"{root}/__init__.py" in self._tree.index.paths:
            return False
        return root in _SOURCE_ROOTS or importer.startswith(f"{root}/")

    def _lacks_below(self, above: str, rest: list[str]) -> bool:
        if self.is_open(above):
            return False
        folder, _, file = above.rpartition("/")
        if not file.startswith("__init__."):
            return True  # a module is no package
        return not self._stands_in("/".join([folder, *rest]).lstrip("/"))

    def _has_submodule(self, path: str, name: str) -> bool:
        folder, _, file = path.rpartition("/")
        return file.startswith("__init__.") and self._stands_in(f"{folder}/{name}".lstrip("/"))

    def _stands_in(self, stem: str) -> bool:
        """Something in the tree may be the module: a file of any suffix, a folder with any files."""
        return stem in self._tree.index.stems

    def _is_generated(self, module: str) -> bool:
        return _GENERATED.search(module.rpartition(".")[2]) is not None


@kept_by_content(_MOST_SEARCHED)
def _deletes(source: bytes) -> bool:
    return _DELETES.search(source) is not None


def imported_module(scope: Scope, name: str) -> ast.Import | ast.ImportFrom | None:
    """The one import statement that binds ``name`` in ``scope``; None where something else binds it as well."""
    bindings = scope.bindings.get(name, [])
    node = bindings[0].node if len(bindings) == 1 else None
    return node if isinstance(node, (ast.Import, ast.ImportFrom)) else None
