"""Literal values in a Python syntax tree, and how calls are named."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache

from watchkeeper.code.python_source.nodes import nodes_of


def text_of(node: ast.expr | None) -> str | None:
    """The text of a string literal; None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts_of(node: ast.expr | None) -> tuple[str, ...] | None:
    """The texts of a tuple, list or set of string literals, or of a single one; None where some part is no literal."""
    single = text_of(node)
    if single is not None:
        return (single,)
    if not isinstance(node, ast.Tuple | ast.List | ast.Set):
        return None
    found = [text_of(item) for item in node.elts]
    return tuple(text for text in found if text is not None) if None not in found else None


def number_of(node: ast.expr | None) -> int | None:
    """The value of a whole number; None for anything else."""
    is_number = isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)
    return node.value if is_number and isinstance(node, ast.Constant) and isinstance(node.value, int) else None


def dotted(node: ast.expr) -> str:
    """``a.b.c`` for a chain of names, ``""`` for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def keyword_of(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument; None where there is none."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def calls_in(tree: ast.AST) -> Sequence[ast.Call]:
    """Every call, in the order of the text."""
    return _sorted_in(tree)[0]


def attributes_in(tree: ast.AST) -> Sequence[ast.Attribute]:
    """Every ``value.name``, from the outside in."""
    return _sorted_in(tree)[1]


@lru_cache(maxsize=4)
def nodes_in(tree: ast.AST) -> Sequence[ast.AST]:
    """Every node, the outer ones first: one walk for all the extractors that look at the same file."""
    return tuple(nodes_of(tree))


@lru_cache(maxsize=4)
def _sorted_in(tree: ast.AST) -> tuple[Sequence[ast.Call], Sequence[ast.Attribute]]:
    calls: list[ast.Call] = []
    attributes: list[ast.Attribute] = []
    for node in nodes_in(tree):
        if isinstance(node, ast.Call):
            calls.append(node)
        elif isinstance(node, ast.Attribute):
            attributes.append(node)
    calls.sort(key=lambda call: (call.lineno, call.col_offset))
    return tuple(calls), tuple(attributes)


def assigned(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    """The name and the value of ``name = value`` or ``name: type = value``; None for any other statement."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return None
    return (target.id, value) if isinstance(target, ast.Name) else None


def compact(node: ast.AST) -> str:
    """The node's text without its formatting, at most 200 characters."""
    try:
        return ast.unparse(node)[:200]
    except (ValueError, RecursionError):
        return "?"
