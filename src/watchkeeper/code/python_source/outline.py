"""The definitions of a module: which names, where, made by which statements."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from watchkeeper.code.python_source.annotations import annotation_chain, last_name
from watchkeeper.code.python_source.bodies import (
    Body,
    Function,
    blocks_of,
    is_guard,
    read_imports,
    scan_function,
)
from watchkeeper.code.python_source.chains import MODULE_SCOPE, Scope
from watchkeeper.model.reading import Chain, Export, Import, Span, SymbolKind

CLASS_RECEIVERS = frozenset({"__new__", "__init_subclass__", "__class_getitem__"})
_PROPERTIES = frozenset(
    {"property", "cached_property", "abstractproperty", "hybrid_property", "setter", "getter", "deleter"}
)
TYPE_ALIAS: type[ast.stmt] | None = getattr(ast, "TypeAlias", None)  # since 3.12


class Value(NamedTuple):
    """One thing that a variable or field is said to be, and the scope in which the expression stands."""

    annotation: ast.expr | None
    value: ast.expr | None
    scope: Scope


class Draft:
    """A symbol in the making: all its definitions."""

    __slots__ = ("bodies", "classes", "functions", "kind", "nodes", "owner", "qualname", "self_made", "spans", "values")

    def __init__(self, qualname: str, kind: SymbolKind, owner: str) -> None:
        self.qualname = qualname
        self.kind = kind
        self.owner = owner  # the class that holds it, "" in the module
        self.spans: list[Span] = []
        self.nodes: list[ast.stmt | ast.expr] = []
        self.functions: list[tuple[Function, Body]] = []
        self.classes: list[ast.ClassDef] = []
        self.values: list[Value] = []
        self.self_made = False  # a field made by ``self.x = ...`` only


class Outline:
    """All drafts of one module by qualname, its imports and exports, and the lines that are no owner's own text."""

    __slots__ = ("_scopes", "cuts", "drafts", "exports", "fields", "imports", "lines", "yields")

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.drafts: dict[str, Draft] = {}
        self.imports: list[Import] = []
        self.exports: list[Export] = []
        self.cuts: dict[str, list[Span]] = {}
        self.fields: list[tuple[str, Function, Body]] = []
        self._scopes: dict[str, Scope] = {}
        self.yields = [at for at, line in enumerate(lines, 1) if "yield" in line]

    def draft(self, qualname: str, kind: SymbolKind, owner: str) -> Draft:
        """The draft of that name; a second definition joins the first, a class or function outranks a variable."""
        draft = self.drafts.get(qualname)
        if draft is None:
            draft = self.drafts[qualname] = Draft(qualname, kind, owner)
        elif kind not in (SymbolKind.VARIABLE, SymbolKind.FIELD):
            draft.kind = kind
        return draft

    def scope_of(self, owner: str) -> Scope:
        """The names that statements see in the body of the class ``owner``, or in the module."""
        if not owner:
            return MODULE_SCOPE
        return self._scopes.setdefault(owner, Scope({}, owner=owner))

    def cut(self, owner: str, node: ast.stmt, first: int) -> None:
        """The lines of ``node`` are not the owner's own, except those shared with its other statements."""
        last = node.end_lineno or first
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if self.lines[first - 1][: node.col_offset].strip():
                first += 1
            if self.lines[last - 1].isascii() and self.lines[last - 1][node.end_col_offset or 0 :].lstrip()[:1] == ";":
                last -= 1
        if first <= last:
            self.cuts.setdefault(owner, []).append((first, last))


def collect_outline(tree: ast.Module, lines: Sequence[str]) -> Outline:
    """The definitions of a module in source order."""
    outline = Outline(lines)
    _block(outline, tree.body, "", False)
    for owner, node, body in outline.fields:
        _self_fields(outline, owner, node, body)
    return outline


def is_static(node: Function) -> bool:
    """It is called without an instance."""
    return node.name in CLASS_RECEIVERS or bool(_decorator_names(node) & {"staticmethod", "classmethod"})


def receiver_of(node: Function) -> str:
    """What a method calls ``self`` or ``cls``; ``""`` in a static method."""
    if "staticmethod" in _decorator_names(node):
        return ""
    positional = [*node.args.posonlyargs, *node.args.args]
    return positional[0].arg if positional else ""


def receiver_chain(node: Function, owner: str) -> Chain:
    """What ``self`` (the instance) or ``cls`` (the class) is in a method of ``owner``."""
    is_class = node.name in CLASS_RECEIVERS or "classmethod" in _decorator_names(node)
    return (f"%%{owner}",) if is_class else (f"%{owner}",)


def method_scope(node: Function, body: Body, owner: str) -> Scope:
    """The names of a function as its own statements see them."""
    names: dict[str, Chain] = {}
    arguments = node.args
    for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        names[item.arg] = annotation_chain(item.annotation, owner) or ("?",)
    if arguments.vararg is not None:
        names[arguments.vararg.arg] = ("%tuple",)
    if arguments.kwarg is not None:
        names[arguments.kwarg.arg] = ("%dict",)
    if owner and (receiver := receiver_of(node)):
        names[receiver] = receiver_chain(node, owner)
    for name, value in body.names.items():
        if value is None or name in names:
            names[name] = ("?",)
    names.update((item.local, _imported(item)) for item in body.imports)
    return Scope(names, {name: value for name, value in body.names.items() if name not in names}, owner)


def _imported(item: Import) -> Chain:
    """A local import as a chain that is valid in the whole module."""
    if item.name:
        return (f"%import:{item.level}:{item.module}", f".{item.name}")
    dotted = item.module if item.local != item.module.partition(".")[0] else item.local
    return (f"%import:0:{dotted}",)


