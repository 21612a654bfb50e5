"""What a Python module offers to database code: models, tables, SQL texts, engines and session factories."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

import msgspec

from watchkeeper.code.content_cache import kept_by_content
from watchkeeper.code.database.sql import HOLE
from watchkeeper.code.python_source.parsing import parse_source

ENGINES = frozenset({"create_engine", "create_async_engine", "engine_from_config"})
POOLS = frozenset({"ConnectionPool", "AsyncConnectionPool", "ThreadedConnectionPool", "SimpleConnectionPool"})
SESSIONS = frozenset({"Session", "AsyncSession"})
_FACTORIES = frozenset({"sessionmaker", "async_sessionmaker", "scoped_session"})
_MODEL_HINTS = (b"models.", b"__tablename__", b"db.Model", b"SQLModel")
"""One of these stands in every file that has a class mapped to a table."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MOST_KEPT = 16_000_000
_FOREIGN = frozenset({"ForeignKey", "OneToOneField"})


class Model(msgspec.Struct, frozen=True):
    """A mapped class or a ``Table``: ``columns`` by attribute, ``parents`` by column (``table.column`` or a class)."""

    name: str
    table: str
    columns: Mapping[str, str] = {}
    key: str = "id"
    unique: tuple[tuple[str, ...], ...] = ()
    parents: Mapping[str, str] = {}
    django: bool = False


class Maker(msgspec.Struct, frozen=True):
    """What connections come from. ``what``: ``session``, ``engine`` or ``pool``; ``source`` names the pool below."""

    what: str
    shown: str
    source: str = ""
    autoflush: bool = True
    autocommit: bool = False


class ModuleFacts(msgspec.Struct, frozen=True):
    """By name in the module; ``returns`` are the plain names of return annotations."""

    models: Mapping[str, Model] = {}
    makers: Mapping[str, Maker] = {}
    texts: Mapping[str, str] = {}
    returns: Mapping[str, str] = {}


@kept_by_content(_MOST_KEPT)
def may_map(source: bytes) -> bool:
    """The text may have a class that is mapped to a table; where not, it need not be parsed to know it."""
    return any(hint in source for hint in _MODEL_HINTS)


@kept_by_content(_MOST_KEPT)
def read_module(source: bytes) -> ModuleFacts:
    """The facts of a module's text; none for a text that does not parse. Never raises."""
    tree = parse_source(source).tree
    if tree is None:
        return ModuleFacts()
    models: dict[str, Model] = {}
    makers: dict[str, Maker] = {}
    texts: dict[str, str] = {}
    returns: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.ClassDef():
                model = _model(node)
                if model is not None:
                    models[node.name] = model
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                _assigned(name, value, models, makers, texts)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                _assigned(name, value, models, makers, texts)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                returns[name] = annotated(node.returns)
    return ModuleFacts(models, makers, texts, returns)


def _assigned(
    name: str, value: ast.expr, models: dict[str, Model], makers: dict[str, Maker], texts: dict[str, str]
) -> None:
    text = literal_text(value)
    if text is not None:
        texts[name] = text
    elif isinstance(value, ast.Call):
        called = last_name(value.func)
        if called == "Table":
            table = _core_table(name, value)
            if table is not None:
                models[name] = table
        maker = make_maker(name, value, makers)
        if maker is not None:
            makers[name] = maker


def make_maker(name: str, call: ast.Call, known: Mapping[str, Maker]) -> Maker | None:
    """The maker that a call gives: ``create_engine(...)``, ``sessionmaker(engine, autoflush=False)``."""
    called, keywords = last_name(call.func), {k.arg: k.value for k in call.keywords if k.arg}
    if called in ENGINES:
        automatic = "AUTOCOMMIT" in ast.unparse(keywords["isolation_level"]) if "isolation_level" in keywords else False
        return Maker("engine", name, name, autocommit=automatic)
    if called in POOLS:
        return Maker("pool", name, name)
    if called in _FACTORIES:
        inner = call.args[0] if call.args else keywords.get("bind")
        if isinstance(inner, ast.Call):
            below = make_maker(name, inner, known)
            return msgspec.structs.replace(below, shown=name) if below else Maker("session", name)
        if isinstance(inner, ast.Name) and inner.id in known and called == "scoped_session":
            return msgspec.structs.replace(known[inner.id], shown=name)
        source = last_name(inner) if inner is not None else ""
        return Maker("session", name, source, autoflush=not is_false(keywords.get("autoflush")))
    return None


def _model(node: ast.ClassDef) -> Model | None:
    fields = dict(_fields(node))
    bases = [ast.unparse(base) for base in node.bases]
    django = any(base.endswith("models.Model") for base in bases) or any(
        isinstance(v, ast.Call) and ast.unparse(v.func).startswith("models.") for v in fields.values()
    )
    table = _table_name(node, fields, bases, django)
    if table is None:
        return None
    columns: dict[str, str] = {}
    parents: dict[str, str] = {}
    unique: list[tuple[str, ...]] = list(_constraints(node))
    key = "id"
    for attribute, value in fields.items():
        if not _is_column(node, attribute, value):
            continue
        column = columns[attribute] = _column_name(attribute, value, django)
        parent = _parent(value)
        if parent:
            parents[column] = parent
        if django and parent:
            columns[f"{attribute}_id"] = column
        if _has(value, "primary_key"):
            key = attribute
        elif _has(value, "unique"):
            unique.append((column,))
    unique.append((columns.get(key, key),))
    return Model(node.name, table, columns, key, tuple(unique), parents, django)


