"""Calls of Django's ORM: managers, querysets, ``save``, ``atomic``."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.code.database.claims import Claim, Lock, Pairs
from watchkeeper.code.database.python_models import Model, is_false, last_name
from watchkeeper.code.database.python_values import (
    Connection,
    ModelClass,
    Query,
    Row,
    Value,
    delete_claims,
    insert_claims,
    select_claims,
    update_claims,
)

if TYPE_CHECKING:
    from watchkeeper.code.database.python_walk import Walker

MANAGERS = frozenset({"objects", "_default_manager", "_base_manager", "all_objects"})
_GIVES_ROW = frozenset({"get", "first", "last", "earliest", "latest", "aget", "afirst"})
_RUNS = frozenset({"count", "exists", "aggregate", "in_bulk", "iterator", "acount", "aexists"})
_CREATES = frozenset({"create", "acreate"})
_GETS_OR_CREATES = frozenset({"get_or_create", "update_or_create", "aget_or_create", "aupdate_or_create"})
_ON_ROW = frozenset({"save", "asave", "delete", "adelete", "refresh_from_db"})


class Unrecognised:
    """What a reader of calls gives for a call that it does not know."""


def evaluate_django(walker: Walker, node: ast.Call) -> Value | type[Unrecognised]:
    """What a call of Django's gives; ``Unrecognised`` for every other call."""
    called = last_name(node.func)
    if called == "atomic":
        return _atomic(walker, node)
    if not isinstance(node.func, ast.Attribute):
        return Unrecognised
    if called == "cursor" and ast.unparse(node.func.value) in ("connection", "connections['default']"):
        return Connection("!django:default")
    query = _queryset(walker, node.func.value)
    if query is not None:
        walker.at(node.lineno)
        return _on_queryset(walker, node, query, called)
    if called in _ON_ROW:
        row = walker.evaluate(node.func.value)
        if isinstance(row, Row) and row.model.django:
            _on_row(walker, node, row, called)
            return None
    return Unrecognised


def _atomic(walker: Walker, node: ast.Call) -> Connection:
    """``transaction.atomic()``: the alias's connection; the outermost one ends the transaction."""
    alias = walker.django_alias(node)
    if alias in walker.opened:
        return Connection(alias)
    name = alias.partition(":")[2]
    shown = "transaction.atomic()" if name == "default" else f'transaction.atomic(using="{name}")'
    return walker.open(node.lineno, alias, shown, pooled="")._replace(ends=True)


def _queryset(walker: Walker, node: ast.expr) -> Query | None:
    """``Content.objects``, or a queryset in a variable or at the end of a chain."""
    match node:
        case ast.Attribute(value=owner, attr=name) if name in MANAGERS:
            found = walker.evaluate(owner)
            if isinstance(found, ModelClass) and found.model.django:
                return Query("django", (found.model,), "!django:default")
        case ast.Call(func=ast.Attribute()) if _has_manager(node):
            value = walker.evaluate(node)
            return value if isinstance(value, Query) and value.verb == "django" else None
        case ast.Name(id=name):
            value = walker.names.get(name)
            return value if isinstance(value, Query) and value.verb == "django" else None
    return None


