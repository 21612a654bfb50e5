"""SQLAlchemy statements that are put together call by call: ``select(Content).where(...).with_for_update()``."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.code.database.claims import Claim, Lock, Pairs
from watchkeeper.code.database.python_models import Model, is_false, last_name
from watchkeeper.code.database.python_values import (
    Query,
    Value,
    delete_claims,
    insert_claims,
    select_claims,
    update_claims,
)
from watchkeeper.code.database.sql import is_key

if TYPE_CHECKING:
    from watchkeeper.code.database.python_walk import Walker

_RUNS = frozenset("first one one_or_none all scalar count get scalar_one scalar_one_or_none iterate yield_per".split())


def start_query(verb: str, models: Sequence[Model], node: ast.Call) -> Query:
    """``select(Content.title)``: a statement and the columns that it names."""
    verb = verb if verb in ("update", "insert", "delete") else "select"
    columns = _columns_in(node, models[0]) if verb == "select" else ()
    return Query(verb, tuple(models), columns=columns)


def continue_query(walker: Walker, node: ast.Call, query: Query, method: str) -> Value:
    """The query after one more call on it; calls that run it are steps."""
    if not query.models:
        return query if method in ("where", "values", "returning", "select_from", "scalars") else None
    changed = _changed(walker, node, query, method)
    if changed is not None:
        return changed
    model = query.models[0]
    if method in ("update", "delete") and query.verb == "select":
        given = _given(walker, node, model)
        columns = tuple(column for column, _ in given)
        is_update = method == "update"
        claims = update_claims(model, columns, query.row, given) if is_update else delete_claims(model, query.row)
        walker.use(node.lineno, query.connection, claims, flushes=True)
        return None
    if method in _RUNS:
        if method == "get" and node.args:
            query = msgspec.structs.replace(query, row=((model.key, walker.value(node.args[0])),))
        if query.connection:
            walker.use(node.lineno, query.connection, query_claims(query), flushes=True)
        return walker.row_of(query) if method != "count" else None
    return query


def _changed(walker: Walker, node: ast.Call, query: Query, method: str) -> Query | None:
    """The query that a call makes narrower; None for a call of another kind."""
    keywords: Mapping[str, ast.expr] = {k.arg: k.value for k in node.keywords if k.arg}
    replace, model = msgspec.structs.replace, query.models[0]
    match method:
        case "filter" | "where":
            row = _pins(walker, node.args, model)
            read = _columns_in(node, model) if query.verb == "select" else ()
            return replace(query, row=(*query.row, *row), columns=tuple(dict.fromkeys((*query.columns, *read))))
        case "filter_by":
            row = tuple((name, walker.value(value)) for name, value in keywords.items() if is_key(name))
            return replace(query, row=(*query.row, *row))
        case "with_for_update":
            return locked(query, keywords)
        case "values":
            given = _given(walker, node, model)
            return replace(query, values=given, columns=tuple(column for column, _ in given))
        case "on_conflict_do_nothing" | "on_conflict_do_update":
            key = tuple(_texts(keywords.get("index_elements")))
            return replace(query, unique=(*query.unique, *((key,) if key else ())))
    return None


def query_claims(query: Query) -> list[Claim]:
    """What a statement claims when it runs."""
    if not query.models:
        return []
    model = query.models[0]
    match query.verb:
        case "insert":
            return insert_claims(model, query.values, query.unique)
        case "update":
            return update_claims(model, query.columns, query.row, query.values)
        case "delete":
            return delete_claims(model, query.row)
    return select_claims(query)


def locked(query: Query, keywords: Mapping[str, ast.expr]) -> Query:
    """The query with the row lock that ``with_for_update(...)`` asks for."""
    read, key = _on(keywords, "read"), _on(keywords, "key_share")
    lock = {
        (False, False): Lock.UPDATE,
        (False, True): Lock.NO_KEY_UPDATE,
        (True, False): Lock.SHARE,
        (True, True): Lock.KEY_SHARE,
    }[read, key]
    waits = not (_on(keywords, "skip_locked") or _on(keywords, "nowait"))
    return msgspec.structs.replace(query, lock=lock, waits=waits)


def _on(keywords: Mapping[str, ast.expr], name: str) -> bool:
    return name in keywords and not is_false(keywords[name])


def _pins(walker: Walker, conditions: Sequence[ast.expr], model: Model) -> Pairs:
    """Key columns that are compared with one value, as far as conditions are joined by AND."""
    pins: list[tuple[str, str]] = []
    for condition in conditions:
        match condition:
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
                column = last_name(left)
                if column == model.key or is_key(column):
                    pins.append((model.columns.get(column, column), walker.value(right)))
            case ast.BinOp(left=one, op=ast.BitAnd(), right=other):
                pins += _pins(walker, [one, other], model)
            case ast.Call(args=args) if last_name(condition.func) == "and_":
                pins += _pins(walker, args, model)
    return tuple(pins)


def _columns_in(node: ast.Call, model: Model) -> tuple[str, ...]:
    found = (
        model.columns[each.attr]
        for argument in node.args
        for each in ast.walk(argument)
        if isinstance(each, ast.Attribute) and each.attr in model.columns
    )
    return tuple(dict.fromkeys(found))


def _given(walker: Walker, node: ast.Call, model: Model) -> Pairs:
    """Columns and values of ``values(a=1)``, ``values({"a": 1})``, ``update({Content.a: 1})``."""
    given = [(model.columns.get(k.arg, k.arg), walker.value(k.value)) for k in node.keywords if k.arg]
    for argument in node.args:
        dictionary = argument.elts[0] if isinstance(argument, ast.List) and argument.elts else argument
        if isinstance(dictionary, ast.Dict):
            for key, value in zip(dictionary.keys, dictionary.values, strict=True):
                name = str(key.value) if isinstance(key, ast.Constant) else last_name(key)
                if name:
                    given.append((model.columns.get(name, name), walker.value(value)))
    if any(keyword.arg is None for keyword in node.keywords):
        walker.not_analysed(node.lineno, "columns that a mapping names when it runs")
    return tuple(pair for pair in given if pair[0] != "synchronize_session")


def _texts(node: ast.expr | None) -> list[str]:
    if isinstance(node, ast.List | ast.Tuple):
        return [str(e.value) if isinstance(e, ast.Constant) else last_name(e) for e in node.elts]
    return []
