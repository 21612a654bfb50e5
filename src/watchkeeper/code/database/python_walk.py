"""A Python function as steps: statements in their order, ways that part, connections that open and end."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import msgspec

from watchkeeper.code.database.claims import Claim, Pairs
from watchkeeper.code.database.python_calls import evaluate_call
from watchkeeper.code.database.python_models import Maker, Model, annotated, last_name, literal_text
from watchkeeper.code.database.python_scope import Scope
from watchkeeper.code.database.python_values import (
    Connection,
    Executor,
    Imported,
    ModelClass,
    Pending,
    Query,
    Row,
    Text,
    Value,
    select_claims,
    update_claims,
)
from watchkeeper.code.database.steps import (
    Autoflush,
    Call,
    Fork,
    Leave,
    Open,
    Release,
    Step,
    Use,
)
from watchkeeper.model.resources import NotAnalysed, ResourceKind

_SESSION_TYPES = frozenset({"Session", "AsyncSession", "scoped_session"})
_CONNECTION_TYPES = frozenset({"Connection", "AsyncConnection", "Cursor", "AsyncCursor", "PoolConnectionProxy"})
_NAMES = frozenset({"session", "db_session", "sess", "conn", "connection", "cursor", "cur", "tx", "trx"})
Definition = ast.FunctionDef | ast.AsyncFunctionDef


class Walker:
    """Follows one function. ``steps`` grow as statements are met; ``names`` say what local names stand for."""

    def __init__(self, scope: Scope, symbol: str) -> None:
        self.scope = scope
        self.symbol = symbol
        self.names: dict[str, Value] = {}
        self.texts: dict[str, str] = {}  # what simple names were set to
        self.steps: list[Step] = []
        self.unknown: list[NotAnalysed] = []
        self.parameters: tuple[str, ...] = ()
        self.opened: set[str] = set()
        self.autocommit: set[str] = set()
        self._depth = 0

    def run(self, node: Definition) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self.parameters = tuple(a.arg for a in arguments if a.arg not in ("self", "cls"))
        for argument in arguments:
            value = self._parameter(argument)
            if value is not None:
                self.names[argument.arg] = value
        owner = self.symbol.rpartition(".")[0]
        if owner in self.scope.facts.models:
            model = self.scope.find(owner)
            if isinstance(model, Model):
                self.names["self"] = Row(model, self._only_session(), name="self")
        atomic = [d for d in node.decorator_list if last_name(d.func if isinstance(d, ast.Call) else d) == "atomic"]
        if atomic:
            alias = self.django_alias(atomic[0] if isinstance(atomic[0], ast.Call) else None)
            self.open(atomic[0].lineno, alias, "transaction.atomic", pooled="")
        self.block(node.body)

    def _parameter(self, argument: ast.arg) -> Value:
        name = annotated(argument.annotation)
        if name in _SESSION_TYPES or name in _CONNECTION_TYPES or (not name and argument.arg in _NAMES):
            return self.given(argument.arg, orm=name in _SESSION_TYPES or "sess" in argument.arg)
        if name and name[0].isupper():
            found = self.scope.find(name, self.symbol)
            if isinstance(found, Model):
                return Row(found, self._only_session(), name=argument.arg)
        return None

    def given(self, name: str, *, orm: bool = False, line: int = 1) -> Connection:
        """A connection that was there before this function."""
        if name not in self.opened:
            self.opened.add(name)
            self.steps.append(Open(line, name, name.removeprefix("!"), lazy=True))
        return Connection(name, orm=orm)

    def _only_session(self) -> str:
        sessions = {value.name for value in self.names.values() if isinstance(value, Connection)}
        return sessions.pop() if len(sessions) == 1 else ""

    def session(self) -> str:
        """The session that an object of unknown origin most likely belongs to; ``""`` where there are several."""
        return self._only_session()

    # -- statements

    def block(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _way(self, body: Sequence[ast.stmt]) -> tuple[Step, ...]:
        """The steps of statements that may or may not run."""
        mine, self.steps = self.steps, []
        self.block(body)
        steps, self.steps = tuple(self.steps), mine
        return steps

    def _statement(self, node: ast.stmt) -> None:
        if not self._assignment(node):
            self._flow(node)

    def _assignment(self, node: ast.stmt) -> bool:
        match node:
            case ast.Assign(targets=targets, value=value):
                found = self.evaluate(value)
                for target in targets:
                    self._bind(target, value, found)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, value, self.evaluate(value))
            case ast.AugAssign(target=target, value=value):
                self.evaluate(value)
                self._bind(target, value, None)
            case _:
                return False
        return True

    def _flow(self, node: ast.stmt) -> None:
        match node:
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                self._with(node.lineno, items, body)
            case ast.If(test=test, body=body, orelse=orelse):
                self.evaluate(test)
                self._fork(node.lineno, [self._way(body), self._way(orelse)])
            case ast.For(target=target, iter=source, body=body) | ast.AsyncFor(target=target, iter=source, body=body):
                self._bind(target, source, self.element(self.evaluate(source)))
                self._loop(node.lineno, body)
                self.block(node.orelse)
            case ast.While(test=test, body=body):
                self.evaluate(test)
                self._loop(node.lineno, body)
            case ast.Try() | ast.TryStar():
                self._try(node)
            case ast.Match(subject=subject, cases=cases):
                self.evaluate(subject)
                self._fork(node.lineno, [self._way(case.body) for case in cases] + [()])
            case ast.Return(value=value) | ast.Raise(exc=value):
                if value is not None:
                    self.evaluate(value)
                self.steps.append(Leave(node.lineno))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.evaluate(child)

    def _fork(self, line: int, ways: list[tuple[Step, ...]]) -> None:
        if any(ways):
            self.steps.append(Fork(line, tuple(ways)))

    def _loop(self, line: int, body: Sequence[ast.stmt]) -> None:
        """A loop's body once, and once more: what it leaves behind may meet what it begins with."""
        once = self._way(body)
        if once:
            self.steps.append(Fork(line, ((*once, *once), ())))

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        self.block(node.body)
        self._fork(node.lineno, [(), *(self._way(handler.body) for handler in node.handlers)])
        self.block([*node.orelse, *node.finalbody])

    def _with(self, line: int, items: Sequence[ast.withitem], body: Sequence[ast.stmt]) -> None:
        ends: list[Step] = []
        last = max((each.end_lineno or line for each in body), default=line)
        for item in items:
            context = item.context_expr
            if isinstance(context, ast.Attribute) and context.attr == "no_autoflush":
                owner = self.evaluate(context.value)
                if isinstance(owner, Connection):
                    self.steps.append(Autoflush(line, owner.name, on=False))
                    ends.append(Autoflush(last, owner.name, on=True))
                    continue
            value = self.evaluate(context)
            if isinstance(value, Connection) and (value.fresh or value.ends):
                ends.append(Release(last, value.name, close=value.fresh, keeps=value.ends))
                value = value._replace(fresh=False, ends=False)
            elif isinstance(value, Executor):
                self.block(body)
                body = []
                ends += value.handed
            if item.optional_vars is not None:
                self._bind(item.optional_vars, context, value)
        self.block(body)
        self.steps += reversed(ends)

    def _bind(self, target: ast.expr, source: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                if isinstance(value, Row):
                    value = value._replace(name=name)
                if isinstance(value, Connection) and value.orm:
                    self._name_session(value.name, name)
                self.names[name] = value._replace(fresh=False) if isinstance(value, Connection) else value
                self.texts.pop(name, None)
                if isinstance(source, ast.Name | ast.Constant) and value is None:
                    self.texts[name] = self.value(source)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for each in elements:
                    self._bind(each, source, None)
            case ast.Attribute(value=owner, attr=attribute):
                self._set_attribute(target, owner, attribute, source)
                if isinstance(value, Connection) and last_name(owner) == "self":
                    self.names[f"self.{attribute}"] = value._replace(fresh=False)

    def _name_session(self, connection: str, name: str) -> None:
        """A session is known by the first name that it gets: people say ``session``, not ``SessionLocal()``."""
        for index in range(len(self.steps) - 1, -1, -1):
            step = self.steps[index]
            if isinstance(step, Open) and step.connection == connection:
                if "(" in step.shown:
                    self.steps[index] = msgspec.structs.replace(step, shown=name)
                return

    def _set_attribute(self, target: ast.expr, owner: ast.expr, attribute: str, source: ast.expr) -> None:
        row = self.evaluate(owner)
        if not isinstance(row, Row):
            return
        column = row.model.columns.get(attribute)
        if column is None or row.fresh:
            return
        self.change(target.lineno, row, (column,), ((column, self.value(source)),))

    def change(self, line: int, row: Row, columns: tuple[str, ...], given: Pairs = ()) -> None:
        """An attribute of a mapped object is assigned."""
        claims = update_claims(row.model, columns, row.row, given)
        connection = "" if row.model.django else row.connection  # Django sends it when it is saved, not by itself
        self.steps.append(Use(line, connection, tuple(claims), deferred=True))

    # -- expressions

    def evaluate(self, node: ast.expr) -> Value:
        """What an expression stands for; the steps of the calls in it are taken."""
        self._depth += 1
        try:
            return self._evaluate(node) if self._depth < 200 else None
        finally:
            self._depth -= 1

    def _evaluate(self, node: ast.expr) -> Value:
        match node:
            case ast.Name(id=name):
                return self.names[name] if name in self.names else self._global(name)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Await(value=value) | ast.Starred(value=value):
                found = self.evaluate(value)
                return self.awaited(found) if isinstance(node, ast.Await) else found
            case ast.Call():
                return evaluate_call(self, node)
            case ast.NamedExpr(target=target, value=value):
                found = self.evaluate(value)
                self._bind(target, value, found)
                return found
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.evaluate(test)
                return self.evaluate(body) or self.evaluate(orelse)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Subscript(value=value):
                return self.element(self.evaluate(value))
            case ast.Lambda():
                return None
        text = literal_text(node)
        if text is not None:
            return Text(text)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.evaluate(child)
        return None

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        for generator in node.generators:
            self._bind(generator.target, generator.iter, self.element(self.evaluate(generator.iter)))
        return self.evaluate(node.value if isinstance(node, ast.DictComp) else node.elt)

    def _global(self, name: str) -> Value:
        found = self.scope.find(name, self.symbol)
        if isinstance(found, Model):
            return ModelClass(found)
        if isinstance(found, str):
            return Text(found)
        if isinstance(found, Maker):
            return found
        if name in _NAMES and name not in self.parameters:
            return Imported(name)
        return None

    def _attribute(self, node: ast.Attribute) -> Value:
        dotted = _dotted(node)
        if dotted in self.names:
            return self.names[dotted]
        owner = self.evaluate(node.value)
        if isinstance(owner, ModelClass) and node.attr in ("c", "columns"):
            return owner
        if isinstance(owner, Row | Connection | Query | Pending | Executor):
            return None
        if dotted:
            found = self.scope.find(dotted, self.symbol)
            if isinstance(found, Model):
                return ModelClass(found)
            if isinstance(found, Maker | str):
                return found if isinstance(found, Maker) else Text(found)
            return Imported(dotted)
        return None

    def element(self, value: Value) -> Value:
        """What iterating over a value gives; a query runs."""
        if isinstance(value, Query) and value.models:
            self.use(0, value.connection, select_claims(value), flushes=True)
            return self.row_of(value)
        return value if isinstance(value, Row) else None

    def awaited(self, value: Value) -> Value:
        if isinstance(value, Pending):
            self.steps += value.calls
            return None
        return value

    def row_of(self, query: Query) -> Row:
        """The object that a query gives."""
        return Row(query.models[0], query.connection, query.row)

    def use(self, line: int, connection: str, claims: Sequence[Claim], *, flushes: bool = False) -> None:
        """A statement is sent."""
        if claims:
            self.steps.append(Use(line or self._line, connection, tuple(claims), flushes=flushes))

    _line = 1

    def at(self, line: int) -> None:
        self._line = line

    def value(self, node: ast.expr) -> str:
        """The text by which values are compared: see ``claims.Pairs``."""
        match node:
            case ast.Constant(value=value):
                return f"={value!s}"
            case ast.Name(id=name):
                if name in self.texts:
                    return self.texts[name]
                return f"@{name}" if name in self.parameters and name not in self.names else name
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                row = self.names.get(name)
                if isinstance(row, Row) and attribute == row.model.key:
                    return dict(row.row).get(attribute) or f"{name}.{attribute}"
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=int() as number)):
                return f"{self.value(left)} {'+' if isinstance(op, ast.Add) else '-'} {number}"
            case ast.Call(func=ast.Name(id="int" | "str"), args=[only]):
                return self.value(only)
        return ast.unparse(node)

    def not_analysed(self, line: int, reason: str) -> None:
        self.unknown.append(NotAnalysed(ResourceKind.TABLE, line, reason))

    def open(
        self, line: int, name: str, shown: str, *, lazy: bool = False, orm: bool = False, transaction: bool = True,
        autoflush: bool = True, pooled: str = "?",
    ) -> Connection:  # fmt: skip
        """A new connection of this function."""
        self.steps.append(Open(line, name, shown, lazy, transaction, autoflush, pooled))
        self.opened.add(name)
        return Connection(name, fresh=True, orm=orm)

    def django_alias(self, call: ast.Call | None) -> str:
        """The connection that a ``using`` names."""
        using = next((k.value for k in call.keywords if k.arg == "using"), None) if call else None
        if using is None and call is not None and last_name(call.func) == "atomic" and call.args:
            using = call.args[0]
        if using is None:
            return "!django:default"
        return f"!django:{using.value!s}" if isinstance(using, ast.Constant) else f"!django:{ast.unparse(using)}"

    def handed(self, function: ast.expr, arguments: Sequence[ast.expr], line: int) -> tuple[Call, ...]:
        """The call of a function that another thread makes."""
        from watchkeeper.code.database.python_calls import project_call

        call = project_call(self, function, arguments, (), line)
        return (call,) if call is not None else ()


def _dotted(node: ast.expr) -> str:
    """``a.b.c`` of plain names; ``""`` for anything else."""
    steps: list[str] = []
    while isinstance(node, ast.Attribute):
        steps.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(steps)]) if isinstance(node, ast.Name) else ""
