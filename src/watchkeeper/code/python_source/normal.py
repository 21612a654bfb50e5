"""The text of one symbol with everything removed that does not matter to behaviour."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from typing import Any, TypeVar

from watchkeeper.code.python_source.bodies import blocks_of
from watchkeeper.code.python_source.outline import TYPE_ALIAS, Draft, collect_outline, target_names
from watchkeeper.code.python_source.parsing import Parsed, decode, parse_source
from watchkeeper.model.reading import Symbol

_Node = TypeVar("_Node", bound=ast.AST)
_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TOKENS = re.compile(
    r"""(?P<string>[a-zA-Z]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))|(?:\#[^\n]*|\s+)+""",
    re.DOTALL | re.VERBOSE,
)


def normalise(source: bytes, symbol: Symbol, *, types: bool = True) -> str:
    """Equal for texts that differ in formatting, comments, docstrings or quotes only.

    Without ``types`` the annotations of functions count for nothing either.
    """
    parsed, drafts = read_drafts(source)
    if parsed.tree is not None:
        if not symbol.qualname:
            return _module_text(parsed.tree)
        draft = drafts.get(symbol.qualname)
        if draft is not None:
            return "\n".join(_text_of(node, types=types) for node in draft.nodes)
    return _salvaged(source, symbol)


@lru_cache(maxsize=4)
def read_drafts(source: bytes) -> tuple[Parsed, Mapping[str, Draft]]:
    """A file's definitions by qualname, with their nodes, which nobody may alter. The last few are kept."""
    parsed = parse_source(source)  # a changed file is asked for many symbols in a row
    try:
        return parsed, collect_outline(parsed.tree, parsed.lines).drafts if parsed.tree is not None else {}
    except RecursionError:
        return Parsed((), None), {}


def _module_text(tree: ast.Module) -> str:
    return "\n".join(_print(_plain(statement)) for statement in _own(tree.body))


def _text_of(node: ast.AST, *, types: bool = True) -> str:
    if isinstance(node, ast.ClassDef):
        node = _with(node, body=_own(node.body, keep_imports=True) or [ast.Pass()])
    plain = _plain(node)
    return _print(plain if types else _Untyped().visit(plain))


class _Untyped(ast.NodeTransformer):
    """Takes the annotations off a function, in place: for trees that ``_plain`` copied."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node  # a field's annotation may be what makes it a field

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)


def _own(statements: list[ast.stmt], *, keep_imports: bool = False) -> list[ast.stmt]:
    """The statements that define no symbol; compound ones keep their frame unless they held nothing but imports."""
    kept: list[ast.stmt] = []
    for statement in statements:
        if _is_definition(statement) or (isinstance(statement, _IMPORTS) and not keep_imports):
            continue
        if not blocks_of(statement):
            if not _is_docstring(statement):
                kept.append(statement)
        elif keep_imports or not _holds_only_imports(statement):
            kept.append(_pruned(statement, keep_imports))
    return kept


def _is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, _DEFINITIONS):
        return True
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)):
        return isinstance(statement.target, ast.Name)
    if isinstance(statement, ast.Assign):
        return any(True for target in statement.targets for _ in target_names(target))
    return TYPE_ALIAS is not None and isinstance(statement, TYPE_ALIAS)


def _holds_only_imports(statement: ast.stmt) -> bool:
    inside = [item for block in blocks_of(statement) for item in block]
    return all(
        isinstance(item, (*_IMPORTS, ast.Pass)) or (bool(blocks_of(item)) and _holds_only_imports(item))
        for item in inside
    )


def _pruned(statement: ast.stmt, keep_imports: bool) -> ast.stmt:
    changes: dict[str, Any] = {}
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if block:
            changes[name] = _own(block, keep_imports=keep_imports) or [ast.Pass()]
    for name in ("handlers", "cases"):
        for item in getattr(statement, name, ()):
            body = _own(item.body, keep_imports=keep_imports) or [ast.Pass()]
            changes.setdefault(name, []).append(_with(item, body=body))
    return _with(statement, **changes)


def _with(node: _Node, **changes: Any) -> _Node:
    other = copy(node)
    for name, value in changes.items():
        setattr(other, name, value)
    return other


def _is_docstring(statement: ast.AST) -> bool:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return False
    return isinstance(statement.value.value, str)


def _plain(node: Any) -> Any:
    """A copy of the tree without bare strings, and without the ``u`` that strings may carry."""
    if isinstance(node, ast.Constant):
        return _with(node, kind=None) if node.kind else node
    if isinstance(node, (ast.Name, ast.operator, ast.expr_context)):
        return node
    changes: dict[str, Any] = {}
    for name, value in ast.iter_fields(node):
        if isinstance(value, list):
            changes[name] = [_plain(item) if isinstance(item, ast.AST) else item for item in value]
            if name == "body":
                changes[name] = _without_bare_strings(changes[name])
        elif isinstance(value, ast.AST):
            changes[name] = _plain(value)
    return _with(node, **changes)


def _without_bare_strings(body: list[Any]) -> list[Any]:
    kept = [item for item in body if not _is_docstring(item)]
    return [item for item in kept if not isinstance(item, ast.Pass)] or [ast.Pass()]


def _print(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):  # a number too long to print, a backslash in an f-string
        return _dump(node)


def _dump(node: ast.AST) -> str:
    try:
        return ast.dump(node)
    except (ValueError, RecursionError):
        return " ".join(f"{type(item).__name__}:{_leaf(item)}" for item in ast.walk(node))


def _leaf(node: ast.AST) -> str:
    values = [value for _, value in ast.iter_fields(node) if not isinstance(value, (ast.AST, list))]
    return ",".join(hex(value) if isinstance(value, int) else str(value) for value in values)


def _salvaged(source: bytes, symbol: Symbol) -> str:
    """The symbol's lines where the file cannot be read: parsed alone if they can be, else without comments."""
    text, _ = decode(source)
    lines = (text or source.decode("latin-1")).split("\n")
    own = textwrap.dedent("\n".join(line for first, last in symbol.spans for line in lines[first - 1 : last]))
    parsed = parse_source(own.encode("utf-8", "surrogatepass"))
    if parsed.tree is not None and not parsed.broken:
        return "\n".join(_text_of(node) for node in parsed.tree.body)
    return _TOKENS.sub(lambda match: match["string"] or " ", own).strip()
