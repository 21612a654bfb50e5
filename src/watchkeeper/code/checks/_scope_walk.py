"""The pass over a Python file's syntax tree that fills its scopes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from watchkeeper.code.checks._guards import find_guards
from watchkeeper.code.checks._scopes import Binding, Bound, Call, PythonModule, Scope, ScopeKind, Use
from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.python_source.annotations import last_name
from watchkeeper.code.python_source.bodies import Function
from watchkeeper.code.python_source.outline import first_line
from watchkeeper.code.python_source.parsing import parse_expression, parse_source
from watchkeeper.model.reading import Status

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_TYPING = frozenset(
    "Optional Union List list Dict dict Set set FrozenSet frozenset Tuple tuple Type type Sequence Iterable Iterator "
    "Mapping MutableMapping Callable Awaitable Coroutine AsyncIterator AsyncIterable Generator AsyncGenerator ClassVar "
    "Final Collection DefaultDict defaultdict Deque deque Required NotRequired".split()
)
_MOST_KEPT = 1_000_000
"""Bytes of files whose scopes are kept: they and the trees that they point into take about forty times as much."""
_GLOBALS_WRITERS = frozenset({"update", "setdefault", "__setitem__"})


@kept_by_content(_MOST_KEPT)
def read_module(source: bytes) -> PythonModule | None:
    """The scopes of a file; None where it does not parse as a whole or is nested too deeply. Nobody may alter it."""
    parsed = parse_source(source)
    if parsed.tree is None or parsed.status is not Status.PARSED:
        return None
    try:
        module = PythonModule(parsed.tree, find_guards(parsed.tree, parsed.lines))
        _Walk(module).block(parsed.tree.body)
    except RecursionError:
        return None
    return module


class _Walk:
    """The state of the pass: where it is, and whether what it meets is an annotation or inside a loop."""

    def __init__(self, module: PythonModule) -> None:
        self._module = module
        self._scope = module.module
        self._lazy = any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" and node.names[0].name == "annotations"
            for node in module.tree.body[:10]
        )
        self._in_lazy = False
        self._loops = 0
        self._depth = 0  # of blocks inside the scope: 0 where a statement surely runs
        self._line = 0  # of the string that is read as an annotation
        self._roles: dict[int, str] = {}

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def visit(self, node: ast.AST) -> None:
        act = _ACTS.get(node.__class__)
        if act is not None:
            act(self, node)
        else:
            self.children(node)

    def children(self, node: ast.AST) -> None:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item)
            elif isinstance(value, ast.AST):
                self.visit(value)

    # -- names -------------------------------------------------------------------------------------------------------

    def bind(self, name: str, how: Bound, line: int, node: ast.AST | None = None) -> None:
        scope = self._scope
        while scope.kind is ScopeKind.COMPREHENSION and how is Bound.ASSIGNED and scope.parent is not None:
            scope = scope.parent  # ``:=`` in a comprehension binds around it
        if name in scope.globals and scope.kind is not ScopeKind.MODULE:
            scope.root.bindings.setdefault(name, []).append(Binding(Bound.OTHER, 0))
        elif name in scope.nonlocals:
            owner = scope.parent.find(name) if scope.parent else None
            if owner is not None:
                owner.bindings[name].append(Binding(Bound.OTHER, 0))
        else:
            scope.bindings.setdefault(name, []).append(Binding(how, line, node))

    def use(self, name: str, line: int) -> None:
        self._scope.uses.append(Use(name, self._line or line, self._in_lazy, self._loops > 0))

    def name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.use(node.id, node.lineno)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id, Bound.OTHER, node.lineno)
        elif self._depth == 0:
            self._scope.deleted[node.id] = node.lineno

    def assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.bind(target.id, Bound.ASSIGNED, node.lineno, node)
            else:
                self.visit(target)

    def annotated(self, node: ast.AnnAssign) -> None:
        self.annotation(node.annotation, never=self._scope.kind is ScopeKind.FUNCTION)
        if node.value is not None:
            self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self.bind(node.target.id, Bound.ASSIGNED, node.lineno, node)
        else:
            self.visit(node.target)

    def augmented(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.use(node.target.id, node.lineno)
        self.visit(node.value)
        self.visit(node.target)

    def walrus(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.bind(node.target.id, Bound.ASSIGNED, node.lineno, node)

    def taken(self, node: ast.Import | ast.ImportFrom) -> None:
        self._module.imports.append((node, self._scope))
        for alias in node.names:
            local = alias.asname or (alias.name if isinstance(node, ast.ImportFrom) else alias.name.partition(".")[0])
            if local != "*":
                self.bind(local, Bound.IMPORT, node.lineno, node)

    def global_(self, node: ast.Global) -> None:
        self._scope.globals.update(node.names)

    def nonlocal_(self, node: ast.Nonlocal) -> None:
        self._scope.nonlocals.update(node.names)

    def handler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name, Bound.OTHER, node.lineno)
        self.inner(node)

    def captured(self, node: Any) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            self.bind(name, Bound.OTHER, node.lineno)
        self.children(node)

    def type_alias(self, node: Any) -> None:
        self.bind(node.name.id, Bound.OTHER, node.lineno)
        with_types = self.enter(ScopeKind.FUNCTION, node, self._scope.qualname, is_symbol=False)
        for item in node.type_params:
            self.type_parameter(item)
        self.annotation(node.value, never=True)
        self._scope = with_types

    # -- scopes ------------------------------------------------------------------------------------------------------

    def enter(self, kind: ScopeKind, node: ast.AST, qualname: str, *, is_symbol: bool) -> Scope:
        """Goes into a new scope and gives the one that it is in."""
        outer = self._scope
        self._scope = Scope(kind, outer, qualname, node, is_symbol=is_symbol)
        self._module.scopes.append(self._scope)
        return outer

    def qualname(self, name: str) -> tuple[str, bool]:
        """The symbol that a definition of that name is, and whether it is one: not inside of a function."""
        scope = self._scope
        if not scope.is_symbol or scope.kind is ScopeKind.FUNCTION:
            return scope.qualname, False
        return (f"{scope.qualname}.{name}" if scope.qualname else name), True

    def body(self, kind: ScopeKind, node: Any) -> None:
        depth, loops = self._depth, self._loops
        self._depth = 0
        if kind is ScopeKind.FUNCTION:
            self._loops = 0
        self.block(node.body)
        self._depth, self._loops = depth, loops

    def function(self, node: Function) -> None:
        for item in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if item is not None:
                self.visit(item)
        self.bind(node.name, Bound.FUNCTION, first_line(node), node)
        qualname, is_symbol = self.qualname(node.name)
        around = self._scope
        self.type_parameters(node)
        for argument in _arguments(node.args):
            if argument.annotation is not None:
                self.annotation(argument.annotation)
        if node.returns is not None:
            self.annotation(node.returns)
        self.enter(ScopeKind.FUNCTION, node, qualname, is_symbol=is_symbol)
        self.parameters(node.args)
        self.body(ScopeKind.FUNCTION, node)
        self._scope = around

    def class_(self, node: ast.ClassDef) -> None:
        for item in node.decorator_list:
            self.visit(item)
        qualname, is_symbol = self.qualname(node.name)
        around = self._scope
        self.type_parameters(node)
        for base in (*node.bases, *(item.value for item in node.keywords)):
            self.visit(base)
        self.enter(ScopeKind.CLASS, node, qualname, is_symbol=is_symbol)
        if is_symbol:
            self._module.classes.setdefault(qualname, []).append(self._scope)
        self.body(ScopeKind.CLASS, node)
        self._scope = around
        self.bind(node.name, Bound.CLASS, first_line(node), node)

    def lambda_(self, node: ast.Lambda) -> None:
        for item in (*node.args.defaults, *node.args.kw_defaults):
            if item is not None:
                self.visit(item)
        around = self.enter(ScopeKind.FUNCTION, node, self._scope.qualname, is_symbol=False)
        self.parameters(node.args)
        self.visit(node.body)
        self._scope = around

    def comprehension(self, node: Any) -> None:
        self.visit(node.generators[0].iter)
        around = self.enter(ScopeKind.COMPREHENSION, node, self._scope.qualname, is_symbol=False)
        for place, item in enumerate(node.generators):
            self.visit(item.target)
            if place:
                self.visit(item.iter)
            for condition in item.ifs:
                self.visit(condition)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part)
        self._scope = around

    def parameters(self, arguments: ast.arguments) -> None:
        for item in _arguments(arguments):
            self.bind(item.arg, Bound.PARAMETER, item.lineno, item)

    def type_parameters(self, node: Any) -> None:
        """Since 3.12: ``def f[T]`` binds T around the function."""
        if getattr(node, "type_params", ()):
            self.enter(ScopeKind.FUNCTION, node, self._scope.qualname, is_symbol=False)
            self._scope.is_symbol = False
            for item in node.type_params:
                self.type_parameter(item)

    def type_parameter(self, node: Any) -> None:
        self.bind(node.name, Bound.OTHER, node.lineno)
        self.annotation(getattr(node, "bound", None), never=True)

    # -- annotations -------------------------------------------------------------------------------------------------

    def annotation(self, node: ast.expr | None, *, never: bool = False) -> None:
        """Names in an annotation; ``never``: it is not evaluated whatever the file says."""
        if node is None:
            return
        before, self._in_lazy = self._in_lazy, self._in_lazy or self._lazy or never
        self.type_expression(node)
        self._in_lazy = before

    def type_expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                self.quoted(node, node.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            self.type_expression(node.left)
            self.type_expression(node.right)
        elif isinstance(node, ast.Subscript) and last_name(node.value) in _TYPING:
            self.visit(node.value)
            for item in node.slice.elts if isinstance(node.slice, ast.Tuple) else (node.slice,):
                self.type_expression(item)
        elif isinstance(node, ast.List):
            for item in node.elts:
                self.type_expression(item)
        else:
            self.visit(node)

    def quoted(self, node: ast.Constant, text: str) -> None:
        inner = parse_expression(text)
        if inner is None or self._line:
            return
        before, self._in_lazy, self._line = self._in_lazy, True, node.lineno
        self.type_expression(inner)
        self._in_lazy, self._line = before, 0

    # -- statements and expressions ----------------------------------------------------------------------------------

    def inner(self, node: ast.AST) -> None:
        """A statement whose blocks may not run."""
        self._depth += 1
        self.children(node)
        self._depth -= 1

    def loop(self, node: Any) -> None:
        if not isinstance(node, ast.While):
            self.expect_value(node.iter)
        self._loops += 1
        self.inner(node)
        self._loops -= 1

    def expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._roles[id(node.value)] = "statement"
        self.visit(node.value)

    def await_(self, node: ast.Await) -> None:
        if isinstance(node.value, ast.Call):
            self._roles[id(node.value)] = "await"
        self.visit(node.value)

    def expect_value(self, node: ast.expr) -> None:
        if isinstance(node, ast.Call):
            self._roles[id(node)] = "value"

    def attribute(self, node: ast.Attribute) -> None:
        self.expect_value(node.value)
        self._module.attributes.append((node, self._scope))
        self.visit(node.value)

    def dictionary(self, node: ast.Dict) -> None:
        self._module.dictionaries.append(node)
        self.children(node)

    def subscript(self, node: ast.Subscript) -> None:
        self.expect_value(node.value)
        self.children(node)

    def call(self, node: ast.Call) -> None:
        self._module.calls.append(Call(node, self._scope, self._roles.pop(id(node), "")))
        if isinstance(node.func, ast.Name) and node.func.id == "exec":
            self._module.writes_globals = True
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _GLOBALS_WRITERS:
            self.writes(node.func.value)
        self.children(node)

    def writes(self, node: ast.expr) -> None:
        """Notes whether it is the module's namespace that is written to."""
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("globals", "vars", "locals")
        ):
            self._module.writes_globals = True


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def _stored_subscript(walk: _Walk, node: ast.Subscript) -> None:
    if isinstance(node.ctx, ast.Store):
        walk.writes(node.value)
    walk.subscript(node)


