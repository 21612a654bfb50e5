"""Attributes that a module or class of the project does not have."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from watchkeeper.code.checks._classes import Classes, is_stored
from watchkeeper.code.checks._finding import make_finding
from watchkeeper.code.checks._modules import Modules
from watchkeeper.code.checks._receivers import Receivers
from watchkeeper.code.checks._scopes import PythonModule, Scope
from watchkeeper.code.index import display_name
from watchkeeper.code.resolution import Value, What
from watchkeeper.code.tree import SourceTree
from watchkeeper.model.findings import Finding, FindingKey
from watchkeeper.model.ids import SymbolKey

_OF_CLASSES = frozenset(dir(type)) | {"__members__", "_member_map_"}


def find_missing_attributes(tree: SourceTree, modules: Modules, path: str, module: PythonModule) -> Iterator[Finding]:
    """Attributes that the module or class surely lacks, and every subclass that may be meant."""
    receivers = Receivers(tree.index, modules)
    classes = Classes(tree, modules, receivers)
    for node, scope in module.attributes:
        if not isinstance(node.ctx, ast.Load) or _is_expected(module, node):
            continue
        value = receivers.value(path, node.value, scope)
        if value is None or not _lacks(modules, classes, node, value):
            continue
        if not is_stored(tree.source(path) or b"", node.attr):
            yield _finding(tree, path, scope, node, value)


def _is_expected(module: PythonModule, node: ast.Attribute) -> bool:
    return node.attr.startswith("__") or module.guards.expects(node.end_lineno or node.lineno, "AttributeError")


def _lacks(modules: Modules, classes: Classes, node: ast.Attribute, value: Value) -> bool:
    name = node.attr
    if value.what is What.MODULE:
        return modules.offers(value.key.path, name) is False
    if value.what is What.CLASS and name in _OF_CLASSES:
        return False
    if value.what in (What.CLASS, What.INSTANCE, What.SUPER):
        exact = value.what is What.INSTANCE and isinstance(node.value, ast.Call)
        return classes.lacks(value.key, name, exact=exact, above=value.what is What.SUPER)
    return False


def _finding(tree: SourceTree, path: str, scope: Scope, node: ast.Attribute, value: Value) -> Finding:
    owner = display_name(value.key, tree.index.paths)
    place = f"{path}, in {scope.qualname}" if scope.qualname else path
    message = f"{owner} has no {node.attr}, which is used in {place}"
    qualname = f"{value.key.qualname}.{node.attr}" if value.key.qualname else node.attr
    involved = (SymbolKey(path, scope.qualname), SymbolKey(value.key.path, qualname))
    key = FindingKey("names", "missing-attribute", path, f"{owner}.{node.attr}")
    return make_finding(tree, key, message, node.end_lineno or node.lineno, involved)
