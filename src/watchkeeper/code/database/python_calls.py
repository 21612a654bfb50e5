"""Calls in Python code that reach a database: SQLAlchemy's sessions and statements, DB-API connections, threads."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from watchkeeper.code.database.claims import Claim
from watchkeeper.code.database.python_django import Unrecognised, evaluate_django
from watchkeeper.code.database.python_migrations import find_batch, migration_claims
from watchkeeper.code.database.python_models import (
    ENGINES,
    POOLS,
    SESSIONS,
    Maker,
    Model,
    is_false,
    last_name,
    literal_text,
    make_maker,
)
from watchkeeper.code.database.python_queries import continue_query, query_claims, start_query
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
    delete_claims,
    insert_claims,
)
from watchkeeper.code.database.sql import looks_like_sql, read_sql
from watchkeeper.code.database.steps import Call, Flush, Release, Use

if TYPE_CHECKING:
    from watchkeeper.code.database.python_walk import Walker

EXECUTES = frozenset(
    "execute executemany exec_driver_sql exec scalar scalars stream stream_scalars fetch fetchrow fetchval fetch_all "
    "fetch_one fetch_val iterate copy_records_to_table raw cursor_execute executescript mogrify".split()
)
_DRIVERS = frozenset(
    "psycopg psycopg2 asyncpg sqlite3 aiosqlite pymysql MySQLdb mysql connector oracledb pyodbc Connection "
    "AsyncConnection duckdb mariadb".split()
)
_SAME = frozenset({"cursor", "connection", "get_bind", "begin", "begin_nested", "transaction", "savepoint", "atomic",
                   "execution_options", "pipeline"})  # fmt: skip
_SQLITE = frozenset({"connect", "getconn", "acquire", "connection", "get_connection", "raw_connection", "begin"})


def evaluate_call(walker: Walker, node: ast.Call) -> Value:
    """What a call gives; its steps are added to the walker's."""
    walker.at(node.lineno)
    special = evaluate_django(walker, node)
    if not isinstance(special, type):
        return special
    batch = find_batch(walker, node)
    if batch is not None:
        return batch
    defined = migration_claims(walker, node)
    if defined:
        walker.use(node.lineno, "", defined)
        return None
    function = node.func
    owner = walker.evaluate(function.value) if isinstance(function, ast.Attribute) else None
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    values = [walker.evaluate(each) for each in arguments]
    walker.at(node.lineno)
    found = _on_value(walker, node, owner, values)
    if not isinstance(found, type):
        return found
    return _free(walker, node, values)


def _on_value(walker: Walker, node: ast.Call, owner: Value, values: Sequence[Value]) -> Value | type[Unrecognised]:
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    match owner:
        case Connection():
            return _on_connection(walker, node, owner, method, values)
        case Maker():
            return _on_maker(walker, node, owner, method)
        case Query():
            return continue_query(walker, node, owner, method)
        case ModelClass(model=model) if method in ("update", "insert", "delete", "select"):
            return start_query(method, [model], node)
        case Pending(calls=calls) if method in ("result", "join", "get", "wait"):
            walker.steps += calls
            return None
        case Executor() if method in ("submit", "map", "apply", "apply_async"):
            calls = walker.handed(node.args[0], node.args[1:], node.lineno) if node.args else ()
            owner.handed.extend(calls)
            return Pending(calls)
        case Imported(dotted=dotted) if _is_connection_name(dotted) and method in _CONNECTION_METHODS:
            session = "sess" in dotted.rpartition(".")[2]
            return _on_connection(
                walker, node, walker.given(f"!{dotted}", orm=session, line=node.lineno), method, values
            )
        case Row():
            return None if method not in ("first", "one", "one_or_none", "all", "unique", "scalars", "scalar_one",
                                          "scalar_one_or_none", "scalar") else owner  # fmt: skip
    return Unrecognised


_CONNECTION_METHODS = (
    EXECUTES
    | _SAME
    | frozenset(
        "add add_all merge delete flush commit rollback close get query refresh bulk_save_objects get_one".split()
    )
)


def _is_connection_name(dotted: str) -> bool:
    last = dotted.rpartition(".")[2].lstrip("_").lower()
    return last in ("conn", "connection", "cursor", "cur", "db", "database", "tx") or last.endswith("session")


