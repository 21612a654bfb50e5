"""Rules of the dimension ``errors`` for Python: errors that nobody hears of, and values that are not what they seem."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from watchkeeper.scouts.rules.pythonfile import (
    FUNCTIONS,
    Function,
    PythonFile,
    names_in,
    parameters,
    within,
)
from watchkeeper.scouts.rules.rule import Hit, Rule

_BROAD = frozenset({"Exception", "BaseException"})
_TRIES = re.compile(
    r"^_*(is|has|try|can|maybe|safe|supports|check|detect|probe|close|cleanup|shutdown|stop|teardown)(_|$)|^__|suppress"
)
_TIDIES = frozenset(
    "close aclose kill terminate unlink cancel rollback shutdown disconnect stop remove rmtree release cleanup wait "
    "join flush quit unsubscribe killpg delete_file".split()
)
_CHANGES = frozenset("append add update extend insert setdefault pop remove clear appendleft".split())


def find_swallowed(file: PythonFile) -> Iterator[Hit]:
    """Handlers of any exception that say nothing of it: no log, no raise, no use, no comment that it is meant."""
    for handler in file.of(ast.ExceptHandler):
        attempt = file.parent(handler)
        if not isinstance(attempt, ast.Try) or not _is_broad(handler.type) or not all(map(_is_silent, handler.body)):
            continue
        if file.comment_within(handler.lineno - 1, _last(handler) + 1) or _is_tidying(attempt) or _imports(attempt):
            continue
        if _is_probe(attempt, handler) or any(isinstance(each, ast.ExceptHandler) for each in file.outward(handler)):
            continue  # beside a failure that is handled already, nothing more can be said
        around = [each.name for each in file.outward(handler) if isinstance(each, FUNCTIONS)]
        if any(_TRIES.search(name) or "safe" in name for name in around):
            continue
        answers = any(isinstance(each, ast.Return | ast.Assign) for each in handler.body)
        yield file.hit(handler, confidence=0.5 if answers else None)


def _last(node: ast.stmt | ast.ExceptHandler) -> int:
    return node.end_lineno or node.lineno


def _is_broad(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(isinstance(each, ast.Name) and each.id in _BROAD for each in kinds)


def _is_probe(attempt: ast.Try, handler: ast.ExceptHandler) -> bool:
    """Failure is an answer: ``return False``, nothing for the one thing that was tried, or another way after it."""
    last = handler.body[-1]
    says_no = isinstance(last, ast.Return) and isinstance(last.value, ast.Constant) and last.value.value is False
    falls_back = isinstance(last, ast.Pass) and any(isinstance(each, ast.Return) for each in within(attempt.body))
    returns_nothing = isinstance(last, ast.Return) and len(attempt.body) <= 2
    caches = len(attempt.body) == 1 and isinstance(attempt.body[0], ast.Assign | ast.Delete)
    return says_no or falls_back or returns_nothing or caches or "webbrowser" in ast.unparse(attempt)


def _is_silent(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return statement.value is None or (isinstance(statement.value, ast.Constant) and not statement.value.value)
    return isinstance(statement, ast.Pass | ast.Continue) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _is_tidying(attempt: ast.Try) -> bool:
    """All that is tried is to close or remove something: there is nothing to do when that fails."""
    return all(
        isinstance(each, ast.Expr)
        and isinstance(call := each.value.value if isinstance(each.value, ast.Await) else each.value, ast.Call)
        and (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")) in _TIDIES
        for each in attempt.body
    )


def _imports(attempt: ast.Try) -> bool:
    return isinstance(attempt.body[0], ast.Import | ast.ImportFrom)


def find_mutable_default(file: PythonFile) -> Iterator[Hit]:
    """A list, dict or set as default value that the function changes, keeps or gives away."""
    for function in file.functions:
        for argument, default in _defaults(function):
            if isinstance(default, ast.List | ast.Dict | ast.Set) and _is_shared(file, function, argument.arg):
                yield file.hit(default, function.name, argument.arg)


def _defaults(function: Function) -> Iterator[tuple[ast.arg, ast.expr]]:
    given = function.args
    ordered = [*given.posonlyargs, *given.args]
    yield from zip(ordered[len(ordered) - len(given.defaults) :], given.defaults, strict=True)
    yield from (
        (one, value) for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is not None
    )


def _is_shared(file: PythonFile, function: Function, name: str) -> bool:
    for each in within(function.body):
        if isinstance(each, ast.Name) and each.id == name:
            if isinstance(each.ctx, ast.Store):
                return False  # bound anew: ``name = name or []`` and the like
            above = file.parent(each)
            if isinstance(above, ast.Attribute) and above.attr in _CHANGES and isinstance(file.parent(above), ast.Call):
                return True
            if isinstance(above, ast.Subscript) and above.value is each and isinstance(above.ctx, ast.Store | ast.Del):
                return True
            if isinstance(above, ast.Assign) and above.value is each and isinstance(above.targets[0], ast.Attribute):
                return True
    return False


def find_late_binding(file: PythonFile) -> Iterator[Hit]:
    """Functions made in a loop and kept for later that read the loop's variable: all will see its last value."""
    for loop in file.loops:
        turning = names_in(loop.target)
        for each in within(loop.body):
            if isinstance(each, ast.Lambda) and _is_kept(file, each):
                bound = {one.arg for one in parameters(each)}
                late = sorted((names_in(each.body) & turning) - bound)
                if late and not _stops(loop):
                    yield file.hit(each, late[0])


