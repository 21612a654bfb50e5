"""SQL text to claims on tables. Never raises: what cannot be read is None, with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from watchkeeper.code.database.alterations import Altered, folded, read_alterations
from watchkeeper.code.database.claims import Claim, Lock, Pairs
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.resources import AccessMode, Alteration

if TYPE_CHECKING:
    from sqlglot import exp

HOLE = "wk_hole"
"""The name that stands in a text where a program puts something in."""

_LONGEST = 100_000
_LOOKS_LIKE = re.compile(
    r"\A[\s(]*(?:(?:--[^\n]*\n|/\*.*?\*/)[\s(]*)*(?:select\b.*\bfrom\b|select\s+pg_\w*advisory|with\b.*\bas\b|"
    r"insert\s+(?:or\s+\w+\s+)?into\b|update\s+\S+.*\bset\b|delete\s+from\b|merge\s+into\b|lock\s+(?:table\s+)?\w|"
    r"create\s+(?:unique\s+)?(?:temp\w*\s+|unlogged\s+)?(?:table|index)\b|alter\s+table\b|drop\s+table\b|"
    r"truncate\b|replace\s+into\b)",
    re.IGNORECASE | re.DOTALL,
)
_PARTS = re.compile(
    r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|(?P<cast>::)|(?P<named>:[A-Za-z_]\w*)|%\((?P<format>\w+)\)s|"
    r"(?P<number>\$\d+)|(?P<next>%s|\?(?![|&]))|(?P<at>@[A-Za-z_]\w*)",
    re.DOTALL,
)
_LOCKING = re.compile(
    r"\bfor\s+(no\s+key\s+update|update|key\s+share|share)\b(?:\s+of\s+[\w.,\s\"]+?)?(?:\s+(skip\s+locked|nowait))?"
    r"\s*(?:;|\Z|\bfor\b|\))",
    re.IGNORECASE,
)
_LOCK_TABLE = re.compile(
    r"\s*lock\s+(?:table\s+)?(?:only\s+)?([\w.\"]+)(?:\s+in\s+([\w\s]+?)\s+mode)?(\s+nowait)?", re.IGNORECASE
)
_ADVISORY = re.compile(r"\bpg_(try_)?advisory_(?:xact_)?lock\w*\s*\(([^()]*)\)", re.IGNORECASE)
_MODES = {
    "no key update": Lock.NO_KEY_UPDATE,
    "update": Lock.UPDATE,
    "share": Lock.SHARE,
    "key share": Lock.KEY_SHARE,
}
_WEAK_TABLE_MODES = frozenset({"access share", "row share", "row exclusive", "share update exclusive"})


class Statement(msgspec.Struct, frozen=True):
    """One statement's claims; values that a program passes stand as ``:name``, the n-th of a list as ``:n``."""

    claims: tuple[Claim, ...]
    reason: str = ""  # why it could not be read whole


def looks_like_sql(text: str) -> bool:
    """Whether a text is plainly a statement, whatever it is handed to."""
    return len(text) <= _LONGEST and _LOOKS_LIKE.match(text) is not None


@lru_cache(maxsize=2048)
def read_sql(text: str) -> Statement:
    """What the statements of a text claim. Positional parameters are ``:1``, ``:2`` ... in their order."""
    if len(text) > _LONGEST:
        return Statement((), "a statement of more than 100,000 characters")
    locked = _LOCK_TABLE.match(text)
    if locked:
        return Statement((_lock_table(locked),))
    trees, reason = _parse(_with_named(text))
    claims: list[Claim] = [*_advisory(text)]
    try:
        for tree in trees:
            claims += _claims_of(tree, text if len(trees) == 1 else tree.sql(dialect="postgres"))
    except (AttributeError, TypeError, KeyError, RecursionError):  # a tree of a shape that no sound statement has
        reason = "SQL that does not parse"
    if not claims and not reason and HOLE in text:
        reason = "SQL with a part that is put in when it runs"
    sure = [claim for claim in claims if HOLE not in claim.table]
    if len(sure) < len(claims):
        reason = "SQL whose table is named when it runs"
    if HOLE in text:
        sure = [msgspec.structs.replace(claim, confidence=Confidence.LIKELY) for claim in sure]
    return Statement(tuple(sure), reason)


def _parse(text: str) -> tuple[Sequence[Any], str]:
    import sqlglot.parser  # takes a fifth of a second: only where there is SQL

    sqlglot.parser.logger.disabled = True  # it would print what it does not know; that is told as a reason
    try:
        return [tree for tree in sqlglot.parse(text, read="postgres") if tree is not None], ""
    except (sqlglot.errors.SqlglotError, RecursionError, ValueError, IndexError, AttributeError, TypeError):
        return (), "SQL that does not parse"


