"""Rules of the dimension ``tests`` for Python: tests that cannot fail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from watchkeeper.code.python_source.nodes import nodes_of
from watchkeeper.scouts.rules.pythonfile import Function, PythonFile, is_text
from watchkeeper.scouts.rules.rule import Hit, Rule

_PROVES = re.compile(
    r"^_*(assert|check|verify|expect|validate|ensure|test|run|must|should|fail|raises|warns|compare|snapshot|roundtrip|do_)"
    r"|wait|until|eventually|settle|poll|assert|expect|raises|warns|benchmark|snapshot|approve|match",
    re.IGNORECASE,
)
_SMOKE = re.compile(
    r"no_?(error|raise|crash|exception|warn|fail)|not_(raise|fail|crash|throw|break|warn)|does(nt|_not)_|without_(error|raising|exception|fail)|smoke|"
    r"can_|handles|hash|creates_|close|works|import|allowed|accept|valid|succe|ok$|silent|ignore|noop|no_op|compat|pickle|regression|issue_?\d|_bug|deprecat|safe|leak|benchmark",
    re.IGNORECASE,
)
_SAYS_SMOKE = re.compile(
    r"not raise|no (error|exception|crash)|doesn't|should(n't| not)|without|does not|crash|raises?\b", re.IGNORECASE
)


def find_assertion_free(file: PythonFile) -> Iterator[Hit]:
    """Tests that look at nothing, call nothing that might, and do not say that running is the point."""
    if "doctest" in file.imported or re.search(r"(^|/)conftest\.py$|(^|/)bench", file.path):
        return
    own = {each.name: each for each in file.functions}
    for function in file.functions:
        if not function.name.startswith("test") or not _is_collected(file, function) or _is_excused(function):
            continue
        if file.comment_within(function.lineno, function.end_lineno or function.lineno):
            continue
        if not _proves(file, function, own, 0):
            yield file.hit(function, function.name, confidence=0.85 if _forgets(function) else None)


def _forgets(function: Function) -> bool:
    """It keeps an answer under a name, and never looks at it; or it does nothing at all."""
    nodes = [each for each in nodes_of(function) if isinstance(each, ast.Name)]
    kept = {each.id for each in nodes if isinstance(each.ctx, ast.Store)}
    read = {each.id for each in nodes if isinstance(each.ctx, ast.Load)}
    return bool(kept - read - {"_"}) or all(
        isinstance(each, ast.Pass | ast.Expr) and not isinstance(getattr(each, "value", None), ast.Call | ast.Await)
        for each in function.body
    )


def _is_collected(file: PythonFile, function: Function) -> bool:
    above = file.parent(function)
    names = {each.arg for each in function.args.args} - {"self"}
    if isinstance(above, ast.ClassDef):
        return above.name.startswith("Test") or above.name.endswith(("Test", "Tests", "TestCase"))
    return (
        isinstance(above, ast.Module)
        and not function.args.defaults
        and not names
        & {
            "benchmark",
            "testdir",
            "pytester",
            "snapshot",
            "count_queries",
            "django_assert_num_queries",
        }
    )


def _is_excused(function: Function) -> bool:
    said = ast.get_docstring(function) or ""
    decorators = " ".join(ast.unparse(each) for each in function.decorator_list)
    return bool(
        _SMOKE.search(function.name)
        or _SAYS_SMOKE.search(said)
        or re.search(r"skip|xfail|raises|fixture|warns|filterwarnings|expectedFailure|given|patch", decorators)
    )


def _proves(file: PythonFile, function: Function, own: dict[str, Function], depth: int) -> bool:
    """It asserts, raises, or calls something that may: helpers of this file are looked into, others believed."""
    for each in nodes_of(function):
        if isinstance(each, ast.Assert | ast.Raise | ast.Yield):
            return True
        if isinstance(each, ast.With | ast.AsyncWith) and any(
            _PROVES.search(ast.unparse(i.context_expr)) for i in each.items
        ):
            return True
        if not isinstance(each, ast.Call):
            continue
        name = each.func.attr if isinstance(each.func, ast.Attribute) else getattr(each.func, "id", "")
        if _PROVES.search(name) or name in ("skip", "skipTest", "exit", "stop", "check"):
            return True
        by_self = isinstance(each.func, ast.Attribute) and ast.unparse(each.func.value) in ("self", "cls", "super()")
        helper = own.get(name)
        if helper is None and isinstance(each.func, ast.Name) and _is_of_tests(file.imported.get(name, "")):
            return True  # of another file of the tests
        if helper is None and by_self:
            return True  # of a class elsewhere
        if helper is not None and helper is not function and depth < 3 and _proves(file, helper, own, depth + 1):
            return True
    return False


def _is_of_tests(imported: str) -> bool:
    """A helper: of a module beside the tests, or one that is called after them."""
    return imported.startswith(".") or bool(
        re.search(r"(^|[._])(tests?|testing|helpers?|utils?|support)([._]|$)", imported)
    )


def find_always_true(file: PythonFile) -> Iterator[Hit]:
    """``assert (x, "message")`` and other texts and tuples, which are true whatever happened."""
    for node in file.of(ast.Assert):
        if (isinstance(node.test, ast.Tuple) and node.test.elts) or (
            is_text(node.test) and isinstance(node.test, ast.Constant) and node.test.value
        ):
            yield file.hit(node)
        elif _is_same(node.test):
            yield file.hit(node, confidence=0.8)


def _is_same(test: ast.expr) -> bool:
    """``x == x`` of a plain name."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], ast.Is)
        and isinstance(test.left, ast.Name)
        and ast.dump(test.left) == ast.dump(test.comparators[0])
    )


def find_skipped(file: PythonFile) -> Iterator[Hit]:
    """Tests that are skipped, and nobody knows why."""
    for function in [*file.functions, *file.of(ast.ClassDef)]:
        for decorator in function.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            given = isinstance(decorator, ast.Call) and bool(decorator.args or decorator.keywords)
            if file.name(called) in ("pytest.mark.skip", "unittest.skip") and not given:
                first = decorator.lineno
                if not file.comment_within(first - 1, function.lineno):
                    yield file.hit(function, function.name)


RULES = (
    Rule(
        "assertion-free-test", "tests", "weak-test", 2, 0.5,
        "{0} looks at nothing: it passes whatever the code gives",
        "Show what it looks at, or that running without an exception is what it tests.",
        {"tests/test_a.py": "def test_total():\n    total([1, 2])\n"},
        {"tests/test_a.py": "def test_total():\n    assert total([1, 2]) == 3\n"},
        python=find_assertion_free, places="tests",
    ),
    Rule(
        "always-true-assertion", "tests", "weak-test", 3, 0.98,
        "the assertion holds whatever happened",
        "Show that the condition can be false.",
        {"tests/test_a.py": "def test_a():\n    assert (f() == 1, 'one')\n"},
        {"tests/test_a.py": "def test_a():\n    assert f() == (1, 'one')\n"},
        python=find_always_true, places="all",
    ),
    Rule(
        "skipped-test", "tests", "weak-test", 1, 0.8,
        "{0} is skipped, and nothing says why",
        "Show the reason, and when it will run again.",
        {"tests/test_a.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    assert f()\n"},
        {"tests/test_a.py": "import pytest\n\n\n@pytest.mark.skip(reason='needs a printer')\ndef test_a():\n"
                    "    assert f()\n"},
        python=find_skipped, places="tests",
    ),
)  # fmt: skip
