"""Python."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from watchkeeper.code.language import Tree
from watchkeeper.code.python_source.flow import find_flow
from watchkeeper.code.python_source.modules import SUFFIXES, find_module, module_name
from watchkeeper.code.python_source.normal import normalise
from watchkeeper.code.python_source.outline import Outline, collect_outline
from watchkeeper.code.python_source.parsing import Parsed, parse_source
from watchkeeper.code.python_source.statements import find_references
from watchkeeper.code.python_source.symbols import make_symbols
from watchkeeper.model.flow import Flow
from watchkeeper.model.footprint import Hunk
from watchkeeper.model.reading import Reading, Reference, Status, Symbol

_DEEP = "nested too deeply"


class Python:
    """Python 3, read with the running interpreter's own parser and, around what does not parse, with tree-sitter."""

    @property
    def name(self) -> str:
        return "python"

    @property
    def version(self) -> int:
        return 1

    @property
    def suffixes(self) -> tuple[str, ...]:
        return SUFFIXES

    @property
    def constructor(self) -> str:
        return "__init__"

    @property
    def has_exports(self) -> bool:
        """``__all__`` rules star imports only; everything can be imported by name."""
        return False

    @property
    def alias_files(self) -> frozenset[str]:
        return frozenset()

    def read(self, source: bytes, *, bodies: bool) -> Reading:
        """What the file says; definitions that do not parse are left out and named in ``broken``."""
        parsed = parse_source(source)
        if parsed.tree is None:
            return Reading(self.name, Status.UNKNOWN, reason=parsed.reason)
        try:
            return _read(self.name, parsed, parsed.tree, bodies)
        except RecursionError:
            return Reading(self.name, Status.UNKNOWN, reason=_DEEP)

    def normalise(self, source: bytes, symbol: Symbol, *, types: bool = True) -> str:
        return normalise(source, symbol, types=types)

    def find_flow(self, before: bytes, after: bytes, qualname: str, hunks: Sequence[Hunk]) -> Flow | None:
        return find_flow(before, after, qualname, hunks)

    def module_name(self, path: str, paths: AbstractSet[str]) -> str:
        return module_name(path, paths)

    def find_module(self, importer: str, module: str, level: int, tree: Tree) -> str | None:
        return find_module(importer, module, level, tree)

    def read_aliases(self, path: str, source: bytes) -> dict[str, tuple[str, ...]]:  # noqa: ARG002
        return {}


LANGUAGE = Python()


def _read(language: str, parsed: Parsed, tree: ast.Module, bodies: bool) -> Reading:
    outline = collect_outline(tree, parsed.lines)
    references: Mapping[str, Sequence[Reference]] = find_references(tree, _names(outline)) if bodies else {}
    symbols = make_symbols(outline, references)
    imports = tuple(sorted(outline.imports, key=lambda item: item.line))
    return Reading(language, parsed.status, symbols, imports, tuple(outline.exports), parsed.broken, parsed.reason)


def _names(outline: Outline) -> frozenset[str]:
    return frozenset(outline.drafts) | {item.local for item in outline.imports}