def _on_connection(
    walker: Walker, node: ast.Call, connection: Connection, method: str, values: Sequence[Value]
) -> Value:
    line, name = node.lineno, connection.name
    if method in EXECUTES:
        return _execute(walker, node, connection, values)
    if method in _SAME:
        return connection._replace(fresh=False, ends=method in ("begin", "transaction"))
    match method:
        case "get" | "get_one" if node.args and isinstance(values[0], ModelClass):
            return _get(walker, node, connection, values[0].model)
        case "query":
            models = [m for m in map(_model_of, node.args, values) if m] or _models_in(walker, node)
            return Query("select", tuple(models), name)
        case "add" | "add_all" | "merge" | "bulk_save_objects":
            for value in values or ():
                _add(walker, line, connection, value)
            return values[0] if values else None
        case "delete":
            if values and isinstance(values[0], Row):
                row = values[0]
                walker.steps.append(Use(line, name, tuple(delete_claims(row.model, row.row)), deferred=True))
        case "flush":
            walker.steps.append(Flush(line, name))
        case "commit" | "rollback":
            walker.steps.append(Release(line, name, keeps=method == "commit"))
        case "close":
            walker.steps.append(Release(line, name, close=True, keeps=False))
        case "refresh" if values and isinstance(values[0], Row):
            walker.use(line, name, query_claims(Query("select", (values[0].model,), row=values[0].row)))
    return None


def _models_in(walker: Walker, node: ast.Call) -> list[Model]:
    """The models that the arguments name, also by their columns: ``func.count(Content.id)``."""
    found = []
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id[:1].isupper():
            value = walker.evaluate(each)
            if isinstance(value, ModelClass):
                found.append(value.model)
    return found


def _model_of(argument: ast.expr, value: Value) -> Model | None:
    del argument
    return value.model if isinstance(value, ModelClass) else None


def _add(walker: Walker, line: int, connection: Connection, value: Value) -> None:
    if isinstance(value, Row) and value.fresh:
        claims = insert_claims(value.model, value.given)
        walker.steps.append(Use(line, connection.name, tuple(claims), deferred=True))
        if value.name:
            walker.names[value.name] = value._replace(fresh=False, connection=connection.name)


def _get(walker: Walker, node: ast.Call, connection: Connection, model: Model) -> Row:
    row = ((model.key, walker.value(node.args[1])),) if len(node.args) > 1 else ()
    keywords = {k.arg: k.value for k in node.keywords}
    query = Query("select", (model,), connection.name, row=row)
    if "with_for_update" in keywords:
        query = continue_lock(query, keywords["with_for_update"])
    walker.use(node.lineno, connection.name, query_claims(query), flushes=True)
    return Row(model, connection.name, row)


def continue_lock(query: Query, option: ast.expr) -> Query:
    """The query with the lock that ``get(..., with_for_update=...)`` asks for."""
    from watchkeeper.code.database.python_queries import locked

    if isinstance(option, ast.Dict):
        keywords = {str(k.value): v for k, v in zip(option.keys, option.values, strict=True)
                    if isinstance(k, ast.Constant)}  # fmt: skip
        return locked(query, keywords)
    return query if is_false(option) else locked(query, {})


def _execute(walker: Walker, node: ast.Call, connection: Connection, values: Sequence[Value]) -> Value:
    statement = values[0] if values else None
    match statement:
        case Text(sql=sql):
            claims = sql_claims(walker, node, sql)
            walker.use(node.lineno, connection.name, claims)
            return None
        case Query():
            bound = msgspec.structs.replace(statement, connection=connection.name)
            bound = _with_parameters(walker, node, bound)
            walker.use(node.lineno, connection.name, query_claims(bound), flushes=connection.orm)
            return walker.row_of(bound) if bound.verb == "select" and bound.models else None
    if node.args:
        walker.not_analysed(node.lineno, f"a statement from elsewhere: {ast.unparse(node.args[0])[:80]}")
    return None


def _with_parameters(walker: Walker, node: ast.Call, query: Query) -> Query:
    if query.verb != "insert" or query.values or len(node.args) < 2 or not isinstance(node.args[1], ast.Dict):
        return query
    given = tuple(
        (str(k.value), walker.value(v))
        for k, v in zip(node.args[1].keys, node.args[1].values, strict=True)
        if isinstance(k, ast.Constant)
    )
    return msgspec.structs.replace(query, values=given, columns=tuple(name for name, _ in given))


