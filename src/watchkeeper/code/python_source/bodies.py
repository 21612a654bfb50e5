"""One pass over a function's statements for what others see of it: returns, raises, imports, fields it makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from watchkeeper.code.python_source.annotations import last_name
from watchkeeper.model.reading import Import

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS_OVER = (ast.For, ast.AsyncFor)
_WITHS = (ast.With, ast.AsyncWith)
_TRIES = (ast.Try, ast.TryStar)


class SelfAssignment(NamedTuple):
    """``self.name = value`` or ``self.name: annotation = value``; ``value`` is None where it is not one expression."""

    name: str
    node: ast.stmt | ast.expr
    value: ast.expr | None
    annotation: ast.expr | None


class _Place(NamedTuple):
    """Where a statement stands: what ``self`` is called there, and the symbol that holds it."""

    receiver: str
    scope: str
    nested: bool = False
    guarded: bool = False


class Body:
    """What one function's statements say. Nested functions count only for imports and fields."""

    __slots__ = ("fields", "imports", "names", "raises", "returns", "yields")

    def __init__(self) -> None:
        self.returns: list[ast.expr | None] = []
        self.raises: list[ast.expr] = []
        self.yields: list[ast.expr | None] | None = None  # None: no generator
        self.names: dict[str, ast.expr | None] = {}
        self.fields: list[SelfAssignment] = []
        self.imports: list[Import] = []


def scan_function(node: Function, receiver: str, scope: str, may_yield: bool) -> Body:
    """The body of ``node``. ``receiver`` is what ``self`` is called, ``scope`` the qualname that holds the imports."""
    body = Body()
    start = _Place(receiver, scope)
    stack: list[tuple[list[ast.stmt], _Place]] = [(node.body, start)]
    while stack:
        statements, place = stack.pop()
        for statement in statements:
            if isinstance(statement, (ast.Expr, ast.Pass)):
                continue
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    _assign(body, target, statement.value, statement, place)
            elif isinstance(statement, ast.If):
                guarded = place if place.guarded else place._replace(guarded=True)
                stack.append((statement.orelse, guarded))
                stack.append((statement.body, guarded))
            elif isinstance(statement, ast.Return):
                if not place.nested:
                    body.returns.append(statement.value)
            else:
                stack.extend(_other(body, statement, place))
    if may_yield:
        body.yields = list(_yields(node)) or None
    body.fields.sort(key=lambda field: (field.node.lineno, field.node.col_offset))
    body.imports.sort(key=lambda item: item.line)
    return body


def read_imports(node: ast.Import | ast.ImportFrom, scope: str, guarded: bool) -> Iterator[Import]:
    """The names that one import statement binds."""
    for alias in node.names:
        line = alias.lineno
        if isinstance(node, ast.ImportFrom):
            local = "" if alias.name == "*" else alias.asname or alias.name
            yield Import(local, node.module or "", node.level, alias.name, line, scope, guarded)
        else:
            local = alias.asname or alias.name.partition(".")[0]
            yield Import(local, alias.name, 0, "", line, scope, guarded)


def blocks_of(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks inside a compound statement that is no definition, in source order."""
    if isinstance(statement, (ast.If, ast.While, *_LOOPS_OVER)):
        return [statement.body, statement.orelse]
    if isinstance(statement, _WITHS):
        return [statement.body]
    if isinstance(statement, _TRIES):
        blocks = [statement.body, *(handler.body for handler in statement.handlers)]
        return [*blocks, statement.orelse, statement.finalbody]
    return [case.body for case in statement.cases] if isinstance(statement, ast.Match) else []


def is_guard(statement: ast.stmt) -> bool:
    """What stands inside may not happen: ``if``, ``try``, ``match``."""
    return isinstance(statement, (ast.If, ast.Match, *_TRIES))


def _other(body: Body, statement: ast.stmt, place: _Place) -> Iterator[tuple[list[ast.stmt], _Place]]:
    """Notes one statement and gives the blocks inside it, the last first."""
    if isinstance(statement, ast.Raise):
        if statement.exc is not None and not place.nested:
            body.raises.append(statement.exc)
    elif isinstance(statement, ast.AnnAssign):
        _annotate(body, statement, place)
    elif isinstance(statement, ast.AugAssign):
        if isinstance(statement.target, ast.Name):
            body.names[statement.target.id] = None
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        found = list(read_imports(statement, place.scope, place.guarded))
        body.imports.extend(found)
        if not place.nested:
            body.names.update((item.local, None) for item in found)
    elif isinstance(statement, _FUNCTIONS):
        body.names[statement.name] = None
        yield statement.body, place._replace(nested=True)
    elif isinstance(statement, ast.ClassDef):
        body.names[statement.name] = None
    else:
        _bind(body, statement, place)
        inner = place._replace(guarded=place.guarded or is_guard(statement))
        for block in reversed(blocks_of(statement)):
            yield block, inner


def _bind(body: Body, statement: ast.stmt, place: _Place) -> None:
    if isinstance(statement, _LOOPS_OVER):
        _assign(body, statement.target, None, statement.target, place)
    elif isinstance(statement, _WITHS):
        for item in statement.items:
            if item.optional_vars is not None:
                _assign(body, item.optional_vars, None, item.optional_vars, place)
    elif isinstance(statement, _TRIES):
        body.names.update((handler.name, None) for handler in statement.handlers if handler.name)


def _assign(body: Body, target: ast.expr, value: ast.expr | None, node: ast.stmt | ast.expr, place: _Place) -> None:
    if isinstance(target, ast.Name):
        if not place.nested:
            body.names[target.id] = None if target.id in body.names else value
    elif isinstance(target, ast.Attribute):
        if isinstance(target.value, ast.Name) and target.value.id == place.receiver:
            body.fields.append(SelfAssignment(target.attr, node, value, None))
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            _assign(body, item, None, node, place)
    elif isinstance(target, ast.Starred):
        _assign(body, target.value, None, node, place)


def _annotate(body: Body, statement: ast.AnnAssign, place: _Place) -> None:
    target = statement.target
    if isinstance(target, ast.Attribute):
        if isinstance(target.value, ast.Name) and target.value.id == place.receiver:
            body.fields.append(SelfAssignment(target.attr, statement, statement.value, statement.annotation))
    elif isinstance(target, ast.Name) and not place.nested:
        body.names[target.id] = None if target.id in body.names else _annotated(statement)


def _annotated(statement: ast.AnnAssign) -> ast.expr:
    """``x: T = ...`` as the expression ``cast(T, ...)``, which is what its readers may rely on."""
    return ast.Call(func=ast.Name(id="cast"), args=[statement.annotation, ast.Constant(value=None)], keywords=[])


def _yields(node: Function) -> Iterator[ast.expr | None]:
    stack: list[ast.AST] = [*node.body]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Yield):
            yield item.value
        elif isinstance(item, ast.YieldFrom):
            yield None
        if not isinstance(item, (*_FUNCTIONS, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(item))


def raised_names(body: Body, receiver: str) -> tuple[str, ...]:
    """The exceptions that ``raise`` statements name, sorted; not those held by a local name or made by a method."""
    return tuple(sorted({name for raised in body.raises if (name := _raised(raised, body, receiver))}))


def _raised(node: ast.expr, body: Body, receiver: str) -> str:
    root: ast.expr = node.func if isinstance(node, ast.Call) else node
    name = last_name(root) if isinstance(root, (ast.Name, ast.Attribute)) else ""
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return ""
    is_local = root.id in body.names and body.names[root.id] is None and not name[:1].isupper()
    return "" if is_local or (receiver and root.id == receiver) else name