def _table_name(
    node: ast.ClassDef, fields: Mapping[str, ast.expr | None], bases: list[str], django: bool
) -> str | None:
    named = fields.get("__tablename__")
    if isinstance(named, ast.Constant) and isinstance(named.value, str):
        return named.value
    if django:
        for inner in node.body:
            if isinstance(inner, ast.ClassDef) and inner.name == "Meta":
                meta = dict(_fields(inner))
                if not is_false(meta.get("abstract"), missing=True):
                    return None
                chosen = meta.get("db_table")
                if isinstance(chosen, ast.Constant):
                    return str(chosen.value).replace('"', "")
        return f"*{node.name.lower()}"  # the application's label stands before it: known by the path
    if any(base in ("db.Model", "SQLModel") for base in bases):
        if "SQLModel" in bases:
            mapped = any(k.arg == "table" and not is_false(k.value) for k in node.keywords)
            return node.name.lower() if mapped else None
        return "_".join(part.lower() for part in _CAMEL.split(node.name))
    return None


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr | None]]:
    for each in node.body:
        match each:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=found):
                yield name, found


def _is_column(node: ast.ClassDef, attribute: str, value: ast.expr | None) -> bool:
    if attribute.startswith("__"):
        return False
    if isinstance(value, ast.Call):
        called = last_name(value.func)
        return called in ("Column", "mapped_column", "Field", "ForeignKey") or called.endswith("Field")
    return any(
        isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == attribute
        and "relationship" not in ast.unparse(each) and "ClassVar" not in ast.unparse(each.annotation)
        for each in node.body
    )  # fmt: skip


def _column_name(attribute: str, value: ast.expr | None, django: bool) -> str:
    if isinstance(value, ast.Call):
        if django:
            chosen = next((k.value for k in value.keywords if k.arg == "db_column"), None)
            if isinstance(chosen, ast.Constant):
                return str(chosen.value)
            return f"{attribute}_id" if last_name(value.func) in _FOREIGN else attribute
        if value.args and isinstance(value.args[0], ast.Constant) and isinstance(value.args[0].value, str):
            return value.args[0].value
    return attribute


def _parent(value: ast.expr | None) -> str:
    """``content.id`` for SQLAlchemy, the class's name for Django, ``""`` for what is no foreign key."""
    if value is None:
        return ""
    for node in ast.walk(value):
        if isinstance(node, ast.Call) and last_name(node.func) in _FOREIGN and node.args:
            target = node.args[0]
            if isinstance(target, ast.Constant) and isinstance(target.value, str):
                return target.value
            return last_name(target)
        if isinstance(node, ast.keyword) and node.arg == "foreign_key" and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    return ""


def _constraints(node: ast.ClassDef) -> Iterator[tuple[str, ...]]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and last_name(each.func) == "UniqueConstraint":
            yield tuple(str(arg.value) for arg in each.args if isinstance(arg, ast.Constant))


def _core_table(name: str, call: ast.Call) -> Model | None:
    if not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    columns, parents, key, unique = {}, {}, "id", []
    for arg in call.args[1:]:
        if isinstance(arg, ast.Call) and last_name(arg.func) == "Column" and arg.args:
            column = str(arg.args[0].value) if isinstance(arg.args[0], ast.Constant) else ""
            columns[column] = column
            if _parent(arg):
                parents[column] = _parent(arg)
            if _has(arg, "primary_key"):
                key = column
            elif _has(arg, "unique"):
                unique.append((column,))
    return Model(name, str(call.args[0].value), columns, key, (*unique, (key,)), parents)


def _has(value: ast.expr | None, flag: str) -> bool:
    return isinstance(value, ast.Call) and any(k.arg == flag and not is_false(k.value) for k in value.keywords)


def is_false(value: ast.expr | None, *, missing: bool = False) -> bool:
    """Whether an expression is the literal ``False``; ``missing`` where there is none."""
    return missing if value is None else isinstance(value, ast.Constant) and value.value is False


def last_name(node: ast.expr | None) -> str:
    """``c`` of ``a.b.c``, ``""`` for what is no name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


def annotated(node: ast.expr | None) -> str:
    """The plain name in an annotation: ``Content`` of ``Content | None``, ``Optional[Content]`` or ``"Content"``."""
    match node:
        case ast.Constant(value=str() as text):
            return text.strip().removesuffix("| None").strip().rpartition(".")[2]
        case ast.BinOp(left=left):
            return annotated(left)
        case ast.Subscript(value=value, slice=inner):
            wraps = last_name(value) in ("Optional", "Annotated", "Iterator", "Generator", "AsyncIterator", "Awaitable")
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            return annotated(first) if wraps else ""
    return last_name(node)


def literal_text(node: ast.expr) -> str | None:
    """The text of a literal, also where it is joined, formatted or wrapped by ``text()``; holes are named."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if _is_text(part) else HOLE for part in parts)  # type: ignore[attr-defined]
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            one, two = literal_text(left), literal_text(right)
            return (one or HOLE) + (two or HOLE) if one is not None or two is not None else None
        case ast.BinOp(op=ast.Mod(), left=left):
            one = literal_text(left)
            return re.sub(r"%[sdr]", HOLE, one) if one is not None else None
        case ast.Call(func=ast.Attribute(attr="format", value=value)):
            one = literal_text(value)
            return re.sub(r"\{[^{}]*\}", HOLE, one) if one is not None else None
        case ast.Call(func=func, args=[first, *_]) if last_name(func) in ("text", "SQL", "dedent", "RawSQL"):
            one = literal_text(first)
            return re.sub(r"\{[^{}]*\}", HOLE, one) if one is not None and last_name(func) == "SQL" else one
        case ast.Call(func=ast.Attribute(attr="bindparams" | "columns" | "strip", value=value)):
            return literal_text(value)
    return None


def _is_text(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and isinstance(part.value, str)