def sql_claims(walker: Walker, node: ast.Call, sql: str) -> list[Claim]:
    """The claims of SQL text, with the values that the call passes for its parameters."""
    statement = read_sql(sql)
    if statement.reason:
        walker.not_analysed(node.lineno, statement.reason)
    passed = _passed(walker, node)

    def fill(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((c, passed.get(v[1:], "") if v.startswith(":") else v) for c, v in pairs)

    filled = [
        msgspec.structs.replace(
            claim,
            row=fill(claim.row),
            values=fill(claim.values),
            table=_advisory_key(claim.table, passed) if claim.table.startswith("(") else claim.table,
        )
        for claim in statement.claims
    ]
    return [each for claim in filled for each in _with_parents(walker, claim)]


def _advisory_key(text: str, passed: dict[str, str]) -> str:
    inner = text[1:-1].strip()
    return f"({passed.get(inner[1:].removeprefix('_'), inner).removeprefix('=')})" if inner[:1] == ":" else text


def _with_parents(walker: Walker, claim: Claim) -> list[Claim]:
    """An insert of SQL text into a table whose model is known looks at the parents of its foreign keys."""
    model = walker.scope.by_table(claim.table) if claim.mode.value == "write" else None
    if model is None or claim.columns == ("*",):
        return [claim]
    if claim.lock.value == "inserts into":
        made = insert_claims(model, claim.values or tuple((c, "") for c in claim.columns), claim.unique)
        return [msgspec.structs.replace(made[0], confidence=claim.confidence), *made[1:]]
    return [claim]


def _passed(walker: Walker, node: ast.Call) -> dict[str, str]:
    """Parameter name or position -> value."""
    passed: dict[str, str] = {}
    arguments = list(node.args[1:]) + [k.value for k in node.keywords if k.arg in ("params", "parameters", "vars")]
    if isinstance(node.args[0], ast.Call) and last_name(node.args[0].func) == "bindparams":
        passed |= {k.arg: walker.value(k.value) for k in node.args[0].keywords if k.arg}
    for index, argument in enumerate(arguments, 1):
        match argument:
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant):
                        passed[str(key.value)] = walker.value(value)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                passed |= {str(n): walker.value(each) for n, each in enumerate(elements, 1)}
            case ast.expr():
                passed[str(index)] = walker.value(argument)
    return passed


def _on_maker(walker: Walker, node: ast.Call, maker: Maker, method: str) -> Value:
    automatic = maker.autocommit
    if maker.what == "session":
        if method == "begin":
            opened = _session(walker, node, maker, f"{maker.shown}.begin()")
            return opened._replace(ends=True)
        return (
            walker.given(f"!{maker.shown}", orm=True, line=node.lineno)
            if method == ""
            else _scoped(walker, node, maker, method)
        )
    if method in _SQLITE:
        shown = f"{maker.shown}.{method}()"
        opened = walker.open(
            node.lineno, f"{shown}#{node.lineno}", shown, transaction=not automatic, pooled=maker.source
        )
        return opened._replace(ends=method in ("begin", "connection"))
    if method in EXECUTES:
        name = f"{maker.shown}.{method}()#{node.lineno}"
        connection = walker.open(node.lineno, name, f"{maker.shown}.{method}()", transaction=False, pooled=maker.source)
        found = _execute(walker, node, connection, [walker.evaluate(a) for a in node.args])
        walker.steps.append(Release(node.lineno, name, close=True))
        return found
    if method == "execution_options":
        return msgspec.structs.replace(maker, autocommit=automatic or "AUTOCOMMIT" in ast.unparse(node))
    return None


def _scoped(walker: Walker, node: ast.Call, maker: Maker, method: str) -> Value:
    """A scoped session is used as if it were the session."""
    if method not in _CONNECTION_METHODS:
        return None
    connection = walker.given(f"!{maker.shown}", orm=True, line=node.lineno)
    return _on_connection(walker, node, connection, method, [walker.evaluate(a) for a in node.args])


def _session(walker: Walker, node: ast.Call, maker: Maker, shown: str) -> Connection:
    keywords = {k.arg: k.value for k in node.keywords if k.arg}
    bound = keywords.get("bind") or (node.args[0] if node.args else None)
    below = walker.evaluate(bound) if bound is not None else None
    if isinstance(below, Connection):
        return below._replace(fresh=False, orm=True)
    source = below.source if isinstance(below, Maker) else maker.source
    autoflush = not is_false(keywords.get("autoflush")) and maker.autoflush
    return walker.open(
        node.lineno, f"{shown}#{node.lineno}", shown, lazy=True, orm=True, autoflush=autoflush, pooled=source or "?"
    )


def _free(walker: Walker, node: ast.Call, values: Sequence[Value]) -> Value:
    called = last_name(node.func)
    callee = walker.evaluate(node.func) if isinstance(node.func, ast.Name) else None
    match callee:
        case Maker(what="session"):
            return _session(walker, node, callee, f"{callee.shown}()")
        case ModelClass(model=model):
            given = tuple((model.columns.get(k.arg, k.arg), walker.value(k.value)) for k in node.keywords if k.arg)
            return Row(model, fresh=True, given=given)
    if called in SESSIONS:
        return _session(walker, node, Maker("session", called), f"{called}()")
    if called in ENGINES | POOLS:
        return make_maker(called, node, {})
    if called in ("select", "update", "insert", "delete", "exists", "query"):
        models = [value.model for value in values if isinstance(value, ModelClass)] or _models_in(walker, node)
        return start_query(called, models, node) if models else _unknown_query(walker, node, called)
    text = literal_text(node)
    if text is not None:
        return Text(text)
    if called == "text" and values and isinstance(values[0], Text):
        return values[0]
    return _outside(walker, node, called, values)