def _is_kept(file: PythonFile, node: ast.Lambda) -> bool:
    above = file.parent(node)
    if isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute):
        return node in above.args and above.func.attr in (
            "append",
            "connect",
            "add_done_callback",
            "bind",
            "call_later",
        )
    return isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Subscript | ast.Attribute)


def _stops(loop: ast.For | ast.AsyncFor) -> bool:
    return isinstance(loop.body[-1], ast.Return | ast.Break)


def find_return_in_finally(file: PythonFile) -> Iterator[Hit]:
    """``return`` in ``finally``: the exception on its way is gone."""
    for attempt in file.of(ast.Try):
        for each in within(attempt.finalbody):
            if isinstance(each, ast.Return):
                yield file.hit(each)


RULES = (
    Rule(
        "swallowed-exception", "errors", "silent-error", 3, 0.7,
        "any exception is caught here, and nobody hears of it",
        "Show a log, a metric or a caller that is told of the failure, or the words that say why silence is meant.",
        {"a.py": "def f():\n    try:\n        work()\n    except Exception:\n        pass\n"},
        {"a.py": "def f():\n    try:\n        work()\n    except KeyError:\n        pass\n"},
        python=find_swallowed,
    ),
    Rule(
        "mutable-default", "errors", "", 2, 0.9,
        "{0} changes or keeps the default value of {1}, which all calls share",
        "Show that no call leaves the argument out, or that sharing is meant.",
        {"a.py": "def f(x, seen=[]):\n    seen.append(x)\n    return seen\n"},
        {"a.py": "def f(x, seen=[]):\n    return x in seen\n"},
        python=find_mutable_default,
    ),
    Rule(
        "late-binding-closure", "errors", "", 2, 0.85,
        "the function made here reads {0} when it is called, after the loop: all of them see its last value",
        "Show that it is called before the loop goes on.",
        {"a.py": "def f(rows, out):\n    for r in rows:\n        out.append(lambda: r)\n"},
        {"a.py": "def f(rows, out):\n    for r in rows:\n        out.append(lambda r=r: r)\n"},
        python=find_late_binding,
    ),
    Rule(
        "return-in-finally", "errors", "silent-error", 3, 0.9,
        "a return in finally drops whatever exception is on its way",
        "Show that no exception can be on its way here.",
        {"a.py": "def f():\n    try:\n        work()\n    finally:\n        return 1\n"},
        {"a.py": "def f():\n    try:\n        return work()\n    finally:\n        tidy()\n"},
        python=find_return_in_finally,
    ),
)  # fmt: skip