def _with_named(text: str) -> str:
    """Every style of parameter as ``:name``: the parser takes ``$1,$`` for a quote and ``%s`` for arithmetic."""
    count = 0

    def named(match: re.Match[str]) -> str:
        nonlocal count
        if match["named"]:
            return match[0]
        if match["format"]:
            return f":{match['format']}"
        if match["number"]:
            return f" :_{match[0][1:]}"
        if match["at"]:
            return f":{match[0][1:]}"
        if match["next"]:
            count += 1
            return f" :_{count}"
        return match[0]

    return _PARTS.sub(named, text)


def _claims_of(tree: exp.Expression, text: str) -> Iterator[Claim]:
    from sqlglot import exp

    match tree:
        case exp.Insert():
            yield _insert(tree)
        case exp.Update():
            yield _update(tree)
        case exp.Delete():
            yield Claim(_table(tree.this), Lock.UPDATE, AccessMode.WRITE, ("*",), _pinned(tree.args.get("where")))
        case exp.Merge():
            yield Claim(_table(tree.this), Lock.NO_KEY_UPDATE, AccessMode.WRITE, ("*",))
        case exp.Create() | exp.Alter() | exp.Drop() | exp.TruncateTable():
            yield from _definition(tree, text)
            if not isinstance(tree.args.get("expression"), exp.Query):
                return
        case exp.Command():
            yield from _altered(text)
            return
    yield from _nested_writes(tree)
    yield from _reads(tree, text)


def _insert(tree: exp.Insert) -> Claim:
    from sqlglot import exp

    target, values = tree.this, tree.args.get("expression")
    columns: tuple[str, ...] = ()
    if isinstance(target, exp.Schema):
        columns = tuple(_name(each) for each in target.expressions)
        target = target.this
    given: Pairs = ()
    if isinstance(values, exp.Values) and len(values.expressions) == 1:
        row = values.expressions[0]
        given = tuple(zip(columns, map(_value, row.expressions), strict=False))
    conflict = tree.args.get("conflict")
    unique: tuple[tuple[str, ...], ...] = ()
    if conflict is not None and conflict.args.get("conflict_keys"):
        unique = (tuple(_name(key) for key in conflict.args["conflict_keys"]),)
    return Claim(_table(target), Lock.INSERT, AccessMode.WRITE, columns or ("*",), values=given, unique=unique)


def _update(tree: exp.Update) -> Claim:
    columns = tuple(_name(each.this) for each in tree.expressions if each.this is not None)
    lock = Lock.UPDATE if {"id", "pk"} & set(columns) else Lock.NO_KEY_UPDATE
    return Claim(_table(tree.this), lock, AccessMode.WRITE, columns, _pinned(tree.args.get("where")))


def _nested_writes(tree: exp.Expression) -> Iterator[Claim]:
    """Writes in common table expressions."""
    from sqlglot import exp

    for cte in tree.find_all(exp.CTE):
        match cte.this:
            case exp.Update() as inner:
                yield _update(inner)
            case exp.Insert() as inner:
                yield _insert(inner)
            case exp.Delete() as inner:
                yield Claim(_table(inner.this), Lock.UPDATE, AccessMode.WRITE, ("*",), _pinned(inner.args.get("where")))


def _reads(tree: exp.Expression, text: str) -> Iterator[Claim]:
    from sqlglot import exp

    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    written = {id(target) for target in _targets(tree)}
    tables = [t for t in tree.find_all(exp.Table) if id(t) not in written and t.name not in own and t.name]
    if not tables:
        return
    locking = _LOCKING.search(text) if isinstance(tree, exp.Select) else None
    given = {id(each.this) for each in tree.expressions} if isinstance(tree, exp.Update) else set()
    named = (c.name for c in tree.find_all(exp.Column) if c.name != HOLE and id(c) not in given)
    columns = tuple(dict.fromkeys(named))
    names = {t.alias_or_name: _table(t) for t in tables}
    pinned = _pinned(tree.args.get("where"))
    for index, table in enumerate(tables):
        name = _table(table)
        mine = columns if len(set(names.values())) == 1 else _columns_of(tree, table)
        if locking and index == 0:
            waits = locking[2] is None
            lock = _MODES[" ".join(locking[1].lower().split())]
            yield Claim(name, lock, AccessMode.LOCK, mine, pinned, waits=waits)
        else:
            yield Claim(name, Lock.READ, AccessMode.READ, mine)


def _targets(tree: exp.Expression) -> Iterator[exp.Expression]:
    from sqlglot import exp

    for node in tree.find_all(exp.Insert, exp.Update, exp.Delete, exp.Merge):
        target = node.this
        yield target.this if isinstance(target, exp.Schema) else target


def _columns_of(tree: exp.Expression, table: exp.Table) -> tuple[str, ...]:
    from sqlglot import exp

    mine = (column.name for column in tree.find_all(exp.Column) if column.table == table.alias_or_name)
    return tuple(dict.fromkeys(mine))


