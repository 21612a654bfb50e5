"""Rules of the dimension ``performance`` for Python: calls that may wait for ever, or wait in the wrong place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from watchkeeper.scouts.rules.pythonfile import (
    LOOPS,
    PythonFile,
    below,
    has_open_arguments,
    keyword,
    literal_text,
    names_in,
    within,
)
from watchkeeper.scouts.rules.rule import Hit, Rule

_VERBS = frozenset("get post put patch delete head options request".split())
_WAITS = {
    **{f"requests.{verb}": 99 for verb in _VERBS},
    "urllib.request.urlopen": 2,
    "socket.create_connection": 1,
    "smtplib.SMTP": 3,
    "smtplib.SMTP_SSL": 5,
    "http.client.HTTPConnection": 2,
    "http.client.HTTPSConnection": 4,
    "telnetlib.Telnet": 2,
}
"""What waits for ever unless told otherwise, and the place of ``timeout`` among its arguments."""
_BLOCKS = frozenset(
    {"time.sleep", "os.system", "urllib.request.urlopen", "socket.create_connection"}
    | {f"requests.{verb}" for verb in _VERBS}
    | {f"subprocess.{verb}" for verb in ("run", "call", "check_call", "check_output", "getoutput")}
)
_DJANGO = frozenset(
    "get first last count exists create get_or_create update_or_create update delete aggregate earliest latest".split()
)
_SESSION = frozenset("execute scalar scalars query get fetchone fetchall".split())
_IS_SESSION = re.compile(r"(^|[._])(session|db_session|cursor|cur|conn|connection)$", re.IGNORECASE)
_DEFINES = re.compile(r"^\s*(create|alter|drop|grant|set|vacuum|analyze|truncate|pragma)\b", re.IGNORECASE)
_IN_PIECES = re.compile(r"chunk|batch|page|retry|attempt", re.IGNORECASE)
_ONE_OFF = re.compile(
    r"(^|/)(migrations|alembic|versions|management/commands|scripts?|seeds?|bin|tools)/|(seed|random_data|populate|fake|demo|dummy)[\w]*\.py$"
)


def find_missing_timeout(file: PythonFile) -> Iterator[Hit]:
    """Calls without ``timeout``, wherever in the call it may stand."""
    if any(name == "socket.setdefaulttimeout" for _, name in file.calls):
        return
    sessions = _sessions(file)
    for call, name in file.calls:
        receiver, _, verb = name.rpartition(".")
        place = _WAITS.get(name, 99 if receiver in sessions and verb in _VERBS else -1)
        if place < 0 or has_open_arguments(call) or len(call.args) > place or keyword(call, "timeout") is not None:
            continue
        if name == "urllib.request.urlopen" and call.args and _is_local(call.args[0]):
            continue
        yield file.hit(call, name)


def _sessions(file: PythonFile) -> frozenset[str]:
    """Names of plain sessions of requests; those with an adapter of their own may have a timeout."""
    mounted = {name.removesuffix(".mount") for _, name in file.calls if name.endswith(".mount")}
    found: set[str] = set()
    for node in file.of(ast.Assign):
        if isinstance(node.value, ast.Call) and file.name(node.value.func) in ("requests.Session", "requests.session"):
            found.update(file.name(target) for target in node.targets)
    for item in file.of(ast.withitem):
        made = item.context_expr
        if isinstance(made, ast.Call) and file.name(made.func) in ("requests.Session", "requests.session"):
            found.update([file.name(item.optional_vars)] if item.optional_vars is not None else [])
    replaced = {
        file.name(target).removesuffix(".request")
        for node in file.of(ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }
    return frozenset(found - mounted - (replaced - found) - {""})


def _is_local(address: ast.expr) -> bool:
    return (
        isinstance(address, ast.Constant)
        and isinstance(address.value, str)
        and address.value.startswith(("file:", "data:"))
    )


def find_blocking_call(file: PythonFile) -> Iterator[Hit]:
    """Calls that stop the event loop, in the body of an async function itself."""
    for call, name in file.calls:
        if name in _BLOCKS:
            function = file.function(call)
            if isinstance(function, ast.AsyncFunctionDef):
                yield file.hit(call, name, function.name)


def find_query_in_loop(file: PythonFile) -> Iterator[Hit]:
    """Queries that depend on the variable of a loop over more than a few constants."""
    if _ONE_OFF.search(file.path):
        return
    seen: set[int] = set()
    for hit, call in _in_loops(file):
        if id(call) not in seen:
            seen.add(id(call))
            yield hit


def _in_loops(file: PythonFile) -> Iterator[tuple[Hit, ast.AST]]:
    for loop in file.loops:
        if not _is_few(_known(file, loop.iter)) and not _leaves_early(loop) and not _is_in_pieces(loop):
            for statement in loop.body:
                yield from _queries(file, statement, names_in(loop.target) | _bound(loop.body))
    for first, parts in _comprehensions(file):
        if not _is_few(_known(file, first.iter)):
            for part in parts:
                yield from _queries(file, part, names_in(first.target))


def _comprehensions(file: PythonFile) -> Iterator[tuple[ast.comprehension, list[ast.expr]]]:
    """The first loop of each, and what is made in every turn."""
    made: list[ast.ListComp | ast.SetComp | ast.GeneratorExp] = []
    made += [*file.of(ast.ListComp), *file.of(ast.SetComp), *file.of(ast.GeneratorExp)]
    yield from ((one.generators[0], [one.elt]) for one in made)
    for each in file.of(ast.DictComp):
        yield each.generators[0], [each.key, each.value]


def _known(file: PythonFile, values: ast.expr) -> ast.expr:
    """What a name was bound to, where that is written down once."""
    if not isinstance(values, ast.Name):
        return values
    function = file.function(values)
    made = [
        each.value
        for each in (below(function) if function is not None else iter(()))
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) and each.targets[0].id == values.id
    ]
    known = made[0] if len(made) == 1 else file.constants.get(values.id) if not made else None
    return known if isinstance(known, ast.List | ast.Tuple) and known.elts else values


def _bound(body: list[ast.stmt]) -> set[str]:
    """What the loop's own statements bind: it depends on the turn as well."""
    return {
        name
        for statement in body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        for name in names_in(target)
    }