_ACTS: dict[type, Any] = {
    ast.Name: _Walk.name, ast.Assign: _Walk.assign, ast.AnnAssign: _Walk.annotated, ast.AugAssign: _Walk.augmented,
    ast.NamedExpr: _Walk.walrus, ast.Import: _Walk.taken, ast.ImportFrom: _Walk.taken, ast.Global: _Walk.global_,
    ast.Nonlocal: _Walk.nonlocal_, ast.ExceptHandler: _Walk.handler, ast.MatchAs: _Walk.captured,
    ast.MatchStar: _Walk.captured, ast.MatchMapping: _Walk.captured, ast.FunctionDef: _Walk.function,
    ast.AsyncFunctionDef: _Walk.function, ast.ClassDef: _Walk.class_, ast.Lambda: _Walk.lambda_,
    ast.If: _Walk.inner, ast.Try: _Walk.inner, ast.TryStar: _Walk.inner, ast.Match: _Walk.inner,
    ast.For: _Walk.loop, ast.AsyncFor: _Walk.loop, ast.While: _Walk.loop, ast.Expr: _Walk.expression,
    ast.Await: _Walk.await_, ast.Attribute: _Walk.attribute, ast.Subscript: _stored_subscript, ast.Call: _Walk.call,
    ast.Dict: _Walk.dictionary,
    **dict.fromkeys(_COMPREHENSIONS, _Walk.comprehension),
    **({ast.TypeAlias: _Walk.type_alias} if hasattr(ast, "TypeAlias") else {}),
}  # fmt: skip