def _definition(tree: exp.Expression, text: str) -> Iterator[Claim]:
    from sqlglot import exp

    match tree:
        case exp.Create():
            yield from _creation(tree)
        case exp.Alter():
            yield from _altered(text)
        case exp.Drop():
            for table in tree.args.get("tables") or [tree.this]:
                if str(tree.args.get("kind")).upper() == "TABLE" and isinstance(table, exp.Table):
                    yield Claim(_table(table), Lock.EXCLUSIVE, AccessMode.REMOVE, form=Alteration.DROP_TABLE)
        case exp.TruncateTable():
            for table in tree.expressions:
                yield Claim(_table(table), Lock.EXCLUSIVE, AccessMode.WRITE, ("*",), form=Alteration.EMPTY)


def _creation(tree: exp.Create) -> Iterator[Claim]:
    from sqlglot import exp

    kind, target = str(tree.args.get("kind")).upper(), tree.this
    if kind == "TABLE":
        schema = target if isinstance(target, exp.Schema) else None
        columns = tuple(_name(c) for c in schema.expressions if isinstance(c, exp.ColumnDef)) if schema else ()
        yield Claim(
            _table(schema.this if schema else target),
            Lock.EXCLUSIVE,
            AccessMode.DEFINE,
            columns,
            form=Alteration.CREATE,
        )
        for reference in tree.find_all(exp.Reference):
            parent = reference.this
            yield Claim(
                _table(parent.this if isinstance(parent, exp.Schema) else parent),
                Lock.TABLE_SHARE,
                AccessMode.READ,
                implied=True,
            )
    elif kind == "INDEX" and isinstance(target, exp.Index) and target.args.get("table") is not None:
        concurrent = bool(tree.args.get("concurrently"))
        form = Alteration.CONCURRENT if concurrent else Alteration.INDEX
        lock = Lock.READ if concurrent else Lock.TABLE_SHARE
        yield Claim(_table(target.args["table"]), lock, AccessMode.DEFINE, form=form)


_WEAKER = {Alteration.FOREIGN_KEY: Lock.TABLE_SHARE, Alteration.LIGHT: Lock.READ}


def _altered(text: str) -> Iterator[Claim]:
    """A claim for each way in which the statement alters its table, and for the parents of its foreign keys."""
    forms: dict[tuple[str, Alteration], list[Altered]] = {}
    for each in read_alterations(text):
        forms.setdefault((each.table, each.form), []).append(each)
    for (table, form), actions in forms.items():
        columns = tuple(dict.fromkeys(column for each in actions for column in each.columns))
        yield Claim(table, _WEAKER.get(form, Lock.EXCLUSIVE), AccessMode.DEFINE, columns, form=form)
        for parent in dict.fromkeys(each.refers_to for each in actions if each.refers_to):
            yield Claim(parent, Lock.TABLE_SHARE, AccessMode.LOCK, form=Alteration.REFERENCE)


def _lock_table(match: re.Match[str]) -> Claim:
    mode = " ".join((match[2] or "access exclusive").lower().split())
    lock = Lock.EXCLUSIVE
    if mode in _WEAK_TABLE_MODES:
        lock = Lock.READ
    elif mode == "share":
        lock = Lock.TABLE_SHARE
    waits = match[3] is None
    form = Alteration.LOCK if waits and lock is not Lock.READ else ""
    return Claim(folded(match[1]), lock, AccessMode.LOCK, waits=waits, form=form)


def _advisory(text: str) -> Iterator[Claim]:
    for match in _ADVISORY.finditer(text):
        key = _with_named(match[2]).strip()
        yield Claim(f"({key})", Lock.ADVISORY, AccessMode.LOCK, waits=match[1] is None)


def _pinned(where: Any) -> Pairs:
    """Key columns that a condition, as far as it is joined by AND, compares with one value."""
    from sqlglot import exp

    if where is None:
        return ()
    condition = where.this
    parts = condition.flatten() if isinstance(condition, exp.And) else [condition]
    pins = []
    for part in parts:
        if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column) and is_key(part.this.name):
            value = _value(part.expression)
            if value:
                pins.append((part.this.name, value))
    return tuple(pins)


def is_key(column: str) -> bool:
    """Whether a column's name says that its values name rows."""
    return column in ("id", "pk", "uuid", "key", "name", "slug") or column.endswith(("_id", "_key", "_uuid"))


def _value(node: Any) -> str:
    from sqlglot import exp

    match node:
        case exp.Cast():
            return _value(node.this)
        case exp.Placeholder():
            return f":{str(node.this).removeprefix('_') if str(node.this)[1:].isdigit() else node.this}"
        case exp.Literal():
            return f"={node.this}"
    return ""


def _table(node: Any) -> str:
    """``content``, ``audit.event``; the default schema is left out, folded to lower case as the server does."""
    schema = node.text("db").lower()
    name = str(node.name) if getattr(node.this, "quoted", False) else str(node.name).lower()
    return f"{schema}.{name}" if schema and schema != "public" else name


def _name(node: Any) -> str:
    return str(node.name)
