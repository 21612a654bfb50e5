"""A function's nodes as text in which the names of its locals do not count."""

from __future__ import annotations

import ast

_MOST_TEXT = 400


class Masks:
    """Which names are local to a function; ``text`` and ``plain`` give a node's source without its formatting."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._locals = {
            node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }

    def plain(self, node: ast.AST) -> str:
        """The node's text."""
        try:
            return ast.unparse(node)
        except (ValueError, RecursionError):
            return "?"

    def text(self, node: ast.AST) -> str:
        """The node's text, every local written ``_``."""
        try:
            masked = _Masked(self._locals).visit(_copy(node)) if self._locals else node
            return ast.unparse(masked)[:_MOST_TEXT]
        except (ValueError, RecursionError):
            return "?"


class _Masked(ast.NodeTransformer):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("_", node.ctx) if node.id in self._names else node


def _copy(node: ast.AST) -> ast.AST:
    """Trees are shared and nobody may alter one."""
    values: dict[str, object] = {}
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            values[name] = _copy(value)
        elif isinstance(value, list):
            values[name] = [_copy(each) if isinstance(each, ast.AST) else each for each in value]
        else:
            values[name] = value
    places = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno") if hasattr(node, name)}
    return type(node)(**values, **places)