def _has_manager(node: ast.expr) -> bool:
    """Whether a chain begins at a manager: nothing else is worth a look, since a look takes steps."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr in MANAGERS:
            return True
        node = node.func if isinstance(node, ast.Call) else node.value
    return False


def _on_queryset(walker: Walker, node: ast.Call, query: Query, method: str) -> Value:
    replace, model = msgspec.structs.replace, query.models[0]
    keywords = {k.arg: k.value for k in node.keywords if k.arg}
    for value in keywords.values():
        walker.evaluate(value)
    row = (*query.row, *_pins(walker, keywords, model))
    given = _given(walker, keywords, model)
    columns = tuple(column for column, _ in given)
    if method == "using":
        return replace(query, connection=_alias_of(node))
    if method == "select_for_update":
        waits = not any(name in keywords and not is_false(keywords[name]) for name in ("skip_locked", "nowait"))
        return replace(query, lock=Lock.NO_KEY_UPDATE if "no_key" in keywords else Lock.UPDATE, waits=waits)
    claims = _write_claims(node, query, method, keywords, given)
    if claims:
        walker.use(node.lineno, query.connection, claims)
        return None
    if method in _CREATES or method in _GETS_OR_CREATES:
        if method in _GETS_OR_CREATES:
            walker.use(node.lineno, query.connection, [_read(model, row)])
        if "update" in method:
            changed = tuple(_names(keywords.get("defaults"), model))
            walker.use(node.lineno, query.connection, update_claims(model, changed, row))
        walker.use(node.lineno, query.connection, insert_claims(model, given))
        return Row(model, query.connection, row)
    if method in _GIVES_ROW or method in _RUNS:
        pinned = replace(query, row=row, columns=columns)
        walker.use(node.lineno, query.connection, select_claims(pinned))
        return Row(model, query.connection, row) if method in _GIVES_ROW else None
    return replace(query, row=row, columns=tuple(dict.fromkeys((*query.columns, *columns))))


def _write_claims(
    node: ast.Call, query: Query, method: str, keywords: dict[str, ast.expr], given: Pairs
) -> list[Claim]:
    model = query.models[0]
    match method:
        case "update" | "aupdate":
            return update_claims(model, tuple(column for column, _ in given), query.row, given)
        case "delete" | "adelete":
            return delete_claims(model, query.row)
        case "bulk_update":
            fields = node.args[1] if len(node.args) > 1 else keywords.get("fields")
            return update_claims(model, tuple(_names(fields, model)), ())
        case "bulk_create" | "abulk_create":
            return insert_claims(model, ())
    return []


def _on_row(walker: Walker, node: ast.Call, row: Row, method: str) -> None:
    keywords = {k.arg: k.value for k in node.keywords if k.arg}
    connection = _alias_of(node) if "using" in keywords else row.connection or "!django:default"
    if method in ("delete", "adelete"):
        claims = delete_claims(row.model, row.row)
    elif method == "refresh_from_db":
        claims = [_read(row.model, row.row)]
    elif row.fresh:
        claims = insert_claims(row.model, row.given)
    else:  # without update_fields every column is written, with the value that was read
        fields = keywords.get("update_fields")
        claims = update_claims(row.model, tuple(_names(fields, row.model)) if fields is not None else (), row.row)
    walker.use(node.lineno, connection, claims)


def _read(model: Model, row: Pairs) -> Claim:
    return select_claims(Query("select", (model,), row=row))[0]


def _alias_of(node: ast.Call) -> str:
    value = next((k.value for k in node.keywords if k.arg == "using"), node.args[0] if node.args else None)
    if isinstance(value, ast.Constant):
        return f"!django:{value.value!s}"
    return f"!django:{ast.unparse(value)}" if value is not None else "!django:default"


def _pins(walker: Walker, keywords: dict[str, ast.expr], model: Model) -> Pairs:
    names = ("pk", "id", model.key)
    return tuple((model.key, walker.value(value)) for name, value in keywords.items() if name in names)


def _given(walker: Walker, keywords: dict[str, ast.expr], model: Model) -> Pairs:
    """Keyword arguments as columns; of ``title__icontains`` the first part."""
    pairs = []
    for name, value in keywords.items():
        field = name.partition("__")[0]
        if field in model.columns:
            pairs.append((model.columns[field], walker.value(value)))
    return tuple(pairs)


def _names(node: ast.expr | None, model: Model) -> list[str]:
    """The columns that a list of names, or the keys of a mapping, name."""
    keys: list[ast.expr | None] = []
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        keys = list(node.elts)
    elif isinstance(node, ast.Dict):
        keys = list(node.keys)
    return [model.columns.get(str(k.value), str(k.value)) for k in keys if isinstance(k, ast.Constant)]