def target_names(target: ast.expr) -> Iterator[str]:
    """The plain names that an assignment binds."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from target_names(item)
    elif isinstance(target, ast.Starred):
        yield from target_names(target.value)


def first_line(node: ast.stmt) -> int:
    """The first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min((item.lineno for item in decorators), default=node.lineno)


def _block(outline: Outline, statements: Iterable[ast.stmt], owner: str, guarded: bool) -> None:
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            _function(outline, statement, owner)
        elif isinstance(statement, ast.ClassDef):
            _class(outline, statement, owner, guarded)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            outline.imports.extend(read_imports(statement, owner, guarded))
            outline.cut(owner, statement, statement.lineno)
        elif isinstance(statement, ast.Expr):
            _exports_of_call(outline, statement.value, owner)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)) or _is_alias(statement):
            _variable(outline, statement, owner)
        else:
            _compound(outline, statement, owner, guarded)


def _compound(outline: Outline, statement: ast.stmt, owner: str, guarded: bool) -> None:
    while isinstance(statement, ast.If) and len(statement.orelse) == 1 and isinstance(statement.orelse[0], ast.If):
        _block(outline, statement.body, owner, True)  # a long chain of elif is a loop, not a recursion
        statement = statement.orelse[0]
    inner = guarded or is_guard(statement)
    for block in blocks_of(statement):
        _block(outline, block, owner, inner)


def _define(outline: Outline, name: str, kind: SymbolKind, owner: str, node: ast.stmt) -> Draft:
    draft = outline.draft(f"{owner}.{name}" if owner else name, kind, owner)
    first = first_line(node)
    draft.spans.append((first, node.end_lineno or first))
    draft.nodes.append(node)
    outline.cut(owner, node, first)
    if owner:
        outline.scope_of(owner).names[name] = (f"%%{owner}", f".{name}")
    return draft


def _function(outline: Outline, node: Function, owner: str) -> None:
    kind = SymbolKind.METHOD if owner else SymbolKind.FUNCTION
    if owner and node.decorator_list and _decorator_names(node) & _PROPERTIES:
        kind = SymbolKind.PROPERTY
    draft = _define(outline, node.name, kind, owner, node)
    receiver = ("self" if node.name == "__new__" else receiver_of(node)) if owner else ""
    body = scan_function(node, receiver, draft.qualname, _has(outline.yields, node))
    draft.functions.append((node, body))
    outline.imports.extend(body.imports)
    if body.fields:
        outline.fields.append((owner, node, body))


def _has(lines: list[int], node: Function) -> bool:
    return any(node.lineno <= at <= (node.end_lineno or 0) for at in lines) if lines else False


def _class(outline: Outline, node: ast.ClassDef, owner: str, guarded: bool) -> None:
    draft = _define(outline, node.name, SymbolKind.CLASS, owner, node)
    draft.classes.append(node)
    _block(outline, node.body, draft.qualname, guarded)


def _variable(outline: Outline, node: ast.stmt, owner: str) -> None:
    targets, annotation, value = _assigned(node)
    kind = SymbolKind.FIELD if owner else SymbolKind.VARIABLE
    names = dict.fromkeys(name for target in targets for name in target_names(target))
    is_single = all(isinstance(target, ast.Name) for target in targets) and not isinstance(node, ast.AugAssign)
    for name in names:
        draft = _define(outline, name, kind, owner, node)
        draft.values.append(Value(annotation, value if is_single else None, outline.scope_of(owner)))
    if "__all__" in names and not owner and value is not None:
        _export(outline, value)


def _assigned(node: ast.stmt) -> tuple[list[ast.expr], ast.expr | None, ast.expr | None]:
    if isinstance(node, ast.Assign):
        return node.targets, None, node.value
    if isinstance(node, ast.AnnAssign):
        return [node.target], node.annotation, node.value
    if isinstance(node, ast.AugAssign):
        return [node.target], None, node.value
    return [node.name], None, node.value  # type: ignore[attr-defined]  # ``type X = ...``, since 3.12


def _is_alias(node: ast.stmt) -> bool:
    return TYPE_ALIAS is not None and isinstance(node, TYPE_ALIAS)


def _self_fields(outline: Outline, owner: str, node: Function, body: Body) -> None:
    scope = method_scope(node, body, owner)
    if node.name == "__new__":
        scope.names["self"] = (f"%{owner}",)
    for field in body.fields:
        qualname = f"{owner}.{field.name}"
        draft = outline.drafts.get(qualname)
        if draft is None:
            draft = outline.draft(qualname, SymbolKind.FIELD, owner)
            draft.self_made = True
            draft.spans.append((field.node.lineno, field.node.end_lineno or field.node.lineno))
            draft.nodes.append(field.node)
        if draft.self_made:
            draft.values.append(Value(field.annotation, field.value, scope))


def _decorator_names(node: Function) -> set[str]:
    return {last_name(item) for item in node.decorator_list}


def _exports_of_call(outline: Outline, node: ast.expr, owner: str) -> None:
    if owner or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    target = node.func.value
    if isinstance(target, ast.Name) and target.id == "__all__" and node.func.attr in ("extend", "append", "insert"):
        for argument in node.args:
            _export(outline, argument)


def _export(outline: Outline, node: ast.expr) -> None:
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Constant) and isinstance(item.value, str):
            outline.exports.append(Export(item.value, item.value, "", item.lineno))
        elif isinstance(item, (ast.List, ast.Tuple, ast.Set)):
            stack.extend(reversed(item.elts))
        elif isinstance(item, ast.BinOp):
            stack.extend((item.right, item.left))
        elif isinstance(item, ast.Starred):
            stack.append(item.value)
