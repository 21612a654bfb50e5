"""Migrations as they define tables: Alembic's ``op`` and Django's ``migrations``."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from watchkeeper.code.database.claims import Claim, Lock
from watchkeeper.code.database.python_models import last_name
from watchkeeper.code.database.python_scope import application_of
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import AccessMode, Alteration

if TYPE_CHECKING:
    from watchkeeper.code.database.python_walk import Walker

_ALTERS = frozenset(
    "add_column drop_column alter_column create_check_constraint create_unique_constraint create_primary_key "
    "create_foreign_key drop_constraint create_index drop_index rename_table create_table drop_table".split()
)
_FIELDS = frozenset({"AddField", "RemoveField", "AlterField", "RenameField"})
_MODELS = frozenset({"CreateModel", "DeleteModel", "RenameModel", "AlterModelTable"})
_PARTS = frozenset({"AddIndex", "RemoveIndex", "AddConstraint", "RemoveConstraint"})
_ALEMBIC_FORMS = {
    "drop_column": Alteration.DROP_COLUMN,
    "create_check_constraint": Alteration.VALIDATE,
    "create_unique_constraint": Alteration.VALIDATE,
    "create_primary_key": Alteration.VALIDATE,
    "rename_table": Alteration.RENAME,
    "create_table": Alteration.CREATE,
    "drop_table": Alteration.DROP_TABLE,
}
_DJANGO_FORMS = {
    "RemoveField": Alteration.DROP_COLUMN,
    "AlterField": Alteration.RETYPE,
    "RenameField": Alteration.RENAME,
    "CreateModel": Alteration.CREATE,
    "DeleteModel": Alteration.DROP_TABLE,
    "RenameModel": Alteration.RENAME,
    "AlterModelTable": Alteration.RENAME,
    "AddIndex": Alteration.INDEX,
    "AddConstraint": Alteration.VALIDATE,
}
_FILLS = frozenset({"default", "db_default", "blank", "auto_now", "auto_now_add", "primary_key"})
_FOREIGN = frozenset({"ForeignKey", "OneToOneField"})


def migration_claims(walker: Walker, node: ast.Call) -> list[Claim]:
    """What one operation of a migration defines; nothing for any other call."""
    if not isinstance(node.func, ast.Attribute):
        return []
    owner, called = last_name(node.func.value), node.func.attr
    if owner == "op" and called in _ALTERS:
        return _alembic(node, called)
    if owner == "migrations" and called in _FIELDS | _MODELS | _PARTS:
        return _django(walker, node, called)
    return []


def _alembic(node: ast.Call, called: str) -> list[Claim]:
    texts = [_text(each) for each in node.args]
    named = {k.arg: _text(k.value) for k in node.keywords if k.arg}
    position = 1 if called.endswith(("_index", "_constraint", "_key")) else 0
    table = named.get("table_name") or named.get("source_table") or (texts[position] if len(texts) > position else "")
    if not table:
        return []
    columns = tuple(_columns(node.args[position + 1 :])) if called.endswith("_column") else ()
    form = _alembic_form(node, called)
    if called.endswith("_index"):
        lock = Lock.READ if form is Alteration.CONCURRENT else Lock.TABLE_SHARE
        return [Claim(table, lock, AccessMode.DEFINE, tuple(_columns(node.args[position + 1 :])), form=form)]
    mode = AccessMode.REMOVE if called == "drop_table" else AccessMode.DEFINE
    if called == "create_table":
        columns = tuple(_columns(node.args[position + 1 :]))
    own = Claim(table, Lock.EXCLUSIVE, mode, columns, form=form)
    if called in ("add_column", "create_foreign_key") and form is not Alteration.NOT_VALID:
        return [own, *_parent(_alembic_parent(node, called, texts, named))]
    return [own]


def _alembic_form(node: ast.Call, called: str) -> Alteration:
    if called.endswith("_index"):
        if _is(node, "postgresql_concurrently", True):
            return Alteration.CONCURRENT
        return Alteration.INDEX if called == "create_index" else Alteration.BRIEF
    if called.startswith("create_") and _is(node, "postgresql_not_valid", True):
        return Alteration.NOT_VALID
    if called == "create_foreign_key":
        return Alteration.FOREIGN_KEY
    if called == "add_column":
        return _added_form(_column_call(node))
    if called == "alter_column":
        return _altered_form(node)
    return _ALEMBIC_FORMS.get(called, Alteration.BRIEF)


def _added_form(column: ast.Call | None) -> Alteration:
    if column is None:
        return Alteration.ADD_COLUMN
    if _is(column, "nullable", False) and not _has(column, "server_default"):
        return Alteration.ADD_REQUIRED
    is_checked = _foreign_key(column) is not None or _is(column, "unique", True) or _is(column, "primary_key", True)
    return Alteration.VALIDATE if is_checked else Alteration.ADD_COLUMN


def _altered_form(node: ast.Call) -> Alteration:
    if _has(node, "new_column_name"):
        return Alteration.RENAME
    if _has(node, "type_"):
        return Alteration.RETYPE
    return Alteration.VALIDATE if _is(node, "nullable", False) else Alteration.BRIEF


def _alembic_parent(node: ast.Call, called: str, texts: Sequence[str], named: dict[str, str]) -> str:
    """The table to which a new foreign key refers."""
    if called == "create_foreign_key":
        return named.get("referent_table") or (texts[2] if len(texts) > 2 else "")
    column = _column_call(node)
    key = _foreign_key(column) if column is not None else None
    target = _text(key.args[0]) if key is not None and key.args else ""
    return target.rpartition(".")[0]


def _parent(table: str) -> list[Claim]:
    return [Claim(table, Lock.TABLE_SHARE, AccessMode.LOCK, form=Alteration.REFERENCE)] if table else []


def _column_call(node: ast.Call) -> ast.Call | None:
    calls = (each for each in node.args if isinstance(each, ast.Call))
    return next((call for call in calls if last_name(call.func) == "Column"), None)


def _foreign_key(column: ast.Call) -> ast.Call | None:
    calls = (each for each in column.args if isinstance(each, ast.Call))
    return next((call for call in calls if last_name(call.func) == "ForeignKey"), None)


def _is(node: ast.Call, name: str, wanted: object) -> bool:
    values = (k.value for k in node.keywords if k.arg == name)
    return any(isinstance(value, ast.Constant) and value.value is wanted for value in values)


def _has(node: ast.Call, name: str) -> bool:
    """Whether the argument is given, and is not None."""
    values = (k.value for k in node.keywords if k.arg == name)
    return any(not (isinstance(value, ast.Constant) and value.value is None) for value in values)


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
    first = "model_name" if is_field or called in _PARTS else "old_name" if called == "RenameModel" else "name"
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
    form = _DJANGO_FORMS.get(called, Alteration.BRIEF)
    parents: list[Claim] = []
    if called == "AddField":
        form, parents = _django_added(walker, node)
    lock = Lock.TABLE_SHARE if form is Alteration.INDEX else Lock.EXCLUSIVE
    # Whether an altered field changes its column, or nothing but words for people, is not told here.
    confidence = Confidence.LIKELY if called == "AlterField" else Confidence.SURE
    return [Claim(table, lock, mode, columns, confidence=confidence, form=form), *parents]


def _django_added(walker: Walker, node: ast.Call) -> tuple[Alteration, list[Claim]]:
    """How a new field locks its table, and the parent that its foreign key locks too."""
    given = [*(k.value for k in node.keywords if k.arg == "field"), *node.args[2:3]]
    field = next((value for value in given if isinstance(value, ast.Call)), None)
    kind = last_name(field.func) if field is not None else ""
    if field is None or kind == "ManyToManyField":  # a table of its own
        return Alteration.ADD_COLUMN if field is None else Alteration.LIGHT, []
    if not _is(field, "null", True) and not any(k.arg in _FILLS for k in field.keywords):
        return Alteration.ADD_REQUIRED, []
    if kind in _FOREIGN:
        targets = [*(k.value for k in field.keywords if k.arg == "to"), *field.args[:1]]
        label = _text(targets[0]) if targets else ""
        app, dot, model = label.rpartition(".")
        parent = f"{app if dot else application_of(walker.scope.path)}_{model.lower()}" if model else ""
        return Alteration.VALIDATE, _parent(parent)
    return Alteration.VALIDATE if _is(field, "unique", True) else Alteration.ADD_COLUMN, []


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
