"""A function's nodes as text in which the names of its locals do not count."""

from __future__ import annotations

import ast
from string import Formatter

_MOST_TEXT = 400


class Masks:
    """Which names are local to a function; ``text`` and ``plain`` give a node's source without its formatting."""

    def __init__(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        stored = [n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        self._locals = set(stored)
        self._values = {
            node.targets[0].id: node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_literal(node.value)
            if stored.count(node.targets[0].id) == 1
        }

    def plain(self, node: ast.AST) -> str:
        """The node's text."""
        return _unparsed(_Plain(), node)

    def value(self, node: ast.AST) -> str:
        """What is expected, as text: of a local that was set once to a literal, that literal."""
        if isinstance(node, ast.Name) and node.id in self._values:
            node = self._values[node.id]
        return _unparsed(_Masked(self._locals), node)

    def text(self, node: ast.AST) -> str:
        """The node's text, every local written ``_``."""
        return _unparsed(_Masked(self._locals), node)[:_MOST_TEXT]


def _is_literal(node: ast.expr) -> bool:
    """Whether it is made of constants alone."""
    return all(
        isinstance(each, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.Set | ast.UnaryOp | ast.USub | ast.Load)
        for each in ast.walk(node)
    )


def _unparsed(writer: _Plain, node: ast.AST) -> str:
    try:
        return ast.unparse(writer.visit(_copy(node)))
    except (ValueError, RecursionError):
        return "?"


class _Plain(ast.NodeTransformer):
    """Writes ``"{}".format(a)`` as ``f"{a}"``: who modernises a test expects what it expected."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        found = _as_f_string(node)
        return found if found is not None else node


class _Masked(_Plain):
    def __init__(self, names: set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("_", node.ctx) if node.id in self._names else node


def _as_f_string(call: ast.Call) -> ast.JoinedStr | None:
    """The f-string that says the same as ``"...".format(a, b)``; None where that is not plain."""
    func = call.func
    if not (isinstance(func, ast.Attribute) and func.attr == "format" and isinstance(func.value, ast.Constant)):
        return None
    if not isinstance(func.value.value, str) or call.keywords or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    parts: list[ast.expr] = []
    try:
        for place, (text, field, spec, conversion) in enumerate(Formatter().parse(func.value.value)):
            parts += [ast.Constant(text)] if text else []
            if field is not None:
                number = int(field) if field else place
                told = ast.JoinedStr([ast.Constant(spec)]) if spec else None
                parts.append(ast.FormattedValue(call.args[number], ord(conversion) if conversion else -1, told))
    except (ValueError, IndexError):
        return None
    return ast.JoinedStr(parts)


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
