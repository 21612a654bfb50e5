"""Imports of what a module does not export, for languages in which only exports can be imported."""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.code.checks._finding import make_finding
from watchkeeper.code.index import FileTable, display_name
from watchkeeper.code.languages import find_language
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import SymbolKey
from watchkeeper.model.reading import Import, Status


def find_unexported(tree: SourceTree, path: str) -> Iterator[Finding]:
    """Named imports from modules of the tree that surely export no such name."""
    language = find_language(path)
    table = tree.index.find_table(path) if language is not None and language.has_exports else None
    if table is None or language is None:
        return
    for item in table.reading.imports:
        if item.name in ("", "*") or item.guarded or item.scope:
            continue
        target = language.find_module(path, item.module, item.level, tree.index)
        offered = tree.index.find_table(target) if target is not None else None
        if target is not None and offered is not None and _surely_lacks(offered, item.name):
            if _is_untold(tree, target):
                continue
            yield _finding(tree, path, item, target)


def _surely_lacks(table: FileTable, name: str) -> bool:
    """A module that exports by name only: no ``export *``, and nothing that could be read only in part."""
    is_known = table.reading.status is Status.PARSED and not table.export_stars and bool(table.exports)
    return is_known and name not in table.exports


def _finding(tree: SourceTree, path: str, item: Import, target: str) -> Finding:
    named = display_name(SymbolKey(target, ""), tree.index.paths)
    message = f"{path} imports {item.name} from {named}, which does not export it"
    key = FindingKey("names", "missing-import", path, f"{named}:{item.name}")
    return make_finding(tree, key, message, item.line, (SymbolKey(path, ""), SymbolKey(target, item.name)))


def _is_untold(tree: SourceTree, target: str) -> bool:
    """CommonJS exports what it computes, and a JavaScript file's types may stand beside it."""
    stem = target.rpartition(".")[0]
    is_script = target.endswith((".js", ".jsx", ".mjs", ".cjs"))
    typed = is_script and any(f"{stem}{suffix}" in tree.index.paths for suffix in (".d.ts", ".ts", ".tsx"))
    return typed or b"exports" in (tree.source(target) or b"")
