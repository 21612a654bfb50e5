"""All nodes of a syntax tree: as ``ast.walk`` gives them, in a fraction of its time."""

from __future__ import annotations

import ast
from collections.abc import Mapping

_HOLD_NO_NODES = frozenset(
    {"id", "attr", "arg", "asname", "module", "level", "kind", "type_comment", "simple", "conversion", "ctx"}
)

_FIELDS: Mapping[type[ast.AST], tuple[str, ...]] = {
    kind: tuple(name for name in kind._fields if name not in _HOLD_NO_NODES and kind is not ast.Constant)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}
"""The fields of each kind of node that may hold nodes."""


def nodes_of(root: ast.AST) -> list[ast.AST]:
    """The node and all below it, the outer ones first; without the contexts of names (``Load``, ``Store``)."""
    found = [root]
    for node in found:  # grows while it is walked
        for name in _FIELDS[type(node)]:
            value = getattr(node, name, None)
            if value.__class__ is list:
                found += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                found.append(value)
    return found


def statements_of(root: ast.Module) -> list[ast.stmt]:
    """All statements, the outer ones first; what stands in expressions is not looked at."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [root]
    for node in waiting:
        for name in _BLOCKS:
            block = getattr(node, name, None)
            if block.__class__ is list:
                waiting += block
                found += [each for each in block if isinstance(each, ast.stmt)]
    return found


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