def _queries(file: PythonFile, node: ast.AST, turning: set[str]) -> Iterator[tuple[Hit, ast.AST]]:
    for each in within([node]):
        if isinstance(each, ast.Call) and (what := _query(file, each)) and names_in(each) & turning:
            nearest = next((a for a in file.outward(each) if isinstance(a, (*LOOPS, ast.While))), None)
            given = each.args[0] if each.args else None
            is_told = what.endswith(".execute") and isinstance(given, ast.Name) and given.id in turning
            is_told = is_told or what.partition(".")[0] in turning
            if not isinstance(nearest, ast.While) and not is_told and not _DEFINES.search(literal_text(each)):
                yield file.hit(each, what), each


def _query(file: PythonFile, call: ast.Call) -> str:
    """The name of the query that a call makes, ``""`` where it makes none that is known."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    verb, receiver = call.func.attr, call.func.value
    if verb in _DJANGO and (manager := _manager(receiver)):
        return f"{manager}.{verb}"
    name = file.name(receiver)
    if verb in _SESSION and name and _IS_SESSION.search(name) and not (verb == "get" and not _is_model_get(call)):
        return f"{name}.{verb}"
    return ""


def _is_model_get(call: ast.Call) -> bool:
    """``session.get(User, id)``, not ``session.get(url)`` or ``session.get("key")``."""
    return len(call.args) >= 2 and isinstance(call.args[0], ast.Name) and call.args[0].id[:1].isupper()


def _manager(node: ast.expr) -> str:
    """``User.objects`` of ``User.objects.filter(...).order_by(...)``."""
    while isinstance(node, ast.Call | ast.Attribute):
        if isinstance(node, ast.Attribute) and node.attr == "objects":
            return f"{node.value.id}.objects" if isinstance(node.value, ast.Name) else ""
        node = node.func if isinstance(node, ast.Call) else node.value
    return ""


def _is_few(values: ast.expr) -> bool:
    """A few constants written down, or a count of turns: not the rows of something."""
    if isinstance(values, ast.Tuple | ast.List | ast.Set | ast.Constant | ast.Dict):
        return True
    called = values.func if isinstance(values, ast.Call) else None
    if isinstance(called, ast.Name) and called.id in ("range", "zip", "enumerate") and isinstance(values, ast.Call):
        return called.id == "range" or (bool(values.args) and _is_few(values.args[0]))
    return isinstance(values, ast.Name) and values.id.isupper()


def _leaves_early(loop: ast.For | ast.AsyncFor) -> bool:
    """It looks for one thing, and stops when it has it."""
    return any(isinstance(each, ast.Break | ast.Return) for each in within(loop.body))


def _is_in_pieces(loop: ast.For | ast.AsyncFor) -> bool:
    return bool(_IN_PIECES.search(ast.unparse(loop.target) + ast.unparse(loop.iter)))


RULES = (
    Rule(
        "missing-timeout", "performance", "missing-timeout", 3, 0.95,
        "{0} is called without a timeout: it may wait for ever",
        "Show a timeout in the call, in the arguments that are passed on to it, or in the session that makes it.",
        {"a.py": "import requests\n\n\ndef f(u):\n    return requests.get(\n        u,\n        headers={},\n    )\n"},
        {"a.py": "import requests\n\n\ndef f(u):\n    return requests.get(\n        u,\n        timeout=5,\n    )\n"},
        python=find_missing_timeout,
    ),
    Rule(
        "blocking-call", "performance", "blocking-call", 3, 0.92,
        "{0} stops the event loop while {1} runs it",
        "Show that the call runs in a thread, or that no event loop runs the function.",
        {"a.py": "import time\n\n\nasync def f():\n    time.sleep(1)\n"},
        {"a.py": "import asyncio, time\n\n\nasync def f():\n    await asyncio.to_thread(time.sleep, 1)\n"},
        python=find_blocking_call,
    ),
    Rule(
        "query-in-loop", "performance", "n-plus-one", 2, 0.75,
        "{0} asks the database once for each turn of a loop",
        "Show that the loop has few turns, or that the query cannot be asked for all of them at once.",
        {"a.py": "def f(ids):\n    return [User.objects.get(pk=i) for i in ids]\n"},
        {"a.py": "def f(ids):\n    return list(User.objects.filter(pk__in=ids))\n"},
        python=find_query_in_loop,
    ),
)  # fmt: skip
