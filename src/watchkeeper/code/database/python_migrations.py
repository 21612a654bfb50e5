"""Migrations as they define tables: Alembic's ``op`` and Django's ``migrations``."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchkeeper.code.database.claims import Claim, Lock
from watchkeeper.code.database.python_models import last_name
from watchkeeper.code.database.python_scope import application_of
from watchkeeper.model.resources import AccessMode

if TYPE_CHECKING:
    from watchkeeper.code.database.python_walk import Walker

_ALTERS = frozenset(
    "add_column drop_column alter_column create_check_constraint create_unique_constraint create_primary_key "
    "create_foreign_key drop_constraint create_index drop_index rename_table create_table drop_table".split()
)
_FIELDS = frozenset({"AddField", "RemoveField", "AlterField", "RenameField"})
_MODELS = frozenset({"CreateModel", "DeleteModel", "RenameModel", "AlterModelTable"})


def migration_claims(walker: Walker, node: ast.Call) -> list[Claim]:
    """What one operation of a migration defines; nothing for any other call."""
    if not isinstance(node.func, ast.Attribute):
        return []
    owner, called = last_name(node.func.value), node.func.attr
    if owner == "op" and called in _ALTERS:
        return _alembic(node, called)
    if owner == "migrations" and called in _FIELDS | _MODELS:
        return _django(walker, node, called)
    return []


def _alembic(node: ast.Call, called: str) -> list[Claim]:
    texts = [_text(each) for each in node.args]
    named = {k.arg: _text(k.value) for k in node.keywords if k.arg}
    position = 1 if called.endswith(("_index", "_constraint", "_key")) else 0
    table = named.get("table_name") or named.get("source_table") or (texts[position] if len(texts) > position else "")
    if not table:
        return []
    columns = tuple(_columns(node.args[position + 1 :]))
    if called.endswith("_index"):
        return [Claim(table, Lock.TABLE_SHARE, AccessMode.DEFINE, columns)]
    mode = AccessMode.REMOVE if called == "drop_table" else AccessMode.DEFINE
    return [Claim(table, Lock.EXCLUSIVE, mode, columns)]


def _columns(arguments: Sequence[ast.expr]) -> list[str]:
    found = []
    for each in arguments:
        if isinstance(each, ast.Call) and last_name(each.func) == "Column" and each.args:
            found.append(_text(each.args[0]))
        elif isinstance(each, ast.List):
            found += [_text(inner) for inner in each.elts]
        elif _text(each):
            found.append(_text(each))
    return [name for name in found if name]


def _django(walker: Walker, node: ast.Call, called: str) -> list[Claim]:
    named = {k.arg: _text(k.value) for k in node.keywords if k.arg}
    texts = [_text(each) for each in node.args]
    is_field = called in _FIELDS
    first = "model_name" if is_field else "old_name" if called == "RenameModel" else "name"
    model = named.get(first) or next(iter(texts), "")
    if not model:
        return []
    table = f"{application_of(walker.scope.path)}_{model.lower()}"
    columns: tuple[str, ...] = ()
    if is_field:
        second = texts[1] if len(texts) > 1 else ""
        names = (named.get("name") or named.get("old_name") or second, named.get("new_name", ""))
        columns = tuple(name for name in names if name)
    mode = AccessMode.REMOVE if called == "DeleteModel" else AccessMode.DEFINE
    return [Claim(table, Lock.EXCLUSIVE, mode, columns)]


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
