"""Imports of what does not exist, and ``__all__`` that promises it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from watchkeeper.code.checks._finding import make_finding
from watchkeeper.code.checks._modules import Modules
from watchkeeper.code.checks._scopes import PythonModule, Scope
from watchkeeper.code.index import display_name
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import SymbolKey


def find_missing_imports(tree: SourceTree, modules: Modules, path: str, module: PythonModule) -> Iterator[Finding]:
    """Import statements that surely fail, but for those that expect it."""
    for node, scope in module.imports:
        if module.guards.expects(node.lineno, "ImportError", "ModuleNotFoundError"):
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                if modules.is_missing(path, alias.name, 0):
                    yield _module(tree, path, scope, alias.name, alias.lineno)
        elif modules.is_missing(path, node.module or "", node.level):
            yield _module(tree, path, scope, "." * node.level + (node.module or ""), node.lineno)
        else:
            yield from _names(tree, modules, path, scope, node)


def find_missing_exports(tree: SourceTree, modules: Modules, path: str, module: PythonModule) -> Iterator[Finding]:
    """Names in ``__all__`` that the module does not have."""
    table = tree.index.find_table(path)
    for name, export in table.exports.items() if table is not None else ():
        if "__all__" in module.module.bindings and modules.offers(path, name) is False:
            message = f"__all__ of {path} names {name}, which is not defined there"
            involved = (SymbolKey(path, "__all__"), SymbolKey(path, name))
            yield make_finding(
                tree, FindingKey("names", "undefined-export", path, name), message, export.line, involved
            )


def _module(tree: SourceTree, path: str, scope: Scope, name: str, line: int) -> Finding:
    message = f"{path} imports {name}, and there is no such module"
    involved = (SymbolKey(path, scope.qualname),)
    return make_finding(tree, FindingKey("names", "missing-module", path, name), message, line, involved)


def _names(tree: SourceTree, modules: Modules, path: str, scope: Scope, node: ast.ImportFrom) -> Iterator[Finding]:
    target = modules.find(path, node.module or "", node.level)
    if target is None or target == path:
        return
    for alias in node.names:
        if alias.name != "*" and modules.offers(target, alias.name) is False:
            named = display_name(SymbolKey(target, ""), tree.index.paths)
            message = f"{path} imports {alias.name} from {named}, which has no such name"
            involved = (SymbolKey(path, scope.qualname), SymbolKey(target, alias.name))
            subject = f"{named}:{alias.name}"
            yield make_finding(
                tree, FindingKey("names", "missing-import", path, subject), message, alias.lineno, involved
            )