def _unknown_query(walker: Walker, node: ast.Call, called: str) -> Value:
    if called in ("update", "insert", "delete") and isinstance(node.func, ast.Name) and node.args:
        walker.not_analysed(node.lineno, f"{called} of an unknown table: {ast.unparse(node.args[0])[:80]}")
        return Query(called, ())
    return Query(called, ()) if called == "select" else None


def _outside(walker: Walker, node: ast.Call, called: str, values: Sequence[Value]) -> Value:
    if called in ("ThreadPoolExecutor", "ProcessPoolExecutor", "ThreadPool"):
        return Executor([])
    if called in ("to_thread", "run_in_executor", "submit", "run_sync", "run_in_threadpool", "create_task"):
        first = 1 if called == "run_in_executor" else 0
        task = node.args[0] if called == "create_task" and node.args else None
        if isinstance(task, ast.Call):
            return None
        rest = node.args[first + 1 :]
        return Pending(walker.handed(node.args[first], rest, node.lineno)) if len(node.args) > first else None
    if called in ("Thread", "Process"):
        target = next((k.value for k in node.keywords if k.arg == "target"), None)
        given = next((k.value for k in node.keywords if k.arg == "args"), None)
        rest = given.elts if isinstance(given, ast.Tuple) else []
        return Pending(walker.handed(target, rest, node.lineno)) if target is not None else None
    if called == "connect" and isinstance(node.func, ast.Attribute) and last_name(node.func.value) in _DRIVERS:
        shown = ast.unparse(node.func)[:60]
        automatic = any(k.arg == "autocommit" and not is_false(k.value) for k in node.keywords)
        return walker.open(node.lineno, f"{shown}#{node.lineno}", f"{shown}()", transaction=not automatic, pooled="")
    call = project_call(walker, node.func, node.args, node.keywords, node.lineno)
    if call is not None:
        walker.steps.append(call)
        model = walker.scope.returned(call.callee)
        sessions = set(call.connections.values())
        return Row(model, sessions.pop() if len(sessions) == 1 else walker.session()) if model else None
    return _suspect(walker, node, called, values)


def _suspect(walker: Walker, node: ast.Call, called: str, values: Sequence[Value]) -> Value:
    """SQL that is handed to something unknown: the tables are told, the connection is not."""
    for value in values[:2]:
        if isinstance(value, Text) and looks_like_sql(value.sql) and isinstance(node.func, ast.Attribute):
            claims = [msgspec.structs.replace(c, confidence=_lower(c)) for c in sql_claims(walker, node, value.sql)]
            known = called in EXECUTES
            owner = ast.unparse(node.func.value)[:60]
            walker.use(node.lineno, walker.given(f"!{owner}", line=node.lineno).name if known else "", claims)
            return None
    if called in ("execute", "executemany", "exec_driver_sql") and node.args and isinstance(node.func, ast.Attribute):
        walker.not_analysed(node.lineno, f"a statement from elsewhere: {ast.unparse(node.args[0])[:80]}")
    return None


def _lower(claim: Claim):  # type: ignore[no-untyped-def]
    from watchkeeper.model.confidence import Confidence

    return Confidence.LIKELY if claim.confidence is Confidence.SURE else claim.confidence


def project_call(
    walker: Walker, function: ast.expr, arguments: Sequence[ast.expr], keywords: Sequence[ast.keyword], line: int
) -> Call | None:
    """The step of calling a function of the project, with what its parameters are here."""
    chain = _chain(walker, function)
    found = walker.scope.find_function(chain, walker.symbol) if chain else None
    if found is None:
        return None
    named = [*zip(found.parameters, arguments, strict=False), *((k.arg, k.value) for k in keywords if k.arg)]
    connections, values = {}, {}
    for name, argument in named:
        value = walker.evaluate(argument) if isinstance(argument, ast.Name | ast.Attribute) else None
        if isinstance(value, Connection):
            connections[name] = value.name
        else:
            values[name] = walker.value(argument)
    return Call(line, found.key, connections, values)


def _chain(walker: Walker, function: ast.expr) -> tuple[str, ...]:
    match function:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=ast.Name(id="self"), attr=method) if "." in walker.symbol:
            return (f"%{walker.symbol.rpartition('.')[0]}", f".{method}")
        case ast.Attribute(value=value, attr=method):
            before = _chain(walker, value)
            return (*before, f".{method}") if before else ()
        case ast.Call(func=inner):
            before = _chain(walker, inner)
            return (*before, "()") if before else ()
    return ()
